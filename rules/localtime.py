"""The one place where wall time becomes an instant.

A skipped wall time (clocks go forward over it) becomes the first instant after the gap. A repeated one (clocks go
back over it) is taken at its first occurrence where a window starts and at its second where one ends, so that a
window is never shorter than what the user wrote. See PEP 495 for `fold`.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_DAY_ONE = datetime(1, 1, 1, tzinfo=UTC)


def start_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a window or hold that begins at a naive wall time begins."""
    return _instant(wall, zone, fold=0)


def end_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a window that ends at a naive wall time ends (itself no longer in the window)."""
    return _instant(wall, zone, fold=1)


def start_instants(days: Iterable[int], wall: timedelta, zone: ZoneInfo) -> list[datetime]:
    """What `start_instant` gives for a time of each of many days, as `date.toordinal` counts them.

    The time counts from midnight; it may be before that or after 24 hours, in the days before and after.
    """
    return _instants(days, wall, zone, fold=0)


def end_instants(days: Iterable[int], wall: timedelta, zone: ZoneInfo) -> list[datetime]:
    """What `end_instant` gives for a time of each of many days, as `start_instants` has them."""
    return _instants(days, wall, zone, fold=1)


def shown_instants(days: Iterable[int], wall: timedelta, zone: ZoneInfo) -> list[datetime]:
    """The instants (UTC) at which clocks show a time since midnight, before 24:00, on each of many days.

    There is none where they skip it, and there are two where they repeat it.
    """
    steady, midnights = _steady_offsets(zone), _MIDNIGHTS
    found: list[datetime] = []
    for day in days:
        offset = steady[day]
        if offset is not None:
            found.append(midnights[day] + (wall - offset))
        else:
            found += _showings(datetime.combine(date.fromordinal(day), time()) + wall, zone)
    return found


def steady_midnight(day: int, zone: ZoneInfo) -> datetime | None:
    """The instant of the midnight of a day around which no clock changes: its wall times follow by as much.

    None near a change of the clock.
    """
    offset = _steady_offsets(zone)[day]
    return None if offset is None else _midnight(day) - offset


def _showings(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    either = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(instant for instant in either if instant.astimezone(zone).replace(tzinfo=None) == wall)


def clock_changes(start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """The instants (UTC) in `[start, end]` at which the clocks of a zone are changed, in order."""
    first, last = (instant.astimezone(UTC).date().toordinal() for instant in (start, end))
    steady = _steady_offsets(zone)
    found = {_change_on(day, zone) for day in range(first - 1, last + 1) if steady[day] is None}
    return sorted(change for change in found if change is not None and start <= change <= end)


def _instant(wall: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return instant
    return _first_after_gap(wall, zone)


def _first_after_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    # PEP 495: in a gap, fold=1 counts with the offset after the change, which lies before it, and fold=0 the other
    # way round.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return _change_between(before, after, zone)


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The change of the clock between two instants that show different offsets; zoneinfo doesn't tell its changes."""
    new_offset = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + max((after - before) // 2 // _SECOND * _SECOND, _SECOND)
        if middle.astimezone(zone).utcoffset() == new_offset:
            after = middle
        else:
            before = middle
    return after


def _change_on(day: int, zone: ZoneInfo) -> datetime | None:
    """The change between noon (UTC) of a day and noon of the next."""
    noon = _midnight(day) + timedelta(hours=12)
    is_changed = noon.astimezone(zone).utcoffset() != (noon + _DAY).astimezone(zone).utcoffset()
    return _change_between(noon, noon + _DAY, zone) if is_changed else None


def _instants(days: Iterable[int], wall: timedelta, zone: ZoneInfo, *, fold: int) -> list[datetime]:
    # Far from any change of the clock, an instant is the wall time less a constant: no need to ask the zone for each.
    steady, midnights = _steady_offsets(zone), _MIDNIGHTS
    later, time_of_day = wall.days, timedelta(seconds=wall.seconds, microseconds=wall.microseconds)
    known: timedelta | None = None
    shift = time_of_day
    found = []
    for each in days:
        day = each + later
        offset = steady[day]
        if offset is None:
            found.append(_instant(datetime.combine(date.fromordinal(day), time()) + time_of_day, zone, fold=fold))
            continue
        if offset is not known:
            known, shift = offset, time_of_day - offset
        found.append(midnights[day] + shift)
    return found


class _Midnights(dict[int, datetime]):
    """Midnight UTC of each day that was asked for."""

    def __missing__(self, day: int) -> datetime:
        # By arithmetic, so that it's a plain datetime also where a test has put another class in its place.
        self[day] = midnight = _DAY_ONE + (day - 1) * _DAY
        return midnight


_MIDNIGHTS = _Midnights()


def _midnight(day: int) -> datetime:
    return _MIDNIGHTS[day]


class _SteadyOffsets(dict[int, timedelta | None]):
    """The offset from UTC that holds on a local day from its midnight to the next; None near a change of the clock."""

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, day: int) -> timedelta | None:
        self[day] = offset = self._offset(day)
        return offset

    def _offset(self, day: int) -> timedelta | None:
        offsets = {self._at_noon(each) for each in (day - 1, day, day + 1)}
        return offsets.pop() if len(offsets) == 1 else None

    def _at_noon(self, day: int) -> timedelta | None:
        return (_midnight(day) + timedelta(hours=12)).astimezone(self._zone).utcoffset()


@cache
def _steady_offsets(zone: ZoneInfo) -> _SteadyOffsets:
    return _SteadyOffsets(zone)
