"""`monoprint check`: what a collection folder is, once nothing is wrong with it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.collection import published, store
from shared.collection.load import Draft, read_folder
from shared.collection.problems import InvalidCollection
from shared.prompting.capacity import capacity

_WIDTH = 80


def read(folder: Path) -> Draft:
    """The draft in a folder.

    Raises: `InvalidCollection` with everything that is wrong, each with its place as the caller can open it.
    """
    try:
        return read_folder(folder)
    except InvalidCollection as error:
        found = [replace(problem, file=f"{folder}/{problem.file}") for problem in error.problems]
        raise InvalidCollection(found) from error


def report(folder: Path) -> dict[str, Any]:
    """What an artist wants to know before publishing, as data and as lines to read. Raises as `read` does."""
    draft = read(folder)
    dna = draft.collection
    prints = capacity(dna)
    told: dict[str, Any] = {
        "collection": dna.slug,
        "name": dna.name,
        "digest": published.digest_of(store.files_of(dna, draft.layers)),
        "traits": {trait: len(said.values) for trait, said in dna.traits.items()},
        "rules": len(dna.rules),
        "layers": len(draft.layers),
        "prints": prints.genotypes,
        "prints_exact": prints.exact,
        "supply": dna.supply,
        "asks_for": list(dna.fields),
        "unused_layers": list(draft.unused),
    }
    lines = [
        f"{dna.name} ({dna.slug}) is well-formed.",
        *_row("traits", (f"{trait} {count}" for trait, count in told["traits"].items())),
        *_row("prints", [f"{prints} different ones, of which {dna.supply:,} may be pulled"]),
        *_row("asks for", dna.fields or ["nothing of a collector"]),
        *_row("rules", [str(len(dna.rules))]),
        *_row("layers", [f"{len(draft.layers)} drawn"]),
        *(_row("not used", draft.unused) if draft.unused else ()),
        *_row("digest", [told["digest"]]),
        f"Next: monoprint publish {folder}",
    ]
    return told | {"lines": lines}


def _row(name: str, items: Iterable[str]) -> list[str]:
    """A name and what belongs to it, wrapped beneath itself."""
    first, rest = f"  {name:<10}", " " * 12
    return textwrap.wrap(", ".join(items), _WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
