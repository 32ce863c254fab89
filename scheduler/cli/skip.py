"""`curfew skip`: leave a window of a rule out."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from rules.overrides import OverrideKind
from rules.ruleset import Rule, Timeline
from rules.windows import Hold, QuietWindow
from scheduler.cli import completing, output
from scheduler.cli.overriding import author_of, day_of, desk, options_of_an_exception, reason_of
from scheduler.errors import WrongUse

_SECOND = timedelta(seconds=1)
_INSTANT = timedelta(microseconds=1)


@click.command(name="skip")
@click.argument("rule", shell_complete=completing.rules)
@click.option("--on", "day", metavar="DATE", help="What begins on this date, in the rule's zone.")
@options_of_an_exception
def command(rule: str, day: str | None, file: Path, database: str | None, reason: str, author: str | None) -> None:
    """Leave out a rule's present window, or its next one or its next hold.

    What it paused alone is given back if the window has begun already.

    \b
    Examples:
      curfew skip weekend --reason "the fair is on Saturday"
      curfew skip public-holidays --on 2026-11-11
    """
    at = desk(file, database)
    found, timeline = at.rule(rule)
    start, end = _stretch(found, timeline, at.now) if day is None else _on(found, timeline, day, at.now)
    whom = {"account": found.account, "rule": rule, "author": author_of(author), "reason": reason_of(reason)}
    at.make(OverrideKind.SKIP, start, end, **whom)


def _stretch(rule: Rule, timeline: Timeline, now: datetime) -> tuple[datetime, datetime]:
    span = timeline.span_at(now) or timeline.next_span(now)
    hold = timeline.next_hold(now)
    if hold is not None and (span is None or hold < span.start):
        return hold, hold + _SECOND
    if span is None:
        raise WrongUse(f"rule {rule.name!r} has no window and no hold in sight")
    if span.is_endless:
        raise WrongUse(f"no end of rule {rule.name!r} is in sight; say with --on which day's window is left out")
    return span.start, span.end


def _on(rule: Rule, timeline: Timeline, day: str, now: datetime) -> tuple[datetime, datetime]:
    start, end = day_of(day, rule.zone)
    skipped = timeline.beginning(start, end)
    if not skipped:
        following = timeline.next_beginning(end - _INSTANT)
        when = f"; the next one begins {output.local(following, rule.zone)}" if following else ""
        raise WrongUse(f"no window or hold of rule {rule.name!r} begins on {day}{when}")
    over = max(_end_of(each) for each in skipped)
    if over <= now:
        raise WrongUse(f"what rule {rule.name!r} began on {day} is over ({output.local(over, rule.zone)})")
    # What begins on a later day, though this one still lasts, isn't meant.
    later = timeline.beginning(end, over)
    return skipped[0][0], later[0][0] if later else over


def _end_of(source: QuietWindow | Hold) -> datetime:
    return source.end if isinstance(source, QuietWindow) else source.at + _SECOND
