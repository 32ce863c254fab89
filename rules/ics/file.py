"""A file's events, asked for their days and times."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any

from rules.calendars import TimedEvent
from rules.ics.happenings import MARGIN, Happening, happenings
from rules.ics.year import Year, wall


@dataclass(frozen=True, slots=True, kw_only=True)
class IcsFile:
    """The events of one iCalendar file, less the cancelled ones. Two are equal when their text is.

    An end is wall time like a start, as calendars show it: what goes from 22:00 to 06:00 does so in the night of a
    clock change too.
    """

    digest: str
    single: tuple[Happening, ...] = field(compare=False, repr=False)
    series: tuple[Any, ...] = field(compare=False, repr=False)
    _years: dict[int, Year] = field(default_factory=dict, compare=False, repr=False)

    def days(self, year: int) -> Mapping[date, str]:
        """The days of the year that all-day events hold, in order, each named after its events: `Gala; Stocktaking`.

        Events that don't recur come before those that do; apart from that the order is the file's.
        """
        return self._year(year).days

    def timed(self, start: datetime, end: datetime) -> Iterator[TimedEvent]:
        """The timed events that overlap or touch `[start, end]`, in UTC.

        Events without a zone are given as naive wall time, all that may lie there in any zone. A span without a
        length is left out.
        """
        years = range(wall(start - MARGIN).year, wall(end + MARGIN).year + 1)
        # What crosses New Year's Eve is in two years.
        return iter(dict.fromkeys(event for year in years for event in self._year(year).near(start, end)))

    def _year(self, year: int) -> Year:
        if year not in self._years:
            first, end = datetime(year, 1, 1) - MARGIN, datetime(year + 1, 1, 1) + MARGIN  # noqa: DTZ001 -- any zone
            again = (each for query in self.series for each in happenings(query.between(first, end), None))
            self._years[year] = Year.of(year, chain(self.single, again))
        return self._years[year]
