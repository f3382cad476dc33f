"""Which version of a collection is on sale: the slug's pointer to a digest, and what it may spend a day."""

from __future__ import annotations

from datetime import datetime

from shared.errors import NotFound
from shared.ports.ledger import Count, Item, Key, Ledger, Put


def current(ledger: Ledger, slug: str) -> str:
    """The digest that new requests record. Raises `NotFound`."""
    item = _pointer(ledger, slug)
    if item is None:
        raise NotFound(f"collection: got {slug!r}, wanted one that was published (`monoprint publish DIR`)")
    return str(item.data["digest"])


def publish(ledger: Ledger, slug: str, digest: str, at: datetime) -> None:
    """Move the pointer. Requests under way keep the digest that they recorded."""
    item = _pointer(ledger, slug)
    if item is not None and item.data["digest"] == digest:
        return
    ledger.write(Put(_key(slug), {"digest": digest, "at": at.isoformat()}, expect=item.version if item else 0))


def spending(slug: str, day: datetime, cost_microusd: int, budget_microusd: int) -> Count:
    """The change that takes a request's expected cost out of the collection's budget of that UTC day."""
    return Count(Key(f"collection#{slug}", f"budget#{day:%Y-%m-%d}"), by=cost_microusd, cap=budget_microusd)


def _pointer(ledger: Ledger, slug: str) -> Item | None:
    return ledger.get(_key(slug))


def _key(slug: str) -> Key:
    return Key(f"collection#{slug}", "pointer")
