"""AWS inside this process, for the tests of a module; import the fixture where it is used. Its clients are its own.

moto answers single calls well and has three faults that are mended here:

- It is not safe for threads: two writers of one condition both win. One call at a time, then; what must hold among
  many at once is proven on an emulator that is exact (`ministack_fixture`).
- Its KMS hashes a DIGEST once more before it signs, and leaves out the words of a denial.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.kms.exceptions import AccessDeniedException
from moto.kms.utils import ECDSAPrivateKey

from tests.ports.own_clients import own_clients

REGION = "eu-central-1"


@pytest.fixture(scope="module", name="moto")
def aws_in_this_process() -> Iterator[None]:
    lock = threading.RLock()
    answer = BotocoreStubber.__call__

    def one_at_a_time(stubber: Any, *arguments: Any, **values: Any) -> Any:
        with lock:
            return answer(stubber, *arguments, **values)

    def sign_digest(key: Any, digest: bytes, signing_algorithm: str) -> bytes:
        assert signing_algorithm == "ECDSA_SHA_256"
        signature: bytes = key.private_key.sign(digest, ec.ECDSA(Prehashed(SHA256())))
        return signature

    def with_its_words(error: Any, message: str) -> None:
        super(AccessDeniedException, error).__init__("AccessDeniedException", message)

    with own_clients() as patch, mock_aws():
        patch.setattr(BotocoreStubber, "__call__", one_at_a_time)
        patch.setattr(AccessDeniedException, "__init__", with_its_words)
        patch.setattr(ECDSAPrivateKey, "sign", sign_digest)
        yield
