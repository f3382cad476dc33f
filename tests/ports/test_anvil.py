from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.twin import anvil as anvil_module
from infra.twin.anvil import Anvil, binary
from shared.errors import Defect, Transient
from shared.ports.chain.rpc import RpcChain
from shared.ports.signer import Purpose
from shared.ports.signer.keystore import KeystoreSigner
from tests.ports.chain_actors import CHAIN_ID, DIGEST, Sender, mined, new_holder, new_request, to_nobody

ROOT = Path(__file__).parents[2]
SOMEONE = "0x00000000000000000000000000000000000000aA"


def until(condition: Callable[[], bool], *, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def refuses(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) != 0


def open_chain(anvil: Anvil) -> RpcChain:
    return RpcChain.open(f"{anvil.url}?chain_id={CHAIN_ID}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chain"


class TestPersistence:
    def test_contract_tokens_receipts_and_balances_survive_a_stop(self, folder: Path, tmp_path: Path) -> None:
        signer = KeystoreSigner(tmp_path / "signer", chain_id=CHAIN_ID)
        request, holder = new_request(), new_holder()
        with Anvil(folder) as anvil, closing(open_chain(anvil)) as chain:
            minter = Sender(chain, signer)
            anvil.fund(minter.address)
            owner = signer.address(Purpose.OWNER)
            contract = minter.send(chain.deployment(owner, minter.address, "N", "S", "", None, 0)).contract_address
            assert contract is not None
            receipt = minter.send(chain.mint_call(contract, holder, request, DIGEST))
            anvil.fund(SOMEONE, 12345)
        assert refuses(anvil.url)
        with Anvil(folder) as anvil, closing(open_chain(anvil)) as chain:
            assert not anvil.refused
            assert chain.has_code(contract)
            assert chain.owner_of(contract, chain.token_id(contract, request, CHAIN_ID)) == holder
            assert chain.receipt(receipt.tx_hash) == receipt
            assert chain.next_nonce(minter.address) == 2
            assert chain.balance_wei(SOMEONE) == 12345
            again = Sender(chain, signer, nonce=2)
            assert again.send(chain.mint_call(contract, holder, new_request(), DIGEST)).succeeded

    def test_a_save_writes_only_what_is_new(self, folder: Path) -> None:
        with Anvil(folder) as anvil:
            assert anvil.save()
            assert not anvil.save()
            anvil.rpc("anvil_mine", "0x1")
            assert anvil.save()
            assert not anvil.save()
            anvil.fund(SOMEONE)
            assert anvil.save()
            assert not anvil.save()
            json.loads(anvil.state_path.read_bytes())
            assert {path.name for path in folder.iterdir()} <= {"state.json", "states"}

    def test_a_killed_chain_comes_back_as_it_was_saved_at_the_same_address(self, folder: Path) -> None:
        with Anvil(folder) as anvil, closing(open_chain(anvil)) as chain:
            url = anvil.url
            anvil.fund(SOMEONE, 7)
            anvil.save()
            anvil.fund(SOMEONE, 8)
            assert anvil._process is not None
            os.kill(anvil._process.pid, signal.SIGTERM)
            assert until(lambda: not anvil.alive())
            anvil.restart()
            assert anvil.alive()
            assert anvil.url == url
            assert chain.balance_wei(SOMEONE) == 7

    def test_a_running_chain_may_be_restarted(self, folder: Path) -> None:
        with Anvil(folder) as anvil:
            anvil.save()
            anvil.restart()
            assert anvil.alive()

    @pytest.mark.parametrize(
        "damage",
        [lambda content: content[: len(content) // 2], lambda content: b"", lambda content: b"{}"],
        ids=["truncated", "empty", "foreign"],
    )
    def test_a_state_that_cannot_be_read_is_put_aside(self, folder: Path, damage: Callable[[bytes], bytes]) -> None:
        with Anvil(folder) as anvil:
            anvil.fund(SOMEONE, 7)
        broken = damage(anvil.state_path.read_bytes())
        anvil.state_path.write_bytes(broken)
        with Anvil(folder) as anvil, closing(open_chain(anvil)) as chain:
            assert anvil.refused
            assert (folder / "state.json.broken").read_bytes() == broken
            assert chain.balance_wei(SOMEONE) == 0

    def test_a_new_chain_mines_the_same_bytes_again(self, folder: Path, tmp_path: Path) -> None:
        """What the ledger does after a lost state: everything signed is sent once more, in nonce order."""
        signer = KeystoreSigner(tmp_path / "signer", chain_id=CHAIN_ID)
        with Anvil(folder) as anvil, closing(open_chain(anvil)) as chain:
            minter = Sender(chain, signer)
            anvil.fund(minter.address)
            signed = [minter.sign(to_nobody()) for _ in range(5)]
            for each in signed:
                mined(chain, chain.broadcast(each.raw))
        anvil.state_path.unlink()
        with Anvil(folder) as anvil, closing(open_chain(anvil)) as chain:
            anvil.fund(minter.address)
            assert [chain.broadcast(each.raw) for each in signed] == [each.hash for each in signed]
            assert all(mined(chain, each.hash).succeeded for each in signed)

    def test_a_state_is_kept_when_it_is_the_address_that_fails(self, folder: Path) -> None:
        with Anvil(folder) as anvil:
            anvil.save()
            anvil._end()
            with socket.socket() as squatter:
                squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                squatter.bind(("127.0.0.1", urlsplit(anvil.url).port or 0))
                squatter.listen()
                with pytest.raises(Transient, match="taken by another process"):
                    anvil.restart()
            assert anvil.state_path.exists()
            anvil.restart()
            assert not anvil.refused

    def test_a_state_is_kept_when_anvil_cannot_start_at_all(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Anvil(folder) as anvil:
            anvil.fund(SOMEONE, 7)
        saved = anvil.state_path.read_bytes()
        broken = Anvil(folder)
        monkeypatch.setattr(broken, "_binary", Path("/bin/false"))
        with pytest.raises(Defect, match="ended as soon as it was started"):
            broken.start()
        assert anvil.state_path.read_bytes() == saved


class TestLeash:
    PROGRAM = (
        "import sys, time, pathlib; from infra.twin.anvil import Anvil; anvil = Anvil(pathlib.Path(sys.argv[1]));"
        "anvil.start(); print(anvil.url, flush=True); time.sleep(600)"
    )

    @pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_anvil_ends_with_its_parent(self, folder: Path, kill: signal.Signals) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", self.PROGRAM, str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as parent:
            assert parent.stdout is not None
            url = parent.stdout.readline().strip()
            assert not refuses(url)
            parent.send_signal(kill)
            parent.wait()
            assert until(lambda: refuses(url), within_s=2)

    def test_a_leash_that_is_killed_is_noticed_and_takes_anvil_with_it(self, folder: Path) -> None:
        with Anvil(folder) as anvil:
            url = anvil.url
            assert anvil._process is not None
            anvil._process.kill()
            anvil._process.wait()
            assert not anvil.alive()
            if sys.platform == "linux":
                assert until(lambda: refuses(url))
            anvil.restart()
            assert anvil.alive()
            assert anvil.url == url

    def test_an_anvil_that_its_leash_left_behind_is_ended_with_its_group(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on a system that does not tie a child to its parent."""
        loose = folder.parent / "leash.py"
        loose.write_text(Path(anvil_module._LEASH).read_text().replace('"linux"', '"no such system"'))
        monkeypatch.setattr(anvil_module, "_LEASH", loose)
        with Anvil(folder) as anvil:
            assert anvil._process is not None
            anvil._process.kill()
            anvil._process.wait()
            assert not refuses(anvil.url), "orphaned"
            assert not anvil.alive()
            anvil._end()
            assert until(lambda: refuses(anvil.url))

    def test_a_stop_leaves_nothing_behind(self, folder: Path) -> None:
        with Anvil(folder) as anvil:
            url, process = anvil.url, anvil._process
            with pytest.raises(Defect, match="second start"):
                anvil.start()
        assert process is not None
        assert process.poll() is not None
        assert refuses(url)
        assert not anvil.alive()
        anvil.stop()


class TestStrangers:
    """A page in the browser of the one who runs the twin: of another origin, and able to reach 127.0.0.1."""

    BODY = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'

    def ask(self, anvil: Anvil, headers: dict[str, str], method: str = "POST") -> tuple[dict[str, str], bytes]:
        body = self.BODY if method == "POST" else None
        request = urllib.request.Request(anvil.url, body, headers | {"Origin": "http://evil.example"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return {name.lower(): value for name, value in response.headers.items()}, response.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return {name.lower(): value for name, value in refused.headers.items()}, b""

    def test_a_page_of_another_origin_reads_nothing_and_sends_nothing(self, folder: Path) -> None:
        with Anvil(folder) as anvil:
            told, _ = self.ask(anvil, {"Content-Type": "application/json"})
            assert "access-control-allow-origin" not in told
            asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
            told, _ = self.ask(anvil, asked, "OPTIONS")
            assert not any(name.startswith("access-control-allow") for name in told)
            for simple in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
                _, answer = self.ask(anvil, {"Content-Type": simple})
                assert b"result" not in answer

    def test_the_node_signs_nothing_and_listens_here_alone(self, folder: Path) -> None:
        with Anvil(folder) as anvil:
            assert anvil.rpc("eth_accounts") == []
            assert anvil.rpc("eth_chainId") == hex(CHAIN_ID)
            assert urlsplit(anvil.url).hostname == "127.0.0.1"
            with socket.socket() as probe:
                probe.bind(("127.0.0.2", urlsplit(anvil.url).port or 0))  # free: it is not on every address


def test_a_missing_binary_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Defect, match="make setup"):
        binary(tmp_path)
