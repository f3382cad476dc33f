"""The mint request's table, walked by chance: whatever happens in whatever order, the house rules hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.request import (
    FINAL,
    TRANSITIONS,
    Event,
    IllegalTransition,
    MintRequest,
    Quote,
    State,
    Transition,
    advance,
    derive_id,
)

T0 = datetime(2026, 11, 24, tzinfo=UTC)


def request_in(state: State = State.RECEIVED) -> MintRequest:
    return MintRequest(
        id="ab" * 32,
        collection="c",
        collection_digest="cd" * 32,
        account="a",
        collector="x",
        owner="0x" + "1" * 40,
        quote=Quote(price_wei=0, reroll_fee_wei=0, cost_microusd=1),
        state=state,
        parked_in=State.RENDERING if state is State.PARKED else None,
        created_at=T0,
        changed_at=T0,
    )


class Journey(RuleBasedStateMachine):
    """Any events in any order, as late, doubled and misdirected messages bring them."""

    @initialize()
    def file(self) -> None:
        self.request = request_in()
        self.history: list[Transition] = []
        self.at = T0
        self.ended: State | None = None

    @rule(event=st.sampled_from(Event), cause=st.text(max_size=20))
    def happen(self, event: Event, cause: str) -> None:
        before = self.request
        self.at += timedelta(seconds=1)
        if event not in TRANSITIONS[before.state]:
            with pytest.raises(IllegalTransition):
                advance(before, event, self.at, cause=cause)
            assert self.request == before
            return
        self.request, line = advance(before, event, self.at, cause=cause)
        self.history.append(line)
        assert (line.before, line.after) == (before.state, self.request.state)
        if event in {Event.REDRAWN, Event.REROLLED}:
            assert self.request.attempt == before.attempt + 1
            assert self.request.candidate is None
        else:
            assert self.request.attempt == before.attempt
        if event is Event.PARKED:
            assert self.request.parked_in is before.state
        if event is Event.RESUMED:
            assert self.request.state is before.parked_in
            assert self.request.parked_in is None

    @precondition(lambda self: self.request.state is State.MINTED)
    @rule()
    def only_the_chain_reopens_a_minted_one(self) -> None:
        assert set(TRANSITIONS[State.MINTED]) == {Event.REORGED}

    @invariant()
    def versions_count_every_write(self) -> None:
        assert self.request.version == len(self.history)
        assert [line.version for line in self.history] == list(range(1, len(self.history) + 1))

    @invariant()
    def history_is_a_chain(self) -> None:
        for earlier, later in zip(self.history, self.history[1:], strict=False):
            assert earlier.after is later.before

    @invariant()
    def ended_ones_stay_ended_and_say_why(self) -> None:
        if self.ended is not None:
            assert self.request.state is self.ended
        if self.request.state in FINAL - {State.MINTED}:
            self.ended = self.request.state
            assert self.request.reason is not None
        assert self.request.open == (self.request.state not in FINAL)

    @invariant()
    def parked_always_knows_its_way_back(self) -> None:
        assert (self.request.state is State.PARKED) == (self.request.parked_in is not None)


TestJourney = Journey.TestCase


@pytest.mark.parametrize("state", [s for s in State if s not in FINAL])
def test_every_open_state_can_end_and_reach_minted(state: State) -> None:
    assert {Event.REJECTED, Event.FAILED, Event.CANCELLED} <= set(TRANSITIONS[state])
    reached: set[State] = set()
    todo = [state]
    while todo:
        here = todo.pop()
        after = set(TRANSITIONS[here].values()) | ({State.RENDERING} if here is State.PARKED else set())
        todo += after - reached
        reached |= after
    assert State.MINTED in reached


def test_the_table_is_the_one_that_was_drawn() -> None:
    drawn = {
        "received": {"awaiting_payment", "planned"},
        "awaiting_payment": {"planned"},
        "planned": {"rendering"},
        "rendering": {"rendered"},
        "rendered": {"approved", "in_review", "planned"},
        "in_review": {"approved", "planned"},
        "approved": {"awaiting_choice", "published"},
        "awaiting_choice": {"published", "planned"},
        "published": {"minting", "offered"},
        "minting": {"minted", "minting"},
        "offered": {"minted", "expired", "offered"},
        "minted": {"minting"},
    }
    ends = {"parked", "rejected", "failed", "cancelled"}
    for state, onward in drawn.items():
        after = {s.value for s in TRANSITIONS[State(state)].values()}
        assert after == (onward if state == "minted" else onward | ends), state
    assert all(not TRANSITIONS[state] for state in FINAL - {State.MINTED})


def test_parts_of_an_id_cannot_run_into_each_other() -> None:
    salt = b"s" * 32
    assert derive_id(salt, "ab", "c", "d") != derive_id(salt, "a", "bc", "d")
    assert derive_id(salt, "a", "b", "c") == derive_id(salt, "a", "b", "c")
    assert derive_id(b"t" * 32, "a", "b", "c") != derive_id(salt, "a", "b", "c")


def test_advance_refuses_a_fact_that_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="colour"):
        advance(request_in(), Event.PLANNED, T0, cause="x", colour="red")
