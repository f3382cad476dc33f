"""What a collector may share, and the body of a mint request that shares it.

Everything is limited in size and checked field by field. A value without consent is refused at the door, not ignored
later: what was never taken in cannot leak. What a collector wrote is repeated in no error, only its kind and size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from shared.address import read_address
from shared.collection.problems import LINE_PATTERN, Flaw, as_validation_error, dotted, flawed, one_of, phrase
from shared.errors import Invalid
from shared.model import Model
from shared.profile.fields import FIELDS, NAMED, ConsentField

if TYPE_CHECKING:
    from shared.collection.dna import Dna

MAX_TEXT = 2_000
MAX_POSTS = 50
MAX_POSTS_TEXT = 20_000
MAX_NAMES = 64


class Shared(Model, allow_inf_nan=False):
    """The base of what is shared: numbers are finite."""


def _amount(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise flawed("a flag" if isinstance(value, bool) else f"a text of {len(value)} characters", "a number")
    return value


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        raise flawed("no text", "42 characters: 0x and 40 of 0-9, a-f")
    try:
        return read_address("", value)
    except Invalid as error:
        raise flawed(error.got, error.wanted) from error


Name = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=LINE_PATTERN)]
Amount = Annotated[float, BeforeValidator(_amount), Field(ge=0, le=1e9)]
Count = Annotated[int, BeforeValidator(_amount), Field(ge=0, le=10**9)]
Amounts = Annotated[dict[Name, Amount], Field(max_length=MAX_NAMES)]
Address = Annotated[str, BeforeValidator(_address)]
FreeText = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class Game(Shared):
    """What was played. The names are the game's; those that a DNA does not know are of no effect."""

    questlines: Amounts | None = Field(default=None, description="questline -> hours")
    attributes: Amounts | None = Field(default=None, description="character attribute -> times used")
    achievements: Annotated[tuple[Name, ...], Field(max_length=500)] | None = None
    stats: Amounts | None = Field(default=None, description="any other number the game keeps")


class Preferences(Shared):
    """What was said. `text` may be in any script; it is compared with the artist's words and goes nowhere else."""

    likes: Annotated[dict[Name, Annotated[tuple[Name, ...], Field(max_length=64)]], Field(max_length=32)] | None = None
    text: FreeText | None = None


class Post(Shared):
    text: FreeText
    lang: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$")] | None = None


def _post(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Social(Shared):
    posts: Annotated[tuple[Annotated[Post, BeforeValidator(_post)], ...], Field(max_length=MAX_POSTS)] | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if (size := sum(len(post.text) for post in self.posts or ())) > MAX_POSTS_TEXT:
            raise flawed(f"posts of {size} characters together", f"at most {MAX_POSTS_TEXT}")
        return self


class Wallet(Shared):
    """What a wallet shows of its past, read by whoever files the request."""

    address: Address | None = None
    age_days: Amount | None = None
    transactions: Count | None = None
    tokens: Amounts | None = Field(default=None, description="collection or token -> how many are held")


class Data(Shared):
    game: Game = Field(default_factory=Game)
    preferences: Preferences = Field(default_factory=Preferences)
    social: Social = Field(default_factory=Social)
    wallet: Wallet = Field(default_factory=Wallet)

    def get(self, field: ConsentField) -> Any:
        """The value of a field, None when it was not given."""
        part, _, name = field.partition(".")
        return getattr(getattr(self, part), name)

    def given(self) -> tuple[ConsentField, ...]:
        return tuple(field for field in FIELDS if self.get(field) is not None)


class Profile(Shared):
    """A collector's data with the consent that carries it: `private` steers the picture, `public` may also be told.

    This, encrypted, is what is kept of them; `read` is the only way in which the rest of Monoprint looks at it.
    """

    data: Data = Field(default_factory=Data)
    consent: dict[ConsentField, Literal["private", "public"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consented(self) -> Self:
        bare = [field for field in self.data.given() if field not in self.consent]
        if bare:
            flaws = [Flaw(("consent", f), "nothing", f"'private' or 'public', since data.{f} is sent") for f in bare]
            raise as_validation_error("Profile", flaws)
        return self

    def read(self, field: ConsentField) -> Any:
        """The value of a field if it was both given and consented to, else None."""
        return self.data.get(field) if field in self.consent else None

    def only(self, fields: Iterable[ConsentField]) -> Self:
        """What is left when all but `fields` is dropped: a collection keeps no more than its DNA reads."""
        kept = {field for field in fields if field in self.consent}
        parts: dict[str, dict[str, Any]] = {}
        for field in self.data.given():
            if field in kept:
                part, _, name = field.partition(".")
                parts.setdefault(part, {})[name] = self.data.get(field)
        data = self.data.model_copy(
            update={
                part: getattr(Data(), part).model_copy(update=parts.get(part, {}))
                for part in ("game", "preferences", "social", "wallet")
            }
        )
        return self.model_copy(update={"data": data, "consent": {f: c for f, c in self.consent.items() if f in kept}})

    def require(self, fields: Iterable[ConsentField]) -> None:
        """Raises `Invalid` for the first of `fields` that was not consented to or not given."""
        for field in fields:
            if field not in self.consent:
                raise Invalid(f"consent.{field}", "nothing", "'private' or 'public': this collection needs it")
            if self.data.get(field) is None:
                raise Invalid(f"data.{field}", "nothing", "a value: this collection needs it")


class Collector(Profile):
    """The body of `POST /v1/requests` and of a file under `collectors/`: who gets the print, and what they share.

    `owner` is where the token goes; `collector` is what the account calls this person, at most 64 characters.
    """

    owner: Address
    collector: Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,63})$")]

    @property
    def profile(self) -> Profile:
        return Profile(data=self.data, consent=self.consent)

    @classmethod
    def parse(cls, body: bytes | str | Mapping[str, Any], collection: Dna | None = None) -> Collector:
        """Raises `Invalid` with the field as its sender wrote it; of several faults the first.

        With a `collection` only what it reads is taken in, and what it requires must be there.
        """
        collector = _parse(cls, body)
        return collector if collection is None else admit(collection, collector)


def parse_profile(body: bytes | str | Mapping[str, Any]) -> Profile:
    """A profile alone: the body of a preview, or what the ledger kept. Raises `Invalid`."""
    return _parse(Profile, body)


P = TypeVar("P", bound=Profile)


def admit(collection: Dna, profile: P) -> P:
    """The part of `profile` that `collection` reads; only this is kept.

    Raises: `Invalid` when a required field is missing, or when a like names a trait or value that is not there.
    """
    profile.require(collection.required_fields)
    for trait, values in (profile.read("preferences.likes") or {}).items():
        known = collection.traits.get(trait)
        if known is None:
            raise Invalid("data.preferences.likes", "an unknown trait", one_of(collection.traits))
        for i, value in enumerate(values):
            if value not in known.values:
                raise Invalid(f"data.preferences.likes.{trait}[{i}]", "an unknown value", one_of(known.values))
    return profile.only(collection.fields)


def _parse(model: type[P], body: bytes | str | Mapping[str, Any]) -> P:
    try:
        if isinstance(body, bytes | str):
            return model.model_validate_json(body)
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        raise Invalid("body", "no JSON", "a JSON object")
    got, wanted = phrase(first, private=True)
    raise Invalid(_field(first["loc"]), got, wanted)


def _field(loc: tuple[str | int, ...]) -> str:
    """The path for the caller. A name that is not a name is counted, not repeated: it may be anything."""
    parts: list[str | int] = []
    for i, part in enumerate(loc):
        if part == "[key]" or (part == "Post" and i):
            continue
        own = isinstance(part, str) and i >= 3 and ".".join(map(str, loc[1:3])) in {*NAMED, "preferences.likes"}
        name = isinstance(part, str) and len(part) <= 80 and part.isprintable()
        parts.append(f"<a name of {len(str(part))} characters>" if own and not name else part)
    return dotted(parts) or "body"
