"""Stop 4: look at what the renderer left, before any person or chain does.

Accept, ask a human, or redraw with another seed within the collection's budget. A picture is opened only after its
bytes were found to be what they claim; the hash in the receipt is checked, not believed.
"""

from __future__ import annotations

import hashlib

from pydantic import ValidationError

from shared.clock import Clock
from shared.collection import published
from shared.errors import NotFound
from shared.messages import JudgeJob, RenderResult, RequestJob, image_key, result_key
from shared.ports.blobs import Blobs
from shared.ports.ledger import Ledger
from shared.ports.queue import Queue
from shared.quality.technical import Faulty, inspect
from shared.records import requests
from shared.request import Event, MintRequest, State
from shared.runtime import queue_handler
from shared.settings import JudgeSettings

_BYTES_PER_PIXEL = 6
"""Upper bound of an honest 8-bit PNG, with room for its text chunks; more is refused unread."""
_NO_RECEIPT = "its result is no receipt of this job"


def judge(
    job: JudgeJob, *, ledger: Ledger, blobs: Blobs, render_queue: Queue, publish_queue: Queue, clock: Clock
) -> None:
    """Give a verdict on the job's result and wake the stop that follows from it. Old attempts are no-ops."""
    request = requests.load(ledger, job.request_id)
    if request.attempt == job.attempt and request.state in {State.RENDERING, State.RENDERED}:
        request = _verdict(request, job, ledger, blobs, clock)
    follow_up = RequestJob(request_id=request.id, attempt=request.attempt).body()
    if request.state is State.APPROVED and request.attempt == job.attempt:
        publish_queue.send(follow_up)
    elif request.state is State.PLANNED and request.attempt == job.attempt + 1:
        render_queue.send(follow_up)


def _verdict(request: MintRequest, job: JudgeJob, ledger: Ledger, blobs: Blobs, clock: Clock) -> MintRequest:
    result = _receipt(job, blobs)
    collection = published.load_dna(blobs, request.collection_digest)
    good, faults = _sound_images(result, blobs, collection.publish_px) if result else (None, _NO_RECEIPT)
    if request.state is State.RENDERING:
        cause = f"{result.renderer}: {result.status}" if result else _NO_RECEIPT
        cost = result.cost_microusd if result else 0
        request = requests.move(
            ledger, request, Event.RENDERED, clock(), cause=cause, cost_microusd=cost, candidate=good
        )
    # From here on what was recorded counts: the first look, were a second one to see it otherwise.
    if request.candidate is None and request.attempt <= collection.redraws:
        return requests.move(ledger, request, Event.REDRAWN, clock(), cause=faults)
    if request.candidate is None:
        cause = f"no sound picture in {request.attempt} attempts ({faults}): a human is asked"
        return requests.move(ledger, request, Event.REVIEW_ASKED, clock(), cause=cause)
    if _in_sample(request.id, collection.review.sample):
        return requests.move(ledger, request, Event.REVIEW_ASKED, clock(), cause="in the sample that a human looks at")
    return requests.move(ledger, request, Event.APPROVED, clock(), cause="technically sound")


def _receipt(job: JudgeJob, blobs: Blobs) -> RenderResult | None:
    """What the renderer says that it did; None for bytes that are no receipt of this very job. Raises `NotFound`."""
    try:
        result = RenderResult.model_validate_json(blobs.get(result_key(job.job_id)))
    except ValidationError:
        return None
    return result if result.job_id == job.job_id else None


def _sound_images(result: RenderResult, blobs: Blobs, side_px: int) -> tuple[str | None, str]:
    """The digest of the first sound picture, or None, and what was wrong with those before it."""
    faults = ["the renderer failed"] if result.status == "failed" else []
    limit = side_px * side_px * _BYTES_PER_PIXEL + 65_536
    for image in result.images:
        try:
            data = blobs.get(image_key(result.job_id, image.sha256))
            if hashlib.sha256(data).hexdigest() == image.sha256:
                inspect(data, width_px=side_px, height_px=side_px, max_bytes=limit)
                return image.sha256, ""
            faults.append("not the bytes of its receipt")
        except Faulty as fault:
            faults.append(fault.reason)
        except NotFound:
            faults.append("missing")
    return None, ", ".join(faults) or "the renderer left no picture"


def _in_sample(request_id: str, share: float) -> bool:
    """A fixed share of requests, chosen by their own ids: nobody can draw until they are skipped."""
    return int(request_id[:8], 16) / 2**32 < share


handler = queue_handler(judge, JudgeSettings, JudgeJob.from_bodies)
