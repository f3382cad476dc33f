from __future__ import annotations

import pytest

from shared.clock import utc_now
from shared.errors import Invalid
from shared.ports.open import open_port
from shared.ports.planner import Planner
from shared.ports.planner.rules import RulesPlanner
from tests.ports.planner_behaviour import PlannerBehaviour, make_brief


class TestRules(PlannerBehaviour):
    @pytest.fixture
    def planner(self) -> Planner:
        return open_port("planner", "rules://")


def test_only_its_own_url_opens_it() -> None:
    assert isinstance(RulesPlanner.open("rules://", clock=utc_now), RulesPlanner)
    with pytest.raises(Invalid, match="rules://"):
        RulesPlanner.open("rules://host", clock=utc_now)


def test_reasons_are_those_of_the_options() -> None:
    plan = RulesPlanner().plan(make_brief(4))
    assert all(choice.reason == f"reason of {choice.value}" for choice in plan.choices)
    assert plan.planner == "rules/1"


def test_other_seeds_give_other_plans() -> None:
    brief = make_brief(5, boxes=0)
    plans = {tuple(RulesPlanner().plan(brief.model_copy(update={"seed": str(n)})).values.values()) for n in range(40)}
    assert len(plans) > 10
