"""`curfew overrides`: the exceptions that are in force, and how to take one back."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from scheduler.cli import options, output
from scheduler.cli.overriding import author_of
from scheduler.clock import utc_now
from scheduler.errors import WrongUse
from scheduler.ledger.database import Database
from scheduler.ledger.overrides import Recorded, recent_overrides, revoke_override
from scheduler.settings import load
from scheduler.texts import printable

_LONG_AGO = timedelta(days=36600)


@click.command(name="overrides")
@options.config
@options.database
@click.option("--all", "is_all", is_flag=True, help="Also those that have ended or were taken back.")
@click.option("--revoke", type=click.IntRange(min=1), metavar="ID", help="Take this one back.")
@click.option(
    "--by",
    "author",
    metavar="NAME",
    envvar="CURFEW_AUTHOR",
    show_envvar=True,
    help="Who takes it back.  [default: you]",
)
@options.output_format("table", "json")
def command(file: Path, database: str | None, is_all: bool, revoke: int | None, author: str | None, form: str) -> None:
    """List the exceptions that people made with skip, extend, pause and resume, or take one back.

    \b
    Examples:
      curfew overrides
      curfew overrides --revoke 3
    """
    settings, now = load(file), utc_now()
    ledger = Database(options.ledger_url(settings, database))
    with ledger.reading() as connection:
        recorded = recent_overrides(connection, now - _LONG_AGO if is_all else now)
    found = [each for each in recorded if is_all or each.revoked_at is None]
    if revoke is not None:
        with ledger.writing() as connection:
            gone = revoke_override(connection, revoke, author_of(author), now)
        if gone is None:
            raise WrongUse(f"no override {revoke} is in force; `curfew overrides` lists those that are")
        output.write_line(printable(f"revoked {gone}"))
    elif form == "json":
        output.write_json([_row(each, now) for each in found])
    elif found:
        columns = ("from", "until", "id", "what", "state", "by")
        rows = [_line(each, settings.document.timezone, now) for each in found]
        output.print_table(columns, rows, cut="what")
    else:
        click.echo("no exceptions are in force")


def _row(recorded: Recorded, now: datetime) -> dict[str, Any]:
    override = recorded.override
    return {
        "id": override.id,
        "kind": str(override.kind),
        "account": override.account,
        "rule": override.rule,
        "campaign": override.campaign,
        "starts_at": override.starts_at,
        "ends_at": override.ends_at,
        "state": _state(recorded, now),
        "author": override.author,
        "reason": override.reason,
        "made_at": recorded.made_at,
        "revoked_at": recorded.revoked_at,
        "revoked_by": recorded.revoked_by,
    }


def _line(recorded: Recorded, zone: ZoneInfo, now: datetime) -> output.Row:
    override = recorded.override
    start, end = output.clock(override.starts_at, zone), output.moment(override.ends_at, zone)
    what = f"{override.kind} {override.rule or override.campaign}"
    words = f"{override.author}{override.reason and f': {override.reason}'}"
    if recorded.revoked_by is not None:
        words += f"; taken back by {recorded.revoked_by}"
    cells = (start, end, override.id, what, _state(recorded, now), words)
    return output.Row(cells, output.day(override.starts_at, zone))


def _state(recorded: Recorded, now: datetime) -> str:
    if recorded.revoked_at is not None:
        return "revoked"
    if recorded.override.ends_at <= now:
        return "ended"
    return "in force" if recorded.override.starts_at <= now else "to come"
