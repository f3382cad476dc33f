"""The token's metadata: what a wallet shows, and how the picture came to be, as bytes that are frozen for ever.

    {"attributes": [{"trait_type": ..., "value": ...}], "description": ..., "external_url": ..., "image": "ipfs://...",
     "name": ..., "properties": {"provenance": {...}}}

The bytes are canonical: UTF-8, keys sorted, no spaces, text in NFC; the same metadata gives the same bytes on any
machine. They are always less than 1 MiB, so that they are one raw block and their CID is nothing but their sha256:
that digest is frozen in the ledger before anything is signed, is what the contract stores, and gives `tokenURI`.

Nothing here is personal: the models are closed (`shared.publishing.provenance`).

Source: ERC-721 metadata extension; the marketplaces' attributes convention; RFC 8259; CIDv1 with codec raw.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from shared.errors import Invalid, TooLarge
from shared.model import Model
from shared.publishing.provenance import Attribute, Line, Prose, Provenance

MAX_METADATA_BYTES = (1 << 20) - 1


class Metadata(Model):
    """One token. `image` is not given but follows from `provenance.image.cid`, so that the two cannot differ."""

    name: Annotated[Line, Field(min_length=1, max_length=4000)]
    description: Prose
    external_url: Annotated[Line, Field(pattern=r"^https://\S+$", max_length=2000)] | None = None
    attributes: tuple[Attribute, ...] = Field(max_length=200)
    provenance: Provenance

    @field_validator("attributes")
    @classmethod
    def _distinct(cls, attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
        names = [attribute.trait_type for attribute in attributes]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"got {sorted(twice)} more than once, wanted each trait_type once")
        return attributes

    @model_validator(mode="after")
    def _reasons_have_traits(self) -> Self:
        strangers = set(self.provenance.personal.reasons) - {attribute.trait_type for attribute in self.attributes}
        if strangers:
            raise ValueError(f"got reasons for {sorted(strangers)}, wanted them for attributes of this token only")
        return self

    @property
    def image(self) -> str:
        """`ipfs://` and the CID of the PNG."""
        return f"ipfs://{self.provenance.image.cid}"


def metadata(**fields: Any) -> Metadata:
    """`Metadata(**fields)` from fields as they come; pydantic's findings made one `Invalid` that names the first."""
    try:
        return Metadata(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(["metadata", *map(str, first["loc"])])
        raise Invalid(field, repr(first.get("input"))[:80], first["msg"]) from error


def metadata_bytes(token: Metadata) -> bytes:
    """The canonical bytes: what is pinned and whose sha256 is frozen. Raises `TooLarge` at 1 MiB."""
    provenance = token.provenance.model_dump(exclude_none=True)
    provenance["seed"] = str(token.provenance.seed)
    provenance["personal"] = {key: value for key, value in provenance["personal"].items() if value}
    if not provenance["personal"]:
        del provenance["personal"]
    document: dict[str, Any] = {
        "name": token.name,
        "description": token.description,
        "image": token.image,
        "attributes": [attribute.model_dump() for attribute in token.attributes],
        "properties": {"provenance": provenance},
    }
    if token.external_url is not None:
        document["external_url"] = token.external_url
    data = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    if len(data) > MAX_METADATA_BYTES:
        raise TooLarge(f"metadata: got {len(data)} bytes, wanted at most {MAX_METADATA_BYTES}, one raw block")
    return data


def digest_of(data: bytes) -> str:
    """The digest that is frozen and stored on chain: sha256 of the metadata's bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
