"""Workers: threads that outlive whatever one delivery met."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any, cast

from infra.twin.workers import Workers
from shared.clock import utc_now
from shared.ports.open import open_port
from shared.ports.queue import Depth
from shared.runtime import QueueHandler


def test_a_worker_goes_on_after_an_error_that_nobody_foresaw() -> None:
    met, done = list[str](), threading.Event()

    def handler(event: Any, _context: object) -> dict[str, Any]:
        met.append(event["Records"][0]["body"])
        if len(met) == 1:
            raise ZeroDivisionError
        done.set()
        return {"batchItemFailures": []}

    workers = Workers(utc_now)
    with closing(open_port("queue", "sqlite://?memory=workers&name=plan")) as queue:
        queue.send("one")
        queue.send("two")
        workers.serve("plan", queue, cast("QueueHandler", handler), threads=1, batch=1)
        assert done.wait(5)
        assert workers.stop(5)
        assert queue.depth() == Depth(waiting=0, delayed=0, in_flight=1, dead=0)
    assert met == ["one", "two"]
