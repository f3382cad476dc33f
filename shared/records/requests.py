"""The mint request in the ledger: `request#{id}` holds it, its history, its plan and what was frozen of it.

| sort            | what                                                     | written                       |
|-----------------|----------------------------------------------------------|-------------------------------|
| `request`       | the MintRequest; `due` by state, so that `sweep` finds it | with every transition         |
| `filed`         | tag of the body that filed it                            | once                          |
| `history#{n}`   | one Transition                                           | with every transition         |
| `plan`          | Plan and Prompt; what it holds                           | once a plan                   |
| `frozen`        | metadata digest and CIDs: the first writer's             | once                          |
| `label#{n}`     | a reviewer's verdict on the candidate of attempt n       | once an attempt               |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from shared.clock import Clock
from shared.errors import NotFound, Rejected
from shared.observe import Log, log_error, log_request
from shared.ports.ledger import Change, Due, Key, Ledger, Put
from shared.records import holds
from shared.request import FINAL, Event, MintRequest, State, Transition, advance

ALSO = 2
"""Index of the first change of `also` in the transaction that `move()` writes, as a `Conflict` names it."""


def partition(request_id: str) -> str:
    return f"request#{request_id}"


def request_key(request_id: str) -> Key:
    return Key(partition(request_id), "request")


def find(ledger: Ledger, request_id: str) -> MintRequest | None:
    item = ledger.get(request_key(request_id))
    return MintRequest.model_validate(item.data) if item else None


def load(ledger: Ledger, request_id: str) -> MintRequest:
    """Raises `NotFound`."""
    request = find(ledger, request_id)
    if request is None:
        raise NotFound(f"no request {request_id[:12]}...")
    return request


def filing(request: MintRequest, body_tag: str) -> list[Change]:
    """The changes that record a new request; each fails if the request is there already."""
    return [
        _put(request, expect=0),
        Put(Key(partition(request.id), "filed"), {"body_tag": body_tag}),
    ]


def body_tag(ledger: Ledger, request_id: str) -> str | None:
    item = ledger.get(Key(partition(request_id), "filed"))
    return item.data["body_tag"] if item else None


def move(
    ledger: Ledger,
    request: MintRequest,
    event: Event,
    at: datetime,
    *,
    cause: str,
    cost_microusd: int = 0,
    also: Sequence[Change] = (),
    can_still_mint: bool | None = None,
    **facts: str | int | None,
) -> MintRequest:
    """Advance the request and write it, its history line and `also` in one transaction.

    What the request holds (genotype, supply) is released with the transition that ends it, unless the chain can still
    mint it: by default, if a transaction was signed for it.

    Raises: `Conflict` when somebody else moved it first (index 0 or 1) or a condition of `also` failed (index 2 +);
    `IllegalTransition`.
    """
    moved, line = advance(request, event, at, cause=cause, cost_microusd=cost_microusd, **facts)
    changes: list[Change] = [_put(moved, expect=request.version + 1), _history(moved.id, line), *also]
    if can_still_mint is None:
        can_still_mint = moved.tx_hash is not None
    if moved.state in FINAL and moved.state is not State.MINTED and not can_still_mint:
        changes += holds.releasing(ledger, request.id)
    ledger.write(*changes)
    log_request(Log.REQUEST_MOVED, moved)
    return moved


@contextmanager
def ended_by_rejection(ledger: Ledger, request: MintRequest, clock: Clock) -> Iterator[None]:
    """A `Rejected` inside ends the request with what its collector may read of it as the reason, then goes on up.

    Every stop that takes a request further works inside this: trying again could only fail again, and a request that
    stood still would be woken for ever.
    """
    try:
        yield
    except Rejected as error:
        now = load(ledger, request.id)
        if now.open:
            move(ledger, now, Event.REJECTED, clock(), cause=_public(error))
        raise


def _public(error: Rejected) -> str:
    """What history and collector are told. An adapter's own error may quote a node or a provider: what it says to be
    `public`, else its code alone."""
    if type(error).__module__.startswith("shared.ports."):
        return str(getattr(error, "public", f"it was refused: {error.code}"))
    return str(error)


def history(ledger: Ledger, request_id: str) -> list[Transition]:
    """All of it, oldest first."""
    lines: list[Transition] = []
    after = ""
    while page := ledger.query(partition(request_id), prefix="history#", after=after, limit=1000):
        lines += (Transition.model_validate(item.data) for item in page)
        after = page[-1].key.sort
    return lines


def postpone(ledger: Ledger, request: MintRequest, until: datetime) -> MintRequest:
    """Let it count as waiting in its state only from `until` on: somebody sees to it until then.

    Raises: `Conflict` when it was moved, or postponed by somebody else, since it was read.
    """
    postponed = request.model_copy(update={"version": request.version + 1})
    ledger.write(_put(postponed, expect=request.version + 1, waiting_since=until))
    return postponed


def due_at(ledger: Ledger, request: MintRequest) -> datetime | None:
    """Since when it counts as waiting in its state, or until when somebody sees to it; None once it has ended.

    Read after the request, so that a time that was set meanwhile is seen.
    """
    item = ledger.get(request_key(request.id))
    return item.due.at if item and item.due else None


def parked_since(ledger: Ledger, request: MintRequest) -> datetime:
    """When a parked request was parked first; a try that ended in the park again is no end of that."""
    since = request.changed_at
    for line in reversed(history(ledger, request.id)):
        if line.event not in (Event.PARKED, Event.RESUMED):
            break
        since = line.at
    return since


def waiting_in(ledger: Ledger, state: State, *, before: datetime, limit: int = 1000) -> list[MintRequest]:
    """Requests that have waited in `state` since before `before`, the longest waiting first.

    An item that is no request is logged and left out: it must not hold up the others.
    """
    found = (ledger.get(key) for key in ledger.due(state.value, before=before, limit=limit))
    # `due` is behind the truth: what was moved or postponed a moment ago is not waiting.
    waiting = (item for item in found if item and item.due and item.due.state == state and item.due.at < before)
    requests: list[MintRequest] = []
    for item in waiting:
        try:
            requests.append(MintRequest.model_validate(item.data))
        except ValidationError as error:
            log_error(Log.STEP_FAILED, error, state=state.value, request_id=item.key.partition.removeprefix("request#"))
    return requests


def freezing(request_id: str, frozen: Mapping[str, str]) -> Put:
    """The change that freezes what is published for a request; only the first of them succeeds."""
    return Put(Key(partition(request_id), "frozen"), dict(frozen))


def frozen(ledger: Ledger, request_id: str) -> dict[str, str]:
    """Raises `NotFound` before anything was frozen."""
    item = ledger.get(Key(partition(request_id), "frozen"))
    if item is None:
        raise NotFound(f"request {request_id[:8]}: nothing was frozen for it")
    return dict(item.data)


def label(request: MintRequest, verdict: str, reviewer: str, note: str, at: datetime) -> Put:
    """The change that records a reviewer's verdict on this attempt's candidate; the first one stands."""
    data = {
        "verdict": verdict,
        "reviewer": reviewer,
        "note": note,
        "candidate": request.candidate,
        "at": at.isoformat(),
    }
    return Put(Key(partition(request.id), _label(request.attempt)), data)


def label_of(ledger: Ledger, request: MintRequest, candidate: str | None) -> dict[str, Any] | None:
    """The verdict that was given on this candidate: on the current attempt's if it is that one, else on an older one.

    An older one may have had the very same bytes; what was said of it then is no verdict on this attempt.
    """
    labels = ledger.query(partition(request.id), prefix="label#", limit=1000)
    current = candidate == request.candidate
    for item in labels:
        if item.data["candidate"] == candidate and (item.key.sort == _label(request.attempt)) == current:
            return dict(item.data)
    return None


def _label(attempt: int) -> str:
    return f"label#{attempt:06d}"


def _put(request: MintRequest, *, expect: int, waiting_since: datetime | None = None) -> Put:
    due = Due(request.state.value, waiting_since or request.changed_at) if request.open else None
    return Put(request_key(request.id), request.model_dump(mode="json"), expect=expect, due=due)


def _history(request_id: str, line: Transition) -> Put:
    return Put(Key(partition(request_id), f"history#{line.version:06d}"), line.model_dump(mode="json"))
