"""Watching a mint: the chain decides, and whatever it loses it gets again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta

import pytest

from functions import confirm, mint
from shared.errors import Defect
from shared.messages import RequestJob
from shared.ports.chain import Receipt, Unavailable, Underpriced
from shared.records import holds, requests
from shared.request import MintRequest, State
from tests.doubles.chain import FakeChain
from tests.unit.functions.house import House, forget, job_of


@dataclass
class Pool(FakeChain):
    """A node whose blocks come when a test says so."""

    mining: bool = True

    def broadcast(self, raw: bytes) -> str:
        if self.mining or self.down:
            return super().broadcast(raw)
        self.broadcasts += 1
        nonce = json.loads(raw)["nonce"]
        if nonce >= len(self.mined):
            self.pool.setdefault(nonce, raw)
        return "0x" + hashlib.sha256(raw).hexdigest()

    def mine(self) -> None:
        """The pool's transactions whose turn it is."""
        while len(self.mined) in self.pool:
            self._mine(self.pool.pop(len(self.mined)))

    def undo(self, blocks: int) -> None:
        """A reorganisation: the last blocks are gone, and nobody puts their transactions back into a pool."""
        for tx_hash in self.mined[-blocks:]:
            self.reverting.discard(tx_hash)
        self.mined = self.mined[:-blocks]
        self.tokens = dict(list(self.tokens.items())[:-blocks])

    def drop(self) -> None:
        self.pool.clear()


@pytest.fixture
def chain(house: House) -> Pool:
    house.ports["chain"] = house.chain = pool = Pool()
    return pool


def look(house: House, request: MintRequest, polls: int = 0) -> MintRequest:
    """One look at its time: an earlier one would be another message's."""
    if (due_at := requests.due_at(house.ledger, request)) is not None:
        house.clock.now = max(house.clock.now, due_at)
    house.run(confirm.confirm, job_of(request, polls=polls))
    return house.load(request.id)


def test_a_mint_that_is_deep_enough_is_minted_with_what_it_cost(house: House) -> None:
    request = look(house, house.bring_to(State.MINTING))
    assert request.state is State.MINTED
    assert request.token_id == str(next(iter(house.chain.tokens)))
    assert request.gas_used == 90_000
    told = house.get(request.id)["token"]
    assert told == {"token_id": request.token_id, "tx_hash": request.tx_hash, "gas_used": 90_000, "final": True}
    assert holds.used_supply(house.ledger, house.slug) == 1


def test_a_mint_is_not_believed_before_it_is_deep_enough(house: House) -> None:
    house.ports["confirmations"] = 3
    request = house.bring_to(State.MINTING)
    for depth in (1, 2):
        house.chain.depth = depth
        assert look(house, request).state is State.MINTING
    house.chain.depth = 3
    assert look(house, request).state is State.MINTED


def test_each_look_waits_longer_than_the_one_before(house: House, chain: Pool) -> None:
    chain.mining = False
    request = house.bring_to(State.MINTING)
    forget(house)
    for polls, delay_s in ((0, 10), (1, 15), (2, 22.5), (60, 900)):
        look(house, request, polls)
        house.clock.advance(delay_s - 0.1)
        assert house.queues["confirm"].receive() == []
        house.clock.advance(0.2)
        (message,) = house.queues["confirm"].receive()
        assert RequestJob.model_validate_json(message.body).polls == polls + 1
        house.queues["confirm"].delete(message.receipt)


def test_fault_12_a_message_that_comes_after_the_end_does_nothing(house: House) -> None:
    request = house.bring_to(State.MINTED)
    before = house.dump()
    house.run(confirm.confirm, job_of(request, polls=7))
    assert house.dump() == before


def test_fault_07_a_message_that_comes_before_its_time_or_for_another_attempt_does_nothing(house: House) -> None:
    minting = house.bring_to(State.MINTING)
    published = house.bring_to(State.PUBLISHED, 2)
    before = house.dump()
    house.run(confirm.confirm, job_of(published))
    house.run(confirm.confirm, job_of(minting, attempt=2))
    assert house.dump() == before


def test_a_node_that_is_down_decides_nothing(house: House) -> None:
    request = house.bring_to(State.MINTING)
    house.chain.down = True
    before = house.dump()
    with pytest.raises(Unavailable):
        look(house, request)
    assert house.dump() == before


def test_fault_32_what_the_node_knows_already_is_sent_again_without_harm(house: House, chain: Pool) -> None:
    chain.mining = False
    request = house.bring_to(State.MINTING)
    for _ in range(3):
        assert look(house, request).state is State.MINTING
    assert chain.broadcasts == 4
    chain.mine()
    assert look(house, request).state is State.MINTED
    assert len(house.signer.signed) == 1
    assert chain.mined == [request.tx_hash]


def test_fault_38_a_transaction_that_was_dropped_from_the_pool_is_sent_again(house: House, chain: Pool) -> None:
    chain.mining = False
    request = house.bring_to(State.MINTING)
    chain.drop()
    look(house, request)
    chain.mine()
    assert look(house, request).state is State.MINTED
    assert len(house.signer.signed) == 1


def test_fault_37_a_reorganisation_of_one_block_before_it_was_believed(house: House, chain: Pool) -> None:
    house.ports["confirmations"] = 2
    request = house.bring_to(State.MINTING)
    assert look(house, request).state is State.MINTING
    chain.undo(1)
    assert chain.tokens == {}
    assert look(house, request).state is State.MINTING
    chain.depth = 2
    assert look(house, request).state is State.MINTED
    assert (len(house.signer.signed), len(chain.tokens)) == (1, 1)
    assert house.events(request.id).count("minted") == 1


def test_fault_37_a_reorganisation_of_six_blocks_takes_minted_ones_back_and_each_is_mined_once(
    house: House, chain: Pool
) -> None:
    minted = [house.bring_to(State.MINTED, n) for n in range(6)]
    chain.undo(6)
    chain.mining = False
    assert house.net() == 6
    assert {house.load(request.id).state for request in minted} == {State.MINTING}
    assert house.get(minted[0].id)["token"]["final"] is False
    chain.mining = True
    chain.mine()
    house.settle()
    assert {house.load(request.id).state for request in minted} == {State.MINTED}
    assert chain.mined == [request.tx_hash for request in minted]
    assert (len(house.signer.signed), len(chain.tokens)) == (6, 6)
    assert house.events(minted[0].id)[-3:] == ["minted", "reorged", "minted"]


def test_a_block_that_is_mined_again_at_once_changes_no_story(house: House, chain: Pool) -> None:
    request = house.bring_to(State.MINTED)
    chain.forget()
    before = house.dump()
    assert house.net() == 1
    assert house.dump() == before
    assert chain.mined == [request.tx_hash]
    assert len(chain.tokens) == 1


def test_fault_47_a_node_that_is_behind_takes_nothing_back(house: House) -> None:
    house.bring_to(State.MINTED)
    before = house.dump()
    house.chain.stale_nonce = 0
    assert house.net() == 1
    assert house.dump() == before
    assert len(house.chain.mined) == 1


def test_fault_35_a_nonce_that_was_used_from_outside_is_signed_anew_and_mints_once(house: House, chain: Pool) -> None:
    chain.mining = False
    request = house.bring_to(State.MINTING)
    chain.drop()
    chain.used_from_outside()
    chain.mining = True
    for polls in range(3):
        assert look(house, request, polls).tx_hash == request.tx_hash
    assert len(house.signer.signed) == 1
    anew = look(house, request, 3)
    assert anew.tx_hash != request.tx_hash
    house.settle()
    assert house.load(request.id).state is State.MINTED
    assert chain.mined == ["0xelsewhere", anew.tx_hash]
    assert len(chain.tokens) == 1
    assert house.events(request.id).count("mint_sent") == 2


def test_fault_35_were_the_first_to_come_back_the_chain_has_one_token_and_we_believe_it(
    house: House, chain: Pool
) -> None:
    chain.mining = False
    request = house.bring_to(State.MINTING)
    first = chain.pool.pop(0)
    chain.used_from_outside()
    chain.mining = True
    anew = look(house, request, 3)
    chain.undo(2)
    chain.mining = False
    chain.pool[0] = first
    chain.mine()
    chain.mining = True
    house.settle()
    assert house.load(request.id).state is State.MINTED
    assert chain.mined == [request.tx_hash, anew.tx_hash]
    assert chain.reverting == {anew.tx_hash}
    assert len(chain.tokens) == 1
    assert holds.used_supply(house.ledger, house.slug) == 1


def test_fault_35_a_token_by_an_earlier_transaction_of_the_request_is_believed(house: House, chain: Pool) -> None:
    """The first comes back, and the nonce of the second is used from outside: nothing of ours is left to wait for."""
    chain.mining = False
    request = house.bring_to(State.MINTING)
    first = chain.pool.pop(0)
    chain.used_from_outside()
    look(house, request, 3)
    chain.drop()
    chain.mined.clear()
    chain.pool[0] = first
    chain.mine()
    chain.used_from_outside()
    house.settle()
    ended = house.load(request.id)
    assert (ended.state, ended.tx_hash) == (State.MINTED, None)
    assert len(chain.tokens) == 1


@dataclass
class TakenNonce(Pool):
    """Another transaction, which pays more, waits at our nonce."""

    waits: bool = True

    def broadcast(self, raw: bytes) -> str:
        if self.waits:
            raise Underpriced("node: replacement transaction underpriced")
        return super().broadcast(raw)


def test_fault_33_an_underpriced_replacement_waits_until_it_is_known_who_has_the_nonce(house: House) -> None:
    house.ports["chain"] = house.chain = chain = TakenNonce()
    request = house.bring_to(State.MINTING)
    with pytest.raises(Underpriced):
        look(house, request, 3)
    assert house.load(request.id) == request
    chain.waits = False
    chain.used_from_outside()
    house.settle()
    assert house.load(request.id).state is State.MINTED
    assert len(house.signer.signed) == 2
    assert len(chain.tokens) == 1


def test_a_mint_that_was_mined_and_reverted_ends_and_gives_back_what_it_held(house: House, chain: Pool) -> None:
    chain.mining = False
    request = house.bring_to(State.MINTING)
    assert request.tx_hash is not None
    chain.reverting.add(request.tx_hash)
    chain.mine()
    chain.refusal = "NotMinter"
    with pytest.raises(Defect):
        look(house, request)
    assert house.load(request.id) == request
    chain.refusal = "TransferToZeroAddress"
    ended = look(house, request)
    assert ended.state is State.FAILED
    assert ended.reason == (
        "the contract refuses the mint: it was mined and reverted, and simulated anew: TransferToZeroAddress"
    )
    assert holds.used_supply(house.ledger, house.slug) == 0
    before = house.dump()
    house.run(mint.mint, job_of(request))
    assert house.net() == 0
    assert house.dump() == before


def test_a_mint_that_reverted_and_would_not_revert_now_is_signed_anew(house: House, chain: Pool) -> None:
    """Its gas was told by a node that had no contract yet."""
    chain.mining = False
    request = house.bring_to(State.MINTING)
    assert request.tx_hash is not None
    chain.reverting.add(request.tx_hash)
    chain.mine()
    chain.code = False
    with pytest.raises(Unavailable):
        look(house, request)
    assert house.load(request.id) == request
    chain.code, chain.mining = True, True
    chain.fee_wei = house.ports["max_fee_wei"] + 1
    assert look(house, request).tx_hash == request.tx_hash
    assert len(house.signer.signed) == 1
    assert len(house.waiting("confirm")) == 2  # that of `mint`, and the next look
    chain.fee_wei = house.ports["max_fee_wei"]
    anew = look(house, request)
    assert anew.tx_hash != request.tx_hash
    house.settle()
    assert house.load(request.id).state is State.MINTED
    assert (chain.mined, len(chain.tokens)) == ([request.tx_hash, anew.tx_hash], 1)
    assert "signed anew: it was mined and reverted" in [
        line.cause for line in requests.history(house.ledger, request.id)
    ]


def test_a_mint_that_reverts_whatever_its_simulation_says_is_signed_a_few_times_only(house: House, chain: Pool) -> None:
    chain.mining = False
    request = house.bring_to(State.MINTING)
    for _ in range(10):
        now = house.load(request.id)
        if now.state is not State.MINTING:
            break
        assert now.tx_hash is not None
        chain.reverting.add(now.tx_hash)
        chain.mine()
        look(house, request)
    assert house.load(request.id).state is State.FAILED
    assert len(house.signer.signed) == 5
    assert holds.used_supply(house.ledger, house.slug) == 0


def test_a_mint_that_was_mined_before_its_contract_was_there_is_signed_anew(house: House, chain: Pool) -> None:
    chain.mining = False
    request = house.bring_to(State.MINTING)
    chain.code = False
    chain.mine()
    chain.code, chain.mining = True, True
    assert chain.tokens == {}
    for polls in range(3):  # a node may be behind the one that told of the receipt
        assert look(house, request, polls).tx_hash == request.tx_hash
    assert look(house, request, 3).tx_hash != request.tx_hash
    house.settle()
    assert house.load(request.id).state is State.MINTED
    assert len(chain.tokens) == 1


def test_fault_06_messages_that_come_again_do_not_multiply_the_looks(house: House, chain: Pool) -> None:
    """A batch that is slower than its visibility is delivered to a second worker, again and again."""
    chain.mining = False
    minting = [house.bring_to(State.MINTING, n) for n in range(5)]
    broadcasts, looks = chain.broadcasts, 0
    for _ in range(120):
        looks += house.deliver("confirm", times=3)
        for request in minting:
            house.run(confirm.confirm, job_of(request, polls=2))
        house.clock.advance(30)
        assert len(house.waiting("confirm")) <= 5
    # An hour of looks that wait longer each time: a handful for each request, and one broadcast for each look.
    assert chain.broadcasts - broadcasts <= 5 * 20 * 2
    chain.mining = True
    chain.mine()
    house.settle()
    assert {house.load(request.id).state for request in minting} == {State.MINTED}


def test_fault_38_a_look_sends_its_own_bytes_again_and_the_net_all_in_order(house: House, chain: Pool) -> None:
    chain.mining = False
    minting = [house.bring_to(State.MINTING, n) for n in range(4)]
    chain.drop()
    look(house, minting[2])
    assert list(chain.pool) == [2]
    house.net()
    assert sorted(chain.pool) == [0, 1, 2, 3]


def test_a_chain_that_lost_everything_gets_it_back_in_nonce_order(house: House, chain: Pool) -> None:
    minted = [house.bring_to(State.MINTED, n) for n in range(3)]
    tokens = dict(chain.tokens)
    chain.forget()
    house.net()
    assert chain.mined == [request.tx_hash for request in minted]
    assert chain.tokens == tokens


def test_a_token_of_unknown_bytes_that_the_chain_lost_is_signed_for(house: House, chain: Pool) -> None:
    request = house.bring_to(State.PUBLISHED)
    token_id = chain.token_id("0xContract", request.id, chain.id)
    chain.tokens[token_id] = (request.owner, b"")
    house.deliver("mint")
    assert house.load(request.id).tx_hash is None
    chain.forget()
    house.settle()
    ended = house.load(request.id)
    assert ended.state is State.MINTED
    assert chain.mined == [ended.tx_hash]


def test_while_a_look_is_on_its_way_no_sweep_sends_another(house: House, chain: Pool) -> None:
    """Each message of this stop sends the next one, so that a second one would go on beside the first for ever."""
    chain.mining = False
    house.bring_to(State.MINTING)
    for _ in range(120):
        house.deliver("confirm")
        house.clock.advance(30)
        house.sweep()
    assert len(house.waiting("confirm")) == 1
    house.chain.mined.clear()
    chain.mine()
    house.settle()
    assert len(chain.tokens) == 1


def test_a_look_that_was_lost_is_sent_by_the_sweep(house: House, chain: Pool) -> None:
    chain.mining = False
    request = house.bring_to(State.MINTING)
    look(house, request)
    forget(house)
    assert house.waiting("confirm") == []
    house.clock.advance(301)
    assert house.sweep() == 1
    assert house.waiting("confirm") == [job_of(request).body()]


def test_a_receipt_is_dated_by_the_chain_and_not_by_ours(house: House) -> None:
    class Future(FakeChain):
        def receipt(self, tx_hash: str) -> Receipt | None:
            return None

    house.ports["chain"] = house.chain = Future()
    request = house.bring_to(State.MINTING)
    house.clock.now += timedelta(days=30)
    assert look(house, request).state is State.MINTING
