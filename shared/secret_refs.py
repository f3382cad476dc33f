"""Secrets are references, resolved once per container: the environment never holds one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared.errors import Defect
from shared.ports.files import read_secret


def resolve(ref: str) -> bytes:
    """The secret's bytes. `file:///path`: a file that only its owner can read.

    Raises: `Defect` naming the reference, never the secret.
    """
    parts = urlsplit(ref)
    if parts.scheme != "file":
        raise Defect(f"secret reference: got scheme {parts.scheme!r}, wanted file")
    path = Path(unquote(parts.path))
    try:
        secret = read_secret(path)
    except OSError as error:
        raise Defect(f"secret {path.name}: {error.strerror}") from error
    if len(secret) < 16:
        raise Defect(f"secret {path.name}: got {len(secret)} bytes, wanted at least 16")
    return secret
