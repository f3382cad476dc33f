"""The outside verifier: it finds the truth true, and each lie a lie. The chain is a dictionary here."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from web3 import Web3

from shared.publishing import car, unixfs
from shared.publishing.cid import Cid
from tests.journey import verify_blocks, verify_demo
from tests.journey.verify_blocks import Untrue
from tests.unit.quality.pngs import drawing, png

CHAIN_ID, CONTRACT = 31337, "0x" + "c0" * 20
COLLECTION = {"slug": "nocturnes", "digest": "cd" * 32}


class DictChain:
    """Answers as the contract would for the tokens that it was given."""

    id, has_code = CHAIN_ID, True

    def __init__(self, demo: dict[str, Any]) -> None:
        self.answers: dict[tuple[str, Any], Any] = {}
        self.receipts: dict[str, Any] = {}
        for token in demo["tokens"]:
            number = int(token["token_id"])
            self.answers["tokenIdOf", bytes.fromhex(token["request_id"])] = number
            self.answers["ownerOf", number] = token["owner"]
            self.answers["tokenURI", number] = f"ipfs://{token['metadata_cid']}"
            self.answers["digestOf", number] = Cid.parse(token["metadata_cid"]).digest
            transfer = bytes(Web3.keccak(text="Transfer(address,address,uint256)"))
            owner = bytes(12) + bytes.fromhex(token["owner"][2:])
            log = {"address": CONTRACT, "topics": [transfer, bytes(32), owner, number.to_bytes(32, "big")]}
            self.receipts[token["tx_hash"]] = {"status": 1, "gasUsed": token["gas_used"], "logs": [log]}

    def ask(self, function: str, value: Any) -> Any:
        if (function, value) not in self.answers:
            raise Untrue(f"{function} answers ContractCustomError")
        return self.answers[function, value]

    def receipt(self, tx_hash: str) -> Any:
        return self.receipts.get(tx_hash)


def make(folder: Path) -> dict[str, Any]:
    """A demo of two tokens: pictures, CARs and what demo.json tells."""
    tokens = []
    for index in range(2):
        request_id = bytes([index + 1]) * 32
        packed = CHAIN_ID.to_bytes(32, "big") + bytes(12) + bytes.fromhex(CONTRACT[2:]) + request_id
        picture = png(drawing(64 + index))
        image = unixfs.build(picture, chunk_bytes=500, max_links=3)
        sha256, side = hashlib.sha256(picture).hexdigest(), 64 + index
        document = {
            "name": f"Night {index}",
            "image": f"ipfs://{image.root}",
            "attributes": [{"trait_type": "Sky", "value": f"Ember {index}"}],
            "properties": {
                "provenance": {
                    "request_id": request_id.hex(),
                    "collection": COLLECTION,
                    "image": {"sha256": sha256, "width_px": side, "height_px": side},
                }
            },
        }
        note = unixfs.build(json.dumps(document).encode())
        (folder / f"{index}.png").write_bytes(picture)
        (folder / f"{index}.image.car").write_bytes(car.pack([image]))
        (folder / f"{index}.metadata.car").write_bytes(car.pack([note]))
        tokens.append(
            {
                "name": f"Night {index}",
                "request_id": request_id.hex(),
                "owner": "0x" + f"{index + 10:02x}" * 20,
                "token_id": str(int.from_bytes(Web3.keccak(packed), "big")),
                "tx_hash": f"0x{index:064x}",
                "gas_used": 91_000 + index,
                "metadata_cid": str(note.root),
                "image_cid": str(image.root),
                "image_sha256": sha256,
                "traits": {"Sky": f"Ember {index}"},
                "picture": f"{index}.png",
            }
        )
    base = {"chain_id": CHAIN_ID, "contract": CONTRACT, "collection": COLLECTION, "folder": str(folder)}
    return {**base, "tokens": tokens}


def verdict(demo: dict[str, Any], chain: DictChain, folder: Path) -> dict[str, Any]:
    blocks, wrong = verify_blocks.read_folder(folder)
    return verify_demo.check(demo, cast(verify_demo.Chain, chain), blocks, wrong)


def test_what_is_true_is_found_true(tmp_path: Path) -> None:
    demo = make(tmp_path)
    found = verdict(demo, DictChain(demo), tmp_path)
    assert found["problems"] == []
    assert found["true"]
    assert [len(token["notes"]) for token in found["tokens"]] == [2, 2]


def test_a_chain_that_kept_no_receipts_is_said_to_have_kept_none(tmp_path: Path) -> None:
    demo = make(tmp_path)
    chain = DictChain(demo)
    chain.receipts.clear()
    found = verdict(demo, chain, tmp_path)
    assert found["true"]
    assert "the state file kept no receipt" in found["tokens"][0]["notes"]


Lie = Callable[[dict[str, Any], DictChain, Path], None]


def told(key: str, value: Any) -> Lie:
    def lie(demo: dict[str, Any], _: DictChain, __: Path) -> None:
        demo["tokens"][0][key] = value

    return lie


def answered(function: str, value: Any) -> Lie:
    def lie(demo: dict[str, Any], chain: DictChain, _: Path) -> None:
        keys = [key for key in chain.answers if key[0] == function]
        chain.answers[keys[0]] = value

    return lie


def received(**changes: Any) -> Lie:
    return lambda demo, chain, _: chain.receipts[demo["tokens"][0]["tx_hash"]].update(changes)


def flipped(name: str, at: int) -> Lie:
    def lie(_: dict[str, Any], __: DictChain, folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[at] ^= 1
        (folder / name).write_bytes(bytes(data))

    return lie


def without(name: str) -> Lie:
    return lambda _, __, folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (told("owner", "0x" + "ff" * 20), "ownerOf"),
        (told("token_id", "7"), "keccak256"),
        (told("request_id", "ee" * 32), "keccak256"),
        (told("metadata_cid", str(Cid.of(b"x"))), "tokenURI"),
        (told("image_cid", str(Cid.of(b"x"))), "metadata's image"),
        (told("image_sha256", "0" * 64), "provenance's picture"),
        (told("traits", {"Sky": "Ash"}), "metadata's traits"),
        (told("name", "Day"), "metadata's name"),
        (told("picture", "none.png"), "not there"),
        (told("gas_used", 1), "used 91000 gas"),
        (answered("tokenIdOf", 7), "tokenIdOf"),
        (answered("digestOf", bytes(32)), "digestOf"),
        (answered("tokenURI", "ipfs://" + str(Cid.of(b"x"))), "tokenURI"),
        (received(status=0), "status 0"),
        (received(logs=[]), "did not mint"),
        (flipped("0.image.car", -1), "other bytes than its CID says"),
        (flipped("1.metadata.car", 200), "other bytes than its CID says"),
        (flipped("0.image.car", 3), "0.image.car"),
        (flipped("0.png", -1), "sha256 of 0.png"),
        (without("0.metadata.car"), "is in no CAR"),
        (without("1.image.car"), "is in no CAR"),
        (lambda demo, _, __: demo["tokens"].append(demo["tokens"][0]), "two tokens have the same token_id"),
        (lambda demo, _, __: demo["tokens"].clear(), "tells of no token"),
        (lambda demo, _, __: demo.update(collection={**COLLECTION, "slug": "other"}), "provenance's collection"),
        (lambda demo, _, __: demo.update(chain_id=1), "the chain is 31337"),
        (lambda demo, _, __: demo["tokens"][0].pop("traits"), "KeyError"),
        (lambda _, chain, __: setattr(chain, "has_code", False), "no contract"),
    ],
)
def test_each_lie_is_found(tmp_path: Path, lie: Lie, said: str) -> None:
    demo = make(tmp_path)
    chain = DictChain(copy.deepcopy(demo))
    lie(demo, chain, tmp_path)
    found = verdict(demo, chain, tmp_path)
    assert not found["true"]
    assert any(said in problem for problem in found["problems"]), found["problems"]


def test_its_parsers_agree_with_the_reference(tmp_path: Path) -> None:
    golden = json.loads(Path(__file__).with_name("golden_cids.json").read_text())
    for vector in golden["vectors"]:
        assert verify_blocks.cid_text(verify_blocks.cid_bytes(vector["root"])) == vector["root"]
    data = bytes(range(256)) * 9
    dag = unixfs.build(data, chunk_bytes=7, max_links=9)
    blocks = verify_blocks.read_car(car.pack([dag]))
    assert verify_blocks.file_of(dag.root.encoded, blocks) == data


def test_a_folder_without_cars_proves_nothing(tmp_path: Path) -> None:
    assert verify_blocks.read_folder(tmp_path) == ({}, [f"{tmp_path} holds no .car file"])


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x05hello", b"\xff" * 30, b"\x0a\xa1\x67version\x02", b"\xd8" * 9999])
def test_what_is_no_car_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.car").write_bytes(data)
    blocks, wrong = verify_blocks.read_folder(tmp_path)
    assert blocks == {}
    assert len(wrong) == 1


def test_it_imports_nothing_of_the_product() -> None:
    for module in (verify_demo, verify_blocks):
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        for package in ("shared", "functions", "infra", "gpu"):
            assert f"import {package}" not in source
            assert f"from {package}" not in source
