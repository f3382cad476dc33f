"""What every signer's adapter does with the (r, s) that its key made: EIP-2 and the recovered address."""

from __future__ import annotations

from eth_keys.datatypes import Signature as Recoverable
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from shared.errors import Defect, Invalid
from shared.ports.signer import Signature

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


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
    low = min(s, ORDER - s)
    for y_parity in (0, 1):
        try:
            recovered = Recoverable(vrs=(y_parity, r, low)).recover_public_key_from_msg_hash(digest)
        except (BadSignature, ValidationError):
            continue
        if recovered.to_checksum_address() == address:
            return Signature(r, low, y_parity)
    raise Defect(f"signature: recovers to another address, wanted {address}")
