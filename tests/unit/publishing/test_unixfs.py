"""Files as blocks: equal to the JavaScript reference bit for bit, and read back only when everything fits."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Invalid, MonoprintError, NotFound, TooLarge
from shared.publishing import dagpb, unixfs
from shared.publishing.cid import Cid
from shared.publishing.unixfs import Limits, WrongHash

GOLDEN = json.loads(Path(__file__).with_name("golden_cids.json").read_text())
DEEP = Limits(visits=1 << 22, depth=12)


def stream(size: int) -> bytes:
    """The bytes of golden_cids.mjs."""
    return b"".join(hashlib.sha256(n.to_bytes(8, "big")).digest() for n in range(-(-size // 32)))[:size]


def ids(vector: dict[str, Any]) -> str:
    return "-".join(str(vector[key]) for key in ("size", "chunk", "width"))


@pytest.mark.parametrize("vector", GOLDEN["vectors"], ids=ids)
def test_equals_the_javascript_reference(vector: dict[str, Any]) -> None:
    size = vector["size"]
    data = stream(size) if vector["filler"] is None else bytes([vector["filler"]]) * size
    dag = unixfs.build(
        data, chunk_bytes=vector["chunk"] or unixfs.CHUNK_BYTES, max_links=vector["width"] or unixfs.MAX_LINKS
    )
    digests = "\n".join(sorted(cid.digest.hex() for cid in dag.blocks))
    assert str(dag.root) == vector["root"]
    assert len(dag.blocks) == vector["blocks"]
    assert hashlib.sha256(digests.encode()).hexdigest() == vector["blocks_sha256"]
    assert dag.file_bytes == size
    assert unixfs.read(dag.root, dag.blocks.get, DEEP) == data


def test_the_golden_vectors_name_their_maker_and_profile() -> None:
    assert GOLDEN["made_by"].startswith("ipfs-unixfs-importer 17.")
    assert GOLDEN["profile"] == "unixfs-v1-2025"


def test_blocks_stand_depth_first_with_the_root_first() -> None:
    dag = unixfs.build(bytes(range(100)), chunk_bytes=10, max_links=4)
    order = list(dag.blocks)
    assert order[0] == dag.root
    leaves = [dag.blocks[cid] for cid in order if cid.codec == "raw"]
    assert b"".join(leaves) == bytes(range(100))
    assert [cid.codec for cid in order[:3]] == ["dag-pb", "dag-pb", "raw"]


def test_a_file_over_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge):
        unixfs.build(bytes(unixfs.MAX_FILE_BYTES + 1))


@given(st.binary(max_size=600), st.integers(1, 40), st.integers(2, 9))
def test_what_is_built_is_read_back(data: bytes, chunk_bytes: int, max_links: int) -> None:
    dag = unixfs.build(data, chunk_bytes=chunk_bytes, max_links=max_links)
    assert unixfs.read(dag.root, dag.blocks.get, DEEP) == data
    assert dag == unixfs.build(data, chunk_bytes=chunk_bytes, max_links=max_links)


@settings(max_examples=60)
@given(st.data())
def test_a_changed_byte_anywhere_is_found(draw: st.DataObject) -> None:
    dag = unixfs.build(stream(300), chunk_bytes=40, max_links=3)
    victim = draw.draw(st.sampled_from(list(dag.blocks)))
    at = draw.draw(st.integers(0, len(dag.blocks[victim]) - 1))
    changed = bytearray(dag.blocks[victim])
    changed[at] ^= draw.draw(st.integers(1, 255))
    with pytest.raises(WrongHash):
        unixfs.read(dag.root, {**dag.blocks, victim: bytes(changed)}.get)


def test_a_missing_block_is_not_found() -> None:
    dag = unixfs.build(stream(300), chunk_bytes=40, max_links=3)
    for cid in dag.blocks:
        with pytest.raises(NotFound, match=str(cid)):
            unixfs.read(dag.root, {k: v for k, v in dag.blocks.items() if k != cid}.get)


def node(*links: dagpb.Link) -> tuple[Cid, bytes]:
    block = dagpb.Node(links).encode()
    return Cid.of(block, "dag-pb"), block


def test_a_bomb_of_few_blocks_and_many_links_is_refused() -> None:
    leaf = b"x"
    child, blocks = dagpb.Link(Cid.of(leaf), 1, 1), {Cid.of(leaf): leaf}
    for _ in range(3):
        cid, block = node(*[child] * 1000)
        blocks[cid] = block
        child = dagpb.Link(cid, child.file_bytes * 1000, len(block) + 1000 * child.total_bytes)
    assert len(blocks) == 4
    with pytest.raises(TooLarge, match="1000000000 bytes"):
        unixfs.read(child.cid, blocks.get)
    with pytest.raises(TooLarge, match="more than 4096 blocks"):
        unixfs.read(child.cid, blocks.get, Limits(file_bytes=1 << 40))


def test_a_bomb_of_empty_leaves_is_refused() -> None:
    cid, block = node(*[dagpb.Link(Cid.of(b""), 0, 0)] * 9)
    with pytest.raises(Invalid, match="a link to nothing"):
        unixfs.read(cid, {cid: block, Cid.of(b""): b""}.get)


def test_a_chain_of_nodes_ends_at_the_depth_limit() -> None:
    leaf = b"x"
    child, blocks = dagpb.Link(Cid.of(leaf), 1, 1), {Cid.of(leaf): leaf}
    for _ in range(5):
        cid, block = node(child)
        blocks[cid] = block
        child = dagpb.Link(cid, 1, len(block) + child.total_bytes)
    with pytest.raises(TooLarge, match="5 deep"):
        unixfs.read(child.cid, blocks.get)


def test_a_getter_that_answers_in_a_circle_is_refused() -> None:
    cid, block = node(dagpb.Link(Cid.of(b"x"), 1, 1))
    with pytest.raises(WrongHash):
        unixfs.read(cid, lambda _: block)


@pytest.mark.parametrize(("file_bytes", "total_bytes"), [(2, 3), (3, 2), (4, 4)])
def test_sizes_that_lie_are_refused(file_bytes: int, total_bytes: int) -> None:
    cid, block = node(dagpb.Link(Cid.of(b"abc"), file_bytes, total_bytes))
    with pytest.raises(Invalid, match="its parent states"):
        unixfs.read(cid, {cid: block, Cid.of(b"abc"): b"abc"}.get)


def test_a_block_over_the_limit_is_refused() -> None:
    big = bytes(unixfs.MAX_BLOCK_BYTES + 1)
    with pytest.raises(TooLarge):
        unixfs.read(Cid.of(big), lambda _: big)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\x0a\x04\x08\x02\x18\x00",  # no links
        b"\x0a\x02\x08\x01",  # a directory
        b"\x12\x05\x0a\x24",  # a link cut short
        b"\x0a\x80\x00",  # a padded varint
    ],
)
def test_other_nodes_are_refused(block: bytes) -> None:
    with pytest.raises(Invalid):
        dagpb.decode(block)


@given(st.binary(max_size=120))
def test_no_node_is_read_that_is_not_written_so(block: bytes) -> None:
    for candidate in (block, dagpb.Node((dagpb.Link(Cid.of(b"a"), 1, 1),)).encode() + block):
        try:
            node_ = dagpb.decode(candidate)
        except MonoprintError:
            continue
        assert node_.encode() == candidate
