"""A whole collection, as `collection.yaml` writes it and as it is published: the DNA with its paint, checked as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Generic, Self, TypeVar, Union

from pydantic import Discriminator, Field, Tag, model_validator

from shared.collection.dna import Dna, Trait, Value
from shared.collection.problems import as_validation_error
from shared.collection.references import broken_references
from shared.collection.rules import ArtistName
from shared.painting.vocabulary import (
    Accent,
    Composition,
    Emblem,
    Form,
    Lighting,
    Medium,
    Palette,
    Role,
    SlotMap,
    Substance,
    SubstanceName,
    Words,
)

MAX_LAYERS = 64
Paint = TypeVar("Paint", bound=Words)


class PaintedValue(Value, Generic[Paint], extra="forbid"):
    """A value with what the painter paints of it; without `paint` the painter invents a motif."""

    paint: Paint | None = None


class PaintedTrait(Trait, Generic[Paint], extra="forbid"):
    """What the trait `plays` in the picture says how the `paint` of its values is read."""

    plays: Role | None = None
    values: Annotated[dict[ArtistName, PaintedValue[Paint]], Field(min_length=1, max_length=64)]


class Unpainted(Words):
    """The paint of a trait that plays nothing: there is nothing to say."""


def _role(trait: Any) -> str:
    plays = trait.get("plays") if isinstance(trait, Mapping) else getattr(trait, "plays", None)
    return "none" if plays is None else str(plays)


AnyTrait = Annotated[
    Union[  # noqa: UP007 - a union of tagged types reads better spelled out
        Annotated[PaintedTrait[Form], Tag("form")],
        Annotated[PaintedTrait[Emblem], Tag("emblem")],
        Annotated[PaintedTrait[Palette], Tag("palette")],
        Annotated[PaintedTrait[Lighting], Tag("lighting")],
        Annotated[PaintedTrait[Composition], Tag("composition")],
        Annotated[PaintedTrait[SlotMap], Tag("material")],
        Annotated[PaintedTrait[Medium], Tag("medium")],
        Annotated[PaintedTrait[Accent], Tag("accent")],
        Annotated[PaintedTrait[Unpainted], Tag("none")],
    ],
    Discriminator(_role),
]


class Collection(Dna, extra="forbid"):
    """One aesthetic DNA with all its paint. Whatever its parts name exists, and each role is played once at most."""

    substances: Annotated[dict[SubstanceName, Substance], Field(max_length=128)] = Field(default_factory=dict)
    traits: Annotated[dict[ArtistName, AnyTrait], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if flaws := tuple(broken_references(self)):
            raise as_validation_error("Collection", flaws)
        return self

    def each_value(self) -> Iterator[tuple[str, str, PaintedValue[Any]]]:
        for trait, traits in self.traits.items():
            for name, value in traits.values.items():
                yield trait, name, value

    def layer_files(self) -> tuple[str, ...]:
        """Every layer that some value paints with, once, in the order of the DNA."""
        painted = (value.paint.layer_files() for _, _, value in self.each_value() if value.paint is not None)
        return tuple(dict.fromkeys(file for files in painted for file in files))
