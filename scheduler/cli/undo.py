"""`curfew undo`: put back what the last edge or the last exception changed."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from rules.overrides import OverrideKind
from rules.ruleset import Action
from scheduler.cli import options, output
from scheduler.cli.overriding import Desk, author_of, desk
from scheduler.errors import WrongUse
from scheduler.ledger.overrides import Recorded, recent_overrides, revoke_override
from scheduler.ledger.reports import ChangedCampaign, LastEdge, last_edge
from scheduler.texts import printable

# What happened longer ago is no slip any more.
_LOOK_BACK: Final = timedelta(days=7)
# Where no window follows, what is paused again is given back after that.
_LONGEST_PAUSE: Final = timedelta(days=1)


@click.command(name="undo")
@options.config
@options.database
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--by", "author", envvar="CURFEW_AUTHOR", show_envvar=True, help="Who says so.  [default: you]")
def command(file: Path, database: str | None, yes: bool, author: str | None) -> int:
    """Show what the last edge or exception changed, and put it back after a confirmation.

    An exception is taken back. Campaigns that the last edge paused are resumed for the rest of their window; those that
    it resumed are paused until their next window, for a day at most. Each is an exception of its own, which `curfew
    overrides` lists and takes back, and the journal keeps.

    \b
    Example:
      curfew undo
    """
    at = desk(file, database)
    with at.ledger.reading() as connection:
        made = [each for each in recent_overrides(connection, at.now) if each.revoked_at is None]
        edge = last_edge(connection, at.now - _LOOK_BACK)
    newest = max(made, key=lambda each: each.made_at, default=None)
    if newest is not None and (edge is None or edge.finished_at <= newest.made_at):
        return _undo_override(at, newest, yes=yes, author=author_of(author))
    if edge is None:
        raise WrongUse(f"nothing was changed in the last {_LOOK_BACK.days} days that could be put back")
    return _undo_edge(at, edge, yes=yes, author=author_of(author))


def _undo_override(at: Desk, newest: Recorded, *, yes: bool, author: str) -> int:
    output.write_line(printable(f"The last change: {newest.override}, made {output.local(newest.made_at, at.zone)}"))
    if not _is_confirmed("Take it back?", yes=yes):
        return 1
    with at.ledger.writing() as connection:
        gone = revoke_override(connection, newest.override.id, author, at.now)
    click.echo("taken back" if gone else "somebody was quicker: it's taken back already")
    return 0


def _undo_edge(at: Desk, edge: LastEdge, *, yes: bool, author: str) -> int:
    done = "paused" if edge.action is Action.PAUSE else "resumed"
    rules = ", ".join(edge.rules)
    output.write_line(printable(f"The last change: due {output.local(edge.due_at, at.zone)}, by {rules}: {done}"))
    chosen = list(_ends(at, edge))
    for campaign, end in chosen:
        output.write_line(printable(f"  {campaign.account}: {campaign.campaign} {campaign.name or ''}{_what(at, end)}"))
    able = [(campaign, end) for campaign, end in chosen if end is not None]
    if not able:
        raise WrongUse("none of them can be put back")
    again = "Resume" if edge.action is Action.PAUSE else "Pause"
    if not _is_confirmed(f"{again} {len(able)} of them again?", yes=yes):
        return 1
    _put_back(at, edge, able, author)
    return 0


def _ends(at: Desk, edge: LastEdge) -> Iterator[tuple[ChangedCampaign, datetime | None]]:
    """Until when each is to be what it was; None where there's nothing to put back."""
    for campaign in edge.campaigns:
        timeline = at.ruleset.timeline(campaign.account, campaign.campaign, name=campaign.name, folder=campaign.folder)
        span, following = timeline.span_at(at.now), timeline.next_span(at.now)
        if edge.action is Action.PAUSE:
            yield campaign, span.end if span and campaign.is_held else None
        elif span is not None:
            yield campaign, None
        else:
            latest = at.now + _LONGEST_PAUSE
            yield campaign, min(latest, following.start) if following else latest


def _what(at: Desk, end: datetime | None) -> str:
    return "  (nothing to put back)" if end is None else f"  until {output.local(end, at.zone)}"


def _is_confirmed(question: str, *, yes: bool) -> bool:
    return yes or click.confirm(question, err=True)


def _put_back(at: Desk, edge: LastEdge, able: Sequence[tuple[ChangedCampaign, datetime]], author: str) -> None:
    kind = OverrideKind.RESUME if edge.action is Action.PAUSE else OverrideKind.PAUSE
    reason = f"undo of the {edge.action} due {output.utc(edge.due_at)}"
    for campaign, end in able:
        whom = {"account": campaign.account, "campaign": campaign.campaign}
        at.make(kind, at.now, end, author=author, reason=reason, **whom)
