"""JSON from outside, read strictly: bounded in depth, finite, each name once.

The depth is counted before parsing: a library may have raised Python's recursion limit (importing web3 does), and a
deeply nested text would then end the process instead of raising an error.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from shared.errors import Invalid

MAX_DEPTH = 64
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[{\]}]")


def loads(text: str | bytes, *, field: str) -> Any:
    """The value. Raises `Invalid` naming `field` and the place of the fault, never quoting the text."""
    try:
        text = text.decode() if isinstance(text, bytes) else text
        _check_depth(text, field)
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_each_once)
    except UnicodeDecodeError as error:
        raise Invalid(field, f"bytes that are not UTF-8 at byte {error.start}", "JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        raise Invalid(field, f"no JSON at line {error.lineno}, column {error.colno}", "JSON") from error
    except ValueError as error:
        raise Invalid(field, str(error), "JSON that every reader takes alike") from error


def _check_depth(text: str, field: str) -> None:
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise Invalid(field, f"more than {MAX_DEPTH} levels of nesting", f"at most {MAX_DEPTH}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in one object")
    return found
