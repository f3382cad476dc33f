"""What every ledger refuses, in the same words, before it asks its store.

The numbers are DynamoDB's, less what an adapter adds: enforced everywhere, so that what passes on one machine passes
in the cloud.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from shared.clock import to_us
from shared.errors import Invalid, TooLarge
from shared.ports.ledger import (
    MAX_CHANGES,
    MAX_COUNT,
    MAX_ITEM_BYTES,
    MAX_PARTITION_BYTES,
    MAX_SORT_BYTES,
    MAX_STATE_BYTES,
    MAX_WRITE_BYTES,
    Change,
    Count,
    Delete,
    Key,
    Put,
)


def checked(changes: tuple[Change, ...]) -> list[str]:
    """The JSON of each change, once all are within the limits; before any lock is taken."""
    if not changes:
        raise Invalid("changes", "none", f"1 to {MAX_CHANGES}")
    if len(changes) > MAX_CHANGES:
        raise TooLarge(f"a write of {len(changes)} changes, at most {MAX_CHANGES} are one transaction")
    if len({change.key for change in changes}) < len(changes):
        raise Invalid("changes", "two for one key", "at most one for a key")
    texts = []
    size = 0
    for change in changes:
        size += sum(map(len, key_bytes(change.key)))
        text = ""
        if isinstance(change, Count):
            if not (0 <= change.cap <= MAX_COUNT and abs(change.by) <= MAX_COUNT):
                raise Invalid("count", f"{change.by:+} of {change.cap}", f"numbers up to {MAX_COUNT}")
        elif change.expect < (1 if isinstance(change, Delete) else 0):
            raise Invalid("expect", str(change.expect), "the version that was read")
        if isinstance(change, Put):
            text = _put_json(change)
            size += len(text.encode())
        texts.append(text)
    if size > MAX_WRITE_BYTES:
        raise TooLarge(f"a write of {size} bytes, at most {MAX_WRITE_BYTES} are one transaction")
    return texts


def _put_json(put: Put) -> str:
    name = f"{put.key.partition} / {put.key.sort}"
    try:
        text = to_json(dict(put.data))
        size = len(text.encode())
    except (TypeError, ValueError) as error:  # NaN, a type that JSON lacks, half a surrogate pair
        raise Invalid(f"data of {name}", str(error), "JSON") from error
    if not _has_text_keys(dict(put.data)):
        raise Invalid(f"data of {name}", "a name that is no text", "JSON")
    if size > MAX_ITEM_BYTES:
        raise TooLarge(f"data of {name} has {size} bytes of JSON, at most {MAX_ITEM_BYTES}")
    if put.due is not None:
        aware_us("due.at", put.due.at)
        checked_state(put.due.state)
    if put.expires_at is not None:
        aware_us("expires_at", put.expires_at)
    return text


def _has_text_keys(value: Any) -> bool:
    """json.dumps turns the key 1 into "1": what is read would not be what was written."""
    inner: Iterable[Any] = value
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            return False
        inner = value.values()
    return all(_has_text_keys(one) for one in inner if isinstance(one, dict | list | tuple))


def to_json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def key_bytes(key: Key) -> tuple[bytes, bytes]:
    return (
        _encoded("the key's partition", key.partition, MAX_PARTITION_BYTES),
        _encoded("the key's sort", key.sort, MAX_SORT_BYTES),
    )


def sort_range(partition: str, prefix: str, after: str) -> tuple[str, str]:
    """The least and the greatest sort key that a query may name, both included, and `after` if it is the least.

    None are left where the least is beyond the greatest. Text and its UTF-8 bytes sort alike.
    """
    _encoded("partition", partition, MAX_PARTITION_BYTES)
    for name, text in (("prefix", prefix), ("after", after)):
        _encoded(name, text, MAX_SORT_BYTES, may_be_empty=True)
    room = MAX_SORT_BYTES - len(prefix.encode())
    # As many of the greatest character as go in, and the greatest of those with at most as many bytes as are left.
    high = prefix + "\U0010ffff" * (room // 4) + ("", "\x7f", "\u07ff", "\uffff")[room % 4]
    return max(prefix, after, "\0"), high


def checked_state(state: str) -> str:
    _encoded("due.state", state, MAX_STATE_BYTES)
    return state


def _encoded(name: str, text: str, limit: int, *, may_be_empty: bool = False) -> bytes:
    try:
        part = text.encode()
    except UnicodeEncodeError as error:
        raise Invalid(name, "half a surrogate pair", "Unicode text") from error
    if not part and not may_be_empty:
        raise Invalid(name, "nothing", "text")
    if len(part) > limit:
        raise TooLarge(f"{name} has {len(part)} bytes, at most {limit}")
    return part


def aware_us(name: str, moment: datetime) -> int:
    if moment.tzinfo is None:
        raise Invalid(name, "a time without a zone", "an aware time")
    return to_us(moment)


def positive(name: str, limit: int) -> int:
    if limit < 1:
        raise Invalid(name, str(limit), "1 or more")
    return limit
