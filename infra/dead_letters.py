"""`monoprint dead`: what gave up on a place's queues, and back to work with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infra.place import Place, Ports
from infra.twin.home import QUEUES
from shared.errors import MonoprintError
from shared.messages import JudgeJob
from shared.ports.queue import Queue, Received

_Looked = tuple[Sequence[Received], int, int]
"""The letters that were seen, how many there are, how many were sent back."""


def report(place: Place, *, redrive: bool = False) -> dict[str, Any]:
    """The oldest ten of each queue, as data and as lines to read; with `redrive`, all are sent back after the look."""

    def look(queue: Queue) -> _Looked:
        found, count = queue.dead_letters(), queue.depth().dead
        return found, count, queue.redrive() if redrive else 0

    # A queue of SQS waits a second before it says that nothing is there, and each of them can wait at the same time.
    with Ports(place) as ports, ThreadPoolExecutor(len(QUEUES), "dead") as pool:
        looked = dict(zip(QUEUES, pool.map(look, [ports.queue(name) for name in QUEUES]), strict=True))
    letters: list[dict[str, Any]] = []
    lines: list[str] = []
    for name, (found, count, _) in looked.items():
        for letter in found:
            request_id = _request_of(name, letter.body)
            letters.append(
                {"id": letter.message_id, "queue": name, "receives": letter.receive_count, "request_id": request_id}
            )
            lines.append(f"{name:<8} {letter.message_id}  tried {letter.receive_count} times\n  request {request_id}")
        if count > len(found):
            lines.append(f"{name:<8} and {count - len(found)} more")
    sent = sum(each[2] for each in looked.values())
    if redrive:
        lines.append(f"{sent} sent back; they are tried again {place.goes_on}.")
    else:
        lines.append(f"Next: monoprint dead --redrive{place.option}" if letters else "Nothing gave up.")
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
