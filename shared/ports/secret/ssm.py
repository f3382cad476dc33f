"""SsmSecret: a SecureString of AWS Systems Manager's Parameter Store.

Whoever deploys makes it (`aws ssm put-parameter --type SecureString`). The value is text: bytes that are not are kept
in a form that is, such as hex, and are used in that form.

The role needs ssm:GetParameter on the parameter, and kms:Decrypt if it lies under a key of one's own.
"""

from __future__ import annotations

import re
from typing import Any, Self

from botocore.exceptions import ClientError

from shared.clock import Clock
from shared.errors import Defect, Invalid
from shared.ports.aws import calling, client, code_of, endpoint_of, region_of
from shared.ports.open import parse_url
from shared.ports.secret import long_enough

_NAME = re.compile(r"(/[A-Za-z0-9_.-]+)+")


class SsmSecret:
    """`ssm:///path/of/parameter?region=REGION`; `&endpoint=URL` for an emulator."""

    def __init__(self, ssm: Any, name: str) -> None:
        self._ssm = ssm
        self._name = name

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> Self:
        del clock  # it does not age
        parts = parse_url("secret", url, options=("region", "endpoint"))
        if not _NAME.fullmatch(parts.path):
            raise Invalid("secret url", "no parameter's name", "ssm:///path/of/parameter?region=REGION")
        return cls(client("ssm", region_of(parts, parts.text("region")), endpoint_of(parts)), parts.path)

    def read(self) -> bytes:
        what = f"secret {self._name}"
        with calling("ssm:GetParameter", what):
            try:
                found = self._ssm.get_parameter(Name=self._name, WithDecryption=True)["Parameter"]
            except ClientError as error:
                if code_of(error) in {"ParameterNotFound", "ParameterVersionNotFound"}:
                    raise Defect(
                        f"{what} does not exist: whoever deploys makes it, as docs/7-on-aws.md says"
                    ) from error
                if code_of(error) == "InvalidKeyId":
                    raise Defect(f"{what}: the key that it lies under cannot be used by this role") from error
                raise
        if found["Type"] != "SecureString":
            raise Defect(f"{what}: got a parameter of type {found['Type']}, wanted SecureString")
        return long_enough(found["Value"].encode(), what)
