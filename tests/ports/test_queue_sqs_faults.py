"""What SQS may answer, or not: every call is safe to repeat, and an error says whose it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.errors import Defect, Transient
from shared.ports import aws
from shared.ports.open import open_port
from shared.ports.queue import Queue
from tests.ports.fake_aws import Answer, FakeAws, fake_of_the_test, json_error  # noqa: F401 - a fixture

DONE = Answer(200, b"{}")
HANGS = Answer(hangs=True)


def redrives_to(dead: str) -> Answer:
    policy = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:eu-central-1:123456789012:{dead}", "maxReceiveCount": 5})
    return Answer(200, json.dumps({"Attributes": {"RedrivePolicy": policy}}).encode())


USES: list[tuple[str, Callable[[Queue], object]]] = [
    ("SendMessage", lambda queue: queue.send("x")),
    ("ReceiveMessage", lambda queue: queue.receive()),
    ("DeleteMessage", lambda queue: queue.delete("receipt")),
    ("ChangeMessageVisibility", lambda queue: queue.release("receipt", delay_s=0.2)),
    ("GetQueueAttributes", lambda queue: queue.depth()),
]
use = pytest.mark.parametrize(("action", "use"), USES, ids=[action for action, _ in USES])


@pytest.fixture
def queue(fake: FakeAws) -> Queue:
    return open_port("queue", f"sqs://eu-central-1/123456789012/plan?{fake.option}")


@pytest.fixture
def fifo(fake: FakeAws) -> Queue:
    return open_port("queue", f"sqs://eu-central-1/123456789012/mint.fifo?{fake.option}")


def said(fake: FakeAws) -> list[dict[str, Any]]:
    return [json.loads(asked.body) for asked in fake.asked]


@use
@pytest.mark.parametrize(
    ("answer", "says", "tries"),
    [
        (json_error(400, "ThrottlingException"), "throttles sqs:{}", 3),
        (json_error(403, "RequestThrottled"), "throttles sqs:{}", 3),
        (json_error(403, "OverLimit"), "throttles sqs:{}", 1),
        (json_error(500, "InternalFailure"), "cannot do sqs:{} now", 3),
        (json_error(503, "ServiceUnavailable"), "cannot do sqs:{} now", 3),
        (Answer(502, b"<html>"), "sqs:{}", 3),
        (HANGS, "no answer to sqs:{}", 3),
        (Answer(200, b'{"Messages": [{"Mess', promised=400), "no answer to sqs:{}", 1),
        (Answer(200, b"", promised=400), "no answer to sqs:{}", 1),
        (Answer(200, b"{}", {"x-amz-crc32": "7"}), "no answer to sqs:{}", 1),
    ],
    ids=[
        "throttled",
        "throttled 403",
        "over limit",
        "500",
        "503",
        "gateway",
        "hangs",
        "truncated",
        "no body",
        "checksum",
    ],
)
def test_what_passes_is_transient(
    fake: FakeAws, queue: Queue, action: str, use: Callable[[Queue], object], answer: Answer, says: str, tries: int
) -> None:
    fake.answers = [answer] * tries
    with pytest.raises(Transient, match=says.format(action)) as raised:
        use(queue)
    assert raised.value.retry_after_s > 0
    assert len(fake.asked) == tries


@pytest.mark.parametrize("body", [b'{"Messages": [{"Mess', b"<html>", b""])
def test_what_is_no_answer_is_not_an_empty_one(fake: FakeAws, queue: Queue, body: bytes) -> None:
    fake.answers = [Answer(200, body)]
    with pytest.raises(Transient, match="no answer to sqs:ReceiveMessage"):
        queue.receive()


@use
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (json_error(403, "AccessDenied"), "queue plan: the role lacks sqs:{} "),
        (json_error(400, "AccessDeniedException"), "queue plan: the role lacks sqs:{} "),
        (json_error(400, "QueueDoesNotExist"), "queue plan does not exist"),
        (json_error(403, "InvalidClientTokenId"), "refuses this process's credentials for sqs:{} "),
        (json_error(400, "UnsupportedOperation"), "queue plan: AWS refuses sqs:{} .UnsupportedOperation"),
    ],
    ids=["denied", "denied 400", "unknown", "credentials", "else"],
)
def test_what_does_not_pass_is_a_defect_that_names_the_action(
    fake: FakeAws, queue: Queue, action: str, use: Callable[[Queue], object], answer: Answer, says: str
) -> None:
    fake.answers = [answer]
    with pytest.raises(Defect, match=says.format(action)):
        use(queue)
    assert len(fake.asked) == 1


def test_a_denial_at_the_dead_letters_names_their_queue(fake: FakeAws, queue: Queue) -> None:
    fake.answers = [redrives_to("plan-dead"), json_error(403, "AccessDenied")]
    with pytest.raises(Defect, match="queue plan-dead: the role lacks sqs:ReceiveMessage"):
        queue.dead_letters()
    assert said(fake)[1]["QueueUrl"] == f"{fake.endpoint}/123456789012/plan-dead"


def test_a_fifo_send_whose_answer_was_lost_is_not_doubled(fake: FakeAws, fifo: Queue) -> None:
    fake.answers = [HANGS, json_error(500, "InternalFailure"), DONE, DONE]
    fifo.send("x", group="signer")
    fifo.send("x", group="signer")
    first, second, third, other = (message["MessageDeduplicationId"] for message in said(fake))
    assert first == second == third != other


def test_a_fifo_receive_whose_answer_was_lost_brings_the_same_again(fake: FakeAws, fifo: Queue) -> None:
    fake.answers = [HANGS, DONE, DONE]
    assert fifo.receive() + fifo.receive() == []
    first, second, other = (message["ReceiveRequestAttemptId"] for message in said(fake))
    assert first == second != other


@pytest.mark.parametrize("code", ["MessageNotInflight", "ReceiptHandleIsInvalid", "InvalidParameterValue"])
def test_fault_06_a_void_receipt_is_ignored(fake: FakeAws, queue: Queue, code: str) -> None:
    fake.answers = [json_error(400, code)] * 2
    queue.delete("void")
    queue.release("void", delay_s=0)
    assert len(fake.asked) == 2


def test_delays_are_whole_seconds_rounded_up(fake: FakeAws, queue: Queue) -> None:
    fake.answers = [DONE, DONE]
    queue.send("x", delay_s=0.2)
    queue.release("receipt", delay_s=41.5)
    sent, released = said(fake)
    assert (sent["DelaySeconds"], released["VisibilityTimeout"]) == (1, 42)


def test_fault_12_a_redrive_that_is_cut_off_loses_nothing(fake: FakeAws, fifo: Queue) -> None:
    dead = {
        "MessageId": "m1",
        "ReceiptHandle": "r1",
        "Body": "x",
        "Attributes": {"ApproximateReceiveCount": "5", "SentTimestamp": "1", "MessageGroupId": "signer"},
    }
    received = Answer(200, json.dumps({"Messages": [dead]}).encode())
    fake.answers = [redrives_to("mint-dead.fifo"), received, *[json_error(500, "InternalFailure")] * 3]
    with pytest.raises(Transient):
        fifo.redrive()
    assert [asked.headers["x-amz-target"].removeprefix("AmazonSQS.") for asked in fake.asked] == [
        "GetQueueAttributes", "ReceiveMessage", *["SendMessage"] * 3,
    ]  # fmt: skip
    fake.answers = [received, DONE, DONE, DONE]
    assert fifo.redrive() == 1
    sends = [asked for asked in said(fake) if "MessageBody" in asked]
    assert {(send["MessageGroupId"], send["MessageDeduplicationId"]) for send in sends} == {("signer", "m1")}


def test_no_answer_at_all_is_transient(fake: FakeAws) -> None:
    queue = open_port("queue", "sqs://eu-central-1/123456789012/plan?endpoint=http%3A%2F%2F127.0.0.1%3A1")
    with pytest.raises(Transient, match="no answer to sqs:SendMessage"):
        queue.send("x")


def test_a_process_without_credentials_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(aws, "_session", None)
    monkeypatch.setattr(aws, "_clients", {})
    with pytest.raises(Defect, match="no AWS credentials in this process for sqs:SendMessage"):
        open_port("queue", "sqs://eu-central-1/123456789012/plan").send("x")


def test_one_client_serves_a_process(fake: FakeAws) -> None:
    assert aws.client("sqs", "eu-central-1", fake.endpoint) is aws.client("sqs", "eu-central-1", fake.endpoint)
    assert aws.client("sqs", "eu-west-1", fake.endpoint) is not aws.client("sqs", "eu-central-1", fake.endpoint)
