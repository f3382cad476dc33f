"""Reads a layer: an SVG that may hold shapes and nothing else.

An artist's SVG comes from outside, so it is rebuilt here from an allow-list instead of being cleaned: elements,
attributes and number syntax that are not listed are refused, with file, line and column. No DTD, entity, script,
reference, style sheet, text or picture can reach a rasteriser, since what it gets is written by `_Reader` alone.

This module imports nothing heavy: loading a collection needs it where no picture is ever painted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NoReturn, cast, get_args
from xml.parsers import expat

from shared.errors import Invalid

Profile = Literal["bevel", "dome", "chisel", "feather", "tube", "bowl", "flat", "cut"]
PROFILES: tuple[str, ...] = get_args(Profile)

MAX_BYTES = 512 * 1024
MAX_NODES = 5_000
MAX_PARTS = 256
MAX_DEPTH = 12
MAX_NUMBER = 1e5
NAMESPACE = "http://www.w3.org/2000/svg"

# Possessive throughout (`++`, `*+`): a hostile attribute must not send the matcher into exponential backtracking.
_NUMBER = r"[+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?+\d{1,3}+)?+"
_NUMBERS = re.compile(_NUMBER, re.ASCII)
_PATH = re.compile(rf"(?:[MmLlHhVvCcSsQqTtAaZz]|{_NUMBER}|[\s,])*+", re.ASCII)
_LIST = re.compile(rf"(?:{_NUMBER}|[\s,])*+", re.ASCII)
_TRANSFORM = re.compile(
    rf"(?:(?:matrix|translate|scale|rotate|skewX|skewY)\s*+\((?:{_NUMBER}|[\s,])++\)|[\s,])*+", re.ASCII
)
_PAINT = re.compile(r"none|black|white|#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6}", re.ASCII)
_SLOT = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_ANCHOR = re.compile(r"data-anchor-[a-z][a-z0-9_]{0,31}", re.ASCII)

_SHAPES: Mapping[str, frozenset[str]] = {
    "path": frozenset({"d"}),
    "circle": frozenset({"cx", "cy", "r"}),
    "ellipse": frozenset({"cx", "cy", "rx", "ry"}),
    "rect": frozenset({"x", "y", "width", "height", "rx", "ry"}),
    "line": frozenset({"x1", "y1", "x2", "y2"}),
    "polyline": frozenset({"points"}),
    "polygon": frozenset({"points"}),
}
_SIZES = frozenset({"r", "rx", "ry", "width", "height", "stroke-width", "stroke-miterlimit"})
_LENGTHS = _SIZES | {"cx", "cy", "x", "y", "x1", "y1", "x2", "y2"}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "fill-rule": ("nonzero", "evenodd"),
    "stroke-linecap": ("butt", "round", "square"),
    "stroke-linejoin": ("miter", "round", "bevel"),
}
_STYLE = frozenset({"fill", "stroke", "stroke-width", "stroke-miterlimit", "transform", *_CHOICES})
_IGNORED = frozenset({"id", "class"})
_ROOT = frozenset({"viewBox", "width", "height", "version"})
_RANGES: Mapping[str, tuple[float, float, float]] = {  # attribute: default, least, most
    "data-h": (20.0, 0.0, 400.0),
    "data-r": (12.0, 0.0, 500.0),
    "data-z": (4.0, -200.0, 400.0),
    "data-follow": (1.0, 0.0, 1.0),
    "data-depth": (0.5, 0.0, 1.0),
}
_PART = frozenset({"data-slot", "data-profile", *_RANGES})


@dataclass(frozen=True, slots=True)
class Part:
    """One plate of a layer: shapes of one substance with one relief.

    `h` is how high its profile rises, `r` over what distance from its edge, `z` how far the whole plate is lifted,
    all in canvas units; `follow` how closely it hugs what lies under it, 0 to 1; `depth` how distant it is in a
    scenery, 1 = farthest. `xml` is a `<g>` of shapes without any reference.
    """

    slot: str
    profile: Profile
    h: float
    r: float
    z: float
    follow: float
    depth: float
    xml: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of 1000 x 1000 units: its parts in painter's order and its anchors, name -> (x, y, size)."""

    name: str
    parts: tuple[Part, ...]
    anchors: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


def read_layer(name: str, data: bytes) -> Layer:
    """The layer in `data`; raises Invalid with `file:line:column` for whatever is not on the allow-list."""
    if len(data) > MAX_BYTES:
        raise Invalid(f"{name}:1:0", f"{len(data)} bytes", f"at most {MAX_BYTES} bytes")
    if b"\x00" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Invalid(f"{name}:1:0", "UTF-16, UTF-32 or NUL bytes", "UTF-8 text")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1)
        raise Invalid(f"{name}:{line}:{column}", "bytes that are not UTF-8", "UTF-8 text") from None
    return _Reader(name).read(data)


class _Reader:
    """Follows the parser's events and writes each part anew from what is allowed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parser = expat.ParserCreate(encoding="UTF-8", namespace_separator=" ")
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.XmlDeclHandler = self.declaration
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.ProcessingInstructionHandler = self.instruction
        self.parser.StartNamespaceDeclHandler = self.namespace
        self.parser.buffer_text = True
        self.nodes = 0
        self.depth = 0
        self.parts: list[Part] = []
        self.anchors: dict[str, tuple[float, float, float]] = {}
        self.head: dict[str, str] = {}
        self.xml: list[str] = []
        self.shapes = 0

    def read(self, data: bytes) -> Layer:
        try:
            self.parser.Parse(data, True)
        except expat.ExpatError as error:
            where = f"{self.name}:{error.lineno}:{error.offset}"
            raise Invalid(where, expat.errors.messages[error.code], "a well-formed SVG document") from None
        if not self.parts:
            self.refuse("no part", '<g data-slot="..."> with shapes in it')
        return Layer(self.name, tuple(self.parts), dict(self.anchors))

    def refuse(self, got: str, wanted: str) -> NoReturn:
        shown = got if len(got) <= 60 else got[:57] + "..."
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber
        raise Invalid(f"{self.name}:{line}:{column}", shown, wanted)

    # Events ---------------------------------------------------------------------------------------------------------

    def declaration(self, _: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.upper() not in ("UTF-8", "UTF8", "US-ASCII"):
            self.refuse(f"encoding {encoding}", "UTF-8")

    def doctype(self, *_: object) -> None:
        self.refuse("a document type declaration", "no DTD and no entities")

    def instruction(self, target: str, _: str) -> None:
        self.refuse(f"the processing instruction {target}", "none")

    def namespace(self, _: str | None, uri: str | None) -> None:
        if uri != NAMESPACE:
            self.refuse(f"the namespace {uri}", f"only {NAMESPACE}")

    def text(self, data: str) -> None:
        if data.strip():
            self.refuse(f"the text {data.strip()!r}", "shapes, no text")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_NODES:
            self.refuse(f"more than {MAX_NODES} elements", f"at most {MAX_NODES}")
        if self.depth > MAX_DEPTH:
            self.refuse(f"elements nested {self.depth} deep", f"at most {MAX_DEPTH}")
        namespace, _, tag = name.rpartition(" ")
        if namespace != NAMESPACE:
            self.refuse(f"<{tag}> of no namespace or another", f'elements of xmlns="{NAMESPACE}"')
        if self.depth == 1:
            self.root(tag, attributes)
        elif self.depth == 2:
            self.part(tag, attributes)
        else:
            self.inner(tag, attributes)

    def end(self, name: str) -> None:
        self.depth -= 1
        if self.depth == 0:
            return
        if self.depth > 1:
            if name.endswith(" g"):
                self.xml.append("</g>")
            return
        if not self.shapes:
            self.refuse("a part without shapes", f"one of {', '.join(_SHAPES)} in it")
        self.xml.append("</g>")
        values = {
            key: self.number(key, self.head.get(key, str(default)), low, high)
            for key, (default, low, high) in _RANGES.items()
        }
        profile = cast(Profile, self.head.get("data-profile", "bevel"))
        self.parts.append(
            Part(
                self.head["data-slot"], profile, values["data-h"], values["data-r"], values["data-z"],
                values["data-follow"], values["data-depth"], "".join(self.xml),
            )
        )  # fmt: skip
        if len(self.parts) > MAX_PARTS:
            self.refuse(f"more than {MAX_PARTS} parts", f"at most {MAX_PARTS}")

    # Elements -------------------------------------------------------------------------------------------------------

    def root(self, tag: str, attributes: dict[str, str]) -> None:
        if tag != "svg":
            self.refuse(f"<{tag}>", "<svg>")
        for key, value in attributes.items():
            if _ANCHOR.fullmatch(key):
                x, y, size = self.numbers(key, value, 3)
                if not (-500 <= x <= 1500 and -500 <= y <= 1500 and 1 <= size <= 2000):
                    self.refuse(f'{key}="{value}"', "x and y within -500..1500, size within 1..2000")
                self.anchors[key.removeprefix("data-anchor-")] = (x, y, size)
            elif key not in _ROOT and key not in _IGNORED:
                self.refuse(f"the attribute {key}", "viewBox, data-anchor-*")
        box = attributes.get("viewBox", "")
        if box.replace(",", " ").split() != ["0", "0", "1000", "1000"]:
            self.refuse(f'viewBox="{box}"', 'viewBox="0 0 1000 1000"')

    def part(self, tag: str, attributes: dict[str, str]) -> None:
        if tag != "g":
            self.refuse(f"<{tag}>", "<g data-slot=...> directly under <svg>")
        slot, profile = attributes.get("data-slot", ""), attributes.get("data-profile", "bevel")
        if not _SLOT.fullmatch(slot):
            self.refuse(f'data-slot="{slot}"', "a slot: a lower-case letter, then letters, digits or _, 32 at most")
        if profile not in PROFILES:
            self.refuse(f'data-profile="{profile}"', f"one of {', '.join(PROFILES)}")
        self.head = {key: value for key, value in attributes.items() if key in _PART}
        for key in self.head.keys() & _RANGES.keys():
            _, low, high = _RANGES[key]
            self.number(key, self.head[key], low, high)
        self.xml = [self.written("g", {key: value for key, value in attributes.items() if key not in _PART}, ">")]
        self.shapes = 0

    def inner(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "g":
            self.xml.append(self.written("g", attributes, ">"))
        elif tag in _SHAPES:
            self.shapes += 1
            self.xml.append(self.written(tag, attributes, "/>"))
        else:
            self.refuse(f"<{tag}>", f"only g, {', '.join(_SHAPES)}")

    # Attributes -----------------------------------------------------------------------------------------------------

    def written(self, tag: str, attributes: dict[str, str], close: str) -> str:
        allowed = _SHAPES.get(tag, frozenset())
        words = [f"<{tag}"]
        for key, value in attributes.items():
            if key in _IGNORED:
                continue
            if key not in allowed and key not in _STYLE:
                self.refuse(f"the attribute {key} of <{tag}>", f"only {', '.join(sorted(allowed | _STYLE))}")
            self.check(key, value)
            words.append(f'{key}="{value.strip()}"')
        return " ".join(words) + close

    def check(self, key: str, value: str) -> None:
        if key in ("fill", "stroke"):
            if not _PAINT.fullmatch(value):
                self.refuse(f'{key}="{value}"', "none, black, white or #rrggbb: only the shape counts")
        elif key in _CHOICES:
            if value not in _CHOICES[key]:
                self.refuse(f'{key}="{value}"', f"one of {', '.join(_CHOICES[key])}")
        elif key in _LENGTHS:
            self.number(key, value, 0.0 if key in _SIZES else -MAX_NUMBER, MAX_NUMBER)
        else:
            pattern = {"d": _PATH, "transform": _TRANSFORM, "points": _LIST}[key]
            if not pattern.fullmatch(value):
                self.refuse(f'{key}="{value}"', "path commands and numbers" if key == "d" else "plain numbers")
            for number in _NUMBERS.findall(value):
                self.number(key, number, -MAX_NUMBER, MAX_NUMBER)

    def numbers(self, key: str, value: str, count: int) -> list[float]:
        words = value.replace(",", " ").split()
        if len(words) != count:
            self.refuse(f'{key}="{value}"', f"{count} numbers")
        return [self.number(key, word, -MAX_NUMBER, MAX_NUMBER) for word in words]

    def number(self, key: str, value: str, low: float, high: float) -> float:
        number = float(value) if _NUMBERS.fullmatch(value.strip()) else math.nan
        if not low <= number <= high:
            self.refuse(f'{key}="{value}"', f"a number within {low:g}..{high:g}")
        return number
