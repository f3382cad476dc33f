"""The command line: `monoprint` and its commands, which lie in `infra/commands/`."""

from __future__ import annotations

import io
import sys

import click

from infra.commands import collections, machine, operating, requests


class _InOrder(click.Group):
    """Commands in the order in which they are added here, which is that of a first day."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="monoprint")
def main() -> None:
    """Monoprint: prints that are pulled once.

    The artist writes a collection's aesthetic DNA, a collector consents to share something of theirs, and Monoprint
    makes of both a picture that is on brand and theirs, stores it for good and mints it exactly once. Everything here
    runs on this machine, without an account; with --stage the same commands work on what is deployed to AWS.

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


for command in (
    machine.demo,
    collections.check,
    collections.publish,
    requests.request,
    requests.status,
    requests.review,
    requests.approve,
    requests.reject,
    requests.redraw,
    operating.dead,
    operating.key,
    operating.contract,
    machine.up,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
