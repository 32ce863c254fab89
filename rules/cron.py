"""Cron expressions: five POSIX fields, read and followed as Debian's cron does it.

cronsim reads them and counts on the calendar, without a zone. What clocks do is asked of `localtime`: on aware times
cronsim 2.8 steps over half an hour where clocks change by half an hour (Lord Howe).
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import takewhile
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from rules.days import Limits
from rules.localtime import shown_instants, start_instants, steady_midnight

_T = TypeVar("_T", datetime, timedelta)
_FIELDS: Final = ("minute", "hour", "day of month", "month", "day of week")
_VALUE: Final = r"(?:[0-9]+|[a-z]{3})"
_ITEM: Final = rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/[0-9]+)?"
_FIELD: Final = re.compile(rf"{_ITEM}(?:,{_ITEM})*", re.ASCII | re.IGNORECASE)
# More days than clocks are ever set forward or back by, so that no time that counts is left out.
_CHANGE: Final = 2
_SECOND: Final = timedelta(seconds=1)
_NO_TIME: Final = timedelta()
# Of so many expressions and years it's remembered which days they mean.
_MOST_YEARS: Final = 2000
_MOST_UNSTEADY: Final = 100
_SOME_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


def check_cron(expression: str) -> None:
    """Say what's wrong with an expression.

    Raises:
        ValueError: it isn't five fields, has a value out of range, or names a day that never comes.
    """
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"{expression!r} must have five fields, not {len(fields)}: minute hour day-of-month month day-of-week"
        )
    for name, field in zip(_FIELDS, fields, strict=True):
        if _FIELD.fullmatch(field) is None:
            # cronsim knows more than that (5L, 2#3, LW): what no reference has is refused.
            raise ValueError(f"{expression!r}: {field!r} isn't a {name}; write numbers, names, *, ranges and steps")
    try:
        next(CronSim(expression, _SOME_DAY))
    except CronSimError as error:
        where = str(error).removeprefix("Bad ").replace("-", " ")
        raise ValueError(f"{expression!r}: there is no such {where}") from None
    except StopIteration:
        raise ValueError(f"{expression!r} never comes true") from None


def fires(expression: str, limits: Limits, start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """The instants (UTC) with `start <= fire <= end` at which an expression comes true on the clocks of a zone, sorted.

    A fixed time that clocks skip comes right after the gap, one that they repeat comes once, at the first. Where the
    minute or the hour begins with a star it follows the clock: not in the gap, and again in the repeated time.
    """
    return [fire for fire, _ in runs(expression, limits, start, end, zone) if start <= fire <= end]


def runs(
    expression: str, limits: Limits, start: datetime, end: datetime, zone: ZoneInfo, *, gap: timedelta = _NO_TIME
) -> Iterator[tuple[datetime, datetime]]:
    """The first and the last fire of each run of fires of one local day that are no further apart than `gap`.

    All those that have a fire in `[start, end]` are there, in order, and some around them.
    """
    minute, hour, *of_days = expression.split()
    first, last = (date.toordinal(instant.astimezone(zone)) for instant in (start, end))
    unsteady: set[tuple[datetime, datetime]] = set()
    for day in _days(" ".join(of_days), limits, first - _CHANGE, last + _CHANGE):
        midnight = steady_midnight(day, zone)
        if midnight is None:
            unsteady.update(_unsteady_runs(minute, hour, gap, day, zone))
            continue
        # Before a day around which no clock changes, all of the days before it are over.
        yield from sorted(unsteady)
        unsteady.clear()
        for begun, ended in _day_runs(minute, hour, gap):
            yield midnight + begun, midnight + ended
    yield from sorted(unsteady)


def _joined(times: Iterable[_T], gap: timedelta) -> list[tuple[_T, _T]]:
    """The first and the last of each run of sorted times that are no further apart than `gap`."""
    found: list[tuple[_T, _T]] = []
    for each in times:
        if found and each - found[-1][1] <= gap:
            found[-1] = (found[-1][0], each)
        else:
            found.append((each, each))
    return found


def _days(fields: str, limits: Limits, first: int, last: int) -> Iterator[int]:
    """The days from first to last, as `date.toordinal` counts them, that fit the last three fields and the limits."""
    if limits.span is not None:
        # Of the minutes of years, those that never count would cost the most.
        begun, ended = map(date.toordinal, limits.span)
        first, last = max(first, begun), min(last, ended)
    if first > last:
        return
    for year in range(date.fromordinal(first).year, date.fromordinal(last).year + 1):
        days = _days_of_year(fields, year)
        yield from limits.keep(days[bisect_left(days, first) : bisect_right(days, last)])


@lru_cache(maxsize=_MOST_YEARS)
def _days_of_year(fields: str, year: int) -> tuple[int, ...]:
    new_year = datetime(year, 1, 1, tzinfo=UTC)
    fitting = takewhile(lambda day: day.year == year, CronSim(f"0 0 {fields}", new_year - _SECOND))
    return tuple(map(date.toordinal, fitting))


@lru_cache(maxsize=_MOST_YEARS)
def _day_runs(minute: str, hour: str, gap: timedelta) -> list[tuple[timedelta, timedelta]]:
    return _joined(_times(minute, hour), gap)


@lru_cache(maxsize=_MOST_UNSTEADY)
def _unsteady_runs(minute: str, hour: str, gap: timedelta, day: int, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The runs of a day near a change of the clock, where each time is an instant of its own."""
    instants_of = shown_instants if minute.startswith("*") or hour.startswith("*") else start_instants
    instants = {instant for each in _times(minute, hour) for instant in instants_of((day,), each, zone)}
    return _joined(sorted(instants), gap)


@cache
def _times(minute: str, hour: str) -> tuple[timedelta, ...]:
    """The times since midnight that fit the first two fields."""
    since_midnight = (each - _SOME_DAY for each in CronSim(f"{minute} {hour} * * *", _SOME_DAY - _SECOND))
    return tuple(takewhile(lambda wall: wall.days == 0, since_midnight))
