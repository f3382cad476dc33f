"""From a request and what was drawn for it to the bytes of its token's metadata."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from shared.collection.schema import Collection
from shared.messages import Choice, Plan, Prompt, RenderedImage, RenderResult
from shared.publishing import unixfs
from shared.publishing.token import token_metadata
from shared.records.holds import Held
from shared.request import MintRequest, Quote

AT = datetime(2026, 11, 24, tzinfo=UTC)
PNG = b"\x89PNG" + bytes(2 << 20)
SECRET = "plays at night because the children sleep"

COLLECTION = Collection.model_validate(
    {
        "slug": "nocturnes",
        "name": "Nocturnes",
        "title": "{Sky}, seen once",
        "artist": "An Artist",
        "description": "Nights.",
        "external_url": "https://example.org/nocturnes",
        "supply": 10,
        "prompt": "a night",
        "traits": {"Sky": {"values": {"Ember": {"prompt": "an ember sky"}}}},
    }
)
REQUEST = MintRequest(
    id="ab" * 32,
    collection="nocturnes",
    collection_digest="cd" * 32,
    account="account-of-a-shop",
    collector="collector-17",
    owner="0x" + "12" * 20,
    quote=Quote(price_wei=0, reroll_fee_wei=0, cost_microusd=0),
    attempt=3,
    created_at=AT,
    changed_at=AT,
)
PLAN = Plan(choices=(Choice(trait="Sky", value="Ember", reason=SECRET),), planner="rules/1")
HELD = Held(
    slug="nocturnes",
    plan=PLAN,
    prompt=Prompt(positive="an ember sky", negative="text"),
    public_reasons={},
    counters=(),
)
IMAGE = unixfs.build(PNG)
PICTURE = RenderedImage(sha256=hashlib.sha256(PNG).hexdigest(), seed=2**62 + 1, bytes=len(PNG))


def result(**changes: Any) -> RenderResult:
    fields: dict[str, Any] = {
        "job_id": f"{'ab' * 32}-3",
        "status": "rendered",
        "images": (PICTURE,),
        "renderer": "painter/2",
        "width_px": 1024,
        "height_px": 1024,
        "started_at": AT,
        "seconds": 1.5,
    }
    return RenderResult(**{**fields, **changes})


def test_a_token_tells_what_it_is_and_how_it_came_to_be() -> None:
    document = json.loads(token_metadata(REQUEST, HELD, COLLECTION, result(), PICTURE, IMAGE))
    assert document["name"] == "Ember, seen once"
    assert document["image"] == f"ipfs://{IMAGE.root}"
    assert document["external_url"] == "https://example.org/nocturnes"
    assert document["attributes"] == [{"trait_type": "Sky", "value": "Ember"}]
    provenance = document["properties"]["provenance"]
    assert provenance["request_id"] == "ab" * 32
    assert provenance["collection"] == {"slug": "nocturnes", "digest": "cd" * 32}
    assert (provenance["attempt"], provenance["seed"]) == (3, str(2**62 + 1))
    assert provenance["renderer"] == {"name": "painter", "version": "2"}
    assert provenance["planner"] == "rules/1"
    assert provenance["image"] == {
        "cid": str(IMAGE.root),
        "sha256": PICTURE.sha256,
        "media_type": "image/png",
        "width_px": 1024,
        "height_px": 1024,
        "bytes": len(PNG),
    }


def test_nothing_of_the_collector_is_in_it() -> None:
    data = token_metadata(REQUEST, HELD, COLLECTION, result(), PICTURE, IMAGE).decode()
    for private in (SECRET, REQUEST.owner, REQUEST.account, REQUEST.collector, "an ember sky"):
        assert private not in data


def test_a_reason_is_told_where_its_collector_made_it_public() -> None:
    public = HELD.model_copy(update={"public_reasons": {"Sky": "plays at dusk"}})
    document = json.loads(token_metadata(REQUEST, public, COLLECTION, result(), PICTURE, IMAGE))
    assert document["properties"]["provenance"]["personal"] == {"reasons": {"Sky": "plays at dusk"}}


def test_how_long_it_took_and_when_changes_no_byte() -> None:
    first = token_metadata(REQUEST, HELD, COLLECTION, result(), PICTURE, IMAGE)
    later = REQUEST.model_copy(update={"changed_at": datetime(2027, 1, 1, tzinfo=UTC), "version": 9})
    again = token_metadata(later, HELD, COLLECTION, result(seconds=99.0), PICTURE, IMAGE)
    assert again == first
