"""Signer on one machine: a folder of key files, one for each purpose, that only their owner can read.

`keystore:///path/to/keys?chain_id=31337&create=1`. A key is 32 random bytes, made on first use and recorded with the
chain it was made for. It is never one of a development chain's well-known accounts: whoever knows those empties them.
With `create=0` none is made: for a place that had its keys, where a new one would be another minter and contract.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any, Self

from coincurve import PrivateKey

from shared.clock import Clock, utc_now
from shared.errors import Invalid
from shared.ports.open import parse_url
from shared.ports.signer import KeyUnusable, Purpose, Signature
from shared.ports.signer.chain_id import chain_id_of
from shared.ports.signer.secp256k1 import ORDER, address_of, canonical, checked_digest


class KeystoreSigner:
    """Keys in files of mode 0600 below a folder of mode 0700."""

    def __init__(self, folder: Path, *, chain_id: int, may_create: bool = True) -> None:
        self._folder = folder
        self._may_create = may_create
        self._chain_id = chain_id
        self._keys: dict[Purpose, tuple[PrivateKey, str]] = {}

    @classmethod
    def open(cls, url: str, *, clock: Clock = utc_now) -> Self:
        """The URL names the folder and the chain."""
        parts = parse_url("signer", url, options={"chain_id", "create"})
        if not parts.path:
            raise Invalid("signer url", "no path", "keystore:///path/to/folder?chain_id=N")
        may_create = bool(parts.whole("create", 1, low=0, high=1))
        return cls(Path(parts.path), chain_id=chain_id_of(parts), may_create=may_create)

    def address(self, purpose: Purpose) -> str:
        return self._key(purpose)[1]

    def sign(self, purpose: Purpose, digest: bytes) -> Signature:
        key, address = self._key(purpose)
        made = key.sign_recoverable(checked_digest(digest), hasher=None)
        return canonical(digest, int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big"), address)

    def _key(self, purpose: Purpose) -> tuple[PrivateKey, str]:
        """The key and its address."""
        if purpose not in self._keys:
            path = self._folder / f"{purpose.value}.json"
            if not os.path.lexists(path):
                if not self._may_create:
                    raise KeyUnusable(f"{path}: it is missing; restore it from the backup")
                self._create(path, purpose)
            self._keys[purpose] = self._load(path, purpose)
        return self._keys[purpose]

    def _create(self, path: Path, purpose: Purpose) -> None:
        """Makes the key unless another process did so first: the file appears whole or not at all.

        A key that an address was read from must outlive a power cut, since money and roles are given to the address:
        the file and its folder are on the disk before the link makes it visible.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = 1 + secrets.randbelow(ORDER - 1)
        key = PrivateKey(number.to_bytes(32, "big"))
        record = {
            "chain_id": self._chain_id,
            "purpose": purpose.value,
            "address": _address(key),
            "private_key": "0x" + key.to_hex(),
        }
        draft = self._folder / f".{purpose.value}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(record, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # the other process's key is the key
        finally:
            draft.unlink()
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _load(self, path: Path, purpose: Purpose) -> tuple[PrivateKey, str]:
        """Reads the key after looking at the very file that it reads. No message quotes what the file holds."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise KeyUnusable(f"{path}: cannot be read as a plain file: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            mode = stat.S_IMODE(status.st_mode)
            if not stat.S_ISREG(status.st_mode) or mode & 0o077:
                raise KeyUnusable(f"{path}: got mode {mode:04o}, wanted 0600: others could have read this key")
            content = file.read()
        try:
            record: dict[str, Any] = json.loads(content)
            chain_id, made_for, address = record["chain_id"], record["purpose"], record["address"]
            key = PrivateKey(_secret(record["private_key"]))
            derived = _address(key)
        except (ValueError, TypeError, KeyError, AttributeError):
            # From None: an error of the parser would quote the file, and with it the key.
            raise KeyUnusable(f"{path}: is not a key file, or is damaged") from None
        if chain_id != self._chain_id:
            raise KeyUnusable(f"{path}: was made for chain {chain_id}, wanted {self._chain_id}")
        if made_for != purpose.value:
            raise KeyUnusable(f"{path}: was made for purpose {made_for!r}, wanted {purpose.value!r}")
        if derived != address:
            raise KeyUnusable(f"{path}: holds the key of {derived}, wanted that of {address}")
        return key, derived


def _secret(text: str) -> bytes:
    """32 bytes, neither more nor fewer: the library would fill up what is too short."""
    secret = bytes.fromhex(text.removeprefix("0x"))
    if len(secret) != 32:
        raise ValueError("a secret of another length")
    return secret


def _address(key: PrivateKey) -> str:
    return address_of(key.public_key.format(compressed=False)[1:])
