"""The aesthetic DNA of a collection, as `collection.yaml` writes it and as it is published.

Python knows no trait and no value: the order in which the artist declares them is all that ever counts, so that a
collection whose every name is replaced gives the same choices by position and the same picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Generic, Literal, Self, TypeVar, Union

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from shared.collection.problems import PHRASE_PATTERN, as_validation_error
from shared.collection.references import broken_references
from shared.collection.rules import ArtistName, Feature, Line, Number, Rule, Strict, Targets, Whole
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
from shared.profile.fields import FIELDS, ConsentField

MAX_LAYERS = 64
Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Phrase = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=PHRASE_PATTERN)]
Wei = Annotated[Whole, Field(ge=0, lt=2**256)]
Paint = TypeVar("Paint", bound=Words)


class Value(Strict, Generic[Paint]):
    """One value of a trait: how rare it is, what the image model is told, what the painter paints.

    `words` describe it in any script; a collector's own text is compared with them and with `prompt`. `requires` and
    `excludes` name values of other traits. `quota`: at most so many prints may wear it.
    """

    weight: Annotated[Number, Field(gt=0, le=1e6)] = 1.0
    prompt: Phrase
    words: Annotated[tuple[Line, ...], Field(max_length=64)] = ()
    quota: Annotated[Whole, Field(ge=1)] | None = None
    requires: Targets = Field(default_factory=dict)
    excludes: Targets = Field(default_factory=dict)
    paint: Paint | None = None


class Trait(Strict, Generic[Paint]):
    """A trait and its values. What it `plays` in the picture says how `paint` is read; a silent one only prompts."""

    plays: Role | None = None
    values: Annotated[dict[ArtistName, Value[Paint]], Field(min_length=1, max_length=64)]


class Unpainted(Words):
    """The paint of a trait that plays nothing: there is nothing to say."""


def _role(trait: Any) -> str:
    plays = trait.get("plays") if isinstance(trait, Mapping) else getattr(trait, "plays", None)
    return "none" if plays is None else str(plays)


AnyTrait = Annotated[
    Union[  # noqa: UP007 - a union of tagged types reads better spelled out
        Annotated[Trait[Form], Tag("form")],
        Annotated[Trait[Emblem], Tag("emblem")],
        Annotated[Trait[Palette], Tag("palette")],
        Annotated[Trait[Lighting], Tag("lighting")],
        Annotated[Trait[Composition], Tag("composition")],
        Annotated[Trait[SlotMap], Tag("material")],
        Annotated[Trait[Medium], Tag("medium")],
        Annotated[Trait[Accent], Tag("accent")],
        Annotated[Trait[Unpainted], Tag("none")],
    ],
    Discriminator(_role),
]


class Negative(Strict):
    """What must not be seen. Models that take guidance are told `text`; others `instead`, what is wanted in its place.

    `judged`: the eye refuses a picture that shows it, whichever model painted.
    """

    text: Phrase
    instead: Phrase | None = None
    judged: bool = False


class Review(Strict):
    """`sample`: the share of accepted pictures that a human looks at all the same."""

    sample: Annotated[Number, Field(ge=0, le=1)] = 0.05


class Consent(Strict):
    """How a collector is asked for one field. A field that is `required` is needed before anything is filed."""

    why: Line
    required: bool = False


Steered = Literal["preferences.likes", "preferences.text", "social.posts"]


STEERED_BY: Mapping[Steered, float] = {"preferences.likes": 6.0, "preferences.text": 3.0}


class Collection(Strict):
    """One aesthetic DNA. Whatever its parts name exists, and each role is played once at most."""

    slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
    name: ArtistName
    artist: ArtistName
    description: Text
    external_url: Annotated[str, StringConstraints(pattern=r"^https://[^\s<>\"'`{}\\]{1,500}$")] | None = None
    supply: Annotated[Whole, Field(ge=1, le=1_000_000_000)]
    publish_px: Annotated[Whole, Field(ge=256, le=3072)] = 1024
    price_wei: Wei = 0
    reroll_fee_wei: Wei = 0
    settlement: Literal["gift", "paid"] = "gift"
    daily_budget_usd: Annotated[Number, Field(ge=0, le=1_000_000)] = 10.0
    when_full: Literal["fallback", "wait", "refuse"] = "fallback"
    redraws: Annotated[Whole, Field(ge=0, le=10)] = 2
    review: Review = Review()
    negatives: Annotated[tuple[Negative, ...], Field(max_length=32)] = ()
    prompt: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    title: Annotated[str, StringConstraints(min_length=1, max_length=120)] = Field(
        description="what a print is called, with `{trait}` where that trait's value is to stand"
    )
    steered_by: dict[Steered, Annotated[Number, Field(ge=1, le=100)]] = Field(
        default_factory=lambda: dict(STEERED_BY),
        description="how many times as likely each may make a value, at most",
    )
    consent: dict[ConsentField, Consent] = Field(default_factory=dict)
    features: Annotated[dict[ArtistName, Feature], Field(max_length=64)] = Field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], Field(max_length=256)] = ()
    substances: Annotated[dict[SubstanceName, Substance], Field(max_length=128)] = Field(default_factory=dict)
    traits: Annotated[dict[ArtistName, AnyTrait], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if flaws := tuple(broken_references(self)):
            raise as_validation_error("Collection", flaws)
        return self

    @property
    def fields(self) -> tuple[ConsentField, ...]:
        """What this DNA can read of a collector, and so what they are asked for. Nothing else is kept."""
        used: set[str] = {feature.field for feature in self.features.values()}
        used |= {rule.when.rank.of for rule in self.rules if rule.when.rank is not None} | set(self.steered_by)
        return tuple(field for field in FIELDS if field in used)

    @property
    def daily_budget_microusd(self) -> int:
        return round(self.daily_budget_usd * 1_000_000)

    @property
    def required_fields(self) -> tuple[ConsentField, ...]:
        return tuple(field for field in self.fields if (asked := self.consent.get(field)) and asked.required)

    def each_value(self) -> Iterator[tuple[str, str, Value[Any]]]:
        """(trait, value, what it is), in the order of the DNA."""
        for trait, traits in self.traits.items():
            for name, value in traits.values.items():
                yield trait, name, value

    def layer_files(self) -> tuple[str, ...]:
        """Every layer that some value paints with, once, in the order of the DNA."""
        painted = (value.paint.layer_files() for _, _, value in self.each_value() if value.paint is not None)
        return tuple(dict.fromkeys(file for files in painted for file in files))
