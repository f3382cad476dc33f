"""Python knows no trait and no value: with every one of their names replaced, the same choices by position come out.

The names are replaced in the DNA and in the collectors alike, by random ids that sort in no way as the old ones do.
What may change is the text of a prompt and of a rule's label; no choice, no weight, no reason, and no scene.
"""

from __future__ import annotations

import pytest

from shared.collection.scene import scene
from shared.collection.schema import Collection
from shared.messages import Brief, Plan
from shared.profile.sources import Collector
from shared.prompting.brief import brief
from shared.prompting.capacity import capacity, contradictions
from shared.prompting.draw import draw
from shared.prompting.prompt import prompt
from tests.doubles.renaming import Renaming
from tests.unit.collection.samples import NAMES, bodies, draft, example


def positions(collection: Collection, plan: Plan) -> list[int]:
    return [list(said.values).index(plan.values[trait]) for trait, said in collection.traits.items()]


def weights(made: Brief) -> list[list[tuple[float, str]]]:
    return [[(option.weight, option.reason) for option in trait.options] for trait in made.traits]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_no_name_moves_a_choice(name: str, seed: int) -> None:
    collection, layers = example(name), draft(name).layers
    renaming = Renaming(collection, seed)
    renamed = renaming.collection(collection)
    assert not set(renamed.traits) & set(collection.traits)
    for body in [*bodies(name), {**bodies(name)[0], "data": {}, "consent": {}}]:
        one = Collector.parse(body, collection)
        other = Collector.parse(renaming.body(body), renamed)
        for number in range(5):
            left, right = brief(collection, one, f"seed {number}"), brief(renamed, other, f"seed {number}")
            assert weights(left) == weights(right)
            mine, theirs = draw(left), draw(right)
            assert positions(collection, mine) == positions(renamed, theirs)
            assert [choice.reason for choice in mine.choices] == [choice.reason for choice in theirs.choices]
            assert scene(collection, mine.values, layers) == scene(renamed, theirs.values, layers)
            assert prompt(collection, mine.values) == prompt(renamed, theirs.values)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_changes_what_there_is(name: str) -> None:
    collection = example(name)
    renamed = Renaming(collection, 3).collection(collection)
    assert capacity(collection) == capacity(renamed)
    assert list(contradictions(renamed)) == []
