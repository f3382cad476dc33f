from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber
from eth_keys.datatypes import PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from shared import minting
from shared.clock import utc_now
from shared.errors import Defect, Invalid, Transient
from shared.ports.aws import client
from shared.ports.chain import Call, Fees
from shared.ports.ledger.sqlite import SqliteLedger
from shared.ports.open import open_port
from shared.ports.signer import KeyUnusable, Purpose, Signer
from shared.ports.signer.der import public_point, signature_numbers
from shared.ports.signer.kms import CHAIN_TAG, PURPOSE_TAG, SPEC, KmsSigner
from shared.ports.signer.secp256k1 import ORDER
from shared.records import transactions
from tests.ports.ministack_fixture import Ministack, ministack_of_the_session  # noqa: F401 - a fixture
from tests.ports.moto_fixture import REGION, aws_in_this_process  # noqa: F401 - a fixture
from tests.ports.signer_behaviour import OpenSigner, SignerBehaviour

CHAIN_ID = 31337


def make_key(kms: Any, purpose: str, chain_id: str = str(CHAIN_ID), **spec: str) -> str:
    tags = [{"TagKey": CHAIN_TAG, "TagValue": chain_id}, {"TagKey": PURPOSE_TAG, "TagValue": purpose}]
    key_id: str = kms.create_key(Tags=tags, **(SPEC | spec))["KeyMetadata"]["KeyId"]
    return key_id


def url_of(keys: dict[str, str], *, chain_id: int = CHAIN_ID, more: str = "") -> str:
    options = "&".join(f"{purpose}={key}" for purpose, key in keys.items())
    return f"kms://?region={REGION}&chain_id={chain_id}&{options}{more}"


def made_for_all(kms: Any) -> dict[str, str]:
    """A key for each purpose, one of them by its alias."""
    keys: dict[str, str] = {purpose: make_key(kms, purpose) for purpose in Purpose}
    alias = f"alias/minter-{keys[Purpose.TRANSACTION]}"
    kms.create_alias(AliasName=alias, TargetKeyId=keys[Purpose.TRANSACTION])
    return keys | {Purpose.TRANSACTION: alias}


@pytest.fixture(scope="module")
def kms(moto: None) -> Any:
    return client("kms", REGION, None)


@pytest.fixture(scope="module")
def keys(kms: Any) -> dict[str, str]:
    return made_for_all(kms)


class TestInThisProcess(SignerBehaviour):
    @pytest.fixture
    def open_signer(self, keys: dict[str, str]) -> OpenSigner:
        def opened() -> Signer:
            signer: Signer = open_port("signer", url_of(keys))  # type: ignore[assignment]
            return signer

        return opened

    def test_fault_46_a_key_refuses_every_chain_but_its_own(self, keys: dict[str, str]) -> None:
        signer = KmsSigner.open(url_of(keys, chain_id=1))
        with pytest.raises(KeyUnusable, match=r"of transaction: got '31337' for its tag \S+chain_id, wanted '1'"):
            signer.address(Purpose.TRANSACTION)
        with pytest.raises(KeyUnusable):
            signer.sign(Purpose.TRANSACTION, bytes(32))

    def test_a_key_refuses_every_purpose_but_its_own(self, keys: dict[str, str]) -> None:
        signer = KmsSigner.open(url_of({"owner": keys[Purpose.TRANSACTION]}))
        with pytest.raises(KeyUnusable, match="got 'transaction' for its tag monoprint:purpose, wanted 'owner'"):
            signer.sign(Purpose.OWNER, bytes(32))

    def test_a_key_without_tags_is_refused(self, kms: Any) -> None:
        key_id = kms.create_key(**SPEC)["KeyMetadata"]["KeyId"]
        with pytest.raises(KeyUnusable, match="got none for its tag monoprint:chain_id"):
            KmsSigner.open(url_of({"owner": key_id})).address(Purpose.OWNER)

    def test_a_purpose_without_a_key_says_which_option_is_missing(self, keys: dict[str, str]) -> None:
        signer = KmsSigner.open(url_of({"transaction": keys[Purpose.TRANSACTION]}))
        signer.address(Purpose.TRANSACTION)
        with pytest.raises(KeyUnusable, match="option voucher: got nothing"):
            signer.address(Purpose.VOUCHER)

    def test_a_key_of_another_curve_or_use_is_refused(self, kms: Any) -> None:
        for spec in ({"KeySpec": "ECC_NIST_P256"}, {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}):
            key_id = make_key(kms, "owner", **spec)
            with pytest.raises(KeyUnusable, match="KMS key of owner: got a public key of another form or curve"):
                KmsSigner.open(url_of({"owner": key_id})).address(Purpose.OWNER)

    def test_a_key_that_is_not_there_or_switched_off_is_unusable(self, kms: Any) -> None:
        with pytest.raises(KeyUnusable, match=r"cannot be used \(NotFoundException\)"):
            KmsSigner.open(url_of({"owner": "alias/nobody"})).address(Purpose.OWNER)

    def test_an_alias_that_is_moved_changes_nothing_for_whoever_has_looked_it_up(self, kms: Any) -> None:
        old, new = make_key(kms, "owner"), make_key(kms, "owner")
        kms.create_alias(AliasName="alias/moving", TargetKeyId=old)
        signer = KmsSigner.open(url_of({"owner": "alias/moving"}))
        address = signer.address(Purpose.OWNER)
        kms.update_alias(AliasName="alias/moving", TargetKeyId=new)
        signer.sign(Purpose.OWNER, bytes(32))
        assert signer.address(Purpose.OWNER) == address
        assert KmsSigner.open(url_of({"owner": "alias/moving"})).address(Purpose.OWNER) != address


class TestOnAnEmulator(SignerBehaviour):
    """Another implementation than moto's, and one that signs a digest as it is."""

    @pytest.fixture
    def open_signer(self, ministack: Ministack) -> OpenSigner:
        url = url_of(made_for_all(ministack.client("kms")), more=f"&{ministack.option}")
        return lambda: KmsSigner.open(url)


# What follows answers in KMS's place.

KEY = PrivateKey(hashlib.sha256(b"a key of this test").digest())
ADDRESS = KEY.public_key.to_checksum_address()
PREFIX = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a03420004")
ARN = "arn:aws:kms:eu-central-1:111122223333:key/minter"
DIGEST = hashlib.sha256(b"a transaction").digest()
SIGN = {"KeyId": ARN, "Message": DIGEST, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}


def der_number(number: int) -> bytes:
    body = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes([2, len(body)]) + body


def der_signature(r: int, s: int) -> bytes:
    body = der_number(r) + der_number(s)
    return bytes([0x30, len(body)]) + body


@pytest.fixture
def stub() -> Iterator[Stubber]:
    with Stubber(client("kms", REGION, None)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def opened(stub: Stubber) -> KmsSigner:
    """A signer that has looked its key up."""
    public = {"KeyId": ARN, **SPEC, "PublicKey": PREFIX + KEY.public_key.to_bytes()}
    stub.add_response("get_public_key", public | {"SigningAlgorithms": ["ECDSA_SHA_256"]}, {"KeyId": "alias/minter"})
    tags = [{"TagKey": CHAIN_TAG, "TagValue": str(CHAIN_ID)}, {"TagKey": PURPOSE_TAG, "TagValue": "transaction"}]
    stub.add_response("list_resource_tags", {"Tags": tags, "Truncated": False}, {"KeyId": ARN})
    signer = KmsSigner.open(url_of({"transaction": "alias/minter"}))
    assert signer.address(Purpose.TRANSACTION) == ADDRESS
    return signer


def test_fault_40_a_high_s_is_mirrored_and_the_key_is_looked_up_once(stub: Stubber) -> None:
    signer = opened(stub)
    made = KEY.sign_msg_hash(DIGEST)
    for s in (made.s, ORDER - made.s):
        stub.add_response("sign", {"KeyId": ARN, "Signature": der_signature(made.r, s)}, SIGN)
        signature = signer.sign(Purpose.TRANSACTION, DIGEST)
        assert (signature.r, signature.s, signature.y_parity) == (made.r, made.s, made.v)
    assert signer.address(Purpose.TRANSACTION) == ADDRESS


def test_a_signature_by_another_key_or_of_the_digests_hash_is_a_defect(stub: Stubber) -> None:
    signer = opened(stub)
    other = PrivateKey(hashlib.sha256(b"another key").digest()).sign_msg_hash(DIGEST)
    twice = KEY.sign_msg_hash(hashlib.sha256(DIGEST).digest())
    for made in (other, twice):
        stub.add_response("sign", {"Signature": der_signature(made.r, made.s)}, SIGN)
        with pytest.raises(Defect, match="recovers to another address"):
            signer.sign(Purpose.TRANSACTION, DIGEST)


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 400), ("KMSInternalException", 500), ("KeyUnavailableException", 500)],
)
def test_fault_39_a_throttled_signature_is_transient_and_burns_no_nonce(stub: Stubber, code: str, status: int) -> None:
    signer = opened(stub)
    stub.add_client_error("sign", code, http_status_code=status)
    made = KEY.sign_msg_hash(DIGEST)
    stub.add_response("sign", {"Signature": der_signature(made.r, made.s)}, SIGN)
    kept = SimpleNamespace(raw=b"signed", hash="0xabc")
    chain: Any = SimpleNamespace(
        next_nonce=lambda sender: 7, signing_digest=lambda transaction: DIGEST, assemble=lambda *_: kept
    )
    ledger = SqliteLedger.open("sqlite://?memory=fault-39", clock=utc_now)
    place = transactions.Signer(CHAIN_ID, ADDRESS)

    def sign() -> None:
        call = Call(to="0x" + "11" * 20, data=b"")
        _, changes = minting.sign(
            ledger, chain, signer, call, chain_id=CHAIN_ID, gas=1, fees=Fees(1, 1), at=utc_now(), request_id="r"
        )
        ledger.write(*changes)

    with pytest.raises(Transient, match="KMS key of transaction: AWS"):
        sign()
    assert transactions.next_nonce(ledger, place, floor=7).nonce == 7
    assert transactions.signed_from(ledger, place, 0) == []
    sign()
    assert [recorded.nonce for recorded in transactions.signed_from(ledger, place, 0)] == [7]
    ledger.close()


@pytest.mark.parametrize("code", ["DisabledException", "KMSInvalidStateException", "NotFoundException"])
def test_a_key_that_is_switched_off_is_for_a_human(stub: Stubber, code: str) -> None:
    signer = opened(stub)
    stub.add_client_error("sign", code, http_status_code=400)
    with pytest.raises(KeyUnusable, match=f"KMS key of transaction: cannot be used .{code}"):
        signer.sign(Purpose.TRANSACTION, DIGEST)


@pytest.mark.parametrize(
    ("call", "action"),
    [("get_public_key", "kms:GetPublicKey"), ("list_resource_tags", "kms:ListResourceTags"), ("sign", "kms:Sign")],
)
def test_a_denied_call_names_the_action_that_the_role_lacks(stub: Stubber, call: str, action: str) -> None:
    signer = opened(stub)
    if call != "sign":
        signer = KmsSigner.open(url_of({"transaction": "alias/minter"}))
        if call == "list_resource_tags":
            public = {"KeyId": ARN, **SPEC, "PublicKey": PREFIX + KEY.public_key.to_bytes()}
            stub.add_response("get_public_key", public | {"SigningAlgorithms": ["ECDSA_SHA_256"]})
    stub.add_client_error(call, "AccessDeniedException", "no", 400)
    with pytest.raises(Defect, match=f"the role lacks {action}"):
        signer.sign(Purpose.TRANSACTION, DIGEST)


@pytest.mark.parametrize(
    "der",
    [
        b"",
        PREFIX,
        PREFIX + KEY.public_key.to_bytes() + b"\x00",
        PREFIX[:-1] + b"\x02" + KEY.public_key.to_bytes(),
        PREFIX.replace(bytes.fromhex("2b8104000a"), bytes.fromhex("2b81040022")) + KEY.public_key.to_bytes(),
        PREFIX + bytes(64),
        PREFIX + (2**256 - 1).to_bytes(32, "big") * 2,
        PREFIX + KEY.public_key.to_bytes()[:-1] + bytes([KEY.public_key.to_bytes()[-1] ^ 1]),
    ],
)
def test_what_is_no_public_key_on_the_curve_is_refused(der: bytes) -> None:
    with pytest.raises(KeyUnusable, match="key: got a public key"):
        public_point(der, "key")


@pytest.mark.parametrize(
    "der",
    [
        "",
        "30",
        "3000",
        "3003020101",
        "300602010102010100",  # a byte too many
        "3007020101020101",  # a wrong length
        "30090201010201010201ff"[:-2] + "01",  # three numbers
        "3006020100020101",  # zero
        "3006020101020181",  # negative
        "300702020001020101",  # padded
        "3006020101030101",  # a bit string
        "3005020101" + "0200",
        "308006" + "020101020101",
        "30" + "27" + "0222" + "01" * 34 + "020101",  # 34 bytes
    ],
)
def test_what_is_no_signature_is_a_defect(der: str) -> None:
    with pytest.raises(Defect, match="signature"):
        signature_numbers(bytes.fromhex(der))


@given(st.integers(1, ORDER - 1), st.integers(1, ORDER - 1))
@example(0x7F, 0x80)
@example(ORDER - 1, 1)
def test_every_pair_of_numbers_is_read_as_it_was_written(r: int, s: int) -> None:
    assert signature_numbers(der_signature(r, s)) == (r, s)


@given(st.binary(max_size=80))
def test_no_bytes_are_read_that_have_another_spelling(der: bytes) -> None:
    try:
        r, s = signature_numbers(der)
    except Defect:
        return
    assert der_signature(r, s) == der


@pytest.mark.parametrize(
    "url",
    [
        f"kms://?region={REGION}&transaction=x",
        f"kms://?region={REGION}&transaction=x&chain_id=0",
        f"kms://?region={REGION}&transaction=&chain_id=1",
        f"kms://?region={REGION}&minter=x&chain_id=1",
        "kms://?transaction=x&chain_id=1",
        "kms://?region=mars&transaction=x&chain_id=1",
        f"kms:///path?region={REGION}&transaction=x&chain_id=1",
        f"kms://host?region={REGION}&transaction=x&chain_id=1",
    ],
)
def test_a_url_names_region_chain_and_keys(url: str) -> None:
    with pytest.raises(Invalid, match="signer url"):
        KmsSigner.open(url)
