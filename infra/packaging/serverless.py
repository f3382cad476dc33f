"""Reads `serverless.yml`: which functions there are, which handler each has, and what its environment says.

Nothing is deployed here, so a variable may have several texts: one for each stage that `params` tells of. What is
known only when the stack is made (`${aws:accountId}`, a `Ref`) stays in the text as `${...}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared.errors import Invalid, NotFound

_VARIABLE = re.compile(r"\$\{([^${}]+)\}")
_RUNTIME = re.compile(r"python(3\.[0-9]+)")
_LATER = "${...}"


@dataclass(frozen=True)
class Function:
    name: str
    handler: str
    """Dotted: `functions.intake.handler`."""
    artifact: str
    """The zip's path from the project's root, as the function names it."""
    environment: Mapping[str, tuple[str, ...]]
    """Each variable with every text that a stage may give it."""

    @property
    def module(self) -> str:
        return self.handler.rpartition(".")[0]


@dataclass(frozen=True)
class Service:
    functions: Mapping[str, Function]
    python: str
    """Of the runtime: `3.13`."""
    architecture: str

    def chosen(self, names: str | None) -> list[Function]:
        """The functions in `names`, with commas between them; all of them for None. Raises `NotFound`."""
        wanted = list(self.functions) if names is None else [name.strip() for name in names.split(",") if name.strip()]
        if unknown := [name for name in wanted if name not in self.functions]:
            raise NotFound(f"function: got {unknown[0]!r}, wanted one of: {', '.join(self.functions)}")
        return [self.functions[name] for name in dict.fromkeys(wanted)]


def read_service(path: Path, given: Mapping[str, str] | None = None) -> Service:
    """`given`: parameters that stand above those of the file, as `osls deploy --param` takes them.

    Raises: `Invalid` naming the entry that is not as it should be.
    """
    try:
        described = yaml.load(path.read_text(), _Loader)  # noqa: S506 - a SafeLoader that knows CloudFormation's tags
    except FileNotFoundError as error:
        raise Invalid(path.name, "no such file", "the deployment's description") from error
    except yaml.YAMLError as error:
        raise Invalid(path.name, f"no YAML ({error})", "the deployment's description") from error
    if not isinstance(described, dict) or not isinstance(described.get("functions"), dict):
        raise Invalid(f"{path.name}: functions", "no mapping", "name -> function, in this file")
    provider = described.get("provider") or {}
    runtime = _RUNTIME.fullmatch(str(provider.get("runtime")))
    if runtime is None:
        raise Invalid(f"{path.name}: provider.runtime", repr(provider.get("runtime")), "python3.N")
    stages = [_Stage(described, name, {**params, **(given or {})}) for name, params in _stages(described)]
    functions = {name: _function(path.name, name, entry, stages) for name, entry in described["functions"].items()}
    return Service(functions, runtime[1], str(provider.get("architecture", "x86_64")))


def _function(file: str, name: str, entry: Any, stages: list[_Stage]) -> Function:
    where = f"{file}: functions.{name}"
    handler = entry.get("handler") if isinstance(entry, dict) else None
    if not isinstance(handler, str) or "." not in handler:
        raise Invalid(f"{where}.handler", repr(handler), "module.name, such as functions.intake.handler")
    artifact = (entry.get("package") or {}).get("artifact")
    if not isinstance(artifact, str) or not artifact.endswith(".zip"):
        raise Invalid(f"{where}.package.artifact", repr(artifact), "the path of its zip, such as dist/intake.zip")
    texts: dict[str, dict[str, None]] = {}  # a set that keeps its order
    for stage in stages:
        for variable, value in stage.environment(entry).items():
            texts.setdefault(str(variable), {})[stage.text(value)] = None
    return Function(name, handler.replace("/", "."), artifact, {each: tuple(said) for each, said in texts.items()})


def _stages(described: Mapping[str, Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Every stage that has parameters of its own, and the one that has none."""
    params = described.get("params") or {}
    common = params.get("default") or {}
    yield None, common
    for name, own in params.items():
        if name != "default":
            yield str(name), common | (own or {})


class _Stage:
    """One stage's view of the description: fills in `${self:}`, `${param:}` and the stage's own name."""

    def __init__(self, described: Mapping[str, Any], name: str | None, params: Mapping[str, Any]) -> None:
        self._described = described
        self._name = name
        self._params = params

    def environment(self, function: Mapping[str, Any]) -> dict[str, Any]:
        """The function's own variables before the provider's."""
        provider = self._described.get("provider") or {}
        both = (self._filled(owner.get("environment")) or {} for owner in (provider, function))
        return {name: value for own in both for name, value in own.items()}

    def text(self, value: Any) -> str:
        """What CloudFormation would make of it, as far as that is known."""
        value = self._filled(value)
        if isinstance(value, list):
            return "".join(self.text(part) for part in value)
        if not isinstance(value, dict):
            return str(value)
        (kind, given), *_ = [*value.items(), ("", "")]
        if kind == "Fn::Join" and isinstance(given, list) and len(given) == 2 and isinstance(given[1], list):
            return str(given[0]).join(self.text(part) for part in given[1])
        if kind != "Fn::Sub":
            return _LATER
        template, named = (*given, {})[:2] if isinstance(given, list) else (given, {})
        return _VARIABLE.sub(lambda v: self.text(named[v[1]]) if v[1] in named else v[0], self.text(template))

    def _filled(self, value: Any) -> Any:
        """A text with its variables filled in; what a variable alone stands for may be anything."""
        seen: set[str] = set()
        while isinstance(value, str) and value not in seen:
            seen.add(value)
            alone = _VARIABLE.fullmatch(value)
            value = self._meant(alone) if alone else _VARIABLE.sub(lambda v: str(self._meant(v)), value)
        return value

    def _meant(self, variable: re.Match[str]) -> Any:
        said, has_default, default = variable[1].partition(",")
        kind, _, key = said.strip().partition(":")
        found: Any = None
        if kind == "self":
            found = self._described
            for step in key.split("."):
                found = found.get(step) if isinstance(found, dict) else None
        elif kind == "param":
            found = self._params.get(key)
        elif (kind, key) in {("sls", "stage"), ("opt", "stage")}:
            found = self._name
        if found is None and has_default:
            found = default.strip().strip("'\"")
        # Text that would not be text (a mapping in the middle of a string) is left as it stands.
        return variable[0] if found is None else found


class _Loader(yaml.SafeLoader):
    """Knows `!Sub`, `!Ref` and their like by their long names."""


def _tagged(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _tagged)
