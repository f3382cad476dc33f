from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.errors import Defect, Rejected, Transient
from shared.ports import chain
from shared.ports.chain.rpc_errors import Meaning, classify, error_for

FIXTURES = Path(__file__).parents[1] / "ports" / "fixtures"
LABELLED: list[dict[str, Any]] = json.loads((FIXTURES / "rpc_errors.json").read_text(encoding="utf-8"))
ELSEWHERE = [
    line.split(" | ", 1)
    for line in (FIXTURES / "rpc_errors_elsewhere.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def code_of(row: dict[str, Any]) -> int | None:
    try:
        return int(row["code"])
    except (TypeError, ValueError):
        return None


@pytest.mark.parametrize("row", LABELLED, ids=lambda row: f"{row['client']}: {row['message'][:40]}")
def test_every_labelled_answer_is_understood(row: dict[str, Any]) -> None:
    assert classify(row["message"], code_of(row)) == row["meaning"]


@pytest.mark.parametrize(("meaning", "message"), ELSEWHERE)
def test_other_clients_say_it_otherwise(meaning: str, message: str) -> None:
    assert classify(message) == meaning


@pytest.mark.parametrize(("meaning", "message"), ELSEWHERE)
def test_a_relay_may_wrap_an_answer(meaning: str, message: str) -> None:
    assert classify(f"rpc error: {message}") == meaning
    assert classify(f"submission failed: '{message}'") == meaning


def test_words_come_before_codes() -> None:
    assert classify("Requested range exceeds maximum RPC range limit", -32005) is Meaning.LIMITED
    assert classify("Transaction gas limit exceeds block gas limit", -32005) is Meaning.FATAL
    assert classify("", -32005) is Meaning.LIMITED
    assert classify("", 3) is Meaning.REVERTED


def test_what_nobody_knows_is_transient_and_kept_whole() -> None:
    error = error_for("the moon is in the wrong house", -32123)
    assert isinstance(error, chain.UnknownAnswer)
    assert "the moon is in the wrong house" in str(error)
    assert "-32123" in str(error)
    assert classify("", None) is Meaning.OTHER


def test_a_hash_in_an_answer_decides_nothing() -> None:
    assert classify("cannot find 0x429deadbeef0429") is Meaning.OTHER


def test_a_very_long_answer_is_cut() -> None:
    assert len(str(error_for("x" * 1_000_000))) < 1000
    assert classify("pending " * 100_000 + "timeout") is Meaning.OTHER


@pytest.mark.parametrize(
    ("message", "kind", "branch"),
    [
        ("already known", chain.Unavailable, Transient),
        ("nonce too low", chain.NonceTooLow, Transient),
        ("nonce too high", chain.NonceTooHigh, Transient),
        ("replacement transaction underpriced", chain.Underpriced, Transient),
        ("transaction underpriced", chain.FeeTooLow, Transient),
        ("tx fee (1.10 ether) exceeds the configured cap (1.00 ether)", chain.FeeTooHigh, Transient),
        ("insufficient funds for transfer", chain.InsufficientFunds, Transient),
        ("txpool is full", chain.PoolBusy, Transient),
        ("address already reserved", chain.PoolBusy, Transient),
        ("429 Too Many Requests", chain.RateLimited, Transient),
        ("execution reverted", chain.Reverted, Rejected),
        ("invalid sender", chain.Unsendable, Defect),
        ("the method eth_foo does not exist/is not available", chain.Unsupported, Defect),
    ],
)
def test_each_meaning_has_its_error(message: str, kind: type[Exception], branch: type[Exception]) -> None:
    error = error_for(message)
    assert type(error) is kind
    assert isinstance(error, branch)
