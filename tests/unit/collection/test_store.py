"""Published collections are named by all their bytes, keep the artist's order, and are checked when they are loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.collection import published as stored
from shared.collection import store
from shared.collection.load import Draft
from shared.collection.schema import Collection
from shared.errors import Defect, NotFound
from tests.unit.collection.samples import NAMES, SVG, DictBlobs, draft, tiny

FORM = {"shape": {"plays": "form", "values": {"round": {"prompt": "circle", "paint": {"layer": "a.svg"}}}}}


def published(blobs: DictBlobs, layer: bytes = SVG) -> str:
    collection = tiny(traits=FORM, prompt="{shape}", supply=1)
    return store.publish(Draft(collection, {"a.svg": layer}), blobs)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_published_is_loaded_again(name: str) -> None:
    blobs = DictBlobs()
    digest = store.publish(draft(name), blobs)
    loaded = store.load(blobs, digest)
    assert loaded.collection == draft(name).collection
    assert loaded.layers == draft(name).layers
    assert list(loaded.collection.traits) == list(draft(name).collection.traits)
    assert store.publish(Draft(loaded.collection, loaded.layers), DictBlobs()) == digest


def test_the_dna_is_written_last() -> None:
    blobs = DictBlobs()
    digest = published(blobs)
    assert list(blobs.kept) == [f"collections/{digest}/art/a.svg", f"collections/{digest}/collection.json"]


def test_publishing_again_changes_nothing() -> None:
    blobs = DictBlobs()
    first = published(blobs)
    kept = dict(blobs.kept)
    assert published(blobs) == first
    assert blobs.kept == kept


def test_a_changed_layer_or_order_is_another_collection() -> None:
    blobs = DictBlobs()
    dna = tiny()
    turned = tiny(traits=dict(reversed(dna.model_dump()["traits"].items())))
    digests = {
        published(blobs),
        published(blobs, SVG.replace(b"300", b"301")),
        store.publish(Draft(dna, {}), blobs),
        store.publish(Draft(turned, {}), blobs),
    }
    assert len(digests) == 4


def test_a_collection_is_read_once() -> None:
    blobs = DictBlobs()
    digest = published(blobs)
    assert store.load(blobs, digest) is store.load(blobs, digest)
    assert blobs.reads == 2
    other = DictBlobs()
    with pytest.raises(NotFound):
        store.load(other, digest)


def test_only_the_latest_are_kept_in_memory() -> None:
    blobs = DictBlobs()
    digests = [store.publish(Draft(tiny(supply=n + 1), {}), blobs) for n in range(stored.MAX_CACHED + 2)]
    for digest in digests:
        store.load(blobs, digest)
    reads = blobs.reads
    store.load(blobs, digests[-1])
    assert blobs.reads == reads
    store.load(blobs, digests[0])
    assert blobs.reads == reads + 1


@pytest.mark.parametrize("path", ["art/a.svg", "collection.json"])
def test_damage_is_found(path: str) -> None:
    blobs = DictBlobs()
    digest = published(blobs)
    key = f"collections/{digest}/{path}"
    for damaged in (blobs.kept[key] + b" ", blobs.kept[key][:-9], b""):
        other = DictBlobs()
        other.kept = {**blobs.kept, key: damaged}
        with pytest.raises(Defect, match=digest[:12]):
            store.load(other, digest)


def test_a_layer_that_was_never_checked_is_found_when_it_is_loaded() -> None:
    blobs = DictBlobs()
    digest = published(blobs, SVG.replace(b"<circle", b"<script>alert(1)</script><circle"))
    with pytest.raises(Defect, match="script"):
        store.load(blobs, digest)


def test_a_dna_of_unknown_fields_is_not_loaded() -> None:
    blobs = DictBlobs()
    text = json.dumps({**json.loads(store.files_of(tiny(), {})["collection.json"]), "hook": "x"}).encode()
    digest = stored.digest_of({"collection.json": text})
    blobs.put(f"collections/{digest}/collection.json", text)
    with pytest.raises(Defect, match="unknown field"):
        store.load(blobs, digest)


@given(st.dictionaries(st.text(max_size=5), st.binary(max_size=9), max_size=4), st.data())
def test_no_two_sets_of_files_have_one_digest(files: dict[str, bytes], data: st.DataObject) -> None:
    other = data.draw(st.dictionaries(st.text(max_size=5), st.binary(max_size=9), max_size=4))
    assert (stored.digest_of(files) == stored.digest_of(other)) == (files == other)
    assert stored.digest_of(dict(reversed(files.items()))) == stored.digest_of(files)


def test_canonical_json_says_it_all() -> None:
    for name in NAMES:
        text = store.files_of(draft(name).collection, draft(name).layers)["collection.json"]
        again = Collection.model_validate_json(text)
        assert store.files_of(again, draft(name).layers)["collection.json"] == text


def test_loading_and_planning_need_no_heavy_library() -> None:
    code = (
        "import sys; from shared.collection import store, scene; from shared.prompting import brief, draw, prompt;"
        "from shared.profile import sources; from shared import pricing; from shared.ports.planner import rules;"
        "print([m for m in ('numpy', 'cv2', 'yaml', 'PIL', 'skia', 'Crypto', 'eth_hash', 'web3') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
