"""Stop 9, cron: whatever sits too long in a state is woken again, or ended with a reason.

It covers the writes that no queue stands behind (HTTP), objects whose announcement was lost, and everything that
nobody thought of. Waking is only sending the message that the state is owed: every stop takes it any number of times.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.clock import Clock
from shared.messages import MINT_GROUP, JudgeJob, RequestJob, result_key
from shared.observe import Log, log_error, log_request
from shared.ports.blobs import Blobs
from shared.ports.ledger import Ledger
from shared.ports.queue import Queue
from shared.records import requests
from shared.request import Event, MintRequest, State
from shared.runtime import schedule_handler
from shared.settings import SweepSettings

_PATIENT = frozenset({State.AWAITING_PAYMENT, State.IN_REVIEW, State.AWAITING_CHOICE, State.OFFERED})
"""These wait for a person, not for a machine: they are never woken, but they end when their time is up."""
_UNENDING = frozenset({State.MINTING, State.OFFERED})
"""Signed for: the chain may still mint them, so the clock alone ends none of them."""
_LONGEST_WAIT = timedelta(hours=1)


def sweep(
    *,
    ledger: Ledger,
    blobs: Blobs,
    plan_queue: Queue,
    render_queue: Queue,
    judge_queue: Queue,
    publish_queue: Queue,
    mint_queue: Queue,
    confirm_queue: Queue,
    patience_s: float,
    give_up_s: float,
    clock: Clock,
) -> int:
    """Wake or end every request that nobody has seen to for longer than `patience_s`. Returns how many.

    One that cannot be woken is logged and does not hold up the others. One that no waking helps is woken less and less
    often, so that no queue and no history fills up with its wakings.
    """
    now, patience, give_up = clock(), timedelta(seconds=patience_s), timedelta(seconds=give_up_s)
    queues = {
        State.RECEIVED: plan_queue,
        State.PLANNED: render_queue,
        State.RENDERING: render_queue,
        State.RENDERED: judge_queue,
        State.APPROVED: publish_queue,
        State.PUBLISHED: mint_queue,
        State.MINTING: confirm_queue,
    }
    woken = 0
    for state in (*queues, *sorted(_PATIENT), State.PARKED):
        for request in requests.waiting_in(ledger, state, before=now - patience):
            try:
                since = requests.parked_since(ledger, request) if state is State.PARKED else request.changed_at
                if now - since > give_up and state not in _UNENDING:
                    where = f"was parked in {request.parked_in}" if state is State.PARKED else f"stood in {state}"
                    cause = f"it {where} and {give_up.days} days are over"
                    requests.move(ledger, request, Event.FAILED, now, cause=cause)
                elif state in _PATIENT:
                    continue
                elif (next_at := _next_waking(ledger, request, since, patience)) > now:
                    if state is State.PARKED:
                        requests.postpone(ledger, request, next_at - patience)
                    continue
                elif state is State.PARKED:
                    resumed = requests.move(ledger, request, Event.RESUMED, now, cause="tried again")
                    _wake(resumed, queues, judge_queue, blobs)
                else:
                    # First postponed: whoever sweeps at the same moment loses. `confirm` takes a time in the future for
                    # that of another message, and would not look.
                    later = timedelta(0) if state is State.MINTING else _wait(now - since, patience) - patience
                    _wake(requests.postpone(ledger, request, now + later), queues, judge_queue, blobs)
                woken += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, the other requests are seen to
                log_error(Log.STEP_DEFERRED, error, request_id=request.id)
    return woken


def _wait(stood: timedelta, patience: timedelta) -> timedelta:
    """Until it is woken again: as long as it has stood, at least the patience and at most an hour.

    A sweep without patience, the first of a start, waits for nothing.
    """
    return min(max(stood, patience), max(patience, _LONGEST_WAIT)) if patience else timedelta(0)


def _next_waking(ledger: Ledger, request: MintRequest, since: datetime, patience: timedelta) -> datetime:
    """Of a request that was not postponed until then: one in the park, or one that `confirm` postpones itself."""
    if request.state is State.PARKED:
        return request.changed_at + _wait(request.changed_at - since, patience)
    if request.state is State.MINTING and (seen_at := requests.due_at(ledger, request)):
        return seen_at + _wait(seen_at - since, patience)
    return since


def _wake(request: MintRequest, queues: dict[State, Queue], judge_queue: Queue, blobs: Blobs) -> None:
    if request.state not in queues:
        return
    log_request(Log.REQUEST_WOKEN, request)
    if request.state is State.RENDERED or (
        request.state is State.RENDERING and blobs.exists(result_key(request.job_id))
    ):
        judge_queue.send(JudgeJob(job_id=request.job_id).body())
        return
    job = RequestJob(request_id=request.id, attempt=request.attempt)
    group = MINT_GROUP if request.state is State.PUBLISHED else None
    queues[request.state].send(job.body(), group=group)


handler = schedule_handler(sweep, SweepSettings)
