from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from shared.errors import Conflict, Defect, MonoprintError, Transient
from shared.ports.sqlite import Database
from shared.ports.sqlite_group import Turns

SCHEMA = ("CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY)",)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    with closing(Database(str(file), SCHEMA)) as database:
        yield database


def keep(name: str) -> Callable[[sqlite3.Connection], str]:
    def work(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO kept VALUES (?)", (name,))
        return f"kept {name}"

    return work


def kept(database: Database) -> list[str]:
    with database.reading() as connection:
        return [name for (name,) in connection.execute("SELECT name FROM kept ORDER BY name")]


def turns_of(database: Database) -> Turns:
    return database._turns


class Queue:
    """Holds up the writers of a database until so many wait as there are works; then each has its outcome."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.others_saw: list[str] = []

    def run(self, works: list[Callable[[sqlite3.Connection], str]], database: Database | None = None) -> list[str]:
        waiting = turns_of(self._database)._waiting
        with ThreadPoolExecutor(len(works)) as pool:
            submitted: list[Future[str]] = []

            def first(connection: sqlite3.Connection) -> None:
                for number, work in enumerate(works):
                    submitted.append(pool.submit((database or self._database).write, work))
                    until(lambda number=number: len(waiting) > number)  # type: ignore[misc]
                self.others_saw = kept(self._database)

            self._database.write(first)
            return [_outcome(one) for one in submitted]


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "nobody came"
        threading.Event().wait(0.001)


def _outcome(future: Future[str]) -> str:
    try:
        return future.result(timeout=20)
    except MonoprintError as error:
        return f"{type(error).__name__}: {error}"


def commits(database: Database, run: Callable[[], object]) -> int:
    """How many transactions that changed something were written while it ran: as a reader sees them come."""
    counted: list[str] = []
    with database.reading() as connection:  # the pool's only one, so that the leader of the group takes it as well
        connection.set_trace_callback(counted.append)
    run()
    with database.reading() as connection:
        connection.set_trace_callback(None)
    return counted.count("COMMIT")


def test_those_who_wait_share_one_commit_in_the_order_in_which_they_came(database: Database) -> None:
    names = [f"{number:02}" for number in range(12)]
    outcomes: list[str] = []
    assert commits(database, lambda: outcomes.extend(Queue(database).run([keep(name) for name in names]))) == 2
    assert outcomes == [f"kept {name}" for name in names]
    with database.reading() as connection:
        assert [name for (name,) in connection.execute("SELECT name FROM kept ORDER BY rowid")] == names


def test_a_large_group_is_cut(database: Database) -> None:
    run = Queue(database).run
    assert commits(database, lambda: run([keep(f"{number:02}") for number in range(40)])) == 3
    assert len(kept(database)) == 40


def test_whoever_fails_is_undone_alone(database: Database) -> None:
    def conflicts(connection: sqlite3.Connection) -> str:
        keep("half of it")(connection)
        raise Conflict("not the version that was read", index=1)

    def wrong(connection: sqlite3.Connection) -> str:
        keep("half of it")(connection)
        connection.execute("INSERT INTO nowhere VALUES (1)")
        return "never"

    outcomes = Queue(database).run([keep("a"), conflicts, keep("b"), wrong, keep("a"), keep("c")])
    assert outcomes[:3] == ["kept a", "Conflict: not the version that was read", "kept b"]
    assert outcomes[3].startswith("Defect: some.db: no such table: nowhere")
    assert outcomes[4].startswith("Defect: some.db: UNIQUE constraint failed")
    assert outcomes[5] == "kept c"
    assert kept(database) == ["a", "b", "c"]


def test_what_fails_for_all_is_told_to_all_and_nothing_was_written(database: Database) -> None:
    def fill(connection: sqlite3.Connection) -> str:
        connection.execute("PRAGMA max_page_count = 12")
        connection.execute("INSERT INTO kept VALUES (?)", ("x" * 200_000,))
        return "never"

    outcomes = Queue(database).run([keep("a"), fill, keep("b")])
    assert all(outcome.startswith("Transient: some.db: the disk is full") for outcome in outcomes)
    assert kept(database) == []


def test_nobody_sees_a_write_before_it_is_committed(database: Database) -> None:
    queue = Queue(database)

    def look(connection: sqlite3.Connection) -> str:
        return f"I see {connection.execute('SELECT count(*) FROM kept').fetchone()[0]}, others {len(kept(database))}"

    outcomes = queue.run([keep("a"), look, keep("b")])
    assert outcomes[1] == "I see 1, others 0"
    assert kept(database) == ["a", "b"]


def test_several_who_opened_one_file_share_its_commits(file: Path, database: Database) -> None:
    with closing(Database(str(file), ())) as second:
        assert commits(second, lambda: Queue(database).run([keep("a"), keep("b")], second)) == 1
        assert kept(database) == ["a", "b"]


def test_who_waits_too_long_is_told_and_never_written(file: Path, database: Database) -> None:
    with closing(Database(str(file), (), busy_timeout_s=0.05)) as impatient, ThreadPoolExecutor(1) as pool:

        def hold(_: sqlite3.Connection) -> None:
            with pytest.raises(Transient, match=r"some\.db: locked by another writer"):
                pool.submit(impatient.write, keep("late")).result(timeout=20)

        database.write(hold)
        assert kept(database) == []
        assert impatient.write(keep("in time")) == "kept in time"


def test_a_leader_that_was_closed_takes_nobody_with_it(file: Path, database: Database) -> None:
    other = Database(str(file), ())

    def first(_: sqlite3.Connection) -> None:
        waiting = turns_of(database)._waiting
        submitted.append(pool.submit(other.write, keep("of the closed one")))
        until(lambda: len(waiting) == 1)
        submitted.append(pool.submit(database.write, keep("a")))
        until(lambda: len(waiting) == 2)
        other.close()

    submitted: list[Future[str]] = []
    with ThreadPoolExecutor(2) as pool:
        database.write(first)
        closed, follower = map(_outcome, submitted)
    assert closed == "Defect: some.db: used after it was closed"
    assert follower == "Transient: some.db: not written; write it again"
    assert database.write(keep("a")) == "kept a"


def test_an_interrupted_leader_undoes_all_and_is_told_so_itself(database: Database) -> None:
    def interrupted(_: sqlite3.Connection) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(interrupted)
    with pytest.raises(Defect):
        database.write(lambda connection: connection.execute("SELECT * FROM nowhere").fetchall())
    assert database.write(keep("after it")) == "kept after it"
