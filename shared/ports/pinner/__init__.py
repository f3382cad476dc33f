"""Pinner: where pictures and metadata are kept for everyone to fetch by what they are.

Promise
- `pin` returns the CID that **we** computed, and only after every block under it was read back from the provider and
  hashed again. What a provider answers is compared with it and never believed: another CID is `WrongCid`.
- Before anything is sent the CAR is checked whole: each block hashed, each file complete, nothing carried beside them.
- **Idempotent**: pinning the same CAR again changes nothing, returns the same CID, and mends what was damaged.
- After `pin` returned, the blocks are durable and `read` gives them.
- `read` gives bytes that hash to the CID, or None where the provider has no such block; never other bytes.
- CIDs are CIDv1, raw or dag-pb, sha2-256, in base32; anything else is `Invalid`, so no CID leaves a root or a URL.

Errors: `Transient` when the provider is down, slow, or says yes and cannot give the bytes back yet; `WrongCid` when it
answers another CID or other bytes; `Invalid`, `TooLarge`, `WrongHash` for a CAR that is not what it must be.
"""

from __future__ import annotations

from typing import Protocol

from shared.errors import Defect


class WrongCid(Defect):
    """A provider answered another CID, or other bytes under ours. Nothing is minted on it; a human looks at why.

    A `Defect` and no `Rejected`: the collector's request is as good as it was, and must not end because of this.
    """

    code = "wrong_cid"

    def __init__(self, where: str, *, got: str, wanted: str) -> None:
        super().__init__(f"{where}: got {got}, wanted {wanted}")
        self.got = got
        self.wanted = wanted


class Pinner(Protocol):
    def pin(self, root: str, car: bytes) -> str:
        """Keep every file of a CARv1, of whose roots `root` is one; returns `root`. At least once, idempotent."""

    def read(self, cid: str) -> bytes | None:
        """The bytes of one block, hashed; None if it is not there. Raises `Transient`, `WrongCid`, `Invalid`."""
