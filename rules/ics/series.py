"""Events that recur, and their exceptions."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from rules.ics.components import FOREIGN, Event, refused
from rules.ics.happenings import MARGIN
from rules.ics.text import printable

_RECURRING: Final = ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


def is_series(events: Sequence[Event]) -> bool:
    """Whether the events of one UID are more than one that happens once."""
    return len(events) > 1 or any(name in events[0] for name in _RECURRING)


def by_uid(events: Iterable[Event]) -> list[list[Event]]:
    """The events that belong together, in the order of the file.

    Of two events with one UID only one would count, and only a higher SEQUENCE says that it replaces the other; where
    it doesn't, both stand for themselves.
    """
    masters: set[tuple[object, int]] = set()
    groups: dict[object, list[Event]] = {}
    for place, event in enumerate(events):
        uid = event.get("UID", place)
        if "RECURRENCE-ID" not in event:
            master = (uid, int(event.get("SEQUENCE", 0)))
            uid = place if master in masters else uid
            masters.add(master)
        groups.setdefault(uid, []).append(event)
    return list(groups.values())


def repeated(events: Sequence[Event], default: ZoneInfo | None) -> Any:
    """The query of recurring_ical_events that repeats a series.

    Raises:
        ValueError: It can't be repeated.
    """
    import icalendar
    import recurring_ical_events

    calendar = icalendar.Calendar()
    if default:
        calendar.add("X-WR-TIMEZONE", default.key)
    for event in events:
        calendar.add_component(event)
    try:
        query = recurring_ical_events.of(calendar)
        for event in events:
            start = datetime.combine(event["DTSTART"].dt, time())
            query.between(start - MARGIN, start + MARGIN)
    except FOREIGN as error:
        raise refused(events[0], f"its recurrence isn't understood ({printable(str(error))})") from None
    return query
