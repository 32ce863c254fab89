"""The one place where wall time becomes an instant.

A skipped wall time (clocks go forward over it) becomes the first instant after the gap. A repeated one (clocks go
back over it) is taken at its first occurrence where a window starts and at its second where one ends, so that a
window is never shorter than what the user wrote. See PEP 495 for `fold`.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


def start_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a window or hold that begins at a naive wall time begins."""
    return _instant(wall, zone, fold=0)


def end_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a window that ends at a naive wall time ends (itself no longer in the window)."""
    return _instant(wall, zone, fold=1)


def _instant(wall: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return instant
    return _first_after_gap(wall, zone)


def _first_after_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    # PEP 495: in a gap, fold=1 counts with the offset after the change, which lies before it, and fold=0 the other
    # way round. zoneinfo doesn't tell its transitions, so the change is searched for between the two.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    new_offset = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2 // _SECOND * _SECOND
        middle = max(middle, before + _SECOND)
        if middle.astimezone(zone).utcoffset() == new_offset:
            after = middle
        else:
            before = middle
    return after
