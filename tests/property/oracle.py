"""What quiet means, by brute force and in the words of design.md, section 4. It shares no code with `rules`.

The only tool is a walk over the minutes of UTC days, each with what a clock on the wall shows at it. It relies on
changes of the clock being at whole minutes, which holds for every zone since 1972.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of `pause`, said in plain values.

    It begins on some weekdays (0 is Monday) or dates, at a time since midnight. It ends at the first `until` after
    that, on a certain weekday or date where one is given; without `until` it's a hold.
    """

    zone: str
    weekdays: frozenset[int] = frozenset()
    dates: frozenset[date] = frozenset()
    begins: timedelta
    until: timedelta | None = None
    until_weekday: int | None = None
    until_date: date | None = None


def is_quiet(entries: Iterable[Entry], at: datetime) -> bool:
    """Whether an instant is in a window of any entry: its start is, its end isn't."""
    return any(start <= at < end for entry in entries for start, end in _windows_around(entry, at))


def holds(entries: Iterable[Entry], start: datetime, end: datetime) -> list[datetime]:
    """The instants of the holds with `start <= at < end`, sorted, each once."""
    found = set()
    for entry in entries:
        if entry.until is None:
            days = _days(entry, start.date() - 3 * DAY, end.date() + 3 * DAY)
            found |= {first(_midnight(day) + entry.begins, entry.zone) for day in days}
    return sorted(at for at in found if start <= at < end)


@lru_cache(maxsize=10_000)
def first(wall: datetime, zone: str) -> datetime:
    """The first instant at which clocks show a wall time; where they skip it, the first one after the gap."""
    return _shown(wall, zone)[0]


@lru_cache(maxsize=10_000)
def last(wall: datetime, zone: str) -> datetime:
    """The last instant at which clocks show a wall time; where they skip it, the first one after the gap."""
    return _shown(wall, zone)[-1]


def _shown(wall: datetime, zone: str) -> list[datetime]:
    minute = wall.replace(second=0)
    clock = [each for days in range(-1, 3) for each in _clock(zone, wall.date() + days * DAY)]
    showing = [instant + (wall - minute) for instant, shown in clock if shown == minute]
    return showing or [next(instant for instant, shown in clock if shown > wall)]


@lru_cache(maxsize=100)
def _clock(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Every minute of a UTC day: the instant, and what a clock on the wall shows at it."""
    midnight = datetime.combine(day, time(), UTC)
    instants = [midnight + MINUTE * minute for minute in range(24 * 60)]
    return [(instant, instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for instant in instants]


def _windows_around(entry: Entry, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    if entry.until is None:
        return
    for day in _days(entry, at.date() - 40 * DAY, at.date() + 3 * DAY):
        begins = _midnight(day) + entry.begins
        ends = next(each for each in _ends(entry, entry.until, day) if each > begins)
        if abs(begins - at.replace(tzinfo=None)) < 3 * DAY or begins < at.replace(tzinfo=None) < ends + 3 * DAY:
            yield first(begins, entry.zone), last(ends, entry.zone)


def _days(entry: Entry, start: date, end: date) -> Iterator[date]:
    for number in range((end - start).days + 1):
        day = start + number * DAY
        if day in entry.dates or day.weekday() in entry.weekdays:
            yield day


def _ends(entry: Entry, until: timedelta, day: date) -> Iterator[datetime]:
    """The wall times at which a window that begins on a day may end, from that day on."""
    for _ in range(50):
        if entry.until_weekday in (None, day.weekday()) and entry.until_date in (None, day):
            yield _midnight(day) + until
        day += DAY


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
