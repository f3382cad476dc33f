"""From a function's environment to the adapters that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from urllib.parse import parse_qsl, urlsplit

from infra.packaging.serverless import Function
from shared.errors import Invalid
from shared.ports.open import ADAPTERS
from shared.settings import Settings

_LATER = re.compile(r"\$\{[^{}]*\}")
_REFERENCE = re.compile(r"\{([^{}]*)\}")
_PORTS = {port for port, _ in ADAPTERS}


@dataclass(frozen=True, order=True)
class Adapter:
    port: str
    scheme: str

    @property
    def module(self) -> str:
        return ADAPTERS[self.port, self.scheme].partition(":")[0]


def named_adapters(function: Function) -> tuple[Adapter, ...]:
    """Every adapter that a URL or a reference in the function's environment opens, in every stage.

    What the stop's settings do not ask for is never opened, and so does not count: a variable that all functions
    share, for instance. Raises: `Invalid` naming the function and the variable.
    """
    settings, found = settings_of(function), set[Adapter]()
    for field in settings.model_fields:
        port, variable = settings.port(field), settings.variable(field)
        if port is None:
            continue
        texts = function.environment.get(variable, ())
        if not texts and settings.model_fields[field].is_required():
            raise Invalid(f"function {function.name}, {variable}", "no such variable", _wanted(port))
        for text in texts:
            try:
                found |= set(_adapters(port, text))
            except _Unknown as unknown:
                where = f"function {function.name}, {variable}"
                raise Invalid(where, f"{unknown.got} in {text!r}", _wanted(unknown.port)) from None
    return tuple(sorted(found))


def settings_of(function: Function) -> type[Settings]:
    """The settings of the stop behind the handler. Raises: `Invalid` when there is no such handler."""
    try:
        settings: type[Settings] = getattr(import_module(function.module), function.handler.rpartition(".")[2]).settings
    except (ImportError, AttributeError) as error:
        where = f"function {function.name}, handler"
        raise Invalid(where, f"{function.handler} ({error})", "a handler that shared/runtime.py made") from error
    return settings


def _wanted(port: str) -> str:
    known = sorted(f"{scheme}:" for each, scheme in ADAPTERS if each == port)
    return f"a {port} that starts with {', '.join(known)}"


class _Unknown(Exception):
    def __init__(self, port: str, got: str) -> None:
        super().__init__(port, got)
        self.port = port
        self.got = got


def _adapters(port: str, url: str) -> Iterator[Adapter]:
    """The URL's own adapter, those of the references in it, and those of its options that are a port's URL again."""
    text, before = url, ""
    while text != before:
        text, before = _LATER.sub("later", text), text
    for reference in _REFERENCE.findall(text):
        yield from _adapters("secret", reference)
    text = _REFERENCE.sub("secret", text)
    scheme, separator, _ = text.partition(":")
    if not separator or (port, scheme) not in ADAPTERS:
        raise _Unknown(port, f"the scheme {scheme!r}" if separator and not url.startswith("${") else "no scheme")
    yield Adapter(port, scheme)
    for name, value in parse_qsl(urlsplit(text).query):
        if name in _PORTS:
            yield from _adapters(name, value)
