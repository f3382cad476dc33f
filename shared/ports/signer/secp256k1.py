"""The curve, for every signer's adapter: addresses of keys, EIP-2 and the recovered address of what a key made.

libsecp256k1, by way of coincurve: the arithmetic in Python takes 30 ms a mint.
"""

from __future__ import annotations

from coincurve import PublicKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from shared.errors import Defect, Invalid
from shared.ports.signer import Signature

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def address_of(point: bytes) -> str:
    """The checksummed address of a public key: 64 bytes, x and y."""
    return str(to_checksum_address(keccak(point)[-20:]))


def checked_digest(digest: bytes) -> bytes:
    """Refuses what is not 32 bytes: a longer message would be signed in part, or hashed a second time."""
    if len(digest) != 32:
        raise Invalid("digest", f"{len(digest)} bytes", "32 bytes")
    return digest


def canonical(digest: bytes, r: int, s: int, address: str) -> Signature:
    """The low-s form of (r, s), with the parity that recovers `address`.

    A key management service returns either half of the curve and no parity; a contract or node takes one half only.
    Raises `Defect` when neither parity recovers the address: another key signed, or another digest.
    """
    if 0 < r < ORDER and 0 < s < ORDER:
        low = min(s, ORDER - s)
        compact = r.to_bytes(32, "big") + low.to_bytes(32, "big")
        for y_parity in (0, 1):
            if _recovered(digest, compact, y_parity) == address:
                return Signature(r, low, y_parity)
    raise Defect(f"signature: recovers to another address, wanted {address}")


def _recovered(digest: bytes, compact: bytes, y_parity: int) -> str | None:
    """None where no point of the curve has this r and parity."""
    try:
        key = PublicKey.from_signature_and_message(compact + bytes([y_parity]), digest, hasher=None)
    except ValueError:
        return None
    return address_of(key.format(compressed=False)[1:])
