"""Named calendars: the days that real countries have, and dates written out."""

from datetime import date

import pytest

from rules.calendars import Dates, PublicHolidays, wrong_country, wrong_subdivision


def test_poland_2026_has_christmas_by_its_english_name() -> None:
    assert PublicHolidays("poland", "PL").days(2026)[date(2026, 12, 25)] == "Christmas Day"


def test_poland_2026_is_what_the_law_of_poland_says() -> None:
    """The act of 18 January 1951 on days free of work, with 24 December since 2025."""
    fixed = [(1, 1), (1, 6), (5, 1), (5, 3), (8, 15), (11, 1), (11, 11), (12, 24), (12, 25), (12, 26)]
    movable = [(4, 5), (4, 6), (5, 24), (6, 4)]
    expected = sorted(date(2026, month, day) for month, day in fixed + movable)
    assert list(PublicHolidays("poland", "PL").days(2026)) == expected


def test_a_holiday_on_a_saturday_brings_the_day_on_which_it_is_observed_too() -> None:
    """4 July 2026 is a Saturday; U.S. offices close on the Friday (5 U.S.C. 6103(b))."""
    days = PublicHolidays("usa", "US").days(2026)
    assert days[date(2026, 7, 3)] == "Independence Day (observed)"
    assert days[date(2026, 7, 4)] == "Independence Day"


def test_a_day_observed_in_the_year_before_its_holiday_is_found_in_that_year() -> None:
    """New Year's Day of 2028 is a Saturday."""
    usa = PublicHolidays("usa", "US")
    assert usa.days(2027)[date(2027, 12, 31)] == "New Year's Day (observed)"
    assert usa.days(2028)[date(2028, 1, 1)] == "New Year's Day"


def test_a_holiday_of_a_part_of_a_country_is_in_the_calendar_of_that_part_only() -> None:
    epiphany = date(2026, 1, 6)
    assert PublicHolidays("bavaria", "DE", "BY").days(2026)[epiphany] == "Epiphany"
    assert epiphany not in PublicHolidays("germany", "DE").days(2026)


def test_a_country_that_has_no_translations_keeps_its_own_names() -> None:
    assert PublicHolidays("ghana", "GH").days(2026)[date(2026, 3, 6)] == "Independence Day"


@pytest.mark.parametrize("year", [2025, 2026, 2027])
def test_the_days_of_a_year_are_of_that_year_and_sorted(year: int) -> None:
    days = list(PublicHolidays("usa", "US").days(year))
    assert {day.year for day in days} == {year}
    assert days == sorted(days)


def test_a_year_is_worked_out_once() -> None:
    poland = PublicHolidays("poland", "PL")
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
    assert wrong_subdivision("AT", "W") == "unknown subdivision 'W'; those of AT are 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert wrong_subdivision("LU", "LU") == "unknown subdivision 'LU'; LU has none"
