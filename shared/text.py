"""Text that is shown to people everywhere: printable, in one spelling, and unable to reorder what stands beside it."""

from __future__ import annotations

import unicodedata

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Would reorder what a wallet shows around them."""


def printable(value: str, *, lines: bool = False) -> str:
    """`value` in NFC, without space at its ends; with `lines` it may have line breaks.

    Raises `ValueError` for control characters, lone surrogates, line separators and marks of direction.
    """
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ") if lines else value
    text = unicodedata.normalize("NFC", text).strip()
    for char in text:
        if lines and char == "\n":
            continue
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _BIDI:
            raise ValueError(f"got the control character U+{ord(char):04X}, wanted printable text")
    return text
