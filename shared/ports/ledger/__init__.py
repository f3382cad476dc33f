"""Ledger: what is true. One table of items under (partition, sort), and nothing that DynamoDB lacks.

Promise
- `get` is strongly consistent, and so is each item of a `query`; the items of one answer may be of different moments.
  `due` is eventual: it may miss an item written a moment ago and may name one that has moved on, so whoever uses it
  reads the item again and writes with a condition.
- **Every write is conditional on the version** that its writer read: 0 means absent (put-if-absent, claim-once).
- `write` is all or nothing over at most 100 changes, at most one for a key. Of two writers with the same condition
  exactly one wins; the other gets `Conflict` with the index of the change that failed (of several the first, but for
  one that another write holds at that moment), and nothing was written; or `Transient`, when it was not looked at.
- **Counters never oversell**: `Count` moves `used` only within 0..cap, whoever else writes at the same moment. Giving
  back (`by` below 0) asks for 0 <= used alone: the cap may have been lowered since.
- An item holds at most 400 kB of JSON (no NaN, no names but text), a write at most 4 MB. Partition keys are at most
  2,048 bytes, sort keys 1,024, states 1,000; none is empty. A counter counts to 10**37.
- Items with `expires_at` are gone from that second (a fraction is dropped), for readers and for conditions alike, and
  deleted some time later; only those may expire.

Errors: `Conflict`; `Transient` when throttled, out of reach, or while others write the same items (a write may have
happened all the same: read before writing again); `TooLarge` over a limit; `Invalid` for what no ledger can hold.
Nothing unknown is taken for absence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

MAX_CHANGES = 100
MAX_ITEM_BYTES = 400_000
MAX_WRITE_BYTES = 4_000_000
MAX_PARTITION_BYTES = 2_048
MAX_SORT_BYTES = 1_024
MAX_STATE_BYTES = 1_000
MAX_COUNT = 10**37


@dataclass(frozen=True, order=True)
class Key:
    partition: str
    sort: str


@dataclass(frozen=True)
class Due:
    """Puts the item where `due(state, before=...)` finds it once `at` has passed."""

    state: str
    at: datetime


@dataclass(frozen=True)
class Item:
    key: Key
    version: int
    data: Mapping[str, Any]
    due: Due | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Put:
    """Write the whole item as version `expect + 1`, if its version is `expect` now (0: if it is absent)."""

    key: Key
    data: Mapping[str, Any] = field(default_factory=dict)
    expect: int = 0
    due: Due | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Delete:
    key: Key
    expect: int


@dataclass(frozen=True)
class Check:
    """Change nothing, but fail the write unless the item's version is `expect` (0: absent)."""

    key: Key
    expect: int


@dataclass(frozen=True)
class Count:
    """`used += by` on a counter item (`data == {"used": n}`; absent is 0), if 0 <= used + by <= cap.

    Its version goes up by one. An item with other data or beyond `MAX_COUNT`, or one that expires, is no counter:
    `Conflict`.
    """

    key: Key
    by: int
    cap: int


Change = Put | Delete | Check | Count


class Ledger(Protocol):
    def get(self, key: Key) -> Item | None:
        """The item as of the last write that returned, or None if there is none."""

    def query(self, partition: str, *, prefix: str = "", after: str = "", limit: int = 100) -> list[Item]:
        """Items of one partition by ascending sort key (bytewise): those that start with `prefix`, beyond `after`."""

    def write(self, *changes: Change) -> None:
        """All of it or nothing. Durable when it returns."""

    def due(self, state: str, *, before: datetime, limit: int = 100) -> list[Key]:
        """Keys whose `due` has this state and a time before `before`, the longest overdue first (roughly)."""

    def close(self) -> None:
        """Gives back files and connections. It is not used after that."""
