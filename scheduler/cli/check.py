"""`curfew check`: all errors of a file."""

import os
from pathlib import Path

import click

from rules.advice import advise
from rules.calendars import data_version
from scheduler.cli import options
from scheduler.cli.problems import problem_text
from scheduler.clock import utc_now
from scheduler.errors import WrongFile
from scheduler.settings import load
from scheduler.texts import printable


@click.command(name="check")
@options.config
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
def command(file: Path, strict: bool) -> int:
    """Read a file of rules, and say all that's wrong with it.

    Each error stands on a line of its own, as FILE:LINE:COLUMN: PATH: message, and the exit code is 2. What is legal
    but surely not meant is a warning, and fails only with --strict. The variables, key files and credentials that the
    file names are looked up too; no call is made.

    \b
    Examples:
      curfew check --config /etc/curfew/curfew.yaml
      curfew check --strict
    """
    settings = load(file, os.environ)
    warnings = advise(settings.source, settings.document, settings.ruleset, utc_now())
    for problem in sorted((*settings.unchecked, *warnings)):
        click.echo(problem_text(str(file), problem, settings.content), err=True)
    document = settings.document
    counts = (
        _counted(len(settings.ruleset.rules), "rule"),
        _counted(len(document.accounts), "account"),
        _counted(len(document.calendars), "calendar"),
        f"time zone data {settings.zone_data}",
        *([f"holidays {data_version()}"] if any(spec.country for spec in document.calendars.values()) else []),
    )
    verdict = f"right, with {_counted(len(warnings), 'warning')}" if warnings else "right"
    click.echo(f"{printable(file)}: {verdict} ({', '.join(counts)})")
    return WrongFile.exit_code if strict and warnings else 0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
