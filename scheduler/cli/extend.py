"""`curfew extend`: let a window of a rule last longer."""

from pathlib import Path

import click

from rules.overrides import OverrideKind
from scheduler.cli import completing, output
from scheduler.cli.overriding import author_of, desk, options_of_an_exception, reason_of
from scheduler.errors import WrongUse


@click.command(name="extend")
@click.argument("rule", shell_complete=completing.rules)
@click.option("--until", required=True, metavar="T", help="Its new end: a date or an instant, in the rule's zone.")
@options_of_an_exception
def command(rule: str, until: str, file: Path, database: str | None, reason: str, author: str | None) -> None:
    """Let a rule's present window, or its next one, last longer.

    \b
    Example:
      curfew extend weekend --until 2026-12-01T12:00 --reason "the office is closed on Monday"
    """
    at = desk(file, database)
    found, timeline = at.rule(rule)
    end = at.instant(until, found.zone)
    span = timeline.span_at(at.now) or timeline.next_span(at.now)
    if span is None or span.until is None:
        raise WrongUse(f"rule {rule!r} has no window with an end in sight")
    if end <= span.end:
        raise WrongUse(f"its window lasts until {output.local(span.end, found.zone)} anyway")
    whom = {"account": found.account, "rule": rule, "author": author_of(author), "reason": reason_of(reason)}
    at.make(OverrideKind.EXTEND, span.start, end, **whom)
