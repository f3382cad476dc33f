"""CIDs: known ones, one spelling each, and errors that say what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.publishing import varint
from shared.publishing.cid import Cid, Codec

EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


def test_the_empty_block_has_its_well_known_cid() -> None:
    assert str(Cid.of(b"")) == EMPTY
    assert Cid.parse(EMPTY).names(b"")
    assert not Cid.parse(EMPTY).names(b"a")


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["raw", "dag-pb"]))
def test_text_and_bytes_lead_back(digest: bytes, codec: Codec) -> None:
    cid = Cid(codec, digest)
    assert Cid.parse(str(cid)) == cid == Cid.decode(cid.encoded)
    assert str(cid).startswith("bafkrei" if codec == "raw" else "bafybei")
    assert len(str(cid)) == 59


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "59 characters"),
        (EMPTY.upper(), "59 characters"),
        (EMPTY + "a", "59 characters"),
        (EMPTY[:-1] + "v", "canonical spelling"),
        ("QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n", "not CIDv0"),
        ("../../../../etc/passwd", "59 characters"),
        ("b" + "a" * 58, "prefix 0"),
        (EMPTY[:-1] + "\n", "59 characters"),
        (EMPTY + "\n", "59 characters"),
    ],
)
def test_other_spellings_are_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        Cid.parse(text)


def test_other_codecs_and_hashes_are_refused() -> None:
    for prefix in (b"\x01\x71\x12\x20", b"\x01\x55\x13\x20", b"\x02\x55\x12\x20", b"\x01\x55\x12\x1f"):
        with pytest.raises(Invalid, match="CIDv1, raw or dag-pb, sha2-256"):
            Cid.decode(prefix + bytes(32))
    with pytest.raises(Invalid, match="35 bytes"):
        Cid.decode(bytes(35))
    with pytest.raises(Invalid, match="31 bytes"):
        Cid("raw", bytes(31))


@pytest.mark.parametrize("digest", ["", "ab", "G" * 64, "A" * 64, "0" * 65])
def test_digests_are_64_lower_case_hex_digits(digest: str) -> None:
    with pytest.raises(Invalid, match="64 lower-case hex"):
        Cid.from_hex(digest)


@given(st.integers(0, 2**63 - 1))
def test_varints_lead_back(value: int) -> None:
    assert varint.read(varint.write(value), 0, field="n") == (value, len(varint.write(value)))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x81\x00", b"\x80" * 10, b"\xff" * 9 + b"\x01"])
def test_varints_cut_short_padded_or_too_long_are_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="n: got"):
        varint.read(data, 0, field="n")
