"""Stop 5, HTTP: the creative director's queue and verdicts. Only a key with the role `review` approves."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from shared.clock import Clock
from shared.errors import Conflict, Mismatch, NotFound
from shared.messages import RequestJob
from shared.model import Model
from shared.observe import concerns
from shared.ports.blobs import Blobs
from shared.ports.ledger import Ledger
from shared.ports.queue import Queue
from shared.records import accounts, requests
from shared.records.accounts import Caller, Role
from shared.request import Digest, Event, MintRequest, State
from shared.runtime import HttpCall, Reply, http_handler
from shared.settings import ReviewSettings
from shared.story import story


class Verdict(Model):
    """`candidate` is the sha256 of the picture that was looked at: a verdict on an older one is refused."""

    verdict: Literal["approve", "reject", "redraw"]
    candidate: Digest | None = None
    note: str = Field(default="", max_length=500)


_EVENTS = {"approve": Event.APPROVED, "reject": Event.REJECTED, "redraw": Event.REDRAWN}


def list_queue(call: HttpCall, *, ledger: Ledger, blobs: Blobs, clock: Clock) -> Reply:
    """GET what waits for a human, the longest waiting first."""
    caller = accounts.authenticate(ledger, call.headers.get("x-api-key"), Role.REVIEW)
    waiting = requests.waiting_in(ledger, State.IN_REVIEW, before=clock())
    return Reply(200, {"requests": [story(ledger, blobs, r) for r in waiting if caller.may_touch(r.collection)]})


def give_verdict(
    call: HttpCall, *, ledger: Ledger, blobs: Blobs, render_queue: Queue, publish_queue: Queue, clock: Clock
) -> Reply:
    """POST a verdict on a request's candidate. The same verdict twice is one transition and two good answers.

    Raises: `Mismatch` for a candidate that is no longer the current one, for a request that waits for no verdict, and
    for whoever lost a race against another verdict (told which one won).
    """
    caller = accounts.authenticate(ledger, call.headers.get("x-api-key"), Role.REVIEW)
    request = requests.find(ledger, call.path["request_id"])
    if request is None or not caller.may_touch(request.collection):
        raise NotFound(f"request: none with the id {call.path['request_id'][:64]!r} that this API key may review")
    concerns(request.id)
    verdict = Verdict.model_validate(call.json())
    moved = _decide(request, verdict, caller, ledger, clock)
    follow_up = RequestJob(request_id=moved.id, attempt=moved.attempt).body()
    if moved.state is State.APPROVED:
        publish_queue.send(follow_up)
    elif moved.state is State.PLANNED:
        render_queue.send(follow_up)
    return Reply(200, story(ledger, blobs, moved))


def _decide(request: MintRequest, verdict: Verdict, caller: Caller, ledger: Ledger, clock: Clock) -> MintRequest:
    given = requests.label_of(ledger, request, verdict.candidate)
    if given is not None:
        return _repeated(request, verdict, given)
    if request.state is not State.IN_REVIEW:
        raise Mismatch(f"request: got one that is {request.state}, wanted one that is in_review")
    if verdict.candidate != request.candidate:
        raise Mismatch(f"candidate: got {verdict.candidate}, wanted the picture under review, {request.candidate}")
    if verdict.verdict == "approve" and request.candidate is None:
        raise Mismatch("verdict: got approve, wanted reject or redraw: this attempt left no picture to approve")
    label = requests.label(request, verdict.verdict, caller.account, verdict.note, clock())
    try:
        cause = f"a reviewer: {verdict.verdict}"  # who it was stands in the label; the history is the collector's
        return requests.move(ledger, request, _EVENTS[verdict.verdict], clock(), cause=cause, also=[label])
    except Conflict as error:
        given = requests.label_of(ledger, request, verdict.candidate)
        if given is None:
            raise
        try:
            return _repeated(requests.load(ledger, request.id), verdict, given)
        except Mismatch as lost:
            raise lost from error


def _repeated(request: MintRequest, verdict: Verdict, given: dict[str, Any]) -> MintRequest:
    if given["verdict"] != verdict.verdict:
        raise Mismatch(
            f"verdict: got {verdict.verdict}, but {given['reviewer']} gave another before: {given['verdict']}"
        )
    return request


handler = http_handler(
    ReviewSettings,
    {
        "GET /v1/review": list_queue,
        "POST /v1/requests/{request_id}/verdict": give_verdict,
    },
)
