"""Blocks as files in a folder: the embedded pinner. Any IPFS node can import the CARs, or serve the blocks, later.

    ROOT/{two characters}/{two characters}/{cid}        the characters are the CID's last but one to last but four
    ROOT/tmp/                                           files being written; what a kill left there is rubbish

A block is written beside, flushed to the disk and renamed into place, so a kill -9 at any moment leaves whole blocks
or none under their names. Two writers of one block write the same bytes, so it does not matter who is last.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from shared.clock import Clock, utc_now
from shared.errors import Invalid, NotFound, Rejected, Transient
from shared.ports.open import parse_url
from shared.ports.pinner import WrongCid
from shared.publishing import car as cars
from shared.publishing import unixfs
from shared.publishing.cid import Cid

_MOST_SETTLED = 10_000


class FolderPinner:
    """The promise of `Pinner`, kept by one folder on one disk. Safe for several processes at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._settled: set[Path] = set()
        """Folders whose own names are on the disk, as far as this process has seen to it."""

    @classmethod
    def open(cls, url: str, *, clock: Clock = utc_now) -> FolderPinner:
        """From `folder:///absolute/path`; the folder is made on the first pin. Raises `Invalid`."""
        del clock  # blocks do not age
        path = parse_url("pinner", url, options=()).path
        if not url.startswith("folder:") or not path.strip("/") or "\x00" in path:
            raise Invalid("pinner url", f"the scheme {url.partition(':')[0]!r}", "folder:///absolute/path")
        return cls(Path(path))

    def pin(self, root: str, car: bytes) -> str:
        """See `Pinner.pin`. A block that is damaged on the disk is written again."""
        wanted = Cid.parse(root)
        carried = cars.read_whole(car, wanted)
        try:
            for cid, block in carried.blocks.items():
                self._put(cid, block)
        except OSError as error:
            raise Transient(f"pinner folder: {error.strerror} while writing") from error
        for each in carried.roots:
            self._read_back(each)
        return str(wanted)

    def read(self, cid: str) -> bytes | None:
        """See `Pinner.read`."""
        wanted = Cid.parse(cid)
        block = self._load(wanted)
        if block is not None and not wanted.names(block):
            raise WrongCid("block on the disk", got=str(Cid.of(block, wanted.codec)), wanted=cid)
        return block

    def path(self, cid: Cid) -> Path:
        """Where a block stands. A parsed CID is 59 characters of [a-z2-7]: no path can leave the root."""
        name = str(cid)
        return self._root / name[-3:-1] / name[-5:-3] / name

    def _load(self, cid: Cid) -> bytes | None:
        try:
            with self.path(cid).open("rb") as file:
                return file.read(unixfs.MAX_BLOCK_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Transient(f"pinner folder: {error.strerror} while reading {cid}") from error

    def _read_back(self, root: Cid) -> None:
        try:
            for _ in unixfs.walk(root, self._load):
                pass
        except NotFound as error:
            raise Transient(f"pinner folder: gone after it was written: {error}") from error
        except Rejected as error:  # the CAR was whole, so the fault is in what came back
            raise WrongCid("read back from the disk", got=str(error), wanted=str(root)) from error

    def _put(self, cid: Cid, block: bytes) -> None:
        path = self.path(cid)
        if self._load(cid) == block:
            return
        try:
            self._write(path, block)
        except FileNotFoundError:  # somebody took a folder away since
            self._settled.clear()
            self._write(path, block)

    def _write(self, path: Path, block: bytes) -> None:
        scratch = self._root / "tmp"
        for folder in (path.parent, scratch):
            self._settle(folder)
        handle, name = tempfile.mkstemp(dir=scratch, prefix=f"{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(block)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync(path.parent)

    def _settle(self, folder: Path) -> None:
        """Makes the folder, if need be, and sees to it that its name below the root outlives a power cut."""
        if folder in self._settled:
            return
        if folder == self._root:
            folder.mkdir(parents=True, exist_ok=True)
        else:
            self._settle(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)
        if len(self._settled) >= _MOST_SETTLED:
            self._settled.clear()
        self._settled.add(folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
