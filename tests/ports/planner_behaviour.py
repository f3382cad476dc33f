"""What every planner must do. An adapter's test derives from `PlannerBehaviour` and brings the fixture."""

from __future__ import annotations

import random

import pytest

from shared.messages import Brief, Forbidden, Option, TraitOptions
from shared.ports.planner import Planner, Unplannable


def make_brief(seed: int, *, traits: int = 5, boxes: int = 8) -> Brief:
    """A brief of random weights, some of them 0, and random boxes; a plan exists: the first value of every trait."""
    chance = random.Random(seed)
    names = {f"trait {t}": [f"value {t}.{v}" for v in range(chance.randint(2, 5))] for t in range(traits)}
    offered = tuple(
        TraitOptions(
            trait=trait,
            options=tuple(
                Option(
                    value=value,
                    weight=1.0 if at == 0 else chance.choice([0.0, 0.5, 1.0, 7.0]),
                    describes=f"description of {value}",
                    reason=f"reason of {value}",
                )
                for at, value in enumerate(values)
            ),
        )
        for trait, values in names.items()
    )
    forbidden = []
    for number in range(boxes):
        some = chance.sample(list(names), chance.randint(1, 3))
        inside = {trait: frozenset(chance.sample(names[trait][1:], 1)) for trait in some}
        forbidden.append(Forbidden(rule=f"rule {number}", values=inside))
    return Brief(traits=offered, forbidden=tuple(forbidden), seed=f"{seed:064x}", features={"hours": 0.5})


class PlannerBehaviour:
    repeats = True
    """Whether the same brief gives the same plan."""

    @pytest.fixture
    def planner(self) -> Planner:
        raise NotImplementedError

    @pytest.mark.parametrize("seed", range(12))
    def test_one_offered_value_for_each_trait_in_order(self, planner: Planner, seed: int) -> None:
        brief = make_brief(seed)
        plan = planner.plan(brief)
        assert [choice.trait for choice in plan.choices] == [trait.trait for trait in brief.traits]
        for choice, trait in zip(plan.choices, brief.traits, strict=True):
            assert choice.value in [option.value for option in trait.options if option.weight > 0]
            assert choice.reason

    @pytest.mark.parametrize("seed", range(12))
    def test_no_forbidden_box_is_entered(self, planner: Planner, seed: int) -> None:
        brief = make_brief(seed, boxes=25)
        values = planner.plan(brief).values
        for box in brief.forbidden:
            assert any(values[trait] not in inside for trait, inside in box.values.items()), box.rule

    def test_a_plan_is_found_though_one_alone_is_left(self, planner: Planner) -> None:
        brief = make_brief(1, boxes=0)
        wanted = [trait.options[0].value for trait in brief.traits]
        boxes = tuple(
            Forbidden(rule=f"only {value}", values={t.trait: frozenset(o.value for o in t.options if o.value != value)})
            for value, t in zip(wanted, brief.traits, strict=True)
        )
        plan = planner.plan(brief.model_copy(update={"forbidden": boxes}))
        assert list(plan.values.values()) == wanted

    def test_no_plan_names_the_rules_that_exclude_each_other(self, planner: Planner) -> None:
        brief = make_brief(2, boxes=0)
        first, second = brief.traits[:2]
        every = frozenset(option.value for option in first.options)
        some = frozenset(option.value for option in second.options)
        boxes = (
            Forbidden(rule="harmless", values={second.trait: frozenset({second.options[-1].value})}),
            Forbidden(rule="the culprit", values={first.trait: every, second.trait: some}),
        )
        with pytest.raises(Unplannable) as error:
            planner.plan(brief.model_copy(update={"forbidden": boxes}))
        assert error.value.rules == ("the culprit",)

    def test_weights_of_0_leave_no_plan_either(self, planner: Planner) -> None:
        dead = TraitOptions(trait="t", options=(Option(value="v", weight=0, reason="used up"),))
        with pytest.raises(Unplannable):
            planner.plan(Brief(traits=(dead,), seed="00"))

    def test_the_planner_says_who_it_is(self, planner: Planner) -> None:
        assert "/" in planner.plan(make_brief(3)).planner

    def test_the_same_brief_gives_the_same_plan(self, planner: Planner) -> None:
        if not self.repeats:
            pytest.skip("this planner records what it used instead")
        for seed in range(6):
            assert planner.plan(make_brief(seed)) == planner.plan(make_brief(seed))
