"""What events come to: whole days and timed events."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Final, NamedTuple, TypeAlias, cast
from zoneinfo import ZoneInfo

from rules.calendars import TimedEvent
from rules.ics.components import DAY, Event, span, title
from rules.localtime import end_instant, start_instant

# More than a day: wall time without a zone may be 14 hours off.
MARGIN: Final = 2 * DAY


class WholeDays(NamedTuple):
    """The days `[first, end)`."""

    first: date
    end: date
    name: str


Happening: TypeAlias = WholeDays | TimedEvent


def happenings(events: Iterable[Event], default: ZoneInfo | None) -> Iterator[Happening]:
    """What events come to that weren't cancelled; times without a zone are taken in the default, if there is one."""
    for event in events:
        if str(event.get("STATUS", "")).strip().upper() == "CANCELLED":
            continue
        start, end = span(event)
        if not isinstance(start, datetime) or not isinstance(end, datetime):
            # Programs that don't know that the end is excluded write one day so.
            yield WholeDays(start, max(end, start + DAY), title(event))
            continue
        timed = TimedEvent(_instant(start, default, start_instant), _instant(end, default, end_instant), title(event))
        if timed.start < timed.end:
            yield timed


def _instant(
    value: datetime, default: ZoneInfo | None, to_instant: Callable[[datetime, ZoneInfo], datetime]
) -> datetime:
    # A zone that only the file defines is no ZoneInfo, but keeps what's asked of one.
    zone = cast("ZoneInfo | None", value.tzinfo or default)
    wall = value.replace(tzinfo=None, fold=0)
    return to_instant(wall, zone) if zone else wall
