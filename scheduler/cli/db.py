"""`curfew db`: the ledger."""

from pathlib import Path

import click

from scheduler import schema
from scheduler.cli import options
from scheduler.ledger.database import Database
from scheduler.texts import printable


@click.group(name="db")
def command() -> None:
    """Look after the ledger.

    \b
    Example:
      curfew db upgrade --database sqlite:////var/lib/curfew/curfew.db
    """


@command.command(name="upgrade")
@options.config
@options.database
def upgrade(file: Path, database: str | None) -> None:
    """Make the ledger, or bring it to this version's tables. The daemon does it at each start, too.

    \b
    Example:
      curfew db upgrade --config /etc/curfew/curfew.yaml
    """
    ledger = Database(options.ledger_url(options.settings_of(file, database), database))
    ledger.create()
    before, after = schema.upgrade(ledger)
    change = f"at {after} already" if before == after else f"from {before or 'nothing'} to {after}"
    click.echo(f"{printable(ledger.name)}: {change}")
