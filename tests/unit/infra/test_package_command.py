"""`python -m infra.package`: what it refuses, and how it tells what it made."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from infra import package as command
from infra.packaging.archive import DIRECT_UPLOAD_BYTES, Written
from infra.packaging.closure import Closure
from infra.packaging.interpreter import Interpreter
from infra.packaging.packing import Packed, Plan
from infra.packaging.serverless import Function, Service

FUNCTION = Function("mint", "functions.mint.handler", "dist/mint.zip", {})
SERVICE = Service({"mint": FUNCTION}, "3.13", "x86_64")


def packed(*, zip_bytes: int = 8_240_000, import_ms: float | None = None) -> Packed:
    plan = Plan(FUNCTION, (), Closure(frozenset(), frozenset(), {}, frozenset()), frozenset())
    written = Written(
        Path("dist/mint.zip"), "ab" * 32, zip_bytes, 22_410_000, (("numpy", 20_000_000), ("monoprint", 9))
    )
    return Packed(plan, written, {"numpy": "2.5.5"}, import_ms)


def shown(interpreter: Interpreter | None, *each: Packed) -> str:
    text = io.StringIO()
    command._show(Console(file=text, width=120), SERVICE, interpreter, each)
    return text.getvalue()


def test_the_table_has_sizes_times_and_what_is_heavy() -> None:
    told = shown(Interpreter(Path("/usr/bin/python3.13"), "3.13"), packed(import_ms=412.4))
    assert [re.split(r"\s{2,}", line.strip()) for line in told.splitlines()[1:3]] == [
        ["function", "zip MB", "unzipped MB", "of Lambda's limit", "import ms CPU", "heaviest, MB unzipped"],
        ["mint", "8.2", "22.4", "9%", "412", "numpy 20.0, monoprint 0.0"],
    ]
    assert "Imported by /usr/bin/python3.13" in told
    assert "MB zipped" not in told
    assert "nearly full" not in told


def test_without_a_python_of_the_runtime_nothing_is_timed_and_it_says_so() -> None:
    told = shown(None, packed(zip_bytes=DIRECT_UPLOAD_BYTES + 1))
    assert told.splitlines()[2].split()[:5] == ["mint", "52.4", "22.4", "9%", "-"]
    assert "No CPython 3.13 here: nothing was imported, and the zips carry no bytecode" in told
    assert "Over 52 MB zipped" in told


def test_a_zip_that_is_nearly_full_is_told_with_what_is_left() -> None:
    full = packed()
    told = shown(None, dataclasses.replace(full, written=dataclasses.replace(full.written, unzipped_bytes=250_000_000)))
    assert told.splitlines()[2].split()[:4] == ["mint", "8.2", "250.0", "95%"]
    assert "mint is nearly full: 12.1 MB are left of the 262.1 MB that Lambda takes unzipped." in told


def test_machines_are_told_the_same() -> None:
    told = command._told(SERVICE, None, [dataclasses.replace(packed(), import_ms=412.44)])
    assert json.loads(json.dumps(told)) == {
        "python": "3.13",
        "architecture": "x86_64",
        "bytecode": False,
        "functions": {
            "mint": {
                "zip": "dist/mint.zip",
                "sha256": "ab" * 32,
                "zip_mb": 8.24,
                "unzipped_mb": 22.41,
                "unzipped_share": 0.085,
                "import_ms": 412.4,
                "adapters": [],
                "heaviest_mb": {"numpy": 20.0, "monoprint": 0.0},
                "distributions": {"numpy": "2.5.5"},
            }
        },
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--functions", "mnt"], "function: got 'mnt', wanted one of: intake"),
        (["--param", "rpc"], "--param: got 'rpc', wanted NAME=VALUE"),
        (["--file", "nowhere.yml"], "nowhere.yml: got no such file"),
        (["--functions", "publish", "--param", "pinner_url=gopher://x"],
         "function publish, PINNER_URL: got the scheme 'gopher' in 'gopher://x', wanted a pinner that starts"),
    ],
)  # fmt: skip
def test_what_cannot_be_packed_is_told_in_a_sentence(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(command.package, [*arguments, "--out", str(tmp_path / "dist"), "--json"])
    assert done.exit_code == 1
    assert told in json.loads(done.output.splitlines()[-1])["error"]["message"]
    assert not (tmp_path / "dist").exists()
