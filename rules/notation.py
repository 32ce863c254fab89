"""The small notations inside a value: TIME, moments such as `Fri 17:00`, and DAYS such as `mon-fri`.

Every function here takes the text that the user typed and raises ValueError with a message for that user.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Final

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_GROUPS: Final = {
    "weekdays": frozenset(range(5)),
    "weekends": frozenset({5, 6}),
    "daily": frozenset(range(7)),
}
DAY_WORDS: Final = frozenset((*WEEKDAYS, *_LONG_WEEKDAYS, *_GROUPS))
# Years for which zones and holidays mean something; it also keeps all arithmetic far from datetime's own limits.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199

_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A wall time, alone or on a weekday (0 is Monday) or a date; `time` counts from midnight, up to 24 hours."""

    time: timedelta
    weekday: int | None = None
    day: date | None = None


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a message that names the nearest known word, or nothing where none is near."""
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


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
    start, end = parse_date(first.strip()), parse_date(last.strip())
    if end < start:
        raise ValueError(f"the range {text!r} ends before it begins")
    return start, end


def parse_weekday(text: str) -> int | None:
    """Read `fri` or `Friday` as 4 (Monday is 0); None where the text is no weekday."""
    word = text.lower()
    for names in (WEEKDAYS, _LONG_WEEKDAYS):
        if word in names:
            return names.index(word)
    return None


def parse_moment(text: str) -> Moment:
    """Read `TIME`, `WEEKDAY TIME` or `DATE TIME`."""
    *before, last = text.split() or [""]
    if len(before) > 1:
        raise ValueError(f"{text!r} isn't a moment; write TIME, DAY TIME or DATE TIME, as in Fri 17:00")
    time = parse_time(last)
    if not before:
        return Moment(time=time)
    weekday = parse_weekday(before[0])
    if weekday is not None:
        return Moment(time=time, weekday=weekday)
    if before[0][:1].isdigit():
        return Moment(time=time, day=parse_date(before[0]))
    raise ValueError(f"{before[0]!r} isn't a weekday{nearest(before[0], WEEKDAYS + _LONG_WEEKDAYS)}")


def parse_weekdays(text: str) -> frozenset[int] | None:
    """Read `fri`, `mon-fri`, `fri-mon`, `weekdays`, `weekends` or `daily`; None where the text is none of these."""
    word = text.lower()
    if word in _GROUPS:
        return _GROUPS[word]
    first, dash, last = word.partition("-")
    start, end = parse_weekday(first.strip()), parse_weekday(last.strip() if dash else first.strip())
    if start is None or end is None:
        return None
    return frozenset((start + step) % 7 for step in range((end - start) % 7 + 1))


def clock(time: timedelta) -> str:
    """Write time since midnight as `17:00`, with seconds only where there are any."""
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text
