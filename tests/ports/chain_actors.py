"""Who acts in the tests of a chain: the other side of it, an account that sends, and people nobody knows."""

from __future__ import annotations

import hashlib
import secrets
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from eth_utils.address import to_checksum_address

from shared.ports.chain import (
    Call,
    Chain,
    Receipt,
    SignedTransaction,
    Transaction,
)
from shared.ports.signer import Purpose
from shared.ports.signer.keystore import KeystoreSigner

CHAIN_ID = 31337
DIGEST = hashlib.sha256(b'{"name": "a print"}').digest()


class Blocks(Protocol):
    """The other side of the chain, which tests may move."""

    def fund(self, address: str) -> None: ...

    def held(self) -> AbstractContextManager[None]:
        """While held, no block is made but by `mine`."""

    def mine(self, count: int = 1) -> None: ...

    def undo(self, depth: int) -> None:
        """A reorg: the newest blocks are replaced by as many empty ones."""

    def forget(self, tx_hash: str) -> None:
        """Drops a waiting transaction."""


@dataclass
class Sender:
    """One account with its own count of nonces, as the ledger keeps it."""

    chain: Chain
    signer: KeystoreSigner
    purpose: Purpose = Purpose.TRANSACTION
    nonce: int = 0

    @property
    def address(self) -> str:
        return self.signer.address(self.purpose)

    def sign(self, call: Call, *, nonce: int | None = None, gas: int = 200_000, factor: int = 1) -> SignedTransaction:
        if nonce is None:
            nonce, self.nonce = self.nonce, self.nonce + 1
        fees = self.chain.fees()
        transaction = Transaction(CHAIN_ID, nonce, gas, fees.max_fee_wei * factor, fees.max_tip_wei * factor, call)
        signature = self.signer.sign(self.purpose, self.chain.signing_digest(transaction))
        return self.chain.assemble(transaction, signature)

    def send(self, call: Call) -> Receipt:
        signed = self.sign(call, gas=self.chain.estimate_gas(self.address, call))
        return mined(self.chain, self.chain.broadcast(signed.raw))


def mined(chain: Chain, tx_hash: str) -> Receipt:
    """The receipt, once there is one: a node answers a broadcast before it mines."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        receipt = chain.receipt(tx_hash)
        if receipt is not None:
            return receipt
        time.sleep(0.005)
    raise AssertionError(f"{tx_hash} was not mined")


def new_request() -> str:
    return secrets.token_hex(32)


def new_holder() -> str:
    return str(to_checksum_address(secrets.token_bytes(20)))


def to_nobody() -> Call:
    return Call(new_holder(), b"")
