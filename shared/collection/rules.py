"""How a collector moves the choice: features measure what was shared, rules turn them into what is chosen.

Thresholds are written in the unit of the source (hours, days, a count), as an artist thinks; the same feature, put
between 0 and 1 by its scale, is what a planner sees.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from shared.collection.problems import LINE_PATTERN, NAME_PATTERN, flawed
from shared.model import Model
from shared.profile.fields import NAMED, PATHS_WANTED, TEXTS, ConsentField, gives_a_number, split

ArtistName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""What an artist calls a trait, a value, a rule: any script, at most 80 characters, no braces, no line breaks."""


PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
"""A trait's name in a template, in braces."""


class Strict(Model, allow_inf_nan=False, populate_by_name=True):
    """The base of the DNA's models: unknown fields are refused, numbers are finite, nothing changes afterwards."""


def not_a_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise flawed(f"the flag {str(value).lower()}", "a number")
    return value


Number = Annotated[float, BeforeValidator(not_a_flag)]
Whole = Annotated[int, BeforeValidator(not_a_flag)]


def _a_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Values = Annotated[tuple[ArtistName, ...], BeforeValidator(_a_list), Field(min_length=1, max_length=64)]
Targets = dict[ArtistName, Values]
"""trait -> the values of it that are meant; one value may be written without a list."""

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE_PATTERN)]


class Feature(Strict):
    """One number in [0, 1], made from one shared field.

    `scale` [low, high] is linear between the two, `log` [low, high] the same on a logarithmic scale (for what spreads
    over decades), `steps` [a, b, c] climbs by equal parts as each is reached. `like`: for free text, how near it
    comes to any of these descriptions, in any script; then no scale is needed.
    """

    source: str = Field(alias="from")
    scale: tuple[Number, Number] | None = None
    log: tuple[Number, Number] | None = None
    steps: Annotated[tuple[Number, ...], Field(min_length=1, max_length=16)] | None = None
    like: Annotated[tuple[Line, ...], Field(min_length=1, max_length=32)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        ways = [w for w in (self.scale, self.log, self.steps, self.like) if w is not None]
        if len(ways) != 1:
            raise flawed(f"{len(ways)} of them", "one of scale, log, steps (or like, for text)")
        if self.like is not None:
            if self.source not in TEXTS:
                raise flawed(f"like on {self.source!r}", f"like on {' or '.join(TEXTS)}")
        elif not gives_a_number(self.source):
            raise flawed(repr(self.source), PATHS_WANTED)
        if self.scale and not self.scale[0] < self.scale[1]:
            raise flawed(f"scale {list(self.scale)}", "[low, high] with low < high")
        if self.log and not 0 < self.log[0] < self.log[1]:
            raise flawed(f"log {list(self.log)}", "[low, high] with 0 < low < high")
        if self.steps and any(a >= b for a, b in zip(self.steps, self.steps[1:], strict=False)):
            raise flawed(f"steps {list(self.steps)}", "ascending numbers")
        return self

    @property
    def field(self) -> ConsentField:
        """What the collector must have consented to."""
        return split(self.source)[0]


class Rank(Strict):
    """The n-th most used name of a field, among the names that the rule's `cases` list."""

    of: ConsentField
    nth: Annotated[Whole, Field(ge=1, le=8)] = 1

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.of not in NAMED:
            raise flawed(repr(self.of), f"one of {', '.join(sorted(NAMED))}")
        return self


class When(Strict):
    """What must hold. A feature without a bound moves a favour in proportion: the more of it, the stronger."""

    feature: ArtistName | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    between: tuple[Number, Number] | None = None
    rank: Rank | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.feature is None) == (self.rank is None):
            raise flawed("both or neither", "either feature or rank")
        bounds = [b for b in (self.at_least, self.at_most, self.between) if b is not None]
        if self.rank is not None and bounds:
            raise flawed("a bound on a rank", "no at_least, at_most, between beside rank")
        if self.between is not None and (len(bounds) > 1 or self.between[0] > self.between[1]):
            raise flawed(f"between {list(self.between)}", "[low, high] with low <= high and no other bound")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise flawed(f"at_least {self.at_least:g}, at_most {self.at_most:g}", "at_least <= at_most")
        return self

    @property
    def bounds(self) -> tuple[float, float] | None:
        """[low, high] in the unit of the source, or None for a feature that acts in proportion."""
        if self.between is not None:
            return self.between
        if self.at_least is None and self.at_most is None:
            return None
        low = float("-inf") if self.at_least is None else self.at_least
        return low, float("inf") if self.at_most is None else self.at_most


class Rule(Strict):
    """When something holds, then these values: as the only ones (`must`), or `factor` times as likely (`favour`).

    `because` is what the collector reads; of a rank's rule `{case}` in it becomes the name that was found.
    """

    name: ArtistName
    when: When
    then: Targets = Field(default_factory=dict)
    cases: dict[ArtistName, Targets] = Field(default_factory=dict, max_length=64)
    strength: Literal["must", "favour"] = "favour"
    factor: Annotated[Number, Field(gt=1, le=1000)] = 4.0
    because: Line

    @model_validator(mode="after")
    def _shape(self) -> Self:
        if self.when.rank is not None:
            if not self.cases or self.then:
                raise flawed("then" if self.then else "no cases", "cases: {NAME: {trait: value}} beside rank")
        elif not self.then or self.cases:
            raise flawed("cases" if self.cases else "no then", "then: {trait: value} beside feature")
        if self.strength == "must" and self.when.feature is not None and self.when.bounds is None:
            raise flawed("must without a bound", "at_least, at_most or between; only a favour acts in proportion")
        return self
