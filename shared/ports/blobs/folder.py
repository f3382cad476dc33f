"""FolderBlobs: blobs as files in a folder, for one machine.

    ROOT/objects/jobs=/7f3c=/result.json   folders end in "=", which no key holds: `a` and `a/b` are `a` and `a=/b`
    ROOT/drafts/                           what is being written; a hard link publishes it, whole
    ROOT/presign.secret                    signs the URLs that read one key

A file is the blob's bytes and then a trailer with their digest and content type, so that one link publishes both.
Image viewers ignore what follows a picture: the folder can be looked at. Every step from the root down refuses
symbolic links, so no key leads out.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import secrets
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from shared.clock import Clock
from shared.errors import Defect, Forbidden, Invalid, MonoprintError, NotFound, Transient
from shared.ports.blobs import MAX_PRESIGN_S
from shared.ports.blobs.announcement import object_created
from shared.ports.blobs.limits import check_content_type, check_presign, key_parts, prefix_parts
from shared.ports.files import create_once, read_secret
from shared.ports.open import open_port, parse_url
from shared.ports.queue import Queue

_FOLDER_MARK = "="
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TRAILER_END = b"MPBLOB1\n"  # before it, the length of the trailer's JSON in 8 hex digits
_DRAFT_LIFE_S = 86_400


class FolderBlobs:
    """`folder:///absolute/root?notify=QUEUE_URL&suffix=result.json&serve=https://host`

    All options may be left out; the two URLs in them are percent-encoded. `notify` is the queue that is told of keys
    ending in `suffix`. `serve` is where `open_presigned` is answered under `/v1/blobs/`; without it there is no
    `presign`.
    """

    def __init__(self, root: Path, clock: Clock, *, notify: str = "", suffix: str = "", serve: str = "") -> None:
        self._objects = root / "objects"
        self._drafts = root / "drafts"
        self._clock = clock
        self._notify = notify
        self._suffix = suffix
        self._serve = serve.rstrip("/")
        self._queue: Queue | None = None
        self._queue_lock = threading.Lock()
        try:
            for folder in (self._objects, self._drafts):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            secret = root / "presign.secret"
            # Also proves, before anything depends on it, that this file system has hard links.
            create_once(secret, secrets.token_bytes(32), temporary=self._drafts)
            self._secret = read_secret(secret)
            self._drop_old_drafts()
        except OSError as error:
            raise Invalid("blobs url", f"a folder that fails ({error.strerror})", "one for files and links") from error

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> FolderBlobs:
        parts = parse_url("blobs", url, options=("notify", "suffix", "serve"))
        if not parts.path.strip("/"):
            raise Invalid("blobs url", "no folder", "folder:///absolute/root")
        serve = parts.text("serve", "")
        if serve and (urlsplit(serve).scheme not in ("http", "https") or urlsplit(serve).query):
            raise parts.wrong("serve", repr(serve[:60]), "http://host or https://host")
        notify, suffix = parts.text("notify", ""), parts.text("suffix", "result.json")
        return cls(Path(parts.path), clock, notify=notify, suffix=suffix, serve=serve)

    def close(self) -> None:
        with self._queue_lock:
            queue, self._queue = self._queue, None
        if queue is not None:
            queue.close()

    def put(self, key: str, data: bytes, *, content_type: str = "application/octet-stream") -> bool:
        *folders, name = key_parts(key)
        check_content_type(content_type)
        trailer = json.dumps({"content_type": content_type, "sha256": hashlib.sha256(data).hexdigest()}).encode()
        whole = data + trailer + b"%08x" % len(trailer) + _TRAILER_END
        with self._folder(key, folders, create=True) as folder:
            # Most losers come late: they need not write their bytes to learn it.
            if _is_file(name, folder, key):
                return False
            if not create_once(name, whole, temporary=self._drafts, folder=folder):
                return False
        if self._notify and key.endswith(self._suffix):
            self._announced_to().send(object_created(key, data, self._clock()))
        return True

    def get(self, key: str) -> bytes:
        return self._read(key)[0]

    def exists(self, key: str) -> bool:
        *folders, name = key_parts(key)
        try:
            with self._folder(key, folders) as folder:
                return _is_file(name, folder, key)
        except NotFound:
            return False

    def keys(self, prefix: str) -> Iterator[str]:
        folders, rest = prefix_parts(prefix)
        found: list[str] = []
        with suppress(NotFound), self._folder(prefix, folders) as folder:
            _collect(folder, "".join(f"{part}/" for part in folders), rest, found)
        return iter(sorted(found))

    def presign(self, key: str, *, expires_s: int = MAX_PRESIGN_S, filename: str | None = None) -> str:
        key_parts(key)
        check_presign(expires_s, filename)
        if not self._serve:
            raise Invalid("blobs url, option serve", "nothing", "the address that answers /v1/blobs/")
        expires = str(int((self._clock() + timedelta(seconds=expires_s)).timestamp()))
        query = {"expires": expires} | ({"filename": filename} if filename is not None else {})
        query["signature"] = self._signature(key, query)
        return f"{self._serve}/v1/blobs/{quote(key)}?{urlencode(query)}"

    def open_presigned(self, key: str, query: Mapping[str, str], now: datetime) -> tuple[bytes, str, str | None]:
        """What a URL of `presign` reads: bytes, content type, and the file name to send it as.

        Raises `Forbidden` for a URL that was changed, is over, or was never signed; then `NotFound`.
        """
        given = query.get("signature", "").encode(errors="replace")
        if not hmac.compare_digest(self._signature(key, query).encode(), given):
            raise Forbidden("this address was changed, or never signed")
        left_s = int(query["expires"]) - now.timestamp()
        if not 0 < left_s <= MAX_PRESIGN_S:
            raise Forbidden("this address is no longer valid")
        return *self._read(key), query.get("filename")

    def _signature(self, key: str, query: Mapping[str, str]) -> str:
        # JSON keeps the parts apart: no two signed triples spell the same text.
        signed = json.dumps([key, query.get("expires"), query.get("filename")]).encode()
        return hmac.new(self._secret, signed, hashlib.sha256).hexdigest()

    def _read(self, key: str) -> tuple[bytes, str]:
        *folders, name = key_parts(key)
        with (
            self._folder(key, folders) as folder,
            open(name, "rb", opener=lambda path, _: os.open(path, _OPEN_FILE, dir_fd=folder)) as file,
        ):
            whole = file.read()
        end = len(whole) - len(_TRAILER_END) - 8
        try:
            start = end - int(whole[end : end + 8] if whole.endswith(_TRAILER_END) else b"", 16)
            trailer = json.loads(whole[start:end])
            data, digest, content_type = whole[:start], trailer["sha256"], str(trailer["content_type"])
        except (ValueError, KeyError, TypeError) as error:
            raise Transient(f"blob {key}: damaged on the disk, its trailer cannot be read", retry_after_s=60) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise Transient(f"blob {key}: damaged on the disk, its digest does not fit", retry_after_s=60)
        return data, content_type

    def _announced_to(self) -> Queue:
        with self._queue_lock:
            if self._queue is None:
                self._queue = open_port("queue", self._notify, clock=self._clock)
            return self._queue

    @contextmanager
    def _folder(self, key: str, parts: list[str], *, create: bool = False) -> Iterator[int]:
        """A descriptor of the folder that `parts` lead to, step by step. Translates what fails here and inside."""
        try:
            here = os.open(self._objects, _OPEN_FOLDER)
        except OSError as error:  # not even FileNotFoundError: the disk is away, which says nothing about the key
            raise Transient(f"blobs folder: {error.strerror}", retry_after_s=30) from error
        try:
            for part in parts:
                here = _step(here, part + _FOLDER_MARK, create)
            yield here
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not create:
                raise NotFound(f"no blob {key}") from error
            raise _translated(key, error) from error
        finally:
            os.close(here)

    def _drop_old_drafts(self) -> None:
        """What a killed writer left. By the disk's own clock, since that is what dates files."""
        for draft in self._drafts.iterdir():
            with suppress(FileNotFoundError):
                if draft.lstat().st_mtime < time.time() - _DRAFT_LIFE_S:
                    draft.unlink()


def _step(here: int, name: str, create: bool) -> int:
    """From one open folder into the next, which is made if need be; closes the one it leaves."""
    try:
        there = os.open(name, _OPEN_FOLDER, dir_fd=here)
    except FileNotFoundError:
        if not create:
            raise
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=here)
        os.fsync(here)
        there = os.open(name, _OPEN_FOLDER, dir_fd=here)
    os.close(here)
    return there


def _is_file(name: str, folder: int, key: str) -> bool:
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        raise Defect(f"blob {key}: something that is no file lies in its place")
    return True


def _collect(folder: int, path: str, beginning: str, found: list[str]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(beginning):
                continue
            if entry.is_file(follow_symlinks=False):
                found.append(path + entry.name)
            elif entry.is_dir(follow_symlinks=False) and entry.name.endswith(_FOLDER_MARK):
                inner = os.open(entry.name, _OPEN_FOLDER, dir_fd=folder)
                try:
                    _collect(inner, path + entry.name.removesuffix(_FOLDER_MARK) + "/", "", found)
                finally:
                    os.close(inner)


def _translated(key: str, error: OSError) -> MonoprintError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR):
        return Defect(f"blob {key}: something that is no file lies on its way")
    return Transient(f"blob {key}: {error.strerror}", retry_after_s=30)
