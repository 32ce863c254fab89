"""`curfew plan`: what will happen."""

from collections.abc import Iterator, Sequence
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
    names = options.rule_names(settings.document)
    if rule is not None and rule not in names:
        raise WrongUse(options.unknown("rule", rule, names))
    first, last = _span(start, end, days, settings.document.timezone)
    found = _edges(settings.ruleset, first, last, campaign)
    chosen = [each for each in found if rule is None or rule in each[2].rules]
    if form == "json":
        output.write_json([_row(*each) for each in chosen])
    elif chosen:
        # With one account, its name says nothing.
        shown = ("account",) if len(settings.document.accounts) > 1 else ()
        columns = ("when", "action", *shown, "campaign", "until", "because")
        output.print_table(columns, [_line(*each, columns) for each in chosen])
    else:
        click.echo("nothing happens in that time")


def _span(start: str | None, end: str | None, days: int | None, zone: ZoneInfo) -> tuple[datetime, datetime]:
    if end is not None and days is not None:
        raise WrongUse("--to and --days both say where the plan ends: use one of them")
    first = options.instant(start, zone) or utc_now()
    last = options.instant(end, zone) or first + timedelta(days=days or _DEFAULT_DAYS)
    if last <= first:
        raise WrongUse(f"--to ({output.local(last, zone)}) must come after --from ({output.local(first, zone)})")
    if last - first > timedelta(days=_LONGEST_DAYS):
        raise WrongUse(f"the plan is made for at most {_LONGEST_DAYS} days at once")
    return first, last


def _edges(
    ruleset: Ruleset, first: datetime, last: datetime, campaign: int | None
) -> Iterator[tuple[str, int | None, Edge]]:
    if campaign is None:
        yield from ruleset.edges(first, last)
        return
    # Also for a campaign that no rule names: it may be one of `all`.
    for account in ruleset.accounts():
        for edge in ruleset.timeline(account, campaign).edges(first, last):
            yield account, campaign, edge


def _row(account: str, campaign: int | None, edge: Edge) -> dict[str, Any]:
    return {
        "at": edge.at,
        "action": str(edge.action),
        "account": account,
        "campaign": "all" if campaign is None else campaign,
        "rules": list(edge.rules),
        "because": "; ".join(edge.because),
        "local": edge.at.astimezone(ZoneInfo(edge.zone)).isoformat(),
        "until": edge.until,
    }


def _line(account: str, campaign: int | None, edge: Edge, columns: Sequence[str]) -> output.Row:
    zone = ZoneInfo(edge.zone)
    cells = {
        "when": output.clock(edge.at, zone),
        "action": "hold" if edge.is_hold else edge.action,
        "account": account,
        "campaign": campaign or "all",
        "until": output.moment(edge.until, zone),
        "because": "; ".join(edge.because),
    }
    return output.Row(tuple(cells[name] for name in columns), output.day(edge.at, zone))
