"""The creative director's verdict: one for each picture, and the first one stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, cast

import pytest

from functions import review
from shared.errors import Forbidden, Invalid, Mismatch, MonoprintError, NotFound, Transient, Unauthenticated
from shared.records import holds, requests
from shared.records.accounts import Role
from shared.request import MintRequest, State
from shared.runtime import HttpCall, Reply
from tests.unit.functions.house import House, blank, forget, job_of, opened
from tests.unit.functions.renderer import picture
from tests.unit.functions.test_intake import DownQueue


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Here a human looks at every picture."""
    yield from opened(tmp_path, review={"sample": 1})


def listed(house: House, api_key: str) -> list[Any]:
    call = HttpCall(headers={"x-api-key": api_key})
    return list(cast(Reply, house.run(review.list_queue, call)).body["requests"])


@pytest.mark.parametrize(
    ("verdict", "state", "queue"),
    [("approve", State.APPROVED, "publish"), ("reject", State.REJECTED, None), ("redraw", State.PLANNED, "render")],
)
def test_a_verdict_moves_the_request_and_wakes_who_is_next(
    house: House, verdict: str, state: State, queue: str | None
) -> None:
    asked = house.bring_to(State.IN_REVIEW)
    answer = house.verdict(asked.id, verdict, asked.candidate)
    request = house.load(asked.id)
    assert (answer.status, answer.body["state"]) == (200, state)
    assert request.state is state
    assert {stop for stop in house.queues if house.waiting(stop)} == ({queue} if queue else set())
    assert queue is None or house.waiting(queue) == [job_of(request).body()]
    assert requests.history(house.ledger, asked.id)[-1].cause == f"a reviewer: {verdict}"


def test_a_rejected_request_gives_back_what_it_held_and_says_why(house: House) -> None:
    asked = house.bring_to(State.IN_REVIEW)
    assert holds.used_supply(house.ledger, house.slug) == 1
    house.verdict(asked.id, "reject", asked.candidate)
    assert holds.used_supply(house.ledger, house.slug) == 0
    assert list(holds.taken(house.ledger, house.slug)) == []
    assert house.get(asked.id)["reason"] == "a reviewer: reject"


def test_only_a_reviewer_of_the_collection_may_look_or_judge(house: House) -> None:
    asked = house.bring_to(State.IN_REVIEW)
    elsewhere = house.make_key("other director", Role.REVIEW, "elsewhere")
    before = house.dump()
    refusals: list[tuple[str, type[MonoprintError]]] = [
        ("", Unauthenticated),
        (house.api_key, Forbidden),
        (elsewhere, NotFound),
    ]
    for api_key, error in refusals:
        with pytest.raises(error):
            house.verdict(asked.id, "approve", asked.candidate, api_key=api_key)
    with pytest.raises(NotFound):
        house.verdict("0" * 64, "approve", asked.candidate)
    with pytest.raises(Forbidden):
        listed(house, house.make_key("staff", Role.OPERATE))
    assert listed(house, elsewhere) == []
    house.dump()
    assert house.load(asked.id) == asked
    assert house.dump()["messages"] == before["messages"]


def test_the_longest_waiting_is_listed_first(house: House) -> None:
    asked = []
    for n in (1, 2, 3):
        asked.append(house.bring_to(State.IN_REVIEW, n).id)
        house.clock.advance(60)
    house.clock.advance(3600)
    house.sweep()
    told = listed(house, house.review_key)
    assert [each["id"] for each in told] == asked
    assert all(each["picture"]["url"].startswith("https://prints.test/") for each in told)


def test_many_that_wait_elsewhere_hide_none(house: House) -> None:
    for n in range(120):
        request = house.load(house.file(n))
        moved = request.model_copy(update={"state": State.IN_REVIEW, "collection": "elsewhere", "version": 1})
        house.ledger.write(requests._put(moved, expect=1))
    forget(house)
    house.clock.advance(60)
    asked = house.bring_to(State.IN_REVIEW, 500)
    house.clock.advance(1)
    assert [each["id"] for each in listed(house, house.review_key)] == [asked.id]


@pytest.mark.parametrize("verdict", ["approve", "reject", "redraw"])
def test_fault_27_the_same_verdict_twice_is_one_transition_and_two_good_answers(house: House, verdict: str) -> None:
    asked = house.bring_to(State.IN_REVIEW)
    first = house.verdict(asked.id, verdict, asked.candidate)
    second = house.verdict(asked.id, verdict, asked.candidate)
    assert first == second
    assert len(house.events(asked.id)) == len(set(house.events(asked.id)))


def test_fault_27_a_late_repetition_is_still_answered_well(house: House) -> None:
    asked = house.bring_to(State.IN_REVIEW)
    house.verdict(asked.id, "approve", asked.candidate)
    house.settle()
    before = house.dump()
    assert house.verdict(asked.id, "approve", asked.candidate).body["state"] == "minted"
    assert house.dump() == before


def test_fault_28_of_approve_and_reject_at_once_one_wins_and_the_other_is_told(house: House) -> None:
    for n in range(5):
        asked = house.bring_to(State.IN_REVIEW, n)
        answers = at_once(house, asked, ["approve", "reject", "approve", "reject"])
        won = "approve" if house.load(asked.id).state is State.APPROVED else "reject"
        for verdict, answer in answers:
            if verdict == won:
                assert isinstance(answer, Reply)
            else:
                assert isinstance(answer, Mismatch)
                assert {won, "director"} <= set(re.findall(r"\w+", str(answer)))
        assert house.events(asked.id)[-1] == {"approve": "approved", "reject": "rejected"}[won]


def at_once(house: House, asked: MintRequest, verdicts: list[str]) -> list[tuple[str, Reply | MonoprintError]]:
    barrier = Barrier(len(verdicts))

    def one(verdict: str) -> tuple[str, Reply | MonoprintError]:
        barrier.wait()
        try:
            return verdict, house.verdict(asked.id, verdict, asked.candidate)
        except MonoprintError as error:
            return verdict, error

    with ThreadPoolExecutor(len(verdicts)) as pool:
        return list(pool.map(one, verdicts))


def test_fault_29_a_verdict_on_an_older_picture_is_refused(house: House) -> None:
    first = house.bring_to(State.IN_REVIEW)
    house.verdict(first.id, "redraw", first.candidate)
    for _ in range(3):
        house.deliver_all()
    second = house.load(first.id)
    assert second.state is State.IN_REVIEW
    assert second.candidate != first.candidate
    before = house.dump()
    for candidate in (first.candidate, "ab" * 32, None):
        with pytest.raises(Mismatch):
            house.verdict(first.id, "approve", candidate)
    assert house.dump() == before
    house.verdict(first.id, "approve", second.candidate)
    assert house.load(first.id).state is State.APPROVED


def test_fault_29_a_redraw_that_gives_the_same_bytes_can_still_be_approved(house: House) -> None:
    house.renderer.next = [[picture(5)], [picture(5)]]
    first = house.bring_to(State.IN_REVIEW)
    house.verdict(first.id, "redraw", first.candidate)
    for _ in range(3):
        house.deliver_all()
    house.verdict(first.id, "approve", first.candidate)
    request = house.load(first.id)
    assert (request.state, request.attempt) == (State.APPROVED, 2)


def test_fault_09_a_lost_send_is_made_up_for_by_the_same_verdict_again(house: House) -> None:
    """Label and move are one write: there is never one without the other, only a message that was not sent."""
    asked = house.bring_to(State.IN_REVIEW)
    with pytest.raises(Transient):
        house.verdict(asked.id, "approve", asked.candidate, publish_queue=DownQueue())
    assert house.load(asked.id).state is State.APPROVED
    assert house.waiting("publish") == []
    house.verdict(asked.id, "approve", asked.candidate)
    assert house.waiting("publish") == [job_of(house.load(asked.id)).body()]


def test_fault_09_a_verdict_whose_move_is_lost_leaves_no_label(house: House) -> None:
    asked = house.bring_to(State.IN_REVIEW)

    class ReadOnly:
        get, query = house.ledger.get, house.ledger.query

        def write(self, *changes: object) -> None:
            raise Transient("ledger: throttled")

    with pytest.raises(Transient):
        house.verdict(asked.id, "reject", asked.candidate, ledger=ReadOnly())
    assert requests.label_of(house.ledger, asked, asked.candidate) is None
    house.verdict(asked.id, "approve", asked.candidate)
    assert house.load(asked.id).state is State.APPROVED


def test_what_left_no_picture_can_be_redrawn_or_rejected_and_not_approved(house: House) -> None:
    house.put_on_sale(house.write_collection(redraws=0))
    house.renderer.next = [[blank()]]
    asked = house.bring_to(State.IN_REVIEW)
    assert asked.candidate is None
    with pytest.raises(Mismatch, match="no picture to approve"):
        house.verdict(asked.id, "approve", None)
    house.verdict(asked.id, "redraw", None)
    assert house.load(asked.id).attempt == 2


@pytest.mark.parametrize("state", [State.PLANNED, State.RENDERING])
def test_nothing_is_judged_before_it_waits_for_a_verdict(house: House, state: State) -> None:
    request = house.bring_to(state)
    before = house.dump()
    with pytest.raises(Mismatch, match=f"is {state}"):
        house.verdict(request.id, "approve", None)
    assert house.dump() == before


def test_a_verdict_is_one_of_three_on_a_digest(house: House) -> None:
    asked = house.bring_to(State.IN_REVIEW)
    answer = review.handler.bind({"LEDGER_URL": house.ledger_url, "BLOBS_URL": house.blobs_url} | queues(house))
    for told in ('{"verdict": "maybe"}', '{"verdict": "approve", "candidate": "short"}', "[]", '{"other": 1}'):
        event = {
            "routeKey": "POST /v1/requests/{request_id}/verdict",
            "pathParameters": {"request_id": asked.id},
            "headers": {"X-Api-Key": house.review_key},
            "body": told,
        }
        assert answer(event, None)["statusCode"] == 400
    answer.close()
    assert house.load(asked.id) == asked
    with pytest.raises(Invalid):
        HttpCall(body=b"[]").json()


def queues(house: House) -> dict[str, str]:
    return {f"{name.upper()}_QUEUE_URL": house.queue_url(name) for name in ("render", "publish")}
