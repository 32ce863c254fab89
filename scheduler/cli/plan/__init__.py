"""`curfew plan`: what will happen.

rows          for programs: JSON and CSV
text          for a person, day by day
month         as pages of a calendar
subscription  as an iCalendar file
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from rules.overrides import Override
from rules.ruleset import Action, Edge, Ruleset, Subject, Timeline
from rules.timeline import TICK
from scheduler.cli import completing, options, output
from scheduler.cli.plan import month, rows, text
from scheduler.cli.plan.rows import Planned
from scheduler.clock import utc_now
from scheduler.errors import WrongUse
from scheduler.settings import Settings, load
from scheduler.texts import printable

_DEFAULT_DAYS = 14
_LONGEST_DAYS = 3660
_NOTHING = "nothing happens in that time"
_NOTHING_ELSE = "nothing else happens in that time"


@click.command(name="plan")
@options.config
@options.database
@click.option("--from", "start", metavar="T", help="From this date or instant on.  [default: now]")
@click.option("--to", "end", metavar="T", help="Up to this date or instant, itself not included.")
@click.option(
    "--days",
    type=click.IntRange(1, _LONGEST_DAYS),
    metavar="N",
    help=f"How many days, without --to.  [default: {_DEFAULT_DAYS}]",
)
@click.option(
    "--campaign",
    type=click.IntRange(min=1),
    metavar="ID",
    shell_complete=completing.campaigns,
    help="Only what happens to this campaign.",
)
@click.option("--rule", metavar="NAME", shell_complete=completing.rules, help="Only what this rule has a part in.")
@click.option("--calendar", "as_months", is_flag=True, help="Show months, with quiet days shaded.")
@options.output_format("text", "json", "csv", "ics")
def command(
    file: Path,
    database: str | None,
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
    needed. Exceptions that people made (`curfew overrides`) count. The ics form is for calendars to subscribe to.

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
    overrides = options.overrides_of(settings, database, utc_now())
    ruleset = options.overridden_by(settings, overrides)
    if as_months:
        _print_months(settings, list(_timelines(ruleset, campaign, rule)), first, last)
    else:
        edges = _edges(ruleset, first, last, campaign)
        planned = [_planned(ruleset, *each) for each in edges if rule in (None, *each[1].rules)]
        timelines = _timelines(ruleset, campaign, rule) if form in {"text", "ics"} else ()
        already = [each for each in _already(timelines, first, form) if rule in (None, *each.edge.rules)]
        _print(settings, already, planned, first, last, form)
    if form == "text":
        meanwhile = [each for each in overrides if each.starts_at < last and each.ends_at > first]
        subjects = list(_timelines(ruleset, campaign, rule)) if meanwhile else []
        _print_overrides(settings, meanwhile, subjects)


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


def _already(timelines: Iterable[tuple[Subject, Timeline]], at: datetime, form: str) -> Iterator[Planned]:
    """The pauses of the spans that began before an instant and go on at it, which are no edges of the plan.

    People are told why it's quiet then; an event of a subscription stays as it was before it began.
    """
    for subject, timeline in timelines:
        decision = timeline.decide(at)
        span = decision.span
        if span is None or (span.start == at and not span.is_beginless):
            continue
        is_left = timeline.is_left_paused(span) and not span.is_endless
        windows = decision.windows if form == "text" else span.windows
        pauses = [Edge(span.start, Action.PAUSE, windows, span.until)]
        if form == "ics" and not span.is_beginless:
            pauses = [each for each in timeline.edges(span.start, span.start + TICK) if each.action is Action.PAUSE]
        for edge in pauses:
            yield Planned(subject, edge, is_left and not edge.is_hold, span.is_beginless)


def _of_campaign(ruleset: Ruleset, campaign: int) -> Iterator[Subject]:
    # Also one that no rule names: it may be one of `all`.
    return (Subject(account=account, campaign=campaign) for account in ruleset.accounts())


def _print(
    settings: Settings,
    already: Sequence[Planned],
    planned: Sequence[Planned],
    first: datetime,
    last: datetime,
    form: str,
) -> None:
    if form == "json":
        output.write_json([rows.row(each) for each in planned])
    elif form == "csv":
        click.echo(output.csv_text(rows.COLUMNS, map(rows.row, planned)), nl=False)
    elif form == "ics":
        # Its libraries cost more than the rest of the plan.
        from scheduler.cli.plan import subscription

        click.echo(subscription.as_ics([*already, *planned], utc_now()), nl=False)
    else:
        _print_text(settings, already, planned, first, last)


def _print_text(
    settings: Settings, already: Sequence[Planned], planned: Sequence[Planned], first: datetime, last: datetime
) -> None:
    width, with_accounts = output.console().width, _has_accounts(settings)
    for line in text.already_lines(already, first, with_accounts=with_accounts, width=width):
        output.write_line(line)
    if already:
        click.echo()
    for line in text.lines(planned, first, last, with_accounts=with_accounts, width=width):
        output.write_line(line)
    if not planned:
        click.echo(_NOTHING_ELSE if already else _NOTHING)


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


def _print_overrides(
    settings: Settings, overrides: Sequence[Override], timelines: Sequence[tuple[Subject, Timeline]]
) -> None:
    """What people have changed: of a window that is skipped, nothing else is to be seen."""
    zone, gap = settings.document.timezone, "\n"
    for each in overrides:
        if any(each.bears_on(subject.account, subject.campaign, line.rules) for subject, line in timelines):
            span = f"{output.local(each.starts_at, zone)} until {output.local(each.ends_at, zone)}"
            output.write_line(f"{gap}{printable(f'{each}: {span}')}")
            gap = ""


def _has_accounts(settings: Settings) -> bool:
    """Whether there are several, so that it must be said whose campaigns they are."""
    return len(settings.document.accounts) > 1
