"""SqliteLedger: the ledger in one SQLite file, for one machine.

Keys are kept as their UTF-8 bytes, so that SQLite compares them bytewise as DynamoDB does. DynamoDB's limits are
enforced here too: what passes on one machine passes in the cloud.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import Any

from shared.clock import Clock, from_us, to_us
from shared.errors import Conflict
from shared.ports.ledger import MAX_COUNT, Change, Count, Delete, Due, Item, Key, Put
from shared.ports.ledger.limits import aware_us, checked, checked_state, key_bytes, positive, sort_range, to_json
from shared.ports.open import parse_url
from shared.ports.sqlite import Database

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS items (
        partition BLOB NOT NULL, sort BLOB NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL,
        due_state TEXT, due_at_us INTEGER, expires_at_s INTEGER,
        PRIMARY KEY (partition, sort)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS items_due ON items (due_state, due_at_us) WHERE due_state IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS items_expiry ON items (expires_at_s) WHERE expires_at_s IS NOT NULL",
)
# There is an item while its time is not over; the statements below end in the second of now.
_READ = """SELECT partition, sort, version, data, due_state, due_at_us, expires_at_s FROM items
    WHERE partition = ? AND sort = ? AND (expires_at_s IS NULL OR expires_at_s > ?)"""
_QUERY = """SELECT partition, sort, version, data, due_state, due_at_us, expires_at_s FROM items
    WHERE partition = ? AND sort BETWEEN ? AND ? AND sort > ? AND (expires_at_s IS NULL OR expires_at_s > ?)
    ORDER BY sort LIMIT ?"""
_DUE = """SELECT partition, sort FROM items
    WHERE due_state = ? AND due_at_us < ? AND (expires_at_s IS NULL OR expires_at_s > ?)
    ORDER BY due_at_us LIMIT ?"""
_PUT = """INSERT OR REPLACE INTO items (partition, sort, version, data, due_state, due_at_us, expires_at_s)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_COUNT = """INSERT INTO items (partition, sort, version, data) VALUES (?, ?, ?, ?)
    ON CONFLICT (partition, sort) DO UPDATE
    SET version = excluded.version, data = excluded.data, expires_at_s = NULL"""
# A few with every write, so that no single write pays for thousands.
_PURGE = """DELETE FROM items WHERE (partition, sort) IN
    (SELECT partition, sort FROM items WHERE expires_at_s <= ? ORDER BY expires_at_s LIMIT 50)"""


class SqliteLedger:
    """`sqlite:///absolute/file.db`, or `sqlite://?memory=NAME` for a simulation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> SqliteLedger:
        return cls(Database.at(parse_url("ledger", url, options=("memory",)), _SCHEMA), clock)

    def close(self) -> None:
        self._database.close()

    def get(self, key: Key) -> Item | None:
        with self._database.reading() as connection:
            row = connection.execute(_READ, (*key_bytes(key), self._now_s())).fetchone()
        return _item(row) if row else None

    def query(self, partition: str, *, prefix: str = "", after: str = "", limit: int = 100) -> list[Item]:
        texts = (partition, *sort_range(partition, prefix, after), after)
        values = (*map(str.encode, texts), self._now_s(), positive("limit", limit))
        with self._database.reading() as connection:
            rows = connection.execute(_QUERY, values).fetchall()
        return [_item(row) for row in rows]

    def due(self, state: str, *, before: datetime, limit: int = 100) -> list[Key]:
        values = (checked_state(state), aware_us("before", before), self._now_s(), positive("limit", limit))
        with self._database.reading() as connection:
            rows = connection.execute(_DUE, values).fetchall()
        return [Key(partition.decode(), sort.decode()) for partition, sort in rows]

    def write(self, *changes: Change) -> None:
        texts = checked(changes)
        now_s = self._now_s()

        def apply(connection: sqlite3.Connection) -> None:
            connection.execute(_PURGE, (now_s,))
            for index, (change, text) in enumerate(zip(changes, texts, strict=True)):
                _apply(connection, index, change, text, now_s)

        self._database.write(apply)

    def _now_s(self) -> int:
        return to_us(self._clock()) // 1_000_000


def _apply(connection: sqlite3.Connection, index: int, change: Change, text: str, now_s: int) -> None:
    """One change inside the transaction. Raises `Conflict` when its condition does not hold."""
    key = key_bytes(change.key)
    row = connection.execute(_READ, (*key, now_s)).fetchone()
    _, _, version, data, _, _, expires_at_s = row or (*key, 0, '{"used":0}', None, None, None)
    if isinstance(change, Count):
        used = _used(data) if expires_at_s is None else None
        if used is None:
            raise _conflict(index, change, "it is no counter")
        # Giving back is bounded below alone: the cap may have been lowered since.
        if used + change.by < 0 or (change.by >= 0 and used + change.by > change.cap):
            raise _conflict(index, change, f"{used} used of {change.cap}, {change.by:+} asked")
        connection.execute(_COUNT, (*key, version + 1, to_json({"used": used + change.by})))
        return
    if version != change.expect:
        raise _conflict(index, change, f"version {version} now, {change.expect} expected")
    if isinstance(change, Delete):
        connection.execute("DELETE FROM items WHERE partition = ? AND sort = ?", key)
    elif isinstance(change, Put):
        due = (change.due.state, to_us(change.due.at)) if change.due else (None, None)
        expires = to_us(change.expires_at) // 1_000_000 if change.expires_at else None
        connection.execute(_PUT, (*key, version + 1, text, *due, expires))


def _conflict(index: int, change: Change, why: str) -> Conflict:
    key = change.key
    return Conflict(f"change {index}, {type(change).__name__} {key.partition} / {key.sort}: {why}", index=index)


def _used(text: str) -> int | None:
    data = json.loads(text)
    used = data.get("used")
    return used if len(data) == 1 and type(used) is int and abs(used) <= MAX_COUNT else None


def _item(row: tuple[Any, ...]) -> Item:
    partition, sort, version, text, due_state, due_at_us, expires_at_s = row
    return Item(
        key=Key(partition.decode(), sort.decode()),
        version=version,
        data=json.loads(text),
        due=None if due_state is None else Due(due_state, from_us(due_at_us)),
        expires_at=None if expires_at_s is None else from_us(expires_at_s * 1_000_000),
    )
