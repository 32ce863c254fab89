"""`curfew run`: the daemon."""

import os
from pathlib import Path

import click

from scheduler import daemon, logs
from scheduler.cli import options
from scheduler.ledger.database import Database
from scheduler.settings import load


@click.command(name="run")
@options.config
@options.database
@click.option("--dry-run", is_flag=True, help="Do everything but pause and resume, and record it as simulated.")
def command(file: Path, database: str | None, dry_run: bool) -> int:
    """Pause and resume campaigns as the file says, until SIGTERM (exit 0) or SIGINT (exit 130).

    What should be paused at the start, and isn't, is paused at once. A signal lets the calls in flight end, for at
    most 10 seconds; a second signal doesn't wait. Every attempt is in the ledger before it goes out.

    \b
    Examples:
      curfew run --config /etc/curfew/curfew.yaml
      curfew run --dry-run
    """
    logs.configure()
    settings = load(file, os.environ, every_key=True)
    return daemon.run(settings, Database(options.ledger_url(settings, database)), dry_run=dry_run)
