"""Secret: one value that only its owner may know, referred to and never held in the environment.

Promise
- The URL names the secret. It is read once a container, when the stop's settings are; a changed one counts from the
  next container on. (The salt is never changed: request ids are derived from it.)
- A secret has at least `MIN_BYTES`: a shorter one is a mistake, or can be guessed.
- No message and no repr holds any of it.

Errors: `Defect` naming the reference when the secret is missing, too short, readable by others, or not for us to read;
`Transient` when the service is throttled or out of reach.
"""

from __future__ import annotations

from typing import Protocol

from shared.errors import Defect

MIN_BYTES = 16


class Secret(Protocol):
    def read(self) -> bytes: ...


def long_enough(secret: bytes, what: str) -> bytes:
    """The secret, unless it is too short. Raises `Defect`."""
    if len(secret) < MIN_BYTES:
        raise Defect(f"{what}: got {len(secret)} bytes, wanted at least {MIN_BYTES}")
    return secret
