"""Stop 3: hand the job to the renderer under a job id that names its attempt."""

from __future__ import annotations

import hashlib

from shared.clock import Clock
from shared.collection import published
from shared.errors import Defect
from shared.messages import RenderJob, RequestJob
from shared.ports.blobs import Blobs
from shared.ports.ledger import Ledger
from shared.ports.renderer import Renderer
from shared.records import holds, requests
from shared.request import Event, State
from shared.runtime import queue_handler
from shared.settings import RenderSettings


def render(job: RequestJob, *, ledger: Ledger, blobs: Blobs, renderer: Renderer, clock: Clock) -> None:
    """Start the picture of this attempt. Its `result.json` wakes `judge`; this stop sends no message.

    The state moves first: a result can only come for a request that is `rendering`, and a crash between the two is
    mended by the redelivery, since a renderer takes the same job any number of times.
    """
    request = requests.load(ledger, job.request_id)
    if request.attempt != job.attempt:
        return
    if request.state is State.PLANNED:
        request = requests.move(ledger, request, Event.RENDER_STARTED, clock(), cause="handed to the renderer")
    if request.state is not State.RENDERING:
        return
    held = holds.held(ledger, request.id)
    if held is None:
        raise Defect(f"request {request.id[:8]} is {request.state} and holds no plan")
    with requests.ended_by_rejection(ledger, request, clock):
        side_px = published.load_dna(blobs, request.collection_digest).publish_px
        renderer.submit(
            RenderJob(
                job_id=request.job_id,
                collection_digest=request.collection_digest,
                values=held.plan.values,
                prompt=held.prompt,
                seed=seed_of(request.job_id),
                width_px=side_px,
                height_px=side_px,
            )
        )


def seed_of(job_id: str) -> int:
    """63 bits from the job id: a redraw is another seed, a redelivery the same one."""
    return int.from_bytes(hashlib.shake_128(f"seed/{job_id}".encode()).digest(8), "big") >> 1


handler = queue_handler(render, RenderSettings)
