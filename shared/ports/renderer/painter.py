"""The painter as a renderer: paints the sketch of a plan on this machine's CPU, while the caller waits.

`painter://?blobs=<the blobs' URL, percent-encoded>`. A picture takes seconds and bills nothing, so a second painting
after a crash is harmless: it makes the same bytes under the same key.
"""

from __future__ import annotations

import hashlib
import io
import platform
import time
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.clock import Clock
from shared.collection import store
from shared.collection.scene import scene
from shared.errors import Rejected, Transient
from shared.messages import RenderedImage, RenderJob, RenderResult, image_key, result_key
from shared.observe import Log, log_error
from shared.painting import raster
from shared.painting.paint import paint
from shared.ports.blobs import Blobs
from shared.ports.open import open_port, parse_url

NAME = "painter/1"
_PNG_LEVEL = 3
"""Of zlib. Level 9 takes ten times as long for a twentieth of the bytes."""


class PainterRenderer:
    def __init__(self, blobs: Blobs, clock: Clock):
        self._blobs = blobs
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> PainterRenderer:
        blobs = parse_url("renderer", url, options=("blobs",)).text("blobs")
        return cls(open_port("blobs", blobs, clock=clock), clock)

    def submit(self, job: RenderJob) -> str:
        """Paint and leave the result; returns when it is there. A failure is a result too."""
        if self._blobs.exists(result_key(job.job_id)):
            return job.job_id
        if job.width_px != job.height_px:
            raise Rejected(f"painter: got {job.width_px} x {job.height_px} px, wanted a square")
        loaded = store.load(self._blobs, job.collection_digest)
        started_at, started = self._clock(), time.perf_counter()
        images: list[RenderedImage] = []
        error: str | None = None
        try:
            picture = scene(loaded.collection, job.values, loaded.layers)
            for candidate in range(job.candidates):
                seed = job.seed + candidate
                images.append(self._keep(job, seed, _png(paint(picture, seed, job.width_px))))
        except Transient:
            raise  # the store is out of reach: nothing can be left there either
        except Exception as fault:  # noqa: BLE001 - whatever it was, the job must end with a result
            log_error(Log.STEP_FAILED, fault)
            images, error = [], f"{type(fault).__name__} while painting"
        result = RenderResult(
            job_id=job.job_id,
            status="failed" if error else "rendered",
            images=tuple(images),
            error=error,
            renderer=NAME,
            versions=_versions(),
            width_px=job.width_px,
            height_px=job.height_px,
            started_at=started_at,
            seconds=round(time.perf_counter() - started, 3),
        )
        self._blobs.put(result_key(job.job_id), result.body().encode(), content_type="application/json")
        return job.job_id

    def close(self) -> None:
        self._blobs.close()

    def alive(self, call: str) -> bool:
        """Never: a painting lives in the call that asked for it."""
        return False

    def _keep(self, job: RenderJob, seed: int, data: bytes) -> RenderedImage:
        sha256 = hashlib.sha256(data).hexdigest()
        self._blobs.put(image_key(job.job_id, sha256), data, content_type="image/png")
        return RenderedImage(sha256=sha256, seed=seed, bytes=len(data))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()


def _versions() -> dict[str, str]:
    named = ("numpy", "opencv-python-headless", "pillow")
    return {
        "python": platform.python_version(),
        "rasteriser": raster.rasteriser().__module__.rpartition("_")[2],
        **{n: version(n) for n in named},
    }
