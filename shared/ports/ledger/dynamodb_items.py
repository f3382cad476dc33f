"""How the ledger lies in DynamoDB: the one table, an item's attributes, and each change as DynamoDB's own condition.

| attribute    | type | what                                                                                       |
|--------------|------|--------------------------------------------------------------------------------------------|
| `pk`, `sk`   | S    | the key; DynamoDB sorts `sk` by its UTF-8 bytes                                            |
| `version`    | N    | what every condition asks for                                                              |
| `data`       | S    | the data as JSON text: no limit on depth, and numbers as they were written                 |
| `used`       | N    | instead of `data`, where the data is {"used": n}: DynamoDB itself adds and compares        |
| `due_shard`  | S    | `due#{state}#{shard}`: the index `due` holds only items that have it                       |
| `due_at`     | N    | microseconds since 1970                                                                    |
| `expires_at` | N    | seconds since 1970: DynamoDB deletes the item some time later, only items that may expire  |

The deployment's table is compared with `TABLE` by a test.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from shared.clock import from_us, to_us
from shared.ports.ledger import MAX_COUNT, Change, Count, Delete, Due, Item, Key, Put
from shared.ports.ledger.limits import to_json

DUE_INDEX = "due"
DUE_SHARDS = 8
"""One partition of an index takes 1,000 writes a second: a state that everything passes through is spread."""

TABLE: Mapping[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
        {"AttributeName": "due_shard", "AttributeType": "S"},
        {"AttributeName": "due_at", "AttributeType": "N"},
    ],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": DUE_INDEX,
            "KeySchema": [
                {"AttributeName": "due_shard", "KeyType": "HASH"},
                {"AttributeName": "due_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["expires_at"]},
        }
    ],
}
"""What CreateTable takes, and CloudFormation under the same names."""
TIME_TO_LIVE: Mapping[str, Any] = {"AttributeName": "expires_at", "Enabled": True}

NOT_EXPIRED = "(attribute_not_exists(#expires_at) OR #expires_at > :now)"
_ABSENT = "attribute_not_exists(#pk) OR #expires_at <= :now"
_THERE = f"#version = :expect AND {NOT_EXPIRED}"
_COUNT = "SET #used = if_not_exists(#used, :zero) + :by, #version = if_not_exists(#version, :zero) + :one"

Attributes = dict[str, dict[str, str]]


def create_table(dynamodb: Any, name: str) -> None:
    """Makes the table where there is no deployment: in tests, and on an emulator."""
    dynamodb.create_table(TableName=name, **TABLE)
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=TIME_TO_LIVE)


def key_of(key: Key) -> Attributes:
    return {"pk": {"S": key.partition}, "sk": {"S": key.sort}}


def item_of(found: Attributes) -> Item:
    data = {"used": int(found["used"]["N"])} if "used" in found else json.loads(found["data"]["S"])
    due = None
    if "due_shard" in found:
        state, _, _ = found["due_shard"]["S"].removeprefix("due#").rpartition("#")
        due = Due(state, from_us(int(found["due_at"]["N"])))
    expires_at = from_us(int(found["expires_at"]["N"]) * 1_000_000) if "expires_at" in found else None
    return Item(Key(found["pk"]["S"], found["sk"]["S"]), int(found["version"]["N"]), data, due, expires_at)


def is_gone(found: Attributes, now_s: int) -> bool:
    """Expired, though DynamoDB has not deleted it yet."""
    return "expires_at" in found and int(found["expires_at"]["N"]) <= now_s


def shards_of(state: str) -> list[str]:
    return [f"due#{state}#{shard}" for shard in range(DUE_SHARDS)]


def action_of(change: Change, text: str, now_s: int) -> tuple[str, dict[str, Any]]:
    """The change as one action of TransactWriteItems, table apart: its name and its parameters.

    `text` is the JSON of a `Put`. A failed condition brings the item that it met.
    """
    if isinstance(change, Count):
        name, action = "Update", _counting(change)
    else:
        condition = _THERE if change.expect else _ABSENT
        values = {":now": _number(now_s)} | ({":expect": _number(change.expect)} if change.expect else {})
        action = {"ConditionExpression": condition, "ExpressionAttributeValues": values}
        if isinstance(change, Put):
            name, action["Item"] = "Put", _attributes(change, text)
        else:
            name, action["Key"] = "Delete" if isinstance(change, Delete) else "ConditionCheck", key_of(change.key)
    used = action["ConditionExpression"] + action.get("UpdateExpression", "")
    action["ExpressionAttributeNames"] = names_in(used)
    action["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return name, action


def renewing(count: Count) -> tuple[Put, str] | None:
    """The same count where an expired item still lies: written anew, for an update would go on from its number.

    None where absence itself forbids the count.
    """
    data = {"used": count.by}
    return (Put(count.key, data), to_json(data)) if 0 <= count.by <= count.cap else None


def why_not(change: Change, met: Attributes | None, now_s: int) -> str:
    """Why the condition failed, from the item that it met."""
    item = item_of(met) if met and not is_gone(met, now_s) else None
    if not isinstance(change, Count):
        return f"version {item.version if item else 0} now, {change.expect} expected"
    if item and (met is None or "used" not in met or item.expires_at):
        return "it is no counter"
    return f"{item.data['used'] if item else 0} used of {change.cap}, {change.by:+} asked"


def names_in(expression: str) -> dict[str, str]:
    """DynamoDB reserves hundreds of words, so every name stands behind a `#`; it refuses names that are not used."""
    names = ("pk", "version", "used", "due_shard", "due_at", "expires_at")
    return {f"#{name}": name for name in names if f"#{name}" in expression}


def _counting(count: Count) -> dict[str, Any]:
    values = {":zero": _number(0), ":one": _number(1), ":by": _number(count.by), ":least": _number(-count.by)}
    # Giving back is bounded below alone: the cap may have been lowered since.
    within = "#used >= :least"
    if count.by >= 0:
        within = "#used BETWEEN :least AND :most"
        values[":most"] = _number(count.cap - count.by)
    condition = f"attribute_not_exists(#expires_at) AND {within}"
    if 0 <= count.by <= count.cap:
        condition = f"attribute_not_exists(#pk) OR ({condition})"
    return {
        "Key": key_of(count.key),
        "UpdateExpression": _COUNT,
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
    }


def _attributes(put: Put, text: str) -> Attributes:
    found = key_of(put.key) | {"version": _number(put.expect + 1)}
    used = put.data.get("used")
    if len(put.data) == 1 and type(used) is int and abs(used) <= MAX_COUNT:
        found["used"] = _number(used)
    else:
        found["data"] = {"S": text}
    if put.due is not None:
        name = f"{put.key.partition}\0{put.key.sort}"
        shard = hashlib.sha256(name.encode()).digest()[0] % DUE_SHARDS
        found |= {"due_shard": {"S": f"due#{put.due.state}#{shard}"}, "due_at": _number(to_us(put.due.at))}
    if put.expires_at is not None:
        found["expires_at"] = _number(to_us(put.expires_at) // 1_000_000)
    return found


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
