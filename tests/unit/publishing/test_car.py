"""CAR files: deterministic when written, and refused when anything about them is off."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Invalid, MonoprintError, TooLarge
from shared.publishing import car, unixfs, varint
from shared.publishing.cid import Cid
from shared.publishing.unixfs import WrongHash

PICTURE = unixfs.build(bytes(range(256)) * 4, chunk_bytes=100, max_links=4)
NOTE = unixfs.build(b'{"name":"one"}')
CAR = car.pack([PICTURE, NOTE])


def section(cid: Cid, block: bytes) -> bytes:
    return varint.write(36 + len(block)) + cid.encoded + block


def test_what_is_packed_is_read_back_in_order() -> None:
    read = car.read(CAR)
    assert read.roots == (PICTURE.root, NOTE.root)
    assert list(read.blocks.items()) == [*PICTURE.blocks.items(), *NOTE.blocks.items()]
    assert car.write(read.roots, read.blocks) == CAR


def test_the_header_is_that_of_carv1() -> None:
    packed = car.pack([NOTE])
    expected = b"\x3a\xa2\x65roots\x81\xd8\x2a\x58\x25\x00" + NOTE.root.encoded + b"\x67version\x01"
    assert packed == expected + section(NOTE.root, b'{"name":"one"}')


def test_a_block_that_two_files_share_is_written_once() -> None:
    assert car.pack([NOTE, NOTE]) == car.pack([NOTE])


def test_a_root_without_its_block_is_refused() -> None:
    with pytest.raises(Invalid, match="a root whose block is in the CAR"):
        car.write([PICTURE.root], NOTE.blocks)
    with pytest.raises(Invalid, match="a root whose block is in the CAR"):
        car.read(car.pack([NOTE])[: 1 + 58])
    with pytest.raises(Invalid, match="0 roots"):
        car.write([], {})


def test_a_whole_car_has_every_block_of_its_files_and_no_other() -> None:
    assert car.read_whole(CAR, NOTE.root) == car.read(CAR)
    with pytest.raises(Invalid, match="among them"):
        car.read_whole(CAR, Cid.of(b"another"))
    half = dict(list(PICTURE.blocks.items())[:-1])
    with pytest.raises(Invalid, match="every block of its files"):
        car.read_whole(car.write([PICTURE.root], half), PICTURE.root)
    with pytest.raises(Invalid, match="1 blocks that no root reaches"):
        car.read_whole(car.write([PICTURE.root], {**PICTURE.blocks, **NOTE.blocks}), PICTURE.root)


@pytest.mark.parametrize(
    ("tail", "error", "said"),
    [
        (b"\x00", Invalid, "0 bytes at byte"),
        (b"\x80", Invalid, "a whole varint"),
        (b"\xa4\x00", Invalid, "shortest form"),
        (b"\x24" + bytes(36), Invalid, "prefix 00000000"),
        (b"\x30" + bytes(3), Invalid, "what is left"),
        (section(NOTE.root, b'{"name":"one"}'), Invalid, "each block once"),
        (section(Cid.of(b"a"), b"b"), WrongHash, "got a block that is"),
    ],
)
def test_what_follows_must_be_a_block(tail: bytes, error: type[MonoprintError], said: str) -> None:
    with pytest.raises(error, match=said):
        car.read(CAR + tail)


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    big = bytes(unixfs.MAX_BLOCK_BYTES + 1)
    with pytest.raises(TooLarge, match="a section of"):
        car.read(CAR + section(Cid.of(big), big))
    monkeypatch.setattr(car, "MAX_BLOCKS", len(PICTURE.blocks))
    with pytest.raises(TooLarge, match="more than"):
        car.read(CAR)
    monkeypatch.setattr(car, "MAX_CAR_BYTES", len(CAR) - 1)
    with pytest.raises(TooLarge, match="wanted at most"):
        car.read(CAR)


def test_headers_of_another_form_are_refused() -> None:
    v2 = bytes.fromhex("0aa16776657273696f6e02")
    no_roots = b"\x11\xa2\x65roots\x80\x67version\x01"
    for data in (b"", b"\x00", v2, no_roots, CAR[:20], b"\xff" * 40):
        with pytest.raises(Invalid):
            car.read(data)


@settings(max_examples=300)
@given(st.integers(0, len(CAR) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_refused(at: int, flip: int) -> None:
    changed = bytearray(CAR)
    changed[at] ^= flip
    with pytest.raises(MonoprintError):
        car.read(bytes(changed))


@given(st.integers(0, len(CAR) - 1))
def test_a_car_cut_short_is_refused_or_lacks_whole_blocks_only(end: int) -> None:
    try:
        read = car.read(CAR[:end])
    except MonoprintError:
        return
    assert len(read.blocks) < len(car.read(CAR).blocks)
    assert car.write(read.roots, read.blocks) == CAR[:end]
