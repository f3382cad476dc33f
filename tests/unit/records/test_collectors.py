"""A collector's data: under their own key, for one request, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import Conflict, Defect, NotFound
from shared.ports.keys.keyfile import KeyFile
from shared.ports.ledger import Delete, Key, Put
from shared.ports.ledger.sqlite import SqliteLedger
from shared.records import collectors
from tests.ports.virtual_clock import VirtualClock

DAY = timedelta(days=1)
RAW = b'{"data": "I miss the lighthouse"}'


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def ledger(request: pytest.FixtureRequest, clock: VirtualClock) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger.open(f"sqlite://?memory=collectors-{request.node.name}", clock=clock)
    yield ledger
    ledger.close()


@pytest.fixture
def keys(tmp_path: Path, clock: VirtualClock) -> KeyFile:
    return KeyFile.open(f"keyfile://{tmp_path}/master.key", clock=clock)


def keep(ledger: SqliteLedger, keys: KeyFile, clock: VirtualClock, request_id: str, raw: bytes = RAW) -> None:
    ledger.write(*collectors.storing(ledger, keys, "ada", request_id, raw, expires_at=clock() + 30 * DAY))


def test_what_is_kept_is_read_again_and_lies_there_sealed(
    ledger: SqliteLedger, keys: KeyFile, clock: VirtualClock
) -> None:
    keep(ledger, keys, clock, "r1")
    assert collectors.open_data(ledger, keys, "ada", "r1") == RAW
    items = ledger.query("collector#ada")
    assert [item.key.sort for item in items] == ["data#r1", "key"]
    assert not any(word in repr(items) for word in ("lighthouse", RAW.hex()))


def test_each_request_has_what_was_shared_for_it(ledger: SqliteLedger, keys: KeyFile, clock: VirtualClock) -> None:
    keep(ledger, keys, clock, "r1")
    keep(ledger, keys, clock, "r2", b"other data")
    assert collectors.open_data(ledger, keys, "ada", "r1") == RAW
    assert collectors.open_data(ledger, keys, "ada", "r2") == b"other data"
    with pytest.raises(Conflict):
        keep(ledger, keys, clock, "r1", b"in its place")


def test_of_two_first_ones_at_once_one_brings_the_key(ledger: SqliteLedger, keys: KeyFile, clock: VirtualClock) -> None:
    both = [
        collectors.storing(ledger, keys, "ada", request_id, RAW, expires_at=clock() + DAY)
        for request_id in ("r1", "r2")
    ]
    ledger.write(*both[0])
    with pytest.raises(Conflict):
        ledger.write(*both[1])
    keep(ledger, keys, clock, "r2")
    assert collectors.open_data(ledger, keys, "ada", "r2") == RAW


def test_it_is_gone_after_its_time(ledger: SqliteLedger, keys: KeyFile, clock: VirtualClock) -> None:
    keep(ledger, keys, clock, "r1")
    clock.advance(30 * 86_400)
    with pytest.raises(NotFound, match="expired or was erased"):
        collectors.open_data(ledger, keys, "ada", "r1")


def test_fault_48_without_the_key_nothing_opens_it(ledger: SqliteLedger, keys: KeyFile, clock: VirtualClock) -> None:
    keep(ledger, keys, clock, "r1")
    ledger.write(Delete(Key("collector#ada", "key"), expect=1))
    with pytest.raises(NotFound):
        collectors.open_data(ledger, keys, "ada", "r1")


@pytest.mark.parametrize("moved_to", [("ada", "r2"), ("bob", "r1")])
def test_sealed_data_opens_for_its_own_collector_and_request_alone(
    ledger: SqliteLedger, keys: KeyFile, clock: VirtualClock, moved_to: tuple[str, str]
) -> None:
    keep(ledger, keys, clock, "r1")
    collector, request_id = moved_to
    sealed = ledger.get(Key("collector#ada", "data#r1"))
    assert sealed is not None
    if collector == "bob":
        ledger.write(*collectors.storing(ledger, keys, "bob", "r0", b"bob's", expires_at=clock() + DAY))
    ledger.write(Put(Key(f"collector#{collector}", f"data#{request_id}"), sealed.data))
    with pytest.raises(Defect, match="does not open"):
        collectors.open_data(ledger, keys, collector, request_id)
