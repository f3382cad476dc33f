"""Chain: one EVM chain as plain JSON-RPC shows it, and the calls of our contract on it.

Promise
- **Idempotent broadcast.** The same signed bytes may be broadcast any number of times, also after they were mined.
  `broadcast` returns when the node holds exactly these bytes, waiting or mined; whatever text the node answers, the
  transaction is first looked up by its hash. Every other outcome is an error below, and broadcasting the same bytes
  again is always the right answer to a `Transient` one.
- **Pure parts** (`deployment`, `contract_address`, `token_id`, `mint_call`, `redact_call`, `signing_digest`,
  `assemble`) ask nobody: the same arguments give the same bytes on every machine.
- **Reads are of one moment.** A node may be behind others and a block may be undone: `next_nonce` is a floor that
  never lowers a count of our own, a receipt counts once it has enough confirmations, and `owner_of` is the arbiter.
  `None` means that the chain says no; a node that cannot tell is an error.
- **One chain.** An adapter that is opened for a chain refuses a node of another, and a transaction for another.

Errors
    Rejected
    └── Reverted             the contract refuses the call; `error` is the name of its custom error
    Transient
    ├── Unavailable          no answer, or none that can be believed: the outcome is unknown
    │   └── RateLimited      the node asks for patience
    ├── WrongNonce           too low or too high: this node does not say which
    │   ├── NonceTooLow      another transaction of this account took the nonce: find out which
    │   └── NonceTooHigh     a nonce before this one is missing
    ├── Underpriced          another transaction waits at this nonce and pays as much: find out which
    ├── FeeTooLow            pays less than the node or the base fee asks for
    ├── FeeTooHigh           pays more than the node's own cap lets through
    ├── InsufficientFunds    the sender cannot pay: somebody must send it money
    ├── PoolBusy             the node's pool is full, or holds a transaction that this one would disturb
    └── UnknownAnswer        an answer in no known words, kept whole
    Defect
    ├── WrongChain           the node, or the transaction, belongs to another chain
    ├── Unsendable           no node will ever take these bytes
    └── Unsupported          the node lacks a method that we need
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.errors import Defect, Rejected, Transient
from shared.ports.signer import Signature


class Reverted(Rejected):
    """Simulated or sent, the call fails by the contract's own rules: `TokenAlreadyExists`, `NotMinter`.

    `error` is the error's name, empty where the node gave no data; the message holds its arguments as well.
    """

    code = "reverted"

    def __init__(self, message: str, *, error: str = "") -> None:
        super().__init__(message)
        self.error = error


class Unavailable(Transient):
    code = "chain_unavailable"


class RateLimited(Unavailable):
    code = "chain_rate_limited"


class WrongNonce(Transient):
    code = "nonce_wrong"


class NonceTooLow(WrongNonce):
    code = "nonce_too_low"


class NonceTooHigh(WrongNonce):
    code = "nonce_too_high"


class Underpriced(Transient):
    code = "replacement_underpriced"


class FeeTooLow(Transient):
    code = "fee_too_low"


class FeeTooHigh(Transient):
    code = "fee_too_high"


class InsufficientFunds(Transient):
    """`gas` is what the call takes, where it was simulated before the money was found to be short."""

    code = "insufficient_funds"

    def __init__(self, message: str, *, gas: int | None = None) -> None:
        super().__init__(message)
        self.gas = gas


class PoolBusy(Transient):
    code = "pool_busy"


class UnknownAnswer(Transient):
    code = "chain_unknown_answer"


class WrongChain(Defect):
    code = "wrong_chain"


class Unsendable(Defect):
    code = "unsendable"
    quotes = True


class Unsupported(Defect):
    code = "chain_unsupported"
    quotes = True


@dataclass(frozen=True)
class Call:
    """What a transaction does. `to` is None where it creates a contract."""

    to: str | None
    data: bytes


@dataclass(frozen=True)
class Transaction:
    """An EIP-1559 transaction without value, unsigned."""

    chain_id: int
    nonce: int
    gas_limit: int
    max_fee_wei: int
    """Per unit of gas, the tip included."""
    max_tip_wei: int
    call: Call


@dataclass(frozen=True)
class SignedTransaction:
    raw: bytes
    hash: str
    """0x and 64 lower-case digits: the one name by which every node knows these bytes."""


@dataclass(frozen=True)
class Receipt:
    """A transaction in a block of the chain that the node holds to be the longest now."""

    tx_hash: str
    block_number: int
    confirmations: int
    """1 in the newest block."""
    succeeded: bool
    gas_used: int
    fee_wei: int
    """All that the sender paid, a rollup's share for its parent chain included."""
    contract_address: str | None
    """What it created."""


@dataclass(frozen=True)
class Fees:
    """Per unit of gas, enough for the next blocks even if each of them raises the base fee."""

    max_fee_wei: int
    max_tip_wei: int


class Chain(Protocol):
    def chain_id(self) -> int:
        """The chain that the node serves. Raises `WrongChain` when the adapter was opened for another."""

    def next_nonce(self, address: str) -> int:
        """How many transactions of the address are mined: a floor, never a reason to lower a count of our own."""

    def fees(self) -> Fees: ...

    def deployment(
        self,
        owner: str,
        minter: str,
        name: str,
        symbol: str,
        contract_uri: str,
        royalty_receiver: str | None,
        royalty_bps: int,
    ) -> Call:
        """Creates the contract."""

    def contract_address(self, deployer: str, nonce: int) -> str:
        """Where a contract created by this transaction is."""

    def token_id(self, contract: str, request_id: str, chain_id: int) -> int:
        """The one token of a request; `request_id` is 64 hexadecimal digits."""

    def mint_call(self, contract: str, owner: str, request_id: str, digest: bytes) -> Call:
        """Mints the request's token to `owner`; `digest` is the SHA-256 of its metadata."""

    def redact_call(self, contract: str, token_id: int, digest: bytes) -> Call:
        """Replaces a token's digest; only the contract's owner may send it."""

    def estimate_gas(self, sender: str, call: Call) -> int:
        """Simulates the call on the newest block. Raises `Reverted` where it would fail, `InsufficientFunds` where the
        sender could not pay for it at today's price, and `Unavailable` where the contract that it calls does not exist:
        any data sent to an empty address "succeeds", and costs too little gas for the contract once it is there."""

    def signing_digest(self, transaction: Transaction) -> bytes:
        """The 32 bytes to sign."""

    def assemble(self, transaction: Transaction, signature: Signature) -> SignedTransaction: ...

    def broadcast(self, raw: bytes) -> str:
        """Hands the bytes to the node and returns the transaction's hash."""

    def knows(self, tx_hash: str) -> bool:
        """Whether the node has the transaction, waiting or mined."""

    def receipt(self, tx_hash: str) -> Receipt | None:
        """None while it is in no block."""

    def owner_of(self, contract: str, token_id: int) -> str | None:
        """Checksummed, or None where the token does not exist. `Unavailable` where the contract does not."""

    def digest_of(self, contract: str, token_id: int) -> bytes | None:
        """None where the token does not exist. `Unavailable` where the contract does not."""

    def has_code(self, address: str) -> bool: ...

    def balance_wei(self, address: str) -> int: ...
