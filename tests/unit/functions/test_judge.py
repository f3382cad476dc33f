"""The verdict on a picture: accept, ask a human, or draw again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from functions import judge, publish, render
from shared.errors import NotFound, Transient
from shared.messages import JudgeJob, RenderedImage, RenderJob, image_key, result_key
from shared.records import requests
from shared.request import MintRequest, State
from tests.unit.functions.house import House, blank, job_of
from tests.unit.functions.renderer import picture
from tests.unit.functions.test_intake import DownQueue


def judged(house: House, request: MintRequest, **changes: Any) -> MintRequest:
    house.run(judge.judge, JudgeJob(job_id=request.job_id), **changes)
    return house.load(request.id)


def test_a_sound_picture_is_approved_by_its_digest_and_what_it_cost_is_kept(house: House) -> None:
    request = house.bring_to(State.APPROVED)
    (job,) = house.renderer.submitted
    assert request.candidate == hashlib.sha256(picture(job.seed)).hexdigest()
    assert house.waiting("publish") == [job_of(request).body()]
    assert [line.cost_microusd for line in requests.history(house.ledger, request.id)] == [0, 0, 70, 0]
    assert house.get(request.id)["picture"]["sha256"] == request.candidate


def test_fault_06_a_message_that_comes_twice_is_one_verdict(house: House) -> None:
    request = judged(house, house.bring_to(State.RENDERING))
    kept = house.dump()["items"]
    assert judged(house, request) == request
    assert house.dump()["items"] == kept
    assert set(house.waiting("publish")) == {job_of(request).body()}


@pytest.mark.parametrize("state", [State.PUBLISHED, State.MINTING, State.MINTED])
def test_fault_07_12_a_message_that_comes_late_does_nothing(house: House, state: State) -> None:
    request = house.bring_to(state)
    before = house.dump()
    judged(house, request)
    assert house.dump() == before


def test_fault_09_a_lost_send_is_sent_by_the_redelivery(house: House) -> None:
    request = house.bring_to(State.RENDERING)
    with pytest.raises(Transient):
        judged(house, request, publish_queue=DownQueue())
    judged(house, request)
    assert house.waiting("publish") == [job_of(request).body()]


def test_fault_13_the_first_result_stands_whatever_comes_after_it(house: House) -> None:
    request = house.bring_to(State.RENDERING)
    (job,) = house.renderer.submitted
    first = house.blobs.get(result_key(job.job_id))
    assert not house.renderer.leave(job, picture(99))
    assert house.blobs.get(result_key(job.job_id)) == first
    assert judged(house, request).candidate == hashlib.sha256(picture(job.seed)).hexdigest()


BAD: dict[str, list[bytes]] = {
    "no PNG": [b"\xff\xd8\xff\xe0 not what was ordered"],
    "truncated": [picture(1)[:900]],
    "a flipped bit": [picture(1)[:1000] + bytes([picture(1)[1000] ^ 4]) + picture(1)[1001:]],
    "blank": [blank()],
    "of another size": [picture(1, 128)],
    "too many bytes": [picture(1) + b"\0" * 500_000],
    "none": [],
}


@pytest.mark.parametrize("why", BAD)
def test_fault_17_a_bad_picture_is_drawn_again_with_another_seed_then_a_human_is_asked(house: House, why: str) -> None:
    house.renderer.next = [BAD[why]] * 3
    request_id = house.file()
    for _ in range(8):
        house.deliver_all()
    request = house.load(request_id)
    assert (request.state, request.attempt, request.candidate) == (State.IN_REVIEW, 3, None)
    assert len({job.seed for job in house.renderer.submitted}) == 3
    assert house.events(request_id).count("redrawn") == house.collection.redraws
    assert "3 attempts" in requests.history(house.ledger, request_id)[-1].cause


def test_fault_17_the_next_attempt_may_be_good(house: House) -> None:
    house.renderer.next = [[blank()]]
    request = house.bring_to(State.PLANNED)
    house.settle()
    ended = house.load(request.id)
    assert (ended.state, ended.attempt) == (State.MINTED, 2)
    assert len(house.chain.tokens) == 1


def test_the_first_sound_picture_of_several_is_taken(house: House) -> None:
    house.renderer.next = [[blank(), picture(7), picture(8)]]
    request = house.bring_to(State.APPROVED)
    assert request.candidate == hashlib.sha256(picture(7)).hexdigest()


def left(house: House, leave: Callable[[RenderJob], object]) -> MintRequest:
    """A request that is rendering and whose result is what `leave` left; judged."""
    house.renderer.slow = True
    request = house.bring_to(State.RENDERING)
    leave(house.renderer.submitted[0])
    return judged(house, request)


def test_fault_16_a_failed_render_is_drawn_again(house: House) -> None:
    def fail(job: RenderJob) -> None:
        house.renderer.leave(job, status="failed", error="out of memory")

    request = left(house, fail)
    assert (request.state, request.attempt) == (State.PLANNED, 2)
    assert requests.history(house.ledger, request.id)[-1].cause == "the renderer failed"


def test_fault_14_a_receipt_cannot_pass_off_bytes_as_others(house: House) -> None:
    def forge(job: RenderJob) -> None:
        digest = hashlib.sha256(picture(5)).hexdigest()
        house.blobs.put(image_key(job.job_id, digest), picture(6))
        house.renderer.leave(job, images=(RenderedImage(sha256=digest, seed=1, bytes=9),))

    assert left(house, forge).attempt == 2


@pytest.mark.parametrize("forgery", ["another job's receipt", "another job's picture", "no receipt at all", "no job's"])
def test_fault_14_only_this_jobs_own_receipt_and_pictures_count(house: House, forgery: str) -> None:
    house.renderer.slow = True
    other = house.bring_to(State.RENDERING, 2)
    other_job = house.renderer.submitted.pop()
    house.renderer.leave(other_job, picture(5))
    digest = hashlib.sha256(picture(5)).hexdigest()
    stolen = RenderedImage(sha256=digest, seed=1, bytes=9)

    def forge(job: RenderJob) -> None:
        if forgery == "no receipt at all":
            house.blobs.put(result_key(job.job_id), b'{"status": "rendered", "job_id": 1}')
        elif forgery == "no job's":
            house.blobs.put(result_key(job.job_id), b"\xff\x00")
        elif forgery == "another job's receipt":
            house.renderer.leave(job, images=(stolen,), job_id=other.job_id)
        else:
            house.renderer.leave(job, images=(stolen,))

    request = left(house, forge)
    assert (request.state, request.attempt) == (State.PLANNED, 2)
    assert house.load(other.id).state is State.RENDERING


def test_fault_14_a_message_without_a_result_changes_nothing(house: House) -> None:
    house.renderer.slow = True
    request = house.bring_to(State.RENDERING)
    before = house.dump()
    for job_id in (request.job_id, f"{'ab' * 32}-1"):
        with pytest.raises(NotFound):
            house.run(judge.judge, JudgeJob(job_id=job_id))
    assert house.dump() == before


def test_fault_18_a_store_that_does_not_answer_is_no_missing_picture(house: House) -> None:
    request = house.bring_to(State.RENDERING)

    class Silent:
        def get(self, key: str) -> bytes:
            raise Transient("blobs: 503")

    before = house.dump()
    with pytest.raises(Transient):
        judged(house, request, blobs=Silent())
    assert house.dump() == before


def test_the_message_of_an_attempt_that_was_redrawn_only_wakes_the_next_one(house: House) -> None:
    house.renderer.next = [[blank()]]
    first = house.bring_to(State.RENDERING)
    second = judged(house, first)
    before = house.dump()["items"]
    judged(house, first)
    assert house.dump()["items"] == before
    assert set(house.waiting("render")[-2:]) == {job_of(second).body()}
    house.run(render.render, job_of(second))
    before = house.dump()["items"]
    judged(house, first)
    assert house.dump()["items"] == before
    assert judged(house, house.load(first.id)).state is State.APPROVED


class Killed(BaseException):
    """The process ends here."""


def test_fault_10_what_the_first_look_saw_stands_when_a_second_one_ends_it(house: House) -> None:
    """A picture that was missing at the first look and is there at the second must not be approved without a digest."""
    lost = picture(5)
    digest = hashlib.sha256(lost).hexdigest()

    def without_picture(job: RenderJob) -> None:
        house.renderer.leave(job, images=(RenderedImage(sha256=digest, seed=1, bytes=9),))

    house.renderer.slow = True
    request = house.bring_to(State.RENDERING)
    without_picture(house.renderer.submitted[0])
    calls = iter([house.clock()])

    def dies_at_the_second() -> Any:
        try:
            return next(calls)
        except StopIteration:
            raise Killed from None

    with pytest.raises(Killed):
        judged(house, request, clock=dies_at_the_second)
    assert house.load(request.id).state is State.RENDERED
    house.blobs.put(f"jobs/{request.job_id}/{digest}.png", lost)
    ended = judged(house, request)
    assert (ended.state, ended.attempt) == (State.PLANNED, 2)


def test_a_share_of_the_good_ones_is_looked_at_by_a_human(house: House) -> None:
    house.put_on_sale(house.write_collection(review={"sample": 1}))
    request = house.bring_to(State.IN_REVIEW)
    assert request.candidate is not None
    assert house.waiting("publish") == []
    house.run(publish.publish, job_of(request))
    assert house.load(request.id).state is State.IN_REVIEW
