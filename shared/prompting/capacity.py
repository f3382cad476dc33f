"""What a DNA can give: how many different prints, values that never come, rules that leave nothing.

`monoprint check` tells the artist before a collector finds out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from shared.collection.dna import Dna
from shared.collection.problems import Flaw, Loc
from shared.collection.rules import Rule, Targets
from shared.errors import Defect
from shared.prompting.boxes import Positions, by_rule, only, standing
from shared.prompting.search import Box, Domain, conflict, find, genotypes
from shared.prompting.space import Space, TooWide

ENUMERATED = 10_000
"""So many genotypes are found one by one where they cannot be counted; the count is then 'at least'."""

MAX_PAIRS = 20_000


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many genotypes the standing rules allow. Not `exact`: at least so many."""

    genotypes: int
    exact: bool
    dead: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{'' if self.exact else 'at least '}{self.genotypes:,}"


class _Plain:
    """A DNA by positions, with every value open and only its standing rules."""

    def __init__(self, collection: Dna) -> None:
        self.collection = collection
        self.positions = Positions({name: list(trait.values) for name, trait in collection.traits.items()})
        self.domains: list[Domain] = [(1 << len(values)) - 1 for values in self.positions.values]
        self.rules = by_rule(list(standing(collection)))
        self.boxes: list[Box] = [box for boxes in self.rules.values() for box in self.positions.boxes(boxes)]

    def guilty(self, domains: list[Domain], more: dict[str, list[Box]] | None = None) -> tuple[str, ...]:
        """The rules that leave nothing of `domains`, `more` among them; empty when something is left."""
        rules = {**{name: self.positions.boxes(boxes) for name, boxes in self.rules.items()}, **(more or {})}
        names = tuple(rules)
        return tuple(names[at] for at in conflict(domains, list(rules.values())))

    def wearing(self, trait: int, value: int) -> list[Domain]:
        domains = self.domains.copy()
        domains[trait] = 1 << value
        return domains


def capacity(collection: Dna) -> Capacity:
    """Counted exactly where the rules allow it, else found one by one up to a limit and said to be so."""
    plain = _Plain(collection)
    try:
        space = Space([[1] * len(values) for values in plain.positions.values], plain.boxes)
    except TooWide:
        found = 0
        try:
            for _ in genotypes(plain.domains, plain.boxes):
                if (found := found + 1) == ENUMERATED:
                    return Capacity(found, exact=False)
        except Defect:
            return Capacity(found, exact=False)
        return Capacity(found, exact=True)
    dead = tuple(
        (plain.positions.traits[trait], plain.positions.values[trait][value])
        for trait, shares in enumerate(space.shares())
        for value, share in enumerate(shares)
        if not share
    )
    return Capacity(space.total, exact=True, dead=dead)


def contradictions(collection: Dna) -> Iterator[Flaw]:
    """Rules that leave no plan, alone or two by two; values that no plan wears; a supply that cannot be filled.

    More than two `must` rules at once are not tried: should they ever leave nothing, the request that meets them is
    refused with their names.
    """
    plain = _Plain(collection)
    if guilty := plain.guilty(plain.domains):
        yield Flaw(("traits",), f"no legal plan: {'; '.join(guilty)}", "rules that leave one")
        return
    held = capacity(collection)
    for trait, names in enumerate(plain.positions.values):
        for value, name in enumerate(names):
            domains = plain.wearing(trait, value)
            if find(domains, plain.boxes) is None:
                where: Loc = ("traits", plain.positions.traits[trait], "values", name)
                why = "; ".join(plain.guilty(domains))
                yield Flaw(where, f"a value that can never be chosen: {why}", "rules that let it be chosen")
    if held.exact and held.genotypes < collection.supply:
        yield Flaw(("supply",), str(collection.supply), f"at most {held.genotypes}: so many different prints there are")
    for name, values in collection.traits.items():
        quotas = [value.quota for value in values.values.values()]
        known = [quota for quota in quotas if quota is not None]
        if len(known) == len(quotas) and sum(known) < collection.supply:
            loc: Loc = ("traits", name, "values")
            yield Flaw(loc, f"quotas of {sum(known)} together", f"at least the supply, {collection.supply}")
    yield from _musts(plain)


def _musts(plain: _Plain) -> Iterator[Flaw]:
    collection = plain.collection
    firing = list(_firing(collection))
    bad: set[int] = set()
    for at, (number, rule, case, targets) in enumerate(firing):
        boxes = plain.positions.boxes(list(only(collection, rule.name, targets)))
        if guilty := plain.guilty(plain.domains, {rule.name: boxes}):
            bad.add(at)
            yield Flaw(_place(number, case), f"no legal plan when it holds: {'; '.join(guilty)}", "one to be left")
    pairs = (pair for pair in combinations(range(len(firing)), 2) if not bad & set(pair))
    for tried, (first, second) in enumerate(pairs):
        if tried >= MAX_PAIRS:
            return
        number, rule, case, targets = firing[second]
        _, other, other_case, other_targets = firing[first]
        if rule is other or _exclusive(rule, case, other, other_case):
            continue
        more = {
            one.name: plain.positions.boxes(list(only(collection, one.name, aims)))
            for one, aims in ((other, other_targets), (rule, targets))
        }
        if find(plain.domains, [*plain.boxes, *(box for boxes in more.values() for box in boxes)]) is None:
            why = "; ".join(plain.guilty(plain.domains, more))
            yield Flaw(_place(number, case), f"no legal plan when {other.name!r} holds too: {why}", "one to be left")


def _place(number: int, case: str | None) -> Loc:
    return ("rules", number) if case is None else ("rules", number, "cases", case)


def _firing(collection: Dna) -> Iterator[tuple[int, Rule, str | None, Targets]]:
    """Each way in which a `must` may hold."""
    for number, rule in enumerate(collection.rules):
        if rule.strength == "must":
            if rule.then:
                yield number, rule, None, rule.then
            for case, targets in rule.cases.items():
                yield number, rule, case, targets


def _exclusive(one: Rule, case: str | None, other: Rule, other_case: str | None) -> bool:
    """Whether the two can never hold for the same collector."""
    if one.when.rank and other.when.rank and one.when.rank.of == other.when.rank.of:
        same_rank = one.when.rank.nth == other.when.rank.nth and set(one.cases) == set(other.cases)
        apart = one.when.rank.nth != other.when.rank.nth and set(one.cases) == set(other.cases)
        return (case == other_case and apart) or (case != other_case and same_rank)
    if one.when.feature is not None and one.when.feature == other.when.feature:
        a, b = one.when.bounds, other.when.bounds
        return a is not None and b is not None and (a[1] < b[0] or b[1] < a[0])
    return False
