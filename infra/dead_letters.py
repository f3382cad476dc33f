"""`monoprint dead`: what gave up on this home's queues, and back to work with it."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

from infra.twin.home import QUEUES, Home
from shared.clock import utc_now
from shared.errors import MonoprintError
from shared.messages import JudgeJob
from shared.ports.queue.sqlite import SqliteQueue


def report(home: Home, *, redrive: bool = False) -> dict[str, Any]:
    """The oldest ten of each queue, as data and as lines to read; with `redrive`, all are sent back after the look."""
    letters: list[dict[str, Any]] = []
    lines: list[str] = []
    sent = 0
    for name in QUEUES:
        with closing(SqliteQueue.open(home.queue_url(name), clock=utc_now)) as queue:
            found, count = queue.dead_letters(), queue.depth().dead
            sent += queue.redrive() if redrive else 0
        for letter in found:
            request_id = _request_of(name, letter.body)
            letters.append(
                {"id": letter.message_id, "queue": name, "receives": letter.receive_count, "request_id": request_id}
            )
            lines.append(f"{name:<8} {letter.message_id}  tried {letter.receive_count} times\n  request {request_id}")
        if count > len(found):
            lines.append(f"{name:<8} and {count - len(found)} more")
    if redrive:
        lines.append(f"{sent} sent back; they are tried again while a twin runs (`monoprint up`).")
    else:
        lines.append("Next: monoprint dead --redrive" if letters else "Nothing gave up.")
    return {"letters": letters, "redriven": sent, "lines": lines}


def _request_of(queue: str, body: str) -> str | None:
    """The request that a message is about, if it says."""
    try:
        if queue == "judge":
            jobs = JudgeJob.from_bodies(body)
            return jobs[0].request_id if jobs else None
        found = json.loads(body)["request_id"]
    except (MonoprintError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None
