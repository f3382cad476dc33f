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


@lru_cache(maxsize=4096)
def _described(description: str) -> tuple[_Word, ...]:
    """The words of an artist's description. Of an unspaced script only longer n-grams count, when there are any: a
    single character in common says nothing."""
    words = map(_word, folded(description).split())
    return tuple(w if w.spaced else w._replace(grams=_longer(w.grams)) for w in words)


def _longer(grams: frozenset[str]) -> frozenset[str]:
    return frozenset(gram for gram in grams if len(gram) > 1) or grams


class Text:
    """A collector's text, ready to be compared. It can be asked nothing but `nearness`."""

    __slots__ = ("_known", "_runs", "_sizes", "_words")

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: dict[str, list[int]] = {}
        self._sizes: list[int] = []
        runs: set[str] = set()
        for unique in {word: None for text in texts for word in folded(text).split()}:
            word = _word(unique)
            if word.spaced:
                for gram in word.grams:
                    self._words.setdefault(gram, []).append(len(self._sizes))
                self._sizes.append(len(word.grams))
            else:
                runs |= word.grams
        self._runs, self._known = frozenset(runs), frozenset(self._words)

    def __bool__(self) -> bool:
        return bool(self._words or self._runs)

    def nearness(self, descriptions: Iterable[str]) -> float:
        """0 (none) to 1 (has one of them whole): the nearest of the descriptions counts.

        Of a description of several words more than half must be there, counted in letters: articles alone are near to
        nothing.
        """
        return max((self._near(_described(description)) for description in descriptions), default=0.0)

    def _near(self, words: tuple[_Word, ...]) -> float:
        found = total = 0.0
        for word in words:
            total += word.length
            near = self._cosine(word) if word.spaced else len(word.grams & self._runs) / len(word.grams)
            if near > NEAR:
                found += word.length * (near - NEAR) / (1 - NEAR)
        if not total:
            return 0.0
        share = min(found / total, 1.0)
        return share if len(words) == 1 else max(0.0, (share - NEAR) / (1 - NEAR))

    def _cosine(self, word: _Word) -> float:
        """With the nearest of the text's own words."""
        mine, common = len(word.grams), word.grams & self._known
        if len(common) <= mine * NEAR * NEAR:  # a cosine is at most the root of this share
            return 0.0
        shared: dict[int, int] = {}
        for gram in common:
            for other in self._words[gram]:
                shared[other] = shared.get(other, 0) + 1
        return max((n / math.sqrt(mine * self._sizes[other]) for other, n in shared.items()), default=0.0)
