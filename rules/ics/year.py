"""The happenings of one year."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, Self

from rules.calendars import TimedEvent
from rules.ics.components import DAY
from rules.ics.happenings import MARGIN, Happening, WholeDays


class Year(NamedTuple):
    """The days of a year with their names, and its timed events in the order in which they begin."""

    days: Mapping[date, str]
    timed: Sequence[TimedEvent]
    begins: Sequence[datetime]
    longest: timedelta

    @classmethod
    def of(cls, year: int, happenings: Iterable[Happening]) -> Self:
        """What of these happenings lies in the year; of the timed ones also what lies around it."""
        first, end = date(year, 1, 1), date(year + 1, 1, 1)
        days: dict[date, str] = {}
        timed: list[TimedEvent] = []
        for each in happenings:
            if isinstance(each, WholeDays):
                for day in _days_between(max(each.first, first), min(each.end, end)):
                    days[day] = f"{days[day]}; {each.name}" if day in days else each.name
            elif wall(each.start).date() <= end + MARGIN and wall(each.end).date() >= first - MARGIN:
                timed.append(each)
        timed.sort(key=lambda event: wall(event.start))
        return cls(
            days=dict(sorted(days.items())),
            timed=timed,
            begins=[wall(event.start) for event in timed],
            longest=max((event.end - event.start for event in timed), default=timedelta()),
        )

    def near(self, start: datetime, end: datetime) -> Iterator[TimedEvent]:
        """The timed events that overlap or touch `[start, end]`, or may do so in some zone."""
        first, last = wall(start), wall(end)
        low = bisect_left(self.begins, first - DAY - self.longest)
        high = bisect_right(self.begins, last + DAY)
        for event in self.timed[low:high]:
            slack = timedelta() if event.start.tzinfo else DAY
            if wall(event.start) <= last + slack and wall(event.end) >= first - slack:
                yield event


def wall(value: datetime) -> datetime:
    """A time without its zone: naive and aware times of one file need an order; the aware ones are in UTC."""
    return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None)


def _days_between(first: date, end: date) -> Iterator[date]:
    return (first + step * DAY for step in range((end - first).days))
