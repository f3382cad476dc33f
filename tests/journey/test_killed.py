"""SIGKILL of the whole twin in the middle of the work: nothing is lost, nothing is minted twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from web3 import Web3

from infra.client import Client
from infra.publishing import publish_folder
from infra.twin.home import CHAIN_ID, Home
from shared.clock import utc_now
from shared.ports.chain.rpc import RpcChain
from tests.journey.twenty import collector, small_collection

pytestmark = [pytest.mark.journey]
REQUESTS = 20
SLUG = "weather-portraits"


@contextmanager
def twin(home: Home) -> Iterator[tuple[Client, subprocess.Popen[bytes]]]:
    """`monoprint up` in a process group of its own, ready to be asked."""
    command = [sys.executable, "-m", "infra.cli", "up", "--home", str(home.path), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    try:
        told = process.stdout.readline()
        assert told, f"the twin did not start: exit code {process.wait()}"
        with Client.of(home, json.loads(told)["url"]) as client:
            yield client, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


def wait_for(done: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "not done in time"
        time.sleep(0.05)


def file_all(client: Client, ids: dict[int, str]) -> None:
    """File whatever has no answer yet; the same keys again, as a caller does who was cut off."""
    for n in range(REQUESTS):
        if n not in ids:
            ids[n] = client.file(SLUG, collector(n), idempotency_key=f"key-{n}")["id"]


def wait_for_moves(client: Client, ids: dict[int, str], moves: int) -> None:
    """Until the requests have been moved so often, all together."""
    wait_for(lambda: sum(len(client.story(i)["history"]) for i in ids.values()) >= moves, seconds=90)


@pytest.mark.parametrize("chain_state", ["kept", "lost"])
def test_fault_08_09_three_kills_within_twenty_requests(tmp_path: Path, chain_state: str) -> None:
    random_points = random.Random(f"kills-{chain_state}")
    home = Home.at(tmp_path / "home")
    publish_folder(home, small_collection(tmp_path / "collection"))
    ids: dict[int, str] = {}
    moves = 0
    for _ in range(3):
        moves += random_points.randint(5, 45)
        with twin(home) as (client, process):
            try:
                file_all(client, ids)
                wait_for_moves(client, ids, moves)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
        if chain_state == "lost":
            shutil.rmtree(home.path / "chain")
            (home.path / "chain").mkdir()
    with twin(home) as (client, _process):
        file_all(client, ids)
        wait_for(lambda: all(client.story(i)["state"] == "minted" for i in ids.values()), seconds=150)
        stories = [client.story(request_id) for request_id in ids.values()]
        told = home.read_json("twin.json")
        _check_chain(told["chain"], told["contract"], stories)
    assert len({story["token"]["token_id"] for story in stories}) == REQUESTS
    assert len({tuple(choice["value"] for choice in story["traits"]) for story in stories}) == REQUESTS
    for story in stories:
        assert [line["event"] for line in story["history"]].count("minted") == 1
        assert [line["event"] for line in story["history"]].count("planned") == 1


def _check_chain(url: str, contract: str, stories: list[dict[str, object]]) -> None:
    """The chain itself: each request's token is its owner's, and no other mint ever happened."""
    chain = RpcChain.open(url, clock=utc_now)
    try:
        for story in stories:
            token_id = chain.token_id(contract, str(story["id"]), CHAIN_ID)
            assert str(token_id) == story["token"]["token_id"]  # type: ignore[index]
            assert chain.owner_of(contract, token_id) == story["owner"]
        assert _mints(url, contract) == REQUESTS
    finally:
        chain.close()


def _mints(url: str, contract: str) -> int:
    """Transfers from nobody, over the chain's whole history."""
    web3 = Web3(Web3.HTTPProvider(url))
    transfer = Web3.to_hex(Web3.keccak(text="Transfer(address,address,uint256)"))
    topics = [transfer, "0x" + "0" * 64]
    address = Web3.to_checksum_address(contract)
    logs = web3.eth.get_logs({"address": address, "fromBlock": 0, "toBlock": "latest", "topics": topics})
    return len(logs)


def test_a_second_twin_on_one_home_is_refused(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with home.locked():
        command = [sys.executable, "-m", "infra.cli", "up", "--home", str(home.path), "--port", "0"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "a twin runs here already" in ended.stderr
