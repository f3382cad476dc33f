"""The committed artifact is what the source compiles to, and the contract's own tests pass."""

from __future__ import annotations

import json
import os

import pytest

from contracts import build


@pytest.fixture(autouse=True)
def _the_compiler() -> None:
    """Skips without it on a person's machine; in CI that would be a test that nobody runs."""
    if missing := build.missing():
        told = f"{missing} is not installed: run `npm ci` for the compiler"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)


def test_the_artifact_is_what_the_source_compiles_to() -> None:
    assert build.build() == build.ARTIFACT.read_text(encoding="utf-8"), "run `python contracts/build.py`"


def test_the_artifact_holds_what_callers_need_and_no_more() -> None:
    artifact = json.loads(build.ARTIFACT.read_bytes())
    assert sorted(artifact) == ["abi", "bytecode", "compiler", "settings"]
    assert artifact["compiler"].startswith("0.8.37+commit.")
    assert artifact["settings"]["evmVersion"] == "prague"
    assert artifact["settings"]["metadata"] == {"appendCBOR": False, "bytecodeHash": "none"}
    deployed_limit = 24_576  # EIP-170
    assert len(artifact["bytecode"]) // 2 < deployed_limit
    names = [entry["name"] for entry in artifact["abi"] if entry["type"] == "function"]
    ours = {"mint", "redact", "ownerOf", "digestOf", "tokenIdOf"}
    assert {name for name in ours if names.count(name) == 1} == ours, "callers find these by their name alone"


def test_the_contracts_own_tests_pass() -> None:
    build.run("test")
