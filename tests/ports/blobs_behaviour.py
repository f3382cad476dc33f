"""What every blob store must do. An adapter's test derives from `BlobsBehaviour` and brings the fixtures."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.errors import Forbidden, Invalid, NotFound
from shared.messages import JudgeJob, result_key
from shared.ports.blobs import Blobs
from shared.ports.queue import Queue

POLLS = 40
JOB = f"{'ab' * 32}-1"
BAD_KEYS = [
    "", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b", "a..b", "a\\b", "a b",
    "a\n", "a\x00", "ä", "é/x", "a=", "a=/b", "C:", "~", "%2e%2e/a", "a?b", "a#b", "\uff0e\uff0e/a", "x" * 513,
    "x" * 251, f"{'y' * 251}/a", "\ud800",
]  # fmt: skip

Advance = Callable[[float], None]


class Fetched(NamedTuple):
    data: bytes
    content_type: str
    filename: str | None


# Reads a presigned URL as the collector's browser does. Raises `Forbidden` or `NotFound`.
Fetch = Callable[[str], Fetched]

parts = st.text("abAB01._-", min_size=1, max_size=12).filter(lambda part: part != "." and ".." not in part)
good_keys = st.lists(parts, min_size=1, max_size=5).map("/".join)


class BlobsBehaviour:
    """A store may hold other blobs: each test writes under the prefix it is given."""

    @pytest.fixture
    def blobs(self) -> Blobs:
        """Announces what ends in `result.json` to `announcements`."""
        raise NotImplementedError

    @pytest.fixture
    def announcements(self) -> Queue:
        raise NotImplementedError

    @pytest.fixture
    def prefix(self) -> str:
        """Ends in a slash, and no other test uses it."""
        raise NotImplementedError

    @pytest.fixture
    def fetch(self) -> Fetch:
        raise NotImplementedError

    @pytest.fixture
    def advance(self) -> Advance:
        raise NotImplementedError

    def test_bytes_are_read_as_they_were_put(self, blobs: Blobs, prefix: str) -> None:
        for name, data in (("empty", b""), ("text", b"hello\n"), ("bytes", bytes(range(256)) * 5000)):
            assert not blobs.exists(prefix + name)
            with pytest.raises(NotFound):
                blobs.get(prefix + name)
            assert blobs.put(prefix + name, data)
            assert blobs.exists(prefix + name)
            assert blobs.get(prefix + name) == data

    def test_fault_13_the_first_bytes_stand(self, blobs: Blobs, prefix: str) -> None:
        assert blobs.put(f"{prefix}result.json", b"first", content_type="application/json")
        assert not blobs.put(f"{prefix}result.json", b"second", content_type="text/plain")
        assert not blobs.put(f"{prefix}result.json", b"first")
        assert blobs.get(f"{prefix}result.json") == b"first"

    def test_fault_15_of_concurrent_puts_one_wins(self, blobs: Blobs, prefix: str) -> None:
        def spawn(call: int) -> list[int]:
            return [job for job in range(12) if blobs.put(f"{prefix}{job}/lease-1", b"%d" % call * 2000)]

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(spawn, range(8)))
        assert sorted(job for jobs in won for job in jobs) == list(range(12))
        for call, jobs in enumerate(won):
            for job in jobs:
                assert blobs.get(f"{prefix}{job}/lease-1") == b"%d" % call * 2000

    def test_a_blob_is_never_seen_half_written(self, blobs: Blobs, prefix: str) -> None:
        large = bytes(1_000_000) + b"end"
        with ThreadPoolExecutor(1) as pool:
            putting = pool.submit(lambda: [blobs.put(f"{prefix}{number}", large) for number in range(12)])
            seen = 0
            while not putting.done() or seen < 12:
                names = list(blobs.keys(prefix))
                if len(names) > seen:
                    seen = len(names)
                    assert all(blobs.get(name) == large for name in names[-2:])
            assert all(putting.result())

    def test_keys_are_listed_under_a_prefix_ascending(self, blobs: Blobs, prefix: str) -> None:
        names = [
            "jobs/b/2.png",
            "jobs/b",
            "jobs/a/result.json",
            "jobs/a-b",
            "jobs/a.b",
            "jobs/a/x/y",
            "jobs-old",
            "jobs/B",
        ]
        for name in names:
            assert blobs.put(prefix + name, name.encode())
        listed = [key.removeprefix(prefix) for key in blobs.keys(prefix)]
        assert listed == sorted(names)
        for beginning in (
            "jobs",
            "jobs/",
            "jobs/a",
            "jobs/a/",
            "jobs/a.",
            "jobs/b",
            "jobs/b/",
            "jobs/c",
            "nothing/here",
        ):
            expected = [prefix + name for name in sorted(names) if name.startswith(beginning)]
            assert list(blobs.keys(prefix + beginning)) == expected
        assert blobs.get(f"{prefix}jobs/b") == b"jobs/b", "a key may begin as another one does"

    @pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
    def test_a_bad_key_is_refused_everywhere(self, blobs: Blobs, key: str) -> None:
        for use in (blobs.get, blobs.exists, blobs.presign, lambda key: blobs.put(key, b"x")):
            with pytest.raises(Invalid):
                use(key)

    @pytest.mark.parametrize("beginning", ["/", "../", "a/../", "a//", "ä", "a\\", "a=", "./a", ".."])
    def test_a_bad_prefix_is_refused(self, blobs: Blobs, beginning: str) -> None:
        with pytest.raises(Invalid):
            list(blobs.keys(beginning))

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(keys=st.lists(good_keys, min_size=1, max_size=4, unique=True))
    @example(keys=["a", "a/b", "a/b/c", "a.b", "-", "_", ".a", "a."])
    def test_every_good_key_keeps_its_own_bytes(self, blobs: Blobs, prefix: str, keys: list[str]) -> None:
        for key in keys:
            put = blobs.put(prefix + key, key.encode())
            assert put or blobs.get(prefix + key) == key.encode()
        for key in keys:
            assert blobs.get(prefix + key) == key.encode()
        assert {prefix + key for key in keys} <= set(blobs.keys(prefix))

    @pytest.mark.parametrize("content_type", ["", "image", "image/png\r\nX: y", "text/html;x=y", "ä/b", "a/b/c"])
    def test_a_content_type_is_one(self, blobs: Blobs, prefix: str, content_type: str) -> None:
        with pytest.raises(Invalid):
            blobs.put(prefix + "x", b"", content_type=content_type)
        assert not blobs.exists(prefix + "x")

    def test_a_result_is_announced_once_and_nothing_else_is(self, blobs: Blobs, announcements: Queue) -> None:
        folder = f"jobs/{JOB}"
        assert blobs.put(f"{folder}/{'00' * 32}.png", b"picture")
        assert blobs.put(f"{folder}/lease-1", b"call")
        assert announcements.receive() == []
        assert blobs.put(result_key(JOB), b'{"status": "rendered"}')
        assert not blobs.put(result_key(JOB), b'{"status": "failed"}')
        message = next(message for _ in range(POLLS) for message in announcements.receive())
        assert JudgeJob.from_bodies(message.body) == [JudgeJob(job_id=JOB)]
        [record] = json.loads(message.body)["Records"]
        assert record["s3"]["object"]["size"] == len(b'{"status": "rendered"}')
        assert blobs.get(record["s3"]["object"]["key"]) == b'{"status": "rendered"}'
        announcements.delete(message.receipt)
        assert announcements.receive() == []

    def test_a_presigned_url_reads_its_key(self, blobs: Blobs, prefix: str, fetch: Fetch) -> None:
        blobs.put(f"{prefix}a.png", b"\x89PNG", content_type="image/png")
        assert fetch(blobs.presign(f"{prefix}a.png")) == Fetched(b"\x89PNG", "image/png", None)
        url = blobs.presign(f"{prefix}a.png", expires_s=60, filename="My print 1.png")
        assert fetch(url) == Fetched(b"\x89PNG", "image/png", "My print 1.png")
        with pytest.raises(NotFound):
            fetch(blobs.presign(f"{prefix}b.png"))

    def test_a_presigned_url_reads_no_other_key(self, blobs: Blobs, prefix: str, fetch: Fetch) -> None:
        blobs.put(f"{prefix}mine.png", b"mine")
        blobs.put(f"{prefix}hers.png", b"hers")
        with pytest.raises(Forbidden):
            fetch(blobs.presign(f"{prefix}mine.png").replace("mine", "hers"))

    def test_a_presigned_url_ends(self, blobs: Blobs, prefix: str, fetch: Fetch, advance: Advance) -> None:
        blobs.put(f"{prefix}a.png", b"a")
        url = blobs.presign(f"{prefix}a.png", expires_s=2)
        assert fetch(url).data == b"a"
        advance(3)
        with pytest.raises(Forbidden):
            fetch(url)

    def test_presigning_within_the_limits(self, blobs: Blobs, prefix: str) -> None:
        for expires_s in (0, -1, 901):
            with pytest.raises(Invalid):
                blobs.presign(f"{prefix}a.png", expires_s=expires_s)
        for filename in ("", "a\r\nSet-Cookie: b", 'a"b', "a/b", "..\\b", ".hidden", "ä.png", "x" * 121):
            with pytest.raises(Invalid):
                blobs.presign(f"{prefix}a.png", filename=filename)
