"""What commands have in common: the place that they work on, JSON, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from infra.ending import ends_well
from shared.errors import Defect

if TYPE_CHECKING:
    from infra.deploy.stage import Stage
    from infra.progress import Log
    from infra.twin.home import Home

P = ParamSpec("P")
R = TypeVar("R")

_OF_A_STAGE = {"region": "--region", "endpoint": "--endpoint", "api_key": "--api-key"}

_HOME = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".monoprint"),
    envvar="MONOPRINT_HOME",
    show_default=True,
    show_envvar=True,
    help="Folder that keeps everything: ledger, queues, pictures, chain, keys.",
)
_STAGE = click.option("--stage", default=None, help="Instead of a home: what `osls deploy --stage` put on AWS.")
_REGION = click.option("--region", default=None, help="Where the stage is.  [default: eu-central-1]")
_ENDPOINT = click.option("--endpoint", default=None, envvar="AWS_ENDPOINT_URL", hidden=True, help="An emulator of AWS.")
_API_KEY = click.option(
    "--api-key",
    default=None,
    envvar="MONOPRINT_API_KEY",
    show_envvar=True,
    help="A stage's API key, made by `monoprint key`.",
)


def with_json(command: Callable[P, R]) -> Callable[P, R]:
    option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines to read.")
    return option(ends_well(command))


def at_home(command: Callable[P, R]) -> Callable[P, R]:
    """A command for this machine alone. It gets `home`, a path."""
    return _HOME(with_json(command))


def at_place(command: Callable[..., R]) -> Callable[..., R]:
    """A command for this machine or a stage. It gets `place`."""
    return _HOME(_STAGE(_REGION(_ENDPOINT(with_json(_placed(command))))))


def at_api(command: Callable[..., R]) -> Callable[..., R]:
    """A command that speaks to the HTTP API of this machine or of a stage. It gets `place` and `api_key`."""
    return _HOME(_STAGE(_REGION(_API_KEY(_ENDPOINT(with_json(_placed(command)))))))


def _placed(command: Callable[..., R]) -> Callable[..., R]:
    @wraps(command)
    def placed(home: Path, stage: str | None, region: str | None, endpoint: str | None, **rest: Any) -> R:
        return command(place=_place(home, stage, region, endpoint), **rest)

    return placed


def _place(home: Path, stage: str | None, region: str | None, endpoint: str | None) -> Home | Stage:
    if stage is None:
        if strays := [name for parameter, name in _OF_A_STAGE.items() if _was_given(parameter)]:
            raise click.UsageError(f"{strays[0]}: got it without --stage, wanted both or neither.")
        from infra.twin.home import Home

        return Home.at(home)
    if _was_given("home"):
        raise click.UsageError("--home and --stage: got both, wanted one of them: this machine, or AWS.")
    try:
        from infra.deploy.stage import REGION, Stage
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "botocore":
            raise
        raise Defect("--stage: AWS's library is not installed (botocore): run `make setup-dev`") from error
    return Stage.at(stage, region or REGION, endpoint)


def _was_given(parameter: str) -> bool:
    """On the command line. What stands in the environment is for whom it may concern."""
    return click.get_current_context().get_parameter_source(parameter) is ParameterSource.COMMANDLINE


def log_of(as_json: bool) -> Log:
    from rich.console import Console

    from infra.progress import Log

    return Log(Console(stderr=as_json, highlight=False))
