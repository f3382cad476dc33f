"""Files that appear whole or not at all, and secrets that only their owner reads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from shared.errors import Defect


def create_once(name: str | Path, data: bytes, *, temporary: Path, folder: int | None = None) -> bool:
    """Writes the file, mode 0600, unless the name is taken: True if this call made it. Durable when it returns True.

    `temporary` is a folder of the same file system; `folder` an open descriptor that `name` is relative to. Made by a
    hard link, which, unlike a rename, never replaces: of several writers one wins, and nobody sees half a file.
    Raises `OSError`.
    """
    draft = temporary / f"draft-{uuid4().hex}"
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, name, dst_dir_fd=folder)
        except FileExistsError:
            return False
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    if folder is not None:
        os.fsync(folder)
    else:
        sync_folder(Path(name).parent)
    return True


def sync_folder(path: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_secret(path: Path) -> bytes:
    """A file's bytes, if nobody but its owner may read it. Raises `OSError`; `Defect` if others may."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        if mode & 0o077:
            raise Defect(f"{path.name} has mode {mode:04o}: others can read it; wanted 0600")
        return file.read()
