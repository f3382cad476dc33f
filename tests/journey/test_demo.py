"""`monoprint demo` in a process of its own, whatever happens to it; what it leaves is verified from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.journey.twenty import small_collection

pytestmark = [pytest.mark.journey]
ROOT = Path(__file__).resolve().parents[2]
STOPS = {"plan", "render", "judge", "publish", "mint", "confirm"}
FIELDS = {
    "collector": str,
    "name": str,
    "request_id": str,
    "owner": str,
    "token_id": str,
    "tx_hash": str,
    "gas_used": int,
    "metadata_cid": str,
    "image_cid": str,
    "image_sha256": str,
    "picture": str,
    "traits": dict,
    "reasons": dict,
    "seconds": dict,
}
NO_SKIA = "import sys\nsys.modules['skia'] = None\n"


class Demo:
    """One home, one `out`, one small collection, and as many runs as are wanted."""

    def __init__(self, folder: Path, *, example: str = "ember-order", skia: bool = True) -> None:
        self.home, self.out = folder / "home", folder / "out"
        self.collection = small_collection(folder / "collection", example, publish_px=256)
        self.environ = dict(os.environ)
        if not skia:
            (folder / "site").mkdir()
            (folder / "site" / "sitecustomize.py").write_text(NO_SKIA)
            self.environ["PYTHONPATH"] = os.pathsep.join(
                filter(None, [str(folder / "site"), os.environ.get("PYTHONPATH", "")])
            )

    def command(self, *more: str) -> list[str]:
        named = ["--home", str(self.home), "--out", str(self.out), "--collection", str(self.collection)]
        return [sys.executable, "-m", "infra.cli", "demo", *named, *more]

    def run(self, *more: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            self.command(*more),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=self.environ,
            timeout=180,
            check=False,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        assert self.left_running() == []
        return ended

    @contextmanager
    def until(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A run in a process group of its own, handed over as soon as it says one of `words`."""
        process = subprocess.Popen(
            self.command(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=self.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            seen = []
            for line in process.stdout:
                seen.append(line)
                if any(word in line for word in words):
                    break
            else:
                raise AssertionError(f"said none of {words}: {''.join(seen)}")
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=60)
            process.stdout.close()

    def left_running(self) -> list[str]:
        """Processes of this home that outlived their command, its chain first of all."""
        left: list[str] = []
        for _ in range(20):
            listed = subprocess.run(["ps", "-axww", "-o", "command="], capture_output=True, text=True, check=True)
            left = [line for line in listed.stdout.splitlines() if str(self.home) in line]
            if not left:
                break
            time.sleep(0.1)
        return left

    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "demo.json").read_text(encoding="utf-8"))
        return found

    def filed(self) -> int:
        """How many requests the ledger holds."""
        with closing(sqlite3.connect(f"file:{quote(str(self.home / 'ledger.db'))}?mode=ro", uri=True)) as ledger:
            return int(ledger.execute("SELECT count(*) FROM items WHERE CAST(sort AS TEXT) = 'request'").fetchone()[0])


def verify(demo: Path, chain_state: Path, cars: Path) -> None:
    script = Path(__file__).with_name("verify_demo.py")
    where = ["--demo", str(demo), "--chain-state", str(chain_state), "--blocks", str(cars)]
    ended = subprocess.run(
        [sys.executable, str(script), *where], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def keys_of(told: dict[str, Any], name: str) -> set[str]:
    return {json.dumps(token[name], sort_keys=True) for token in told["tokens"]}


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Demo, Path]:
    """A demo of two rounds; between them its chain was deleted. The first round's `out` is kept aside."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    said = demo.run().stdout
    assert f"{demo.out / 'index.html'}" in said
    first = demo.out.with_name("first")
    shutil.copytree(demo.out, first)
    verify(first / "demo.json", first / "chain-state.json", first / "cars")
    shutil.rmtree(demo.home / "chain")
    demo.run("--json")
    return demo, first


def test_a_round_tells_all_that_it_should(rounds: tuple[Demo, Path]) -> None:
    _, first = rounds
    told = json.loads((first / "demo.json").read_text(encoding="utf-8"))
    assert told["chain_id"] == 31337
    assert told["collection"]["slug"] == "ember-order"
    assert told["contract"].startswith("0x")
    assert len(told["tokens"]) == 6
    for token in told["tokens"]:
        assert {name: type(value) for name, value in token.items()} == FIELDS
        assert token["traits"].keys() == token["reasons"].keys()
        assert all(token["reasons"].values())
        assert token["seconds"].keys() >= STOPS
        assert all(spent >= 0 for spent in token["seconds"].values())
        assert (first / token["picture"]).read_bytes().startswith(b"\x89PNG")
        json.loads((first / "metadata" / f"{token['collector']}.json").read_text(encoding="utf-8"))


def test_the_page_shows_every_token_and_needs_nothing_from_elsewhere(rounds: tuple[Demo, Path]) -> None:
    _, first = rounds
    page = (first / "index.html").read_text(encoding="utf-8")
    for token in json.loads((first / "demo.json").read_text(encoding="utf-8"))["tokens"]:
        for name in ("token_id", "owner", "tx_hash", "metadata_cid", "image_cid", "picture"):
            assert token[name] in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert "<script" not in page
    assert page.count("<h1>") == 1


def test_the_next_round_has_six_others_also_on_a_chain_that_was_deleted(rounds: tuple[Demo, Path]) -> None:
    demo, first = rounds
    before, after = json.loads((first / "demo.json").read_text(encoding="utf-8")), demo.told()
    assert (before["round"], after["round"]) == (1, 2)
    assert before["contract"] == after["contract"]
    for name in ("request_id", "token_id", "tx_hash", "image_sha256", "metadata_cid", "traits"):
        assert not keys_of(before, name) & keys_of(after, name)
    # Both rounds as one: what the first minted is on the new chain again.
    for token in before["tokens"]:
        token["picture"] = f"first/{token['picture']}"
    for token in after["tokens"]:
        token["picture"] = f"out/{token['picture']}"
    both, cars = first.parent / "both.json", first.parent / "cars"
    both.write_text(json.dumps(before | {"tokens": before["tokens"] + after["tokens"]}))
    for out in (first, demo.out):
        shutil.copytree(out / "cars", cars / out.name)
    verify(both, demo.out / "chain-state.json", cars)


def test_a_round_that_was_stopped_in_three_ways_is_ended_once_and_without_skia(tmp_path: Path) -> None:
    demo = Demo(tmp_path, example="weather-portraits", skia=False)

    late = demo.run("--timeout", "0.01", code=75)
    assert "2 of 2 requests did not end within" in late.stderr
    assert late.stderr.count("monoprint status ") == 2
    assert "twin.jsonl" in late.stderr

    with demo.until("rendering") as process:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "run the demo again and it goes on where it was" in said
    assert "Traceback" not in said
    assert demo.left_running() == []

    with demo.until("approved", "published", "minting", "minted") as process:  # some are over before they are shown
        os.killpg(process.pid, signal.SIGKILL)
    assert demo.left_running() == []

    demo.run()
    assert demo.told()["round"] == 1
    assert len(keys_of(demo.told(), "token_id")) == demo.filed() == 2
    verify(demo.out / "demo.json", demo.out / "chain-state.json", demo.out / "cars")


def test_the_sample_is_minted_without_skia_too(tmp_path: Path) -> None:
    demo = Demo(tmp_path, skia=False)
    demo.run()
    told = demo.told()
    assert told["collection"]["slug"] == "ember-order"
    assert len(keys_of(told, "token_id")) == len(keys_of(told, "image_sha256")) == 6
    verify(demo.out / "demo.json", demo.out / "chain-state.json", demo.out / "cars")


def test_a_demo_uses_the_twin_that_runs(tmp_path: Path) -> None:
    demo = Demo(tmp_path, example="weather-portraits")
    command = [sys.executable, "-m", "infra.cli", "up", "--home", str(demo.home), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as twin:
        assert twin.stdout is not None
        running = json.loads(twin.stdout.readline())
        try:
            ended = subprocess.run(demo.command(), capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
        finally:
            twin.terminate()
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "starting the twin" not in ended.stdout
    assert demo.told()["contract"] == running["contract"]
    verify(demo.out / "demo.json", demo.out / "chain-state.json", demo.out / "cars")
