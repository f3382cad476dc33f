"""Commands for this machine alone: the demo, and the twin."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import click

from infra.commands.options import at_home, log_of
from infra.ending import Stopped


@click.command(short_help="Mint the sample collection's six prints.")
@at_home
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
    log = log_of(as_json)
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


@click.command(short_help="Keep the twin running, with its HTTP API.")
@at_home
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
