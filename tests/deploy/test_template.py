"""The compiled template against the code: whatever is written down twice is the same, and nothing can be lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from infra.deploy.template import SERVERLESS
from infra.twin.home import QUEUES, Home
from infra.twin.twin import _QUEUE_STOPS
from shared.ports.ledger.dynamodb_items import TABLE, TIME_TO_LIVE
from shared.ports.open import ADAPTERS, open_port
from shared.ports.queue import MAX_AGE_S
from shared.ports.signer import Purpose
from shared.ports.signer.kms import CHAIN_TAG, PURPOSE_TAG, SPEC
from shared.runtime import HttpHandler, QueueHandler, ScheduleHandler
from tests.deploy.code import Code
from tests.deploy.needs import Needs
from tests.deploy.stack import Function, Stack
from tests.ports.own_clients import clients_of_nobody

ROOT = SERVERLESS.parent
FUNCTIONS = {"intake", "plan", "render", "judge", "review", "publish", "mint", "confirm", "watch", "sweep"}
FOR_ALL = {"POWERTOOLS_LOG_LEVEL", "POWERTOOLS_SERVICE_NAME"}


def functions_of(stack: Stack, kind: type) -> list[Function]:
    return [one for one in stack.functions.values() if isinstance(one.handler, kind)]


# ---- functions --------------------------------------------------------------------------------------------------


def test_there_is_one_function_for_each_stop(dev: Stack) -> None:
    assert dev.functions.keys() == FUNCTIONS
    modules = {one.handler.settings.stop for one in dev.functions.values()}
    assert modules == FUNCTIONS
    for one in dev.functions.values():
        assert (one.properties["Runtime"], one.properties["Architectures"]) == ("python3.13", ["x86_64"])
        assert one.properties["FunctionName"] == f"monoprint-dev-{one.name}"
        assert one.properties["Code"]["S3Key"].endswith(f"/{one.name}.zip")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_functions_environment_is_the_settings_of_its_stop(dev: Stack, prod: Stack, name: str) -> None:
    for stack in (dev, prod):
        function = stack.functions[name]
        settings = function.handler.settings
        told = {field: settings.variable(field) for field in settings.model_fields}
        optional = {told[field] for field, info in settings.model_fields.items() if info.default is None}
        assert optional <= {"CONTRACT"}  # dev mints to its minter's own
        assert function.environ.keys() - FOR_ALL == set(told.values()) - (optional if stack is dev else set())
        read = settings.read(function.environ)
        for field in told:
            if (port := settings.port(field)) is not None:
                assert (port, getattr(read, field).partition(":")[0]) in ADAPTERS


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_url_of_a_function_opens(dev: Stack, name: str) -> None:
    """Opening asks nothing of AWS; what an adapter cannot read, it refuses."""
    function = dev.functions[name]
    settings = function.handler.settings
    with clients_of_nobody():
        for field in settings.model_fields:
            if (port := settings.port(field)) is not None:
                open_port(port, function.environ[settings.variable(field)])


def test_a_providers_key_is_a_reference(prod: Stack) -> None:
    for name in ("mint", "confirm", "watch"):
        (reference,) = re.findall(r"\{([^}]*)\}", prod.functions[name].environ["CHAIN_URL"])
        assert reference == "ssm:///monoprint/prod/rpc_key?region=eu-central-1"
        with clients_of_nobody():
            open_port("secret", reference)


def test_chain_and_signer_are_told_the_same_chain(dev: Stack, prod: Stack) -> None:
    for stack in (dev, prod):
        for name in ("mint", "confirm", "watch"):
            environ = stack.functions[name].environ
            urls = [environ["CHAIN_URL"].rpartition("?")[2], urlsplit(environ["SIGNER_URL"]).query]
            assert {parse_qs(url)["chain_id"][0] for url in urls} == {environ["CHAIN_ID"]}


def test_times_fit_what_waits_for_them(dev: Stack) -> None:
    for one in functions_of(dev, HttpHandler):
        assert one.timeout_s < 30  # of the HTTP API
    schedules = {one["Targets"][0]["Arn"]["Fn::GetAtt"][0]: one for one in dev.of("Events::Rule").values()}
    scheduled = functions_of(dev, ScheduleHandler)
    assert schedules.keys() == {one.logical for one in scheduled}
    retries = {one["FunctionName"]["Ref"]: one for one in dev.of("Lambda::EventInvokeConfig").values()}
    for one in scheduled:
        assert schedules[one.logical]["State"] == "ENABLED"
        minutes = re.fullmatch(r"rate\((\d+) minutes\)", schedules[one.logical]["ScheduleExpression"])
        assert minutes is not None
        assert one.timeout_s < int(minutes[1]) * 60  # one ends before the next begins
        assert retries[one.logical]["MaximumRetryAttempts"] <= 1
        assert retries[one.logical]["MaximumEventAgeInSeconds"] < int(minutes[1]) * 60


def test_the_http_api_has_the_handlers_routes_and_is_throttled(dev: Stack) -> None:
    found: dict[str, set[str]] = {}
    for route in dev.of("ApiGatewayV2::Route").values():
        integration = dev.resource(route["Target"]["Fn::Join"][1][1]["Ref"])["Properties"]
        assert integration["PayloadFormatVersion"] == "2.0"
        found.setdefault(integration["IntegrationUri"]["Fn::GetAtt"][0], set()).add(route["RouteKey"])
    handlers = {one.logical: one.handler for one in functions_of(dev, HttpHandler)}
    assert found == {key: set(one.routes) for key, one in handlers.items() if isinstance(one, HttpHandler)}
    (stage,) = dev.of("ApiGatewayV2::Stage").values()
    throttle = stage["DefaultRouteSettings"]
    assert 0 < throttle["ThrottlingRateLimit"] <= throttle["ThrottlingBurstLimit"] <= 1000
    assert "ip" not in stage["AccessLogSettings"]["Format"].lower()
    json.loads(stage["AccessLogSettings"]["Format"])


# ---- queues -----------------------------------------------------------------------------------------------------


def test_every_queue_has_its_stop_and_hands_back_what_failed(dev: Stack) -> None:
    assert set(dev.sources) == set(QUEUES) == {one.name for one in functions_of(dev, QueueHandler)}
    queues = dev.named("SQS::Queue", "QueueName")
    for name, source in dev.sources.items():
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert source["ScalingConfig"]["MaximumConcurrency"] >= 2
        assert source["Enabled"]
        assert source["BatchSize"] == _QUEUE_STOPS[name][2]  # as in the twin
        logical = source["EventSourceArn"]["Fn::GetAtt"][0]
        function, queue = dev.functions[name], dev.resource(logical)["Properties"]
        assert queues[function.environ["OWN_QUEUE_URL"].rpartition("/")[2]] == logical
        assert queue["VisibilityTimeout"] >= 6 * function.timeout_s


def test_only_the_mints_queue_is_fifo_and_it_is_served_one_by_one(dev: Stack) -> None:
    fifo = {name for name, one in dev.of("SQS::Queue").items() if one.get("FifoQueue")}
    assert fifo == {"MintQueue", "MintDeadLetters"}
    assert dev.sources["mint"]["BatchSize"] == 1
    for one in dev.of("SQS::Queue").values():
        assert dev.text(one["QueueName"]).endswith(".fifo") == bool(one.get("FifoQueue"))


def test_every_queue_has_dead_letters_of_its_own_and_an_alarm(dev: Stack, tmp_path: Path) -> None:
    queues = dev.of("SQS::Queue")
    served = {name: one for name, one in queues.items() if "RedrivePolicy" in one}
    dead = {name: one["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for name, one in served.items()}
    assert len(served) == len(QUEUES)
    assert sorted(dead.values()) == sorted(queues.keys() - served.keys())
    for name, one in served.items():
        of_its_own = dev.text(one["QueueName"]).removesuffix(".fifo") + "-dead"
        assert dev.text(queues[dead[name]]["QueueName"]).removesuffix(".fifo") == of_its_own
        assert bool(one.get("FifoQueue")) == bool(queues[dead[name]].get("FifoQueue"))
        max_receives = parse_qs(urlsplit(Home(tmp_path).queue_url("plan")).query)["max_receives"]
        assert [str(one["RedrivePolicy"]["maxReceiveCount"])] == max_receives  # as in the twin
    for one in queues.values():
        assert one["MessageRetentionPeriod"] == MAX_AGE_S
        assert one["SqsManagedSseEnabled"] is True
    alarms = [one["Dimensions"] for one in dev.of("CloudWatch::Alarm").values() if one["Namespace"] == "AWS/SQS"]
    rung = [each["Value"]["Fn::GetAtt"][0] for dimensions in alarms for each in dimensions]
    assert sorted(rung) == sorted(dead.values())


def test_a_result_in_the_bucket_wakes_the_judge_and_nobody_else_may(dev: Stack) -> None:
    bucket = dev.resource("Bucket")
    (announced,) = bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert announced["Event"] == "s3:ObjectCreated:*"
    assert announced["Queue"]["Fn::GetAtt"][0] == dev.sources["judge"]["EventSourceArn"]["Fn::GetAtt"][0]
    rules = {one["Name"]: one["Value"] for one in announced["Filter"]["S3Key"]["Rules"]}
    assert rules == {"prefix": "jobs/", "suffix": "result.json"}
    assert bucket["DependsOn"] == ["JudgeQueuePolicy"]
    (statement,) = dev.resource("JudgeQueuePolicy")["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    source = dev.text(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
    assert source == f"arn:aws:s3:::{dev.text(bucket['Properties']['BucketName'])}"
    assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}


# ---- storage and keys -------------------------------------------------------------------------------------------


def test_the_table_is_the_ledgers(prod: Stack) -> None:
    (table,) = prod.of("DynamoDB::Table").values()
    assert {name: table[name] for name in TABLE} == TABLE
    assert table["TimeToLiveSpecification"] == TIME_TO_LIVE
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["DeletionProtectionEnabled"] is True


def test_the_bucket_is_private_versioned_and_loses_nothing(dev: Stack) -> None:
    bucket = dev.resource("Bucket")["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule.keys() == {"Id", "Status", "AbortIncompleteMultipartUpload"}
    (statement,) = dev.resource("BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


LASTING = ("DynamoDB::Table", "KMS::Key", "S3::Bucket")


def test_what_cannot_be_made_again_outlives_the_stack(dev: Stack, prod: Stack) -> None:
    for stack, wanted in ((prod, ("RetainExceptOnCreate", "Retain")), (dev, ("Delete", "Delete"))):
        lasting = {logical for kind in LASTING for logical in stack.of(kind)} - {"ServerlessDeploymentBucket"}
        assert lasting == {"Table", "Bucket", "DataKey", "TransactionKey", "OwnerKey"}
        for logical in lasting:
            resource = stack.resource(logical)
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == wanted, logical


def test_an_update_cannot_move_a_signing_key_to_another_chain(prod: Stack) -> None:
    """Once there is a policy, what no statement of it allows is denied: hence the first."""
    allowed, denied = prod.policy
    assert allowed == {"Effect": "Allow", "Principal": "*", "Action": ["Update:*"], "Resource": ["*"]}
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", ["Update:*"])
    tagged = {logical for logical, key in prod.of("KMS::Key").items() if key.get("Tags")}
    assert set(denied["Resource"]) == {f"LogicalResourceId/{logical}" for logical in tagged}


def test_the_keys_are_what_their_adapters_ask_for(dev: Stack) -> None:
    keys = {dev.text(one["AliasName"]): one["TargetKeyId"]["Ref"] for one in dev.of("KMS::Alias").values()}
    assert sorted(keys.values()) == sorted(dev.of("KMS::Key"))
    data = dev.resource(keys.pop("alias/monoprint-dev-data"))["Properties"]
    assert data["EnableKeyRotation"] is True
    assert "KeySpec" not in data  # symmetric
    for purpose in (Purpose.TRANSACTION, Purpose.OWNER):
        key = dev.resource(keys.pop(f"alias/monoprint-dev-{purpose}"))["Properties"]
        assert {name: key[name] for name in SPEC} == SPEC
        tags = {tag["Key"]: tag["Value"] for tag in key["Tags"]}
        assert tags == {CHAIN_TAG: dev.functions["mint"].environ["CHAIN_ID"], PURPOSE_TAG: purpose.value}
    assert keys == {}
    for one in dev.of("KMS::Key").values():
        (statement,) = one["KeyPolicy"]["Statement"]
        assert dev.text(statement["Principal"]["AWS"]).endswith(":root")


# ---- roles ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def code() -> Code:
    return Code()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_role_may_do_what_its_function_calls_and_no_more(prod: Stack, code: Code, name: str) -> None:
    function = prod.functions[name]
    allowed = set(prod.allowed(function.role))
    logs = {need for need in allowed if need[0].startswith("logs:")}
    assert {action for action, _ in logs} == {"logs:CreateLogStream", "logs:CreateLogGroup", "logs:PutLogEvents"}
    assert {place.partition(":log-group:")[2] for _, place in logs} == {f"/aws/lambda/monoprint-prod-{name}:*:*"}
    needs = Needs(code, prod).of(function)
    assert allowed - logs == needs, f"missing: {sorted(needs - allowed)}; too much: {sorted(allowed - logs - needs)}"


def test_every_function_has_a_role_of_its_own(dev: Stack) -> None:
    roles = [one.role for one in dev.functions.values()]
    assert len(set(roles)) == len(roles)
    unused = dev.of("IAM::Role").keys() - set(roles)
    assert [dev.resource(role)["Condition"] for role in unused] == ["Never"]  # osls makes it, AWS does not
    (never,) = dev.template["Conditions"]["Never"]["Fn::Equals"][1:]
    assert never == "nowhere"
    for role in roles:
        properties = dev.resource(role)["Properties"]
        assert properties["ManagedPolicyArns"] == []
        for action, place in dev.allowed(role):
            assert "*" not in action
            assert place != "*"


def test_no_function_may_use_the_owners_key_nor_more_of_a_key_than_it_must(dev: Stack) -> None:
    owner = {dev.text(one["AliasName"]): one["TargetKeyId"]["Ref"] for one in dev.of("KMS::Alias").values()}[
        "alias/monoprint-dev-owner"
    ]
    signs = set()
    for one in dev.functions.values():
        for action, place in dev.allowed(one.role):
            assert place != owner
            if action == "kms:Sign":
                signs.add((one.name, place))
    assert signs == {("mint", "TransactionKey"), ("confirm", "TransactionKey")}


# ---- what a human sees ------------------------------------------------------------------------------------------


def test_alarms_ring_for_every_function_and_for_calls_that_fail(dev: Stack) -> None:
    alarms = dev.of("CloudWatch::Alarm").values()
    assert all(one["AlarmActions"] == [{"Ref": "Alarms"}] for one in alarms)
    watched = {one["Dimensions"][0]["Value"]["Ref"] for one in alarms if one["Namespace"] == "AWS/Lambda"}
    assert watched == {one.logical for one in dev.functions.values()}
    (calls,) = [one for one in alarms if one["Namespace"] == "AWS/ApiGateway"]
    assert (calls["MetricName"], calls["Dimensions"]) == ("5xx", [{"Name": "ApiId", "Value": {"Ref": "HttpApi"}}])


def test_no_log_is_kept_for_ever(dev: Stack, prod: Stack) -> None:
    for stack, days in ((dev, 14), (prod, 90)):
        groups = stack.of("Logs::LogGroup").values()
        assert len(groups) == len(FUNCTIONS) + 1
        assert {one["RetentionInDays"] for one in groups} == {days}


def test_the_description_names_no_account_and_no_secret(dev: Stack) -> None:
    files = [SERVERLESS, *sorted((ROOT / "infra" / "deploy").glob("*.yml"))]
    for file in files:
        text = re.sub(r"max_fee_wei: .*", "", file.read_text())
        assert not re.search(r"(?<!\d)\d{12}(?!\d)", text), file
        assert not re.search(r"AKIA[0-9A-Z]{16}|[0-9a-fA-F]{64}", text), file
    for one in dev.functions.values():
        assert not any("secret" in value.lower() or "password" in value.lower() for value in one.environ.values())


def test_every_part_of_the_description_is_used(dev: Stack) -> None:
    """A URL or a statement that no function has is a mistake."""
    described: dict[str, Any] = yaml.safe_load(SERVERLESS.read_bytes())
    functions = described["functions"].values()
    used = [value for one in functions for value in (*one["environment"].values(), *one["iamRoleStatements"])]
    for name, part in {**described["custom"]["urls"], **described["custom"]["may"]}.items():
        assert any(part is each for each in used), name
    texts = [file.read_text() for file in (SERVERLESS, *(ROOT / "infra" / "deploy").glob("*.yml"))]
    for parameter in described["params"]["default"]:
        assert any(f"${{param:{parameter}}}" in text for text in texts), parameter
