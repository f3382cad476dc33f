"""A service of AWS that answers what it is told to, over HTTP, however wrong it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from shared.ports import aws


@dataclass(frozen=True)
class Answer:
    """`promised` bytes are announced, `body` is sent; `hangs` sends nothing. `echoes` are headers of the first request
    that come back under the same names."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    hangs: bool = False
    echoes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def xml_error(status: int, code: str) -> Answer:
    """As S3 says it."""
    return Answer(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())


def json_error(status: int, code: str) -> Answer:
    """As SQS says it."""
    return Answer(status, json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "m"}).encode())


class FakeAws:
    """Answers with what `answers` holds, one by one, and with a 500 when there is no more."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.option = f"endpoint={quote(endpoint, safe='')}"
        self.answers: list[Answer] = []
        self.asked: list[Asked] = []
        self.closing = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # it answers "100 Continue", which a put waits a second for
    fake: FakeAws

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.fake.asked.append(Asked(self.command, self.path, headers, body))
        answer = self.fake.answers.pop(0) if self.fake.answers else Answer(500)
        self.close_connection = True
        if answer.hangs:
            self.fake.closing.wait(5)
            return
        self.send_response(answer.status)
        length = len(answer.body) if answer.promised is None else answer.promised
        echoed = {name: self.fake.asked[0].headers[name] for name in answer.echoes}
        for name, value in {"connection": "close", "content-length": str(length), **answer.headers, **echoed}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_PUT = do_HEAD = do_POST = _serve  # noqa: N815 - the server's names

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(name="fake")
def fake_of_the_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setattr(aws, "READ_TIMEOUT_S", 0.3)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake = FakeAws(f"http://127.0.0.1:{server.server_port}")
        Handler.fake = fake
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield fake
        finally:
            fake.closing.set()
            server.shutdown()
            thread.join()
