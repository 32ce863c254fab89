"""`curfew audit`: the audit log."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from rules.words import NAME
from scheduler.cli import completing, following, options, output
from scheduler.errors import WrongFile, WrongUse
from scheduler.glance import Glance, glance
from scheduler.ledger.audit import GROUPS, UNDER_WAY, AuditFilter, audit_lines, totals
from scheduler.ledger.database import Database
from scheduler.ledger.records import Outcome, State
from scheduler.ledger.tables import AUDIT_COLUMNS

# What each line can end as: an attempt's outcome, or the state of a change that needed none.
_OUTCOMES: Final = [*map(str, Outcome), str(State.MISSED), UNDER_WAY]

_STYLES: Final = {
    "succeeded": "green",
    "failed": "bold red",
    "missed": "bold red",
    "retried": "yellow",
    "interrupted": "yellow",
}
_NOTHING: Final = "nothing is on record"
# From here on there's also room for what is rarely asked.
_WIDE: Final = 110
# Nobody reads more of a table; programs get all.
_TABLE_SHOWS: Final = 500
_FOLLOW_BEGINS_WITH: Final = 10
# How wide a table's columns are of which the lines aren't known yet.
_LEAST: Final = {"due": 8, "campaign": 30, "outcome": 11, "late": 7, "took": 8, "http": 4, "why": 40}


@click.command(name="audit")
@options.config
@options.database
@click.option("--since", metavar="T", help="From then on: a date, an instant, 7d (ago), yesterday, 'last fri'.")
@click.option("--until", metavar="T", help="Up to then, itself not included.")
@click.option("--campaign", type=int, metavar="ID", shell_complete=completing.campaigns, help="Only this campaign.")
@click.option("--rule", metavar="NAME", shell_complete=completing.rules, help="Only what this rule has a part in.")
@click.option("--account", metavar="NAME", shell_complete=completing.accounts, help="Only this account.")
@click.option("--action", type=click.Choice(["pause", "resume"]), help="Only pauses, or only resumes.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="Only what ended so.")
@click.option(
    "--summary", "groups", type=click.Choice(GROUPS), multiple=True, help="Totals instead of lines; may be repeated."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines as they come.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"Only so many lines, the newest; 0 for all.  [default: {_TABLE_SHOWS} in a table, else all]",
)
@click.option("--verify", is_flag=True, help="Look whether the record is as it was recorded, and print its head.")
@click.option("--head", "heads", metavar="N:HASH", multiple=True, help="With --verify: a head that was noted earlier.")
@click.option(
    "--archive",
    "archives",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="With --verify: a file that `db prune` has written.",
)
@click.option("--utc", "in_utc", is_flag=True, help="Show times in UTC, not in the file's zone.")
@options.output_format("table", "json", "jsonl", "csv")
def command(
    file: Path,
    database: str | None,
    form: str,
    in_utc: bool,
    groups: tuple[str, ...],
    follow: bool,
    limit: int | None,
    verify: bool,
    heads: tuple[str, ...],
    archives: tuple[Path, ...],
    **chosen: Any,
) -> int:
    """Show what was done and why: a line for each attempt, and one for each decision that needed no call.

    \b
    Examples:
      curfew audit --since 7d --outcome failed
      curfew audit --since "last fri" --summary day --summary outcome
      curfew audit --campaign 1234567 --format csv
      curfew audit --follow --format jsonl
      curfew audit --verify
    """
    _refuse_together(
        verify=verify,
        follow=follow,
        groups=groups,
        limit=limit,
        form=form,
        chosen=chosen,
        heads=heads,
        archives=archives,
    )
    seen = _glance(file, database)
    ledger = Database(seen.url)
    if verify:
        from scheduler.cli import verifying

        return verifying.verify(ledger, heads, archives, is_json=form == "json")
    for name in ("since", "until"):
        chosen[name] = options.instant(chosen[name], seen.zone, is_past=True)
    asked, zone = AuditFilter(**chosen), ZoneInfo("UTC") if in_utc else seen.zone
    if groups:
        _print_totals(ledger, asked, groups, zone, form)
    elif follow:
        lines = following.lines(ledger, asked, _FOLLOW_BEGINS_WITH if limit is None else limit)
        if form == "table":
            print_lines(lines, zone, least=_LEAST)
        else:
            _print(lines, zone, form)
    elif not _show(ledger, asked, zone, form, limit):
        for unknown in _unknown_names(file, chosen):
            click.echo(unknown, err=True)
    return 0


def _refuse_together(
    *,
    verify: bool,
    follow: bool,
    groups: Sequence[str],
    limit: int | None,
    form: str,
    chosen: Mapping[str, Any],
    **of_verify: object,
) -> None:
    """Raise WrongUse where options don't go together."""
    if not verify and any(of_verify.values()):
        raise WrongUse("--head and --archive go with --verify")
    is_filtered = any(value is not None for value in chosen.values())
    if verify and (follow or groups or limit is not None or is_filtered or form in {"jsonl", "csv"}):
        raise WrongUse("--verify looks at the whole record: it takes --head and --archive, and no other form but json")
    if groups and limit is not None:
        raise WrongUse("--limit is for lines; --summary counts all of them")
    if follow and (groups or chosen["until"] is not None or form == "json"):
        raise WrongUse("--follow has no end: it takes neither --summary nor --until, and jsonl in the place of json")


def _glance(file: Path, database: str | None) -> Glance:
    """The zone and the ledger of the file, of which the rest isn't looked at, unless they can't be told so."""
    seen = glance(file, os.environ)
    if seen is None:
        settings, url = options.ledger_of(file, database)
        return Glance(settings.document.timezone if settings else ZoneInfo("UTC"), url)
    return Glance(seen.zone, options.ledger_url(None, database)) if database else seen


def _print(
    lines: Iterable[Mapping[str, Any]], zone: ZoneInfo, form: str, columns: Sequence[str] = AUDIT_COLUMNS
) -> None:
    match form:
        case "json":
            output.write_json(lines)
        case "jsonl":
            output.write_json_lines(lines)
        case "csv":
            output.write_csv(columns, lines)
        case _:
            print_lines(lines, zone)


def _show(ledger: Database, asked: AuditFilter, zone: ZoneInfo, form: str, limit: int | None) -> bool:
    """Print the lines; False where there are none."""
    most = (_TABLE_SHOWS if form == "table" else 0) if limit is None else limit
    is_cut = form == "table" and limit is None
    with ledger.reading() as connection:
        lines = audit_lines(connection, asked, newest=most + is_cut if most else None)
        if is_cut:
            known = list(lines)
            is_cut, lines = len(known) > most, iter(known[-most:])
        first = next(lines, None)
        _print(() if first is None else chain([first], lines), zone, form)
    if is_cut:
        click.echo(f"only the newest {most} lines are shown; --limit 0 shows all", err=True)
    return first is not None


def _print_totals(ledger: Database, asked: AuditFilter, groups: Sequence[str], zone: ZoneInfo, form: str) -> None:
    by = tuple(dict.fromkeys(groups))
    with ledger.reading() as connection:
        found = totals(connection, asked, by, zone)
    if form != "table":
        _print(found, zone, form, (*by, "number"))
    elif not found:
        click.echo(_NOTHING)
    else:
        columns = ("number", *by)
        rows = [output.Row(tuple(row[name] for name in columns), style=_style(row)) for row in found]
        output.print_table(columns, rows, cut=by[0])


def _unknown_names(file: Path, chosen: Mapping[str, Any]) -> Iterator[str]:
    """Why nothing was found, perhaps: no error, since the ledger may know names that the file has no more."""
    if chosen["rule"] is None and chosen["account"] is None:
        return
    from scheduler.settings import load

    try:
        document = load(file).document
    except WrongFile:
        return
    for kind, known in (("rule", options.rule_names(document)), ("account", list(document.accounts))):
        if chosen[kind] is not None and chosen[kind] not in known:
            yield options.unknown(kind, chosen[kind], known)


def print_lines(lines: Iterable[Mapping[str, Any]], zone: ZoneInfo, *, least: Mapping[str, int] | None = None) -> None:
    """Print lines of the audit log as a table, the times in a zone; `least` as `output.print_table` has it."""
    lines = iter(lines)
    first = None if least else next(lines, None)
    if first is None and not least:
        click.echo(_NOTHING)
        return
    more = ("took", "http") if output.console().width >= _WIDE else ()
    columns = ("due", "campaign", "action", "try", "outcome", "late", *more, "why")
    every = lines if first is None else chain([first], lines)
    output.print_table(columns, (_row(line, zone, columns) for line in every), least=least)


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
    return output.Row(tuple(cells[name] for name in columns), output.day(line["due_at"], zone), _style(line))


def _style(line: Mapping[str, Any]) -> str:
    return _STYLES.get(str(line.get("outcome")), "")


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
