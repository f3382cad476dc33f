"""`make bench-cold`: how long a fresh process takes until its handler is ready, beside two that could replace it.

For each function three programs (`benchmarks/cold_cases.py`): ours, a bare boto3 handler with the same clients, and a
naive handler that imports everything. They take turns, round by round, so that whatever else the machine does hits all
alike; the medians of many rounds are compared. From the start of the interpreter to the handler that could take an
event; nothing leaves the machine, and a Parameter Store of this process answers for the secrets.

Wall time is what a collector waits for; the ratios are of CPU time. Nothing here waits for anything, so that on an idle
machine the two are one, and on a machine with company the ratio of CPU times stays what it is. What Lambda adds, the
same for all three, is not in it: finding a machine, loading the zip, its own runtime's start.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from zipfile import ZipFile

from rich.console import Console
from rich.table import Table

from benchmarks.cold_cases import Cold, Place, Program, cold, install_bare, install_naive, unpack
from infra.packaging.interpreter import Interpreter, find_interpreter
from infra.packaging.packing import ROOT, pack
from infra.packaging.serverless import Function, Service, read_service
from infra.progress import Log
from shared.errors import Defect

TARGETS: Mapping[str, float] = {"intake": 1.4, "sweep": 1.4, "plan": 1.5, "judge": 1.8}
"""Times the bare handler, at most."""
PACKED_FROM = (
    "contracts/artifacts",
    "functions",
    "infra/packaging",
    "requirements/lambda.txt",
    "serverless.yml",
    "shared",
)
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Took:
    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Result:
    function: str
    ours: Took
    bare: Took
    naive: Took
    zip_mb: float | None

    def told(self) -> dict[str, float | None]:
        """The ratios are of CPU time, but for those that say that they are not."""
        return {
            "ready_ms": round(self.ours.wall_ms, 1),
            "vs_bare": round(self.ours.cpu_ms / self.bare.cpu_ms, 2),
            "vs_naive": round(self.ours.cpu_ms / self.naive.cpu_ms, 2),
            "zip_mb": self.zip_mb,
            "cpu_ms": round(self.ours.cpu_ms, 1),
            "wall_vs_bare": round(self.ours.wall_ms / self.bare.wall_ms, 2),
            "wall_vs_naive": round(self.ours.wall_ms / self.naive.wall_ms, 2),
        }


def start(program: Program) -> Took:
    """One process, until it says that it is ready. Raises: `Defect` with its last words when it never is."""
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own words
        program.command, env=dict(program.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        said = process.stdout.read(1)
        wall_ms = (time.perf_counter() - started) * 1000
        said += process.stdout.read()
        complaint = process.stderr.read().decode(errors="replace").strip()
        watchdog.cancel()
    if not said.isdigit():
        why = complaint.splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise Defect(f"a handler did not get ready: {why[0]}")
    return Took(wall_ms, int(said) / 1e6)


def measure(programs: Sequence[Program], runs: int, log: Log) -> dict[int, Took]:
    """The median of each, by its place. The first round fills caches and does not count; later ones start elsewhere in
    the list each time, so that none always follows the same one."""
    found: defaultdict[int, list[Took]] = defaultdict(list)
    for turn in range(runs + 1):
        for step in range(len(programs)):
            at = (step + turn) % len(programs)
            took = start(programs[at])
            if turn:
                found[at].append(took)
        log.say(f"round {turn} of {runs}" if turn else f"{len(programs)} programs, each started once")
    return {
        at: Took(median(each.wall_ms for each in all_of_it), median(each.cpu_ms for each in all_of_it))
        for at, all_of_it in found.items()
    }


@contextmanager
def parameter_store() -> Iterator[str]:
    """Where `GetParameter` is answered, with the same 32 bytes for every name."""
    answer = {"Parameter": {"Name": "secret", "Type": "SecureString", "Value": "0" * 32, "Version": 1}}
    body = json.dumps(answer).encode()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Not a word for each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def places(
    cases: Sequence[Cold], service: Service, interpreter: Interpreter | None, folder: Path
) -> dict[str, tuple[Place, Place, Place]]:
    """Function -> where ours, bare and naive are loaded from."""
    if interpreter is None:
        here = Place(sys.executable)
        return {case.function.name: (here, here, here) for case in cases}
    python = str(interpreter.path)
    bare, naive = install_bare(service, folder / "bare"), install_naive(service, folder / "naive")
    return {
        name: (
            Place(python, (unpack(ROOT / case.function.artifact, folder / name),)),
            Place(python, (bare,)),
            Place(python, (naive, bare)),
        )
        for case in cases
        for name in (case.function.name,)
    }


def compare(
    cases: Sequence[Cold], where: Mapping[str, tuple[Place, Place, Place]], runs: int, bytecode: Path, log: Log
) -> list[Result]:
    """`bytecode`: where a checkout's is kept meanwhile."""
    here = {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(bytecode)}
    programs: list[Program] = []
    found: dict[str, dict[str, int]] = {}
    for case in cases:
        ours, bare, naive = where[case.function.name]
        found[case.function.name] = {}
        for name, program in case.programs(ours, bare, naive).items():
            if not ours.folders:
                program = Program(program.command, {**program.environment, **here})
            if program not in programs:
                programs.append(program)
            found[case.function.name][name] = programs.index(program)
    took = measure(programs, runs, log)
    return [
        Result(
            case.function.name,
            **{name: took[at] for name, at in found[case.function.name].items()},
            zip_mb=_megabytes(case.function),
        )
        for case in cases
    ]


def packed(service: Service, functions: Sequence[Function], interpreter: Interpreter | None, log: Log) -> bool:
    """Whether each function has a zip of the code as it is now; those that have none are packed if they can be."""
    changed = max(path.stat().st_mtime for name in PACKED_FROM for path in _files(ROOT / name))
    stale = [each for each in functions if not _is_current(ROOT / each.artifact, changed, bytecode=bool(interpreter))]
    try:
        if stale:
            pack(service, stale, None, log, interpreter=interpreter, timed=0)
    except Defect as error:
        log.say(f"not packed: {error}")
        return False
    return True


def _files(path: Path) -> Iterator[Path]:
    yield from (
        (each for each in path.rglob("*") if each.is_file() and each.suffix != ".pyc") if path.is_dir() else [path]
    )


def _is_current(zipped: Path, changed: float, *, bytecode: bool) -> bool:
    if not zipped.is_file() or zipped.stat().st_mtime < changed:
        return False
    with ZipFile(zipped) as archive:
        return not bytecode or any(name.endswith(".pyc") for name in archive.namelist())


def _megabytes(function: Function) -> float | None:
    zipped = ROOT / function.artifact
    return round(zipped.stat().st_size / 1e6, 2) if zipped.is_file() else None


def table(results: Sequence[Result], runs: int) -> Table:
    shown = Table(title=f"Until a handler is ready, medians of {runs}", title_justify="left", box=None)
    shown.padding = (0, 1, 0, 0)
    shown.add_column("function", no_wrap=True)
    for name in ("ready ms", "CPU ms", "bare ms", "naive ms", "vs bare", "target", "(wall)", "vs naive", "zip MB"):
        shown.add_column(name, justify="right", no_wrap=True)
    for result in results:
        told, target = result.told(), TARGETS.get(result.function)
        shown.add_row(
            result.function,
            f"{told['ready_ms']:.0f}",
            *(f"{took.cpu_ms:.0f}" for took in (result.ours, result.bare, result.naive)),
            f"{told['vs_bare']:.2f}",
            f"{target:.1f}" if target else "",
            f"{told['wall_vs_bare']:.2f}",
            f"{told['vs_naive']:.2f}",
            "-" if result.zip_mb is None else f"{result.zip_mb:.1f}",
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="rounds that count; each starts every program once")
    parser.add_argument("--functions", help="only these, with commas between them")
    parser.add_argument("--python", type=Path, help="a CPython of Lambda's version, if uv finds none")
    parser.add_argument("--checkout", action="store_true", help="load this checkout and no zips")
    parser.add_argument("--json", action="store_true", help="the last line alone")
    asked = parser.parse_args()
    console = Console(stderr=asked.json, highlight=False)
    results = run(asked.runs, asked.functions, asked.python, checkout=asked.checkout, console=console)
    console.print(table(results, asked.runs))
    print(json.dumps({result.function: result.told() for result in results}))  # noqa: T201 - the last line is for programs


def run(runs: int, names: str | None, python: Path | None, *, checkout: bool, console: Console) -> list[Result]:
    log = Log(console)
    service = read_service(ROOT / "serverless.yml")
    functions = service.chosen(names)
    interpreter = find_interpreter(service.python, service.architecture, python)
    have_zips = packed(service, functions, interpreter, log)
    with tempfile.TemporaryDirectory(prefix="bench-cold-") as temporary, parameter_store() as url:
        folder, cases = Path(temporary), cold(functions, url)
        from_zips = interpreter if have_zips and not checkout else None
        where = places(cases, service, from_zips, folder)
        console.print(_told(service, from_zips), soft_wrap=True)
        return compare(cases, where, runs, folder / "bytecode", log)


def _told(service: Service, interpreter: Interpreter | None) -> str:
    if interpreter:
        return f"Ours from dist/, bare and naive from the same versions installed, all by {interpreter.path.name}."
    return (
        f"All three from this checkout, by {Path(sys.executable).name}: for zips, a CPython {service.python} is needed."
    )


if __name__ == "__main__":
    main()
