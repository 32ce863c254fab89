"""The small notations inside a value; what is refused is in tests/data/config, see test_document.py."""

from datetime import date, timedelta

import pytest

from rules.notation import (
    Moment,
    clock,
    nearest,
    parse_dates,
    parse_moment,
    parse_time,
    parse_weekday,
    parse_weekdays,
)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("00:00", timedelta()),
        ("8:05", timedelta(hours=8, minutes=5)),
        ("17:00:30", timedelta(hours=17, seconds=30)),
        ("23:59:59", timedelta(hours=23, minutes=59, seconds=59)),
        ("24:00", timedelta(days=1)),
        ("24:00:00", timedelta(days=1)),
    ],
)
def test_a_time_counts_from_midnight_and_the_day_ends_at_24(text: str, time: timedelta) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize(
    "text", ["", "17", "17:0", "17:00:", "-1:00", "17:00 ", "\u0660\u0668:\u0660\u0660", "24:01", "24:00:01", "00:60"]
)
def test_what_is_no_time_of_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("17:00", Moment(time=timedelta(hours=17))),
        ("Fri 17:00", Moment(time=timedelta(hours=17), weekday=4)),
        ("  MONDAY   24:00 ", Moment(time=timedelta(days=1), weekday=0)),
        ("2028-02-29 08:00", Moment(time=timedelta(hours=8), day=date(2028, 2, 29))),
    ],
)
def test_a_moment_is_a_time_alone_or_on_a_weekday_or_a_date(text: str, moment: Moment) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize("text", ["", "Fri", "2026-12-23", "Fri 17:00 18:00", "2027-02-29 08:00", "0000-01-01 08:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|moment|day|year"):
        parse_moment(text)


@pytest.mark.parametrize(
    ("text", "days"),
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
def test_days_of_the_week_may_be_one_a_range_or_a_group(text: str, days: set[int]) -> None:
    assert parse_weekdays(text) == frozenset(days)


@pytest.mark.parametrize("text", ["", "fr", "mon-", "-mon", "mon-fri-sun", "mon-daily", "mon,fri", "poland"])
def test_what_is_no_day_of_the_week_is_none_so_that_it_may_be_a_calendar(text: str) -> None:
    assert parse_weekdays(text) is None


def test_every_weekday_has_a_short_and_a_long_name() -> None:
    long = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    assert [parse_weekday(name) for name in long] == list(range(7))
    assert [parse_weekday(name[:3]) for name in long] == list(range(7))


def test_a_range_of_dates_includes_both_ends_and_may_be_one_day() -> None:
    assert parse_dates("2026-12-28/2026-12-31") == (date(2026, 12, 28), date(2026, 12, 31))
    assert parse_dates("2026-12-28 / 2026-12-28") == (date(2026, 12, 28), date(2026, 12, 28))
    assert parse_dates("2026-12-24") == (date(2026, 12, 24), date(2026, 12, 24))


@pytest.mark.parametrize("text", ["00:00", "08:05", "17:00:30", "24:00"])
def test_a_time_is_written_as_it_was_read(text: str) -> None:
    assert clock(parse_time(text)) == text


def test_the_nearest_name_is_found_whatever_its_case_and_only_where_one_is_near() -> None:
    assert nearest("POLAND", ["Poland", "Bavaria"]) == "; did you mean 'Poland'?"
    assert nearest("xyz", ["Poland", "Bavaria"]) == ""
