"""What every signer must do. An adapter's test derives from `SignerBehaviour` and brings the fixture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from eth_account import Account
from eth_keys.backends.native.main import NativeECCBackend
from eth_keys.datatypes import Signature as Recoverable
from eth_utils.address import is_checksum_address

from shared.errors import Invalid
from shared.ports.signer import Purpose, Signer
from shared.ports.signer.secp256k1 import ORDER

OpenSigner = Callable[[], Signer]


class SignerBehaviour:
    @pytest.fixture
    def open_signer(self) -> OpenSigner:
        """Opens the same keys again, as another process would."""
        raise NotImplementedError

    def test_an_address_is_checksummed_and_stays(self, open_signer: OpenSigner) -> None:
        first = open_signer()
        for purpose in Purpose:
            address = first.address(purpose)
            assert is_checksum_address(address)
            assert first.address(purpose) == address
            assert open_signer().address(purpose) == address

    def test_each_purpose_has_a_key_of_its_own(self, open_signer: OpenSigner) -> None:
        signer = open_signer()
        assert len({signer.address(purpose) for purpose in Purpose}) == len(Purpose)

    def test_a_signature_recovers_to_the_address_and_is_low(self, open_signer: OpenSigner) -> None:
        signer = open_signer()
        address = signer.address(Purpose.TRANSACTION)
        parities = set()
        for number in range(24):
            digest = hashlib.sha256(bytes([number])).digest()
            signature = signer.sign(Purpose.TRANSACTION, digest)
            assert 0 < signature.s <= ORDER // 2
            vrs = (signature.y_parity, signature.r, signature.s)
            recoverable = Recoverable(vrs=vrs, backend=NativeECCBackend())  # not the library that signed
            assert recoverable.recover_public_key_from_msg_hash(digest).to_checksum_address() == address
            parities.add(signature.y_parity)
        assert parities == {0, 1}

    def test_wallet_bytes_are_read_by_an_independent_library(self, open_signer: OpenSigner) -> None:
        signer = open_signer()
        digest = hashlib.sha256(b"a voucher").digest()
        raw = signer.sign(Purpose.VOUCHER, digest).to_bytes()
        assert len(raw) == 65
        assert Account._recover_hash(digest, signature=raw) == signer.address(Purpose.VOUCHER)

    @pytest.mark.parametrize("length", [0, 31, 33, 64])
    def test_only_32_bytes_are_signed(self, open_signer: OpenSigner, length: int) -> None:
        with pytest.raises(Invalid, match="32 bytes"):
            open_signer().sign(Purpose.TRANSACTION, b"\x01" * length)
