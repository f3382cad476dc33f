"""Prompts are made of the artist's words, within what an encoder hears, and negatives are kept."""

from __future__ import annotations

import random
from typing import Any

import pytest

from shared.prompting.prompt import MAX_WORDS, kept, prompt, words
from tests.unit.collection.samples import NAMES, example, tiny

VALUES = {"shape": "round", "colour": "blue"}


def negatives(*more: dict[str, Any]) -> dict[str, Any]:
    return {"negatives": [{"text": "letters", "instead": "plain paper", "judged": True}, {"text": "blur"}, *more]}


def test_the_template_is_filled() -> None:
    made = prompt(tiny(prompt="a {shape} , {colour},, on {colour}"), VALUES)
    assert (made.positive, made.negative) == ("a circle, deep blue, on deep blue", "")


def test_a_name_with_a_comma_is_one_placeholder() -> None:
    traits = {"a, b": {"values": {"x": {"prompt": "one, two"}}}}
    assert prompt(tiny(traits=traits, prompt="see {a, b}, ok", supply=1), {"a, b": "x"}).positive == "see one, two, ok"


def test_negatives_are_told_to_who_listens_and_phrased_for_who_does_not() -> None:
    collection = tiny(**negatives())
    assert prompt(collection, VALUES).negative == "letters, blur"
    deaf = prompt(collection, VALUES, guidance=False)
    assert (deaf.positive, deaf.negative) == ("a circle, deep blue, plain paper", "")


def test_how_each_negative_is_kept() -> None:
    collection = tiny(**negatives({"text": "faces", "judged": True}))
    assert set(kept(collection, guidance=True).values()) == {"guided"}
    assert kept(collection, guidance=False) == {"letters": "phrased", "blur": None, "faces": "judged"}


def test_what_is_too_long_loses_its_end_but_never_a_negative() -> None:
    template = ", ".join([f"{'{shape}'} {n} " + "word " * 18 for n in range(6)])
    collection = tiny(prompt=template, **negatives())
    for guidance in (True, False):
        made = prompt(collection, VALUES, guidance=guidance).positive
        assert words(made) <= MAX_WORDS
        assert made.startswith("circle 0 word")
        assert "circle 5" not in made
        assert made.endswith("plain paper") is not guidance
    assert "circle 2" in prompt(collection, VALUES).positive


def test_scripts_without_spaces_are_counted_by_character() -> None:
    assert words("a stag's head, well-lit: 2 horns") == 6
    assert words("静かな海") == 4


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_fit_whole_and_keep_all_negatives(name: str) -> None:
    collection = example(name)
    assert None not in kept(collection, guidance=False).values()
    chance = random.Random(1)
    for _ in range(100):
        values = {trait: chance.choice(list(said.values)) for trait, said in collection.traits.items()}
        made = prompt(collection, values)
        for trait, value in values.items():
            assert collection.traits[trait].values[value].prompt in made.positive
        for guidance in (True, False):
            assert words(prompt(collection, values, guidance=guidance).positive) <= MAX_WORDS
