"""`curfew status`: alive or not, what happens next, what we hold, what fails."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from rules.ruleset import Edge, Ruleset, Subject
from scheduler.cli import in_force, options, output
from scheduler.clock import utc_now
from scheduler.ledger.database import Database
from scheduler.ledger.files import file_in_force, rejected_file
from scheduler.ledger.overrides import overrides_in_mind
from scheduler.ledger.reports import DaemonRun, failing_changes, held_campaigns, left_campaigns, newest_run
from scheduler.ledger.right import who_works_on
from scheduler.texts import printable
from scheduler.zonedata import use_newest

_NEXT_EDGES = 5
# A daemon records a tick each minute.
_LATE = timedelta(minutes=3)
# In growing steps, one after the other.
_LOOK_AHEAD_DAYS = (1, 3, 12, 48)


@click.command(name="status")
@options.config
@options.database
@options.output_format("text", "json")
def command(file: Path, database: str | None, form: str) -> None:
    """Show whether the daemon is alive, by which file it goes, what happens next, what it holds paused, what fails.

    The exit code is 0 also when the daemon isn't alive, or has refused the file as it is now: the answer was had.

    \b
    Example:
      curfew status --config /etc/curfew/curfew.yaml
    """
    settings, url = options.ledger_of(file, database)
    now, zone = utc_now(), settings.document.timezone if settings else ZoneInfo("UTC")
    ledger = Database(url)
    with ledger.reading() as connection:
        daemon = newest_run(connection)
        custody = held_campaigns(connection)
        left = left_campaigns(connection)
        failing = failing_changes(connection, now)
        overrides = overrides_in_mind(connection, now)
        loaded, rejected = file_in_force(connection), rejected_file(connection)
    sharing = who_works_on(ledger)
    is_alive, last_tick_at = sharing.holder is not None, daemon.last_tick_at if daemon else None
    answer: dict[str, Any] = {
        "alive": is_alive,
        "last_tick_at": last_tick_at,
        "is_late": is_alive and last_tick_at is not None and now - last_tick_at > _LATE,
        "next_edges": _next_edges(options.overridden_by(settings, overrides), now) if settings else None,
        "custody": custody,
        "left_paused": left,
        "failing": failing,
        "zone_data": str(use_newest()),
        "file": in_force.row(loaded),
        "rejected_file": in_force.row(rejected),
        "standing_by": [_where(each) for each in sharing.standing_by],
    }
    if form == "json":
        output.write_json([answer])
        return
    where = f" on {daemon.host}" if daemon and ledger.server else ""
    click.echo(_life(alive=is_alive, daemon=daemon, where=where, zone=zone))
    if answer["is_late"]:
        click.echo("nothing was recorded since: the daemon hangs, or it can't write the ledger, which its log says")
    if answer["standing_by"]:
        others = ", ".join(f"process {each['pid']} on {each['host']}" for each in answer["standing_by"])
        output.write_line(printable(f"standing by: {others}"))
    for line in in_force.lines(loaded, rejected, settings, zone):
        click.echo(line)
    _print(answer, zone)


def _next_edges(ruleset: Ruleset, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "at": edge.at,
            "action": str(edge.action),
            "account": subject.account,
            "campaign": "all" if subject.campaign is None else subject.campaign,
            "selector": subject.selector_text,
            "rules": list(edge.rules),
            "until": edge.until,
        }
        for subject, edge in islice(_edges(ruleset, now), _NEXT_EDGES)
    ]


def _edges(ruleset: Ruleset, now: datetime) -> Iterator[tuple[Subject, Edge]]:
    """The edges to come, a day first, and more only for who asks on: thousands of campaigns have many of them."""
    for days in _LOOK_AHEAD_DAYS:
        yield from ruleset.edges(now, now + timedelta(days=days))
        now += timedelta(days=days)


def _print(answer: Mapping[str, Any], zone: ZoneInfo) -> None:
    edges = [
        _row(edge["at"], zone, edge["action"], edge["selector"] or edge["campaign"], ", ".join(edge["rules"]))
        for edge in answer["next_edges"] or ()
    ]
    nothing = f"nothing in the next {sum(_LOOK_AHEAD_DAYS)} days"
    if answer["next_edges"] is None:
        nothing = "not known here while the file is wrong; the daemon goes by the rules that it has"
    _section("next", ("when", "action", "campaign", "rules"), edges, nothing)
    _section("held paused, to be resumed", ("since", "campaign", "because"), _held(answer["custody"], zone), "nothing")
    if answer["left_paused"]:
        columns = ("since", "campaign", "why")
        _section("left paused, for a person to resume", columns, _held(answer["left_paused"], zone), "nothing")
    failing = [
        _row(each["since"], zone, output.campaign(each), each["action"], each["attempts"], each["error"])
        for each in answer["failing"]
    ]
    _section("failing", ("since", "campaign", "action", "tries", "error"), failing, "nothing")
    click.echo(f"\ntime zone data {answer['zone_data']}")


def _held(campaigns: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> list[output.Row]:
    return [_row(held["since"], zone, output.campaign(held), held["because"]) for held in campaigns]


def _row(at: datetime, zone: ZoneInfo, *cells: object) -> output.Row:
    return output.Row((output.clock(at, zone), *cells), output.day(at, zone))


def _where(name: str) -> dict[str, Any]:
    host, pid, _ = name.rsplit(":", 2)
    return {"host": host, "pid": int(pid)}


def _life(*, alive: bool, daemon: DaemonRun | None, where: str, zone: ZoneInfo) -> str:
    if daemon is None:
        return "not running; no daemon has used this ledger yet"
    tick = output.local(daemon.last_tick_at, zone) or "never"
    dry = ", a dry run" if daemon.dry_run else ""
    if alive:
        return f"alive (process {daemon.pid}{where}, version {daemon.version}{dry}), last tick {tick}"
    how = f"stopped {output.local(daemon.stopped_at, zone)}" if daemon.stopped_at else "ended without a word"
    return f"not running; the last one {how}, last tick {tick}"


def _section(title: str, columns: Sequence[str], rows: Sequence[output.Row], nothing: str) -> None:
    click.echo(f"\n{title}")
    if rows:
        output.print_table(columns, rows)
    else:
        click.echo(nothing)
