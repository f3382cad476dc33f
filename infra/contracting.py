"""`monoprint contract`: a place's contract on its chain, once, when somebody has agreed to what that costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.deploy import contract as deployment
from infra.deploy.contract import Brand, Outlook
from infra.place import Place, Ports
from shared.clock import utc_now
from shared.errors import Rejected
from shared.ports.chain import InsufficientFunds

_WEI, _GWEI = 10**18, 10**9


def put_on_chain(
    place: Place,
    brand: Brand,
    *,
    agree: Callable[[Outlook], bool],
    say: Callable[[str], object],
    timeout_s: float,
    poll_s: float,
) -> dict[str, Any]:
    """What there is then, as data. `agree` is asked before anything is signed, and never if it was signed before.

    Raises: what `deploy` raises; `Rejected` when the stage mints to another contract, or nobody agrees;
    `InsufficientFunds` naming the address to fund and how much it needs.
    """
    with Ports(place) as ports:
        ledger, chain, signer = ports.ledger(), ports.chain(), ports.signer()
        chain_id = ports.mint.chain_id
        found = deployment.look(ledger, chain, signer, brand, chain_id=chain_id)
        _check_own(ports.mint.contract, found)
        if not found.signed:
            _check_funds(found)
            if not agree(found):
                raise Rejected("contract: nobody agreed to the cost (--yes does); nothing was signed")
        if not found.mined:
            try:
                deployment.deploy(
                    ledger,
                    chain,
                    signer,
                    brand,
                    chain_id=chain_id,
                    clock=utc_now,
                    most_wei=found.most_wei,
                    timeout_s=timeout_s,
                    poll_s=poll_s,
                    say=say,
                )
            except InsufficientFunds as error:
                raise InsufficientFunds(
                    f"minter {found.minter}: has {ether(found.balance_wei)}, too little for what it signed; "
                    f"send it more on chain {chain_id}, then run the same command again ({error})"
                ) from error
        receipt = deployment.receipt_of(ledger, chain, signer, chain_id)
    return {
        "contract": found.contract,
        "chain_id": chain_id,
        "minter": found.minter,
        "owner": found.owner,
        "was_there": found.mined,
        "tx_hash": receipt.tx_hash if receipt else None,
        "fee_wei": receipt.fee_wei if receipt else None,
    }


def lines_before(found: Outlook, brand: Brand) -> list[str]:
    """What somebody wants to know who is asked for money."""
    return [
        f"  chain     {found.chain_id}",
        f"  minter    {found.minter}, has {ether(found.balance_wei)}",
        f"  owner     {found.owner}",
        f"  contract  {found.contract}, {brand.name} ({brand.symbol})",
        *([f"  uri       {brand.contract_uri}"] if brand.contract_uri else []),
        *([f"  royalty   {brand.royalty_bps / 100:g} % to {brand.royalty_receiver}"] if brand.royalty_bps else []),
        f"Its deployment costs at most {ether(found.most_wei, up=True)}: "
        f"{found.gas_limit:,} gas at no more than {found.max_fee_wei / _GWEI:.3g} gwei.",
    ]


def ether(wei: int, *, up: bool = False) -> str:
    """In whole gwei, rounded down or up: what a wallet shows is neither more than there is nor less than is wanted."""
    gwei = -(-wei // _GWEI) if up else wei // _GWEI
    text = f"{gwei // _GWEI}.{gwei % _GWEI:09d}".rstrip("0").rstrip(".")
    return f"{text} ether"


def _check_own(contract: str | None, found: Outlook) -> None:
    if contract and contract.lower() != found.contract.lower():
        raise Rejected(
            f"contract: the mint is told CONTRACT={contract}, and this would be {found.contract}; "
            "leave CONTRACT out of the stage to mint to the minter's own"
        )


def _check_funds(found: Outlook) -> None:
    missing_wei = found.most_wei - found.balance_wei
    if missing_wei > 0:
        raise InsufficientFunds(
            f"minter {found.minter}: has {ether(found.balance_wei)}, the deployment may cost "
            f"{ether(found.most_wei, up=True)}; send {ether(missing_wei, up=True)} or more to it on chain "
            f"{found.chain_id}, then run the same command again"
        )
