"""What lies in each function's zip: all that it needs, and nothing that it does not."""

from __future__ import annotations

import json
import marshal
import subprocess
import sys
import threading
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from infra.packaging.packing import ROOT
from infra.packaging.serverless import read_service
from shared.ports.open import ADAPTERS
from tests.package.packed import FUNCTIONS, Zips, bare_environment, environment, on_linux, ports, zips
from tests.package.runtime_api import START, WAIT_S, Runtime, lay_client, served

__all__ = ["zips"]

EVENT = Path(__file__).parents[1] / "events" / "http_api_v2.json"

NOBODYS = {"web3", "eth_account", "click", "rich", "httpx", "waitress", "skia", "boto3", "tests", "infra"}
NUMPY = {"numpy", "cv2", "PIL"}
MAY_HAVE = {"render": NUMPY | {"resvg_py"}, "judge": {"numpy", "PIL"}}
"""Of the heavy ones."""

USES = {
    "intake": "from shared.pricing import prices; prices()",
    "render": """
import numpy
from shared.painting.raster import rasterise
from shared.ports.renderer import painter
square = rasterise('<rect x="200" y="200" width="600" height="600"/>', numpy.diag([0.064, 0.064, 1.0]), 64)
assert square.cover.max() == 255
assert painter._versions()["rasteriser"] == "resvg"
assert painter._png(numpy.zeros((8, 8, 3), numpy.uint8))[1:4] == b"PNG"
""",
    "judge": """
import io, numpy
from PIL import Image
from shared.quality.technical import inspect
picture = io.BytesIO()
Image.fromarray(numpy.random.default_rng(1).integers(0, 256, (64, 64, 3), numpy.uint8)).save(picture, "PNG")
assert inspect(picture.getvalue(), width_px=64, height_px=64, max_bytes=100_000).width_px == 64
""",
}
for _stop in ("render", "judge"):  # what is left of Pillow, each of its modules linked whole
    USES[_stop] += """
import importlib, pathlib, PIL
from PIL import Image
found = {path.name.partition(".")[0] for path in pathlib.Path(PIL.__path__[0]).glob("*.so")}
assert "_imaging" in found and not found & {"_avif", "_imagingft"}
for name in sorted(found - {"_imagingtk"}):
    importlib.import_module(f"PIL.{name}")
Image.init()
assert {"PNG", "JPEG", "WEBP"} <= Image.OPEN.keys() and "AVIF" not in Image.SAVE
"""
for _stop in ("mint", "confirm", "watch"):
    USES[_stop] = """
from shared.errors import Defect
from shared.ports.chain import contract
from shared.ports.signer import secp256k1
assert contract.token_id("0x" + "11" * 20, "ab" * 32, 1) > 0
try:
    secp256k1.canonical(b"\\1" * 32, 1, 1, "0x" + "11" * 20)
except Defect as error:
    assert "recovers to another address" in str(error)
else:
    raise AssertionError("a signature of nobody's was taken")
"""
"""What a function does after its ports are open that needs more: files beside the code, libraries loaded late."""


def test_every_function_has_a_zip_under_the_name_that_the_deployment_takes(zips: Zips) -> None:
    assert tuple(zips.packed) == FUNCTIONS
    for name, function in read_service(ROOT / "serverless.yml").functions.items():
        assert function.artifact == f"dist/{name}.zip"
        assert zips.packed[name].written.path.name == f"{name}.zip"


@on_linux
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_lives_on_its_zip_alone(zips: Zips, name: str) -> None:
    function = zips.function(name)
    told = {"handler": function.handler, "ports": ports(function), "use": USES.get(name, "")}
    script = Path(__file__).with_name("bare.py")
    with zips.unzipped(name) as folder:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", script, folder, json.dumps(told)],
            capture_output=True,
            text=True,
            check=False,
            env=bare_environment(),
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_zip_holds_none_of_what_its_function_does_not_use(zips: Zips, name: str) -> None:
    tops = {path.partition("/")[0].partition(".")[0] for path in zips.names[name]}
    assert not tops & NOBODYS
    assert tops & (NUMPY | {"resvg_py"}) <= MAY_HAVE.get(name, set())
    assert {"functions", "shared", "botocore", "pydantic"} <= tops
    stop = zips.function(name).module.rpartition(".")[2]
    ours = {path for path in zips.names[name] if path.startswith("functions/") and path.endswith(".py")}
    assert ours == {"functions/__init__.py", f"functions/{stop}.py"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_zip_holds_the_adapters_that_the_environment_names_and_no_others(zips: Zips, name: str) -> None:
    named = {adapter.module for adapter in zips.packed[name].plan.adapters}
    known = {target.partition(":")[0] for target in ADAPTERS.values()}
    there = {module for module in known if module.replace(".", "/") + ".py" in zips.names[name]}
    assert there == named
    assert "shared.ports.ledger.dynamodb" in named
    assert "shared.ports.ledger.sqlite" not in there


def test_a_zip_holds_the_services_that_are_called_and_no_others(zips: Zips) -> None:
    for name, names in zips.names.items():
        described = {path.split("/")[2] for path in names if path.startswith("botocore/data/") and path.count("/") > 2}
        assert described == zips.packed[name].plan.closure.services
    assert zips.packed["intake"].plan.closure.services == {"dynamodb", "kms", "s3", "sqs", "ssm"}
    assert zips.packed["sweep"].plan.closure.services == {"dynamodb", "s3", "sqs"}


def test_a_zip_holds_the_files_that_its_modules_read(zips: Zips) -> None:
    have = {name: {path for path in names if path.endswith(("Monoprint.json", "pricing.yaml"))}
            for name, names in zips.names.items()}  # fmt: skip
    assert have["intake"] == {"shared/pricing.yaml"}
    assert have["mint"] == have["confirm"] == have["watch"] == {"contracts/artifacts/Monoprint.json"}
    assert not have["sweep"] | have["review"] | have["judge"]


@on_linux
def test_every_module_of_ours_comes_compiled_and_knows_where_it_lies_on_lambda(zips: Zips) -> None:
    tag = sys.implementation.cache_tag
    for name, names in zips.names.items():
        ours = [PurePosixPath(path) for path in names if path.startswith(("functions/", "shared/"))]
        compiled = {path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc" for path in ours if path.suffix == ".py"}
        assert compiled == {path for path in ours if path.suffix == ".pyc"}
        stop = zips.function(name).module.rpartition(".")[2]
        with ZipFile(zips.packed[name].written.path) as archive:
            data = archive.read(f"functions/__pycache__/{stop}.{tag}.pyc")
        assert int.from_bytes(data[4:8], "little") == 0b01  # by its source's hash, and nobody looks at the source again
        assert marshal.loads(data[16:]).co_filename == f"/var/task/functions/{stop}.py"


def test_the_fullest_zip_has_room_for_a_newer_library(zips: Zips) -> None:
    """What grows past Lambda's limit cannot be deployed, and an upgrade is the wrong time to see it."""
    shares = {name: packed.written.share for name, packed in zips.packed.items()}
    assert max(shares, key=lambda name: shares[name]) == "render"
    assert shares["render"] < 0.95
    assert all(share < 0.5 for name, share in shares.items() if name != "render"), shares


def test_no_zip_holds_tests_types_or_sources_in_c(zips: Zips) -> None:
    for names in zips.names.values():
        assert not [path for path in names if "/tests/" in path or path.endswith((".pyi", ".c", ".h", "RECORD"))]


@on_linux
def test_intake_answers_as_behind_the_api(zips: Zips, tmp_path: Path) -> None:
    event = json.loads(EVENT.read_text())
    nobody = {"routeKey": "GET /v1/requests/{request_id}", "pathParameters": {"request_id": "ab" * 32}, "headers": {}}
    runtime = Runtime([event, event | nobody, event | nobody])
    function = zips.function("intake")
    with zips.unzipped("intake") as folder, served(runtime) as address:
        environ = environment(function) | bare_environment()
        environ |= {"AWS_LAMBDA_RUNTIME_API": address, "AWS_ENDPOINT_URL_SSM": f"http://{address}"}
        environ |= {"AWS_LAMBDA_FUNCTION_NAME": "intake", "LAMBDA_TASK_ROOT": str(folder)}
        arguments = [function.handler, str(folder), str(lay_client(tmp_path))]
        command = [sys.executable, "-I", "-S", "-B", "-c", START, *arguments]
        with subprocess.Popen(
            command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as run:
            threading.Thread(target=runtime.end_with, args=(run,), daemon=True).start()
            runtime.done.wait(WAIT_S)
            run.kill()
            said, _ = run.communicate()
    assert [answer.get("statusCode") for answer in runtime.answers] == [404, 401, 401], said.decode()
    assert json.loads(runtime.answers[1]["body"])["error"]["code"] == "unauthenticated"
    assert runtime.secrets == ["/monoprint/dev/salt"], "a secret is read once a container"
