from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from shared.errors import Defect, Invalid
from shared.ports.keys import Keys
from shared.ports.open import open_port
from tests.ports.keys_behaviour import KeysBehaviour


class TestKeyFile(KeysBehaviour):
    @pytest.fixture
    def keys(self, tmp_path: Path) -> Iterator[Keys]:
        with closing(open_port("keys", f"keyfile://{tmp_path}/home/master.key")) as keys:
            yield keys

    @pytest.fixture
    def strangers(self, tmp_path: Path) -> Iterator[Keys]:
        with closing(open_port("keys", f"keyfile://{tmp_path}/other/master.key")) as keys:
            yield keys


def test_the_first_create_makes_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "home" / "master.key"
    keys = open_port("keys", f"keyfile://{file}")
    assert not file.exists()
    made = keys.create("c")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["master.key"], "no draft stays behind"
    again = open_port("keys", f"keyfile://{file}")
    assert again.unwrap(made.wrapped, "c") == made


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "master.key"
    made = open_port("keys", f"keyfile://{file}").create("c")
    file.chmod(mode)
    keys = open_port("keys", f"keyfile://{file}")
    with pytest.raises(Defect, match=f"mode {mode:04o}.*0600"):
        keys.create("c")
    with pytest.raises(Defect):
        keys.unwrap(made.wrapped, "c")


def test_a_missing_file_is_never_replaced_by_unwrap(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    made = open_port("keys", f"keyfile://{file}").create("c")
    file.rename(tmp_path / "away")
    keys = open_port("keys", f"keyfile://{file}")
    with pytest.raises(Defect, match="missing; restore it"):
        keys.unwrap(made.wrapped, "c")
    with pytest.raises(Defect, match="missing; restore it"):
        open_port("keys", f"keyfile://{file}?create=0").create("c")
    assert not file.exists()
    (tmp_path / "away").rename(file)
    assert keys.unwrap(made.wrapped, "c") == made


def test_another_master_key_is_told_from_a_changed_byte(tmp_path: Path) -> None:
    one, two = (open_port("keys", f"keyfile://{tmp_path}/{name}.key") for name in ("one", "two"))
    made = one.create("c")
    two.create("c")
    with pytest.raises(Defect, match="another master key; restore"):
        two.unwrap(made.wrapped, "c")
    with pytest.raises(Defect, match="made for another context"):
        one.unwrap(made.wrapped, "d")


@pytest.mark.parametrize("content", [b"", b"monoprint master key 1\nabcd\n", b"\xff" * 88, b"a" * 64 + b"\n"])
def test_a_damaged_file_is_a_defect_that_shows_nothing_of_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "master.key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(Defect, match="damaged") as raised:
        open_port("keys", f"keyfile://{file}").create("c")
    assert raised.value.__cause__ is None
    assert file.read_bytes() == content


def test_all_who_come_first_share_one_master_key(tmp_path: Path) -> None:
    url = f"keyfile://{tmp_path}/master.key"
    code = "import sys, shared.ports.open as o; print(o.open_port('keys', sys.argv[1]).create('c').wrapped.hex())"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        with ThreadPoolExecutor(8) as pool:
            wrapped = [made.wrapped for made in pool.map(lambda _: open_port("keys", url).create("c"), range(8))]
        wrapped.append(bytes.fromhex(process.communicate(timeout=20)[0]))
    keys = open_port("keys", url)
    assert len({keys.unwrap(each, "c").plain for each in wrapped}) == 9


def test_a_url_names_a_file() -> None:
    with pytest.raises(Invalid, match="no file"):
        open_port("keys", "keyfile://")
