"""The twin's chain: anvil, started, watched and kept on disk.

- Its accounts: none, and the mnemonic that anvil insists on is random. Nothing here is signed by the node.
- It listens on 127.0.0.1 at a random port, and answers no browser: without CORS headers a page of another origin can
  read nothing, and anvil takes `application/json` only, which a page may not send without asking first.
- It dies with this process, however this process dies (leash.py).
- Its state is `state.json` in a folder of the twin's home. Anvil's own persistence loses everything on SIGKILL or
  rewrites the file in place, so that we ask for the state, write it beside the old one and rename it.

A chain that was killed comes back as of the last save, at most seconds before, of a long chain a minute. That is a
reorg like any other: the ledger holds every signed transaction and broadcasts again what the chain now lacks, from the
contract's deployment on. So a state file that anvil cannot read is put aside, and the chain begins anew.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from shared.errors import Defect, Transient

CHAIN_ID = 31337
HARDFORK = "prague"  # the newest that contracts are compiled for (foundry.toml); anvil's own default moves on
START_S = 30.0
ANSWER_S = 10.0
GENEROUS_WEI = 10**21

_REST, _LONGEST_REST_S = 50, 60.0
"""After a save so many times its own length without another: the state holds every block, and grows with the chain."""

_LEASH = Path(__file__).with_name("leash.py")


def binary(root: Path) -> Path:
    """anvil itself: npm's `.bin/anvil` is a Node wrapper that, when killed, leaves anvil running."""
    system = {"Darwin": "darwin", "Windows": "win32"}.get(platform.system(), "linux")
    machine = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "amd64"
    name = "anvil.exe" if system == "win32" else "anvil"
    path = root / "node_modules" / "@foundry-rs" / f"anvil-{system}-{machine}" / "bin" / name
    if not path.is_file():
        raise Defect(f"anvil for {system}-{machine} is not installed: run `make setup`")
    return path


class Anvil:
    """One chain at one address, also after a restart. Its methods may be called from several threads.

    `folder` keeps its state. Its owner calls `save` every few seconds, and `restart` once it is no longer `alive`.
    """

    def __init__(self, folder: Path, *, root: Path | None = None, chain_id: int = CHAIN_ID) -> None:
        self._folder = folder
        self._binary = binary(root or Path(__file__).resolve().parents[2])
        self._chain_id = chain_id
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._saved: object = None
        self._touched = False
        self._lock = threading.RLock()
        self.refused = False
        """Whether the saved state was put aside and the chain began anew at the latest start."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def state_path(self) -> Path:
        return self._folder / "state.json"

    @property
    def _broken_path(self) -> Path:
        return self._folder / "state.json.broken"

    @property
    def _started_path(self) -> Path:
        return self._folder / "started.json"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the chain answers, with the state of the last save, or with none."""
        with self._lock:
            if self._process is not None:
                raise Defect("anvil: got a second start, wanted a stop before it")
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._launch()

    def stop(self) -> None:
        """Saves and ends, and gives the address up. A chain that cannot be saved any more is ended as well."""
        with self._lock:
            try:
                if self.alive():
                    self.save()
            finally:
                self._end()
                self._port = 0

    def restart(self) -> None:
        """Ends what there is, hung or dead, and starts from the last save at the same address."""
        with self._lock:
            self._end()
            self._launch()

    def alive(self) -> bool:
        """Whether the chain answers now, and is still on our leash."""
        if self._process is None or self._process.poll() is not None:
            return False
        try:
            return bool(self.rpc("eth_chainId") == hex(self._chain_id))
        except Transient:
            return False

    def fund(self, address: str, wei: int = GENEROUS_WEI) -> None:
        """Sets the balance of an address: the twin's faucet. Kept by the next save."""
        self.rpc("anvil_setBalance", address, hex(wei))
        with self._lock:
            self._touched = True

    def save(self) -> bool:
        """Writes the state if the chain has a new head or a new balance since the last save; says whether it did."""
        with self._lock:
            head = self.rpc("eth_getBlockByNumber", "latest", False)["hash"]
            if head == self._saved and not self._touched:
                return False
            state = dump(self.url)
            draft = self._folder / "state.json.new"
            with draft.open("wb") as file:
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.state_path)
            _sync(self._folder)
            # The state may be newer than the head that was read first; then the next call saves once more.
            self._saved, self._touched = head, False
            return True

    def rpc(self, method: str, *parameters: object) -> Any:
        """One question to the node, for the twin and its tests; steps speak through the chain port."""
        return _ask(self.url, method, *parameters)

    def _launch(self) -> None:
        """Starts anvil with the saved state, or without any where anvil refuses it."""
        self._saved, self.refused = None, False
        moving = self._port == 0
        for _ in range(5):
            loading = self.state_path.exists()
            if moving:
                self._port = _free_port()
            if self._attempt(load=loading):
                return
            if not _is_free(self._port):
                if not moving:
                    raise Transient(f"anvil: port {self._port} was taken by another process")
            elif loading:
                self.state_path.replace(self._broken_path)
                self.refused = True
        if self.refused:
            self._broken_path.replace(self.state_path)  # it was not the state's fault
        raise Defect("anvil: ended as soon as it was started, five times")

    def _attempt(self, *, load: bool) -> bool:
        """One start; False if anvil ended by itself, which it does when it cannot read its state or have its port."""
        arguments = ["--host", "127.0.0.1", "--port", str(self._port), "--chain-id", str(self._chain_id)]
        arguments += ["--hardfork", HARDFORK, "--accounts", "0", "--mnemonic-random", "--no-cors", "--silent"]
        scratch = self._folder / "states"
        shutil.rmtree(scratch, ignore_errors=True)  # an anvil that is killed leaves its own behind
        arguments += ["--max-persisted-states", "1", "--cache-path", str(scratch)]
        arguments += ["--config-out", str(self._started_path)]
        arguments += ["--load-state", str(self.state_path)] if load else []
        self._started_path.unlink(missing_ok=True)
        process = self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
            [sys.executable, "-I", "-S", str(_LEASH), str(self._binary), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us: we save first
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            # Anvil writes this file once the port is its own: the answer is not that of somebody else's node.
            if self._started_path.exists() and self.alive():
                self._started_path.unlink()
                return True
            if process.poll() is not None:
                self._end()
                return False
            time.sleep(0.01)
        self._end()
        raise Transient(f"anvil: no answer within {START_S:g} s of its start")

    def _end(self) -> None:
        """Lets go of the leash and waits until anvil is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.returncode < 0:  # a killed leash may have left anvil in its group
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


class Watch:
    """Keeps a chain up: `look` every now and then saves it, and brings it back with `heal` once it is gone.

    A heal that fails is tried again at the next look. Until then nothing is saved: the state on the disk is the better.
    Saves that take longer are fewer: a fiftieth of the time in all, but one a minute.
    """

    def __init__(
        self, anvil: Anvil, heal: Callable[[], object], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._anvil = anvil
        self._heal = heal
        self._monotonic = monotonic
        self._healed = False
        self._rests_until = monotonic()

    def look(self) -> None:
        if not self._anvil.alive():
            self._healed = False
            self._anvil.restart()
        if not self._healed:
            self._heal()
            self._healed = True
        began = self._monotonic()
        if began >= self._rests_until and self._anvil.save():
            took_s = self._monotonic() - began
            self._rests_until = began + min(_REST * took_s, _LONGEST_REST_S)


# Without the proxies of the environment: the chain is on this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def dump(url: str) -> bytes:
    """The whole state of the chain at this address, as a file that anvil loads."""
    return gzip.decompress(bytes.fromhex(_ask(url, "anvil_dumpState").removeprefix("0x")))


def _ask(url: str, method: str, *parameters: object) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    request = urllib.request.Request(  # noqa: S310 - our own http:// address
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with _direct.open(request, timeout=ANSWER_S) as response:
            answer = json.load(response)
    except (OSError, ValueError) as error:
        raise Transient(f"anvil: {method}: {error}") from error
    if "error" in answer:
        raise Transient(f"anvil: {method}: {answer['error']}")
    return answer["result"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as anvil does: closed connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _sync(folder: Path) -> None:
    """A rename is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
