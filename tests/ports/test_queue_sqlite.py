from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from shared.clock import utc_now
from shared.errors import Defect, Transient
from shared.ports.open import open_port
from shared.ports.queue import MAX_AGE_S, Depth, Queue
from shared.ports.queue.sqlite import SqliteQueue
from shared.ports.sqlite import Database
from tests.ports.queue_behaviour import VISIBILITY_S, Advance, QueueBehaviour, QueueFactory
from tests.ports.virtual_clock import VirtualClock

ROOT = Path(__file__).parents[2]


def url_for(place: Path | str, name: str = "plan", **options: int) -> str:
    base = f"sqlite://{place}?" if isinstance(place, Path) else f"sqlite://?memory={place}&"
    return base + "&".join([f"name={name}", *(f"{option}={value}" for option, value in options.items())])


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


class _Embedded(QueueBehaviour):
    def place(self, tmp_path: Path) -> Path | str:
        raise NotImplementedError

    @pytest.fixture
    def advance(self, clock: VirtualClock) -> Advance:
        return clock.advance

    @pytest.fixture
    def queue_factory(self, tmp_path: Path, clock: VirtualClock) -> Iterator[QueueFactory]:
        opened: list[Queue] = []

        def factory(*, visibility_s: int = VISIBILITY_S, max_receives: int = 3, fifo: bool = False) -> Queue:
            url = url_for(
                self.place(tmp_path),
                f"queue-{len(opened)}",
                visibility_s=visibility_s,
                max_receives=max_receives,
                fifo=int(fifo),
            )
            opened.append(open_port("queue", url, clock=clock))
            return opened[-1]

        yield factory
        for queue in opened:
            queue.close()


class TestInAFile(_Embedded):
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "monoprint.db"


class TestInMemory(_Embedded):
    def place(self, tmp_path: Path) -> str:
        return tmp_path.name


def test_the_depth_tells_what_waits_where(clock: VirtualClock) -> None:
    with closing(open_port("queue", url_for("depth", max_receives=1), clock=clock)) as queue:
        queue.send("gives up")
        queue.receive()
        clock.advance(60)
        assert queue.receive() == []
        queue.send("in flight")
        queue.receive()
        queue.send("delayed", delay_s=5)
        queue.send("waiting")
        assert queue.depth() == Depth(waiting=1, delayed=1, in_flight=1, dead=1)


def test_dead_letters_come_oldest_first_and_at_most_ten(clock: VirtualClock) -> None:
    with closing(open_port("queue", url_for("dead", max_receives=1), clock=clock)) as queue:
        for number in range(12):
            queue.send(str(number))
            queue.receive()
            clock.advance(60)
            assert queue.receive() == []
        assert [dead.body for dead in queue.dead_letters()] == [str(number) for number in range(10)]
        assert queue.redrive() == 12


def test_a_kill_counts_as_half_a_failure(clock: VirtualClock) -> None:
    with closing(SqliteQueue.open(url_for("kills", max_receives=3), clock=clock)) as queue:
        queue.send("kills whoever takes it")
        kills, counts = 0, []
        while messages := queue.receive():
            counts.append(messages[0].receive_count)
            assert queue.reclaim() == 1
            kills += 1
            assert kills < 20, "it must die in the end"
        assert counts == [1, 1, 2, 2, 3, 3]
        assert queue.depth().dead == 1


def test_kills_do_not_bury_what_others_would_end(clock: VirtualClock) -> None:
    with closing(SqliteQueue.open(url_for("spared", max_receives=1), clock=clock)) as queue:
        queue.send("good")
        queue.receive()
        queue.reclaim()
        [message] = queue.receive()
        queue.delete(message.receipt)
        assert queue.depth() == Depth(0, 0, 0, 0)
        assert queue.reclaim() == 0


def test_one_receive_brings_several_of_a_group_as_sqs_does(clock: VirtualClock) -> None:
    with closing(open_port("queue", url_for("several", fifo=1), clock=clock)) as queue:
        for number in range(3):
            queue.send(str(number), group="g")
        batch = queue.receive()
        assert [message.body for message in batch] == ["0", "1", "2"]
        queue.release(batch[0].receipt, delay_s=0)
        assert queue.receive() == [], "those behind it are still in flight"
        for message in batch[1:]:
            queue.release(message.receipt, delay_s=0)
        assert [message.body for message in queue.receive()] == ["0", "1", "2"]


def test_nothing_is_kept_for_longer_than_sqs_keeps_it(clock: VirtualClock) -> None:
    with closing(open_port("queue", url_for("age", visibility_s=60, max_receives=1), clock=clock)) as queue:
        queue.send("gives up")
        queue.receive()
        clock.advance(60)
        assert queue.receive() == []
        clock.advance(MAX_AGE_S - 61)
        assert [dead.body for dead in queue.dead_letters()] == ["gives up"]
        clock.advance(1)
        assert queue.dead_letters() == []
        assert queue.redrive() == 0
        queue.send("waits too long")
        clock.advance(MAX_AGE_S)
        assert queue.receive() == []
        assert queue.depth() == Depth(0, 0, 0, 0)


def test_a_dead_letter_goes_back_as_a_new_message(clock: VirtualClock) -> None:
    with closing(open_port("queue", url_for("new", visibility_s=60, max_receives=1), clock=clock)) as queue:
        queue.send("again")
        [first] = queue.receive()
        clock.advance(60)
        assert queue.receive() == []
        assert queue.redrive() == 1
        [second] = queue.receive()
        assert second.message_id != first.message_id
        assert second.sent_at == clock()


def test_queues_of_one_file_are_apart_and_stay_when_closed(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "deep" / "monoprint.db"
    with closing(open_port("queue", url_for(file, "plan"), clock=clock)) as plan:
        plan.send("for plan", delay_s=30)
        with closing(open_port("queue", url_for(file, "render"), clock=clock)) as render:
            render.send("for render")
    assert file.stat().st_mode & 0o777 == 0o600
    clock.advance(30)
    with closing(open_port("queue", url_for(file, "plan"), clock=clock)) as plan:
        assert [message.body for message in plan.receive()] == ["for plan"]


def test_memory_is_shared_by_name_and_ends_with_its_last_user() -> None:
    first = open_port("queue", url_for("one"))
    second = open_port("queue", url_for("one"))
    other = open_port("queue", url_for("two"))
    first.send("hello")
    first.close()
    first.close()
    assert other.receive() == []
    assert [message.body for message in second.receive()] == ["hello"]
    second.close()
    other.close()
    with pytest.raises(Defect):
        second.send("too late")
    with closing(open_port("queue", url_for("one"))) as again:
        assert again.depth() == Depth(0, 0, 0, 0)


def test_fault_06_many_threads_share_the_work_without_doing_it_twice(tmp_path: Path) -> None:
    with closing(open_port("queue", url_for(tmp_path / "q.db", visibility_s=600))) as queue:

        def work(worker: int) -> list[str]:
            for number in range(25):
                queue.send(f"{worker}-{number}")
            done = []
            while batch := queue.receive(limit=3):
                for message in batch:
                    queue.delete(message.receipt)
                    done.append(message.body)
            return done

        with ThreadPoolExecutor(8) as pool:
            done = [body for bodies in pool.map(work, range(8)) for body in bodies]
        assert queue.depth() == Depth(0, 0, 0, 0)
    assert Counter(done) == Counter(f"{worker}-{number}" for worker in range(8) for number in range(25))


CONSUMER = """
import sys
from shared.ports.open import open_port
queue = open_port("queue", sys.argv[1])
while batch := queue.receive(limit=5):
    for message in batch:
        queue.delete(message.receipt)
        print(message.body, flush=True)
queue.close()
"""

SENDER = """
import sys
from shared.ports.open import open_port
queue = open_port("queue", sys.argv[1])
number = 0
while True:
    queue.send(str(number))
    print(number, flush=True)
    number += 1
"""


def python(code: str, url: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True, env=environment)


def test_fault_06_processes_share_the_work_without_doing_it_twice(tmp_path: Path) -> None:
    url = url_for(tmp_path / "q.db", visibility_s=600)
    with closing(open_port("queue", url)) as queue:
        for number in range(150):
            queue.send(str(number))
        with python(CONSUMER, url) as one, python(CONSUMER, url) as two:
            done = one.communicate(timeout=20)[0].split() + two.communicate(timeout=20)[0].split()
        assert (one.returncode, two.returncode) == (0, 0)
    assert Counter(done) == Counter(map(str, range(150)))


def test_fault_09_a_killed_sender_loses_no_send_that_returned(tmp_path: Path) -> None:
    url = url_for(tmp_path / "q.db", visibility_s=600)
    with python(SENDER, url) as sender:
        assert sender.stdout is not None
        sent = [sender.stdout.readline().strip() for _ in range(150)]
        sender.send_signal(signal.SIGKILL)
        sent += sender.stdout.read().split()
    with closing(open_port("queue", url)) as queue:
        found: list[str] = []
        while batch := queue.receive():
            found += [message.body for message in batch]
    assert set(sent) <= set(found)
    assert len(found) <= len(sent) + 1, "at most the send that was cut off"


def test_waiting_takes_no_lock_and_a_lock_that_lasts_is_transient(tmp_path: Path) -> None:
    file = tmp_path / "q.db"
    database = Database(str(file), (), busy_timeout_s=0.05)
    with closing(open_port("queue", url_for(file))), closing(sqlite3.connect(file)) as foreign:
        queue = SqliteQueue(database, utc_now, name="plan", visibility_s=60, max_receives=5, fifo=False)
        foreign.execute("BEGIN IMMEDIATE")
        assert queue.receive() == []
        with pytest.raises(Transient, match="locked by another writer"):
            queue.send("blocked")
        foreign.rollback()
        queue.send("free")
        assert [message.body for message in queue.receive()] == ["free"]
        queue.close()


def test_a_transaction_locks_before_it_looks(tmp_path: Path) -> None:
    # Else two processes could choose the same message, and SQLite would turn one away at its first write.
    file = tmp_path / "q.db"
    with closing(Database(str(file), ())) as database, closing(sqlite3.connect(file, timeout=0)) as foreign:

        def look(_: sqlite3.Connection) -> None:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                foreign.execute("BEGIN IMMEDIATE")

        database.write(look)
        foreign.execute("BEGIN IMMEDIATE")
