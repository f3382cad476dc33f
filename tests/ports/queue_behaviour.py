"""What every queue must do. An adapter's test derives from `QueueBehaviour` and brings the two fixtures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import pytest

from shared.errors import Invalid, TooLarge
from shared.ports.queue import MAX_BODY_BYTES, MAX_RELEASE_S, Queue, Received

VISIBILITY_S = 30
POLLS = 40

Advance = Callable[[float], None]


class QueueFactory(Protocol):
    def __call__(self, *, visibility_s: int = VISIBILITY_S, max_receives: int = 3, fifo: bool = False) -> Queue:
        """A new, empty queue."""


def take(queue: Queue, count: int) -> list[Received]:
    """`count` messages. A service may hold some back at first, so it is asked more than once."""
    found: list[Received] = []
    for _ in range(POLLS):
        found += queue.receive(limit=min(10, count - len(found)))
        if len(found) == count:
            return found
    raise AssertionError(f"{len(found)} messages came, {count} were expected")


class QueueBehaviour:
    @pytest.fixture
    def queue_factory(self) -> QueueFactory:
        raise NotImplementedError

    @pytest.fixture
    def advance(self) -> Advance:
        """Lets seconds pass: moves the clock that the queue goes by."""
        raise NotImplementedError

    def test_a_message_arrives_as_it_was_sent(self, queue_factory: QueueFactory, advance: Advance) -> None:
        queue = queue_factory()
        assert queue.receive() == []
        queue.send('{"request_id": "ключ 鍵 🗝"}')
        [message] = take(queue, 1)
        assert message.body == '{"request_id": "ключ 鍵 🗝"}'
        assert message.receive_count == 1
        assert message.group is None
        assert message.sent_at.utcoffset() == timedelta(0)
        queue.delete(message.receipt)
        advance(VISIBILITY_S)
        assert queue.receive() == []

    def test_fault_06_what_is_not_deleted_comes_again(self, queue_factory: QueueFactory, advance: Advance) -> None:
        queue = queue_factory()
        queue.send("again")
        [first] = take(queue, 1)
        assert queue.receive() == [], "it is hidden while it is in flight"
        advance(VISIBILITY_S)
        [second] = take(queue, 1)
        assert (second.message_id, second.body, second.receive_count) == (first.message_id, "again", 2)
        assert second.receipt != first.receipt
        assert second.sent_at == first.sent_at

    def test_fault_06_a_void_receipt_changes_nothing(self, queue_factory: QueueFactory, advance: Advance) -> None:
        queue = queue_factory(max_receives=9)
        queue.send("mine now")
        [first] = take(queue, 1)
        advance(VISIBILITY_S)
        [second] = take(queue, 1)
        queue.release(first.receipt, delay_s=0)
        queue.delete(first.receipt)
        assert queue.receive() == [], "the second delivery still holds it"
        advance(VISIBILITY_S)
        [third] = take(queue, 1)
        assert third.receive_count == 3
        for receipt in (third.receipt, third.receipt, second.receipt):
            queue.delete(receipt)
        advance(VISIBILITY_S)
        assert queue.receive() == []

    def test_a_released_message_waits_for_its_delay(self, queue_factory: QueueFactory, advance: Advance) -> None:
        queue = queue_factory(visibility_s=60, max_receives=9)
        queue.send("later")
        [message] = take(queue, 1)
        queue.release(message.receipt, delay_s=0)
        [message] = take(queue, 1)
        assert message.receive_count == 2
        queue.release(message.receipt, delay_s=20)
        assert queue.receive() == []
        advance(20)
        [message] = take(queue, 1)
        assert message.receive_count == 3

    def test_a_delay_counts_from_the_send(self, queue_factory: QueueFactory, advance: Advance) -> None:
        queue = queue_factory()
        queue.send("in a while", delay_s=20)
        queue.send("now")
        assert [message.body for message in take(queue, 1)] == ["now"]
        assert queue.receive() == []
        advance(20)
        assert [message.body for message in take(queue, 1)] == ["in a while"]

    def test_a_batch_holds_ten_at_most(self, queue_factory: QueueFactory) -> None:
        queue = queue_factory(visibility_s=60)
        for number in range(13):
            queue.send(str(number))
        few = queue.receive(limit=2)
        many = queue.receive()
        rest = take(queue, 13 - len(few) - len(many))
        assert (len(few) <= 2, len(many) <= 10) == (True, True)
        assert {message.body for message in few + many + rest} == {str(number) for number in range(13)}
        for limit in (0, 11):
            with pytest.raises(Invalid):
                queue.receive(limit=limit)

    def test_bodies_are_text_within_the_limit(self, queue_factory: QueueFactory) -> None:
        queue = queue_factory(visibility_s=60)
        largest = "é" * (MAX_BODY_BYTES // 2)
        queue.send(largest)
        assert take(queue, 1)[0].body == largest
        with pytest.raises(TooLarge):
            queue.send(largest + "x")
        for body in ("", "\x00", "a\x1fb", "\ufffe", "\ud800"):
            with pytest.raises(Invalid):
                queue.send(body)
        assert queue.receive() == []

    def test_delays_within_the_limits(self, queue_factory: QueueFactory) -> None:
        queue = queue_factory(visibility_s=60)
        for delay_s in (-1, 901, float("nan"), float("inf")):
            with pytest.raises(Invalid):
                queue.send("never", delay_s=delay_s)
        queue.send("held")
        [message] = take(queue, 1)
        for delay_s in (-1, MAX_RELEASE_S + 1, float("nan")):
            with pytest.raises(Invalid):
                queue.release(message.receipt, delay_s=delay_s)

    def test_fault_11_poison_leaves_its_batch_alone(self, queue_factory: QueueFactory, advance: Advance) -> None:
        queue = queue_factory(max_receives=2)
        for number in range(10):
            queue.send(f"job {number}")
        for message in take(queue, 10):
            if message.body != "job 4":
                queue.delete(message.receipt)
        advance(VISIBILITY_S)
        [poison] = take(queue, 1)
        advance(VISIBILITY_S)
        assert queue.receive() == []
        for _ in range(2):  # looking takes nothing away
            [dead] = queue.dead_letters()
            assert (dead.body, dead.message_id, dead.sent_at) == ("job 4", poison.message_id, poison.sent_at)
            assert dead.receive_count >= 2
            queue.delete(dead.receipt)

    def test_fault_12_dead_letters_go_back_counted_from_zero(
        self, queue_factory: QueueFactory, advance: Advance
    ) -> None:
        queue = queue_factory(max_receives=1)
        assert queue.redrive() == 0
        queue.send("one")
        queue.send("two")
        take(queue, 2)
        advance(VISIBILITY_S)
        assert queue.receive() == []
        assert sorted(dead.body for dead in queue.dead_letters()) == ["one", "two"]
        assert len(queue.dead_letters(limit=1)) == 1
        assert queue.redrive() == 2
        assert queue.dead_letters() == []
        again = take(queue, 2)
        assert sorted((message.body, message.receive_count) for message in again) == [("one", 1), ("two", 1)]
        for message in again:
            queue.delete(message.receipt)
        advance(VISIBILITY_S)
        assert queue.receive() == []

    def test_fifo_keeps_the_order_of_a_group(self, queue_factory: QueueFactory) -> None:
        queue = queue_factory(visibility_s=60, fifo=True)
        for number in range(6):
            queue.send(str(number), group="signer-a")
        bodies = []
        for _ in range(POLLS):
            batch = queue.receive(limit=4)
            bodies += [message.body for message in batch]
            assert all(message.group == "signer-a" for message in batch)
            if batch:
                assert queue.receive() == [], "what follows waits for those in flight"
            for message in batch:
                queue.delete(message.receipt)
            if len(bodies) == 6:
                break
        assert bodies == list("012345")

    def test_fifo_blocks_one_group_and_no_other(self, queue_factory: QueueFactory, advance: Advance) -> None:
        queue = queue_factory(fifo=True, max_receives=9)
        queue.send("a1", group="a")
        [a1] = take(queue, 1)
        queue.send("a2", group="a")
        queue.send("b1", group="b")
        [b1] = take(queue, 1)
        assert (a1.body, b1.body, b1.group) == ("a1", "b1", "b")
        assert queue.receive() == []
        queue.release(a1.receipt, delay_s=10)
        assert queue.receive() == [], "a2 waits while a1 waits to be retried"
        queue.delete(b1.receipt)
        advance(10)
        [again] = take(queue, 1)
        assert (again.body, again.receive_count) == ("a1", 2)
        queue.delete(again.receipt)
        assert [message.body for message in take(queue, 1)] == ["a2"]

    def test_fifo_brings_what_failed_before_what_follows(self, queue_factory: QueueFactory, advance: Advance) -> None:
        queue = queue_factory(fifo=True, max_receives=9)
        for number in range(3):
            queue.send(str(number), group="g")
        first = queue.receive(limit=2) or take(queue, 1)
        assert first[0].body == "0"
        advance(VISIBILITY_S)
        assert [message.body for message in take(queue, 3)] == ["0", "1", "2"]

    def test_fifo_goes_on_once_what_fails_is_dead(self, queue_factory: QueueFactory, advance: Advance) -> None:
        queue = queue_factory(fifo=True, max_receives=2)
        queue.send("poison", group="g")
        for _ in range(2):
            [message] = take(queue, 1)
            assert message.body == "poison"
            advance(VISIBILITY_S)
        queue.send("next", group="g")
        assert [message.body for message in take(queue, 1)] == ["next"]
        assert [(dead.body, dead.group) for dead in queue.dead_letters()] == [("poison", "g")]
        advance(VISIBILITY_S)
        assert queue.redrive() == 1
        bodies = [message.body for message in take(queue, 2)]
        assert bodies == ["next", "poison"]

    def test_fifo_takes_a_group_and_no_delay_and_others_no_group(self, queue_factory: QueueFactory) -> None:
        fifo, standard = queue_factory(fifo=True), queue_factory()
        for group in (None, "", "two words", "ä", "x" * 129):
            with pytest.raises(Invalid):
                fifo.send("body", group=group)
        with pytest.raises(Invalid):
            fifo.send("body", group="g", delay_s=1)
        with pytest.raises(Invalid):
            standard.send("body", group="g")
