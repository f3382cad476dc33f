"""Published collections: immutable, named by the digest of all their bytes, compared with it whenever they are read.

`collections/{digest}/collection.json` is the DNA in canonical JSON, so that no handler needs YAML, and
`collections/{digest}/art/*.svg` are the layers it names. Keys of mappings keep the order in which the artist wrote
them, since that order is meaning here. The DNA is written last: where it is, everything is.

This is what stops read. The painter, who needs the layers too, and whoever publishes: `shared.collection.store`.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from shared import strict_json
from shared.collection.dna import Dna
from shared.collection.problems import dotted, phrase
from shared.errors import Defect, Invalid
from shared.model import Model
from shared.ports.blobs import Blobs

DNA = "collection.json"
MAX_CACHED = 8
_LAYER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\.svg", re.ASCII)

T = TypeVar("T")
M = TypeVar("M", bound=Model)


def load_dna(blobs: Blobs, digest: str) -> Dna:
    """The DNA of a digest, from the cache of this process if it was loaded before.

    Raises: `NotFound` when it was never published; `Defect` when its bytes are not those of the digest.
    """
    return _dnas.get(blobs, digest)


def read(blobs: Blobs, digest: str) -> dict[str, bytes]:
    """Every file of a collection, path -> bytes. Raises as `load_dna`."""
    root = f"collections/{digest}"
    files = {DNA: blobs.get(f"{root}/{DNA}")}
    try:
        dna = strict_json.loads(files[DNA], field=DNA)
    except Invalid as error:
        raise Defect(f"collection {digest[:12]}: {error}") from error
    for layer in dict.fromkeys(_layers(dna)):
        files[f"art/{layer}"] = blobs.get(f"{root}/art/{layer}")
    if (found := digest_of(files)) != digest:
        raise Defect(f"collection {digest[:12]}: got bytes of digest {found[:12]}, wanted those it was published with")
    return files


def parse(model: type[M], dna: bytes, digest: str) -> M:
    """A collection's DNA as the model sees it. Raises `Defect`: what was published is as it should be."""
    try:
        return model.model_validate_json(dna)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        got, wanted = phrase(first)
        raise Defect(f"collection {digest[:12]}, {dotted(first['loc'])}: got {got}, wanted {wanted}") from error


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over the files by path, each with its length: no two sets of files can be written the same."""
    whole = hashlib.sha256(b"monoprint collection 1\n")
    for path in sorted(files):
        name = path.encode()
        whole.update(len(name).to_bytes(8, "big") + name)
        whole.update(len(files[path]).to_bytes(8, "big") + files[path])
    return whole.hexdigest()


class Cache(Generic[T]):
    """The latest collections of this process, by the store that they came from and their digest."""

    def __init__(self, read: Callable[[Blobs, str], T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        # The store is part of the entry, which keeps it alive, so that its id cannot come to mean another one.
        self._kept: OrderedDict[tuple[int, str], tuple[Blobs, T]] = OrderedDict()

    def get(self, blobs: Blobs, digest: str) -> T:
        key = (id(blobs), digest)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        found = self._read(blobs, digest)
        with self._lock:
            self._kept[key] = (blobs, found)
            while len(self._kept) > MAX_CACHED:
                self._kept.popitem(last=False)
        return found


def _layers(said: Any) -> Iterator[str]:
    """The layers that a DNA names, without knowing the painter's words: whatever is a file's name under `layer`.

    A wrong guess would find other files than were published, and so another digest.
    """
    if isinstance(said, dict):
        for name, inner in said.items():
            if name == "layer" and isinstance(inner, str) and _LAYER.fullmatch(inner):
                yield inner
            else:
                yield from _layers(inner)
    elif isinstance(said, list):
        for inner in said:
            yield from _layers(inner)


def _read_dna(blobs: Blobs, digest: str) -> Dna:
    return parse(Dna, read(blobs, digest)[DNA], digest)


_dnas = Cache(_read_dna)
