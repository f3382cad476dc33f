"""One JSON-RPC node: questions, answers, or an error that says which of the two went wrong.

The path of a provider's URL is often its API key: no message here, and no chained error, quotes the URL.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as NoAnswer

from shared import strict_json
from shared.errors import Invalid
from shared.ports.chain import RateLimited, Unavailable

MAX_RETRY_AFTER_S = 300.0


class NodeError(Exception):
    """The node answered with an error; still in its own words."""

    def __init__(self, code: int | None, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Node:
    """A pool of connections to one node, without retries: they would sleep inside the call, and a queue retries better.

    Only a connection that broke is opened again at once; everything that is sent here may be sent twice.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._pool = urllib3.connection_from_url(url, maxsize=8, retries=False, timeout=timeout_s)
        self._path = urllib3.util.parse_url(url).request_uri
        self._ids = itertools.count(1)
        self._one_by_one = False
        """Whether the node was found to take no batches."""
        self.drops = 0
        """How often a request failed on the way: after each, another node may answer at this address."""

    def close(self) -> None:
        self._pool.close()

    def ask(self, method: str, *parameters: object) -> Any:
        """The result. Raises `NodeError` for the node's own errors and `Unavailable` where there is no answer."""
        answer = self._post(method, self._question(method, parameters))
        if answer.status != 200:
            raise _refused(method, answer)
        try:
            told = strict_json.loads(answer.data, field=method)
        except Invalid:
            raise Unavailable(f"{method}: the answer is not JSON") from None
        return _result(method, told)

    def ask_all(self, *questions: tuple[Any, ...]) -> list[Any]:
        """The results of several questions that do not depend on each other, each a method with its parameters: in one
        exchange, or one by one where the node takes no batches. The node may look at them in any order.

        An answer that is an error stands as a `NodeError` in its place. Raises `Unavailable` where one is missing.
        """
        if not self._one_by_one:
            asked = [self._question(method, parameters) for method, *parameters in questions]
            answer = self._post(questions[0][0], asked)
            if answer.status == 429:
                raise _refused(questions[0][0], answer)
            if (found := _batch(answer, asked)) is not None:
                return found
        singly = [self._answer_or_error(*question) for question in questions]
        self._one_by_one = True  # it answers what it is asked, but not at once
        return singly

    def _answer_or_error(self, method: str, *parameters: object) -> Any:
        try:
            return self.ask(method, *parameters)
        except NodeError as error:
            return error

    def _question(self, method: str, parameters: Sequence[object]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": parameters}

    def _post(self, method: str, question: object) -> urllib3.BaseHTTPResponse:
        body = json.dumps(question).encode()
        try:
            return self._exchange(body)
        except HTTPError as error:
            self.drops += 1
            if isinstance(error, NoAnswer):
                raise Unavailable(f"{method}: {type(error).__name__}") from None
        try:
            return self._exchange(body)
        except HTTPError as again:
            self.drops += 1
            raise Unavailable(f"{method}: {type(again).__name__}") from None

    def _exchange(self, body: bytes) -> urllib3.BaseHTTPResponse:
        headers = {"content-type": "application/json"}
        return self._pool.urlopen("POST", self._path, body=body, headers=headers, redirect=False)


def _batch(answer: urllib3.BaseHTTPResponse, asked: list[dict[str, Any]]) -> list[Any] | None:
    """The answers in the order of the questions; None for anything but one answer to each of them."""
    try:
        told = strict_json.loads(answer.data, field="batch") if answer.status == 200 else None
    except Invalid:
        return None
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told) or len(told) != len(asked):
        return None
    by_id = {str(one.get("id")): one for one in told}
    found: list[Any] = []
    for question in asked:
        try:
            found.append(_result(question["method"], by_id.get(str(question["id"]))))
        except NodeError as error:
            found.append(error)
        except Unavailable:
            return None
    return found


def _result(method: str, answer: object) -> Any:
    if isinstance(answer, dict):
        error = answer.get("error")
        if isinstance(error, dict):
            code, text = error.get("code"), error.get("message")
            raise NodeError(code if isinstance(code, int) else None, str(text or ""), error.get("data"))
        if error is not None:
            raise NodeError(None, str(error))
        if "result" in answer:
            return answer["result"]
    raise Unavailable(f"{method}: the answer is no JSON-RPC response")


def _refused(method: str, answer: urllib3.BaseHTTPResponse) -> Exception:
    """The error for a status that is not 200. Some providers put a JSON-RPC error into its body."""
    if answer.status == 429:
        after = answer.headers.get("Retry-After", "")
        seconds = float(after) if after.isascii() and after.isdecimal() else 10.0
        return RateLimited(f"{method}: HTTP 429", retry_after_s=min(max(seconds, 1.0), MAX_RETRY_AFTER_S))
    try:
        _result(method, strict_json.loads(answer.data, field=method))
    except NodeError as error:
        return error
    except (Invalid, Unavailable):
        pass
    retry_after_s = 30.0 if answer.status in {401, 402, 403} else 5.0
    return Unavailable(f"{method}: HTTP {answer.status}", retry_after_s=retry_after_s)


def field(value: object, name: str) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise Unavailable(f"the node's answer has no {name}")
    return value[name]


def number(value: object, what: str) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value):
        raise Unavailable(f"{what}: got {str(value)[:80]!r}, wanted a number in hexadecimal")
    return int(value, 16)


def octets(value: object, what: str) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", value):
        raise Unavailable(f"{what}: got {str(value)[:80]!r}, wanted bytes in hexadecimal")
    return bytes.fromhex(value[2:])
