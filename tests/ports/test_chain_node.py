from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import closing

import pytest

from shared.ports.chain import (
    Call,
    Fees,
    RateLimited,
    Reverted,
    Transaction,
    Unavailable,
    UnknownAnswer,
    Unsendable,
    WrongChain,
)
from shared.ports.chain.rpc import DEFAULT_TIP_WEI, RpcChain
from shared.ports.signer import Signature
from tests.ports.chain_actors import CHAIN_ID
from tests.ports.fake_node import FakeNode, Reply, error, fake_node, result

CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
REQUEST = "11" * 32


@pytest.fixture
def node() -> Iterator[FakeNode]:
    with fake_node() as node:
        node.spoilers["eth_chainId"] = lambda _: result(hex(CHAIN_ID))
        yield node


@pytest.fixture
def chain(node: FakeNode) -> Iterator[RpcChain]:
    with closing(RpcChain(node.url + "/v3/SECRET", chain_id=CHAIN_ID, timeout_s=0.3)) as chain:
        yield chain


class TestANodeThatErrs:
    def test_fault_46_a_node_of_another_chain_is_asked_nothing_else(self, node: FakeNode, chain: RpcChain) -> None:
        node.spoilers["eth_chainId"] = lambda _: result("0x1")
        for _ in range(2):
            with pytest.raises(WrongChain, match="serves chain 1, wanted 31337"):
                chain.next_nonce(CONTRACT)
        assert set(node.seen) == {"eth_chainId"}

    def test_fault_46_a_transaction_for_another_chain_is_not_even_hashed(self, chain: RpcChain) -> None:
        transaction = Transaction(1, 0, 21_000, 2, 1, Call(CONTRACT, b""))
        with pytest.raises(WrongChain):
            chain.signing_digest(transaction)
        with pytest.raises(WrongChain):
            chain.assemble(transaction, Signature(1, 1, 0))

    def test_a_rate_limit_says_when_to_come_back(self, node: FakeNode, chain: RpcChain) -> None:
        node.spoilers["eth_blockNumber"] = node.spoilers["eth_getBalance"] = lambda _: Reply(
            b"slow down", 429, {"Retry-After": "7"}
        )
        with pytest.raises(RateLimited) as caught:
            chain.balance_wei(CONTRACT)
        assert caught.value.retry_after_s == 7
        node.spoilers["eth_getBalance"] = lambda _: Reply(b"", 429, {"Retry-After": "a while"})
        with pytest.raises(RateLimited):
            chain.balance_wei(CONTRACT)

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(b"<html>it works!</html>"),
            Reply(b""),
            Reply(b"\xff\xfe"),
            Reply(b"[]"),
            Reply(b"null"),
            Reply(b'{"jsonrpc": "2.0", "id": 1}'),
            Reply(b"<html>503</html>", 503),
            Reply(b"", 403),
            Reply(b"[]", 500),
            Reply(hang=True),
            Reply(drop=True),
            result(None),
            result("12"),
            result("0x"),
            result("0xzz"),
            result(["0x1"]),
            result("0x" + "f" * 65),
        ],
        ids=repr,
    )
    def test_what_is_no_answer_is_unavailable(self, node: FakeNode, chain: RpcChain, reply: Reply) -> None:
        node.spoilers["eth_getBalance"] = lambda _: reply
        with pytest.raises(Unavailable) as caught:
            chain.balance_wei(CONTRACT)
        assert "SECRET" not in "".join(traceback.format_exception(caught.value))

    def test_nobody_at_the_address_is_unavailable_and_the_url_stays_secret(self) -> None:
        with fake_node() as gone:
            url = gone.url
        with closing(RpcChain(url + "/v3/SECRET", timeout_s=0.3)) as chain:
            with pytest.raises(Unavailable) as caught:
                chain.chain_id()
            assert "SECRET" not in "".join(traceback.format_exception(caught.value))

    def test_an_idle_connection_that_was_closed_is_opened_again(self, node: FakeNode, chain: RpcChain) -> None:
        replies = [Reply(drop=True), result("0x5")]
        node.spoilers["eth_getBalance"] = lambda _: replies.pop(0)
        assert chain.balance_wei(CONTRACT) == 5

    def test_the_chain_is_checked_again_after_a_failure_on_the_way(self, node: FakeNode, chain: RpcChain) -> None:
        node.spoilers["eth_getBalance"] = lambda _: result("0x5")
        assert chain.balance_wei(CONTRACT) == chain.balance_wei(CONTRACT) == 5
        assert node.seen.count("eth_chainId") == 1
        node.spoilers["eth_getBalance"] = lambda _: Reply(drop=True)
        with pytest.raises(Unavailable):
            chain.balance_wei(CONTRACT)
        node.spoilers["eth_chainId"] = lambda _: result("0x1")
        with pytest.raises(WrongChain):
            chain.balance_wei(CONTRACT)

    def test_an_error_in_no_known_words_is_kept_whole(self, node: FakeNode, chain: RpcChain) -> None:
        node.spoilers["eth_getBalance"] = lambda _: error(-32123, "the moon is in the wrong house")
        with pytest.raises(UnknownAnswer, match=r"-32123.*the moon is in the wrong house"):
            chain.balance_wei(CONTRACT)

    def test_an_error_in_the_body_of_a_refusal_is_read(self, node: FakeNode, chain: RpcChain) -> None:
        refused = error(-32000, "invalid sender")
        node.spoilers["eth_getBalance"] = lambda _: Reply(refused.body, 400)
        with pytest.raises(Unsendable):
            chain.balance_wei(CONTRACT)

    def test_fees_without_the_optional_method(self, node: FakeNode, chain: RpcChain) -> None:
        node.spoilers["eth_getBlockByNumber"] = lambda _: result({"baseFeePerGas": "0x64"})
        node.spoilers["eth_maxPriorityFeePerGas"] = lambda _: error(-32601, "Method not found")
        fees = chain.fees()
        assert (fees.max_fee_wei, fees.max_tip_wei) == (200 + DEFAULT_TIP_WEI, DEFAULT_TIP_WEI)

    def test_several_questions_are_one_exchange(self, node: FakeNode, chain: RpcChain) -> None:
        node.spoilers["eth_getBlockByNumber"] = lambda _: result({"baseFeePerGas": "0x64"})
        node.spoilers["eth_maxPriorityFeePerGas"] = lambda _: result("0x3")
        assert chain.fees() == Fees(203, 3)
        assert node.seen == ["eth_chainId", "eth_getBlockByNumber", "eth_maxPriorityFeePerGas"]
        assert len(node.paths) == 2

    def test_a_node_that_takes_no_batches_is_asked_one_by_one(self, node: FakeNode, chain: RpcChain) -> None:
        node.batches = False
        node.spoilers["eth_getBlockByNumber"] = lambda _: result({"baseFeePerGas": "0x64"})
        node.spoilers["eth_maxPriorityFeePerGas"] = lambda _: result("0x3")
        assert chain.fees() == chain.fees() == Fees(203, 3)
        assert len(node.paths) == 1 + 3 + 2  # the batch is tried once

    @pytest.mark.parametrize("reply", [result({"no": "fee"}), result("0x1"), Reply(b"?"), Reply(b"", 503)], ids=repr)
    def test_what_is_no_answer_to_one_of_several_is_unavailable(
        self, node: FakeNode, chain: RpcChain, reply: Reply
    ) -> None:
        node.spoilers["eth_getBlockByNumber"] = lambda _: reply
        node.spoilers["eth_maxPriorityFeePerGas"] = lambda _: result("0x3")
        with pytest.raises(Unavailable):
            chain.fees()
        node.spoilers["eth_getBlockByNumber"] = lambda _: result({"baseFeePerGas": "0x64"})
        assert chain.fees() == Fees(203, 3)

    def test_an_answer_that_is_missing_is_asked_for_again(self, node: FakeNode, chain: RpcChain) -> None:
        node.spoilers["eth_getBlockByNumber"] = lambda _: result({"baseFeePerGas": "0x64"})
        tips = [Reply(b'{"jsonrpc": "2.0"}'), result("0x3")]
        node.spoilers["eth_maxPriorityFeePerGas"] = lambda _: tips.pop(0)
        assert chain.fees() == Fees(203, 3)

    def test_a_rate_limit_holds_for_several_questions_too(self, node: FakeNode, chain: RpcChain) -> None:
        node.spoilers["eth_getBlockByNumber"] = lambda _: Reply(b"", 429, {"Retry-After": "7"})
        node.spoilers["eth_maxPriorityFeePerGas"] = lambda _: result("0x3")
        with pytest.raises(RateLimited) as caught:
            chain.fees()
        assert caught.value.retry_after_s == 7
        assert len(node.paths) == 2  # not asked again one by one

    @pytest.mark.parametrize(
        ("code", "message", "wrap"),
        [
            (3, "execution reverted", lambda data: data),
            (-32015, "VM execution error.", lambda data: f"Reverted {data}"),
            (-32603, "Error: VM Exception while processing transaction: reverted", lambda data: {"data": data}),
            (-32000, "execution reverted", lambda data: {"message": "x", "data": {"data": data}}),
        ],
    )
    def test_every_dialect_of_a_revert_is_read(
        self, node: FakeNode, chain: RpcChain, code: int, message: str, wrap: object
    ) -> None:
        assert callable(wrap)
        data = "0xceea21b6"  # TokenDoesNotExist()
        node.spoilers["eth_call"] = lambda _: error(code, message, wrap(data))
        assert chain.owner_of(CONTRACT, 1) is None

    def test_a_revert_without_data_or_of_another_kind_is_no_absence(self, node: FakeNode, chain: RpcChain) -> None:
        reason = "08c379a0" + f"{32:064x}{3:064x}" + b"odd".hex().ljust(64, "0")
        for data, wanted in (
            (None, "execution reverted"),
            ("0x" + reason, r"Error\('odd'\)"),
            ("0xdeadbeef", "0xdeadbeef"),
        ):
            node.spoilers["eth_call"] = lambda _, data=data: error(3, "execution reverted", data)  # type: ignore[misc]
            with pytest.raises(Reverted, match=wanted):
                chain.owner_of(CONTRACT, 1)

    def test_a_receipt_holds_all_that_was_paid(self, node: FakeNode, chain: RpcChain) -> None:
        tx_hash = "0x" + "ab" * 32
        told = {
            "transactionHash": tx_hash,
            "blockNumber": "0x10",
            "status": "0x1",
            "gasUsed": "0x64",
            "effectiveGasPrice": "0x2",
            "l1Fee": "0x7",
            "contractAddress": None,
        }
        node.spoilers["eth_getTransactionReceipt"] = lambda _: result(told)
        node.spoilers["eth_blockNumber"] = lambda _: result("0x9")  # another node, still behind
        receipt = chain.receipt(tx_hash)
        assert receipt is not None
        assert (receipt.fee_wei, receipt.confirmations, receipt.contract_address) == (207, 1, None)
        told["blockNumber"] = None
        assert chain.receipt(tx_hash) is None
        told |= {"blockNumber": "0x10", "transactionHash": "0x" + "cd" * 32}
        with pytest.raises(Unavailable, match="wanted that of"):
            chain.receipt(tx_hash)
