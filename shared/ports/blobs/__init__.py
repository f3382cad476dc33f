"""Blobs: what is kept. Immutable by key.

Promise
- **Put if absent.** The first bytes under a key stay; a later put returns False and changes nothing, whatever it
  brought. A key is never seen half written.
- After a `put` returned True the bytes are durable and every reader sees them.
- **ObjectCreated**: a key that ends in the configured suffix is announced, after it exists, by a message shaped as S3
  shapes it. At least once; rarely never (a crash between the two): `sweep` finds those.
- `presign` gives a URL that reads one key without credentials for at most 900 s; it ends sooner with the session of
  the role that signed it. Who may ask is checked before.
- Keys are `[A-Za-z0-9._/-]`, 1 to 512 characters, in parts of 1 to 250 between slashes, none of them `.` and `..`
  nowhere; so there is no `//` and no `/` at either end. None leaves the root. `a` and `a/b` may both exist.

Errors: `NotFound` only when the store said that the key is absent; `Transient` for everything it did not say (503,
time-out, a checksum that does not fit; a `put` may have happened: put again); `Invalid` for a bad key, content type
or file name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

MAX_PRESIGN_S = 900
MAX_KEY_CHARACTERS = 512
MAX_PART_CHARACTERS = 250


class Blobs(Protocol):
    def put(self, key: str, data: bytes, *, content_type: str = "application/octet-stream") -> bool:
        """True if this call created the key, False if it was there already (the old bytes stand)."""

    def get(self, key: str) -> bytes:
        """The bytes, checked against what was stored. Raises `NotFound`."""

    def exists(self, key: str) -> bool:
        """Raises `Transient` rather than guess."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys under a prefix, ascending; those being written at this moment may be missing."""

    def presign(self, key: str, *, expires_s: int = MAX_PRESIGN_S, filename: str | None = None) -> str:
        """A URL to read it; sent with its stored content type, and as `filename` if one is given.

        It answers without nosniff where the store cannot say it, and is then to be saved and not shown as a page.
        A file name is at most 120 of `[A-Za-z0-9 ._-]`. The key need not exist yet.
        """

    def close(self) -> None:
        """Gives back files and connections. It is not used after that."""
