"""Addresses: EIP-55 with a Keccak of our own, held against another implementation."""

from __future__ import annotations

import pytest
from Crypto.Hash import keccak
from hypothesis import given
from hypothesis import strategies as st

from shared.address import checksummed, keccak256, read_address
from shared.errors import Invalid

# The test vectors of EIP-55.
EIP_55 = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0xde709f2102306220921060314715629080e2fb77",
]


@given(st.binary(max_size=420))
def test_keccak_is_the_one_of_ethereum(data: bytes) -> None:
    assert keccak256(data) == keccak.new(digest_bits=256, data=data).digest()


@pytest.mark.parametrize("size", [135, 136, 137, 271, 272, 273])
def test_keccak_at_the_edges_of_its_blocks(size: int) -> None:
    assert keccak256(b"x" * size) == keccak.new(digest_bits=256, data=b"x" * size).digest()


@pytest.mark.parametrize("address", EIP_55)
def test_the_vectors_of_eip_55(address: str) -> None:
    for spelling in (address, address.lower(), "0x" + address[2:].upper()):
        assert checksummed(spelling) == address
        assert read_address("owner", spelling) == address


@pytest.mark.parametrize(
    "wrong",
    [
        "", "0x", EIP_55[0][:-1], EIP_55[0] + "0", EIP_55[0][2:], "0X" + EIP_55[0][2:], " " + EIP_55[0],
        EIP_55[0] + "\n",
        "0x" + "g" * 40, "0x" + "٠" * 40, "0x" + "0" * 40, EIP_55[0].replace("A", "a", 1), "vitalik.eth",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_repeated(wrong: str) -> None:
    with pytest.raises(Invalid) as error:
        read_address("owner", wrong)
    assert error.value.field == "owner"
    assert len(wrong) < 10 or wrong not in str(error.value)


def test_each_refusal_says_what_is_wanted() -> None:
    for wrong, wanted in (
        ("0x12", "42"), (EIP_55[0].replace("A", "a", 1), "as its wallet shows it"), ("0x" + "0" * 40, "somebody holds")
    ):  # fmt: skip
        with pytest.raises(Invalid, match=wanted):
            read_address("owner", wrong)
