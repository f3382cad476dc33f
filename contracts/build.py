"""Rebuilds contracts/artifacts/Monoprint.json from the source: `python contracts/build.py [--check | --test]`.

The artifact is what the rest of the project knows of the contract: its ABI and the bytecode of its deployment. It is
committed, so that minting needs no compiler; the compiler, its settings and the names of the sources are pinned, so
that every checkout builds the same bytes. `--check` builds into a temporary folder and compares; `--test` runs the
tests of contracts/test. Both end with a status other than 0 and say what differs.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ARTIFACT = ROOT / "contracts" / "artifacts" / "Monoprint.json"
NEEDED = ("node_modules/solc/package.json", "node_modules/solady/package.json")


def forge() -> Path:
    """The compiler driver itself, not npm's wrapper around it."""
    system = {"Darwin": "darwin", "Windows": "win32"}.get(platform.system(), "linux")
    machine = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "amd64"
    name = "forge.exe" if system == "win32" else "forge"
    return ROOT / "node_modules" / "@foundry-rs" / f"forge-{system}-{machine}" / "bin" / name


def missing() -> str | None:
    """The first tool that is not installed, or nothing."""
    for path in (forge(), *(ROOT / name for name in NEEDED)):
        if not path.is_file():
            return str(path.relative_to(ROOT))
    return None


def run(*arguments: str) -> None:
    """Runs forge at the top of the project, with the virtual environment's node on the path (solc.cjs needs it)."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FOUNDRY_", "DAPP_"))}
    subprocess.run(  # noqa: S603 - the pinned compiler
        [str(forge()), *arguments], cwd=ROOT, env=environment | {"PATH": path, "NO_COLOR": "1"}, check=True
    )


def build() -> str:
    """Compiles the sources from nothing and returns the artifact's text."""
    with tempfile.TemporaryDirectory(prefix="monoprint-contracts-") as folder:
        run("build", "contracts/src", "--out", f"{folder}/out", "--cache-path", f"{folder}/cache")
        built: dict[str, Any] = json.loads(Path(folder, "out", "Monoprint.sol", "Monoprint.json").read_bytes())
    settings: dict[str, Any] = built["metadata"]["settings"]
    artifact = {
        "abi": built["abi"],
        "bytecode": built["bytecode"]["object"],
        "compiler": built["metadata"]["compiler"]["version"],
        "settings": {name: settings[name] for name in ("evmVersion", "metadata", "optimizer", "remappings")},
    }
    lines = [f"    {json.dumps(entry, sort_keys=True)}" for entry in artifact.pop("abi")]
    abi = "[\n" + ",\n".join(lines) + "\n  ]"
    rest = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value, sort_keys=True)}" for name, value in artifact.items())
    return f'{{\n  "abi": {abi},\n{rest}\n}}\n'


def say(text: str, *, failing: bool = False) -> None:
    (sys.stderr if failing else sys.stdout).write(f"contracts: {text}\n")


def main(arguments: list[str]) -> int:
    lacking = missing()
    if lacking:
        say(f"{lacking} is missing; run `npm ci` first", failing=True)
        return 2
    if arguments == ["--test"]:
        run("test")
        return 0
    if arguments not in ([], ["--check"]):
        say(f"got {arguments}, wanted nothing, --check or --test", failing=True)
        return 2
    text = build()
    name = ARTIFACT.relative_to(ROOT)
    if ARTIFACT.is_file() and ARTIFACT.read_text(encoding="utf-8") == text:
        say(f"{name} is up to date")
        return 0
    if arguments:
        say(f"{name} differs from its source; run `python contracts/build.py`", failing=True)
        return 1
    ARTIFACT.parent.mkdir(exist_ok=True)
    ARTIFACT.write_text(text, encoding="utf-8")
    say(f"wrote {name}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.returncode)
