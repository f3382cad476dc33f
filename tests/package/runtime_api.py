"""A small Runtime API: where AWS's own runtime client, which runs functions on Lambda, gets its events from."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import files
from pathlib import Path
from typing import Any

START = "import sys; sys.path[:0] = sys.argv[2:]; from awslambdaric.__main__ import main; main(sys.argv[:2])"
WAIT_S = 60


@dataclass
class Runtime:
    """Lambda's Runtime API and, under the same address, Parameter Store."""

    events: list[dict[str, Any]]
    answers: list[Any] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def end_with(self, process: subprocess.Popen[bytes]) -> None:
        """Nobody waits for the answers of a process that is gone."""
        process.wait()
        self.done.set()

    def answer(self, path: str, target: str | None, body: Any) -> tuple[int, Any]:
        if target == "AmazonSSM.GetParameter":
            self.secrets.append(body["Name"])
            return 200, {"Parameter": {"Name": body["Name"], "Type": "SecureString", "Value": "0123456789abcdef"}}
        self.answers.append(body if path.endswith("/response") else {path: body})
        if not path.endswith("/response") or len(self.answers) == len(self.events):
            self.done.set()
        return 202, {"status": "OK"}


@contextmanager
def served(runtime: Runtime) -> Iterator[str]:
    waiting, over = iter(runtime.events), threading.Event()

    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            event = next(waiting, None)
            if event is None:
                over.wait(WAIT_S)  # as Lambda lets a container wait that has nothing to do
                return
            arn = "arn:aws:lambda:eu-central-1:123456789012:function:intake"
            told = {"Aws-Request-Id": "1", "Deadline-Ms": "4102444800000", "Invoked-Function-Arn": arn}
            self._say(200, event, {f"Lambda-Runtime-{name}": value for name, value in told.items()})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"null")
            self._say(*runtime.answer(self.path, self.headers["x-amz-target"], body))

        def _say(self, status: int, told: Any, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            about = {"content-length": str(len(body)), "content-type": "application/json"}
            for name, value in (about | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            over.set()
            server.shutdown()


def lay_client(folder: Path) -> Path:
    """The runtime client and what it needs, alone: on Lambda too they are not the function's own."""
    for distribution in ("awslambdaric", "simplejson", "snapshot-restore-py"):
        for file in files(distribution) or ():
            if ".dist-info" not in file.parts[0]:
                link = folder.joinpath(*file.parts)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(Path(str(file.locate())))
    return folder
