"""The contract's deployment: nonce 0 of the minter's key, kept before it is sent, like every other transaction.

So the contract's address follows from the minter alone, and a chain that lost everything gets its contract back first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from shared import minting
from shared.clock import Clock
from shared.errors import Defect, Transient
from shared.ports.chain import Chain
from shared.ports.ledger import Ledger
from shared.ports.signer import Purpose, Signer
from shared.records import transactions


@dataclass(frozen=True)
class Brand:
    """What the contract says of itself. One deployment serves one brand with many collections."""

    name: str = "Monoprint"
    symbol: str = "MONO"
    contract_uri: str = ""
    royalty_receiver: str | None = None
    royalty_bps: int = 0


def address_of(chain: Chain, signer: Signer) -> str:
    """Where the contract of this minter is, or will be."""
    return chain.contract_address(signer.address(Purpose.TRANSACTION), 0)


def deploy(
    ledger: Ledger, chain: Chain, signer: Signer, brand: Brand, *, chain_id: int, clock: Clock, timeout_s: float = 20
) -> str:
    """Make sure that the contract is there, and everything else that was ever signed; returns its address.

    Raises: `Transient` when the chain has not mined it after `timeout_s`.
    """
    sender = signer.address(Purpose.TRANSACTION)
    if not transactions.signed_from(ledger, transactions.Signer(chain_id, sender), 0, limit=1):
        _sign(ledger, chain, signer, brand, sender, chain_id, clock)
    minting.send_again(ledger, chain, sender=sender, chain_id=chain_id)
    contract = address_of(chain, signer)
    deadline = time.monotonic() + timeout_s
    while not chain.has_code(contract):
        if time.monotonic() > deadline:
            raise Transient(f"contract {contract}: not mined after {timeout_s:.0f} s")
        time.sleep(0.02)
    return contract


def _sign(ledger: Ledger, chain: Chain, signer: Signer, brand: Brand, sender: str, chain_id: int, clock: Clock) -> None:
    if chain.next_nonce(sender) != 0:
        raise Defect(f"minter {sender} has sent transactions that this ledger does not know; give it a fresh key")
    call = chain.deployment(
        signer.address(Purpose.OWNER),
        sender,
        brand.name,
        brand.symbol,
        brand.contract_uri,
        brand.royalty_receiver,
        brand.royalty_bps,
    )
    gas = chain.estimate_gas(sender, call)
    _, kept = minting.sign(
        ledger, chain, signer, call, chain_id=chain_id, gas=gas, fees=chain.fees(), at=clock(), request_id=None
    )
    ledger.write(*kept)
