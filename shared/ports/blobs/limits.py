"""What every blob store refuses, in the same words, before it touches its store."""

from __future__ import annotations

import re

from shared.errors import Invalid
from shared.ports.blobs import MAX_KEY_CHARACTERS, MAX_PART_CHARACTERS, MAX_PRESIGN_S

_PART = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_PART_CHARACTERS}}}")
_CONTENT_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}(; ?charset=[A-Za-z0-9-]{1,20})?")
_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._-]{0,119}")


def key_parts(key: str) -> list[str]:
    """What stands between the slashes."""
    parts = key.split("/")
    if len(key) > MAX_KEY_CHARACTERS or ".." in key or not all(_PART.fullmatch(part) and part != "." for part in parts):
        raise Invalid("key", repr(key[:80]), "parts of letters, digits, '.', '_' and '-' between single slashes")
    return parts


def prefix_parts(prefix: str) -> tuple[list[str], str]:
    """The whole parts of a prefix, and the beginning of a part after its last slash."""
    *whole, rest = prefix.split("/")
    # A beginning may be "." or nothing, which no whole part may.
    if rest and (".." in rest or not _PART.fullmatch(rest)):
        raise Invalid("prefix", repr(prefix[:80]), "the beginning of a key")
    return key_parts("/".join(whole)) if whole else [], rest


def check_content_type(content_type: str) -> None:
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise Invalid("content_type", repr(content_type[:80]), "type/subtype, with a charset at most")


def check_presign(expires_s: int, filename: str | None) -> None:
    if not 1 <= expires_s <= MAX_PRESIGN_S:
        raise Invalid("expires_s", str(expires_s), f"1 to {MAX_PRESIGN_S}")
    if filename is not None and not _FILENAME.fullmatch(filename):
        raise Invalid("filename", repr(filename[:40]), "at most 120 of letters, digits, space, '.', '_' and '-'")
