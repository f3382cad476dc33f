"""DynamoLedger: the ledger in one DynamoDB table.

One change is one conditional call, several are one transaction. The two differ in what may be repeated:

- A transaction carries a token, so that the client may send it again after a time-out or an error inside AWS: for ten
  minutes DynamoDB knows the token and does it once.
- A single call has none. Sent again after a time-out it would count twice, or fail its own condition and be told as
  lost to another writer. It is sent again only after answers that say that nothing was written.
- What is refused because another transaction holds an item, or by throttling, was not written: it is tried again a
  few times here, with a token of its own, and then is `Transient`.

The role needs GetItem, Query (on the index `due` too), PutItem, UpdateItem, DeleteItem and ConditionCheckItem: a stop's
role has those of them that its writes hold.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from shared.clock import Clock, to_us
from shared.errors import Conflict, Defect, Invalid, MonoprintError, TooLarge, Transient
from shared.ports.aws import calling, client, code_of, endpoint_of, region_of
from shared.ports.ledger import Change, Count, Item, Key
from shared.ports.ledger.dynamodb_items import (
    DUE_INDEX,
    NOT_EXPIRED,
    Attributes,
    action_of,
    is_gone,
    item_of,
    key_of,
    names_in,
    renewing,
    shards_of,
    why_not,
)
from shared.ports.ledger.limits import aware_us, checked, checked_state, key_bytes, positive, sort_range
from shared.ports.open import parse_host_url

TURNS = 6
"""How often a write is tried that meets other writers or throttling; 0.8 s in all, or so, less than a queue's delay."""
_FIRST_PAUSE_MS = 25

# What the role must be allowed for an action: a transaction has no permission of its own.
_PERMISSIONS = {
    "Put": "PutItem",
    "Delete": "DeleteItem",
    "Update": "UpdateItem",
    "ConditionCheck": "ConditionCheckItem",
}
_SINGLE = {"Put": "put_item", "Delete": "delete_item", "Update": "update_item"}
# Nothing was written, and it passes. The same thing has one name as an error and another as a reason.
_PASSING = {
    "TransactionConflict": "another transaction holds it",
    "TransactionConflictException": "another transaction holds it",
    "ThrottlingError": "throttled",
    "ThrottlingException": "throttled",
    "ProvisionedThroughputExceeded": "throttled",
    "ProvisionedThroughputExceededException": "throttled",
    "RequestLimitExceeded": "throttled",
}
_SIZE = re.compile(r"\bsize\b|exceed", re.IGNORECASE)

Reason = Mapping[str, Any]
"""Why one change failed: DynamoDB's code, its message, and for a failed condition the item that it met."""


class DynamoLedger:
    """`dynamodb://TABLE?region=REGION`, and `&endpoint=URL` for an emulator."""

    def __init__(self, table: str, region: str, endpoint: str | None, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._client = client("dynamodb", region, endpoint)
        self._once = client("dynamodb", region, endpoint, attempts=1)

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> DynamoLedger:
        parts = parse_host_url("ledger", url, options=("region", "endpoint"))
        if parts.path:
            raise Invalid("ledger url", "a path", "dynamodb://TABLE?region=REGION")
        return cls(parts.host, region_of(parts, parts.text("region")), endpoint_of(parts), clock)

    def close(self) -> None:
        """The client is the process's."""

    def get(self, key: Key) -> Item | None:
        key_bytes(key)
        with self._calling("GetItem"):
            answer = self._client.get_item(TableName=self._table, Key=key_of(key), ConsistentRead=True)
        found = answer.get("Item")
        return item_of(found) if found and not is_gone(found, self._now_s()) else None

    def query(self, partition: str, *, prefix: str = "", after: str = "", limit: int = 100) -> list[Item]:
        low, high = sort_range(partition, prefix, after)
        positive("limit", limit)
        if low > high:
            return []
        wanted = {
            "KeyConditionExpression": "#pk = :pk AND #sk BETWEEN :low AND :high",
            "ExpressionAttributeNames": {"#pk": "pk", "#sk": "sk"},
            "ExpressionAttributeValues": {":pk": {"S": partition}, ":low": {"S": low}, ":high": {"S": high}},
            "ConsistentRead": True,
            "Limit": limit + 1,  # `after` itself is within the range
        }
        now_s = self._now_s()
        rows = (row for row in self._rows(wanted) if row["sk"]["S"] != after and not is_gone(row, now_s))
        return [item_of(row) for row in islice(rows, limit)]

    def due(self, state: str, *, before: datetime, limit: int = 100) -> list[Key]:
        checked_state(state)
        values = {":before": {"N": str(aware_us("before", before))}, ":now": {"N": str(self._now_s())}}
        positive("limit", limit)
        condition = "#due_shard = :shard AND #due_at < :before"
        shards = [
            self._rows(
                {
                    "IndexName": DUE_INDEX,
                    "KeyConditionExpression": condition,
                    "FilterExpression": NOT_EXPIRED,
                    "ExpressionAttributeNames": names_in(condition + NOT_EXPIRED),
                    "ExpressionAttributeValues": values | {":shard": {"S": shard}},
                    "Limit": limit,
                }
            )
            for shard in shards_of(state)
        ]
        longest_first = merge(*shards, key=lambda row: int(row["due_at"]["N"]))
        return [Key(row["pk"]["S"], row["sk"]["S"]) for row in islice(longest_first, limit)]

    def write(self, *changes: Change) -> None:
        texts = checked(changes)
        renewed: set[int] = set()  # counters in whose place an expired item still lies
        reasons: list[Reason] = []
        for turn in range(TURNS):
            if any(reason["Code"] in _PASSING for reason in reasons):
                time.sleep(secrets.randbelow(_FIRST_PAUSE_MS << turn) / 1000)
            now_s = self._now_s()
            reasons = self._try(changes, texts, renewed, now_s)
            if not reasons:
                return
            _raise_for(changes, reasons, renewed, now_s)
        found = ", ".join(sorted({_PASSING.get(reason["Code"], "") for reason in reasons} - {""}))
        raise Transient(f"table {self._table}: {found or 'others write the same items'}", retry_after_s=2)

    def _try(self, changes: tuple[Change, ...], texts: list[str], renewed: set[int], now_s: int) -> list[Reason]:
        """Writes, or gives the reason of each change why not: then nothing was written."""
        actions = []
        for index, (change, text) in enumerate(zip(changes, texts, strict=True)):
            if index in renewed and isinstance(change, Count) and (anew := renewing(change)):
                change, text = anew
            name, action = action_of(change, text, now_s)
            actions.append((name, {"TableName": self._table, **action}))
        name, action = actions[0]
        if len(actions) == 1 and name in _SINGLE:
            return self._try_one(name, action)
        with self._calling(*sorted({_PERMISSIONS[name] for name, _ in actions})):
            try:
                self._client.transact_write_items(
                    TransactItems=[{name: action} for name, action in actions], ClientRequestToken=str(uuid4())
                )
            except ClientError as error:
                if code_of(error) == "TransactionCanceledException" and "CancellationReasons" in error.response:
                    return list(error.response["CancellationReasons"])
                _raise_if_too_large(error)
                raise
        return []

    def _try_one(self, name: str, action: dict[str, Any]) -> list[Reason]:
        with self._calling(_PERMISSIONS[name]):
            try:
                getattr(self._once, _SINGLE[name])(**action)
            except ClientError as error:
                code = code_of(error)
                if code == "ConditionalCheckFailedException":
                    return [{"Code": "ConditionalCheckFailed", "Item": error.response.get("Item")}]
                if code in _PASSING:
                    return [{"Code": code}]
                _raise_if_too_large(error)
                raise
        return []

    def _rows(self, wanted: dict[str, Any]) -> Iterator[Attributes]:
        """Page by page, as far as they are asked for."""
        start: dict[str, Any] = {}
        while True:
            with self._calling("Query"):
                page = self._client.query(TableName=self._table, **wanted, **start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _calling(self, *permissions: str) -> AbstractContextManager[None]:
        return calling(" / ".join(f"dynamodb:{each}" for each in permissions), f"table {self._table}")

    def _now_s(self) -> int:
        return to_us(self._clock()) // 1_000_000


def _raise_for(changes: tuple[Change, ...], reasons: list[Reason], renewed: set[int], now_s: int) -> None:
    """Raises for the first reason that another try cannot change. Returns if there is none."""
    settled = {"None", "ConditionalCheckFailed", *_PASSING}
    for reason in reasons:
        if reason["Code"] not in settled:
            raise _refused(reason)
    for index, reason in enumerate(reasons):
        if reason["Code"] != "ConditionalCheckFailed":
            continue
        change, met = changes[index], reason.get("Item")
        if index in renewed:
            renewed.remove(index)  # somebody else was faster: count on from theirs
        elif isinstance(change, Count) and met and is_gone(met, now_s) and renewing(change):
            renewed.add(index)
        else:
            key = change.key
            what = f"change {index}, {type(change).__name__} {key.partition} / {key.sort}"
            raise Conflict(f"{what}: {why_not(change, met, now_s)}", index=index)


def _refused(reason: Reason) -> MonoprintError:
    """Our limits are tighter than DynamoDB's, so that none of these should come; if one does, it keeps its words."""
    code, message = reason["Code"], str(reason.get("Message") or "")
    if code == "ItemCollectionSizeLimitExceeded" or _SIZE.search(message):
        return TooLarge(f"write: {message or code}")
    if code == "ValidationError":
        return Invalid("write", message or code, "what DynamoDB can hold")
    return Defect(f"write: DynamoDB cancelled it ({code}) {message}")


def _raise_if_too_large(error: ClientError) -> None:
    message = str(error.response["Error"].get("Message", ""))
    if code_of(error) == "ValidationException" and _SIZE.search(message):
        raise TooLarge(f"write: {message}") from error
