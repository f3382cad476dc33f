"""`monoprint publish`: check a folder, keep it by its digest, and put that version on sale."""

from __future__ import annotations

from pathlib import Path

from infra.checking import read
from infra.place import Place, Ports
from shared.clock import utc_now
from shared.collection import store
from shared.collection.load import Draft
from shared.collection.schema import Collection
from shared.records import collections


def publish_folder(place: Place, folder: Path) -> tuple[Collection, str]:
    """`publish_draft` of what is in a folder. Raises `InvalidCollection` with everything that is wrong with it."""
    return publish_draft(place, read(folder))


def publish_draft(place: Place, draft: Draft) -> tuple[Collection, str]:
    """Returns the collection and its digest. Requests under way keep the version that they recorded."""
    with Ports(place) as ports:
        digest = store.publish(draft, ports.blobs())
        collections.publish(ports.ledger(), draft.collection.slug, digest, utc_now())
    return draft.collection, digest
