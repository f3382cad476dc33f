"""For every test: Hypothesis tries the same cases each time, so that a red run can be run again."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
