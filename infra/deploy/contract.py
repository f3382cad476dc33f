"""The contract's deployment: nonce 0 of the minter's key, kept before it is sent, like every other transaction.

So the contract's address follows from the minter alone, and a chain that lost everything gets its contract back first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from shared import minting
from shared.clock import Clock
from shared.errors import Defect, Rejected, Transient
from shared.ports.chain import Call, Chain, Fees, InsufficientFunds, Receipt, WrongChain
from shared.ports.ledger import Ledger
from shared.ports.signer import Purpose, Signer
from shared.records import transactions
from shared.records.transactions import Recorded

_SAY_EVERY_S = 15.0


@dataclass(frozen=True)
class Brand:
    """What the contract says of itself. One deployment serves one brand with many collections."""

    name: str = "Monoprint"
    symbol: str = "MONO"
    contract_uri: str = ""
    royalty_receiver: str | None = None
    royalty_bps: int = 0


@dataclass(frozen=True)
class Outlook:
    """What is there, and what a deployment would take."""

    chain_id: int
    contract: str
    minter: str
    owner: str
    balance_wei: int
    """The minter's."""
    signed: bool
    """The deployment is in the ledger. It is sent until it is mined, and nothing else is ever signed in its place."""
    mined: bool
    gas_limit: int = 0
    max_fee_wei: int = 0

    @property
    def most_wei(self) -> int:
        """The most that a deployment can cost; the node wants the minter to have it all. 0 where it is signed."""
        return self.gas_limit * self.max_fee_wei


def look(ledger: Ledger, chain: Chain, signer: Signer, brand: Brand, *, chain_id: int) -> Outlook:
    """Ask the chain, and change nothing.

    Raises: `WrongChain`; `Defect` when the minter's key was used before this ledger; `Reverted` when the contract
    refuses what the brand says.
    """
    if (found := chain.chain_id()) != chain_id:
        raise WrongChain(f"the node serves chain {found}, wanted {chain_id}")
    minter, owner = (signer.address(purpose) for purpose in (Purpose.TRANSACTION, Purpose.OWNER))
    contract = minting.contract_of(chain, signer)
    balance_wei = chain.balance_wei(minter)
    if minting.has_deployed(ledger, signer, chain_id):
        return Outlook(chain_id, contract, minter, owner, balance_wei, signed=True, mined=chain.has_code(contract))
    _check_unused(chain, minter)
    gas, fees = _gas(chain, minter, _call(chain, minter, owner, brand)), chain.fees()
    return Outlook(
        chain_id, contract, minter, owner, balance_wei, False, False, minting.gas_limit(gas), fees.max_fee_wei
    )


def deploy(
    ledger: Ledger,
    chain: Chain,
    signer: Signer,
    brand: Brand,
    *,
    chain_id: int,
    clock: Clock,
    most_wei: int | None = None,
    timeout_s: float = 20,
    poll_s: float = 0.02,
    say: Callable[[str], object] = lambda _: None,
    sleep: Callable[[float], object] = time.sleep,
) -> str:
    """Make sure that the contract is there, and everything else that was ever signed; returns its address.

    Raises: `Rejected` when it would cost more than `most_wei` by now, and nothing was signed; `Transient` when the
    chain has not mined it after `timeout_s`: called again, it sends the same bytes and waits on.
    """
    sender = signer.address(Purpose.TRANSACTION)
    if not minting.has_deployed(ledger, signer, chain_id):
        _sign(ledger, chain, signer, brand, chain_id, clock, most_wei)
        say("signed, and kept in the ledger")
    minting.send_again(ledger, chain, sender=sender, chain_id=chain_id)
    contract = minting.contract_of(chain, signer)
    waited_s = 0.0
    while not chain.has_code(contract):
        if (receipt := receipt_of(ledger, chain, signer, chain_id)) is not None and not receipt.succeeded:
            raise Defect(
                f"contract {contract}: its deployment failed on chain ({receipt.tx_hash}), and its nonce is used; "
                "the minter needs a fresh key"
            )
        if waited_s >= timeout_s:
            raise Transient(f"contract {contract}: not mined after {timeout_s:.0f} s")
        if waited_s % _SAY_EVERY_S < poll_s:
            say(f"waiting until the chain has mined {_kept(ledger, sender, chain_id).hash}")
        sleep(poll_s)
        waited_s += poll_s
    return contract


def receipt_of(ledger: Ledger, chain: Chain, signer: Signer, chain_id: int) -> Receipt | None:
    """What the deployment cost, once it is mined."""
    return chain.receipt(_kept(ledger, signer.address(Purpose.TRANSACTION), chain_id).hash)


def _kept(ledger: Ledger, minter: str, chain_id: int) -> Recorded:
    return transactions.signed_from(ledger, transactions.Signer(chain_id, minter), 0, limit=1)[0]


def _sign(
    ledger: Ledger, chain: Chain, signer: Signer, brand: Brand, chain_id: int, clock: Clock, most_wei: int | None
) -> None:
    minter, owner = (signer.address(purpose) for purpose in (Purpose.TRANSACTION, Purpose.OWNER))
    _check_unused(chain, minter)
    call = _call(chain, minter, owner, brand)
    gas, fees = chain.estimate_gas(minter, call), chain.fees()
    _check_cost(gas, fees, most_wei)
    _, kept = minting.sign(
        ledger, chain, signer, call, chain_id=chain_id, gas=gas, fees=fees, at=clock(), request_id=None
    )
    ledger.write(*kept)


def _check_unused(chain: Chain, minter: str) -> None:
    if chain.next_nonce(minter) != 0:
        raise Defect(f"minter {minter} has sent transactions that this ledger does not know; give it a fresh key")


def _check_cost(gas: int, fees: Fees, most_wei: int | None) -> None:
    cost_wei = minting.gas_limit(gas) * fees.max_fee_wei
    if most_wei is not None and cost_wei > most_wei:
        raise Rejected(
            f"deployment: costs up to {cost_wei} wei by now, {most_wei} wei were agreed to; nothing was signed"
        )


def _gas(chain: Chain, minter: str, call: Call) -> int:
    """Also of a minter that cannot pay for it."""
    try:
        return chain.estimate_gas(minter, call)
    except InsufficientFunds as error:
        if error.gas is None:
            raise
        return error.gas


def _call(chain: Chain, minter: str, owner: str, brand: Brand) -> Call:
    return chain.deployment(
        owner,
        minter,
        brand.name,
        brand.symbol,
        brand.contract_uri,
        brand.royalty_receiver,
        brand.royalty_bps,
    )
