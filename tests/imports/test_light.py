"""What each stop may load: a cold start pays for every import, so the light ones stay light.

Told by modules and never by time, so that it is the same on any machine; `make bench-cold` tells the time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import pytest

from shared.settings import Settings

ROOT = Path(__file__).parents[2]

OTHERS = {
    "Crypto", "PIL", "aiohttp", "asyncio", "boto3", "botocore.session", "click", "coincurve", "cryptography", "cv2",
    "cytoolz", "eth_abi", "eth_account", "eth_hash", "eth_keys", "eth_utils", "httpx", "modal", "numpy", "openai",
    "requests", "resvg_py", "rich", "rlp", "skia", "sqlite3", "torch", "urllib3", "waitress", "web3", "yaml",
}  # fmt: skip
OURS = {
    "shared.collection", "shared.collection.schema", "shared.minting", "shared.painting", "shared.ports.chain",
    "shared.ports.signer", "shared.pricing", "shared.profile.sources", "shared.prompting", "shared.publishing",
    "shared.publishing.metadata", "shared.quality", "shared.story",
}  # fmt: skip
"""Of ours what costs something, or leads to what does."""

AWS = {"botocore.session", "urllib3"}
DNA = {"shared.collection"}
TOLD = {"shared.publishing", "shared.story"}
CHAIN = {"shared.minting", "shared.ports.chain", "shared.ports.signer"}


@dataclass(frozen=True)
class May:
    """What a stop may load of the above when it is imported, and besides AWS's client when its ports are opened."""

    load: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)


STOPS = {
    "intake": May({"cryptography", "shared.pricing", "shared.profile.sources", *DNA, *TOLD}),
    "plan": May({"cryptography", "shared.profile.sources", "shared.prompting", *DNA}),
    "render": May(
        DNA,
        {"PIL", "cv2", "numpy", "resvg_py", "shared.collection.schema", "shared.painting", "skia"},
    ),
    "judge": May({"PIL", "numpy", "shared.quality", *DNA}),
    "review": May(TOLD),
    "publish": May({"shared.publishing", "shared.publishing.metadata", *DNA}),
    "mint": May(CHAIN, {"Crypto", "coincurve", "cytoolz", "eth_abi", "eth_hash", "eth_utils", "rlp"}),
    "confirm": May(CHAIN, {"Crypto", "coincurve", "cytoolz", "eth_abi", "eth_hash", "eth_utils", "rlp"}),
    "sweep": May(),
}

BLOBS = "s3://monoprint-test?region=eu-central-1"
URLS = {
    "queue": "sqs://eu-central-1/123456789012/monoprint-test-queue",
    "ledger": "dynamodb://monoprint-test?region=eu-central-1",
    "blobs": BLOBS,
    "keys": "kms://alias/monoprint-test-data?region=eu-central-1",
    "planner": "rules://",
    "renderer": f"painter://?blobs={quote(BLOBS, safe='')}",
    "pinner": "folder:///nowhere",
    "chain": "https://rpc.example/v2?chain_id=1",
    "signer": "kms://?region=eu-central-1&chain_id=1&transaction=alias/monoprint-test-transaction",
}
VALUES = {"chain_id": "1", "contract": "0x" + "11" * 20}


@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_loads_only_what_it_needs(stop: str) -> None:
    assert _costly(_loaded(f"import functions.{stop}", {})) <= STOPS[stop].load


@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_on_aws_is_ready_with_its_adapters_libraries_alone(stop: str, tmp_path: Path) -> None:
    environment = _on_aws(import_module(f"functions.{stop}").handler.settings, tmp_path)
    loaded = _costly(_loaded(f"from functions.{stop} import handler; handler.arguments()", environment))
    assert loaded >= AWS, "its ports were not opened"
    assert loaded <= STOPS[stop].load | STOPS[stop].open | AWS


def test_every_stop_is_looked_at() -> None:
    assert {path.stem for path in (ROOT / "functions").glob("[a-z]*.py")} == set(STOPS)


def test_no_stop_reads_the_environment_when_it_is_imported() -> None:
    code = f"import {', '.join(f'functions.{stop}' for stop in STOPS)}; print('imported')"
    assert subprocess.check_output([sys.executable, "-c", code], env={}, text=True) == "imported\n"


def test_no_model_is_built_before_it_is_used() -> None:
    """One whose default is another model builds that one when it is declared: see `shared/model.py`.

    A generic one is built when it is given its type; there are two, in `shared.collection.schema`.
    """
    code = (
        f"import {', '.join(f'functions.{stop}' for stop in STOPS)}, shared.collection.store\n"
        "from shared.model import Model\n"
        "def below(model):\n"
        "    for each in model.__subclasses__():\n"
        "        yield each; yield from below(each)\n"
        "models = [each for each in below(Model) if not each.__pydantic_generic_metadata__['parameters']]\n"
        "print(len(models), [each.__name__ for each in models if each.__pydantic_complete__])"
    )
    count, _, built = subprocess.check_output([sys.executable, "-c", code], text=True).strip().partition(" ")
    assert int(count) > 60
    assert built == "[]"


def _on_aws(settings: type[Settings], folder: Path) -> dict[str, str]:
    """The environment of a stop; the salt alone lies in a file, since Parameter Store would be asked for it."""
    salt = folder / "salt"
    salt.write_bytes(bytes(32))
    salt.chmod(0o600)
    urls = {**URLS, "secret": salt.as_uri()}
    environment = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nobody"}
    for name, info in settings.model_fields.items():
        port = settings.port(name)
        if port is not None:
            environment[settings.variable(name)] = urls[port]
        elif info.is_required():
            environment[settings.variable(name)] = VALUES[name]
    return environment


def _loaded(code: str, environment: dict[str, str]) -> set[str]:
    code = f"import json, sys\n{code}\nprint(json.dumps(list(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    return set(json.loads(shown.stdout))


def _costly(loaded: set[str]) -> set[str]:
    return loaded & OURS | {name for name in OTHERS if name in loaded}
