"""The deployment's template on ministack: CloudFormation makes what holds state and the roles, and says what each
function is told.

Functions and what wakes them are read from the template and not made: the test's process runs them (aws_events.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from infra.deploy.stage import through
from shared.runtime import Handler
from tests.ports.ministack_fixture import ACCOUNT, Ministack

STAGE = "journey"
MADE = {
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",  # without its policy: that refuses what comes in the clear, as everything does here
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
}
_TRUST_OF_THIS_PROCESS = {
    "AssumeRolePolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
        ],
    }
}
"""In place of Lambda's: here this process runs the functions."""
_BLOBS = re.compile(r"(?<=[?&]blobs=)[^&]*")


@dataclass(frozen=True)
class Function:
    """A Lambda function: its handler, its role's ARN, and its whole environment."""

    handler: Handler
    role: str
    environ: Mapping[str, str]


@dataclass(frozen=True)
class QueueTrigger:
    """An event source mapping of a queue."""

    function: str
    queue: str
    arn: str
    batch: int


@dataclass(frozen=True)
class Schedule:
    """A rule of EventBridge."""

    function: str
    every: timedelta


@dataclass(frozen=True)
class Stack:
    """What was deployed. Functions go by their names without the deployment's, queues by those within SQS."""

    functions: Mapping[str, Function]
    triggers: tuple[QueueTrigger, ...]
    schedules: tuple[Schedule, ...]
    routes: Mapping[str, str]
    """Route key -> function."""
    queues: tuple[str, ...]
    """All that have dead letters."""

    # As a place, for the operator's own tools.
    option: ClassVar[str] = f" --stage {STAGE}"
    goes_on: ClassVar[str] = "in this test"

    def environ_of(self, stop: str) -> Mapping[str, str]:
        return self.functions[stop].environ

    def told(self, **variables: str) -> Stack:
        """The same with what only whoever deploys knows, in every function that has such a variable."""
        known = {key for function in self.functions.values() for key in function.environ}
        assert variables.keys() <= known, f"no function asks for {sorted(variables.keys() - known)}"
        functions = {
            name: replace(one, environ={key: variables.get(key, value) for key, value in one.environ.items()})
            for name, one in self.functions.items()
        }
        return replace(self, functions=functions)


def deploy(ministack: Ministack, template: Mapping[str, Any]) -> Stack:
    """Make the stack."""
    read = _Template(template["Resources"])
    outputs = _resolved(ministack, template, read.expressions())
    return Stack(
        functions={
            function: Function(
                _handler(handler),
                outputs[_key(role)],
                {key: emulated(outputs[_key(value)], ministack.endpoint) for key, value in environ.items()},
            )
            for function, handler, role, environ in read.functions()
        },
        triggers=tuple(
            QueueTrigger(function, outputs[_key(arn)].rpartition(":")[2], outputs[_key(arn)], batch)
            for function, arn, batch in read.triggers()
        ),
        schedules=tuple(read.schedules()),
        routes=dict(read.routes()),
        queues=tuple(outputs[_key(queue)] for queue in read.served_queues()),
    )


def emulated(value: str, endpoint: str) -> str:
    """The same value with the emulator's endpoint in every URL of AWS that it is or holds."""
    inner = _BLOBS.sub(lambda found: quote(emulated(unquote(found[0]), endpoint), safe=""), value)
    return through(endpoint, inner)


class _Template:
    """What the resources of a compiled template say. Values may be intrinsic functions still."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        self._resources = resources

    def functions(self) -> Iterator[tuple[str, str, Any, Mapping[str, Any]]]:
        """Name, handler, role and environment of each."""
        for logical, function in self._of("AWS::Lambda::Function"):
            environ = function.get("Environment", {}).get("Variables", {})
            yield self._names[logical], function["Handler"], function["Role"], environ

    def triggers(self) -> Iterator[tuple[str, Any, int]]:
        for _, mapping in self._of("AWS::Lambda::EventSourceMapping"):
            assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], mapping
            assert mapping.get("Enabled", True), mapping
            yield self._called(mapping["FunctionName"]), mapping["EventSourceArn"], mapping["BatchSize"]

    def schedules(self) -> Iterator[Schedule]:
        for _, rule in self._of("AWS::Events::Rule"):
            for target in rule["Targets"]:
                yield Schedule(self._called(target["Arn"]), _rate(rule["ScheduleExpression"]))

    def routes(self) -> Iterator[tuple[str, str]]:
        for _, route in self._of("AWS::ApiGatewayV2::Route"):
            (integration,) = (name for name in _names_in(route["Target"]) if name in self._resources)
            uri = self._resources[integration]["Properties"]["IntegrationUri"]
            yield route["RouteKey"], self._called(uri)

    def served_queues(self) -> list[Any]:
        return [queue["QueueName"] for _, queue in self._of("AWS::SQS::Queue") if "RedrivePolicy" in queue]

    def expressions(self) -> list[Any]:
        """Everything that CloudFormation is to work out."""
        values = [value for _, _, role, environ in self.functions() for value in (role, *environ.values())]
        return values + [arn for _, arn, _ in self.triggers()] + self.served_queues()

    def _of(self, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for logical, resource in self._resources.items():
            if resource["Type"] == kind:
                yield logical, resource["Properties"]

    @property
    def _names(self) -> Mapping[str, str]:
        """Logical id -> the function's name without the deployment's."""
        return {
            logical: str(function["FunctionName"]).removeprefix(f"monoprint-{STAGE}-")
            for logical, function in self._of("AWS::Lambda::Function")
        }

    def _called(self, reference: Any) -> str:
        (logical,) = (name for name in _names_in(reference) if name in self._names)
        return self._names[logical]


def _resolved(ministack: Ministack, template: Mapping[str, Any], values: list[Any]) -> dict[str, str]:
    """Deploys what holds state, and has the values worked out: each is an output of the stack."""
    resources = {logical: one for logical, one in template["Resources"].items() if one["Type"] in MADE}
    kept = {
        logical: one
        | {"DependsOn": [each for each in _listed(one.get("DependsOn", [])) if each in resources]}
        | ({"Properties": one["Properties"] | _TRUST_OF_THIS_PROCESS} if one["Type"] == "AWS::IAM::Role" else {})
        for logical, one in resources.items()
    }
    outputs = {_key(value): value for value in values}
    numbered = {f"Value{number}": key for number, key in enumerate(outputs)}
    body = {
        **{part: template[part] for part in ("Parameters", "Mappings", "Conditions") if part in template},
        "Resources": kept,
        "Outputs": {number: {"Value": outputs[key]} for number, key in numbered.items()},
    }
    cloudformation, name = ministack.client("cloudformation"), f"monoprint-{STAGE}"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_NAMED_IAM"])
    waiting = {"Delay": 0.05, "MaxAttempts": 600}
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=waiting)
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {numbered[output["OutputKey"]]: output["OutputValue"] for output in stack["Outputs"]}


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names_in(value: Any) -> Iterator[str]:
    """Every text in a value, and every name that a `${...}` holds."""
    if isinstance(value, str):
        yield value
        yield from (each.partition(".")[0] for each in re.findall(r"\$\{([^}]+)\}", value))
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _names_in(each)


def _rate(expression: str) -> timedelta:
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    assert found is not None, expression
    return timedelta(**{f"{found[2]}s": int(found[1])})


def _handler(path: str) -> Handler:
    module, _, name = path.rpartition(".")
    handler = getattr(import_module(module), name)
    assert isinstance(handler, Handler), path
    return handler
