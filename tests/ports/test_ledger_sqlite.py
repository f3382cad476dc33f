from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from shared.clock import Clock, utc_now
from shared.errors import Defect, Transient
from shared.ports.ledger import Count, Delete, Due, Key, Ledger, Put
from shared.ports.ledger.sqlite import SqliteLedger
from shared.ports.open import open_port
from shared.ports.sqlite import Database
from tests.ports.ledger_behaviour import LedgerBehaviour, used, write
from tests.ports.ledger_limits_behaviour import Advance
from tests.ports.virtual_clock import VirtualClock

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


class _Embedded(LedgerBehaviour):
    def url(self, tmp_path: Path) -> str:
        raise NotImplementedError

    @pytest.fixture
    def ledger(self, tmp_path: Path, clock: VirtualClock) -> Iterator[Ledger]:
        with closing(open_port("ledger", self.url(tmp_path), clock=clock)) as ledger:
            yield ledger

    @pytest.fixture
    def name(self) -> str:
        return "test"

    @pytest.fixture
    def now(self, clock: VirtualClock) -> Clock:
        return clock

    @pytest.fixture
    def advance(self, clock: VirtualClock) -> Advance:
        return clock.advance


class TestInAFile(_Embedded):
    def url(self, tmp_path: Path) -> str:
        return f"sqlite://{tmp_path}/ledger.db"


class TestInMemory(_Embedded):
    def url(self, tmp_path: Path) -> str:
        return f"sqlite://?memory={tmp_path.name}"


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    url, key, at = f"sqlite://{tmp_path}/a%20b/ledger.db", Key("p", "s"), utc_now() + timedelta(days=1)
    with closing(open_port("ledger", url)) as ledger:
        ledger.write(Put(key, {"n": 1}, due=Due("received", at), expires_at=at), Count(Key("p", "c"), 2, cap=3))
        before = ledger.query("p")
    assert (tmp_path / "a b" / "ledger.db").exists()
    with closing(open_port("ledger", url)) as ledger:
        assert ledger.query("p") == before
        assert ledger.due("received", before=at + timedelta(seconds=1)) == [key]


def test_a_write_is_seen_whole_by_others_or_not_at_all(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/ledger.db"
    with closing(open_port("ledger", url)) as writer, closing(open_port("ledger", url)) as reader:
        writer.write(Put(Key("p", "a"), {"n": 0}), Put(Key("p", "b"), {"n": 0}))

        def change() -> None:
            for n in range(1, 150):
                writer.write(Put(Key("p", "a"), {"n": n}, expect=n), Put(Key("p", "b"), {"n": n}, expect=n))

        with ThreadPoolExecutor(1) as pool:
            changing = pool.submit(change)
            while not changing.done():
                a, b = reader.query("p")
                assert a.data == b.data
            changing.result()


COUNTERS = """
import sys
from shared.errors import Conflict
from shared.ports.ledger import Count, Key
from shared.ports.open import open_port
ledger = open_port("ledger", sys.argv[1])
sold = 0
try:
    while True:
        ledger.write(Count(Key("p", "supply"), 1, cap=200))
        sold += 1
except Conflict:
    print(sold)
ledger.close()
"""

# Four changes that belong together, and a line for each write that returned.
WRITER = """
import sys
from shared.ports.ledger import Count, Key, Put
from shared.ports.open import open_port
ledger = open_port("ledger", sys.argv[1])
number = 0
while True:
    request = f"{number:06}"
    ledger.write(
        Put(Key("request", request), {"state": "received", "pad": "x" * 500}), Put(Key("claim", request)),
        Count(Key("supply", "0"), 1, cap=10**6), Count(Key("quota", "gold"), 1, cap=10**6),
    )
    print(request, flush=True)
    number += 1
"""


def python(code: str, url: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True, env=environment)


def test_fault_42_processes_together_sell_exactly_the_cap(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/ledger.db"
    with python(COUNTERS, url) as one, python(COUNTERS, url) as two:  # both find no file, and make it
        sold = [int(process.communicate(timeout=20)[0]) for process in (one, two)]
    assert sum(sold) == 200
    with closing(open_port("ledger", url)) as ledger:
        assert used(ledger, Key("p", "supply")) == 200


@pytest.mark.parametrize("after", [1, 40, 100])
def test_fault_10_a_killed_writer_loses_nothing_that_returned_and_leaves_nothing_in_part(
    tmp_path: Path, after: int
) -> None:
    url = f"sqlite://{tmp_path}/ledger.db"
    with python(WRITER, url) as writer:
        assert writer.stdout is not None
        written = [writer.stdout.readline().strip() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        written += writer.stdout.read().split()
    with closing(open_port("ledger", url)) as ledger:
        requests = [item.key.sort for item in ledger.query("request", limit=10_000)]
        claims = [item.key.sort for item in ledger.query("claim", limit=10_000)]
        assert requests[: len(written)] == written
        assert len(requests) - len(written) in (0, 1), "at most the write that was cut off"
        assert claims == requests
        assert used(ledger, Key("supply", "0")) == used(ledger, Key("quota", "gold")) == len(requests)


def test_fault_19_a_lock_that_lasts_is_transient_and_nothing_was_written(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with closing(SqliteLedger.open(f"sqlite://{file}", clock=utc_now)) as ledger:
        impatient = SqliteLedger(Database(str(file), (), busy_timeout_s=0.05), utc_now)
        with closing(sqlite3.connect(file)) as foreign, closing(impatient):
            foreign.execute("BEGIN IMMEDIATE")
            with pytest.raises(Transient, match=r"ledger\.db: locked by another writer") as raised:
                impatient.write(Put(Key("p", "s")))
            assert type(raised.value) is Transient
            assert impatient.get(Key("p", "s")) is None, "reading goes on"
        assert write(ledger, Put(Key("p", "s")))


def test_a_full_disk_is_transient_and_passes(tmp_path: Path) -> None:
    with closing(Database(str(tmp_path / "ledger.db"), ())) as database:
        ledger = SqliteLedger.open(f"sqlite://{tmp_path}/ledger.db", clock=utc_now)
        ledger.close()
        ledger = SqliteLedger(database, utc_now)
        with database.reading() as connection:  # the pool's only one, so the write below takes it too
            connection.execute("PRAGMA max_page_count = 12")
        with pytest.raises(Transient, match="the disk is full"):
            ledger.write(Put(Key("p", "s"), {"x": "y" * 100_000}), Put(Key("p", "t")))
        assert ledger.query("p") == []
        with database.reading() as connection:
            connection.execute("PRAGMA max_page_count = 10000")
        assert write(ledger, Put(Key("p", "s"), {"x": "y" * 100_000}))
        with database.reading() as connection:
            connection.execute("PRAGMA query_only = ON")
        with pytest.raises(Transient, match="cannot be written"):
            ledger.write(Put(Key("p", "t")))


def test_a_damaged_file_is_a_defect_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"this is a letter to my aunt" * 200)
    with pytest.raises(Defect, match="damaged, or no SQLite file"):
        open_port("ledger", f"sqlite://{tmp_path}/ledger.db")


def test_expired_items_leave_the_disk_and_so_does_what_is_deleted(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "ledger.db"
    soon = clock() + timedelta(seconds=1)
    with closing(open_port("ledger", f"sqlite://{file}", clock=clock)) as ledger:
        ledger.write(Put(Key("raw", "erased"), {"wrapped": "SECRET-ONE"}))
        ledger.write(*[Put(Key("raw", f"{n}"), {"raw": "SECRET-TWO"}, expires_at=soon) for n in range(60)])
    assert b"SECRET-ONE" in file.read_bytes()
    clock.advance(1)
    with closing(open_port("ledger", f"sqlite://{file}", clock=clock)) as ledger:
        assert [item.key.sort for item in ledger.query("raw")] == ["erased"]
        ledger.write(Delete(Key("raw", "erased"), expect=1))
        ledger.write(Put(Key("any", "write")))
    assert b"SECRET" not in file.read_bytes()


def test_an_expired_item_that_is_still_on_the_disk_is_absent_for_conditions(clock: VirtualClock) -> None:
    soon = clock() + timedelta(seconds=1)
    with closing(open_port("ledger", "sqlite://?memory=expired", clock=clock)) as ledger:
        for start in (0, 100, 200):
            ledger.write(*[Put(Key("p", f"{start + n}"), {"used": 1}, expires_at=soon) for n in range(100)])
        clock.advance(1)
        assert not write(ledger, Delete(Key("p", "299"), expect=1))  # undone with it: the purge of a few others
        assert write(ledger, Put(Key("p", "299")), Count(Key("p", "298"), 1, cap=1))
        assert [item.key.sort for item in ledger.query("p")] == ["298", "299"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM items WHERE due_state = 'a' AND due_at_us < 9 AND (expires_at_s IS NULL OR expires_at_s > 9)",
        "SELECT partition, sort FROM items WHERE expires_at_s <= 9 ORDER BY expires_at_s LIMIT 50",
    ],
    ids=["due", "purge"],
)
def test_no_look_up_reads_the_whole_table(tmp_path: Path, sql: str) -> None:
    with closing(open_port("ledger", f"sqlite://{tmp_path}/ledger.db")):
        pass
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        [step] = connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
    assert "INDEX items_" in step[3]
