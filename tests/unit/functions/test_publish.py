"""Publishing: what is frozen first stands, and nothing goes on that could not be fetched back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions import publish
from shared.errors import Defect, NotFound, Transient
from shared.ports.pinner import WrongCid
from shared.publishing.cid import Cid
from shared.records import holds, requests
from shared.request import MintRequest, State
from tests.unit.functions.house import WORDS, House, body, job_of
from tests.unit.functions.test_intake import DownQueue


def document(house: House, request: MintRequest) -> dict[str, Any]:
    """The metadata, fetched from the pinner by the digest that the ledger froze."""
    assert request.metadata_digest is not None
    block = house.ports["pinner"].read(str(Cid.from_hex(request.metadata_digest, "raw")))
    told: dict[str, Any] = json.loads(block)
    return told


def test_what_is_published_can_be_fetched_by_what_was_frozen(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    frozen = requests.frozen(house.ledger, request.id)
    held = holds.held(house.ledger, request.id)
    told = document(house, request)
    assert held is not None
    assert frozen["digest"] == request.metadata_digest
    assert told["image"] == f"ipfs://{frozen['image']}"
    assert {a["trait_type"]: a["value"] for a in told["attributes"]} == held.plan.values
    assert house.waiting("mint") == [job_of(request).body()]
    assert list(house.blobs.keys("tokens/")) == [f"tokens/{request.id}/{n}.car" for n in ("image", "metadata")]


def test_fault_06_a_message_that_comes_twice_publishes_once(house: House) -> None:
    request = house.bring_to(State.PUBLISHED)
    kept = house.dump()
    house.run(publish.publish, job_of(request))
    assert house.dump()["items"] == kept["items"]
    assert set(house.waiting("mint")) == {job_of(request).body()}


@pytest.mark.parametrize("state", [State.MINTING, State.MINTED])
def test_fault_12_a_message_that_comes_late_does_nothing(house: House, state: State) -> None:
    request = house.bring_to(state)
    before = house.dump()
    house.run(publish.publish, job_of(request))
    assert house.dump() == before


def test_fault_07_nothing_is_published_before_it_is_approved_or_for_another_attempt(house: House) -> None:
    approved = house.bring_to(State.APPROVED)
    request = house.bring_to(State.RENDERING, 2)
    before = house.dump()
    house.run(publish.publish, job_of(request))
    house.run(publish.publish, job_of(approved, attempt=2))
    assert house.dump() == before


class Pinner:
    """Raises, as often as it is told to, before it pins."""

    def __init__(self, house: House, *errors: Exception) -> None:
        self.inner = house.ports["pinner"]
        self.errors = list(errors)

    def pin(self, root: str, car: bytes) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return str(self.inner.pin(root, car))


def test_fault_24_26_while_pinning_fails_the_mint_waits_and_the_frozen_digest_stands(house: House) -> None:
    request = house.bring_to(State.APPROVED)
    pinner = Pinner(house, Transient("pinner: said yes and cannot give the bytes back"), Transient("pinner: down"))
    for _ in range(2):
        with pytest.raises(Transient):
            house.run(publish.publish, job_of(request), pinner=pinner)
        assert house.load(request.id) == request
        assert house.waiting("mint") == []
    frozen = requests.frozen(house.ledger, request.id)
    house.clock.advance(3600)
    house.run(publish.publish, job_of(request), pinner=pinner)
    assert house.load(request.id).metadata_digest == frozen["digest"]


def test_fault_25_a_provider_that_answers_another_cid_ends_no_request_and_publishes_nothing(house: House) -> None:
    request = house.bring_to(State.APPROVED)
    with pytest.raises(WrongCid):
        house.run(
            publish.publish, job_of(request), pinner=Pinner(house, WrongCid("pinner", got="bafkother", wanted="bafk"))
        )
    assert house.load(request.id) == request
    assert house.waiting("mint") == []


def test_other_metadata_than_was_frozen_is_looked_at_by_a_human(house: House) -> None:
    request = house.bring_to(State.APPROVED)
    house.ledger.write(requests.freezing(request.id, {"digest": "ab" * 32, "image": "bafkother"}))
    with pytest.raises(Defect, match="frozen"):
        house.run(publish.publish, job_of(request))
    assert house.load(request.id) == request
    assert not (house.root / "blocks").exists()


def test_fault_09_a_lost_send_is_sent_by_the_redelivery(house: House) -> None:
    request = house.bring_to(State.APPROVED)
    with pytest.raises(Transient):
        house.run(publish.publish, job_of(request), mint_queue=DownQueue())
    house.run(publish.publish, job_of(request))
    assert house.waiting("mint") == [job_of(request).body()]
    assert house.events(request.id).count("published") == 1


def test_a_picture_that_is_gone_ends_the_request_with_a_reason(house: House) -> None:
    request = house.bring_to(State.APPROVED)

    class Lost:
        exists, put = house.blobs.exists, house.blobs.put

        def get(self, key: str) -> bytes:
            if key.endswith(".png"):
                raise NotFound(f"blobs: nothing under {key}")
            return house.blobs.get(key)

    with pytest.raises(NotFound):
        house.run(publish.publish, job_of(request), blobs=Lost())
    assert house.load(request.id).state is State.REJECTED
    assert holds.used_supply(house.ledger, house.slug) == 0


@pytest.mark.parametrize(("consent", "told"), [("private", []), ("public", ["lamp"])])
def test_what_is_pinned_tells_of_a_collector_only_what_they_made_public(
    house: House, consent: str, told: list[str]
) -> None:
    likes = {"lamp": ["red lamp", "white lamp", "green lamp"]}
    house.file(1, data={"preferences": {"likes": likes}}, consent={"preferences.likes": consent})
    for stop in ("plan", "render", "judge", "publish"):
        house.deliver(stop)
    (request,) = house.open_requests()
    personal = document(house, request)["properties"]["provenance"].get("personal", {})
    assert list(personal.get("reasons", {})) == told


def test_nothing_personal_is_pinned_or_archived(house: House) -> None:
    posted = body()
    request = house.bring_to(State.PUBLISHED)
    kept = b"".join(file.read_bytes() for file in (house.root / "blocks").rglob("*") if file.is_file())
    kept += b"".join(house.blobs.get(key) for key in house.blobs.keys("tokens/"))
    for told in (posted["owner"], posted["collector"], WORDS, "lighthouse", request.account, request.collector):
        assert told.encode() not in kept
        assert told.lower().encode() not in kept.lower()
