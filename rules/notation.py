"""The small notations inside a value: TIME, moments such as `Fri 17:00`, durations such as `1h30m`, months.

Every function here takes the text that the user typed and raises ValueError with a message for that user.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Final

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
WEEKDAY_WORDS: Final = WEEKDAYS + _LONG_WEEKDAYS
MONTH_WORDS: Final = MONTHS + _LONG_MONTHS
# Years for which zones and holidays mean something; it also keeps all arithmetic far from datetime's own limits.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
# A window, or a step to another day, that is longer than a year is written with two dates.
LONGEST: Final = timedelta(days=366)
# How often the nearest word may still be looked for; None is without end.
_hints: ContextVar[Iterator[int] | None] = ContextVar("_hints", default=None)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)

_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_DURATION: Final = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_OFFSET: Final = re.compile(r"([+-]\d{1,9})d", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A wall time, alone or on a weekday (0 is Monday), a date, or so many days after another day.

    `time` counts from midnight, up to 24 hours; at most one of the others is given.
    """

    time: timedelta
    weekday: int | None = None
    day: date | None = None
    offset: int | None = None

    @property
    def is_alone(self) -> bool:
        """Whether it's a time and nothing else."""
        return self.weekday is None and self.day is None and self.offset is None

    @property
    def begins(self) -> timedelta:
        """Wall time to it from the midnight of the day that it's said of."""
        return timedelta(days=self.offset or 0) + self.time

    def after(self, start: "Moment", weekday: int) -> timedelta:
        """Wall time to it, where a window that begins at `start` ends, from the midnight of the window's day.

        It's the first such moment after `start`, the day being that weekday (0 is Monday). One that is so many days
        after the day, or a date, may come no later than `start`, and then there's no window.
        """
        begins = start.begins
        if self.day is not None and start.day is not None:
            return self.day - start.day + self.time
        if self.offset is not None:
            return self.begins
        if self.weekday is None:
            found, every = timedelta(days=begins.days) + self.time, _DAY
        else:
            found, every = timedelta(days=(self.weekday - weekday) % 7) + self.time, _WEEK
        # As many days or weeks more (or fewer) as bring it right behind the start.
        return found + ((begins - found) // every + 1) * every


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a message that names the nearest known word, or nothing where none is near."""
    hints = _hints.get()
    if hints is not None and next(hints, None) is None:
        return ""
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


@contextmanager
def few_hints(most: int) -> Iterator[None]:
    """Let `nearest` look for a word so often only, as long as this lasts: it takes milliseconds each time."""
    token = _hints.set(iter(range(most)))
    try:
        yield
    finally:
        _hints.reset(token)


def parse_time(text: str) -> timedelta:
    """Read `HH:MM` or `HH:MM:SS`, from 00:00 to 24:00, as time since midnight."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} isn't a time; write HH:MM, as in 17:00")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    time = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if minutes > 59 or seconds > 59 or time > timedelta(hours=24):
        raise ValueError(f"there is no time {text!r}; the day ends at 24:00")
    return time


def parse_date(text: str) -> date:
    """Read `YYYY-MM-DD`."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} isn't a date; write YYYY-MM-DD, as in 2026-12-24")
    year, month, day = (int(part) for part in match.groups())
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"the year of {text!r} isn't between {FIRST_YEAR} and {LAST_YEAR}")
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"there is no day {text!r}") from None


def parse_dates(text: str) -> tuple[date, date]:
    """Read a date, or a range `A/B` of dates, as its first and last day, both included."""
    first, slash, last = text.partition("/")
    if not slash:
        return parse_date(text), parse_date(text)
    start, end = parse_date(first.strip() or text), parse_date(last.strip() or text)
    if end < start:
        raise ValueError(f"the range {text!r} ends before it begins")
    return start, end


def parse_weekday(text: str) -> int | None:
    """Read `fri` or `Friday` as 4 (Monday is 0); None where the text is no weekday."""
    return _index(text, WEEKDAYS, _LONG_WEEKDAYS)


def parse_month(text: str) -> int | None:
    """Read `dec` or `December` as 12; None where the text is no month."""
    index = _index(text, MONTHS, _LONG_MONTHS)
    return None if index is None else index + 1


def _index(text: str, *lists: tuple[str, ...]) -> int | None:
    word = text.lower()
    return next((names.index(word) for names in lists if word in names), None)


def parse_months(text: str) -> frozenset[int]:
    """Read `dec`, or a range as `jun-aug` or `nov-feb`, as the numbers of its months, both ends included."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    start, end = parse_month(first), parse_month(last if dash else first)
    if start is None or end is None:
        wrong = (first if start is None else last) or text
        raise ValueError(f"{wrong!r} isn't a month{nearest(wrong, MONTH_WORDS)}")
    return frozenset((start - 1 + step) % 12 + 1 for step in range((end - start) % 12 + 1))


def parse_duration(text: str, longest: timedelta = LONGEST) -> timedelta:
    """Read `30s`, `90m`, `12h`, `1h30m` or `2d` as elapsed time; a day is 24 hours."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text!r} isn't a duration; write 36h, 1h30m, 90m or 2d")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not length:
        raise ValueError("must be longer than nothing")
    if length > longest:
        raise ValueError(f"{text!r} is longer than {longest.days} days")
    return length


def parse_moment(text: str) -> Moment:
    """Read `TIME`, `WEEKDAY TIME`, `DATE TIME` or, a number of days after another day, `+1d TIME`."""
    *before, last = text.split() or [""]
    if len(before) > 1:
        raise ValueError(f"{text!r} isn't a moment; write TIME, DAY TIME or DATE TIME, as in Fri 17:00")
    time = parse_time(last)
    if not before:
        return Moment(time=time)
    (day,) = before
    weekday = parse_weekday(day)
    if weekday is not None:
        return Moment(time=time, weekday=weekday)
    if day[:1] in "+-":
        return Moment(time=time, offset=_parse_offset(day))
    if day[:1].isdigit():
        return Moment(time=time, day=parse_date(day))
    raise ValueError(f"{day!r} isn't a weekday{nearest(day, WEEKDAY_WORDS)}")


def _parse_offset(text: str) -> int:
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} isn't a number of days before or after; write -1d or +1d")
    offset = int(match[1])
    if abs(offset) > LONGEST.days:
        raise ValueError(f"{text!r} is further away than {LONGEST.days} days")
    return offset


def clock(time: timedelta) -> str:
    """Write time since midnight as `17:00`, with seconds only where there are any."""
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text


def duration_words(length: timedelta) -> str:
    """Write elapsed time as `parse_duration` reads it, in hours, minutes and seconds: `63h`, `1h30m`."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)
