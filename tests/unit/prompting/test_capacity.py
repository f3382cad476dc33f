"""What a DNA can give, and what it contradicts, before a collector finds out."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from shared.collection.problems import dotted
from shared.collection.schema import Collection
from shared.prompting import capacity as module
from shared.prompting import space
from shared.prompting.capacity import capacity, contradictions
from tests.unit.collection.samples import NAMES, example, grid, tiny


def said(collection: Collection) -> list[str]:
    return [f"{dotted(flaw.loc)}: {flaw.got}" for flaw in contradictions(collection)]


def traits(**values: dict[str, Any]) -> dict[str, Any]:
    """Two traits of two values; `values` adds to those of the first."""
    a = {name: {"prompt": name, **values.get(name, {})} for name in ("x", "y")}
    return {"a": {"values": a}, "b": {"values": {"x": {"prompt": "x"}, "y": {"prompt": "y"}}}}


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_hold_more_than_they_sell(name: str) -> None:
    held = capacity(example(name))
    assert held.exact
    assert held.dead == ()
    assert held.genotypes > 10 * example(name).supply


def test_the_count_is_exact() -> None:
    assert capacity(grid(6, 7)).genotypes == 7**6
    excluded = tiny(traits=traits(x={"excludes": {"b": "x"}}), prompt="{a}", supply=1)
    assert str(capacity(excluded)) == "3"


def test_a_dead_value_is_named_with_what_kills_it() -> None:
    collection = tiny(traits=traits(x={"excludes": {"b": ["x", "y"]}}), prompt="{a}", supply=1)
    assert capacity(collection).dead == (("a", "x"),)
    assert said(collection) == ["traits.a.values.x: a value that can never be chosen: a x excludes b x, y"]


def test_rules_that_leave_nothing_are_named() -> None:
    never = {"excludes": {"b": ["x", "y"]}}
    collection = tiny(traits=traits(x=never, y=never), prompt="{a}", supply=1)
    assert said(collection) == ["traits: no legal plan: a x excludes b x, y; a y excludes b x, y"]


def test_more_cannot_be_sold_than_there_are() -> None:
    assert said(tiny(supply=5)) == ["supply: 5"]
    collection = tiny(traits=traits(x={"quota": 1}, y={"quota": 2}), prompt="{a}", supply=4)
    assert said(collection) == ["traits.a.values: quotas of 3 together"]


FEATURES = {"h": {"from": "game.questlines.Q", "scale": [0, 9]}, "g": {"from": "game.stats.S", "scale": [0, 9]}}


def must(name: str, when: dict[str, Any], **then: Any) -> dict[str, Any]:
    return {"name": name, "when": when, "then": then, "strength": "must", "because": "b"}


def test_musts_that_contradict_each_other_are_named() -> None:
    rules = [must("one", {"feature": "h", "at_least": 5}, a="x"), must("two", {"feature": "g", "at_least": 1}, a="y")]
    collection = tiny(traits=traits(), prompt="{a}", features=FEATURES, rules=rules)
    assert said(collection) == ["rules[1]: no legal plan when 'one' holds too: one; two"]


def test_musts_that_never_hold_together_do_not() -> None:
    rules = [must("one", {"feature": "h", "at_least": 5}, a="x"), must("two", {"feature": "h", "at_most": 4.9}, a="y")]
    assert said(tiny(traits=traits(), prompt="{a}", features=FEATURES, rules=rules)) == []


def test_a_must_against_a_standing_rule_is_named() -> None:
    rules = [must("one", {"feature": "h", "at_least": 5}, a="x", b="x")]
    collection = tiny(traits=traits(x={"excludes": {"b": "x"}}), prompt="{a}", supply=3, features=FEATURES, rules=rules)
    assert said(collection) == ["rules[0]: no legal plan when it holds: a x excludes b x; one"]


@pytest.mark.parametrize(("nth", "apart"), [(2, False), (1, True)])
def test_ranks_hold_together_when_their_places_differ(nth: int, apart: bool) -> None:
    def ranking(name: str, nth: int, one: str, other: str) -> dict[str, Any]:
        cases = {"M": {"a": one}, "W": {"a": other}}
        rank = {"rank": {"of": "game.attributes", "nth": nth}}
        return {"name": name, "when": rank, "cases": cases, "strength": "must", "because": "b"}

    rules = [ranking("first", 1, "x", "y"), ranking("other", nth, "x", "y")]
    found = said(tiny(traits=traits(), prompt="{a}", rules=rules))
    assert (found == []) is apart
    if not apart:  # M first and W second ask for x and y at once
        assert "rules[1].cases.W: no legal plan when 'first' holds too: first; other" in found


def test_what_cannot_be_counted_is_found_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "MAX_STATES", 3)
    monkeypatch.setattr(module, "ENUMERATED", 50)
    held = capacity(grid(6, 3))
    assert (held.genotypes, held.exact, str(held)) == (50, False, "at least 50")
    assert capacity(grid(3, 3)).genotypes == 27
    assert list(contradictions(grid(6, 3))) == []


def test_dense_rules_end_in_good_time() -> None:
    dna: dict[str, Any] = {
        f"t{t}": {"values": {f"v{v}": {"prompt": "p", "excludes": {}} for v in range(8)}} for t in range(9)
    }
    for one, other in combinations(range(9), 2):
        dna[f"t{one}"]["values"][f"v{(one + other) % 8}"]["excludes"][f"t{other}"] = [f"v{(one * other) % 8}"]
    collection = tiny(traits=dna, prompt="{t0}", supply=1)
    assert capacity(collection).genotypes > 1000
    assert list(contradictions(collection)) == []
