"""`curfew resume`: give a campaign back inside its window."""

from pathlib import Path

import click

from rules.overrides import OverrideKind
from scheduler.cli import completing, options
from scheduler.cli.overriding import author_of, desk, options_of_an_exception, reason_of
from scheduler.errors import WrongUse
from scheduler.ledger.reports import campaign_record


@click.command(name="resume")
@click.argument("campaign", type=click.IntRange(min=1), shell_complete=completing.campaigns)
@options.owner
@options_of_an_exception
def command(
    campaign: int, account: str | None, file: Path, database: str | None, reason: str, author: str | None
) -> None:
    """Give a campaign back now, though it's quiet, and leave it running for the rest of this window.

    Only what Curfew itself has paused is resumed; what a person or Bounce Shield has stopped stays so.

    \b
    Example:
      curfew resume 1234567 --reason "the customer asked for it"
    """
    at = desk(file, database)
    owner = at.account(account)
    with at.ledger.reading() as connection:
        record = campaign_record(connection, owner, campaign)
    timeline = at.ruleset.timeline(owner, campaign, name=record.name, folder=record.folder)
    span = timeline.span_at(at.now)
    if span is None:
        raise WrongUse(f"no rule keeps campaign {campaign} quiet now; `curfew why {campaign}` says what is on record")
    whom = {"account": owner, "campaign": campaign}
    at.make(OverrideKind.RESUME, at.now, span.end, author=author_of(author), reason=reason_of(reason), **whom)
    at.warn_if_unknown(owner, campaign)
    if record.held_since is None:
        click.echo(f"Curfew doesn't hold campaign {campaign} paused: if it is, resume it in Woodpecker")
