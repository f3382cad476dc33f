"""What one of our modules says in its text: which imports it can do without, which files and AWS services it uses.

All of it is read, nothing is run. What cannot be told from the text is refused with its line, so that a zip never
lacks what nobody saw.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from shared.errors import Defect

_MISSING = {"ImportError", "ModuleNotFoundError"}
_OPENS_ADAPTERS = "shared.ports.open"
_AWS = "shared.ports.aws"


class Source:
    def __init__(self, root: Path, module: str) -> None:
        folder = root.joinpath(*module.split("."))
        self.root = root
        self.module = module
        self.path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_bytes(), self.path)

    @cached_property
    def optional_lines(self) -> frozenset[int]:
        """Lines of a `try` that an `except ImportError` follows: who writes that can do without what is imported."""
        lines: set[int] = set()
        for node in self._nodes:
            if isinstance(node, ast.Try) and any(_names(handler.type) & _MISSING for handler in node.handlers):
                for statement in node.body:
                    lines |= set(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
        return frozenset(lines)

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def check_imports(self) -> None:
        """Refuse an import by name: only the table of adapters may have one, and that table we read ourselves. And
        refuse the ways to a file beside the code that `data_files` does not know."""
        for call in self._calls():
            if self.module != _OPENS_ADAPTERS and _names(call.func) & {"import_module", "__import__"}:
                raise self._unclear(call, "an import by name", "an import statement, or an adapter's URL")

        for node in self._nodes:
            if isinstance(node, ast.ImportFrom) and node.module in {"importlib.resources", "pkgutil"}:
                if {alias.name for alias in node.names} - {"files"}:
                    raise self._unclear(node, f"an import from {node.module}", "files from importlib.resources")
            elif isinstance(node, ast.Import) and "pkgutil" in {alias.name for alias in node.names}:
                raise self._unclear(node, "an import of pkgutil", "files from importlib.resources")

    @cached_property
    def data_files(self) -> frozenset[Path]:
        """The files beside the code that the module reads: what `Path(__file__)...` and `files(package)...` lead to."""
        return frozenset(self._data_below(self.tree))

    @cached_property
    def services(self) -> frozenset[str]:
        """The AWS services that it makes a client of, by botocore's names."""
        clients = {
            alias.asname or alias.name
            for node in self._nodes
            if isinstance(node, ast.ImportFrom) and node.module == _AWS
            for alias in node.names
            if alias.name == "client"
        }
        found: set[str] = set()
        for call in self._calls():
            if isinstance(call.func, ast.Name) and call.func.id in clients:
                service = call.args[0] if call.args else None
                if not isinstance(service, ast.Constant) or not isinstance(service.value, str):
                    raise self._unclear(call, "a client of a service that is not written out", 'client("sqs", ...)')
                found.add(service.value)
        return frozenset(found)

    def _calls(self) -> Iterator[ast.Call]:
        return (node for node in self._nodes if isinstance(node, ast.Call))

    def _data_below(self, node: ast.AST) -> Iterator[Path]:
        try:
            place = self._place(node)
        except (ValueError, IndexError) as error:
            raise self._unclear(
                node, "a path from this module that is worked out", "one that is written out"
            ) from error
        if place is None:
            for child in ast.iter_child_nodes(node):
                yield from self._data_below(child)
        elif place.is_dir():
            if place in (self.root, *self.root.parents):
                raise self._unclear(node, "the whole project as data", "a path that leads to the file, written out")
            yield from (path for path in sorted(place.rglob("*")) if path.is_file() and _is_data(path))
        elif not place.is_file():
            raise self._unclear(node, f"a path to {place.name}, which is not there", "a file")
        elif _is_data(place):
            yield place

    def _place(self, node: ast.AST) -> Path | None:
        """Where an expression leads from the module's own place; None if it starts elsewhere."""
        match node:
            case ast.Name("__file__"):
                return self.path
            case ast.Call(ast.Name("files") | ast.Attribute(ast.Attribute(_, "resources"), "files"), [package]):
                name = ast.literal_eval(package)
                return self.root.joinpath(*name.split("."))
            case ast.Call(ast.Name("Path") | ast.Attribute(ast.Name("pathlib"), "Path"), [inner]):
                return self._place(inner)
            case ast.Call(ast.Attribute(inner, "resolve" | "absolute"), []):
                return self._place(inner)
            case ast.Attribute(inner, "parent"):
                return (place := self._place(inner)) and place.parent
            case ast.Subscript(ast.Attribute(inner, "parents"), index):
                return (place := self._place(inner)) and place.parents[ast.literal_eval(index)]
            case ast.BinOp(inner, ast.Div(), step):
                return (place := self._place(inner)) and place / ast.literal_eval(step)
            case ast.Call(ast.Attribute(inner, "joinpath"), steps) if place := self._place(inner):
                return place.joinpath(*map(ast.literal_eval, steps))
            case ast.Call(ast.Attribute(inner, "with_name"), [name]) if place := self._place(inner):
                return place.with_name(ast.literal_eval(name))
        return None

    def _unclear(self, node: ast.AST, got: str, wanted: str) -> Defect:
        line = getattr(node, "lineno", 1)
        return Defect(f"{self.path.relative_to(self.root)}:{line}: got {got}, wanted {wanted}: what a zip must hold")


def _names(node: ast.expr | None) -> set[str]:
    """`ImportError`, `builtins.ImportError`, `(ImportError, OSError)`: the last names of them."""
    if isinstance(node, ast.Tuple):
        return {name for element in node.elts for name in _names(element)}
    return {node.id} if isinstance(node, ast.Name) else {node.attr} if isinstance(node, ast.Attribute) else set()


def _is_data(path: Path) -> bool:
    return path.suffix not in {".py", ".pyc"}
