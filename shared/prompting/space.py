"""The space of all legal genotypes as a decision diagram: counts them, weighs them, draws one in proportion.

Levels are traits; a state is the bit mask of the boxes that have started and still match. One backward pass in exact
integers gives each state the mass of all that lies below it, so a draw goes down once and never meets a dead end.

**Stability.** Every trait and every value keeps a permanent slot, its position. The random numbers of a trait come
from (seed, its position), one for each height of a binary tree over its values: changing a weight moves only the
borders in that tree, and adding a value at the end moves no other value's place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from shared.prompting.search import Box

MAX_STATES = 20_000
UNIT = 1 << 20
"""Weights are whole numbers of 2^-20: what is positive stays positive, and no rounding ever adds up."""

_BITS = 64


class TooWide(Exception):
    """The diagram would grow past `MAX_STATES`: the rules cross each other too much to be counted exactly."""


def whole(weight: float) -> int:
    return max(1, round(weight * UNIT)) if weight > 0 else 0


def uniforms(seed: bytes, trait: int, count: int) -> list[int]:
    """The random numbers of one trait: SHAKE-128 of (seed, position), `count` times 64 bits."""
    stream = hashlib.shake_128(len(seed).to_bytes(4, "big") + seed + trait.to_bytes(4, "big")).digest(8 * count)
    return [int.from_bytes(stream[8 * i : 8 * i + 8], "big") for i in range(count)]


def pick(seed: bytes, trait: int, masses: Sequence[int]) -> int:
    """A position in proportion to `masses`, of which one at least is positive. Mass 0 is never picked.

    Halves the slots from the whole tree down; the random number of a node depends on its height alone, so a tree that
    grows by a level keeps all numbers that it had.
    """
    height = max(len(masses) - 1, 0).bit_length()
    numbers = uniforms(seed, trait, height)
    low = 0
    for level in reversed(range(height)):
        half = 1 << level
        left = sum(masses[low : low + half])
        right = sum(masses[low + half : low + 2 * half])
        if numbers[level] * (left + right) >= left << _BITS:
            low += half
    return low


def ordered(traits: int, boxes: Sequence[Box]) -> list[int]:
    """The traits in the order in which few boxes are open at a time: greedy, ties by position."""
    members = [frozenset(trait for trait, _ in box) for box in boxes]
    left, done = list(range(traits)), set[int]()
    order: list[int] = []
    while left:

        def opened(trait: int) -> int:
            seen = done | {trait}
            return sum(1 for member in members if member & seen and not member <= seen)

        chosen = min(left, key=lambda trait: (opened(trait), trait))
        left.remove(chosen)
        done.add(chosen)
        order.append(chosen)
    return order


class Space:
    """All genotypes with positive weight that lie in no box. `weights[trait][value]` are whole numbers.

    Raises: `TooWide`.
    """

    def __init__(self, weights: Sequence[Sequence[int]], boxes: Sequence[Box]) -> None:
        self.weights = weights
        self.order = ordered(len(weights), boxes)
        level = {trait: at for at, trait in enumerate(self.order)}
        self._match = [[0] * len(values) for values in weights]
        self._open, self._starts, self._ends = ([0] * len(weights) for _ in range(3))
        for number, box in enumerate(boxes):
            bit, levels = 1 << number, [level[trait] for trait, _ in box]
            self._starts[min(levels)] |= bit
            self._ends[max(levels)] |= bit
            for trait, mask in box:
                self._open[level[trait]] |= bit
                for value in range(len(weights[trait])):
                    if mask >> value & 1:
                        self._match[trait][value] |= bit
        self._mass = self._weigh(self._states())

    def _step(self, at: int, match: int, state: int) -> int | None:
        """The state after a value that matches the boxes `match` at level `at`; None when it completes one."""
        state = (state & (~self._open[at] | match)) | (self._starts[at] & match)
        return None if state & self._ends[at] else state

    def _classes(self, at: int) -> dict[int, int]:
        """Values with the same part in all rules are one: match -> their weight together."""
        trait, classes = self.order[at], dict[int, int]()
        for match, weight in zip(self._match[trait], self.weights[trait], strict=True):
            if weight:
                classes[match] = classes.get(match, 0) + weight
        return classes

    def _states(self) -> list[set[int]]:
        states, total = [{0}], 1
        for at in range(len(self.order)):
            matches = self._classes(at)
            after = {s for state in states[-1] for m in matches if (s := self._step(at, m, state)) is not None}
            if (total := total + len(after)) > MAX_STATES:
                raise TooWide(f"more than {MAX_STATES} states")
            states.append(after)
        return states

    def _weigh(self, states: list[set[int]]) -> list[dict[int, int]]:
        below: dict[int, int] = dict.fromkeys(states[-1], 1)
        masses = [below]
        for at in reversed(range(len(self.order))):
            classes = self._classes(at).items()
            here: dict[int, int] = {}
            for state in states[at]:
                mass = 0
                for match, weight in classes:
                    after = self._step(at, match, state)
                    if after is not None:
                        mass += weight * below[after]
                here[state] = mass
            masses.append(here)
            below = here
        return masses[::-1]

    @property
    def total(self) -> int:
        """The weight of everything; with weights of 1 the number of legal genotypes."""
        return self._mass[0][0]

    def draw(self, seed: bytes) -> tuple[int, ...] | None:
        """One genotype in proportion to its weight; None when there is none."""
        if not self.total:
            return None
        state, genotype = 0, [0] * len(self.order)
        for at, trait in enumerate(self.order):
            masses, states = [], []
            for match, weight in zip(self._match[trait], self.weights[trait], strict=True):
                after = self._step(at, match, state) if weight else None
                masses.append(0 if after is None else weight * self._mass[at + 1][after])
                states.append(after)
            genotype[trait] = value = pick(seed, trait, masses)
            state = states[value] or 0
        return tuple(genotype)

    def shares(self) -> list[list[int]]:
        """For each trait and value the weight of all genotypes that wear it; 0 is a dead value."""
        shares = [[0] * len(values) for values in self.weights]
        above: dict[int, int] = {0: 1}
        for at, trait in enumerate(self.order):
            after_all: dict[int, int] = {}
            for state, mass in above.items():
                for value, weight in enumerate(self.weights[trait]):
                    after = self._step(at, self._match[trait][value], state) if weight else None
                    if after is not None:
                        shares[trait][value] += mass * weight * self._mass[at + 1][after]
                        after_all[after] = after_all.get(after, 0) + mass * weight
            above = after_all
        return shares
