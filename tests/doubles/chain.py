"""A chain in memory that behaves as a node does, and misbehaves on request."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from shared.ports.chain import (
    Call,
    Fees,
    NonceTooLow,
    Receipt,
    Reverted,
    SignedTransaction,
    Transaction,
    Unavailable,
    WrongChain,
)
from shared.ports.signer import Purpose, Signature


@dataclass
class FakeSigner:
    """Signs with a counter: what matters here is who signs what, not the curve."""

    signed: list[bytes] = field(default_factory=list)

    def address(self, purpose: Purpose) -> str:
        return "0x" + hashlib.sha256(purpose.value.encode()).hexdigest()[:40]

    def sign(self, purpose: Purpose, digest: bytes) -> Signature:
        self.signed.append(digest)
        return Signature(r=int.from_bytes(digest, "big"), s=1, y_parity=0)


@dataclass
class FakeChain:
    """Mines every transaction whose turn it is, at once."""

    id: int = 31337
    fee_wei: int = 1_000_000_000
    mined: list[str] = field(default_factory=list)
    """Hashes in nonce order, of the one account that sends here."""
    pool: dict[int, bytes] = field(default_factory=dict)
    tokens: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    reverting: set[str] = field(default_factory=set)
    """Hashes that will revert when mined."""
    broadcasts: int = 0
    down: bool = False
    lose_answers: bool = False
    """Takes what is sent and then does not answer."""
    depth: int = 1
    code: bool = True
    """Whether the contract is there. What is sent to it before is mined, succeeds and does nothing."""
    refusal: str = ""
    """The error by which the contract refuses every call that is simulated."""
    stale_nonce: int | None = None

    # ---- the node ----

    def chain_id(self) -> int:
        self._answer()
        return self.id

    def next_nonce(self, address: str) -> int:
        self._answer()
        return len(self.mined) if self.stale_nonce is None else self.stale_nonce

    def fees(self) -> Fees:
        return Fees(max_fee_wei=self.fee_wei, max_tip_wei=1)

    def estimate_gas(self, sender: str, call: Call) -> int:
        self._answer()
        if call.to is not None:
            self._there(call.to)
            if self.refusal:
                raise Reverted(f"execution reverted: {self.refusal}, says a node", error=self.refusal)
            told = json.loads(call.data)
            if self.token_id(call.to, told["request_id"], self.id) in self.tokens:
                raise Reverted("the token exists", error="TokenAlreadyExists")
        return 90_000

    def broadcast(self, raw: bytes) -> str:
        self.broadcasts += 1
        if self.down:
            raise Unavailable("node: down")
        tx_hash = _hash(raw)
        if tx_hash not in self.mined:
            nonce = json.loads(raw)["nonce"]
            if nonce < len(self.mined):
                raise NonceTooLow(f"nonce {nonce} is used")
            self.pool[nonce] = raw
            while len(self.mined) in self.pool:
                self._mine(self.pool.pop(len(self.mined)))
        if self.lose_answers:
            raise Unavailable("node: took it and did not answer")
        return tx_hash

    def knows(self, tx_hash: str) -> bool:
        return tx_hash in self.mined or any(_hash(raw) == tx_hash for raw in self.pool.values())

    def receipt(self, tx_hash: str) -> Receipt | None:
        self._answer()
        if tx_hash not in self.mined:
            return None
        number = self.mined.index(tx_hash) + 1
        good = tx_hash not in self.reverting
        return Receipt(tx_hash, number, self.depth, good, 90_000, 90_000 * self.fee_wei, None)

    def owner_of(self, contract: str, token_id: int) -> str | None:
        self._answer()
        self._there(contract)
        return self.tokens[token_id][0] if token_id in self.tokens else None

    def digest_of(self, contract: str, token_id: int) -> bytes | None:
        return self.tokens[token_id][1] if token_id in self.tokens else None

    def has_code(self, address: str) -> bool:
        return self.code

    def balance_wei(self, address: str) -> int:
        return 10**18

    # ---- pure ----

    def deployment(self, owner: str, minter: str, name: str, symbol: str, *rest: object) -> Call:
        return Call(None, json.dumps([owner, minter, name, symbol]).encode())

    def contract_address(self, deployer: str, nonce: int) -> str:
        return "0x" + hashlib.sha256(f"{deployer}{nonce}".encode()).hexdigest()[:40]

    def token_id(self, contract: str, request_id: str, chain_id: int) -> int:
        return int.from_bytes(hashlib.sha256(f"{contract}{request_id}{chain_id}".encode()).digest(), "big")

    def mint_call(self, contract: str, owner: str, request_id: str, digest: bytes) -> Call:
        told = {"owner": owner, "request_id": request_id, "digest": digest.hex()}
        return Call(contract, json.dumps(told).encode())

    def redact_call(self, contract: str, token_id: int, digest: bytes) -> Call:
        raise AssertionError("nothing redacts here")

    def signing_digest(self, transaction: Transaction) -> bytes:
        if transaction.chain_id != self.id:
            raise WrongChain("another chain")
        return hashlib.sha256(_encode(transaction)).digest()

    def assemble(self, transaction: Transaction, signature: Signature) -> SignedTransaction:
        raw = _encode(transaction)
        return SignedTransaction(raw, _hash(raw))

    # ---- what happens to it ----

    def forget(self) -> None:
        """Lose everything, as an embedded chain does when its state is gone."""
        self.mined, self.pool, self.tokens = [], {}, {}

    def used_from_outside(self) -> None:
        """Somebody else sends a transaction with the same key."""
        self.mined.append("0xelsewhere")

    def _mine(self, raw: bytes) -> None:
        tx_hash = _hash(raw)
        self.mined.append(tx_hash)
        transaction = json.loads(raw)
        call = transaction["call"]
        if call["to"] is None or tx_hash in self.reverting or not self.code:
            return
        if transaction["gas_limit"] < 90_000:
            self.reverting.add(tx_hash)
            return
        told = json.loads(call["data"])
        token_id = self.token_id(call["to"], told["request_id"], self.id)
        if token_id in self.tokens:
            self.reverting.add(tx_hash)
            return
        self.tokens[token_id] = (told["owner"], bytes.fromhex(told["digest"]))

    def _there(self, contract: str) -> None:
        if not self.code:
            raise Unavailable(f"{contract}: no such contract yet")

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("node: down")


def _encode(transaction: Transaction) -> bytes:
    plain = asdict(transaction)
    plain["call"]["data"] = plain["call"]["data"].decode()
    return json.dumps(plain, sort_keys=True).encode()


def _hash(raw: bytes) -> str:
    return "0x" + hashlib.sha256(raw).hexdigest()
