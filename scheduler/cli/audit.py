"""`curfew audit`: the audit log."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from rules.document import Document
from rules.overrides import NAME
from scheduler.cli import completing, options, output
from scheduler.ledger.database import Database
from scheduler.ledger.records import Outcome, State
from scheduler.ledger.reports import UNDER_WAY, AuditFilter, audit_lines

# What each line can end as: an attempt's outcome, or the state of a change that needed none.
_OUTCOMES: Final = [*map(str, Outcome), str(State.MISSED), UNDER_WAY]

_STYLES: Final = {
    "succeeded": "green",
    "failed": "bold red",
    "missed": "bold red",
    "retried": "yellow",
    "interrupted": "yellow",
}
# From here on there's also room for what is rarely asked.
_WIDE: Final = 110


@click.command(name="audit")
@options.config
@options.database
@click.option("--since", metavar="T", help="From this date or instant on.")
@click.option("--until", metavar="T", help="Up to this date or instant, itself not included.")
@click.option("--campaign", type=int, metavar="ID", shell_complete=completing.campaigns, help="Only this campaign.")
@click.option("--rule", metavar="NAME", shell_complete=completing.rules, help="Only what this rule has a part in.")
@click.option("--account", metavar="NAME", shell_complete=completing.accounts, help="Only this account.")
@click.option("--action", type=click.Choice(["pause", "resume"]), help="Only pauses, or only resumes.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="Only what ended so.")
@click.option("--utc", "in_utc", is_flag=True, help="Show times in UTC, not in the file's zone.")
@options.output_format("table", "json")
def command(file: Path, database: str | None, form: str, in_utc: bool, **chosen: Any) -> None:
    """Show what was done and why: a line for each attempt, and one for each decision that needed no call.

    \b
    Examples:
      curfew audit --since 2026-12-24 --outcome failed
      curfew audit --campaign 1234567 --format json
    """
    settings, url = options.ledger_of(file, database)
    ledger = Database(url)
    zone = settings.document.timezone if settings else ZoneInfo("UTC")
    for name in ("since", "until"):
        chosen[name] = options.instant(chosen[name], zone)
    with ledger.reading() as connection:
        lines = audit_lines(connection, AuditFilter(**chosen))
    if form == "json":
        output.write_json(lines)
    else:
        print_lines(lines, ZoneInfo("UTC") if in_utc else zone)
    if settings and not lines:
        for unknown in _unknown_names(settings.document, chosen):
            click.echo(unknown, err=True)


def _unknown_names(document: Document, chosen: Mapping[str, Any]) -> Iterator[str]:
    """Why nothing was found, perhaps: no error, since the ledger may know names that the file has no more."""
    for kind, known in (("rule", options.rule_names(document)), ("account", list(document.accounts))):
        if chosen[kind] is not None and chosen[kind] not in known:
            yield options.unknown(kind, chosen[kind], known)


def print_lines(lines: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> None:
    """Print lines of the audit log as a table, the times in a zone."""
    if not lines:
        click.echo("nothing is on record")
        return
    more = ("took", "http") if output.console().width >= _WIDE else ()
    columns = ("due", "campaign", "action", "try", "outcome", "late", *more, "why")
    output.print_table(columns, [_row(line, zone, columns) for line in lines])


def _row(line: Mapping[str, Any], zone: ZoneInfo, columns: Sequence[str]) -> output.Row:
    cells = {
        "due": output.clock(line["due_at"], zone),
        "campaign": output.campaign(line),
        "action": line["action"],
        "try": line["attempt"],
        "outcome": line["outcome"],
        "late": _late(line["late_by_seconds"]),
        "took": "" if line["duration_ms"] is None else f"{line['duration_ms']} ms",
        "http": line["http_status"],
        "why": _why(line),
    }
    style = _STYLES.get(str(line["outcome"]), "")
    return output.Row(tuple(cells[name] for name in columns), output.day(line["due_at"], zone), style)


def _why(line: Mapping[str, Any]) -> str:
    """The error, or the reason; for what went as it should, whose rule it was, unless a person asked for it."""
    rules, went_well = line["rules"], line["outcome"] in {Outcome.SUCCEEDED, UNDER_WAY}
    is_by_rules = bool(rules) and not any(rule.startswith(NAME) for rule in rules)
    return line["error"] or (", ".join(rules) if went_well and is_by_rules else line["reason"])


def _late(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{seconds:.1f} s"
