"""A CPython of the runtime's version on this machine: it compiles what goes into a zip, and times its import."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from infra.packaging.locked import uv
from shared.errors import Defect, Invalid

_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_ASK = "import platform, sys; print(*platform.python_version_tuple()[:2], sys.implementation.name, sep='.')"
_IMPORT = """\
import sys, time
sys.path.insert(0, sys.argv[1])
from importlib import import_module
started = time.process_time()
getattr(import_module(sys.argv[2]), sys.argv[3])
print((time.process_time() - started) * 1000)
"""


@dataclass(frozen=True)
class Interpreter:
    path: Path
    version: str
    """`3.13`."""

    def compile(self, folder: Path, files: Sequence[Path]) -> None:
        """Bytecode beside its source, the same bytes each time: it names its source as it lies on Lambda, and is
        checked against no clock. A file that this version cannot parse (a template, a test of a parser) has none."""
        command: list[str | Path] = [self.path, "-I", "-S", "-m", "compileall", "-qq", "-j", "0"]
        command += ["--invalidation-mode", "unchecked-hash", "-s", folder, "-p", "/var/task", "-i", "-"]
        listed = "".join(f"{file}\n" for file in files)
        subprocess.run(command, input=listed, capture_output=True, text=True, check=False)  # noqa: S603

    def import_ms(self, folder: Path, handler: str, runs: int) -> float:
        """Processor time: the median of `runs` fresh processes that have nothing but `folder` and write nothing, as on
        Lambda. Other work on this machine counts less than by the clock.

        Raises: `Defect` when the handler cannot be imported from there.
        """
        module, _, name = handler.rpartition(".")
        command: list[str | Path] = [self.path, "-I", "-S", "-B", "-c", _IMPORT, folder, module, name]
        times = []
        for _ in range(runs):
            done = subprocess.run(  # noqa: S603 - our own words
                command, cwd=folder, capture_output=True, text=True, check=False, env=_bare()
            )
            if done.returncode:
                why = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
                raise Defect(f"{handler} cannot be imported from its zip: {why[0]}")
            times.append(float(done.stdout))
        return median(times)


def find_interpreter(version: str, architecture: str, asked: Path | None = None) -> Interpreter | None:
    """The one asked for, else the running one, else one that uv knows; None where there is none of this version, or
    where this machine is not as Lambda's."""
    if sys.platform != "linux" or platform.machine() != _MACHINES.get(architecture):
        return None
    if asked is not None:
        if (got := _version_of(asked)) != f"{version}.cpython":
            raise Invalid("--python", f"{asked} ({got or 'it does not run'})", f"a CPython {version}")
        return Interpreter(asked, version)
    if version == f"{sys.version_info.major}.{sys.version_info.minor}" and sys.implementation.name == "cpython":
        return Interpreter(Path(sys.executable), version)
    command = [uv(), "python", "find", "--no-project", "--system", "--no-python-downloads", f"cpython@{version}"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    path = Path(found.stdout.strip())
    known = found.returncode == 0 and _version_of(path) == f"{version}.cpython"
    return Interpreter(path, version) if known else None


def _version_of(path: Path) -> str | None:
    try:
        command: list[str | Path] = [path, "-I", "-S", "-c", _ASK]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - what the caller named
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _bare() -> dict[str, str]:
    """No variable of ours may steer what is measured; the system's path stays."""
    return {name: os.environ[name] for name in ("PATH",) if name in os.environ}
