from __future__ import annotations

import base64
import hashlib
import re
import time
import urllib.request
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from shared.clock import utc_now
from shared.errors import Defect, Forbidden, Invalid, NotFound
from shared.messages import JudgeJob
from shared.ports.blobs import Blobs
from shared.ports.blobs.s3 import S3Blobs
from shared.ports.open import open_port
from shared.ports.queue import Queue
from tests.ports.blobs_behaviour import Advance, BlobsBehaviour, Fetch, Fetched
from tests.ports.ministack_fixture import ACCOUNT, REGION, Ministack, ministack_of_the_session  # noqa: F401 - a fixture

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetched(url: str) -> Fetched:
    try:
        with _direct.open(url, timeout=10) as answer:
            named = re.fullmatch('attachment(?:; filename="(.+)")?', answer.headers["content-disposition"])
            assert named is not None
            return Fetched(answer.read(), answer.headers["content-type"], named[1])
    except HTTPError as error:
        with error:
            raise {403: Forbidden, 404: NotFound}[error.code](url) from None


def url_of(ministack: Ministack, bucket: str) -> str:
    return f"s3://{bucket}?region={REGION}&{ministack.option}"


@pytest.fixture(scope="module")
def bucket(ministack: Ministack) -> str:
    """As the deployment makes it: S3 tells the queue of the same name what ends in `result.json`."""
    name = f"monoprint-{uuid4().hex}"
    sqs, s3 = ministack.client("sqs"), ministack.client("s3")
    sqs.create_queue(QueueName=name)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    told = {
        "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {
            "Key": {"FilterRules": [{"Name": "prefix", "Value": "jobs/"}, {"Name": "suffix", "Value": "result.json"}]}
        },
    }
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"QueueConfigurations": [told]})
    return name


@pytest.fixture
def blobs(ministack: Ministack, bucket: str) -> S3Blobs:
    return S3Blobs.open(url_of(ministack, bucket), clock=utc_now)


class TestOnMinistack(BlobsBehaviour):
    @pytest.fixture
    def blobs(self, blobs: S3Blobs) -> Blobs:
        return blobs

    @pytest.fixture
    def announcements(self, ministack: Ministack, bucket: str) -> Queue:
        queue = open_port("queue", f"sqs://{REGION}/{ACCOUNT}/{bucket}?{ministack.option}")
        [test] = queue.receive()  # S3 sends it when it is told of the queue
        assert JudgeJob.from_bodies(test.body) == []
        queue.delete(test.receipt)
        return queue

    @pytest.fixture
    def prefix(self) -> str:
        return f"{uuid4().hex}/"

    @pytest.fixture
    def advance(self) -> Advance:
        return time.sleep

    @pytest.fixture
    def fetch(self) -> Fetch:
        return fetched


def test_the_digest_is_stored_beside_the_bytes(blobs: S3Blobs, ministack: Ministack, bucket: str) -> None:
    blobs.put("digest.png", b"picture", content_type="image/png")
    head: dict[str, Any] = ministack.client("s3").head_object(Bucket=bucket, Key="digest.png", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"picture").digest()).decode()
    assert head["ContentType"] == "image/png"


def test_a_presigned_url_is_signed_by_the_fourth_version(blobs: S3Blobs) -> None:
    query = parse_qs(urlsplit(blobs.presign("a.png", expires_s=900)).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-SignedHeaders"] == ["host"]


def test_a_bucket_that_is_not_there_says_nothing_about_its_keys(ministack: Ministack) -> None:
    blobs = open_port("blobs", url_of(ministack, "nowhere"))
    for use in (blobs.get, blobs.exists, lambda key: blobs.put(key, b""), lambda key: list(blobs.keys(key))):
        with pytest.raises(Defect, match="bucket nowhere does not exist"):
            use("key")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://bucket", "option region: got nothing"),
        ("s3://bucket?region=here", "an AWS region"),
        ("s3://bucket/prefix?region=eu-central-1", "keys have no prefix"),
        ("s3://Bucket?region=eu-central-1", "no bucket's name"),
        ("s3://?region=eu-central-1", "no name after //"),
        ("s3://bucket?region=eu-central-1&notify=x", "'notify', wanted one of endpoint, region"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(url: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        open_port("blobs", url)
