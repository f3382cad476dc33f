"""What every renderer must do. An adapter's test derives from `RendererBehaviour` and brings the fixtures."""

from __future__ import annotations

import hashlib
import threading

import pytest

from shared.errors import MonoprintError
from shared.messages import Prompt, RenderJob, RenderResult, image_key, result_key
from shared.ports.blobs import Blobs
from shared.ports.renderer import Renderer
from shared.quality.technical import inspect


class RendererBehaviour:
    @pytest.fixture
    def blobs(self) -> Blobs:
        raise NotImplementedError

    @pytest.fixture
    def renderer(self, blobs: Blobs) -> Renderer:
        raise NotImplementedError

    @pytest.fixture
    def job(self) -> RenderJob:
        """A job of a collection that was published into `blobs`."""
        raise NotImplementedError

    def result(self, blobs: Blobs, job: RenderJob) -> RenderResult:
        return RenderResult.model_validate_json(blobs.get(result_key(job.job_id)))

    def test_a_job_ends_with_a_result_and_sound_pictures(
        self, renderer: Renderer, blobs: Blobs, job: RenderJob
    ) -> None:
        assert renderer.submit(job)
        result = self.result(blobs, job)
        assert result.status == "rendered"
        assert len(result.images) == job.candidates
        for image in result.images:
            data = blobs.get(image_key(job.job_id, image.sha256))
            assert hashlib.sha256(data).hexdigest() == image.sha256
            assert image.bytes == len(data)
            inspect(data, width_px=job.width_px, height_px=job.height_px, max_bytes=1 << 24)
        assert result.renderer.count("/") == 1
        assert result.versions

    def test_fault_13_the_same_job_again_keeps_the_first_result(
        self, renderer: Renderer, blobs: Blobs, job: RenderJob
    ) -> None:
        renderer.submit(job)
        before = self.result(blobs, job)
        keys = list(blobs.keys(f"jobs/{job.job_id}/"))
        renderer.submit(job)
        assert self.result(blobs, job) == before
        assert list(blobs.keys(f"jobs/{job.job_id}/")) == keys

    def test_fault_13_two_at_once_leave_one_result(self, renderer: Renderer, blobs: Blobs, job: RenderJob) -> None:
        threads = [threading.Thread(target=renderer.submit, args=(job,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert self.result(blobs, job).status == "rendered"

    def test_another_seed_is_another_picture(self, renderer: Renderer, blobs: Blobs, job: RenderJob) -> None:
        other = job.model_copy(update={"job_id": job.job_id[:-1] + "2", "seed": job.seed + 1})
        renderer.submit(job)
        renderer.submit(other)
        assert self.result(blobs, job).images[0].sha256 != self.result(blobs, other).images[0].sha256

    def test_an_unknown_collection_is_refused_and_leaves_nothing(
        self, renderer: Renderer, blobs: Blobs, job: RenderJob
    ) -> None:
        with pytest.raises(MonoprintError):
            renderer.submit(job.model_copy(update={"collection_digest": "0" * 64}))
        assert not blobs.exists(result_key(job.job_id))

    def test_words_of_the_prompt_leave_no_trace_in_the_picture(
        self, renderer: Renderer, blobs: Blobs, job: RenderJob
    ) -> None:
        """What is pinned is public: a renderer that writes its prompt into the file would tell it to everyone."""
        secret = Prompt(positive="a prompt of vermilion herons", negative="nothing")
        renderer.submit(job.model_copy(update={"prompt": secret}))
        data = blobs.get(image_key(job.job_id, self.result(blobs, job).images[0].sha256))
        assert b"vermilion" not in data
        assert b"tEXt" not in data
