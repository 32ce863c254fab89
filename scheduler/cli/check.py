"""`curfew check`: all errors of a file, and with `--online` also what the API says of its campaigns."""

import os
from collections.abc import Iterable
from pathlib import Path

import click

from rules.advice import advise
from rules.calendars import data_version
from rules.source import Problem
from scheduler.cli import options
from scheduler.cli.problems import problem_text
from scheduler.clock import utc_now
from scheduler.errors import WrongFile
from scheduler.exposure import exposed_keys
from scheduler.notify import wrong_address
from scheduler.settings import Settings, load
from scheduler.texts import printable


@click.command(name="check")
@options.config
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
@click.option("--online", "is_online", is_flag=True, help="Ask the API, too: about keys, ids and each campaign.")
def command(file: Path, strict: bool, is_online: bool) -> int:
    """Read a file of rules, and say all that's wrong with it.

    Each error stands on a line of its own, as FILE:LINE:COLUMN: PATH: message, and the exit code is 2. What is legal
    but surely not meant is a warning, and fails only with --strict. The variables, key files and credentials that the
    file names are looked up too; no call is made.

    With --online, a file that's right is compared with what the API knows: one list for each account, and one look at
    each campaign that is selected, for at most five minutes. Nothing is changed, and all keys are needed. A key that's
    refused is an error (exit code 2), an account that can't be asked as well (exit code 1). Unknown ids, folders and
    names, rules that select nothing, campaigns that follow their prospects' time zones and those that the API can't
    resume are warnings.

    \b
    Examples:
      curfew check --config /etc/curfew/curfew.yaml
      curfew check --strict
      curfew check --online
    \b
    With the key of the service, as root:
      CREDENTIALS_DIRECTORY=/etc/curfew curfew check --config /etc/curfew/curfew.yaml --online
    """
    settings = load(file, os.environ, every_key=is_online, check_address=wrong_address)
    advice = advise(settings.source, settings.document, settings.ruleset, utc_now())
    warnings = [*advice, *exposed_keys(settings, os.environ)]
    _print(settings, (*settings.unchecked, *warnings))
    asked: tuple[str, ...] = ()
    if is_online:
        found, number, code = _ask(settings)
        _print(settings, found)
        if code:
            return code
        warnings += found
        asked = (f"{_counted(number, 'campaign')} asked about",)
    document = settings.document
    counts = (
        _counted(len(settings.ruleset.rules), "rule"),
        _counted(len(document.accounts), "account"),
        _counted(len(document.calendars), "calendar"),
        f"time zone data {settings.zone_data}",
        *([f"holidays {data_version()}"] if any(spec.country for spec in document.calendars.values()) else []),
        *asked,
    )
    verdict = f"right, with {_counted(len(warnings), 'warning')}" if warnings else "right"
    click.echo(f"{printable(file)}: {verdict} ({', '.join(counts)})")
    return WrongFile.exit_code if strict and warnings else 0


def _ask(settings: Settings) -> tuple[list[Problem], int, int]:
    """The problems that the API knows of, how many campaigns it was asked about, and the exit code if that failed."""
    # Its libraries cost more than the rest of the check.
    from scheduler.cli import online
    from scheduler.preflight import problems_of

    checked = online.ask(settings)
    found = [each for account in checked for each in problems_of(settings.source, settings.document, account)]
    return found, sum(account.asked for account in checked), online.exit_code(checked)


def _print(settings: Settings, problems: Iterable[Problem]) -> None:
    for problem in sorted(problems):
        click.echo(problem_text(str(settings.file), problem, settings.content), err=True)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
