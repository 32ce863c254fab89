"""`curfew check`: all errors of a file."""

import os
from pathlib import Path

import click

from scheduler.cli import options
from scheduler.errors import problem_line
from scheduler.settings import load
from scheduler.texts import printable


@click.command(name="check")
@options.config
def command(file: Path) -> None:
    """Read a file of rules, and say all that's wrong with it.

    Each error stands on a line of its own, as FILE:LINE:COLUMN: PATH: message, and the exit code is 2. The variables,
    key files and credentials that the file names are looked up too; no call is made.

    \b
    Example:
      curfew check --config /etc/curfew/curfew.yaml
    """
    settings = load(file, os.environ)
    for warning in settings.warnings:
        click.echo(problem_line(str(file), warning), err=True)
    document = settings.document
    counts = (
        _counted(len(settings.ruleset.rules), "rule"),
        _counted(len(document.accounts), "account"),
        _counted(len(document.calendars), "calendar"),
    )
    click.echo(f"{printable(file)}: right ({', '.join(counts)})")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
