"""PNGs for the tests: real ones that Pillow writes, and hostile ones made by hand, chunk by chunk."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIGNATURE = b"\x89PNG\r\n\x1a\n"
Pixels = NDArray[np.uint8]


def png(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=3)
    return out.getvalue()


def drawing(size: int = 96, mode: str = "RGB") -> Pixels:
    """A picture that shows something: rings and a stroke on paper."""
    image = Image.new(mode, (size, size), (238, 230, 214, 255)[: len(mode)])
    draw = ImageDraw.Draw(image)
    for step in range(4):
        inset = size * (0.1 + 0.09 * step)
        draw.ellipse((inset, inset, size - inset, size - inset), outline=(40 + 40 * step, 30, 90), width=2 + step)
    draw.line((0, size * 0.8, size, size * 0.3), fill=(200, 60, 40), width=3)
    return np.asarray(image)


def grey(levels: NDArray[np.float64]) -> Pixels:
    """The same level in all three channels."""
    return np.repeat(np.clip(levels, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def chunk(kind: bytes, body: bytes = b"", *, crc: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def header(width: int = 8, height: int = 8, *rest: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">II5B", width, height, *(rest or (8, 2, 0, 0, 0))))


def by_hand(raw: bytes, parts: Sequence[bytes] | None = None, head: bytes | None = None) -> bytes:
    """Signature, header, pixel data, IEND; `parts` stands between header and IEND instead of one IDAT."""
    body = [chunk(b"IDAT", zlib.compress(raw))] if parts is None else parts
    return SIGNATURE + (head or header()) + b"".join(body) + chunk(b"IEND")


ROWS = b"".join(b"\x00" + bytes(x * y * 5 % 256 for x in range(24)) for y in range(8))  # 8 x 8 px, RGB
