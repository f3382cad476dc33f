"""What the folder does with hostile keys, links, and a disk that fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Defect, Invalid, NotFound, Transient
from shared.ports.blobs import Blobs
from shared.ports.blobs.limits import key_parts
from shared.ports.open import open_port


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[Blobs]:
    with closing(open_port("blobs", f"folder://{tmp_path}/blobs")) as blobs:
        yield blobs


PARTS = ["..", ".", "", "a", "...", "%2e", "a\\..", "\uff0e\uff0e"]


@settings(max_examples=150, deadline=None, database=None)
@given(
    key=st.one_of(
        st.text(max_size=20),
        st.text("./\\a=~%\x00 ", max_size=8),
        st.lists(st.sampled_from(PARTS), max_size=5).map("/".join),
    )
)
def test_no_key_leaves_the_root(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    root = tmp_path_factory.getbasetemp() / "hostile" / "blobs"
    with closing(open_port("blobs", f"folder://{root}")) as blobs:
        try:
            blobs.put(key, b"x")
        except Invalid:
            with pytest.raises(Invalid):
                blobs.get(key)
        else:
            assert "/".join(key_parts(key)) == key
            assert key in set(blobs.keys(""))
    assert [path.name for path in root.parent.iterdir()] == ["blobs"]
    assert sorted(path.name for path in root.iterdir()) == ["drafts", "objects", "presign.secret"]


def test_no_symbolic_link_leads_out(tmp_path: Path, blobs: Blobs) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    objects = tmp_path / "blobs" / "objects"
    (objects / "out=").symlink_to(tmp_path / "outside")
    (objects / "file").symlink_to(tmp_path / "outside" / "secret")
    (objects / "dangling").symlink_to(tmp_path / "outside" / "nothing")
    for key in ("out/secret", "out/new", "file", "dangling"):
        for use in (blobs.get, blobs.exists, lambda key: blobs.put(key, b"x")):
            with pytest.raises(Defect):
                use(key)
    assert list(blobs.keys("")) == []
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["secret"]
    shutil.rmtree(objects)
    objects.symlink_to(tmp_path / "outside")
    with pytest.raises(Transient):
        blobs.put("x", b"x")


DAMAGES = [b"", b"picture", b"pictureMPBLOB1\n", b"zzzzzzzzMPBLOB1\n", b"00000002[]00000002MPBLOB1\n"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_fault_17_a_truncated_blob_is_not_taken_for_absent(tmp_path: Path, blobs: Blobs, damage: bytes) -> None:
    blobs.put("a", b"picture")
    (tmp_path / "blobs/objects/a").write_bytes(damage)
    with pytest.raises(Transient, match="damaged on the disk"):
        blobs.get("a")
    assert blobs.exists("a")
    assert not blobs.put("a", b"other")


def test_fault_17_a_flipped_bit_is_found_by_the_digest(tmp_path: Path, blobs: Blobs) -> None:
    blobs.put("a", b"picture")
    whole = bytearray((tmp_path / "blobs/objects/a").read_bytes())
    whole[3] ^= 4
    (tmp_path / "blobs/objects/a").write_bytes(whole)
    with pytest.raises(Transient, match="its digest does not fit"):
        blobs.get("a")


def test_fault_18_a_disk_that_is_away_says_nothing_about_a_key(tmp_path: Path, blobs: Blobs) -> None:
    blobs.put("a", b"a")
    (tmp_path / "blobs/objects").rename(tmp_path / "away")
    for use in (blobs.get, blobs.exists, lambda key: blobs.put(key, b"x"), lambda key: list(blobs.keys(key))):
        with pytest.raises(Transient) as raised:
            use("a")
        assert not isinstance(raised.value, NotFound)
    (tmp_path / "away").rename(tmp_path / "blobs/objects")
    shutil.rmtree(tmp_path / "blobs/drafts")
    with pytest.raises(Transient):
        blobs.put("b", b"x")


def test_a_killed_writers_draft_is_dropped_a_day_later(tmp_path: Path, blobs: Blobs) -> None:
    old, new = tmp_path / "blobs/drafts/draft-old", tmp_path / "blobs/drafts/draft-new"
    for draft in (old, new):
        draft.write_bytes(b"half")
    os.utime(old, (0, 0))
    open_port("blobs", f"folder://{tmp_path}/blobs").close()
    assert (old.exists(), new.exists()) == (False, True)
    assert list(blobs.keys("")) == []
