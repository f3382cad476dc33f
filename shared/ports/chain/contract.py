"""The contract as its callers see it: what its functions and errors look like in bytes. Asks no node.

Everything comes from contracts/artifacts/Monoprint.json, so that the contract cannot change without this.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

from shared.errors import Defect, Invalid
from shared.ports.chain import Call

_STANDARD_ERRORS = ({"name": "Error", "types": ["string"]}, {"name": "Panic", "types": ["uint256"]})


@cache
def artifact() -> dict[str, Any]:
    """ABI, bytecode, compiler and settings; from the folder beside this package, in a checkout as in a wheel."""
    path = Path(__file__).resolve().parents[3] / "contracts" / "artifacts" / "Monoprint.json"
    try:
        loaded: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise Defect(f"the contract's artifact is missing: wanted {path.name} in contracts/artifacts") from error
    return loaded


@lru_cache(maxsize=1024)  # the same few again and again, and each takes a Keccak
def address(value: str, field: str) -> str:
    """The checksummed form; refuses anything else, a wrong checksum included."""
    if not is_address(value) or not value.startswith("0x"):
        raise Invalid(field, repr(value), "an address: 0x and 40 hexadecimal digits")
    return str(to_checksum_address(value))


def word(value: bytes, field: str) -> bytes:
    """32 bytes that are not all zero."""
    if len(value) != 32 or not any(value):
        raise Invalid(field, f"{len(value)} bytes{'' if any(value) else ', all zero'}", "32 bytes, not all zero")
    return value


def request_bytes(request_id: str) -> bytes:
    """A request's id as the contract takes it."""
    if len(request_id) != 64 or not set(request_id) <= set("0123456789abcdef"):
        raise Invalid("request_id", repr(request_id), "64 lower-case hexadecimal digits")
    return word(bytes.fromhex(request_id), "request_id")


def deployment(arguments: list[Any]) -> Call:
    """Creates the contract with the constructor's arguments, in its order."""
    types = _types(_entry("constructor"))
    return Call(None, bytes.fromhex(artifact()["bytecode"].removeprefix("0x")) + encode(types, arguments))


def call(contract: str, function: str, *arguments: Any) -> Call:
    """Calls a function of the contract by its name; no two of those that we call share one."""
    types, selector = _function(function)
    return Call(address(contract, "contract"), selector + encode(types, list(arguments)))


def token_id(contract: str, request_id: str, chain_id: int) -> int:
    """`tokenIdOf`, without asking."""
    parts = [chain_id, address(contract, "contract"), request_bytes(request_id)]
    return int.from_bytes(keccak(encode(["uint256", "address", "bytes32"], parts)), "big")


def created_address(deployer: str, nonce: int) -> str:
    """Where CREATE puts a contract: the last 20 bytes of the hash of the RLP of sender and nonce."""
    count = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    if not 0 < nonce < 0x80:  # such a byte stands for itself; all else, and nothing, has its length in front
        count = bytes([0x80 + len(count)]) + count
    sender = b"\x94" + bytes.fromhex(address(deployer, "deployer")[2:])
    return str(to_checksum_address(keccak(bytes([0xC0 + len(sender) + len(count)]) + sender + count)[12:]))


def revert_name(data: bytes) -> tuple[str, str]:
    """The name of the error in a revert's data and the error as one would write it; two empty texts for no data."""
    if not data:
        return "", ""
    entries = [{"name": e["name"], "types": _types(e)} for e in artifact()["abi"] if e["type"] == "error"]
    for entry in (*entries, *_STANDARD_ERRORS):
        if data[:4] == _selector(entry["name"], entry["types"]):
            try:
                values = decode(entry["types"], data[4:])
            except DecodingError:
                return entry["name"], f"{entry['name']}(0x{data[4:].hex()})"
            shown = (f"0x{value.hex()}" if isinstance(value, bytes) else repr(value) for value in values)
            return entry["name"], f"{entry['name']}({', '.join(shown)})"
    return "", f"0x{data.hex()}"


def _entry(kind: str, name: str | None = None) -> dict[str, Any]:
    found: list[dict[str, Any]] = [e for e in artifact()["abi"] if e["type"] == kind and e.get("name") == name]
    if len(found) != 1:
        raise Defect(f"the contract's ABI has {len(found)} entries for {kind} {name or ''}, wanted 1")
    return found[0]


@cache
def _function(name: str) -> tuple[list[str], bytes]:
    types = _types(_entry("function", name))
    return types, _selector(name, types)


def _types(entry: dict[str, Any]) -> list[str]:
    return [str(item["type"]) for item in entry["inputs"]]


def _selector(name: str, types: list[str]) -> bytes:
    return bytes(keccak(text=f"{name}({','.join(types)})")[:4])
