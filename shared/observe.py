"""Log and metric names, in one place. A line says what happened, snake_case and past tense, with the fixed keys.

Every line is a metric too: it carries CloudWatch's embedded metric format, which counts it under the line's own name,
and its `duration_ms` if it has one. So there is one list of names, and each point of a graph leads to its lines.

A request's id is its correlation id: derived when the collector taps, carried in every message, and so in every line
from tap to token. A line that concerns no request yet has the id of the call or of the schedule's event.

Never in a log: a collector's data, prompt text, a key, a signature, an error's message from outside.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any, TypedDict, Unpack

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from shared.errors import Defect
from shared.request import MintRequest

NAMESPACE = "Monoprint"
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "monoprint")
"""The logger's own setting. On AWS it names the stage, so that two in one account do not mix."""

logger = Logger(service=SERVICE, utc=True)
"""Writes JSON lines to standard output, where Lambda collects them; the twin points it at a file."""
logger.remove_keys(["location"])  # it would always be the place of `log` below


class Log(StrEnum):
    """Every event that a line may tell of, and that is counted."""

    REQUEST_FILED = "request_filed"
    REQUEST_MOVED = "request_moved"
    REQUEST_WOKEN = "request_woken"
    STEP_FINISHED = "step_finished"
    STEP_DEFERRED = "step_deferred"
    STEP_REJECTED = "step_rejected"
    STEP_FAILED = "step_failed"
    CALL_ANSWERED = "call_answered"
    CALL_FAILED = "call_failed"
    RUN_FINISHED = "run_finished"
    TRANSACTION_REBROADCAST = "transaction_rebroadcast"


class Fields(TypedDict, total=False):
    """Every key that a line may have, besides what the logger itself writes (level, message, timestamp, service)."""

    correlation_id: str | None
    stop: str
    request_id: str | None
    collection: str
    state: str
    attempt: int
    token_id: str | None
    tx_hash: str | None
    duration_ms: float
    route: str
    status: int
    message_id: str
    error: str
    where: str | None
    detail: str | None


@dataclass(frozen=True)
class _Doing:
    stop: str
    correlation_id: str | None


_doing: ContextVar[_Doing | None] = ContextVar("doing", default=None)


@contextmanager
def doing(stop: str, correlation_id: str | None) -> Iterator[None]:
    """What is logged inside is this stop's and concerns this: a request, or for now the call that may lead to one."""
    token = _doing.set(_Doing(stop, correlation_id))
    try:
        yield
    finally:
        _doing.reset(token)


def concerns(request_id: str) -> None:
    """From here on what is being done concerns this request."""
    if now := _doing.get():
        _doing.set(replace(now, correlation_id=request_id))


def log(event: Log, **fields: Unpack[Fields]) -> None:
    """One line, counted."""
    logger.info(event.value, extra=_line(event, fields))


def log_request(event: Log, request: MintRequest) -> None:
    log(
        event,
        request_id=request.id,
        collection=request.collection,
        state=request.state.value,
        attempt=request.attempt,
        token_id=request.token_id,
        tx_hash=request.tx_hash,
    )


def log_error(event: Log, error: BaseException, /, **fields: Unpack[Fields]) -> None:
    """What kind of error, and where it was raised. Its text only of a `Defect`, which names a setting, a resource or a
    denied action and quotes nobody: messages of all others may quote data."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_code.co_filename.rpartition('/')[2]}:{frame.tb_lineno}" if frame else None
    told: Fields = {"error": type(error).__name__, "where": where}
    if isinstance(error, Defect) and not error.quotes:
        told["detail"] = str(error)
    told.update(fields)
    logger.error(event.value, extra=_line(event, told))


def _line(event: Log, fields: Fields) -> dict[str, Any]:
    now = _doing.get()
    line: dict[str, Any] = {"stop": now.stop} if now else {}
    line |= {name: value for name, value in fields.items() if value is not None}
    concerned = fields.get("request_id") or (now and now.correlation_id)
    if concerned:
        line["correlation_id"] = concerned
    return {**line, **_metrics(event, line)}


def _metrics(event: Log, line: Mapping[str, Any]) -> Mapping[str, Any]:
    """The line's numbers in CloudWatch's embedded metric format, by stop, and a move's by state."""
    by = "state" if event is Log.REQUEST_MOVED else "stop"
    form = _form(event, by if by in line else None, timed="duration_ms" in line)
    numbers = {"duration_ms": [float(line["duration_ms"])]} if "duration_ms" in line else {}
    names = {by: line[by]} if by in line else {}
    return {**form, **names, **numbers, "_aws": {**form["_aws"], "Timestamp": time.time_ns() // 1_000_000}}


@cache  # what differs from line to line is put in above; made anew for each it is a third of a line's cost
def _form(event: Log, by: str | None, *, timed: bool) -> Mapping[str, Any]:
    counted = AmazonCloudWatchEMFProvider(
        namespace=NAMESPACE, service=SERVICE, metric_set={}, dimension_set={}, metadata_set={}, default_dimensions={}
    )
    if by is not None:
        counted.add_dimension(by, "to be put in")
    counted.add_metric(event.value, "Count", 1)
    if timed:
        counted.add_metric("duration_ms", "Milliseconds", 0)
    return {**counted.serialize_metric_set()}
