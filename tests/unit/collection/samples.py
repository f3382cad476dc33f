"""What the tests of collections, profiles and prompts share: a tiny DNA, the examples, and blobs in a dict."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from shared.collection.load import Draft, read_folder
from shared.collection.schema import Collection
from shared.errors import NotFound

EXAMPLES = Path(__file__).parents[3] / "shared" / "collection" / "examples"
NAMES = ("ember-order", "weather-portraits")
OWNER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

TINY: dict[str, Any] = {
    "slug": "tiny",
    "name": "Tiny",
    "artist": "A. Nobody",
    "description": "Two shapes, two colours.",
    "supply": 4,
    "prompt": "a {shape}, {colour}",
    "title": "A print",
    "traits": {
        "shape": {"values": {"round": {"prompt": "circle"}, "square": {"prompt": "square block"}}},
        "colour": {"values": {"red": {"prompt": "warm red"}, "blue": {"prompt": "deep blue"}}},
    },
}

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000">
<g data-slot="body"><circle cx="500" cy="500" r="300"/></g>
</svg>"""


def tiny(**changes: Any) -> Collection:
    """The tiny DNA with some of its top-level fields replaced."""
    return Collection.model_validate({**copy.deepcopy(TINY), **changes})


def grid(traits: int, values: int, **changes: Any) -> Collection:
    """A DNA of so many traits t0.. with so many values v0.. each."""
    dna = {f"t{t}": {"values": {f"v{v}": {"prompt": f"p{t} {v}"} for v in range(values)}} for t in range(traits)}
    return tiny(traits=dna, prompt="{t0}", supply=1, **changes)


@cache
def draft(name: str) -> Draft:
    return read_folder(EXAMPLES / name)


def example(name: str) -> Collection:
    return draft(name).collection


def bodies(name: str) -> list[dict[str, Any]]:
    """The example collectors as their files have them, in the order of their file names."""
    return [json.loads(file.read_text("utf-8")) for file in sorted((EXAMPLES / name / "collectors").glob("*.json"))]


class DictBlobs:
    """Blobs in memory; counts reads."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.reads = 0

    def put(self, key: str, data: bytes, *, content_type: str = "application/octet-stream") -> bool:
        return self.kept.setdefault(key, data) is data

    def get(self, key: str) -> bytes:
        self.reads += 1
        if key not in self.kept:
            raise NotFound(key)
        return self.kept[key]

    def exists(self, key: str) -> bool:
        return key in self.kept

    def keys(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key in self.kept if key.startswith(prefix)))

    def close(self) -> None:
        """Nothing is held."""

    def presign(self, key: str, *, expires_s: int = 900, filename: str | None = None) -> str:
        return f"memory:{key}"
