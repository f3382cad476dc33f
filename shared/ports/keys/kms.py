"""KmsKeys: data keys wrapped under an AWS KMS key, which never leaves the service.

The wrapped form is KMS's own ciphertext. KMS writes the context of every call into CloudTrail, readable and for as
long as the trail is kept: it is the collector's id, an HMAC, and never anything that a person is known by.

The role needs kms:GenerateDataKey to create, and kms:Decrypt to unwrap.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from shared.clock import Clock
from shared.errors import Defect, Invalid
from shared.ports.aws import calling, client, code_of, endpoint_of, region_of
from shared.ports.keys import DataKey
from shared.ports.open import parse_host_url

KEY_BYTES = 32
_MAX_WRAPPED_BYTES = 6_144

# What KMS says of a ciphertext that it cannot open. One that names somebody else's key, or none, it calls a denial:
# told from a denial of ours by its words, since ours names the action that our role lacks.
_NOT_OPENED = {"InvalidCiphertextException", "IncorrectKeyException"}
_FOREIGN = "The ciphertext refers to a customer master key that does not exist"


class KmsKeys:
    """`kms://alias/NAME?region=REGION` or `kms://KEY-ID?region=REGION`; `&endpoint=URL` for an emulator."""

    def __init__(self, key: str, region: str, endpoint: str | None) -> None:
        self._key = key
        self._client = client("kms", region, endpoint)

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> KmsKeys:
        del clock  # keys do not age
        parts = parse_host_url("keys", url, options=("region", "endpoint"))
        if (parts.host == "alias") != bool(parts.path.strip("/")):
            raise Invalid("keys url", "neither an alias nor a key's id", "kms://alias/NAME or kms://KEY-ID")
        return cls(parts.host + parts.path, region_of(parts, parts.text("region")), endpoint_of(parts))

    def close(self) -> None:
        """The client is the process's."""

    def create(self, context: str) -> DataKey:
        bound_to = _bound_to(context)
        with calling("kms:GenerateDataKey", self._what):
            made = self._client.generate_data_key(KeyId=self._key, KeySpec="AES_256", EncryptionContext=bound_to)
        return DataKey(self._checked(made), bytes(made["CiphertextBlob"]))

    def unwrap(self, wrapped: bytes, context: str) -> DataKey:
        bound_to = _bound_to(context)
        if not 0 < len(wrapped) <= _MAX_WRAPPED_BYTES:
            raise Defect(f"wrapped key: got {len(wrapped)} bytes, wanted 1 to {_MAX_WRAPPED_BYTES}")
        with calling("kms:Decrypt", self._what):
            try:
                # The key is named although the ciphertext names it too: no other of the account's keys may open it.
                opened = self._client.decrypt(KeyId=self._key, CiphertextBlob=wrapped, EncryptionContext=bound_to)
            except ClientError as error:
                foreign = code_of(error) == "AccessDeniedException" and _FOREIGN in str(error)
                if foreign or code_of(error) in _NOT_OPENED:
                    raise Defect(
                        "wrapped key: it was changed, or made for another context or under another master key"
                    ) from error
                raise
        return DataKey(self._checked(opened), wrapped)

    @property
    def _what(self) -> str:
        return f"KMS key {self._key}"

    def _checked(self, answer: dict[str, Any]) -> bytes:
        plain = bytes(answer["Plaintext"])
        if len(plain) != KEY_BYTES:
            raise Defect(f"{self._what}: got a data key of {len(plain)} bytes, wanted {KEY_BYTES}")
        return plain


def _bound_to(context: str) -> dict[str, str]:
    if not context:
        raise Invalid("context", "nothing", "the collector's id")
    return {"collector": context}
