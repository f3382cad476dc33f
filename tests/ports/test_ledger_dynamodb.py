"""The very behaviour of a ledger, on DynamoDB as moto plays it; among many writers: `test_ledger_dynamodb_together`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from shared.clock import Clock, utc_now
from shared.errors import Conflict, Defect, Invalid
from shared.ports.aws import client
from shared.ports.ledger import (
    MAX_ITEM_BYTES,
    MAX_PARTITION_BYTES,
    MAX_SORT_BYTES,
    MAX_STATE_BYTES,
    Check,
    Count,
    Due,
    Item,
    Key,
    Ledger,
    Put,
)
from shared.ports.ledger.dynamodb_items import DUE_SHARDS, create_table
from shared.ports.open import open_port
from tests.ports.ledger_behaviour import LedgerBehaviour, write
from tests.ports.ledger_limits_behaviour import Advance
from tests.ports.moto_fixture import REGION, aws_in_this_process  # noqa: F401 - a fixture
from tests.ports.virtual_clock import VirtualClock

URL = f"dynamodb://monoprint?region={REGION}"
P = Key("p", "s")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def name() -> str:
    return f"test-{uuid4().hex}"


class TestInThisProcess(LedgerBehaviour):
    @pytest.fixture(autouse=True)
    def table(self, moto: None) -> None:
        dynamodb = client("dynamodb", REGION, None)
        if "monoprint" not in dynamodb.list_tables()["TableNames"]:
            create_table(dynamodb, "monoprint")

    @pytest.fixture
    def ledger(self, clock: VirtualClock) -> Iterator[Ledger]:
        with closing(open_port("ledger", URL, clock=clock)) as ledger:
            yield ledger

    @pytest.fixture
    def name(self, name: str) -> str:
        return name

    @pytest.fixture
    def now(self, clock: VirtualClock) -> Clock:
        return clock

    @pytest.fixture
    def advance(self, clock: VirtualClock) -> Advance:
        return clock.advance

    @pytest.mark.skip("moto knows nothing of many at once; it is held in test_ledger_dynamodb_together")
    def test_fault_42_a_counter_sells_exactly_its_cap(self, ledger: Ledger, name: str) -> None: ...

    def test_an_item_at_every_limit_at_once_fits(self, ledger: Ledger, name: str, now: Clock) -> None:
        key = Key(name + "p" * (MAX_PARTITION_BYTES - len(name)), "s" * MAX_SORT_BYTES)
        data = {"x": "é" * ((MAX_ITEM_BYTES - len('{"x":""}')) // 2)}
        state = "q" * MAX_STATE_BYTES
        ledger.write(Put(key, data, due=Due(state, now()), expires_at=now() + timedelta(hours=1)))
        assert ledger.due(state, before=now() + timedelta(seconds=1)) == [key]

    def test_what_is_due_lies_in_many_shards_and_is_told_by_its_time(
        self, ledger: Ledger, name: str, now: Clock
    ) -> None:
        state, start = f"received-{name}", now()
        keys = [Key(name, f"{n:02}") for n in range(40)]
        for n, key in enumerate(keys):
            ledger.write(Put(key, due=Due(state, start + timedelta(microseconds=n))))
        later = start + timedelta(seconds=1)
        assert ledger.due(state, before=later) == keys
        assert ledger.due(state, before=later, limit=7) == keys[:7]
        rows = client("dynamodb", REGION, None).scan(TableName="monoprint", IndexName="due")["Items"]
        shards = {row["due_shard"]["S"] for row in rows if row["pk"]["S"] == name}
        assert 1 < len(shards) <= DUE_SHARDS

    def test_what_is_due_and_expired_is_not_named(
        self, ledger: Ledger, name: str, now: Clock, advance: Advance
    ) -> None:
        ledger.write(Put(Key(name, "a"), due=Due(name, now()), expires_at=now() + timedelta(seconds=5)))
        advance(10)
        assert ledger.due(name, before=now()) == []

    def test_an_expired_item_that_still_lies_there_is_absent_for_counters(
        self, ledger: Ledger, name: str, now: Clock, advance: Advance
    ) -> None:
        keys = [Key(name, sort) for sort in ("alone", "together", "too much", "back")]
        soon = now() + timedelta(seconds=1)
        ledger.write(*[Put(key, {"used": 5}, due=Due(name, now()), expires_at=soon) for key in keys])
        advance(1)
        assert write(ledger, Count(keys[0], 2, cap=3))
        assert write(ledger, Put(Key(name, "other")), Count(keys[1], 3, cap=3))
        assert not write(ledger, Count(keys[2], 4, cap=3))
        assert not write(ledger, Count(keys[3], -1, cap=3))
        assert ledger.get(keys[0]) == Item(keys[0], 1, {"used": 2})
        assert ledger.get(keys[1]) == Item(keys[1], 1, {"used": 3})
        assert write(ledger, Count(keys[0], 1, cap=3))

    def test_a_conflict_says_what_it_met(self, ledger: Ledger, name: str, now: Clock) -> None:
        item, counter, absent = Key(name, "item"), Key(name, "counter"), Key(name, "absent")
        ledger.write(Put(item), Count(counter, 2, cap=2))
        for change, says in (
            (Put(item), f"change 0, Put {name} / item: version 1 now, 0 expected"),
            (Check(absent, expect=4), "Check .*: version 0 now, 4 expected"),
            (Count(counter, 1, cap=2), "2 used of 2, .1 asked"),
            (Count(absent, -1, cap=2), "0 used of 2, -1 asked"),
            (Count(item, 1, cap=2), "it is no counter"),
        ):
            with pytest.raises(Conflict, match=says):
                ledger.write(change)

    def test_a_table_that_is_not_there_is_a_defect_that_names_it(self, moto: None) -> None:
        ledger = open_port("ledger", f"dynamodb://nowhere?region={REGION}")
        reads: list[Callable[[], object]] = [
            lambda: ledger.get(P),
            lambda: ledger.query("p"),
            lambda: ledger.due("received", before=utc_now()),
            lambda: ledger.write(Put(P)),
            lambda: ledger.write(Put(P), Check(Key("p", "t"), expect=0)),
        ]
        for read in reads:
            with pytest.raises(Defect, match="table nowhere does not exist"):
                read()


@pytest.mark.parametrize(
    "url",
    [
        f"dynamodb://?region={REGION}",
        "dynamodb://monoprint",
        "dynamodb://monoprint?region=",
        "dynamodb://monoprint?region=../x",
        f"dynamodb://monoprint/path?region={REGION}",
        f"dynamodb://monoprint?region={REGION}&endpoint=localhost",
        f"dynamodb://monoprint?region={REGION}&table=other",
    ],
)
def test_a_url_names_table_and_region(url: str) -> None:
    with pytest.raises(Invalid, match="ledger url"):
        open_port("ledger", url)
