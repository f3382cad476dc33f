"""What a DNA may say: every reference leads somewhere, every limit holds, and errors point at the field."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from shared.collection.problems import dotted, known_fields, phrase
from shared.collection.schema import Collection
from tests.unit.collection.samples import NAMES, TINY, example, tiny


def refused(**changes: Any) -> list[str]:
    """`field: got, wanted` of everything that is wrong with the tiny DNA after `changes`."""
    with pytest.raises(ValidationError) as error:
        tiny(**changes)
    return [f"{dotted(e['loc'])}: got {'; wanted '.join(phrase(e))}" for e in error.value.errors()]


def traits(**values: Any) -> dict[str, Any]:
    """The tiny traits with something more said about shape.round."""
    dna: dict[str, Any] = copy.deepcopy(TINY["traits"])
    dna["shape"]["values"]["round"] |= values
    return dna


LONG = {"values": {"x" * 80: {"prompt": "a long name"}}}


def test_defaults_are_the_careful_ones() -> None:
    collection = tiny()
    assert (collection.settlement, collection.publish_px, collection.redraws) == ("gift", 1024, 2)
    assert collection.daily_budget_microusd == 10_000_000
    assert collection.fields == ("preferences.likes", "preferences.text")
    assert collection.required_fields == ()


@pytest.mark.parametrize(
    ("changes", "field", "wanted"),
    [
        ({"slug": "Tiny"}, "slug", "text that fits"),
        ({"slug": "x" * 41}, "slug", "text that fits"),
        ({"publish_px": 128}, "publish_px", "greater than or equal to 256"),
        ({"publish_px": 4096}, "publish_px", "less than or equal to 3072"),
        ({"supply": True}, "supply", "a number"),
        ({"settlement": "paid"}, "settlement", "gift: payments are not taken yet"),
        ({"price_wei": 1}, "price_wei", "0: payments"),
        ({"description": "one\u2028two"}, "description", "printable"),
        ({"name": "a\u202eb"}, "name", "U+202E"),
        ({"traits": traits() | {"cafe\u0301": {"values": {"x": {"prompt": "x"}}}}}, "traits.cafe", "composed form"),
        ({"title": "{shape}" * 3, "traits": traits() | {"shape": LONG}}, "title", "at most 200"),
        ({"settlement": "auction"}, "settlement", "one of 'gift' or 'paid'"),
        ({"when_full": "burn"}, "when_full", "one of 'fallback'"),
        ({"daily_budget_usd": float("inf")}, "daily_budget_usd", "finite"),
        ({"external_url": "http://example.org"}, "external_url", "text that fits"),
        ({"prompt": "a {shpae}"}, "prompt", "'shape'? One of shape, colour"),
        ({"prompt": "a {shape"}, "prompt", "braces only around"),
        ({"prompt": "a {{shape}}"}, "prompt", "braces only around"),
        ({"traits": {}}, "traits", "at least 1 entries"),
        ({"traits": traits(weight=0)}, "round.weight", "greater than 0"),
        ({"traits": traits(prompt="{colour}")}, "round.prompt", "without braces"),
        ({"traits": traits(requires={"color": "red"})}, "requires.color", "a trait: 'colour'?"),
        ({"traits": traits(excludes={"colour": ["rad"]})}, "excludes.colour[0]", "a value of 'colour': 'red'?"),
        ({"traits": traits(requires={"shape": ["square"]})}, "requires.shape", "values of other traits"),
        ({"traits": traits(requires={"colour": "red"}, excludes={"colour": "red"})}, "excludes.colour", "to be left"),
        ({"traits": traits(paint={"layer": "a.svg"})}, "paint.layer", "only known fields"),
        ({"features": {"f": {"from": "game.hours", "scale": [0, 1]}}}, "features.f", "game.questlines.NAME"),
        ({"features": {"f": {"from": "game.stats.x"}}}, "features.f", "one of scale, log, steps"),
        ({"features": {"f": {"from": "game.stats.x", "scale": [1, 1]}}}, "features.f", "low < high"),
        ({"features": {"f": {"from": "game.stats.x", "log": [0, 1]}}}, "features.f", "0 < low"),
        ({"features": {"f": {"from": "game.stats.x", "steps": [2, 1]}}}, "features.f", "ascending"),
        ({"features": {"f": {"from": "game.stats.x", "like": ["sea"]}}}, "features.f", "preferences.text"),
        ({"consent": {"social.posts": {"why": "x"}}}, "consent.social.posts", "one that is read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_what_is_wanted(changes: dict[str, Any], field: str, wanted: str) -> None:
    problems = refused(**changes)
    assert any(field in problem.partition(": got ")[0] and wanted in problem for problem in problems), problems


def rule(**changes: Any) -> dict[str, Any]:
    features = {"hours": {"from": "game.questlines.Q", "scale": [0, 500]}}
    told = {"name": "r", "when": {"feature": "hours", "at_least": 5}, "then": {"shape": "round"}, "because": "b"}
    return {"features": features, "rules": [{**told, **changes}]}


@pytest.mark.parametrize(
    ("changes", "field", "wanted"),
    [
        ({"when": {"feature": "hour", "at_least": 5}}, "rules[0].when.feature", "'hours'?"),
        ({"when": {"feature": "hours", "rank": {"of": "game.attributes"}}}, "rules[0].when", "either feature or rank"),
        ({"when": {}}, "rules[0].when", "either feature or rank"),
        ({"when": {"feature": "hours", "between": [5, 1]}}, "rules[0].when", "low <= high"),
        ({"when": {"feature": "hours", "at_least": 5, "at_most": 1}}, "rules[0].when", "at_least <= at_most"),
        ({"when": {"rank": {"of": "preferences.text"}}}, "rules[0].when.rank", "game.attributes"),
        ({"when": {"rank": {"of": "game.attributes"}}}, "rules[0]", "cases"),
        ({"when": {"rank": {"of": "game.attributes"}, "at_least": 1}}, "rules[0].when", "beside rank"),
        ({"strength": "must", "when": {"feature": "hours"}}, "rules[0]", "only a favour acts in proportion"),
        ({"factor": 1}, "rules[0].factor", "greater than 1"),
        ({"then": {"shape": "oval"}}, "rules[0].then.shape[0]", "one of round, square"),
        ({"then": {"form": "round"}}, "rules[0].then.form", "one of shape, colour"),
        ({"cases": {"a": {"shape": "round"}}}, "rules[0]", "then: {trait: value}"),
        ({"because": "two\nlines"}, "rules[0].because", "one line of text"),
    ],
)
def test_a_rule_refers_to_what_is_there(changes: dict[str, Any], field: str, wanted: str) -> None:
    problems = refused(**rule(**changes))
    assert any(problem.startswith(f"{field}: ") and wanted in problem for problem in problems), problems


def test_two_rules_of_one_name_are_told_apart() -> None:
    dna = rule()
    assert refused(features=dna["features"], rules=dna["rules"] * 2) == [
        "rules[1].name: got 'r' twice; wanted a name of its own for each rule"
    ]


def test_a_role_is_played_once() -> None:
    form = {"plays": "form", "values": {"x": {"prompt": "x"}}}
    problems = refused(traits={"a": form, "b": form}, prompt="{a}")
    assert problems == ["traits.b.plays: got form, which 'a' plays; wanted each role played once"]


def test_an_unknown_role_names_the_known_ones() -> None:
    problems = refused(traits={"a": {"plays": "hat", "values": {"x": {"prompt": "x"}}}}, prompt="{a}")
    assert "'hat'" in problems[0]
    assert "'form', 'emblem'" in problems[0]


def test_a_slot_is_made_of_a_substance_that_exists() -> None:
    value = {"prompt": "x", "paint": {"slots": {"body": "gold", "*": "glod"}}}
    substances = {"gold": {"color": "#ffcc00", "metal": 1}}
    problems = refused(traits={"m": {"plays": "material", "values": {"x": value}}}, prompt="{m}", substances=substances)
    assert problems == ["traits.m.values.x.paint.slots.*: got 'glod'; wanted a substance: 'gold'? One of gold"]


def test_everything_that_is_wrong_comes_at_once() -> None:
    assert len(refused(slug="!", supply=0, redraws=99)) == 3


def test_a_field_that_nobody_knows_has_neighbours_to_choose_from() -> None:
    assert "weight" in known_fields(Collection, ("traits", "a", "none", "values", "x", "wieght"))
    assert "halo" in known_fields(Collection, ("traits", "a", "lighting", "values", "x", "paint", "sky", "hallo"))
    assert "from" in known_fields(Collection, ("features", "f", "form"))
    assert known_fields(Collection, ("supply", "x")) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_ask_for_what_they_read_and_say_why(name: str) -> None:
    collection = example(name)
    assert set(collection.consent) <= set(collection.fields)
    assert not collection.required_fields
