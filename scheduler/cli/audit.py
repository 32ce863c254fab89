"""`curfew audit`: the audit log."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from scheduler.cli import options, output
from scheduler.ledger.database import Database
from scheduler.ledger.reports import AuditFilter, audit_lines

_STYLES = {
    "succeeded": "green",
    "failed": "bold red",
    "missed": "bold red",
    "retried": "yellow",
    "interrupted": "yellow",
}


@click.command(name="audit")
@options.config
@options.database
@click.option("--since", metavar="T", help="From this date or instant on.")
@click.option("--until", metavar="T", help="Up to this date or instant, itself not included.")
@click.option("--campaign", type=int, help="Only this campaign.")
@click.option("--rule", help="Only what this rule has a part in.")
@click.option("--account", help="Only this account.")
@click.option("--action", type=click.Choice(["pause", "resume"]), help="Only pauses, or only resumes.")
@click.option("--outcome", help="Only what ended so: succeeded, retried, failed, skipped, missed...")
@click.option("--utc", "in_utc", is_flag=True, help="Show times in UTC, not in the file's zone.")
@options.output_format("table", "json")
def command(file: Path, database: str | None, form: str, in_utc: bool, **chosen: Any) -> None:
    """Show what was done and why: a line for each attempt, and one for each decision that needed no call.

    \b
    Examples:
      curfew audit --since 2026-12-24 --outcome failed
      curfew audit --campaign 1234567 --format json
    """
    zone = options.zone_of(file)
    ledger = Database(options.ledger_url(file, database))
    for name in ("since", "until"):
        chosen[name] = options.instant(chosen[name], zone)
    with ledger.reading() as connection:
        lines = audit_lines(connection, AuditFilter(**chosen))
    if form == "json":
        output.write_json(lines)
    else:
        print_lines(lines, ZoneInfo("UTC") if in_utc else zone)


def print_lines(lines: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> None:
    """Print lines of the audit log as a table, the times in a zone."""
    if not lines:
        click.echo("nothing is on record")
        return
    columns = ("due", "campaign", "action", "attempt", "outcome", "late", "took", "http", "why")
    table = output.make_table(columns, (_cells(line, zone) for line in lines))
    for row, line in zip(table.rows, lines, strict=True):
        row.style = _STYLES.get(str(line["outcome"]), "")
    output.console().print(table)


def _cells(line: Mapping[str, Any], zone: ZoneInfo) -> tuple[object, ...]:
    name = f"{line['campaign']} {line['campaign_name'] or ''}".strip()
    took = "" if line["duration_ms"] is None else f"{line['duration_ms']} ms"
    return (
        output.local(line["due_at"], zone),
        name,
        line["action"],
        line["attempt"],
        line["outcome"],
        _late(line["late_by_seconds"]),
        took,
        line["http_status"],
        _why(line),
    )


def _why(line: Mapping[str, Any]) -> str:
    """The error, or the reason of a decision; for what went as it should, whose rule it was."""
    went_well = line["outcome"] in {"succeeded", "under way"}
    return line["error"] or (", ".join(line["rules"]) if went_well else line["reason"])


def _late(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{seconds:.1f} s"
