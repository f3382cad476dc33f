"""Scenes for the painter's tests: the example collections, read without the collection loader."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from shared.painting.vocabulary import VOCABULARY, Scene, Substance

FIELDS = {"material": "slots"}
"""Role -> the field of a Scene, where the two differ."""


@lru_cache(maxsize=2)
def collection(slug: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    folder = files("shared.collection") / "examples" / slug
    layers = {file.name: file.read_bytes() for file in (folder / "art").iterdir() if file.name.endswith(".svg")}
    return yaml.safe_load((folder / "collection.yaml").read_text("utf-8")), layers


def scene(slug: str = "ember-order", without: tuple[str, ...] = (), **choice: int) -> Scene:
    """A scene of the collection's values by role and position; roles in `without` lose their paint."""
    dna, layers = collection(slug)
    parts: dict[str, Any] = {}
    seeds: dict[str, int] = {}
    for trait in dna["traits"].values():
        role = trait.get("plays")
        if role is None:
            continue
        number = choice.get(role, 0)
        value = list(trait["values"].values())[number]
        if role in without:
            seeds[role] = number
        else:
            parts[FIELDS.get(role, role)] = VOCABULARY[role].model_validate(value["paint"])
    substances = {name: Substance.model_validate(words) for name, words in dna["substances"].items()}
    return Scene(substances=substances, layers=layers, motif_seeds=seeds, **parts)
