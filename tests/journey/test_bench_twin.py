"""`make bench-twin` in small: it mints what it was asked for, and accounts for all that it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.metered import STOPS

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(sys.platform != "linux", reason="it reads the time of threads and children as Linux tells it"),
]


def test_a_small_run_accounts_for_what_it_measured() -> None:
    command = [sys.executable, "-m", "benchmarks.twin", "--requests", "5"]
    root = Path(__file__).parents[2]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=180, check=False)
    assert run.returncode == 0, run.stderr
    table, last = run.stdout.strip().rsplit("\n", 1)
    told = json.loads(last)
    assert told["requests"] == 5
    assert told["tokens_per_s"] > 0
    assert set(told["stops"]) == set(STOPS) <= set(told["cpu_ms"])
    assert all(spent["handler_ms"] > 0 for spent in told["stops"].values())
    assert sum(told["cpu_ms"].values()) == pytest.approx(told["cpu_ms_per_mint"], abs=0.2)
    assert all(stop in table for stop in STOPS)
