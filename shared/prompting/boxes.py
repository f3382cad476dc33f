"""The rules of a DNA as forbidden boxes: sets of values, one for each trait it names, that may not come together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shared.collection.dna import Dna
from shared.collection.rules import Targets
from shared.messages import Brief, Forbidden
from shared.prompting.search import Box


def standing(collection: Dna) -> Iterator[Forbidden]:
    """What `requires` and `excludes` forbid, whoever the collector is. An AND on the right gives several boxes."""
    for trait, value, said in collection.each_value():
        for other, wanted in said.requires.items():
            rest = frozenset(collection.traits[other].values) - frozenset(wanted)
            if rest:
                rule = f"{trait} {value} requires {other} {' or '.join(wanted)}"
                yield Forbidden(rule=rule, values={trait: frozenset({value}), other: rest})
        for other, unwanted in said.excludes.items():
            rule = f"{trait} {value} excludes {other} {', '.join(unwanted)}"
            yield Forbidden(rule=rule, values={trait: frozenset({value}), other: frozenset(unwanted)})


def only(collection: Dna, rule: str, targets: Targets) -> Iterator[Forbidden]:
    """What a rule that fired with `must` forbids: every other value of each trait that it names."""
    for trait, wanted in targets.items():
        if rest := frozenset(collection.traits[trait].values) - frozenset(wanted):
            yield Forbidden(rule=rule, values={trait: rest})


class Positions:
    """Names to positions and back: whatever is drawn or searched knows positions alone."""

    def __init__(self, traits: Mapping[str, Sequence[str]]) -> None:
        self.traits = tuple(traits)
        self.values = tuple(tuple(values) for values in traits.values())
        self._trait = {trait: at for at, trait in enumerate(self.traits)}
        self._value = [{value: at for at, value in enumerate(values)} for values in self.values]

    @classmethod
    def of(cls, brief: Brief) -> Positions:
        return cls({trait.trait: [option.value for option in trait.options] for trait in brief.traits})

    def box(self, forbidden: Forbidden) -> Box:
        """The box by positions, ascending, so that no set's order is ever seen."""
        parts = {self._trait[trait]: self.mask(trait, values) for trait, values in forbidden.values.items()}
        return tuple(sorted(parts.items()))

    def mask(self, trait: str, values: frozenset[str]) -> int:
        slots = self._value[self._trait[trait]]
        return sum(1 << slots[value] for value in values if value in slots)

    def boxes(self, forbidden: Sequence[Forbidden]) -> list[Box]:
        return [self.box(one) for one in forbidden]

    def named(self, genotype: Sequence[int]) -> dict[str, str]:
        return {trait: self.values[at][genotype[at]] for at, trait in enumerate(self.traits)}


def by_rule(forbidden: Sequence[Forbidden]) -> dict[str, list[Forbidden]]:
    """The boxes of each rule, in the order in which rules first appear."""
    rules: dict[str, list[Forbidden]] = {}
    for one in forbidden:
        rules.setdefault(one.rule, []).append(one)
    return rules


def forbids(forbidden: Forbidden, values: Mapping[str, str]) -> bool:
    """Whether a plan lies in the box."""
    return all(values.get(trait) in inside for trait, inside in forbidden.values.items())
