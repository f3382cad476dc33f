"""From a plan to the scene that the painter receives: each chosen value's `paint`, put where its role belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.collection.schema import Collection
from shared.errors import Invalid
from shared.painting.vocabulary import Role, Scene, Words

MOTIFS_PER_TRAIT = 1 << 10

_PART: Mapping[Role, str] = {
    "form": "form",
    "emblem": "emblem",
    "palette": "palette",
    "lighting": "lighting",
    "composition": "composition",
    "material": "slots",
    "medium": "medium",
    "accent": "accent",
}
"""Role -> the scene's field."""


def scene(collection: Collection, values: Mapping[str, str], layers: Mapping[str, bytes]) -> Scene:
    """The scene of a plan. Only the layers that it names go with it.

    A value without `paint` gets a number from its position in the DNA, from which the painter invents a motif; so no
    name, and no order but the artist's, reaches a pixel.

    Raises: `Invalid` for a trait or value that the DNA does not have.
    """
    parts: dict[str, Any] = {}
    motifs: dict[Role, int] = {}
    files: list[str] = []
    for place, (name, trait) in enumerate(collection.traits.items()):
        value = trait.values.get(values.get(name, ""))
        if value is None:
            raise Invalid(f"plan.{name}", "a value that the DNA does not have", "one of its values")
        if trait.plays is None:
            continue
        paint: Words | None = value.paint
        if paint is None:
            motifs[trait.plays] = place * MOTIFS_PER_TRAIT + list(trait.values).index(values[name])
        else:
            parts[_PART[trait.plays]] = paint
            files.extend(paint.layer_files())
    return Scene(
        **parts,
        substances=collection.substances,
        layers={file: layers[file] for file in dict.fromkeys(files)},
        motif_seeds=motifs,
    )
