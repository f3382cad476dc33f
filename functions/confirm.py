"""Stop 8: watch a signed mint until the chain has it deep enough, and read the outcome from the contract.

Woken by its own delayed messages, one at a time: while one of them is on its way `sweep` sends no other, and one that
comes beside it does nothing. The schedule is a net: it sends again whatever was signed and the chain has not, also what
it had and has undone.
"""

from __future__ import annotations

from datetime import timedelta

from shared import minting
from shared.clock import Clock
from shared.errors import Defect
from shared.messages import RequestJob
from shared.ports.chain import Chain, InsufficientFunds, Reverted
from shared.ports.ledger import Ledger
from shared.ports.queue import MAX_DELAY_S, Queue
from shared.ports.signer import Purpose, Signer
from shared.records import requests, transactions
from shared.request import Event, MintRequest, State
from shared.runtime import queue_handler, schedule_handler
from shared.settings import ConfirmSettings, WatchSettings

_REVERTED = "it was mined and reverted"  # in a deep block: those bytes can never mint
_PATIENT_LOOKS = 3
"""Before a nonce is believed to be lost: nodes behind one address do not always see the same block."""
_SLOWER = 1.5
"""Each look at the chain waits this much longer than the one before."""
_ROUNDING = timedelta(seconds=1)
"""A queue may round its delays, and clocks differ: a message this much too early is in time."""
_MOST_SIGNED = 5
"""Transactions for one request: where each reverts that was simulated well, more of them only burn gas."""


def confirm(
    job: RequestJob,
    *,
    ledger: Ledger,
    chain: Chain,
    signer: Signer,
    confirm_queue: Queue,
    chain_id: int,
    contract: str | None,
    confirmations: int,
    poll_s: float,
    max_fee_wei: int,
    clock: Clock,
) -> None:
    """Look once; `minted`, `failed`, or look again later. `ownerOf` is the arbiter, the receipt its date and price.

    A message that comes before the time of the next look does nothing: it is one too many, and would go on for ever.

    Raises: `Transient` when the node does not answer: this message comes back, and nothing else happened.
    """
    request = requests.load(ledger, job.request_id)
    if request.attempt != job.attempt or request.state is not State.MINTING:
        return
    if (due_at := requests.due_at(ledger, request)) and due_at > clock() + _ROUNDING:
        return
    # The one that it was signed for: a stage that is given another contract must not mint there what it minted here.
    contract = request.contract or contract or minting.contract_of(chain, signer)
    receipt = chain.receipt(request.tx_hash) if request.tx_hash else None
    deep = receipt is not None and receipt.confirmations >= confirmations
    token_id = chain.token_id(contract, request.id, chain_id)
    if (deep or request.tx_hash is None) and chain.owner_of(contract, token_id) is not None:
        cause, gas_used = "the chain has it", receipt.gas_used if receipt else None
        requests.move(ledger, request, Event.MINTED, clock(), cause=cause, token_id=str(token_id), gas_used=gas_used)
        return
    anew = ""
    if deep and receipt is not None and not receipt.succeeded:
        anew = _REVERTED
    elif deep and job.polls >= _PATIENT_LOOKS:
        anew = "it was mined before the contract was there"  # and what is sent to an empty address succeeds
    elif receipt is None:
        sender = signer.address(Purpose.TRANSACTION)
        minting.send_one_again(ledger, chain, request.tx_hash, sender=sender, chain_id=chain_id)
        if job.polls >= _PATIENT_LOOKS and _is_lost(request, ledger, chain, signer, chain_id):
            anew = "its nonce was used elsewhere"
    if anew:
        request = _sign_anew(request, anew, ledger, chain, signer, chain_id, contract, max_fee_wei, clock)
    if not request.open:
        return
    delay_s = min(poll_s * _SLOWER ** min(job.polls, 40), MAX_DELAY_S)
    requests.postpone(ledger, request, clock() + timedelta(seconds=delay_s))
    confirm_queue.send(job.model_copy(update={"polls": job.polls + 1}).body(), delay_s=delay_s)


def _is_lost(request: MintRequest, ledger: Ledger, chain: Chain, signer: Signer, chain_id: int) -> bool:
    """Whether the chain has gone past our nonce without our transaction: somebody else used the key. Or it had the
    token by a transaction that we do not know, and has it no longer.

    The receipt is asked for after the nonce, so that a transaction mined in between is not taken for a lost one.
    """
    if request.tx_hash is None:
        return True
    sender = signer.address(Purpose.TRANSACTION)
    nonce = transactions.nonce_of(ledger, transactions.Signer(chain_id, sender), request.tx_hash)
    return nonce is not None and chain.next_nonce(sender) > nonce and chain.receipt(request.tx_hash) is None


def _sign_anew(
    request: MintRequest,
    why: str,
    ledger: Ledger,
    chain: Chain,
    signer: Signer,
    chain_id: int,
    contract: str,
    max_fee_wei: int,
    clock: Clock,
) -> MintRequest:
    """The same call at another nonce, or the end where the contract refuses it; nothing while gas is too dear or there
    is no money for it. Were the first to come back after all, the contract would refuse the second."""
    digest = bytes.fromhex(requests.frozen(ledger, request.id)["digest"])
    call = chain.mint_call(contract, request.owner, request.id, digest)
    try:
        gas = chain.estimate_gas(signer.address(Purpose.TRANSACTION), call)
    except InsufficientFunds:
        return request
    except Reverted as error:
        if error.error == "NotMinter":  # ours to mend, as in `mint`
            raise Defect("contract: it does not take this signer for its minter") from error
        if chain.owner_of(contract, chain.token_id(contract, request.id, chain_id)) is not None:
            cause = "the chain has this token already"  # by an earlier transaction of this request, which came back
            return requests.move(ledger, request, Event.MINT_SENT, clock(), cause=cause, tx_hash=None)
        cause = f"the contract refuses the mint: {why}, and simulated anew: {error.error or 'it reverts'}"
        return requests.move(ledger, request, Event.FAILED, clock(), cause=cause, can_still_mint=why != _REVERTED)
    fees = chain.fees()
    if fees.max_fee_wei > max_fee_wei:
        return request
    sent = sum(line.event is Event.MINT_SENT for line in requests.history(ledger, request.id))
    if why == _REVERTED and sent >= _MOST_SIGNED:
        cause = f"the chain refused the mint: {_MOST_SIGNED} times {why}"
        return requests.move(ledger, request, Event.FAILED, clock(), cause=cause, can_still_mint=False)
    signed, kept = minting.sign(
        ledger, chain, signer, call, chain_id=chain_id, gas=gas, fees=fees, at=clock(), request_id=request.id
    )
    cause = f"signed anew: {why}"
    request = requests.move(ledger, request, Event.MINT_SENT, clock(), cause=cause, also=kept, tx_hash=signed.hash)
    minting.send(chain, signed)
    return request


def watch(*, ledger: Ledger, chain: Chain, signer: Signer, confirm_queue: Queue, chain_id: int, clock: Clock) -> int:
    """Cron: broadcast every signed transaction that the chain as it is now has not mined. Returns how many.

    A `minted` request among them that is not mined again at once was undone by a reorganisation: back to `minting`.
    """
    sent = minting.send_again(ledger, chain, sender=signer.address(Purpose.TRANSACTION), chain_id=chain_id)
    for kept in sent:
        request = requests.find(ledger, kept.request_id) if kept.request_id else None
        if request is None or request.state is not State.MINTED or request.tx_hash != kept.hash:
            continue
        if chain.receipt(kept.hash) is None:
            request = requests.move(ledger, request, Event.REORGED, clock(), cause="the chain has undone its block")
            confirm_queue.send(RequestJob(request_id=request.id, attempt=request.attempt).body())
    return len(sent)


handler = queue_handler(confirm, ConfirmSettings)
net = schedule_handler(watch, WatchSettings)
