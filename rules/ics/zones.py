"""The time zones of a file: those known by name, those that only the file defines, and its default."""

import warnings
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from rules.ics.components import Calendar, listed
from rules.ics.rrule import until
from rules.ics.text import printable


def begin_zones(names: Iterable[str]) -> None:
    """Have icalendar know no zone of another file, nor of this one before it was edited: it remembers them by name.

    Of those that a file defines by these names, a zone that's known, be it by its name on Windows, is then used as the
    zone data has it.

    Raises:
        OSError: A name is that of a folder of the zone data, or can't be a file's.
        ValueError: A name can't be one of a zone.
    """
    from icalendar.timezone import tzp
    from icalendar.timezone.zoneinfo import ZONEINFO

    class Zones(ZONEINFO):
        def create_timezone(self, tz: Any, *_: Any) -> tzinfo:
            return _FileZone.read(tz)

    tzp.use(Zones())
    for name in names:
        tzp.timezone(name)


def known_zone(name: str) -> tzinfo | None:
    """The zone of a name, in the zone data or in the file read last."""
    from icalendar.timezone import tzp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return tzp.timezone(name)
        except (ValueError, OSError):
            return None


def default_zone(calendar: Calendar) -> ZoneInfo | None:
    """The zone of X-WR-TIMEZONE, which Google and Apple write for what has none of its own.

    Raises:
        ValueError: It isn't known.
    """
    given = calendar.get("X-WR-TIMEZONE")
    if not given:
        return None
    zone = None if isinstance(given, list) else known_zone(str(given).strip())
    if not isinstance(zone, ZoneInfo):
        raise ValueError(f"X-WR-TIMEZONE {printable(str(given))!r} is unknown; write a name like Europe/Warsaw")
    return zone


class _FileZone(tzinfo):
    """A zone that only the file defines, with the gaps and repeated hours of PEP 495.

    The one that icalendar makes counts from 1601, where Outlook lets its rules begin, each time it's asked.
    """

    def __init__(self, name: str, changes: Sequence[datetime], offsets: Sequence[timedelta]) -> None:
        before = [offsets[0], *offsets]
        self._name = name
        self._changes = changes
        self._offsets = before
        # The wall times from which the next offset holds: with fold=0 after the gap or the repeated time, else before.
        self._first = [change + max(before[i : i + 2]) for i, change in enumerate(changes)]
        self._second = [change + min(before[i : i + 2]) for i, change in enumerate(changes)]

    @classmethod
    def read(cls, zone: Any) -> tzinfo:
        """The zone of a VTIMEZONE."""
        name = printable(str(zone.get("TZID")))
        for rule in (rule for part in zone.subcomponents for rule in listed(part.get("RRULE"))):
            if rule.get("FREQ") != ["YEARLY"] or min(rule.get("INTERVAL", [1])) < 1:
                raise ValueError(f"time zone {name!r}: its clock changes aren't yearly")
            if "COUNT" not in rule:
                rule["UNTIL"] = [until(rule, datetime.max.replace(tzinfo=UTC), None)]
        changes, offsets = zone.get_transitions()
        if not changes:
            raise ValueError(f"time zone {name!r} has no offset")
        return cls(name, changes, [offset for offset, _, _ in offsets])

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        if dt is None:
            return None
        return self._offsets[bisect_right(self._second if dt.fold else self._first, dt.replace(tzinfo=None, fold=0))]

    def dst(self, _dt: datetime | None) -> timedelta | None:
        return None

    def tzname(self, _dt: datetime | None) -> str:
        return self._name

    def fromutc(self, dt: datetime) -> datetime:
        utc = dt.replace(tzinfo=None)
        place = bisect_right(self._changes, utc)
        wall = utc + self._offsets[place]
        repeated = place > 0 and wall < self._first[place - 1]
        return wall.replace(tzinfo=self, fold=int(repeated))
