"""Planner `rules://`: the DNA alone. No network, no cost, no chance but the brief's seed; the last resort of all."""

from __future__ import annotations

from shared.clock import Clock
from shared.errors import Invalid
from shared.messages import Brief, Plan
from shared.prompting.draw import draw


class RulesPlanner:
    """Draws in proportion to the weights among everything that the rules allow."""

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> RulesPlanner:
        """`rules://` and nothing behind it. Every planner is given the clock; this one needs none."""
        del clock
        if url != "rules://":
            raise Invalid("planner", f"{url[:40]!r}", "'rules://'")
        return cls()

    def plan(self, brief: Brief) -> Plan:
        return draw(brief)
