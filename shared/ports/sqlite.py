"""Database: the SQLite file under the embedded queue and ledger, or one in memory that a simulation shares by name.

Safe for many threads and many processes on one machine (not over a network file system). WAL, so that readers never
wait. Each use takes a connection of its own from a pool; writers of one process queue up and share commits
(sqlite_group.py), because SQLite's own waiting sleeps and lets late comers overtake, and take turns with other
processes by SQLite's lock. Do not carry an open one over a fork.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from shared.errors import Defect, Invalid, MonoprintError, Transient
from shared.ports.open import PortUrl
from shared.ports.sqlite_group import Job, NoTurn, Turns

BUSY_TIMEOUT_S = 10.0
T = TypeVar("T")

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
_turns: dict[str, Turns] = {}


class Database:
    """`reading()` lends a connection, `write()` calls with one; errors of SQLite leave here translated."""

    def __init__(self, path: str, schema: Sequence[str], *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """`path`: an absolute file, whose folders are made, or `:memory:NAME`."""
        self._path = path
        self._name = Path(path).name
        self._busy_timeout_s = busy_timeout_s
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._memory: _Memory | None = None
        with _registry:
            self._turns = _turns.setdefault(str(Path(path).resolve()), Turns())
            if path.startswith(":memory:"):
                if path not in _memories:
                    _memories[path] = _Memory(_connect(":memory:", 0))
                self._memory = _memories[path]
                self._memory.users += 1
        try:
            if self._memory is None:
                self._make_room()
            self.write(lambda connection: _make(connection, schema))
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

    def write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Calls `work` inside a transaction that nobody can write beside, and returns what it returned once that is
        committed. Any exception of `work` undoes what it did, and nothing else. Other writers' work may stand in the
        same transaction, before and after it, and another thread may call it: it gives back plain values, no cursors.

        A killed process loses nothing that was committed, either way. `durable=False` leaves the flush to a later
        commit, so that a power cut may undo it (and only it, and what came after it).
        """
        job = Job(work, durable)
        try:
            self._turns.take(job, self._commit, self._busy_timeout_s)
        except NoTurn:
            raise Transient(f"{self._name}: locked by another writer", retry_after_s=1) from None
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def _commit(self, group: list[Job]) -> None:
        """One transaction for all of them. Whoever fails alone is undone alone; what fails for all is all undone."""
        try:
            with self._lend() as connection:
                connection.execute(f"PRAGMA synchronous = {'FULL' if any(job.durable for job in group) else 'NORMAL'}")
                connection.execute("BEGIN IMMEDIATE")
                try:
                    for job in group:
                        self._do(connection, job)
                    connection.execute("COMMIT")
                except BaseException:
                    connection.rollback()
                    raise
        except BaseException as error:  # noqa: BLE001 - each of the group is told, and its leader of all there is
            for job in group:
                cause = error.__cause__ if isinstance(error.__cause__, sqlite3.Error) else None
                told = self._translated(cause) if cause else Transient(f"{self._name}: not written; write it again")
                told.__cause__ = cause or error
                job.error = told
            group[0].error = error

    def _do(self, connection: sqlite3.Connection, job: Job) -> None:
        connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(connection)
        except sqlite3.Error as error:
            if not connection.in_transaction:  # SQLite has undone all of it: the disk is full, or worse
                raise
            job.error = self._translated(error)
            job.error.__cause__ = error
        except Exception as error:  # noqa: BLE001 - it is the job's own affair, and told to whoever gave it
            job.error = error
        if job.error is not None:
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")

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


def _make(connection: sqlite3.Connection, schema: Sequence[str]) -> None:
    for statement in schema:
        connection.execute(statement)


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
