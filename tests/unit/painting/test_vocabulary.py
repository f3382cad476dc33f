"""The artist's words are checked before anything is painted, and say what was wanted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.painting.vocabulary import VOCABULARY, Composition, Form, Lighting, Medium, Palette, Substance
from tests.unit.painting.examples import collection

PALETTE = {"ink": "#000000", "sky": "#102030", "body": "#405060", "metal": "#708090", "glow": "#ff8000"}


@pytest.mark.parametrize("slug", ["ember-order", "weather-portraits"])
def test_examples_speak_it(slug: str) -> None:
    dna, layers = collection(slug)
    for words in dna["substances"].values():
        Substance.model_validate(words)
    for trait in dna["traits"].values():
        for value in trait["values"].values():
            assert 6 <= len(value["prompt"].split()) <= 14
            if "plays" in trait:
                said = VOCABULARY[trait["plays"]].model_validate(value["paint"])
                assert set(said.layer_files()) <= set(layers)
                assert set(getattr(said, "slots", {}).values()) <= set(dna["substances"])


@pytest.mark.parametrize(
    ("model", "words", "place"),
    [
        (Palette, PALETTE | {"glow": "orange"}, "glow"),
        (Palette, PALETTE | {"extra": "#000000"}, "extra"),
        (Substance, {"color": ["ink", "sky", 1.5]}, "color"),
        (Substance, {"color": [[["ink", "sky", 0.5], "sky", 0.5], "sky", 0.5]}, "color"),
        (Substance, {"color": "url(#a)"}, "color"),
        (Substance, {"color": "ink", "rough": float("nan")}, "rough"),
        (Substance, {"color": "ink", "rough": 0}, "rough"),
        (Substance, {"color": "ink", "metal": True}, "metal"),
        (Substance, {"color": "ink", "surface": "fur"}, "surface"),
        (Form, {"layer": "../secret.svg"}, "layer"),
        (Form, {"layer": "a.svg", "fit": float("inf")}, "fit"),
        (Form, {"layer": "a.svg", "at": [500, 1e9]}, "at"),
        (Lighting, {"sky": {"embers": 10**9}}, "sky"),
        (Lighting, {"sky": {"lightning": 100}}, "sky"),
        (Lighting, {"area": [{"direction": [0, 1, 0], "color": "sky", "gain": 1}] * 7}, "area"),
        (Composition, {"back": [{"layer": "a.svg"}] * 13}, "back"),
        (Composition, {"subject": []}, "subject"),
        (Medium, {"finish": "hologram"}, "finish"),
    ],
)
def test_refuses(model: Any, words: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(words)
    assert caught.value.errors()[0]["loc"][0] == place


def test_is_documented() -> None:
    for model in VOCABULARY.values():
        assert model.__doc__
        assert model.model_json_schema()["additionalProperties"] is False
