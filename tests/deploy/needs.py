"""What each function must be allowed, derived: from what its steps ask of their ports (code.py), and from what the
adapters that its environment names say that they call (`calling("sqs:SendMessage", ...)`)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.ports.ledger import Change, Check, Count, Delete, Key, Put
from shared.ports.ledger.dynamodb import _PERMISSIONS
from shared.ports.ledger.dynamodb_items import DUE_INDEX, action_of
from shared.ports.open import ADAPTERS
from shared.runtime import HttpHandler, QueueHandler, ScheduleHandler
from tests.deploy.code import Code, Module, Reached
from tests.deploy.stack import ACCOUNT, REGION, Function, Stack

LAMBDAS_OWN = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
"""Of whoever is woken by a queue: Lambda takes and deletes the messages in the function's name."""
_CHANGES: dict[str, Change] = {
    "Put": Put(Key("p", "s"), {}),
    "Delete": Delete(Key("p", "s"), expect=1),
    "Check": Check(Key("p", "s"), expect=1),
    "Count": Count(Key("p", "s"), by=1, cap=1),
}
_ASKING = {"calling", "_calling", "_ask"}
_SETUP = {"open", "close"}

Need = tuple[str, str]
"""(action, resource as `Stack.allowed` names it)"""


@dataclass(frozen=True)
class Needs:
    code: Code
    stack: Stack

    def of(self, function: Function) -> set[Need]:
        """Everything but its logs."""
        reached = self.code.reached(self._starts(function))
        settings, found = function.handler.settings, set[Need]()
        for field in settings.model_fields:
            port = settings.port(field)
            if port is None:
                continue
            url = function.environ[settings.variable(field)]
            for secret in re.findall(r"\{([^}]*)\}", url):
                found |= self._secret(secret)
            if port == "secret":
                found |= self._secret(url)
            elif port == "queue":
                found |= self._queue(url, own=field == "own_queue")
            elif (service := url.partition(":")[0]) in {"dynamodb", "s3", "kms"}:
                found |= set(getattr(self, f"_{service}")(port, url, reached))
        return found

    def _starts(self, function: Function) -> Iterator[str]:
        """The steps, and those adapters of ours whose work asks other ports: the painter asks blobs."""
        handler = function.handler
        steps = handler.routes.values() if isinstance(handler, HttpHandler) else ()
        for step in (handler.step,) if isinstance(handler, QueueHandler | ScheduleHandler) else steps:
            yield f"{step.__module__}:{step.__qualname__}"
        for field in handler.settings.model_fields:
            if (port := handler.settings.port(field)) in {"planner", "renderer", "pinner"}:
                adapter = ADAPTERS[port, function.environ[handler.settings.variable(field)].partition(":")[0]]
                module, _, owner = adapter.partition(":")
                for qualified in self.code.modules[module].definitions:
                    if (
                        qualified.startswith(f"{owner}.")
                        and "._" not in qualified
                        and qualified.partition(".")[2] not in _SETUP
                    ):
                        yield f"{module}:{qualified}"

    # ---- each adapter's resources ----

    def _dynamodb(self, port: str, url: str, reached: Reached) -> Iterator[Need]:
        table = self.stack.named("DynamoDB::Table", "TableName")[_host(url)]
        methods = {method for asked, method in reached.calls if asked == port}
        for method in methods - {"write"}:
            place = f"{table}/index/{DUE_INDEX}" if method == "due" else table
            yield from ((action, place) for action in self._said(port, url, method))
        if "write" in methods:
            for change in reached.made & _CHANGES.keys():
                yield f"dynamodb:{_PERMISSIONS[action_of(_CHANGES[change], '{}', 0)[0]]}", table

    def _s3(self, port: str, url: str, reached: Reached) -> Iterator[Need]:
        bucket = self.stack.named("S3::Bucket", "BucketName")[_host(url)]
        for method, word in reached.blobs:
            for action in self._said(port, url, method):
                yield action, bucket if action == "s3:ListBucket" else f"{bucket}/{word}/*"

    def _kms(self, port: str, url: str, reached: Reached) -> Iterator[Need]:
        purpose = re.search(r"[?&]transaction=([^&]+)", url)
        alias = purpose[1] if purpose else url.removeprefix("kms://").partition("?")[0]
        key = self.stack.of("KMS::Alias")[self.stack.named("KMS::Alias", "AliasName")[alias]]["TargetKeyId"]["Ref"]
        for method in {method for asked, method in reached.calls if asked == port}:
            yield from ((action, key) for action in self._said(port, url, method))

    def _queue(self, url: str, *, own: bool) -> set[Need]:
        queue = self.stack.named("SQS::Queue", "QueueName")[url.rpartition("/")[2]]
        # What a step does with a queue is to send; what the runtime does with the stop's own is to hand back.
        actions = {*self._said("queue", url, "release"), *LAMBDAS_OWN} if own else self._said("queue", url, "send")
        return {(action, queue) for action in actions}

    def _secret(self, url: str) -> set[Need]:
        name = url.removeprefix("ssm://").partition("?")[0]
        return {
            (action, f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}") for action in self._said("secret", url, "read")
        }

    # ---- the adapters' words ----

    def _said(self, port: str, url: str, method: str) -> set[str]:
        """The actions that an adapter names around the calls of a method, its own helpers included."""
        name, _, owner = ADAPTERS[port, url.partition(":")[0]].partition(":")
        module = self.code.modules[name]
        service = next(
            str(node.args[0].value)
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) == "client"
            and isinstance(node.args[0], ast.Constant)
        )
        waiting, seen, said = [f"{owner}.{method}"], set[str](), set[str]()
        while waiting:
            function = module.definitions.get(qualified := waiting.pop())
            if function is None or qualified in seen:
                continue
            seen.add(qualified)
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
                    waiting.append(f"{owner}.{node.attr}")
                if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _ASKING and node.args:
                    said |= _actions(module, service, node.args[0])
        assert said, f"{owner}.{method}: it names no action"
        return said


def _actions(module: Module, service: str, named: ast.expr) -> set[str]:
    """Of `"s3:PutObject"`, `"Sign"` and a constant `"s3:GetObject or s3:ListBucket"`; of what was passed on, none."""
    if isinstance(named, ast.Name):
        named = module.constants.get(named.id, named)
    if not isinstance(named, ast.Constant):
        return set()
    return {each if ":" in each else f"{service}:{each}" for each in re.split(r" or | / ", str(named.value))}


def _host(url: str) -> str:
    return url.partition("://")[2].partition("?")[0]
