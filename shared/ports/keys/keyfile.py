"""KeyFile: data keys wrapped under a master key that lies in a file, for one machine.

Whoever has the file opens every wrapped key: keep it, and its copies, apart from the ledger's.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.clock import Clock
from shared.errors import Defect, Invalid, Transient
from shared.ports.files import create_once, read_secret
from shared.ports.keys import DataKey
from shared.ports.open import parse_url

KEY_BYTES = 32
_VERSION = b"MPK1"  # then 8 bytes that name the master key, a nonce of 12, and AES-256-GCM's 32 + 16
_ID_BYTES = 8
_NONCE_BYTES = 12
_HEADER_BYTES = len(_VERSION) + _ID_BYTES
_WRAPPED_BYTES = _HEADER_BYTES + _NONCE_BYTES + KEY_BYTES + 16
_FILE_HEADER = b"monoprint master key 1\n"


class KeyFile:
    """`keyfile:///absolute/path?create=1`. The file is made, mode 0600, by the first `create`.

    `create=0` never makes it: for a place that had its master key, where a new one would hide that the old is lost.
    """

    def __init__(self, path: Path, *, may_create: bool = True) -> None:
        self._path = path
        self._may_create = may_create
        self._master: bytes | None = None

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> KeyFile:
        del clock  # keys do not age
        parts = parse_url("keys", url, options=("create",))
        if not parts.path:
            raise Invalid("keys url", "no file", "keyfile:///absolute/path")
        return cls(Path(parts.path), may_create=bool(parts.whole("create", 1, low=0, high=1)))

    def close(self) -> None:
        self._master = None

    def prepare(self) -> str:
        """Makes the master key if there is none, and returns its name, which tells it from others and nothing more."""
        return _name_of(self._load(may_create=self._may_create)).hex()

    def create(self, context: str) -> DataKey:
        master = self._load(may_create=self._may_create)
        plain = secrets.token_bytes(KEY_BYTES)
        # Random nonces are safe for 2^32 data keys under one master key.
        nonce = secrets.token_bytes(_NONCE_BYTES)
        header = _VERSION + _name_of(master)
        return DataKey(plain, header + nonce + AESGCM(master).encrypt(nonce, plain, _bound_to(header, context)))

    def unwrap(self, wrapped: bytes, context: str) -> DataKey:
        bound_context = _bound_to(wrapped[:_HEADER_BYTES], context)
        if len(wrapped) != _WRAPPED_BYTES or not wrapped.startswith(_VERSION):
            raise Defect(f"wrapped key: got {len(wrapped)} bytes, wanted {_WRAPPED_BYTES} of the form MPK1")
        # Never made here: a new master key opens nothing, and would hide that the old file is missing.
        master = self._load(may_create=False)
        if wrapped[len(_VERSION) : _HEADER_BYTES] != _name_of(master):
            raise Defect(
                f"wrapped key: it was wrapped under another master key; restore the one that {self._path.name} was"
            )
        nonce, sealed = wrapped[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES], wrapped[_HEADER_BYTES + _NONCE_BYTES :]
        try:
            plain = AESGCM(master).decrypt(nonce, sealed, bound_context)
        except InvalidTag as error:
            raise Defect("wrapped key: it was changed, or made for another context") from error
        return DataKey(plain, wrapped)

    def _load(self, *, may_create: bool) -> bytes:
        if self._master is not None:
            return self._master
        folder = self._path.parent
        try:
            if may_create and not self._path.exists():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                fresh = _FILE_HEADER + secrets.token_hex(KEY_BYTES).encode() + b"\n"
                create_once(self._path, fresh, temporary=folder)  # False: another process was first, its key stands
            text = read_secret(self._path)
        except FileNotFoundError as error:
            raise Defect(f"master key file {self._path.name}: it is missing; restore it from the backup") from error
        except OSError as error:
            raise Transient(f"master key file {self._path.name}: {error.strerror}") from error
        try:
            master = bytes.fromhex(text.removeprefix(_FILE_HEADER).decode())
        except ValueError:  # not chained: the error would carry the bytes into a log
            raise Defect("master key file: damaged, not of the form that this version reads") from None
        if not text.startswith(_FILE_HEADER) or len(master) != KEY_BYTES:
            raise Defect("master key file: damaged, not of the form that this version reads")
        self._master = master
        return master


def _name_of(master: bytes) -> bytes:
    return hashlib.sha256(b"monoprint master key name" + master).digest()[:_ID_BYTES]


def _bound_to(header: bytes, context: str) -> bytes:
    """What the seal covers besides the key itself. The header's length is fixed: no two contexts look alike."""
    if not context:
        raise Invalid("context", "nothing", "the collector's id")
    return header + context.encode()
