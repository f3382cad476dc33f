from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_keys.backends.native.main import NativeECCBackend
from eth_keys.datatypes import PrivateKey

from shared.errors import Defect, Invalid
from shared.ports.open import open_port
from shared.ports.signer import KeyUnusable, Purpose, Signer
from shared.ports.signer.keystore import KeystoreSigner
from shared.ports.signer.secp256k1 import ORDER, canonical
from tests.ports.signer_behaviour import OpenSigner, SignerBehaviour

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "with space" / "keys"


def opened(folder: Path, chain_id: int = 31337) -> KeystoreSigner:
    return KeystoreSigner.open(f"keystore://{folder}?chain_id={chain_id}")


def _shorter(text: str) -> str:
    """A key file whose secret lost its last byte: another key, were it filled up."""
    record = json.loads(text)
    return json.dumps(record | {"private_key": record["private_key"][:-2]})


class TestKeystore(SignerBehaviour):
    @pytest.fixture
    def open_signer(self, folder: Path) -> OpenSigner:
        return lambda: opened(folder)

    def test_it_is_what_its_url_opens(self, folder: Path) -> None:
        found = open_port("signer", f"keystore://{folder}?chain_id=31337")
        assert isinstance(found, KeystoreSigner)
        typed: Signer = found
        assert typed.address(Purpose.OWNER) == opened(folder).address(Purpose.OWNER)

    def test_files_belong_to_their_owner_alone(self, folder: Path) -> None:
        before = os.umask(0)
        try:
            opened(folder).address(Purpose.TRANSACTION)
        finally:
            os.umask(before)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        [path] = folder.iterdir()
        assert path.name == "transaction.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads(path.read_text())["chain_id"] == 31337

    def test_where_keys_were_made_before_a_missing_one_is_not_replaced(self, folder: Path) -> None:
        opened(folder).address(Purpose.OWNER)
        again = KeystoreSigner.open(f"keystore://{folder}?chain_id=31337&create=0")
        assert again.address(Purpose.OWNER) == opened(folder).address(Purpose.OWNER)
        with pytest.raises(KeyUnusable, match=r"transaction\.json: it is missing; restore it from the backup"):
            again.address(Purpose.TRANSACTION)
        assert [path.name for path in folder.iterdir()] == ["owner.json"]

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
    def test_a_key_that_others_may_read_is_refused(self, folder: Path, mode: int) -> None:
        opened(folder).address(Purpose.TRANSACTION)
        (folder / "transaction.json").chmod(mode)
        with pytest.raises(KeyUnusable, match=f"got mode {mode:04o}, wanted 0600"):
            opened(folder).address(Purpose.TRANSACTION)

    def test_a_link_is_no_key(self, folder: Path) -> None:
        opened(folder).address(Purpose.TRANSACTION)
        (folder / "owner.json").symlink_to(folder / "transaction.json")
        with pytest.raises(KeyUnusable, match="plain file"):
            opened(folder).address(Purpose.OWNER)

    def test_fault_46_a_key_refuses_every_chain_but_its_own(self, folder: Path) -> None:
        opened(folder, 31337).address(Purpose.TRANSACTION)
        with pytest.raises(KeyUnusable, match="made for chain 31337, wanted 1"):
            opened(folder, 1).address(Purpose.TRANSACTION)
        with pytest.raises(KeyUnusable):
            opened(folder, 1).sign(Purpose.TRANSACTION, bytes(32))

    def test_a_key_refuses_every_purpose_but_its_own(self, folder: Path) -> None:
        opened(folder).address(Purpose.TRANSACTION)
        (folder / "transaction.json").rename(folder / "owner.json")
        with pytest.raises(KeyUnusable, match="made for purpose 'transaction', wanted 'owner'"):
            opened(folder).address(Purpose.OWNER)

    def test_a_key_that_does_not_match_its_address_is_refused(self, folder: Path) -> None:
        opened(folder).address(Purpose.TRANSACTION)
        path = folder / "transaction.json"
        record = json.loads(path.read_text())
        path.write_text(json.dumps(record | {"address": "0x" + "00" * 20}))
        with pytest.raises(KeyUnusable, match="holds the key of"):
            opened(folder).address(Purpose.TRANSACTION)

    @pytest.mark.parametrize(
        "damage", [lambda t: t[: len(t) - 20], lambda t: "", lambda t: "[]", lambda t: t[:-9] + "zz", _shorter]
    )
    def test_a_damaged_key_is_refused_and_never_quoted(self, folder: Path, damage: Callable[[str], str]) -> None:
        opened(folder).address(Purpose.TRANSACTION)
        path = folder / "transaction.json"
        text = path.read_text()
        secret = json.loads(text)["private_key"].removeprefix("0x")
        path.write_text(damage(text))
        with pytest.raises(KeyUnusable) as caught:
            opened(folder).sign(Purpose.TRANSACTION, bytes(32))
        told = "".join(traceback.format_exception(caught.value))
        assert not any(secret[at : at + 12] in told for at in range(len(secret) - 12))

    def test_a_draft_left_by_a_crash_is_no_key(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True)
        (folder / ".transaction.0123456789abcdef").write_text("{")
        assert opened(folder).address(Purpose.TRANSACTION) == opened(folder).address(Purpose.TRANSACTION)

    def test_processes_that_race_get_one_key(self, folder: Path) -> None:
        program = (
            "import sys; from shared.ports.signer import Purpose;"
            "from shared.ports.signer.keystore import KeystoreSigner;"
            "signer = KeystoreSigner.open(sys.argv[1]); print('ready', flush=True); sys.stdin.readline();"
            "print(signer.address(Purpose.TRANSACTION))"
        )
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", program, f"keystore://{folder}?chain_id=31337"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        addresses = {racer.communicate()[0].strip() for racer in racers}
        assert addresses == {opened(folder).address(Purpose.TRANSACTION)}
        assert [path.name for path in folder.iterdir()] == ["transaction.json"]

    @pytest.mark.parametrize(
        "url",
        [
            "keystore:///keys",
            "keystore:///keys?chain_id=",
            "keystore:///keys?chain_id=0",
            "keystore:///keys?chain_id=0x7a69",
            "keystore:///keys?chain_id=1&chain_id=2",
            "keystore:///keys?chain_id=1&other=2",
            "keystore://host/keys?chain_id=1",
            "keystore:keys?chain_id=1",
            "keystore://?chain_id=1",
        ],
    )
    def test_a_url_names_folder_and_chain(self, url: str) -> None:
        with pytest.raises(Invalid, match="signer url"):
            KeystoreSigner.open(url)


class TestCanonical:
    """What a key management service returns: (r, s) without parity, from either half of the curve."""

    KEY = PrivateKey(hashlib.sha256(b"a key of this test").digest(), backend=NativeECCBackend())
    ADDRESS = KEY.public_key.to_checksum_address()

    def test_fault_40_a_high_s_is_mirrored(self) -> None:
        for number in range(16):
            digest = hashlib.sha256(bytes([number])).digest()
            made = self.KEY.sign_msg_hash(digest)
            low = canonical(digest, made.r, made.s, self.ADDRESS)
            high = canonical(digest, made.r, ORDER - made.s, self.ADDRESS)
            assert low == high
            assert (low.r, low.s, low.y_parity) == (made.r, min(made.s, ORDER - made.s), made.v)

    def test_the_signature_of_another_key_or_digest_is_a_defect(self) -> None:
        digest, other = hashlib.sha256(b"one").digest(), hashlib.sha256(b"other").digest()
        made = self.KEY.sign_msg_hash(digest)
        with pytest.raises(Defect, match="recovers to another address"):
            canonical(other, made.r, made.s, self.ADDRESS)
        with pytest.raises(Defect, match="recovers to another address"):
            canonical(digest, made.r, made.s, "0x" + "11" * 20)

    @pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (2**256, 1)])
    def test_numbers_off_the_curve_are_a_defect(self, r: int, s: int) -> None:
        with pytest.raises(Defect):
            canonical(bytes(32), r, s, self.ADDRESS)
