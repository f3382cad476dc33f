"""What Lambda's event source mappings and EventBridge do: take messages and times to the handlers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from infra.twin import events
from shared.clock import Clock
from shared.errors import Defect
from shared.observe import Log, log_error
from shared.ports.queue import Queue
from shared.runtime import QueueHandler, ScheduleHandler

_IDLE_S = (0.01, 0.15)
"""Waits between two looks at an empty queue: it starts short and grows."""


class Workers:
    """Threads that stop when asked, after the work in their hands."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def serve(self, stop: str, queue: Queue, handler: QueueHandler, *, threads: int, batch: int) -> None:
        """Deliver a queue's messages to its handler; what the handler did not fail is deleted."""
        for number in range(threads):
            self._start(f"{stop}-{number}", lambda: self._serve(stop, queue, handler, batch))

    def once(self, name: str, handler: ScheduleHandler) -> None:
        """Call a scheduled handler now, beside everything else."""
        event = events.schedule(name, self._clock())
        self._start(name, lambda: _run(handler, event))

    def every(self, seconds: float, name: str, handler: ScheduleHandler) -> None:
        """Call a scheduled handler now and then every `seconds`."""

        def run() -> None:
            while True:
                _run(handler, events.schedule(name, self._clock()))
                if self._stopping.wait(seconds):
                    return

        self._start(name, run)

    def repeat(self, seconds: float, name: str, work: Callable[[], object]) -> None:
        """Do `work` every `seconds`."""

        def run() -> None:
            while not self._stopping.wait(seconds):
                self._guarded(name, work)

        self._start(name, run)

    def stop(self, patience_s: float) -> bool:
        """Says whether every thread ended in time; one that did not is as good as killed, and loses as little."""
        self._stopping.set()
        deadline = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=f"twin-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, stop: str, queue: Queue, handler: QueueHandler, batch: int) -> None:
        wait_s = _IDLE_S[0]
        while not self._stopping.is_set():
            try:
                delivered = self._deliver(stop, queue, handler, batch)
            except Exception as error:  # noqa: BLE001 - the thread must live on, whatever one delivery met
                log_error(Log.STEP_FAILED, error, stop=stop)
                delivered = False
            wait_s = _IDLE_S[0] if delivered else min(wait_s * 1.5, _IDLE_S[1])
            if not delivered:
                self._stopping.wait(wait_s)

    def _deliver(self, stop: str, queue: Queue, handler: QueueHandler, batch: int) -> bool:
        messages = queue.receive(limit=batch)
        if not messages:
            return False
        answer = handler(events.sqs(stop, messages), events.Context.of(stop))
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        for message in messages:
            if message.message_id not in failed:
                queue.delete(message.receipt)
        return True

    def _guarded(self, name: str, work: Callable[[], object]) -> None:
        """A failure is logged; the next time is its retry."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the thread must live on, whatever one run met
            log_error(Log.STEP_FAILED, error, stop=name)


def _run(handler: ScheduleHandler, event: dict[str, Any]) -> None:
    with suppress(Defect):  # the handler has logged it; the next run is its retry
        handler(event, events.Context.of(handler.settings.stop))
