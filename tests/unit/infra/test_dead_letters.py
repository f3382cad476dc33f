"""`monoprint dead` on queues where something gave up."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from infra.dead_letters import report
from infra.twin.home import Home
from shared.clock import utc_now
from shared.ports.queue.sqlite import SqliteQueue

REQUEST = "ab" * 32


def give_up(home: Home, name: str, *bodies: str) -> None:
    now = utc_now()
    with closing(SqliteQueue.open(home.queue_url(name), clock=lambda: now)) as queue:
        for body in bodies:
            queue.send(body)
        for _ in range(9):
            queue.receive()
            now += timedelta(hours=1)


def test_what_gave_up_is_listed_and_sent_back(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    assert report(home)["lines"] == ["Nothing gave up."]

    give_up(home, "plan", json.dumps({"request_id": REQUEST, "attempt": 1}))
    give_up(home, "judge", json.dumps({"job_id": f"{REQUEST}-1"}), "poison")
    told = report(home)
    found = [(letter["queue"], letter["request_id"], letter["receives"]) for letter in told["letters"]]
    assert found == [("plan", REQUEST, 8), ("judge", REQUEST, 8), ("judge", None, 8)]
    assert told["letters"][0]["id"] in told["lines"][0]
    assert told["lines"][-1] == "Next: monoprint dead --redrive"
    assert report(home)["letters"] == told["letters"], "looking takes nothing away"

    sent = report(home, redrive=True)
    assert (sent["redriven"], len(sent["letters"])) == (3, 3)
    assert report(home)["letters"] == []
