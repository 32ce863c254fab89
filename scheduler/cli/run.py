"""`curfew run`: the daemon."""

import faulthandler
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from scheduler import daemon, logs
from scheduler.cli import FAULT, options
from scheduler.errors import CurfewError, WrongFile
from scheduler.ledger.database import Database
from scheduler.notify import wrong_address
from scheduler.settings import load
from scheduler.texts import brief

_LEVELS: Final = ("debug", "info", "warning", "error")
_STANDARD_ERROR: Final = 2

_log = logs.logger()


@click.command(name="run")
@options.config
@options.database
@click.option("--dry-run", is_flag=True, help="Do everything but pause and resume, and record it as simulated.")
@click.option(
    "--log-format",
    "form",
    type=click.Choice([form.value for form in logs.Form]),
    default=logs.Form.TEXT.value,
    envvar="CURFEW_LOG_FORMAT",
    show_default=True,
    show_envvar=True,
    help="Lines to read, or one JSON object a line. In systemd's journal, text becomes entries with fields.",
)
@click.option(
    "--log-level",
    "level",
    type=click.Choice(_LEVELS),
    default="info",
    envvar="CURFEW_LOG_LEVEL",
    show_default=True,
    show_envvar=True,
    help="The least important that's still written.",
)
def command(file: Path, database: str | None, dry_run: bool, form: str, level: str) -> int:
    """Pause and resume campaigns as the file says, until SIGTERM (exit 0) or SIGINT (exit 130).

    What should be paused at the start, and isn't, is paused at once. A signal lets the calls in flight end, for at
    most 10 seconds; a second signal doesn't wait. Every attempt is in the ledger before it goes out.

    \b
    Examples:
      curfew run --config /etc/curfew/curfew.yaml
      curfew run --dry-run
    """
    is_for_a_person = logs.configure(level=logging.getLevelNamesMapping()[level.upper()], form=logs.Form(form))
    # One that hangs is ended by systemd with SIGABRT: where it hung is said.
    faulthandler.enable(_STANDARD_ERROR)
    try:
        settings = load(file, os.environ, every_key=True, check_address=wrong_address)
        return daemon.run(settings, Database(options.ledger_url(settings, database)), dry_run=dry_run)
    except CurfewError as error:
        if is_for_a_person:
            raise
        for event, facts in _lines(error):
            _log.error(event, **facts)
        return error.exit_code
    except Exception:
        if is_for_a_person:
            raise
        _log.exception("a fault of the program")
        return FAULT


def _lines(error: CurfewError) -> Iterator[tuple[str, dict[str, Any]]]:
    """What ends the daemon, for those who read its log by fields."""
    if not isinstance(error, WrongFile):
        yield "cannot go on", {"error": str(error)}
        return
    for problem in error.problems:
        facts = {"file": error.file, "place": str(problem.place), "path": problem.path, "why": brief(problem.message)}
        yield "wrong file", facts
