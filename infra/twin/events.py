"""The events that AWS would send, built from what happened here. Compared with real ones in `tests/events/`."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from shared.ports.queue import Received

_ACCOUNT, _REGION = "000000000000", "local"


@dataclass(frozen=True)
class Context:
    """What the handlers may ask of Lambda's context."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:local:000000000000:function:monoprint"

    @classmethod
    def of(cls, stop: str) -> Context:
        return cls(function_name=f"monoprint-{stop}", aws_request_id=str(uuid.uuid4()))

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def sqs(queue: str, messages: list[Received]) -> dict[str, Any]:
    """An SQS event with these messages."""
    return {"Records": [_sqs_record(queue, message) for message in messages]}


def _sqs_record(queue: str, message: Received) -> dict[str, Any]:
    sent_ms = str(round(message.sent_at.timestamp() * 1000))
    attributes = {
        "ApproximateReceiveCount": str(message.receive_count),
        "SentTimestamp": sent_ms,
        "SenderId": _ACCOUNT,
        "ApproximateFirstReceiveTimestamp": sent_ms,
    }
    if message.group is not None:
        attributes |= {
            "MessageGroupId": message.group,
            "MessageDeduplicationId": message.message_id,
            "SequenceNumber": f"{round(message.sent_at.timestamp() * 1e6):020d}",
        }
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{_REGION}:{_ACCOUNT}:{queue}{'' if message.group is None else '.fifo'}",
        "awsRegion": _REGION,
    }


def schedule(rule: str, at: datetime) -> dict[str, Any]:
    """An EventBridge scheduled event."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": _ACCOUNT,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": _REGION,
        "resources": [f"arn:aws:events:{_REGION}:{_ACCOUNT}:rule/{rule}"],
        "detail": {},
    }


def http(
    method: str,
    path: str,
    *,
    route: str,
    parameters: Mapping[str, str],
    query: str,
    headers: Mapping[str, str],
    body: str,
    at: datetime,
    source_ip: str = "127.0.0.1",
    base64: bool = False,
) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload format 2.0. Header names are lower case there too."""
    asked: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        asked[name] = f"{asked[name]},{value}" if name in asked else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": "local",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route,
            "stage": "$default",
            "time": at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": round(at.timestamp() * 1000),
        },
        "isBase64Encoded": base64,
    }
    if asked:
        event["queryStringParameters"] = asked
    if parameters:
        event["pathParameters"] = dict(parameters)
    if body:
        event["body"] = body
    return event
