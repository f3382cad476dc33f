"""What a request holds is held by nobody else, and comes back when the request ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.errors import Conflict, Mismatch
from shared.messages import Choice, Plan, Prompt
from shared.ports.ledger import Ledger
from shared.ports.ledger.sqlite import SqliteLedger
from shared.records import holds, requests
from shared.records.holds import Held
from shared.request import Event, MintRequest, Quote, State

T0 = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger.open(f"sqlite://?memory=holds-{request.node.name}", clock=lambda: T0)
    yield ledger
    ledger.close()


def filed(ledger: Ledger, n: int) -> MintRequest:
    request = MintRequest(
        id=f"{n:064x}",
        collection="c",
        collection_digest="cd" * 32,
        account="a",
        collector="x",
        owner="0x" + "1" * 40,
        quote=Quote(price_wei=0, reroll_fee_wei=0, cost_microusd=1),
        created_at=T0,
        changed_at=T0,
    )
    ledger.write(*requests.filing(request, "tag"))
    return request


def wanting(*values: str, supply: int = 10, quota: int | None = None) -> Held:
    choices = tuple(Choice(trait=f"t{i}", value=value, reason="r") for i, value in enumerate(values))
    return Held.of(
        "c",
        Plan(choices=choices, planner="test"),
        Prompt(positive="p", negative="n"),
        supply=supply,
        quotas={("t0", values[0]): quota} if quota else {},
        public_reasons={},
    )


def plan(ledger: Ledger, request: MintRequest, held: Held) -> MintRequest:
    return requests.move(ledger, request, Event.PLANNED, T0, cause="x", also=held.holding(request.id))


def test_fault_42_the_supply_is_never_oversold_and_says_so(ledger: SqliteLedger) -> None:
    plan(ledger, filed(ledger, 1), wanting("a", "b", supply=1))
    held = wanting("a", "c", supply=1)
    with pytest.raises(Conflict) as refused:
        plan(ledger, filed(ledger, 2), held)
    clash = held.clash(refused.value.index - requests.ALSO)
    assert isinstance(clash, holds.Counter)
    assert clash.worn is None
    assert requests.load(ledger, f"{2:064x}").state is State.RECEIVED
    assert holds.used_supply(ledger, "c") == 1


def test_a_genotype_has_one_holder(ledger: SqliteLedger) -> None:
    plan(ledger, filed(ledger, 1), wanting("a", "b"))
    held = wanting("a", "b")
    with pytest.raises(Conflict) as refused:
        plan(ledger, filed(ledger, 2), held)
    assert held.clash(refused.value.index - requests.ALSO) == "genotype"
    assert list(holds.taken(ledger, "c")) == [("a", "b")]
    assert holds.used_supply(ledger, "c") == 1


def test_a_quota_closes_its_value_alone(ledger: SqliteLedger) -> None:
    plan(ledger, filed(ledger, 1), wanting("a", "b", quota=1))
    held = wanting("a", "c", quota=1)
    with pytest.raises(Conflict) as refused:
        plan(ledger, filed(ledger, 2), held)
    clash = held.clash(refused.value.index - requests.ALSO)
    assert isinstance(clash, holds.Counter)
    assert clash.worn == ("t0", "a")
    plan(ledger, requests.load(ledger, f"{2:064x}"), wanting("z", "c", quota=1))


@pytest.mark.parametrize("event", [Event.REJECTED, Event.FAILED, Event.CANCELLED])
def test_any_other_end_gives_everything_back(ledger: SqliteLedger, event: Event) -> None:
    planned = plan(ledger, filed(ledger, 1), wanting("a", "b", supply=1, quota=1))
    requests.move(ledger, planned, event, T0, cause="over")
    assert holds.used_supply(ledger, "c") == 0
    assert list(holds.taken(ledger, "c")) == []
    plan(ledger, filed(ledger, 2), wanting("a", "b", supply=1, quota=1))


def test_what_the_chain_can_still_mint_stays_held(ledger: SqliteLedger) -> None:
    request = plan(ledger, filed(ledger, 1), wanting("a", "b"))
    for event in (Event.RENDER_STARTED, Event.RENDERED, Event.APPROVED, Event.PUBLISHED):
        request = requests.move(ledger, request, event, T0, cause="on")
    request = requests.move(ledger, request, Event.MINT_SENT, T0, cause="signed", tx_hash="0xabc")
    requests.move(ledger, request, Event.FAILED, T0, cause="lost sight of it")
    assert holds.used_supply(ledger, "c") == 1
    assert list(holds.taken(ledger, "c")) == [("a", "b")]


def test_what_is_taken_and_used_up_is_known_beforehand_until_it_is_given_back(ledger: SqliteLedger) -> None:
    quotas = {("t0", "a"): 2, ("t0", "b"): 1, ("t1", "x"): 1}
    first = plan(ledger, filed(ledger, 1), wanting("a", "x", quota=2))
    assert list(holds.used_up(ledger, "c", quotas)) == []
    plan(ledger, filed(ledger, 2), wanting("a", "y", quota=2))
    assert list(holds.used_up(ledger, "c", quotas)) == [("t0", "a")]
    assert list(holds.used_up(ledger, "c", {})) == list(holds.used_up(ledger, "d", quotas)) == []
    assert holds.is_taken(ledger, "c", ("a", "x"))
    assert not holds.is_taken(ledger, "c", ("x", "a"))
    requests.move(ledger, first, Event.CANCELLED, T0, cause="changed their mind")
    assert list(holds.used_up(ledger, "c", quotas)) == []
    assert not holds.is_taken(ledger, "c", ("a", "x"))


def test_genotypes_of_values_that_run_together_are_two(ledger: SqliteLedger) -> None:
    plan(ledger, filed(ledger, 1), wanting('a","b', "c"))
    plan(ledger, filed(ledger, 2), wanting("a", 'b","c'))
    assert holds.used_supply(ledger, "c") == 2


def test_fault_07_an_overtaken_writer_changes_nothing(ledger: SqliteLedger) -> None:
    first = filed(ledger, 1)
    plan(ledger, first, wanting("a", "b"))
    with pytest.raises(Conflict):
        plan(ledger, first, wanting("c", "d"))
    assert list(holds.taken(ledger, "c")) == [("a", "b")]
    with pytest.raises(Mismatch):
        plan(ledger, requests.load(ledger, first.id), wanting("c", "d"))
