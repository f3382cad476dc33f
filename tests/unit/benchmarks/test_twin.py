"""What `make bench-twin` counts with: sound pictures, ever new collectors, and differences of readings."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from benchmarks import twin
from benchmarks.metered import STOPS, Calls, Reading
from benchmarks.null_renderer import NullRenderer, picture
from shared.clock import utc_now
from shared.messages import Prompt, RenderJob, RenderResult, image_key, result_key
from shared.ports.blobs.folder import FolderBlobs
from shared.profile.sources import Collector
from shared.quality.technical import inspect


def test_a_null_picture_is_sound_and_no_two_jobs_have_the_same() -> None:
    pictures = [picture(twin.SIDE_PX, f"{'ab' * 32}-{attempt}") for attempt in (1, 2)]
    for data in pictures:
        inspect(data, width_px=twin.SIDE_PX, height_px=twin.SIDE_PX, max_bytes=1 << 20)
    assert pictures[0] != pictures[1]


def test_a_null_job_has_one_result(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, utc_now)
    job = RenderJob(
        job_id="ab" * 32 + "-1",
        collection_digest="0" * 64,
        values={},
        prompt=Prompt(positive="", negative=""),
        seed=7,
        width_px=twin.SIDE_PX,
        height_px=twin.SIDE_PX,
    )
    renderer = NullRenderer(blobs, utc_now)
    for _ in range(2):
        assert not renderer.alive(renderer.submit(job))
    result = RenderResult.model_validate_json(blobs.get(result_key(job.job_id)))
    assert blobs.exists(image_key(job.job_id, result.images[0].sha256))
    assert len(list(blobs.keys("jobs/"))) == 2


def test_every_collector_is_another_one_with_data_that_the_sample_takes() -> None:
    collection = twin.on_sale().collection
    people = list(islice(twin.collectors(), 20))
    read = [Collector.parse(body, collection) for _, body in people]
    assert [one.owner.lower() for one in read] == [owner for owner, _ in people]
    assert len({one.owner for one in read}) == len({one.collector for one in read}) == 20
    assert any(one.data.given() for one in read)


def test_a_mint_is_told_its_share_of_what_was_spent() -> None:
    before = Reading({"mint": Calls(10, 100.0, 1000.0)}, {"mint": 200.0, "chain": 5.0}, 1000.0, 50.0)
    after = Reading({"mint": Calls(14, 140.0, 1400.0)}, {"mint": 248.0, "chain": 9.0}, 1080.0, 70.0)
    told = twin.cpu(4, before, after)
    assert told["stops"]["mint"] == {"calls": 1.0, "handler_ms": 10.0, "carrying_ms": 2.0, "call_wall_ms": 100.0}
    assert told["cpu_ms_per_mint"] == 25.0
    assert told["cpu_ms"] == dict.fromkeys(STOPS, 0.0) | {
        "mint": 12.0,
        "chain_watch": 1.0,
        "beside": 7.0,
        "anvil": 5.0,
    }
    assert sum(told["cpu_ms"].values()) == pytest.approx(told["cpu_ms_per_mint"])
