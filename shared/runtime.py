"""Lambda event -> step. The one place that parses events, opens ports and says what an error means to AWS.

A stop declares its handler in one line; everything a step needs arrives as keyword arguments named like the fields of
its settings, and `clock` if it asks for one. Ports are opened at the first call and kept for the container's life.

    handler = queue_handler(plan, PlanSettings)                                    SQS, partial batch response
    handler = http_handler(IntakeSettings, {"POST /v1/...": file_request, ...})    HTTP API, payload 2.0
    handler = schedule_handler(sweep, SweepSettings)                               EventBridge
"""

from __future__ import annotations

import base64
import binascii
import copy
import inspect
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

from pydantic import ValidationError

from shared import strict_json
from shared.clock import Clock, utc_now
from shared.errors import Defect, Invalid, MonoprintError, NotFound, Rejected, TooLarge, Transient
from shared.messages import RequestJob
from shared.observe import Log, concerns, doing, log, log_error
from shared.ports.open import open_port
from shared.settings import Settings

MAX_BODY_BYTES = 131_072
"""Of an HTTP request. A collector's whole data fits; API Gateway itself would take 10 MB."""

_FIFO_RETRY_S = 1.0
"""Until a failed message of a group comes again: its whole group waits for it."""
_LONGEST_DELAY_S, _LONGEST_FIFO_DELAY_S = 900.0, 60.0
"""Until one that has met something passing comes again, twice as late each time: eight tries are 20 minutes of a node
that is down, and four in a group, which goes on a minute after the node is back."""

Step = Callable[..., Any]
Event = dict[str, Any]


class Handler:
    """A Lambda handler: call it with (event, context). `bind()` gives the same handler another environment."""

    def __init__(self, settings: type[Settings], environ: Mapping[str, str] | None = None, clock: Clock = utc_now):
        self.settings = settings
        self._environ = environ
        self._clock = clock
        self._arguments: dict[str, Any] | None = None

    def bind(self, environ: Mapping[str, str], clock: Clock = utc_now) -> Self:
        """A copy that reads its settings from `environ` and not from the process."""
        bound = copy.copy(self)
        bound._environ, bound._clock, bound._arguments = environ, clock, None
        return bound

    def __call__(self, event: Event, context: object) -> Any:
        raise TypeError(f"{type(self).__name__} must say what it does with an event")

    def arguments(self) -> dict[str, Any]:
        """Every setting of the stop, ports opened and secrets read, and the clock.

        Raises: `Defect` naming the stop and the variable that is missing or wrong.
        """
        if self._arguments is None:
            settings = self.settings.read(os.environ if self._environ is None else self._environ)
            opened = {name: self._opened(name, getattr(settings, name)) for name in self.settings.model_fields}
            self._arguments = opened | {"clock": self._clock}
        return self._arguments

    def _opened(self, name: str, value: Any) -> Any:
        port = self.settings.port(name)
        if port is None:
            return value
        try:
            if port == "secret":
                return open_port("secret", value, clock=self._clock).read()
            return open_port(port, value, clock=self._clock)
        except (Invalid, Defect) as error:
            raise Defect(f"environment of {self.settings.stop}: {self.settings.variable(name)}: {error}") from error

    def run(self, step: Step, *args: object) -> Any:
        """Call the step with those of its arguments that it names."""
        arguments = self.arguments()
        return step(*args, **{name: arguments[name] for name in _wanted(step)})

    def close(self) -> None:
        """Close what was opened (the twin does, at its end; a Lambda container just ends)."""
        opened, self._arguments = self._arguments or {}, None
        for port in opened.values():
            if callable(closing := getattr(port, "close", None)):
                closing()


@cache
def _wanted(step: Step) -> tuple[str, ...]:
    """Which arguments it names."""
    return tuple(p.name for p in inspect.signature(step).parameters.values() if p.kind is p.KEYWORD_ONLY)


# ---- queues -----------------------------------------------------------------------------------------------------


def one_job(body: str) -> list[RequestJob]:
    return [RequestJob.model_validate_json(body)]


class QueueHandler(Handler):
    """SQS with partial batch responses.

    A message whose step returns is done. `Rejected` ends it too: the step has said so in the ledger, and trying again
    can only fail again. `Transient` hands it back for `retry_after_s`, twice as long each time. Anything else, a
    message that does not parse included, is reported as failed and ends among the dead letters; the rest of its batch
    is not held up. A FIFO group is: its failing message comes again at once, and so is soon out of its way. Such a
    queue is served in batches of 1, for what stands behind a failure in its batch is delivered as often, and would end
    among the dead letters with it.
    """

    def __init__(self, step: Step, settings: type[Settings], parse: Callable[[str], list[Any]] = one_job):
        super().__init__(settings)
        self.step = step
        self.parse = parse

    def __call__(self, event: Event, context: object) -> dict[str, list[dict[str, str]]]:
        failed: list[str] = []
        groups: set[str] = set()
        for record in event["Records"]:
            group = record.get("attributes", {}).get("MessageGroupId")
            with doing(self.settings.stop, record["messageId"]):
                if group in groups:
                    # An earlier message of the group failed: passing this one would break the order of the group.
                    self._release(record, _FIFO_RETRY_S)
                    failed.append(record["messageId"])
                elif not self._consume(record):
                    failed.append(record["messageId"])
                    groups |= {group} if group else set()
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def _consume(self, record: Event) -> bool:
        started = time.perf_counter()
        job: Any = None
        try:
            for job in self.parse(record["body"]):
                concerns(job.request_id)
                self.run(self.step, job)
        except Transient as error:
            self._release(record, _delay_s(record, error))
            log_error(Log.STEP_DEFERRED, error)
            return False
        except Rejected as error:
            if job is None:
                self._fail(record, error)
                return False
            log_error(Log.STEP_REJECTED, error)
            return True
        except Exception as error:  # noqa: BLE001 - whatever it is, the other messages of the batch go on
            self._fail(record, error)
            return False
        log(Log.STEP_FINISHED, duration_ms=_ms_since(started))
        return True

    def _fail(self, record: Event, error: Exception) -> None:
        """Towards the dead letters: on a standard queue visibility by visibility, in a group without holding it up."""
        log_error(Log.STEP_FAILED, error, message_id=record["messageId"])
        if record.get("attributes", {}).get("MessageGroupId"):
            self._release(record, _FIFO_RETRY_S)

    def _release(self, record: Event, delay_s: float) -> None:
        try:
            self.arguments()["own_queue"].release(record["receiptHandle"], delay_s=delay_s)
        except MonoprintError as error:  # it comes back by itself when its visibility ends
            log_error(Log.STEP_DEFERRED, error)


def _delay_s(record: Event, error: Transient) -> float:
    attributes = record.get("attributes", {})
    tries = min(int(attributes.get("ApproximateReceiveCount", 1)), 20)
    longest = _LONGEST_FIFO_DELAY_S if attributes.get("MessageGroupId") else _LONGEST_DELAY_S
    return min(error.retry_after_s * 2.0 ** (tries - 1), max(longest, error.retry_after_s))


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


queue_handler = QueueHandler


# ---- schedules --------------------------------------------------------------------------------------------------


class ScheduleHandler(Handler):
    """EventBridge. Whatever fails ends the run as a `Defect`: the schedule has its own retries, and the next run does
    what this one did not."""

    def __init__(self, step: Step, settings: type[Settings]):
        super().__init__(settings)
        self.step = step

    def __call__(self, event: Event, context: object) -> Any:
        started = time.perf_counter()
        with doing(self.settings.stop, event.get("id")):
            try:
                result = self.run(self.step)
            except Exception as error:  # noqa: BLE001 - told here, and going up as our own
                log_error(Log.STEP_FAILED, error)
                # Lambda writes what goes up into its log, text and all: this says no more than that line does.
                raise Defect(f"{self.settings.stop}: this run failed, see its line {Log.STEP_FAILED}") from None
            log(Log.RUN_FINISHED, duration_ms=_ms_since(started))
        return result


schedule_handler = ScheduleHandler


# ---- HTTP -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HttpCall:
    """One HTTP request. Header names are lower case."""

    path: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as a JSON object. Raises `Invalid` with the place of the fault."""
        value = strict_json.loads(self.body, field="body")
        if not isinstance(value, dict):
            raise Invalid("body", f"a JSON {type(value).__name__}", "a JSON object")
        return value


@dataclass(frozen=True)
class Reply:
    status: int
    body: Mapping[str, Any]


class HttpHandler(Handler):
    """API Gateway HTTP API, payload format 2.0. `routes`: route key -> step taking an `HttpCall`, giving a `Reply`."""

    def __init__(self, settings: type[Settings], routes: Mapping[str, Step]):
        super().__init__(settings)
        self.routes = routes

    def __call__(self, event: Event, context: object) -> Event:
        with doing(self.settings.stop, event.get("requestContext", {}).get("requestId")):
            return self._answer(event)

    def _answer(self, event: Event) -> Event:
        route, started = event.get("routeKey", ""), time.perf_counter()
        try:
            step = self.routes.get(route)
            if step is None:
                raise NotFound(f"got {route}, wanted one of: {', '.join(self.routes)}")
            reply = self.run(step, _http_call(event))
        except ValidationError as error:
            reply = _error_reply(_invalid(error))
        except MonoprintError as error:
            reply = _error_reply(error)
            if reply.status >= 500:
                log_error(Log.CALL_FAILED, error, route=route)
        except Exception as error:  # noqa: BLE001 - the caller gets a plain 500, the log where it happened
            log_error(Log.CALL_FAILED, error, route=route)
            reply = _error_reply(Defect())
        log(Log.CALL_ANSWERED, route=route, status=reply.status, duration_ms=_ms_since(started))
        headers = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}
        return {"statusCode": reply.status, "headers": headers, "body": json.dumps(reply.body, ensure_ascii=False)}


http_handler = HttpHandler


def _http_call(event: Event) -> HttpCall:
    body: bytes = (event.get("body") or "").encode()
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise Invalid("body", "text marked as base64 that is not", "base64") from error
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"body: got {len(body):,} bytes, wanted at most {MAX_BODY_BYTES:,}")
    return HttpCall(
        path=event.get("pathParameters") or {},
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        query=event.get("queryStringParameters") or {},
        body=body,
    )


def _invalid(error: ValidationError) -> Invalid:
    """The first fault of a body that does not fit its model."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"]) or "body"
    return Invalid(path, repr(first["input"])[:80], first["msg"])


def _error_reply(error: MonoprintError) -> Reply:
    # A defect's text names our settings and resources, and is for whoever reads the log.
    message = "our fault; nothing was written twice" if isinstance(error, Defect) else str(error)
    told: dict[str, Any] = {"code": error.code, "message": message}
    if isinstance(error, Invalid):
        told |= {"field": error.field, "got": error.got, "wanted": error.wanted}
    if isinstance(error, Transient):
        told["retry_after_s"] = error.retry_after_s
    return Reply(error.status, {"error": told})
