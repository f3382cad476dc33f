"""What a request holds of its collection: one genotype, one of the supply, one of each quota that its values have.

Held at `plan`, permanent at `minted`, released by any other end. A genotype's key is its hash (a rank would change with
the rules, the tuple itself may be too long), spread over 16 partitions so that none is hot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from shared.errors import Exhausted
from shared.messages import Plan, Prompt
from shared.model import Model
from shared.ports.ledger import Change, Count, Delete, Key, Ledger, Put

_SHARDS = 16
_SUPPLY = "supply"
_QUOTA = "quota#"
Worn = tuple[str, str]
"""A trait and one of its values."""


class Counter(Model, extra="ignore"):
    """One of something limited: the supply (`worn` is None), or a value's quota."""

    sort: str
    cap: int
    worn: Worn | None = None


class Held(Model, extra="ignore"):
    """The plan of a request, and what it took of its collection for it."""

    slug: str
    plan: Plan
    prompt: Prompt
    public_reasons: dict[str, str] = Field(description="trait -> why, where its collector made all of it public")
    counters: tuple[Counter, ...]

    @classmethod
    def of(
        cls,
        slug: str,
        plan: Plan,
        prompt: Prompt,
        *,
        supply: int,
        quotas: Mapping[Worn, int],
        public_reasons: Mapping[str, str],
    ) -> Held:
        worn = [Counter(sort=_quota(one), cap=quotas[one], worn=one) for one in plan.values.items() if one in quotas]
        return cls(
            slug=slug,
            plan=plan,
            prompt=prompt,
            public_reasons=dict(public_reasons),
            counters=(Counter(sort=_SUPPLY, cap=supply), *worn),
        )

    @property
    def genotype(self) -> tuple[str, ...]:
        """The tuple of values in the DNA's order."""
        return tuple(self.plan.values.values())

    def holding(self, request_id: str) -> list[Change]:
        """The changes that hold it: the plan, its genotype, then each counter."""
        return [
            Put(_plan_key(request_id), self.model_dump(mode="json")),
            Put(_genotype_key(self.slug, self.genotype), {"request_id": request_id, "values": list(self.genotype)}),
            *(Count(Key(_partition(self.slug), counter.sort), by=1, cap=counter.cap) for counter in self.counters),
        ]

    def clash(self, index: int) -> Literal["genotype"] | Counter | None:
        """What is taken, when the change at `index` of `holding()` failed; None for the plan, or a change before it."""
        if index < 1:
            return None
        return "genotype" if index == 1 else self.counters[index - 2]


def held(ledger: Ledger, request_id: str) -> Held | None:
    item = ledger.get(_plan_key(request_id))
    return Held.model_validate(item.data) if item else None


def releasing(ledger: Ledger, request_id: str) -> list[Change]:
    """The changes that give back what the request holds; empty when it holds nothing."""
    kept = held(ledger, request_id)
    claim = ledger.get(_genotype_key(kept.slug, kept.genotype)) if kept else None
    if kept is None or claim is None or claim.data["request_id"] != request_id:
        return []
    counters = (Count(Key(_partition(kept.slug), counter.sort), by=-1, cap=counter.cap) for counter in kept.counters)
    return [Delete(claim.key, expect=claim.version), *counters]


def is_taken(ledger: Ledger, slug: str, genotype: Sequence[str]) -> bool:
    """Whether it is held or minted now. A plan may still lose the race for it: only `holding()` decides."""
    return ledger.get(_genotype_key(slug, genotype)) is not None


def used_up(ledger: Ledger, slug: str, quotas: Mapping[Worn, int]) -> Iterator[Worn]:
    """Those of these values of which all are held or minted now."""
    caps = {_quota(worn): (worn, cap) for worn, cap in quotas.items()}
    after = ""
    while caps and (page := ledger.query(_partition(slug), prefix=_QUOTA, after=after, limit=1000)):
        for item in page:
            worn, cap = caps.get(item.key.sort, (None, 0))
            if worn is not None and item.data["used"] >= cap:
                yield worn
        after = page[-1].key.sort


def taken(ledger: Ledger, slug: str) -> Iterator[tuple[str, ...]]:
    """Every genotype of the collection that is held or minted."""
    for shard in range(_SHARDS):
        after = ""
        while page := ledger.query(f"genotype#{slug}#{shard:02d}", after=after, limit=1000):
            yield from (tuple(item.data["values"]) for item in page)
            after = page[-1].key.sort


def sold_out(slug: str, supply: int) -> Exhausted:
    return Exhausted(f"supply: all {supply} of {slug} are taken")


def used_supply(ledger: Ledger, slug: str) -> int:
    item = ledger.get(Key(_partition(slug), _SUPPLY))
    return int(item.data["used"]) if item else 0


def _partition(slug: str) -> str:
    return f"collection#{slug}"


def _quota(worn: Worn) -> str:
    return _QUOTA + json.dumps(worn, ensure_ascii=False)


def _plan_key(request_id: str) -> Key:
    return Key(f"request#{request_id}", "plan")


def _genotype_key(slug: str, genotype: Sequence[str]) -> Key:
    """Of the values in order, written so that they cannot be taken for another tuple's."""
    name = hashlib.sha256(json.dumps(list(genotype), ensure_ascii=False, separators=(",", ":")).encode())
    return Key(f"genotype#{slug}#{name.digest()[0] % _SHARDS:02d}", name.hexdigest())
