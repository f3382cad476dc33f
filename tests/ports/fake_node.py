"""A JSON-RPC node that errs: it speaks the wire format, passes on what it is not told to spoil, and counts."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What goes over the wire. `hang` answers nothing until the test is over; `drop` closes the connection."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drop: bool = False


def result(value: object) -> Reply:
    return Reply(json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode())


def error(code: int, message: str, data: object = None) -> Reply:
    told = {"code": code, "message": message} | ({"data": data} if data is not None else {})
    return Reply(json.dumps({"jsonrpc": "2.0", "id": 1, "error": told}).encode())


Spoiler = Callable[[dict[str, Any]], Reply]


@dataclass
class FakeNode:
    """`spoilers` holds the reply for a method; every other method goes to `upstream`."""

    url: str
    upstream: str | None
    spoilers: dict[str, Spoiler] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    batches: bool = True
    """Whether it takes several questions at once."""
    over: threading.Event = field(default_factory=threading.Event)

    def ask_upstream(self, question: dict[str, Any]) -> Reply:
        assert self.upstream is not None, f"nobody to pass {question['method']} on to"
        request = urllib.request.Request(
            self.upstream, json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return Reply(response.read())

    def reply(self, asked: Any) -> Reply:
        """To a question, or to several at once: then by id and backwards, as a node may."""
        if isinstance(asked, dict):
            return self.reply_to_one(asked)
        if not self.batches:
            return error(-32600, "batches are not for you")
        told: list[Any] = []
        for question in asked:
            reply = self.reply_to_one(question)
            if reply.hang or reply.drop or reply.status != 200:
                return reply
            try:
                answer = json.loads(reply.body)
            except ValueError:
                return reply
            told.insert(0, answer | {"id": question["id"]} if isinstance(answer, dict) else answer)
        return Reply(json.dumps(told).encode())

    def reply_to_one(self, question: dict[str, Any]) -> Reply:
        self.seen.append(question["method"])
        spoiler = self.spoilers.get(question["method"])
        return spoiler(question) if spoiler else self.ask_upstream(question)


@contextmanager
def fake_node(upstream: str | None = None) -> Iterator[FakeNode]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            node.paths.append(self.path)
            reply = node.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if reply.hang:
                node.over.wait()
            if reply.hang or reply.drop:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in ({"Content-Type": "application/json"} | reply.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        node = FakeNode(f"http://127.0.0.1:{server.server_port}", upstream)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield node
        finally:
            node.over.set()
            server.shutdown()
            serving.join()
