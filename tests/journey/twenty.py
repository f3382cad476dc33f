"""Twenty collectors of a tiny collection, for journeys that care for what happens and not for how it looks."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).parents[2] / "shared" / "collection" / "examples"


def small_collection(at: Path, example: str = "weather-portraits", **fields: Any) -> Path:
    """A copy of an example that paints 256 px and leaves nothing to a human unless `fields` say so."""
    shutil.copytree(EXAMPLES / example, at)
    dna = yaml.safe_load((at / "collection.yaml").read_text())
    dna |= {"publish_px": 256, "review": {"sample": 0.0}, "daily_budget_usd": 1000.0, **fields}
    (at / "collection.yaml").write_text(yaml.safe_dump(dna, sort_keys=False, allow_unicode=True))
    return at


def collector(n: int) -> bytes:
    """The n-th of them: an address that nobody has a key for, and hardly any data."""
    owner = "0x" + hashlib.sha256(f"collector {n}".encode()).hexdigest()[:40]
    return json.dumps(
        {
            "owner": owner,
            "collector": f"collector-{n}",
            "data": {"preferences": {"text": f"rain number {n}"}},
            "consent": {"preferences.text": "private"},
        }
    ).encode()
