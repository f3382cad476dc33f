"""Published collections: immutable, named by the digest of all their bytes, checked again whenever they are loaded.

`collections/{digest}/collection.json` is the DNA in canonical JSON, so that no handler needs YAML, and
`collections/{digest}/art/*.svg` are the layers it names. Keys of mappings keep the order in which the artist wrote
them, since that order is meaning here. The DNA is written last: where it is, everything is.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from shared.collection.problems import dotted, phrase
from shared.collection.references import missing_layers
from shared.collection.schema import Collection
from shared.errors import Defect, Invalid
from shared.painting.svg import read_layer
from shared.ports.blobs import Blobs

if TYPE_CHECKING:
    from shared.collection.load import Draft

DNA = "collection.json"
MAX_CACHED = 8


@dataclass(frozen=True, slots=True)
class Published:
    """A collection as every stop sees it, with the bytes of its layers by file name."""

    digest: str
    collection: Collection
    layers: Mapping[str, bytes]


_lock = threading.Lock()
_cache: OrderedDict[tuple[int, str], tuple[Blobs, Published]] = OrderedDict()
"""The store is part of the entry, which keeps it alive, so that its id cannot come to mean another one."""


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over the files by path, each with its length: no two sets of files can be written the same."""
    whole = hashlib.sha256(b"monoprint collection 1\n")
    for path in sorted(files):
        name = path.encode()
        whole.update(len(name).to_bytes(8, "big") + name)
        whole.update(len(files[path]).to_bytes(8, "big") + files[path])
    return whole.hexdigest()


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
    key = (id(blobs), digest)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key][1]
    published = _read(blobs, digest)
    with _lock:
        _cache[key] = (blobs, published)
        while len(_cache) > MAX_CACHED:
            _cache.popitem(last=False)
    return published


def _read(blobs: Blobs, digest: str) -> Published:
    root = f"collections/{digest}"
    dna = blobs.get(f"{root}/{DNA}")
    try:
        collection = Collection.model_validate_json(dna)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        got, wanted = phrase(first)
        raise Defect(f"collection {digest[:12]}, {dotted(first['loc'])}: got {got}, wanted {wanted}") from error
    layers = {name: blobs.get(f"{root}/art/{name}") for name in collection.layer_files()}
    found = digest_of({**{f"art/{name}": data for name, data in layers.items()}, DNA: dna})
    if found != digest:
        raise Defect(f"collection {digest[:12]}: got bytes of digest {found[:12]}, wanted those it was published with")
    try:
        read = {name: read_layer(name, data) for name, data in layers.items()}
    except Invalid as error:
        raise Defect(f"collection {digest[:12]}: {error}") from error
    for flaw in missing_layers(collection, read):
        raise Defect(f"collection {digest[:12]}, {dotted(flaw.loc)}: got {flaw.got}, wanted {flaw.wanted}")
    return Published(digest, collection, layers)


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
