"""The twin's HTTP side: what API Gateway does (find the route, build the event, answer), and S3 for presigned reads."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from infra.twin import events
from shared.clock import Clock
from shared.errors import MonoprintError
from shared.ports.blobs.folder import FolderBlobs
from shared.runtime import HttpHandler

MAX_BODY_BYTES = 10_000_000
"""API Gateway's own limit, which the server keeps; the handlers' is far below it."""
_SAFE_HEADERS = [
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; sandbox"),
    ("referrer-policy", "no-referrer"),
]


class Route:
    """`GET /v1/requests/{request_id}` as API Gateway matches it: segment by segment."""

    def __init__(self, key: str, handler: HttpHandler):
        self.key = key
        self.handler = handler
        self.method, _, template = key.partition(" ")
        parts = re.split(r"\{(\w+)\}", template)
        pattern = "".join(f"(?P<{part}>[^/]+)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
        self._pattern = re.compile(pattern)

    def match(self, method: str, path: str) -> dict[str, str] | None:
        found = self._pattern.fullmatch(path) if method == self.method else None
        return found.groupdict() if found else None


class Api:
    """A WSGI application over the HTTP handlers."""

    def __init__(self, handlers: Mapping[str, HttpHandler], blobs: FolderBlobs, clock: Clock):
        self._routes = [(stop, Route(key, handler)) for stop, handler in handlers.items() for key in handler.routes]
        self._blobs = blobs
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")  # percents decoded, once
        if method == "GET" and path.startswith("/v1/blobs/"):
            return self._presigned(path.removeprefix("/v1/blobs/"), environ.get("QUERY_STRING", ""), start_response)
        for stop, route in self._routes:
            parameters = route.match(method, path)
            if parameters is not None:
                event = self._event(environ, method, path, route, parameters)
                answer = route.handler(event, events.Context.of(stop))
                body = str(answer["body"]).encode()
                return _answer(start_response, answer["statusCode"], body, list(answer["headers"].items()))
        return _answer(start_response, 404, self._no_route(method, path), [("content-type", "application/json")])

    def _no_route(self, method: str, path: str) -> bytes:
        """What API Gateway answers, and beside it what is here."""
        routes = ", ".join(route.key for _, route in self._routes)
        told = f"route: got {method} {path[:80]}, wanted one of: {routes}"
        body = {"message": "Not Found", "error": {"code": "not_found", "message": told}}
        return json.dumps(body, ensure_ascii=False).encode()

    def _event(
        self, environ: WSGIEnvironment, method: str, path: str, route: Route, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or (name == "CONTENT_TYPE" and value)
        }
        try:
            text, encoded = body.decode(), False
        except UnicodeDecodeError:
            text, encoded = base64.b64encode(body).decode(), True
        return events.http(
            method,
            path,
            route=route.key,
            parameters=parameters,
            query=environ.get("QUERY_STRING", ""),
            headers=headers,
            body=text,
            base64=encoded,
            at=self._clock(),
        )

    def _presigned(self, key: str, query: str, start_response: StartResponse) -> Iterable[bytes]:
        try:
            data, content_type, filename = self._blobs.open_presigned(key, dict(parse_qsl(query)), self._clock())
        except MonoprintError as error:
            return _answer(start_response, error.status, str(error).encode(), [("content-type", "text/plain")])
        named = f'inline; filename="{filename}"' if filename else "inline"
        return _answer(start_response, 200, data, [("content-type", content_type), ("content-disposition", named)])


def _answer(
    start_response: Callable[..., object], status: int, body: bytes, headers: list[tuple[str, str]]
) -> Iterable[bytes]:
    names = {name.lower() for name, _ in headers}
    headers = headers + [header for header in _SAFE_HEADERS if header[0] not in names]
    start_response(f"{status} {HTTPStatus(status).phrase}", [*headers, ("content-length", str(len(body)))])
    return [body]
