"""Quiet windows and holds, and the union of windows into spans.

Every window is half-open, `[start, end)`: its start is quiet, its end isn't. All instants are UTC.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rules.days import Days
from rules.localtime import end_instant, start_instant

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class QuietWindow:
    """A half-open span of instants in which one rule wants its campaigns paused."""

    start: datetime
    end: datetime
    rule: str
    because: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Hold:
    """An instant at which one rule pauses its campaigns and leaves them so."""

    at: datetime
    rule: str
    because: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Windows that overlap or touch, as one half-open span; `windows` in the order of their starts.

    `is_endless`: it goes on for longer than anyone looks ahead, and `end` is only how far it was followed.
    """

    start: datetime
    end: datetime
    windows: tuple[QuietWindow, ...]
    is_endless: bool = False

    @property
    def until(self) -> datetime | None:
        """Its end (UTC), or None where none is in sight."""
        return None if self.is_endless else self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What windows and holds say of where they come from."""

    rule: str
    text: str
    zone: ZoneInfo

    def because(self, day_name: str | None) -> str:
        """The rule, and the holiday or the words of the file that make it quiet, for a person."""
        return f"{self.rule}: {day_name or self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPattern:
    """One entry of `pause` that makes a window for each of its days.

    `begins` and `ends` are wall time from the midnight of the day that the window belongs to. Whole days, nights,
    weekends and single windows are all this: a weekend is `days` = Fridays, `begins` = 17 h, `ends` = 3 days 8 h.
    """

    days: Days
    begins: timedelta
    ends: timedelta
    label: Label

    def windows(self, start: datetime, end: datetime) -> Iterator[QuietWindow]:
        """The windows that overlap or touch `[start, end]`, in no certain order.

        One that a clock change leaves without any length (both its ends in a gap) is left out.
        """
        zone = self.label.zone
        for day, name in self.days.between(_local_day(start, zone) - self.ends - _DAY, _local_day(end, zone) + _DAY):
            midnight = datetime.combine(day, time())
            first = start_instant(midnight + self.begins, zone)
            last = end_instant(midnight + self.ends, zone)
            if first < last and first <= end and last >= start:
                yield QuietWindow(
                    start=first,
                    end=last,
                    rule=self.label.rule,
                    because=self.label.because(name),
                    zone=zone.key,
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPattern:
    """One entry of `pause` that makes a hold on each of its days; `at` is wall time from midnight."""

    days: Days
    at: timedelta
    label: Label

    def holds(self, start: datetime, end: datetime) -> Iterator[Hold]:
        """The holds with `start <= at < end`, in no certain order."""
        zone = self.label.zone
        for day, name in self.days.between(_local_day(start, zone) - _DAY, _local_day(end, zone) + _DAY):
            instant = start_instant(datetime.combine(day, time()) + self.at, zone)
            if start <= instant < end:
                yield Hold(at=instant, rule=self.label.rule, because=self.label.because(name), zone=zone.key)


def union(windows: Iterable[QuietWindow]) -> list[Span]:
    """Merge windows that overlap or touch; the spans come sorted, disjoint and not touching."""
    spans: list[Span] = []
    for members in _runs(sorted(windows)):
        end = max(window.end for window in members)
        spans.append(Span(start=members[0].start, end=end, windows=tuple(members)))
    return spans


def _runs(windows: Iterable[QuietWindow]) -> Iterator[list[QuietWindow]]:
    run: list[QuietWindow] = []
    end: datetime | None = None
    for window in windows:
        if end is not None and window.start > end:
            yield run
            run, end = [], None
        run.append(window)
        end = window.end if end is None else max(end, window.end)
    if run:
        yield run


def _local_day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()
