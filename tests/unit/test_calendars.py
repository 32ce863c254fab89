"""Named calendars: the days that real countries have, and dates written out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version

import pytest
from holidays import list_supported_countries

from rules.calendars import (
    Calendar,
    Dates,
    PublicHolidays,
    TimedEvent,
    country_name,
    data_version,
    differing_subdivisions,
    find_country,
    find_subdivision,
    subdivision_names,
    wrong_category,
    wrong_country,
    wrong_holiday,
    wrong_subdivision,
)


def test_poland_2026_has_christmas_by_its_english_name() -> None:
    assert PublicHolidays(country="PL").days(2026)[date(2026, 12, 25)] == "Christmas Day"


def test_poland_2026_is_what_the_law_of_poland_says() -> None:
    """The act of 18 January 1951 on days free of work, with 24 December since 2025."""
    fixed = [(1, 1), (1, 6), (5, 1), (5, 3), (8, 15), (11, 1), (11, 11), (12, 24), (12, 25), (12, 26)]
    movable = [(4, 5), (4, 6), (5, 24), (6, 4)]
    expected = sorted(date(2026, month, day) for month, day in fixed + movable)
    assert list(PublicHolidays(country="PL").days(2026)) == expected


def test_a_holiday_on_a_saturday_brings_the_day_on_which_it_is_observed_too() -> None:
    """4 July 2026 is a Saturday; U.S. offices close on the Friday (5 U.S.C. 6103(b))."""
    days = PublicHolidays(country="US").days(2026)
    assert days[date(2026, 7, 3)] == "Independence Day (observed)"
    assert days[date(2026, 7, 4)] == "Independence Day"


def test_a_day_observed_in_the_year_before_its_holiday_is_found_in_that_year() -> None:
    """New Year's Day of 2028 is a Saturday."""
    usa = PublicHolidays(country="US")
    assert usa.days(2027)[date(2027, 12, 31)] == "New Year's Day (observed)"
    assert usa.days(2028)[date(2028, 1, 1)] == "New Year's Day"


def test_a_holiday_of_a_part_of_a_country_is_in_the_calendar_of_that_part_only() -> None:
    epiphany = date(2026, 1, 6)
    assert PublicHolidays(country="DE", subdivision="BY").days(2026)[epiphany] == "Epiphany"
    assert epiphany not in PublicHolidays(country="DE").days(2026)


def test_a_country_that_has_no_translations_keeps_its_own_names() -> None:
    assert PublicHolidays(country="GH").days(2026)[date(2026, 3, 6)] == "Independence Day"


@pytest.mark.parametrize("year", [2025, 2026, 2027])
def test_the_days_of_a_year_are_of_that_year_and_sorted(year: int) -> None:
    days = list(PublicHolidays(country="US").days(year))
    assert {day.year for day in days} == {year}
    assert days == sorted(days)


def test_a_year_is_worked_out_once() -> None:
    poland = PublicHolidays(country="PL")
    assert poland.days(2026) is poland.days(2026)


def test_dates_written_out_are_named_after_their_calendar() -> None:
    company = Dates("company", ((date(2026, 12, 24), date(2026, 12, 24)), (date(2026, 12, 31), date(2027, 1, 2))))
    assert company.days(2026) == {date(2026, 12, 24): "company", date(2026, 12, 31): "company"}
    assert company.days(2027) == {date(2027, 1, 1): "company", date(2027, 1, 2): "company"}
    assert company.days(2028) == {}


def test_dates_come_sorted_and_once_however_they_are_written() -> None:
    company = Dates("c", ((date(2026, 12, 24), date(2026, 12, 26)), (date(2026, 12, 23), date(2026, 12, 25))))
    assert [day.day for day in company.days(2026)] == [23, 24, 25, 26]


def test_a_known_country_and_its_parts_are_not_wrong() -> None:
    assert wrong_country("NO") is None
    assert wrong_subdivision("DE", "BY") is None


def test_what_is_wrong_with_a_country_or_a_part_says_what_would_be_right() -> None:
    assert wrong_country("pl") == "unknown country 'pl'; write its two-letter code; did you mean 'PL'?"
    assert wrong_country("UK") == "unknown country 'UK'; write its two-letter code; did you mean 'GB'?"
    assert wrong_subdivision("AT", "W") == "unknown subdivision 'W'; those of AT are 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert wrong_subdivision("LU", "LU") == "unknown subdivision 'LU'; LU has none"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(("PL", "PL"), ("pl", "PL"), (" Poland ", "PL"), ("united  kingdom", "GB"), ("United_Kingdom", "GB")),
        *(("uk", "GB"), ("Bosnia and Herzegovina", "BA"), ("NO", "NO"), ("usa", None), ("Norway", "NO")),
    ],
)
def test_a_country_is_found_by_its_code_or_its_name(text: str, code: str | None) -> None:
    if code is None:
        with pytest.raises(ValueError, match="no country is called 'usa'"):
            find_country(text)
    else:
        assert find_country(text) == code


def test_every_country_has_a_name_by_which_it_is_found() -> None:
    codes = list_supported_countries(include_aliases=False)
    assert len(codes) > 200
    assert [code for code in codes if find_country(country_name(code)) != code] == []
    assert country_name("BA") == "Bosnia and Herzegovina"


def test_a_part_of_a_country_is_found_by_its_code_or_its_name() -> None:
    for text in ("BY", "by", "Bayern", " bayern "):
        assert find_subdivision("DE", text) == "BY"
    assert find_subdivision("DE", "Augsburg") == "Augsburg"
    assert subdivision_names("GB") == {
        "ENG": "England",
        "NIR": "Northern Ireland",
        "SCT": "Scotland",
        "WLS": "Wales",
    }
    with pytest.raises(ValueError, match="unknown subdivision 'Bayer'; those of DE are BB, BE"):
        find_subdivision("DE", "Bayer")


def test_without_the_observed_days_only_the_holidays_themselves_are_left() -> None:
    days = PublicHolidays(country="US", observed=False).days(2026)
    assert date(2026, 7, 3) not in days
    assert date(2026, 7, 4) in days


def test_categories_are_those_that_are_asked_for_and_no_others() -> None:
    """24 December is a day off for many in Denmark, and no public holiday."""
    public = PublicHolidays(country="DK").days(2026)
    optional = PublicHolidays(country="DK", categories=("optional",)).days(2026)
    both = PublicHolidays(country="DK", categories=("public", "optional")).days(2026)
    assert date(2026, 12, 24) not in public
    assert date(2026, 12, 24) in optional
    assert set(both) == {*public, *optional}


class TestCalendar:
    """The union of its sources, without what is taken away."""

    _POLAND = PublicHolidays(country="PL")

    def test_days_of_all_sources_are_there_in_order_by_all_their_names(self) -> None:
        own = Dates("own", ((date(2026, 12, 23), date(2026, 12, 25)),))
        days = Calendar(name="c", sources=(self._POLAND, own)).days(2026)
        assert list(days) == sorted({*self._POLAND.days(2026), date(2026, 12, 23)})
        assert [days[date(2026, 12, day)] for day in (23, 25)] == ["own", "Christmas Day; own"]

    def test_a_calendar_may_be_a_source_of_another(self) -> None:
        inner = Calendar(name="inner", sources=(self._POLAND,), without_names=frozenset({"epiphany"}))
        outer = Calendar(name="outer", sources=(inner,), without_names=frozenset({"christmas day"}))
        gone = set(self._POLAND.days(2026)) - set(outer.days(2026))
        assert gone == {date(2026, 1, 6), date(2026, 12, 25)}

    def test_days_are_taken_away_by_date(self) -> None:
        dropped = Dates("c", ((date(2026, 12, 24), date(2026, 12, 25)),))
        days = Calendar(name="c", sources=(self._POLAND,), without_days=dropped).days(2026)
        assert set(self._POLAND.days(2026)) - set(days) == {date(2026, 12, 24), date(2026, 12, 25)}

    def test_a_holiday_that_is_taken_away_by_name_takes_its_observed_day_with_it(self) -> None:
        usa = Calendar(name="c", sources=(PublicHolidays(country="US"),), without_names=frozenset({"independence day"}))
        assert not {date(2026, 7, 3), date(2026, 7, 4)} & set(usa.days(2026))

    def test_a_day_that_another_source_has_by_another_name_stays(self) -> None:
        own = Dates("own", ((date(2026, 12, 25), date(2026, 12, 25)),))
        calendar = Calendar(name="c", sources=(self._POLAND, own), without_names=frozenset({"christmas day"}))
        assert calendar.days(2026)[date(2026, 12, 25)] == "own"

    def test_a_day_that_an_included_calendar_lists_itself_stays_without_its_holiday(self) -> None:
        own = Dates("office", ((date(2026, 12, 25), date(2026, 12, 25)),))
        office = Calendar(name="office", sources=(self._POLAND, own))
        outer = Calendar(name="outer", sources=(office,), without_names=frozenset({"christmas day"}))
        assert outer.days(2026)[date(2026, 12, 25)] == "office"
        none = Calendar(name="none", sources=(office,), without_names=frozenset({"christmas day", "office"}))
        assert date(2026, 12, 25) not in none.days(2026)

    def test_a_name_that_several_sources_have_is_said_once(self) -> None:
        twice = Calendar(name="c", sources=(self._POLAND, self._POLAND))
        assert twice.days(2026) == self._POLAND.days(2026)

    def test_two_holidays_on_one_day_are_taken_away_together_only(self) -> None:
        """Ascension Day of 2008 was 1 May."""
        norway = PublicHolidays(country="NO")
        day = date(2008, 5, 1)
        names = [each.lower() for each in norway.days(2008)[day].split("; ")]
        assert len(names) == 2
        for dropped, is_left in ((names[:1], True), (names, False)):
            calendar = Calendar(name="c", sources=(norway,), without_names=frozenset(dropped))
            assert (day in calendar.days(2008)) == is_left

    def test_timed_events_of_all_sources_are_there_unless_their_name_is_taken_away(self) -> None:
        at = datetime(2026, 6, 1, tzinfo=UTC)
        source = _Events((TimedEvent(at, at, "Fair"), TimedEvent(at, at, "Party")))
        calendar = Calendar(name="c", sources=(self._POLAND, source), without_names=frozenset({"party"}))
        assert [event.name for event in calendar.timed(at, at)] == ["Fair"]


@dataclass(frozen=True, slots=True)
class _Events:
    """A calendar's source with nothing but timed events."""

    events: tuple[TimedEvent, ...]

    def days(self, year: int) -> Mapping[date, str]:  # noqa: ARG002 -- the protocol's
        return {}

    def timed(self, start: datetime, end: datetime) -> Iterator[TimedEvent]:
        yield from (event for event in self.events if event.start <= end and event.end >= start)


def test_what_is_wrong_with_a_category_says_which_there_are() -> None:
    assert wrong_category("PL", "public") is None
    assert wrong_category("PL", "publik") == "unknown category 'publik'; those of PL are public, school"


def test_the_name_of_a_holiday_is_known_with_or_without_a_remark_whatever_its_case() -> None:
    usa = PublicHolidays(country="US")
    assert wrong_holiday(usa, "independence day") is None
    assert wrong_holiday(usa, "Independence Day (observed)") is None
    assert wrong_holiday(usa, "Independance Day") == (
        "US has no holiday called 'Independance Day'; did you mean 'Independence Day'?"
    )


def test_the_parts_of_a_country_with_other_holidays_are_told() -> None:
    parts = differing_subdivisions(PublicHolidays(country="DE"), [2026])
    assert {"BY", "BE"} <= set(parts)
    assert differing_subdivisions(PublicHolidays(country="DE", subdivision="BY"), [2026]) == []
    assert differing_subdivisions(PublicHolidays(country="PL"), [2026]) == []


def test_the_version_of_the_holiday_data_is_that_of_the_package() -> None:
    assert data_version() == version("holidays")


def test_calendars_that_all_include_one_another_have_each_event_once_and_ask_for_it_once() -> None:
    event = TimedEvent(datetime(2026, 6, 1, 9, tzinfo=UTC), datetime(2026, 6, 1, 10, tzinfo=UTC), "fair")
    source = _Counted(event)
    made = [Calendar(name="c0", sources=(source,))]
    for number in range(1, 100):
        made.append(Calendar(name=f"c{number}", sources=tuple(made)))
    assert list(made[-1].timed(event.start, event.end)) == [event]
    assert source.asked == 1


class _Counted:
    """A source with one timed event, which counts how often it's asked for it."""

    def __init__(self, event: TimedEvent) -> None:
        self.asked = 0
        self._event = event

    def days(self, year: int) -> Mapping[date, str]:  # noqa: ARG002 -- the protocol's
        return {}

    def timed(self, start: datetime, end: datetime) -> Iterator[TimedEvent]:  # noqa: ARG002 -- the protocol's
        self.asked += 1
        return iter((self._event,))
