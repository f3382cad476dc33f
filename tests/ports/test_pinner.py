"""The folder of blocks, and providers that fail: faults 24, 25 and 26."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.errors import Invalid, Transient
from shared.ports.pinner import Pinner, WrongCid
from shared.ports.pinner.checked import CheckedPinner
from shared.ports.pinner.folder import FolderPinner
from shared.publishing.cid import Cid
from tests.ports.pinner_behaviour import CAR, NOTE, PICTURE, PinnerBehaviour

ROOT = str(PICTURE.root)


class TestFolderPinner(PinnerBehaviour):
    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return (tmp_path / "blocks in a folder").as_uri().replace("file:", "folder:")

    def open(self, place: str) -> Pinner:
        return FolderPinner.open(place)


class TestCheckedPinner(PinnerBehaviour):
    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return f"folder://{tmp_path}"

    def open(self, place: str) -> Pinner:
        return CheckedPinner(FolderPinner.open(place + "/first"), FolderPinner.open(place + "/second"))


@pytest.mark.parametrize(
    "url",
    ["folder://host/path", "folder:path", "file:///path", "/path", "folder:///a?b=c", "folder:///%00", "folder:///"],
)
def test_urls_that_are_no_folder_are_refused(url: str) -> None:
    with pytest.raises(Invalid, match="pinner url"):
        FolderPinner.open(url)


@pytest.mark.parametrize("damage", [b"", b"other bytes", bytes(3 << 20)])
def test_a_block_damaged_on_the_disk_is_told_and_mended(tmp_path: Path, damage: bytes) -> None:
    pinner = FolderPinner(tmp_path)
    pinner.pin(ROOT, CAR)
    path = pinner.path(NOTE.root)
    path.write_bytes(damage)
    with pytest.raises(WrongCid):
        pinner.read(str(NOTE.root))
    pinner.pin(ROOT, CAR)
    assert pinner.read(str(NOTE.root)) == path.read_bytes() == b'{"name":"one"}'


def test_a_write_that_is_killed_leaves_no_block_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_: int) -> None:
        raise KeyboardInterrupt

    pinner = FolderPinner(tmp_path)
    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        pinner.pin(ROOT, CAR)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_files_stand_under_their_cids_and_nothing_else(tmp_path: Path) -> None:
    pinner = FolderPinner(tmp_path)
    pinner.pin(ROOT, CAR)
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {pinner.path(cid) for cid in (*PICTURE.blocks, *NOTE.blocks)}
    assert {path.relative_to(tmp_path).as_posix().count("/") for path in files} == {2}


def test_a_folder_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    pinner = FolderPinner(tmp_path / "blocks")
    for _ in range(2):
        pinner.pin(ROOT, CAR)
        assert pinner.read(ROOT) is not None
        shutil.rmtree(tmp_path / "blocks")


def test_a_block_is_flushed_with_every_name_that_leads_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[int, int]] = []

    def note(descriptor: int) -> None:
        status = os.fstat(descriptor)
        flushed.append((status.st_dev, status.st_ino))

    def names(path: Path) -> tuple[int, int]:
        return path.stat().st_dev, path.stat().st_ino

    monkeypatch.setattr(os, "fsync", note)
    for pinner in (FolderPinner(tmp_path), FolderPinner(tmp_path)):  # the second finds folders, but not who made them
        flushed.clear()
        pinner.pin(ROOT, CAR)
        path = pinner.path(NOTE.root)
        for each in (path, path.parent, path.parent.parent, tmp_path):
            assert names(each) in flushed
        path.unlink()
        flushed.clear()
        pinner.pin(ROOT, CAR)
        assert flushed == [names(path), names(path.parent)]
        path.unlink()


def test_many_pin_the_same_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: FolderPinner(tmp_path).pin(ROOT, CAR), range(16)))
    assert answers == {ROOT}
    assert list((tmp_path / "tmp").iterdir()) == []


class FaultyPinner:
    """A provider that wraps a good one and fails as it is told; counts what it was asked."""

    def __init__(self, inner: Pinner, *, down: bool = False, answer: str | None = None,
                 serves: bytes | None = b"", loses: bool = False) -> None:  # fmt: skip
        self.inner, self.down, self.answer, self.serves, self.loses = inner, down, answer, serves, loses
        self.pins = 0

    def pin(self, root: str, car: bytes) -> str:
        self.pins += 1
        if self.down:
            raise Transient("pin API: 503", retry_after_s=30.0)
        return self.answer or self.inner.pin(root, car)

    def read(self, cid: str) -> bytes | None:
        if self.down:
            raise Transient("gateway: 504", retry_after_s=9.0)
        if self.loses:
            return None
        return self.serves or self.inner.read(cid)


@pytest.fixture
def good(tmp_path: Path) -> Pinner:
    return FolderPinner(tmp_path / "good")


def test_fault_24_pin_api_down_is_transient(good: Pinner) -> None:
    down = CheckedPinner(FaultyPinner(good, down=True))
    with pytest.raises(Transient, match="503") as caught:
        down.pin(ROOT, CAR)
    assert caught.value.retry_after_s == 30.0
    with pytest.raises(Transient, match="504"):
        down.read(ROOT)


def test_fault_24_pin_api_down_the_second_provider_takes_it(good: Pinner) -> None:
    first, second = FaultyPinner(good, down=True), FaultyPinner(good)
    pinner = CheckedPinner(first, second)
    assert pinner.pin(ROOT, CAR) == ROOT
    assert pinner.read(ROOT) == PICTURE.blocks[PICTURE.root]
    assert (first.pins, second.pins) == (1, 1)
    with pytest.raises(Transient, match="504"):  # the one that is down might have it: absence is not guessed
        pinner.read(str(Cid.of(b"nobody pinned this")))


def test_fault_24_a_full_or_missing_disk_is_transient(tmp_path: Path) -> None:
    (tmp_path / "blocks").write_text("a file where the folder should be")
    with pytest.raises(Transient, match="while"):
        FolderPinner(tmp_path / "blocks").pin(ROOT, CAR)


@pytest.mark.parametrize("answer", [str(Cid.of(b"another")), "Qm" + "a" * 44, ROOT.upper(), "ok"])
def test_fault_25_pin_returns_another_cid_is_refused(good: Pinner, answer: str) -> None:
    second = FaultyPinner(good)
    with pytest.raises(WrongCid) as caught:
        CheckedPinner(FaultyPinner(good, answer=answer), second).pin(ROOT, CAR)
    assert (caught.value.got, caught.value.wanted) == (answer, ROOT)
    assert second.pins == 0


def test_fault_26_pin_says_yes_but_the_bytes_cannot_be_fetched(good: Pinner) -> None:
    with pytest.raises(Transient, match="cannot be fetched"):
        CheckedPinner(FaultyPinner(good, loses=True)).pin(ROOT, CAR)
    assert CheckedPinner(FaultyPinner(good, loses=True), good).pin(ROOT, CAR) == ROOT


@pytest.mark.parametrize("served", [b"a page that says: payment required", bytes(3 << 20)])
def test_fault_26_pin_says_yes_and_serves_other_bytes(good: Pinner, served: bytes) -> None:
    pinner = CheckedPinner(FaultyPinner(good, serves=served), good)
    with pytest.raises(WrongCid):
        pinner.pin(ROOT, CAR)
    with pytest.raises(WrongCid):
        pinner.read(ROOT)
