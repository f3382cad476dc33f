"""Signing a mint: kept before it is sent, once for a request, and never for another chain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from functions import mint
from infra.deploy.contract import Brand, deploy
from shared.errors import Conflict, Defect, Transient
from shared.ports.chain import Call, InsufficientFunds, Unavailable
from shared.ports.signer import Purpose
from shared.records import holds, requests, transactions
from shared.request import Event, State
from tests.doubles.chain import FakeChain
from tests.unit.functions.house import House, job_of
from tests.unit.functions.test_intake import DownQueue


def kept(house: House) -> list[transactions.Recorded]:
    sender = house.signer.address(Purpose.TRANSACTION)
    return transactions.signed_from(house.ledger, transactions.Signer(house.chain.id, sender), 0)


def only_token(house: House) -> int:
    (token_id,) = house.chain.tokens
    return token_id


def test_a_mint_is_signed_kept_and_sent(house: House) -> None:
    request = house.bring_to(State.MINTING)
    (recorded,) = kept(house)
    owner, digest = house.chain.tokens[only_token(house)]
    assert (recorded.hash, recorded.request_id, recorded.nonce) == (request.tx_hash, request.id, 0)
    assert house.chain.mined == [request.tx_hash]
    assert (owner, digest.hex()) == (request.owner, request.metadata_digest)
    assert house.waiting("confirm") == [job_of(request).body()]


def test_fault_06_a_message_that_comes_twice_signs_once(house: House) -> None:
    request = house.bring_to(State.MINTING)
    items = house.dump()["items"]
    house.run(mint.mint, job_of(request))
    assert house.dump()["items"] == items
    assert len(house.signer.signed) == 1
    assert set(house.waiting("confirm")) == {job_of(request).body()}


def test_fault_12_a_message_that_comes_late_or_early_or_for_another_attempt_signs_nothing(house: House) -> None:
    minted, published = house.bring_to(State.MINTED), house.bring_to(State.PUBLISHED, 2)
    early = house.bring_to(State.APPROVED, 3)
    before = house.dump()
    for job in (job_of(minted), job_of(early), job_of(published, attempt=2)):
        house.run(mint.mint, job)
    assert house.dump() == before
    assert len(house.signer.signed) == 1


def test_fault_31_no_answer_after_the_broadcast_is_the_same_bytes_again(house: House) -> None:
    house.chain.lose_answers = True
    request = house.bring_to(State.MINTING)
    assert house.waiting("confirm") == [job_of(request).body()]
    house.chain.lose_answers = False
    house.settle()
    assert house.load(request.id).state is State.MINTED
    assert len(house.signer.signed) == 1
    assert house.chain.mined == [request.tx_hash]
    assert len(house.chain.tokens) == 1


@dataclass
class DyingChain(FakeChain):
    """Ends the process in the middle of a broadcast."""

    after: bool = False
    dead: bool = True

    def broadcast(self, raw: bytes) -> str:
        if self.dead and not self.after:
            self.dead = False
            raise KeyboardInterrupt
        sent = super().broadcast(raw)
        if self.dead:
            self.dead = False
            raise KeyboardInterrupt
        return sent


@pytest.mark.parametrize("after", [False, True])
def test_fault_10_a_process_that_dies_at_the_broadcast_is_followed_by_the_same_bytes(house: House, after: bool) -> None:
    house.ports["chain"] = house.chain = DyingChain(after=after)
    request = house.bring_to(State.PUBLISHED)
    with pytest.raises(KeyboardInterrupt):
        house.deliver("mint")
    signed = house.load(request.id)
    assert signed.state is State.MINTING
    assert [one.hash for one in kept(house)] == [signed.tx_hash]
    house.clock.advance(61)
    house.settle()
    assert house.load(request.id).state is State.MINTED
    assert len(house.signer.signed) == 1
    assert house.chain.mined == [signed.tx_hash]


def test_fault_31_a_node_that_is_down_signs_nothing(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    house.chain.down = True
    before = house.dump()
    with pytest.raises(Unavailable):
        house.run(mint.mint, job_of(request))
    assert house.dump() == before
    assert house.signer.signed == []


def test_fault_46_nothing_is_signed_for_another_chain(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    house.chain.id = 1
    before = house.dump()
    with pytest.raises(Defect, match="got id 1, wanted 31337"):
        house.run(mint.mint, job_of(request))
    assert house.signer.signed == []
    assert house.dump() == before


def test_fault_47_a_node_that_is_behind_never_lowers_our_nonce(house: House) -> None:
    first = house.bring_to(State.MINTING, 1)
    house.chain.stale_nonce = 0
    second = house.bring_to(State.MINTING, 2)
    assert [one.nonce for one in kept(house)] == [0, 1]
    house.settle()
    assert [house.load(r.id).state for r in (first, second)] == [State.MINTED] * 2
    assert len(house.chain.tokens) == 2


def test_a_nonce_that_was_used_elsewhere_raises_ours(house: House) -> None:
    house.chain.used_from_outside()
    house.bring_to(State.MINTING)
    assert [one.nonce for one in kept(house)] == [1]
    assert len(house.chain.tokens) == 1


def test_fault_36_fees_over_the_limit_park_the_mint_until_they_fall(house: House) -> None:
    house.chain.fee_wei = house.ports["max_fee_wei"] + 1
    request = house.bring_to(State.PARKED)
    assert (request.parked_in, house.signer.signed) == (State.PUBLISHED, [])
    assert f"{house.chain.fee_wei} wei" in (request.reason or "")
    for _ in range(3):
        house.clock.advance(301)
        house.sweep()
        house.deliver_all()
        assert house.load(request.id).state is State.PARKED
    house.chain.fee_wei = house.ports["max_fee_wei"]
    house.clock.advance(301)
    house.settle()
    assert house.load(request.id).state is State.MINTED
    assert house.load(request.id).reason is None
    assert holds.used_supply(house.ledger, house.slug) == 1


@dataclass
class PoorChain(FakeChain):
    empty: bool = True

    def estimate_gas(self, sender: str, call: Call) -> int:
        if self.empty and not self.refusal:
            raise InsufficientFunds("node: cannot pay")
        return super().estimate_gas(sender, call)


def test_an_empty_account_parks_the_mint_until_somebody_pays_in(house: House) -> None:
    house.ports["chain"] = house.chain = chain = PoorChain()
    request = house.bring_to(State.PARKED)
    assert request.reason == "the account that pays for gas is empty"
    chain.empty = False
    house.clock.advance(301)
    house.settle()
    assert house.load(request.id).state is State.MINTED


def test_a_mint_that_the_contract_refuses_ends_the_request_and_gives_back_what_it_held(house: House) -> None:
    house.ports["chain"] = house.chain = PoorChain(refusal="ERC721InvalidReceiver")
    request = house.bring_to(State.REJECTED)
    assert request.reason == "the contract refuses the mint: ERC721InvalidReceiver"
    assert house.signer.signed == []
    assert holds.used_supply(house.ledger, house.slug) == 0


def test_fault_46_while_a_node_has_no_such_contract_nothing_is_signed_and_nothing_ends(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    house.chain.code = False
    for _ in range(4):
        with pytest.raises(Unavailable):
            house.run(mint.mint, job_of(request))
    assert house.load(request.id) == request
    assert house.signer.signed == []
    house.chain.code = True
    house.settle()
    assert house.load(request.id).state is State.MINTED


def test_a_contract_that_does_not_know_its_minter_ends_no_request(house: House) -> None:
    house.ports["chain"] = house.chain = chain = PoorChain(refusal="NotMinter", empty=False)
    request = house.bring_to(State.PUBLISHED)
    with pytest.raises(Defect, match="minter"):
        house.run(mint.mint, job_of(request))
    assert house.load(request.id) == request
    chain.refusal = ""
    house.settle()
    assert house.load(request.id).state is State.MINTED


def test_a_token_that_the_chain_has_already_is_not_signed_for_again(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    token_id = house.chain.token_id("0xContract", request.id, house.chain.id)
    house.chain.tokens[token_id] = (request.owner, b"")
    house.settle()
    ended = house.load(request.id)
    assert (ended.state, ended.token_id, ended.tx_hash) == (State.MINTED, str(token_id), None)
    assert house.signer.signed == []


def test_a_digest_that_is_not_the_frozen_one_is_not_signed_for(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    forged = request.model_copy(update={"metadata_digest": "ab" * 32, "version": request.version + 1})
    house.ledger.write(requests._put(forged, expect=request.version + 1))
    with pytest.raises(Defect, match="frozen"):
        house.run(mint.mint, job_of(request))
    assert house.signer.signed == []


def test_fault_09_a_lost_send_is_sent_by_the_redelivery(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    with pytest.raises(Transient):
        house.run(mint.mint, job_of(request), confirm_queue=DownQueue())
    house.run(mint.mint, job_of(request))
    assert house.waiting("confirm") == [job_of(request).body()]
    assert len(house.signer.signed) == 1


def test_a_request_that_was_cancelled_while_it_was_signed_for_is_not_sent(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    sign = house.signer.sign

    class Slow:
        address = house.signer.address

        def sign(self, purpose: Purpose, digest: bytes) -> object:
            requests.move(house.ledger, request, Event.CANCELLED, house.clock(), cause="changed their mind")
            return sign(purpose, digest)

    with pytest.raises(Conflict):
        house.run(mint.mint, job_of(request), signer=Slow())
    assert kept(house) == []
    assert house.chain.broadcasts == 0
    assert house.load(request.id).state is State.CANCELLED


def test_fault_41_mints_at_once_never_share_a_nonce(house: House) -> None:
    published = [house.bring_to(State.PUBLISHED, n) for n in range(6)]

    def one(n: int) -> None:
        for _ in range(30):
            try:
                house.run(mint.mint, job_of(published[n]))
            except Conflict:
                continue  # as the queue does
            return
        raise AssertionError("thirty conflicts in a row")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(6)))
    assert [recorded.nonce for recorded in kept(house)] == list(range(6))
    house.settle()
    assert {house.load(request.id).state for request in published} == {State.MINTED}
    assert len(house.chain.tokens) == 6


def test_the_minters_own_contract_comes_first_and_mints_wait_for_it(house: House) -> None:
    """A mint that took nonce 0 would take the contract's address with it."""
    request = house.bring_to(State.PUBLISHED)
    house.ports["contract"] = None
    house.deliver("mint")
    parked = house.load(request.id)
    assert (parked.state, parked.reason) == (State.PARKED, "the contract is not deployed yet")
    assert kept(house) == []
    contract = deploy(house.ledger, house.chain, house.signer, Brand(), chain_id=house.chain.id, clock=house.clock)
    house.settle()
    request = house.load(request.id)
    assert request.state is State.MINTED
    assert [one.nonce for one in kept(house)] == [0, 1]
    assert list(house.chain.tokens) == [house.chain.token_id(contract, request.id, house.chain.id)]


def test_a_mint_that_took_the_first_nonce_is_no_deployment(house: House) -> None:
    """It was for somebody else's contract, whose address the stage no longer names: nothing is sent into the void."""
    house.bring_to(State.MINTED, 1)
    request = house.bring_to(State.PUBLISHED, 2)
    house.ports["contract"] = None
    house.deliver("mint")
    assert house.load(request.id).state is State.PARKED
    assert len(kept(house)) == 1


def test_a_request_is_minted_on_the_contract_that_it_was_signed_for_and_never_on_another(house: House) -> None:
    """The stage is given another contract while a mint is under way."""
    request = house.bring_to(State.MINTING)
    first = house.ports["contract"]
    house.ports["contract"] = "0xAnother"
    for _ in range(8):
        house.clock.advance(3_600)
        house.settle()
    request = house.load(request.id)
    assert (request.state, request.contract) == (State.MINTED, first)
    assert list(house.chain.tokens) == [house.chain.token_id(first, request.id, house.chain.id)]
    assert len(kept(house)) == 1
