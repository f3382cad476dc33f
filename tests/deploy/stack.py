"""A compiled template, and what its values come to once AWS has an account and a region for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Self

from infra.deploy.template import Package
from shared.runtime import Handler

ACCOUNT, REGION = "123456789012", "eu-central-1"
_PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Function:
    """One Lambda function, with its environment as the process would see it."""

    name: str
    logical: str
    properties: Properties
    environ: Mapping[str, str]
    role: str

    @property
    def handler(self) -> Handler:
        module, _, name = self.properties["Handler"].rpartition(".")
        handler = getattr(import_module(module), name)
        assert isinstance(handler, Handler)
        return handler

    @property
    def timeout_s(self) -> int:
        return int(self.properties["Timeout"])


@dataclass(frozen=True)
class Stack:
    template: Mapping[str, Any]
    policy: tuple[Properties, ...]
    """Of updates."""

    @classmethod
    def of_package(cls, package: Package) -> Self:
        return cls(package.template, package.policy)

    def of(self, kind: str) -> dict[str, Properties]:
        """Logical id -> properties."""
        found = self.template["Resources"].items()
        return {logical: one["Properties"] for logical, one in found if one["Type"] == f"AWS::{kind}"}

    def resource(self, logical: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.template["Resources"][logical]
        return found

    @cached_property
    def functions(self) -> dict[str, Function]:
        found = {}
        for logical, one in self.of("Lambda::Function").items():
            name = one["FunctionName"].rpartition("-")[2]
            environ = {key: self.text(value) for key, value in one["Environment"]["Variables"].items()}
            found[name] = Function(name, logical, one, environ, one["Role"]["Fn::GetAtt"][0])
        return found

    @cached_property
    def sources(self) -> dict[str, Properties]:
        """Function -> its event source mapping."""
        names = {one.logical: name for name, one in self.functions.items()}
        mappings = self.of("Lambda::EventSourceMapping").values()
        return {names[one["FunctionName"]["Fn::GetAtt"][0]]: one for one in mappings}

    def named(self, kind: str, key: str) -> dict[str, str]:
        """What a resource is called in AWS -> its logical id."""
        return {self.text(one[key]): logical for logical, one in self.of(kind).items() if key in one}

    def text(self, value: Any) -> str:
        """A plain value, or one of `Fn::Sub` with nothing in it but AWS's own parameters."""
        if not isinstance(value, dict):
            return str(value)
        return re.sub(r"\$\{([^}]+)\}", lambda found: _PSEUDO[found[1]], value["Fn::Sub"])

    def statements(self, role: str) -> list[Properties]:
        (policy,) = self.of("IAM::Role")[role]["Policies"]
        statements: list[Properties] = policy["PolicyDocument"]["Statement"]
        return statements

    def allowed(self, role: str) -> Iterator[tuple[str, str]]:
        """Each (action, resource) of a role; a resource of this stack as `Table` or `Bucket/jobs/*`."""
        for statement in self.statements(role):
            assert statement["Effect"] == "Allow", statement
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    yield action, self._place(resource)

    def _place(self, resource: Any) -> str:
        if isinstance(resource, dict) and "Fn::GetAtt" in resource:
            logical, attribute = resource["Fn::GetAtt"]
            assert attribute == "Arn", resource
            return str(logical)
        if isinstance(resource, dict):
            resource = re.sub(r"\$\{(\w+)\.Arn\}", r"\1", resource["Fn::Sub"])
            return self.text({"Fn::Sub": resource})
        return str(resource)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
