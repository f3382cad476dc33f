"""Commands of whoever operates a place: what gave up, who may call, and the contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from infra.commands.options import at_place, log_of

if TYPE_CHECKING:
    from infra.deploy.contract import Outlook
    from infra.deploy.stage import Stage
    from infra.place import Place
    from infra.twin.home import Home


@click.command(short_help="List the messages that gave up.")
@at_place
@click.option("--redrive", is_flag=True, help="Send them back to their queues, to be tried again.")
def dead(place: Place, as_json: bool, redrive: bool) -> None:
    """List the messages that failed eight times and were put aside, the oldest ten of each queue.

    What a log line or `monoprint status REQUEST_ID` told was wrong is mended first; then --redrive tries them again.

    On AWS a look counts as one more try, and hides what it sees from others for as long as it takes.

    \b
    Example:
      monoprint dead --redrive
    """
    from infra.dead_letters import report

    told = report(place, redrive=redrive)
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(told["lines"]))


@click.command(short_help="Make an API key.")
@at_place
@click.option("--account", required=True, help="Who calls with it; idempotency keys are kept by account.")
@click.option("--role", type=click.Choice(["mint", "review", "operate"]), required=True, help="What it may do.")
@click.option("--collection", "slugs", multiple=True, help="What it may touch; repeat for more.  [default: everything]")
def key(place: Place, as_json: bool, account: str, role: str, slugs: tuple[str, ...]) -> None:
    """Make an API key for the HTTP API, and show it this once: only its hash is kept.

    \b
    Example:
      monoprint key --account my-game --role mint --collection ember-order
    """
    from infra.api_keys import make_key
    from shared.records.accounts import Role

    made = make_key(place, account, Role(role), slugs)
    click.echo(json.dumps({"key": made, "account": account, "role": role}) if as_json else made)


@click.command(short_help="Put the contract on chain.")
@at_place
@click.option("--name", default=None, help="Name of the brand's tokens.  [default: Monoprint]")
@click.option("--symbol", default=None, help="Their symbol.  [default: MONO]")
@click.option("--contract-uri", default=None, help="Where the contract's own metadata are (ERC-7572).")
@click.option("--royalty-receiver", default=None, help="Address that marketplaces pay royalties to (ERC-2981).")
@click.option("--royalty-bps", type=click.IntRange(0, 10_000), default=None, help="Royalty in hundredths of a percent.")
@click.option("--yes", is_flag=True, help="Pay what it costs without being asked.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    help="Seconds to wait until it is mined.",
)
def contract(place: Home | Stage, as_json: bool, yes: bool, timeout_s: float, **said: str | int | None) -> None:
    """Put the contract on chain, once for each stage, and tell its address.

    It is the first thing that the minter's key sends. Whose keys these are and what it will cost is told before
    anything is signed. Until it is there, what is to be minted waits. Run it again to see that it is there, or to
    wait on. On this machine the twin has done it already.

    \b
    Example:
      monoprint contract --stage prod --name "Ember Order" --symbol EMBER
    """
    from infra.contracting import ether, lines_before, put_on_chain
    from infra.deploy.contract import Brand
    from infra.joining import running

    given = {name: value for name, value in said.items() if value is not None}
    brand = Brand(**given)  # type: ignore[arg-type]  # click has checked the kinds
    log = log_of(as_json)

    def agree(found: Outlook) -> bool:
        click.echo("\n".join(lines_before(found, brand)), err=as_json)
        return yes or _confirmed()

    with running(place, log.say):
        told = put_on_chain(place, brand, agree=agree, say=log.say, timeout_s=timeout_s, poll_s=1.0)
    if as_json:
        click.echo(json.dumps(told))
        return
    if told["was_there"]:
        click.echo(f"The contract is there: {told['contract']}")
        if given:
            click.echo("What a contract says of itself was set when it was deployed; nothing was changed.")
        return
    click.echo(f"The contract is on chain: {told['contract']}")
    if told["fee_wei"] is not None:
        click.echo(f"It cost {ether(told['fee_wei'], up=True)}.")
    click.echo(f"Next: monoprint key --account NAME --role mint{place.option}")


def _confirmed() -> bool:
    """Where nobody is there to be asked, nobody agrees."""
    try:
        return click.confirm("Deploy it?", err=True)
    except click.Abort:
        click.echo(err=True)
        return False
