"""What all rules together say of one campaign: quiet or not, because of what, until when, and every edge.

Spans and holds are worked out year by year (UTC years) and remembered, so that a decision is a search in a sorted
list. Campaigns with the same rules share one timeline.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from rules.calendars import Calendar, Dates, PublicHolidays
from rules.days import AnyOf, CalendarDays, Days, OneDay, Weekdays
from rules.document import CalendarSpec, Document, Entry
from rules.document import Rule as RuleSpec
from rules.notation import WEEKDAYS, Moment, clock, parse_weekdays
from rules.windows import Hold, HoldPattern, Label, QuietWindow, Span, WindowPattern, union

_TICK: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
# How far the next span is looked for, and how far a span that never seems to end is followed, in years each way.
LOOK_AHEAD_YEARS: Final = 8
LONGEST_SPAN_YEARS: Final = 2


class Action(StrEnum):
    """What an edge asks of a campaign."""

    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An instant (UTC) at which a span starts or ends, or a hold.

    `until` is the end of the span that a pause starts; it's None for a hold, for a resume, and where no end is in
    sight. `zone` is that of the rule that makes the edge.
    """

    at: datetime
    action: Action
    rules: tuple[str, ...]
    because: tuple[str, ...]
    zone: str
    until: datetime | None = None
    is_hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Quiet or not at one instant, because of which windows, until when.

    `until` is the end of the span when quiet, else the start of the next one; None where none is in sight.
    """

    at: datetime
    is_quiet: bool
    because: tuple[str, ...]
    rules: tuple[str, ...]
    until: datetime | None
    span: Span | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, ready to be asked: `campaigns` is None where it selects all of its account."""

    name: str
    account: str
    campaigns: frozenset[int] | None
    zone: ZoneInfo
    windows: tuple[WindowPattern, ...]
    holds: tuple[HoldPattern, ...]

    def selects(self, campaign: int | None) -> bool:
        """Whether the rule is for this campaign; None stands for one that no rule names."""
        return self.campaigns is None or campaign in self.campaigns


class Timeline:
    """The spans and holds of some rules taken together. All instants are UTC."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._spans: dict[tuple[int, int], list[Span]] = {}

    def decide(self, at: datetime) -> Decision:
        """Decide about one instant."""
        span = self.span_at(at)
        if span is None:
            following = self.next_span(at)
            until = following.start if following else None
            return Decision(at=at, is_quiet=False, because=(), rules=(), until=until, span=None)
        now = [window for window in span.windows if window.start <= at < window.end]
        return Decision(at=at, is_quiet=True, because=_reasons(now), rules=_names(now), until=span.until, span=span)

    def span_at(self, at: datetime) -> Span | None:
        """The whole span that the instant lies in."""
        spans = self._of_years(at.year, at.year)
        is_quiet = spans and spans[0].start <= at < self._piece_at(spans, at).end
        return self._whole(at) if is_quiet else None

    def next_span(self, after: datetime) -> Span | None:
        """The first span that starts later than an instant, within the next `LOOK_AHEAD_YEARS`."""
        for year in range(after.year, after.year + LOOK_AHEAD_YEARS + 1):
            for span in self._starting_in(year):
                if span.start > after:
                    return self._whole(span.start)
        return None

    def last_end(self, after: datetime, until: datetime) -> datetime | None:
        """The end of the last span with `after < end <= until`."""
        for year in range(until.year, after.year - 1, -1):
            for span in reversed(self._ending_in(year)):
                if after < span.end <= until:
                    return span.end
        return None

    def holds(self, start: datetime, end: datetime) -> list[Hold]:
        """The holds with `start <= at < end`, sorted."""
        return sorted(hold for rule in self.rules for pattern in rule.holds for hold in pattern.holds(start, end))

    def edges(self, start: datetime, end: datetime) -> Iterator[Edge]:
        """The edges with `start <= at < end`, sorted.

        A span that a hold falls into (its start included, its end excluded) ends without a resume. A hold at the
        very start of a span is one edge with it, and left so. Where a span ends and another edge is at the same
        instant (a hold), the resume comes first: it's the pause that lasts.
        """
        edges = [*self._starts(start, end), *self._ends(start, end), *self._held(start, end)]
        yield from sorted(edges, key=lambda edge: edge.at)

    def next_edge(self, after: datetime) -> datetime | None:
        """The instant of the first edge later than `after`, within the next `LOOK_AHEAD_YEARS`.

        The end of a span counts also where nothing is resumed at it: the plan is another one from there on.
        """
        instants = [span.start] if (span := self.next_span(after)) else []
        if (span := self.span_at(after)) and span.until:
            instants.append(span.until)
        for year in range(after.year, after.year + LOOK_AHEAD_YEARS + 1):
            first = max(after + _TICK, datetime(year, 1, 1, tzinfo=UTC))
            if holds := self.holds(first, datetime(year + 1, 1, 1, tzinfo=UTC)):
                instants.append(holds[0].at)
                break
        return min(instants, default=None)

    def is_left_paused(self, span: Span) -> bool:
        """Whether a span ends without a resume, since a hold falls into it."""
        return bool(self.holds(span.start, span.end))

    def _starts(self, start: datetime, end: datetime) -> Iterator[Edge]:
        for year in range(start.year, end.year + 1):
            for span in self._starting_in(year):
                if start <= span.start < end and not self.holds(span.start, span.start + _TICK):
                    yield _start_edge(self._whole(span.start))

    def _ends(self, start: datetime, end: datetime) -> Iterator[Edge]:
        for year in range(start.year, end.year + 1):
            for piece in self._ending_in(year):
                if start <= piece.end < end:
                    span = self._whole(piece.start)
                    if not self.is_left_paused(span):
                        yield _end_edge(span)

    def _held(self, start: datetime, end: datetime) -> Iterator[Edge]:
        by_instant: dict[datetime, list[Hold]] = {}
        for hold in self.holds(start, end):
            by_instant.setdefault(hold.at, []).append(hold)
        for at, holds in by_instant.items():
            span = self.span_at(at)
            sources: list[QuietWindow | Hold] = [*holds]
            if span and span.start == at:
                sources += span.windows
            yield Edge(
                at=at,
                action=Action.PAUSE,
                rules=_names(sources),
                because=_reasons(sources),
                zone=holds[0].zone,
                is_hold=True,
            )

    # In the union of everything that overlaps or touches a year, a start or an end within that year is a true one.
    def _starting_in(self, year: int) -> list[Span]:
        return [span for span in self._of_years(year, year) if span.start.year == year]

    def _ending_in(self, year: int) -> list[Span]:
        return [span for span in self._of_years(year, year) if span.end.year == year]

    def _whole(self, inside: datetime) -> Span:
        """The span around an instant that is known to be quiet, followed into other years, but not for ever."""
        for more in range(LONGEST_SPAN_YEARS + 1):
            first, last = inside.year - more, inside.year + more
            span = self._piece_at(self._of_years(first, last), inside)
            if span.start.year >= first and span.end.year <= last:
                break
        return replace(span, is_endless=span.end.year > last and self._goes_on(span))

    def _goes_on(self, span: Span) -> bool:
        """Whether windows of later years carry a span on, beyond those that were looked at."""
        at_the_end = self._of_years(span.end.year, span.end.year)
        return self._piece_at(at_the_end, span.end - _TICK).end > span.end

    @staticmethod
    def _piece_at(spans: list[Span], at: datetime) -> Span:
        return spans[bisect_right(spans, at, key=lambda span: span.start) - 1]

    def _of_years(self, first: int, last: int) -> list[Span]:
        """The union of all windows that overlap or touch these years, both included."""
        if (first, last) not in self._spans:
            start, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
            self._spans[first, last] = union(
                window for rule in self.rules for pattern in rule.windows for window in pattern.windows(start, end)
            )
        return self._spans[first, last]


class Ruleset:
    """All enabled rules of a file, ready to be asked about any campaign."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._timelines: dict[tuple[str, ...], Timeline] = {}

    def timeline(self, account: str, campaign: int | None) -> Timeline:
        """The timeline of one campaign; None stands for any campaign of the account that no rule names."""
        chosen = [rule for rule in self.rules if rule.account == account and rule.selects(campaign)]
        return self._shared(chosen)

    def _shared(self, rules: list[Rule]) -> Timeline:
        return self._timelines.setdefault(tuple(rule.name for rule in rules), Timeline(rules))

    def decide(self, account: str, campaign: int | None, at: datetime) -> Decision:
        """Decide whether a campaign is quiet at an instant (UTC)."""
        return self.timeline(account, campaign).decide(at)

    def accounts(self) -> list[str]:
        """The accounts that rules act on, in the order of the rules."""
        return list(dict.fromkeys(rule.account for rule in self.rules))

    def named_campaigns(self, account: str) -> list[int]:
        """The ids that rules of an account name, sorted."""
        rules = (rule for rule in self.rules if rule.account == account)
        return sorted({campaign for rule in rules for campaign in rule.campaigns or ()})

    def selects_unnamed(self, account: str) -> bool:
        """Whether campaigns of the account that no rule names are selected, so that only the API knows which."""
        return any(rule.account == account and rule.campaigns is None for rule in self.rules)

    def edges(self, start: datetime, end: datetime) -> Iterator[tuple[str, int | None, Edge]]:
        """Every edge with `start <= at < end` (UTC), with its account and campaign, sorted.

        A campaign of None stands for all those of the account that no rule names.
        """
        found = [
            (account, campaign, edge)
            for account, campaign in self._subjects()
            for edge in self.timeline(account, campaign).edges(start, end)
        ]
        yield from sorted(found, key=lambda each: (each[2].at, each[0], each[1] or 0))

    def next_edge(self, rule: str, after: datetime) -> datetime | None:
        """The first edge of one rule, taken alone, that is later than an instant (UTC); None where none is in sight."""
        return self._shared([each for each in self.rules if each.name == rule]).next_edge(after)

    def _subjects(self) -> Iterator[tuple[str, int | None]]:
        for account in self.accounts():
            if self.selects_unnamed(account):
                yield account, None
            yield from ((account, campaign) for campaign in self.named_campaigns(account))


def compile_rules(document: Document) -> Ruleset:
    """Make the enabled rules of a file ready to be asked."""
    calendars = {name: _calendar(name, spec) for name, spec in document.calendars.items()}
    return Ruleset(_rule(document, spec, calendars) for spec in document.rules if spec.enabled)


def _calendar(name: str, spec: CalendarSpec) -> Calendar:
    if spec.country is not None:
        return PublicHolidays(name, spec.country, spec.subdivision)
    return Dates(name, tuple(spec.dates or ()))


def _rule(document: Document, spec: RuleSpec, calendars: Mapping[str, Calendar]) -> Rule:
    zone = spec.timezone or document.timezone
    patterns = [
        _pattern(entry, Label(rule=spec.name, text=_words(entry), zone=zone), calendars) for entry in spec.pause
    ]
    return Rule(
        name=spec.name,
        account=document.account_of(spec),
        campaigns=None if spec.campaigns is None else frozenset(spec.campaigns),
        zone=zone,
        windows=tuple(pattern for pattern in patterns if isinstance(pattern, WindowPattern)),
        holds=tuple(pattern for pattern in patterns if isinstance(pattern, HoldPattern)),
    )


def _pattern(entry: Entry, label: Label, calendars: Mapping[str, Calendar]) -> WindowPattern | HoldPattern:
    """Which days an entry begins on, and when on them; its form was checked when the file was read."""
    first = entry.from_ or entry.at
    days = _days(entry.on, calendars) if entry.on else _days_of(first)
    if entry.at:
        return HoldPattern(days=days, at=entry.at.time, label=label)
    if first is None or entry.until is None:
        return WindowPattern(days=days, begins=timedelta(), ends=_DAY, label=label)
    return WindowPattern(days=days, begins=first.time, ends=_end_offset(first, entry.until), label=label)


def _days(words: list[str], calendars: Mapping[str, Calendar]) -> Days:
    parts: list[Days] = []
    for word in words:
        weekdays = parse_weekdays(word)
        parts.append(CalendarDays(calendars[word]) if weekdays is None else Weekdays(weekdays))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _days_of(moment: Moment | None) -> Days:
    if moment is not None and moment.day is not None:
        return OneDay(moment.day)
    if moment is not None and moment.weekday is not None:
        return Weekdays(frozenset({moment.weekday}))
    raise AssertionError("an entry without days was let through")


def _end_offset(start: Moment, end: Moment) -> timedelta:
    """Wall time from the midnight of the day that a window begins on to its end: the first `until` after `from`."""
    if start.day is not None and end.day is not None:
        return end.day - start.day + end.time
    if start.weekday is not None and end.weekday is not None:
        offset = timedelta(days=(end.weekday - start.weekday) % 7) + end.time
        return offset if offset > start.time else offset + timedelta(days=7)
    return end.time if end.time > start.time else end.time + _DAY


def _words(entry: Entry) -> str:
    """An entry as a person would say it."""
    start, end = entry.from_ or entry.at, entry.until
    if start and end and start.day and start.day == end.day:
        end = replace(end, day=None)
    until = f"until {_moment_words(end)}" if end else ""
    return " ".join(part for part in (", ".join(entry.on or ()), _moment_words(start), until) if part)


def _moment_words(moment: Moment | None) -> str:
    if moment is None:
        return ""
    day = moment.day or (WEEKDAYS[moment.weekday].title() if moment.weekday is not None else "")
    return f"{day} {clock(moment.time)}".strip()


def _start_edge(span: Span) -> Edge:
    return Edge(
        at=span.start,
        action=Action.PAUSE,
        rules=_names(span.windows),
        because=_reasons(span.windows),
        zone=span.windows[0].zone,
        until=span.until,
    )


def _end_edge(span: Span) -> Edge:
    last = max(span.windows, key=lambda window: window.end)
    return Edge(
        at=span.end,
        action=Action.RESUME,
        rules=_names(span.windows),
        because=_reasons(span.windows),
        zone=last.zone,
    )


def _names(sources: Iterable[QuietWindow | Hold]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source.rule for source in sources))


def _reasons(sources: Iterable[QuietWindow | Hold]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source.because for source in sources))
