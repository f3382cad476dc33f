"""A stage on AWS, read from what AWS says of it; and what a command says when AWS does not let it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ProfileNotFound
from botocore.stub import Stubber
from click.testing import CliRunner, Result

from infra.cli import main
from infra.commands.options import at_api
from infra.deploy import stage as module
from infra.deploy.stage import REGION, Stage, through
from infra.twin.home import Home
from shared.errors import Defect, Invalid, NotFound, Rejected, Transient
from shared.ports.aws import client

ROOT = Path(__file__).parents[3]
SIGNER = f"kms://?region={REGION}&chain_id=1&transaction=alias/monoprint-prod-transaction"
LEDGER = f"dynamodb://monoprint-prod?region={REGION}"
FUNCTION = {"FunctionName": "monoprint-prod-mint"}


@pytest.fixture
def stage() -> Stage:
    return Stage("prod")


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    yield from stubbed("lambda", monkeypatch)


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    yield from stubbed("cloudformation", monkeypatch)


def stubbed(service: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with Stubber(client(service, REGION, None)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def told(functions: Stubber, **environment: Any) -> None:
    functions.add_response("get_function_configuration", {"Environment": environment}, FUNCTION)


def listed(functions: Stubber, *names: str) -> None:
    """In two pages."""
    found = [{"FunctionName": name} for name in names]
    functions.add_response("list_functions", {"Functions": found[:2], "NextMarker": "more"})
    functions.add_response("list_functions", {"Functions": found[2:]})


def refused(stub: Stubber, operation: str, code: str, status: int = 403) -> None:
    stub.add_client_error(operation, service_error_code=code, http_status_code=status)


# ---- what a stage is --------------------------------------------------------------------------------------------


def test_a_functions_environment_is_read_once_and_the_operator_has_the_owners_key_as_well(
    stage: Stage, functions: Stubber
) -> None:
    told(functions, Variables={"LEDGER_URL": LEDGER, "SIGNER_URL": SIGNER, "CHAIN_ID": "1"})
    first = stage.environ_of("mint")
    assert first["LEDGER_URL"] == LEDGER
    assert first["SIGNER_URL"] == f"{SIGNER}&owner=alias/monoprint-prod-owner"
    assert stage.environ_of("mint") == first


def test_an_owner_or_a_signer_that_is_given_is_left_as_it_is(functions: Stubber) -> None:
    for given in (f"{SIGNER}&owner=alias/somebody", f"kms://?owner=a&region={REGION}", "keystore:///keys?chain_id=1"):
        told(functions, Variables={"SIGNER_URL": given})
        assert Stage("prod").environ_of("mint")["SIGNER_URL"] == given


def test_an_emulator_is_told_to_every_url_of_aws_and_to_no_other() -> None:
    endpoint, option = "http://127.0.0.1:4566", "endpoint=http%3A%2F%2F127.0.0.1%3A4566"
    queue = "sqs://eu-central-1/000000000000/monoprint-prod-mint.fifo"
    assert through(endpoint, LEDGER) == f"{LEDGER}&{option}"
    assert through(endpoint, queue) == f"{queue}?{option}"
    rpc = "https://rpc.example/?key={ssm:///rpc_key?region=eu-central-1%s}&chain_id=1"
    assert through(endpoint, rpc % "") == rpc % f"&{option}"
    for other in ("folder:///mnt/blocks", "rules://", "31337"):
        assert through(endpoint, other) == other


def test_the_api_is_where_the_stacks_output_says(stage: Stage, stacks: Stubber) -> None:
    for name in ("HttpApiUrl", "ServiceEndpoint"):
        outputs = [
            {"OutputKey": "Another", "OutputValue": "x"},
            {"OutputKey": name, "OutputValue": f"https://{name}.example"},
        ]
        stacks.add_response("describe_stacks", {"Stacks": [stack(Outputs=outputs)]}, {"StackName": "monoprint-prod"})
        assert stage.api_url() == f"https://{name}.example"


def stack(**more: Any) -> dict[str, Any]:
    return {"StackName": "monoprint-prod", "CreationTime": "2026-11-24", "StackStatus": "UPDATE_COMPLETE", **more}


def test_names_and_region_are_those_of_the_deployment() -> None:
    said = yaml.safe_load((ROOT / "serverless.yml").read_bytes())
    assert said["service"] == "monoprint"
    assert said["provider"]["stackName"] == "monoprint-${sls:stage}"
    assert said["provider"]["region"] == f"${{opt:region, '{REGION}'}}"
    assert {"sweep", "mint"} <= said["functions"].keys()
    assert not [name for name, function in said["functions"].items() if "name" in function], "else osls names them"
    keys = yaml.safe_load((ROOT / "infra" / "deploy" / "keys.yml").read_bytes())["Resources"].values()
    aliases = {key["Properties"]["AliasName"] for key in keys if key["Type"] == "AWS::KMS::Alias"}
    assert "alias/monoprint-${sls:stage}-owner" in aliases
    for command in ("publish", "request"):
        assert f"[default: {REGION}]" in CliRunner().invoke(main, [command, "--help"]).output


def test_a_command_that_is_quoted_means_the_same_stage(stage: Stage) -> None:
    assert stage.option == " --stage prod"
    assert Stage("prod", "us-east-1").option == " --stage prod --region us-east-1"


# ---- when AWS does not let us -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (
            ["monoprint-dev-sweep", "monoprint-dev-mint", "another", "monoprint-a-b-sweep"],
            "; deployed there: a-b, dev.",
        ),
        (["another"], "; no stage is deployed there."),
    ],
)
def test_a_stage_that_is_not_there(stage: Stage, functions: Stubber, there: list[str], wanted: str) -> None:
    refused(functions, "get_function_configuration", "ResourceNotFoundException", 404)
    listed(functions, *there)
    with pytest.raises(NotFound) as raised:
        stage.environ_of("mint")
    assert str(raised.value) == (
        f"--stage prod: got no function monoprint-prod-mint in {REGION}{wanted} "
        "Deploy it (`npx osls deploy --stage prod`), or name another --region"
    )


def test_whoever_may_not_list_stages_is_told_how_to_deploy(stage: Stage, functions: Stubber) -> None:
    refused(functions, "get_function_configuration", "ResourceNotFoundException", 404)
    refused(functions, "list_functions", "AccessDeniedException")
    with pytest.raises(NotFound, match=rf"got no function monoprint-prod-mint in {REGION}\. Deploy it"):
        stage.environ_of("mint")


def test_a_stack_that_is_not_there(stage: Stage, stacks: Stubber, functions: Stubber) -> None:
    refused(stacks, "describe_stacks", "ValidationError", 400)
    listed(functions, "monoprint-dev-sweep")
    with pytest.raises(NotFound, match="got no stack monoprint-prod in eu-central-1; deployed there: dev"):
        stage.api_url()


def test_a_denied_action_names_itself(stage: Stage, functions: Stubber, stacks: Stubber) -> None:
    refused(functions, "get_function_configuration", "AccessDeniedException")
    with pytest.raises(Defect, match="stage prod in eu-central-1: the role lacks lambda:GetFunctionConfiguration"):
        stage.environ_of("mint")
    refused(stacks, "describe_stacks", "AccessDenied")
    with pytest.raises(Defect, match="stage prod in eu-central-1: the role lacks cloudformation:DescribeStacks"):
        stage.api_url()


def test_an_environment_that_may_not_be_decrypted(stage: Stage, functions: Stubber) -> None:
    told(functions, Error={"ErrorCode": "AccessDeniedException", "Message": "m"})
    with pytest.raises(Defect, match=r"environment of monoprint-prod-mint cannot be read; the role lacks kms:Decrypt"):
        stage.environ_of("mint")


def test_an_expired_login_is_told_and_is_no_missing_right(stage: Stage, functions: Stubber) -> None:
    refused(functions, "get_function_configuration", "ExpiredTokenException")
    with pytest.raises(Defect, match=r"refuses this process's credentials .* \(ExpiredTokenException\)"):
        stage.environ_of("mint")


@pytest.mark.parametrize("error", [NoCredentialsError(), ProfileNotFound(profile="nobody")])
def test_without_credentials_it_is_told_where_they_are_looked_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing(monkeypatch, error)
    with pytest.raises(
        Rejected, match=r"no AWS credentials \(.*\), wanted .* who may lambda:Get.*; set AWS_PROFILE, or"
    ):
        stage.environ_of("mint")


def test_a_region_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, EndpointConnectionError(endpoint_url="https://lambda.eu-central-9.amazonaws.com"))
    with pytest.raises(Transient, match=r"stage prod in eu-central-9: no answer to lambda:GetFunctionConfiguration"):
        Stage("prod", "eu-central-9").environ_of("mint")


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Failing:
        def get_function_configuration(self, **_: object) -> None:
            raise error

    monkeypatch.setattr(module, "client", lambda *_: Failing())


def test_a_stack_without_an_api(stage: Stage, stacks: Stubber) -> None:
    stacks.add_response("describe_stacks", {"Stacks": [stack()]})
    with pytest.raises(Defect, match="its stack monoprint-prod tells no address of an HTTP API"):
        stage.api_url()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("prod/../dev", REGION, None), "--stage"),
        (("", REGION, None), "--stage"),
        (("prod", "Frankfurt", None), "--region"),
        (("prod", REGION, "localhost"), "--endpoint"),
    ],
)
def test_what_is_malformed_is_named_by_its_option(given: tuple[str, str, str | None], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Stage.at(*given)
    assert raised.value.field == field


# ---- which place is meant ---------------------------------------------------------------------------------------


Ran = tuple[object, str | None, bool]
"""The place, the API key and whether JSON is wanted, of a command that does nothing with them."""


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Ran]:
    """What commands were run with."""
    monkeypatch.chdir(tmp_path)
    return []


def run(commands: list[Ran], *arguments: str, **environ: str) -> Result:
    @click.command()
    @at_api
    def shown(place: object, api_key: str | None, as_json: bool) -> None:
        commands.append((place, api_key, as_json))

    return CliRunner(env=environ).invoke(shown, arguments)


def test_a_home_is_meant_unless_a_stage_is_named(commands: list[Ran], tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run(commands, "--home", str(home)).exit_code == 0
    assert run(commands, MONOPRINT_HOME=str(home), AWS_ENDPOINT_URL="http://127.0.0.1:1").exit_code == 0
    assert [place for place, _, _ in commands] == [Home(home)] * 2


def test_a_stage_is_meant_also_where_the_environment_names_a_home(commands: list[Ran], tmp_path: Path) -> None:
    environ = {
        "MONOPRINT_HOME": str(tmp_path / "home"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "MONOPRINT_API_KEY": "mp_mint_1",
    }
    assert run(commands, "--stage", "prod", "--region", "us-east-1", "--json", **environ).exit_code == 0
    assert commands == [(Stage("prod", "us-east-1", "http://127.0.0.1:4566"), "mp_mint_1", True)]
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--home", "h", "--stage", "prod"], "--home and --stage: got both, wanted one of them"),
        (["--region", "us-east-1"], "--region: got it without --stage"),
        (["--api-key", "k"], "--api-key: got it without --stage"),
        (["--endpoint", "http://127.0.0.1:1"], "--endpoint: got it without --stage"),
    ],
)
def test_two_places_or_half_a_one_are_misuse(
    commands: list[Ran], tmp_path: Path, arguments: list[str], said: str
) -> None:
    ended = run(commands, *arguments)
    assert ended.exit_code == 2
    assert said in ended.stderr
    assert commands == []
    assert list(tmp_path.iterdir()) == []


def test_without_awss_library_a_stage_says_what_installs_it(
    commands: list[Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "infra.deploy.stage")
    monkeypatch.delattr("infra.deploy.stage")
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    ended = run(commands, "--stage", "prod")
    assert ended.exit_code == 70
    assert "AWS's library is not installed (botocore): run `make setup-dev`" in ended.stderr


def test_every_command_of_an_operator_takes_a_stage() -> None:
    for name in ("publish", "key", "dead", "contract"):
        assert {"home", "stage", "region", "endpoint"} <= {parameter.name for parameter in main.commands[name].params}
    for name in ("request", "status", "review", "approve", "reject", "redraw"):
        assert {"home", "stage", "api_key"} <= {parameter.name for parameter in main.commands[name].params}
