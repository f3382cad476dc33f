from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from infra.twin.anvil import Anvil
from shared.ports.chain import (
    Chain,
    Transaction,
    Unavailable,
    Unsendable,
)
from shared.ports.chain.rpc import RpcChain
from shared.ports.open import open_port
from shared.ports.signer import Purpose
from tests.ports.anvil_fixture import anvil_of_the_module  # noqa: F401 - a fixture
from tests.ports.chain_actors import CHAIN_ID, DIGEST, Blocks, Sender, mined, new_holder, new_request, to_nobody
from tests.ports.chain_behaviour import ChainBehaviour
from tests.ports.fake_node import Reply, error, fake_node, result


class AnvilBlocks:
    def __init__(self, anvil: Anvil) -> None:
        self._anvil = anvil

    def fund(self, address: str) -> None:
        self._anvil.fund(address)

    @contextmanager
    def held(self) -> Iterator[None]:
        self._anvil.rpc("evm_setAutomine", False)
        try:
            yield
        finally:
            self._anvil.rpc("evm_setAutomine", True)

    def mine(self, count: int = 1) -> None:
        if count:
            self._anvil.rpc("anvil_mine", hex(count))

    def undo(self, depth: int) -> None:
        self._anvil.rpc("anvil_reorg", depth, [])

    def forget(self, tx_hash: str) -> None:
        self._anvil.rpc("anvil_dropTransaction", tx_hash)


class TestRpcChainOnAnvil(ChainBehaviour):
    @pytest.fixture
    def chain(self, anvil: Anvil) -> Iterator[Chain]:
        with closing(RpcChain.open(f"{anvil.url}?chain_id={CHAIN_ID}")) as chain:
            yield chain

    @pytest.fixture
    def blocks(self, anvil: Anvil) -> Blocks:
        return AnvilBlocks(anvil)

    def test_it_is_what_its_url_opens(self, anvil: Anvil) -> None:
        found = open_port("chain", f"{anvil.url}?chain_id={CHAIN_ID}")
        assert isinstance(found, RpcChain)
        with closing(found):
            assert found.chain_id() == CHAIN_ID

    def test_a_mint_to_a_fresh_holder_stays_within_its_gas(self, chain: Chain, minter: Sender, contract: str) -> None:
        minter.send(chain.mint_call(contract, new_holder(), new_request(), DIGEST))
        receipt = minter.send(chain.mint_call(contract, new_holder(), new_request(), DIGEST))
        assert 91_000 <= receipt.gas_used <= 97_000

    def test_fault_46_a_mint_is_not_simulated_before_its_contract_is_there(
        self, chain: Chain, minter: Sender, owner: Sender
    ) -> None:
        """Its gas would be that of a plain transfer, and the mint would revert once the contract is there."""
        contract = chain.contract_address(minter.address, 0)
        call = chain.mint_call(contract, new_holder(), new_request(), DIGEST)
        with pytest.raises(Unavailable, match="no such contract yet"):
            chain.estimate_gas(minter.address, call)
        created = chain.deployment(owner.address, minter.address, "Harbour Lights", "HARB", "ipfs://x", None, 0)
        assert minter.send(created).contract_address == contract
        assert not mined(chain, chain.broadcast(minter.sign(call, gas=25_000).raw)).succeeded
        assert chain.estimate_gas(minter.address, call) > 80_000
        assert minter.send(call).succeeded

    def test_fault_31_the_answer_to_a_broadcast_is_lost(self, anvil: Anvil, minter: Sender) -> None:
        with fake_node(anvil.url) as node, closing(RpcChain(node.url, timeout_s=0.5)) as chain:

            def pass_on_and_hang(question: dict[str, object]) -> Reply:
                node.ask_upstream(question)
                return Reply(hang=True)

            node.spoilers["eth_sendRawTransaction"] = pass_on_and_hang
            signed = minter.sign(to_nobody())
            assert chain.broadcast(signed.raw) == signed.hash
            assert mined(chain, signed.hash).succeeded

    def test_fault_31_everything_is_lost_and_the_same_bytes_come_again(
        self, anvil: Anvil, minter: Sender, contract: str
    ) -> None:
        request, holder = new_request(), new_holder()
        with fake_node(anvil.url) as node, closing(RpcChain(node.url, timeout_s=0.5)) as chain:
            signed = minter.sign(chain.mint_call(contract, holder, request, DIGEST))

            def pass_on_and_drop(question: dict[str, object]) -> Reply:
                node.ask_upstream(question)
                return Reply(drop=True)

            node.spoilers["eth_sendRawTransaction"] = pass_on_and_drop
            node.spoilers["eth_getTransactionByHash"] = lambda _: Reply(hang=True)
            with pytest.raises(Unavailable):
                chain.broadcast(signed.raw)
            node.spoilers.clear()
            assert chain.broadcast(signed.raw) == signed.hash
            assert mined(chain, signed.hash).succeeded
            assert chain.owner_of(contract, chain.token_id(contract, request, CHAIN_ID)) == holder
            assert chain.next_nonce(minter.address) == minter.nonce

    def test_an_error_about_bytes_that_the_node_holds_is_success(self, anvil: Anvil, minter: Sender) -> None:
        with fake_node(anvil.url) as node, closing(RpcChain(node.url)) as chain:

            def pass_on_and_complain(question: dict[str, object]) -> Reply:
                node.ask_upstream(question)
                return error(-32000, "something in words that nobody has ever read")

            node.spoilers["eth_sendRawTransaction"] = pass_on_and_complain
            signed = minter.sign(to_nobody())
            assert chain.broadcast(signed.raw) == signed.hash

    def test_already_known_is_no_success_when_the_hash_is_unknown(self, anvil: Anvil, minter: Sender) -> None:
        with fake_node(anvil.url) as node, closing(RpcChain(node.url)) as chain:
            node.spoilers["eth_sendRawTransaction"] = lambda _: error(-32000, "already known")
            with pytest.raises(Unavailable, match="already known"):
                chain.broadcast(minter.sign(to_nobody()).raw)

    def test_a_success_under_another_hash_is_not_believed(self, anvil: Anvil, minter: Sender) -> None:
        with fake_node(anvil.url) as node, closing(RpcChain(node.url)) as chain:
            node.spoilers["eth_sendRawTransaction"] = lambda _: result("0x" + "ab" * 32)
            with pytest.raises(Unavailable, match="wanted the hash"):
                chain.broadcast(minter.sign(to_nobody()).raw)

    def test_bytes_for_another_chain_are_a_defect(self, anvil: Anvil, minter: Sender) -> None:
        with closing(RpcChain.open(anvil.url)) as chain:
            transaction = Transaction(1, 0, 21_000, 10**10, 10**9, to_nobody())
            signature = minter.signer.sign(Purpose.TRANSACTION, chain.signing_digest(transaction))
            with pytest.raises(Unsendable):
                chain.broadcast(chain.assemble(transaction, signature).raw)
