"""Database: the SQLite file under the embedded queue and ledger, or one in memory that a simulation shares by name.

Safe for many threads and many processes on one machine (not over a network file system). WAL, so that readers never
wait. Each use takes a connection of its own from a pool; writers of one process queue up behind a lock, because
SQLite's own waiting sleeps and lets late comers overtake, and take turns with other processes by SQLite's lock.
Do not carry an open one over a fork.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from shared.errors import Defect, Invalid, MonoprintError, Transient
from shared.ports.open import PortUrl

BUSY_TIMEOUT_S = 10.0

# What passes: another writer, a full or missing disk; and after how many seconds to ask again.
_PASSING = {
    sqlite3.SQLITE_BUSY: ("locked by another writer", 1),
    sqlite3.SQLITE_LOCKED: ("locked by another writer", 1),
    sqlite3.SQLITE_PROTOCOL: ("locked by another writer", 1),
    sqlite3.SQLITE_FULL: ("the disk is full", 30),
    sqlite3.SQLITE_READONLY: ("cannot be written", 30),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", 30),
    sqlite3.SQLITE_IOERR: ("the disk does not answer", 30),
    sqlite3.SQLITE_NOMEM: ("no memory is left", 30),
}


@dataclass
class _Memory:
    """One connection for all who share the name: a database in memory lives as long as its connection."""

    connection: sqlite3.Connection
    lock: threading.RLock = field(default_factory=threading.RLock)
    users: int = 0


_registry = threading.Lock()
_memories: dict[str, _Memory] = {}
_turns: dict[str, threading.Lock] = {}


class Database:
    """`reading()` and `writing()` lend a connection; errors of SQLite leave here translated."""

    def __init__(self, path: str, schema: Sequence[str], *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """`path`: an absolute file, whose folders are made, or `:memory:NAME`."""
        self._path = path
        self._name = Path(path).name
        self._busy_timeout_s = busy_timeout_s
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._memory: _Memory | None = None
        with _registry:
            self._turn = _turns.setdefault(str(Path(path).resolve()), threading.Lock())
            if path.startswith(":memory:"):
                if path not in _memories:
                    _memories[path] = _Memory(_connect(":memory:", 0))
                self._memory = _memories[path]
                self._memory.users += 1
        try:
            if self._memory is None:
                self._make_room()
            with self.writing() as connection:
                for statement in schema:
                    connection.execute(statement)
        except BaseException:
            self.close()
            raise

    @classmethod
    def at(cls, url: PortUrl, schema: Sequence[str]) -> Self:
        """`sqlite:///absolute/file.db`, or `sqlite://?memory=NAME` for one in this process's memory."""
        if bool(url.path) == ("memory" in url.options):
            raise Invalid(f"{url.port} url", "no file", "sqlite:///absolute/file.db or sqlite://?memory=NAME")
        return cls(url.path or f":memory:{url.text('memory')}", schema)

    def close(self) -> None:
        """Closes what is idle now, and what is in use when it comes back."""
        if self._closed:
            return
        self._closed = True
        while self._idle:
            self._idle.pop().close()
        if self._memory is not None:
            with _registry:
                self._memory.users -= 1
                if not self._memory.users:
                    del _memories[self._path]
                    self._memory.connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One statement sees what was committed when it began."""
        with self._lend() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody can write beside: committed at the end, rolled back by any exception.

        A killed process loses nothing that was committed, either way. `durable=False` leaves the flush to a later
        commit, so that a power cut may undo it (and only it, and what came after it).
        """
        if not self._turn.acquire(timeout=self._busy_timeout_s):
            raise Transient(f"{self._name}: locked by another writer", retry_after_s=1)
        try:
            with self._lend() as connection:
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    connection.rollback()
                    raise
        finally:
            self._turn.release()

    @contextmanager
    def _lend(self) -> Iterator[sqlite3.Connection]:
        if self._closed:
            raise Defect(f"{self._name}: used after it was closed")
        try:
            if self._memory is not None:
                with self._memory.lock:
                    yield self._memory.connection
                return
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = _connect(self._path, self._busy_timeout_s)
            try:
                yield connection
            finally:
                if connection.in_transaction or self._closed:  # not even the rollback worked; or it came back late
                    connection.close()
                else:
                    self._idle.append(connection)
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error) -> MonoprintError:
        # The low byte is the kind of error; Python's own checks have none. What is not listed is a mistake in our SQL.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _PASSING:
            meaning, retry_after_s = _PASSING[code]
            return Transient(f"{self._name}: {meaning} ({error})", retry_after_s=retry_after_s)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return Defect(f"{self._name}: damaged, or no SQLite file ({error}); restore it from a copy")
        return Defect(f"{self._name}: {error}")

    def _make_room(self) -> None:
        """The file, empty and for its owner alone: SQLite gives its side files the same mode."""
        try:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise Invalid("sqlite url", f"{self._name} ({error.strerror})", "a file that can be written") from error


def _connect(path: str, busy_timeout_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    try:
        # Erasure: what is deleted is overwritten with zeros, not only left out of the index.
        connection.execute("PRAGMA secure_delete = ON")
        # Of several who switch a new file to WAL at once, SQLite turns some away without waiting.
        deadline = time.monotonic() + busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return connection
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
    except BaseException:
        connection.close()
        raise
