"""The ledger on DynamoDB where many write at once, and where answers are lost on their way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from shared.clock import Clock, utc_now
from shared.errors import Conflict, Transient
from shared.ports.aws import ATTEMPTS, client
from shared.ports.ledger import Count, Item, Key, Ledger, Put
from shared.ports.ledger.dynamodb_items import create_table
from shared.ports.open import open_port
from shared.records import holds, requests
from shared.request import State
from tests.ports.ledger_behaviour import LedgerBehaviour, used, write
from tests.ports.ledger_limits_behaviour import Advance
from tests.ports.ministack_fixture import REGION, Ministack, ministack_of_the_session  # noqa: F401 - a fixture
from tests.ports.virtual_clock import VirtualClock
from tests.unit.records.test_holds import filed, plan, wanting


@pytest.fixture(scope="module")
def url(ministack: Ministack) -> str:
    create_table(ministack.client("dynamodb"), "monoprint")
    return f"dynamodb://monoprint?region={REGION}&{ministack.option}"


@pytest.fixture
def clock() -> VirtualClock:
    clock = VirtualClock()
    clock.now = utc_now() + timedelta(hours=1)  # so that the emulator never finds by its own clock that an item is over
    return clock


@pytest.fixture
def ledger(url: str, clock: VirtualClock) -> Iterator[Ledger]:
    with closing(open_port("ledger", url, clock=clock)) as ledger:
        yield ledger


@pytest.fixture
def name() -> str:
    return f"test-{uuid4().hex}"


class TestOnAnEmulator(LedgerBehaviour):
    @pytest.fixture
    def ledger(self, ledger: Ledger) -> Ledger:
        return ledger

    @pytest.fixture
    def name(self, name: str) -> str:
        return name

    @pytest.fixture
    def now(self, clock: VirtualClock) -> Clock:
        return clock

    @pytest.fixture
    def advance(self, clock: VirtualClock) -> Advance:
        return clock.advance


def test_what_many_move_between_two_counters_is_neither_lost_nor_made(ledger: Ledger, name: str) -> None:
    here, there = Key(name, "here"), Key(name, "there")
    ledger.write(Count(here, 40, cap=40))

    def move(turn: int) -> int:
        source, target = (here, there) if turn % 3 else (there, here)
        return write(ledger, Count(source, -1, cap=40), Count(target, 1, cap=40), Put(Key(name, f"move-{turn:03}")))

    with ThreadPoolExecutor(16) as pool:
        moved = sum(pool.map(move, range(120)))
    assert used(ledger, here) + used(ledger, there) == 40
    assert len(ledger.query(name, prefix="move-", limit=200)) == moved


def test_a_counter_that_expired_is_renewed_by_one_of_many(ledger: Ledger, name: str, clock: VirtualClock) -> None:
    key = Key(name, "supply")
    ledger.write(Put(key, {"used": 9}, expires_at=clock() + timedelta(seconds=1)))
    clock.advance(1)
    with ThreadPoolExecutor(16) as pool:
        sold = list(pool.map(lambda _: write(ledger, Count(key, 1, cap=10)), range(24)))
    assert sold.count(True) == 10
    assert used(ledger, key) == 10


@contextmanager
def losing_answers(url: str, operation: str, *, times: int, attempts: int) -> Iterator[list[int]]:
    """The first `times` requests are sent and done, and their answers never arrive. Counts what was sent."""
    sent: list[int] = []
    endpoint = unquote(url.partition("endpoint=")[2])
    events = client("dynamodb", REGION, endpoint, attempts=attempts).meta.events
    event = f"before-send.dynamodb.{operation}"

    def lose(request: Any, **_: Any) -> None:
        sent.append(1)
        if len(sent) <= times:
            assert URLLib3Session().send(request).status_code == 200
            raise ReadTimeoutError(endpoint_url=request.url)

    events.register(event, lose)
    try:
        yield sent
    finally:
        events.unregister(event, lose)


def test_a_transaction_whose_answer_is_lost_is_sent_again_and_done_once(url: str, ledger: Ledger, name: str) -> None:
    supply, request = Key(name, "supply"), Key(name, "request")
    with losing_answers(url, "TransactWriteItems", times=1, attempts=ATTEMPTS) as sent:
        ledger.write(Count(supply, 1, cap=5), Put(request, {"n": 1}))
    assert len(sent) == 2
    assert used(ledger, supply) == 1
    assert ledger.get(request) == Item(request, 1, {"n": 1})


def test_a_transaction_whose_answers_are_all_lost_is_transient_and_was_done_once(
    url: str, ledger: Ledger, name: str
) -> None:
    supply, request = Key(name, "supply"), Key(name, "request")
    with (
        losing_answers(url, "TransactWriteItems", times=ATTEMPTS, attempts=ATTEMPTS) as sent,
        pytest.raises(Transient, match="no answer to dynamodb:PutItem / dynamodb:UpdateItem") as raised,
    ):
        ledger.write(Count(supply, 1, cap=5), Put(request, {"n": 1}))
    assert not isinstance(raised.value, Conflict), "nobody else was there"
    assert len(sent) == ATTEMPTS
    assert used(ledger, supply) == 1
    with pytest.raises(Conflict):
        ledger.write(Count(supply, 1, cap=5), Put(request, {"n": 1}))
    assert used(ledger, supply) == 1


def test_a_single_count_whose_answer_is_lost_is_never_sent_twice(url: str, ledger: Ledger, name: str) -> None:
    supply = Key(name, "supply")
    with (
        losing_answers(url, "UpdateItem", times=1, attempts=1) as sent,
        pytest.raises(Transient, match="no answer to dynamodb:UpdateItem"),
    ):
        ledger.write(Count(supply, 1, cap=5))
    assert len(sent) == 1
    assert used(ledger, supply) == 1


def test_a_table_that_cannot_be_reached_is_transient(name: str) -> None:
    ledger = open_port("ledger", f"dynamodb://monoprint?region={REGION}&endpoint=http%3A%2F%2F127.0.0.1%3A9")
    with pytest.raises(Transient, match="table monoprint: no answer to dynamodb:PutItem"):
        ledger.write(Put(Key(name, "s")))


def test_fault_19_a_move_whose_answers_are_lost_is_found_done_when_its_message_comes_again(
    url: str, ledger: Ledger
) -> None:
    received = filed(ledger, 1)
    with losing_answers(url, "TransactWriteItems", times=ATTEMPTS, attempts=ATTEMPTS), pytest.raises(Transient):
        plan(ledger, received, wanting("a", "b"))
    again = requests.load(ledger, received.id)
    assert again.state is State.PLANNED
    assert [line.version for line in requests.history(ledger, received.id)] == [1]
    assert holds.used_supply(ledger, "c") == 1
    with pytest.raises(Conflict):  # whoever had read it before
        plan(ledger, received, wanting("c", "d"))
    assert holds.used_supply(ledger, "c") == 1
