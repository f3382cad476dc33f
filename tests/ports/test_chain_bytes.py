from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from shared.errors import Invalid
from shared.ports.chain import (
    Call,
    SignedTransaction,
    Transaction,
)
from shared.ports.chain.rpc import RpcChain
from shared.ports.signer import Purpose, Signature
from shared.ports.signer.keystore import KeystoreSigner
from tests.ports.chain_actors import CHAIN_ID, DIGEST, new_holder
from tests.ports.fake_node import fake_node, result

CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
REQUEST = "11" * 32


class TestPureParts:
    """What asks nobody, against other implementations."""

    @pytest.fixture
    def chain(self) -> Iterator[RpcChain]:
        with closing(RpcChain("http://127.0.0.1:1", chain_id=CHAIN_ID)) as chain:
            yield chain

    def test_signing_is_that_of_eth_account(self, chain: RpcChain, tmp_path: Path) -> None:
        account = Account.from_key(b"\x01" * 32)
        for to, nonce in ((CONTRACT, 0), (CONTRACT, 300), (None, 7)):
            transaction = Transaction(CHAIN_ID, nonce, 100_000, 3 * 10**9, 10**9, Call(to, b"\x01\x02"))
            fields = {"type": 2, "chainId": CHAIN_ID, "nonce": nonce, "gas": 100_000, "value": 0, "data": "0x0102"}
            fields |= {"maxFeePerGas": 3 * 10**9, "maxPriorityFeePerGas": 10**9} | ({"to": to} if to else {})
            theirs = account.sign_transaction(fields)
            ours = chain.assemble(transaction, Signature(theirs.r, theirs.s, theirs.v))
            assert ours == SignedTransaction(bytes(theirs.raw_transaction), theirs.hash.to_0x_hex())
            digest = chain.signing_digest(transaction)
            recovered = Account._recover_hash(digest, vrs=(27 + theirs.v, theirs.r, theirs.s))
            assert recovered == account.address

    def test_a_contract_has_the_address_that_others_compute(self, chain: RpcChain) -> None:
        rlp = pytest.importorskip("rlp")
        deployer = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
        assert chain.contract_address(deployer, 0) == CONTRACT
        assert chain.contract_address(deployer, 1) == "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
        for nonce in (0, 1, 127, 128, 255, 256, 100_000, 2**63):
            created = keccak(rlp.encode([bytes.fromhex(deployer[2:]), nonce]))[12:]
            assert chain.contract_address(deployer, nonce) == to_checksum_address(created)

    def test_a_request_has_one_token_on_each_chain_and_contract(self, chain: RpcChain) -> None:
        here = chain.token_id(CONTRACT, REQUEST, CHAIN_ID)
        assert here == chain.token_id(CONTRACT.lower(), REQUEST, CHAIN_ID)
        assert here != chain.token_id(CONTRACT, REQUEST, 1)
        assert here != chain.token_id(new_holder(), REQUEST, CHAIN_ID)
        assert here != chain.token_id(CONTRACT, "12" * 32, CHAIN_ID)

    @pytest.mark.parametrize(
        "request_id", ["", "0x" + "11" * 32, "11" * 31, "11" * 33, "AB" * 32, "zz" * 32, "00" * 32]
    )
    def test_a_request_id_is_64_digits(self, chain: RpcChain, request_id: str) -> None:
        with pytest.raises(Invalid, match="request_id"):
            chain.token_id(CONTRACT, request_id, CHAIN_ID)
        with pytest.raises(Invalid, match="request_id"):
            chain.mint_call(CONTRACT, CONTRACT, request_id, DIGEST)

    @pytest.mark.parametrize("digest", [b"", bytes(32), b"\x01" * 31, b"\x01" * 33])
    def test_a_digest_is_32_bytes(self, chain: RpcChain, digest: bytes) -> None:
        with pytest.raises(Invalid, match="digest"):
            chain.mint_call(CONTRACT, CONTRACT, REQUEST, digest)
        with pytest.raises(Invalid, match="digest"):
            chain.redact_call(CONTRACT, 1, digest)

    @pytest.mark.parametrize("address", ["", "0x", CONTRACT[2:], CONTRACT[:-1], CONTRACT.swapcase(), "vitalik.eth"])
    def test_an_address_with_a_typing_error_is_refused(self, chain: RpcChain, address: str) -> None:
        with pytest.raises(Invalid, match="owner"):
            chain.mint_call(CONTRACT, address, REQUEST, DIGEST)

    @pytest.mark.parametrize(
        "url",
        [
            "ws://node",
            "http://",
            "node:8545",
            "http://node?chain_id=",
            "http://node?chain_id=0x1",
            "https://node?timeout_s=-1",
        ],
    )
    def test_a_url_is_checked(self, url: str) -> None:
        with pytest.raises(Invalid, match="chain url"):
            RpcChain.open(url)

    def test_a_url_keeps_the_providers_part_of_its_query(self) -> None:
        with fake_node() as node:
            node.spoilers["eth_chainId"] = lambda _: result("0x1")
            with closing(RpcChain.open(f"{node.url}/rpc?key=a%2Fb&chain_id=1&timeout_s=3")) as chain:
                assert chain.chain_id() == 1
                assert node.paths == ["/rpc?key=a%2Fb"]

    def test_a_deployment_wants_people_and_a_sane_royalty(self, chain: RpcChain, tmp_path: Path) -> None:
        signer = KeystoreSigner(tmp_path, chain_id=CHAIN_ID)
        owner, minter = signer.address(Purpose.OWNER), signer.address(Purpose.TRANSACTION)
        assert chain.deployment(owner, minter, "N", "S", "", None, 0).to is None
        with pytest.raises(Invalid, match="royalty_bps"):
            chain.deployment(owner, minter, "N", "S", "", owner, 10_001)
