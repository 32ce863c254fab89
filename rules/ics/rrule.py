"""An RRULE (RFC 5545, 3.3.10): what's refused of it, when it ends and how often it may recur."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from rules.ics.components import YEARS, Event, listed
from rules.ics.text import printable

# How often all events of a file may recur until the year 2100; each time costs some microseconds and 60 bytes.
_MOST_OCCURRENCES: Final = 5_000_000
_PARTS: Final = {
    *("FREQ", "UNTIL", "COUNT", "INTERVAL", "WKST", "BYSETPOS"),
    *("BYHOUR", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH"),
}
_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_LIMITS: Final = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
_LENGTHS: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def wrong_rule(rule: Mapping[str, Any]) -> Iterator[str]:
    """What's wrong with a rule; what comes after the first relies on that being right."""
    if rule.get("FREQ") in (["SECONDLY"], ["MINUTELY"], ["HOURLY"]) or "BYMINUTE" in rule or "BYSECOND" in rule:
        yield "it recurs more often than daily; make it one event of the whole time"
    if rule.get("FREQ") not in [[frequency] for frequency in _FREQUENCIES]:
        yield f"the FREQ of its RRULE must be one of {', '.join(_FREQUENCIES)}"
    if unknown := set(rule) - _PARTS:
        yield f"its RRULE has the part {printable(min(unknown))!r}, which isn't known"
    if any(len(rule[name]) != 1 for name in ("UNTIL", "COUNT", "INTERVAL") if name in rule):
        yield "UNTIL, COUNT and INTERVAL of its RRULE have one value"
    if any(rule[name][0] < 1 for name in ("COUNT", "INTERVAL") if name in rule):
        yield "COUNT and INTERVAL of its RRULE must be at least 1"
    if "COUNT" in rule and "UNTIL" in rule:
        yield "its RRULE has both COUNT and UNTIL"
    if "UNTIL" in rule and not (isinstance(rule["UNTIL"][0], date) and rule["UNTIL"][0].year >= YEARS[0]):
        yield "the UNTIL of its RRULE is no date or time"
    # A rule that never matches is followed to the year 9999.
    for name, limit in _LIMITS.items():
        if any(not 1 <= abs(value) <= limit for value in rule.get(name, ())):
            yield f"{name} of its RRULE goes from 1 to {limit}, or from -1 to -{limit}"
    months, days = rule.get("BYMONTH", ()), rule.get("BYMONTHDAY", ())
    if months and days and min(map(abs, days)) > max(_LENGTHS[abs(month)] for month in months):
        yield "no month of its RRULE has such a day"


def until(rule: Mapping[str, Any], start: date, default: ZoneInfo | None) -> date:
    """The end of a rule in the kind that RFC 5545 asks for: a day, a time without a zone, or UTC.

    The libraries take another kind for UTC, which loses the last time in America.
    """
    given: date = rule["UNTIL"][0] if "UNTIL" in rule else date.max
    if given.year not in YEARS:
        given = date(YEARS[-1], 12, 31)
    if not isinstance(start, datetime):
        return date(given.year, given.month, given.day)
    if not isinstance(given, datetime):
        given = datetime.combine(given, time(23, 59, 59))
    zone = default if default and str(start.tzinfo) in ("None", "UTC") else start.tzinfo
    if zone is None:
        return given.replace(tzinfo=None)
    return (given if given.tzinfo else given.replace(tzinfo=zone)).astimezone(UTC)


def check_occurrences(events: Iterable[Event]) -> None:
    """Refuse events that recur so often that asking for them would take long.

    Raises:
        ValueError: They do.
    """
    rules = [(event["DTSTART"].dt.year, rule) for event in events for rule in listed(event.get("RRULE"))]
    if sum(_at_most(year, rule) for year, rule in rules) > _MOST_OCCURRENCES:
        raise ValueError("its events recur millions of times; export a calendar that has only the days meant")


def _at_most(year: int, rule: Mapping[str, Any]) -> int:
    days = max(1, *(len(rule.get(part, ())) for part in ("BYDAY", "BYMONTHDAY", "BYYEARDAY")))
    months = len(rule.get("BYMONTH", ())) or (1 if days == 1 else 12)
    a_year = {"DAILY": 366, "WEEKLY": 53 * days, "MONTHLY": 60 * days, "YEARLY": 5 * days * months}[rule["FREQ"][0]]
    last = min(2100, rule["UNTIL"][0].year) if "UNTIL" in rule else 2100
    most = a_year * max(1, last - year) * max(1, len(rule.get("BYHOUR", ())))
    return min([most, *(int(count) for count in rule.get("COUNT", ()))])
