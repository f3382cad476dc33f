"""Finds a genotype that no rule forbids: forward checking with backtracking, exact, without a dead end.

A genotype is one value for each trait, by position. `Domain` is the bit mask of the values that a trait may still
take; `Box` forbids all of its (trait, mask) pairs at once. Positions alone count here; there are no names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from shared.errors import Defect

Domain = int
Box = tuple[tuple[int, int], ...]
Pick = Callable[[int, Domain], int]
"""(trait, what is left of it) -> the position of the value to try next."""

MAX_STEPS = 200_000


def lowest(_: int, domain: Domain) -> int:
    return (domain & -domain).bit_length() - 1


def narrowed(domains: Sequence[Domain], boxes: Sequence[Box]) -> list[Domain] | None:
    """The domains after everything that follows at once has been struck out; None when nothing is left.

    A box whose every trait but one lies within it forbids its part of that one.
    """
    domains = list(domains)
    if not all(domains):
        return None
    changed = True
    while changed:
        changed = False
        for box in boxes:
            free = [(trait, mask) for trait, mask in box if domains[trait] & ~mask]
            if not free:
                return None
            if len(free) == 1 and domains[free[0][0]] & free[0][1]:
                trait, mask = free[0]
                domains[trait] &= ~mask
                changed = True
    return domains


def genotypes(
    domains: Sequence[Domain], boxes: Sequence[Box], pick: Pick = lowest, *, max_steps: int = MAX_STEPS
) -> Iterator[tuple[int, ...]]:
    """Every legal genotype, those first that `pick` prefers.

    Raises: `Defect` after `max_steps` values were tried, which no collection of a sensible size comes near.
    """
    steps = 0

    def below(trait: int, domains: list[Domain]) -> Iterator[tuple[int, ...]]:
        nonlocal steps
        if trait == len(domains):
            yield tuple(domain.bit_length() - 1 for domain in domains)
            return
        while domains[trait]:
            if (steps := steps + 1) > max_steps:
                raise Defect(f"gave up after trying {max_steps} values: the rules are too tangled to search")
            value = pick(trait, domains[trait])
            chosen = domains.copy()
            chosen[trait] = 1 << value
            if (rest := narrowed(chosen, boxes)) is not None:
                yield from below(trait + 1, rest)
            domains[trait] &= ~(1 << value)

    if (start := narrowed(domains, boxes)) is not None:
        yield from below(0, start)


def find(domains: Sequence[Domain], boxes: Sequence[Box], pick: Pick = lowest) -> tuple[int, ...] | None:
    """The first legal genotype, or None when there is none."""
    return next(genotypes(domains, boxes, pick), None)


def conflict(domains: Sequence[Domain], rules: Sequence[Sequence[Box]]) -> tuple[int, ...]:
    """Which of `rules` exclude each other: leave out any one of them, and the others allow a genotype.

    Irreducible, not smallest: a deletion filter in the order given. Empty when some genotype is legal, or when none
    would be even without rules.
    """
    kept = list(range(len(rules)))

    def legal(which: Sequence[int]) -> bool:
        return find(domains, [box for rule in which for box in rules[rule]]) is not None

    if legal(kept):
        return ()
    for rule in range(len(rules)):
        without = [other for other in kept if other != rule]
        if not legal(without):
            kept = without
    return tuple(kept)
