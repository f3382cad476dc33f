"""Stop 6: picture and metadata become blocks with CIDs of our own, are stored, read back, and frozen.

The digest of the metadata is written to the ledger by its first writer, before a byte leaves the house; whoever comes
later publishes what was frozen. Nothing is signed for bytes that could not be fetched back.
"""

from __future__ import annotations

import hashlib
from typing import Any

from shared.clock import Clock
from shared.collection import published
from shared.errors import Conflict, Defect
from shared.messages import MINT_GROUP, RenderResult, RequestJob, image_key, result_key
from shared.ports.blobs import Blobs
from shared.ports.ledger import Ledger
from shared.ports.pinner import Pinner
from shared.ports.queue import Queue
from shared.publishing import car, unixfs
from shared.publishing.token import token_metadata
from shared.records import holds, requests
from shared.request import Event, MintRequest, State
from shared.runtime import queue_handler
from shared.settings import PublishSettings


def publish(
    job: RequestJob,
    *,
    ledger: Ledger,
    blobs: Blobs,
    pinner: Pinner,
    mint_queue: Queue,
    clock: Clock,
) -> None:
    """Store the approved picture and its metadata for good, and wake `mint`."""
    request = requests.load(ledger, job.request_id)
    if request.attempt != job.attempt:
        return
    if request.state is State.APPROVED:
        with requests.ended_by_rejection(ledger, request, clock):
            request = _publish(request, ledger, blobs, pinner, clock)
    if request.state is State.PUBLISHED:
        follow_up = RequestJob(request_id=request.id, attempt=request.attempt)
        mint_queue.send(follow_up.body(), group=MINT_GROUP)


def _publish(request: MintRequest, ledger: Ledger, blobs: Blobs, pinner: Pinner, clock: Clock) -> MintRequest:
    image = unixfs.build(_judged_picture(request, blobs))
    document = unixfs.build(_metadata(request, image, ledger, blobs))
    frozen = _freeze(ledger, request, digest=document.root.digest.hex(), image=str(image.root))
    if frozen["digest"] != document.root.digest.hex():
        raise Defect(f"request {request.id[:8]}: got other metadata than was frozen for it; a human must look")
    # Two archives, each with one root, since a pinning service keeps what its root reaches and no more.
    for name, dag in (("image", image), ("metadata", document)):
        archive = car.pack([dag])
        pinner.pin(str(dag.root), archive)
        blobs.put(f"tokens/{request.id}/{name}.car", archive, content_type="application/vnd.ipld.car")
    cause = f"stored and read back as {document.root}"
    return requests.move(
        ledger, request, Event.PUBLISHED, clock(), cause=cause, metadata_digest=document.root.digest.hex()
    )


def _judged_picture(request: MintRequest, blobs: Blobs) -> bytes:
    """The very bytes that the verdict was about: hashed again, whatever lies where they should."""
    if request.candidate is None:
        raise Defect(f"request {request.id[:8]} is {request.state} without a picture")
    data = blobs.get(image_key(request.job_id, request.candidate))
    if hashlib.sha256(data).hexdigest() != request.candidate:
        raise Defect(f"request {request.id[:8]}: the picture is not the one that was judged; a human must look")
    return data


def _metadata(request: MintRequest, image: unixfs.Dag, ledger: Ledger, blobs: Blobs) -> bytes:
    """The same bytes for the same request, whenever they are made: nothing here reads a clock."""
    held = holds.held(ledger, request.id)
    if held is None:
        raise Defect(f"request {request.id[:8]} is {request.state} and holds no plan")
    collection = published.load_dna(blobs, request.collection_digest)
    result = RenderResult.model_validate_json(blobs.get(result_key(request.job_id)))
    picture = next((one for one in result.images if one.sha256 == request.candidate), None)
    if picture is None:
        raise Defect(f"request {request.id[:8]}: the approved picture is not in its render receipt")
    return token_metadata(request, held, collection, result, picture, image)


def _freeze(ledger: Ledger, request: MintRequest, **frozen: str) -> dict[str, Any]:
    """Put if absent; the first writer's answer, whoever asks."""
    try:
        ledger.write(requests.freezing(request.id, frozen))
    except Conflict:
        return requests.frozen(ledger, request.id)
    return frozen


handler = queue_handler(publish, PublishSettings)
