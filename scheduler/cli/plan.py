"""`curfew plan`: what will happen."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from rules.ruleset import Edge, Ruleset
from scheduler.cli import options, output
from scheduler.clock import utc_now
from scheduler.errors import WrongUse
from scheduler.settings import load

_DEFAULT_DAYS = 14
_LONGEST_DAYS = 3660


@click.command(name="plan")
@options.config
@click.option("--from", "start", metavar="T", help="From this date or instant on.  [default: now]")
@click.option("--to", "end", metavar="T", help="Up to this date or instant, itself not included.")
@click.option("--days", type=click.IntRange(1, _LONGEST_DAYS), help=f"How many days, without --to.  [{_DEFAULT_DAYS}]")
@click.option("--campaign", type=int, help="Only what happens to this campaign.")
@click.option("--rule", help="Only what this rule has a part in.")
@options.output_format("text", "json")
def command(
    file: Path,
    start: str | None,
    end: str | None,
    days: int | None,
    campaign: int | None,
    rule: str | None,
    form: str,
) -> None:
    """Show when campaigns will be paused and resumed, and because of what.

    Windows of one campaign are merged over all rules. `all` stands for the campaigns that no rule names: which they
    are is only known online. No call is made, and no key is needed.

    \b
    Examples:
      curfew plan --days 30
      curfew plan --from 2026-12-20 --to 2027-01-08 --campaign 1234567 --format json
    """
    settings = load(file)
    zone = settings.document.timezone
    first = options.instant(start, zone) or utc_now()
    last = options.instant(end, zone) or first + timedelta(days=days or _DEFAULT_DAYS)
    if last - first > timedelta(days=_LONGEST_DAYS):
        raise WrongUse(f"the plan is made for at most {_LONGEST_DAYS} days at once")
    rows = [row for row in _rows(settings.ruleset, first, last, campaign) if rule is None or rule in row["rules"]]
    if form == "json":
        output.write_json(rows)
    else:
        _print(rows, zone)


def _rows(ruleset: Ruleset, first: datetime, last: datetime, campaign: int | None) -> Iterator[dict[str, Any]]:
    edges = ruleset.edges(first, last) if campaign is None else _of_campaign(ruleset, first, last, campaign)
    for account, subject, edge in edges:
        yield {
            "at": edge.at,
            "action": str(edge.action),
            "account": account,
            "campaign": "all" if subject is None else subject,
            "rules": list(edge.rules),
            "because": "; ".join(edge.because),
            "local": edge.at.astimezone(ZoneInfo(edge.zone)).isoformat(),
            "until": edge.until,
        }


def _of_campaign(ruleset: Ruleset, first: datetime, last: datetime, campaign: int) -> Iterable[tuple[str, int, Edge]]:
    """Also for a campaign that no rule names: it may be one of `all`."""
    for account in ruleset.accounts():
        yield from ((account, campaign, edge) for edge in ruleset.timeline(account, campaign).edges(first, last))


def _print(rows: list[dict[str, Any]], zone: ZoneInfo) -> None:
    if not rows:
        click.echo("nothing happens in that time")
        return
    cells = (
        (
            _local(row["local"]),
            "hold" if row["action"] == "pause" and row["until"] is None else row["action"],
            row["account"],
            row["campaign"],
            output.local(row["until"], zone),
            row["because"],
        )
        for row in rows
    )
    output.console().print(output.make_table(("when", "action", "account", "campaign", "until", "because"), cells))


def _local(text: str) -> str:
    there = datetime.fromisoformat(text)
    return output.local(there, there.tzinfo)
