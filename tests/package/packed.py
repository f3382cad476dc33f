"""Every function of serverless.yml, packed once for the Python that runs the tests; import the fixture to use it.

Zipped without compression, which takes longest: what is tested here is what lies in a zip.
"""

from __future__ import annotations

import dataclasses
import io
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest
from rich.console import Console

from infra.packaging.adapters import settings_of
from infra.packaging.interpreter import find_interpreter
from infra.packaging.packing import ROOT, Packed, pack
from infra.packaging.serverless import Function, read_service
from infra.progress import Log

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
FUNCTIONS = ("intake", "plan", "render", "judge", "review", "publish", "mint", "confirm", "watch", "sweep")
GIVEN = {"rpc": "node.example/v2", "chain_id": "1", "contract": "0x" + "11" * 20}
"""What no stage but dev has a value for."""
_SAID = {"AWS::Region": "eu-central-1", "AWS::AccountId": "123456789012", "sls:stage": "dev"}

on_linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="Lambda's wheels load on Linux on x86-64 alone"
)


@dataclass(frozen=True)
class Zips:
    packed: Mapping[str, Packed]
    folder: Path

    @cached_property
    def names(self) -> Mapping[str, frozenset[str]]:
        """The files in each zip."""
        return {name: frozenset(ZipFile(each.written.path).namelist()) for name, each in self.packed.items()}

    def function(self, name: str) -> Function:
        return self.packed[name].plan.function

    @contextmanager
    def unzipped(self, name: str) -> Iterator[Path]:
        """What Lambda would make of the zip, for a while: up to 250 MB."""
        with TemporaryDirectory(dir=self.folder) as folder, ZipFile(self.packed[name].written.path) as archive:
            archive.extractall(folder)
            yield Path(folder)


@pytest.fixture(scope="session")
def zips() -> Iterator[Zips]:
    service = dataclasses.replace(read_service(ROOT / "serverless.yml", GIVEN), python=PYTHON)
    log = Log(Console(file=io.StringIO()))
    interpreter = find_interpreter(PYTHON, service.architecture)
    with TemporaryDirectory(prefix="monoprint-test-") as folder:
        out = Path(folder) / "dist"
        packed = pack(service, service.chosen(None), out, log, interpreter=interpreter, timed=0, level=0)
        yield Zips({each.plan.function.name: each for each in packed}, Path(folder))


def environment(function: Function) -> dict[str, str]:
    """The function's variables as they are once a stage is deployed, here that of its last description, dev."""
    return {name: said(texts[-1]) for name, texts in function.environment.items()}


def ports(function: Function) -> list[tuple[str, str]]:
    """Every URL that any stage gives it, with its port."""
    settings = settings_of(function)
    wanted = [(settings.port(field), settings.variable(field)) for field in settings.model_fields]
    return [(port, said(text)) for port, variable in wanted if port for text in function.environment[variable]]


def said(text: str) -> str:
    return re.sub(r"\$\{([^${}]+)\}", lambda variable: _SAID[variable[1]], text)


def bare_environment() -> dict[str, str]:
    """For a process that is to find nothing here: credentials that nobody gave, and no proxy."""
    credentials = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "none", "AWS_EC2_METADATA_DISABLED": "true"}
    return credentials | {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"}
