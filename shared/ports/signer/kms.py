"""Signer in the cloud: AWS KMS keys on secp256k1, one for each purpose. A private key never leaves the service.

`kms://?region=REGION&chain_id=N&transaction=KEY&voucher=KEY&owner=KEY`: for each purpose that is used, a key's id, ARN
or alias. Keys are made by whoever deploys, never here, with two tags that the adapter reads once and insists on:

    monoprint:chain_id   the chain that the key was made for, in decimal
    monoprint:purpose    the one purpose that it is for

So a key cannot be given to another chain or purpose by a slip in a URL. Without the tags, or the right to read them,
the key is refused: the option alone would say of any key that it is the right one. Who may change a key's tags
(`kms:TagResource`) may move it; the stops' roles may not.

The role needs kms:GetPublicKey, kms:ListResourceTags and kms:Sign on these keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from shared.clock import Clock, utc_now
from shared.errors import Invalid
from shared.ports.aws import calling, client, code_of, endpoint_of, region_of
from shared.ports.open import parse_url
from shared.ports.signer import KeyUnusable, Purpose, Signature
from shared.ports.signer.chain_id import chain_id_of
from shared.ports.signer.der import public_point, signature_numbers
from shared.ports.signer.secp256k1 import address_of, canonical, checked_digest

CHAIN_TAG = "monoprint:chain_id"
PURPOSE_TAG = "monoprint:purpose"
SPEC = {"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "SIGN_VERIFY"}
"""What CreateKey takes."""
_ALGORITHM = "ECDSA_SHA_256"

# The key is not there, switched off, about to be deleted, or of another kind: no retry mends that.
_UNUSABLE = {
    "NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException",
    "UnsupportedOperationException", "InvalidArnException",
}  # fmt: skip


@dataclass(frozen=True)
class _Key:
    arn: str
    address: str


class KmsSigner:
    """Each key is looked up once and kept by its ARN: an alias that is moved meanwhile changes nothing here."""

    def __init__(self, keys: Mapping[Purpose, str], *, chain_id: int, region: str, endpoint: str | None) -> None:
        self._names = keys
        self._chain_id = chain_id
        self._client = client("kms", region, endpoint)
        self._keys: dict[Purpose, _Key] = {}

    @classmethod
    def open(cls, url: str, *, clock: Clock = utc_now) -> KmsSigner:
        del clock  # keys do not age
        parts = parse_url("signer", url, options={"region", "endpoint", "chain_id", *Purpose})
        if parts.path:
            raise Invalid("signer url", "a path", "kms://?region=REGION&chain_id=N&transaction=KEY")
        keys = {purpose: parts.text(purpose) for purpose in Purpose if purpose in parts.options}
        region = region_of(parts, parts.text("region"))
        return cls(keys, chain_id=chain_id_of(parts), region=region, endpoint=endpoint_of(parts))

    def address(self, purpose: Purpose) -> str:
        return self._key(purpose).address

    def sign(self, purpose: Purpose, digest: bytes) -> Signature:
        checked_digest(digest)
        key = self._key(purpose)
        made = self._ask(
            "Sign",
            purpose,
            self._client.sign,
            KeyId=key.arn,
            Message=digest,
            MessageType="DIGEST",  # not RAW: it would be hashed once more
            SigningAlgorithm=_ALGORITHM,
        )
        r, s = signature_numbers(made["Signature"])
        return canonical(digest, r, s, key.address)

    def _key(self, purpose: Purpose) -> _Key:
        if purpose not in self._keys:
            self._keys[purpose] = self._look_up(purpose)
        return self._keys[purpose]

    def _look_up(self, purpose: Purpose) -> _Key:
        if purpose not in self._names:
            raise KeyUnusable(f"signer url, option {purpose.value}: got nothing, wanted a KMS key for this purpose")
        found = self._ask("GetPublicKey", purpose, self._client.get_public_key, KeyId=self._names[purpose])
        address = address_of(public_point(found["PublicKey"], _what(purpose)))
        answer = self._ask("ListResourceTags", purpose, self._client.list_resource_tags, KeyId=found["KeyId"])
        tags = {tag["TagKey"]: tag["TagValue"] for tag in answer["Tags"]}
        for name, wanted in ((CHAIN_TAG, str(self._chain_id)), (PURPOSE_TAG, purpose.value)):
            if tags.get(name) != wanted:
                got = repr(tags[name]) if name in tags else "none"
                raise KeyUnusable(f"{_what(purpose)}: got {got} for its tag {name}, wanted {wanted!r}")
        return _Key(found["KeyId"], address)

    def _ask(self, operation: str, purpose: Purpose, call: Any, **values: Any) -> dict[str, Any]:
        """Calls change nothing, so that the client may repeat them. Raises `KeyUnusable`, and what `calling` raises."""
        with calling(f"kms:{operation}", _what(purpose)):
            try:
                answer: dict[str, Any] = call(**values)
            except ClientError as error:
                if code_of(error) in _UNUSABLE:
                    raise KeyUnusable(f"{_what(purpose)}: cannot be used ({code_of(error)})") from error
                raise
        return answer


def _what(purpose: Purpose) -> str:
    return f"KMS key of {purpose.value}"
