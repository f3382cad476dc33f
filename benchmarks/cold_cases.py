"""What `benchmarks/cold.py` starts: for each function of `serverless.yml` three programs, and the trees they load from.

ours    what Lambda does: the function's module is imported, its settings are read, its ports are opened
bare    imports boto3 and makes a client of each AWS service that ours makes one of, and reads the same secrets
naive   ours, in a project that packs one zip for all and imports at the top of a file: every function, every adapter
        and the libraries behind them, first

Where a CPython of Lambda's version is here, ours loads the function's own zip, unpacked, and the other two what pip
installs of the same versions; else all three load this checkout. A zip carries its bytecode, since Lambda has nowhere
to keep what it compiles; so the other two, and this checkout, are given theirs by a first round that is not counted.
boto3 is as Lambda brings it, with the descriptions of all services; a zip carries those of its own.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote
from zipfile import ZipFile

from infra.packaging.adapters import named_adapters, settings_of
from infra.packaging.locked import Lock, install
from infra.packaging.packing import ROOT, plan
from infra.packaging.serverless import Function, Service
from shared.errors import Defect
from shared.ports.open import ADAPTERS

REGION = "eu-central-1"
HEAVY = ("boto3", "cv2", "eth_account", "httpx", "numpy", "PIL.Image", "web3", "yaml")
_ACCOUNT = "123456789012"
_BLOBS = f"s3://monoprint-dev-{_ACCOUNT}?region={REGION}"
_URLS = {
    "ledger": f"dynamodb://monoprint-dev?region={REGION}",
    "blobs": _BLOBS,
    "keys": f"kms://alias/monoprint-dev-data?region={REGION}",
    "planner": "rules://",
    "renderer": f"painter://?blobs={quote(_BLOBS, safe='')}",
    "pinner": "folder:///tmp/blocks",
    "signer": f"kms://?region={REGION}&chain_id=1&transaction=alias/monoprint-dev-transaction",
}
_VALUES = {"chain_id": "1", "contract": "0x" + "11" * 20}
_READY = "import os, time; os.write(1, b'%d' % time.process_time_ns()); os._exit(0)"
"""Says how much CPU time it took and ends at once: no time is lost on tidying up."""


@dataclass(frozen=True)
class Program:
    """One process: what it is to run, and with which variables."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """Where a program's modules come from: folders of its own, or this checkout and its environment."""

    python: str
    folders: tuple[Path, ...] = ()

    def run(self, code: str) -> tuple[str, ...]:
        if not self.folders:
            return (self.python, "-c", f"{code}\n{_READY}")
        code = f"import sys; sys.path[:0] = {[str(folder) for folder in self.folders]}\n{code}\n{_READY}"
        return (self.python, "-I", "-S", "-c", code)


@dataclass(frozen=True)
class Cold:
    """One function. `secrets_url`: where this machine plays Parameter Store, since ours asks it before it is ready."""

    function: Function
    services: frozenset[str]
    secrets_url: str

    def programs(self, ours: Place, bare: Place, naive: Place) -> dict[str, Program]:
        """By name. `Program`s that are equal are one and the same to measure."""
        module, _, handler = self.function.handler.rpartition(".")
        ready = f"from {module} import {handler} as handler; handler.arguments()"
        functions = sorted(path.stem for path in (ROOT / "functions").glob("[a-z]*.py"))
        everything = (*HEAVY, *(f"functions.{name}" for name in functions), *_adapters())
        return {
            "ours": Program(ours.run(ready), self.environment),
            "bare": Program(bare.run(self._bare()), _AWS),
            "naive": Program(naive.run(f"import {', '.join(everything)}\n{ready}"), self.environment),
        }

    @cached_property
    def environment(self) -> dict[str, str]:
        """The function's variables as on AWS. Raises: `Defect` if they open other adapters than `serverless.yml`'s."""
        settings = settings_of(self.function)
        given: dict[str, str] = {}
        for name, info in settings.model_fields.items():
            port = settings.port(name)
            if port is None and info.is_required():
                given[settings.variable(name)] = _VALUES[name]
            elif port is not None:
                given[settings.variable(name)] = self._url(port, name, settings.stop)
        ours = dataclasses.replace(self.function, environment={name: (text,) for name, text in given.items()})
        if (got := named_adapters(ours)) != (wanted := named_adapters(self.function)):
            raise Defect(f"benchmarks/cold_cases.py: {self.function.name}: got adapters {got}, wanted {wanted}")
        return _AWS | given

    def _url(self, port: str, field: str, stop: str) -> str:
        if port == "queue":
            queue = stop if field == "own_queue" else field.removesuffix("_queue")
            return f"sqs://{REGION}/{_ACCOUNT}/monoprint-dev-{queue}{'.fifo' if queue == 'mint' else ''}"
        if port == "secret":
            return self._secret(field)
        return f"https://rpc.example/v2/{{{self._secret('rpc_key')}}}?chain_id=1" if port == "chain" else _URLS[port]

    def _secret(self, name: str) -> str:
        return f"ssm:///monoprint/dev/{name}?region={REGION}&endpoint={quote(self.secrets_url, safe='')}"

    def _bare(self) -> str:
        lines = ["import boto3"]
        for service in sorted(self.services):
            endpoint = f", endpoint_url={self.secrets_url!r}" if service == "ssm" else ""
            lines.append(f"{service} = boto3.client({service!r}, region_name={REGION!r}{endpoint})")
        reads = sum(text.count("ssm://") for text in self.environment.values())
        lines += ["ssm.get_parameter(Name='/monoprint/dev/secret', WithDecryption=True)"] * reads
        return "\n".join(lines)


_AWS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "nobody",
    "AWS_SESSION_TOKEN": "none",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "PATH": "/usr/bin:/bin",
}


def cold(functions: Sequence[Function], secrets_url: str) -> list[Cold]:
    plans = plan(functions, Lock.read(ROOT / "requirements" / "lambda.txt"))
    return [Cold(each.function, each.closure.services, secrets_url) for each in plans]


def unpack(zipped: Path, folder: Path) -> Path:
    with ZipFile(zipped) as archive:
        archive.extractall(folder)
    return folder


def install_bare(service: Service, folder: Path) -> Path:
    """boto3 with what it needs, from the lock of the tests, which has it."""
    lock = Lock.read(ROOT / "requirements" / "dev.txt")
    needed = lock.behind({"boto3": "benchmarks/cold_cases.py"})
    return install(lock, needed, folder, python=service.python, architecture=service.architecture).folder


def install_naive(service: Service, folder: Path) -> Path:
    """All that any function could need, and all of ours, in one tree. It lacks boto3, which none of ours needs."""
    lock = Lock.read(ROOT / "requirements" / "lambda.txt")
    install(lock, lock.pins, folder, python=service.python, architecture=service.architecture)
    for ours in ("functions", "shared", "contracts/artifacts"):
        shutil.copytree(ROOT / ours, folder / ours, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _adapters() -> Iterable[str]:
    return sorted({place.partition(":")[0] for place in ADAPTERS.values()})
