"""Blocks for the verifier: CARv1, dag-cbor's subset in its header, CIDv1, dag-pb and UnixFS.

Written from their specifications and sharing nothing with the product, so that one mistake cannot hide in both.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RAW, DAG_PB = 0x55, 0x70
MAX_FILE = 1 << 28


class Untrue(Exception):
    """Something is not as it was told."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Untrue(f"a varint is cut short at byte {at}")
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def cid_text(cid: bytes) -> str:
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def cid_bytes(text: str) -> bytes:
    if not text.startswith("b"):
        raise Untrue(f"{text!r} is no CID in base32")
    body = text[1:].upper()
    try:
        cid = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError as error:
        raise Untrue(f"{text!r} is no base32") from error
    if cid_text(cid) != text:
        raise Untrue(f"{text!r} is another spelling of {cid_text(cid)}")
    return cid


def cid_length(data: bytes, at: int) -> int:
    """Of the CIDv1 with 32 bytes of sha2-256 that starts at `at`."""
    version, end = varint(data, at)
    codec, end = varint(data, end)
    function, end = varint(data, end)
    size, end = varint(data, end)
    if version != 1 or codec not in (RAW, DAG_PB) or function != 0x12 or size != 32:
        raise Untrue(f"a CID with version {version}, codec {codec:#x}, hash {function:#x} of {size} bytes")
    return end + 32 - at


def cbor(data: bytes, at: int) -> tuple[Any, int]:
    """Integers, bytes, text, lists, maps and tags, which is what a CAR's header is made of."""
    if at >= len(data):
        raise Untrue("a CAR header is cut short")
    kind, size = data[at] >> 5, data[at] & 31
    at += 1
    if size > 27:
        raise Untrue(f"CBOR of kind {kind} with length {size}")
    if size >= 24:
        width = 1 << (size - 24)
        size, at = int.from_bytes(data[at : at + width], "big"), at + width
    if kind == 0:
        return size, at
    if kind in (2, 3):
        body = data[at : at + size]
        return (body if kind == 2 else body.decode()), at + size
    if kind == 6:
        return cbor(data, at)
    if kind not in (4, 5):
        raise Untrue(f"CBOR of kind {kind}")
    items = []
    for _ in range(size * (kind - 3)):
        item, at = cbor(data, at)
        items.append(item)
    return (items if kind == 4 else dict(zip(items[::2], items[1::2], strict=True))), at


def read_car(data: bytes) -> dict[bytes, bytes]:
    """CID -> block. Every block is hashed. Raises `Untrue` for the first that is not what its CID says."""
    size, at = varint(data, 0)
    header, end = cbor(data[at : at + size], 0)
    if end != size or not isinstance(header, dict) or header.get("version") != 1 or not header.get("roots"):
        raise Untrue("not a CARv1 with roots")
    at += size
    blocks: dict[bytes, bytes] = {}
    while at < len(data):
        size, start = varint(data, at)
        at = start + size
        if at > len(data):
            raise Untrue(f"the last block is cut short by {at - len(data)} bytes")
        length = cid_length(data, start)
        cid, block = data[start : start + length], data[start + length : at]
        if hashlib.sha256(block).digest() != cid[-32:]:
            raise Untrue(f"block {cid_text(cid)} has other bytes than its CID says")
        blocks[cid] = block
    for root in header["roots"]:
        if root[1:] not in blocks:  # a CID in dag-cbor has a zero byte before it
            raise Untrue(f"root {cid_text(root[1:])} is not in the CAR")
    return blocks


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Protocol buffers: field number and value, an int or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 0:
            yield key >> 3, value
        elif key & 7 == 2 and at + value <= len(data):
            yield key >> 3, data[at : at + value]
            at += value
        else:
            raise Untrue(f"a protobuf field of wire type {key & 7} that is not whole")


def file_of(cid: bytes, blocks: dict[bytes, bytes], size: int | None = None, depth: int = 0) -> bytes:
    """The file below a CID. `size`: what the node above says, compared on the way down, so that nothing blows up."""
    if cid not in blocks:
        raise Untrue(f"block {cid_text(cid)} is in no CAR")
    block = blocks[cid]
    if hashlib.sha256(block).digest() != cid[-32:]:
        raise Untrue(f"block {cid_text(cid)} has other bytes than its CID says")
    if cid[1] == RAW:
        if size not in (None, len(block)):
            raise Untrue(f"{cid_text(cid)} has {len(block)} bytes, and the node above says {size}")
        return block
    node = list(fields(block))
    links = [dict(fields(value))[1] for number, value in node if number == 2]
    unixfs = [entry for number, value in node if number == 1 for entry in fields(value)]
    told, sizes = dict(unixfs), [value for number, value in unixfs if number == 4]
    own, total = told.get(2, b""), told.get(3, 0)
    if told.get(1) != 2 or len(sizes) != len(links) or 0 in sizes or depth > 8 or total > MAX_FILE:
        raise Untrue(f"{cid_text(cid)} is no file")
    if len(own) + sum(sizes) != total or size not in (None, total):
        raise Untrue(f"{cid_text(cid)} says {total} bytes, and its parts or the node above say others")
    return bytes(own) + b"".join(
        file_of(link, blocks, part, depth + 1) for link, part in zip(links, sizes, strict=True)
    )


def read_folder(folder: Path) -> tuple[dict[bytes, bytes], list[str]]:
    """All blocks of all CARs below a folder, and what is wrong with any of them."""
    blocks: dict[bytes, bytes] = {}
    wrong: list[str] = []
    cars = sorted(folder.rglob("*.car"))
    for path in cars:
        try:
            blocks |= read_car(path.read_bytes())
        except (Untrue, ValueError, IndexError, TypeError, RecursionError) as error:
            wrong.append(f"{path.name}: {error}")
    return blocks, wrong if cars else [f"{folder} holds no .car file"]
