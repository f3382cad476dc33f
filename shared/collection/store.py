"""Whole collections, with their layers and their paint: for whoever publishes, and for the painter.

How they lie in the store, and what a stop reads of them: `shared.collection.published`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from shared.collection.problems import dotted
from shared.collection.published import DNA, Cache, digest_of, parse, read
from shared.collection.references import missing_layers
from shared.collection.schema import Collection
from shared.errors import Defect, Invalid
from shared.painting.svg import read_layer
from shared.ports.blobs import Blobs

if TYPE_CHECKING:
    from shared.collection.load import Draft


@dataclass(frozen=True, slots=True)
class Published:
    """A collection as the painter sees it, with the bytes of its layers by file name."""

    digest: str
    collection: Collection
    layers: Mapping[str, bytes]


def files_of(collection: Collection, layers: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is stored of a collection: path -> bytes, the DNA last."""
    art = {f"art/{name}": layers[name] for name in collection.layer_files()}
    text = json.dumps(_plain(collection), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return {**art, DNA: text.encode()}


def publish(draft: Draft, blobs: Blobs) -> str:
    """Keep the collection under its digest, which is returned. Doing it again changes nothing."""
    files = files_of(draft.collection, draft.layers)
    digest = digest_of(files)
    for path, data in files.items():
        kind = "application/json" if path == DNA else "application/octet-stream"
        blobs.put(f"collections/{digest}/{path}", data, content_type=kind)
    return digest


def load(blobs: Blobs, digest: str) -> Published:
    """The collection of a digest, from the cache of this process if it was loaded before.

    Raises: `NotFound` when it was never published; `Defect` when its bytes are not those of the digest, or hold what
    is not let in: nothing that was published through `publish` can be so.
    """
    return _collections.get(blobs, digest)


def _read(blobs: Blobs, digest: str) -> Published:
    files = read(blobs, digest)
    collection = parse(Collection, files[DNA], digest)
    layers = {path.removeprefix("art/"): data for path, data in files.items() if path != DNA}
    try:
        known = {name: read_layer(name, data) for name, data in layers.items()}
    except Invalid as error:
        raise Defect(f"collection {digest[:12]}: {error}") from error
    for flaw in missing_layers(collection, known):
        raise Defect(f"collection {digest[:12]}, {dotted(flaw.loc)}: got {flaw.got}, wanted {flaw.wanted}")
    return Published(digest, collection, layers)


_collections = Cache(_read)


def _plain(value: Any) -> Any:
    """Models as mappings in the order of their fields, without what is left at None; all else as JSON has it."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        pairs = ((field.alias or name, getattr(value, name)) for name, field in fields.items())
        return {name: _plain(inner) for name, inner in pairs if inner is not None}
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value
