"""A plan becomes a scene: the chosen values' paint by role, numbers by position where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from shared.collection.scene import scene
from shared.collection.schema import Collection
from shared.errors import Invalid
from shared.painting.vocabulary import Palette
from tests.unit.collection.samples import NAMES, SVG, draft, tiny

PALETTE = {"ink": "#000000", "sky": "#222222", "body": "#444444", "metal": "#888888", "glow": "#ffffff"}


def dna() -> Collection:
    traits: dict[str, Any] = {
        "mood": {"values": {"calm": {"prompt": "calm"}}},
        "thing": {
            "plays": "form",
            "values": {"a": {"prompt": "a", "paint": {"layer": "a.svg"}}, "b": {"prompt": "b"}, "c": {"prompt": "c"}},
        },
        "sign": {
            "plays": "emblem",
            "values": {"a": {"prompt": "a"}, "x": {"prompt": "x", "paint": {"layer": "x.svg"}}},
        },
        "tint": {"plays": "palette", "values": {"p": {"prompt": "p", "paint": PALETTE}}},
    }
    return tiny(traits=traits, prompt="{thing}", supply=1)


def values(**changes: str) -> dict[str, str]:
    return {"mood": "calm", "thing": "a", "sign": "a", "tint": "p", **changes}


def test_paint_goes_where_its_role_belongs() -> None:
    made = scene(dna(), values(sign="x"), {"a.svg": SVG, "x.svg": SVG, "spare.svg": SVG})
    assert made.form is not None
    assert made.emblem is not None
    assert (made.form.layer, made.emblem.layer) == ("a.svg", "x.svg")
    assert made.palette == Palette(**PALETTE)
    assert list(made.layers) == ["a.svg", "x.svg"]
    assert made.motif_seeds == {}


def test_a_value_without_paint_gets_a_number_of_its_own() -> None:
    seeds = [scene(dna(), values(thing=thing), {"a.svg": SVG}).motif_seeds for thing in "abc"]
    assert seeds[0].keys() == {"emblem"}
    numbers = [seeds[1]["form"], seeds[2]["form"], seeds[0]["emblem"]]
    assert len(set(numbers)) == 3


def test_a_plan_of_other_words_is_refused() -> None:
    with pytest.raises(Invalid, match=r"plan\.thing"):
        scene(dna(), values(thing="z"), {})
    with pytest.raises(Invalid, match=r"plan\.sign"):
        scene(dna(), {"mood": "calm", "thing": "a"}, {"a.svg": SVG})


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_the_examples_has_a_scene(name: str) -> None:
    collection, layers = draft(name).collection, draft(name).layers
    first = {trait: next(iter(said.values)) for trait, said in collection.traits.items()}
    for trait, value, said in collection.each_value():
        made = scene(collection, {**first, trait: value}, layers)
        assert said.paint is None or set(said.paint.layer_files()) <= set(made.layers)
        assert made.substances == collection.substances
