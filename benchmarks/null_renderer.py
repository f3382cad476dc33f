"""Renderer `null://?blobs=...`: a sound picture that costs nothing, for measuring what a mint costs without it.

It belongs to the benchmark alone: one job has one result, as every renderer promises, but no collection is looked at.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from functools import cache

import numpy as np
from PIL import Image

from shared.clock import Clock
from shared.messages import RenderedImage, RenderJob, RenderResult, image_key, result_key
from shared.ports.blobs import Blobs
from shared.ports.open import open_port, parse_url


class NullRenderer:
    def __init__(self, blobs: Blobs, clock: Clock):
        self._blobs = blobs
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> NullRenderer:
        blobs = parse_url("renderer", url, options=("blobs",)).text("blobs")
        return cls(open_port("blobs", blobs, clock=clock), clock)

    def submit(self, job: RenderJob) -> str:
        """Leave the picture and the result at once."""
        if self._blobs.exists(result_key(job.job_id)):
            return job.job_id
        data = picture(job.width_px, job.job_id)
        image = RenderedImage(sha256=hashlib.sha256(data).hexdigest(), seed=job.seed, bytes=len(data))
        self._blobs.put(image_key(job.job_id, image.sha256), data, content_type="image/png")
        result = RenderResult(
            job_id=job.job_id,
            status="rendered",
            images=(image,),
            renderer="null/1",
            width_px=job.width_px,
            height_px=job.height_px,
            started_at=self._clock(),
            seconds=0.0,
        )
        self._blobs.put(result_key(job.job_id), result.body().encode(), content_type="application/json")
        return job.job_id

    def close(self) -> None:
        self._blobs.close()

    def alive(self, call: str) -> bool:
        del call
        return False


def picture(side_px: int, job_id: str) -> bytes:
    """One picture for all, with a comment of its own: as every print, it has bytes and a CID that no other has."""
    drawn = _drawn(side_px)
    comment = b"tEXtComment\0" + job_id.encode()
    chunk = (len(comment) - 4).to_bytes(4, "big") + comment + zlib.crc32(comment).to_bytes(4, "big")
    return drawn[:-_END_BYTES] + chunk + drawn[-_END_BYTES:]


_END_BYTES = 12
"""Of IEND, the last chunk of a PNG."""


@cache
def _drawn(side_px: int) -> bytes:
    """Waves: tones and edges as a picture has them, in 30 kB."""
    y, x = np.mgrid[:side_px, :side_px]
    waves = 128 + 60 * np.sin(x / 9) * np.cos(y / 13) + 30 * np.sin((x + y) / 5)
    pixels = (waves[..., np.newaxis] + (0, 20, -20)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
