"""A collector's profile as numbers: the named features of one DNA, and who ranks first among its names.

Only consented fields are read, and only those that the DNA names. A feature whose field was not shared is absent, not
zero: its rules stay silent, and nobody is punished for keeping something to themselves.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.collection.dna import Dna
from shared.collection.rules import Feature, Rank
from shared.profile.fields import NAMED, TEXTS, ConsentField, split
from shared.profile.similarity import Text
from shared.profile.sources import Profile


@dataclass(frozen=True, slots=True)
class Features:
    """`scaled` is what a planner may see, each in [0, 1]; `raw` is the same in the unit of its source.

    `texts` are the free texts of the profile, which can be compared and not be read.
    """

    scaled: Mapping[str, float] = field(default_factory=dict)
    raw: Mapping[str, float] = field(default_factory=dict)
    texts: Mapping[ConsentField, Text] = field(default_factory=dict)


def measure(collection: Dna, profile: Profile) -> Features:
    """The features of `collection` that `profile` can answer."""
    scaled: dict[str, float] = {}
    raw: dict[str, float] = {}
    said = texts(profile)
    for name, feature in collection.features.items():
        if feature.like is not None:
            value = said[feature.field].nearness(feature.like) if feature.field in said else None
        else:
            value = number(profile, feature.source)
        if value is not None:
            raw[name] = value
            scaled[name] = scale(feature, value)
    return Features(scaled, raw, said)


def texts(profile: Profile) -> dict[ConsentField, Text]:
    """The free texts that were shared, each ready to be compared."""
    found: dict[ConsentField, Text] = {}
    for source in TEXTS:
        given = profile.read(source)
        if given is not None and (text := Text([given] if isinstance(given, str) else [p.text for p in given])):
            found[source] = text
    return found


def number(profile: Profile, path: str) -> float | None:
    """What stands under `game.questlines.NAME` and the like; a name that a shared field lacks counts as 0."""
    source, name = split(path)
    given = profile.read(source)
    if given is None:
        return None
    if source == "social.posts":
        return _posts([post.text for post in given], name or "count")
    if source == "game.achievements":
        return float(len(set(given)) if name is None else name in given)
    if source in NAMED:
        return float(sum(given.values()) if name is None else given.get(name, 0.0))
    return float(given)


def _posts(posts: list[str], what: str) -> float:
    if what == "count":
        return float(len(posts))
    has = {"exclaiming": _exclaims, "asking": _asks, "emoji": _smiles}[what]
    return sum(map(has, posts)) / len(posts) if posts else 0.0


def _exclaims(text: str) -> bool:
    return any(mark in text for mark in "!！¡՜")


def _asks(text: str) -> bool:
    return any(mark in text for mark in "?？¿؟\u037e՞")


def _smiles(text: str) -> bool:
    return any(ord(c) >= 0x2600 and unicodedata.category(c) == "So" for c in text)


def scale(feature: Feature, value: float) -> float:
    """`value` put between 0 and 1, as the feature says."""
    if feature.steps is not None:
        return sum(value >= step for step in feature.steps) / len(feature.steps)
    if feature.scale is not None:
        low, high = feature.scale
        share = (value - low) / (high - low)
    elif feature.log is not None:
        low, high = (math.log(bound) for bound in feature.log)
        share = (math.log(max(value, feature.log[0])) - low) / (high - low)
    else:
        share = value
    return min(1.0, max(0.0, share))


def ranked(profile: Profile, rank: Rank, among: tuple[str, ...]) -> str | None:
    """The `nth` most used of the names `among`; of equals the one listed first. None when there are not so many."""
    given = profile.read(rank.of)
    if given is None:
        return None
    used = {
        name: float(given[name] if isinstance(given, Mapping) else name in given) for name in among if name in given
    }
    order = sorted((name for name in used if used[name] > 0), key=lambda name: (-used[name], among.index(name)))
    return order[rank.nth - 1] if len(order) >= rank.nth else None
