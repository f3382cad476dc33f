from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.stub import Stubber

from shared.clock import utc_now
from shared.errors import Defect, Invalid, Transient
from shared.ports.aws import client
from shared.ports.keys import Keys
from shared.ports.keys.kms import KmsKeys
from shared.ports.open import open_port
from tests.ports.keys_behaviour import KeysBehaviour
from tests.ports.moto_fixture import REGION, aws_in_this_process  # noqa: F401 - a fixture

KEY = "12345678-1234-1234-1234-123456789012"
URL = f"kms://{KEY}?region={REGION}"


def made(alias: str) -> str:
    """A master key and its alias."""
    kms = client("kms", REGION, None)
    key_id: str = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=alias, TargetKeyId=key_id)
    return key_id


@pytest.fixture(scope="module")
def masters(moto: None) -> tuple[str, str]:
    return made("alias/monoprint-data"), made("alias/strangers")


class TestInThisProcess(KeysBehaviour):
    """Not on the emulator of `ministack_fixture`: it opens a ciphertext that was changed, to other bytes."""

    @pytest.fixture
    def keys(self, masters: tuple[str, str]) -> Iterator[Keys]:
        with closing(open_port("keys", f"kms://alias/monoprint-data?region={REGION}")) as keys:
            yield keys

    @pytest.fixture
    def strangers(self, masters: tuple[str, str]) -> Iterator[Keys]:
        with closing(open_port("keys", f"kms://{masters[1]}?region={REGION}")) as keys:
            yield keys


@pytest.fixture
def kms() -> Iterator[Stubber]:
    """Answers of KMS in place of KMS."""
    with Stubber(client("kms", REGION, None)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


DECRYPT: dict[str, Any] = {"KeyId": KEY, "CiphertextBlob": b"wrapped", "EncryptionContext": {"collector": "c"}}


@pytest.mark.parametrize(
    ("code", "status", "message", "becomes", "says"),
    [
        ("ThrottlingException", 400, "Rate exceeded", Transient, "throttles kms:Decrypt"),
        ("KMSInternalException", 500, "", Transient, "cannot do kms:Decrypt now"),
        ("DependencyTimeoutException", 503, "", Transient, "cannot do kms:Decrypt now"),
        ("InvalidCiphertextException", 400, "", Defect, "changed, or made for another"),
        ("IncorrectKeyException", 400, "The key ID in the request does not identify", Defect, "another master key"),
        (
            "AccessDeniedException",
            400,
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or "
            "you are not allowed to access.",
            Defect,
            "another master key",
        ),
        (
            "AccessDeniedException",
            400,
            "User: arn:aws:sts::1:assumed-role/plan is not authorized to perform: kms:Decrypt on resource: arn",
            Defect,
            "the role lacks kms:Decrypt",
        ),
        ("NotFoundException", 400, "", Defect, "does not exist"),
        ("DisabledException", 400, "", Defect, "DisabledException"),
    ],
)
def test_what_kms_says_becomes_what_the_port_promises(
    kms: Stubber, code: str, status: int, message: str, becomes: type[Exception], says: str
) -> None:
    kms.add_client_error("decrypt", code, message, status, expected_params=DECRYPT)
    with pytest.raises(becomes, match=says) as raised:
        KmsKeys.open(URL, clock=utc_now).unwrap(b"wrapped", "c")
    assert type(raised.value) is becomes


def test_a_data_key_of_another_length_is_a_defect(kms: Stubber) -> None:
    kms.add_response("generate_data_key", {"Plaintext": b"short", "CiphertextBlob": b"w"})
    with pytest.raises(Defect, match="5 bytes, wanted 32"):
        KmsKeys.open(URL, clock=utc_now).create("c")


@pytest.mark.parametrize(
    "url",
    [
        f"kms://alias?region={REGION}",
        f"kms://alias/?region={REGION}",
        f"kms://{KEY}/more?region={REGION}",
        f"kms:///alias/x?region={REGION}",
        f"kms://{KEY}",
        f"kms://{KEY}?region=nowhere",
        f"kms://{KEY}?region={REGION}&endpoint=file:///x",
        f"kms://{KEY}?region={REGION}&context=x",
    ],
)
def test_a_url_names_a_key_and_a_region(url: str) -> None:
    with pytest.raises(Invalid, match="keys url"):
        open_port("keys", url)
