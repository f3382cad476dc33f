"""The chapter "On AWS" tells all that is deployed and set, and its sums are right."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

from infra.deploy.template import ROOT, SERVERLESS
from tests.deploy.stack import Stack

CHAPTER = (ROOT / "docs" / "7-on-aws.md").read_text()
DESCRIBED: dict[str, Any] = yaml.safe_load(SERVERLESS.read_bytes())


def part(heading: str) -> str:
    found = re.search(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", CHAPTER, re.DOTALL | re.MULTILINE)
    assert found is not None, heading
    return found[1]


def rows(heading: str) -> list[list[str]]:
    lines = [line for line in part(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_parameter_is_told_with_what_prod_has() -> None:
    told = {name: row[1] for row in rows("Parameters") for name in re.findall(r"`(\w+)`", row[0])}
    default, prod = DESCRIBED["params"]["default"], DESCRIBED["params"].get("prod", {})
    assert told.keys() == default.keys() | {"contract"}
    for name in ("confirmations", "poll_s", "retention_days", "patience_s", "renders_at_once", "log_days", "removal"):
        assert told[name] == str((default | prod)[name])
    assert told["calls_per_s"] == f"{default['calls_per_s']}, {default['calls_burst']}"
    assert [int(default["max_fee_wei"]), default["give_up_s"]] == [500 * 10**9, 7 * 86_400]


def test_every_function_queue_key_and_alarm_is_told(prod: Stack) -> None:
    there = part("What there is")
    for name in prod.functions:
        assert f"`{name}`" in there
    for alias in prod.named("KMS::Alias", "AliasName"):
        assert f"`{alias.replace('prod', '{stage}')}`" in there
    alarms = {row[0].strip("`") for row in rows("When things break") if "monoprint-" in row[0]}
    for name in prod.named("CloudWatch::Alarm", "AlarmName"):
        kind = name.removeprefix("monoprint-prod-").rpartition("-")
        wanted = {"dead": "{stop}-dead", "errors": "{function}-errors", "fail": "calls-fail"}[kind[2]]
        assert f"monoprint-{{stage}}-{wanted}" in alarms


def test_every_secret_is_told_with_its_readers(prod: Stack) -> None:
    read: dict[str, set[str]] = {}
    for function in prod.functions.values():
        for action, place in prod.allowed(function.role):
            if action == "ssm:GetParameter":
                name = place.partition(":parameter")[2].replace("/prod/", "/{stage}/")
                read.setdefault(name, set()).add(function.name)
    assert {row[0].strip("`"): set(row[1].split(", ")) for row in rows("Secrets")} == read


def test_the_costs_add_up() -> None:
    *lines, total = rows("What a thousand mints cost")
    for what, count, price, cost in lines:
        # So many a mint, times a thousand mints, at the price of a million.
        reckoned = Decimal(count) * Decimal(price) / 1000
        assert abs(reckoned - Decimal(cost)) <= Decimal("0.0005"), what
    assert sum(Decimal(line[3]) for line in lines) == Decimal(total[3])


def test_every_command_of_aws_and_osls_names_its_region() -> None:
    """Else it goes where the shell's configuration says, and `osls` and `aws` need not agree."""
    told = re.sub(r"\\\n\s*", " ", CHAPTER)
    commands = [line for line in told.splitlines() if re.match(r" {4}(aws|npx osls) ", line)]
    assert len(commands) > 6
    for command in commands:
        assert "--region eu-central-1" in command, command


def test_the_levels_of_the_log_are_those_that_keep_the_metrics() -> None:
    (row,) = [row for row in rows("Parameters") if row[0] == "`log_level`"]
    assert set(re.findall(r"\b[A-Z]{4,}\b", " ".join(row))) == {"INFO", "DEBUG"}
