"""The sample's six requests through every adapter of AWS at once, on ministack; the outcome is verified from outside.

Queues, table, bucket, keys, roles and each function's environment are what the deployment's template makes of them, and
S3 itself tells the judge's queue of results. Every call is signed and checked against the policies of the role of the
function that makes it.

Of one request AWS never learns that a message was done when it came first, as if each of its functions had died after
its work: everything happens to it twice.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra import out_folder
from infra.demo import EXAMPLES
from infra.deploy.template import EXAMPLE, compiled
from infra.out_folder import Filed
from infra.place import Ports
from infra.twin.anvil import CHAIN_ID, Anvil, dump
from shared.collection.load import read_folder
from shared.collection.schema import Collection
from shared.errors import Defect
from shared.observe import Log
from shared.ports import aws
from shared.ports.open import open_port
from shared.ports.signer import Purpose
from shared.request import State
from tests.journey import aws_roles
from tests.journey.aws_events import Delivery, Record
from tests.journey.aws_house import SECRETS, Answer, House, set_up
from tests.journey.aws_stack import STAGE
from tests.journey.test_demo import verify
from tests.journey.twenty import small_collection
from tests.ports.anvil_fixture import anvil_of_the_module  # noqa: F401 - a fixture
from tests.ports.ministack_fixture import Ministack, running_at
from tests.unit.logged import captured, parsed

pytestmark = pytest.mark.aws

STOPS = {"plan", "render", "judge", "publish", "mint", "confirm"}
TWICE = "2-two-languages"
"""The collector whose messages all come twice."""
REDRAWN = "6-kyiv-and-chiang-mai"
"""The collector whose first picture the director does not like."""
DAY_S = 86_400.0
SAMPLES = Path(__file__).parents[1] / "events"


@dataclass(frozen=True)
class Journey:
    """All that happened."""

    house: House
    filed: dict[str, Filed]
    """By the collector's file name, as all of these."""
    receipts: dict[str, list[Answer]]
    """The answer to each POST: the first collector's came twice at the same moment."""
    stories: dict[str, dict[str, Any]]
    rejected: dict[str, Any]
    """The story of a seventh request, which the director rejects."""
    logged: io.StringIO
    out: Path

    @property
    def deliveries(self) -> list[Delivery]:
        return self.house.lambdas.deliveries


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """As whoever deploys has it made; with a chain that is told to every stop once it is known where it runs."""
    given = EXAMPLE | {"chain_id": str(CHAIN_ID)}
    return compiled(STAGE, {name: value for name, value in given.items() if name != "contract"})


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    with (
        pytest.MonkeyPatch.context() as patch,
        running_at(tmp_path_factory.mktemp("ministack"), obeys_roles=True) as ministack,
    ):
        patch.setattr(aws, "_session", aws_roles.session())
        yield ministack


@pytest.fixture(scope="module")
def journey(
    ministack: Ministack, anvil: Anvil, template: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Journey]:
    folder = tmp_path_factory.mktemp("aws")
    # With this salt the first, the sixth and the seventh request are in the sample, in every run.
    collection = small_collection(folder / "collection", "ember-order", publish_px=256, review={"sample": 0.5})
    house = set_up(ministack, anvil, template, collection, folder / "blocks")
    with house.lambdas, captured() as logged, ThreadPoolExecutor(2) as pool:
        first, *others = sorted((collection / "collectors").glob("*.json"))
        receipts = {first.stem: list(pool.map(house.file, [first, first]))}
        receipts |= {file.stem: [house.file(file)] for file in others}
        filed = {file.stem: Filed(file, receipts[file.stem][0][1]["id"]) for file in (first, *others)}
        _, seventh = house.file(first, key="the-seventh", owner="0x" + "77" * 20)

        def loses(record: Record) -> bool:
            return filed[TWICE].request_id in record["body"] and Delivery("", record, failed=False).times == 1

        def decide(story: Mapping[str, Any]) -> str:
            if story["id"] == seventh["id"]:
                return "reject"
            return "redraw" if (story["id"], story["attempt"]) == (filed[REDRAWN].request_id, 1) else "approve"

        house.lambdas.loses = loses
        ids = [one.request_id for one in filed.values()]
        try:
            house.run_to_the_end([*ids, seventh["id"]], decide, within_s=DAY_S)
        except AssertionError:
            print(*(line for line in logged.getvalue().splitlines() if '"level":"INFO"' not in line), sep="\n")
            raise
        stories = [house.story(request_id) for request_id in ids]
        out = folder / "out"
        out_folder.prepare(out)
        about = {
            "chain_id": CHAIN_ID,
            "contract": house.contract,
            "collection": {"slug": house.slug, "digest": house.digest},
        }
        with Ports(house.lambdas.stack) as ports:
            out_folder.leave(
                out,
                list(filed.values()),
                stories,
                about=about,
                blobs=ports.blobs(),
                picture=house.picture,
                chain_state=lambda: dump(anvil.url),
            )
        told = dict(zip(filed, stories, strict=True))
        yield Journey(house, filed, receipts, told, house.story(seventh["id"]), logged, out)


def test_the_six_are_minted_and_the_verifier_of_the_demo_agrees(journey: Journey) -> None:
    assert {name: story["state"] for name, story in journey.stories.items()} == dict.fromkeys(journey.filed, "minted")
    assert len(journey.filed) == 6
    verify(journey.out / "demo.json", journey.out / "chain-state.json", journey.out / "cars")


def test_every_stop_ran_and_nothing_failed_but_for_lost_races(journey: Journey) -> None:
    logged = parsed(journey.logged)
    assert {each.function for each in journey.deliveries} == STOPS
    assert {line["stop"] for line in logged if line["message"] == Log.RUN_FINISHED} == {"watch", "sweep"}
    errors = [line for line in logged if line["level"] != "INFO"]
    assert {
        (line["stop"], line.get("detail") or line["error"]) for line in errors if line["error"] != "Conflict"
    } == set()
    assert len(errors) == sum(each.failed for each in journey.deliveries)


def test_no_line_holds_a_secret_a_signature_a_prompt_or_a_collectors_word(journey: Journey) -> None:
    lines = journey.logged.getvalue().lower()
    told = [*SECRETS.values(), *journey.house.keys.values(), "as it should be"]
    for story in journey.stories.values():
        mined = journey.house.anvil.rpc("eth_getTransactionByHash", story["token"]["tx_hash"])
        told += [mined[name].removeprefix("0x") for name in ("r", "s", "input")] + [story["owner"].removeprefix("0x")]
        told += [choice["reason"] for choice in story["traits"]]
    for file in (EXAMPLES / "ember-order" / "collectors").glob("*.json"):
        told += _texts(json.loads(file.read_bytes()), longer_than=12)
    told += [value.prompt for trait in _dna(journey).traits.values() for value in trait.values.values() if value.prompt]
    assert len(told) > 100
    assert [each for each in told if each.lower() in lines] == []


def _dna(journey: Journey) -> Collection:
    return read_folder(EXAMPLES / journey.house.slug).collection


def _texts(value: Any, *, longer_than: int) -> list[str]:
    """Every text in a JSON value that is long enough to be no accident elsewhere."""
    if isinstance(value, str):
        return [value] if len(value) > longer_than else []
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for part in parts for text in _texts(part, longer_than=longer_than)]


def test_some_were_put_before_a_human_and_one_was_drawn_again_and_one_let_go(journey: Journey) -> None:
    asked = [{each["after"] for each in story["history"]} >= {State.IN_REVIEW} for story in journey.stories.values()]
    assert {True, False} == set(asked)
    assert {name for name, story in journey.stories.items() if story["attempt"] == 2} == {REDRAWN}
    assert journey.rejected["state"] == State.REJECTED
    assert journey.rejected["token"] is None


def test_fault_01_and_03_a_duplicate_post_gets_the_same_receipt_at_once_and_when_all_is_over(journey: Journey) -> None:
    for name, receipts in journey.receipts.items():
        again = journey.house.file(journey.filed[name].collector)
        assert [status for status, _ in receipts] == [202] * len(receipts)
        assert all(each == again for each in receipts)
    assert [len(receipts) for receipts in journey.receipts.values()] == [2, 1, 1, 1, 1, 1]
    assert journey.house.lambdas.deliver() == 0


def test_fault_02_the_same_key_with_another_body_is_refused(journey: Journey) -> None:
    status, told = journey.house.file(journey.filed[TWICE].collector, owner="0x" + "11" * 20)
    assert (status, told["error"]["code"]) == (409, "mismatch")


def test_fault_06_what_came_twice_at_every_stop_happened_once(journey: Journey) -> None:
    of_it = [each for each in journey.deliveries if journey.filed[TWICE].request_id in each.record["body"]]
    assert {each.function for each in of_it if each.times == 2} == STOPS
    events = [each["event"] for each in journey.stories[TWICE]["history"]]
    assert len(events) == len(set(events))


def test_nothing_gave_up_and_nothing_is_left_on_the_way(journey: Journey) -> None:
    depths = journey.house.depths()
    assert len(depths) == len(STOPS)
    left = {name: (q.waiting, q.delayed, q.in_flight, q.dead) for name, q in depths.items()}
    assert left == dict.fromkeys(depths, (0, 0, 0, 0))


def test_records_and_announcements_have_what_aws_puts_into_them(journey: Journey) -> None:
    sqs, s3 = (json.loads((SAMPLES / name).read_text())["Records"][0] for name in ("sqs.json", "s3_via_sqs.json"))
    for each in journey.deliveries:
        assert each.record.keys() == sqs.keys()
        assert each.record["attributes"].keys() >= sqs["attributes"].keys()
    told = [json.loads(each.record["body"]) for each in journey.deliveries if each.function == "judge"]
    assert [each["Event"] for each in told if "Records" not in each] == ["s3:TestEvent"]
    announced = [record for each in told for record in each.get("Records", [])]
    assert len(announced) == 7 + 1 + 1  # each request's, the second picture's, and the one that came twice
    sample = json.loads(s3["body"])["Records"][0]
    for record in announced:
        assert record.keys() == sample.keys()
        assert record["s3"]["object"].keys() == sample["s3"]["object"].keys()
        assert record["s3"]["object"]["key"].endswith("/result.json")


def test_each_picture_is_read_by_a_url_that_needs_no_credentials(journey: Journey) -> None:
    for story in journey.stories.values():
        assert "X-Amz-Signature=" in story["picture"]["url"]
        data = journey.house.picture(story)
        assert data.startswith(b"\x89PNG")
        assert hashlib.sha256(data).hexdigest() == story["picture"]["sha256"]


def test_no_environment_holds_a_secret(journey: Journey) -> None:
    values = [value for each in journey.house.lambdas.stack.functions.values() for value in each.environ.values()]
    assert [value for value in values for secret in SECRETS.values() if secret in value] == []


def test_a_role_allows_a_function_its_own_work_and_no_more(journey: Journey) -> None:
    functions, roles = journey.house.lambdas.stack.functions, journey.house.lambdas.roles
    own = open_port("queue", functions["mint"].environ["OWN_QUEUE_URL"])
    with roles.acting("mint"):
        assert own.receive() == []
    with roles.acting("intake"), pytest.raises(Defect, match="the role lacks sqs:ReceiveMessage"):
        own.receive()
    signer: Any = open_port("signer", functions["mint"].environ["SIGNER_URL"])
    with roles.acting("intake"), pytest.raises(Defect, match="the role lacks kms:GetPublicKey"):
        signer.address(Purpose.TRANSACTION)
    salt = open_port("secret", functions["intake"].environ["SALT_REF"])
    with roles.acting("mint"), pytest.raises(Defect, match="the role lacks ssm:GetParameter"):
        salt.read()
