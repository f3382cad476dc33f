"""The contract's deployment: asked about before it is signed, kept before it is sent, waited for until it is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from infra.contracting import ether
from infra.deploy.contract import Brand, deploy, look, receipt_of
from shared import minting
from shared.clock import utc_now
from shared.errors import Defect, Rejected, Transient
from shared.ports.chain import Call, InsufficientFunds, WrongChain
from shared.ports.ledger import Ledger
from shared.ports.ledger.sqlite import SqliteLedger
from shared.ports.signer import Purpose
from tests.doubles.chain import FakeChain, FakeSigner

CHAIN_ID = 31337


@dataclass
class SlowChain(FakeChain):
    """Takes what is sent, and mines it when it is told to. The contract is there once its creation was mined."""

    held: list[bytes] = field(default_factory=list)
    balance: int = 10**18

    def broadcast(self, raw: bytes) -> str:
        self.held.append(raw)
        return hash_of(raw)

    def mine(self) -> None:
        for raw in self.held:
            super().broadcast(raw)

    def has_code(self, address: str) -> bool:
        return bool(self.mined) and self.mined[0] not in self.reverting

    def balance_wei(self, address: str) -> int:
        return self.balance

    def estimate_gas(self, sender: str, call: Call) -> int:
        gas = super().estimate_gas(sender, call)
        if self.balance < gas * self.fee_wei:
            raise InsufficientFunds("too little", gas=gas)
        return gas


def hash_of(raw: bytes) -> str:
    return "0x" + hashlib.sha256(raw).hexdigest()


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(SqliteLedger.open(f"sqlite://?memory={uuid4().hex}", clock=utc_now)) as made:
        yield made


@pytest.fixture
def chain() -> SlowChain:
    return SlowChain()


def put(ledger: Ledger, chain: SlowChain, **how: object) -> str:
    options = {"chain_id": CHAIN_ID, "clock": utc_now, "timeout_s": 60, "poll_s": 1.0, "sleep": lambda _: None}
    return deploy(ledger, chain, FakeSigner(), Brand(), **{**options, **how})  # type: ignore[arg-type]


def test_a_look_says_whose_keys_these_are_and_what_it_costs_and_signs_nothing(ledger: Ledger, chain: SlowChain) -> None:
    signer = FakeSigner()
    found = look(ledger, chain, signer, Brand(), chain_id=CHAIN_ID)
    assert (found.minter, found.owner) == (signer.address(Purpose.TRANSACTION), signer.address(Purpose.OWNER))
    assert found.contract == minting.contract_of(chain, signer)
    assert (found.signed, found.mined) == (False, False)
    assert found.most_wei == minting.gas_limit(90_000) * chain.fee_wei
    assert (signer.signed, chain.held) == ([], [])


def test_a_look_tells_the_cost_also_to_whom_cannot_pay_it(ledger: Ledger, chain: SlowChain) -> None:
    chain.balance = 1
    found = look(ledger, chain, FakeSigner(), Brand(), chain_id=CHAIN_ID)
    assert (found.balance_wei, found.most_wei) == (1, minting.gas_limit(90_000) * chain.fee_wei)


def test_it_waits_until_the_chain_has_it_and_says_so_now_and_then(ledger: Ledger, chain: SlowChain) -> None:
    said: list[str] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 20:
            chain.mine()

    contract = put(ledger, chain, say=said.append, sleep=sleep)
    assert contract == minting.contract_of(chain, FakeSigner())
    assert slept == [1.0] * 20
    (tx_hash,) = chain.mined
    assert said == ["signed, and kept in the ledger", *[f"waiting until the chain has mined {tx_hash}"] * 2]
    receipt = receipt_of(ledger, chain, FakeSigner(), CHAIN_ID)
    assert receipt is not None
    assert receipt.tx_hash == tx_hash


def test_what_was_signed_is_sent_again_and_never_signed_anew(ledger: Ledger, chain: SlowChain) -> None:
    with pytest.raises(Transient, match="not mined after 60 s"):
        put(ledger, chain)
    found = look(ledger, chain, FakeSigner(), Brand("Another"), chain_id=CHAIN_ID)
    assert (found.signed, found.mined, found.most_wei) == (True, False, 0)
    put(ledger, chain, sleep=lambda _: chain.mine())
    assert len(set(chain.held)) == 1
    assert look(ledger, chain, FakeSigner(), Brand(), chain_id=CHAIN_ID).mined
    put(ledger, chain)
    assert len(chain.mined) == 1


def test_a_deployment_that_failed_on_chain_is_not_waited_for(ledger: Ledger, chain: SlowChain) -> None:
    def mine(_: float) -> None:
        chain.reverting.add(hash_of(chain.held[0]))
        chain.mine()

    with pytest.raises(Defect, match=r"its deployment failed on chain .* the minter needs a fresh key"):
        put(ledger, chain, sleep=mine)


def test_no_more_is_paid_than_was_agreed_to(ledger: Ledger, chain: SlowChain) -> None:
    agreed = look(ledger, chain, FakeSigner(), Brand(), chain_id=CHAIN_ID).most_wei
    chain.fee_wei += 1
    with pytest.raises(Rejected, match=f"by now, {agreed} wei were agreed to; nothing was signed"):
        put(ledger, chain, most_wei=agreed)
    assert not minting.has_deployed(ledger, FakeSigner(), CHAIN_ID)
    chain.fee_wei -= 1
    put(ledger, chain, most_wei=agreed, sleep=lambda _: chain.mine())


def test_a_used_key_and_a_foreign_chain_are_refused_at_the_first_look(ledger: Ledger, chain: SlowChain) -> None:
    with pytest.raises(WrongChain, match="the node serves chain 31337, wanted 1"):
        look(ledger, chain, FakeSigner(), Brand(), chain_id=1)
    chain.used_from_outside()
    with pytest.raises(Defect, match="has sent transactions that this ledger does not know; give it a fresh key"):
        look(ledger, chain, FakeSigner(), Brand(), chain_id=CHAIN_ID)


@pytest.mark.parametrize(
    ("wei", "down", "up"),
    [
        (0, "0", "0"),
        (1, "0", "0.000000001"),
        (10**18, "1", "1"),
        (1_500_000_000_000_000_001, "1.5", "1.500000001"),
        (12 * 10**18 + 10**9, "12.000000001", "12.000000001"),
    ],
)
def test_money_is_told_in_whole_gwei(wei: int, down: str, up: str) -> None:
    assert (ether(wei), ether(wei, up=True)) == (f"{down} ether", f"{up} ether")
