"""`make bench-twin`: what a mint costs without its picture, measured on the twin itself.

A caller in a process of its own files requests over HTTP; the twin does the rest, but for the picture, which a null
renderer leaves at once. Prints where the CPU time went, stop by stop, and as its last line one JSON object.

CPU time is the steadier figure: tokens per second fall with whatever else the machine does. What a stop costs is what
its handler takes, and what carrying its messages takes: receiving, deleting and looking, or the HTTP server.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.metered import STOPS, Calls, Reading, metered_twin
from infra.checking import read
from infra.client import Client
from infra.publishing import publish_draft
from infra.twin.home import CHAIN_ID, Home
from shared.clock import utc_now
from shared.collection.load import Draft
from shared.ports.chain.rpc import RpcChain
from shared.ports.ledger.sqlite import SqliteLedger
from shared.request import FINAL, State

SAMPLE = Path(__file__).parents[1] / "shared" / "collection" / "examples" / "ember-order"
SIDE_PX = 256
REQUESTS = 200
WARM_UP = 4
"""Requests that are minted before the clock starts: containers are warm, and libraries loaded."""
CALLERS = 4
"""Connections that file at the same time."""
TIMEOUT_S = 900.0
_LOOK_S = 0.05


@dataclass(frozen=True)
class Filed:
    request_id: str
    owner: str


def measure(count: int, path: Path) -> dict[str, Any]:
    """Mint `count` tokens on a new home at `path`, and tell what that took. Raises where one of them is missing."""
    home = Home.at(path)
    draft = on_sale()
    publish_draft(home, draft)
    slug, people = draft.collection.slug, collectors()
    with metered_twin(home) as reading, closing(SqliteLedger.open(home.ledger_url, clock=utc_now)) as ledger:
        url = str(home.read_json("twin.json")["url"])
        file(home, url, slug, WARM_UP, people)
        settle(ledger)
        load = os.getloadavg()[0]
        before, started = reading(), time.perf_counter()
        filed = file(home, url, slug, count, people)
        filing_s = time.perf_counter() - started
        settle(ledger)
        total_s = time.perf_counter() - started
        after = reading()
        tokens = verify(home, url, filed)
    if tokens != count:
        raise AssertionError(f"tokens: got {tokens}, wanted {count}")
    return {
        "requests": count,
        "tokens_per_s": round(count / total_s, 2),
        **cpu(count, before, after),
        "seconds": {"filing": round(filing_s, 2), "settling": round(total_s - filing_s, 2)},
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
    }


def on_sale() -> Draft:
    """The sample, with pictures of the smallest size, more of them than anyone mints, and no human to ask."""
    draft = read(SAMPLE)
    review = draft.collection.review.model_copy(update={"sample": 0.0})
    fields = {"publish_px": SIDE_PX, "supply": 1_000_000, "daily_budget_usd": 1_000_000.0, "review": review}
    return Draft(draft.collection.model_copy(update=fields), draft.layers)


def collectors() -> Iterator[tuple[str, bytes]]:
    """Address and body of ever new collectors, who share what those of the sample share."""
    samples = [json.loads(path.read_bytes()) for path in sorted((SAMPLE / "collectors").glob("*.json"))]
    number = 0
    while True:
        number += 1
        owner = "0x" + sha256(f"collector {number}".encode()).hexdigest()[:40]
        said = samples[number % len(samples)] | {"owner": owner, "collector": f"collector-{number}"}
        yield owner, json.dumps(said).encode()


def file(home: Home, url: str, slug: str, count: int, people: Iterator[tuple[str, bytes]]) -> list[Filed]:
    """As callers do: some connections, each with one request after the other."""
    own = threading.local()
    opened: list[Client] = []

    def one(collector: tuple[str, bytes]) -> Filed:
        if not hasattr(own, "client"):
            own.client = Client.of(home, url)
            opened.append(own.client)
        owner, body = collector
        receipt = own.client.file(slug, body, idempotency_key=sha256(body).hexdigest())
        return Filed(receipt["id"], owner)

    with ThreadPoolExecutor(CALLERS) as callers:
        filed = list(callers.map(one, [next(people) for _ in range(count)]))
    for client in opened:
        with client:
            pass
    return filed


def settle(ledger: SqliteLedger) -> None:
    """Until the ledger has no open request; read beside the twin, at no cost of its own."""
    deadline = time.monotonic() + TIMEOUT_S
    open_states = [state.value for state in reversed(State) if state not in FINAL]
    while any(ledger.due(state, before=utc_now() + timedelta(days=1), limit=1) for state in open_states):
        if time.monotonic() > deadline:
            raise TimeoutError(f"there are open requests after {TIMEOUT_S:.0f} s")
        time.sleep(_LOOK_S)


def verify(home: Home, url: str, filed: list[Filed]) -> int:
    """Ask the API and the chain for every token. Returns how many there are."""
    told = home.read_json("twin.json")
    tokens = set()
    with Client.of(home, url) as client, closing(RpcChain.open(f"{told['chain']}?chain_id={CHAIN_ID}")) as chain:
        for one in filed:
            story = client.story(one.request_id)
            if story["state"] != State.MINTED:
                got = f"{story['state']} ({story['reason']})"
                raise AssertionError(f"request {one.request_id}: got {got}, wanted minted")
            token_id = chain.token_id(told["contract"], one.request_id, CHAIN_ID)
            owner = chain.owner_of(told["contract"], token_id)
            if owner is None or owner.lower() != one.owner:
                raise AssertionError(f"token of {one.request_id}: got the owner {owner}, wanted {one.owner}")
            tokens.add(token_id)
    return len(tokens)


def cpu(count: int, before: Reading, after: Reading) -> dict[str, Any]:
    """The CPU time between two readings, a mint's share of it."""
    stops: dict[str, dict[str, float]] = {}
    for stop in STOPS:
        first, last = before.handlers.get(stop, Calls()), after.handlers.get(stop, Calls())
        calls, handler_ms = last.count - first.count, (last.cpu_ms - first.cpu_ms) / count
        stops[stop] = {
            "calls": round(calls / count, 2),
            "handler_ms": round(handler_ms, 2),
            "carrying_ms": round(_thread_ms(stop, before, after) / count - handler_ms, 2),
            "call_wall_ms": round((last.wall_ms - first.wall_ms) / (calls or 1), 2),
        }
    cpu_ms = {stop: round(spent["handler_ms"] + spent["carrying_ms"], 2) for stop, spent in stops.items()}
    process_ms, anvil_ms = (after.process_ms - before.process_ms) / count, (after.anvil_ms - before.anvil_ms) / count
    watch_ms = _thread_ms("chain", before, after) / count
    return {
        "cpu_ms_per_mint": round(process_ms + anvil_ms, 1),
        "cpu_ms": {
            **cpu_ms,
            "chain_watch": round(watch_ms, 2),
            "beside": round(process_ms - watch_ms - sum(cpu_ms.values()), 2),
            "anvil": round(anvil_ms, 2),
        },
        "stops": stops,
    }


def _thread_ms(name: str, before: Reading, after: Reading) -> float:
    return after.threads_ms.get(name, 0.0) - before.threads_ms.get(name, 0.0)


def _table(said: Mapping[str, Any]) -> Table:
    table = Table(title=f"{said['requests']} mints: CPU ms a mint", title_justify="left")
    table.add_column("stop")
    for name in ("calls", "its handler", "carrying it", "together", "ms a call"):
        table.add_column(name, justify="right")
    for stop, one in said["stops"].items():
        numbers = (one["calls"], one["handler_ms"], one["carrying_ms"], said["cpu_ms"][stop], one["call_wall_ms"])
        table.add_row(stop, *(f"{number:.2f}" for number in numbers))
    table.add_section()
    for name in ("chain_watch", "beside", "anvil"):
        table.add_row(name.replace("_", " "), "", "", "", f"{said['cpu_ms'][name]:.2f}", "")
    table.add_section()
    table.add_row("all", "", "", "", f"{said['cpu_ms_per_mint']:.2f}", "")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=REQUESTS, help="how many tokens to mint")
    parser.add_argument("--json", action="store_true", help="the last line alone")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-twin-") as temporary:
        said = measure(asked.requests, Path(temporary) / "home")
    if not asked.json:
        console, seconds = Console(), said["seconds"]
        console.print(_table(said))
        console.print(
            f"filing {seconds['filing']:.1f} s, settling {seconds['settling']:.1f} s:"
            f" {said['tokens_per_s']:.1f} tokens/s on {said['cores']} cores, under a load of {said['load_before']:.1f}"
        )
    print(json.dumps(said))  # noqa: T201 - the last line is for programs


if __name__ == "__main__":
    main()
