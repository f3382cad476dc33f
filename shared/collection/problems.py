"""What is wrong with a collection, or with what a collector sent: where it stands, what was got, what was wanted.

A pydantic error is turned into these words in one place, so that an artist and a caller read the same language.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, ValidationError

from shared.errors import Rejected

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. `line` and `column` count from 1; 0 where a file as a whole is meant."""

    file: str
    line: int
    column: int
    field: str
    got: str
    wanted: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.field + ': ' if self.field else ''}got {self.got}, wanted {self.wanted}"


class InvalidCollection(Rejected):
    """A collection that cannot be used, with everything that is wrong with it at once."""

    code = "invalid_collection"
    status = 400

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def dotted(loc: Iterable[str | int]) -> str:
    """`traits.form.values.Helm.paint.at[0]`: a path as people write it."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


@dataclass(frozen=True, slots=True)
class Flaw:
    """A reference inside a model that leads nowhere, before it is known where in which file it stands."""

    loc: Loc
    got: str
    wanted: str


def flawed(got: str, wanted: str) -> PydanticCustomError:
    """The error that a validator of ours raises; `phrase` reads it back."""
    return PydanticCustomError("flaw", "got {got}, wanted {wanted}", {"got": got, "wanted": wanted})


def as_validation_error(title: str, flaws: Iterable[Flaw]) -> ValidationError:
    """All `flaws` as one pydantic error, each at its own place."""
    details = [InitErrorDetails(type=flawed(f.got, f.wanted), loc=f.loc, input=None) for f in flaws]
    return ValidationError.from_exception_data(title, details)


def one_of(names: Iterable[str], got: str = "") -> str:
    """`one of a, b, c`, the likeliest first when `got` looks like a slip of the pen."""
    names = list(names)
    near = difflib.get_close_matches(got, names, n=1, cutoff=0.6)
    if near:
        return f"{near[0]!r}? One of {', '.join(names[:24])}"
    return f"one of {', '.join(names[:24])}{', ...' if len(names) > 24 else ''}" if names else "none here"


def shown(value: Any) -> str:
    """A value of the artist's, short and printable."""
    if isinstance(value, Mapping):
        return f"a mapping of {len(value)}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def sized(value: Any) -> str:
    """A value of a collector's, by kind and size alone: what they wrote is repeated nowhere."""
    if isinstance(value, str):
        return f"a text of {len(value)} character{'s' * (len(value) != 1)}"
    if isinstance(value, bool | int | float):
        return f"the {'flag' if isinstance(value, bool) else 'number'} {value}"
    return shown(value) if value is None or isinstance(value, Mapping | list | tuple) else f"a {type(value).__name__}"


_LIMITS = {"string_too_long": "most", "too_long": "most", "string_too_short": "least", "too_short": "least"}
NAME_PATTERN = r"^[^\s{}\x00-\x1f\x7f](?:[^{}\x00-\x1f\x7f]{0,78}[^\s{}\x00-\x1f\x7f])?$"
LINE_PATTERN = r"^[^\x00-\x1f\x7f]+$"
PHRASE_PATTERN = r"^[^{}\x00-\x1f\x7f]+$"
PATTERNS = {
    NAME_PATTERN: "a name: 1 to 80 characters, no braces, no line break, no space at its ends",
    LINE_PATTERN: "one line of text",
    PHRASE_PATTERN: "one line of text without braces",
}
"""Patterns of ours, in words."""

_KINDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "a mapping",
    "model": "a mapping",
    "tuple": "a list",
    "list": "a list",
    "mapping": "a mapping",
    "none": "nothing",
}


def phrase(error: ErrorDetails, *, private: bool = False) -> tuple[str, str]:
    """(got, wanted) of one pydantic error. `private` never repeats the value."""
    context = error.get("ctx", {})
    kind = error["type"]
    say = sized if private else shown
    if kind == "flaw":
        return str(context["got"]), str(context["wanted"])
    if kind == "missing":
        return "nothing", "a value: it is required"
    if kind == "extra_forbidden":
        return "an unknown field", "only known fields"
    if kind == "union_tag_invalid":
        return repr(context.get("tag")), f"one of {context['expected_tags']}"
    if kind in ("literal_error", "enum"):
        return say(error["input"]), f"one of {context['expected']}"
    if kind == "string_pattern_mismatch":
        return say(error["input"]), PATTERNS.get(context["pattern"], f"text that fits {context['pattern']}")
    if kind in _LIMITS:
        counted = {"string": "characters", "bytes": "bytes"}.get(kind.partition("_")[0], "entries")
        return say(
            error["input"]
        ), f"at {_LIMITS[kind]} {context.get('max_length', context.get('min_length'))} {counted}"
    if kind in ("value_error", "assertion_error"):
        return say(error["input"]), str(context.get("error", error["msg"])).removeprefix("wanted ")
    stem, _, how = kind.rpartition("_")
    if how == "type" and stem in _KINDS:
        return say(error["input"]), _KINDS[stem]
    wanted = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return say(error["input"]), wanted[0].lower() + wanted[1:]


def known_fields(model: type[BaseModel], loc: Loc) -> list[str]:
    """What may stand where `loc` names an unknown field: read off the model's own annotations."""
    here: Any = model
    for part in loc[:-1]:
        if isinstance(here, type) and issubclass(here, BaseModel):
            found = [f for name, f in here.model_fields.items() if part in (name, f.alias)]
            here = found[0].annotation if found else here
        elif get_origin(here) in (dict, tuple):
            arguments = get_args(here)
            here = arguments[1] if get_origin(here) is dict else arguments[0]
        here = _innermost(here, part)
    if isinstance(here, type) and issubclass(here, BaseModel):
        return [f.alias or name for name, f in here.model_fields.items()]
    return []


def _innermost(annotation: Any, part: str | int) -> Any:
    """Through Annotated and Union: of several models the one whose tag is `part`, else the first."""
    while True:
        if hasattr(annotation, "__metadata__"):
            annotation = annotation.__origin__
            continue
        options = [a for a in get_args(annotation) if a is not type(None)]
        if get_origin(annotation) in (dict, tuple) or not options or isinstance(annotation, type):
            return annotation
        tagged = [o for o in options if any(getattr(m, "tag", None) == part for m in getattr(o, "__metadata__", ()))]
        if not tagged and any(hasattr(o, "__metadata__") for o in options):
            return annotation
        annotation = (tagged or options)[0]
