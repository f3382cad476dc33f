"""Unsigned varints of multiformats: seven bits a byte, low bits first, the shortest form only.

A longer spelling of a number (`81 00` for 1) would let two byte strings mean the same block, so it is refused.
Source: multiformats/unsigned-varint; protobuf uses the same encoding.
"""

from __future__ import annotations

from shared.errors import Invalid

MAX_BYTES = 9  # 2**63 - 1, the limit that the multiformats text sets


def write(value: int) -> bytes:
    """`value` >= 0 in its shortest form."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read(data: bytes, at: int, *, field: str) -> tuple[int, int]:
    """The number that starts at `at`, and where it ends. Raises `Invalid` naming `field`."""
    value = 0
    for index in range(MAX_BYTES):
        if at + index >= len(data):
            raise Invalid(field, f"the end of the data at byte {len(data)}", "a whole varint")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if byte == 0 and index:
                raise Invalid(field, f"a varint padded with zeros at byte {at}", "its shortest form")
            return value, at + index + 1
    raise Invalid(field, f"a varint of more than {MAX_BYTES} bytes at byte {at}", "a number below 2**63")
