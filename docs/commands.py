"""Writes `docs/6-commands.md` from the help of every command: `python docs/commands.py`. A test compares the two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from infra.cli import main

_HEAD = """# 6. Commands

The help of every command, as it prints it. Made by `python docs/commands.py`; a test compares.
"""


def render() -> str:
    """The whole chapter."""
    how: dict[str, Any] = {**main.context_settings, "terminal_width": 100}
    group = click.Context(main, info_name="monoprint", **how)
    parts = [_HEAD, _fenced(main.get_help(group))]
    for name in main.list_commands(group):
        command = main.get_command(group, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=group, **how)
        parts.append(f"## monoprint {name}\n\n{_fenced(command.get_help(context))}")
    return "\n".join(parts)


def _fenced(text: str) -> str:
    lines = (line.rstrip() for line in text.splitlines())
    return "```text\n" + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    Path(__file__).with_name("6-commands.md").write_text(render())
