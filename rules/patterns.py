"""What one entry of `pause` makes: windows, or holds, on each of its days.

Weekends, nights, whole days and single windows are all one thing: some days, from this wall time to that, counted
from the midnight of each. Cron expressions and the timed events of a calendar have instants of their own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from rules.calendars import Calendar
from rules.cron import runs
from rules.days import Days, Limits
from rules.localtime import end_instant, end_instants, start_instant, start_instants
from rules.windows import Hold, Label, QuietWindow

_DAY: Final = timedelta(days=1)
_NO_TIME: Final = timedelta()


class WindowPattern(Protocol):
    """An entry that makes windows."""

    @property
    def label(self) -> Label:
        """Where they come from."""
        ...

    def windows(self, start: datetime, end: datetime) -> Iterable[QuietWindow]:
        """The windows that overlap or touch `[start, end]`, in the order of their starts, none without length."""
        ...


class HoldPattern(Protocol):
    """An entry that makes holds."""

    @property
    def label(self) -> Label:
        """Where they come from."""
        ...

    def holds(self, start: datetime, end: datetime) -> Iterable[Hold]:
        """The holds with `start <= at < end`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyWindows:
    """A window on each of some days.

    `begins` is wall time from the midnight of the day. The end is either wall time too (`ends`: one for all days, or
    one for each weekday from Monday, since "until Monday 08:00" is further ahead on a Tuesday) or elapsed time from the
    start (`lasts`). A window belongs to the day on which it begins: that's the one that `limits` are about.
    """

    days: Days
    begins: timedelta
    label: Label
    ends: tuple[timedelta, ...] = ()
    lasts: timedelta = _NO_TIME
    limits: Limits = field(default_factory=Limits)

    def windows(self, start: datetime, end: datetime) -> list[QuietWindow]:
        """The windows that overlap or touch `[start, end]`, in the order of their starts.

        One that a clock change leaves without any length (both its ends in a gap) is left out.
        """
        zone = self.label.zone
        longest = max(self.ends, default=self.begins + self.lasts)
        first = _local_day(start, zone) - longest.days - 1
        last = _local_day(end, zone) - self.begins.days + 1
        days = self.limits.keep(self.days.between(first, last), self.begins.days)
        names = self.days.names(first, last)
        starts = start_instants(days, self.begins, zone)
        return [
            QuietWindow(begun, ended, self.label, names.get(day))
            for day, begun, ended in zip(days, starts, self._ends(days, starts), strict=True)
            if begun < ended and begun <= end and ended >= start
        ]

    def vanishing(self, first: int, last: int) -> list[int]:
        """The days, from first to last, whose windows have no length, since both ends are in a gap of the clock."""
        days = self.limits.keep(self.days.between(first, last), self.begins.days)
        starts = start_instants(days, self.begins, self.label.zone)
        return [day for day, begun, ended in zip(days, starts, self._ends(days, starts), strict=True) if begun >= ended]

    def _ends(self, days: Sequence[int], starts: Sequence[datetime]) -> list[datetime]:
        if self.lasts:
            return [begun + self.lasts for begun in starts]
        zone = self.label.zone
        if len(self.ends) == 1:
            return end_instants(days, self.ends[0], zone)
        return [end_instants((day,), self.ends[(day - 1) % 7], zone)[0] for day in days]


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyHolds:
    """A hold on each of some days; `at` is wall time from midnight."""

    days: Days
    at: timedelta
    label: Label
    limits: Limits = field(default_factory=Limits)

    def holds(self, start: datetime, end: datetime) -> list[Hold]:
        """The holds with `start <= at < end`."""
        zone = self.label.zone
        first = _local_day(start, zone) - self.at.days - 1
        last = _local_day(end, zone) - self.at.days + 1
        days = self.limits.keep(self.days.between(first, last), self.at.days)
        names = self.days.names(first, last)
        instants = start_instants(days, self.at, zone)
        return [
            Hold(instant, self.label, names.get(day))
            for day, instant in zip(days, instants, strict=True)
            if start <= instant < end
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class CronWindows:
    """A window of the same elapsed length at each time that a cron expression comes true.

    Those of one local day that overlap or touch are made one: of a rule that comes every minute there are few.
    """

    expression: str
    lasts: timedelta
    label: Label
    limits: Limits = field(default_factory=Limits)

    def windows(self, start: datetime, end: datetime) -> Iterator[QuietWindow]:
        """The windows that overlap or touch `[start, end]`, in the order of their starts."""
        zone, lasts = self.label.zone, self.lasts
        for first, last in runs(self.expression, self.limits, start - lasts, end, zone, gap=lasts):
            if first <= end and last + lasts >= start:
                yield QuietWindow(first, last + lasts, self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronHolds:
    """A hold at each time that a cron expression comes true."""

    expression: str
    label: Label
    limits: Limits = field(default_factory=Limits)

    def holds(self, start: datetime, end: datetime) -> Iterator[Hold]:
        """The holds with `start <= at < end`."""
        for instant, _ in runs(self.expression, self.limits, start, end, self.label.zone):
            if start <= instant < end:
                yield Hold(instant, self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWindows:
    """The timed events of a calendar, each a window."""

    calendar: Calendar
    label: Label
    limits: Limits = field(default_factory=Limits)

    def windows(self, start: datetime, end: datetime) -> list[QuietWindow]:
        """The windows that overlap or touch `[start, end]`, in the order of their starts."""
        zone = self.label.zone
        found = [
            QuietWindow(_instant(event.start, zone), _instant(event.end, zone, is_end=True), self.label, event.name)
            for event in self.calendar.timed(start, end)
        ]
        chosen = (
            window
            for window in found
            if window.start < window.end
            and window.start <= end
            and window.end >= start
            and self.limits.keep([_local_day(window.start, zone)])
        )
        return sorted(chosen, key=itemgetter(0))


def _instant(moment: datetime, zone: ZoneInfo, *, is_end: bool = False) -> datetime:
    if moment.tzinfo is not None:
        return moment
    return end_instant(moment, zone) if is_end else start_instant(moment, zone)


def _local_day(instant: datetime, zone: ZoneInfo) -> int:
    return date.toordinal(instant.astimezone(zone))
