"""The signer's nonces and every transaction it ever signed, kept before anyone sees one.

`signer#{chain}#{address}` / `nonce` counts; `tx#{nonce}` holds the signed bytes. Nonce and bytes are written in one
transaction, so that a nonce without bytes cannot exist: whatever the chain forgets can be sent again, byte for byte.
Each record names its request, and the request's own copy of the hash says which of them is its latest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.ports.chain import SignedTransaction
from shared.ports.ledger import Change, Key, Ledger, Put


@dataclass(frozen=True)
class Signer:
    """A signer's place in the ledger: one key on one chain."""

    chain_id: int
    address: str

    @property
    def partition(self) -> str:
        return f"signer#{self.chain_id}#{self.address}"


@dataclass(frozen=True)
class Reservation:
    """The next nonce as it was read; `signing()` succeeds only if nobody took it since."""

    signer: Signer
    nonce: int
    version: int


@dataclass(frozen=True)
class Recorded:
    nonce: int
    raw: bytes
    hash: str
    request_id: str | None


def next_nonce(ledger: Ledger, signer: Signer, *, floor: int) -> Reservation:
    """The nonce to sign next. `floor` is the chain's count of mined transactions: it can raise ours (the key was used
    elsewhere) and never lower it (a node behind the others would make us sign a nonce twice)."""
    item = ledger.get(Key(signer.partition, "nonce"))
    local = int(item.data["next"]) if item else 0
    return Reservation(signer, max(local, floor), item.version if item else 0)


def signing(
    reservation: Reservation, signed: SignedTransaction, at: datetime, *, request_id: str | None
) -> list[Change]:
    """The changes that take the nonce and keep the signed bytes; they fail if the nonce was taken meanwhile."""
    signer = reservation.signer
    record = {"raw": signed.raw.hex(), "hash": signed.hash, "request_id": request_id, "at": at.isoformat()}
    return [
        Put(Key(signer.partition, "nonce"), {"next": reservation.nonce + 1}, expect=reservation.version),
        Put(_key(signer, reservation.nonce), record),
        Put(_by_hash(signer, signed.hash), {"nonce": reservation.nonce}),
    ]


def signed_from(ledger: Ledger, signer: Signer, nonce: int, *, limit: int = 1000) -> list[Recorded]:
    """What was signed at `nonce` and above, in nonce order, at most `limit`."""
    after = _key(signer, nonce - 1).sort if nonce > 0 else ""
    items = ledger.query(signer.partition, prefix="tx#", after=after, limit=limit)
    return [
        Recorded(
            int(item.key.sort.removeprefix("tx#")),
            bytes.fromhex(item.data["raw"]),
            item.data["hash"],
            item.data["request_id"],
        )
        for item in items
    ]


def kept(ledger: Ledger, signer: Signer, tx_hash: str) -> Recorded | None:
    """One signed transaction by its hash; None for bytes that this ledger does not know."""
    nonce = nonce_of(ledger, signer, tx_hash)
    found = signed_from(ledger, signer, nonce, limit=1) if nonce is not None else []
    return found[0] if found else None


def nonce_of(ledger: Ledger, signer: Signer, tx_hash: str) -> int | None:
    """The nonce of a transaction that this signer signed; None for bytes that this ledger does not know."""
    item = ledger.get(_by_hash(signer, tx_hash))
    return int(item.data["nonce"]) if item else None


def _by_hash(signer: Signer, tx_hash: str) -> Key:
    return Key(signer.partition, f"hash#{tx_hash}")


def _key(signer: Signer, nonce: int) -> Key:
    return Key(signer.partition, f"tx#{nonce:012d}")
