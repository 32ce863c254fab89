"""`curfew undo`: put back what the last edge or the last exception changed."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from rules.overrides import Override, OverrideKind
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
@click.option(
    "--by", "author", metavar="NAME", envvar="CURFEW_AUTHOR", show_envvar=True, help="Who says so.  [default: you]"
)
def command(file: Path, database: str | None, yes: bool, author: str | None) -> int:
    """Show what the last edge or exception changed, and put it back after a confirmation.

    An exception is taken back, or several that were made at once. Campaigns that the last edge paused are resumed for
    the rest of their window; those that it resumed are paused until their next window, for a day at most. Each is an
    exception of its own, which `curfew overrides` lists and takes back, and the journal keeps.

    \b
    Example:
      curfew undo
    """
    at = desk(file, database)
    with at.ledger.reading() as connection:
        made = [each for each in recent_overrides(connection, at.now) if each.revoked_at is None]
        edge = last_edge(connection, at.now - _LOOK_BACK)
    newest_at = max((each.made_at for each in made), default=None)
    newest = [each for each in made if each.made_at == newest_at]
    if newest and (edge is None or edge.finished_at <= newest[0].made_at or _has_caused(newest, edge)):
        return _undo_overrides(at, newest, edge, yes=yes, author=author_of(author))
    if edge is None:
        raise WrongUse(f"nothing was changed in the last {_LOOK_BACK.days} days that could be put back")
    return _undo_edge(at, edge, yes=yes, author=author_of(author))


def _has_caused(made: Sequence[Recorded], edge: LastEdge) -> bool:
    """Whether an edge is what came of exceptions, and not a later one that only has them among its reasons."""
    named = [each.override for each in made if each.override.name in edge.rules]
    return any(edge.action is Action.RESUME or edge.due_at == override.starts_at for override in named)


def _undo_overrides(at: Desk, made: Sequence[Recorded], edge: LastEdge | None, *, yes: bool, author: str) -> int:
    when = output.local(made[0].made_at, at.zone)
    for each in made:
        output.write_line(printable(f"The last change: {each.override}, made {when}"))
    if edge is not None and _has_caused(made, edge):
        _show(edge, [f"  {_done(edge)}"] * len(edge.campaigns))
    if not _is_confirmed("Take it back?" if len(made) == 1 else f"Take these {len(made)} back?", yes=yes):
        return 1
    with at.ledger.writing() as connection:
        gone = [revoke_override(connection, each.override.id, author, at.now) for each in made]
    click.echo("taken back" if any(gone) else "somebody was quicker: it's taken back already")
    return 0


def _show(edge: LastEdge, remarks: Sequence[str]) -> None:
    for campaign, remark in zip(edge.campaigns, remarks, strict=True):
        output.write_line(printable(f"  {campaign.account}: {campaign.campaign} {campaign.name or ''}{remark}"))


def _done(edge: LastEdge) -> str:
    return "paused" if edge.action is Action.PAUSE else "resumed"


def _undo_edge(at: Desk, edge: LastEdge, *, yes: bool, author: str) -> int:
    by = f", by {', '.join(edge.rules)}" if edge.rules else ""
    output.write_line(printable(f"The last change: due {output.local(edge.due_at, at.zone)}{by}: {_done(edge)}"))
    chosen = list(_ends(at, edge))
    _show(edge, [_what(at, end) for _, end in chosen])
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
    start, said = at.now, {"author": author, "reason": reason}
    at.record(
        [
            Override(id=0, kind=kind, account=of.account, campaign=of.campaign, starts_at=start, ends_at=end, **said)
            for of, end in able
        ]
    )
