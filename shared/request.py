"""The mint request: its states, the one table of transitions, and `advance()`. Pure: no clock, no store.

    received -> [awaiting_payment] -> planned -> rendering -> rendered -> approved -> [awaiting_choice] -> published
                                        ^                        |  \\                     |
                                        |------- redraw ---------|   -> in_review         |  reroll -> planned
    published -> minting -> minted                  minting -> minting (signed anew: its nonce was used elsewhere)
             \\-> offered -> minted | expired          offered -> offered (re-issued)
    any open state -> parked (reason, resumes where it was) | rejected | failed | cancelled

`minted` is final for people, and reversible for the chain alone: until finality a reorg leads back to `minting`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, StringConstraints

from shared.errors import Mismatch
from shared.model import Model

RequestId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def derive_id(salt: bytes, collection: str, account: str, idempotency_key: str) -> str:
    """The request's id: HMAC-SHA256 over the three parts, each with its length in front, 64 hex digits.

    The same call always makes the same id, which is why the salt is never rotated. The account and not its API key,
    so that a rotated key cannot mint twice. A drop's account is its window and its key the wallet; a trigger's key is
    the event's id. The id is public on chain and grants nothing.
    """
    parts = (part.encode() for part in (collection, account, idempotency_key))
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.new(salt, message, hashlib.sha256).hexdigest()


class State(StrEnum):
    RECEIVED = "received"
    AWAITING_PAYMENT = "awaiting_payment"
    PLANNED = "planned"
    RENDERING = "rendering"
    RENDERED = "rendered"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    AWAITING_CHOICE = "awaiting_choice"
    PUBLISHED = "published"
    MINTING = "minting"
    OFFERED = "offered"
    PARKED = "parked"
    MINTED = "minted"
    EXPIRED = "expired"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What happened to a request, in the past tense."""

    PAYMENT_ASKED = "payment_asked"
    PLANNED = "planned"
    RENDER_STARTED = "render_started"
    RENDERED = "rendered"
    APPROVED = "approved"
    REVIEW_ASKED = "review_asked"
    REDRAWN = "redrawn"
    CHOICE_OFFERED = "choice_offered"
    REROLLED = "rerolled"
    PUBLISHED = "published"
    MINT_SENT = "mint_sent"
    OFFERED = "offered"
    REOFFERED = "reoffered"
    MINTED = "minted"
    EXPIRED = "expired"
    REORGED = "reorged"
    PARKED = "parked"
    RESUMED = "resumed"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({State.MINTED, State.EXPIRED, State.REJECTED, State.FAILED, State.CANCELLED})

_S, _E = State, Event
_ENDS = {_E.REJECTED: _S.REJECTED, _E.FAILED: _S.FAILED, _E.CANCELLED: _S.CANCELLED}
_JOURNEY: dict[State, dict[Event, State]] = {
    _S.RECEIVED: {_E.PAYMENT_ASKED: _S.AWAITING_PAYMENT, _E.PLANNED: _S.PLANNED},
    _S.AWAITING_PAYMENT: {_E.PLANNED: _S.PLANNED},
    _S.PLANNED: {_E.RENDER_STARTED: _S.RENDERING},
    _S.RENDERING: {_E.RENDERED: _S.RENDERED},
    _S.RENDERED: {_E.APPROVED: _S.APPROVED, _E.REVIEW_ASKED: _S.IN_REVIEW, _E.REDRAWN: _S.PLANNED},
    _S.IN_REVIEW: {_E.APPROVED: _S.APPROVED, _E.REDRAWN: _S.PLANNED},
    _S.APPROVED: {_E.CHOICE_OFFERED: _S.AWAITING_CHOICE, _E.PUBLISHED: _S.PUBLISHED},
    _S.AWAITING_CHOICE: {_E.PUBLISHED: _S.PUBLISHED, _E.REROLLED: _S.PLANNED},
    _S.PUBLISHED: {_E.MINT_SENT: _S.MINTING, _E.OFFERED: _S.OFFERED},
    _S.MINTING: {_E.MINTED: _S.MINTED, _E.MINT_SENT: _S.MINTING},  # signed anew: its nonce was used elsewhere
    _S.OFFERED: {_E.MINTED: _S.MINTED, _E.EXPIRED: _S.EXPIRED, _E.REOFFERED: _S.OFFERED},
}

TRANSITIONS: Mapping[State, Mapping[Event, State]] = MappingProxyType(
    {
        **{state: {**onward, **_ENDS, _E.PARKED: _S.PARKED} for state, onward in _JOURNEY.items()},
        # RESUMED leads to the state it was parked in, which the request itself remembers.
        _S.PARKED: {_E.RESUMED: _S.PARKED, **_ENDS},
        _S.MINTED: {_E.REORGED: _S.MINTING},
        _S.EXPIRED: {},
        _S.REJECTED: {},
        _S.FAILED: {},
        _S.CANCELLED: {},
    }
)
_NEW_ATTEMPT = frozenset({Event.REDRAWN, Event.REROLLED})


class Quote(Model):
    """What this request costs and who pays, as it was told to the caller. Wei for money on chain."""

    price_wei: int = Field(ge=0)
    reroll_fee_wei: int = Field(ge=0)
    cost_microusd: int = Field(ge=0, description="what we expect to spend on it, in millionths of a dollar")


class MintRequest(Model):
    """One pull from one plate. Frozen: `advance()` makes the next one.

    `version` counts writes (the ledger's condition), `attempt` counts pictures (every job names its own).
    """

    id: RequestId
    collection: str
    collection_digest: Digest
    account: str
    collector: str = Field(description="the ledger's opaque id of the collector; no name, no address")
    owner: str = Field(description="checksummed address that the token is delivered to")
    quote: Quote
    state: State = State.RECEIVED
    version: int = Field(default=0, ge=0)
    attempt: int = Field(default=1, ge=1)
    created_at: datetime
    changed_at: datetime
    reason: str | None = Field(default=None, description="why it is parked or ended, for its collector")
    parked_in: State | None = None
    candidate: Digest | None = Field(default=None, description="sha256 of the picture that the verdict is about")
    metadata_digest: Digest | None = None
    token_id: str | None = Field(default=None, description="decimal")
    tx_hash: str | None = None
    contract: str | None = Field(default=None, description="which its transaction was signed for; never another")
    gas_used: int | None = None

    @property
    def open(self) -> bool:
        return self.state not in FINAL

    @property
    def job_id(self) -> str:
        """The render job of this attempt; one job id has one result."""
        return f"{self.id}-{self.attempt}"


class Transition(Model):
    """One line of a request's history. Carries ids and causes, never a collector's data."""

    version: int
    event: Event
    before: State
    after: State
    attempt: int
    at: datetime
    cause: str
    cost_microusd: int = 0


class IllegalTransition(Mismatch):
    """The event does not follow from the state; a stop that sees it has been overtaken and does nothing."""

    code = "illegal_transition"


_FACTS = frozenset({"candidate", "metadata_digest", "token_id", "tx_hash", "contract", "gas_used"})


def advance(
    request: MintRequest, event: Event, at: datetime, *, cause: str, cost_microusd: int = 0, **facts: str | int | None
) -> tuple[MintRequest, Transition]:
    """The request after `event`, and the line that its history gets. Pure and total.

    `facts` are what the event established: `candidate`, `metadata_digest`, `contract`, `tx_hash`, `token_id`,
    `gas_used`.

    Raises: `IllegalTransition` when TRANSITIONS has no such row.
    """
    after = TRANSITIONS[request.state].get(event)
    if after is None:
        allowed = ", ".join(TRANSITIONS[request.state]) or "nothing: the state is final"
        raise IllegalTransition(
            f"request {request.id[:8]}: got {event} while {request.state}, wanted one of: {allowed}"
        )
    if unknown := facts.keys() - _FACTS:
        raise TypeError(f"advance() knows no fact {sorted(unknown)}")
    changed: dict[str, object] = {**facts, "state": after, "version": request.version + 1, "changed_at": at}
    changed |= {"parked_in": None, "reason": None}
    if event is Event.RESUMED:
        changed["state"] = request.parked_in
    elif event is Event.PARKED:
        changed |= {"parked_in": request.state, "reason": cause}
    elif after in FINAL and after is not State.MINTED:
        changed["reason"] = cause
    if event in _NEW_ATTEMPT:
        changed |= {"attempt": request.attempt + 1, "candidate": None}
    moved = request.model_copy(update=changed)
    line = Transition(
        version=moved.version,
        event=event,
        before=request.state,
        after=moved.state,
        attempt=moved.attempt,
        at=at,
        cause=cause,
        cost_microusd=cost_microusd,
    )
    return moved, line
