"""What a collector sends: every field checked, named when it is wrong, and carried by consent or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.profile.fields import FIELDS, gives_a_number, split
from shared.profile.sources import Collector, Profile, admit, parse_profile
from tests.unit.collection.samples import NAMES, OWNER, bodies, example, tiny

SECRET = "a sentence that nobody else may read"


def body(data: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A good body around `data`, everything in it consented to as private."""
    data = data or {}
    consent = {f"{part}.{name}": "private" for part, values in data.items() for name in values}
    return {"owner": OWNER, "collector": "someone", "data": data, "consent": consent, **changes}


@pytest.mark.parametrize("name", NAMES)
def test_the_example_collectors_are_whole_and_apart(name: str) -> None:
    collectors = [Collector.parse(one, example(name)) for one in bodies(name)]
    assert len({one.owner for one in collectors}) == len(collectors)
    assert len({one.collector for one in collectors}) == len(collectors)
    assert [one.owner for one in collectors] == [one["owner"] for one in bodies(name)]


def test_what_was_taken_in_is_read_back() -> None:
    for sent in bodies("ember-order"):
        collector = Collector.parse(json.dumps(sent))
        assert Collector.model_validate_json(collector.model_dump_json()) == collector
        assert parse_profile(collector.profile.model_dump_json()) == collector.profile


@pytest.mark.parametrize(
    ("sent", "field", "wanted"),
    [
        (b"{", "body", "a JSON object"),
        ([], "body", "a mapping"),
        ({}, "owner", "it is required"),
        (body(owner=7), "owner", "42 characters"),
        (body(owner="0x12"), "owner", "42: 0x and 40"),
        (body(collector=""), "collector", "text that fits"),
        (body(collector="x" * 65), "collector", "text that fits"),
        (body(collector="a\nb"), "collector", "text that fits"),
        (body(extra=1), "extra", "only known fields"),
        (body({"game": {"hours": 1}}, consent={}), "data.game.hours", "only known fields"),
        (body({"game": {"questlines": {"Q": "many"}}}), "data.game.questlines.Q", "a number"),
        (body({"game": {"questlines": {"Q": True}}}), "data.game.questlines.Q", "a number"),
        (body({"game": {"questlines": {"Q": -1}}}), "data.game.questlines.Q", "greater than or equal to 0"),
        (body({"game": {"questlines": {"Q": float("inf")}}}), "data.game.questlines.Q", "finite"),
        (body({"game": {"questlines": {"Q": 1e10}}}), "data.game.questlines.Q", "less than or equal to"),
        (body({"game": {"questlines": {"x" * 81: 1}}}), "data.game.questlines.<a name of 81 characters>", "at most 80"),
        (body({"game": {"questlines": {f"q{n}": 1 for n in range(65)}}}), "data.game.questlines", "at most 64"),
        (body({"game": {"achievements": ["a"] * 501}}), "data.game.achievements", "at most 500"),
        (body({"preferences": {"text": "x" * 2001}}), "data.preferences.text", "at most 2000 characters"),
        (body({"preferences": {"text": ["a"]}}), "data.preferences.text", "text"),
        (body({"preferences": {"likes": {"form": "Helm"}}}), "data.preferences.likes.form", "a list"),
        (body({"social": {"posts": [{"text": "a", "lang": "!"}]}}), "data.social.posts[0].lang", "text that fits"),
        (body({"social": {"posts": ["a", 3]}}), "data.social.posts[1]", "a mapping"),
        (body({"social": {"posts": ["a"] * 51}}), "data.social.posts", "at most 50"),
        (body({"social": {"posts": ["a" * 1999] * 11}}), "data.social", "at most 20000"),
        (body({"wallet": {"age_days": "old"}}), "data.wallet.age_days", "a number"),
        (body({"wallet": {"transactions": 1.5}}), "data.wallet.transactions", "integer"),
        (body({"wallet": {"address": "me.eth"}}), "data.wallet.address", "42"),
        (body({"game": {"stats": {"a": 1}}}, consent={}), "consent.game.stats", "since data.game.stats"),
        (body(consent={"game.stats": "yes"}), "consent.game.stats", "one of 'private' or 'public'"),
        (body(consent={"everything": "public"}), "consent.everything", "one of 'game.questlines'"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_field(sent: Any, field: str, wanted: str) -> None:
    with pytest.raises(Invalid) as error:
        Collector.parse(sent)
    assert error.value.field == field
    assert wanted in error.value.wanted


def test_no_error_repeats_what_a_collector_wrote() -> None:
    hidden = [
        body({"preferences": {"text": SECRET * 99}}), body({"social": {"posts": [SECRET, 1]}}), body(owner=SECRET),
        body({"game": {"questlines": {SECRET + "\n": 1}}}), body({"game": {"achievements": [SECRET * 9]}}),
        body({"preferences": {"likes": {"x": SECRET}}}), body(consent={"game.stats": SECRET}),
        body(collector=SECRET * 2),
    ]  # fmt: skip
    for sent in hidden:
        with pytest.raises(Invalid) as error:
            Collector.parse(sent)
        assert SECRET not in str(error.value)


def test_consent_without_data_is_fine() -> None:
    collector = Collector.parse(body(consent=dict.fromkeys(FIELDS, "private")))
    assert collector.data.given() == ()


def test_a_lower_case_owner_is_checksummed() -> None:
    assert Collector.parse(body(owner=OWNER.lower())).owner == OWNER


def test_only_what_the_dna_reads_is_taken_in() -> None:
    sent = body({"preferences": {"text": "hello"}, "social": {"posts": ["hi"]}, "game": {"stats": {"a": 1}}})
    admitted = Collector.parse(sent, tiny())
    assert admitted.data.given() == ("preferences.text",)
    assert admitted.consent == {"preferences.text": "private"}
    assert admitted.data.social.posts is None


def test_what_the_dna_requires_must_be_there() -> None:
    collection = tiny(consent={"preferences.text": {"why": "we listen", "required": True}})
    with pytest.raises(Invalid) as error:
        Collector.parse(body(), collection)
    assert error.value.field == "consent.preferences.text"
    with pytest.raises(Invalid) as error:
        Collector.parse(body(consent={"preferences.text": "private"}), collection)
    assert error.value.field == "data.preferences.text"
    Collector.parse(body({"preferences": {"text": "x"}}), collection)


def test_a_like_is_one_of_the_values() -> None:
    for likes, field in (
        ({"form": ["round"]}, "data.preferences.likes"),
        ({"shape": ["oval"]}, "data.preferences.likes.shape[0]"),
    ):
        profile = parse_profile({"data": {"preferences": {"likes": likes}}, "consent": {"preferences.likes": "public"}})
        with pytest.raises(Invalid) as error:
            admit(tiny(), profile)
        assert error.value.field == field
        assert "oval" not in str(error.value)
        assert "round" in error.value.wanted or "shape" in error.value.wanted


def test_a_field_without_consent_reads_as_absent() -> None:
    given = parse_profile({"data": {"preferences": {"text": "x"}}, "consent": {"preferences.text": "private"}})
    smuggled = Profile.model_construct(data=given.data, consent={})
    assert given.read("preferences.text") == "x"
    assert smuggled.read("preferences.text") is None
    assert smuggled.only(FIELDS).data.given() == ()


@given(st.text())
def test_any_text_in_any_script_is_taken_in(text: str) -> None:
    profile = parse_profile(
        {"data": {"preferences": {"text": text[:2000]}}, "consent": {"preferences.text": "private"}}
    )
    assert profile.read("preferences.text") == text[:2000]


def test_a_lone_surrogate_is_no_text() -> None:
    with pytest.raises(Invalid, match=r"preferences\.text"):
        Collector.parse(body({"preferences": {"text": "\ud800"}}))


def test_paths() -> None:
    assert split("game.questlines.The Long Vigil, part 1.5") == ("game.questlines", "The Long Vigil, part 1.5")
    good = [
        "game.stats.x",
        "game.achievements",
        "game.achievements.A",
        "wallet.tokens",
        "wallet.age_days",
        "social.posts.emoji",
    ]
    bad = [
        "game.stats",
        "game.stats.",
        "wallet.age_days.x",
        "social.posts",
        "social.posts.mood",
        "preferences.text",
        "x",
        "",
    ]
    assert all(map(gives_a_number, good))
    assert not any(map(gives_a_number, bad))
