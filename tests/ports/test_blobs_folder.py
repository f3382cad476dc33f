from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest

from shared.errors import Forbidden, Invalid, MonoprintError
from shared.messages import result_key
from shared.ports.blobs import Blobs
from shared.ports.blobs.folder import FolderBlobs
from shared.ports.open import open_port
from shared.ports.queue import Queue
from tests.ports.blobs_behaviour import JOB, Advance, BlobsBehaviour, Fetch, Fetched
from tests.ports.virtual_clock import VirtualClock

SERVE = "https://prints.example"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def blobs(tmp_path: Path, clock: VirtualClock) -> Iterator[FolderBlobs]:
    notify = quote(f"sqlite://?memory={tmp_path.name}&name=judge", safe="")
    url = f"folder://{tmp_path}/blobs?notify={notify}&serve={quote(SERVE, safe='')}"
    with closing(FolderBlobs.open(url, clock=clock)) as blobs:
        yield blobs


class TestFolder(BlobsBehaviour):
    @pytest.fixture
    def blobs(self, blobs: FolderBlobs) -> Blobs:
        return blobs

    @pytest.fixture
    def announcements(self, tmp_path: Path, clock: VirtualClock) -> Iterator[Queue]:
        with closing(open_port("queue", f"sqlite://?memory={tmp_path.name}&name=judge", clock=clock)) as queue:
            yield queue

    @pytest.fixture
    def prefix(self) -> str:
        return "test/"

    @pytest.fixture
    def advance(self, clock: VirtualClock) -> Advance:
        return clock.advance

    @pytest.fixture
    def fetch(self, blobs: FolderBlobs, clock: VirtualClock) -> Fetch:
        def fetch(url: str) -> Fetched:
            key, query = taken_apart(url)
            return Fetched(*blobs.open_presigned(key, query, clock()))

        return fetch


def taken_apart(url: str) -> tuple[str, dict[str, str]]:
    assert url.startswith(f"{SERVE}/v1/blobs/")
    parts = urlsplit(url)
    return unquote(parts.path.removeprefix("/v1/blobs/")), dict(parse_qsl(parts.query))


def test_blobs_stay_and_lie_under_the_root_for_their_owner_alone(tmp_path: Path, blobs: FolderBlobs) -> None:
    blobs.put("jobs/7/a.png", b"a")
    with closing(open_port("blobs", f"folder://{tmp_path}/blobs")) as again:
        assert again.get("jobs/7/a.png") == b"a"
    files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "blobs")) for path in files} == {
        "objects/jobs=/7=/a.png",
        "presign.secret",
    }
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


PUTTER = """
import sys
from shared.ports.open import open_port
blobs = open_port("blobs", sys.argv[1])
for number in range(60):
    if blobs.put(f"jobs/{number}/result.json", sys.argv[2].encode() * 3000):
        print(number)
blobs.close()
"""


def test_fault_13_of_processes_that_put_one_key_one_wins_and_is_announced(tmp_path: Path) -> None:
    judge = f"sqlite://{tmp_path}/queue.db?name=judge"
    url = f"folder://{tmp_path}/blobs?notify={quote(judge, safe='')}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    processes = [
        subprocess.Popen([sys.executable, "-c", PUTTER, url, who], stdout=subprocess.PIPE, text=True, env=environment)
        for who in "abc"
    ]
    won = {who: process.communicate(timeout=20)[0].split() for who, process in zip("abc", processes, strict=True)}
    assert sorted(number for numbers in won.values() for number in numbers) == sorted(map(str, range(60)))
    announced: list[str] = []
    with closing(open_port("blobs", url)) as blobs, closing(open_port("queue", judge)) as queue:
        for who, numbers in won.items():
            assert all(blobs.get(f"jobs/{number}/result.json") == who.encode() * 3000 for number in numbers)
        while batch := queue.receive():
            announced += [json.loads(message.body)["Records"][0]["s3"]["object"]["key"] for message in batch]
    assert sorted(announced) == sorted(f"jobs/{number}/result.json" for number in range(60))


def test_fault_08_a_result_that_was_not_announced_is_stored_and_found_by_its_key(tmp_path: Path) -> None:
    notify = quote("sqlite:///dev/null/queue.db?name=judge", safe="")
    with closing(open_port("blobs", f"folder://{tmp_path}/blobs?notify={notify}")) as blobs:
        with pytest.raises(MonoprintError):
            blobs.put(result_key(JOB), b"{}")
        assert list(blobs.keys(f"jobs/{JOB}/")) == [result_key(JOB)]
        assert not blobs.put(result_key(JOB), b"{}")


def test_an_announcement_has_the_shape_that_s3_sends(tmp_path: Path, blobs: FolderBlobs, clock: VirtualClock) -> None:
    blobs.put("jobs/1/result.json", b"{}")
    with closing(open_port("queue", f"sqlite://?memory={tmp_path.name}&name=judge", clock=clock)) as queue:
        [record] = json.loads(queue.receive()[0].body)["Records"]
    assert set(record) == {
        "eventVersion", "eventSource", "awsRegion", "eventTime", "eventName", "userIdentity", "requestParameters",
        "responseElements", "s3",
    }  # fmt: skip
    assert set(record["s3"]) == {"s3SchemaVersion", "configurationId", "bucket", "object"}
    assert set(record["s3"]["bucket"]) == {"name", "ownerIdentity", "arn"}
    assert (record["eventVersion"], record["eventSource"]) == ("2.1", "aws:s3")
    assert (record["eventName"], record["eventTime"]) == ("ObjectCreated:Put", "2026-11-02T09:30:00.250Z")
    assert record["s3"]["object"] == {
        "key": "jobs/1/result.json",
        "size": 2,
        "eTag": "99914b932bd37a50b983c5e7c90ae93b",
        "sequencer": record["s3"]["object"]["sequencer"],
    }
    assert int(record["s3"]["object"]["sequencer"], 16) > 0


def test_fault_14_a_changed_url_is_forbidden(blobs: FolderBlobs, clock: VirtualClock) -> None:
    blobs.put("a.png", b"a", content_type="image/png")
    key, query = taken_apart(blobs.presign("a.png", expires_s=900, filename="a.png"))
    assert blobs.open_presigned(key, query, clock()) == (b"a", "image/png", "a.png")
    later, signature = str(int(query["expires"]) + 1), query["signature"]
    changes = [
        {"expires": later}, {"filename": "b.png"}, {"signature": ""}, {"signature": signature[:-1] + "é"},
        {"signature": "\ud800"}, {"signature": signature.upper()}, {"expires": ""}, {"expires": "x"},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(Forbidden):
            blobs.open_presigned(key, query | change, clock())
    for missing in query:
        with pytest.raises(Forbidden):
            blobs.open_presigned(key, {name: value for name, value in query.items() if name != missing}, clock())
    for other in ("b.png", "../a.png", "", "a.png/"):
        with pytest.raises(Forbidden):
            blobs.open_presigned(other, query, clock())


def test_a_url_lasts_900_s_and_needs_an_address(tmp_path: Path, blobs: FolderBlobs, clock: VirtualClock) -> None:
    blobs.put("a", b"a")
    key, query = taken_apart(blobs.presign("a"))
    clock.advance(899)
    assert blobs.open_presigned(key, query, clock())[0] == b"a"
    clock.advance(1)
    with pytest.raises(Forbidden, match="no longer valid"):
        blobs.open_presigned(key, query, clock())
    with closing(FolderBlobs.open(f"folder://{tmp_path}/other?serve={quote(SERVE)}", clock=clock)) as other:
        fresh = taken_apart(other.presign("a"))
    with pytest.raises(Forbidden):
        blobs.open_presigned(*fresh, clock())
    with closing(open_port("blobs", f"folder://{tmp_path}/blobs")) as unserved, pytest.raises(Invalid, match="serve"):
        unserved.presign("a")


@pytest.mark.parametrize(
    "url",
    ["folder://", "folder:///", "folder:///tmp/x?serve=ftp%3A%2F%2Fx", "folder:///dev/null/x", "folder:///tmp/x?a=b"],
)
def test_a_wrong_url_says_what_is_wrong(url: str) -> None:
    with pytest.raises(Invalid, match="blobs url"):
        open_port("blobs", url)
