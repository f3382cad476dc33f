"""What S3 may answer, or not: nothing is taken for absent, nothing is done twice."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest

from shared.errors import Defect, NotFound, Transient
from shared.ports.blobs import Blobs
from shared.ports.open import open_port
from tests.ports.fake_aws import Answer, FakeAws, fake_of_the_test, xml_error  # noqa: F401 - a fixture

KEY = "jobs/7/result.json"
SLOW_DOWN = xml_error(503, "SlowDown")
HANGS = Answer(hangs=True)
THERE = xml_error(412, "PreconditionFailed")
CONFLICT = xml_error(409, "ConditionalRequestConflict")

USES: list[Callable[[Blobs], object]] = [
    lambda blobs: blobs.get(KEY),
    lambda blobs: blobs.exists(KEY),
    lambda blobs: blobs.put(KEY, b"x"),
    lambda blobs: list(blobs.keys("jobs/")),
]
use = pytest.mark.parametrize("use", USES, ids=["get", "exists", "put", "keys"])


@pytest.fixture
def blobs(fake: FakeAws) -> Blobs:
    return open_port("blobs", f"s3://monoprint?region=eu-central-1&{fake.option}")


def whole(data: bytes, *, of: bytes | None = None) -> Answer:
    digest = hashlib.sha256(data if of is None else of).digest()
    return Answer(200, data, {"x-amz-checksum-sha256": base64.b64encode(digest).decode()})


@use
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (SLOW_DOWN, "(throttles|cannot do) s3:"),
        (Answer(500), "cannot do s3:"),
        (Answer(502, b"<html>"), "s3:"),
        (HANGS, "no answer"),
    ],
    ids=["throttled", "500", "gateway", "hangs"],
)
def test_fault_18_what_s3_does_not_say_is_transient(
    fake: FakeAws, blobs: Blobs, use: Callable[[Blobs], object], answer: Answer, says: str
) -> None:
    fake.answers = [answer] * 3
    with pytest.raises(Transient, match=says) as raised:
        use(blobs)
    assert raised.value.retry_after_s > 0
    assert len(fake.asked) == 3


def test_fault_18_what_passes_is_not_noticed(fake: FakeAws, blobs: Blobs) -> None:
    fake.answers = [SLOW_DOWN, HANGS, whole(b"x")]
    assert blobs.get(KEY) == b"x"
    fake.answers = [SLOW_DOWN, Answer()]
    assert blobs.put(KEY, b"x")
    assert fake.asked[-1].headers["if-none-match"] == "*"


@use
@pytest.mark.parametrize("code", ["AccessDenied", "AllAccessDisabled"])
def test_fault_18_a_denial_is_not_an_absence(
    fake: FakeAws, blobs: Blobs, use: Callable[[Blobs], object], code: str
) -> None:
    fake.answers = [xml_error(403, code)]
    with pytest.raises(Defect, match=r"the role lacks s3:(GetObject or s3:ListBucket|PutObject|ListBucket) "):
        use(blobs)


def test_fault_18_only_s3_says_that_a_key_is_absent(fake: FakeAws, blobs: Blobs) -> None:
    fake.answers = [xml_error(404, "NoSuchKey"), Answer(404), xml_error(404, "NoSuchKey")]
    with pytest.raises(NotFound):
        blobs.get(KEY)
    assert not blobs.exists(KEY)
    assert [asked.method for asked in fake.asked] == ["GET", "HEAD", "GET"]
    for answer in (xml_error(404, "NoSuchBucket"), Answer(404, b"<html>not found</html>"), Answer(404)):
        fake.answers = [answer, Answer(404), answer]
        with pytest.raises(Defect):
            blobs.get(KEY)
        with pytest.raises(Defect):
            blobs.exists(KEY)


@pytest.mark.parametrize(
    "broken",
    [Answer(200, b"hal", promised=4), whole(b"hxlf", of=b"half")],
    ids=["truncated", "changed"],
)
def test_fault_18_half_a_body_is_read_again_and_never_returned(fake: FakeAws, blobs: Blobs, broken: Answer) -> None:
    fake.answers = [broken, broken, whole(b"half")]
    assert blobs.get(KEY) == b"half"
    fake.answers = [broken] * 3
    with pytest.raises(Transient, match="no answer to s3:GetObject"):
        blobs.get(KEY)


def test_a_list_that_is_cut_off_is_transient(fake: FakeAws, blobs: Blobs) -> None:
    fake.answers = [Answer(200, b"<ListBucketResult><Contents><Key>jobs/1")] * 3
    with pytest.raises(Transient):
        list(blobs.keys("jobs/"))


def test_a_list_goes_on_over_its_pages_and_a_lost_page_is_no_end(fake: FakeAws, blobs: Blobs) -> None:
    first = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>%s%s"
    last = b"<ListBucketResult><IsTruncated>false</IsTruncated>%s</ListBucketResult>"
    a, b, c = (b"<Contents><Key>jobs/%s</Key></Contents>" % name for name in (b"a", b"b", b"c"))
    fake.answers = [Answer(200, first % (a, b) + b"</ListBucketResult>"), Answer(200, last % c)]
    assert list(blobs.keys("jobs/")) == ["jobs/a", "jobs/b", "jobs/c"]
    assert "continuation-token=t" in fake.asked[1].path
    fake.answers = [Answer(200, first % (a, b) + b"</ListBucketResult>"), *[SLOW_DOWN] * 3]
    with pytest.raises(Transient):
        list(blobs.keys("jobs/"))


@pytest.mark.parametrize("before", [[HANGS], [Answer(500)], [HANGS, HANGS]], ids=["hangs", "500", "hangs twice"])
def test_fault_13_a_put_whose_answer_was_lost_learns_that_it_was_the_first(
    fake: FakeAws, blobs: Blobs, before: list[Answer]
) -> None:
    fake.answers = [*before, THERE, Answer(200, echoes=("x-amz-meta-put",))]
    assert blobs.put(KEY, b"x")
    assert [asked.method for asked in fake.asked] == ["PUT"] * (len(before) + 1) + ["HEAD"]
    assert len({asked.headers["x-amz-meta-put"] for asked in fake.asked[:-1]}) == 1


@pytest.mark.parametrize("other", [Answer(200, headers={"x-amz-meta-put": "another"}), Answer()], ids=["put", "none"])
def test_fault_13_a_put_whose_answer_was_lost_learns_that_another_was_first(
    fake: FakeAws, blobs: Blobs, other: Answer
) -> None:
    fake.answers = [HANGS, THERE, other]
    assert not blobs.put(KEY, b"x")


def test_fault_13_who_comes_late_is_told_so_at_once(fake: FakeAws, blobs: Blobs) -> None:
    fake.answers = [THERE]
    assert not blobs.put(KEY, b"x")
    assert len(fake.asked) == 1


def test_a_conflict_with_a_put_beside_it_is_tried_again(fake: FakeAws, blobs: Blobs) -> None:
    fake.answers = [CONFLICT, Answer()]
    assert blobs.put(KEY, b"x")
    fake.answers = [CONFLICT, THERE]
    assert not blobs.put(KEY, b"x")
    fake.answers = [CONFLICT] * 4
    with pytest.raises(Transient):
        blobs.put(KEY, b"x")
