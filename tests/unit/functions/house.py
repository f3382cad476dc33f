"""A whole house in memory for the tests of the stops: every port, a clock that is set by hand, and a tiny collection.

Steps are called with its ports as arguments. Nothing is patched, and nothing moves unless a test delivers it.
"""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from urllib.parse import quote
from uuid import uuid4

import numpy as np
import yaml
from PIL import Image

from functions import confirm, intake, judge, mint, plan, publish, render, review, sweep
from shared.collection import store
from shared.collection.load import Draft, read_folder
from shared.collection.schema import Collection
from shared.errors import Rejected, Transient
from shared.messages import JudgeJob, RequestJob
from shared.ports.blobs.folder import FolderBlobs
from shared.ports.keys.keyfile import KeyFile
from shared.ports.ledger.sqlite import SqliteLedger
from shared.ports.open import parse_url
from shared.ports.pinner.folder import FolderPinner
from shared.ports.planner.rules import RulesPlanner
from shared.ports.queue.sqlite import SqliteQueue
from shared.ports.sqlite import Database
from shared.records import accounts, collections, requests
from shared.records.accounts import Role
from shared.request import MintRequest, State
from shared.runtime import HttpCall, Reply
from tests.doubles.chain import FakeChain, FakeSigner
from tests.ports.virtual_clock import VirtualClock
from tests.unit.functions.renderer import FakeRenderer

STEPS: Mapping[str, Callable[..., None]] = {
    "plan": plan.plan,
    "render": render.render,
    "judge": judge.judge,
    "publish": publish.publish,
    "mint": mint.mint,
    "confirm": confirm.confirm,
}
OWNER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OTHER_OWNER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
WORDS = "I grew up beside a lighthouse and I miss its slow red lamp"
DAY_S = 86_400.0
PATIENCE_S = 300.0

DNA: dict[str, Any] = {
    "slug": "harbour",
    "name": "Harbour",
    "artist": "A. Nobody",
    "description": "Lamps over water.",
    "supply": 20,
    "publish_px": 256,
    "daily_budget_usd": 1000,
    "redraws": 2,
    "review": {"sample": 0},
    "prompt": "a {lamp} over {water}, {sky}",
    "title": "{lamp} over {water}",
    "negatives": [{"text": "blurred smear"}],
    "traits": {
        "lamp": {
            "values": {
                "red lamp": {"prompt": "slow crimson beacon", "words": ["lighthouse", "red lamp"]},
                "white lamp": {"prompt": "pale steady lantern"},
                "green lamp": {"prompt": "emerald buoy light"},
            }
        },
        "water": {
            "values": {
                "ebb": {"prompt": "low tide flats"},
                "flood": {"prompt": "high rolling swell"},
                "slack": {"prompt": "glassy still harbour"},
            }
        },
        "sky": {
            "values": {
                "dusk": {"prompt": "violet evening haze"},
                "noon": {"prompt": "bleached midday glare"},
                "night": {"prompt": "star strewn darkness"},
            }
        },
    },
}


def body(n: int = 1, **changes: Any) -> dict[str, Any]:
    """What the n-th collector posts."""
    return {
        "owner": OWNER,
        "collector": f"collector-{n}",
        "data": {"preferences": {"text": f"{WORDS}, number {n}", "likes": {"lamp": ["red lamp"]}}},
        "consent": {"preferences.text": "private", "preferences.likes": "private"},
        **changes,
    }


@cache
def blank(side_px: int = 256) -> bytes:
    """A picture that shows nothing."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((side_px, side_px, 3), 90, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@cache
def draft_of(dna: str) -> Draft:
    """The DNA written as a folder, as an artist's is, and read with every check. Once for each: YAML takes its time."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "collection.yaml").write_text(yaml.safe_dump(json.loads(dna), sort_keys=False))
        return read_folder(Path(folder))


class House:
    """`ports` holds what a step may ask for by name; replace one of them there to let it misbehave."""

    def __init__(self, root: Path, *, draft: Draft | None = None, **dna: Any) -> None:
        self.root = root
        self.clock = VirtualClock()
        self.memory = f"house-{uuid4().hex}"
        self.ledger = SqliteLedger.open(self.ledger_url, clock=self.clock)
        self.queues = {name: SqliteQueue.open(self.queue_url(name), clock=self.clock) for name in STEPS}
        self.blobs = FolderBlobs.open(self.blobs_url, clock=self.clock)
        self.keys = KeyFile.open(self.keys_url, clock=self.clock)
        self.renderer = FakeRenderer(self.blobs, self.clock)
        self.chain = FakeChain()
        self.signer = FakeSigner()
        self.ports: dict[str, Any] = {
            "ledger": self.ledger,
            "blobs": self.blobs,
            "keys": self.keys,
            "planner": RulesPlanner(),
            "renderer": self.renderer,
            "pinner": FolderPinner(root / "blocks"),
            "chain": self.chain,
            "signer": self.signer,
            "clock": self.clock,
            **{f"{name}_queue": queue for name, queue in self.queues.items()},
            "salt": b"a salt of thirty-two bytes or so",
            "retention_days": 30,
            "chain_id": self.chain.id,
            "contract": "0xContract",
            "max_fee_wei": 10**11,
            "confirmations": 1,
            "poll_s": 10.0,
            "patience_s": PATIENCE_S,
            "give_up_s": 7 * DAY_S,
        }
        self.slug = ""
        self.collection = self.put_on_sale(draft or self.write_collection(**dna))
        self.api_key = self.make_key("studio", Role.MINT)
        self.review_key = self.make_key("director", Role.REVIEW)

    # ---- addresses, for handlers that open their own ports ----

    @property
    def ledger_url(self) -> str:
        return f"sqlite://?memory={self.memory}"

    @property
    def blobs_url(self) -> str:
        notify = quote(self.queue_url("judge"), safe="")
        return (
            f"folder://{quote(str(self.root / 'blobs'))}?notify={notify}&serve={quote('https://prints.test', safe='')}"
        )

    @property
    def keys_url(self) -> str:
        return f"keyfile://{quote(str(self.root / 'master.key'))}"

    def queue_url(self, name: str) -> str:
        fifo = "&fifo=1" if name == "mint" else ""
        return f"sqlite://?memory={self.memory}&name={name}&visibility_s=60&max_receives=5{fifo}"

    # ---- setting up ----

    def write_collection(self, **changes: Any) -> Draft:
        return draft_of(json.dumps({**DNA, **changes}))

    def put_on_sale(self, draft: Draft) -> Collection:
        digest = store.publish(draft, self.blobs)
        collections.publish(self.ledger, draft.collection.slug, digest, self.clock())
        self.slug = self.slug or draft.collection.slug
        return draft.collection

    def make_key(self, account: str, role: Role, *slugs: str) -> str:
        allowed = frozenset(slugs or {self.slug})
        key = uuid4().bytes + uuid4().bytes
        return accounts.create_key(self.ledger, account, role, allowed, random=lambda size: key[:size])

    def close(self) -> None:
        self.ledger.close()
        self.blobs.close()
        for queue in self.queues.values():
            queue.close()

    # ---- calling ----

    def run(self, step: Callable[..., Any], *args: object, **changes: Any) -> Any:
        """Call a step with those of the house's ports that it names."""
        named = [p.name for p in inspect.signature(step).parameters.values() if p.kind is p.KEYWORD_ONLY]
        return step(*args, **{name: changes[name] if name in changes else self.ports[name] for name in named})

    def post(
        self,
        posted: Mapping[str, Any] | None = None,
        *,
        key: str | None = "key-1",
        api_key: str | None = None,
        slug: str | None = None,
        **changes: Any,
    ) -> Reply:
        headers = {"x-api-key": self.api_key if api_key is None else api_key}
        if key is not None:
            headers["idempotency-key"] = key
        data = json.dumps(body() if posted is None else posted).encode()
        call = HttpCall(path={"slug": slug or self.slug}, headers=headers, body=data)
        return cast(Reply, self.run(intake.file_request, call, **changes))

    def get(self, request_id: str, api_key: str | None = None) -> Mapping[str, Any]:
        call = HttpCall(path={"request_id": request_id}, headers={"x-api-key": api_key or self.api_key})
        return cast(Reply, self.run(intake.tell_story, call)).body

    def verdict(self, request_id: str, verdict: str, candidate: str | None, **changes: Any) -> Reply:
        told = json.dumps({"verdict": verdict, "candidate": candidate, "note": "as I see it"}).encode()
        headers = {"x-api-key": changes.pop("api_key", self.review_key)}
        call = HttpCall(path={"request_id": request_id}, headers=headers, body=told)
        return cast(Reply, self.run(review.give_verdict, call, **changes))

    def sweep(self, **changes: Any) -> int:
        return cast(int, self.run(sweep.sweep, **changes))

    def net(self) -> int:
        return cast(int, self.run(confirm.watch))

    # ---- delivering ----

    def deliver(self, stop: str, *, times: int = 1) -> int:
        """Take the stop's visible messages to its step, each `times` times. Returns how many there were.

        What a queue handler does with the outcome is done here too: a transient one gives the message back.
        """
        queue = self.ports[f"{stop}_queue"]
        received = queue.receive()
        for message in received:
            try:
                for job in jobs(stop, message.body):
                    for _ in range(times):
                        self.run(STEPS[stop], job)
            except Transient as error:
                queue.release(message.receipt, delay_s=error.retry_after_s)
            except Rejected:
                queue.delete(message.receipt)
            else:
                queue.delete(message.receipt)
        return len(received)

    def deliver_all(self, *, times: int = 1) -> int:
        return sum(self.deliver(stop, times=times) for stop in STEPS)

    def file(self, n: int = 1, **changes: Any) -> str:
        """File the n-th collector's request under a key of its own; its id."""
        return str(self.post(body(n, **changes), key=f"key-{n}").body["id"])

    def bring_to(self, state: State, n: int = 1) -> MintRequest:
        """File the n-th request and deliver until it is in `state`; the message that it is owed waits in its queue."""
        request_id = self.file(n)
        request = self.load(request_id)
        for stop in STEPS:
            if request.state is state:
                break
            self.deliver(stop)
            request = self.load(request_id)
        assert request.state is state, request.reason
        return request

    def settle(self, *, rounds: int = 40) -> None:
        """Let everything happen: messages, delays, and a sweep whenever nothing is on its way."""
        for _ in range(rounds):
            if self.deliver_all():
                continue
            if not any(self.run(_depth, name, queues=self.queues) for name in self.queues) and not self.open_requests():
                return
            self.clock.advance(61)
            self.sweep()

    # ---- looking ----

    def load(self, request_id: str) -> MintRequest:
        return requests.load(self.ledger, request_id)

    def events(self, request_id: str) -> list[str]:
        return [line.event.value for line in requests.history(self.ledger, request_id)]

    def states(self, request_id: str) -> list[str]:
        return ["received", *(line.after.value for line in requests.history(self.ledger, request_id))]

    def waiting(self, stop: str) -> list[str]:
        """The bodies in a stop's queue, delayed ones and those in flight too, in the order of their sends."""
        with closing(self._database()) as database, database.reading() as connection:
            asked = "SELECT body FROM messages WHERE queue = ? AND dead_at_us IS NULL ORDER BY seq"
            return [row[0] for row in connection.execute(asked, (stop,))]

    def open_requests(self) -> list[MintRequest]:
        later = self.clock.now.replace(year=self.clock.now.year + 1)
        return [r for state in State for r in requests.waiting_in(self.ledger, state, before=later)]

    def dump(self) -> dict[str, Any]:
        """All that is kept: ledger, queues, and the names of the blobs."""
        with closing(self._database()) as database, database.reading() as connection:
            items = connection.execute("SELECT * FROM items ORDER BY partition, sort").fetchall()
            messages = connection.execute("SELECT queue, body FROM messages ORDER BY seq").fetchall()
        return {"items": items, "messages": messages, "blobs": list(self.blobs.keys(""))}

    def _database(self) -> Database:
        return Database.at(parse_url("ledger", self.ledger_url, options=("memory",)), ())


def _depth(name: str, *, queues: Mapping[str, SqliteQueue]) -> int:
    depth = queues[name].depth()
    return depth.waiting + depth.delayed + depth.in_flight


def jobs(stop: str, text: str) -> list[Any]:
    return list(JudgeJob.from_bodies(text)) if stop == "judge" else [RequestJob.model_validate_json(text)]


def job_of(request: MintRequest, **changes: Any) -> RequestJob:
    return RequestJob(request_id=request.id, attempt=request.attempt).model_copy(update=changes)


def forget(house: House) -> None:
    """Lose every message."""
    house.clock.advance(120)
    for queue in house.queues.values():
        while received := queue.receive():
            for message in received:
                queue.delete(message.receipt)


def opened(root: Path, **dna: Any) -> Iterator[House]:
    """For fixtures: a house that is closed in the end."""
    house = House(root, **dna)
    yield house
    house.close()
