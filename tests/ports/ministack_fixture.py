"""AWS on this machine, for the tests of a session; import the fixture where it is used.

ministack is exact where many write at once and where messages are delivered, which moto is not. It runs from a venv
of its own, listens on 127.0.0.1 alone, keeps nothing, and dies with this process, however this process dies. Its clock
can be moved on, so that nobody waits for a visibility to end.
It starts in 0.2 s: of several workers, each whose tests ask for it has one of its own.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from shared.ports.aws import client

ROOT = Path(__file__).parents[2]
REGION = "eu-central-1"
ACCOUNT = "000000000000"
START_S = 30.0

# Its clock is ahead by as many seconds as the file is long. And policies are asked about a key where the call names the
# key's alias, as AWS does: ministack itself asks them about the alias.
RUN = """
import os, sys, time
real, ahead = time.time, sys.argv.pop()
time.time = lambda: real() + os.stat(ahead).st_size
from ministack.app import main
from ministack.core import iam_actions
from ministack.services import kms
named = iam_actions.extract_resource_arn
def of_the_key(*request):
    arn = named(*request)
    key = kms._resolve_key(arn) if ":alias/" in arn else None
    return key["Arn"] if key else arn
iam_actions.extract_resource_arn = of_the_key
main()
"""

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Ministack:
    endpoint: str
    ahead: Path

    def advance(self, seconds: float) -> None:
        """For queues, schedules and what else expires; presigned URLs go by this machine's clock."""
        with self.ahead.open("ab") as file:
            file.write(bytes(math.ceil(seconds)))

    def client(self, service: str) -> Any:
        """The very client that an adapter opens."""
        return client(service, REGION, self.endpoint)

    @property
    def option(self) -> str:
        """`endpoint=...`, for an adapter's URL."""
        return f"endpoint={quote(self.endpoint, safe='')}"


@pytest.fixture(scope="session", name="ministack")
def ministack_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    with running_at(tmp_path_factory.mktemp("ministack")) as ministack:
        yield ministack


@contextmanager
def running_at(home: Path, *, obeys_roles: bool = False) -> Iterator[Ministack]:
    """One of one's own. `obeys_roles`: it checks signatures, and denies what no policy of the caller's role allows."""
    python = ROOT / ".ministack" / "bin" / "python"
    if not python.exists():
        pytest.fail("ministack is not installed: run `make setup-dev`")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))},
        **keys,
        "AUTH": str(obeys_roles).lower(),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "HOME": str(home),
        "IOT_MTLS_ENABLED": "0",  # else it listens on every address of this machine as well
        "LOG_LEVEL": "ERROR",
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "0",
        "TMPDIR": str(home),
    }
    leash = ROOT / "infra" / "twin" / "leash.py"
    ahead = home / "ahead"
    ahead.touch()
    command = [sys.executable, str(leash), str(python), "-c", RUN, str(ahead)]
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd=home) as process,
    ):
        for name, value in {**keys, "AWS_EC2_METADATA_DISABLED": "true"}.items():
            patch.setenv(name, value)
        running = Ministack(f"http://127.0.0.1:{port}", ahead)
        _await(running, process)
        yield running  # then the leash's end is closed, and ministack is gone


def _await(running: Ministack, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with _direct.open(f"{running.endpoint}/_ministack/health", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"ministack: no answer within {START_S:g} s")
