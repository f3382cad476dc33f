"""A brief: weights moved by rules, likes and text within their limits, each with a reason, and nothing of any words."""

from __future__ import annotations

from typing import Any

import pytest

from shared.collection.schema import Collection
from shared.messages import Brief
from shared.profile.sources import Profile, parse_profile
from shared.prompting.brief import LIKED, NEAR_WORDS, OWN_CHOICE, USED_UP, Leanings, brief
from tests.unit.collection.samples import example, tiny

FEATURES = {"hours": {"from": "game.questlines.Q", "scale": [0, 500]}}


def profile(**parts: dict[str, Any]) -> Profile:
    consent = {f"{part}.{name}": "private" for part, values in parts.items() for name in values}
    return parse_profile({"data": parts, "consent": consent})


def hours(n: float) -> Profile:
    return profile(game={"questlines": {"Q": n}})


def weighed(made: Brief, trait: str = "shape") -> dict[str, float]:
    options = next(t.options for t in made.traits if t.trait == trait)
    return {option.value: option.weight for option in options}


def reasons(made: Brief, trait: str = "shape") -> dict[str, str]:
    options = next(t.options for t in made.traits if t.trait == trait)
    return {option.value: option.reason for option in options}


def ruled(when: dict[str, Any], **changes: Any) -> Collection:
    rule = {"name": "r", "when": when, "then": {"shape": "round"}, "because": "Hours.", **changes}
    return tiny(features=FEATURES, rules=[rule])


def test_without_data_everything_is_the_artists_choice() -> None:
    made = brief(tiny(), Profile(), "s")
    assert weighed(made) == {"round": 1, "square": 1}
    assert set(reasons(made).values()) == {OWN_CHOICE}
    assert made.forbidden == ()
    assert [t.trait for t in made.traits] == ["shape", "colour"]
    assert made.traits[0].options[0].describes == "circle"


@pytest.mark.parametrize(
    ("when", "fires", "silent"),
    [
        ({"at_least": 100}, [100, 101], [99.9, 0]),
        ({"at_most": 100}, [100, 0], [100.1]),
        ({"between": [10, 20]}, [10, 15, 20], [9, 21]),
        ({"at_least": 10, "at_most": 20}, [10, 20], [9, 21]),
    ],
)
def test_bounds_are_in_the_unit_of_the_source(when: dict[str, Any], fires: list[float], silent: list[float]) -> None:
    collection = ruled({"feature": "hours", **when})
    for n in fires:
        made = brief(collection, hours(n), "s")
        assert (weighed(made), reasons(made)["round"]) == ({"round": 4, "square": 1}, "Hours.")
    for n in silent:
        assert weighed(brief(collection, hours(n), "s")) == {"round": 1, "square": 1}
    assert weighed(brief(collection, Profile(), "s")) == {"round": 1, "square": 1}


def test_a_favour_without_bounds_grows_with_its_feature() -> None:
    collection = ruled({"feature": "hours"}, factor=11)
    for n, weight in ((0, 1), (50, 2), (250, 6), (500, 11), (900, 11)):
        assert weighed(brief(collection, hours(n), "s"))["round"] == pytest.approx(weight)


def test_a_must_forbids_all_others_under_its_name() -> None:
    made = brief(ruled({"feature": "hours", "at_least": 500}, strength="must"), hours(500), "s")
    assert weighed(made) == {"round": 1, "square": 1}
    assert [(box.rule, box.values) for box in made.forbidden] == [("r", {"shape": frozenset({"square"})})]
    assert reasons(made)["round"] == "Hours."


def test_a_rank_takes_the_case_of_the_name_that_leads() -> None:
    rule = {
        "name": "r", "when": {"rank": {"of": "game.attributes", "nth": 2}}, "strength": "must",
        "because": "{case} is second.",
        "cases": {"Might": {"shape": "square"}, "Wit": {"shape": "round", "colour": ["red", "blue"]}},
    }  # fmt: skip
    made = brief(tiny(rules=[rule]), profile(game={"attributes": {"Might": 9, "Wit": 5, "Other": 7}}), "s")
    assert [box.values for box in made.forbidden] == [{"shape": frozenset({"square"})}]
    assert reasons(made)["round"] == "Wit is second."
    assert brief(tiny(rules=[rule]), profile(game={"attributes": {"Wit": 5}}), "s").forbidden == ()


def test_the_strongest_push_gives_the_reason() -> None:
    rules = [
        {"name": "a", "when": {"feature": "hours"}, "then": {"shape": "round"}, "factor": 2, "because": "Weak."},
        {"name": "b", "when": {"feature": "hours"}, "then": {"shape": "round"}, "factor": 9, "because": "Strong."},
    ]
    made = brief(tiny(features=FEATURES, rules=rules), hours(500), "s")
    assert (weighed(made)["round"], reasons(made)["round"]) == (18, "Strong.")


def test_likes_and_texts_move_within_their_limits() -> None:
    collection = tiny(steered_by={"preferences.likes": 10, "preferences.text": 3, "social.posts": 2})
    liked = brief(collection, profile(preferences={"likes": {"shape": ["round"]}}), "s")
    assert (weighed(liked)["round"], reasons(liked)["round"]) == (10, LIKED)
    wrote = brief(collection, profile(preferences={"text": "circle " * 200}), "s")
    assert (weighed(wrote)["round"], reasons(wrote)["round"]) == (3, NEAR_WORDS["preferences.text"])
    posted = brief(collection, profile(social={"posts": ["circle"] * 50}), "s")
    assert (weighed(posted)["round"], reasons(posted)["round"]) == (2, NEAR_WORDS["social.posts"])
    deaf = brief(tiny(steered_by={}), profile(preferences={"text": "circle", "likes": {"shape": ["round"]}}), "s")
    assert weighed(deaf) == {"round": 1, "square": 1}


def test_pushes_never_run_away() -> None:
    rules = [
        {"name": f"r{n}", "when": {"feature": "hours"}, "then": {"shape": "round"}, "factor": 1000, "because": "b"}
        for n in range(200)
    ]
    assert weighed(brief(tiny(features=FEATURES, rules=rules), hours(500), "s"))["round"] == 1e12


def test_a_used_up_value_weighs_nothing() -> None:
    made = brief(tiny(), Profile(), "s", closed={("shape", "round"), ("shape", "gone"), ("other", "x")})
    assert weighed(made) == {"round": 0, "square": 1}
    assert reasons(made)["round"] == USED_UP


@pytest.mark.parametrize(("when_full", "stays"), [("fallback", False), ("wait", True), ("refuse", True)])
def test_a_must_of_used_up_values_falls_back_only_where_the_dna_says_so(when_full: str, stays: bool) -> None:
    rule = {"name": "r", "when": {"feature": "hours", "at_least": 1}, "then": {"shape": "round"}, "because": "b"}
    collection = tiny(features=FEATURES, rules=[{**rule, "strength": "must"}], when_full=when_full)
    made = brief(collection, hours(5), "s", closed={("shape", "round")})
    assert bool(made.forbidden) is stays


def test_requires_and_excludes_become_boxes() -> None:
    traits: dict[str, Any] = {
        "a": {"values": {"x": {"prompt": "x", "requires": {"b": "x", "c": ["x", "y"]}}, "y": {"prompt": "y"}}},
        "b": {"values": {"x": {"prompt": "x"}, "y": {"prompt": "y", "excludes": {"c": "x"}}}},
        "c": {"values": {"x": {"prompt": "x"}, "y": {"prompt": "y"}}},
    }
    made = brief(tiny(traits=traits, prompt="{a}", supply=1), Profile(), "s")
    assert [(box.rule, box.values) for box in made.forbidden] == [
        ("a x requires b x", {"a": frozenset({"x"}), "b": frozenset({"y"})}),
        ("b y excludes c x", {"b": frozenset({"y"}), "c": frozenset({"x"})}),
    ]


def test_evidence_names_the_fields_behind_a_value() -> None:
    collection = ruled({"feature": "hours", "at_least": 1})
    who = profile(game={"questlines": {"Q": 5}}, preferences={"text": "warm red", "likes": {"shape": ["round"]}})
    assert Leanings(collection, who).evidence({"shape": "round", "colour": "red"}) == {
        "shape": ("game.questlines", "preferences.likes"),
        "colour": ("preferences.text",),
    }
    assert Leanings(collection, who).evidence({"shape": "square", "colour": "blue"}) == {"shape": (), "colour": ()}


def test_the_seed_document_s_case() -> None:
    """Five hundred hours in one questline: legendary; the two most used attributes give emblem and palette."""
    collection = example("ember-order")
    who = profile(game={"questlines": {"The Long Vigil": 500}, "attributes": {"Cunning": 10, "Lore": 40}})
    forbidden = {trait: values for box in brief(collection, who, "s").forbidden for trait, values in box.values.items()
                 if len(box.values) == 1}  # fmt: skip
    left = {trait: set(collection.traits[trait].values) - out for trait, out in forbidden.items()}
    assert left == {"rarity": {"Legendary"}, "emblem": {"Star"}, "palette": {"Nightbloom"}}
