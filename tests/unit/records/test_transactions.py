"""Nonces and signed bytes: one transaction for each nonce, kept before anyone sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import Conflict
from shared.ports.chain import SignedTransaction
from shared.ports.ledger.sqlite import SqliteLedger
from shared.records import transactions
from shared.records.transactions import Reservation, Signer
from tests.unit.records.test_holds import T0

SIGNER = Signer(31337, "0xMinter")


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger.open(f"sqlite://?memory=transactions-{request.node.name}", clock=lambda: T0)
    yield ledger
    ledger.close()


def keep(ledger: SqliteLedger, reservation: Reservation, name: str) -> None:
    signed = SignedTransaction(name.encode(), f"0x{name}")
    ledger.write(*transactions.signing(reservation, signed, T0, request_id=name))


def test_each_nonce_is_taken_once(ledger: SqliteLedger) -> None:
    first = transactions.next_nonce(ledger, SIGNER, floor=0)
    second = transactions.next_nonce(ledger, SIGNER, floor=0)
    keep(ledger, first, "a")
    with pytest.raises(Conflict):
        keep(ledger, second, "b")
    assert [kept.hash for kept in transactions.signed_from(ledger, SIGNER, 0)] == ["0xa"]
    assert transactions.next_nonce(ledger, SIGNER, floor=0).nonce == 1


def test_a_reservation_that_was_not_written_is_free_again(ledger: SqliteLedger) -> None:
    assert [transactions.next_nonce(ledger, SIGNER, floor=0).nonce for _ in range(3)] == [0, 0, 0]


@given(st.lists(st.integers(0, 12), max_size=12))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_fault_47_whatever_nodes_say_nonces_only_rise(floors: list[int]) -> None:
    ledger = SqliteLedger.open("sqlite://?memory=nonces", clock=lambda: T0)
    try:
        taken = []
        for n, floor in enumerate(floors):
            reservation = transactions.next_nonce(ledger, SIGNER, floor=floor)
            assert reservation.nonce >= floor
            keep(ledger, reservation, f"{n}")
            taken.append(reservation.nonce)
        assert taken == sorted(set(taken))
        assert [kept.nonce for kept in transactions.signed_from(ledger, SIGNER, 0)] == taken
    finally:
        ledger.close()


def test_what_was_signed_is_listed_in_nonce_order_and_found_by_its_hash(ledger: SqliteLedger) -> None:
    for n in range(12):
        keep(ledger, transactions.next_nonce(ledger, SIGNER, floor=0), f"t{n}")
    assert [kept.nonce for kept in transactions.signed_from(ledger, SIGNER, 9)] == [9, 10, 11]
    assert [kept.raw for kept in transactions.signed_from(ledger, SIGNER, 0, limit=2)] == [b"t0", b"t1"]
    assert transactions.nonce_of(ledger, SIGNER, "0xt7") == 7
    assert transactions.nonce_of(ledger, SIGNER, "0xunknown") is None


@pytest.mark.parametrize("other", [Signer(1, "0xMinter"), Signer(31337, "0xOther")])
def test_another_chain_or_key_counts_for_itself(ledger: SqliteLedger, other: Signer) -> None:
    keep(ledger, transactions.next_nonce(ledger, SIGNER, floor=5), "a")
    assert transactions.next_nonce(ledger, other, floor=0).nonce == 0
    assert transactions.signed_from(ledger, other, 0) == []
    assert transactions.nonce_of(ledger, other, "0xa") is None
