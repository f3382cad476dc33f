"""From a plan to what a diffusion model is told: the artist's template, filled with the artist's own descriptions.

The template's phrases stand in order of importance; when it grows past `MAX_WORDS` the last ones are left out, never
a half of one, and never what keeps a negative. Text encoders forget what comes late, so more would not be heard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from shared.collection.dna import Dna
from shared.collection.rules import PLACEHOLDER
from shared.messages import Prompt

MAX_WORDS = 75
"""Words and punctuation marks together stay below the 77 tokens of CLIP in most prompts; longer encoders hear all."""

Kept = Literal["guided", "phrased", "judged"]
_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*|\d+", re.UNICODE)
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def prompt(collection: Dna, values: Mapping[str, str], *, guidance: bool = True) -> Prompt:
    """The prompt for a plan. `guidance`: whether the model listens to a negative prompt.

    Without it every negative that has an `instead` is said as what is wanted in its place, and `negative` is empty.
    """
    phrases = _phrases(collection, values)
    instead = [n.instead for n in collection.negatives if n.instead is not None] if not guidance else []
    room = MAX_WORDS - sum(map(words, instead))
    said = [phrases[0]]
    room -= words(phrases[0])
    for phrase in phrases[1:]:
        if (room := room - words(phrase)) < 0:
            break
        said.append(phrase)
    negative = ", ".join(n.text for n in collection.negatives) if guidance else ""
    return Prompt(positive=", ".join([*said, *instead]), negative=negative)


def kept(collection: Dna, *, guidance: bool) -> dict[str, Kept | None]:
    """How each negative is kept by a model with or without guidance; None: in no way, which `check` must refuse."""
    ways: dict[str, Kept | None] = {}
    for negative in collection.negatives:
        if guidance:
            ways[negative.text] = "guided"
        elif negative.instead is not None:
            ways[negative.text] = "phrased"
        else:
            ways[negative.text] = "judged" if negative.judged else None
    return ways


def words(text: str) -> int:
    """How long a text is for an encoder: its words, and each character of a script that has no spaces."""
    bare = _IDEOGRAPH.sub(" ", text)
    return len(_WORD.findall(bare)) + len(_IDEOGRAPH.findall(text))


def _phrases(collection: Dna, values: Mapping[str, str]) -> list[str]:
    """The template cut at its commas and filled once: what stands in for a placeholder is never read again."""

    def described(match: re.Match[str]) -> str:
        trait = match[1]
        return collection.traits[trait].values[values[trait]].prompt

    pieces = (" ".join(piece.split()) for piece in _split(collection.prompt))
    return [PLACEHOLDER.sub(described, piece) for piece in pieces if piece] or [""]


def _split(template: str) -> list[str]:
    """At commas outside braces: a trait's name may hold one."""
    return re.split(r",(?![^{}]*\})", template)
