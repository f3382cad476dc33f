"""Drawing a plan for a brief; the promise of every planner is in tests/ports/planner_behaviour.py."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from shared.errors import Defect
from shared.messages import Brief, Forbidden, Option, TraitOptions
from shared.ports.planner import Unplannable
from shared.profile.sources import Profile
from shared.prompting import space
from shared.prompting.brief import OWN_CHOICE, brief
from shared.prompting.draw import ONLY_ONE_LEFT, draw, explain, illegal, plan
from tests.unit.collection.samples import example, grid


def made(*weights: dict[str, float], forbidden: tuple[Forbidden, ...] = (), seed: str = "s") -> Brief:
    traits = tuple(
        TraitOptions(
            trait=f"t{at}", options=tuple(Option(value=v, weight=w, reason=OWN_CHOICE) for v, w in options.items())
        )
        for at, options in enumerate(weights)
    )  # fmt: skip
    return Brief(traits=traits, forbidden=forbidden, seed=seed)


def box(rule: str, **values: str) -> Forbidden:
    return Forbidden(rule=rule, values={trait: frozenset(said) for trait, said in values.items()})


def test_any_text_is_a_seed() -> None:
    plans = {
        tuple(draw(brief(example("ember-order"), Profile(), seed)).values.values()) for seed in ("", "ab/1/0", "日本")
    }
    assert len(plans) == 3


def test_what_the_rules_leave_alone_says_so() -> None:
    chosen = draw(made({"a": 1, "b": 1}, {"x": 1, "y": 1}, forbidden=(box("r", t0="ab", t1="y"),)))
    assert [choice.reason for choice in chosen.choices] == [OWN_CHOICE, ONLY_ONE_LEFT]


def test_nothing_left_is_explained_by_rules_none_of_which_can_be_spared() -> None:
    boxes = (box("idle", t0="a", t1="x"), box("one", t0="a"), box("two", t0="b", t1="xy"), box("three", t1="y"))
    with pytest.raises(Unplannable) as error:
        draw(made({"a": 1, "b": 1}, {"x": 1, "y": 1}, forbidden=boxes))
    assert error.value.rules == ("one", "two")


def test_weights_of_0_alone_blame_no_rule() -> None:
    with pytest.raises(Unplannable, match="weight 0") as error:
        draw(made({"a": 0}, forbidden=(box("r", t0="a"),)))
    assert error.value.rules == ()


def test_boxes_of_one_rule_are_blamed_together() -> None:
    split = (box("r", t0="a"), box("r", t0="b"))
    assert explain(made({"a": 1, "b": 1}, forbidden=split)) == ("r",)
    assert explain(made({"a": 1, "b": 1}, forbidden=split[:1])) == ()


def test_a_box_of_unknown_values_is_of_no_effect() -> None:
    assert draw(made({"a": 1}, forbidden=(box("r", t0="z"),))).values == {"t0": "a"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"t0": "a"}, "got 1 traits"),
        ({"t0": "a", "tX": "x"}, "'t1' is missing"),
        ({"t0": "a", "t1": "z"}, "not offered"),
        ({"t0": "c", "t1": "x"}, "not offered"),
        ({"t0": "a", "t1": "y"}, "rule 'r' forbids"),
        ({"t0": "a", "t1": "x"}, None),
    ],
)
def test_a_plan_is_checked_before_it_is_one(values: dict[str, str], why: str | None) -> None:
    asked = made({"a": 1, "b": 1, "c": 0}, {"x": 1, "y": 1}, forbidden=(box("r", t0="a", t1="y"),))
    found = illegal(asked, values)
    assert (found is None) if why is None else (found and why in found)
    if why is not None:
        with pytest.raises(Defect, match="planned what may not be"):
            plan(asked, values, "someone/1")
    else:
        assert plan(asked, values, "someone/1").planner == "someone/1"


def test_rules_too_tangled_to_be_weighed_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = example("ember-order")
    monkeypatch.setattr(space, "MAX_STATES", 3)
    for seed in "abcdefgh":
        asked = brief(collection, Profile(), seed)
        chosen = draw(asked)
        assert illegal(asked, chosen.values) is None
        assert draw(asked) == chosen


def test_taken_genotypes_are_avoided_to_the_last() -> None:
    asked = brief(grid(2, 4), Profile(), "s")
    seen: list[Forbidden] = []
    for _ in range(16):
        chosen: dict[str, Any] = draw(asked.model_copy(update={"forbidden": tuple(seen)})).values
        seen.append(Forbidden(rule="taken", values={t: frozenset({v}) for t, v in chosen.items()}))
    assert len({tuple(sorted(taken.values.items())) for taken in seen}) == 16
    with pytest.raises(Unplannable, match="taken"):
        draw(asked.model_copy(update={"forbidden": tuple(seen)}))


def test_plans_do_not_depend_on_how_python_hashes_names() -> None:
    code = (
        "from tests.unit.collection.samples import tiny; from shared.profile.sources import parse_profile;"
        "from shared.prompting.brief import brief; from shared.prompting.draw import draw;"
        "c = tiny(steered_by={'preferences.text': 3}, traits={f't{n}': {'values': {f'v{v}': {'prompt': f'sea {v} dawn',"
        "'excludes': {f't{n + 1}': [f'v{v}', f'v{v - 1}']} if 0 < n < 6 and v else {}} for v in range(5)}}"
        " for n in range(8)}, prompt='{t0}');"
        "said = {'preferences': {'text': 'sea 3 dawns'}};"
        "p = parse_profile({'data': said, 'consent': {'preferences.text': 'public'}});"
        "print([list(draw(brief(c, p, str(n))).values.values()) for n in range(20)])"
    )
    runs = {
        subprocess.check_output([sys.executable, "-c", code], text=True, env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    }
    assert len(runs) == 1
