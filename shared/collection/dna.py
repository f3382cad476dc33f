"""The aesthetic DNA as the stops read it: everything that it says but how it is painted.

Of nine stops none paints, and the painter's words are most of a DNA. What was published was checked then as a whole
(`shared.collection.schema`), so here they are passed over, unread.

Python knows no trait and no value: the order in which the artist declares them is all that ever counts, so that a
collection whose every name is replaced gives the same choices by position and the same picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from shared.collection.problems import PHRASE_PATTERN
from shared.collection.rules import ArtistName, Feature, Line, Number, Rule, Strict, Targets, Whole
from shared.profile.fields import FIELDS, ConsentField

Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Phrase = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=PHRASE_PATTERN)]
Wei = Annotated[Whole, Field(ge=0, lt=2**256)]


class Value(Strict, extra="ignore"):
    """One value of a trait: how rare it is, and what the image model is told.

    `words` describe it in any script; a collector's own text is compared with them and with `prompt`. `requires` and
    `excludes` name values of other traits. `quota`: at most so many prints may wear it.
    """

    weight: Annotated[Number, Field(gt=0, le=1e6)] = 1.0
    prompt: Phrase
    words: Annotated[tuple[Line, ...], Field(max_length=64)] = ()
    quota: Annotated[Whole, Field(ge=1)] | None = None
    requires: Targets = Field(default_factory=dict)
    excludes: Targets = Field(default_factory=dict)


class Trait(Strict, extra="ignore"):
    """A trait and its values. What it `plays` is the painter's; a silent one only prompts."""

    plays: str | None = None
    values: Mapping[ArtistName, Value]


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


class Dna(Strict, extra="ignore"):
    """One aesthetic DNA."""

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
    review: Review = Field(default_factory=Review)
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
    substances: Mapping[str, Any] = Field(default_factory=dict, description="what surfaces are made of: the painter's")
    traits: Mapping[ArtistName, Trait]

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

    def each_value(self) -> Iterator[tuple[str, str, Value]]:
        """(trait, value, what it is), in the order of the DNA."""
        for trait, traits in self.traits.items():
            for name, value in traits.values.items():
                yield trait, name, value
