"""SqsQueue: a queue of Amazon SQS, standard or FIFO, with its dead letters.

The queue's own attributes hold its visibility time and its RedrivePolicy: deployment sets them, this adapter does not.
Every call may be repeated by the client: a standard queue then holds a message twice, which it may do anyway; a FIFO
queue knows a send by its deduplication id, and a receive by its attempt id, for five minutes.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from shared.clock import Clock, from_us
from shared.errors import Defect, Invalid
from shared.ports.aws import calling, client, code_of, endpoint_of, region_of
from shared.ports.open import parse_host_url
from shared.ports.queue import MAX_BATCH, Depth, Received
from shared.ports.queue.limits import check_batch, check_delay, check_send

_PATH = re.compile(r"/([0-9]{12})/([A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)")
_ARN = re.compile(r"arn:[a-z-]+:sqs:([a-z0-9-]+):([0-9]{12}):([A-Za-z0-9_.-]+)")
_ASKED = ["ApproximateReceiveCount", "SentTimestamp", "MessageGroupId"]

# Of a receipt that is void: the message came again, was deleted, or its time is up. All else is checked before.
_VOID = {
    "AWS.SimpleQueueService.MessageNotInflight", "InvalidParameterValue", "MessageNotInflight",
    "ReceiptHandleIsInvalid",
}  # fmt: skip

# Of a dead letter that is looked at: long enough to give it back, short if we die before that.
_LOOK_S = 15
# Of one that is sent back: as long as the client may try to send and delete ten of them.
_REDRIVE_S = 300
# A poll that waits asks every server of SQS, one that does not asks some of them and may find nothing.
_WAIT_S = 1


class SqsQueue:
    """`sqs://REGION/ACCOUNT/NAME?endpoint=URL`; FIFO if the name ends in `.fifo`.

    `endpoint`, percent-encoded, is an emulator's; without it AWS's own.
    """

    def __init__(self, sqs: Any, *, account: str, name: str) -> None:
        self._sqs = sqs
        self._fifo = name.endswith(".fifo")
        self._url = f"{sqs.meta.endpoint_url}/{account}/{name}"
        self._dead_url = ""
        self._dead_lock = threading.Lock()

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> SqsQueue:
        parts = parse_host_url("queue", url, options=("endpoint",))
        place = _PATH.fullmatch(parts.path)
        if place is None:
            raise Invalid("queue url", "another path", "sqs://REGION/ACCOUNT/NAME, the account in 12 digits")
        sqs = client("sqs", region_of(parts, parts.host), endpoint_of(parts))
        return cls(sqs, account=place[1], name=place[2])

    def close(self) -> None:
        """Nothing: the client is the process's."""

    def send(self, body: str, *, delay_s: float = 0, group: str | None = None) -> None:
        check_send(body, delay_s=delay_s, group=group, fifo=self._fifo)
        if self._fifo:
            options: dict[str, Any] = {"MessageGroupId": group, "MessageDeduplicationId": uuid4().hex}
        else:
            options = {"DelaySeconds": math.ceil(delay_s)}
        with _calling("sqs:SendMessage", self._url):
            self._sqs.send_message(QueueUrl=self._url, MessageBody=body, **options)

    def receive(self, *, limit: int = MAX_BATCH) -> list[Received]:
        check_batch(limit)
        return [_received(message) for message in self._take(self._url, limit)]

    def delete(self, receipt: str) -> None:
        if receipt:  # a dead letter's is empty
            with _calling("sqs:DeleteMessage", self._url, void_receipt=True):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)

    def release(self, receipt: str, *, delay_s: float) -> None:
        check_delay(delay_s)
        if receipt:
            seconds = math.ceil(delay_s)
            with _calling("sqs:ChangeMessageVisibility", self._url, void_receipt=True):
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
                )

    def depth(self) -> Depth:
        dead_url = self._dead_letters_url()
        waiting, delayed, in_flight = self._counts(self._url)
        return Depth(waiting, delayed, in_flight, dead=sum(self._counts(dead_url)))

    def dead_letters(self, *, limit: int = MAX_BATCH) -> list[Received]:
        check_batch(limit)
        dead_url = self._dead_letters_url()
        seen: list[Mapping[str, Any]] = []
        try:
            while len(seen) < limit and (
                more := self._take(dead_url, limit - len(seen), hidden_s=_LOOK_S, wait_s=0 if seen else _WAIT_S)
            ):
                seen += more
        finally:
            self._show_again(dead_url, seen)
        # Python's sort keeps the order in which a FIFO queue delivered what was sent in the same millisecond.
        return sorted((_received(message, receipt="") for message in seen), key=lambda dead: dead.sent_at)

    def redrive(self) -> int:
        """One by one, sent before it is deleted: cut off in between, a message is in both and comes twice.

        Not by StartMessageMoveTask: it answers before it moves anything, and tells no exact number.
        """
        dead_url = self._dead_letters_url()
        moved = 0
        while dead := self._take(dead_url, MAX_BATCH, hidden_s=_REDRIVE_S, wait_s=_WAIT_S):
            for message in dead:
                options: dict[str, Any] = {}
                if self._fifo:
                    # Its own id, so that two who redrive at once, or one again, send it once.
                    options["MessageGroupId"] = message["Attributes"]["MessageGroupId"]
                    options["MessageDeduplicationId"] = message["MessageId"]
                with _calling("sqs:SendMessage", self._url):
                    self._sqs.send_message(QueueUrl=self._url, MessageBody=message["Body"], **options)
                with _calling("sqs:DeleteMessage", dead_url, void_receipt=True):
                    self._sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        return moved

    def _take(self, url: str, limit: int, *, hidden_s: int | None = None, wait_s: int = 0) -> list[Mapping[str, Any]]:
        options: dict[str, Any] = {} if hidden_s is None else {"VisibilityTimeout": hidden_s}
        if self._fifo:
            # Tried again after a lost answer, it brings the same messages and not those behind them.
            options["ReceiveRequestAttemptId"] = uuid4().hex
        with _calling("sqs:ReceiveMessage", url):
            answer = self._sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=limit,
                WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=_ASKED,
                **options,
            )
        messages: list[Mapping[str, Any]] = answer.get("Messages", [])
        return messages

    def _show_again(self, url: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """Ten at most. What AWS does not give back now comes back after `_LOOK_S`."""
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
            for number, message in enumerate(messages)
        ]
        if entries:
            with _calling("sqs:ChangeMessageVisibility", url):
                self._sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)

    def _counts(self, url: str) -> tuple[int, int, int]:
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "Delayed", "NotVisible")]
        attributes = self._attributes(url, names)
        waiting, delayed, in_flight = (int(attributes[name]) for name in names)
        return waiting, delayed, in_flight

    def _attributes(self, url: str, names: list[str]) -> Mapping[str, str]:
        with _calling("sqs:GetQueueAttributes", url):
            answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        attributes: Mapping[str, str] = answer.get("Attributes", {})
        return attributes

    def _dead_letters_url(self) -> str:
        """Where RedrivePolicy points. Asked once, of whoever needs it: most who open a queue only send or receive."""
        with self._dead_lock:
            if not self._dead_url:
                policy = self._attributes(self._url, ["RedrivePolicy"]).get("RedrivePolicy", "{}")
                arn = _ARN.fullmatch(str(json.loads(policy).get("deadLetterTargetArn", "")))
                if arn is None:
                    raise Defect(f"{_what(self._url)} has no RedrivePolicy: what fails has nowhere to go")
                self._dead_url = f"{self._sqs.meta.endpoint_url}/{arn[2]}/{arn[3]}"
            return self._dead_url


def _what(url: str) -> str:
    return f"queue {url.rsplit('/', 1)[1]}"


@contextmanager
def _calling(action: str, url: str, *, void_receipt: bool = False) -> Iterator[None]:
    """`void_receipt`: the call names a receipt, and one that is void changes nothing."""
    with calling(action, _what(url)):
        try:
            yield
        except ClientError as error:
            if not (void_receipt and code_of(error) in _VOID):
                raise


def _received(message: Mapping[str, Any], *, receipt: str | None = None) -> Received:
    attributes = message["Attributes"]
    return Received(
        message["MessageId"],
        message["ReceiptHandle"] if receipt is None else receipt,
        message["Body"],
        int(attributes["ApproximateReceiveCount"]),
        from_us(int(attributes["SentTimestamp"]) * 1000),
        attributes.get("MessageGroupId"),
    )
