"""Handing a job to the renderer: as often as it takes, always the same job."""

from __future__ import annotations

import pytest

from functions import render
from functions.render import seed_of
from shared.errors import Rejected, Transient
from shared.messages import RenderJob, result_key
from shared.records import holds
from shared.request import State
from tests.unit.functions.house import WORDS, House, job_of


def test_a_job_names_all_that_a_renderer_needs_and_nothing_of_a_collector(house: House) -> None:
    request = house.bring_to(State.RENDERING)
    held = holds.held(house.ledger, request.id)
    (job,) = house.renderer.submitted
    assert held is not None
    assert job == RenderJob(
        job_id=f"{request.id}-1",
        collection_digest=request.collection_digest,
        values=held.plan.values,
        prompt=held.prompt,
        seed=seed_of(f"{request.id}-1"),
        width_px=256,
        height_px=256,
    )
    described = [value.prompt for _, _, value in house.collection.each_value()]
    assert sum(words in job.prompt.positive for words in described) == len(house.collection.traits)
    assert job.prompt.negative == "blurred smear"
    assert not any(word in job.body() for word in (WORDS, "collector-1", request.owner, "lighthouse"))


def test_fault_06_a_message_that_comes_twice_is_one_result(house: House) -> None:
    request = house.bring_to(State.PLANNED)
    house.run(render.render, job_of(request))
    kept = house.dump()
    house.run(render.render, job_of(request))
    assert house.dump() == kept
    assert house.renderer.submitted[0] == house.renderer.submitted[1]


@pytest.mark.parametrize("state", [State.APPROVED, State.PUBLISHED, State.MINTED])
def test_fault_07_12_a_message_that_comes_late_renders_nothing(house: House, state: State) -> None:
    request = house.bring_to(state)
    before = house.dump()
    house.run(render.render, job_of(request))
    assert house.dump() == before
    assert len(house.renderer.submitted) == 1


def test_a_message_of_another_attempt_renders_nothing(house: House) -> None:
    request = house.bring_to(State.PLANNED)
    before = house.dump()
    house.run(render.render, job_of(request, attempt=2))
    assert house.dump() == before


def test_fault_10_a_renderer_that_cannot_take_it_now_gets_the_same_job_again(house: House) -> None:
    request = house.bring_to(State.PLANNED)
    house.renderer.errors.append(Transient("renderer: busy"))
    with pytest.raises(Transient):
        house.run(render.render, job_of(request))
    assert house.load(request.id).state is State.RENDERING
    house.run(render.render, job_of(request))
    assert house.renderer.submitted[0] == house.renderer.submitted[1]
    assert house.events(request.id) == ["planned", "render_started"]
    assert house.blobs.exists(result_key(request.job_id))


def test_a_job_that_no_renderer_will_ever_take_ends_the_request(house: House) -> None:
    request = house.bring_to(State.PLANNED)
    house.renderer.errors.append(Rejected("renderer: got 256 px, wanted 512"))
    with pytest.raises(Rejected):
        house.run(render.render, job_of(request))
    ended = house.load(request.id)
    assert (ended.state, ended.reason) == (State.REJECTED, "renderer: got 256 px, wanted 512")
    assert holds.used_supply(house.ledger, house.slug) == 0


def test_another_attempt_is_another_seed_and_each_fits_what_a_renderer_takes() -> None:
    seeds = {seed_of(f"{'ab' * 32}-{attempt}") for attempt in range(1, 200)}
    assert len(seeds) == 199
    assert all(0 <= seed < 2**63 for seed in seeds)
