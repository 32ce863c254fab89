"""Named calendars: which days they hold, and what each is called.

Holidays come from the `holidays` package, which is imported only when a calendar asks for a country: it costs a
tenth of a second that a file without holidays needn't pay.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Protocol

from rules.notation import nearest


class Calendar(Protocol):
    """Some days of each year, each with a name."""

    @property
    def name(self) -> str:
        """What the file calls it."""
        ...

    def days(self, year: int) -> Mapping[date, str]:
        """The days of one year, each with the name that a person knows it by."""
        ...


@dataclass(frozen=True, slots=True)
class Dates:
    """A calendar of days listed in the file, as ranges with both ends included."""

    name: str
    ranges: tuple[tuple[date, date], ...]

    def days(self, year: int) -> Mapping[date, str]:
        """Each listed day of the year, named after the calendar."""
        listed: set[date] = set()
        for first, last in self.ranges:
            day, end = max(first, date(year, 1, 1)), min(last, date(year, 12, 31))
            listed.update(day + timedelta(days=step) for step in range((end - day).days + 1))
        return dict.fromkeys(sorted(listed), self.name)


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """The public holidays of a country (ISO 3166-1) or of a part of it (ISO 3166-2, without the country)."""

    name: str
    country: str
    subdivision: str | None = None
    _years: dict[int, Mapping[date, str]] = field(default_factory=dict, compare=False, repr=False)

    def days(self, year: int) -> Mapping[date, str]:
        """The holidays of the year, in English where the package has it, else in the country's language."""
        if year not in self._years:
            self._years[year] = self._load(year)
        return self._years[year]

    def _load(self, year: int) -> Mapping[date, str]:
        import holidays

        language = "en_US" if "en_US" in _supported_languages(self.country) else None
        # A holiday may be observed in the year before: New Year's Day of 2028, a Saturday, on 31 December 2027.
        found = holidays.country_holidays(
            self.country, subdiv=self.subdivision, years=[year - 1, year, year + 1], language=language
        )
        return {day: name for day, name in sorted(found.items()) if day.year == year}


def wrong_country(country: str) -> str | None:
    """Say what's wrong with a country code, or nothing."""
    if country in _countries():
        return None
    return f"unknown country {country!r}; write its two-letter code{nearest(country, _countries())}"


def wrong_subdivision(country: str, subdivision: str) -> str | None:
    """Say what's wrong with a subdivision of a known country, or nothing."""
    known = _countries()[country]
    if subdivision in known:
        return None
    there = f"those of {country} are {', '.join(known)}" if known else f"{country} has none"
    return f"unknown subdivision {subdivision!r}; {there}"


@cache
def _countries() -> Mapping[str, Iterable[str]]:
    import holidays

    return {code: tuple(parts) for code, parts in holidays.list_supported_countries(include_aliases=False).items()}


@cache
def _supported_languages(country: str) -> Iterable[str]:
    import holidays

    return holidays.country_holidays(country).supported_languages
