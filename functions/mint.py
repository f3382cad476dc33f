"""Stop 7: sign the mint of a published request, once, and send it.

The order is the safety: simulate, keep nonce and signed bytes in one ledger transaction with the request's move, and
only then broadcast. Whatever happens after that, the same bytes are sent again; and the contract refuses a second
token for the request whatever any database says.
"""

from __future__ import annotations

from shared import minting
from shared.clock import Clock
from shared.errors import Defect, Rejected
from shared.messages import RequestJob
from shared.ports.chain import Chain, InsufficientFunds, Reverted
from shared.ports.ledger import Ledger
from shared.ports.queue import Queue
from shared.ports.signer import Purpose, Signer
from shared.records import requests
from shared.request import Event, MintRequest, State
from shared.runtime import queue_handler
from shared.settings import MintSettings


def mint(
    job: RequestJob,
    *,
    ledger: Ledger,
    chain: Chain,
    signer: Signer,
    confirm_queue: Queue,
    chain_id: int,
    contract: str | None,
    max_fee_wei: int,
    clock: Clock,
) -> None:
    """Sign and send; or, when that was done before, only wake `confirm`, which sends again what is missing.

    Without a `contract` it is the minter's own, and what is to be minted waits in the park until that is deployed.

    Raises: `Defect` when the chain is not the one that this signer was made for; `Conflict` when the nonce or the
    request went to another worker: then nothing of this call was kept or sent.
    """
    request = requests.load(ledger, job.request_id)
    if request.attempt != job.attempt:
        return
    if request.state is State.PUBLISHED:
        if (found := chain.chain_id()) != chain_id:
            raise Defect(f"chain: got id {found}, wanted {chain_id}; nothing was signed")
        with requests.ended_by_rejection(ledger, request, clock):
            request = _sign_and_send(request, ledger, chain, signer, chain_id, contract, max_fee_wei, clock)
    if request.state is State.MINTING:
        confirm_queue.send(RequestJob(request_id=request.id, attempt=request.attempt).body())


def _sign_and_send(
    request: MintRequest,
    ledger: Ledger,
    chain: Chain,
    signer: Signer,
    chain_id: int,
    contract: str | None,
    max_fee_wei: int,
    clock: Clock,
) -> MintRequest:
    digest = requests.frozen(ledger, request.id)["digest"]
    if digest != request.metadata_digest:
        raise Defect(f"request {request.id[:8]}: its digest is not the one that was frozen; nothing was signed")
    if contract is None and not minting.has_deployed(ledger, signer, chain_id):
        return requests.move(ledger, request, Event.PARKED, clock(), cause="the contract is not deployed yet")
    contract = contract or minting.contract_of(chain, signer)
    call = chain.mint_call(contract, request.owner, request.id, bytes.fromhex(digest))
    fees = chain.fees()
    if fees.max_fee_wei > max_fee_wei:
        cause = f"gas costs {fees.max_fee_wei} wei, the limit is {max_fee_wei} wei"
        return requests.move(ledger, request, Event.PARKED, clock(), cause=cause)
    try:
        gas = chain.estimate_gas(signer.address(Purpose.TRANSACTION), call)
    except InsufficientFunds:
        cause = "the account that pays for gas is empty"
        return requests.move(ledger, request, Event.PARKED, clock(), cause=cause)
    except Reverted as error:
        if error.error == "NotMinter":  # ours to mend: no request ends because the contract was set up wrongly
            raise Defect("contract: it does not take this signer for its minter") from error
        if chain.owner_of(contract, chain.token_id(contract, request.id, chain_id)) is None:
            raise Rejected(f"the contract refuses the mint: {error.error or 'it reverts'}") from error
        # Minted by bytes that this ledger does not know: the chain is the arbiter, and `confirm` reads it.
        cause = "the chain has this token already"
        return requests.move(ledger, request, Event.MINT_SENT, clock(), cause=cause, contract=contract)
    signed, kept = minting.sign(
        ledger, chain, signer, call, chain_id=chain_id, gas=gas, fees=fees, at=clock(), request_id=request.id
    )
    request = requests.move(
        ledger,
        request,
        Event.MINT_SENT,
        clock(),
        cause="signed and kept",
        also=kept,
        tx_hash=signed.hash,
        contract=contract,
    )
    minting.send(chain, signed)
    return request


handler = queue_handler(mint, MintSettings)
