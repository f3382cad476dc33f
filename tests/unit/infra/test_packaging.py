"""What a zip must hold, worked out from texts: the deployment's description, our modules, the lock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from infra.packaging import archive
from infra.packaging.adapters import named_adapters
from infra.packaging.archive import Part, runs, write
from infra.packaging.closure import Imports
from infra.packaging.interpreter import find_interpreter
from infra.packaging.locked import Lock, install
from infra.packaging.packing import ROOT
from infra.packaging.serverless import Function, read_service
from infra.packaging.sources import Source
from shared.errors import Defect, Invalid, NotFound, TooLarge

DESCRIBED = ROOT / "tests" / "package" / "serverless.yml"
INTAKE = {
    "LEDGER_URL": "dynamodb://table?region=eu-central-1",
    "BLOBS_URL": "s3://bucket?region=eu-central-1",
    "KEYS_URL": "kms://alias/data?region=eu-central-1",
    "PLAN_QUEUE_URL": "sqs://eu-central-1/123456789012/plan",
    "SALT_REF": "ssm:///salt?region=eu-central-1",
}


def function(environment: Mapping[str, str], handler: str = "functions.intake.handler") -> Function:
    texts = {name: (text,) for name, text in environment.items()}
    return Function(handler.split(".")[1], handler, "dist/one.zip", texts)


def adapters(one: Function) -> set[tuple[str, str]]:
    return {(adapter.port, adapter.scheme) for adapter in named_adapters(one)}


# ---- serverless.yml ---------------------------------------------------------------------------------------------


def test_a_variable_has_the_text_of_each_stage() -> None:
    service = read_service(DESCRIBED)
    assert (service.python, service.architecture) == ("3.13", "x86_64")
    assert service.functions["sweep"].handler == "functions.sweep.handler"
    assert service.functions["sweep"].module == "functions.sweep"
    said = service.functions["mint"].environment
    assert said["CHAIN_URL"] == (
        "https://rpc.example/v2/{ssm:///monoprint/${sls:stage}/rpc_key?region=${aws:region}}?chain_id=1",
        "https://rpc.example/other?chain_id=1",
    )
    assert said["OWN_QUEUE_URL"][1] == "sqs://${aws:region}/${aws:accountId}/monoprint-prod-confirm"
    assert said["LEDGER_URL"][1] == "dynamodb://monoprint-prod?region=${aws:region}"
    assert said["CHAIN_ID"] == ("1",)


def test_what_cloudformation_makes_of_a_value_is_known_as_far_as_it_can_be() -> None:
    functions = read_service(DESCRIBED).functions
    assert functions["intake"].environment["PLAN_QUEUE_URL"] == (
        "sqs://${AWS::Region}/${AWS::AccountId}/monoprint-dev-plan",
    )
    assert functions["publish"].environment["MINT_QUEUE_URL"] == ("sqs://${...}/${...}/monoprint-dev-mint.fifo",)


def test_a_parameter_given_by_hand_stands_above_those_of_the_file() -> None:
    said = read_service(DESCRIBED, {"rpc": "http://node"}).functions["mint"].environment
    assert said["CHAIN_URL"] == ("http://node",)


def test_an_unknown_function_is_told_which_there_are() -> None:
    service = read_service(DESCRIBED)
    assert [one.name for one in service.chosen("mint, intake,mint")] == ["mint", "intake"]
    with pytest.raises(NotFound, match=r"function: got 'mnt', wanted one of: intake, plan, render"):
        service.chosen("mint,mnt")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("functions: ${file(other.yml)}", r"functions: got no mapping"),
        ("provider: {runtime: nodejs22.x}\nfunctions: {}", r"provider\.runtime: got 'nodejs22\.x', wanted python3\.N"),
        ("provider: {runtime: python3.13}\nfunctions: {one: {}}", r"functions\.one\.handler: got None"),
        (
            "provider: {runtime: python3.13}\nfunctions: {one: {handler: a.b}}",
            r"functions\.one\.package\.artifact: got None, wanted the path of its zip",
        ),
        ("functions: {", r"serverless\.yml: got no YAML"),
    ],
)
def test_a_description_that_cannot_be_packed_names_the_entry(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "serverless.yml").write_text(text)
    with pytest.raises(Invalid, match=told):
        read_service(tmp_path / "serverless.yml")


def test_a_missing_description_is_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"serverless\.yml: got no such file"):
        read_service(tmp_path / "serverless.yml")


# ---- adapters ---------------------------------------------------------------------------------------------------


def test_adapters_are_those_that_the_environment_names() -> None:
    named = {("ledger", "dynamodb"), ("blobs", "s3"), ("keys", "kms"), ("queue", "sqs"), ("secret", "ssm")}
    assert adapters(function(INTAKE)) == named
    assert adapters(function(INTAKE | {"SALT_REF": "file:///salt"})) == named - {("secret", "ssm")} | {
        ("secret", "file")
    }
    # What the stop does not ask for is never opened.
    assert adapters(function(INTAKE | {"SIGNER_URL": "kms://?region=eu-central-1", "RPC_URL": "gopher://x"})) == named


def test_an_url_within_an_url_names_its_adapter_as_well() -> None:
    functions = read_service(DESCRIBED).functions
    assert adapters(functions["render"]) == {
        ("queue", "sqs"), ("ledger", "dynamodb"), ("blobs", "s3"), ("renderer", "painter"),
    }  # fmt: skip
    assert adapters(functions["confirm"]) == {
        ("queue", "sqs"), ("ledger", "dynamodb"), ("chain", "https"), ("signer", "kms"), ("secret", "ssm"),
    }  # fmt: skip
    painter = {"OWN_QUEUE_URL": INTAKE["PLAN_QUEUE_URL"], "LEDGER_URL": "sqlite:///l", "BLOBS_URL": INTAKE["BLOBS_URL"]}
    local = function(painter | {"RENDERER_URL": "painter://?blobs=folder%3A%2F%2F%2Fb"}, "functions.render.handler")
    assert adapters(local) >= {("blobs", "folder"), ("blobs", "s3"), ("ledger", "sqlite")}


@pytest.mark.parametrize(
    ("variable", "url", "told"),
    [
        ("LEDGER_URL", "postgres://x", "got the scheme 'postgres' in 'postgres://x', wanted a ledger that starts with"),
        ("BLOBS_URL", "${param:blobs}", r"got no scheme in '\${param:blobs}', wanted a blobs that starts with"),
        ("KEYS_URL", "alias/data", "got no scheme"),
        ("SALT_REF", "vault://salt", ".*, wanted a secret that starts with file:, ssm:"),
        ("PLAN_QUEUE_URL", "sqs://r/1/{vault:x}", "got the scheme 'vault' in .*, wanted a secret that starts with"),
    ],
)
def test_a_scheme_that_no_adapter_knows_names_function_and_variable(variable: str, url: str, told: str) -> None:
    with pytest.raises(Invalid, match=f"^function intake, {variable}: {told}"):
        named_adapters(function(INTAKE | {variable: url}))


def test_a_variable_that_the_stop_needs_is_missed_before_anything_is_deployed() -> None:
    with pytest.raises(Invalid, match=r"^function intake, SALT_REF: got no such variable, wanted a secret that starts"):
        named_adapters(function({name: url for name, url in INTAKE.items() if name != "SALT_REF"}))


@pytest.mark.parametrize("handler", ["functions.intake.handle", "functions.nowhere.handler", "functions.intake.Role"])
def test_a_handler_that_is_not_there_is_told(handler: str) -> None:
    with pytest.raises(Invalid, match=rf"handler: got {handler}"):
        named_adapters(function(INTAKE, handler))


# ---- what our modules say ---------------------------------------------------------------------------------------


def source(root: Path, text: str) -> Source:
    (root / "shared" / "data").mkdir(parents=True)
    (root / "shared" / "data" / "two.json").write_text("{}")
    (root / "shared" / "one.yaml").write_text("")
    (root / "shared" / "module.py").write_text(text)
    return Source(root, "shared.module")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from importlib.resources import files\nfiles('shared').joinpath('one.yaml').read_bytes()", ["one.yaml"]),
        ("Path(__file__).resolve().parents[1] / 'shared' / 'data' / 'two.json'", ["two.json"]),
        ("pathlib.Path(__file__).with_name('one.yaml')", ["one.yaml"]),
        ("HERE = Path(__file__).parent / 'data'\n(HERE / name).read_text()", ["two.json"]),
        ("importlib.resources.files('shared.data') / 'two.json'", ["two.json"]),
        ("print(Path(__file__).name)", []),
        ("Path(name).parent / 'one.yaml'\nfiles = [1]\nfiles[0]", []),
    ],
)
def test_files_that_a_module_reads_from_its_own_place_are_found(tmp_path: Path, text: str, found: list[str]) -> None:
    assert [path.name for path in source(tmp_path, text).data_files] == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\nPath(__file__).parent / name", r"shared/module\.py:2: got a path .* worked out"),
        ("Path(__file__).with_name('three.yaml')", r"three\.yaml, which is not there"),
        ("Path(__file__).parents[1]", r"got the whole project as data"),
        ("files(package)", r"worked out"),
    ],
)
def test_a_file_that_cannot_be_told_from_the_text_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Defect, match=told):
        _ = source(tmp_path, text).data_files


def test_services_are_those_that_a_client_is_made_of(tmp_path: Path) -> None:
    text = "from shared.ports.aws import client as new\nnew('sqs', region)\nother.client('iam')\nclient('sns')"
    assert source(tmp_path, text).services == {"sqs"}
    (tmp_path / "shared" / "module.py").write_text("from shared.ports.aws import client\n\nclient(service, region)")
    with pytest.raises(Defect, match=r"module\.py:3: got a client of a service that is not written out"):
        _ = Source(tmp_path, "shared.module").services


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("importlib.import_module('numpy')", "an import by name"),
        ("import_module(name)", "an import by name"),
        ("__import__('numpy')", "an import by name"),
        ("import json, pkgutil", "an import of pkgutil"),
        ("from pkgutil import get_data", "an import from pkgutil"),
        ("from importlib.resources import files, read_text", "an import from importlib.resources"),
    ],
)
def test_an_import_that_hides_what_is_taken_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Defect, match=rf"shared/module\.py:1: got {told}"):
        source(tmp_path, text).check_imports()


def test_imports_that_can_be_followed_are_taken(tmp_path: Path) -> None:
    source(tmp_path, "import json\nfrom importlib.resources import files\nimports = [import_modules()]").check_imports()


def test_what_a_module_can_do_without_stays_out() -> None:
    """The painter's rasteriser: skia if it loads, else resvg."""
    closure = Imports(ROOT).closure(["shared.painting.raster"])
    assert {"shared.painting.raster_resvg", "shared.painting", "shared"} <= closure.modules
    assert "shared.painting.raster_skia" not in closure.modules
    assert closure.external["resvg_py"] == "shared.painting.raster_resvg"
    assert "skia" not in closure.external


def test_imports_inside_functions_count_and_those_for_type_checkers_do_not() -> None:
    imports = Imports(ROOT)
    assert imports.closure(["shared.pricing"]).external["yaml"] == "shared.pricing"
    assert "shared.ports.blobs" not in imports.closure(["shared.ports.open"]).modules


# ---- the lock ---------------------------------------------------------------------------------------------------

LOCKED = """\
botocore==1.44.8 \\
    --hash=sha256:aa
    # via
    #   -c requirements/dev.txt
    #   monoprint (pyproject.toml:aws)
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:bb
    # via monoprint (pyproject.toml)
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
    # via monoprint (pyproject.toml)
python-dateutil==2.9.0.post0 \\
    --hash=sha256:dd
    # via botocore
six==1.17.0 \\
    --hash=sha256:ee
    # via python-dateutil
urllib3==2.8.0 \\
    --hash=sha256:ff
    # via
    #   -c requirements/dev.txt
    #   monoprint (pyproject.toml)
    #   botocore
"""
ASKED = """\
[project]
dependencies = ["numpy>=2.3", "urllib3>=2.5"]
[dependency-groups]
aws = ["botocore>=1.43"]
"""


def lock(folder: Path, text: str = LOCKED) -> Lock:
    (folder / "requirements").mkdir(exist_ok=True)
    (folder / "requirements" / "lambda.txt").write_text(text)
    return Lock.read(folder / "requirements" / "lambda.txt")


def test_a_distribution_brings_what_it_needs(tmp_path: Path) -> None:
    locked = lock(tmp_path)
    assert locked.behind({"botocore": "shared.ports.aws"}) == {"botocore", "python-dateutil", "six", "urllib3"}
    assert locked.behind({"numpy": "shared.painting"}) == {"numpy"}
    assert [pin.version for pin in locked.pins["numpy"]] == ["2.4.6", "2.5.5"]
    assert locked.pins["six"][0].text == "six==1.17.0 \\\n    --hash=sha256:ee"


def test_a_lock_that_lacks_an_import_is_out_of_date(tmp_path: Path) -> None:
    told = r"requirements/lambda\.txt is out of date: it lacks pillow, which shared\.x imports\. Run `make lock`"
    with pytest.raises(Defect, match=told):
        lock(tmp_path).behind({"PIL": "shared.x"})
    with pytest.raises(Defect, match=r"shared\.x imports nowhere_at_all, which nothing installed here has"):
        lock(tmp_path).behind({"nowhere_at_all": "shared.x"})
    with pytest.raises(Defect, match=r"lambda\.txt is out of date: it is not there\. Run `make lock`"):
        Lock.read(tmp_path / "lambda.txt")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("numpy>=2.3", "numpy>=2.6", r"it has 2\.4\.6 and 2\.5\.5 where pyproject\.toml wants numpy>=2\.6"),
        ("urllib3>=2.5", "httpx>=0.28", r"it has nothing where pyproject\.toml wants httpx>=0\.28"),
        ("botocore>=1.43", "botocore>=2", r"it has 1\.44\.8 where pyproject\.toml wants botocore>=2"),
    ],
)
def test_a_lock_that_is_not_what_is_asked_for_is_out_of_date(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(ASKED)
    lock(tmp_path).check(pyproject)
    pyproject.write_text(ASKED.replace(before, after))
    with pytest.raises(Defect, match=told):
        lock(tmp_path).check(pyproject)


def test_the_lock_holds_what_the_tests_ran_with_and_names_no_host() -> None:
    locked = Lock.read(ROOT / "requirements" / "lambda.txt")
    locked.check(ROOT / "pyproject.toml")
    tested = Lock.read(ROOT / "requirements" / "dev.txt")
    for name, pins in locked.pins.items():
        assert {pin.version for pin in pins} <= {pin.version for pin in tested.pins[name]}
    assert "://" not in locked.path.read_text()


def test_a_processor_that_lambda_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Defect, match=r"provider\.architecture: got 'mips', wanted x86_64 or arm64"):
        install(lock(tmp_path), ["six"], tmp_path / "there", python="3.13", architecture="mips")


# ---- the archive ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("numpy/_core/numeric.py", True),
        ("numpy/testing/__init__.py", True),
        ("numpy/_core/tests/test_numeric.py", False),
        ("Crypto/SelfTest/Hash/common.py", False),
        ("six.py", True),
        ("cytoolz/itertoolz.pyx", False),
        ("numpy/__init__.pyi", False),
        ("numpy/__pycache__/numeric.cpython-313.pyc", False),
        ("numpy/f2py/crackfortran.py", False),
        ("aws_lambda_powertools/event_handler/openapi/swagger_ui/swagger-ui-bundle.min.js", False),
        ("bin/f2py", False),
        ("../../bin/f2py", False),
        ("numpy.libs/libgfortran.so.5.0.0", True),
        ("numpy-2.5.5.dist-info/METADATA", True),
        ("numpy-2.5.5.dist-info/RECORD", False),
        ("numpy-2.5.5.dist-info/licenses/LICENSE.txt", False),
        ("botocore/data/endpoints.json", True),
        ("botocore/data/sqs/2012-11-05/service-2.json.gz", True),
        ("botocore/data/sqs/2012-11-05/examples-1.json", False),
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", False),
        ("PIL/_avif.cpython-313-x86_64-linux-gnu.so", False),
        ("PIL/_imagingft.cpython-313-x86_64-linux-gnu.so", False),
        ("PIL/_imaging.cpython-313-x86_64-linux-gnu.so", True),
        ("PIL/AvifImagePlugin.py", True),
        ("pillow.libs/libavif-c6062d5f.so.16.4.2", False),
        ("pillow.libs/libpng16-1d1ba958.so.16.58.0", True),
        ("opencv_python_headless.libs/libavif-43e630fc.so.16.4.2", True),
    ],
)
def test_what_never_runs_is_left_out(name: str, kept: bool) -> None:
    assert runs(name, {"sqs"}) is kept


def parts(folder: Path) -> list[Part]:
    folder.mkdir()
    (folder / "one-1.dist-info").mkdir()
    (folder / "one-1.dist-info" / "METADATA").write_text("Name: one\nVersion: 1\n\nA long story.\n\nOf it.")
    for name in ("a.py", "b.so"):
        (folder / name).write_bytes(name.encode() * 1000)
    names = ("b.so", "a.py", "one-1.dist-info/METADATA")
    return [Part(name, folder / name, "one" if "one" in name else "monoprint") for name in names]


def test_the_same_files_make_the_same_zip_in_any_order(tmp_path: Path) -> None:
    some = parts(tmp_path / "here")
    first, again = write(tmp_path / "1.zip", some), write(tmp_path / "2.zip", reversed(some))
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert first.sha256 == again.sha256 == hashlib.sha256((tmp_path / "1.zip").read_bytes()).hexdigest()
    assert first.zip_bytes == (tmp_path / "1.zip").stat().st_size < first.unzipped_bytes
    assert dict(first.owners) == {"monoprint": 8000, "one": len("Name: one\nVersion: 1\n\n")}
    with ZipFile(tmp_path / "1.zip") as zipped:
        assert zipped.namelist() == ["a.py", "b.so", "one-1.dist-info/METADATA"]
        assert {info.date_time for info in zipped.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in zipped.infolist()} == {0o100644}
        assert zipped.read("one-1.dist-info/METADATA") == b"Name: one\nVersion: 1\n\n"


def test_a_zip_that_lambda_would_refuse_names_what_is_heavy_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1.zip").write_text("of before")
    monkeypatch.setattr(archive, "MAX_UNZIPPED_BYTES", 8000)
    with pytest.raises(
        TooLarge, match=r"1\.zip: got 0\.0 MB unzipped, wanted at most .*Heaviest: monoprint 0\.0 MB, one"
    ):
        write(tmp_path / "1.zip", parts(tmp_path / "here"))
    assert (tmp_path / "1.zip").read_text() == "of before"
    assert not list(tmp_path.glob("*.new"))


# ---- the interpreter --------------------------------------------------------------------------------------------


def test_a_python_that_is_another_one_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 2.7.cpython\n")
    script.chmod(0o755)
    assert find_interpreter("3.13", "riscv") is None
    if find_interpreter("3.11", "x86_64") is None:
        pytest.skip("no machine like Lambda's")
    with pytest.raises(Invalid, match=r"--python: got .*/python \(2\.7\.cpython\), wanted a CPython 3\.13"):
        find_interpreter("3.13", "x86_64", script)
    with pytest.raises(Invalid, match=r"\(it does not run\)"):
        find_interpreter("3.13", "x86_64", tmp_path / "nowhere")
