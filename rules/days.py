"""Which local dates an entry means.

Dates are counted as `date.toordinal` does, so that a range of them is a `range`: day 1 is Monday, 1 January of year 1.
"""

import re
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

from rules.calendars import Calendar
from rules.notation import (
    MONTH_WORDS,
    MONTHS,
    WEEKDAY_WORDS,
    WEEKDAYS,
    nearest,
    parse_dates,
    parse_month,
    parse_weekday,
)

_GROUPS: Final = {
    "weekdays": frozenset(range(5)),
    "weekends": frozenset({5, 6}),
    "daily": frozenset(range(7)),
}
_LAST: Final = -1
_ORDINALS: Final = {
    **{word: number for number, word in enumerate(("first", "second", "third", "fourth", "fifth"), 1)},
    **{word: number for number, word in enumerate(("1st", "2nd", "3rd", "4th", "5th"), 1)},
    "last": _LAST,
}
_DATE_LIKE: Final = re.compile(r"\d{4}-")
_NO_NAMES: Final[Mapping[int, str]] = {}
_DAY_WORDS: Final = frozenset(
    (
        *WEEKDAY_WORDS,
        *_GROUPS,
        *(f"{first}-{last}" for first in WEEKDAYS for last in WEEKDAYS if first != last),
        *(f"{ordinal} {day}" for ordinal in _ORDINALS for day in WEEKDAYS),
    )
)


class Days(Protocol):
    """A set of local dates."""

    def between(self, first: int, last: int) -> Sequence[int]:
        """The dates from first to last, both included, in order, each once."""
        ...

    def names(self, first: int, last: int) -> Mapping[int, str]:
        """What those of the dates from first to last are called that have a name of their own."""
        ...


class _Nameless:
    __slots__ = ()

    def names(self, first: int, last: int) -> Mapping[int, str]:  # noqa: ARG002 -- the protocol's
        """None of them has a name."""
        return _NO_NAMES


@dataclass(frozen=True, slots=True)
class Weekdays(_Nameless):
    """Every date that falls on one of these weekdays; 0 is Monday."""

    numbers: frozenset[int]

    def between(self, first: int, last: int) -> Sequence[int]:
        """The dates from first to last, both included, in order."""
        if len(self.numbers) == 7:
            return range(first, last + 1)
        if len(self.numbers) == 1:
            (number,) = self.numbers
            return range(first + (number + 1 - first) % 7, last + 1, 7)
        return [day for day in range(first, last + 1) if (day - 1) % 7 in self.numbers]


@dataclass(frozen=True, slots=True)
class NthWeekday(_Nameless):
    """A weekday (0 is Monday) of each month: the nth from 1 to 5, or -1 for the last; not every month has a fifth."""

    nth: int
    weekday: int

    def between(self, first: int, last: int) -> Sequence[int]:
        """The dates from first to last, both included, in order."""
        found = (self._of_month(start, length) for start, length in _months(first, last))
        return [day for day in found if day is not None and first <= day <= last]

    def _of_month(self, start: int, length: int) -> int | None:
        if self.nth == _LAST:
            end = start + length - 1
            return end - (end - 1 - self.weekday) % 7
        day = start + (self.weekday + 1 - start) % 7 + (self.nth - 1) * 7
        return day if day < start + length else None


@dataclass(frozen=True, slots=True)
class MonthDay(_Nameless):
    """A day of each month that has it, from 1 to 31, or -1 for the last."""

    number: int

    def between(self, first: int, last: int) -> Sequence[int]:
        """The dates from first to last, both included, in order."""
        found = (
            start + (length if self.number == _LAST else self.number) - 1
            for start, length in _months(first, last)
            if self.number <= length
        )
        return [day for day in found if first <= day <= last]


@dataclass(frozen=True, slots=True)
class YearDay(_Nameless):
    """A day of each year that has it: 29 February comes in leap years only."""

    month: int
    day: int

    def between(self, first: int, last: int) -> Sequence[int]:
        """The dates from first to last, both included, in order."""
        years = range(date.fromordinal(first).year, date.fromordinal(last).year + 1)
        found = (date(year, self.month, self.day) for year in years if monthrange(year, self.month)[1] >= self.day)
        return [day for day in map(date.toordinal, found) if first <= day <= last]


@dataclass(frozen=True, slots=True)
class DateRange(_Nameless):
    """The dates of a range, both ends included."""

    start: date
    end: date

    def between(self, first: int, last: int) -> Sequence[int]:
        """Those of the dates that are from first to last, both included, in order."""
        return range(max(first, self.start.toordinal()), min(last, self.end.toordinal()) + 1)


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """The days of a named calendar."""

    calendar: Calendar
    _years: dict[int, tuple[list[int], dict[int, str]]] = field(default_factory=dict, compare=False, repr=False)

    def between(self, first: int, last: int) -> Sequence[int]:
        """The calendar's days from first to last, both included, in order."""
        found: list[int] = []
        for days, _ in self._of_years(first, last):
            found += days[bisect_left(days, first) : bisect_right(days, last)]
        return found

    def names(self, first: int, last: int) -> Mapping[int, str]:
        """What the calendar calls the days of the years from first to last."""
        names: dict[int, str] = {}
        for _, named in self._of_years(first, last):
            names |= named
        return names

    def _of_years(self, first: int, last: int) -> Iterator[tuple[list[int], dict[int, str]]]:
        for year in range(date.fromordinal(first).year, date.fromordinal(last).year + 1):
            if year not in self._years:
                names = {day.toordinal(): name for day, name in self.calendar.days(year).items()}
                self._years[year] = sorted(names), names
            yield self._years[year]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The union of several sets of dates."""

    parts: tuple[Days, ...]

    def between(self, first: int, last: int) -> Sequence[int]:
        """The dates of all parts from first to last, both included, in order, each once."""
        return sorted({day for part in self.parts for day in part.between(first, last)})

    def names(self, first: int, last: int) -> Mapping[int, str]:
        """The names of all parts; where several have one for a date, that of the first."""
        names: dict[int, str] = {}
        for part in self.parts:
            names = {**part.names(first, last), **names}
        return names


def _months(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The first day and the length of each month from that of `first` to that of `last`."""
    start, end = date.fromordinal(first), date.fromordinal(last)
    for number in range(start.year * 12 + start.month - 1, end.year * 12 + end.month):
        year, month = divmod(number, 12)
        yield date(year, month + 1, 1).toordinal(), monthrange(year, month + 1)[1]


def parse_days(text: str) -> Days | None:
    """Read what stands for days by itself: `fri`, `mon-fri`, `last fri`, `15`, `24 dec`, a date...; None otherwise.

    Raises:
        ValueError: the text has the form of a day that there is none of, such as `31 apr`.
    """
    word = " ".join(text.lower().split())
    weekdays = _parse_weekdays(word)
    if weekdays is not None:
        return Weekdays(weekdays)
    if _DATE_LIKE.match(word):
        return DateRange(*parse_dates(word))
    if word.isdecimal():
        return _month_day(word)
    if word == "last":
        return MonthDay(_LAST)
    first, space, second = word.partition(" ")
    return _parse_two_words(first, second) if space else None


def near_days(text: str) -> frozenset[str]:
    """Words that stand for days, among which the one is that a misspelt text means."""
    first, _, _ = text.partition(" ")
    return _DAY_WORDS | {f"{first} {month}" for month in MONTH_WORDS if first.isdecimal()}


def _parse_weekdays(word: str) -> frozenset[int] | None:
    if word in _GROUPS:
        return _GROUPS[word]
    first, dash, last = word.partition("-")
    start, end = parse_weekday(first.strip()), parse_weekday(last.strip() if dash else first.strip())
    if start is None or end is None:
        return None
    return frozenset((start + step) % 7 for step in range((end - start) % 7 + 1))


def _month_day(word: str) -> MonthDay:
    if len(word) > 2 or not 1 <= int(word) <= 31:
        raise ValueError(f"no month has a day {word}; write 1 to 31, or last")
    return MonthDay(int(word))


def _parse_two_words(first: str, second: str) -> Days | None:
    weekday, month = parse_weekday(second), parse_month(second)
    if weekday is not None:
        nth = _ORDINALS.get(first)
        if nth is None:
            raise ValueError(
                f"{first!r} doesn't say which {second}; write first, 2nd, last...{nearest(first, _ORDINALS)}"
            )
        return NthWeekday(nth, weekday)
    if parse_month(first) is not None and second.isdecimal():
        raise ValueError(f"write {second} {first}")
    if month is None or not first.isdecimal():
        return None
    # In a leap year, so that 29 February is one.
    if len(first) > 2 or not 1 <= int(first) <= monthrange(2024, month)[1]:
        raise ValueError(f"{MONTHS[month - 1].title()} has no day {first}")
    return YearDay(month, int(first))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Which of the days on which windows (or holds) begin are left: `except`, `between` and `months` of an entry."""

    excluded: Days | None = None
    span: tuple[date, date] | None = None
    months: frozenset[int] | None = None

    def keep(self, days: Sequence[int], later: int = 0) -> Sequence[int]:
        """Those of the sorted days that are left, where a window begins so many days after each."""
        if days and self.excluded is not None:
            excluded = frozenset(self.excluded.between(days[0] + later, days[-1] + later))
            days = [day for day in days if day + later not in excluded]
        if self.span is not None:
            first, last = (each.toordinal() - later for each in self.span)
            days = days[bisect_left(days, first) : bisect_right(days, last)]
        if self.months is not None:
            days = [day for day in days if date.fromordinal(day + later).month in self.months]
        return days
