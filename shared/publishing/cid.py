"""Content identifiers: the names of blocks, computed here and never taken from a provider.

The one form that profile `unixfs-v1-2025` (IPIP-499) leads to: CIDv1, sha2-256 with 32 bytes, codec `raw` for bytes
and `dag-pb` for nodes, written in lower-case base32 without padding (multibase `b`). That is 36 bytes or 59 characters
of `[a-z2-7]`, so a CID that was parsed here is safe as a file name. Any other form is refused, not converted: two
spellings of one block would be two keys.

Source: multiformats CID, multicodec table (raw 0x55, dag-pb 0x70), multihash (sha2-256 0x12), multibase; RFC 4648.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from shared.errors import Invalid

Codec = Literal["raw", "dag-pb"]

CID_BYTES = 36
_PREFIX: dict[Codec, bytes] = {"raw": b"\x01\x55\x12\x20", "dag-pb": b"\x01\x70\x12\x20"}
_CODEC: dict[bytes, Codec] = {prefix: codec for codec, prefix in _PREFIX.items()}
_TEXT = re.compile(r"b[a-z2-7]{58}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Cid:
    """`codec` says how to read the block, `digest` is the sha256 of its 0 or more bytes: 32 bytes."""

    codec: Codec
    digest: bytes

    def __post_init__(self) -> None:
        if self.codec not in _PREFIX:
            raise Invalid("cid.codec", repr(self.codec), "'raw' or 'dag-pb'")
        if len(self.digest) != 32:
            raise Invalid("cid.digest", f"{len(self.digest)} bytes", "32 bytes of sha2-256")

    @classmethod
    def of(cls, block: bytes, codec: Codec = "raw") -> Cid:
        """The CID of a block."""
        return cls(codec, hashlib.sha256(block).digest())

    @classmethod
    def from_hex(cls, digest_hex: str, codec: Codec = "raw") -> Cid:
        """From a sha256 as the ledger keeps it: 64 lower-case hex digits. Raises `Invalid`."""
        if not _HEX.fullmatch(digest_hex):
            raise Invalid("digest", repr(digest_hex[:80]), "64 lower-case hex digits of sha256")
        return cls(codec, bytes.fromhex(digest_hex))

    @classmethod
    def decode(cls, data: bytes) -> Cid:
        """From its 36 bytes. Raises `Invalid`."""
        if len(data) != CID_BYTES:
            raise Invalid("cid", f"{len(data)} bytes", f"{CID_BYTES} bytes of CIDv1 with sha2-256")
        codec = _CODEC.get(bytes(data[:4]))
        if codec is None:
            raise Invalid("cid", f"prefix {bytes(data[:4]).hex()}", "CIDv1, raw or dag-pb, sha2-256")
        return cls(codec, bytes(data[4:]))

    @classmethod
    def parse(cls, text: str) -> Cid:
        """From `bafkrei...` or `bafybei...`. Raises `Invalid` with what is wrong with it."""
        if text.startswith("Qm"):
            raise Invalid("cid", repr(text[:80]), "CIDv1 in base32 (b...), not CIDv0")
        if not _TEXT.fullmatch(text):
            raise Invalid("cid", repr(text[:80]), "59 characters: b and 58 of [a-z2-7]")
        cid = cls.decode(base64.b32decode(text[1:].upper() + "======"))
        if str(cid) != text:  # the last character carries two spare bits: only zeros are canonical
            raise Invalid("cid", repr(text), f"its canonical spelling {cid}")
        return cid

    @cached_property
    def encoded(self) -> bytes:
        """The 36 bytes: version, codec, hash function, hash length, digest."""
        return _PREFIX[self.codec] + self.digest

    @cached_property
    def _text(self) -> str:
        return "b" + base64.b32encode(self.encoded).decode("ascii").lower().rstrip("=")

    def __str__(self) -> str:
        return self._text

    def names(self, block: bytes) -> bool:
        """Whether this is the CID of exactly these bytes."""
        return hashlib.sha256(block).digest() == self.digest


def token_uri(digest_hex: str) -> str:
    """`ipfs://bafkrei...`, letter for letter what the contract computes from the metadata digest that it stores."""
    return f"ipfs://{Cid.from_hex(digest_hex, 'raw')}"
