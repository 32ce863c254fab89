"""Cron expressions: five POSIX fields, read and followed as Debian's cron does it.

cronsim reads them and counts on the calendar, without a zone. What clocks do is asked of `localtime`: on aware times
cronsim 2.8 steps over half an hour where clocks change by half an hour (Lord Howe).
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import takewhile
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from rules.days import Limits
from rules.localtime import shown_instants, start_instants

_FIELDS: Final = ("minute", "hour", "day of month", "month", "day of week")
_VALUE: Final = r"(?:[0-9]+|[a-z]{3})"
_ITEM: Final = rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/[0-9]+)?"
_FIELD: Final = re.compile(rf"{_ITEM}(?:,{_ITEM})*", re.ASCII | re.IGNORECASE)
# More days than clocks are ever set forward or back by, so that no time that counts is left out.
_CHANGE: Final = 2
_SECOND: Final = timedelta(seconds=1)
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
    minute, hour, *of_days = expression.split()
    first, last = (date.toordinal(instant.astimezone(zone)) for instant in (start, end))
    # The limits are asked first: of the minutes of years, those that never count cost the most.
    days = limits.keep(_days(" ".join(of_days), first - _CHANGE, last + _CHANGE))
    instants_of = shown_instants if minute.startswith("*") or hour.startswith("*") else start_instants
    found = {instant for each in _times(minute, hour) for instant in instants_of(days, each, zone)}
    return sorted(instant for instant in found if start <= instant <= end)


def _days(fields: str, first: int, last: int) -> list[int]:
    """The days from first to last, as `date.toordinal` counts them, that fit the last three fields."""
    midnight = datetime.combine(date.fromordinal(first), time(), UTC)
    found = takewhile(lambda day: day <= last, map(date.toordinal, CronSim(f"0 0 {fields}", midnight - _SECOND)))
    return list(found)


@cache
def _times(minute: str, hour: str) -> tuple[timedelta, ...]:
    """The times since midnight that fit the first two fields."""
    since_midnight = (each - _SOME_DAY for each in CronSim(f"{minute} {hour} * * *", _SOME_DAY - _SECOND))
    return tuple(takewhile(lambda wall: wall.days == 0, since_midnight))
