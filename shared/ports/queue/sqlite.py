"""SqliteQueue: a queue in an SQLite file, for one machine. Many queues may share a file, each under its own name.

A kill loses nothing. Sends are flushed to the disk before they return; receipts and deletes are not, since a power
cut that undoes them only delivers a message again.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from shared.clock import Clock, from_us, to_us
from shared.ports.open import parse_url
from shared.ports.queue import MAX_AGE_S, MAX_BATCH, Depth, Received
from shared.ports.queue.limits import check_batch, check_delay, check_send
from shared.ports.sqlite import Database

_SCHEMA = (
    # seq is the order of the sends. visible_at_us is when it may be delivered: later means delayed, in flight, or
    # waiting to be retried. A receipt is there only while the message is in flight, dead_at_us only when it gave up.
    """CREATE TABLE IF NOT EXISTS messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, message_id TEXT NOT NULL, group_id TEXT,
        body TEXT NOT NULL, sent_at_us INTEGER NOT NULL, visible_at_us INTEGER NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0, receipt TEXT UNIQUE, dead_at_us INTEGER)""",
    # What was reclaimed and had its count given back; the next time it keeps its count.
    "CREATE TABLE IF NOT EXISTS forgiven (seq INTEGER PRIMARY KEY)",
    "CREATE INDEX IF NOT EXISTS messages_next ON messages (queue, visible_at_us, seq) WHERE dead_at_us IS NULL",
    "CREATE INDEX IF NOT EXISTS messages_order ON messages (queue, seq) WHERE dead_at_us IS NULL",
    "CREATE INDEX IF NOT EXISTS messages_dead ON messages (queue, dead_at_us, seq) WHERE dead_at_us IS NOT NULL",
)
_NEXT = """SELECT seq, message_id, body, receives, sent_at_us, group_id FROM messages
    WHERE queue = :queue AND dead_at_us IS NULL AND visible_at_us <= :now ORDER BY visible_at_us, seq LIMIT :limit"""
# A group is held back whole while one of its messages is hidden: in flight, or waiting to be retried. The plus keeps
# SQLite on the index that gives the order.
_NEXT_FIFO = """SELECT seq, message_id, body, receives, sent_at_us, group_id FROM messages
    WHERE queue = :queue AND dead_at_us IS NULL AND +visible_at_us <= :now AND group_id NOT IN
        (SELECT group_id FROM messages WHERE queue = :queue AND dead_at_us IS NULL AND visible_at_us > :now)
    ORDER BY seq LIMIT :limit"""
_DEAD = """SELECT seq, message_id, body, receives, sent_at_us, group_id FROM messages
    WHERE queue = ? AND dead_at_us IS NOT NULL ORDER BY dead_at_us, seq LIMIT ?"""
# SQS keeps nothing for longer, and a step that must not rely on more is tested here.
_FORGET = "DELETE FROM messages WHERE queue = ? AND sent_at_us <= ?"
_SEND = """INSERT INTO messages (queue, message_id, group_id, body, sent_at_us, visible_at_us)
    VALUES (?, ?, ?, ?, ?, ?)"""
# A receipt is void from the moment its time is up.
_DELETE = "DELETE FROM messages WHERE queue = ? AND receipt = ? AND visible_at_us > ?"
_IN_FLIGHT = """SELECT seq, seq IN (SELECT seq FROM forgiven) FROM messages
    WHERE queue = ? AND receipt IS NOT NULL AND dead_at_us IS NULL AND visible_at_us > ?"""
_RELEASE = """UPDATE messages SET visible_at_us = ?, receipt = NULL
    WHERE queue = ? AND receipt = ? AND visible_at_us > ?"""


class SqliteQueue:
    """`sqlite:///absolute/file.db?name=plan&visibility_s=60&max_receives=5&fifo=1`

    or `sqlite://?memory=NAME&name=plan` for a simulation. Only `name` must be given.
    """

    def __init__(
        self, database: Database, clock: Clock, *, name: str, visibility_s: int, max_receives: int, fifo: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._name = name
        self._visibility_us = visibility_s * 1_000_000
        self._max_receives = max_receives
        self._fifo = fifo

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> SqliteQueue:
        parts = parse_url("queue", url, options=("name", "memory", "visibility_s", "max_receives", "fifo"))
        name = parts.text("name")
        if not re.fullmatch("[A-Za-z0-9_-]{1,80}", name):
            raise parts.wrong("name", repr(name[:100]), "1 to 80 letters, digits, - and _")
        return cls(
            Database.at(parts, _SCHEMA),
            clock,
            name=name,
            visibility_s=parts.whole("visibility_s", 60, low=1, high=43_200),
            max_receives=parts.whole("max_receives", 5, low=1, high=1_000),
            fifo=bool(parts.whole("fifo", 0, low=0, high=1)),
        )

    def close(self) -> None:
        self._database.close()

    def send(self, body: str, *, delay_s: float = 0, group: str | None = None) -> None:
        check_send(body, delay_s=delay_s, group=group, fifo=self._fifo)
        now_us = to_us(self._clock())
        row = (self._name, str(uuid4()), group, body, now_us, now_us + round(delay_s * 1e6))
        self._change(_SEND, row, durable=True)

    def receive(self, *, limit: int = MAX_BATCH) -> list[Received]:
        check_batch(limit)
        query = _NEXT_FIFO if self._fifo else _NEXT
        now_us = to_us(self._clock())
        asked = {"queue": self._name, "now": now_us}
        # Waiting workers ask all the time: an empty queue must not cost a write lock.
        with self._database.reading() as connection:
            if connection.execute(query, asked | {"limit": 1}).fetchone() is None:
                return []

        def take(connection: sqlite3.Connection) -> list[Received]:
            taken: list[Received] = []
            self._forget(connection, now_us)
            # Again while messages that gave up took the places of others.
            while rows := connection.execute(query, asked | {"limit": limit - len(taken)}).fetchall():
                taken += self._take(connection, rows, now_us)
            return taken

        return self._database.write(take, durable=False)

    def _change(self, statement: str, values: tuple[Any, ...], *, durable: bool) -> None:
        def change(connection: sqlite3.Connection) -> None:
            connection.execute(statement, values)

        self._database.write(change, durable=durable)

    def _forget(self, connection: sqlite3.Connection, now_us: int) -> None:
        connection.execute(_FORGET, (self._name, now_us - MAX_AGE_S * 1_000_000))

    def _take(self, connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]], now_us: int) -> list[Received]:
        taken = []
        for seq, message_id, body, receives, sent_at_us, group in rows:
            if receives >= self._max_receives:
                connection.execute("UPDATE messages SET dead_at_us = ?, receipt = NULL WHERE seq = ?", (now_us, seq))
                continue
            receipt = uuid4().hex
            connection.execute(
                "UPDATE messages SET visible_at_us = ?, receives = receives + 1, receipt = ? WHERE seq = ?",
                (now_us + self._visibility_us, receipt, seq),
            )
            taken.append(Received(message_id, receipt, body, receives + 1, from_us(sent_at_us), group))
        return taken

    def delete(self, receipt: str) -> None:
        self._change(_DELETE, (self._name, receipt, to_us(self._clock())), durable=False)

    def release(self, receipt: str, *, delay_s: float) -> None:
        check_delay(delay_s)
        now_us = to_us(self._clock())
        self._change(_RELEASE, (now_us + round(delay_s * 1e6), self._name, receipt, now_us), durable=False)

    def reclaim(self) -> int:
        """Make everything in flight visible now; for the only consumer of this machine, when it starts.

        What a killed consumer had in its hands would else wait for its visibility to end. Returns how many.

        A kill is hardly ever the message's fault: its count is given back, so that kills bury nothing that is good.
        But one that kills whoever takes it must die too: of two reclaims of a message, the second keeps its count.
        """
        now_us = to_us(self._clock())

        def reclaimed(connection: sqlite3.Connection) -> int:
            held = connection.execute(_IN_FLIGHT, (self._name, now_us)).fetchall()
            for seq, forgiven in held:
                connection.execute(
                    "UPDATE messages SET visible_at_us = ?, receipt = NULL, receives = receives - ? WHERE seq = ?",
                    (now_us, 0 if forgiven else 1, seq),
                )
                change = "DELETE FROM forgiven WHERE seq = ?" if forgiven else "INSERT INTO forgiven VALUES (?)"
                connection.execute(change, (seq,))
            connection.execute("DELETE FROM forgiven WHERE seq NOT IN (SELECT seq FROM messages)")
            return len(held)

        return self._database.write(reclaimed)

    def depth(self) -> Depth:
        with self._database.reading() as connection:
            counts = connection.execute(
                "SELECT count(*) FILTER (WHERE dead_at_us IS NULL AND visible_at_us <= :now),"
                " count(*) FILTER (WHERE dead_at_us IS NULL AND visible_at_us > :now AND receives = 0),"
                " count(*) FILTER (WHERE dead_at_us IS NULL AND visible_at_us > :now AND receives > 0),"
                " count(dead_at_us) FROM messages WHERE queue = :queue",
                {"queue": self._name, "now": to_us(self._clock())},
            ).fetchone()
        return Depth(*counts)

    def dead_letters(self, *, limit: int = MAX_BATCH) -> list[Received]:
        check_batch(limit)
        now_us = to_us(self._clock())

        def look(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            self._forget(connection, now_us)
            return connection.execute(_DEAD, (self._name, limit)).fetchall()

        return [
            Received(message_id, "", body, receives, from_us(sent_at_us), group)
            for _, message_id, body, receives, sent_at_us, group in self._database.write(look, durable=False)
        ]

    def redrive(self) -> int:
        now_us = to_us(self._clock())

        def sent_back(connection: sqlite3.Connection) -> int:
            self._forget(connection, now_us)
            # New messages: a dead letter joins at the end, behind what its group has sent since.
            sent = connection.execute(
                "INSERT INTO messages (queue, message_id, group_id, body, sent_at_us, visible_at_us)"
                " SELECT queue, lower(hex(randomblob(16))), group_id, body, ?, ? FROM messages"
                " WHERE queue = ? AND dead_at_us IS NOT NULL ORDER BY dead_at_us, seq",
                (now_us, now_us, self._name),
            ).rowcount
            connection.execute("DELETE FROM messages WHERE queue = ? AND dead_at_us IS NOT NULL", (self._name,))
            return sent

        return self._database.write(sent_back)
