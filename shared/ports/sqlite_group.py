"""Group commit: writers that wait for their turn go along with whoever has it, and share one flush to the disk.

A flush takes milliseconds and holds up all writers of a file. While it lasts, others queue up; the first of them then
writes for all. Nobody sees or is told of a write before the commit that carries it is on the disk.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_GROUP = 32

Work = Callable[[sqlite3.Connection], Any]


@dataclass(eq=False, slots=True)
class Job:
    """One writer's changes. After its turn: what they returned, or why nothing of them was written."""

    work: Work
    durable: bool
    result: Any = None
    error: BaseException | None = None
    leads: bool = False
    woken: threading.Event | None = None


class NoTurn(Exception):
    """The time to wait is over; nobody has begun the job, and nobody will."""


class Turns:
    """The queue of those who want to write one file, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self._waiting: deque[Job] = deque()

    def take(self, job: Job, commit: Callable[[list[Job]], None], timeout_s: float) -> None:
        """Returns when the job has its result or its error: by `commit` of a group that it leads, or by another's.

        `commit` gives a result or an error to each job of the group. Raises `NoTurn`, and what `commit` raises.
        """
        with self._lock:
            if self._busy:
                job.woken = threading.Event()
                self._waiting.append(job)
            else:
                self._busy = job.leads = True
        if job.woken is not None and not job.woken.wait(timeout_s):
            with self._lock:
                if job in self._waiting:
                    self._waiting.remove(job)
                    raise NoTurn
            job.woken.wait()  # somebody has it in hand
        if job.leads:
            self._lead(job, commit)

    def _lead(self, job: Job, commit: Callable[[list[Job]], None]) -> None:
        with self._lock:
            others = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP - 1))]
        try:
            commit([job, *others])
        finally:
            with self._lock:
                after = self._waiting.popleft() if self._waiting else None
                if after is None:
                    self._busy = False
                else:
                    after.leads = True
            for one in (*others, *([after] if after else [])):
                assert one.woken is not None
                one.woken.set()
