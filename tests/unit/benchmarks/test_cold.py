from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from benchmarks.cold import Result, Took, measure, start
from benchmarks.cold_cases import Place, Program, cold
from infra.packaging.packing import ROOT
from infra.packaging.serverless import read_service
from infra.progress import Log
from shared.errors import Defect

HERE = Place(sys.executable)
FUNCTIONS = read_service(ROOT / "serverless.yml").functions


def test_a_program_says_itself_when_it_is_ready() -> None:
    took = start(Program(HERE.run("sum(range(2_000_000))"), {}))
    assert took.cpu_ms > 0
    assert took.wall_ms > 0


def test_a_program_that_never_is_ready_says_why() -> None:
    with pytest.raises(Defect, match="ZeroDivisionError"):
        start(Program(HERE.run("1 / 0"), {}))


def test_programs_take_turns_and_the_first_round_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def begin(program: Program) -> Took:
        begun.append(program.command[0])
        return Took(wall_ms=float(len(begun)), cpu_ms=1.0)

    monkeypatch.setattr("benchmarks.cold.start", begin)
    took = measure([Program(("a",), {}), Program(("b",), {})], 3, Log(Console(file=io.StringIO())))
    assert "".join(begun) == "abbaabba"
    assert (took[0].wall_ms, took[1].wall_ms) == (5.0, 6.0)  # of 4, 5, 8 and of 3, 6, 7


def test_what_is_told_are_ratios_to_both_others() -> None:
    told = Result("intake", Took(300, 200), Took(200, 250), Took(1200, 1000), zip_mb=9.5).told()
    assert (told["ready_ms"], told["wall_vs_bare"], told["wall_vs_naive"], told["zip_mb"]) == (300, 1.5, 0.25, 9.5)
    assert (told["cpu_ms"], told["vs_bare"], told["vs_naive"]) == (200, 0.8, 0.2)


def test_every_function_opens_what_it_opens_on_aws_and_the_bare_one_has_its_clients() -> None:
    cases = cold(list(FUNCTIONS.values()), "http://127.0.0.1:1")
    assert [case.function.name for case in cases] == list(FUNCTIONS)
    for case in cases:
        bare = case.programs(HERE, HERE, HERE)["bare"].command[-1]
        assert all(f"boto3.client('{service}'" in bare for service in case.services)
        assert ("get_parameter" in bare) == any("ssm:" in text for text in case.environment.values())
    assert {case.function.name for case in cases if "ssm" in case.services} == {"intake", "mint", "confirm", "watch"}
