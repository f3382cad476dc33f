"""The sweep: nothing stands still for ever, and nobody is woken twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from functions import render
from functions.sweep import sweep
from shared.errors import Transient
from shared.messages import JudgeJob, result_key
from shared.ports.ledger import Put
from shared.records import holds, requests
from shared.request import FINAL, Event, State
from tests.unit.functions.house import DAY_S, PATIENCE_S, House, forget, job_of
from tests.unit.functions.renderer import picture
from tests.unit.functions.test_intake import DownQueue

OWED = {
    State.RECEIVED: "plan",
    State.PLANNED: "render",
    State.APPROVED: "publish",
    State.PUBLISHED: "mint",
    State.MINTING: "confirm",
}


@pytest.mark.parametrize("state", OWED)
def test_fault_08_a_request_whose_message_was_lost_gets_the_message_it_is_owed(house: House, state: State) -> None:
    request = house.bring_to(state)
    forget(house)
    house.clock.advance(PATIENCE_S)
    assert house.sweep() == 1
    owed = {stop: house.waiting(stop) for stop in house.queues if house.waiting(stop)}
    assert owed == {OWED[state]: [job_of(request).body()]}
    house.settle()
    assert house.load(request.id).state is State.MINTED
    assert len(house.chain.tokens) == 1


def test_a_request_that_is_seen_to_is_left_alone(house: House) -> None:
    house.bring_to(State.PLANNED)
    house.clock.advance(PATIENCE_S)
    before = house.dump()
    assert house.sweep() == 0
    assert house.dump() == before


def test_a_result_whose_announcement_was_lost_wakes_the_judge(house: House) -> None:
    request = house.bring_to(State.RENDERING)
    forget(house)
    house.clock.advance(PATIENCE_S)
    house.sweep()
    assert house.waiting("judge") == [JudgeJob(job_id=request.job_id).body()]
    assert house.waiting("render") == []


def test_fault_15_a_render_without_a_result_is_asked_for_again_as_the_same_job(house: House) -> None:
    house.renderer.slow = True
    request = house.bring_to(State.RENDERING)
    house.clock.advance(PATIENCE_S + 1)
    house.sweep()
    house.deliver("render")
    assert house.renderer.submitted == house.renderer.submitted[:1] * 2
    house.renderer.leave(house.renderer.submitted[0], picture(3))
    house.settle()
    assert house.load(request.id).state is State.MINTED


def test_a_request_is_woken_once_within_its_patience_however_often_the_sweep_comes(house: House) -> None:
    """Nobody consumes: an hour of sweeps must not fill the queue, and each waking waits longer than the one before."""
    house.bring_to(State.PLANNED)
    forget(house)
    for _ in range(120):
        house.clock.advance(30)
        house.sweep()
    assert len(house.waiting("render")) == 4  # after 5, 10, 20 and 40 minutes
    for _ in range(240):
        house.clock.advance(300)
        house.sweep()
    assert 20 <= len(house.waiting("render")) <= 4 + 20  # and once an hour at last


def test_fault_45_of_sweeps_at_once_one_wakes(house: House) -> None:
    for n in range(5):
        house.file(n)
    forget(house)
    house.clock.advance(PATIENCE_S)
    with ThreadPoolExecutor(4) as pool:
        woken = list(pool.map(lambda _: house.sweep(), range(4)))
    assert sum(woken) == 5
    assert len(house.waiting("plan")) == 5


def test_who_was_woken_still_waits_since_it_entered_its_state(house: House) -> None:
    request = house.bring_to(State.PLANNED)
    house.clock.advance(PATIENCE_S + 1)
    house.sweep()
    assert house.load(request.id).changed_at == request.changed_at
    house.run(render.render, job_of(request))
    assert PATIENCE_S + 1 in house.get(request.id)["seconds"].values()


@pytest.mark.parametrize("state", [State.RECEIVED, State.PLANNED, State.APPROVED, State.PUBLISHED])
def test_a_deadline_ends_what_stood_still_with_a_reason_and_frees_what_it_held(house: House, state: State) -> None:
    request = house.bring_to(state)
    house.clock.advance(7 * DAY_S + 1)
    assert house.sweep() == 1
    ended = house.load(request.id)
    assert (ended.state, ended.reason) == (State.FAILED, f"it stood in {state} and 7 days are over")
    assert holds.used_supply(house.ledger, house.slug) == 0
    before = house.dump()
    house.sweep()
    assert house.dump() == before


def test_a_deadline_ends_also_who_waits_for_a_person_but_does_not_wake_them(house: House) -> None:
    house.put_on_sale(house.write_collection(review={"sample": 1}))
    request = house.bring_to(State.IN_REVIEW)
    before = house.dump()
    for _ in range(6):
        house.clock.advance(DAY_S)
        assert house.sweep() == 0
    assert house.dump() == before
    house.clock.advance(DAY_S + 1)
    house.sweep()
    assert house.load(request.id).state is State.FAILED


def test_a_deadline_ends_what_is_parked(house: House) -> None:
    house.chain.fee_wei = house.ports["max_fee_wei"] + 1
    request = house.bring_to(State.PARKED)
    for _ in range(8 * 24):
        house.clock.advance(3600)
        house.sweep()
        house.deliver_all()
    assert house.load(request.id).state is State.FAILED
    assert house.signer.signed == []


def test_a_deadline_counts_from_the_state_and_not_from_the_filing(house: House) -> None:
    house.put_on_sale(house.write_collection(review={"sample": 1}))
    request = house.bring_to(State.IN_REVIEW)
    house.clock.advance(6 * DAY_S)
    house.verdict(request.id, "approve", request.candidate)
    forget(house)
    house.clock.advance(2 * DAY_S)
    house.sweep()
    assert house.load(request.id).state is State.APPROVED
    house.clock.advance(5 * DAY_S)
    house.sweep()
    assert house.load(request.id).reason == "it stood in approved and 7 days are over"


def test_fault_36_what_is_parked_for_days_is_tried_less_and_less_often_and_ends_with_the_truth(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    house.clock.advance(3 * DAY_S)
    house.chain.fee_wei = house.ports["max_fee_wei"] + 1
    house.deliver("mint")
    parked = house.clock()
    for _ in range(6 * 96):
        house.clock.advance(900)
        house.sweep()
        house.deliver_all()
    events = house.events(request.id)
    assert 6 * 18 <= events.count("resumed") <= 6 * 24 + 5
    for _ in range(150):
        house.clock.advance(900)
        house.sweep()
        house.deliver_all()
    ended = house.load(request.id)
    assert (ended.state, ended.reason) == (State.FAILED, "it was parked in published and 7 days are over")
    assert 7 * DAY_S < (ended.changed_at - parked).total_seconds() < 7 * DAY_S + 2 * 3600


def test_fault_11_an_item_that_is_no_request_does_not_stop_the_sweep(house: House) -> None:
    bad, good = house.bring_to(State.PLANNED, 1), house.bring_to(State.PLANNED, 2)
    item = house.ledger.get(requests.request_key(bad.id))
    assert item is not None
    house.ledger.write(Put(item.key, {"state": "planned", "of": "another age"}, expect=item.version, due=item.due))
    forget(house)
    house.clock.advance(PATIENCE_S)
    assert house.sweep() == 1
    assert house.waiting("render") == [job_of(good).body()]


def test_fault_31_a_node_that_is_away_for_hours_gathers_few_wakings(house: House) -> None:
    request = house.bring_to(State.MINTING)
    forget(house)
    for _ in range(480):
        house.clock.advance(60)
        house.sweep()
    assert 5 <= len(house.waiting("confirm")) <= 12
    house.settle()
    assert house.load(request.id).state is State.MINTED


def test_what_the_chain_may_still_mint_has_no_deadline(house: House) -> None:
    house.ports["confirmations"] = 2
    request = house.bring_to(State.MINTING)
    house.clock.advance(30 * DAY_S)
    house.sweep()
    assert house.load(request.id).state is State.MINTING


def test_a_long_time_in_the_park_is_told_to_the_end(house: House) -> None:
    """The story holds more lines than one page of the ledger."""
    request = house.bring_to(State.PUBLISHED)
    for _ in range(510):
        request = requests.move(house.ledger, request, Event.PARKED, house.clock(), cause="dear")
        request = requests.move(house.ledger, request, Event.RESUMED, house.clock(), cause="tried again")
    house.settle()
    assert house.events(request.id)[-1] == "minted"
    assert len(house.get(request.id)["history"]) > 1020


def test_one_that_cannot_be_woken_does_not_hold_up_the_others(house: House) -> None:
    planned, received = house.bring_to(State.PLANNED, 1), house.load(house.file(2))
    forget(house)
    house.clock.advance(PATIENCE_S)
    house.sweep(plan_queue=DownQueue())
    assert house.waiting("render") == [job_of(planned).body()]
    assert house.waiting("plan") == []
    house.clock.advance(2 * PATIENCE_S)
    house.sweep()
    assert house.waiting("plan") == [job_of(received).body()]


@pytest.mark.parametrize("event", [Event.REJECTED, Event.FAILED, Event.CANCELLED])
def test_what_has_ended_is_looked_at_no_more(house: House, event: Event) -> None:
    request = house.bring_to(State.PLANNED)
    requests.move(house.ledger, request, event, house.clock(), cause="over")
    forget(house)
    house.clock.advance(8 * DAY_S)
    before = house.dump()
    assert house.sweep() == 0
    assert house.dump() == before
    assert house.load(request.id).state in FINAL


def test_a_store_that_does_not_answer_wakes_nobody_wrongly(house: House) -> None:
    house.bring_to(State.RENDERING)
    forget(house)
    house.clock.advance(PATIENCE_S)

    class Silent:
        def exists(self, key: str) -> bool:
            raise Transient(f"blobs: 503 for {key}")

    assert house.run(sweep, blobs=Silent()) == 0
    assert house.dump()["messages"] == []
    assert house.blobs.exists(result_key(house.open_requests()[0].job_id))
