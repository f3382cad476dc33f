"""Packed again, a zip is the same bytes: in another folder, with other times and rights, by another process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.packaging.locked import Lock
from infra.packaging.packing import ROOT
from tests.package.packed import PYTHON

TAKEN = ("functions", "shared", "infra", "contracts/artifacts")
READ = ("serverless.yml", "pyproject.toml", "requirements/lambda.txt")


def pack(root: Path, out: Path, **environ: str) -> Any:
    """What the command says, run in `root` for `mint`: our modules, data beside them, and wheels with binaries."""
    command = [sys.executable, "-m", "infra.package", "--functions", "mint", "--json", "--python-version", PYTHON]
    done = subprocess.run(
        [*command, "--runs", "1", "--out", str(out)],
        cwd=root,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout.splitlines()[-1])


def test_the_same_bytes_from_another_folder(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    for name in TAKEN:
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copy
        )
    for name in READ:
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    for path in copy.rglob("*"):
        os.utime(path, (0, 10**9))
        path.chmod(0o700 if path.is_dir() else 0o600)

    here = pack(ROOT, tmp_path / "here")
    there = pack(copy, tmp_path / "there", TZ="Asia/Tokyo", PYTHONHASHSEED="7", LC_ALL="C", SOURCE_DATE_EPOCH="1")

    mint, again = here["functions"]["mint"], there["functions"]["mint"]
    assert Path(again["zip"]) == tmp_path / "there" / "mint.zip"
    assert (tmp_path / "here" / "mint.zip").read_bytes() == (tmp_path / "there" / "mint.zip").read_bytes()
    assert mint["sha256"] == again["sha256"]
    locked = Lock.read(ROOT / "requirements" / "lambda.txt").pins
    for name, version in mint["distributions"].items():
        assert version in {pin.version for pin in locked[name]}
    assert mint["adapters"] == [
        "chain https:", "ledger dynamodb:", "queue sqs:", "secret ssm:", "signer kms:",
    ]  # fmt: skip
    assert 5 < mint["zip_mb"] < mint["unzipped_mb"] < 60
    assert (mint["import_ms"] is None) == (not here["bytecode"])
