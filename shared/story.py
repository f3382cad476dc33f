"""A request's whole story, as its collector reads it: where it is, what happened, why the print looks as it does."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

from shared.messages import image_key
from shared.ports.blobs import Blobs
from shared.ports.ledger import Ledger
from shared.publishing.cid import token_uri
from shared.records import holds, requests
from shared.request import MintRequest, State, Transition


def receipt(request: MintRequest) -> dict[str, Any]:
    """What filing answers. Only what never changes, so that every repetition is answered alike."""
    return {
        "id": request.id,
        "collection": request.collection,
        "collection_digest": request.collection_digest,
        "quote": request.quote.model_dump(),
        "filed_at": request.created_at.isoformat(),
        "story": f"/v1/requests/{request.id}",
    }


def story(ledger: Ledger, blobs: Blobs, request: MintRequest) -> dict[str, Any]:
    """Everything that the request's owner may see. Traits carry their reasons; the picture is a short-lived URL."""
    lines = requests.history(ledger, request.id)
    held = holds.held(ledger, request.id)
    told: dict[str, Any] = receipt(request) | {
        "state": request.state.value,
        "open": request.open,
        "attempt": request.attempt,
        "owner": request.owner,
        "reason": request.reason,
        "traits": [choice.model_dump() for choice in held.plan.choices] if held else [],
        "planner": held.plan.planner if held else None,
        "history": [line.model_dump(mode="json") for line in lines],
        "seconds": seconds_per_stop(request.created_at, lines),
        "picture": None,
        "token": None,
    }
    if request.candidate:
        url = blobs.presign(
            image_key(request.job_id, request.candidate), filename=f"{request.collection}-{request.id[:8]}.png"
        )
        told["picture"] = {"sha256": request.candidate, "url": url}
    if request.metadata_digest:
        told["metadata"] = {"digest": request.metadata_digest, "uri": token_uri(request.metadata_digest)}
    if request.token_id:
        token = {"token_id": request.token_id, "tx_hash": request.tx_hash, "gas_used": request.gas_used}
        told["token"] = token | {"final": request.state is State.MINTED}
    return told


_STOP = {
    State.RECEIVED: "plan",
    State.AWAITING_PAYMENT: "payment",
    State.PLANNED: "render",
    State.RENDERING: "render",
    State.RENDERED: "judge",
    State.IN_REVIEW: "review",
    State.APPROVED: "publish",
    State.AWAITING_CHOICE: "choice",
    State.PUBLISHED: "mint",
    State.MINTING: "confirm",
    State.OFFERED: "claim",
    State.PARKED: "parked",
    State.MINTED: "minted",
}
"""Which stop takes a request out of a state; the time in that state is the stop's, its queue included."""


def seconds_per_stop(filed_at: datetime, lines: list[Transition]) -> dict[str, float]:
    """How long each stop took, in seconds, its queue included; visits of the same stop are added up."""
    spent: dict[str, float] = {}
    times = [filed_at, *(line.at for line in lines)]
    for (entered, left), line in zip(pairwise(times), lines, strict=True):
        stop = _STOP[line.before]
        spent[stop] = round(spent.get(stop, 0.0) + (left - entered).total_seconds(), 3)
    return spent
