"""The two shapes of DER in which a key management service speaks of secp256k1, read strictly.

Strictly: one spelling for each value (X.690 10.1). What is read any other way was made by something else than the
service, and a lenient reader would find a key or a signature in it.
"""

from __future__ import annotations

from shared.errors import Defect
from shared.ports.signer import KeyUnusable

# SubjectPublicKeyInfo (RFC 5480): id-ecPublicKey, secp256k1, and a bit string that holds an uncompressed point.
_PUBLIC_KEY = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a03420004")
_FIELD = 2**256 - 2**32 - 977
_NUMBER_BYTES = 32


def public_point(der: bytes, whose: str) -> bytes:
    """The 64 bytes x || y of a public key on the curve. Raises `KeyUnusable`."""
    point = der[len(_PUBLIC_KEY) :]
    if not der.startswith(_PUBLIC_KEY) or len(point) != 2 * _NUMBER_BYTES:
        raise KeyUnusable(f"{whose}: got a public key of another form or curve, wanted one on secp256k1, uncompressed")
    x, y = int.from_bytes(point[:_NUMBER_BYTES], "big"), int.from_bytes(point[_NUMBER_BYTES:], "big")
    if x >= _FIELD or y >= _FIELD or (y * y - x**3 - 7) % _FIELD:
        raise KeyUnusable(f"{whose}: got a public key that is no point of secp256k1")
    return point


def signature_numbers(der: bytes) -> tuple[int, int]:
    """(r, s) of an ECDSA signature (RFC 3279, 2.2.3). Raises `Defect`."""
    if len(der) < 2 or der[0] != 0x30 or der[1] != len(der) - 2:
        raise Defect(f"signature: got {len(der)} bytes of another form, wanted a DER sequence of two numbers")
    r, rest = _integer(der[2:])
    s, rest = _integer(rest)
    if rest:
        raise Defect("signature: got more than two numbers in DER")
    return r, s


def _integer(der: bytes) -> tuple[int, bytes]:
    """The whole number in front, which is above zero and as short as it can be, and what follows it."""
    size = der[1] if len(der) > 1 else 0
    body, rest = der[2 : 2 + size], der[2 + size :]
    if der[:1] != b"\x02" or not 0 < size == len(body) <= _NUMBER_BYTES + 1:
        raise Defect("signature: got something else than a DER number of at most 33 bytes")
    padded = size > 1 and body[0] == 0
    if body[0] & 0x80 or (padded and not body[1] & 0x80) or not any(body):
        raise Defect("signature: got a DER number that is negative, zero or padded")
    return int.from_bytes(body, "big"), rest
