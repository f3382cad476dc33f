"""The command line's side of the HTTP API, where what stands in front of the functions answers for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra import client as module
from infra.client import Client, Refused
from infra.deploy.stage import Stage
from infra.ending import _exit_code
from shared.errors import Transient
from shared.ports.chain import Unavailable, WrongChain

STAGE = Stage("prod")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response]:
    monkeypatch.setattr(module, "_AGAIN_S", (0.0, 0.0))
    monkeypatch.setattr(Stage, "api_url", lambda _: "https://api.example")
    return []


@pytest.fixture
def asked() -> list[httpx.Request]:
    return []


@pytest.fixture
def client(answers: list[httpx.Response], asked: list[httpx.Request]) -> Iterator[Client]:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers.pop(0)

    with Client.of_stage(STAGE, "mp_mint_1") as made:
        made._http = httpx.Client(base_url="https://api.example", transport=httpx.MockTransport(answer))
        yield made


def gateway(status: int, message: str) -> httpx.Response:
    """As API Gateway itself answers, where the function did not."""
    return httpx.Response(status, json={"message": message})


def ours(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": f"it is {code}"}})


def test_a_stage_is_called_with_the_one_key(
    client: Client, answers: list[httpx.Response], asked: list[httpx.Request]
) -> None:
    answers += [httpx.Response(200, json={"requests": []}), httpx.Response(202, json={"id": "1"})]
    assert client.waiting() == []
    assert client.file("slug", b"{}", idempotency_key="k")["id"] == "1"
    assert [(str(each.url), each.headers["x-api-key"]) for each in asked] == [
        ("https://api.example/v1/review", "mp_mint_1"),
        ("https://api.example/v1/collections/slug/requests", "mp_mint_1"),
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [(429, "Too Many Requests"), (503, "Service Unavailable"), (504, "Endpoint request timed out"), (500, "Internal")],
)
def test_what_the_gateway_answers_is_asked_again_and_passes(
    client: Client, answers: list[httpx.Response], status: int, message: str
) -> None:
    answers += [gateway(status, message)] * 2 + [httpx.Response(200, json={"requests": []})]
    assert client.waiting() == []
    answers += [gateway(status, message)] * 3
    with pytest.raises(Transient):
        client.waiting()
    assert answers == []


@pytest.mark.parametrize(("status", "code", "exit_code"), [(500, "defect", 70), (403, "forbidden", 1)])
def test_what_the_function_answers_is_told_at_once(
    client: Client, answers: list[httpx.Response], status: int, code: str, exit_code: int
) -> None:
    answers.append(ours(status, code))
    with pytest.raises(Refused, match=f"it is {code}") as raised:
        client.waiting()
    assert _exit_code(raised.value, str(raised.value.told["code"])) == exit_code


def test_an_answer_of_something_else_names_the_stage(client: Client, answers: list[Any]) -> None:
    answers += [httpx.Response(200, text="<html>")] * 3
    with pytest.raises(Transient, match="stage prod in eu-central-1 answered 200 without JSON"):
        client.waiting()


def test_a_stage_that_does_not_answer_is_not_a_twin(client: Client) -> None:
    def down(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    client._http = httpx.Client(base_url="https://api.example", transport=httpx.MockTransport(down))
    with pytest.raises(Transient) as raised:
        client.waiting()
    assert str(raised.value) == (
        "stage prod in eu-central-1 at https://api.example does not answer (ConnectError); run the same command again"
    )


def test_the_exit_code_follows_the_branch_of_an_error() -> None:
    assert _exit_code(Unavailable("node: down"), "chain_unavailable") == 75
    assert _exit_code(WrongChain("another"), "wrong_chain") == 70
