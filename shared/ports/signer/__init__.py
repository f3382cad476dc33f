"""Signer: signs 32-byte digests with secp256k1 keys that nobody else can use.

Promise
- One key for each purpose. A key is never used for another purpose, and never leaves the adapter.
- `address` is the same for ever once it was given. The first call may create the key; two processes that race for it
  get one key.
- `sign` returns the canonical signature (EIP-2): `s` in the lower half, and the parity with which exactly `address`
  is recovered from the digest. The adapter has checked that before it returns.
- A signature costs no nonce and changes nothing: signing one digest again is always safe.

A signer sees digests, not transactions, so that the chain is pinned where the key is: a key is made for one chain,
and an adapter that is opened for another refuses to give it. What is signed is the caller's affair.

Errors: `Transient` while the service is throttled or out of reach; `KeyUnusable` (a defect, for a human) when the key
is not as it should be; `Defect` when a signature does not recover to the key's address.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from shared.errors import Defect


class KeyUnusable(Defect):
    """The key exists and must not be used: others can read it, it was made for another chain, or it is damaged."""

    code = "key_unusable"


class Purpose(StrEnum):
    TRANSACTION = "transaction"
    """Mints and the contract's deployment: the minter."""
    VOUCHER = "voucher"
    """Claims that a collector redeems on chain."""
    CREDENTIAL = "credential"
    """Content credentials inside a picture."""
    ARCHIVE = "archive"
    """Permanent storage."""
    OWNER = "owner"
    """The contract's owner, which redacts and appoints; never the minter."""


@dataclass(frozen=True)
class Signature:
    r: int
    s: int
    y_parity: int
    """0 or 1."""

    def to_bytes(self) -> bytes:
        """65 bytes, r || s || v with v 27 or 28, as contracts and wallets read it."""
        return self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes([27 + self.y_parity])


class Signer(Protocol):
    def address(self, purpose: Purpose) -> str:
        """The checksummed address of the purpose's key."""

    def sign(self, purpose: Purpose, digest: bytes) -> Signature:
        """Signs 32 bytes that are already a hash."""
