"""Named calendars: which days they hold, and what each is called.

Holidays come from the `holidays` package, which is imported only when a calendar asks for a country: it costs a
tenth of a second that a file without holidays needn't pay.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import NamedTuple, Protocol

from rules.notation import nearest

# The years in which a holiday's name is looked for, to tell a misspelt one from one that's rare.
_YEARS_OF_NAMES = range(2016, 2041)
# Codes that ISO 3166-1 keeps for a country that has another one (the United Kingdom, Greece).
_MEANT = {"UK": "GB", "EL": "GR"}


class TimedEvent(NamedTuple):
    """A span `[start, end)` with a name; aware instants, or naive wall time where the event has no zone of its own."""

    start: datetime
    end: datetime
    name: str


class Source(Protocol):
    """Where a calendar has days from."""

    def days(self, year: int) -> Mapping[date, str]:
        """The days of one year, in order, each with the name that a person knows it by."""
        ...

    def timed(self, start: datetime, end: datetime) -> Iterator[TimedEvent]:
        """What isn't made of whole days: the events that may overlap or touch `[start, end]`, aware instants."""
        ...


class _WholeDays:
    __slots__ = ()

    def timed(self, start: datetime, end: datetime) -> Iterator[TimedEvent]:  # noqa: ARG002 -- the protocol's
        """Nothing."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Dates(_WholeDays):
    """Days that are listed in the file, as ranges with both ends included."""

    name: str
    ranges: tuple[tuple[date, date], ...]

    def days(self, year: int) -> Mapping[date, str]:
        """Each listed day of the year, named after the calendar."""
        listed: set[date] = set()
        for first, last in self.ranges:
            day, end = max(first, date(year, 1, 1)), min(last, date(year, 12, 31))
            listed.update(day + timedelta(days=step) for step in range((end - day).days + 1))
        return dict.fromkeys(sorted(listed), self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicHolidays(_WholeDays):
    """The holidays of a country (ISO 3166-1) or of a part of it (ISO 3166-2, without the country).

    `categories` are those of the `holidays` package; without any it's the public ones. `observed`: also the weekday
    on which a holiday that falls on a weekend is made up for.
    """

    country: str
    subdivision: str | None = None
    categories: tuple[str, ...] = ()
    observed: bool = True
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
            self.country,
            subdiv=self.subdivision,
            years=[year - 1, year, year + 1],
            language=language,
            categories=self.categories or None,
            observed=self.observed,
        )
        return {day: name for day, name in sorted(found.items()) if day.year == year}

    def names(self) -> Iterable[str]:
        """What its holidays are called, over some decades."""
        return {part for year in _YEARS_OF_NAMES for name in self.days(year).values() for part in _parts(name)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A calendar of the file: the days of all its sources and those added to them, without those taken away.

    A name that's taken away stands for the holiday with and without a remark in brackets; upper and lower case are the
    same. A day that has another name, too, stays.
    """

    name: str
    sources: tuple[Source, ...]
    without_days: Dates | None = None
    without_names: frozenset[str] = frozenset()
    # Calendars that include others which include others would be worked out over and over.
    _years: dict[int, Mapping[date, str]] = field(default_factory=dict, compare=False, repr=False)
    _timed: dict[tuple[datetime, datetime], tuple[TimedEvent, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _with_events: tuple[Source, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Find the sources that may have timed events: of calendars that include others, mostly none."""
        found = {id(each): each for each in self.sources if _may_have_events(each)}
        object.__setattr__(self, "_with_events", tuple(found.values()))

    @property
    def may_have_events(self) -> bool:
        """Whether any of its sources isn't made of whole days only."""
        return bool(self._with_events)

    def days(self, year: int) -> Mapping[date, str]:
        """The days of the year, in order, each with the names that its sources have for it and that are left."""
        if year not in self._years:
            self._years[year] = self._of_year(year)
        return self._years[year]

    def _of_year(self, year: int) -> Mapping[date, str]:
        found: dict[date, dict[str, None]] = {}
        for source in self.sources:
            for day, name in source.days(year).items():
                if kept := self._kept(name):
                    found.setdefault(day, {}).update(dict.fromkeys(kept))
        gone = self.without_days.days(year) if self.without_days else ()
        return {day: _joined(names) for day, names in sorted(found.items()) if day not in gone}

    def timed(self, start: datetime, end: datetime) -> Iterator[TimedEvent]:
        """The events of all sources that may overlap or touch `[start, end]`, each once.

        Those whose name is taken away aren't there.
        """
        found = self._timed.get((start, end))
        if found is None:
            events = (event for source in self._with_events for event in source.timed(start, end))
            found = tuple(dict.fromkeys(event for event in events if self._kept(event.name)))
            # One range is asked of all calendars that include this one, then another.
            self._timed.clear()
            self._timed[start, end] = found
        return iter(found)

    def _kept(self, name: str) -> list[str]:
        """What's left of the names of a day."""
        parts = _parts(name)
        if not self.without_names:
            return parts
        return [part for part in parts if not {part.lower(), part.partition(" (")[0].lower()} & self.without_names]


def _may_have_events(source: Source) -> bool:
    return source.may_have_events if isinstance(source, Calendar) else not isinstance(source, _WholeDays)


# Two holidays on one day are one text, as the `holidays` package has it.
_AND = "; "


def _parts(name: str) -> list[str]:
    return name.split(_AND)


def _joined(names: Iterable[str]) -> str:
    return _AND.join(names)


def wrong_country(country: str) -> str | None:
    """Say what's wrong with a country code, or nothing."""
    if country in _countries():
        return None
    # Codes of two letters are all near one another: what a country is called by most is no guess.
    hint = f"; did you mean {_MEANT[country]!r}?" if country in _MEANT else nearest(country, _countries())
    return f"unknown country {country!r}; write its two-letter code{hint}"


def find_country(text: str) -> str:
    """The code of a country that a person calls by its code or its English name.

    Raises:
        ValueError: there's none; the text names the nearest.
    """
    code, word = text.strip().upper(), " ".join(text.replace("_", " ").split()).lower()
    code = _MEANT.get(code, code)
    if code in _countries():
        return code
    codes = {name.lower(): each for each, name in _country_names().items()}
    if word not in codes:
        raise ValueError(f"no country is called {text.strip()!r}{nearest(word, _country_names().values())}")
    return codes[word]


def country_name(country: str) -> str:
    """What a known country is called in English."""
    return _country_names()[country]


def find_subdivision(country: str, text: str) -> str:
    """The code of a part of a known country that a person calls by its code or its name.

    Raises:
        ValueError: there's none.
    """
    codes = {name.lower(): part for part, name in subdivision_names(country).items()}
    codes |= {part.lower(): part for part in _countries()[country]}
    word = text.strip()
    if word.lower() not in codes:
        raise ValueError(wrong_subdivision(country, word))
    return codes[word.lower()]


def subdivision_names(country: str) -> Mapping[str, str]:
    """What the parts of a known country are called, by their codes; not all have a name."""
    import holidays

    return {part: name for name, part in holidays.country_holidays(country).subdivisions_aliases.items()}


def wrong_subdivision(country: str, subdivision: str) -> str | None:
    """Say what's wrong with a subdivision of a known country, or nothing."""
    known = _countries()[country]
    if subdivision in known:
        return None
    there = f"those of {country} are {', '.join(known)}" if known else f"{country} has none"
    return f"unknown subdivision {subdivision!r}; {there}"


def wrong_category(country: str, category: str) -> str | None:
    """Say what's wrong with a category of a known country's holidays, or nothing."""
    known = _supported_categories(country)
    if category in known:
        return None
    return f"unknown category {category!r}; those of {country} are {', '.join(known)}"


def wrong_holiday(holidays: PublicHolidays, name: str) -> str | None:
    """Say what's wrong with the name of a holiday that is to be left out, or nothing."""
    known = holidays.names()
    without_remarks = {each.partition(" (")[0].lower() for each in known}
    if name.lower() in without_remarks | {each.lower() for each in known}:
        return None
    return f"{holidays.country} has no holiday called {name!r}{nearest(name, known)}"


def last_year_of_data(country: str) -> int:
    """The last year of which the package knows a country's holidays; after it, the country has none."""
    import holidays

    return int(holidays.country_holidays(country).end_year)


def differing_subdivisions(holidays: PublicHolidays, years: Iterable[int]) -> list[str]:
    """The parts of a country that have other holidays in these years than the country taken as a whole."""
    if holidays.subdivision is not None:
        return []
    own = {year: holidays.days(year).keys() for year in years}
    return [
        part
        for part in _countries()[holidays.country]
        if any(_of_part(holidays, part).days(year).keys() != days for year, days in own.items())
    ]


def _of_part(holidays: PublicHolidays, part: str) -> PublicHolidays:
    return PublicHolidays(
        country=holidays.country, subdivision=part, categories=holidays.categories, observed=holidays.observed
    )


def data_version() -> str:
    """The version of the holiday data."""
    return version("holidays")


@cache
def _countries() -> Mapping[str, Iterable[str]]:
    import holidays

    return {code: tuple(parts) for code, parts in holidays.list_supported_countries(include_aliases=False).items()}


@cache
def _country_names() -> Mapping[str, str]:
    from holidays.registry import COUNTRIES

    names = {codes[1]: key.replace("_", " ").title().replace(" And ", " and ") for key, codes in COUNTRIES.items()}
    return {code: names.get(code, code) for code in _countries()}


@cache
def _supported_languages(country: str) -> Iterable[str]:
    import holidays

    return holidays.country_holidays(country).supported_languages


@cache
def _supported_categories(country: str) -> tuple[str, ...]:
    import holidays

    return tuple(holidays.country_holidays(country).supported_categories)
