"""Features: numbers from consented fields alone, absent where nothing was shared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.collection.rules import Feature, Rank
from shared.profile.features import measure, number, ranked, scale
from shared.profile.fields import FIELDS, ConsentField
from shared.profile.sources import Profile, parse_profile
from shared.prompting.brief import brief
from tests.unit.collection.samples import bodies, example, tiny


def profile(data: dict[str, Any], *without: str) -> Profile:
    consent = {f"{p}.{n}": "private" for p, values in data.items() for n in values}
    made = parse_profile({"data": data, "consent": consent})
    return Profile.model_construct(data=made.data, consent={f: c for f, c in made.consent.items() if f not in without})


RICH: dict[str, Any] = {
    "game": {
        "questlines": {"Q": 120.0},
        "attributes": {"a": 5, "b": 9, "c": 5, "d": 0},
        "achievements": ["x", "y", "x"],
        "stats": {"s": 0.25},
    },
    "preferences": {"likes": {"shape": ["round"]}, "text": "the sea at night"},
    "social": {"posts": ["Wow!", "why?", "¡Hola!", "plain 🌊", "静か！"]},
    "wallet": {"age_days": 400, "transactions": 12, "tokens": {"t": 3, "u": 1}},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("game.questlines.Q", 120), ("game.questlines.other", 0), ("game.achievements", 2), ("game.achievements.x", 1),
        ("game.achievements.z", 0), ("game.stats.s", 0.25), ("wallet.age_days", 400), ("wallet.transactions", 12),
        ("wallet.tokens", 4), ("wallet.tokens.t", 3), ("social.posts.count", 5), ("social.posts.exclaiming", 0.6),
        ("social.posts.asking", 0.2), ("social.posts.emoji", 0.2),
    ],
)  # fmt: skip
def test_each_path_leads_to_its_number(path: str, value: float) -> None:
    assert number(profile(RICH), path) == pytest.approx(value)
    assert number(profile({}), path) is None


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        ({"scale": [100, 500]}, {0: 0, 100: 0, 300: 0.5, 500: 1, 9e9: 1}),
        ({"log": [1, 10_000]}, {0: 0, 1: 0, 100: 0.5, 10_000: 1, 9e9: 1}),
        ({"steps": [10, 20, 30, 40]}, {0: 0, 10: 0.25, 19: 0.25, 35: 0.75, 40: 1}),
    ],
)
def test_scales(shape: dict[str, Any], points: dict[float, float]) -> None:
    feature = Feature.model_validate({"from": "game.stats.s", **shape})
    for value, wanted in points.items():
        assert scale(feature, value) == pytest.approx(wanted)


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_scale_stays_between_0_and_1_and_never_turns(a: float, b: float) -> None:
    for shape in ({"scale": [3, 40]}, {"log": [0.5, 9000]}, {"steps": [1, 7, 900]}):
        feature = Feature.model_validate({"from": "game.stats.s", **shape})
        low, high = scale(feature, min(a, b)), scale(feature, max(a, b))
        assert 0 <= low <= high <= 1


def test_the_most_used_come_first_and_ties_go_to_the_first_listed() -> None:
    rich = profile(RICH)
    names = ("d", "c", "a", "b")
    assert [ranked(rich, Rank(of="game.attributes", nth=n), names) for n in (1, 2, 3, 4)] == ["b", "c", "a", None]
    assert ranked(rich, Rank(of="game.attributes", nth=2), ("a", "b", "c")) == "a"
    assert ranked(rich, Rank(of="game.attributes"), ("nobody",)) is None
    assert ranked(profile(RICH, "game.attributes"), Rank(of="game.attributes"), names) is None
    assert ranked(rich, Rank(of="game.achievements"), ("z", "y")) == "y"


def test_text_has_a_feature_of_nearness() -> None:
    collection = tiny(features={"sea": {"from": "preferences.text", "like": ["sea", "海"]}})
    assert measure(collection, profile(RICH)).scaled == {"sea": 1.0}
    assert measure(collection, profile({})).scaled == {}


def test_every_shared_field_moves_something_and_none_without_consent() -> None:
    """Take away the consent to one field, and the brief is the one of a collector who never shared it."""
    collection = example("ember-order")
    for body in bodies("ember-order"):
        made = parse_profile({"data": body["data"], "consent": body["consent"]})
        for field in made.data.given():
            silent = Profile.model_construct(
                data=made.data, consent={f: c for f, c in made.consent.items() if f != field}
            )
            absent = made.only([f for f in FIELDS if f != field])
            assert brief(collection, silent, "s") == brief(collection, absent, "s")
        nothing = Profile.model_construct(data=made.data, consent={})
        assert brief(collection, nothing, "s") == brief(collection, Profile(), "s")


def test_the_examples_use_the_fields_they_share() -> None:
    used: set[ConsentField] = set()
    collection = example("ember-order")
    for body in bodies("ember-order"):
        made = parse_profile({"data": body["data"], "consent": body["consent"]})
        for field in made.data.given():
            rest = made.only([f for f in FIELDS if f != field])
            if brief(collection, made, "s") != brief(collection, rest, "s"):
                used.add(field)
    assert used == set(collection.fields)
