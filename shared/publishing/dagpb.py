"""dag-pb nodes that hold a UnixFS file: encoded to, and accepted in, one spelling only.

    PBNode { repeated PBLink Links = 2; bytes Data = 1 }        Links are written before Data
    PBLink { bytes Hash = 1; string Name = 2; uint64 Tsize = 3 }
    Data (UnixFS) { Type = 1 (File is 2); uint64 filesize = 3; repeated uint64 blocksizes = 4 }

A reader that takes only what the writer writes has nothing to be confused by: `decode` parses and then encodes again
and compares. Source: IPLD dag-pb specification; UnixFS specification; IPIP-499, profile `unixfs-v1-2025`.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import Invalid
from shared.publishing import varint
from shared.publishing.cid import CID_BYTES, Cid

_FILE = b"\x08\x02"


@dataclass(frozen=True)
class Link:
    """A child. `file_bytes`: of the file below it; `total_bytes`: of all blocks below it and itself (Tsize)."""

    cid: Cid
    file_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class Node:
    """An inner node of a file. It holds no bytes of the file itself: profile `unixfs-v1-2025` has raw leaves."""

    links: tuple[Link, ...]

    @property
    def file_bytes(self) -> int:
        return sum(link.file_bytes for link in self.links)

    def encode(self) -> bytes:
        links = b"".join(_field(0x12, _encode_link(link)) for link in self.links)
        sizes = b"".join(b"\x20" + varint.write(link.file_bytes) for link in self.links)
        return links + _field(0x0A, _FILE + b"\x18" + varint.write(self.file_bytes) + sizes)


def decode(block: bytes) -> Node:
    """The node that encodes to exactly `block`. Raises `Invalid` for every other thing, a directory included."""
    at, links, sizes = 0, list[tuple[Cid, int]](), list[int]()
    while block[at : at + 1] == b"\x12":
        body, at = _body(block, at + 1)
        links.append(_decode_link(body))
    if block[at : at + 1] != b"\x0a":
        raise Invalid("dag-pb", f"byte {block[at : at + 1].hex() or 'none'} at {at}", "links, then the UnixFS data")
    data, at = _body(block, at + 1)
    if not data.startswith(_FILE + b"\x18"):
        raise Invalid("unixfs", f"data that begins with {data[:3].hex()}", "a file with its size and no inline bytes")
    _, inner = varint.read(data, 3, field="unixfs.filesize")
    while data[inner : inner + 1] == b"\x20":
        size, inner = varint.read(data, inner + 1, field="unixfs.blocksizes")
        sizes.append(size)
    if not links:
        raise Invalid("dag-pb", "a node without links", "at least one: an empty file is a raw block")
    if len(sizes) != len(links):
        raise Invalid("unixfs.blocksizes", f"{len(sizes)} sizes", f"one for each of {len(links)} links")
    node = Node(tuple(Link(cid, size, total) for (cid, total), size in zip(links, sizes, strict=True)))
    if node.encode() != block:
        raise Invalid("dag-pb", f"another spelling of {len(links)} links", "the canonical one, with filesize their sum")
    return node


def _field(tag: int, body: bytes) -> bytes:
    return bytes([tag]) + varint.write(len(body)) + body


def _encode_link(link: Link) -> bytes:
    # The empty name is written out, as both reference implementations do.
    return _field(0x0A, link.cid.encoded) + b"\x12\x00\x18" + varint.write(link.total_bytes)


def _decode_link(body: bytes) -> tuple[Cid, int]:
    head = 2 + CID_BYTES
    if body[:2] != bytes([0x0A, CID_BYTES]) or body[head : head + 3] != b"\x12\x00\x18":
        raise Invalid("dag-pb.link", body[:2].hex() or "nothing", "a 36-byte CID, the empty name and a Tsize")
    total, end = varint.read(body, head + 3, field="dag-pb.link.Tsize")
    if end != len(body):
        raise Invalid("dag-pb.link", f"{len(body) - end} bytes more", "nothing after its Tsize")
    return Cid.decode(body[2:head]), total


def _body(block: bytes, at: int) -> tuple[bytes, int]:
    length, at = varint.read(block, at, field="dag-pb")
    if length > len(block) - at:
        raise Invalid("dag-pb", f"{len(block) - at} bytes", f"the {length} bytes that it announces")
    return block[at : at + length], at + length
