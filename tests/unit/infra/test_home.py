"""A home: what is made once, what is compared, and who may use it when."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from infra.twin import home as home_module
from infra.twin.home import Busy, Home
from shared.errors import Defect
from shared.ports.open import open_port

ONCE = ["ledger.db", "salt", "master.key", "signer/transaction.json", "signer/owner.json", "signer", "blobs", "blocks"]


@pytest.mark.parametrize("name", ONCE)
def test_what_cannot_be_made_again_is_missed_and_not_replaced(tmp_path: Path, name: str) -> None:
    home = Home.at(tmp_path / "home")
    home.check_identity(contract="0x1")
    (home.path / name).rename(tmp_path / "away")
    with pytest.raises(Defect, match=rf"{name}.* missing.*restore it from the backup"):
        Home.at(home.path)
    assert not (home.path / name).exists()
    (tmp_path / "away").rename(home.path / name)
    Home.at(home.path)


def test_a_home_that_was_killed_while_it_was_made_is_made_on(tmp_path: Path) -> None:
    before = Home.at(tmp_path / "home")
    salt = (before.path / "salt").read_bytes()
    for name in ("ledger.db", "master.key"):
        (before.path / name).unlink()
    Home.at(before.path)
    assert (before.path / "salt").read_bytes() == salt


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    for name in ("salt", "master.key", "signer/transaction.json", "signer/owner.json", "ledger.db"):
        assert (home.path / name).stat().st_mode & 0o077 == 0, name


def test_the_ports_of_a_home_make_no_second_key(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    (home.path / "master.key").unlink()
    with pytest.raises(Defect, match="restore it from the backup"):
        open_port("keys", home.keys_url).create("c")
    assert not (home.path / "master.key").exists()


@pytest.mark.parametrize("name", ["salt", "master.key"])
def test_the_secret_of_another_home_is_refused(tmp_path: Path, name: str) -> None:
    one, two = Home.at(tmp_path / "one"), Home.at(tmp_path / "two")
    one.check_identity(contract="0x1")
    one.check_identity(contract="0x1")
    shutil.copy2(two.path / name, one.path / name)
    with pytest.raises(Defect, match=rf"{name} of another home.*restore"):
        one.check_identity(contract="0x1")


def test_another_contract_is_refused(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    home.check_identity(contract="0x1", minter="0x2")
    with pytest.raises(Defect, match="contract, minter of another home"):
        home.check_identity(contract="0x3", minter="0x4")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_file_is_a_defect_that_names_it(tmp_path: Path, content: bytes) -> None:
    home = Home.at(tmp_path / "home")
    (home.path / "api-keys.json").write_bytes(content)
    with pytest.raises(Defect, match=r"api-keys\.json: damaged.*restore it from the backup, or delete it"):
        home.read_json("api-keys.json")


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, done = Home.at(tmp_path / "home"), []
    monkeypatch.setattr(os, "fsync", lambda _: done.append("file"))
    monkeypatch.setattr(home_module, "sync_folder", lambda _: done.append("folder"))
    home.write_json("some.json", {"a": 1})
    assert done == ["file", "folder"]
    assert json.loads((home.path / "some.json").read_text()) == {"a": 1}


def test_the_second_twin_is_busy(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with home.locked(), pytest.raises(Busy, match="a twin runs here already"), home.locked():
        raise AssertionError("locked twice")


def test_a_twin_that_ends_waits_for_its_users(tmp_path: Path) -> None:
    home, order, waits = Home.at(tmp_path / "home"), [], threading.Event()

    def end() -> None:
        with home.unused(waits.set):
            order.append("ended")

    with home.used(), home.used():
        ending = threading.Thread(target=end)
        ending.start()
        assert waits.wait(5)
        order.append("used")
    ending.join(5)
    assert order == ["used", "ended"]
