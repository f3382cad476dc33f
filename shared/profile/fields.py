"""The fields a collector may share: what consent is asked for and given by, one by one, and how a path names them."""

from __future__ import annotations

from typing import Literal, get_args

ConsentField = Literal[
    "game.questlines",
    "game.attributes",
    "game.achievements",
    "game.stats",
    "preferences.likes",
    "preferences.text",
    "social.posts",
    "wallet.address",
    "wallet.age_days",
    "wallet.transactions",
    "wallet.tokens",
]
FIELDS: tuple[ConsentField, ...] = get_args(ConsentField)

NAMED: frozenset[str] = frozenset(
    {"game.questlines", "game.attributes", "game.achievements", "game.stats", "wallet.tokens"}
)
"""Fields that hold one number for each name of the game's or the artist's own."""

COUNTED: frozenset[str] = frozenset({"game.achievements", "wallet.tokens"})
"""Named fields that also give a number when no name is given: how many there are."""

PLAIN: frozenset[str] = frozenset({"wallet.age_days", "wallet.transactions"})

POST_MEASURES: tuple[str, ...] = ("count", "exclaiming", "asking", "emoji")
"""What is measured of posts: how many; the share of them that exclaim, ask, show an emoji. Counted, not interpreted:
no claim about mood is made, since none holds across languages."""

TextField = Literal["preferences.text", "social.posts"]
TEXTS: tuple[TextField, ...] = get_args(TextField)
"""Free text. It is read for how near it is to words of the artist, and for nothing else."""

PATHS_WANTED = (
    "a path such as game.questlines.NAME, game.attributes.NAME, game.achievements, game.achievements.NAME, "
    f"game.stats.NAME, wallet.age_days, wallet.transactions, wallet.tokens, social.posts.{{{','.join(POST_MEASURES)}}}"
)


def split(path: str) -> tuple[ConsentField, str | None]:
    """`game.questlines.The Long Vigil` -> ("game.questlines", "The Long Vigil"). Raises ValueError for no field."""
    head, _, rest = path.partition(".")
    middle, dot, name = rest.partition(".")
    for field in FIELDS:
        if field == f"{head}.{middle}":
            return field, name if dot else None
    raise ValueError(path)


def gives_a_number(path: str) -> bool:
    """Whether `path` leads to one number without the help of `like`."""
    try:
        field, name = split(path)
    except ValueError:
        return False
    if name is None:
        return field in COUNTED or field in PLAIN
    if field == "social.posts":
        return name in POST_MEASURES
    return field in NAMED and bool(name)
