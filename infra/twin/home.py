"""A home: the folder where one machine keeps everything that the cloud would, and the environment made of it.

ledger.db  queues.db       what is true, and what is on its way (SQLite)
blobs/                     collections, renders, archives
blocks/                    what was pinned
chain/                     the embedded chain's state
signer/                    one key file per purpose          mode 0600
master.key  salt           encrypt collectors, derive ids    mode 0600, never to be replaced
home.json                  what the above were at first      never to be replaced
api-keys.json              keys of the command line          mode 0600
twin.json  twin.lock       who runs here
twin.users                 who uses the twin that runs here
log/twin.jsonl             every handler's log
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from shared.errors import Defect, Rejected, Transient
from shared.ports.files import create_once, sync_folder

CHAIN_ID = 31337
QUEUES = ("plan", "render", "judge", "publish", "mint", "confirm")
_VISIBILITY_S = {"render": 120}
"""Seconds before an unfinished message is delivered again; a picture may take its time."""
_START_S = 20.0
"""How long a twin may take to start, as far as a command that waits for it is concerned."""
_IDENTITY = "home.json"
_MADE_ONCE = ("ledger.db", "salt", "master.key", "signer/transaction.json", "signer/owner.json", "blobs", "blocks")
"""What a home that has begun cannot make again: another in its place would mint twice, or read nothing."""


class Busy(Rejected):
    """A twin runs on this home already, or is starting or ending."""


@dataclass(frozen=True)
class Home:
    path: Path

    @classmethod
    def at(cls, path: Path) -> Home:
        """The home at `path`, made if it is not there, for its owner's eyes only.

        Raises: `Defect` naming what is missing of a home that has begun.
        """
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in ("log", "chain"):
                (path / folder).mkdir(exist_ok=True)
        except OSError as error:
            raise Rejected(f"--home {path}: {error.strerror}; choose a folder that you may write") from error
        home = cls(path.resolve())
        # The ledger comes last: whoever was killed on the way here, or does the same now, has nothing to lose yet.
        if any((home.path / name).exists() for name in ("ledger.db", _IDENTITY)):
            home._check_whole()
        else:
            home._begin()
        return home

    def _check_whole(self) -> None:
        missing = [name for name in _MADE_ONCE if not (self.path / name).exists()]
        if missing:
            raise Defect(
                f"--home {self.path}: {', '.join(missing)} missing, which cannot be made again; "
                "restore it from the backup, or give another --home to begin anew"
            )

    def _begin(self) -> None:
        """Makes whatever can be made only once."""
        from shared.clock import utc_now
        from shared.ports.keys.keyfile import KeyFile
        from shared.ports.ledger.sqlite import SqliteLedger
        from shared.ports.signer import Purpose
        from shared.ports.signer.keystore import KeystoreSigner

        create_once(self.path / "salt", secrets.token_bytes(32), temporary=self.path)
        KeyFile(self.path / "master.key").prepare()
        signer = KeystoreSigner(self.path / "signer", chain_id=CHAIN_ID)
        for purpose in (Purpose.TRANSACTION, Purpose.OWNER):
            signer.address(purpose)
        for folder in ("blobs", "blocks"):
            (self.path / folder).mkdir(mode=0o700, exist_ok=True)
        sync_folder(self.path)
        SqliteLedger.open(self.ledger_url, clock=utc_now).close()

    def check_identity(self, **addresses: str) -> None:
        """Compares what cannot be made again, and what follows from it, with what it was at the first start.

        Raises: `Defect` naming what is another now.
        """
        from shared.ports.keys.keyfile import KeyFile

        salt = (self.path / "salt").read_bytes()
        found = {
            "salt": hashlib.sha256(b"monoprint salt name" + salt).hexdigest()[:16],
            "master.key": KeyFile(self.path / "master.key", may_create=False).prepare(),
            **addresses,
        }
        before = self.read_json(_IDENTITY)
        if before is None:
            self.write_json(_IDENTITY, found)
            return
        other = sorted(name for name in found if before.get(name) != found[name])
        if other:
            raise Defect(
                f"--home {self.path}: {', '.join(other)} of another home, compared with {_IDENTITY}; "
                "restore salt, master.key, signer and ledger.db from one backup, or give another --home to begin anew"
            )

    # ---- addresses ----

    @property
    def ledger_url(self) -> str:
        return f"sqlite://{quote(str(self.path / 'ledger.db'))}"

    def queue_url(self, name: str) -> str:
        fifo = "&fifo=1" if name == "mint" else ""
        visibility_s = _VISIBILITY_S.get(name, 60)
        path = quote(str(self.path / "queues.db"))
        return f"sqlite://{path}?name={name}&visibility_s={visibility_s}&max_receives=8{fifo}"

    def blobs_url(self, serve: str = "http://127.0.0.1") -> str:
        notify = quote(self.queue_url("judge"), safe="")
        path = quote(str(self.path / "blobs"))
        return f"folder://{path}?suffix=result.json&notify={notify}&serve={quote(serve, safe='')}"

    @property
    def blocks_url(self) -> str:
        return f"folder://{quote(str(self.path / 'blocks'))}"

    @property
    def keys_url(self) -> str:
        return f"keyfile://{quote(str(self.path / 'master.key'))}?create=0"

    @property
    def signer_url(self) -> str:
        return f"keystore://{quote(str(self.path / 'signer'))}?chain_id={CHAIN_ID}&create=0"

    def environ(self, *, api_url: str, chain_url: str, contract: str) -> dict[str, str]:
        """The environment of every stop on this machine; all that differs from the cloud's."""
        blobs = self.blobs_url(api_url)
        return {
            "LEDGER_URL": self.ledger_url,
            "BLOBS_URL": blobs,
            "KEYS_URL": self.keys_url,
            "PLANNER_URL": "rules://",
            "RENDERER_URL": f"painter://?blobs={quote(blobs, safe='')}",
            "PINNER_URL": self.blocks_url,
            "CHAIN_URL": chain_url,
            "SIGNER_URL": self.signer_url,
            "SALT_REF": f"file://{quote(str(self.path / 'salt'))}",
            "CHAIN_ID": str(CHAIN_ID),
            "CONTRACT": contract,
            "CONFIRMATIONS": "1",  # the chain mines at once and has no rival; what a killed one forgets is sent again
            "POLL_S": "0.2",
            "PATIENCE_S": "60",
            **{f"{name.upper()}_QUEUE_URL": self.queue_url(name) for name in QUEUES},
        }

    # ---- as a place of commands ----

    @property
    def option(self) -> str:
        return ""  # what is quoted is for this machine, unless it says otherwise

    @property
    def goes_on(self) -> str:
        return "while a twin runs (`monoprint up`)"

    def environ_of(self, stop: str) -> dict[str, str]:
        """A stop's environment, for commands beside the twin. The chain is the one of the twin that runs."""
        twin = (self.read_json("twin.json") or {}) if stop == "mint" else {}
        environ = self.environ(
            api_url=twin.get("url", "http://127.0.0.1"),
            chain_url=f"{twin.get('chain', '')}?chain_id={CHAIN_ID}",
            contract=twin.get("contract", ""),
        )
        return environ | ({"OWN_QUEUE_URL": self.queue_url(stop)} if stop in QUEUES else {})

    # ---- files ----

    def read_json(self, name: str) -> Any:
        """What a file of the home says, or None if it is not there. Raises: `Defect` when it cannot be read."""
        path = self.path / name
        try:
            said = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Defect(f"{path}: {error.strerror}; it must be readable by whoever runs the twin") from error
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise Defect(f"{path}: damaged, no JSON object; restore it from the backup, or delete it to have it anew")
        return said

    def write_json(self, name: str, value: object) -> None:
        """Replace a file whole, readable by its owner alone."""
        temporary = self.path / f".{name}.{os.getpid()}"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / name)
        sync_folder(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Held by the one twin of this home; the system lets go of it whenever that process ends.

        Raises: `Busy` naming the process that has it.
        """
        with open(self.path / "twin.lock", "a") as lock:
            if not _take(lock, tries=10):  # `running` holds it for a moment when it looks
                pid = (self.read_json("twin.json") or {}).get("pid")
                named = f" (process {pid})" if pid else ""
                raise Busy(f"--home {self.path}: a twin runs here already{named}; stop it, or give another --home")
            (self.path / "twin.json").unlink(missing_ok=True)  # of a twin that was killed
            yield

    @contextmanager
    def used(self) -> Iterator[None]:
        """Held by a command while it uses another's twin. Waits while a twin that waited for its users is ending."""
        with open(self.path / "twin.users", "a") as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            yield

    @contextmanager
    def unused(self, waits: Callable[[], object]) -> Iterator[None]:
        """Held by a twin that ends: nobody uses it any more. Calls `waits` if somebody still does."""
        with open(self.path / "twin.users", "a") as users:
            if not _take(users):
                waits()
                fcntl.flock(users, fcntl.LOCK_EX)
            yield

    def running(self) -> str | None:
        """The URL of the twin that runs on this home, if one does; one that is starting is waited for.

        Raises: `Transient` when it does not come up.
        """
        deadline = time.monotonic() + _START_S
        while (self.path / "twin.lock").exists() and time.monotonic() < deadline:
            with open(self.path / "twin.lock", "a") as lock:
                if _take(lock):
                    return None
            if found := self.read_json("twin.json"):
                return str(found["url"])
            time.sleep(0.1)
        if (self.path / "twin.lock").exists():
            raise Transient(f"--home {self.path}: its twin did not come up within {_START_S:.0f} s; look at its log")
        return None


def _take(lock: IO[str], *, tries: int = 1) -> bool:
    for left in reversed(range(tries)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(0.05)
        else:
            return True
    return False
