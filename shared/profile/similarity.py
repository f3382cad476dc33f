"""How near a collector's text comes to the artist's words: character n-grams, any script, no model, no network.

Words are compared as vectors of their n-grams, by cosine; a script that is written without spaces is asked how much
of a word it contains. That is all that ever happens to a text: the result is a number in [0, 1], so a text that gives
orders, carries markup or hides characters can do no more than resemble a description. A long text has no advantage
and no handicap, since a description looks for its nearest word and not for the text as a whole.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

SPACED, UNSPACED = (3, 4), (1, 2, 3, 4)
"""Sizes of n-grams. Where words have spaces the space is part of them; two letters alone say nothing there."""
NEAR = 0.5
"""Below this two words only happen to share letters (`sea` and `season` come to 0.40, `sea` and `seas` to 0.51)."""

_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "HANGUL")


@lru_cache(maxsize=8192)
def _unspaced(character: str) -> bool:
    """Whether words of this character's script are written without spaces (or inflect inside the word, as Hangul)."""
    return unicodedata.name(character, "").startswith(_SCRIPTS)


class _Fold(dict[int, str | None]):
    """Code point -> what it is compared as, filled as characters are met."""

    def __missing__(self, point: int) -> str | None:
        kind = unicodedata.category(chr(point))
        self[point] = chr(point) if kind[0] in "LMN" else None if kind == "Cf" else " "
        return self[point]


_FOLD = _Fold()


def folded(text: str) -> str:
    """The text as it is compared: NFKC and case folded, letters, marks and digits kept, the rest a single space.

    Format characters (zero width, direction) vanish, so that they can neither split nor join words.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_FOLD).split())


class _Word(NamedTuple):
    grams: frozenset[str]
    spaced: bool
    length: int


def _word(word: str) -> _Word:
    spaced = not _unspaced(word[0])
    run, sizes = (f" {word} ", SPACED) if spaced else (word, UNSPACED)
    grams = frozenset(run[i : i + size] for size in sizes for i in range(len(run) - size + 1))
    return _Word(grams, spaced, len(word))


def _described(description: str) -> tuple[_Word, ...]:
    """The words of an artist's description. Of an unspaced script only longer n-grams count, when there are any: a
    single character in common says nothing."""
    words = map(_word, folded(description).split())
    return tuple(w if w.spaced else w._replace(grams=_longer(w.grams)) for w in words)


def _longer(grams: frozenset[str]) -> frozenset[str]:
    return frozenset(gram for gram in grams if len(gram) > 1) or grams


Descriptions = tuple[tuple[str, ...], ...]
"""Several things, each with its descriptions."""


class _Index:
    """The words of an artist's descriptions by their n-grams: a text meets only those that it shares letters with."""

    def __init__(self, descriptions: Descriptions) -> None:
        places: dict[_Word, int] = {}
        self.things = [
            [[places.setdefault(word, len(places)) for word in _described(one)] for one in descriptions_of_it]
            for descriptions_of_it in descriptions
        ]
        self.words = list(places)
        self.sizes = [len(word.grams) for word in self.words]
        self.unspaced = [at for at, word in enumerate(self.words) if not word.spaced]
        self.having: dict[str, list[int]] = {}
        for at, word in enumerate(self.words):
            for gram in word.grams if word.spaced else ():
                self.having.setdefault(gram, []).append(at)
        self.known = frozenset(self.having)


_indexed = lru_cache(maxsize=256)(_Index)


class Text:
    """A collector's text, ready to be compared. It can be asked nothing but how near it is to descriptions."""

    __slots__ = ("_runs", "_words")

    def __init__(self, texts: Iterable[str]) -> None:
        words = [_word(unique) for unique in {word: None for text in texts for word in folded(text).split()}]
        self._words = [word.grams for word in words if word.spaced]
        self._runs = frozenset(gram for word in words if not word.spaced for gram in word.grams)

    def __bool__(self) -> bool:
        return bool(self._words or self._runs)

    def nearness(self, descriptions: Iterable[str]) -> float:
        """0 (none) to 1 (has one of them whole): the nearest of the descriptions counts.

        Of a description of several words more than half must be there, counted in letters: articles alone are near to
        nothing.
        """
        return self.nearness_of_each((tuple(descriptions),))[0]

    def nearness_of_each(self, descriptions: Descriptions) -> list[float]:
        """`nearness` of many things at once."""
        index = _indexed(descriptions)
        near = self._cosines(index)
        return [
            max((_share([(index.words[at].length, near[at]) for at in one]) for one in thing), default=0.0)
            for thing in index.things
        ]

    def _cosines(self, index: _Index) -> list[float]:
        """Of each word of the descriptions with the nearest of the text's own."""
        near = [0.0] * len(index.words)
        for at in index.unspaced:
            near[at] = len(index.words[at].grams & self._runs) / index.sizes[at]
        having, sizes = index.having, index.sizes
        for grams in self._words:
            shared: dict[int, int] = {}
            for gram in grams & index.known:
                for at in having[gram]:
                    shared[at] = shared.get(at, 0) + 1
            size = len(grams)
            for at, common in shared.items():
                if common * common > NEAR * NEAR * sizes[at] * size:  # below, letters only happen to be shared
                    near[at] = max(near[at], common / math.sqrt(sizes[at] * size))
        return near


def _share(words: list[tuple[int, float]]) -> float:
    """How much of one description is there: each word's length and nearness."""
    found = sum(length * (near - NEAR) / (1 - NEAR) for length, near in words if near > NEAR)
    if not found:
        return 0.0
    share = min(found / sum(length for length, _ in words), 1.0)
    return share if len(words) == 1 else max(0.0, (share - NEAR) / (1 - NEAR))
