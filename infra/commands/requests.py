"""Commands about requests: file one, follow it, look at it, and give a verdict."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.commands.options import at_api, log_of
from infra.ending import TRY_AGAIN
from shared.errors import NotFound

if TYPE_CHECKING:
    from infra.client import Client
    from infra.deploy.stage import Stage
    from infra.progress import Log
    from infra.twin.home import Home

_FOR_A_HUMAN = {"in_review", "parked"}


@click.command(short_help="Ask for one print, and follow it until it is minted.")
@at_api
@click.option("--collection", "slug", required=True, help="Slug of a published collection.")
@click.option(
    "--collector",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file: owner, collector, data, consent.",
)
@click.option("--key", default=None, help="Idempotency key; the same key never mints twice.  [default: a random one]")
def request(place: Home | Stage, api_key: str | None, as_json: bool, slug: str, file: Path, key: str | None) -> int:
    """File one mint request and follow it until it is minted, refused, or waits for a human.

    The exit code is 1 if it ended without a token, and 75 if it did not end within ten minutes.

    \b
    Example:
      monoprint request --collection ember-order --collector me.json --key birthday-2026
    """
    from infra.client import Refused

    log = log_of(as_json)
    with _client(place, api_key, log) as client:
        try:
            receipt = client.file(slug, file.read_bytes(), idempotency_key=key or f"cli-{secrets.token_hex(8)}")
        except Refused as error:
            raise error.about(file) from error
        log.say(f"request {receipt['id']} is filed")
        story = _follow(client, log, receipt["id"], file.stem)
        _show(story, as_json, place)
    return exit_code(story, "minted", place)


@click.command(short_help="Tell a request's whole story.")
@at_api
@click.argument("request_id")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Save its picture there, as PNG.",
)
def status(place: Home | Stage, api_key: str | None, as_json: bool, request_id: str, picture: Path | None) -> None:
    """Tell a request's whole story: where it is, why it looks as it does, what happened when.

    \b
    Example:
      monoprint status REQUEST_ID --picture print.png
    """
    with _client(place, api_key) as client:
        story = client.story(request_id)
        if picture is not None:
            if story["picture"] is None:
                raise NotFound(f"picture: request {request_id[:8]} has none yet; it is {story['state']}")
            picture.write_bytes(client.picture(story))
        _show(story, as_json, place)


@click.command(short_help="List what waits for a human's verdict.")
@at_api
def review(place: Home | Stage, api_key: str | None, as_json: bool) -> None:
    """List what waits for a human's verdict, the longest waiting first.

    \b
    Example:
      monoprint review
    """
    with _client(place, api_key) as client:
        waiting = client.waiting()
    if as_json:
        click.echo(json.dumps({"requests": waiting}, ensure_ascii=False))
        return
    for story in waiting:
        click.echo(
            f"{story['id']}\n  {story['collection']}, attempt {story['attempt']}: {story['history'][-1]['cause']}"
        )
        if story["picture"]:
            click.echo(f"  {story['picture']['url']}")
    told = f"Next: monoprint approve REQUEST_ID{place.option} (or reject, redraw)"
    click.echo(told if waiting else "Nothing waits for you.")


def _verdict_command(verdict: str, short: str, told: str, *, happy: str = "minted") -> click.Command:
    unhappy = "ended without a token" if happy == "minted" else f"ended other than {happy}"

    @click.command(
        verdict,
        short_help=short,
        help=f"""{told}

    The verdict is on the picture that is under review now. The request is followed until it is minted, ended, or
    waits for a human again. The exit code is 1 if it {unhappy}, and 75 if it did not end within ten minutes.

    \b
    Example:
      monoprint {verdict} REQUEST_ID --note "what decided it"
    """,
    )
    @at_api
    @click.argument("request_id")
    @click.option("--note", default="", help="Why; kept with the verdict, at most 500 characters.")
    def command(place: Home | Stage, api_key: str | None, as_json: bool, request_id: str, note: str) -> int:
        log = log_of(as_json)
        with _client(place, api_key, log) as client:
            picture = client.story(request_id)["picture"]
            client.verdict(request_id, verdict, picture["sha256"] if picture else None, note)
            story = _follow(client, log, request_id, request_id[:8])
            _show(story, as_json, place)
        return exit_code(story, happy, place)

    return command


approve = _verdict_command(
    "approve", "Say yes to a picture.", "Approve a picture that waits for a human: it is stored and minted."
)
reject = _verdict_command(
    "reject", "Say no to a request.", "Reject a request that waits for a human. Nothing is minted.", happy="rejected"
)
redraw = _verdict_command("redraw", "Have a picture drawn again.", "Have a picture that waits for a human drawn again.")


# ---- together ---------------------------------------------------------------------------------------------------


def _client(place: Home | Stage, api_key: str | None, log: Log | None = None) -> AbstractContextManager[Client]:
    from infra.joining import client_of

    return client_of(place, api_key, (log or log_of(True)).say)


def _follow(client: Client, log: Log, request_id: str, name: str) -> Mapping[str, Any]:
    """The story at its end, or where only a human can go on."""
    from infra.progress import Progress, final, follow

    with Progress(log, {request_id: name}) as progress:
        return follow(
            client.story,
            [request_id],
            progress.show,
            until=lambda told: final(told) or told["state"] in _FOR_A_HUMAN,
            poll_s=client.poll_s,
        )[0]


def exit_code(story: Mapping[str, Any], happy: str, place: Home | Stage) -> int:
    """Of a followed request: a happy end, another end, a wait for a human, or none of these yet."""
    from infra.progress import final

    if final(story):
        return 0 if story["state"] == happy else 1
    if story["state"] in _FOR_A_HUMAN:
        return 0
    look = f"monoprint status {story['id']}{place.option}"
    click.echo(f"It goes on {place.goes_on}. Look at it: {look}", err=True)
    return TRY_AGAIN


def _show(story: Mapping[str, Any], as_json: bool, place: Home | Stage) -> None:
    if as_json:
        click.echo(json.dumps(story, ensure_ascii=False))
        return
    from rich.console import Console

    from infra.progress import tell

    tell(Console(highlight=False), story, option=place.option)
