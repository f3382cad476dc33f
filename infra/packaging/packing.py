"""From functions to zips: what each holds is read from the sources, then installed, compiled, written and timed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

from infra.packaging.adapters import Adapter, named_adapters
from infra.packaging.archive import LEVEL, Part, Written, runs, write
from infra.packaging.closure import Closure, Imports
from infra.packaging.interpreter import Interpreter
from infra.packaging.locked import Lock, Wheels, install
from infra.packaging.serverless import Function, Service
from infra.progress import Log

ROOT = Path(__file__).resolve().parents[2]
_OURS = "monoprint"


@dataclass(frozen=True)
class Plan:
    """What one zip will hold."""

    function: Function
    adapters: tuple[Adapter, ...]
    closure: Closure
    distributions: frozenset[str]


@dataclass(frozen=True)
class Packed:
    plan: Plan
    written: Written
    versions: Mapping[str, str]
    import_ms: float | None


def plan(functions: Sequence[Function], lock: Lock) -> list[Plan]:
    """Read from the sources alone: nothing is installed or written."""
    imports, plans = Imports(ROOT), []
    for function in functions:
        adapters = named_adapters(function)
        closure = imports.closure([function.module, *(adapter.module for adapter in adapters)])
        plans.append(Plan(function, adapters, closure, lock.behind(closure.external)))
    return plans


def pack(
    service: Service,
    functions: Sequence[Function],
    out: Path | None,
    log: Log,
    *,
    interpreter: Interpreter | None,
    timed: int = 5,
    level: int = LEVEL,
) -> list[Packed]:
    """Write the zips, to `out` or where `serverless.yml` says. `timed`: fresh processes to import each, 0 for none.

    Raises: `Defect` when the lock is out of date or a zip cannot be imported; `TooLarge` when Lambda would refuse it.
    """
    lock = Lock.read(ROOT / "requirements" / "lambda.txt")
    lock.check(ROOT / "pyproject.toml")
    plans = plan(functions, lock)
    with tempfile.TemporaryDirectory(prefix="monoprint-package-") as folder:
        stage = Path(folder) / "task"
        wheels = _staged(plans, lock, service, stage)
        log.say(f"{len(wheels.by_name)} distributions for Python {service.python} on {service.architecture}")
        contents = [list(_parts(each, stage, wheels)) for each in plans]
        if interpreter:
            sources = sorted({part.path for parts in contents for part in parts if part.path.suffix == ".py"})
            interpreter.compile(stage, sources)
            log.say(f"{len(sources)} modules compiled by Python {interpreter.version}")
            contents = [[*parts, *_bytecode(parts, interpreter)] for parts in contents]

        def zipped(each: Plan, parts: Sequence[Part]) -> Written:
            artifact = ROOT / each.function.artifact if out is None else out / Path(each.function.artifact).name
            written = write(artifact, parts, level)
            log.say(f"{artifact.name:<12} {written.zip_bytes / 1e6:5.1f} MB")
            return written

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # zlib lets other threads run
            all_written = list(pool.map(zipped, plans, contents))
        versions = {name: distribution.version for name, distribution in wheels.by_name.items()}
    return [
        Packed(each, written, _taken(each, versions), _timed(each, written, interpreter, timed, log))
        for each, written in zip(plans, all_written, strict=True)
    ]


def _staged(plans: Sequence[Plan], lock: Lock, service: Service, stage: Path) -> Wheels:
    """A folder with all that any of the zips holds, at its place."""
    names = frozenset[str]().union(*(each.distributions for each in plans))
    wheels = install(lock, names, stage, python=service.python, architecture=service.architecture)
    for path in frozenset[Path]().union(*(each.closure.files for each in plans)):
        copy = stage / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return wheels


def _parts(each: Plan, stage: Path, wheels: Wheels) -> Iterator[Part]:
    for path in each.closure.files:
        name = path.relative_to(ROOT).as_posix()
        yield Part(name, stage / name, _OURS)
    for owner in each.distributions & wheels.by_name.keys():  # the others are for another system or Python
        for file in wheels.files[owner]:
            if runs(file, each.closure.services):
                yield Part(file, stage / file, owner, each.closure.services)


def _bytecode(parts: Sequence[Part], interpreter: Interpreter) -> Iterator[Part]:
    suffix = f".cpython-{interpreter.version.replace('.', '')}.pyc"
    for part in parts:
        path = part.path.parent / "__pycache__" / (part.path.stem + suffix)
        if part.path.suffix == ".py" and path.is_file():
            yield Part((PurePosixPath(part.name).parent / "__pycache__" / path.name).as_posix(), path, part.owner)


def _taken(each: Plan, versions: Mapping[str, str]) -> Mapping[str, str]:
    return {name: versions[name] for name in sorted(each.distributions & versions.keys())}


def _timed(each: Plan, written: Written, interpreter: Interpreter | None, runs: int, log: Log) -> float | None:
    if interpreter is None or not runs:
        return None
    with tempfile.TemporaryDirectory(prefix="monoprint-unzipped-") as folder:
        with ZipFile(written.path) as archive:
            archive.extractall(folder)
        import_ms = interpreter.import_ms(Path(folder), each.function.handler, runs)
    log.say(f"{each.function.name:<12} {import_ms:5.0f} ms")
    return import_ms
