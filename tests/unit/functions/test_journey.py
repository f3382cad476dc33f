"""The whole journey of one request, ended at every call of every port: it always arrives, and never twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from functions import confirm, intake, judge, mint, plan, publish, render, review, sweep
from infra.twin import events
from shared.errors import MonoprintError, Transient
from shared.messages import result_key
from shared.records import holds, requests
from shared.request import FINAL, Event, State
from shared.runtime import QueueHandler
from tests.unit.functions.house import DAY_S, OWNER, STEPS, WORDS, House, body, job_of, jobs
from tests.unit.functions.test_mint import kept
from tests.unit.functions.tripwire import Killed, Tripwire, When
from tests.unit.logged import captured, parsed

JOURNEY = ["received", "planned", "rendering", "rendered", "approved", "published", "minting", "minted"]
MOST_CALLS = 400


def live(house: House) -> str:
    """What the world does with a request until it has ended: a caller who tries again, queues, time, and the sweep."""
    request_id = ""
    for _ in range(60):
        try:
            request_id = request_id or str(house.post().body["id"])
            if not house.load(request_id).open:
                return request_id
            if not house.deliver_all():
                house.clock.advance(61)
                house.sweep()
        except (Killed, Transient):
            house.clock.advance(61)  # what was in flight comes back
    raise AssertionError(f"not ended: {house.load(request_id)}")


def check_one_of_everything(house: House, request_id: str, where: str) -> None:
    """One plan, one picture, one token, whatever happened on the way."""
    request = house.load(request_id)
    assert request.state is State.MINTED, where
    assert house.states(request_id) == JOURNEY, where
    assert len(house.chain.tokens) == 1, where
    assert house.chain.mined == [request.tx_hash], where
    assert list(house.chain.tokens) == [int(request.token_id or 0)], where
    results = [key for key in house.blobs.keys("jobs/") if key.endswith("result.json")]
    assert results == [result_key(request.job_id)], where
    assert holds.used_supply(house.ledger, house.slug) == 1, where
    assert len(list(holds.taken(house.ledger, house.slug))) == 1, where
    assert all(not queue.dead_letters() for queue in house.queues.values()), where


@pytest.mark.parametrize(
    ("when", "kind"),
    [("before", Killed), ("after", Killed), ("after", Transient)],
    ids=["killed before it", "killed after it", "done and not answered"],
)
def test_fault_08_09_10_19_a_journey_that_is_ended_at_any_call_arrives_once(
    tmp_path: Path, when: When, kind: type[BaseException]
) -> None:
    for call in range(1, MOST_CALLS):
        house = House(tmp_path / str(call))
        wire = Tripwire(call, when, kind)
        wire.around(house)
        request_id = live(house)
        wire.at = 0
        house.settle()
        check_one_of_everything(house, request_id, f"{kind.__name__} {when} call {call}: {wire.where}")
        house.close()
        if not wire.tripped:
            break
    else:
        raise AssertionError(f"the journey takes more than {MOST_CALLS} calls")
    assert call > 50


def test_fault_06_every_message_may_come_three_times(house: House) -> None:
    request_id = str(house.post().body["id"])
    for _ in range(40):
        if not house.deliver_all(times=3):
            house.clock.advance(61)
            house.sweep()
    check_one_of_everything(house, request_id, "three times each")
    assert len(house.signer.signed) == 1


def test_fault_07_12_every_message_of_the_journey_may_come_again_at_any_later_time(house: House) -> None:
    """All messages that were ever sent are delivered again between any two steps, the last ones first."""
    sent: list[tuple[str, str]] = []

    def again() -> None:
        for stop, text in reversed(list(dict.fromkeys(sent))):
            for job in jobs(stop, text):
                house.run(STEPS[stop], job)

    request_id = str(house.post().body["id"])
    for _ in range(40):
        for stop in STEPS:
            sent += [(stop, text) for text in house.waiting(stop)]
            house.deliver(stop)
            again()
        if not house.load(request_id).open:
            break
        house.clock.advance(61)
    check_one_of_everything(house, request_id, "again and again")
    before = house.dump()
    again()
    assert house.dump() == before


@pytest.mark.parametrize("end", sorted(FINAL - {State.EXPIRED}))
def test_what_has_ended_never_changes(house: House, end: State) -> None:
    if end is State.REJECTED:
        request_id = house.file()
        house.clock.advance(31 * DAY_S)  # the data has expired, and so has the message: somebody sends it again
        house.queues["plan"].send(job_of(house.load(request_id)).body())
    elif end is State.FAILED:
        request_id = house.file()
        house.clock.advance(8 * DAY_S)
        house.sweep()
    elif end is State.CANCELLED:
        request_id = house.file()
        requests.move(house.ledger, house.load(request_id), Event.CANCELLED, house.clock(), cause="changed their mind")
    else:
        request_id = house.file()
    house.settle()
    ended = house.load(request_id)
    assert ended.state is end
    assert ended.reason is not None or end is State.MINTED
    before = house.dump()
    house.post(body(1), key="key-1")
    for _ in range(3):
        house.clock.advance(8 * DAY_S)
        house.sweep()
        house.net()
        house.deliver_all()
    with pytest.raises(MonoprintError):
        house.verdict(request_id, "approve", None)
    assert house.dump() == before


# ---- through the handlers, as the cloud calls them ----


class Cloud:
    """The handlers, bound to the house by its URLs; the chain's two ports are handed to them."""

    def __init__(self, house: House) -> None:
        self.house = house
        salt = house.root / "salt"
        salt.write_bytes(house.ports["salt"])
        salt.chmod(0o600)
        self.environ = {
            "LEDGER_URL": house.ledger_url,
            "BLOBS_URL": house.blobs_url,
            "KEYS_URL": house.keys_url,
            "PLANNER_URL": "rules://",
            "RENDERER_URL": f"painter://?blobs={quote(house.blobs_url, safe='')}",
            "CHAIN_URL": f"http://127.0.0.1:1?chain_id={house.chain.id}",
            "SIGNER_URL": f"keystore://{house.root / 'signer'}?chain_id={house.chain.id}",
            "PINNER_URL": f"folder://{house.root / 'blocks'}",
            "SALT_REF": f"file://{salt}",
            "CHAIN_ID": str(house.chain.id),
            "CONTRACT": OWNER,  # any address
            "CONFIRMATIONS": "1",
            **{f"{name.upper()}_QUEUE_URL": house.queue_url(name) for name in STEPS},
        }
        self.queued: dict[str, QueueHandler] = {
            stop: self.bind(module.handler, stop)
            for stop, module in {
                "plan": plan,
                "render": render,
                "judge": judge,
                "publish": publish,
                "mint": mint,
                "confirm": confirm,
            }.items()
        }
        self.intake = self.bind(intake.handler)
        self.review = self.bind(review.handler)
        self.sweep = self.bind(sweep.handler)
        self.net = self.bind(confirm.net, "confirm")

    def bind(self, handler: Any, stop: str = "") -> Any:
        own = {"OWN_QUEUE_URL": self.house.queue_url(stop)} if stop else {}
        bound = handler.bind(self.environ | own, self.house.clock)
        for name in ("chain", "signer", "renderer"):
            if name in bound.settings.model_fields:
                bound.arguments()[name] = self.house.ports[name]
        return bound

    def close(self) -> None:
        for handler in (*self.queued.values(), self.intake, self.review, self.sweep, self.net):
            handler.close()

    def http(self, handler: Any, route: str, api_key: str, posted: object = None, **parameters: str) -> dict[str, Any]:
        event = events.http(
            route.split()[0],
            route.split()[1],
            route=route,
            parameters=parameters,
            query="",
            headers={"X-Api-Key": api_key, "Idempotency-Key": "key-1"},
            body="" if posted is None else json.dumps(posted),
            at=self.house.clock(),
        )
        answer: dict[str, Any] = handler(event, None)
        return answer

    def deliver_all(self) -> int:
        count = 0
        for stop, handler in self.queued.items():
            queue = self.house.queues[stop]
            received = queue.receive(limit=1 if stop == "mint" else 10)  # as the twin does
            failed = {f["itemIdentifier"] for f in handler(events.sqs(stop, received), None)["batchItemFailures"]}
            for message in received:
                if message.message_id not in failed:
                    queue.delete(message.receipt)
            count += len(received)
        return count


@pytest.fixture
def cloud(house: House) -> Iterator[Cloud]:
    cloud = Cloud(house)
    yield cloud
    cloud.close()


def test_the_handlers_carry_a_request_from_post_to_token_and_log_nothing_that_is_not_theirs_to_tell(
    cloud: Cloud,
) -> None:
    house = cloud.house
    house.put_on_sale(house.write_collection(review={"sample": 1}))
    posted = body(1, owner="0x8FC526BE2Da02721159F4512c31f462CCE5C0c35")
    file_route = "POST /v1/collections/{slug}/requests"
    with captured() as lines:
        cloud.http(cloud.intake, file_route, house.api_key, posted | {"owner": "0xnobody"}, slug=house.slug)
        cloud.http(cloud.intake, file_route, house.api_key, posted | {"consent": {}}, slug=house.slug)
        cloud.http(cloud.intake, file_route, "mp_mint_stolen", posted, slug=house.slug)
        answer = cloud.http(cloud.intake, file_route, house.api_key, posted, slug=house.slug)
        assert answer["statusCode"] == 202
        request_id = json.loads(answer["body"])["id"]
        house.renderer.errors.append(Transient(f"renderer: busy with {WORDS}"))
        house.chain.lose_answers = True
        for _ in range(12):
            cloud.deliver_all()
            house.clock.advance(61)
            cloud.sweep(events.schedule("sweep", house.clock()), None)
            cloud.net(events.schedule("net", house.clock()), None)
            if (request := house.load(request_id)).state is State.IN_REVIEW:
                told = {"verdict": "approve", "candidate": request.candidate, "note": "a private remark"}
                route = "POST /v1/requests/{request_id}/verdict"
                cloud.http(cloud.review, route, house.review_key, told, request_id=request_id)
            house.chain.lose_answers = not request.tx_hash
        story = cloud.http(cloud.intake, "GET /v1/requests/{request_id}", house.api_key, request_id=request_id)
    assert json.loads(story["body"])["state"] == "minted"
    assert len(house.chain.tokens) == 1
    logged = parsed(lines)
    assert {"request_filed", "request_moved", "step_finished", "step_deferred", "call_answered", "run_finished"} <= {
        line["message"] for line in logged
    }
    on_its_way = {"intake", "plan", "render", "judge", "review", "publish", "mint", "confirm"}
    assert {line["stop"] for line in logged if line.get("correlation_id") == request_id} == on_its_way
    assert all("correlation_id" in line for line in logged)
    check_nothing_is_told(house, lines.getvalue(), posted)


def check_nothing_is_told(house: House, text: str, posted: dict[str, Any]) -> None:
    """No word of the collector's, nothing of their data, no prompt, no key, no signature."""
    told = [*WORDS.split(", "), "lighthouse", "lamp", posted["owner"], posted["collector"], "0xnobody", "remark"]
    told += [value.prompt for _, _, value in house.collection.each_value()] + ["blurred smear"]
    told += [house.api_key, house.review_key, "mp_mint_stolen", "key-1", house.ports["salt"].decode()]
    told += [str(int.from_bytes(digest, "big")) for digest in house.signer.signed]  # a signature's r, here
    told += [recorded.raw.hex() for recorded in kept(house)]
    for secret in told:
        assert secret.lower() not in text.lower(), secret


def test_fault_11_poison_mints_hold_up_no_other_and_fill_no_queue(cloud: Cloud) -> None:
    """Three hours with two mints that can only fail, in the signer's one group; every ten minutes a new request."""
    house = cloud.house
    poison = []
    for n in (101, 102):
        request = house.bring_to(State.PUBLISHED, n)
        forged = request.model_copy(update={"metadata_digest": "ab" * 32, "version": request.version + 1})
        house.ledger.write(requests._put(forged, expect=request.version + 1))
        poison.append(request.id)
    filed: dict[str, float] = {}
    slowest = deepest = 0.0
    for tick in range(3 * 360):
        if tick % 60 == 0 and tick < 17 * 60:
            filed[house.file(tick // 60)] = tick * 10
        for _ in range(3):
            cloud.deliver_all()
        if tick % 3 == 0:
            cloud.sweep(events.schedule("sweep", house.clock()), None)
        house.clock.advance(10)
        for request_id in [one for one in filed if not house.load(one).open]:
            slowest = max(slowest, tick * 10 - filed.pop(request_id))
        deepest = max(deepest, len(house.waiting("mint")))
    assert filed == {}
    assert slowest <= 240
    assert deepest <= 4
    dead = house.queues["mint"].depth().dead
    assert 2 * 3 <= dead <= 2 * 8
    assert [house.load(one).state for one in poison] == [State.PUBLISHED] * 2
    assert len(house.chain.tokens) == 17
