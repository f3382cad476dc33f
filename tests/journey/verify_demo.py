"""Did the demo do what it says? Checked from outside: nothing here is the product's, only web3.py and Python.

    python tests/journey/verify_demo.py --demo out/demo.json --chain-state out/chain-state.json --blocks out/cars

Starts a chain of its own from the state file and asks it: who owns the token, what is its id, where does it point.
Follows the answer through the blocks of the CAR files, hashing every one, to the metadata and to the picture's bytes,
and compares them with what demo.json told. One line a token, then the verdict; exit code 0 if all is true, else 1.

The parsers of blocks are its own too: `verify_blocks.py`, beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3Exception

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.journey.verify_blocks import RAW, Untrue, cid_bytes, file_of, read_folder

PNG = b"\x89PNG\r\n\x1a\n"
TRANSFER = "Transfer(address,address,uint256)"


def _function(name: str, takes: str, gives: str) -> dict[str, Any]:
    inputs, outputs = [{"name": "", "type": takes}], [{"name": "", "type": gives}]
    return {"type": "function", "name": name, "stateMutability": "view", "inputs": inputs, "outputs": outputs}


ABI = [
    _function("ownerOf", "uint256", "address"),
    _function("tokenURI", "uint256", "string"),
    _function("digestOf", "uint256", "bytes32"),
    _function("tokenIdOf", "bytes32", "uint256"),
]


# ---- chain ------------------------------------------------------------------------------------------------------


class Chain:
    """What is asked of the contract, in plain values."""

    def __init__(self, url: str, contract: str) -> None:
        self._web3 = Web3(Web3.HTTPProvider(url))
        self._address = Web3.to_checksum_address(contract)
        self._contract = self._web3.eth.contract(address=self._address, abi=ABI)
        self.id = self._web3.eth.chain_id
        self.has_code = bool(self._web3.eth.get_code(self._address))

    def ask(self, function: str, value: Any) -> Any:
        try:
            return self._contract.functions[function](value).call()
        except Web3Exception as error:
            raise Untrue(f"{function} answers {type(error).__name__}") from error

    def receipt(self, tx_hash: str) -> Any:
        """None where the state file did not keep it."""
        try:
            return self._web3.eth.get_transaction_receipt(tx_hash)  # type: ignore[arg-type]
        except TransactionNotFound:
            return None


def default_anvil() -> Path:
    system = {"linux": "linux", "darwin": "darwin", "win32": "win32"}[sys.platform]
    machine = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "amd64"
    folder = Path(__file__).parents[2] / "node_modules" / "@foundry-rs" / f"anvil-{system}-{machine}" / "bin"
    return folder / ("anvil.exe" if system == "win32" else "anvil")


@contextmanager
def running(anvil: Path, state: Path, chain_id: int) -> Iterator[str]:
    """The address of an anvil that was started from the state file, reachable from this machine only."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as cache:
        command = [str(anvil), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id), "--silent"]
        command += ["--load-state", str(state), "--cache-path", cache, "--no-mining", "--accounts", "0"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _wait(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.communicate()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(300):
        if process.poll() is not None:
            said = process.stderr.read().decode(errors="replace")[-400:] if process.stderr else ""
            raise Untrue(f"anvil does not start from the state file: {said.strip()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Untrue("anvil did not answer within 15 seconds")


# ---- the walk ---------------------------------------------------------------------------------------------------


def check_token(token: dict[str, Any], demo: dict[str, Any], chain: Chain, blocks: dict[bytes, bytes]) -> list[str]:
    """Follow one token from the chain to its pixels. Returns notes. Raises `Untrue` with the first contradiction."""

    def same(what: str, got: object, told: object) -> None:
        if got != told:
            raise Untrue(f"{what} is {str(got)[:90]}, and demo.json told {str(told)[:90]}")

    token_id, request_id = int(token["token_id"]), bytes.fromhex(token["request_id"].removeprefix("0x"))
    packed = demo["chain_id"].to_bytes(32, "big") + bytes.fromhex(demo["contract"][2:]).rjust(32, b"\0") + request_id
    same("keccak256(abi.encode(chain id, contract, request))", int.from_bytes(Web3.keccak(packed), "big"), token_id)
    same("tokenIdOf(request)", chain.ask("tokenIdOf", request_id), token_id)
    same("ownerOf", str(chain.ask("ownerOf", token_id)).lower(), token["owner"].lower())

    uri = chain.ask("tokenURI", token_id)
    same("tokenURI", uri, f"ipfs://{token['metadata_cid']}")
    document_cid = cid_bytes(uri.removeprefix("ipfs://"))
    document = file_of(document_cid, blocks)
    digest = bytes(chain.ask("digestOf", token_id))
    if document_cid[1] != RAW or hashlib.sha256(document).digest() != digest:
        raise Untrue(f"digestOf is {digest.hex()}, and the metadata's bytes hash to another")

    metadata = json.loads(document)
    same("metadata's name", metadata["name"], token["name"])
    same("metadata's image", metadata["image"], f"ipfs://{token['image_cid']}")
    same("metadata's traits", {a["trait_type"]: a["value"] for a in metadata["attributes"]}, token["traits"])
    if len(metadata["attributes"]) != len(token["traits"]):
        raise Untrue("a trait stands twice in the metadata")
    provenance = metadata["properties"]["provenance"]
    same("provenance's request", provenance["request_id"], request_id.hex())
    same("provenance's collection", provenance["collection"], demo["collection"])
    same("provenance's picture", provenance["image"]["sha256"], token["image_sha256"])

    picture = file_of(cid_bytes(token["image_cid"]), blocks)
    same("sha256 of the picture", hashlib.sha256(picture).hexdigest(), token["image_sha256"])
    if not picture.startswith(PNG):
        raise Untrue("the picture is no PNG")
    size = int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
    same("size of the picture", size, (provenance["image"]["width_px"], provenance["image"]["height_px"]))
    copy = Path(demo["folder"]) / token["picture"]
    if not copy.is_file():
        raise Untrue(f"{token['picture']} is not there")
    same(f"sha256 of {token['picture']}", hashlib.sha256(copy.read_bytes()).hexdigest(), token["image_sha256"])
    return [f"picture of {len(picture):,} bytes, {size[0]} x {size[1]} px", *_receipt(token, demo, chain)]


def _receipt(token: dict[str, Any], demo: dict[str, Any], chain: Chain) -> list[str]:
    receipt = chain.receipt(token["tx_hash"])
    if receipt is None:
        return ["the state file kept no receipt"]
    if receipt["status"] != 1 or receipt["gasUsed"] != token["gas_used"]:
        raise Untrue(f"its transaction has status {receipt['status']} and used {receipt['gasUsed']} gas")
    owner, token_id = bytes.fromhex(token["owner"][2:]).rjust(32, b"\0"), int(token["token_id"]).to_bytes(32, "big")
    wanted = [bytes(Web3.keccak(text=TRANSFER)), bytes(32), owner, token_id]
    emitted = [[bytes(topic) for topic in entry["topics"]] for entry in receipt["logs"]
               if entry["address"].lower() == demo["contract"].lower()]  # fmt: skip
    if wanted not in emitted:
        raise Untrue("its transaction did not mint this token to this owner")
    return [f"minted by its transaction for {receipt['gasUsed']:,} gas"]


def check(demo: dict[str, Any], chain: Chain, blocks: dict[bytes, bytes], wrong: list[str]) -> dict[str, Any]:
    """Every token and what they have in common; `wrong` is what the CARs were already found guilty of."""
    problems, tokens = list(wrong), []
    if chain.id != demo["chain_id"]:
        problems.append(f"the chain is {chain.id}, and demo.json told {demo['chain_id']}")
    if not chain.has_code:
        problems.append(f"there is no contract at {demo['contract']}")
    if not demo["tokens"]:
        problems.append("demo.json tells of no token")
    for key in ("request_id", "token_id", "tx_hash", "metadata_cid", "image_cid", "image_sha256", "traits"):
        values = {json.dumps(token.get(key), sort_keys=True) for token in demo["tokens"]}
        problems += [f"two tokens have the same {key}"] if len(values) != len(demo["tokens"]) else []
    for token in demo["tokens"]:
        found: dict[str, Any] = {"name": token.get("name"), "token_id": token.get("token_id")}
        try:
            found |= {"true": True, "notes": check_token(token, demo, chain, blocks)}
        except (Untrue, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            said = str(error) if isinstance(error, Untrue) else f"{type(error).__name__}: {error}"
            found |= {"true": False, "problem": said}
            problems.append(f"{token.get('name')}: {said}")
        tokens.append(found)
    return {"true": not problems, "blocks": len(blocks), "tokens": tokens, "problems": problems}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify the demo from outside: chain, blocks, metadata, pictures.")
    parser.add_argument("--demo", type=Path, required=True, help="demo.json")
    parser.add_argument("--chain-state", type=Path, required=True, help="the state that anvil dumped")
    parser.add_argument("--blocks", type=Path, required=True, help="folder with the CAR files")
    parser.add_argument("--anvil", type=Path, default=None, help="anvil's own binary; default: the one from npm")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(arguments)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"  # the chain is on this machine
    try:
        demo = json.loads(options.demo.read_text(encoding="utf-8")) | {"folder": str(options.demo.parent)}
        blocks, wrong = read_folder(options.blocks)
        with running(options.anvil or default_anvil(), options.chain_state, demo["chain_id"]) as url:
            found = check(demo, Chain(url, demo["contract"]), blocks, wrong)
    except (Untrue, OSError, KeyError, ValueError) as error:
        found = {"true": False, "tokens": [], "problems": [f"{type(error).__name__}: {error}"]}
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return 0 if found["true"] else 1
    for token in found["tokens"]:
        told = "; ".join(token["notes"]) if token["true"] else token["problem"]
        print(f"{'true ' if token['true'] else 'FALSE'}  {token['name']}  token {token['token_id'][:12]}...  {told}")
    for problem in found["problems"]:
        print(f"FALSE  {problem}")
    counted = f"{len(found['tokens'])} tokens, {found.get('blocks', 0)} blocks"
    print(f"verified: {counted}, all as told" if found["true"] else f"NOT VERIFIED, problems: {len(found['problems'])}")
    return 0 if found["true"] else 1


if __name__ == "__main__":
    sys.exit(main())
