"""Stop 2: the collector's data -> features -> a plan with a reason for every trait -> the prompt.

Holds the genotype, one of the supply and the quotas in the transaction that makes the request `planned`: whoever loses
the race for one of them plans again without it.
"""

from __future__ import annotations

from shared.clock import Clock
from shared.collection import store
from shared.collection.schema import Collection
from shared.errors import Conflict
from shared.messages import Forbidden, Plan, RequestJob
from shared.ports.blobs import Blobs
from shared.ports.keys import Keys
from shared.ports.ledger import Ledger
from shared.ports.planner import Planner, Unplannable
from shared.ports.queue import Queue
from shared.profile.sources import Profile, parse_profile
from shared.prompting.brief import brief, evidence
from shared.prompting.prompt import prompt
from shared.records import collectors, holds, requests
from shared.request import Event, MintRequest, State
from shared.runtime import queue_handler
from shared.settings import PlanSettings

_BLIND_DRAWS = 4
"""Draws that only learn of a clash from the ledger; after that all taken genotypes are read and avoided."""
_DRAWS = 12


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
    collection = store.load(blobs, request.collection_digest).collection
    profile = parse_profile(collectors.open_data(ledger, keys, request.collector, request.id))
    quotas = {(trait, name): value.quota for trait, name, value in collection.each_value() if value.quota}
    taken: set[tuple[str, ...]] = set()
    closed: set[holds.Worn] = set()
    for draw in range(_DRAWS):
        if draw == _BLIND_DRAWS:
            taken |= set(holds.taken(ledger, request.collection))
        drawn = brief(collection, profile, f"{request.id}/{request.attempt}/{draw}", closed=closed)
        drawn = drawn.model_copy(update={"forbidden": (*drawn.forbidden, *_boxes(collection, taken))})
        try:
            chosen = planner.plan(drawn)
        except Unplannable as error:
            if closed and collection.when_full == "wait":
                return requests.move(ledger, request, Event.PARKED, clock(), cause=str(error))
            raise
        held = holds.Held.of(
            request.collection,
            chosen,
            prompt(collection, chosen.values),
            supply=collection.supply,
            quotas=quotas,
            public_reasons=_public_reasons(collection, profile, chosen),
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


def _boxes(collection: Collection, taken: set[tuple[str, ...]]) -> list[Forbidden]:
    """Taken genotypes as boxes that the planner may not enter; those of another set of traits cannot clash."""
    traits = tuple(collection.traits)
    return [
        Forbidden(rule="already taken", values={t: frozenset({v}) for t, v in zip(traits, genotype, strict=True)})
        for genotype in sorted(taken)
        if len(genotype) == len(traits)
    ]


def _public_reasons(collection: Collection, profile: Profile, chosen: Plan) -> dict[str, str]:
    """The reasons that rest on nothing but what this collector agreed to have told."""
    rests_on = evidence(collection, profile, chosen.values)
    return {
        choice.trait: choice.reason
        for choice in chosen.choices
        if rests_on[choice.trait] and all(profile.consent.get(field) == "public" for field in rests_on[choice.trait])
    }


handler = queue_handler(plan, PlanSettings)
