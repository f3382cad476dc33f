"""Reading a PNG without decoding it: what a stranger's file may be refused for before a decoder sees a byte.

A renderer's answer is one still picture: PNG, 8 bits a channel, RGB or RGBA, not interlaced, of the size that was
ordered. `examine` walks its chunks with lengths and CRCs, compares the declared size first, and inflates the pixel
data into nothing, never further than the size allows, so that a bomb of a few kilobytes costs a few kilobytes.

Source: W3C Portable Network Graphics (third edition), sections 5, 10, 11, 12; RFC 1950.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from shared.errors import Rejected

Reason = Literal["not_png", "too_many_bytes", "wrong_size", "wrong_format", "truncated", "corrupt", "bomb", "blank"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}  # colour type -> channels
_KNOWN_CRITICAL = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
_ANIMATION = frozenset((b"acTL", b"fcTL", b"fdAT"))
_STEP = 1 << 20


class Faulty(Rejected):
    """A picture that cannot be used, whatever it shows; it is rendered again. `reason` is for machines."""

    code: ClassVar[str] = "faulty_image"

    def __init__(self, reason: Reason, got: str, wanted: str) -> None:
        super().__init__(f"image ({reason}): got {got}, wanted {wanted}")
        self.reason: Reason = reason
        self.got = got
        self.wanted = wanted


@dataclass(frozen=True)
class Layout:
    """What `examine` found. `bare` is the PNG with its pixels and nothing else: IHDR, IDAT, IEND, CRCs correct."""

    channels: Literal[3, 4]
    bare: bytes


def examine(data: bytes, *, width_px: int, height_px: int, max_bytes: int) -> Layout:
    """Check everything about a PNG but what it shows. Memory: a copy of the file, nothing that the file decides.

    Raises `Faulty` with every reason but `blank`.
    """
    if len(data) > max_bytes:
        raise Faulty("too_many_bytes", f"{len(data)} bytes", f"at most {max_bytes}")
    if not data.startswith(SIGNATURE):
        if data and SIGNATURE.startswith(data):
            raise Faulty("truncated", f"{len(data)} bytes of a PNG signature", "a PNG")
        raise Faulty("not_png", f"bytes that begin with {data[:8].hex() or 'nothing'}", "the PNG signature")
    chunks = _chunks(data)
    kind, header, raw = next(chunks)
    if kind != b"IHDR" or len(header) != 13:
        raise Faulty("corrupt", f"{kind!r} of {len(header)} bytes first", "IHDR of 13 bytes")
    channels = _check_header(header, width_px, height_px)
    pixels = _Pixels(height_px * (1 + width_px * channels))
    parts = [SIGNATURE, raw]
    previous = kind
    for kind, body, raw in chunks:
        if kind in _ANIMATION:
            raise Faulty("wrong_format", "an animated PNG", "a still picture")
        if kind == b"IDAT":
            if pixels.begun and previous != b"IDAT":
                raise Faulty("corrupt", "IDAT chunks with others between", "all IDAT in one run")
            pixels.feed(body)
            parts.append(raw)
        elif kind == b"IEND":
            pixels.close()
            parts.append(raw)
        elif kind == b"IHDR" or not (kind[0] & 0x20 or kind in _KNOWN_CRITICAL):
            raise Faulty("corrupt", f"the critical chunk {kind!r}", "IHDR once, IDAT, IEND and ancillary chunks")
        previous = kind
    return Layout(3 if channels == 3 else 4, b"".join(parts))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, body and the whole of each chunk up to IEND, CRCs checked; raises where the file does not end with it."""
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise Faulty("truncated", f"the end of the file {len(data) - at} bytes into a chunk", "IEND last")
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if length > 0x7FFF_FFFF or not (kind.isascii() and kind.isalpha()):
            raise Faulty("corrupt", f"a chunk {kind!r} of {length} bytes", "four letters and less than 2**31 bytes")
        end = at + 12 + length
        if end > len(data):
            raise Faulty("truncated", f"{len(data) - at - 12} bytes of {kind!r}", f"the {length} that it announces")
        if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise Faulty("corrupt", f"a wrong CRC after {kind!r}", "the CRC of its bytes")
        if kind == b"IEND" and length:
            raise Faulty("corrupt", f"IEND of {length} bytes", "an empty IEND")
        yield kind, data[at + 8 : end - 4], data[at:end]
        at = end
    if at != len(data):
        raise Faulty("corrupt", f"{len(data) - at} bytes after IEND", "nothing")


def _check_header(header: bytes, width_px: int, height_px: int) -> int:
    """The number of channels. The size comes first: nothing else is worth knowing of a picture of another size."""
    size = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    if size != (width_px, height_px):
        raise Faulty("wrong_size", f"{size[0]}x{size[1]} px", f"{width_px}x{height_px} px")
    depth, colour, compression, filtering, interlace = header[8:]
    if depth != 8 or colour not in _CHANNELS:
        raise Faulty("wrong_format", f"colour type {colour} with {depth} bits", "8-bit RGB or RGBA (2 or 6)")
    if (compression, filtering) != (0, 0):
        raise Faulty("corrupt", f"compression {compression} and filter {filtering}", "0 and 0, the only ones")
    if interlace:
        raise Faulty("wrong_format", f"interlace {interlace}", "rows in order")
    return _CHANNELS[colour]


class _Pixels:
    """Inflates the pixel data and counts it, at most 1 MiB at a time and never far beyond what it should hold."""

    def __init__(self, wanted: int) -> None:
        self.begun = False
        self._wanted = wanted
        self._got = 0
        self._inflate = zlib.decompressobj()

    def feed(self, body: bytes) -> None:
        self.begun = True
        while body:
            if self._inflate.eof:
                raise Faulty("corrupt", f"{len(body)} bytes after the pixel data", "nothing")
            self._take(body)
            body = self._inflate.unused_data or self._inflate.unconsumed_tail

    def close(self) -> None:
        while not self._inflate.eof and self._take(b""):  # zlib may hold back the end of a full step
            pass
        if not self._inflate.eof or self._got != self._wanted:
            raise Faulty("truncated", f"pixel data of {self._got} bytes", f"{self._wanted}, the bytes of its rows")

    def _take(self, body: bytes) -> int:
        try:
            count = len(self._inflate.decompress(body, _STEP))
        except zlib.error as error:
            raise Faulty("corrupt", f"pixel data that does not inflate ({error})", "a zlib stream") from error
        self._got += count
        if self._got > self._wanted:
            raise Faulty("bomb", f"pixel data of more than {self._wanted} bytes", "the bytes of its rows")
        return count
