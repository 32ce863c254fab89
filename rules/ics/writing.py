"""From planned events to a calendar that other programs can subscribe to."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from rules.ics.components import Event
from rules.ics.text import printable, visible

_PRODID: Final = "-//Curfew//Curfew//EN"
# How often a program should look again.
_REFRESH: Final = timedelta(hours=1)


class PlannedEvent(NamedTuple):
    """A span `[start, end)` to be shown, or a moment where there's no end; aware instants.

    The UID is the event's alone and stays from one calendar to the next: it's how programs know the event again.
    """

    uid: str
    start: datetime
    end: datetime | None
    summary: str
    description: str


def write_ics(events: Iterable[PlannedEvent], *, name: str, stamp: datetime) -> bytes:
    """A calendar to subscribe to (RFC 5545): the events in their order, in UTC, which block nobody's time.

    Name and summaries are cut to one line of 200 characters; a description may have many lines. What can't be seen is
    left out of all three.

    Args:
        events: What's to be shown.
        name: What programs call the calendar.
        stamp: When it was made, an aware instant. The same arguments give the same bytes.
    """
    import icalendar

    calendar = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", _PRODID)
    calendar.add("METHOD", "PUBLISH")
    calendar.add("X-WR-CALNAME", _text(printable(name)))
    calendar.add("REFRESH-INTERVAL", _REFRESH, {"VALUE": "DURATION"})  # RFC 7986, 5.7
    calendar.add("X-PUBLISHED-TTL", icalendar.vDuration(_REFRESH))  # the same for Outlook
    for event in events:
        calendar.add_component(_shown(event, stamp))
    if not calendar.subcomponents:
        # There must be some component (RFC 5545, 3.6), and a zone shows nothing.
        calendar.add_component(_utc())
    content: bytes = calendar.to_ical()
    return content


def _shown(event: PlannedEvent, stamp: datetime) -> Event:
    import icalendar

    component = icalendar.Event()
    component.add("UID", _text(visible(event.uid)))
    component.add("DTSTAMP", stamp.astimezone(UTC))
    component.add("DTSTART", event.start.astimezone(UTC))
    if event.end is not None:
        component.add("DTEND", event.end.astimezone(UTC))
    component.add("SUMMARY", _text(printable(event.summary)))
    component.add("DESCRIPTION", _text("\n".join(map(visible, event.description.splitlines()))))
    component.add("TRANSP", "TRANSPARENT")
    return component


def _utc() -> Any:
    import icalendar

    zone, standard = icalendar.Timezone(), icalendar.TimezoneStandard()
    zone.add("TZID", "UTC")
    standard.add("DTSTART", datetime(1970, 1, 1))  # noqa: DTZ001 -- wall time, as RFC 5545 has it
    standard.add("TZOFFSETFROM", timedelta())
    standard.add("TZOFFSETTO", timedelta())
    zone.add_component(standard)
    return zone


def _text(value: str) -> Any:
    from icalendar.prop import vInline, vText

    # By itself icalendar takes the \N of C:\New for the end of a line.
    return vInline(r"\\N".join(vText(part).to_ical().decode() for part in value.split(r"\N")))
