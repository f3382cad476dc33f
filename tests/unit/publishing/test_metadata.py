"""Metadata as bytes: canonical, closed, free of personal data, and named by its own digest."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Invalid, TooLarge
from shared.publishing import metadata as metadata_module
from shared.publishing import unixfs
from shared.publishing.cid import Cid, token_uri
from shared.publishing.metadata import digest_of, metadata, metadata_bytes

PNG = b"\x89PNG..."


def provenance(**changes: Any) -> dict[str, Any]:
    return {
        "request_id": "ab" * 32,
        "collection": {"slug": "nocturnes", "digest": "cd" * 32},
        "attempt": 2,
        "seed": 2**62 + 1,
        "renderer": {"name": "sketch", "version": "1"},
        "planner": "rules/1",
        "image": {
            "cid": str(Cid.of(PNG)),
            "sha256": hashlib.sha256(PNG).hexdigest(),
            "width_px": 1024,
            "height_px": 1024,
            "bytes": len(PNG),
        },
        **changes,
    }


def token(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Nocturne #7",
        "description": "A night.\nAnd a day.",
        "attributes": [{"trait_type": "Sky", "value": "Ember"}, {"trait_type": "Stars", "value": 9}],
        "provenance": provenance(),
        **changes,
    }


def as_bytes(**changes: Any) -> bytes:
    return metadata_bytes(metadata(**token(**changes)))


def test_the_bytes_to_the_letter() -> None:
    sha = hashlib.sha256(PNG).hexdigest()
    assert as_bytes().decode() == (
        '{"attributes":[{"trait_type":"Sky","value":"Ember"},{"trait_type":"Stars","value":9}],'
        '"description":"A night.\\nAnd a day.",'
        f'"image":"ipfs://{Cid.of(PNG)}",'
        '"name":"Nocturne #7",'
        '"properties":{"provenance":{"attempt":2,'
        f'"collection":{{"digest":"{"cd" * 32}","slug":"nocturnes"}},'
        f'"image":{{"bytes":7,"cid":"{Cid.of(PNG)}","height_px":1024,"media_type":"image/png","sha256":"{sha}",'
        '"width_px":1024},'
        f'"planner":"rules/1","renderer":{{"name":"sketch","version":"1"}},"request_id":"{"ab" * 32}",'
        '"seed":"4611686018427387905"}}}'
    )


def test_everything_optional_is_written_where_it_is_given() -> None:
    personal = {"facts": {"favourite hour": "dusk"}, "reasons": {"Sky": "played at dusk"}}
    given_ = provenance(model="klein@1", prompt_sha256="ef" * 32, personal=personal)
    document = json.loads(as_bytes(external_url="https://example.org/7", provenance=given_))
    assert document["external_url"] == "https://example.org/7"
    written = document["properties"]["provenance"]
    assert (written["model"], written["prompt_sha256"], written["personal"]) == ("klein@1", "ef" * 32, personal)


def test_the_same_metadata_gives_the_same_bytes_whatever_the_order() -> None:
    fields = token()
    again = {key: fields[key] for key in reversed(fields)}
    again["provenance"] = {key: fields["provenance"][key] for key in reversed(fields["provenance"])}
    assert metadata_bytes(metadata(**again)) == as_bytes()


def test_text_is_normalised() -> None:
    composed, decomposed = as_bytes(name="Caf\u00e9"), as_bytes(name=" Cafe\u0301 ")
    assert composed == decomposed
    assert as_bytes(description="a\r\nb\tc") == as_bytes(description="a\nb c")
    assert json.loads(as_bytes(name="\U0001f468\u200d\U0001f3a8"))["name"] == "\U0001f468\u200d\U0001f3a8"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "a\x00b"}, "metadata.name"),
        ({"name": "a\nb"}, "metadata.name"),
        ({"name": "a\u202eb"}, "metadata.name"),
        ({"name": "a\u2028b"}, "metadata.name"),
        ({"name": "  "}, "metadata.name"),
        ({"name": "x" * 4001}, "metadata.name"),
        ({"name": 7}, "metadata.name"),
        ({"description": "a\x1bb"}, "metadata.description"),
        ({"external_url": "http://example.org"}, "metadata.external_url"),
        ({"external_url": "javascript:alert(1)"}, "metadata.external_url"),
        ({"image": "ipfs://x"}, "metadata.image"),
        ({"wallet": "0x" + "1" * 40}, "metadata.wallet"),
        ({"attributes": [{"trait_type": "A", "value": 0.5}]}, "metadata.attributes.0.value"),
        ({"attributes": [{"trait_type": "A", "value": True}]}, "metadata.attributes.0.value"),
        ({"attributes": [{"trait_type": "A", "value": 2**53}]}, "metadata.attributes.0.value"),
        ({"attributes": [{"trait_type": "A", "value": "a", "reason": "r"}]}, "metadata.attributes.0.reason"),
        ({"attributes": [{"trait_type": "A", "value": "a"}] * 2}, "metadata.attributes"),
        ({"provenance": provenance(account="alice")}, "metadata.provenance.account"),
        ({"provenance": provenance(seed=2**63)}, "metadata.provenance.seed"),
        ({"provenance": provenance(seed=-1)}, "metadata.provenance.seed"),
        ({"provenance": provenance(request_id="AB" * 32)}, "metadata.provenance.request_id"),
        ({"provenance": provenance(prompt_sha256="a prompt")}, "metadata.provenance.prompt_sha256"),
        ({"provenance": provenance(personal={"facts": {"a": "b\x00"}})}, "metadata.provenance.personal.facts.a"),
        ({"provenance": provenance(personal={"reasons": {"Hat": "r"}})}, "metadata"),
        ({"provenance": provenance(personal={"email": "a@b"})}, "metadata.provenance.personal.email"),
        ({"provenance": provenance(image={**provenance()["image"], "cid": "Qm"})}, "metadata.provenance.image.cid"),
        ({"provenance": provenance(image={**provenance()["image"], "sha256": "0" * 64})}, "metadata.provenance.image"),
        ({"provenance": provenance(image={**provenance()["image"], "media_type": "image/gif"})},
         "metadata.provenance.image.media_type"),
    ],
)  # fmt: skip
def test_what_does_not_belong_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        as_bytes(**changes)
    assert caught.value.field.startswith(field)


def test_nothing_is_written_that_was_not_declared() -> None:
    document = json.loads(as_bytes())
    assert document.keys() == {"name", "description", "image", "attributes", "properties"}
    assert document["properties"].keys() == {"provenance"}
    assert "personal" not in document["properties"]["provenance"]


def test_a_megabyte_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = [{"trait_type": f"t{n}", "value": "\U0001f468" * 200} for n in range(200)]
    reasons = {f"t{n}": "\U0001f468" * 2000 for n in range(64)}
    data = as_bytes(attributes=attributes, provenance=provenance(personal={"reasons": reasons}))
    assert len(data) <= metadata_module.MAX_METADATA_BYTES
    monkeypatch.setattr(metadata_module, "MAX_METADATA_BYTES", len(data) - 1)
    with pytest.raises(TooLarge, match="one raw block"):
        as_bytes(attributes=attributes, provenance=provenance(personal={"reasons": reasons}))


def test_its_digest_is_its_cid() -> None:
    data = as_bytes()
    dag = unixfs.build(data)
    assert token_uri(digest_of(data)) == f"ipfs://{dag.root}"
    assert list(dag.blocks) == [dag.root]


@given(st.binary(min_size=32, max_size=32))
def test_token_uri_is_what_the_contract_computes(digest: bytes) -> None:
    """bytes.concat(hex"01551220", digest), five bits a character from the alphabet, written out as Solidity does it."""
    number = int.from_bytes(b"\x01\x55\x12\x20" + digest, "big") << 2  # 288 bits, padded to 58 characters of 5
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    written = "".join(alphabet[number >> (5 * place) & 31] for place in reversed(range(58)))
    assert token_uri(digest.hex()) == "ipfs://b" + written
    assert base64.b32decode(written.upper() + "======")[4:] == digest


@pytest.mark.parametrize("digest", ["", "0x" + "a" * 62, "A" * 64])
def test_token_uri_takes_64_hex_digits_only(digest: str) -> None:
    with pytest.raises(Invalid, match="digest: got"):
        token_uri(digest)
