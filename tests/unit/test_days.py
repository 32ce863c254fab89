"""Which local dates an entry means: always from first to last, both included, in order."""

from collections.abc import Sequence
from datetime import date

import pytest

from rules.calendars import Calendar, Dates
from rules.days import AnyOf, CalendarDays, DateRange, Days, Limits, Weekdays, near_days, parse_days


def _calendar(name: str, first: date, last: date) -> CalendarDays:
    return CalendarDays(Calendar(name=name, sources=(Dates(name, ((first, last),)),)))


_CHRISTMAS = _calendar("christmas", date(2026, 12, 24), date(2026, 12, 26))
_MONDAY, _SUNDAY = date(2026, 12, 21), date(2026, 12, 27)


def _between(days: Days, first: date, last: date) -> list[date]:
    return _dates(days.between(first.toordinal(), last.toordinal()))


def _dates(ordinals: Sequence[int]) -> list[date]:
    return [date.fromordinal(day) for day in ordinals]


def _parsed(text: str) -> Days:
    days = parse_days(text)
    assert days is not None
    return days


def test_weekdays_include_both_ends() -> None:
    assert _between(Weekdays(frozenset({0, 6})), _MONDAY, _SUNDAY) == [_MONDAY, _SUNDAY]


def test_a_range_of_dates_is_cut_to_what_is_asked_for() -> None:
    days = DateRange(date(2026, 12, 24), date(2026, 12, 31))
    assert _between(days, _MONDAY, _SUNDAY) == [date(2026, 12, day) for day in (24, 25, 26, 27)]
    assert _between(days, date(2026, 12, 31), date(2027, 1, 31)) == [date(2026, 12, 31)]
    assert _between(days, date(2027, 1, 1), date(2027, 1, 31)) == []


def test_the_days_of_a_calendar_include_both_ends_and_have_names() -> None:
    first, last = date(2026, 12, 25), date(2026, 12, 26)
    assert _between(_CHRISTMAS, first, last) == [first, last]
    assert _CHRISTMAS.names(first.toordinal(), last.toordinal())[first.toordinal()] == "christmas"


def test_a_calendar_is_asked_for_every_year_of_a_range() -> None:
    days = _calendar("party", date(2026, 12, 31), date(2027, 1, 1))
    assert _between(days, date(2026, 6, 1), date(2028, 6, 1)) == [date(2026, 12, 31), date(2027, 1, 1)]


def test_a_union_has_each_day_once_in_order_and_keeps_a_name_from_any_part() -> None:
    friday = date(2026, 12, 25)
    for parts in ((Weekdays(frozenset({4, 0})), _CHRISTMAS), (_CHRISTMAS, Weekdays(frozenset({4, 0})))):
        union = AnyOf(parts)
        assert _between(union, _MONDAY, _SUNDAY) == [_MONDAY, date(2026, 12, 24), friday, date(2026, 12, 26)]
        names = union.names(_MONDAY.toordinal(), _SUNDAY.toordinal())
        assert names[friday.toordinal()] == "christmas"
        assert _MONDAY.toordinal() not in names


def test_a_day_that_two_calendars_name_is_called_by_the_first() -> None:
    other = _calendar("shutdown", date(2026, 12, 26), date(2026, 12, 27))
    names = AnyOf((_CHRISTMAS, other)).names(_MONDAY.toordinal(), _SUNDAY.toordinal())
    assert [names[date(2026, 12, day).toordinal()] for day in (26, 27)] == ["christmas", "shutdown"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("fri", {4}),
        ("Sunday", {6}),
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("fri-mon", {4, 5, 6, 0}),
        ("Sat - Sun", {5, 6}),
        ("wed-wed", {2}),
        ("wed-tue", {0, 1, 2, 3, 4, 5, 6}),
        ("weekdays", {0, 1, 2, 3, 4}),
        ("Weekends", {5, 6}),
        ("daily", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_days_of_the_week_may_be_one_a_range_or_a_group(text: str, numbers: set[int]) -> None:
    assert _parsed(text) == Weekdays(frozenset(numbers))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("first mon", ["03-02", "04-06"]),
        ("1st Monday", ["03-02", "04-06"]),
        ("Second  tue", ["03-10", "04-14"]),
        ("4th sun", ["03-22", "04-26"]),
        ("5th mon", ["03-30"]),
        ("last fri", ["03-27", "04-24"]),
        ("last thu", ["03-26", "04-30"]),
        ("1", ["03-01", "04-01"]),
        ("31", ["03-31"]),
        ("last", ["03-31", "04-30"]),
        ("24 mar", ["03-24"]),
        ("1 April", ["04-01"]),
        ("2026-04-30", ["04-30"]),
        ("2026-03-31/2026-04-01", ["03-31", "04-01"]),
        ("2025-01-01 / 2026-03-01", ["03-01"]),
    ],
)
def test_days_of_a_month_or_a_year_in_march_and_april_2026(text: str, found: list[str]) -> None:
    days = _between(_parsed(text), date(2026, 3, 1), date(2026, 4, 30))
    assert [f"{day:%m-%d}" for day in days] == found


def test_the_fifth_monday_comes_only_in_months_that_have_one() -> None:
    found = _between(_parsed("5th mon"), date(2026, 1, 1), date(2026, 12, 31))
    assert [f"{day:%m-%d}" for day in found] == ["03-30", "06-29", "08-31", "11-30"]


def test_the_29th_of_february_comes_in_leap_years_and_not_in_2100() -> None:
    found = _between(_parsed("29 feb"), date(2090, 1, 1), date(2110, 12, 31))
    assert [day.year for day in found] == [2092, 2096, 2104, 2108]


def test_the_last_day_of_a_month_knows_leap_years() -> None:
    found = [
        _between(_parsed("last"), date(year, 2, 1), date(year, 2, 29 if year == 2028 else 28)) for year in (2027, 2028)
    ]
    assert found == [[date(2027, 2, 28)], [date(2028, 2, 29)]]


@pytest.mark.parametrize(
    "text",
    ["", "fr", "mon-", "-mon", "mon-fri-sun", "mon-daily", "mon,fri", "poland", "1st", "dec", "one mayday", "24 foo"],
)
def test_what_is_no_day_is_none_so_that_it_may_be_a_calendar(text: str) -> None:
    assert parse_days(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "no month has a day 0"),
        ("32", "no month has a day 32"),
        ("2026", "no month has a day 2026"),
        ("31 apr", "Apr has no day 31"),
        ("30 feb", "Feb has no day 30"),
        ("0 jan", "Jan has no day 0"),
        ("dec 24", "write 24 dec"),
        ("6th mon", "'6th' doesn't say which mon"),
        ("lsat fri", "did you mean 'last'"),
        ("2026-02-29", "there is no day"),
        ("2026-12-31/2026-12-24", "ends before it begins"),
        ("1969-12-31", "isn't between 1970 and 2199"),
    ],
)
def test_what_looks_like_a_day_that_there_is_none_of_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_days(text)


@pytest.mark.parametrize(
    ("text", "meant"), [("frii", "fri"), ("last firday", "last fri"), ("24 dez", "24 dec"), ("mon-fry", "mon-fri")]
)
def test_the_words_near_a_misspelt_one_have_the_one_that_is_meant(text: str, meant: str) -> None:
    assert meant in near_days(text)


class TestLimits:
    _WEEK = range(_MONDAY.toordinal(), _SUNDAY.toordinal() + 1)

    def test_without_any_all_days_are_left(self) -> None:
        assert Limits().keep(self._WEEK) == self._WEEK

    def test_excluded_days_are_dropped(self) -> None:
        left = _dates(Limits(excluded=_CHRISTMAS).keep(self._WEEK))
        assert [day.day for day in left] == [21, 22, 23, 27]

    def test_a_span_of_dates_includes_both_its_ends(self) -> None:
        left = _dates(Limits(span=(date(2026, 12, 22), date(2026, 12, 24))).keep(self._WEEK))
        assert [day.day for day in left] == [22, 23, 24]

    def test_months_are_those_of_the_day_on_which_the_window_begins(self) -> None:
        days = range(date(2026, 11, 29).toordinal(), date(2026, 12, 3).toordinal())
        left = _dates(Limits(months=frozenset({12})).keep(days, later=-1))
        assert [day.day for day in left] == [2]

    def test_days_and_windows_that_begin_later_are_told_apart(self) -> None:
        both = Limits(excluded=_CHRISTMAS, span=(date(2026, 12, 22), date(2026, 12, 27)))
        assert [day.day for day in _dates(both.keep(self._WEEK, later=1))] == [21, 22, 26]

    def test_of_no_days_none_are_left(self) -> None:
        assert list(Limits(excluded=_CHRISTMAS, months=frozenset({12})).keep([])) == []
