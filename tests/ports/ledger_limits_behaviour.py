"""What every ledger must refuse, and the fixtures that an adapter's test brings for it and for `LedgerBehaviour`."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest

from shared.clock import Clock
from shared.errors import Invalid, TooLarge
from shared.ports.ledger import MAX_ITEM_BYTES, MAX_STATE_BYTES, Change, Check, Count, Delete, Due, Key, Ledger, Put

Advance = Callable[[float], None]


class LedgerLimitsBehaviour:
    """A ledger may hold other items: each test writes under the name it is given."""

    @pytest.fixture
    def ledger(self) -> Ledger:
        raise NotImplementedError

    @pytest.fixture
    def name(self) -> str:
        """A partition that no other test uses."""
        raise NotImplementedError

    @pytest.fixture
    def now(self) -> Clock:
        """The ledger's clock."""
        raise NotImplementedError

    @pytest.fixture
    def advance(self) -> Advance:
        """Lets seconds pass: moves the virtual clock, or waits for real."""
        raise NotImplementedError

    def test_a_write_has_at_most_100_changes_and_one_for_a_key(self, ledger: Ledger, name: str) -> None:
        changes = [Put(Key(name, f"{number:03}")) for number in range(101)]
        with pytest.raises(TooLarge):
            ledger.write(*changes)
        with pytest.raises(Invalid):
            ledger.write(Put(Key(name, "a")), Check(Key(name, "a"), expect=0))
        with pytest.raises(Invalid):
            ledger.write()
        assert ledger.query(name) == []
        ledger.write(*changes[:100])
        assert len(ledger.query(name)) == 100

    def test_an_item_holds_400_kb(self, ledger: Ledger, name: str) -> None:
        fits = {"x": "é" * ((MAX_ITEM_BYTES - len('{"x":""}')) // 2)}
        ledger.write(Put(Key(name, "fits"), fits))
        item = ledger.get(Key(name, "fits"))
        assert item is not None
        assert item.data == fits
        with pytest.raises(TooLarge):
            ledger.write(Put(Key(name, "over"), {"x": fits["x"] + "x"}))
        with pytest.raises(TooLarge):
            ledger.write(*[Put(Key(name, f"part {number}"), fits) for number in range(11)])

    def test_keys_within_the_limits(self, ledger: Ledger, name: str) -> None:
        longest = Key(name + "é" * ((2048 - len(name)) // 2), "é" * 512)
        ledger.write(Put(longest))
        assert ledger.query(longest.partition)[0].key == longest
        for key in (Key(name + "x" * 2048, "s"), Key(name, "x" * 1025), Key(name, "é" * 513)):
            with pytest.raises(TooLarge):
                ledger.write(Put(key))
        for key in (Key("", "s"), Key(name, ""), Key(name, "\ud800")):
            with pytest.raises(Invalid):
                ledger.write(Put(key))
            with pytest.raises(Invalid):
                ledger.get(key)
        with pytest.raises(Invalid):
            ledger.query("")
        with pytest.raises(TooLarge):
            ledger.query(name, prefix="x" * 1025)
        with pytest.raises(TooLarge):
            ledger.query(name, after="é" * 513)
        assert [item.key for item in ledger.query(longest.partition, prefix="é" * 512)] == [longest]
        assert ledger.query(longest.partition, after="é" * 512) == []

    def test_a_state_is_short(self, ledger: Ledger, name: str, now: Clock) -> None:
        ledger.write(Put(Key(name, "fits"), due=Due("é" * (MAX_STATE_BYTES // 2), now())))
        with pytest.raises(TooLarge):
            ledger.write(Put(Key(name, "over"), due=Due("é" * (MAX_STATE_BYTES // 2) + "x", now())))
        with pytest.raises(TooLarge):
            ledger.due("x" * (MAX_STATE_BYTES + 1), before=now())
        with pytest.raises(Invalid):
            ledger.due("", before=now())

    @pytest.mark.parametrize(
        "data",
        [{"x": math.nan}, {"x": math.inf}, {"x": b"bytes"}, {1: "one"}, {"x": {2: 3}}, {"x": "\ud800"}, {"x": {1, 2}}],
        ids=repr,
    )
    def test_data_is_json(self, ledger: Ledger, name: str, data: dict[Any, Any]) -> None:
        with pytest.raises(Invalid):
            ledger.write(Put(Key(name, "x"), data))
        assert ledger.get(Key(name, "x")) is None

    def test_times_have_a_zone_and_numbers_a_range(self, ledger: Ledger, name: str, now: Clock) -> None:
        key, naive = Key(name, "x"), now().replace(tzinfo=None)
        wrong: list[Change] = [
            Put(key, due=Due("received", naive)),
            Put(key, due=Due("", now())),
            Put(key, expires_at=naive),
            Put(key, expect=-1),
            Delete(key, expect=0),
            Check(key, expect=-1),
            Count(key, 1, cap=-1),
            Count(key, 10**40, cap=10**40),
        ]
        for change in wrong:
            with pytest.raises(Invalid):
                ledger.write(change)
        with pytest.raises(Invalid):
            ledger.due("received", before=naive)
        elsewhere = (now() + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=9)))
        ledger.write(Put(key, due=Due("received", elsewhere)))
        item = ledger.get(key)
        assert item is not None
        assert item.due == Due("received", elsewhere.astimezone(UTC))
