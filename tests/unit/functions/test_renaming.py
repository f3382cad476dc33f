"""Python knows no trait and no value: under random names the same journey goes on and the same pixels come out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.collection.load import Draft
from shared.ports.renderer.painter import PainterRenderer
from shared.records import holds
from shared.request import State
from tests.doubles.renaming import Renaming
from tests.unit.collection.samples import NAMES, bodies, draft
from tests.unit.functions.house import House

Story = tuple[list[str], list[int], str | None]
"""The states, the values by position, and the digest of the picture."""


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest) -> Draft:
    """An example as it is, small enough to paint in a moment, looked at by nobody."""
    found = draft(request.param)
    review = found.collection.review.model_copy(update={"sample": 0.0})
    small = found.collection.model_copy(update={"publish_px": 256, "review": review, "daily_budget_usd": 1000.0})
    return Draft(small, found.layers)


def stories(root: Path, found: Draft, posted: list[dict[str, Any]]) -> list[Story]:
    """What becomes of these collectors in a house of their own."""
    root.mkdir()
    house = House(root, draft=found)
    house.ports["renderer"] = PainterRenderer(house.blobs, house.clock)
    try:
        ids = [str(house.post(each, key=f"key-{n}").body["id"]) for n, each in enumerate(posted)]
        house.settle()
        return [story(house, request_id) for request_id in ids]
    finally:
        house.close()


def story(house: House, request_id: str) -> Story:
    held = holds.held(house.ledger, request_id)
    assert held is not None
    chosen = held.plan.values
    values = [list(said.values).index(chosen[trait]) for trait, said in house.collection.traits.items()]
    return house.states(request_id), values, house.load(request_id).candidate


def test_under_other_names_the_journey_and_the_pixels_are_the_same(example: Draft, tmp_path: Path) -> None:
    posted = bodies(example.collection.slug)[:2]
    renaming = Renaming(example.collection, seed=7)
    renamed = Draft(renaming.collection(example.collection), example.layers)
    assert not set(renamed.collection.traits) & set(example.collection.traits)
    as_they_are = stories(tmp_path / "as they are", example, posted)
    under_others = stories(tmp_path / "under others", renamed, [renaming.body(each) for each in posted])
    assert under_others == as_they_are
    assert {states[-1] for states, _, _ in as_they_are} == {State.MINTED}
    assert len({candidate for _, _, candidate in as_they_are}) == len(posted)
