"""From a request to its token's metadata: the same bytes whenever they are made, since nothing here reads a clock."""

from __future__ import annotations

from shared.collection.dna import Dna
from shared.collection.rules import PLACEHOLDER
from shared.messages import RenderedImage, RenderResult
from shared.publishing.metadata import metadata, metadata_bytes
from shared.publishing.unixfs import Dag
from shared.records.holds import Held
from shared.request import MintRequest


def token_metadata(
    request: MintRequest,
    held: Held,
    collection: Dna,
    result: RenderResult,
    picture: RenderedImage,
    image: Dag,
) -> bytes:
    """Canonical ERC-721 metadata with its provenance. Raises `Invalid` naming the field that cannot be published."""
    name, _, version = result.renderer.partition("/")
    return metadata_bytes(
        metadata(
            name=title(collection, held),
            description=collection.description,
            external_url=collection.external_url,
            attributes=[{"trait_type": c.trait, "value": c.value} for c in held.plan.choices],
            provenance={
                "request_id": request.id,
                "collection": {"slug": request.collection, "digest": request.collection_digest},
                "attempt": request.attempt,
                "seed": picture.seed,
                "renderer": {"name": name, "version": version or "unknown"},
                "planner": held.plan.planner,
                "image": {
                    "cid": str(image.root),
                    "sha256": picture.sha256,
                    "width_px": result.width_px,
                    "height_px": result.height_px,
                    "bytes": image.file_bytes,
                },
                "personal": {"reasons": held.public_reasons},
            },
        )
    )


def title(collection: Dna, held: Held) -> str:
    """The artist's title with the plan's values in it."""
    values = held.plan.values
    return PLACEHOLDER.sub(lambda match: values[match[1]], collection.title)
