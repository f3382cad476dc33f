"""The whole twin in a process of its own, with a null renderer, and the CPU time that each part of it takes.

What is measured is the real thing: its workers, HTTP server, SQLite files and anvil. Only the picture is left out.
Needs Linux, which tells the time of each thread and of each child.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from infra.twin.home import Home
from infra.twin.twin import Twin
from shared.ports.open import ADAPTERS
from shared.runtime import Handler, HttpHandler, QueueHandler, ScheduleHandler

STOPS = ("intake", "plan", "render", "judge", "publish", "mint", "confirm")


class NullHome(Home):
    """A home whose renderer leaves a picture at once."""

    def environ(self, *, api_url: str, chain_url: str, contract: str) -> dict[str, str]:
        environ = super().environ(api_url=api_url, chain_url=chain_url, contract=contract)
        return environ | {"RENDERER_URL": f"null://?blobs={quote(environ['BLOBS_URL'], safe='')}"}


@dataclass
class Calls:
    count: int = 0
    cpu_ms: float = 0.0
    wall_ms: float = 0.0


@dataclass(frozen=True)
class Reading:
    """What was spent so far: by handler and by thread, of each stop; by the twin's process; by anvil."""

    handlers: dict[str, Calls]
    threads_ms: dict[str, float]
    process_ms: float
    anvil_ms: float


@contextmanager
def metered_twin(home: Home) -> Iterator[Callable[[], Reading]]:
    """A twin on this home, for as long as the context lasts; gives what takes a reading of it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(home.path, theirs))
    process.start()
    theirs.close()

    def read() -> Reading:
        ours.send(True)
        return cast("Reading", ours.recv())

    try:
        ours.recv()  # it is up
        yield read
    finally:
        with suppress(BrokenPipeError):
            ours.send(False)
        process.join(timeout=60)


def _serve(path: Path, pipe: Connection) -> None:
    """Runs in the twin's process: answers with a reading as often as it is asked to go on."""
    cast("dict[tuple[str, str], str]", ADAPTERS)["renderer", "null"] = "benchmarks.null_renderer:NullRenderer"
    meter = _Meter()
    for kind in (QueueHandler, HttpHandler, ScheduleHandler):
        meter.attach(kind)
    with Twin(NullHome.at(path)):
        pipe.send(True)
        while pipe.recv():
            pipe.send(meter.read())


class _Meter:
    """Adds up what each handler call takes, by the name that the twin calls it by."""

    def __init__(self) -> None:
        self._calls: defaultdict[str, Calls] = defaultdict(Calls)
        self._lock = threading.Lock()

    def attach(self, kind: type[Handler]) -> None:
        """Measures every handler of this kind from now on."""
        called: Callable[..., Any] = kind.__call__

        def measured(handler: Handler, event: dict[str, Any], context: Any) -> Any:
            cpu_s, wall_s = time.thread_time(), time.perf_counter()
            try:
                return called(handler, event, context)
            finally:
                cpu_s, wall_s = time.thread_time() - cpu_s, time.perf_counter() - wall_s
                with self._lock:
                    calls = self._calls[context.function_name.removeprefix("monoprint-")]
                    calls.count += 1
                    calls.cpu_ms += cpu_s * 1000
                    calls.wall_ms += wall_s * 1000

        setattr(kind, "__call__", measured)  # noqa: B010 - mypy takes no assignment to a method

    def read(self) -> Reading:
        with self._lock:
            handlers = {name: Calls(**asdict(calls)) for name, calls in self._calls.items()}
        return Reading(handlers, _threads_ms(), time.process_time() * 1000, _children_ms())


def _threads_ms() -> dict[str, float]:
    """Of every thread by what it serves: a stop, the HTTP server's as `intake`, or its own name."""
    spent: defaultdict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        if thread.ident is None:
            continue
        name = thread.name.removeprefix("twin-")
        stop = name.rpartition("-")[0]
        served = "intake" if name == "http" or name.startswith("waitress") else stop if stop in STOPS else name
        spent[served] += time.clock_gettime(time.pthread_getcpuclockid(thread.ident)) * 1000
    return dict(spent)


def _children_ms() -> float:
    """Of every process that this one started, and theirs: anvil and its leash."""
    waiting, spent_ticks = [os.getpid()], 0
    while waiting:
        tasks = Path(f"/proc/{waiting.pop()}/task").iterdir()
        found = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        waiting += found
        for pid in found:
            user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            spent_ticks += int(user) + int(system)
    return spent_ticks * 1000 / os.sysconf("SC_CLK_TCK")
