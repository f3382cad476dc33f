"""Planner: chooses one value for every trait.

Promise
- Returns only values that the brief offers with a weight above zero, one for each trait, in the brief's order, and
  none of its forbidden boxes. A planner that obeys an attacker completely can still only choose among these.
- Never sees a collector's words: the brief holds the artist's options and numbers.
- The same brief (its seed included) gives the same plan from the rules planner; others record what they used.

Errors: `Transient` when out of reach; `Unplannable` when no legal plan exists, with the rules that exclude each other.
"""

from __future__ import annotations

from typing import Protocol

from shared.errors import Rejected
from shared.messages import Brief, Plan


class Unplannable(Rejected):
    """No genotype satisfies the brief. `rules` names an irreducible set of what forbids it."""

    code = "unplannable"

    def __init__(self, rules: tuple[str, ...]) -> None:
        super().__init__(f"no legal plan: {'; '.join(rules) or 'every value of a trait has weight 0'}")
        self.rules = rules
        self.public = str(self)  # the artist's words and ours alone


class Planner(Protocol):
    def plan(self, brief: Brief) -> Plan: ...
