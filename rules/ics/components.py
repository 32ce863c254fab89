"""A VEVENT as icalendar has it: its properties, its name and its span."""

from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias

from rules.ics.text import AGAIN, printable

# To icalendar's types a property may be any of thirty classes; which it is was checked by then.
Event: TypeAlias = Any
Calendar: TypeAlias = Any

DAY: Final = timedelta(days=1)
YEARS: Final = range(1600, 2301)
TIMES: Final = ("DTSTART", "DTEND", "RECURRENCE-ID", "RDATE", "EXDATE")
ONCE: Final = ("DTSTART", "DTEND", "DURATION", "RECURRENCE-ID", "UID", "SEQUENCE", "STATUS")
# What bears on when an event takes place, and whether it does.
DECISIVE: Final = {*TIMES, *ONCE, "RRULE"}
# What the two libraries raise at odd text, ValueError apart.
FOREIGN: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError)


def listed(value: Any) -> list[Any]:
    """The values of a property, which icalendar has as a list only where there are several."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def title(event: Event) -> str:
    """What a person knows the event by."""
    return printable(str(next(iter(listed(event.get("SUMMARY"))), ""))) or "(no title)"


def refused(event: Event, why: str) -> ValueError:
    """The error that says why an event can't be obeyed."""
    return ValueError(f"event {title(event)!r}: {why}; {AGAIN}")


def kind(value: date) -> str:
    """Whether a value is a day, a time, or a floating time, which has no zone."""
    if not isinstance(value, datetime):
        return "day"
    return "time" if value.tzinfo else "floating"


def span(event: Event) -> tuple[date, date]:
    """The start of an event and its end, itself no longer in it; without an end it's one day, or no time at all."""
    start = event["DTSTART"].dt
    if "DTEND" in event:
        return start, event["DTEND"].dt
    if "DURATION" in event:
        return start, start + event["DURATION"].dt
    return start, start + DAY if kind(start) == "day" else start
