"""How far each request is, for people: one pull of ink per request, advancing through its stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, OverflowMethod
from rich.live import Live
from rich.table import Table
from rich.text import Text

from shared.request import FINAL, State

STOPS = (
    State.RECEIVED,
    State.PLANNED,
    State.RENDERING,
    State.RENDERED,
    State.APPROVED,
    State.PUBLISHED,
    State.MINTING,
    State.MINTED,
)
_BESIDE = {
    State.AWAITING_PAYMENT: State.RECEIVED,
    State.IN_REVIEW: State.RENDERED,
    State.AWAITING_CHOICE: State.APPROVED,
    State.OFFERED: State.MINTING,
}
"""States beside the way, and the stop that is as far."""
_WAITS = {State.IN_REVIEW, State.PARKED, State.AWAITING_PAYMENT, State.AWAITING_CHOICE, State.OFFERED}
_NARROW, _WIDE = 60, 100
_STATE_WIDTH = max(len(state) for state in STOPS)


class Log:
    """Lines with the seconds since the start in front: before the live view of a terminal, and in a file throughout."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic):
        self.console = console
        self._clock = clock
        self._started = clock()

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._started

    def say(self, text: str) -> None:
        self.console.print(Text.assemble((f"{self.elapsed_s:5.1f} s  ", "dim"), text), soft_wrap=True)


class Progress:
    """A live table of requests. Where there is no terminal, a line for each change instead."""

    def __init__(self, log: Log, names: Mapping[str, str]):
        self._log = log
        self._names = names
        self._shown: object = None
        self._said: dict[str, str] = {}
        console = log.console
        # Drawn when something changed and never by a timer of its own: nothing flickers, and a quiet run costs nothing.
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Progress:
        if self._live:
            self._log.console.print()
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, stories: Sequence[Mapping[str, Any]]) -> None:
        if self._live:
            states = [(story["state"], story["attempt"], len(story["traits"])) for story in stories]
            now = (states, int(self._log.elapsed_s), self._log.console.width)
            if now != self._shown:
                self._shown = now
                self._live.update(self._view(stories), refresh=True)
            return
        width = max(map(len, self._names.values()))
        for story in stories:
            told = _told(story)
            if self._said.get(story["id"]) != told:
                self._said[story["id"]] = told
                self._log.say(f"{self._names[story['id']]:<{width}}  {told}")

    def _view(self, stories: Sequence[Mapping[str, Any]]) -> Group:
        minted = sum(story["state"] == State.MINTED for story in stories)
        rows = [self._row(story) for story in stories]
        told = f"{minted} of {len(stories)} minted, {self._log.elapsed_s:.0f} s"
        return Group(*rows, Text(f"\n  {told}", "dim"))

    def _row(self, story: Mapping[str, Any]) -> Text:
        """Name, ink, state and traits; what does not fit is cut from the end, traits first."""
        width, plain = self._log.console.width, self._log.console.options.ascii_only
        cut: OverflowMethod = "crop" if plain else "ellipsis"
        state = State(story["state"])
        longest = 16 if width < _NARROW else 24
        name = Text(self._names[story["id"]])
        name.truncate(min(longest, max(map(len, self._names.values()))), overflow=cut, pad=True)
        told = Text(f"{_told(story):<{_STATE_WIDTH}}", "yellow" if state in _WAITS else "")
        ink = _pull(story, segment=1 if width < _NARROW else 2 if width < _WIDE else 3, plain=plain)
        traits = Text(", ".join(choice["value"] for choice in story["traits"]), "dim")
        row = Text("  ") + name + Text("  ") + ink + Text("  ") + told
        if width >= _NARROW:
            row += Text("  ") + traits
        row.no_wrap = True
        row.truncate(width - 1, overflow=cut)
        return row


def _told(story: Mapping[str, Any]) -> str:
    """`in review, attempt 2`: the state in words, and which picture it is if it is not the first."""
    state = story["state"].replace("_", " ")
    return state if story["attempt"] == 1 else f"{state}, attempt {story['attempt']}"


def _pull(story: Mapping[str, Any], *, segment: int, plain: bool) -> Text:
    """The ink: as far along its stops as the request is. The red seal at its end means minted and nothing else."""
    state = State(story["state"])
    before = next((line["before"] for line in reversed(story["history"]) if line["before"] in STOPS), State.RECEIVED)
    reached = state if state in STOPS else _BESIDE.get(state, State(before))
    done = STOPS.index(reached) + 1
    full, rest = ("#", "-") if plain else ("━", "╌")
    ended = state in FINAL and state is not State.MINTED
    seal = ("*" if plain else "■", "red") if state is State.MINTED else (" ", "")
    return Text.assemble(
        (full * (done * segment), "dim" if ended else "bold"),
        (rest * ((len(STOPS) - done) * segment), "dim"),
        " ",
        seal,
    )


def final(story: Mapping[str, Any]) -> bool:
    return State(story["state"]) in FINAL


def follow(
    ask: Callable[[str], Mapping[str, Any]],
    request_ids: Sequence[str],
    show: Callable[[Sequence[Mapping[str, Any]]], None],
    *,
    until: Callable[[Mapping[str, Any]], bool] = final,
    timeout_s: float = 600.0,
    poll_s: float = 0.25,
    on_look: Callable[[Sequence[Mapping[str, Any]]], None] | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Look until every story is as `until` wants it, or the time is over; returns the last look at each."""
    deadline = time.monotonic() + timeout_s
    told: dict[str, Mapping[str, Any]] = {}
    while True:
        for request_id in request_ids:
            if request_id not in told or not until(told[request_id]):
                told[request_id] = ask(request_id)
        stories = [told[request_id] for request_id in request_ids]
        show(stories)
        if all(until(story) for story in stories) or time.monotonic() > deadline:
            return stories
        if on_look is not None:
            on_look(stories)
        time.sleep(poll_s)


def tell(console: Console, story: Mapping[str, Any], *, option: str = "") -> None:
    """The whole story: where the request is, why its picture looks as it does, what happened when, and what is next.

    `option` is what the commands that are next need to mean the same place.
    """

    def line(text: str, style: str = "") -> None:
        console.print(Text(text, style), soft_wrap=True)

    line(f"\n{story['id']}", "bold")
    state = story["state"].replace("_", " ")
    line(f"{story['collection']}, attempt {story['attempt']}: {state}")
    if story["reason"]:
        line(story["reason"])
    if story["traits"]:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for choice in story["traits"]:
            table.add_row(Text(f"  {choice['trait']}", "dim"), Text(choice["value"]), Text(choice["reason"], "dim"))
        line("\nWhy it looks as it does")
        console.print(table)
    line("\nWhat happened, UTC")
    line(f"  {story['filed_at'][:19].replace('T', ' ')}  filed", "dim")
    for step in story["history"]:
        line(f"  {step['at'][:19].replace('T', ' ')}  {step['event'].replace('_', ' '):<14}  {step['cause']}", "dim")
    if story["token"]:
        line(f"\nToken        {story['token']['token_id']}\nTransaction  {story['token']['tx_hash']}")
    if story["picture"]:
        line(f"\nIts picture: monoprint status {story['id']} --picture print.png{option}")
    if story["state"] == "in_review":
        line(f"Next: monoprint approve {story['id']}{option}\n      or reject, or redraw")
