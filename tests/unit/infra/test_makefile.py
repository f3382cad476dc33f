"""The Makefile's set-up: what is locked stays locked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def make(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, check=True, env=os.environ | {"CI": ""}
    ).stdout


def test_the_build_backend_comes_from_the_lock() -> None:
    planned = make(ROOT, "-n", "-W", "pyproject.toml", ".venv/.run")
    assert "--build-constraints requirements/build.txt --editable ." in planned
    locked = make(ROOT, "-n", "lock")
    for name in ("build", "run", "dev", "lambda"):
        assert f"-o requirements/{name}.txt" in locked
    assert "requirements/build.in" in locked
    assert (ROOT / "requirements" / "build.in").is_file()


def test_node_packages_follow_their_lock_also_where_a_developers_lie(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    bin_folder = tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/run.txt", "requirements/build.txt", "pyproject.toml"):
        (tmp_path / name).write_text("")
    (bin_folder / "uv").write_text("")
    (bin_folder / "npm").write_text("#!/bin/sh\necho npm $*\n")
    (bin_folder / "npm").chmod(0o755)
    times = {".venv/.run": 10, "package-lock.json": 20, "package.json": 20, "node_modules/.dev": 30}
    for name, at in times.items():
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (at, at))
    for name in ("requirements/run.txt", "requirements/build.txt", "pyproject.toml", ".venv/bin/uv"):
        os.utime(tmp_path / name, (1, 1))
    assert "npm" not in make(tmp_path, "node_modules/.run")

    os.utime(tmp_path / "package-lock.json", (40, 40))
    os.utime(tmp_path / "node_modules" / ".run", (35, 35))
    assert "npm ci --omit=dev --silent" in make(tmp_path, "node_modules/.run")
