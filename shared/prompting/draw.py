"""Chooses a plan for a brief: weighted, legal, without dead ends, the same for the same seed."""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import Defect
from shared.messages import Brief, Choice, Plan
from shared.ports.planner import Unplannable
from shared.prompting.boxes import Positions, by_rule, forbids
from shared.prompting.brief import OWN_CHOICE
from shared.prompting.search import Domain, Pick, conflict, find
from shared.prompting.space import Space, TooWide, pick, whole

VERSION = "rules/1"
ONLY_ONE_LEFT = "The only one that goes with the rest."


def draw(brief: Brief) -> Plan:
    """A plan in proportion to the brief's weights among all that its boxes allow.

    Rules that cross each other too much to be weighed exactly are searched instead: still legal, still never a dead
    end, the weights then hold trait by trait.

    Raises: `Unplannable` with the rules that exclude each other.
    """
    seed = brief.seed.encode()
    weights = [[whole(option.weight) for option in trait.options] for trait in brief.traits]
    positions = Positions.of(brief)
    boxes = positions.boxes(brief.forbidden)
    try:
        genotype = Space(weights, boxes).draw(seed)
    except TooWide:
        genotype = find(domains(brief), boxes, _picker(seed, weights))
    if genotype is None:
        raise Unplannable(explain(brief))
    return plan(brief, positions.named(genotype), VERSION)


def plan(brief: Brief, values: Mapping[str, str], planner: str) -> Plan:
    """The plan that wears `values`, each with the reason of its option, in the brief's order.

    Raises: `Defect` if the brief does not allow it: a planner that answers this must be asked again or replaced.
    """
    if why := illegal(brief, values):
        raise Defect(f"{planner} planned what may not be: {why}")
    choices = []
    for trait in brief.traits:
        value = values[trait.trait]
        reason = next(option.reason for option in trait.options if option.value == value)
        if reason == OWN_CHOICE and _forced(brief, values, trait.trait):
            reason = ONLY_ONE_LEFT
        choices.append(Choice(trait=trait.trait, value=value, reason=reason))
    return Plan(choices=tuple(choices), planner=planner)


def illegal(brief: Brief, values: Mapping[str, str]) -> str | None:
    """Why `values` are no plan for `brief`; None when they are one. Names DNA words only if the brief holds them."""
    if len(values) != len(brief.traits):
        return f"got {len(values)} traits, wanted {len(brief.traits)}"
    for trait in brief.traits:
        if trait.trait not in values:
            return f"trait {trait.trait!r} is missing"
        offered = {option.value for option in trait.options if option.weight > 0}
        if values[trait.trait] not in offered:
            return f"trait {trait.trait!r} has a value that is not offered"
    return next((f"rule {box.rule!r} forbids it" for box in brief.forbidden if forbids(box, values)), None)


def explain(brief: Brief) -> tuple[str, ...]:
    """The names of rules that together leave no plan; leave out any one of them, and there is one.

    Empty when a plan exists, or when weights of 0 alone leave none.
    """
    positions, rules = Positions.of(brief), by_rule(brief.forbidden)
    names = tuple(rules)
    guilty = conflict(domains(brief), [positions.boxes(boxes) for boxes in rules.values()])
    return tuple(names[rule] for rule in guilty)


def domains(brief: Brief) -> list[Domain]:
    return [sum(1 << at for at, option in enumerate(t.options) if option.weight > 0) for t in brief.traits]


def _forced(brief: Brief, values: Mapping[str, str], trait: str) -> bool:
    """Whether a rule lets no other value of `trait` stand beside the rest of the plan."""
    touching = [box for box in brief.forbidden if trait in box.values]
    if not touching:
        return False
    options = next(t.options for t in brief.traits if t.trait == trait)
    others = [o.value for o in options if o.weight > 0 and o.value != values[trait]]
    return all(any(forbids(box, {**values, trait: other}) for box in touching) for other in others)


def _picker(seed: bytes, weights: list[list[int]]) -> Pick:
    def chosen(trait: int, domain: Domain) -> int:
        return pick(seed, trait, [w if domain >> at & 1 else 0 for at, w in enumerate(weights[trait])])

    return chosen
