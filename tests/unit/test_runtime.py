"""Handlers take what AWS sends: real events of each kind, faults included."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from infra.twin import events
from shared.address import checksummed
from shared.errors import Defect, Exhausted, Invalid, Rejected, TooLarge, Transient
from shared.messages import JudgeJob, RequestJob
from shared.ports.queue import Received
from shared.runtime import MAX_BODY_BYTES, HttpCall, HttpHandler, QueueHandler, Reply, ScheduleHandler
from shared.settings import MintSettings, QueueSettings, SecretRef, Settings
from tests.unit.logged import captured, parsed

EVENTS = Path(__file__).parent.parent / "events"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def real_event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


class NoSettings(Settings):
    stop: ClassVar[str] = "test"


class OwnQueue(QueueSettings):
    stop: ClassVar[str] = "test"


ENVIRON = {"OWN_QUEUE_URL": "sqlite://?memory=runtime&name=own"}


def job(n: int) -> str:
    return RequestJob(request_id=f"{n:064x}", attempt=1).body()


def messages(*bodies: str, group: str | None = None) -> dict[str, Any]:
    received = [
        Received(message_id=f"m{i}", receipt=f"r{i}", body=body, receive_count=1, sent_at=NOW, group=group)
        for i, body in enumerate(bodies)
    ]
    return events.sqs("own", received)


def failed(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_fault_11_a_poison_message_does_not_hold_up_its_batch() -> None:
    seen: list[str] = []
    handler = QueueHandler(lambda job: seen.append(job.request_id), OwnQueue).bind(ENVIRON)
    bodies = [job(n) for n in range(10)]
    bodies[4] = '{"request_id": "not an id"}'
    assert failed(handler(messages(*bodies), None)) == ["m4"]
    assert len(seen) == 9


def test_a_transient_hands_the_message_back_for_a_while() -> None:
    def step(job: RequestJob) -> None:
        raise Transient("later", retry_after_s=7)

    handler, released = released_by(step)
    assert failed(handler(messages(job(1)), None)) == ["m0"]
    assert released == [("r0", 7)]


@pytest.mark.parametrize(("group", "longest"), [(None, 900), ("mint", 60)])
def test_one_that_stays_is_handed_back_for_twice_as_long_each_time(group: str | None, longest: float) -> None:
    """A node that is down for minutes must not fill the dead letters."""

    def step(job: RequestJob) -> None:
        raise Transient("the node is down", retry_after_s=5)

    handler, released = released_by(step)
    for tries in range(1, 13):
        event = messages(job(1), group=group)
        event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(tries)
        handler(event, None)
    delays = [delay_s for _, delay_s in released]
    assert delays[:4] == [5, 10, 20, 40]
    assert delays[-1] == longest


def released_by(step: Any) -> tuple[QueueHandler, list[tuple[str, float]]]:
    """A handler, and what it will have given back, each with its delay."""
    released: list[tuple[str, float]] = []

    class Own:
        def release(self, receipt: str, *, delay_s: float) -> None:
            released.append((receipt, delay_s))

    handler = QueueHandler(step, OwnQueue).bind(ENVIRON)
    handler.arguments()["own_queue"] = Own()
    return handler, released


def test_fault_11_a_poison_message_of_a_group_comes_again_at_once_and_on_a_standard_queue_in_its_time() -> None:
    def step(job: RequestJob) -> None:
        raise Defect("poison")

    handler, released = released_by(step)
    assert failed(handler(messages(job(1), job(2), group="mint"), None)) == ["m0", "m1"]
    assert failed(handler(messages("{}", group="mint"), None)) == ["m0"]
    assert released == [("r0", 1), ("r1", 1), ("r0", 1)]
    assert failed(handler(messages(job(1)), None)) == ["m0"]
    assert len(released) == 3


@pytest.mark.parametrize(
    ("error", "comes_back"), [(Rejected("no"), False), (Defect("bug"), True), (KeyError("x"), True)]
)
def test_what_an_error_means_to_the_queue(error: Exception, comes_back: bool) -> None:
    def step(job: RequestJob) -> None:
        raise error

    handler = QueueHandler(step, OwnQueue).bind(ENVIRON)
    assert failed(handler(messages(job(1)), None)) == (["m0"] if comes_back else [])


def test_fault_07_a_fifo_group_stays_in_order_behind_a_failure() -> None:
    seen: list[str] = []

    def step(job: RequestJob) -> None:
        seen.append(job.request_id)
        raise Defect("first")

    handler = QueueHandler(step, OwnQueue).bind(ENVIRON)
    assert failed(handler(messages(job(1), job(2), group="signer"), None)) == ["m0", "m1"]
    assert seen == [f"{1:064x}"]


def test_a_real_sqs_event_that_is_not_ours_ends_among_the_dead_letters() -> None:
    handler = QueueHandler(lambda job: None, OwnQueue).bind(ENVIRON)
    event = real_event("sqs")
    assert failed(handler(event, None)) == [record["messageId"] for record in event["Records"]]


def test_a_real_s3_notification_for_another_object_is_ignored() -> None:
    seen: list[object] = []
    handler = QueueHandler(seen.append, OwnQueue, JudgeJob.from_bodies).bind(ENVIRON)
    assert failed(handler(real_event("s3_via_sqs"), None)) == []
    assert seen == []


def test_an_s3_notification_of_a_result_names_its_job() -> None:
    event = real_event("s3_object_created")
    event["Records"][0]["s3"]["object"]["key"] = f"jobs/{'ab' * 32}-3/result.json"
    assert JudgeJob.from_bodies(json.dumps(event)) == [JudgeJob(job_id=f"{'ab' * 32}-3")]
    event["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    assert JudgeJob.from_bodies(json.dumps(event)) == []
    assert JudgeJob.from_bodies('{"Service":"Amazon S3","Event":"s3:TestEvent"}') == []


def http(steps: dict[str, Any], event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = HttpHandler(NoSettings, steps).bind({})(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_real_http_event_reaches_its_route() -> None:
    def echo(call: HttpCall) -> Reply:
        return Reply(200, {"header": call.headers["header2"], "body": call.json(), "query": call.query["parameter1"]})

    status, body = http({"$default": echo}, real_event("http_api_v2"))
    assert status == 200
    assert body == {
        "header": "value1,value2",
        "body": {"message": "hello world", "username": "tom"},
        "query": "value1,value2",
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Invalid("consent.game", "nothing", "yes or no"), 400, "invalid"),
        (Exhausted("supply"), 409, "exhausted"),
        (TooLarge("body"), 413, "too_large"),
        (Transient("later"), 503, "transient"),
        (ZeroDivisionError("secret detail"), 500, "defect"),
        (Defect("table secret detail: the role lacks dynamodb:Query"), 500, "defect"),
    ],
)
def test_errors_are_told_in_one_shape(error: Exception, status: int, code: str) -> None:
    def step(call: HttpCall) -> Reply:
        raise error

    got, body = http({"$default": step}, real_event("http_api_v2"))
    assert got == status
    assert body["error"]["code"] == code
    assert "secret detail" not in json.dumps(body)
    if isinstance(error, Invalid):
        assert body["error"]["field"] == "consent.game"


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("[1]", 400, "a JSON list"),
        ('{"a": NaN}', 400, "NaN"),
        ('{"a": ', 400, "line 1"),
        ("[" * 100_000, 400, "64 levels"),
        ('{"a": 1, "a": 2}', 400, "twice"),
        ('{"a": "[[[\\""}', 200, None),
        ("x" * (MAX_BODY_BYTES + 1), 413, "131,072"),
    ],
)
def test_a_body_that_is_wrong_is_told_what_was_wanted(body: str, status: int, told: str | None) -> None:
    event = real_event("http_api_v2") | {"body": body}
    got, answer = http({"$default": lambda call: Reply(200, call.json())}, event)
    assert got == status
    assert told is None or told in answer["error"]["message"]


def test_base64_bodies_are_decoded_and_bad_ones_refused() -> None:
    steps = {"$default": lambda call: Reply(200, call.json())}
    event = real_event("http_api_v2") | {"isBase64Encoded": True, "body": "eyJhIjogMX0="}
    assert http(steps, event) == (200, {"a": 1})
    assert http(steps, event | {"body": "%%%"})[0] == 400


def test_an_unknown_route_is_a_404() -> None:
    status, body = http({"GET /v1/x": lambda call: Reply(200, {})}, real_event("http_api_v2"))
    assert status == 404
    assert "GET /v1/x" in body["error"]["message"]


def test_a_missing_variable_names_itself_and_the_stop() -> None:
    handler = QueueHandler(lambda job: None, OwnQueue).bind({})
    with pytest.raises(Defect, match=r"environment of test: OWN_QUEUE_URL"):
        handler.arguments()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite://?memory=runtime&name=own&colour=red", "the option 'colour'"),
        ("carrier-pigeon://coop", "the scheme 'carrier-pigeon'"),
    ],
)
def test_a_malformed_variable_names_itself_and_the_stop(url: str, says: str) -> None:
    handler = QueueHandler(lambda job: None, OwnQueue).bind({"OWN_QUEUE_URL": url})
    with pytest.raises(Defect, match=f"environment of test: OWN_QUEUE_URL: .*{says}"):
        handler.arguments()


ENVIRON_OF_MINT = {
    "OWN_QUEUE_URL": "sqlite://",
    "LEDGER_URL": "sqlite://",
    "CHAIN_URL": "http://127.0.0.1:1",
    "SIGNER_URL": "keystore:///s",
    "CONFIRM_QUEUE_URL": "sqlite://",
    "CHAIN_ID": "1",
}


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("CONTRACT", "0x12", "got 4 characters, wanted 42"),
        ("CONTRACT", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "capitals do not add up"),
        ("CHAIN_ID", "0", "greater than 0"),
        ("CHAIN_ID", "main", "valid integer"),
        ("MAX_FEE_WEI", "-5", "greater than 0"),
    ],
)
def test_a_setting_that_cannot_be_is_told_before_anything_is_minted(variable: str, value: str, says: str) -> None:
    with pytest.raises(Defect, match=f"environment of mint: {variable}: .*{says}"):
        MintSettings.read(ENVIRON_OF_MINT | {variable: value})


def test_no_contract_is_the_minters_own() -> None:
    assert MintSettings.read(ENVIRON_OF_MINT | {"CONTRACT": ""}).contract is None
    lower = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
    assert MintSettings.read(ENVIRON_OF_MINT | {"CONTRACT": lower}).contract == checksummed(lower)


class Salted(Settings):
    stop: ClassVar[str] = "test"
    salt: SecretRef


def test_a_secret_is_read_once_a_container_and_named_when_it_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "salt"
    handler = HttpHandler(Salted, {"$default": lambda call, *, salt: Reply(200, {"bytes": len(salt)})})
    bound = handler.bind({"SALT_REF": f"file://{file}"})
    with captured() as lines:
        assert bound(real_event("http_api_v2"), None)["statusCode"] == 500
    assert "environment of test: SALT_REF: secret salt: No such file" in parsed(lines)[0]["detail"]
    file.write_bytes(b"x" * 20)
    file.chmod(0o600)
    assert json.loads(bound(real_event("http_api_v2"), None)["body"]) == {"bytes": 20}
    file.unlink()
    assert json.loads(bound(real_event("http_api_v2"), None)["body"]) == {"bytes": 20}


def test_a_run_that_fails_is_logged_and_goes_up_without_its_words() -> None:
    def step() -> None:
        raise ValueError("a private word")

    handler = ScheduleHandler(step, NoSettings).bind({})
    with captured() as lines, pytest.raises(Defect, match="test: this run failed") as raised:
        handler(events.schedule("sweep", NOW), None)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    (line,) = parsed(lines)
    assert line["message"] == "step_failed"
    assert "private" not in lines.getvalue()


def test_the_twin_shapes_its_events_as_aws_does() -> None:
    """Every key of a real event that we send has the real one's type; the few that we leave out are listed."""
    ours_http = events.http(
        "POST",
        "/my/path",
        route="POST /my/{name}",
        parameters={"name": "path"},
        query="parameter1=value1&parameter1=value2",
        headers={"X": "y"},
        body="{}",
        at=NOW,
    )
    pairs = [
        (ours_http, real_event("http_api_v2"), {"cookies", "stageVariables", "authentication", "authorizer"}),
        (messages(job(1))["Records"][0], real_event("sqs")["Records"][0], set()),
        (events.schedule("sweep", NOW), real_event("schedule"), set()),
    ]
    for ours, real, left_out in pairs:
        _same_shape(ours, real, left_out)


def _same_shape(ours: dict[str, Any], real: dict[str, Any], left_out: set[str]) -> None:
    for key, value in real.items():
        if key in left_out:
            continue
        assert key in ours, key
        assert type(ours[key]) is type(value), key
        if key == "requestContext" or key == "http":
            _same_shape(ours[key], value, left_out)


def test_a_schedule_calls_its_step() -> None:
    assert ScheduleHandler(lambda: 3, NoSettings).bind({})(real_event("schedule"), None) == 3
