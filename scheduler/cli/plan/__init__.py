"""`curfew plan`: what will happen.

rows          for programs: JSON and CSV
text          for a person, day by day
month         as pages of a calendar
subscription  as an iCalendar file
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from rules.ruleset import Edge, Ruleset, Subject, Timeline
from scheduler.cli import options, output
from scheduler.cli.plan import month, rows, text
from scheduler.cli.plan.rows import Planned
from scheduler.clock import utc_now
from scheduler.errors import WrongUse
from scheduler.settings import Settings, load

_DEFAULT_DAYS = 14
_LONGEST_DAYS = 3660
_NOTHING = "nothing happens in that time"


@click.command(name="plan")
@options.config
@click.option("--from", "start", metavar="T", help="From this date or instant on.  [default: now]")
@click.option("--to", "end", metavar="T", help="Up to this date or instant, itself not included.")
@click.option("--days", type=click.IntRange(1, _LONGEST_DAYS), help=f"How many days, without --to.  [{_DEFAULT_DAYS}]")
@click.option("--campaign", type=click.IntRange(min=1), help="Only what happens to this campaign.")
@click.option("--rule", help="Only what this rule has a part in.")
@click.option("--calendar", "as_months", is_flag=True, help="Show months, with quiet days shaded.")
@options.output_format("text", "json", "csv", "ics")
def command(
    file: Path,
    start: str | None,
    end: str | None,
    days: int | None,
    campaign: int | None,
    rule: str | None,
    as_months: bool,
    form: str,
) -> None:
    """Show when campaigns will be paused and resumed, and because of what.

    Windows of one campaign are merged over all rules. `all` stands for the campaigns that no rule names, and `folder`
    or `name` for those that a rule selects so: which they are is only known online. No call is made, and no key is
    needed. The ics form is for calendars to subscribe to.

    \b
    Examples:
      curfew plan --days 30
      curfew plan --calendar --from 2026-12-01 --to 2027-02-01
      curfew plan --from 2026-12-20 --to 2027-01-08 --campaign 1234567 --format json
    """
    settings = load(file)
    names = options.rule_names(settings.document)
    if rule is not None and rule not in names:
        raise WrongUse(options.unknown("rule", rule, names))
    if as_months and form != "text":
        raise WrongUse(f"--calendar is for people: it doesn't go with --format {form}")
    first, last = _span(start, end, days, settings.document.timezone)
    if as_months:
        _print_months(settings, list(_timelines(settings.ruleset, campaign, rule)), first, last)
        return
    edges = _edges(settings.ruleset, first, last, campaign)
    planned = [_planned(settings.ruleset, *each) for each in edges if rule in (None, *each[1].rules)]
    _print(settings, planned, first, last, form)


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


def _edges(ruleset: Ruleset, first: datetime, last: datetime, campaign: int | None) -> Iterator[tuple[Subject, Edge]]:
    if campaign is None:
        yield from ruleset.edges(first, last)
        return
    for subject in _of_campaign(ruleset, campaign):
        for edge in ruleset.timeline_of(subject).edges(first, last):
            yield subject, edge


def _planned(ruleset: Ruleset, subject: Subject, edge: Edge) -> Planned:
    kept = edge.until and ruleset.timeline_of(subject).left_paused(edge.at, edge.until)
    return Planned(subject, edge, bool(kept))


def _of_campaign(ruleset: Ruleset, campaign: int) -> Iterator[Subject]:
    # Also one that no rule names: it may be one of `all`.
    return (Subject(account=account, campaign=campaign) for account in ruleset.accounts())


def _print(settings: Settings, planned: Sequence[Planned], first: datetime, last: datetime, form: str) -> None:
    if form == "json":
        output.write_json([rows.row(each) for each in planned])
    elif form == "csv":
        click.echo(rows.as_csv(planned), nl=False)
    elif form == "ics":
        # Its libraries cost more than the rest of the plan.
        from scheduler.cli.plan import subscription

        click.echo(subscription.as_ics(planned, utc_now()), nl=False)
    elif planned:
        width = output.console().width
        for line in text.lines(planned, first, last, with_accounts=_has_accounts(settings), width=width):
            output.write_line(line)
    else:
        click.echo(_NOTHING)


def _timelines(ruleset: Ruleset, campaign: int | None, rule: str | None) -> Iterator[tuple[Subject, Timeline]]:
    for subject in ruleset.subjects() if campaign is None else _of_campaign(ruleset, campaign):
        timeline = ruleset.timeline_of(subject)
        if rule in (None, *timeline.rules):
            yield subject, timeline


def _print_months(
    settings: Settings, timelines: Sequence[tuple[Subject, Timeline]], first: datetime, last: datetime
) -> None:
    if not timelines:
        click.echo(_NOTHING)
        return
    zone = settings.document.timezone
    groups = month.groups_of(timelines, with_accounts=_has_accounts(settings))
    days = first.astimezone(zone).date(), (last - timedelta(microseconds=1)).astimezone(zone).date()
    for line in month.lines(groups, *days, zone):
        output.write_line(line)


def _has_accounts(settings: Settings) -> bool:
    """Whether there are several, so that it must be said whose campaigns they are."""
    return len(settings.document.accounts) > 1
