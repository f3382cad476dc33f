"""Writes a zip: what runs and nothing else, and the same bytes each time it is made of the same files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from infra.packaging.descriptions import cut
from shared.errors import TooLarge

MAX_UNZIPPED_BYTES = 262_144_000
"""Lambda's 250 MB, which are MiB."""
DIRECT_UPLOAD_BYTES = 52_428_800
"""A larger zip goes to Lambda by way of S3 only; so do all that osls deploys."""
NEARLY_FULL = 0.9
"""Above such a share of Lambda's limit a newer version of a library may be what does not fit any more."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
LEVEL = 6
"""Of zlib. Level 9 takes three times as long for a hundredth of the bytes."""
_NEVER_RUN = {".a", ".c", ".cc", ".cpp", ".css", ".h", ".hpp", ".js", ".pxd", ".pyi", ".pyc", ".pyx"}
_TESTS = {"test", "tests", "SelfTest"}
_BUILDERS = {("numpy", "distutils"), ("numpy", "f2py")}
_BOTOCORE_DATA = ("botocore", "data")
_PILLOWS_OWN = {"PIL": ("_avif.", "_imagingft."), "pillow.libs": ("libavif-", "libfreetype-", "libharfbuzz-")}
"""Two of Pillow's modules, with the libraries that nothing else of it links to: AVIF, and text in fonts. Pictures are
PNG, and Pillow only tries either. Its other libraries serve several modules, and OpenCV links to all of its own."""


@dataclass(frozen=True)
class Part:
    """One file of a zip."""

    name: str
    """Within the zip."""
    path: Path
    owner: str
    """The distribution that it comes from, or `monoprint`."""
    services: frozenset[str] = frozenset()
    """Of AWS, those that the zip calls."""

    def read(self) -> bytes:
        data = self.path.read_bytes()
        if self.path.parent.suffix == ".dist-info":
            # Of a distribution's description only the head is read, by `importlib.metadata.version`.
            return data.partition(b"\n\n")[0] + b"\n\n"
        return cut(self.name, data, self.services)


@dataclass(frozen=True)
class Written:
    path: Path
    sha256: str
    zip_bytes: int
    unzipped_bytes: int
    owners: tuple[tuple[str, int], ...]
    """Bytes of each owner's files, the heaviest first."""

    @property
    def share(self) -> float:
        """Of what Lambda takes, unzipped."""
        return self.unzipped_bytes / MAX_UNZIPPED_BYTES


def runs(name: str, services: Iterable[str]) -> bool:
    """Whether a distribution's file is of any use on Lambda.

    Tests, types, C sources, a browser's scripts and tools that build are not, nor is what pip wrote down for itself;
    nor, nine tenths of botocore, the descriptions of services that nobody here calls; nor two of Pillow's modules.
    """
    path = PurePosixPath(name)
    if path.parts[0] in {"bin", "..", "__pycache__"} or path.suffix in _NEVER_RUN or _TESTS & set(path.parts[:-1]):
        return False
    if path.parts[:2] in _BUILDERS or path.name.startswith(_PILLOWS_OWN.get(path.parts[0], ("/",))):
        return False
    if path.parts[0].endswith(".dist-info"):
        return path.name == "METADATA"
    if path.parts[:2] == _BOTOCORE_DATA and len(path.parts) > 3:
        return path.parts[2] in set(services) and not path.name.startswith("examples-")
    return path.name != "py.typed"


def write(path: Path, parts: Iterable[Part], level: int = LEVEL) -> Written:
    """The zip, whole or not at all. Raises: `TooLarge` when Lambda would not take it, naming what is heavy."""
    weights, zipped = Counter[str](), path.with_name(path.name + ".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with ZipFile(zipped, "w") as archive:
            for part in sorted(parts, key=lambda part: part.name):
                data = part.read()
                weights[part.owner] += len(data)
                info = ZipInfo(part.name, _EPOCH)
                info.create_system, info.external_attr = 3, _MODE  # Unix, whatever this machine is
                archive.writestr(info, data, ZIP_DEFLATED, level)
        if weights.total() > MAX_UNZIPPED_BYTES:
            heavy = ", ".join(f"{owner} {size / 1e6:.1f} MB" for owner, size in weights.most_common(5))
            got = f"{weights.total() / 1e6:.1f} MB unzipped"
            wanted = f"at most {MAX_UNZIPPED_BYTES / 1e6:.1f} MB, which is what Lambda takes"
            raise TooLarge(f"{path.name}: got {got}, wanted {wanted}. Heaviest: {heavy}")
        zipped.replace(path)
    finally:
        zipped.unlink(missing_ok=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Written(path, digest, path.stat().st_size, weights.total(), tuple(weights.most_common()))
