"""Chain over JSON-RPC: any EVM node or provider.

`https://host/path?chain_id=N` or `http://127.0.0.1:PORT?chain_id=N`; `timeout_s` may follow. With a `chain_id`, a
node of another chain is refused before anything else is asked of it.
"""

from __future__ import annotations

import re
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import rlp
from eth_utils.crypto import keccak

from shared.clock import Clock, utc_now
from shared.errors import Invalid, MonoprintError
from shared.ports.chain import (
    Call,
    Fees,
    InsufficientFunds,
    Receipt,
    Reverted,
    SignedTransaction,
    Transaction,
    Unavailable,
    Unsupported,
    WrongChain,
)
from shared.ports.chain import contract as monoprint
from shared.ports.chain.jsonrpc import Node, NodeError, field, number, octets
from shared.ports.chain.rpc_errors import error_for
from shared.ports.signer import Signature

ZERO_ADDRESS = "0x" + "00" * 20
DEFAULT_TIP_WEI = 1_000_000_000
TIMEOUT_S = 10.0
_DYNAMIC_FEE = b"\x02"
"""EIP-2718's type of an EIP-1559 transaction; it stands before the payload, also where that is hashed to be signed."""
_OPTIONS = frozenset({"chain_id", "timeout_s"})


class RpcChain:
    """One node. Safe for several threads; keeps nothing but its connections and whether the chain was checked."""

    def __init__(self, url: str, *, chain_id: int | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._node = Node(url, timeout_s=timeout_s)
        self._expected = chain_id
        self._checked: tuple[int, int] | None = None

    @classmethod
    def open(cls, url: str, *, clock: Clock = utc_now) -> Self:
        """Takes `chain_id` and `timeout_s` out of the URL's query and leaves the provider's own part of it.

        The clock is not needed: what counts on a chain is the chain's time.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Invalid("chain url", f"scheme {parts.scheme!r}", "http:// or https:// and a host")
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        ours = {name: value for name, value in pairs if name in _OPTIONS}
        for name, value in ours.items():
            if not (value.isascii() and value.isdecimal() and len(value) < 20 and int(value) > 0):
                raise Invalid(f"chain url, option {name}", repr(value[:40]), "a whole number, at least 1")
        rest = urlencode([pair for pair in pairs if pair[0] not in _OPTIONS])
        return cls(
            urlunsplit(parts._replace(query=rest, fragment="")),
            chain_id=int(ours["chain_id"]) if "chain_id" in ours else None,
            timeout_s=float(ours.get("timeout_s", TIMEOUT_S)),
        )

    def close(self) -> None:
        self._node.close()

    # The pure parts.

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
        if not 0 <= royalty_bps <= 10_000:
            raise Invalid("royalty_bps", str(royalty_bps), "0 to 10000")
        receiver = monoprint.address(royalty_receiver, "royalty_receiver") if royalty_receiver else ZERO_ADDRESS
        people = [monoprint.address(owner, "owner"), monoprint.address(minter, "minter")]
        return monoprint.deployment([*people, name, symbol, contract_uri, receiver, royalty_bps])

    def contract_address(self, deployer: str, nonce: int) -> str:
        return monoprint.created_address(deployer, nonce)

    def token_id(self, contract: str, request_id: str, chain_id: int) -> int:
        return monoprint.token_id(contract, request_id, chain_id)

    def mint_call(self, contract: str, owner: str, request_id: str, digest: bytes) -> Call:
        arguments = (monoprint.address(owner, "owner"), monoprint.request_bytes(request_id))
        return monoprint.call(contract, "mint", *arguments, monoprint.word(digest, "digest"))

    def redact_call(self, contract: str, token_id: int, digest: bytes) -> Call:
        return monoprint.call(contract, "redact", token_id, monoprint.word(digest, "digest"))

    def signing_digest(self, transaction: Transaction) -> bytes:
        return bytes(keccak(_DYNAMIC_FEE + rlp.encode(self._fields(transaction))))

    def assemble(self, transaction: Transaction, signature: Signature) -> SignedTransaction:
        signed = [*self._fields(transaction), signature.y_parity, signature.r, signature.s]
        raw = bytes(_DYNAMIC_FEE + rlp.encode(signed))
        return SignedTransaction(raw, _hash(raw))

    def _fields(self, transaction: Transaction) -> list[Any]:
        """EIP-1559's payload without its signature: no value, no access list."""
        if self._expected is not None and transaction.chain_id != self._expected:
            raise WrongChain(f"transaction for chain {transaction.chain_id}, wanted {self._expected}")
        to = transaction.call.to
        return [
            transaction.chain_id,
            transaction.nonce,
            transaction.max_tip_wei,
            transaction.max_fee_wei,
            transaction.gas_limit,
            bytes.fromhex(monoprint.address(to, "call.to")[2:]) if to is not None else b"",
            0,
            transaction.call.data,
            [],
        ]

    # What the node knows.

    def chain_id(self) -> int:
        if self._checked is None or self._checked[1] != self._node.drops:
            drops = self._node.drops
            try:
                got = number(self._node.ask("eth_chainId"), "eth_chainId")
            except NodeError as error:
                raise _translated(error) from error
            if self._expected is not None and got != self._expected:
                raise WrongChain(f"the node serves chain {got}, wanted {self._expected}")
            self._checked = (got, drops)
        return self._checked[0]

    def next_nonce(self, address: str) -> int:
        return number(self._call("eth_getTransactionCount", address, "latest"), "eth_getTransactionCount")

    def fees(self) -> Fees:
        block, asked_tip = self._ask_all(("eth_getBlockByNumber", "latest", False), ("eth_maxPriorityFeePerGas",))
        base = number(field(_believed(block), "baseFeePerGas"), "baseFeePerGas")
        try:
            tip = number(_believed(asked_tip), "eth_maxPriorityFeePerGas")
        except Unsupported:
            tip = DEFAULT_TIP_WEI  # an optional method; Besu and some providers lack it
        # Six full blocks in a row double the base fee; what is not needed is not paid.
        return Fees(max_fee_wei=2 * base + tip, max_tip_wei=tip)

    def estimate_gas(self, sender: str, call: Call) -> int:
        # First: a contract that appears in between is simulated in full.
        if call.to is not None and call.data and not self.has_code(call.to):
            raise Unavailable(f"{call.to}: got no code, wanted a contract: this node has no such contract yet")
        fields = {"from": sender, "data": "0x" + call.data.hex()} | ({"to": call.to} if call.to else {})
        # A simulation is free of charge, so that the node does not say whether the sender could pay.
        gas, price, balance = (
            number(_believed(answer), method)
            for answer, method in zip(
                self._ask_all(("eth_estimateGas", fields), ("eth_gasPrice",), ("eth_getBalance", sender, "latest")),
                ("eth_estimateGas", "eth_gasPrice", "eth_getBalance"),
                strict=True,
            )
        )
        if balance < gas * price:
            raise InsufficientFunds(f"{sender}: got {balance} wei, wanted {gas * price} wei for gas", gas=gas)
        return gas

    def broadcast(self, raw: bytes) -> str:
        tx_hash = _hash(raw)
        try:
            got = self._ask("eth_sendRawTransaction", "0x" + raw.hex())
        except NodeError as error:
            # Whatever it says, and in whatever words: what it holds under this hash is these very bytes.
            if self.knows(tx_hash):
                return tx_hash
            raise _translated(error) from error
        except Unavailable:
            # The bytes may have arrived before the answer was lost.
            if self.knows(tx_hash):
                return tx_hash
            raise
        if str(got).lower() != tx_hash and not self.knows(tx_hash):
            raise Unavailable(f"eth_sendRawTransaction: got {str(got)[:80]!r}, wanted the hash {tx_hash}")
        return tx_hash

    def knows(self, tx_hash: str) -> bool:
        found = self._call("eth_getTransactionByHash", tx_hash)
        return found is not None and str(field(found, "hash")).lower() == tx_hash.lower()

    def receipt(self, tx_hash: str) -> Receipt | None:
        asked = self._ask_all(("eth_getTransactionReceipt", tx_hash), ("eth_blockNumber",))
        found, newest = map(_believed, asked)
        if found is None or field(found, "blockNumber") is None:
            return None
        if str(field(found, "transactionHash")).lower() != tx_hash.lower():
            raise Unavailable(f"receipt of {field(found, 'transactionHash')}, wanted that of {tx_hash}")
        block = number(found["blockNumber"], "blockNumber")
        head = number(newest, "eth_blockNumber")
        gas_used = number(field(found, "gasUsed"), "gasUsed")
        parent_chain_wei = number(found.get("l1Fee") or "0x0", "l1Fee")
        created = found.get("contractAddress")
        return Receipt(
            tx_hash=tx_hash,
            block_number=block,
            confirmations=max(1, head - block + 1),  # the head may come from a node that is behind
            succeeded=number(field(found, "status"), "status") == 1,
            gas_used=gas_used,
            fee_wei=gas_used * number(field(found, "effectiveGasPrice"), "effectiveGasPrice") + parent_chain_wei,
            contract_address=monoprint.address(created, "contractAddress") if created else None,
        )

    def owner_of(self, contract: str, token_id: int) -> str | None:
        found = self._view(monoprint.call(contract, "ownerOf", token_id))
        return monoprint.address("0x" + found[-20:].hex(), "ownerOf") if found else None

    def digest_of(self, contract: str, token_id: int) -> bytes | None:
        return self._view(monoprint.call(contract, "digestOf", token_id))

    def has_code(self, address: str) -> bool:
        return len(octets(self._call("eth_getCode", address, "latest"), "eth_getCode")) > 0

    def balance_wei(self, address: str) -> int:
        return number(self._call("eth_getBalance", address, "latest"), "eth_getBalance")

    def _view(self, call: Call) -> bytes | None:
        """One word of a view about a token, or None where the contract says that the token does not exist."""
        asked = {"to": call.to, "data": "0x" + call.data.hex()}
        try:
            found = octets(self._call("eth_call", asked, "latest"), "eth_call")
        except Reverted as error:
            if error.error == "TokenDoesNotExist":
                return None
            raise
        if len(found) != 32:
            raise Unavailable(f"{call.to}: got {len(found)} bytes, wanted 32: this node has no such contract yet")
        return found

    def _call(self, method: str, *parameters: object) -> Any:
        """`_ask`, with the node's errors translated."""
        try:
            return self._ask(method, *parameters)
        except NodeError as error:
            raise _translated(error) from error

    def _ask(self, method: str, *parameters: object) -> Any:
        self.chain_id()
        return self._node.ask(method, *parameters)

    def _ask_all(self, *questions: tuple[Any, ...]) -> list[Any]:
        """Answers, and `NodeError` where there is an error: `_believed` tells."""
        self.chain_id()
        return self._node.ask_all(*questions)


def _believed(answer: Any) -> Any:
    """The answer to one of several questions. Raises the node's error translated."""
    if isinstance(answer, NodeError):
        raise _translated(answer) from answer
    return answer


def _translated(error: NodeError) -> MonoprintError:
    found = error_for(error.message, error.code)
    if isinstance(found, Reverted):
        name, written = monoprint.revert_name(_revert_data(error))
        return Reverted(f"the contract reverts: {written or error.message[:500]}", error=name)
    return found


def _revert_data(error: NodeError) -> bytes:
    """The bytes a revert returned: plain, nested (Hardhat), or after a word (Parity, Nethermind: `Reverted 0x...`)."""
    data = error.data
    while isinstance(data, dict):
        data = data.get("data") or data.get("result")
    found = re.search(r"0x((?:[0-9a-fA-F]{2})+)$", data.strip()) if isinstance(data, str) else None
    return bytes.fromhex(found.group(1)) if found else b""


def _hash(raw: bytes) -> str:
    return "0x" + keccak(raw).hex()
