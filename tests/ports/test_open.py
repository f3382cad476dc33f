from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import Invalid
from shared.ports.open import open_port


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///tmp/q.db", "option name: got nothing"),
        ("sqlite:///tmp/q.db?name=a%20b", "option name"),
        ("sqlite://?name=plan", "no file"),
        ("sqlite:///tmp/q.db?name=plan&memory=x", "no file"),
        ("sqlite:///tmp/q.db?name=plan&visibilty_s=3", "'visibilty_s'.*visibility_s"),
        ("sqlite:///tmp/q.db?name=plan&name=render", "it twice"),
        ("sqlite:///tmp/q.db?name=plan&fifo=yes", "'yes'"),
        ("sqlite:///tmp/q.db?name=plan&visibility_s=0", "1 to 43200"),
        ("sqlite:///tmp/q.db?name=plan&max_receives=1001", "1 to 1000"),
        ("sqlite:///tmp/q.db?plan", "without '='"),
        ("sqlite://q.db?name=plan", "a relative path"),
        ("kafka://queue?name=plan", "scheme 'kafka', wanted one of sqlite:, sqs:"),
        ("q.db", "no scheme"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(url: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        open_port("queue", url)


def test_every_option_is_refused_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="the option 'mode', wanted no options"):
        open_port("pinner", f"folder://{tmp_path}/blocks?mode=0644")


def test_no_message_repeats_a_url_that_may_hold_a_secret() -> None:
    with pytest.raises(Invalid) as raised:
        open_port("chain", "wss://user:hunter2@node/v3/hunter2")
    assert "hunter2" not in str(raised.value)
    assert "wanted one of http:, https:" in str(raised.value)


def test_a_light_port_imports_no_heavy_library() -> None:
    code = (
        "import sys, shared.ports.open as o; o.open_port('ledger', 'sqlite://?memory=m').close(); print(*sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    loaded = set(shown.stdout.split())
    assert "shared.ports.ledger.sqlite" in loaded
    assert not loaded & {
        "botocore",
        "cryptography",
        "pydantic",
        "web3",
        "shared.ports.queue.sqlite",
        "shared.ports.blobs.folder",
    }


def test_a_port_that_nobody_knows_and_a_file_that_cannot_be() -> None:
    with pytest.raises(Invalid, match="wanted one of blobs"):
        open_port("post", "sqlite:///tmp/q.db")
    with pytest.raises(Invalid, match="a file that can be written"):
        open_port("queue", "sqlite:///dev/null/q.db?name=plan")
