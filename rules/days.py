"""Which local dates an entry means."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from rules.calendars import Calendar

_DAY = timedelta(days=1)


class Days(Protocol):
    """A set of local dates."""

    def between(self, first: date, last: date) -> Iterator[tuple[date, str | None]]:
        """The dates from first to last, both included, in order, each with its own name where it has one."""
        ...


@dataclass(frozen=True, slots=True)
class Weekdays:
    """Every date that falls on one of these weekdays; 0 is Monday."""

    numbers: frozenset[int]

    def between(self, first: date, last: date) -> Iterator[tuple[date, None]]:
        """The dates from first to last, both included, in order."""
        day = first
        while day <= last:
            if day.weekday() in self.numbers:
                yield day, None
            day += _DAY


@dataclass(frozen=True, slots=True)
class OneDay:
    """A single date."""

    day: date

    def between(self, first: date, last: date) -> Iterator[tuple[date, None]]:
        """The date itself, if it's from first to last."""
        if first <= self.day <= last:
            yield self.day, None


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """The days of a named calendar."""

    calendar: Calendar

    def between(self, first: date, last: date) -> Iterator[tuple[date, str]]:
        """The calendar's days from first to last, both included, in order, with their names."""
        for year in range(first.year, last.year + 1):
            for day, name in self.calendar.days(year).items():
                if first <= day <= last:
                    yield day, name


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The union of several sets of dates."""

    parts: tuple[Days, ...]

    def between(self, first: date, last: date) -> Iterator[tuple[date, str | None]]:
        """The dates of all parts, each once; a name from any part is kept."""
        names: dict[date, str | None] = {}
        for part in self.parts:
            for day, name in part.between(first, last):
                names[day] = names.get(day) or name
        yield from sorted(names.items())
