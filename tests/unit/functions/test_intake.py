"""Taking a request in: once, whatever comes twice; and a refusal leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from functions import intake, plan
from infra.twin import events
from shared.errors import Exhausted, Forbidden, Invalid, Mismatch, NotFound, Rejected, Transient, Unauthenticated
from shared.messages import RequestJob
from shared.ports.ledger import Key
from shared.records import holds
from shared.records.accounts import Role
from shared.request import State
from tests.unit.functions.house import DAY_S, OTHER_OWNER, WORDS, House, body, job_of


def test_a_filing_is_answered_with_what_never_changes(house: House) -> None:
    answer = house.post()
    request = house.load(answer.body["id"])
    assert answer.status == 202
    assert request.state is State.RECEIVED
    assert answer.body["quote"] == request.quote.model_dump()
    assert house.waiting("plan") == [job_of(request).body()]


def test_fault_01_the_same_post_again_is_one_request_and_one_picture(house: House) -> None:
    first, second = house.post(), house.post()
    assert first == second
    house.settle()
    assert house.post() == first
    assert house.events(first.body["id"]).count("planned") == 1
    assert {job.job_id for job in house.renderer.submitted} == {f"{first.body['id']}-1"}
    assert len(house.chain.tokens) == 1


@pytest.mark.parametrize(
    "other", [body(owner=OTHER_OWNER), body(collector="somebody else"), body(2), body(data={}, consent={})]
)
def test_fault_02_the_same_key_with_another_body_is_refused(house: House, other: dict[str, Any]) -> None:
    house.post()
    before = house.dump()
    with pytest.raises(Mismatch) as refused:
        house.post(other)
    assert house.dump() == before
    assert not any(told in str(refused.value) for told in (WORDS, body()["owner"], "collector-1"))


def test_the_order_of_names_in_a_body_is_no_other_body(house: House) -> None:
    turned = dict(reversed(body().items()))
    assert house.post(turned) == house.post()


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    barrier = Barrier(count)

    def one(n: int) -> Any:
        barrier.wait()
        try:
            return call(n)
        except Rejected as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_fault_03_of_first_posts_at_once_one_is_written(house: House) -> None:
    answers = at_once(8, lambda n: house.post())
    assert all(answer == answers[0] for answer in answers)
    request = house.load(answers[0].body["id"])
    spent = house.ledger.get(Key(f"collection#{house.slug}", f"budget#{house.clock():%Y-%m-%d}"))
    assert spent is not None
    assert spent.data["used"] == request.quote.cost_microusd
    assert len(house.open_requests()) == 1


def test_fault_03_of_two_bodies_under_one_key_at_once_one_is_told(house: House) -> None:
    answers = at_once(6, lambda n: house.post(body(n % 2)))
    assert len(house.open_requests()) == 1
    kinds = {type(answer).__name__ for answer in answers}
    assert kinds == {"Reply", "Mismatch"}


def test_first_requests_of_one_collector_at_once_are_all_taken(house: House) -> None:
    answers = at_once(6, lambda n: house.post(body(), key=f"key-{n}"))
    assert [answer.status for answer in answers] == [202] * 6
    for answer in answers:
        house.run(plan.plan, job_of(house.load(answer.body["id"])))
        assert house.load(answer.body["id"]).state is State.PLANNED


def test_fault_04_a_retry_after_30_days_gets_the_original_answer(house: House) -> None:
    first = house.post()
    house.settle()
    house.clock.advance(31 * DAY_S)
    before = house.dump()
    assert house.post() == first
    assert house.dump() == before
    assert house.get(first.body["id"])["state"] == "minted"


def test_a_rotated_api_key_cannot_mint_twice(house: House) -> None:
    rotated = house.make_key("studio", Role.MINT)
    assert house.post(api_key=rotated) == house.post()
    assert house.post(api_key=house.make_key("other studio", Role.MINT)) != house.post()


@pytest.mark.parametrize("key", [None, "", " ", "two words", "x" * 256, "schlüssel", "tab\t"])
def test_fault_05_a_key_that_is_none_is_refused(house: House, key: str | None) -> None:
    before = house.dump()
    with pytest.raises(Invalid, match="Idempotency-Key"):
        house.post(key=key)
    assert house.dump() == before


Spoil = Callable[[House], dict[str, Any]]
REFUSALS: dict[str, tuple[type[Rejected], Spoil]] = {
    "no api key": (Unauthenticated, lambda h: {"api_key": ""}),
    "a key nobody was given": (Unauthenticated, lambda h: {"api_key": "mp_mint_0000"}),
    "a key that may only review": (Forbidden, lambda h: {"api_key": h.review_key}),
    "a key of another collection": (NotFound, lambda h: {"api_key": h.make_key("a", Role.MINT, "elsewhere")}),
    "a collection nobody published": (
        NotFound,
        lambda h: {"slug": "atlantis", "api_key": h.make_key("a", Role.MINT, "atlantis")},
    ),
    "data without consent": (Invalid, lambda h: {"posted": body(consent={})}),
    "consent of an unknown kind": (Invalid, lambda h: {"posted": body(consent={"preferences.text": "sure"})}),
    "no owner": (Invalid, lambda h: {"posted": {k: v for k, v in body().items() if k != "owner"}}),
    "an address of the wrong length": (Invalid, lambda h: {"posted": body(owner="0x12")}),
    "an address whose checksum is wrong": (Invalid, lambda h: {"posted": body(owner=OTHER_OWNER.replace("fB", "FB"))}),
    "nobody's address": (Invalid, lambda h: {"posted": body(owner="0x" + "0" * 40)}),
    "a like that is no value": (
        Invalid,
        lambda h: {"posted": body(data={"preferences": {"likes": {"lamp": ["black lamp"]}}})},
    ),
    "a field nobody knows": (Invalid, lambda h: {"posted": body(wishes="more")}),
    "no object": (Invalid, lambda h: {"posted": [1]}),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_refusal_writes_nothing(house: House, why: str) -> None:
    wanted, spoil = REFUSALS[why]
    call = spoil(house)
    before = house.dump()
    with pytest.raises(wanted) as refused:
        house.post(**call)
    assert type(refused.value) is wanted
    assert house.dump() == before
    assert WORDS not in str(refused.value)


def test_what_the_day_may_cost_is_kept_and_the_next_day_goes_on(house: House) -> None:
    cost = house.load(house.file()).quote.cost_microusd
    house.put_on_sale(house.write_collection(daily_budget_usd=2.5 * cost / 1e6))
    house.file(2)
    before = house.dump()
    with pytest.raises(Exhausted, match="daily budget"):
        house.file(3)
    assert house.dump() == before
    house.clock.advance(DAY_S)
    house.file(3)


def test_fault_42_a_sold_out_collection_takes_nobody_in_but_answers_old_calls(house: House) -> None:
    house.put_on_sale(house.write_collection(supply=1))
    first = house.post()
    house.settle()
    before = house.dump()
    with pytest.raises(Exhausted, match="supply"):
        house.file(2)
    assert house.dump() == before
    assert holds.used_supply(house.ledger, house.slug) == 1
    assert house.post() == first


class DownQueue:
    def send(self, body: str, *, delay_s: float = 0, group: str | None = None) -> None:
        raise Transient("queue: down")


def test_fault_08_a_lost_send_is_made_up_for_by_the_retry(house: House) -> None:
    with pytest.raises(Transient):
        house.post(plan_queue=DownQueue())
    assert house.waiting("plan") == []
    answer = house.post()
    assert [RequestJob.model_validate_json(text).request_id for text in house.waiting("plan")] == [answer.body["id"]]


def test_a_later_filing_leaves_the_data_of_an_earlier_one_alone(house: House) -> None:
    """Consent is given for one request: what is made public for the next print must not be told with this one."""
    data = {"preferences": {"likes": {"lamp": ["red lamp", "white lamp", "green lamp"]}}}
    private = house.post(body(data=data, consent={"preferences.likes": "private"}), key="private").body["id"]
    other = house.post(body(data=data, consent={"preferences.likes": "public"}), key="public").body["id"]
    house.deliver("plan")
    assert house.load(private).collector == house.load(other).collector
    assert [list(told(house, request_id)) for request_id in (private, other)] == [[], ["lamp"]]


def told(house: House, request_id: str) -> dict[str, str]:
    """The reasons that will be pinned with the print."""
    held = holds.held(house.ledger, request_id)
    assert held is not None
    return held.public_reasons


def test_a_request_is_seen_by_its_account_and_by_those_who_look_after_its_collection(house: House) -> None:
    request_id = house.file()
    house.deliver("plan")
    told = house.get(request_id)
    assert [trait["trait"] for trait in told["traits"]] == list(house.collection.traits)
    assert all(trait["reason"] for trait in told["traits"])
    for role in (Role.REVIEW, Role.OPERATE):
        assert house.get(request_id, house.make_key("staff", role))["state"] == "planned"


@pytest.mark.parametrize(
    ("account", "role", "slugs"),
    [("stranger", Role.MINT, ()), ("studio", Role.MINT, ("elsewhere",)), ("staff", Role.OPERATE, ("elsewhere",))],
)
def test_to_all_others_it_is_not_there(house: House, account: str, role: Role, slugs: tuple[str, ...]) -> None:
    request_id = house.file()
    stranger = house.make_key(account, role, *slugs)
    with pytest.raises(NotFound) as refused:
        house.get(request_id, stranger)
    with pytest.raises(NotFound) as unknown:
        house.get("0" * 64, stranger)
    assert str(refused.value).replace(request_id, "") == str(unknown.value).replace("0" * 64, "")


@pytest.mark.parametrize(
    ("headers", "posted", "status"),
    [
        ({"Idempotency-Key": "k"}, body(), 202),
        ({}, body(), 400),
        ({"Idempotency-Key": "k", "X-Api-Key": "wrong"}, body(), 401),
        ({"Idempotency-Key": "k"}, body(consent={}), 400),
    ],
)
def test_the_whole_handler_answers_as_http_does(
    house: House, headers: dict[str, str], posted: dict[str, Any], status: int
) -> None:
    salt = house.root / "salt"
    salt.write_bytes(b"s" * 32)
    salt.chmod(0o600)
    environ = {
        "LEDGER_URL": house.ledger_url,
        "BLOBS_URL": house.blobs_url,
        "KEYS_URL": house.keys_url,
        "PLAN_QUEUE_URL": house.queue_url("plan"),
        "SALT_REF": f"file://{salt}",
    }
    handler = intake.handler.bind(environ, house.clock)
    event = events.http(
        "POST",
        f"/v1/collections/{house.slug}/requests",
        route="POST /v1/collections/{slug}/requests",
        parameters={"slug": house.slug},
        query="",
        headers={"X-Api-Key": house.api_key, **headers},
        body=json.dumps(posted),
        at=house.clock(),
    )
    first, second = handler(event, None), handler(event, None)
    handler.close()
    assert first["statusCode"] == status
    assert first == second
    assert len(house.open_requests()) == (1 if status == 202 else 0)
