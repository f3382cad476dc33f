"""The diagram against brute force: it counts, weighs and draws exactly what the boxes leave."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.prompting.search import Box, conflict, find, genotypes
from shared.prompting.space import Space, TooWide, ordered, pick, uniforms, whole

Instance = tuple[list[list[int]], list[Box]]


@st.composite
def instances(draw: Any, *, zeros: bool = True) -> Instance:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    weights = [[draw(st.integers(0 if zeros else 1, 3)) for _ in range(size)] for size in sizes]
    boxes = []
    for _ in range(draw(st.integers(0, 7))):
        traits = draw(st.sets(st.integers(0, len(sizes) - 1), min_size=1, max_size=3))
        boxes.append(tuple((t, draw(st.integers(1, (1 << sizes[t]) - 1))) for t in sorted(traits)))
    return weights, boxes


def brute(weights: list[list[int]], boxes: list[Box]) -> dict[tuple[int, ...], int]:
    """Each legal genotype with its weight."""
    legal = {}
    for genotype in product(*(range(len(values)) for values in weights)):
        weight = 1
        for trait, value in enumerate(genotype):
            weight *= weights[trait][value]
        if weight and not any(all(mask >> genotype[trait] & 1 for trait, mask in box) for box in boxes):
            legal[genotype] = weight
    return legal


def domains(weights: list[list[int]]) -> list[int]:
    return [sum(1 << at for at, weight in enumerate(values) if weight) for values in weights]


@settings(max_examples=60)
@given(instances())
def test_it_counts_what_is_there(instance: Instance) -> None:
    weights, boxes = instance
    legal = brute(weights, boxes)
    space = Space(weights, boxes)
    assert space.total == sum(legal.values())
    for trait, shares in enumerate(space.shares()):
        for value, share in enumerate(shares):
            assert share == sum(weight for genotype, weight in legal.items() if genotype[trait] == value)


@settings(max_examples=60)
@given(instances(), st.binary(max_size=8))
def test_a_draw_is_legal_and_never_a_dead_end(instance: Instance, seed: bytes) -> None:
    weights, boxes = instance
    legal = brute(weights, boxes)
    drawn = Space(weights, boxes).draw(seed)
    assert drawn in legal if legal else drawn is None


@settings(max_examples=60)
@given(instances())
def test_the_search_finds_exactly_the_same(instance: Instance) -> None:
    weights, boxes = instance
    legal = brute(weights, boxes)
    assert sorted(genotypes(domains(weights), boxes)) == sorted(legal)
    assert (find(domains(weights), boxes) is not None) == bool(legal)


@settings(max_examples=60)
@given(instances(zeros=False))
def test_a_conflict_is_one_and_none_of_it_can_be_spared(instance: Instance) -> None:
    weights, boxes = instance
    rules = [[box] for box in boxes]
    guilty = conflict(domains(weights), rules)
    assert bool(guilty) == (not brute(weights, boxes))
    for spared in guilty:
        assert brute(weights, [boxes[rule] for rule in guilty if rule != spared])
    assume(guilty)
    assert not brute(weights, [boxes[rule] for rule in guilty])


def test_draws_come_in_proportion_to_their_weights() -> None:
    weights = [[1, 3], [2, 1, 1]]
    boxes: list[Box] = [((0, 0b10), (1, 0b100))]
    legal, space = brute(weights, boxes), Space(weights, boxes)
    drawn = Counter(space.draw(str(n).encode()) for n in range(5_000))
    total = sum(legal.values())
    for genotype, weight in legal.items():
        assert drawn[genotype] / 5_000 == pytest.approx(weight / total, abs=0.03)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.binary(max_size=4))
def test_mass_0_is_never_picked(masses: list[int], seed: bytes) -> None:
    assume(any(masses))
    assert masses[pick(seed, 0, masses)] > 0


def test_a_doubled_weight_and_a_new_value_leave_other_draws_alone() -> None:
    base = [[3, 1, 2, 5], [1, 1, 4], [2, 2]]
    seeds = [str(n).encode() for n in range(1500)]

    def draws(weights: list[list[int]]) -> list[tuple[int, ...] | None]:
        space = Space(weights, [])
        return [space.draw(seed) for seed in seeds]

    before = draws(base)
    doubled = draws([[6, 1, 2, 5], *base[1:]])
    grown = draws([[*base[0], 1], *base[1:]])
    assert all(a and b and a[1:] == b[1:] for a, b in zip(before, doubled, strict=True))
    assert all(a and b and a[1:] == b[1:] for a, b in zip(before, grown, strict=True))
    kept = sum(a == b or b[0] == 4 for a, b in zip(before, grown, strict=True) if a and b)
    assert kept == len(seeds)  # who does not get the new value keeps the old one


def test_a_draw_does_not_change_over_time() -> None:
    assert uniforms(b"seed", 1, 2) == [18383203488498847302, 15231677330658102677]
    space = Space([[whole(w) for w in (1, 2.5, 0.1)]] * 4, [((0, 0b001), (3, 0b110))])
    assert [space.draw(f"{n}".encode()) for n in range(4)] == [(1, 0, 1, 1), (1, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1)]


def test_whole_weights_keep_what_is_positive() -> None:
    assert whole(0) == 0
    assert whole(1e-12) == 1
    assert whole(1e12) > whole(1e11)


def test_boxes_that_cross_too_much_are_said_to() -> None:
    boxes: list[Box] = [((a, 1 << (a * b) % 12), (b, 1 << (a + 2 * b) % 12)) for a in range(20) for b in range(a)]
    with pytest.raises(TooWide):
        Space([[1] * 12] * 20, boxes)
    assert find([(1 << 12) - 1] * 20, boxes) is not None


def test_the_order_keeps_boxes_short() -> None:
    assert ordered(4, [((0, 1), (3, 1)), ((1, 1), (2, 1))]) in ([0, 3, 1, 2], [1, 2, 0, 3])


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_a_bigger_space_is_still_quick(seed: int) -> None:
    boxes: list[Box] = [((t, 0b11), (t + 1, 0b1100)) for t in range(11)]
    space = Space([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]] * 12, boxes)
    drawn = space.draw(seed.to_bytes(5, "big"))
    assert drawn is not None
    assert not any(all(mask >> drawn[t] & 1 for t, mask in box) for box in boxes)
