"""`curfew pause`: keep a campaign quiet from now on until an end."""

from pathlib import Path

import click

from rules.overrides import OverrideKind
from scheduler.cli import completing, options
from scheduler.cli.overriding import author_of, desk, options_of_an_exception, reason_of


@click.command(name="pause")
@click.argument("campaign", type=click.IntRange(min=1), shell_complete=completing.campaigns)
@click.option("--until", required=True, metavar="T", help="When it's given back: a date or an instant.")
@options.owner
@options_of_an_exception
def command(
    campaign: int,
    until: str,
    account: str | None,
    file: Path,
    database: str | None,
    reason: str,
    author: str | None,
) -> None:
    """Keep a campaign quiet from now on, whatever the rules say, and give it back at the end.

    It's given back like what a rule has paused: only if it ran before, and if no window keeps it quiet then.

    \b
    Example:
      curfew pause 1234567 --until 2026-12-01T08:00 --reason "wrong prices in the second mail"
    """
    at = desk(file, database)
    owner = at.account(account)
    end = at.instant(until, at.zone)
    whom = {"account": owner, "campaign": campaign}
    at.make(OverrideKind.PAUSE, at.now, end, author=author_of(author), reason=reason_of(reason), **whom)
    at.warn_if_unknown(owner, campaign)
