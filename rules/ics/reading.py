"""From bytes to a file, or what's wrong with it."""

import hashlib
import warnings
from collections.abc import Sequence
from typing import Final

from rules.ics.checks import check_event
from rules.ics.components import FOREIGN, Calendar, listed
from rules.ics.file import IcsFile
from rules.ics.happenings import happenings
from rules.ics.lines import tidy_lines
from rules.ics.rrule import check_occurrences, until
from rules.ics.series import by_uid, is_series, repeated
from rules.ics.text import AGAIN, printable
from rules.ics.zones import begin_zones, default_zone

LARGEST: Final = 4 * 1024 * 1024


def read_ics(content: bytes) -> IcsFile:
    """Read an iCalendar file.

    Raises:
        ValueError: It isn't one, or an event can't be obeyed. The text says what's wrong and what to do.
    """
    if len(content) > LARGEST:
        raise ValueError("is larger than 4 MiB; export a calendar that has only the days meant")
    calendar = _parse(tidy_lines(content))
    events = list(calendar.walk("VEVENT"))
    if not events:
        raise ValueError("has no event (VEVENT); export a calendar that has some")
    default = default_zone(calendar)
    for event in events:
        check_event(event)
        for rule in listed(event.get("RRULE")):
            if "UNTIL" in rule:
                rule["UNTIL"] = [until(rule, event["DTSTART"].dt, default)]
    check_occurrences(events)
    groups = by_uid(events)
    return IcsFile(
        digest=hashlib.sha256(content).hexdigest(),
        single=tuple(happenings([group[0] for group in groups if not is_series(group)], default)),
        series=tuple(repeated(group, default) for group in groups if is_series(group)),
    )


def _parse(lines: Sequence[str]) -> Calendar:
    import icalendar

    with warnings.catch_warnings():
        # It says that it guesses /vendor/Europe/Berlin to be Europe/Berlin.
        warnings.simplefilter("ignore")
        try:
            begin_zones(line[5:] for line in lines if line.startswith("TZID:"))
            return icalendar.Calendar.from_ical("\r\n".join([*lines, ""]))
        except OSError:  # a folder of the zone data, or no file name at all
            raise ValueError(f"names a time zone that doesn't exist; {AGAIN}") from None
        except FOREIGN as error:
            raise ValueError(f"can't be read ({printable(str(error))}); {AGAIN}") from None
