"""`curfew why`: whether a campaign is quiet at an instant, because of what, and what the ledger knows of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from rules.overrides import OverrideKind
from rules.ruleset import Decision, Timeline
from rules.timeline import TICK
from rules.windows import Hold
from scheduler.cli import completing, options, output
from scheduler.clock import utc_now
from scheduler.errors import WrongUse
from scheduler.ledger.database import Database
from scheduler.ledger.reports import CampaignRecord, accounts_with, campaign_record
from scheduler.settings import Settings, load
from scheduler.texts import printable

_LABEL_WIDTH: Final = 9
# So long ago, at least, it's looked for what has left a campaign paused.
_LOOK_BACK: Final = timedelta(days=7)


@click.command(name="why")
@click.argument("campaign", type=click.IntRange(min=1), shell_complete=completing.campaigns)
@options.config
@options.database
@click.option("--at", metavar="T", help="At this instant, or wall time of the file's zone.  [default: now]")
@options.owner
@options.output_format("text", "json")
def command(file: Path, database: str | None, campaign: int, at: str | None, account: str | None, form: str) -> None:
    """Show whether a campaign is quiet, which rules and holidays make it so, until when, and what is on record.

    The campaign's name and folder, by which rules may select it, are those of the last list that the daemon had.

    \b
    Examples:
      curfew why 1234567
      curfew why 1234567 --at "2026-12-25 12:00"
    """
    settings = load(file)
    zone = settings.document.timezone
    asked = options.instant(at, zone) or utc_now()
    ledger = Database(options.ledger_url(settings, database))
    owner = _account(settings, ledger, campaign, account)
    record = _record(ledger, owner, campaign)
    overrides = options.overrides_of(settings, database, utc_now())
    timeline = options.overridden_by(settings, overrides).timeline(
        owner, campaign, name=record.name, folder=record.folder
    )
    bearing = [each for each in overrides if each.bears_on(owner, campaign, timeline.rules)]
    answer = _answer(owner, campaign, timeline, timeline.decide(asked), record)
    answer["overrides"] = [str(each) for each in bearing if each.starts_at <= asked < each.ends_at]
    answer |= _held(timeline, asked)
    left = _left(timeline, asked)
    if left and any(each.kind is OverrideKind.RESUME and left[0] <= each.starts_at <= asked for each in bearing):
        left = None
    if form == "json":
        output.write_json([answer])
        return
    for label, text in _lines(answer, left, record, zone):
        output.write_line(f"{label:<{_LABEL_WIDTH}}{printable(text)}".rstrip())


def _account(settings: Settings, ledger: Database, campaign: int, given: str | None) -> str:
    known = list(settings.document.accounts)
    if given is not None and given not in known:
        raise WrongUse(options.unknown("account", given, known))
    if given is not None or len(known) == 1:
        return given or known[0]
    found: list[str] = []
    if options.is_there(ledger.place):
        with ledger.reading() as connection:
            found = accounts_with(connection, campaign)
    named = [name for name in known if campaign in settings.ruleset.named_campaigns(name)]
    candidates = list(dict.fromkeys(name for name in (*found, *named) if name in known))
    if len(candidates) != 1:
        raise WrongUse(f"say whose campaign {campaign} is with --account: {', '.join(candidates or known)}")
    return candidates[0]


def _record(ledger: Database, account: str, campaign: int) -> CampaignRecord:
    if not options.is_there(ledger.place):
        return CampaignRecord()
    with ledger.reading() as connection:
        return campaign_record(connection, account, campaign)


def _answer(
    account: str, campaign: int, timeline: Timeline, decision: Decision, record: CampaignRecord
) -> dict[str, Any]:
    span = decision.span
    kept = timeline.left_paused(span.start, span.end) if span else ()
    return {
        "at": decision.at,
        "account": account,
        "campaign": campaign,
        "campaign_name": record.name,
        "quiet": decision.is_quiet,
        "rules": list(decision.rules),
        "because": list(decision.because),
        "since": span.start if span and not span.is_beginless else None,
        "until": decision.until,
        "left_paused_by": [each.because for each in kept],
        "status": record.status,
        "seen_at": record.seen_at,
        "held_since": record.held_since,
        "changes": list(record.changes),
    }


def _held(timeline: Timeline, at: datetime) -> dict[str, datetime | None]:
    last = _last_hold(timeline, at)
    return {"last_hold_at": last.at if last else None, "next_hold_at": timeline.next_hold(at)}


def _last_hold(timeline: Timeline, at: datetime) -> Hold | None:
    back = max(_LOOK_BACK, timeline.longest_catch_up)
    holds = [
        each for each in timeline.holds(at - back, at + TICK) if at - each.at <= max(_LOOK_BACK, each.label.catch_up)
    ]
    return holds[-1] if holds else None


def _left(timeline: Timeline, at: datetime) -> tuple[datetime, tuple[str, ...]] | None:
    """Since when, and because of what, a campaign is left paused at an instant that no span holds, if it is."""
    if timeline.span_at(at):
        return None
    hold = _last_hold(timeline, at)
    spans = [each for each in timeline.spans(at - _LOOK_BACK, at) if at - _LOOK_BACK <= each.end <= at]
    last = spans[-1] if spans else None
    # A span that began since has an end of its own.
    if hold and (last is None or last.end <= hold.at):
        return hold.at, (hold.because,)
    if last and (kept := timeline.left_paused(last.start, last.end)):
        return last.end, tuple(dict.fromkeys(each.because for each in kept))
    return None


def _lines(
    answer: dict[str, Any], left: tuple[datetime, tuple[str, ...]] | None, record: CampaignRecord, zone: ZoneInfo
) -> Iterator[tuple[str, str]]:
    def local(instant: datetime | None) -> str:
        return output.local(instant, zone)

    name = f" {record.name}" if record.name else ""
    verdict = "quiet" if answer["quiet"] else "not quiet"
    yield "campaign", f"{answer['campaign']}{name}, account {answer['account']}"
    yield "at", f"{local(answer['at'])}: {verdict}"
    for number, because in enumerate(answer["because"]):
        yield "" if number else "because", because
    # The others are why it's quiet.
    yield from (("override", each) for each in answer["overrides"] if not any(each in why for why in answer["because"]))
    if answer["quiet"]:
        yield "since", local(answer["since"]) or "longer ago than anyone looks back"
        yield "until", local(answer["until"]) or "no end is in sight"
        for number, kept in enumerate(answer["left_paused_by"]):
            yield "" if number else "then", f"left paused for a person to resume ({kept})"
        if not answer["left_paused_by"] and answer["until"]:
            yield "then", "resumed, if Curfew paused it and nobody touched it since"
    else:
        if left:
            since, reasons = left
            yield "but", f"left paused by {'; '.join(reasons)} since {local(since)} until a person resumes it"
        yield "until", local(answer["until"]) or "no window is in sight"
        hold = answer["next_hold_at"]
        if hold and (answer["until"] is None or hold <= answer["until"]):
            yield "hold", f"{local(hold)}, then left paused until a person resumes it"
    yield from _recorded(record, zone)


def _recorded(record: CampaignRecord, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    if record.seen_at is None and not record.changes:
        yield "ledger", "nothing is on record"
        return
    if record.seen_at is not None:
        folder = f", in folder {record.folder}" if record.folder else ""
        yield "ledger", f"{record.status}{folder}, as listed {output.local(record.seen_at, zone)}"
    if record.held_since is not None:
        yield "", f"held paused by Curfew since {output.local(record.held_since, zone)}, to be resumed"
    for change in record.changes:
        reason = f": {change['reason']}" if change["reason"] else f" ({change['because']})"
        yield "", f"{change['action']} due {output.local(change['due_at'], zone)}: {change['state']}{reason}"
