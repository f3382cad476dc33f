from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.errors import Defect, Invalid
from shared.ports.open import open_port
from shared.ports.queue import Depth, Queue
from tests.ports.ministack_fixture import ACCOUNT, REGION, Ministack, ministack_of_the_session  # noqa: F401 - a fixture
from tests.ports.queue_behaviour import VISIBILITY_S, Advance, QueueBehaviour, QueueFactory
from tests.ports.sqs_queues import create


def url_of(ministack: Ministack, name: str) -> str:
    return f"sqs://{REGION}/{ACCOUNT}/{name}?{ministack.option}"


@pytest.fixture
def queue_factory(ministack: Ministack) -> QueueFactory:
    def factory(*, visibility_s: int = VISIBILITY_S, max_receives: int = 3, fifo: bool = False) -> Queue:
        name = create(ministack.client("sqs"), ACCOUNT, visibility_s=visibility_s, max_receives=max_receives, fifo=fifo)
        return open_port("queue", url_of(ministack, name))

    return factory


class TestOnMinistack(QueueBehaviour):
    @pytest.fixture
    def queue_factory(self, queue_factory: QueueFactory) -> QueueFactory:
        return queue_factory

    @pytest.fixture
    def advance(self, ministack: Ministack) -> Advance:
        return ministack.advance


def test_the_depth_tells_what_waits_where(ministack: Ministack, queue_factory: QueueFactory) -> None:
    queue = queue_factory(max_receives=1)
    queue.send("gives up")
    queue.receive()
    ministack.advance(VISIBILITY_S)
    assert queue.receive() == []
    queue.send("delayed", delay_s=59.2)
    queue.send("in flight")
    queue.receive()
    queue.send("waiting")
    assert queue.depth() == Depth(waiting=1, delayed=1, in_flight=1, dead=1)


def test_more_dead_letters_than_a_batch_go_back(ministack: Ministack, queue_factory: QueueFactory) -> None:
    queue = queue_factory(max_receives=1)
    for number in range(12):
        queue.send(str(number))
    assert len(queue.receive() + queue.receive()) == 12
    ministack.advance(VISIBILITY_S)
    assert queue.receive() == []
    seen = queue.dead_letters()
    assert len(seen) == 10
    assert [dead.sent_at for dead in seen] == sorted(dead.sent_at for dead in seen)
    assert queue.redrive() == 12
    assert queue.depth() == Depth(waiting=12, delayed=0, in_flight=0, dead=0)


def test_a_group_goes_back_in_its_order(ministack: Ministack, queue_factory: QueueFactory) -> None:
    queue = queue_factory(max_receives=1, fifo=True)
    for number in range(4):
        queue.send(str(number), group="g")
    assert len(queue.receive()) == 4
    ministack.advance(VISIBILITY_S)
    assert queue.receive() == []
    assert [dead.body for dead in queue.dead_letters()] == list("0123")
    assert queue.redrive() == 4
    assert [message.body for message in queue.receive()] == list("0123")


def test_fault_06_many_threads_share_the_work_without_doing_it_twice(queue_factory: QueueFactory) -> None:
    queue = queue_factory(visibility_s=600)

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


def test_a_queue_that_is_not_there_is_named(ministack: Ministack) -> None:
    queue = open_port("queue", url_of(ministack, "nowhere"))
    for use in (queue.receive, lambda: queue.send("x"), queue.depth, lambda: queue.delete("r"), queue.redrive):
        with pytest.raises(Defect, match="queue nowhere does not exist"):
            use()


def test_a_queue_without_dead_letters_is_a_defect(ministack: Ministack) -> None:
    ministack.client("sqs").create_queue(QueueName="alone")
    queue = open_port("queue", url_of(ministack, "alone"))
    for use in (queue.dead_letters, queue.redrive, queue.depth):
        with pytest.raises(Defect, match="queue alone has no RedrivePolicy"):
            use()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqs://eu-central-1/123456789012", "another path"),
        ("sqs://eu-central-1/12345/plan", "another path"),
        ("sqs://eu-central-1/123456789012/plan/x", "another path"),
        ("sqs://eu-central-1/123456789012/pl%20an", "another path"),
        ("sqs:///123456789012/plan", "no name after //"),
        ("sqs://key:secret@eu-central-1/123456789012/plan", "no name after //"),
        ("sqs://nowhere/123456789012/plan", "an AWS region"),
        ("sqs://eu-central-1/123456789012/plan?fifo=1", "'fifo', wanted one of endpoint"),
        ("sqs://eu-central-1/123456789012/plan?endpoint=ftp%3A%2F%2Fx", "option endpoint"),
        ("sqs://eu-central-1/123456789012/plan?endpoint=", "option endpoint"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(url: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as raised:
        open_port("queue", url)
    assert "secret" not in str(raised.value)
