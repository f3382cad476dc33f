"""A renderer that leaves what it is told to, or a picture made of its seed."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from shared.clock import Clock
from shared.messages import RenderedImage, RenderJob, RenderResult, image_key, result_key
from shared.ports.blobs import Blobs


@lru_cache(maxsize=64)
def picture(seed: int, side_px: int = 256) -> bytes:
    """A sound picture: squares of chance."""
    squares = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(squares.repeat(side_px // 8, 0).repeat(side_px // 8, 1)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


class FakeRenderer:
    """`next` holds what the next jobs leave, each the pictures of one job; when it is empty, a sound one."""

    def __init__(self, blobs: Blobs, clock: Clock) -> None:
        self.blobs = blobs
        self.clock = clock
        self.next: list[list[bytes]] = []
        self.submitted: list[RenderJob] = []
        self.errors: list[Exception] = []
        self.slow = False
        """Takes jobs and leaves nothing yet."""

    def submit(self, job: RenderJob) -> str:
        self.submitted.append(job)
        if self.errors:
            raise self.errors.pop(0)
        if not self.slow and not self.blobs.exists(result_key(job.job_id)):
            self.leave(job, *(self.next.pop(0) if self.next else [picture(job.seed, job.width_px)]))
        return job.job_id

    def alive(self, call: str) -> bool:
        return self.slow

    def leave(self, job: RenderJob, *pictures: bytes, **changes: Any) -> bool:
        """Pictures, then the result; False when the job has a result already. `changes` are of the result."""
        images = []
        for data in pictures:
            sha256 = hashlib.sha256(data).hexdigest()
            self.blobs.put(image_key(job.job_id, sha256), data, content_type="image/png")
            images.append(RenderedImage(sha256=sha256, seed=job.seed, bytes=len(data)))
        result = RenderResult(
            job_id=job.job_id,
            status="rendered",
            images=tuple(images),
            renderer="fake/1",
            width_px=job.width_px,
            height_px=job.height_px,
            started_at=self.clock(),
            seconds=1.5,
            cost_microusd=70,
        ).model_copy(update=changes)
        return self.blobs.put(result_key(job.job_id), result.body().encode(), content_type="application/json")
