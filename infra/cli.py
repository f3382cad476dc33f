"""The command line. Each command is short: what it does lives in the modules beside this one."""

from __future__ import annotations

import io
import json
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from infra.ending import TRY_AGAIN, Stopped, ends_well
from shared.errors import NotFound

if TYPE_CHECKING:
    from infra.client import Client
    from infra.progress import Log

_FOR_A_HUMAN = {"in_review", "parked"}
P = ParamSpec("P")
R = TypeVar("R")


# ---- what every command has in common ---------------------------------------------------------------------------


def _home(command: Callable[P, R]) -> Callable[P, R]:
    return click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(".monoprint"),
        envvar="MONOPRINT_HOME",
        show_default=True,
        show_envvar=True,
        help="Folder that keeps everything: ledger, queues, pictures, chain, keys.",
    )(_json(command))


def _json(command: Callable[P, R]) -> Callable[P, R]:
    option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines to read.")
    return option(ends_well(command))


class _InOrder(click.Group):
    """Commands in the order in which they are written here, which is that of a first day."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="monoprint")
def main() -> None:
    """Monoprint: prints that are pulled once.

    The artist writes a collection's aesthetic DNA, a collector consents to share something of theirs, and Monoprint
    makes of both a picture that is on brand and theirs, stores it for good and mints it exactly once. Everything here
    runs on this machine, without an account.

    \b
    First steps:
      monoprint demo           six collectors, six prints, six tokens
      monoprint check DIR      is my collection well-formed?
      monoprint publish DIR    put it on sale
      monoprint request --collection ember-order --collector me.json
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that this terminal cannot write must not end a command


# ---- commands ---------------------------------------------------------------------------------------------------


@main.command(short_help="Mint the sample collection's six prints.")
@_home
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Where pictures, metadata, CAR files, index.html and demo.json go.",
)
@click.option(
    "--collection",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="A collection folder with collectors/*.json.  [default: the sample, Ember Order]",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds to wait for the prints.",
)
def demo(home: Path, as_json: bool, out: Path, collection: Path | None, timeout_s: float) -> None:
    """Mint the sample collection's six prints, start to end, on this machine.

    Takes about twenty seconds. Run it again for six others. Interrupt it (or kill it) and run it again: it goes on
    where it was.

    \b
    Example:
      monoprint demo --out out
    """
    log = _log(as_json)
    log.say("getting ready")
    from infra.demo import EXAMPLES
    from infra.demo import demo as run
    from infra.twin.home import Home

    summary = run(Home.at(home), collection or EXAMPLES / "ember-order", out, log, timeout_s=timeout_s)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    tokens = summary["tokens"]
    width = max(len(token["name"]) for token in tokens)
    click.echo()
    for token in tokens:
        click.echo(f"  {token['name']:<{width}}  token {token['token_id'][:8]}...  for {token['owner'][:8]}...")
    where = f"--demo {out / 'demo.json'} --chain-state {out / 'chain-state.json'} --blocks {out / 'cars'}"
    click.echo(f"\n{len(tokens)} prints, {len(tokens)} tokens, {log.elapsed_s:.0f} s.")
    click.echo(f"Look at them:   {out / 'index.html'}")
    click.echo(f"Verify them:    {os.path.relpath(sys.executable)} tests/journey/verify_demo.py {where}")
    click.echo("For others:     run the demo again")


@main.command(short_help="Is a collection folder well-formed?")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_json
def check(folder: Path, as_json: bool) -> None:
    """Check a collection folder, and say everything that is wrong with it at once.

    Every fault is named with its file, line and column, what was got and what was wanted. Nothing is written.

    \b
    Example:
      monoprint check shared/collection/examples/ember-order
    """
    from infra.checking import report

    told = report(folder)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo("\n".join(told["lines"]))


@main.command(short_help="Put a collection folder on sale.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_home
def publish(folder: Path, home: Path, as_json: bool) -> None:
    """Check a collection folder, keep this version for good, and put it on sale.

    Requests that are under way keep the version that they were filed for.

    \b
    Example:
      monoprint publish shared/collection/examples/ember-order
    """
    from infra.checking import read
    from infra.publishing import publish_draft
    from infra.twin.home import Home

    draft = read(folder)
    collection, digest = publish_draft(Home.at(home), draft)
    slug = collection.slug
    if as_json:
        click.echo(json.dumps({"collection": slug, "digest": digest}))
    else:
        click.echo(f"{collection.name} is on sale, version {digest[:12]}.")
        click.echo(f"Next: monoprint request --collection {slug} --collector FILE")


@main.command(short_help="Ask for one print, and follow it until it is minted.")
@_home
@click.option("--collection", "slug", required=True, help="Slug of a published collection.")
@click.option(
    "--collector",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file: owner, collector, data, consent.",
)
@click.option("--key", default=None, help="Idempotency key; the same key never mints twice.  [default: a random one]")
def request(home: Path, as_json: bool, slug: str, file: Path, key: str | None) -> int:
    """File one mint request and follow it until it is minted, refused, or waits for a human.

    The exit code is 1 if it ended without a token, and 75 if it did not end within ten minutes.

    \b
    Example:
      monoprint request --collection ember-order --collector me.json --key birthday-2026
    """
    from infra.client import Refused

    log = _log(as_json)
    with _client(home, log) as client:
        try:
            receipt = client.file(slug, file.read_bytes(), idempotency_key=key or f"cli-{secrets.token_hex(8)}")
        except Refused as error:
            raise error.about(file) from error
        log.say(f"request {receipt['id']} is filed")
        story = _follow(client, log, receipt["id"], file.stem)
        _show(story, as_json)
    return _code(story, "minted")


@main.command(short_help="Tell a request's whole story.")
@_home
@click.argument("request_id")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Save its picture there, as PNG.",
)
def status(home: Path, as_json: bool, request_id: str, picture: Path | None) -> None:
    """Tell a request's whole story: where it is, why it looks as it does, what happened when.

    \b
    Example:
      monoprint status REQUEST_ID --picture print.png
    """
    with _client(home) as client:
        story = client.story(request_id)
        if picture is not None:
            if story["picture"] is None:
                raise NotFound(f"picture: request {request_id[:8]} has none yet; it is {story['state']}")
            picture.write_bytes(client.picture(story))
        _show(story, as_json)


@main.command(short_help="List what waits for a human's verdict.")
@_home
def review(home: Path, as_json: bool) -> None:
    """List what waits for a human's verdict, the longest waiting first.

    \b
    Example:
      monoprint review
    """
    with _client(home) as client:
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
    click.echo("Next: monoprint approve REQUEST_ID (or reject, redraw)" if waiting else "Nothing waits for you.")


def _verdict_command(verdict: str, short: str, told: str, *, happy: str = "minted") -> None:
    unhappy = "ended without a token" if happy == "minted" else f"ended other than {happy}"

    @main.command(
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
    @_home
    @click.argument("request_id")
    @click.option("--note", default="", help="Why; kept with the verdict, at most 500 characters.")
    def command(home: Path, as_json: bool, request_id: str, note: str) -> int:
        log = _log(as_json)
        with _client(home, log) as client:
            picture = client.story(request_id)["picture"]
            client.verdict(request_id, verdict, picture["sha256"] if picture else None, note)
            story = _follow(client, log, request_id, request_id[:8])
            _show(story, as_json)
        return _code(story, happy)


_verdict_command(
    "approve", "Say yes to a picture.", "Approve a picture that waits for a human: it is stored and minted."
)
_verdict_command(
    "reject", "Say no to a request.", "Reject a request that waits for a human. Nothing is minted.", happy="rejected"
)
_verdict_command("redraw", "Have a picture drawn again.", "Have a picture that waits for a human drawn again.")


@main.command(short_help="List the messages that gave up.")
@_home
@click.option("--redrive", is_flag=True, help="Send them back to their queues, to be tried again.")
def dead(home: Path, as_json: bool, redrive: bool) -> None:
    """List the messages that failed eight times and were put aside, the oldest ten of each queue.

    What a log line or `monoprint status REQUEST_ID` told was wrong is mended first; then --redrive tries them again.

    \b
    Example:
      monoprint dead --redrive
    """
    from infra.dead_letters import report
    from infra.twin.home import Home

    told = report(Home.at(home), redrive=redrive)
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(told["lines"]))


@main.command(short_help="Make an API key.")
@_home
@click.option("--account", required=True, help="Who calls with it; idempotency keys are kept by account.")
@click.option("--role", type=click.Choice(["mint", "review", "operate"]), required=True, help="What it may do.")
@click.option("--collection", "slugs", multiple=True, help="What it may touch; repeat for more.  [default: everything]")
def key(home: Path, as_json: bool, account: str, role: str, slugs: tuple[str, ...]) -> None:
    """Make an API key for the HTTP API, and show it this once: only its hash is kept.

    \b
    Example:
      monoprint key --account my-game --role mint --collection ember-order
    """
    from infra.api_keys import make_key
    from infra.twin.home import Home
    from shared.records.accounts import Role

    made = make_key(Home.at(home), account, Role(role), slugs)
    click.echo(json.dumps({"key": made, "account": account, "role": role}) if as_json else made)


@main.command(short_help="Keep the twin running, with its HTTP API.")
@_home
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8787,
    show_default=True,
    help="Of the HTTP API on 127.0.0.1; 0 takes a free one.",
)
def up(home: Path, as_json: bool, port: int) -> None:
    """Keep the twin running: HTTP API, queues, painter and chain, until Ctrl-C.

    \b
    Example:
      monoprint up &
      curl -H "x-api-key: $(jq -r .operate .monoprint/api-keys.json)" http://127.0.0.1:8787/v1/requests/REQUEST_ID
    """
    from infra.twin.home import Home
    from infra.twin.twin import Twin

    with Twin(Home.at(home), port=port) as twin:
        told = {"url": twin.url, "contract": twin.contract, "keys": str(twin.home.path / "api-keys.json")}
        try:
            click.echo(
                json.dumps(told)
                if as_json
                else f"The twin is up at {twin.url}; its API keys are in {told['keys']}. Ctrl-C stops it."
            )
            threading.Event().wait()
        except Stopped:
            if not as_json:
                click.echo("Stopped. Nothing is lost.")


# ---- together ---------------------------------------------------------------------------------------------------


def _log(as_json: bool) -> Log:
    from rich.console import Console

    from infra.progress import Log

    return Log(Console(stderr=as_json, highlight=False))


@contextmanager
def _client(path: Path, log: Log | None = None) -> Iterator[Client]:
    """A client of the twin that runs on this home; without one, of a twin that lives as long as it is used."""
    from infra.joining import Joined
    from infra.twin.home import Home

    with Joined(Home.at(path), (log or _log(True)).say) as joined:
        yield joined.client


def _follow(client: Client, log: Log, request_id: str, name: str) -> Mapping[str, Any]:
    """The story at its end, or where only a human can go on."""
    from infra.progress import Progress, final, follow

    with Progress(log, {request_id: name}) as progress:
        return follow(
            client.story,
            [request_id],
            progress.show,
            until=lambda told: final(told) or told["state"] in _FOR_A_HUMAN,
        )[0]


def _code(story: Mapping[str, Any], happy: str) -> int:
    """The exit code of a followed request: a happy end, another end, a wait for a human, or none of these yet."""
    from infra.progress import final

    if final(story):
        return 0 if story["state"] == happy else 1
    if story["state"] in _FOR_A_HUMAN:
        return 0
    click.echo(f"It goes on while a twin runs (`monoprint up`). Look at it: monoprint status {story['id']}", err=True)
    return TRY_AGAIN


def _show(story: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(story, ensure_ascii=False))
        return
    from rich.console import Console

    from infra.progress import tell

    tell(Console(highlight=False), story)


if __name__ == "__main__":
    main()
