"""The distributions of others that a zip holds: which, in which version, and their files.

`requirements/lambda.txt` says which version (and by which hash), the closure says whether. What a distribution needs
in its turn stands in the lock too, in uv's notes (`# via`).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import Distribution, distributions, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from shared.errors import Defect

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^ ;\\]+)")
_VIA = re.compile(r" +# +(?:via )?([A-Za-z0-9._-]+)")
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
"""Lambda's names of its processors and uv's of what runs on them: Amazon Linux 2023 has glibc 2.34."""


@dataclass(frozen=True)
class Pin:
    """One version in the lock, as it stands there, with its marker and its hashes."""

    version: str
    text: str


class Lock:
    def __init__(self, path: Path, pins: Mapping[str, list[Pin]], needs: Mapping[str, set[str]]) -> None:
        self.path = path
        self.pins = pins
        """Several for a name where Python versions need different ones."""
        self._needs = needs

    @classmethod
    def read(cls, path: Path) -> Lock:
        pins: dict[str, list[Pin]] = {}
        needs: dict[str, set[str]] = {}
        name = ""
        try:
            text = path.read_text()
        except FileNotFoundError as error:
            raise _outdated(path, "is not there") from error
        for block in re.split(r"\n(?=\S)", text):
            pin = _PIN.match(block)
            if pin is None:
                continue
            name = canonicalize_name(pin[1])
            lines = block.splitlines()
            pins.setdefault(name, []).append(Pin(pin[2], "\n".join(x for x in lines if not x.lstrip().startswith("#"))))
            for needing in filter(None, map(_VIA.fullmatch, lines)):
                needs.setdefault(canonicalize_name(needing[1]), set()).add(name)
        return cls(path, pins, needs)

    def check(self, pyproject: Path) -> None:
        """Raises: `Defect` when the lock has not what `pyproject.toml` asks for at run time."""
        asked = tomllib.loads(pyproject.read_text())
        for line in [*asked["project"]["dependencies"], *asked["dependency-groups"]["aws"]]:
            wanted = Requirement(line)
            versions = [pin.version for pin in self.pins.get(canonicalize_name(wanted.name), ())]
            if not versions or not all(wanted.specifier.contains(version, prereleases=True) for version in versions):
                got = " and ".join(versions) or "nothing"
                raise _outdated(self.path, f"has {got} where pyproject.toml wants {wanted.name}{wanted.specifier}")

    def behind(self, external: Mapping[str, str]) -> frozenset[str]:
        """The distributions that have these modules, and all that they need. Raises: `Defect` naming the importer."""
        found: set[str] = set()
        waiting: list[str] = []
        for module, importer in external.items():
            owners = {canonicalize_name(owner) for owner in _owners().get(module, ())}
            if not owners:
                raise Defect(f"{importer} imports {module}, which nothing installed here has: run `make setup-dev`")
            if not owners & self.pins.keys():
                raise _outdated(self.path, f"lacks {' or '.join(sorted(owners))}, which {importer} imports")
            waiting += sorted(owners & self.pins.keys())
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._needs.get(name, ())
        return frozenset(found)


@dataclass(frozen=True)
class Wheels:
    """Distributions as they lie in a folder."""

    folder: Path

    @cached_property
    def by_name(self) -> Mapping[str, Distribution]:
        return {canonicalize_name(each.metadata["Name"]): each for each in distributions(path=[str(self.folder)])}

    @cached_property
    def files(self) -> Mapping[str, list[str]]:
        """Each distribution's files, from the folder on."""
        return {name: [file.as_posix() for file in each.files or ()] for name, each in self.by_name.items()}


def install(lock: Lock, names: Iterable[str], folder: Path, *, python: str, architecture: str) -> Wheels:
    """Wheels for Lambda, by their hashes, from uv's cache or from the index that this machine uses.

    uv resolves them too, and so refuses a choice that lacks something. Raises: `Defect` with what it says.
    """
    if architecture not in _PLATFORMS:
        raise Defect(f"serverless.yml: provider.architecture: got {architecture!r}, wanted {' or '.join(_PLATFORMS)}")
    folder.mkdir(parents=True)
    chosen = folder.with_suffix(".txt")
    chosen.write_text("\n".join(pin.text for name in sorted(names) for pin in lock.pins[name]) + "\n")
    command: list[str | Path] = [uv(), "pip", "install", "--quiet", "--python", sys.executable, "--target", folder]
    command += ["--python-platform", _PLATFORMS[architecture], "--python-version", python]
    command += ["--only-binary", ":all:", "--no-compile", "--require-hashes", "--requirements", chosen]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise Defect(f"{lock.path.name} cannot be installed for Python {python} on Lambda: {done.stderr.strip()}")
    return Wheels(folder)


def uv() -> str:
    """uv, the one of this environment first. Raises `Defect`."""
    beside = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    if beside is None:
        raise Defect("uv is not installed: run `make setup-dev`")
    return beside


@cache
def _owners() -> Mapping[str, list[str]]:
    return packages_distributions()


def _outdated(path: Path, how: str) -> Defect:
    return Defect(f"{path.parent.name}/{path.name} is out of date: it {how}. Run `make lock`")
