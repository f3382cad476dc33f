"""The request in the ledger: moved by one writer at a time, found while it waits, its story whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import Conflict, Exhausted, NotFound, Transient
from shared.ports.chain import Reverted
from shared.ports.ledger import Key, Put
from shared.ports.ledger.sqlite import SqliteLedger
from shared.records import requests
from shared.request import Event, IllegalTransition, MintRequest, State
from tests.unit.records.test_holds import T0, filed

LATER = T0 + timedelta(hours=1)


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger.open(f"sqlite://?memory=requests-{request.node.name}", clock=lambda: T0)
    yield ledger
    ledger.close()


def move(ledger: SqliteLedger, request: MintRequest, *events: Event, at: datetime = T0, **facts: Any) -> MintRequest:
    for event in events:
        request = requests.move(ledger, request, event, at, cause=f"on: {event}", **facts)
    return request


def waiting(ledger: SqliteLedger, state: State, before: datetime = LATER) -> list[int]:
    return [int(request.id, 16) for request in requests.waiting_in(ledger, state, before=before)]


def test_what_was_filed_is_loaded_and_what_was_not_is_not(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    assert requests.load(ledger, request.id) == request
    assert requests.find(ledger, "ab" * 32) is None
    with pytest.raises(NotFound):
        requests.load(ledger, "ab" * 32)
    with pytest.raises(Conflict):
        filed(ledger, 1)


def test_of_two_writers_one_moves_it_and_the_other_wrote_nothing(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    moved = move(ledger, request, Event.PLANNED)
    other = Put(Key("somewhere", "else"), {})
    with pytest.raises(Conflict) as lost:
        requests.move(ledger, request, Event.CANCELLED, T0, cause="late", also=[other])
    assert lost.value.index < requests.ALSO
    assert requests.load(ledger, request.id) == moved
    assert ledger.get(other.key) is None
    assert len(requests.history(ledger, request.id)) == 1


def test_what_is_written_with_a_move_may_refuse_it_by_its_index(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    taken = Put(Key("somewhere", "else"), {})
    ledger.write(taken)
    with pytest.raises(Conflict) as lost:
        requests.move(ledger, request, Event.PLANNED, T0, cause="x", also=[Put(Key("free", "one"), {}), taken])
    assert lost.value.index == requests.ALSO + 1
    assert requests.load(ledger, request.id) == request
    with pytest.raises(IllegalTransition):
        move(ledger, request, Event.MINTED)


def test_it_is_found_in_the_state_that_it_is_in_and_in_no_other(ledger: SqliteLedger) -> None:
    for n in (1, 2, 3):
        filed(ledger, n)
    move(ledger, requests.load(ledger, f"{2:064x}"), Event.PLANNED)
    move(ledger, requests.load(ledger, f"{3:064x}"), Event.CANCELLED)
    assert waiting(ledger, State.RECEIVED) == [1]
    assert waiting(ledger, State.PLANNED) == [2]
    assert waiting(ledger, State.CANCELLED) == []
    assert waiting(ledger, State.RECEIVED, before=T0) == []


def test_who_is_postponed_waits_from_then_on(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    postponed = requests.postpone(ledger, request, LATER)
    assert waiting(ledger, State.RECEIVED, before=LATER) == []
    assert waiting(ledger, State.RECEIVED, before=LATER + timedelta(seconds=1)) == [1]
    assert (postponed.changed_at, postponed.state) == (request.changed_at, request.state)
    assert move(ledger, postponed, Event.PLANNED).version == request.version + 2
    assert waiting(ledger, State.PLANNED) == [1]


def test_only_one_postpones_and_only_what_nobody_has_moved(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    requests.postpone(ledger, request, LATER)
    with pytest.raises(Conflict):
        requests.postpone(ledger, request, LATER)
    with pytest.raises(Conflict):
        move(ledger, request, Event.PLANNED)
    ended = move(ledger, requests.load(ledger, request.id), Event.CANCELLED)
    requests.postpone(ledger, ended, LATER)
    assert all(waiting(ledger, state, before=LATER + timedelta(days=1)) == [] for state in State)


class Behind:
    """A ledger whose `due` is behind: it still names what has moved on."""

    def __init__(self, inner: SqliteLedger, keys: list[Key]) -> None:
        self.inner = inner
        self.keys = keys

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def due(self, state: str, *, before: datetime, limit: int = 100) -> list[Key]:
        return self.keys


def test_a_list_that_is_behind_names_nobody_wrongly(ledger: SqliteLedger) -> None:
    moved, postponed, still = (filed(ledger, n) for n in (1, 2, 3))
    keys = [requests.request_key(request.id) for request in (moved, postponed, still)] + [Key("gone", "request")]
    move(ledger, moved, Event.PLANNED)
    requests.postpone(ledger, postponed, LATER)
    behind: Any = Behind(ledger, keys)
    assert waiting(behind, State.RECEIVED, before=LATER) == [3]


def test_a_history_longer_than_a_page_is_told_whole(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    for _ in range(550):
        request = move(ledger, request, Event.PARKED, Event.RESUMED)
    lines = requests.history(ledger, request.id)
    assert [line.version for line in lines] == list(range(1, 1101))


def test_a_rejection_ends_the_request_with_its_message_and_goes_on_up(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    with pytest.raises(Exhausted), requests.ended_by_rejection(ledger, request, lambda: LATER):
        raise Exhausted("supply: none left")
    ended = requests.load(ledger, request.id)
    assert (ended.state, ended.reason, ended.changed_at) == (State.REJECTED, "supply: none left", LATER)


def test_what_a_node_says_is_not_told_to_a_collector(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    with pytest.raises(Reverted), requests.ended_by_rejection(ledger, request, lambda: LATER):
        raise Reverted("the node at 10.0.0.7 says: no", error="DigestIsZero")
    assert requests.load(ledger, request.id).reason == "it was refused: reverted"
    assert "node" not in requests.history(ledger, request.id)[-1].cause


@pytest.mark.parametrize("error", [Transient("down"), KeyError("bug")])
def test_any_other_error_leaves_it_as_it_was(ledger: SqliteLedger, error: Exception) -> None:
    request = filed(ledger, 1)
    with pytest.raises(type(error)), requests.ended_by_rejection(ledger, request, lambda: LATER):
        raise error
    assert requests.load(ledger, request.id) == request


def test_a_rejection_of_what_has_ended_meanwhile_changes_nothing(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    ended = move(ledger, request, Event.CANCELLED)
    with pytest.raises(Exhausted), requests.ended_by_rejection(ledger, request, lambda: LATER):
        raise Exhausted("too late")
    assert requests.load(ledger, request.id) == ended


def test_only_the_first_digest_is_frozen(ledger: SqliteLedger) -> None:
    request = filed(ledger, 1)
    with pytest.raises(NotFound):
        requests.frozen(ledger, request.id)
    ledger.write(requests.freezing(request.id, {"digest": "first"}))
    with pytest.raises(Conflict):
        ledger.write(requests.freezing(request.id, {"digest": "second"}))
    assert requests.frozen(ledger, request.id) == {"digest": "first"}


def test_a_label_is_of_one_attempt_and_one_candidate(ledger: SqliteLedger) -> None:
    request = move(ledger, filed(ledger, 1), Event.PLANNED, Event.RENDER_STARTED)
    request = move(ledger, request, Event.RENDERED, candidate="ab" * 32)
    request = move(ledger, request, Event.REVIEW_ASKED)
    label = requests.label(request, "redraw", "director", "no", datetime(2026, 1, 1, tzinfo=UTC))
    ledger.write(label)
    with pytest.raises(Conflict):
        ledger.write(label)
    given = requests.label_of(ledger, request, "ab" * 32)
    assert given is not None
    assert given["verdict"] == "redraw"
    redrawn = move(ledger, request, Event.REDRAWN)
    assert requests.label_of(ledger, redrawn, "ab" * 32) == given
    assert requests.label_of(ledger, redrawn, "cd" * 32) is None
    again = redrawn.model_copy(update={"candidate": "ab" * 32})
    assert requests.label_of(ledger, again, "ab" * 32) is None
