"""What a token says of how its picture came to be: closed models, clean text, and no place for a person.

There is no field for an account, a wallet, a prompt or a collector's words; `Personal` holds only what a collector
consented to as public. Text is NFC, without control characters and without marks that reorder what a wallet shows.

Source: Unicode Standard Annex 15 (NFC) and 9 (bidirectional controls); marketplaces' attributes convention.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)

from shared.errors import Invalid
from shared.model import Model
from shared.publishing.cid import Cid
from shared.request import Digest, RequestId
from shared.text import printable

_SAFE_INT = 2**53 - 1  # what every JSON reader keeps exactly


Line = Annotated[StrictStr, AfterValidator(lambda value: printable(value))]
Prose = Annotated[StrictStr, AfterValidator(lambda value: printable(value, lines=True)), Field(max_length=10_000)]
Short = Annotated[Line, Field(min_length=1, max_length=200)]
CidText = Annotated[str, AfterValidator(lambda value: str(_cid(value)))]


def _cid(value: str) -> Cid:
    try:
        return Cid.parse(value)
    except Invalid as error:
        raise ValueError(str(error)) from error


class Attribute(Model):
    """One trait as marketplaces read it. Numbers are whole: a float has more than one spelling."""

    trait_type: Short
    value: Annotated[StrictInt, Field(ge=-_SAFE_INT, le=_SAFE_INT)] | Short


class CollectionRef(Model):
    slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    digest: Digest


class Renderer(Model):
    name: Short
    version: Short


class Image(Model):
    """The picture that was pinned. Up to 1 MiB its CID is its sha256, and both must say the same."""

    cid: CidText
    sha256: Digest
    media_type: Literal["image/png"] = "image/png"
    width_px: int = Field(ge=1, le=16_384)
    height_px: int = Field(ge=1, le=16_384)
    bytes: int = Field(ge=1)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        cid = Cid.parse(self.cid)
        if cid.codec == "raw" and cid.digest.hex() != self.sha256:
            raise ValueError(f"got sha256 {self.sha256} beside {self.cid}, wanted {cid.digest.hex()}")
        return self


class Personal(Model):
    """What its collector made public, field by field; empty unless they did.

    `facts`: name of a feature -> what is said of it. `reasons`: trait_type -> why it has its value. The caller
    vouches for the consent; that a reason belongs to an attribute is checked here.
    """

    facts: dict[Short, Short] = Field(default_factory=dict, max_length=64)
    reasons: dict[Short, Annotated[Line, Field(min_length=1, max_length=2000)]] = Field(
        default_factory=dict, max_length=64
    )


class Provenance(Model):
    """How the picture came to be; enough to draw it again where the renderer is deterministic.

    `seed` is written as a decimal string: it has 63 bits and many readers keep only 53.
    """

    request_id: RequestId
    collection: CollectionRef
    attempt: int = Field(ge=1)
    seed: int = Field(ge=0, lt=2**63)
    renderer: Renderer
    model: Short | None = Field(default=None, description="model and revision; none where no model drew")
    prompt_sha256: Digest | None = None
    planner: Short
    image: Image
    personal: Personal = Field(default_factory=Personal)
