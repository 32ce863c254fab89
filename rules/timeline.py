"""The spans, holds and edges of some rules taken together, and what they say of an instant.

Spans are worked out for a few days at a time and remembered, so that a decision is a search in a short sorted list.
All instants are UTC.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

from rules.patterns import HoldPattern, WindowPattern
from rules.windows import Exemption, Hold, Label, QuietWindow, Span, cut, union
from rules.words import Action

TICK: Final = timedelta(microseconds=1)
# How far the next span is looked for, and how far a span that never seems to end is followed, in years each way.
LOOK_AHEAD_YEARS: Final = 8
LONGEST_SPAN_YEARS: Final = 2
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK: Final = timedelta(days=8)
# So far around a block it's looked for the ends of spans that reach beyond it; few are longer than a weekend.
_MARGIN: Final = timedelta(days=4)
# So much is looked through at once for what comes next: a rule may have a window, or a hold, every minute.
_LONGEST_STEP: Final = 32 * _BLOCK
# What is remembered: blocks for a year and a bit, and the last few spans that were longer than a block.
_MOST_BLOCKS: Final = 50
_MOST_LONG: Final = 20


class Edge(NamedTuple):
    """An instant (UTC) at which a span starts or ends, or a hold.

    `sources` are the windows of the span and the holds. `until` is the end of the span that a pause starts; it's None
    for a hold, for a resume, and where no end is in sight.
    """

    at: datetime
    action: Action
    sources: tuple[QuietWindow | Hold, ...]
    until: datetime | None = None
    is_hold: bool = False

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that have a part in it."""
        return names(self.sources)

    @property
    def because(self) -> tuple[str, ...]:
        """The rules, each with its holiday or the words of the file, for a person."""
        return reasons(self.sources)

    @property
    def zone(self) -> str:
        """The zone of the rule that makes it: the one whose window starts, ends or holds there."""
        source = self.sources[0]
        if self.action is Action.RESUME:
            source = max((each for each in self.sources if isinstance(each, QuietWindow)), key=attrgetter("end"))
        return source.label.zone.key


class Decision(NamedTuple):
    """Quiet or not at one instant, because of which windows, until when.

    `until` is the end of the span when quiet, else the start of the next one; None where none is in sight.
    """

    at: datetime
    span: Span | None
    until: datetime | None

    @property
    def is_quiet(self) -> bool:
        """Whether the instant lies in a span."""
        return self.span is not None

    @property
    def windows(self) -> tuple[QuietWindow, ...]:
        """The windows that the instant lies in; the span may have others, before and after it."""
        windows = self.span.windows if self.span else ()
        return tuple(window for window in windows if window.start <= self.at < window.end)

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that make it quiet."""
        return names(self.windows)

    @property
    def because(self) -> tuple[str, ...]:
        """The rules, each with its holiday or the words of the file, for a person."""
        return reasons(self.windows)


class Timeline:
    """The spans and holds of some rules taken together. The order in which patterns are given doesn't matter.

    `lifts` are cut out of all windows, and in them there's no hold. `skips` only tell what isn't among the windows.
    """

    def __init__(
        self,
        windows: Iterable[WindowPattern],
        holds: Iterable[HoldPattern],
        lifts: Iterable[Exemption] = (),
        skips: Iterable[Exemption] = (),
    ) -> None:
        self._lifts = sorted(lifts, key=_start_of)
        self._exemptions = sorted((*self._lifts, *skips), key=_start_of)
        self._window_patterns = sorted(windows, key=_rule_and_text)
        self._hold_patterns = sorted(holds, key=_rule_and_text)
        self._may_stay_paused = bool(self._hold_patterns) or any(
            not pattern.label.is_resumed for pattern in self._window_patterns
        )
        self._blocks: dict[int, list[Span]] = {}
        self._long: list[tuple[tuple[int, int] | None, Span]] = []

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of its rules that make windows or holds, sorted."""
        patterns: list[WindowPattern | HoldPattern] = [*self._window_patterns, *self._hold_patterns]
        return tuple(sorted({pattern.label.rule for pattern in patterns}))

    @property
    def window_labels(self) -> tuple[Label, ...]:
        """The labels of the entries that make windows."""
        return tuple(pattern.label for pattern in self._window_patterns)

    @property
    def hold_labels(self) -> tuple[Label, ...]:
        """Those of the entries that make holds."""
        return tuple(pattern.label for pattern in self._hold_patterns)

    @property
    def has_holds(self) -> bool:
        """Whether any rule makes holds."""
        return bool(self._hold_patterns)

    @property
    def longest_catch_up(self) -> timedelta:
        """How late any of its holds may still begin, at most."""
        return max((pattern.label.catch_up for pattern in self._hold_patterns), default=timedelta())

    def decide(self, at: datetime) -> Decision:
        """Decide about one instant."""
        span = self.span_at(at)
        if span is not None:
            return Decision(at, span, span.until)
        following = self.next_span(at)
        return Decision(at, None, following.start if following else None)

    def span_at(self, at: datetime) -> Span | None:
        """The whole span that the instant lies in."""
        spans = self._block((at - _EPOCH) // _BLOCK)
        index = bisect_right(spans, at, key=_start_of) - 1
        return spans[index] if index >= 0 and at < spans[index].end else None

    def next_span(self, after: datetime) -> Span | None:
        """The first span that starts later than an instant, within the next `LOOK_AHEAD_YEARS`."""
        number = (after - _EPOCH) // _BLOCK
        for each in (number, number + 1):
            spans = self._block(each)
            index = bisect_right(spans, after, key=_start_of)
            if index < len(spans):
                return spans[index]
        return self._far_span(_EPOCH + (number + 2) * _BLOCK, after + timedelta(days=366 * LOOK_AHEAD_YEARS))

    def _far_span(self, start: datetime, limit: datetime) -> Span | None:
        """The first span that starts in `[start, limit)`, when none touches `start`; looked for in growing steps."""
        step = 4 * _BLOCK
        while start < limit:
            for span in self._united(start, start + step):
                if start <= span.start:
                    return self._whole(span, start, start + step)
            start, step = start + step, min(step * 2, _LONGEST_STEP)
        return None

    def last_end(self, after: datetime, until: datetime) -> datetime | None:
        """The end of the last span with `after < end <= until`."""
        ends = (span.end for span in self.spans(after, until) if not span.is_endless)
        return max((end for end in ends if after < end <= until), default=None)

    def holds(self, start: datetime, end: datetime) -> list[Hold]:
        """The holds with `start <= at < end`, sorted."""
        if not self._hold_patterns:
            return []
        found = [hold for pattern in self._hold_patterns for hold in pattern.holds(start, end)]
        for lift in self._lifts:
            found = [hold for hold in found if not lift.start <= hold.at < lift.end]
        return sorted(found, key=_start_of)

    def edges(self, start: datetime, end: datetime) -> list[Edge]:
        """The edges with `start <= at < end`, sorted.

        A span that is left paused ends without a resume. A hold at the very start of a span is one edge with it, and
        left so. Where a span ends and another edge is at the same instant (a hold), the resume comes first: it's the
        pause that lasts.
        """
        held = self._held(start, end)
        found: list[Edge] = []
        for span in self.spans(start, end):
            first, last, windows, is_endless, is_beginless = span
            if start <= first < end and first not in held and not is_beginless:
                found.append(Edge(first, Action.PAUSE, windows, None if is_endless else last))
            if start <= last < end and not is_endless and not self.is_left_paused(span):
                found.append(Edge(last, Action.RESUME, windows))
        if held:
            found = sorted((*found, *held.values()), key=_start_of)
        return found

    def next_edge(self, after: datetime) -> datetime | None:
        """The instant of the first edge later than `after`, within the next `LOOK_AHEAD_YEARS`.

        The end of a span counts also where nothing is resumed at it: the plan is another one from there on.
        """
        span = self.span_at(after)
        instants = [span.until if span else None, self.next_beginning(after)]
        return min((instant for instant in instants if instant is not None), default=None)

    def exemptions_at(self, at: datetime) -> tuple[Exemption, ...]:
        """What people have taken out of its windows that would be in force at an instant."""
        return tuple(each for each in self._exemptions if each.start <= at < each.end)

    def left_paused(self, since: datetime, until: datetime) -> tuple[QuietWindow | Hold, ...]:
        """What leaves campaigns paused that were paused at `since`, as far as it begins before `until`.

        That's the windows of rules that don't resume, if they last longer than `since`, and the holds.
        """
        if not self._may_stay_paused:
            return ()
        windows = [window for window in self._windows(since, until) if since < window.end and window.start < until]
        return (*(window for window in windows if not window.label.is_resumed), *self.holds(since, until))

    def beginning(self, start: datetime, end: datetime) -> list[QuietWindow | Hold]:
        """The windows and holds that begin in `[start, end)`, sorted."""
        windows = [window for window in self._windows(start, end) if start <= window.start < end]
        return sorted([*windows, *self.holds(start, end)], key=_start_of)

    def next_beginning(self, after: datetime) -> datetime | None:
        """The first start of a span, or hold, later than an instant, within the next `LOOK_AHEAD_YEARS`."""
        following, hold = self.next_span(after), self.next_hold(after)
        instants = [following.start if following else None, hold]
        return min((instant for instant in instants if instant is not None), default=None)

    def is_left_paused(self, span: Span) -> bool:
        """Whether a span ends without a resume: a hold falls into it, or a window that isn't to be resumed from."""
        if not self._may_stay_paused:
            return False
        return any(not window.label.is_resumed for window in span.windows) or bool(self.holds(span.start, span.end))

    def _held(self, start: datetime, end: datetime) -> dict[datetime, Edge]:
        by_instant: dict[datetime, list[QuietWindow | Hold]] = {}
        for hold in self.holds(start, end):
            by_instant.setdefault(hold.at, []).append(hold)
        for at, sources in by_instant.items():
            span = self.span_at(at)
            if span and span.start == at:
                sources += span.windows
        return {at: Edge(at, Action.PAUSE, tuple(sources), is_hold=True) for at, sources in by_instant.items()}

    def next_hold(self, after: datetime) -> datetime | None:
        """The first hold later than an instant, within the next `LOOK_AHEAD_YEARS`."""
        limit = after + timedelta(days=366 * LOOK_AHEAD_YEARS)
        start, step = after + TICK, _BLOCK
        while self._hold_patterns and start < limit:
            if found := self.holds(start, start + step):
                return found[0].at
            start, step = start + step, min(step * 2, _LONGEST_STEP)
        return None

    def spans(self, start: datetime, end: datetime) -> list[Span]:
        """The whole spans that overlap or touch `[start, end]`."""
        if start > end:
            return []
        spans = self._united(start, end)
        # Only the first and the last can reach beyond the range.
        for index in {0, len(spans) - 1} if spans else ():
            spans[index] = self._whole(spans[index], start, end)
        return spans

    def _block(self, number: int) -> list[Span]:
        """The whole spans that overlap or touch a stretch of days."""
        spans = self._blocks.get(number)
        if spans is None:
            start = _EPOCH + number * _BLOCK
            end, first, last = start + _BLOCK, start - _MARGIN, start + _BLOCK + _MARGIN
            pieces = self._united(first, last)
            spans = [self._whole(each, first, last) for each in pieces if each.start <= end and each.end >= start]
            if len(self._blocks) >= _MOST_BLOCKS:
                self._blocks.clear()
            self._blocks[number] = spans
        return spans

    def _whole(self, piece: Span, start: datetime, end: datetime) -> Span:
        """The span of which a piece was found among the windows that overlap or touch `[start, end]`.

        Within these, a start or an end strictly inside is a true one; elsewhere it's followed, but not for ever.
        """
        if start < piece.start and piece.end < end:
            return piece
        first, last = max(piece.start, start), min(piece.end, end)
        for years, span in self._long:
            if span.start <= piece.start and piece.end <= span.end and years in {None, (first.year, last.year)}:
                return span
        span = self._followed(first, last)
        # One that wasn't followed to its ends is another one from other years.
        years = (first.year, last.year) if span.is_endless or span.is_beginless else None
        self._long = [*self._long[-_MOST_LONG:], (years, span)]
        return span

    def _followed(self, start: datetime, end: datetime) -> Span:
        for first, last in _widening(start, end):
            span = next(span for span in self._united(first, last) if span.start <= start <= span.end)
            if first < span.start and span.end < last:
                return span
        # It's a true end, or start, unless further windows carry the span on beyond those that were looked at.
        return span._replace(
            is_endless=any(window.end > span.end for window in self._windows(span.end, span.end)),
            is_beginless=any(window.start < span.start for window in self._windows(span.start, span.start)),
        )

    def _united(self, start: datetime, end: datetime) -> list[Span]:
        return union(self._windows(start, end))

    def _windows(self, start: datetime, end: datetime) -> list[QuietWindow]:
        """All windows that overlap or touch `[start, end]`."""
        windows = [window for pattern in self._window_patterns for window in pattern.windows(start, end)]
        if not self._lifts:
            return windows
        for lift in self._lifts:
            windows = [piece for window in windows for piece in cut(window, lift.start, lift.end)]
        return [window for window in windows if window.start <= end and window.end >= start]


_start_of = itemgetter(0)


def _rule_and_text(pattern: WindowPattern | HoldPattern) -> tuple[str, str]:
    return pattern.label.rule, pattern.label.text


def _widening(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Ranges around another, each wider than the one before; the last ones are whole years, so as to stand still."""
    for days in (16, 64):
        yield start - timedelta(days=days), end + timedelta(days=days)
    for years in range(1, LONGEST_SPAN_YEARS + 1):
        yield datetime(start.year - years, 1, 1, tzinfo=UTC), datetime(end.year + years + 1, 1, 1, tzinfo=UTC)


def names(sources: Iterable[QuietWindow | Hold]) -> tuple[str, ...]:
    """The names of the rules of windows and holds, each once."""
    return tuple(dict.fromkeys(source.label.rule for source in sources))


def reasons(sources: Iterable[QuietWindow | Hold]) -> tuple[str, ...]:
    """What windows and holds are there for, each once."""
    return tuple(dict.fromkeys(source.because for source in sources))
