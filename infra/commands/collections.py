"""Commands about a collection folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.commands.options import at_place, with_json

if TYPE_CHECKING:
    from infra.place import Place


@click.command(short_help="Is a collection folder well-formed?")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@with_json
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


@click.command(short_help="Put a collection folder on sale.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@at_place
def publish(folder: Path, place: Place, as_json: bool) -> None:
    """Check a collection folder, keep this version for good, and put it on sale.

    Requests that are under way keep the version that they were filed for.

    \b
    Example:
      monoprint publish shared/collection/examples/ember-order
    """
    from infra.checking import read
    from infra.publishing import publish_draft

    draft = read(folder)
    collection, digest = publish_draft(place, draft)
    slug = collection.slug
    if as_json:
        click.echo(json.dumps({"collection": slug, "digest": digest}))
    else:
        click.echo(f"{collection.name} is on sale, version {digest[:12]}.")
        click.echo(f"Next: monoprint request --collection {slug} --collector FILE{place.option}")
