"""`monoprint publish`: check a folder, keep it by its digest, and put that version on sale."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from infra.checking import read
from infra.twin.home import Home
from shared.clock import utc_now
from shared.collection import store
from shared.collection.load import Draft
from shared.collection.schema import Collection
from shared.ports.blobs.folder import FolderBlobs
from shared.ports.ledger.sqlite import SqliteLedger
from shared.records import collections


def publish_folder(home: Home, folder: Path) -> tuple[Collection, str]:
    """`publish_draft` of what is in a folder. Raises `InvalidCollection` with everything that is wrong with it."""
    return publish_draft(home, read(folder))


def publish_draft(home: Home, draft: Draft) -> tuple[Collection, str]:
    """Returns the collection and its digest. Requests under way keep the version that they recorded."""
    with (
        closing(FolderBlobs.open(home.blobs_url(), clock=utc_now)) as blobs,
        closing(SqliteLedger.open(home.ledger_url, clock=utc_now)) as ledger,
    ):
        digest = store.publish(draft, blobs)
        collections.publish(ledger, draft.collection.slug, digest, utc_now())
    return draft.collection, digest
