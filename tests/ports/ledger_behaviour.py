"""What every ledger must do. An adapter's test derives from `LedgerBehaviour` and brings the fixtures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from shared.clock import Clock
from shared.errors import Conflict, Invalid, Transient
from shared.ports.ledger import MAX_COUNT, Change, Check, Count, Delete, Due, Item, Key, Ledger, Put
from tests.ports.ledger_limits_behaviour import Advance, LedgerLimitsBehaviour

POLLS = 40


def write(ledger: Ledger, *changes: Change) -> bool:
    """False if a condition did not hold. What is only passing is tried again, as a queue would."""
    for _ in range(POLLS):
        try:
            ledger.write(*changes)
            return True
        except Conflict:
            return False
        except Transient:
            continue
    raise AssertionError("the ledger did not answer")


def used(ledger: Ledger, key: Key) -> int:
    item = ledger.get(key)
    return item.data["used"] if item else 0


class LedgerBehaviour(LedgerLimitsBehaviour):
    def test_an_item_is_read_as_it_was_written(self, ledger: Ledger, name: str, now: Clock) -> None:
        key = Key(name, "request")
        assert ledger.get(key) is None
        data = {"state": "received", "fee": 0.1, "wei": 10**30, "list": [1, None, True, {"ключ": "🗝\x00"}], "": {}}
        at = now() + timedelta(hours=5, microseconds=7)
        ledger.write(Put(key, data, due=Due("received", at)))
        assert ledger.get(key) == Item(key, 1, data, Due("received", at))
        ledger.write(Put(key, {}, expect=1))
        assert ledger.get(key) == Item(key, 2, {})

    def test_every_write_needs_the_version_that_was_read(self, ledger: Ledger, name: str) -> None:
        key = Key(name, "request")
        assert not write(ledger, Put(key, {"n": 0}, expect=1))
        assert write(ledger, Put(key, {"n": 1}))
        for expect in (0, 2):
            assert not write(ledger, Put(key, {"n": 2}, expect=expect))
        assert not write(ledger, Delete(key, expect=2))
        assert not write(ledger, Check(key, expect=0), Put(Key(name, "other")))
        assert write(ledger, Check(key, expect=1), Put(Key(name, "other")))
        assert write(ledger, Delete(key, expect=1))
        assert not write(ledger, Delete(key, expect=1))
        assert ledger.get(key) is None
        assert write(ledger, Check(key, expect=0), Put(Key(name, "third")))
        assert write(ledger, Put(key, {"n": 3})), "a deleted key is absent"

    def test_fault_03_of_concurrent_first_writes_one_wins(self, ledger: Ledger, name: str) -> None:
        def post(writer: int) -> list[int]:
            return [k for k in range(20) if write(ledger, Put(Key(name, f"key-{k:02}"), {"writer": writer}))]

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(post, range(8)))
        assert sorted(key for keys in won for key in keys) == list(range(20))
        for writer, keys in enumerate(won):
            for key in keys:
                item = ledger.get(Key(name, f"key-{key:02}"))
                assert item is not None
                assert (item.data, item.version) == ({"writer": writer}, 1)

    def test_fault_28_of_two_verdicts_on_one_version_the_first_wins(self, ledger: Ledger, name: str) -> None:
        key = Key(name, "request")
        ledger.write(Put(key, {"state": "in_review"}))
        verdicts = ["approved", "rejected"] * 4
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda verdict: write(ledger, Put(key, {"state": verdict}, expect=1)), verdicts))
        assert won.count(True) == 1
        item = ledger.get(key)
        assert item is not None
        assert (item.data["state"], item.version) == (verdicts[won.index(True)], 2)

    def test_fault_41_an_old_holder_of_a_lease_is_fenced_off(self, ledger: Ledger, name: str) -> None:
        lease = Key(name, "lease")
        ledger.write(Put(lease, {"holder": "a"}))
        ledger.write(Put(lease, {"holder": "b"}, expect=1))
        with pytest.raises(Conflict) as raised:
            ledger.write(Put(Key(name, "nonce-7"), {"by": "a"}), Check(lease, expect=1))
        assert raised.value.index == 1
        assert ledger.get(Key(name, "nonce-7")) is None
        ledger.write(Put(Key(name, "nonce-7"), {"by": "b"}), Check(lease, expect=2))

    def test_a_write_is_all_or_nothing_and_names_the_change_that_failed(self, ledger: Ledger, name: str) -> None:
        there, counter = Key(name, "there"), Key(name, "counter")
        ledger.write(Put(there, {"n": 1}), Count(counter, 2, cap=2))
        changes: list[Change] = [
            Put(Key(name, "new"), {"n": 1}),
            Put(there, {"n": 2}, expect=1),
            Count(Key(name, "quota"), 1, cap=5),
            Count(counter, 1, cap=2),
            Delete(Key(name, "never"), expect=3),
        ]
        with pytest.raises(Conflict) as raised:
            ledger.write(*changes)
        assert raised.value.index == 3, "the first that failed"
        assert ledger.get(there) == Item(there, 1, {"n": 1})
        assert ledger.get(Key(name, "new")) is None
        assert used(ledger, Key(name, "quota")) == 0
        assert used(ledger, counter) == 2
        ledger.write(*changes[:3])
        assert len(ledger.query(name)) == 4

    def test_fault_42_a_counter_sells_exactly_its_cap(self, ledger: Ledger, name: str) -> None:
        supply = Key(name, "supply")

        def buy(buyer: int) -> list[bool]:
            return [
                write(ledger, Count(supply, 1, cap=120), Put(Key(name, f"claim-{buyer}-{turn}"))) for turn in range(4)
            ]

        with ThreadPoolExecutor(50) as pool:
            sold = [ok for results in pool.map(buy, range(50)) for ok in results]
        assert sold.count(True) == 120
        assert used(ledger, supply) == 120
        assert len(ledger.query(name, prefix="claim-", limit=500)) == 120

    def test_a_counter_gives_back_what_it_holds_and_no_more(self, ledger: Ledger, name: str) -> None:
        supply = Key(name, "supply")
        assert not write(ledger, Count(supply, -1, cap=3))
        assert not write(ledger, Count(supply, 4, cap=3))
        assert write(ledger, Count(supply, 3, cap=3))
        assert not write(ledger, Count(supply, 1, cap=3))
        assert write(ledger, Count(supply, 0, cap=3))
        assert write(ledger, Count(supply, -1, cap=1)), "back, though the cap has been lowered below what is used"
        assert not write(ledger, Count(supply, 1, cap=1))
        assert not write(ledger, Count(supply, -3, cap=3))
        assert write(ledger, Count(supply, -2, cap=0))
        item = ledger.get(supply)
        assert item is not None
        assert (item.data, item.version) == ({"used": 0}, 4)

    def test_a_counter_goes_together_with_what_it_counts(self, ledger: Ledger, name: str) -> None:
        supply, claim = Key(name, "supply"), Key(name, "claim")
        ledger.write(Count(supply, 1, cap=1), Put(claim, {"shard": 0}))
        assert not write(ledger, Count(supply, -1, cap=1), Delete(claim, expect=2))
        assert used(ledger, supply) == 1
        assert write(ledger, Count(supply, -1, cap=1), Delete(claim, expect=1))
        assert not write(ledger, Count(supply, -1, cap=1), Delete(claim, expect=1)), "released once"
        assert used(ledger, supply) == 0

    def test_only_a_counter_counts(self, ledger: Ledger, name: str, now: Clock) -> None:
        key, wei = Key(name, "wei"), 3 * 10**24
        ledger.write(Put(Key(name, "item"), {"state": "received"}), Put(key, {"used": 5}))
        assert not write(ledger, Count(Key(name, "item"), 1, cap=9))
        assert write(ledger, Count(key, wei, cap=wei + 5))
        item = ledger.get(key)
        assert item is not None
        assert item.data == {"used": wei + 5}
        assert write(ledger, Put(key, {"used": 1}, expect=item.version))
        assert used(ledger, key) == 1
        ledger.write(Put(Key(name, "short"), {"used": 1}, expires_at=now() + timedelta(hours=1)))
        assert not write(ledger, Count(Key(name, "short"), 1, cap=9)), "a counter does not expire"

    def test_a_counter_is_one_whole_number_and_counts_to_its_limit(self, ledger: Ledger, name: str) -> None:
        for wrong in (10 * MAX_COUNT, 5.0, True, "5", None):
            key = Key(name, repr(wrong))
            ledger.write(Put(key, {"used": wrong}))
            assert not write(ledger, Count(key, -1, cap=9))
            assert ledger.get(key) == Item(key, 1, {"used": wrong})
        ledger.write(Put(Key(name, "more"), {"used": 1, "of": 2}), Put(Key(name, "least"), {"used": -MAX_COUNT}))
        assert not write(ledger, Count(Key(name, "more"), 1, cap=9))
        assert write(ledger, Count(Key(name, "least"), MAX_COUNT, cap=1))
        assert used(ledger, Key(name, "least")) == 0

    def test_a_query_answers_by_ascending_bytes(self, ledger: Ledger, name: str) -> None:
        sorts = ["a", "B", "é", "z", "aa", "a\x00", "a b", "\uffff", "😀", "ß", "10", "9", "ﬁ", "e\u0301"]
        for sort in sorts:
            ledger.write(Put(Key(name, sort)))
        ledger.write(Put(Key(name + "x", "a")))
        ascending = sorted(sorts, key=str.encode)
        assert ascending[-2:] == ["\uffff", "😀"], "UTF-16 would turn these round"
        assert [item.key.sort for item in ledger.query(name)] == ascending

    def test_a_query_pages_within_a_prefix(self, ledger: Ledger, name: str) -> None:
        inside = [f"job#{number:02}" for number in range(23)] + ["job#é", "job#\U0010ffff"]
        for sort in ["job", "job$", "joa#1", "jp", *inside]:
            ledger.write(Put(Key(name, sort), {"at": sort}))
        found: list[str] = []
        while page := ledger.query(name, prefix="job#", after=found[-1] if found else "", limit=10):
            assert len(page) <= 10
            assert all(item.data == {"at": item.key.sort} and item.version == 1 for item in page)
            found += [item.key.sort for item in page]
        assert found == inside
        assert [item.key.sort for item in ledger.query(name, prefix="job#", after="a", limit=1)] == ["job#00"]
        assert ledger.query(name, prefix="job#", after="k") == []
        assert [item.key.sort for item in ledger.query(name, after="job$")] == ["jp"]
        assert ledger.query(name + "-none") == []
        with pytest.raises(Invalid):
            ledger.query(name, limit=0)

    def test_what_is_due_is_found_by_its_state(self, ledger: Ledger, name: str, now: Clock, advance: Advance) -> None:
        start, state = now(), f"rendering-{name}"
        for sort, seconds in (("late", 2), ("latest", 1), ("future", 600)):
            ledger.write(Put(Key(name, sort), due=Due(state, start + timedelta(seconds=seconds))))
        ledger.write(Put(Key(name, "other"), due=Due(f"planned-{name}", start)), Put(Key(name, "done")))
        advance(3)
        assert self.due(ledger, state, before=now(), count=2) == [Key(name, "latest"), Key(name, "late")]
        assert ledger.due(state, before=now(), limit=1) == [Key(name, "latest")]
        assert ledger.due(state, before=start + timedelta(seconds=1)) == [], "before, not at"
        ledger.write(Put(Key(name, "latest"), due=Due(f"rendered-{name}", start), expect=1))
        ledger.write(Put(Key(name, "late"), expect=1))
        assert self.due(ledger, state, before=now(), count=0) == []
        assert self.due(ledger, f"rendered-{name}", before=now(), count=1) == [Key(name, "latest")]

    def due(self, ledger: Ledger, state: str, *, before: datetime, count: int) -> list[Key]:
        """Asks until as many are named: the look-up is eventual."""
        found = ledger.due(state, before=before)
        for _ in range(POLLS):
            if len(found) == count:
                break
            found = ledger.due(state, before=before)
        return found

    def test_an_expired_item_is_absent_for_readers_and_conditions(
        self, ledger: Ledger, name: str, now: Clock, advance: Advance
    ) -> None:
        gone, stays = Key(name, "gone"), Key(name, "stays")
        at = now() + timedelta(seconds=2)
        ledger.write(Put(gone, {"raw": "data"}, expires_at=at, due=Due(f"raw-{name}", now())), Put(stays))
        item = ledger.get(gone)
        assert item is not None
        assert item.expires_at == at.replace(microsecond=0)
        advance(2)
        assert ledger.get(gone) is None
        assert [found.key for found in ledger.query(name)] == [stays]
        assert not write(ledger, Put(gone, {}, expect=1))
        assert not write(ledger, Delete(gone, expect=1))
        assert write(ledger, Check(gone, expect=0), Put(stays, expect=1))
        assert write(ledger, Put(gone, {"raw": "new"}))
        assert ledger.get(gone) == Item(gone, 1, {"raw": "new"})
