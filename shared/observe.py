"""Log names, in one place. A line says what happened, snake_case and past tense, with the fixed keys.

Never in a log: a collector's data, prompt text, a key, a signature, an error's message from outside.
"""

from __future__ import annotations

from enum import StrEnum

from aws_lambda_powertools import Logger

from shared.request import MintRequest

logger = Logger(service="monoprint", utc=True)
"""Writes JSON lines to standard output, where Lambda collects them; the twin points it at a file."""


class Log(StrEnum):
    """Every event that a log line may carry."""

    REQUEST_MOVED = "request_moved"
    STEP_FINISHED = "step_finished"
    STEP_DEFERRED = "step_deferred"
    STEP_REJECTED = "step_rejected"
    STEP_FAILED = "step_failed"
    CALL_ANSWERED = "call_answered"
    CALL_FAILED = "call_failed"
    REQUEST_WOKEN = "request_woken"
    TRANSACTION_REBROADCAST = "transaction_rebroadcast"


def log(event: Log, **fields: object) -> None:
    """One line. Keys: request_id, collection, state, attempt, token_id, tx_hash, duration_ms, stop, error."""
    logger.info(event.value, extra=fields)


def log_request(event: Log, request: MintRequest, **fields: object) -> None:
    log(
        event,
        request_id=request.id,
        collection=request.collection,
        state=request.state.value,
        attempt=request.attempt,
        token_id=request.token_id,
        tx_hash=request.tx_hash,
        **fields,
    )


def log_error(event: Log, error: BaseException, **fields: object) -> None:
    """What kind of error and where, with its traceback; messages of foreign errors may quote data, so no text."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_code.co_filename.rpartition('/')[2]}:{frame.tb_lineno}" if frame else None
    logger.error(event.value, extra={"error": type(error).__name__, "where": where, **fields})
