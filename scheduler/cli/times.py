"""Times as a person types them on the command line: instants, dates, and how far they are from now."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from rules.localtime import end_instant, start_instant
from rules.notation import FIRST_YEAR, LAST_YEAR, parse_duration, parse_time, parse_weekday

_DAY: Final = timedelta(days=1)
_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_LONGEST: Final = timedelta(days=100 * 365)


def read(text: str, zone: ZoneInfo, now: datetime, *, is_end: bool = False, is_past: bool = False) -> datetime:
    """Read one of these; what has no offset is wall time of the zone, and a day without a time is its midnight.

        2026-12-24, 2026-12-24T16:00, 2026-12-24T16:00Z
        now, today, yesterday 17:00, tomorrow 08:00
        last fri, next mon 08:00        on another day than today
        fri, fri 17:00, 17:00           the nearest that is to come; of the past, the one that was last
        7d, 1h30m                       so far ahead, in the past so long ago; +7d and -7d where it must be said

    A time that comes twice is the first of them, or, where something ends, the second.

    Raises:
        ValueError: it's none of them; the text is for a person.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        try:
            return _Relative(zone, now, is_end, is_past).read(text.lower().split())
        except ValueError:
            raise ValueError(
                f"{text!r} is neither a date (2026-12-24) nor an instant (2026-12-24T16:00Z), nor a time such as "
                "7d, yesterday or last fri"
            ) from None
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"the year of {text!r} isn't between {FIRST_YEAR} and {LAST_YEAR}")
    return value.astimezone(UTC) if value.tzinfo else _instant(value, zone, is_end=is_end)


def _instant(wall: datetime, zone: ZoneInfo, *, is_end: bool) -> datetime:
    return end_instant(wall, zone) if is_end else start_instant(wall, zone)


@dataclass(frozen=True, slots=True)
class _Relative:
    """How times are read that go by now."""

    zone: ZoneInfo
    now: datetime
    is_end: bool
    is_past: bool

    def read(self, words: list[str]) -> datetime:
        """Raises ValueError where the words mean nothing."""
        if words == ["now"]:
            return self.now
        time = parse_time(words.pop()) if words and ":" in words[-1] else None
        match words:
            case [day] if day in _DAYS:
                return self._on(_DAYS[day], time)
            case ["last" | "next" as which, day]:
                return self._nearest(_weekday(day), time, range(1, 8), is_past=which == "last")
            case [day] if parse_weekday(day) is not None:
                return self._nearest(_weekday(day), time, range(8), is_past=self.is_past)
            case [] if time is not None:
                return self._nearest(None, time, range(2), is_past=self.is_past)
            case [distance] if time is None:
                return self.now + _distance(distance, is_past=self.is_past)
        raise ValueError(words)

    def _on(self, days: int, time: timedelta | None) -> datetime:
        """A time, or midnight, so many days from today."""
        wall = datetime.combine(self._today() + days * _DAY, datetime.min.time()) + (time or timedelta())
        return _instant(wall, self.zone, is_end=self.is_end)

    def _today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def _nearest(self, weekday: int | None, time: timedelta | None, days: range, *, is_past: bool) -> datetime:
        """The first of some days from today on, or back, that is this weekday; of today only what is on that side."""
        step = -1 if is_past else 1
        found = [each for each in days if weekday in {None, (self._today() + step * each * _DAY).weekday()}]
        instants = [self._on(step * each, time) for each in found]
        return next(each for each in instants if step * (each - self.now) >= timedelta())


def _weekday(word: str) -> int:
    weekday = parse_weekday(word)
    if weekday is None:
        raise ValueError(word)
    return weekday


def _distance(word: str, *, is_past: bool) -> timedelta:
    sign, length = (word[0], word[1:]) if word[0] in "+-" else ("-" if is_past else "+", word)
    found = parse_duration(length, _LONGEST)
    return -found if sign == "-" else found
