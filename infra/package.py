"""Packs each function of `serverless.yml` for Lambda: `python -m infra.package`, or `make package`.

A zip holds what its handler imports, the adapters that its environment names with what they import, the files that
these modules read, and the distributions behind their imports, from `requirements/lambda.txt`. Packed again it is the
same bytes. How that is done lies in `infra/packaging/`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from infra.ending import ends_well
from infra.packaging.archive import DIRECT_UPLOAD_BYTES, MAX_UNZIPPED_BYTES, NEARLY_FULL
from infra.packaging.interpreter import Interpreter, find_interpreter
from infra.packaging.packing import ROOT, Packed, pack
from infra.packaging.serverless import Service, read_service
from infra.progress import Log
from shared.errors import Invalid


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--functions", "names", help="Only these, with commas between them.  [default: all]")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder.  [default: as the file says]")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / "serverless.yml",
    help="The deployment's description.  [default: serverless.yml]",
)
@click.option("--param", "given", multiple=True, metavar="NAME=VALUE", help="As `osls deploy` is given it.")
@click.option("--python-version", metavar="3.N", help="Another Python than the runtime's, to try a zip here.")
@click.option("--python", type=click.Path(path_type=Path), help="A CPython of that version, if uv finds none.")
@click.option("--runs", type=click.IntRange(min=0), default=5, show_default=True, help="Imports timed for each zip.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines to read.")
@ends_well
def package(
    names: str | None,
    out: Path | None,
    file: Path,
    given: tuple[str, ...],
    python_version: str | None,
    python: Path | None,
    runs: int,
    as_json: bool,
) -> None:
    """Pack the functions of serverless.yml for Lambda, and say what each weighs.

    \b
    Example:
      python -m infra.package --functions intake,mint --out dist
    """
    service = read_service(file, dict(_param(text) for text in given))
    if python_version:
        service = dataclasses.replace(service, python=python_version)
    console = Console(stderr=as_json, highlight=False)
    if not console.is_terminal:
        console.width = 120
    interpreter = find_interpreter(service.python, service.architecture, python)
    packed = pack(service, service.chosen(names), out, Log(console), interpreter=interpreter, timed=runs)
    if as_json:
        click.echo(json.dumps(_told(service, interpreter, packed)))
    else:
        _show(console, service, interpreter, packed)


def _param(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise Invalid("--param", repr(text), "NAME=VALUE")
    return name, value


def _told(service: Service, interpreter: Interpreter | None, packed: Sequence[Packed]) -> dict[str, object]:
    return {
        "python": service.python,
        "architecture": service.architecture,
        "bytecode": interpreter is not None,
        "functions": {
            each.plan.function.name: {
                "zip": str(each.written.path),
                "sha256": each.written.sha256,
                "zip_mb": round(each.written.zip_bytes / 1e6, 2),
                "unzipped_mb": round(each.written.unzipped_bytes / 1e6, 2),
                "unzipped_share": round(each.written.share, 3),
                "import_ms": each.import_ms and round(each.import_ms, 1),
                "adapters": [f"{adapter.port} {adapter.scheme}:" for adapter in each.plan.adapters],
                "heaviest_mb": {owner: round(size / 1e6, 2) for owner, size in each.written.owners[:5]},
                "distributions": dict(each.versions),
            }
            for each in packed
        },
    }


def _show(console: Console, service: Service, interpreter: Interpreter | None, packed: Sequence[Packed]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("function")
    for heading in ("zip MB", "unzipped MB", "of Lambda's limit", "import ms CPU"):
        table.add_column(heading, justify="right")
    table.add_column("heaviest, MB unzipped")
    for each in packed:
        written, took = each.written, each.import_ms
        heavy = ", ".join(f"{owner} {size / 1e6:.1f}" for owner, size in written.owners[:3])
        sizes = (f"{written.zip_bytes / 1e6:.1f}", f"{written.unzipped_bytes / 1e6:.1f}", f"{written.share:.0%}")
        table.add_row(each.plan.function.name, *sizes, "-" if took is None else f"{took:.0f}", heavy)
    console.print()
    console.print(table)
    if interpreter:
        told = f"Imported by {interpreter.path}: the median of fresh processes that have nothing but the zip."
    else:
        told = (
            f"No CPython {service.python} here: nothing was imported, and the zips carry no bytecode, so that imports "
            f"take nearly three times as long. `uv python install {service.python}` gets one, --python names one."
        )
    console.print(f"\n{told}", soft_wrap=True)
    if large := [each.plan.function.name for each in packed if each.written.zip_bytes > DIRECT_UPLOAD_BYTES]:
        told = f"Over {DIRECT_UPLOAD_BYTES / 1e6:.0f} MB zipped, for which Lambda wants an upload by way of S3"
        console.print(f"{told}: {', '.join(large)}. osls does that by itself.", soft_wrap=True)
    for each in packed:
        if each.written.share > NEARLY_FULL:
            left = (MAX_UNZIPPED_BYTES - each.written.unzipped_bytes) / 1e6
            told = f"{left:.1f} MB are left of the {MAX_UNZIPPED_BYTES / 1e6:.1f} MB that Lambda takes unzipped"
            console.print(f"{each.plan.function.name} is nearly full: {told}.", soft_wrap=True)


if __name__ == "__main__":
    package()
