"""The live view: what is drawn for each state, in which width, and how often."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from infra.progress import Log, Progress, follow
from shared.request import FINAL, State


def story(state: str, request_id: str = "a", *, attempt: int = 1, before: str = "received") -> dict[str, Any]:
    traits = [
        {"trait": "form", "value": "Helm", "reason": "so"},
        {"trait": "emblem", "value": "Phoenix", "reason": "so"},
    ]
    history = [{"before": before}]
    return {"id": request_id, "state": state, "attempt": attempt, "traits": traits, "history": history}


def screen(width: int, *stories: dict[str, Any], names: dict[str, str] | None = None, encoding: str = "utf-8") -> str:
    """What stands on a terminal of this width, without its colours."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=file, width=width, force_terminal=True, color_system=None, highlight=False)
    progress = Progress(Log(console, clock=lambda: 0.0), names or {one["id"]: one["id"] for one in stories})
    console.print(progress._view(stories))
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [30, 58, 80, 120, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_row_is_wider_than_the_terminal(width: int, encoding: str) -> None:
    stories = [story(state, state) for state in State]
    names = {state.value: "a-collector-with-a-name-that-does-not-end" for state in State}
    lines = screen(width, *stories, names=names, encoding=encoding).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) == len(State) + 2


def test_eighty_columns_hold_name_ink_state_and_the_first_traits() -> None:
    line = screen(80, story("rendering"), names={"a": "1-five-hundred-hours"}).splitlines()[0]
    assert line.startswith(f"  1-five-hundred-hours  {'━' * 6}{'╌' * 10}    rendering  Helm, Phoenix")


def test_the_seal_means_minted_and_nothing_else() -> None:
    for state in State:
        assert ("■" in screen(80, story(state))) == (state is State.MINTED)


def test_ink_is_as_far_as_the_request_came() -> None:
    def ink(state: str, before: str = "received") -> int:
        return screen(80, story(state, before=before)).count("━") // 2

    way = ["received", "planned", "rendering", "rendered", "approved", "published", "minting", "minted"]
    assert [ink(state) for state in way] == list(range(1, 9))
    assert ink("in_review", "rendered") == 4
    assert ink("parked", "approved") == ink("rejected", "approved") == 5


def test_a_second_attempt_and_states_of_two_words_are_told_in_words() -> None:
    assert "in review, attempt 2" in screen(80, story("in_review", attempt=2))


def test_without_a_terminal_each_change_is_one_plain_line() -> None:
    file = io.StringIO()
    now = iter(range(100))
    log = Log(Console(file=file, width=40), clock=lambda: next(now))
    with Progress(log, {"a": "ana", "b": "bo"}) as progress:
        progress.show([story("received", "a"), story("received", "b")])
        progress.show([story("received", "a"), story("planned", "b")])
        progress.show([story("received", "a"), story("planned", "b")])
    assert file.getvalue() == "  1.0 s  ana  received\n  2.0 s  bo   received\n  3.0 s  bo   planned\n"


def test_a_terminal_is_drawn_again_only_when_something_changed() -> None:
    file = io.StringIO()
    time = 0.0
    console = Console(file=file, width=80, force_terminal=True)
    with Progress(Log(console, clock=lambda: time), {"a": "ana"}) as progress:
        progress.show([story("received")])
        drawn = file.getvalue()
        progress.show([story("received")])
        assert file.getvalue() == drawn
        time = 1.0
        progress.show([story("received")])
        assert file.getvalue() != drawn


def test_following_asks_until_the_end_and_leaves_ended_ones_alone() -> None:
    asked: list[str] = []
    states = {"a": iter(["received", "minted"]), "b": iter(["received", "rendering", "rejected"])}

    def ask(request_id: str) -> dict[str, Any]:
        asked.append(request_id)
        return story(next(states[request_id]), request_id)

    stories = follow(ask, ["a", "b"], lambda _: None, poll_s=0)
    assert [one["state"] for one in stories] == ["minted", "rejected"]
    assert asked == ["a", "b", "a", "b", "b"]
    assert all(State(one["state"]) in FINAL for one in stories)


def test_following_ends_with_its_time() -> None:
    stories = follow(lambda _: story("received"), ["a"], lambda _: None, timeout_s=0, poll_s=0)
    assert [one["state"] for one in stories] == ["received"]
