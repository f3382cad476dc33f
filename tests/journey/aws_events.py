"""What AWS does between its resources and the handlers: event source mappings, schedules and the HTTP API.

Each function runs in this process, in a container for each thread that calls it, with the environment and the role that
the deployment gives it. Time is ministack's, which this moves on when nothing else can happen.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import get_ident
from types import TracebackType
from typing import Any, Self

from infra.twin import events
from infra.twin.server import Route
from shared.clock import utc_now
from shared.observe import Log, log_error
from shared.runtime import Handler, HttpHandler
from tests.journey.aws_roles import Roles
from tests.journey.aws_stack import QueueTrigger, Stack
from tests.ports.ministack_fixture import ACCOUNT, REGION, Ministack

_AT_ONCE = 2
"""Calls of one function at the same time: the least that Lambda lets a queue have, and what this machine bears."""
_FIRST_STEP_S, _LONGEST_STEP_S = 10.0, 900.0
"""While nothing comes: from the delay of a retry to the longest of a queue."""
_HOPELESS = 4
"""Deliveries, half of what a queue allows: what fails for so long does not end well."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """One record that a function was called with, and whether it failed there."""

    function: str
    record: Record
    failed: bool

    @property
    def times(self) -> int:
        """How often the message had been received by then."""
        return int(self.record["attributes"]["ApproximateReceiveCount"])


class Lambdas:
    """Use it as a context. What every queue brought is kept in `deliveries`.

    `loses(record)`, while it is set, says of which records AWS never learns that they were done.
    """

    def __init__(self, ministack: Ministack, stack: Stack) -> None:
        self.ministack = ministack
        self.stack = stack
        self.roles = Roles(ministack, {name: each.role for name, each in stack.functions.items()}, self.clock)
        self.loses: Callable[[Record], bool] = lambda record: False
        self.deliveries: list[Delivery] = []
        self._pool = ThreadPoolExecutor(_AT_ONCE, "lambda")
        self._polls: deque[Future[int]] = deque()
        self._containers: dict[tuple[str, int], Handler] = {}
        self._ran_at = {each.function: self.clock() for each in stack.schedules}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        for handler in self._containers.values():
            handler.close()

    def clock(self) -> datetime:
        return utc_now() + timedelta(seconds=self.ministack.ahead.stat().st_size)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        place = function, get_ident()
        with self.roles.acting(function):
            if place not in self._containers:
                declared = self.stack.functions[function]
                self._containers[place] = declared.handler.bind(declared.environ, self.clock)
            return self._containers[place](event, events.Context.of(function))

    # ---- queues ----

    def deliver(self) -> int:
        """Ask every queue until it has nothing more. Returns how many messages came."""
        for trigger in self.stack.triggers:
            self._ask(trigger)
        came = 0
        while self._polls:
            came += self._polls.popleft().result()
        return came

    def _ask(self, trigger: QueueTrigger) -> None:
        self._polls.append(self._pool.submit(self._poll, trigger))

    def _poll(self, trigger: QueueTrigger) -> int:
        """Receive, call, and delete what did not fail; all with the function's own role, as Lambda's poller does.

        A queue that had something is asked for more at the same time.
        """
        sqs, url = self.ministack.client("sqs"), f"{self.ministack.endpoint}/{ACCOUNT}/{trigger.queue}"
        with self.roles.acting(trigger.function):
            answer = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=trigger.batch, MessageSystemAttributeNames=["All"]
            )
        records = [_record(trigger.arn, message) for message in answer.get("Messages", [])]
        if not records:
            return 0
        self._ask(trigger)
        failed = self._consume(trigger.function, records)
        for record in records:
            self.deliveries.append(Delivery(trigger.function, record, record["messageId"] in failed))
            if record["messageId"] not in failed and not self.loses(record):
                with self.roles.acting(trigger.function):
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])
        return len(records)

    def _consume(self, function: str, records: list[Record]) -> set[str]:
        """The ids of the messages that failed: all, where the function raises or names a message that is not there."""
        ids = {record["messageId"] for record in records}
        try:
            answer = self.invoke(function, {"Records": records})
        except Exception as error:  # noqa: BLE001 - whatever it was, Lambda takes the whole batch for failed
            log_error(Log.STEP_FAILED, error, stop=function)
            return ids
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        return failed if failed <= ids else ids

    # ---- schedules, and the time that passes ----

    def run_schedules(self) -> None:
        """Call each scheduled function whose time has come."""
        for schedule in self.stack.schedules:
            if self.clock() - self._ran_at[schedule.function] >= schedule.every:
                self._ran_at[schedule.function] = self.clock()
                self.invoke(schedule.function, events.schedule(schedule.function, self.clock()))

    def settle(
        self, settled: Callable[[], bool], *, as_time_passes: Callable[[float], object], within_s: float
    ) -> None:
        """Deliver until `settled`. Whenever nothing comes time is moved on, in growing steps."""
        until, step_s = self.clock() + timedelta(seconds=within_s), _FIRST_STEP_S
        while True:
            while self.deliver():
                step_s = _FIRST_STEP_S
            if settled():
                return
            hopeless = {each.function for each in self.deliveries if each.failed and each.times == _HOPELESS}
            assert not hopeless, f"failed again and again: {', '.join(sorted(hopeless))}"
            assert self.clock() < until, f"not settled within {within_s:g} s"
            self.ministack.advance(step_s)
            as_time_passes(step_s)
            self.run_schedules()
            step_s = min(3 * step_s, _LONGEST_STEP_S)

    # ---- HTTP ----

    def call(
        self, method: str, path: str, api_key: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Through the HTTP API: status and body of the answer."""
        for key, function in self.stack.routes.items():
            handler = self.stack.functions[function].handler
            assert isinstance(handler, HttpHandler), key
            parameters = Route(key, handler).match(method, path)
            if parameters is None:
                continue
            event = events.http(
                method,
                path,
                route=key,
                parameters=parameters,
                query="",
                headers={"x-api-key": api_key, "content-type": "application/json", **(headers or {})},
                body=body.decode(),
                at=self.clock(),
            )
            answer = self.invoke(function, event)
            return answer["statusCode"], json.loads(answer["body"])
        raise AssertionError(f"no route for {method} {path}")


def _record(arn: str, message: Mapping[str, Any]) -> Record:
    """A message as Lambda hands it over."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }
