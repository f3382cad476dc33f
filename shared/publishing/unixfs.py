"""Files as verifiable blocks, and back: profile `unixfs-v1-2025`, so that anyone who adds the same bytes gets our CID.

CIDv1, sha2-256, raw leaves of 1 MiB, balanced, at most 1,024 links a node; a file that fits one leaf is that leaf.
`build` equals the JavaScript reference bit for bit (golden vectors in the tests).

Source: IPIP-499 (ipfs/specs), UnixFS specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shared.errors import Invalid, NotFound, Rejected, TooLarge
from shared.publishing import dagpb
from shared.publishing.cid import Cid

CHUNK_BYTES = 1 << 20
MAX_LINKS = 1024
MAX_BLOCK_BYTES = 2 << 20  # what IPFS nodes exchange; larger blocks travel nowhere
MAX_FILE_BYTES = 64 << 20

GetBlock = Callable[[Cid], bytes | None]


class WrongHash(Rejected):
    """Bytes that are not what their CID names: the file cannot be what it claims to be."""

    code = "wrong_hash"


@dataclass(frozen=True)
class Limits:
    """How much of a stranger's DAG is followed. 64 MiB in the profile takes 65 blocks and one level of nodes."""

    file_bytes: int = MAX_FILE_BYTES
    visits: int = 4096  # blocks fetched, a block that stands twice counted twice
    depth: int = 4  # levels of nodes above the leaves


LIMITS = Limits()


@dataclass(frozen=True)
class Dag:
    """A file's blocks, the root first, then depth first in the order of the file; each block once."""

    root: Cid
    blocks: Mapping[Cid, bytes]
    file_bytes: int


def build(data: bytes, *, chunk_bytes: int = CHUNK_BYTES, max_links: int = MAX_LINKS) -> Dag:
    """Cut `data` into blocks. Deterministic; the profile's figures are the defaults, others serve the tests.

    Raises `TooLarge` above 64 MiB.
    """
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(f"file: got {len(data)} bytes, wanted at most {MAX_FILE_BYTES}")
    if chunk_bytes < 1 or max_links < 2:
        raise ValueError(f"got chunks of {chunk_bytes} bytes and {max_links} links, wanted at least 1 and 2")
    made: dict[Cid, bytes] = {}
    level: list[dagpb.Link] = []
    for at in range(0, len(data) or 1, chunk_bytes):
        leaf = data[at : at + chunk_bytes]
        cid = Cid.of(leaf)
        made[cid] = leaf
        level.append(dagpb.Link(cid, len(leaf), len(leaf)))
    while len(level) > 1:
        above: list[dagpb.Link] = []
        for first in range(0, len(level), max_links):
            node = dagpb.Node(tuple(level[first : first + max_links]))
            block = node.encode()
            cid = Cid.of(block, "dag-pb")
            made[cid] = block
            total = len(block) + sum(link.total_bytes for link in node.links)
            above.append(dagpb.Link(cid, node.file_bytes, total))
        level = above
    root = level[0].cid
    return Dag(root, MappingProxyType({cid: made[cid] for cid in _below(root, made)}), len(data))


def read(root: Cid, get_block: GetBlock, limits: Limits = LIMITS) -> bytes:
    """The file below `root`, every block hashed and every size that a node states compared with what came.

    Hashes make a cycle impossible to build and the depth limit would end one. A bomb (few blocks, many links to
    each) is stopped by the root's own size before a leaf is fetched, and by the number of visits.

    Raises `NotFound` (a block that `get_block` has not), `WrongHash`, `TooLarge`, `Invalid` (not of this profile).
    """
    return b"".join(block for cid, block in walk(root, get_block, limits) if cid.codec == "raw")


def walk(root: Cid, get_block: GetBlock, limits: Limits = LIMITS) -> Iterator[tuple[Cid, bytes]]:
    """Every visit of a block below `root`, checked, depth first; a block that stands twice comes twice.

    Raises as `read` does, at the block that is wrong.
    """
    todo: list[tuple[dagpb.Link, int]] = [(dagpb.Link(root, -1, -1), 0)]  # -1: the root's sizes are stated nowhere
    visits = 0
    while todo:
        link, depth = todo.pop()
        visits += 1
        if visits > limits.visits:
            raise TooLarge(f"{root}: got more than {limits.visits} blocks, wanted at most that")
        block = _fetch(link.cid, get_block)
        if link.cid.codec == "raw":
            _check_sizes(link, len(block), len(block), limits)
            yield link.cid, block
            continue
        if depth >= limits.depth:
            raise TooLarge(f"{link.cid}: got nodes {depth + 1} deep, wanted at most {limits.depth}")
        node = dagpb.decode(block)
        if any(child.file_bytes < 1 for child in node.links):
            raise Invalid(str(link.cid), "a link to nothing", "at least one byte of the file behind each link")
        _check_sizes(link, node.file_bytes, len(block) + sum(c.total_bytes for c in node.links), limits)
        yield link.cid, block
        todo.extend((child, depth + 1) for child in reversed(node.links))


def _fetch(cid: Cid, get_block: GetBlock) -> bytes:
    block = get_block(cid)
    if block is None:
        raise NotFound(f"{cid}: got no block, wanted the one that the file needs")
    if len(block) > MAX_BLOCK_BYTES:
        raise TooLarge(f"{cid}: got a block of {len(block)} bytes, wanted at most {MAX_BLOCK_BYTES}")
    if not cid.names(block):
        raise WrongHash(f"{cid}: got a block that is {Cid.of(block, cid.codec)}")
    return block


def _check_sizes(link: dagpb.Link, file_bytes: int, total_bytes: int, limits: Limits) -> None:
    if file_bytes > limits.file_bytes:
        raise TooLarge(f"{link.cid}: got a file of {file_bytes} bytes, wanted at most {limits.file_bytes}")
    if link.file_bytes >= 0 and (link.file_bytes, link.total_bytes) != (file_bytes, total_bytes):
        raise Invalid(
            str(link.cid),
            f"{file_bytes} bytes of file in {total_bytes} of blocks",
            f"the {link.file_bytes} in {link.total_bytes} that its parent states",
        )


def _below(root: Cid, blocks: Mapping[Cid, bytes]) -> Iterator[Cid]:
    """Each block once, the root first, depth first."""
    seen: set[Cid] = set()
    todo = [root]
    while todo:
        cid = todo.pop()
        if cid in seen:
            continue
        seen.add(cid)
        yield cid
        if cid.codec == "dag-pb":
            todo.extend(link.cid for link in reversed(dagpb.decode(blocks[cid]).links))
