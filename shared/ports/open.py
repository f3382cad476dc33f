"""Opens a port by its URL. `ADAPTERS` is the one table that knows which adapters there are.

The cloud and the twin differ in these URLs alone. An adapter's module, with the libraries it needs, is imported when
its URL is opened and never before. Every adapter is opened as `Adapter.open(url, clock=clock)`.

A URL holds no secret: where a provider wants one in it, a reference stands there in braces, and is filled in when the
URL is opened: `https://rpc.example/v2/{ssm:///monoprint/prod/rpc_key?region=eu-central-1}?chain_id=1`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, overload
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from shared.clock import Clock, utc_now
from shared.errors import Invalid

if TYPE_CHECKING:
    from shared.ports.blobs import Blobs
    from shared.ports.keys import Keys
    from shared.ports.ledger import Ledger
    from shared.ports.planner import Planner
    from shared.ports.queue import Queue
    from shared.ports.renderer import Renderer
    from shared.ports.secret import Secret

_HOST = re.compile("[A-Za-z0-9][A-Za-z0-9.-]{0,254}")
_REFERENCE = re.compile(r"\{([^{}]*)\}")

ADAPTERS: Mapping[tuple[str, str], str] = {
    ("queue", "sqlite"): "shared.ports.queue.sqlite:SqliteQueue",
    ("queue", "sqs"): "shared.ports.queue.sqs:SqsQueue",
    ("ledger", "sqlite"): "shared.ports.ledger.sqlite:SqliteLedger",
    ("ledger", "dynamodb"): "shared.ports.ledger.dynamodb:DynamoLedger",
    ("blobs", "folder"): "shared.ports.blobs.folder:FolderBlobs",
    ("blobs", "s3"): "shared.ports.blobs.s3:S3Blobs",
    ("keys", "keyfile"): "shared.ports.keys.keyfile:KeyFile",
    ("keys", "kms"): "shared.ports.keys.kms:KmsKeys",
    ("planner", "rules"): "shared.ports.planner.rules:RulesPlanner",
    ("renderer", "painter"): "shared.ports.renderer.painter:PainterRenderer",
    ("pinner", "folder"): "shared.ports.pinner.folder:FolderPinner",
    ("chain", "http"): "shared.ports.chain.rpc:RpcChain",
    ("chain", "https"): "shared.ports.chain.rpc:RpcChain",
    ("signer", "keystore"): "shared.ports.signer.keystore:KeystoreSigner",
    ("signer", "kms"): "shared.ports.signer.kms:KmsSigner",
    ("secret", "file"): "shared.ports.secret.file:FileSecret",
    ("secret", "ssm"): "shared.ports.secret.ssm:SsmSecret",
}


@overload
def open_port(port: Literal["queue"], url: str, *, clock: Clock = utc_now) -> Queue: ...
@overload
def open_port(port: Literal["ledger"], url: str, *, clock: Clock = utc_now) -> Ledger: ...
@overload
def open_port(port: Literal["blobs"], url: str, *, clock: Clock = utc_now) -> Blobs: ...
@overload
def open_port(port: Literal["keys"], url: str, *, clock: Clock = utc_now) -> Keys: ...
@overload
def open_port(port: Literal["planner"], url: str, *, clock: Clock = utc_now) -> Planner: ...
@overload
def open_port(port: Literal["renderer"], url: str, *, clock: Clock = utc_now) -> Renderer: ...
@overload
def open_port(port: Literal["secret"], url: str, *, clock: Clock = utc_now) -> Secret: ...
@overload
def open_port(port: str, url: str, *, clock: Clock = utc_now) -> object: ...
def open_port(port: str, url: str, *, clock: Clock = utc_now) -> object:
    """The adapter that `url` names, open. Raises `Invalid` for a scheme or an option that nobody knows.

    A filled-in URL holds a provider's key: no message repeats more of it than its scheme and its options' names.
    """
    known = sorted(scheme for name, scheme in ADAPTERS if name == port)
    if not known:
        raise Invalid("port", repr(port), "one of " + ", ".join(sorted({name for name, _ in ADAPTERS})))
    scheme, separator, _ = url.partition(":")
    if not separator or (port, scheme) not in ADAPTERS:
        got = f"the scheme {scheme!r}" if separator else "no scheme"
        raise Invalid(f"{port} url", got, "one of " + ", ".join(f"{name}:" for name in known))
    filled = _REFERENCE.sub(lambda found: quote(_secret(found[1], clock), safe=""), url)
    module, _, name = ADAPTERS[port, scheme].partition(":")
    adapter: object = getattr(import_module(module), name).open(filled, clock=clock)
    return adapter


def _secret(reference: str, clock: Clock) -> bytes:
    """A text file's last line ends with a newline, which is not of the secret."""
    return open_port("secret", reference, clock=clock).read().strip()


@dataclass(frozen=True)
class PortUrl:
    """An adapter's URL, taken apart: an absolute path (or none), the options after the question mark, the host."""

    port: str
    path: str
    options: Mapping[str, str]
    host: str = ""

    def text(self, name: str, default: str | None = None) -> str:
        """The option as text; without a default it must be there."""
        value = self.options.get(name, default)
        if value is None or (not value and name in self.options):
            raise self.wrong(name, "nothing", "a value")
        return value

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self.options.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 10 and low <= int(value) <= high):
            raise self.wrong(name, repr(value[:40]), f"a whole number from {low} to {high}")
        return int(value)

    def wrong(self, name: str, got: str, wanted: str) -> Invalid:
        return Invalid(f"{self.port} url, option {name}", got, wanted)


def parse_url(port: str, url: str, *, options: Collection[str]) -> PortUrl:
    """For adapters on this machine: `scheme:///absolute/path?option=value`. An unknown option is refused by name."""
    parts = urlsplit(url)
    if parts.netloc or parts.fragment or (parts.path and not parts.path.startswith("/")):
        raise Invalid(f"{port} url", "a host or a relative path", f"{parts.scheme}:///absolute/path?option=value")
    return PortUrl(port, unquote(parts.path), _options(port, parts.query, options))


def parse_host_url(port: str, url: str, *, options: Collection[str]) -> PortUrl:
    """For adapters of a service: `scheme://host/path?option=value`; the host is a name, no address with a port."""
    parts = urlsplit(url)
    if not _HOST.fullmatch(parts.netloc) or parts.fragment:
        raise Invalid(f"{port} url", "no name after //", f"{parts.scheme}://name/path?option=value")
    return PortUrl(port, unquote(parts.path), _options(port, parts.query, options), parts.netloc)


def _options(port: str, query: str, options: Collection[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise Invalid(f"{port} url", "options without '='", "option=value, joined by '&'") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in options:
            wanted = "one of " + ", ".join(sorted(options)) if options else "no options"
            raise Invalid(f"{port} url", f"the option {name[:40]!r}", wanted)
        if name in found:
            raise Invalid(f"{port} url, option {name}", "it twice", "it once")
        found[name] = value
    return found
