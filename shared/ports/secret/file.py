"""FileSecret: a secret in a file that only its owner can read, for one machine."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from shared.clock import Clock
from shared.errors import Defect, Invalid
from shared.ports.files import read_secret
from shared.ports.open import parse_url
from shared.ports.secret import long_enough


class FileSecret:
    """`file:///absolute/path`, mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> Self:
        del clock  # it does not age
        parts = parse_url("secret", url, options=())
        if not parts.path:
            raise Invalid("secret url", "no file", "file:///absolute/path")
        return cls(Path(parts.path))

    def read(self) -> bytes:
        what = f"secret {self._path.name}"
        try:
            secret = read_secret(self._path)
        except OSError as error:
            raise Defect(f"{what}: {error.strerror}") from error
        return long_enough(secret, what)
