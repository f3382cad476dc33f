"""Signing and sending: what `mint`, `confirm` and the contract's deployment have in common.

Nothing is sent that was not kept first, and what was kept may be sent any number of times.
"""

from __future__ import annotations

from datetime import datetime

from shared.errors import MonoprintError
from shared.observe import Log, log, log_error
from shared.ports.chain import Call, Chain, Fees, SignedTransaction, Transaction, WrongNonce
from shared.ports.ledger import Change, Ledger
from shared.ports.signer import Purpose, Signer
from shared.records import transactions
from shared.records.transactions import Recorded

_GAS_MARGIN_PERCENT = 115
"""Of the simulation, for state that changes before the transaction is mined. What is not used is not paid."""


def contract_of(chain: Chain, signer: Signer) -> str:
    """Where the minter's own contract is, or will be: the first thing that its key sends."""
    return chain.contract_address(signer.address(Purpose.TRANSACTION), 0)


def has_deployed(ledger: Ledger, signer: Signer, chain_id: int) -> bool:
    """Whether that was signed. A mint before it would take its nonce, and so the contract's address for ever."""
    minter = transactions.Signer(chain_id, signer.address(Purpose.TRANSACTION))
    first = transactions.signed_from(ledger, minter, 0, limit=1)
    return bool(first) and first[0].nonce == 0 and first[0].request_id is None


def gas_limit(gas: int) -> int:
    """What a transaction is signed with that takes so much gas in the simulation."""
    return gas * _GAS_MARGIN_PERCENT // 100


def sign(
    ledger: Ledger,
    chain: Chain,
    signer: Signer,
    call: Call,
    *,
    chain_id: int,
    gas: int,
    fees: Fees,
    at: datetime,
    request_id: str | None,
) -> tuple[SignedTransaction, list[Change]]:
    """Sign `call` at the next nonce. The caller writes the changes, and only then sends.

    If that write fails, the nonce is free again and the signature is worth nothing: it was never out of this process.
    """
    sender = signer.address(Purpose.TRANSACTION)
    reservation = transactions.next_nonce(ledger, transactions.Signer(chain_id, sender), floor=chain.next_nonce(sender))
    transaction = Transaction(
        chain_id=chain_id,
        nonce=reservation.nonce,
        gas_limit=gas_limit(gas),
        max_fee_wei=fees.max_fee_wei,
        max_tip_wei=fees.max_tip_wei,
        call=call,
    )
    signature = signer.sign(Purpose.TRANSACTION, chain.signing_digest(transaction))
    signed = chain.assemble(transaction, signature)
    return signed, transactions.signing(reservation, signed, at, request_id=request_id)


def send(chain: Chain, signed: SignedTransaction) -> None:
    """Broadcast bytes that are kept. Every failure is left to `confirm`, which sends the same bytes again."""
    try:
        chain.broadcast(signed.raw)
    except MonoprintError as error:
        log_error(Log.STEP_DEFERRED, error, tx_hash=signed.hash)


def send_one_again(ledger: Ledger, chain: Chain, tx_hash: str | None, *, sender: str, chain_id: int) -> None:
    """Broadcast this kept transaction, unless the chain has gone past its nonce; nothing for bytes we do not know.

    Where one before it is missing, `send_again` sends both in their order.
    Raises: `Transient` when the node does not answer, or holds another transaction at this nonce.
    """
    kept = transactions.kept(ledger, transactions.Signer(chain_id, sender), tx_hash) if tx_hash else None
    if kept is None or kept.nonce < chain.next_nonce(sender):
        return
    try:
        chain.broadcast(kept.raw)
    except WrongNonce as error:
        log_error(Log.STEP_DEFERRED, error, request_id=kept.request_id, tx_hash=kept.hash)
    else:
        log(Log.TRANSACTION_REBROADCAST, request_id=kept.request_id, tx_hash=kept.hash)


def send_again(ledger: Ledger, chain: Chain, *, sender: str, chain_id: int) -> list[Recorded]:
    """Broadcast, in nonce order, every kept transaction that the chain as it is now has not mined. Returns them.

    Whatever the ledger says of them: a chain that lost its state gets all of it back, the contract first (nonce 0).
    Raises: `Transient` when the node does not answer.
    """
    mined = chain.next_nonce(sender)
    missing = transactions.signed_from(ledger, transactions.Signer(chain_id, sender), mined)
    for kept in missing:
        chain.broadcast(kept.raw)
        log(Log.TRANSACTION_REBROADCAST, request_id=kept.request_id, tx_hash=kept.hash)
    return missing
