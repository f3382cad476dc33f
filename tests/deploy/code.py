"""The project's own code as a graph: which functions a step reaches, and what they ask of the ports.

Read from the source, nothing is run. Where it cannot be told which of several is called, all are: too much rather than
too little. It rests on two habits of the code, both of which it checks: a port is always called by its own name
(`ledger`, `blobs`), and a blob's key begins with a word that is written out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shared.request import FINAL, TRANSITIONS, State

ROOT = Path(__file__).parents[2]
PORTS = {
    "Ledger": "ledger", "Blobs": "blobs", "Keys": "keys", "Planner": "planner", "Renderer": "renderer",
    "Pinner": "pinner", "Chain": "chain", "Signer": "signer",
}  # fmt: skip
"""A protocol, and what every variable that holds one is called."""
RELEASING = "shared.records.holds:releasing"
"""Reached by every move of a request, called only by those that end it."""
ENDINGS = {
    event.name
    for onward in TRANSITIONS.values()
    for event, state in onward.items()
    if state in FINAL and state is not State.MINTED
}


@dataclass
class Module:
    name: str
    tree: ast.Module
    definitions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    """Qualified name -> function."""
    classes: set[str] = field(default_factory=set)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    """Name here -> dotted name there."""

    def __post_init__(self) -> None:
        for node in self.tree.body:
            self._take(node, "")
        for each in ast.walk(self.tree):
            if isinstance(each, ast.ImportFrom) and each.module:
                self.imports |= {alias.asname or alias.name: f"{each.module}.{alias.name}" for alias in each.names}

    def _take(self, node: ast.stmt, within: str) -> None:
        if isinstance(node, ast.FunctionDef):
            self.definitions[within + node.name] = node
        elif isinstance(node, ast.ClassDef):
            self.classes.add(node.name)
            for inner in node.body:
                self._take(inner, f"{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and not within:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            self.constants |= {target.id: node.value for target in targets if isinstance(target, ast.Name)}


@dataclass
class Reached:
    """What a step and all that it calls ask for."""

    calls: set[tuple[str, str]] = field(default_factory=set)
    """(port, method)"""
    blobs: set[tuple[str, str]] = field(default_factory=set)
    """(method of blobs, first word of the key)"""
    made: set[str] = field(default_factory=set)
    """Names from shared.ports.ledger that are called: the kinds of changes."""
    events: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)


class Code:
    def __init__(self) -> None:
        self.modules: dict[str, Module] = {}
        for path in sorted(file for top in ("functions", "shared") for file in (ROOT / top).rglob("*.py")):
            dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            self.modules[dotted] = Module(dotted, ast.parse(path.read_bytes()))

    def reached(self, starts: Iterable[str]) -> Reached:
        """From functions named `module:qualified.name`. What only an ending needs is in it if something ends."""
        names = list(starts)
        found = self._reached(names, without={RELEASING})
        return self._reached(names, without=set()) if found.events & ENDINGS else found

    def _reached(self, starts: Iterable[str], *, without: set[str]) -> Reached:
        found, waiting = Reached(), list(starts)
        while waiting:
            name = waiting.pop()
            if name in found.seen or name in without:
                continue
            found.seen.add(name)
            module, _, qualified = name.partition(":")
            function = self.modules[module].definitions[qualified]
            _check_names(name, function)
            waiting += self._look_at(self.modules[module], qualified, function, found)
        return found

    def _look_at(self, module: Module, within: str, function: ast.FunctionDef, found: Reached) -> Iterator[str]:
        nodes: list[ast.AST] = list(function.body)
        constants: set[str] = set()
        while nodes:
            node = nodes.pop()
            nodes += ast.iter_child_nodes(node)
            if isinstance(node, ast.Name) and node.id in module.constants and node.id not in constants:
                constants.add(node.id)
                nodes.append(module.constants[node.id])
            if isinstance(node, ast.Call):
                self._note_call(module, function, node, found)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Event":
                found.events.add(node.attr)
            if isinstance(node, ast.Name | ast.Attribute):
                yield from self._meant(module, within, node)

    def _note_call(self, module: Module, function: ast.FunctionDef, call: ast.Call, found: Reached) -> None:
        if isinstance(call.func, ast.Name):
            origin, _, name = module.imports.get(call.func.id, "").rpartition(".")
            if origin == "shared.ports.ledger":
                found.made.add(name)
        elif isinstance(call.func, ast.Attribute) and (port := _port(call.func.value)):
            found.calls.add((port, call.func.attr))
            if port == "blobs":
                place = self.first_word(module, function, call.args[0]) if call.args else ""
                found.blobs.add((call.func.attr, place))

    def _meant(self, module: Module, within: str, node: ast.Name | ast.Attribute) -> Iterator[str]:
        """The functions of ours that an expression may name."""
        dotted = _dotted(node)
        if dotted is None or not isinstance(node.ctx, ast.Load):
            if isinstance(node, ast.Attribute):
                yield from self._methods(node.attr)
            return
        first, _, rest = dotted.partition(".")
        if first == "self" and rest:
            yield from self._in(module, f"{within.partition('.')[0]}.{rest}")
        elif first in module.imports:
            yield from self._from(f"{module.imports[first]}.{rest}".rstrip("."))
        elif list(self._in(module, dotted)):
            yield from self._in(module, dotted)
        elif isinstance(node, ast.Attribute) and _port(node.value) is None:
            yield from self._methods(node.attr)

    def _from(self, dotted: str) -> Iterator[str]:
        parts = dotted.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            if (module := self.modules.get(".".join(parts[:cut]))) is not None:
                yield from self._in(module, ".".join(parts[cut:]))
                return

    @staticmethod
    def _in(module: Module, qualified: str) -> Iterator[str]:
        if qualified in module.definitions:
            yield f"{module.name}:{qualified}"

    def _methods(self, name: str) -> Iterator[str]:
        """Every method of that name outside the ports: whose it is cannot be seen."""
        for module in self.modules.values():
            if not module.name.startswith("shared.ports"):
                for owner in module.classes:
                    yield from self._in(module, f"{owner}.{name}")

    def first_word(self, module: Module, function: ast.FunctionDef, key: ast.expr) -> str:
        """`jobs` of a key that is made as `f"jobs/{...}"`, here or in a function that is called for it."""
        if isinstance(key, ast.JoinedStr | ast.Constant):
            first = key.values[0] if isinstance(key, ast.JoinedStr) else key
            if isinstance(first, ast.Constant) and "/" in str(first.value):
                return str(first.value).partition("/")[0]
            if isinstance(first, ast.FormattedValue):
                return self.first_word(module, function, first.value)
        if isinstance(key, ast.Name):
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and any(ast.unparse(target) == key.id for target in node.targets):
                    return self.first_word(module, function, node.value)
        if isinstance(key, ast.Call) and isinstance(key.func, ast.Name | ast.Attribute):
            for name in self._meant(module, "", key.func):
                origin, _, qualified = name.partition(":")
                maker = self.modules[origin].definitions[qualified]
                for node in ast.walk(maker):
                    if isinstance(node, ast.Return) and node.value is not None:
                        return self.first_word(self.modules[origin], maker, node.value)
        raise AssertionError(f"{module.name}:{key.lineno}: the first word of a blob's key cannot be read")


def _check_names(name: str, function: ast.FunctionDef) -> None:
    for argument in (*function.args.args, *function.args.kwonlyargs):
        protocol = ast.unparse(argument.annotation) if argument.annotation else ""
        wanted = PORTS.get(protocol)
        # `Signer` is also a record of one; only the port's is a port.
        if wanted and argument.arg.lstrip("_") != wanted and not name.startswith("shared.records.transactions:"):
            raise AssertionError(f"{name}: got {argument.arg}: {protocol}, wanted the name {wanted}")


def _port(node: ast.expr) -> str | None:
    """`ledger` of `ledger` and of `self._ledger`."""
    name = node.id if isinstance(node, ast.Name) else ""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        name = node.attr.lstrip("_")
    return name if name in PORTS.values() else None


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    inner = _dotted(node.value) if isinstance(node, ast.Attribute) else None
    return f"{inner}.{node.attr}" if isinstance(node, ast.Attribute) and inner else None
