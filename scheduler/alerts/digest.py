"""The summary of a day or a week: what was paused and resumed, what went wrong, what's coming. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from rules.localtime import start_instant
from rules.notation import Moment
from rules.ruleset import Ruleset
from scheduler.alerts.concerns import ABOUT, Kind, local
from scheduler.alerts.messages import Level, Message, Sender, line
from scheduler.alerts.stock import Entry, by_kind
from scheduler.texts import printable

# How far it looks ahead, and back at most.
AHEAD: Final = timedelta(days=7)
LONGEST: Final = timedelta(days=35)
_MOST_RULES: Final = 8
_WEEK: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTotals:
    """How many campaigns were paused and resumed by some rules."""

    rules: tuple[str, ...]
    paused: int
    resumed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What the ledger has of the time since the last digest; `told` are concerns that lasted into it."""

    since: datetime
    until: datetime
    changes: Sequence[RuleTotals]
    told: Sequence[Entry]
    held: int
    exceptions: int
    holidays: Sequence[str]

    @property
    def open(self) -> list[Entry]:
        """What needs a person still."""
        return [each for each in self.told if each.over_at is None and not ABOUT[each.kind].is_moment]

    @property
    def over(self) -> list[Entry]:
        """What has happened, or has ended, in this time."""
        return [each for each in self.told if self._is_over(each)]

    def _is_over(self, entry: Entry) -> bool:
        at = entry.began_at if ABOUT[entry.kind].is_moment else entry.over_at
        return at is not None and at >= self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """The next window or hold of a rule, in words, and how many follow it in the time that's looked at."""

    rule: str
    at: datetime
    until: datetime | None
    is_hold: bool
    more: int


def last_due(digest: Moment, zone: ZoneInfo, now: datetime) -> datetime:
    """The newest instant, up to now, at which a digest is due."""
    today = now.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    days = (today - timedelta(days=back) for back in range(-1, 2 * _WEEK))
    walls = (day + digest.time for day in days if digest.weekday in {None, day.weekday()})
    return next(at for at in (start_instant(wall, zone) for wall in walls) if at <= now)


def coming(ruleset: Ruleset, now: datetime) -> list[Coming]:
    """What begins next by each rule, the earliest first."""
    found = (_next_of(ruleset, rule.name, now) for rule in ruleset.rules)
    return sorted((each for each in found if each), key=lambda each: (each.at, each.rule))


def _next_of(ruleset: Ruleset, rule: str, now: datetime) -> Coming | None:
    timeline = ruleset.alone(rule)
    spans = [(span.start, span.until) for span in timeline.spans(now, now + AHEAD) if span.start >= now]
    holds = [(hold.at, None) for hold in timeline.holds(now, now + AHEAD)]
    both = sorted([*((*each, False) for each in spans), *((*each, True) for each in holds)], key=lambda each: each[0])
    if not both:
        return None
    at, until, is_hold = both[0]
    return Coming(rule=rule, at=at, until=until, is_hold=is_hold, more=len(both) - 1)


def digest(period: Period, ahead: Sequence[Coming], sender: Sender) -> Message:
    """The summary as a message; it's as short as the time was quiet."""
    zone = sender.zone
    is_well = not (period.open or period.over)
    what = "nothing went wrong." if is_well else "this went wrong." if period.over else "something needs a person."
    head = f"Since {local(period.since, zone)}: {what}"
    parts = [
        "\n".join([head, *_wrong(period.over, zone)]) if period.over else head,
        *_section("Needs a person now:", _wrong(period.open, zone)),
        *_section("Paused and resumed:", _changes(period.changes) or ["- nothing"]),
        *_section("Coming in the next 7 days:", _coming(ahead, zone) or ["- nothing"]),
        " ".join(_rest(period)),
        *_section("Holidays that other data has changed:", [line(each) for each in period.holidays[:_MOST_RULES]]),
    ]
    title = (
        "all is well" if is_well else "something needs a person" if period.open else "something went wrong, and is over"
    )
    length = "day" if period.until - period.since <= timedelta(days=2) else "week"
    return sender.message(f"the {length} in short: {title}", parts, Level.WARNING if period.open else Level.INFO)


def _section(head: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "\n".join([head, *lines])


def _wrong(entries: Sequence[Entry], zone: tzinfo) -> list[str]:
    return [line(_wrong_line(kind, those, zone)) for kind, those in by_kind(entries)]


def _wrong_line(kind: Kind, entries: Sequence[Entry], zone: tzinfo) -> str:
    about = ABOUT[kind]
    what = about.one if len(entries) == 1 else about.many.format(len(entries))
    began = local(min(entry.began_at for entry in entries), zone)
    if about.is_moment or entries[0].over_at is None:
        return f"{what}, {'at' if about.is_moment else 'since'} {began}: {entries[0].text}"
    return f"{what}, from {began} until {local(max(each.over_at or each.began_at for each in entries), zone)}"


def _changes(changes: Sequence[RuleTotals]) -> list[str]:
    shown = [
        line(f"{', '.join(map(printable, each.rules)) or 'no rule'}: {each.paused} paused, {each.resumed} resumed")
        for each in islice(changes, _MOST_RULES)
    ]
    more = len(changes) - _MOST_RULES
    return [*shown, f"- and by {more} more"] if more > 0 else shown


def _coming(ahead: Sequence[Coming], zone: tzinfo) -> list[str]:
    shown = [line(_coming_line(each, zone)) for each in islice(ahead, _MOST_RULES)]
    more = len(ahead) - _MOST_RULES
    return [*shown, f"- and of {more} more rules"] if more > 0 else shown


def _coming_line(each: Coming, zone: tzinfo) -> str:
    end = ", left paused" if each.is_hold else f" until {local(each.until, zone)}" if each.until else ", without an end"
    more = f" (and {each.more} more)" if each.more else ""
    return f"{printable(each.rule)}: {local(each.at, zone)}{end}{more}"


def _rest(period: Period) -> Iterator[str]:
    yield f"{period.held} {'campaign is' if period.held == 1 else 'campaigns are'} held paused now."
    if period.exceptions:
        yield f"{period.exceptions} {'exception is' if period.exceptions == 1 else 'exceptions are'} in mind."


def changes_of(rows: Sequence[Mapping[str, Any]]) -> list[RuleTotals]:
    """What was paused and resumed, by the rules that asked for it, the most first."""
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for row in rows:
        found.setdefault(tuple(row["rules"]), {})[row["action"]] = row["campaigns"]
    changes = [
        RuleTotals(rules=rules, paused=each.get("pause", 0), resumed=each.get("resume", 0))
        for rules, each in found.items()
    ]
    return sorted(changes, key=lambda each: (-each.paused - each.resumed, each.rules))
