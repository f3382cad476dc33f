"""The option of every signer's URL that says for which chain its keys were made."""

from __future__ import annotations

from shared.ports.open import PortUrl


def chain_id_of(parts: PortUrl) -> int:
    text = parts.text("chain_id")
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 20 and int(text) > 0):
        raise parts.wrong("chain_id", repr(text[:40]), "the number of a chain, at least 1")
    return int(text)
