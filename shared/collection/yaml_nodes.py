"""Reads YAML as plain data, with the line and column of everything, and without YAML's surprises.

Refused by name: anchors and aliases (a few lines that unfold to gigabytes), tags, duplicate keys, deep nesting, more
than one document. Said helpfully: `No` that YAML takes for false, `-.5` that it takes for text.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.error import Mark, MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from shared.collection.problems import Loc, Problem, dotted

MAX_DEPTH = 24
_PLAIN = "tag:yaml.org,2002:"
_NUMBERLIKE = re.compile(r"[-+]\.\d+([eE][-+]?\d+)?|[-+]?(\d+\.?\d*|\.\d+)[eE]\d+|[-+]?\d+[eE][-+]?\d+", re.ASCII)


class _Refused(MarkedYAMLError):
    pass


def _refused(got: str, wanted: str, event: Any) -> _Refused:
    return _Refused(problem=got, note=wanted, problem_mark=event.start_mark)


class _Loader(yaml.SafeLoader):
    """Composes nodes; never constructs a Python object other than text and numbers."""

    _depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refused(f"the alias *{event.anchor}", "no anchors or aliases: write it out", event)
        if getattr(event, "anchor", None) is not None:
            raise _refused(f"the anchor &{event.anchor}", "no anchors or aliases: write it out", event)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _refused(f"nesting {self._depth} deep", f"at most {MAX_DEPTH}", event)
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class Document:
    """A YAML file: its `data`, its `problems` so far, and where everything stands."""

    def __init__(self, file: str, text: bytes) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.data: Any = None
        self._root: Node | None = None
        try:
            loader = _Loader(text.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            self._say(text.count(b"\n", 0, error.start) + 1, 1, "", "bytes that are not UTF-8", "UTF-8 text")
            return
        except ReaderError as error:
            self._say(1, 1, "", f"the character U+{int(error.character):04X}", "text without control characters")
            return
        try:
            self._root = loader.get_single_node()
        except _Refused as error:
            self._say_at(error.problem_mark, "", error.problem or "", error.note or "")
        except MarkedYAMLError as error:
            self._say_at(
                error.problem_mark or error.context_mark,
                "",
                error.problem or "no YAML",
                "YAML: " + (error.context or "see its line"),
            )
        else:
            if self._root is not None:
                self.data = self._value(self._root, ())
            if self.data is None and not self.problems:
                self._say(1, 1, "", "an empty file", "a mapping")
        finally:
            loader.dispose()

    def _say(self, line: int, column: int, field: str, got: str, wanted: str) -> None:
        self.problems.append(Problem(self.file, line, column, field, got, wanted))

    def _say_at(self, mark: Mark | None, field: str, got: str, wanted: str) -> None:
        self._say((mark.line if mark else 0) + 1, (mark.column if mark else 0) + 1, field, got, wanted)

    def _value(self, node: Node, loc: Loc) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node, loc)
        if isinstance(node, SequenceNode):
            return [self._value(child, (*loc, at)) for at, child in enumerate(node.value)]
        return self._scalar(node, loc)

    def _mapping(self, node: MappingNode, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self._say_at(key.start_mark, dotted(loc), "a list or mapping as a key", "a name")
                continue
            name = str(key.value)
            if key.tag not in (_PLAIN + "str", _PLAIN + "value", _PLAIN + "timestamp"):
                self._say_at(key.start_mark, dotted(loc), self._read_as(key), f"a name; write it in quotes: '{name}'")
            elif name in found:
                self._say_at(key.start_mark, dotted((*loc, name)), f"the key {name!r} twice", "each key once")
                continue
            found[name] = self._value(child, (*loc, name))
        return found

    @staticmethod
    def _read_as(node: ScalarNode) -> str:
        kind = node.tag.removeprefix(_PLAIN)
        names = {"bool": "true or false", "int": "a number", "float": "a number", "null": "nothing", "merge": "a merge"}
        return f"{node.value}, which YAML reads as {names.get(kind, kind)}"

    def _scalar(self, node: Node, loc: Loc) -> Any:
        text, kind = str(node.value), node.tag.removeprefix(_PLAIN)
        if kind in ("str", "timestamp", "value"):
            if getattr(node, "style", None) is None and _NUMBERLIKE.fullmatch(text):
                wanted = f"a number with digits before and after the point: {_spelled(text)}"
                self._say_at(node.start_mark, dotted(loc), f"{text}, which YAML reads as text", wanted)
            return text
        if kind == "bool":
            return text.lower() in ("yes", "true", "on")
        if kind == "null":
            return None
        try:
            if kind == "int" and re.fullmatch(r"[-+]?(0|[1-9][0-9_]*)", text, re.ASCII) and len(text) <= 100:
                return int(text.replace("_", ""))
            if kind == "float" and ":" not in text:
                return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            pass
        if kind in ("int", "float"):
            return Odd(text)
        self._say_at(node.start_mark, dotted(loc), f"the tag {node.tag}", "plain YAML without tags")
        return None

    def place(self, loc: Loc, *, key: bool = False) -> tuple[int, int, str]:
        """(line, column, path) of what pydantic calls `loc`, or of the nearest thing around it that is there.

        A scalar is shown itself, since that is what has to be mended; `key`: its key, when that is the mistake.
        """
        node, mark, path = self._root, None, list[str | int]()
        for part in loc:
            step: tuple[Mark, Node] | None = None
            if isinstance(node, MappingNode):
                step = next(((name.start_mark, child) for name, child in node.value if name.value == str(part)), None)
            elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
                step = (node.value[part].start_mark, node.value[part])
            if part != "[key]":
                path.append(part)
            if step is not None:
                mark, node = step
        if mark is None and node is not None:
            mark = node.start_mark
        if isinstance(node, ScalarNode) and not key and node.start_mark.line >= (mark.line if mark else 0):
            mark = node.start_mark
        return (mark.line if mark else 0) + 1, (mark.column if mark else 0) + 1, dotted(path)


class Odd(str):
    """A number in one of YAML's other spellings (0x1F, 1:30, 010): kept as text, so that nothing is guessed."""


def _spelled(text: str) -> str:
    try:
        return f"{float(text):.12f}".rstrip("0").rstrip(".") + ("" if float(text) % 1 else ".0")
    except (ValueError, OverflowError):
        return "-0.5"
