"""What's refused of an event: all that would let it take place at another time than its author sees, or never."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from rules.ics.components import DAY, DECISIVE, ONCE, TIMES, YEARS, Event, kind, listed, refused, span
from rules.ics.rrule import wrong_rule
from rules.ics.text import printable
from rules.ics.zones import known_zone

_LONGEST_EVENT: Final = timedelta(days=3660)


def check_event(event: Event) -> None:
    """Refuse an event that can't be obeyed.

    Raises:
        ValueError: It can't. The text names it and says why.
    """
    wrong = next(_wrong_event(event), None)
    if wrong is not None:
        raise refused(event, wrong)


# Each of these relies on what the ones before it look at: only the first that's wrong is told.
def _wrong_event(event: Event) -> Iterator[str]:
    for broken, error in event.errors:
        if broken is None or broken in DECISIVE:
            yield f"{broken or 'a line'} isn't understood ({printable(error)})"
    if "DTSTART" not in event:
        yield "it has no DTSTART"
    for name in ONCE:
        if isinstance(event.get(name), list):
            yield f"it has more than one {name}"
    if "EXRULE" in event:
        yield "EXRULE is no longer part of iCalendar; use EXDATE"
    yield from _wrong_zones(event)
    yield from _wrong_times(event)
    yield from _wrong_duration(event)
    yield from _wrong_span(event)
    for rule in listed(event.get("RRULE")):
        yield from wrong_rule(rule)


def _wrong_zones(event: Event) -> Iterator[str]:
    # icalendar reads a time of an unknown zone as one without a zone.
    for name in TIMES:
        for value in listed(event.get(name)):
            zone = value.params.get("TZID")
            if zone is not None and known_zone(str(zone)) is None:
                yield f"{name} has the time zone {printable(str(zone))!r}, which is neither known nor in the file"


def _wrong_times(event: Event) -> Iterator[str]:
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        value = event[name].dt if name in event else None
        if value is not None and not (isinstance(value, date) and value.year in YEARS):
            yield f"{name} is no date or time between {YEARS[0]} and {YEARS[-1]}"


def _wrong_duration(event: Event) -> Iterator[str]:
    if "DURATION" not in event:
        return
    if "DTEND" in event:
        yield "it has both DTEND and DURATION"
    duration = event["DURATION"].dt
    if not isinstance(duration, timedelta) or abs(duration) > _LONGEST_EVENT:
        yield "DURATION isn't understood"
    if kind(event["DTSTART"].dt) == "day" and duration % DAY:
        yield "an event of whole days must have a DURATION of whole days"


def _wrong_span(event: Event) -> Iterator[str]:
    start, end = span(event)
    if kind(start) != kind(end):
        yield "DTSTART and DTEND must both be days, or times with a zone, or times without one"
    if end < start:
        yield "it ends before it starts"
    if end - start > _LONGEST_EVENT:
        yield "it's longer than ten years"
