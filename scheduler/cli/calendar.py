"""`curfew calendar`: the days of a named calendar, and what changed of them since the last load."""

from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from rules.calendars import Calendar, last_year_of_data
from rules.localtime import start_instant
from rules.notation import FIRST_YEAR, LAST_YEAR
from scheduler.cli import completing, options, output
from scheduler.clock import utc_now
from scheduler.errors import WrongUse
from scheduler.ledger.database import Database
from scheduler.ledger.reports import last_load
from scheduler.settings import load

_STYLES = {"added": "green", "removed": "red"}


@click.command(name="calendar")
@click.argument("name", shell_complete=completing.calendars)
@options.config
@options.database
@click.option(
    "--year",
    type=click.IntRange(FIRST_YEAR, LAST_YEAR),
    metavar="YEAR",
    help="Of which year.  [default: the present one]",
)
@click.option("--diff", "is_diff", is_flag=True, help="Only what's other than when the daemon last loaded the file.")
@options.output_format("table", "json")
def command(file: Path, database: str | None, name: str, year: int | None, is_diff: bool, form: str) -> None:
    """Show the days of a calendar of the file, with what each is called.

    `--diff` compares them with what the daemon had when it last loaded the file: after an upgrade of the holiday data,
    or before a change of the file is put in force. The daemon keeps the days of the present year and the next.

    \b
    Examples:
      curfew calendar poland --year 2027
      curfew calendar poland --diff
    """
    settings = load(file)
    if name not in settings.calendars:
        raise WrongUse(options.unknown("calendar", name, settings.calendars))
    calendar = settings.calendars[name]
    chosen = year or utc_now().astimezone(settings.document.timezone).year
    rows = [_row(day, called) for day, called in calendar.days(chosen).items()]
    if is_diff:
        with Database(options.ledger_url(settings, database)).reading() as connection:
            loaded = last_load(connection) or {}
        rows = _differences(rows, _loaded_days(loaded, name, chosen))
    if form == "json":
        output.write_json(rows)
    elif rows:
        _print(rows, is_diff=is_diff)
    else:
        click.echo("nothing has changed" if is_diff else f"{name} has no days in {chosen}")
    country = settings.document.calendars[name].country
    if country and (last := last_year_of_data(country)) < chosen:
        click.echo(f"the data for {country} ends in {last}", err=form == "json")
    if form != "json" and not is_diff:
        _print_events(calendar, chosen, settings.document.timezone)


def _row(day: date, called: str) -> dict[str, Any]:
    return {"date": day.isoformat(), "weekday": f"{day:%a}", "name": called}


def _loaded_days(loaded: Mapping[str, Any], name: str, year: int) -> dict[str, str]:
    """The days of one year, by their dates, that a calendar had when the file was last loaded."""
    calendar = loaded.get("calendars", {}).get(name)
    if calendar is None or year not in calendar["years"]:
        raise WrongUse(f"the ledger doesn't know what {name} had in {year}: no daemon has loaded it with that year yet")
    return {day: called for day, called in calendar["days"].items() if day.startswith(f"{year}-")}


def _differences(rows: list[dict[str, Any]], before: Mapping[str, str]) -> list[dict[str, Any]]:
    now = {row["date"] for row in rows}
    added = [row | {"change": "added"} for row in rows if row["date"] not in before]
    removed = [
        _row(date.fromisoformat(day), called) | {"change": "removed"}
        for day, called in before.items()
        if day not in now
    ]
    return sorted([*added, *removed], key=lambda row: row["date"])


def _print(rows: list[dict[str, Any]], *, is_diff: bool) -> None:
    columns = ("date", "day", "change", "name") if is_diff else ("date", "day", "name")
    output.print_table(columns, [_line(row, is_diff=is_diff) for row in rows], cut="date")


def _line(row: Mapping[str, Any], *, is_diff: bool) -> output.Row:
    change = row.get("change", "")
    cells = (row["date"], row["weekday"], *([change] if is_diff else []), row["name"])
    return output.Row(cells, style=_STYLES.get(change, ""))


def _print_events(calendar: Calendar, year: int, zone: ZoneInfo) -> None:
    start, end = (start_instant(datetime.combine(date(each, 1, 1), time()), zone) for each in (year, year + 1))
    begins = [
        event.start.astimezone(zone) if event.start.tzinfo else event.start for event in calendar.timed(start, end)
    ]
    number = sum(begin.year == year for begin in begins)
    if number:
        click.echo(f"and {number} timed event{'' if number == 1 else 's'}, which are windows of their own")
