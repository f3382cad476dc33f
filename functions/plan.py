"""Stop 2: the collector's data -> features -> a plan with a reason for every trait -> the prompt.

Holds the genotype, one of the supply and the quotas in the transaction that makes the request `planned`: whoever loses
the race for one of them plans again without it.
"""

from __future__ import annotations

from shared.clock import Clock
from shared.collection import published
from shared.errors import Conflict
from shared.messages import Brief, Forbidden, Plan, RequestJob
from shared.ports.blobs import Blobs
from shared.ports.keys import Keys
from shared.ports.ledger import Ledger
from shared.ports.planner import Planner, Unplannable
from shared.ports.queue import Queue
from shared.profile.sources import Profile, parse_profile
from shared.prompting.brief import Leanings
from shared.prompting.prompt import prompt
from shared.records import collectors, holds, requests
from shared.request import Event, MintRequest, State
from shared.runtime import queue_handler
from shared.settings import PlanSettings

_BLIND_DRAWS = 16
"""Draws that only learn of a clash from the ledger, each without those before it; after that all taken genotypes are
read and avoided, which takes the longer the more there are."""
_DRAWS = 24


def plan(
    job: RequestJob,
    *,
    ledger: Ledger,
    blobs: Blobs,
    keys: Keys,
    planner: Planner,
    render_queue: Queue,
    clock: Clock,
) -> None:
    """Plan the request once, and wake `render`; again and again if asked, with the same plan.

    A request without a legal plan, without data or without supply left ends `rejected`, with the reason.
    Raises: `Conflict` when another worker moved the request, or took one genotype after the other.
    """
    request = requests.load(ledger, job.request_id)
    if request.state is State.RECEIVED and request.attempt == job.attempt:
        with requests.ended_by_rejection(ledger, request, clock):
            request = _hold_a_plan(request, ledger, blobs, keys, planner, clock)
    if request.state is State.PLANNED:
        render_queue.send(RequestJob(request_id=request.id, attempt=request.attempt).body())


def _hold_a_plan(
    request: MintRequest, ledger: Ledger, blobs: Blobs, keys: Keys, planner: Planner, clock: Clock
) -> MintRequest:
    collection = published.load_dna(blobs, request.collection_digest)
    profile = parse_profile(collectors.open_data(ledger, keys, request.collector, request.id))
    quotas = {(trait, name): value.quota for trait, name, value in collection.each_value() if value.quota}
    leanings = Leanings(collection, profile)
    taken: set[tuple[str, ...]] = set()
    closed = set(holds.used_up(ledger, request.collection, quotas))
    for draw in range(_DRAWS):
        if draw == _BLIND_DRAWS:
            taken |= set(holds.taken(ledger, request.collection))
        drawn = leanings.brief(f"{request.id}/{request.attempt}/{draw}", closed=closed)
        drawn = drawn.model_copy(update={"forbidden": (*drawn.forbidden, *_boxes(drawn, taken))})
        try:
            chosen = planner.plan(drawn)
        except Unplannable as error:
            if closed and collection.when_full == "wait":
                return requests.move(ledger, request, Event.PARKED, clock(), cause=str(error))
            raise
        genotype = tuple(chosen.values.values())
        if holds.is_taken(ledger, request.collection, genotype):
            taken.add(genotype)
            continue
        held = holds.Held.of(
            request.collection,
            chosen,
            prompt(collection, chosen.values),
            supply=collection.supply,
            quotas=quotas,
            public_reasons=_public_reasons(leanings, profile, chosen),
        )
        try:
            also = held.holding(request.id)
            return requests.move(ledger, request, Event.PLANNED, clock(), cause=f"by {chosen.planner}", also=also)
        except Conflict as conflict:
            clash = held.clash(conflict.index - requests.ALSO)
            if clash is None:
                raise  # the request itself was moved by another worker
            if clash == "genotype":
                taken.add(held.genotype)
            elif clash.worn is None:
                raise holds.sold_out(request.collection, collection.supply) from conflict
            else:
                closed.add(clash.worn)
    raise Conflict(f"{_DRAWS} plans in a row went to other requests: try again")


def _boxes(drawn: Brief, taken: set[tuple[str, ...]]) -> list[Forbidden]:
    """Taken genotypes as boxes that the planner may not enter: those of them that this brief lets come out at all."""
    shut = {
        (t, v) for box in drawn.forbidden if len(box.values) == 1 for t, values in box.values.items() for v in values
    }
    offered = [
        {option.value for option in trait.options if option.weight > 0 and (trait.trait, option.value) not in shut}
        for trait in drawn.traits
    ]
    traits = [trait.trait for trait in drawn.traits]
    return [
        Forbidden(rule="already taken", values={t: frozenset({v}) for t, v in zip(traits, genotype, strict=True)})
        for genotype in sorted(taken)
        if len(genotype) == len(traits) and all(v in values for v, values in zip(genotype, offered, strict=True))
    ]


def _public_reasons(leanings: Leanings, profile: Profile, chosen: Plan) -> dict[str, str]:
    """The reasons that rest on nothing but what this collector agreed to have told."""
    rests_on = leanings.evidence(chosen.values)
    return {
        choice.trait: choice.reason
        for choice in chosen.choices
        if rests_on[choice.trait] and all(profile.consent.get(field) == "public" for field in rests_on[choice.trait])
    }


handler = queue_handler(plan, PlanSettings)
