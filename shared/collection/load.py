"""Reads a collection folder, and says everything that is wrong with it at once, each with file, line and column.

A folder holds `collection.yaml` (the DNA) and `art/*.svg` (its layers). Beside them may lie `collectors/*.json`
(examples), `references/` (pictures that are on brand), `lora/*.safetensors`, a README and a licence; whatever else is
there is named, since a misspelled file is a part that silently goes missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from shared.collection.problems import (
    Flaw,
    InvalidCollection,
    Loc,
    Problem,
    known_fields,
    one_of,
    phrase,
)
from shared.collection.references import missing_layers
from shared.collection.schema import MAX_LAYERS, Collection
from shared.collection.yaml_nodes import Document
from shared.errors import Invalid
from shared.painting.svg import Layer, read_layer
from shared.painting.vocabulary import VOCABULARY
from shared.prompting.capacity import contradictions

DNA = "collection.yaml"
ART = "art/"
"""Stands for the folder as a whole, when its limits are passed and none of its layers was read."""
MAX_DNA_BYTES = 512 * 1024
MAX_TOTAL_BYTES = 8 * 1024 * 1024
_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "art": (".svg",),
    "collectors": (".json",),
    "references": (".png", ".jpg", ".jpeg", ".webp", ".txt", ".md"),
    "lora": (".safetensors", ".txt", ".md"),
}
_TAGS = frozenset({*VOCABULARY, "none"})
_LAYER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\.svg", re.ASCII)


@dataclass(frozen=True, slots=True)
class Draft:
    """A collection that was checked and is not published yet. `layers`: file name -> its bytes, those in use only."""

    collection: Collection
    layers: Mapping[str, bytes]
    unused: tuple[str, ...] = ()


def read_folder(path: Path) -> Draft:
    """The collection in `path`.

    Raises: `InvalidCollection` with every problem that was found.
    """
    problems = list(_listing(path))
    if any(problem.file == DNA for problem in problems) or not path.is_dir():
        raise InvalidCollection(problems)
    document = Document(DNA, _read(path / DNA))
    problems += document.problems
    files = _art(path, problems)
    layers: dict[str, Layer] = {}
    for name, data in files.items():
        try:
            layers[name] = read_layer(name, data)
        except Invalid as error:
            problems.append(_in_art(error))
    collection = None
    if document.data is not None:
        try:
            collection = Collection.model_validate(document.data)
        except ValidationError as error:
            problems += _in_yaml(document, error)
    if collection is not None and not any(problem.file == ART for problem in problems):
        seen = set(layers) | {Path(problem.file).name for problem in problems}
        flaws = [flaw for flaw in missing_layers(collection, layers) if flaw.got.removeprefix("layer ") not in seen]
        problems += [_placed(document, flaw) for flaw in (*flaws, *contradictions(collection))]
    if problems or collection is None:
        raise InvalidCollection(sorted(problems, key=lambda p: (p.file != DNA, p.file, p.line, p.column)))
    used = collection.layer_files()
    unused = tuple(name for name in files if name not in used)
    return Draft(collection, {name: files[name] for name in used}, unused)


def check(path: Path) -> tuple[Problem, ...]:
    """What is wrong with the folder; nothing when it can be published."""
    try:
        read_folder(path)
    except InvalidCollection as error:
        return error.problems
    return ()


def _listing(path: Path) -> Iterator[Problem]:
    """What lies in the folder and should not, or is missing, or is not a plain file."""
    if not path.is_dir():
        yield Problem(str(path.name), 0, 0, "", "no folder", f"a folder with {DNA} and art/*.svg")
        return
    if not (path / DNA).is_file():
        near = [entry.name for entry in path.iterdir() if entry.suffix in (".yaml", ".yml")]
        yield Problem(DNA, 0, 0, "", f"no such file{f' (but {near[0]})' if near else ''}", "the collection's DNA")
        return  # most likely another folder is meant: what else lies here is no fault of it
    for entry in sorted(path.iterdir()):
        name = entry.name
        if name.startswith("."):
            continue
        if entry.is_symlink():
            yield Problem(name, 0, 0, "", "a symbolic link", "a file or folder of its own")
        elif entry.is_dir() and name in _FOLDERS:
            yield from _inside(entry, _FOLDERS[name])
        elif entry.is_dir():
            yield Problem(name + "/", 0, 0, "", "an unexpected folder", one_of(_FOLDERS, name))
        elif name != DNA and entry.suffix.lower() not in (".md", ".txt") and name.upper() != "LICENSE":
            yield Problem(name, 0, 0, "", "an unexpected file", f"{DNA}, a README, a licence; layers go into art/")
    if (path / DNA).is_file() and (size := (path / DNA).stat().st_size) > MAX_DNA_BYTES:
        yield Problem(DNA, 0, 0, "", f"{size} bytes", f"at most {MAX_DNA_BYTES}")


def _inside(folder: Path, endings: tuple[str, ...]) -> Iterator[Problem]:
    for entry in sorted(folder.iterdir()):
        name = f"{folder.name}/{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.is_symlink() or not entry.is_file():
            yield Problem(name, 0, 0, "", "a link or a folder", "a plain file")
        elif entry.suffix.lower() not in endings:
            yield Problem(name, 0, 0, "", "an unexpected file", f"a file that ends in {' or '.join(endings)}")
        elif endings == (".svg",) and not _LAYER.fullmatch(entry.name):
            wanted = "a name of a-z, 0-9, - and _ that ends in .svg"
            yield Problem(name, 0, 0, "", "a name that no paint can say", wanted)


def _art(path: Path, problems: list[Problem]) -> dict[str, bytes]:
    """The layers' bytes, as far as the limits on number and size allow."""
    folder = path / "art"
    if not folder.is_dir() or folder.is_symlink():
        return {}
    names = sorted(e.name for e in folder.iterdir() if _LAYER.fullmatch(e.name) and e.is_file() and not e.is_symlink())
    if len(names) > MAX_LAYERS:
        problems.append(Problem(ART, 0, 0, "", f"{len(names)} layers", f"at most {MAX_LAYERS}"))
        return {}
    total = sum((folder / name).stat().st_size for name in names) + (path / DNA).stat().st_size
    if total > MAX_TOTAL_BYTES:
        problems.append(Problem(ART, 0, 0, "", f"{total} bytes with {DNA}", f"at most {MAX_TOTAL_BYTES}"))
        return {}
    return {name: _read(folder / name) for name in names}


def _read(file: Path) -> bytes:
    """Follows no link, even one that was put there after the folder was listed."""
    with open(os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as opened:
        return opened.read(MAX_TOTAL_BYTES + 1)


def _in_art(error: Invalid) -> Problem:
    name, line, column = error.field.rsplit(":", 2)
    return Problem(f"art/{name}", int(line), int(column) + 1, "", error.got, error.wanted)


def _in_yaml(document: Document, error: ValidationError) -> Iterator[Problem]:
    for one in error.errors(include_url=False):
        got, wanted = phrase(one)
        loc = one["loc"]
        if one["type"] == "extra_forbidden" and (known := known_fields(Collection, loc)):
            got, wanted = f"the unknown field {loc[-1]!r}", one_of(known, str(loc[-1]))
        elif one["type"] == "union_tag_invalid":
            loc = (*loc, "plays")
        elif one["type"] == "string_type" and isinstance(one["input"], bool | int | float):
            wanted = "text; YAML reads it otherwise, so write it in quotes"
        where = document.place(_written(loc), key=one["type"] == "extra_forbidden")
        yield Problem(document.file, *where, got, wanted)


def _placed(document: Document, flaw: Flaw) -> Problem:
    return Problem(document.file, *document.place(flaw.loc), flaw.got, flaw.wanted)


def _written(loc: Loc) -> Loc:
    """Without the tag that tells which kind of trait it was: the artist did not write it."""
    if len(loc) > 2 and loc[0] == "traits" and loc[2] in _TAGS:
        return (*loc[:2], *loc[3:])
    return loc
