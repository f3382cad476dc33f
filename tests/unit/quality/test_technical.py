"""The technical check of a picture: what is measured, and fault 17."""

from __future__ import annotations

import hashlib
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.errors import Rejected
from shared.quality.technical import Faulty, Inspection, inspect
from tests.unit.quality.pngs import ROWS, SIGNATURE, by_hand, chunk, drawing, header, png

GOOD = png(drawing())


def look(data: bytes, width: int = 96, height: int = 96, max_bytes: int = 1 << 20) -> Inspection:
    return inspect(data, width_px=width, height_px=height, max_bytes=max_bytes)


def reason(data: bytes, width: int = 96, height: int = 96, max_bytes: int = 1 << 20) -> str:
    with pytest.raises(Faulty) as caught:
        look(data, width, height, max_bytes)
    assert isinstance(caught.value, Rejected)
    return caught.value.reason


def by_hand_reason(data: bytes) -> str:
    return reason(data, 8, 8)


def test_a_good_picture_is_measured() -> None:
    found = look(GOOD)
    assert found.sha256 == hashlib.sha256(GOOD).hexdigest()
    assert (found.bytes, found.width_px, found.height_px, found.has_alpha) == (len(GOOD), 96, 96, False)
    luma = np.asarray(Image.fromarray(drawing()).convert("L"), dtype=np.float64)
    assert found.mean == pytest.approx(luma.mean(), abs=0.6)
    assert found.deviation == pytest.approx(luma.std(), abs=0.6)
    assert 0.5 < found.entropy_bits < 8
    assert found.detail > 0.2
    assert found == look(GOOD)


def test_pictures_with_alpha_are_taken() -> None:
    assert look(png(drawing(mode="RGBA"))).has_alpha


def test_a_picture_by_hand_is_taken_where_nothing_is_wrong() -> None:
    rows = b"".join(b"\x00" + drawing()[y].tobytes() for y in range(96))
    packed = zlib.compress(rows)
    parts = [chunk(b"tEXt", b"Software\x00x"), chunk(b"IDAT"), chunk(b"IDAT", packed[:50]), chunk(b"IDAT", packed[50:])]
    assert look(by_hand(b"", [*parts, chunk(b"teXt", b"?")], header(96, 96))).detail == look(GOOD).detail


def test_the_order_itself_must_be_sound() -> None:
    for width, height in ((0, 9), (9, -1), (8192, 8192)):
        with pytest.raises(ValueError, match="wanted 1 to"):
            inspect(GOOD, width_px=width, height_px=height, max_bytes=1)


# ---- fault 17: corrupt or truncated image, image bomb ---------------------------------------------------------


def test_fault_17_too_many_bytes() -> None:
    assert reason(GOOD, max_bytes=len(GOOD) - 1) == "too_many_bytes"
    assert look(GOOD, max_bytes=len(GOOD)).bytes == len(GOOD)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF", b"<svg/>", b"\x00" * 99])
def test_fault_17_not_a_png(data: bytes) -> None:
    assert reason(data) == "not_png"


@pytest.mark.parametrize("size", [(95, 96), (96, 97), (8, 8)])
def test_fault_17_another_size(size: tuple[int, int]) -> None:
    assert reason(GOOD, *size) == "wrong_size"


def test_fault_17_a_declared_size_is_refused_before_anything_else_is_read() -> None:
    claim = SIGNATURE + header(2**31 - 1, 2**31 - 1) + chunk(b"IDAT", b"no zlib stream", crc=0)
    assert reason(claim) == "wrong_size"


@settings(max_examples=400)
@given(st.integers(0, len(GOOD) - 1))
def test_fault_17_truncated_image_at_any_byte(end: int) -> None:
    assert reason(GOOD[:end]) == ("truncated" if end else "not_png")


@settings(max_examples=400)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_fault_17_corrupt_image_at_any_byte(at: int, flip: int) -> None:
    damaged = bytearray(GOOD)
    damaged[at] ^= flip
    assert reason(bytes(damaged)) in {"not_png", "truncated", "corrupt"}


@given(st.binary(max_size=400))
def test_fault_17_any_bytes_behind_a_good_beginning(tail: bytes) -> None:
    for start in (b"", SIGNATURE, SIGNATURE + header()):
        assert by_hand_reason(start + tail) in {"not_png", "truncated", "corrupt", "wrong_size"}


@given(st.binary(max_size=300))
def test_fault_17_any_rows_are_a_picture_or_faulty(rows: bytes) -> None:
    try:
        look(by_hand((rows * 8)[:200]), 8, 8)
    except Faulty as error:
        assert error.reason in {"truncated", "corrupt", "blank"}  # noqa: PT017


@pytest.mark.parametrize("bombed", [bytes(1 << 26), ROWS + b"\x00"])
def test_fault_17_image_bomb(bombed: bytes) -> None:
    data = by_hand(bombed)
    del bombed
    tracemalloc.start()
    try:
        assert by_hand_reason(data) == "bomb"
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_fault_17_image_bomb_in_many_chunks() -> None:
    packed = zlib.compress(bytes(1 << 24), 9)
    parts = [chunk(b"IDAT", packed[at : at + 7]) for at in range(0, len(packed), 7)]
    assert by_hand_reason(by_hand(b"", parts)) == "bomb"


def test_fault_17_image_bomb_in_a_text_chunk_never_reaches_the_decoder() -> None:
    bomb = chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(1 << 26)))
    head, rest = GOOD[:33], GOOD[33:]
    assert look(head + bomb + rest).detail == look(GOOD).detail


PACKED = zlib.compress(ROWS)
IDAT = chunk(b"IDAT", PACKED)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (by_hand(ROWS[:-1]), "truncated"),
        (by_hand(b""), "truncated"),
        (by_hand(b"", [chunk(b"IDAT", PACKED[:-1])]), "truncated"),
        (by_hand(b"", []), "truncated"),
        (by_hand(b"\x05" + ROWS[1:]), "corrupt"),
        (by_hand(b"", [chunk(b"IDAT", b"\x78\x9c" + b"\xff" * 30)]), "corrupt"),
        (by_hand(b"", [chunk(b"IDAT", PACKED + b"more")]), "corrupt"),
        (by_hand(b"", [IDAT, chunk(b"IDAT", b"more")]), "corrupt"),
        (by_hand(b"", [chunk(b"IDAT", PACKED[:9]), chunk(b"tEXt", b"a\x00b"), chunk(b"IDAT", PACKED[9:])]), "corrupt"),
        (by_hand(b"", [chunk(b"IDAT", PACKED, crc=1)]), "corrupt"),
        (by_hand(b"", [IDAT, header()]), "corrupt"),
        (by_hand(b"", [chunk(b"HACK"), IDAT]), "corrupt"),
        (by_hand(b"", [chunk(b"1234"), IDAT]), "corrupt"),
        (by_hand(b"", [chunk(b"\xc4DAT"), IDAT]), "corrupt"),
        (by_hand(b"", [IDAT, b"\xff\xff\xff\xffteXt"]), "corrupt"),
        (by_hand(b"", [IDAT, b"\x7f\xff\xff\xffteXt"]), "truncated"),
        (by_hand(ROWS) + b"trailing", "corrupt"),
        (by_hand(ROWS) + by_hand(ROWS), "corrupt"),
        (by_hand(b"", [IDAT, chunk(b"IEND", b"x")]), "corrupt"),
        (SIGNATURE + IDAT + chunk(b"IEND"), "corrupt"),
        (by_hand(ROWS, head=chunk(b"IHDR", b"short")), "corrupt"),
        (by_hand(ROWS, head=header(8, 8, 8, 2, 1, 0, 0)), "corrupt"),
        (by_hand(ROWS, head=header(8, 8, 8, 2, 0, 1, 0)), "corrupt"),
        (by_hand(ROWS, head=header(8, 8, 8, 2, 0, 0, 1)), "wrong_format"),
        (by_hand(ROWS, head=header(8, 8, 16, 2, 0, 0, 0)), "wrong_format"),
        (by_hand(ROWS, head=header(8, 8, 8, 0, 0, 0, 0)), "wrong_format"),
        (by_hand(ROWS, head=header(8, 8, 8, 3, 0, 0, 0)), "wrong_format"),
        (by_hand(b"", [chunk(b"acTL", bytes(8)), IDAT]), "wrong_format"),
        (by_hand(b"", [IDAT, chunk(b"fdAT", bytes(8))]), "wrong_format"),
    ],
)  # fmt: skip
def test_fault_17_hostile_images_made_by_hand(data: bytes, expected: str) -> None:
    assert by_hand_reason(data) == expected
