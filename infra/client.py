"""The command line's side of the HTTP API: every answer that is no success becomes the error that it says it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from infra.twin.home import Home
from shared.errors import NotFound, Rejected, Transient
from shared.records.accounts import Role

if TYPE_CHECKING:
    from infra.deploy.stage import Stage

_AGAIN_S = (0.2, 0.5, 1.0)
"""Waits before an answer of "not now" is asked for again. Every call of the API may be repeated."""


_BUSY = {
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.BAD_GATEWAY,
    httpx.codes.SERVICE_UNAVAILABLE,
    httpx.codes.GATEWAY_TIMEOUT,
}


class Away(Transient):
    """Nobody answers where the API was."""


class Refused(Rejected):
    """The API said no; `told` is its error object, `http_status` its HTTP status."""

    def __init__(self, status: int, told: Mapping[str, Any]) -> None:
        super().__init__(str(told.get("message", f"HTTP status {status}")))
        self.told = dict(told)
        self.http_status = status

    def about(self, file: Path) -> Refused:
        """The same with the file in front, where a field of what it holds is meant."""
        field = str(self.told.get("field", ""))
        if not field or field.lower() == "idempotency-key":
            return self
        return Refused(self.http_status, self.told | {"message": f"{file}: {self}"})


class Client:
    """Speaks to a twin with the API keys of its home, or to a stage with one key.

    `elsewhere` finds a twin when the one at `url` is away; `who` and `again` are for people when it stays away. Whoever
    follows a request waits `poll_s` between two looks.
    """

    def __init__(
        self,
        url: str,
        keys: Mapping[str, str],
        elsewhere: Callable[[], str] | None = None,
        *,
        who: str = "the twin",
        again: str = "run the same command again, or `monoprint up` first",
        poll_s: float = 0.25,
        proxies: bool = False,
    ):
        self.poll_s = poll_s
        self._keys = keys
        self._elsewhere = elsewhere
        self._who = who
        self._again = again
        self._http = httpx.Client(base_url=url, timeout=30.0, trust_env=proxies)

    @classmethod
    def of(cls, home: Home, url: str, elsewhere: Callable[[], str] | None = None) -> Client:
        return cls(url, home.read_json("api-keys.json") or {}, elsewhere)

    @classmethod
    def of_stage(cls, stage: Stage, api_key: str) -> Client:
        """Every call is made with this one key, whatever its role lets it do."""
        return cls(
            stage.api_url(),
            dict.fromkeys(Role, api_key),
            who=str(stage),
            again="run the same command again",
            poll_s=2.0,
            proxies=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def file(self, slug: str, body: bytes, *, idempotency_key: str) -> dict[str, Any]:
        """POST a collector's JSON as it is. Returns the receipt."""
        headers = {"idempotency-key": idempotency_key, "content-type": "application/json"}
        return self._ask(Role.MINT, "POST", f"/v1/collections/{slug}/requests", content=body, headers=headers)

    def story(self, request_id: str) -> dict[str, Any]:
        return self._ask(Role.OPERATE, "GET", f"/v1/requests/{request_id}")

    def waiting(self) -> list[dict[str, Any]]:
        """What waits for a verdict."""
        found: list[dict[str, Any]] = self._ask(Role.REVIEW, "GET", "/v1/review")["requests"]
        return found

    def verdict(self, request_id: str, verdict: str, candidate: str | None, note: str) -> dict[str, Any]:
        body = {"verdict": verdict, "candidate": candidate, "note": note}
        return self._ask(Role.REVIEW, "POST", f"/v1/requests/{request_id}/verdict", json=body)

    def picture(self, story: Mapping[str, Any]) -> bytes:
        """The bytes of a story's picture. Raises `NotFound` where it has none."""
        url = (story["picture"] or {}).get("url")
        if not url:
            raise NotFound(f"request {story['id'][:8]}...: it has no picture yet; it is {story['state']}")
        try:
            answer = self._send("GET", url)
        except Away:
            answer = self._send("GET", self.story(story["id"])["picture"]["url"])
        if answer.is_error:
            raise Refused(answer.status_code, {"message": answer.text})
        return answer.content

    def _ask(self, role: Role, method: str, path: str, **how: Any) -> dict[str, Any]:
        """Raises `Refused`, or `Transient` when the twin is away or busy, also after some more tries."""
        headers = {**how.pop("headers", {}), "x-api-key": self._keys.get(role.value, "")}
        for wait_s in _AGAIN_S:
            try:
                return self._ask_once(method, path, headers, how)
            except Transient:
                time.sleep(wait_s)
        try:
            return self._ask_once(method, path, headers, how)
        except Away:
            if self._elsewhere is None:
                raise
            self._http.base_url = self._elsewhere()
            return self._ask_once(method, path, headers, how)

    def _ask_once(self, method: str, path: str, headers: dict[str, str], how: dict[str, Any]) -> dict[str, Any]:
        answer = self._send(method, path, headers=headers, **how)
        try:
            body: dict[str, Any] = answer.json()
        except ValueError as error:
            raise Transient(f"{self._who} answered {answer.status_code} without JSON; look at its log") from error
        if answer.status_code in _BUSY:
            raise Transient(str(body.get("error", body).get("message", f"{self._who} is busy; try again")))
        if answer.is_server_error and "error" not in body:  # API Gateway's own: the function did not answer at all
            raise Transient(f"{self._who} answered {answer.status_code}; look at its log")
        if answer.is_error:
            raise Refused(answer.status_code, body.get("error", body))
        return body

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **how)
        except httpx.HTTPError as error:
            told = f"{self._who} at {self._http.base_url} does not answer ({type(error).__name__})"
            raise Away(f"{told}; {self._again}") from error
