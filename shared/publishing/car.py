"""CARv1: blocks in one file, which is how they travel to a pinner.

    header: varint length, dag-cbor {"roots": [CID...], "version": 1}
    section, one per block: varint length, CID, bytes

`write` gives the same bytes for the same blocks in the same order (the specification leaves the order free; ours is
depth first, the root first, as `unixfs.build` returns it). `read` takes only what it can vouch for: every block is
hashed, lengths are shortest varints, nothing follows the last block, no block comes twice.

Source: IPLD CARv1 specification; dag-cbor (map keys by length, then bytes; a CID is tag 42 over 0x00 and its bytes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from shared.errors import Invalid, NotFound, TooLarge
from shared.publishing import unixfs, varint
from shared.publishing.cid import CID_BYTES, Cid
from shared.publishing.unixfs import MAX_BLOCK_BYTES, MAX_FILE_BYTES, Dag, WrongHash

MAX_ROOTS = 16
MAX_BLOCKS = 4096
MAX_CAR_BYTES = MAX_FILE_BYTES + (1 << 20)  # room for nodes, CIDs and the metadata beside one picture

_ROOTS, _VERSION, _LINK = b"\xa2\x65roots", b"\x67version\x01", b"\xd8\x2a\x58\x25\x00"
_MAX_HEADER_BYTES = 7 + 1 + MAX_ROOTS * (5 + CID_BYTES) + 9


@dataclass(frozen=True)
class Car:
    """`roots` as its header lists them, `blocks` in the order of the file; each block is what its CID names."""

    roots: tuple[Cid, ...]
    blocks: Mapping[Cid, bytes]


def write(roots: Sequence[Cid], blocks: Mapping[Cid, bytes]) -> bytes:
    """A CAR with these blocks in this order. Raises `Invalid` for a root that is not among them."""
    if not 1 <= len(roots) <= MAX_ROOTS:
        raise Invalid("car.roots", f"{len(roots)} roots", f"1 to {MAX_ROOTS}")
    for root in roots:
        if root not in blocks:
            raise Invalid("car.roots", str(root), "a root whose block is in the CAR")
    header = _header(roots)
    parts = [varint.write(len(header)), header]
    for cid, block in blocks.items():
        parts += [varint.write(CID_BYTES + len(block)), cid.encoded, block]
    return b"".join(parts)


def pack(dags: Iterable[Dag]) -> bytes:
    """One CAR with every file as a root, in the order given; a block that two share is written once."""
    files = list(dags)
    merged: dict[Cid, bytes] = {}
    for dag in files:
        for cid, block in dag.blocks.items():
            merged.setdefault(cid, block)
    return write(list(dict.fromkeys(dag.root for dag in files)), merged)


def read(data: bytes) -> Car:
    """What a CAR carries, every block hashed.

    Raises `TooLarge` (over 65 MiB, 4,096 blocks or 2 MiB a block), `WrongHash` (a block that is not what its CID
    names), `Invalid` for everything else that is not a CARv1 in this form.
    """
    if len(data) > MAX_CAR_BYTES:
        raise TooLarge(f"car: got {len(data)} bytes, wanted at most {MAX_CAR_BYTES}")
    roots, at = _read_header(data)
    blocks: dict[Cid, bytes] = {}
    while at < len(data):
        section = at
        length, at = varint.read(data, at, field="car.section")
        if length < CID_BYTES or length > len(data) - at:
            wanted = f"{CID_BYTES} to {len(data) - at}, what is left"
            raise Invalid("car.section", f"{length} bytes at byte {section}", wanted)
        if length > CID_BYTES + MAX_BLOCK_BYTES:
            raise TooLarge(f"car: got a section of {length} bytes, wanted a block of at most {MAX_BLOCK_BYTES}")
        cid = Cid.decode(data[at : at + CID_BYTES])
        block = data[at + CID_BYTES : at + length]
        at += length
        if cid in blocks:
            raise Invalid("car.section", f"{cid} again at byte {section}", "each block once")
        if not cid.names(block):
            raise WrongHash(f"{cid}: got a block that is {Cid.of(block, cid.codec)}, at byte {section} of the CAR")
        if len(blocks) >= MAX_BLOCKS:
            raise TooLarge(f"car: got more than {MAX_BLOCKS} blocks, wanted at most that")
        blocks[cid] = block
    for root in roots:
        if root not in blocks:
            raise Invalid("car.roots", str(root), "a root whose block is in the CAR")
    return Car(roots, MappingProxyType(blocks))


def read_whole(data: bytes, root: Cid) -> Car:
    """As `read`, and then: `root` is among the roots, every file is complete and nothing else is carried.

    What every pinner asks of a CAR before it is sent anywhere: an incomplete file would be pinned half, and a block
    that no root reaches would be published by accident. Raises as `read` and `unixfs.read` do.
    """
    car = read(data)
    if root not in car.roots:
        raise Invalid("car.roots", ", ".join(map(str, car.roots)), f"{root} among them")
    try:
        reached = {cid for each in car.roots for cid, _ in unixfs.walk(each, car.blocks.get)}
    except NotFound as error:
        raise Invalid("car", str(error), "every block of its files") from error
    strangers = car.blocks.keys() - reached
    if strangers:
        raise Invalid("car", f"{len(strangers)} blocks that no root reaches", "the blocks of its files only")
    return car


def _header(roots: Sequence[Cid]) -> bytes:
    return _ROOTS + bytes([0x80 + len(roots)]) + b"".join(_LINK + root.encoded for root in roots) + _VERSION


def _read_header(data: bytes) -> tuple[tuple[Cid, ...], int]:
    """The only header that `_header` could have written: parsed, written again, compared."""
    length, start = varint.read(data, 0, field="car.header")
    header = data[start : start + length]
    if not len(_ROOTS) < length <= _MAX_HEADER_BYTES or len(header) != length:
        raise Invalid("car.header", f"{length} bytes of {len(data) - start}", f"at most {_MAX_HEADER_BYTES}, all there")
    count = header[len(_ROOTS)] - 0x80
    if not 1 <= count < MAX_ROOTS + 1 or not header.startswith(_ROOTS):
        raise Invalid("car.header", header[:8].hex(), f"CARv1 in dag-cbor with 1 to {MAX_ROOTS} roots")
    step, first = len(_LINK) + CID_BYTES, len(_ROOTS) + 1
    cids = (header[first + n * step + len(_LINK) : first + (n + 1) * step] for n in range(count))
    roots = tuple(Cid.decode(cid) for cid in cids)
    if len(set(roots)) != count or _header(roots) != header:
        raise Invalid("car.header", header[first:].hex()[:80], "distinct roots and version 1, in canonical dag-cbor")
    return roots, start + length
