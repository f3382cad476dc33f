"""What every chain must do. An adapter's test derives from `ChainBehaviour` and brings the fixtures."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from shared.ports.chain import (
    Chain,
    FeeTooLow,
    InsufficientFunds,
    NonceTooLow,
    Reverted,
    Transaction,
    Unavailable,
    Underpriced,
    Unsendable,
)
from shared.ports.signer import Purpose
from shared.ports.signer.keystore import KeystoreSigner
from tests.ports.chain_actors import CHAIN_ID, DIGEST, Blocks, Sender, mined, new_holder, new_request, to_nobody


class ChainBehaviour:
    @pytest.fixture
    def chain(self) -> Chain:
        raise NotImplementedError

    @pytest.fixture
    def blocks(self) -> Blocks:
        raise NotImplementedError

    @pytest.fixture
    def minter(self, chain: Chain, blocks: Blocks, tmp_path: Path) -> Sender:
        """An account that the chain has never seen, with money."""
        sender = Sender(chain, KeystoreSigner(tmp_path, chain_id=CHAIN_ID))
        blocks.fund(sender.address)
        return sender

    @pytest.fixture
    def owner(self, minter: Sender, blocks: Blocks) -> Sender:
        owner = Sender(minter.chain, minter.signer, Purpose.OWNER)
        blocks.fund(owner.address)
        return owner

    @pytest.fixture
    def contract(self, chain: Chain, minter: Sender, owner: Sender) -> str:
        call = chain.deployment(owner.address, minter.address, "Harbour Lights", "HARB", "ipfs://x", new_holder(), 500)
        receipt = minter.send(call)
        assert receipt.succeeded
        assert receipt.contract_address is not None
        return receipt.contract_address

    def test_it_says_which_chain_it_is(self, chain: Chain) -> None:
        assert chain.chain_id() == CHAIN_ID

    def test_the_contract_is_where_it_was_foretold(self, chain: Chain, minter: Sender, contract: str) -> None:
        assert contract == chain.contract_address(minter.address, 0)
        assert chain.has_code(contract)
        assert not chain.has_code(minter.address)

    def test_a_mint_gives_the_token_of_its_request(self, chain: Chain, minter: Sender, contract: str) -> None:
        request, holder = new_request(), new_holder()
        token = chain.token_id(contract, request, CHAIN_ID)
        assert chain.owner_of(contract, token) is None
        assert chain.digest_of(contract, token) is None
        before = chain.balance_wei(minter.address)
        receipt = minter.send(chain.mint_call(contract, holder, request, DIGEST))
        assert receipt.succeeded
        assert receipt.contract_address is None
        assert chain.owner_of(contract, token) == holder
        assert chain.digest_of(contract, token) == DIGEST
        assert before - chain.balance_wei(minter.address) == receipt.fee_wei
        assert chain.next_nonce(minter.address) == minter.nonce == 2

    def test_a_second_mint_of_a_request_is_refused(self, chain: Chain, minter: Sender, contract: str) -> None:
        call = chain.mint_call(contract, new_holder(), request := new_request(), DIGEST)
        minter.send(call)
        again = chain.mint_call(contract, new_holder(), request, hashlib.sha256(b"other").digest())
        with pytest.raises(Reverted, match=r"TokenAlreadyExists\(\)") as caught:
            chain.estimate_gas(minter.address, again)
        assert caught.value.error == "TokenAlreadyExists"

    def test_two_mints_of_a_request_that_were_both_sent_give_one_token(
        self, chain: Chain, blocks: Blocks, minter: Sender, contract: str
    ) -> None:
        request, holders = new_request(), (new_holder(), new_holder())
        with blocks.held():
            sent = [
                chain.broadcast(minter.sign(chain.mint_call(contract, holder, request, DIGEST)).raw)
                for holder in holders
            ]
            blocks.mine()
        assert [mined(chain, tx_hash).succeeded for tx_hash in sent] == [True, False]
        assert chain.owner_of(contract, chain.token_id(contract, request, CHAIN_ID)) == holders[0]

    def test_a_revert_is_told_with_its_arguments(
        self, chain: Chain, minter: Sender, owner: Sender, contract: str
    ) -> None:
        call = chain.mint_call(contract, new_holder(), new_request(), DIGEST)
        with pytest.raises(Reverted) as caught:
            chain.estimate_gas(owner.address, call)
        assert caught.value.error == "NotMinter"
        assert owner.address.lower() in str(caught.value).lower()
        assert minter.address.lower() in str(caught.value).lower()

    def test_the_owner_redacts(self, chain: Chain, minter: Sender, owner: Sender, contract: str) -> None:
        minter.send(chain.mint_call(contract, holder := new_holder(), request := new_request(), DIGEST))
        token = chain.token_id(contract, request, CHAIN_ID)
        redacted = hashlib.sha256(b"redacted").digest()
        with pytest.raises(Reverted, match="Unauthorized"):
            chain.estimate_gas(minter.address, chain.redact_call(contract, token, redacted))
        assert owner.send(chain.redact_call(contract, token, redacted)).succeeded
        assert chain.digest_of(contract, token) == redacted
        assert chain.owner_of(contract, token) == holder

    def test_a_contract_that_is_not_there_is_no_answer(self, chain: Chain) -> None:
        with pytest.raises(Unavailable, match="no such contract"):
            chain.owner_of(new_holder(), 1)
        with pytest.raises(Unavailable, match="no such contract"):
            chain.digest_of(new_holder(), 1)

    def test_fault_32_the_same_bytes_may_come_again_at_any_time(
        self, chain: Chain, blocks: Blocks, minter: Sender
    ) -> None:
        signed = minter.sign(to_nobody())
        assert not chain.knows(signed.hash)
        with blocks.held():
            assert chain.broadcast(signed.raw) == signed.hash
            assert chain.knows(signed.hash)
            assert chain.receipt(signed.hash) is None
            assert chain.broadcast(signed.raw) == signed.hash
            blocks.mine()
        mined(chain, signed.hash)
        assert chain.broadcast(signed.raw) == signed.hash
        assert chain.next_nonce(minter.address) == 1

    def test_fault_33_another_transaction_at_a_waiting_nonce_must_pay_more(
        self, chain: Chain, blocks: Blocks, minter: Sender
    ) -> None:
        with blocks.held():
            first = minter.sign(to_nobody(), nonce=0)
            chain.broadcast(first.raw)
            other = minter.sign(to_nobody(), nonce=0)
            with pytest.raises(Underpriced):
                chain.broadcast(other.raw)
            assert not chain.knows(other.hash)
            bumped = minter.sign(to_nobody(), nonce=0, factor=2)
            assert chain.broadcast(bumped.raw) == bumped.hash
            blocks.mine()
        assert mined(chain, bumped.hash).succeeded
        assert chain.receipt(first.hash) is None

    def test_fault_35_a_nonce_that_is_used_up_is_told(self, chain: Chain, minter: Sender) -> None:
        mined(chain, chain.broadcast(minter.sign(to_nobody()).raw))
        late = minter.sign(to_nobody(), nonce=0)
        with pytest.raises(NonceTooLow):
            chain.broadcast(late.raw)
        assert not chain.knows(late.hash)

    def test_fault_34_what_follows_a_gap_waits_until_it_is_filled(self, chain: Chain, minter: Sender) -> None:
        first, second = minter.sign(to_nobody()), minter.sign(to_nobody())
        assert chain.broadcast(second.raw) == second.hash
        assert chain.receipt(second.hash) is None
        assert chain.next_nonce(minter.address) == 0
        chain.broadcast(first.raw)
        assert mined(chain, second.hash).succeeded
        assert chain.next_nonce(minter.address) == 2

    def test_fault_38_what_the_pool_dropped_is_sent_again(self, chain: Chain, blocks: Blocks, minter: Sender) -> None:
        signed = minter.sign(to_nobody())
        with blocks.held():
            chain.broadcast(signed.raw)
            blocks.forget(signed.hash)
            assert not chain.knows(signed.hash)
            chain.broadcast(signed.raw)
            blocks.mine()
        assert mined(chain, signed.hash).succeeded

    @pytest.mark.parametrize("depth", [1, 6])
    def test_fault_37_a_reorg_undoes_a_mint_and_the_same_bytes_do_it_once_more(
        self, chain: Chain, blocks: Blocks, minter: Sender, contract: str, depth: int
    ) -> None:
        request, holder = new_request(), new_holder()
        token = chain.token_id(contract, request, CHAIN_ID)
        signed = minter.sign(chain.mint_call(contract, holder, request, DIGEST))
        mined(chain, chain.broadcast(signed.raw))
        blocks.mine(depth - 1)
        assert mined(chain, signed.hash).confirmations == depth
        with blocks.held():
            blocks.undo(depth)
            assert chain.receipt(signed.hash) is None
            assert chain.owner_of(contract, token) is None
            assert chain.next_nonce(minter.address) == 1
            assert chain.broadcast(signed.raw) == signed.hash
            blocks.mine()
        assert mined(chain, signed.hash).succeeded
        assert chain.owner_of(contract, token) == holder
        assert chain.next_nonce(minter.address) == 2

    def test_confirmations_grow_with_the_chain(self, chain: Chain, blocks: Blocks, minter: Sender) -> None:
        tx_hash = chain.broadcast(minter.sign(to_nobody()).raw)
        first = mined(chain, tx_hash)
        assert first.confirmations == 1
        blocks.mine(4)
        later = chain.receipt(tx_hash)
        assert later is not None
        assert (later.block_number, later.confirmations) == (first.block_number, 5)

    def test_an_empty_account_is_told_before_and_after_signing(self, chain: Chain, tmp_path: Path) -> None:
        poor = Sender(chain, KeystoreSigner(tmp_path / "poor", chain_id=CHAIN_ID))
        with pytest.raises(InsufficientFunds):
            chain.estimate_gas(poor.address, to_nobody())
        with pytest.raises(InsufficientFunds):
            chain.broadcast(poor.sign(to_nobody()).raw)

    def test_a_fee_below_the_base_fee_is_told(self, chain: Chain, minter: Sender) -> None:
        transaction = Transaction(CHAIN_ID, 0, 21_000, 1, 1, to_nobody())
        signature = minter.signer.sign(Purpose.TRANSACTION, chain.signing_digest(transaction))
        with pytest.raises(FeeTooLow):
            chain.broadcast(chain.assemble(transaction, signature).raw)

    def test_bytes_that_are_no_transaction_are_a_defect(self, chain: Chain) -> None:
        with pytest.raises(Unsendable):
            chain.broadcast(b"\x02\xc0")

    def test_fees_suffice_for_the_next_blocks(self, chain: Chain) -> None:
        fees = chain.fees()
        assert 0 < fees.max_tip_wei <= fees.max_fee_wei
