"""How a command ends: errors as a sentence and an exit code, Ctrl-C as what to do next, and never a traceback."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from shared.errors import Defect, Invalid, MonoprintError, Transient

P = ParamSpec("P")
R = TypeVar("R")

TRY_AGAIN = 75
_EXIT = {"defect": 70, "transient": TRY_AGAIN}
"""Exit codes of sysexits.h: our fault, and try again; everything else that we refuse is 1, misuse is click's 2."""
_STOPPED = {
    "demo": "Stopped. Nothing is lost: run the demo again and it goes on where it was.",
    "up": "Stopped. Nothing is lost.",
    "package": "Stopped. No zip is half-written; some may be of before.",
    "contract": "Stopped. Nothing is lost: run the same command again and it goes on where it was.",
}
_GOES_ON = "Stopped. Nothing is lost: what was filed goes on while a twin runs (`monoprint up`)."
_GOES_ON_IN_THE_CLOUD = "Stopped. Nothing is lost: what was filed goes on in the cloud."


def ends_well(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose end is told in one sentence, or in one JSON object if it has `as_json`.

    A number that it returns is its exit code.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        as_json = bool(kwargs.get("as_json"))
        try:
            with _signals():
                result = command(*args, **kwargs)
        except MonoprintError as error:
            _fail(error, as_json=as_json)
        except Stopped as stopped:
            goes_on = _GOES_ON_IN_THE_CLOUD if kwargs.get("stage") else _GOES_ON
            sentence = _STOPPED.get(command.__name__, goes_on)
            _complain(sentence, {"code": "stopped", "message": sentence}, as_json=as_json)
            _leave(128 + stopped.signal)
        except BrokenPipeError:  # whoever read us has had enough
            _leave(1)
        code = result if isinstance(result, int) else 0
        _leave_threads(code)
        if code:
            raise SystemExit(code)
        return result

    return run


class Stopped(KeyboardInterrupt):
    """Ctrl-C, or SIGTERM."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


@contextmanager
def _signals() -> Iterator[None]:
    """The first signal ends the command in good order, a second one at once: a kill loses nothing either."""
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        numbers = []

    def stop(number: int, _frame: object) -> NoReturn:
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, handler)


def _leave(code: int) -> NoReturn:
    """End now, without waiting for a thread that still paints."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue
    os._exit(code)


def _leave_threads(code: int) -> None:
    """A worker that did not end in time may still be in the painter's native code, which bears no interpreter's end."""
    if threading.active_count() > 1:
        _leave(code)


def _fail(error: MonoprintError, *, as_json: bool) -> NoReturn:
    told: dict[str, Any] = {"code": error.code, "message": str(error)}
    if isinstance(error, Invalid):
        told |= {"field": error.field, "got": error.got, "wanted": error.wanted}
    told |= getattr(error, "told", {})
    problems = getattr(error, "problems", ())
    if problems:
        told["problems"] = [_problem(problem) for problem in problems]
    text = str(error)
    if len(problems) > 1:
        text += f"\n{len(problems)} problems. Nothing was written."
    _complain(text, told, as_json=as_json)
    code = _exit_code(error, str(told["code"]))
    _leave_threads(code)
    raise SystemExit(code)


def _exit_code(error: MonoprintError, told: str) -> int:
    """By the branch of the error tree, and for what the API answered by the code that it told."""
    branch = "transient" if isinstance(error, Transient) else "defect" if isinstance(error, Defect) else told
    return _EXIT.get(branch, 1)


def _problem(problem: Any) -> dict[str, Any]:
    names = ("file", "line", "column", "field", "got", "wanted")
    return {name: getattr(problem, name) for name in names} | {"message": str(problem)}


def _complain(text: str, told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": told}, ensure_ascii=False))
    else:
        click.echo(text, err=True)
