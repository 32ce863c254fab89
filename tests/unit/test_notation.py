"""The small notations inside a value; what is refused is in tests/data/config, see test_document.py."""

from datetime import date, timedelta

import pytest

from rules.notation import (
    Moment,
    clock,
    nearest,
    parse_dates,
    parse_duration,
    parse_moment,
    parse_month,
    parse_months,
    parse_time,
    parse_weekday,
)

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


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
        ("-1d 16:00", Moment(time=timedelta(hours=16), offset=-1)),
        ("+12d 24:00", Moment(time=timedelta(days=1), offset=12)),
        ("+0d 08:00", Moment(time=timedelta(hours=8), offset=0)),
    ],
)
def test_a_moment_is_a_time_alone_or_on_a_weekday_or_a_date_or_days_after_another(text: str, moment: Moment) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Fri",
        "2026-12-23",
        "Fri 17:00 18:00",
        "2027-02-29 08:00",
        "0000-01-01 08:00",
        "1d 08:00",
        "+1 08:00",
        "-d 08:00",
        "+367d 08:00",
        "poland 08:00",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|moment|day|date|year"):
        parse_moment(text)


@pytest.mark.parametrize(
    ("start", "end", "weekday", "length"),
    [
        pytest.param("18:00", "08:00", 0, 14 * _HOUR, id="earlier is the next day"),
        pytest.param("12:00", "13:00", 0, _HOUR, id="later is the same day"),
        pytest.param("00:00", "24:00", 0, _DAY, id="to 24:00 of the same day"),
        pytest.param("24:00", "08:00", 0, 8 * _HOUR, id="from 24:00"),
        pytest.param("Fri 17:00", "Mon 08:00", 4, 63 * _HOUR, id="over the weekend"),
        pytest.param("Fri 08:00", "Fri 17:00", 4, 9 * _HOUR, id="later on the same weekday"),
        pytest.param("Fri 17:00", "Fri 08:00", 4, 7 * _DAY - 9 * _HOUR, id="earlier on the same weekday"),
        pytest.param("Sat 00:00", "Fri 24:00", 5, 7 * _DAY, id="all week"),
        pytest.param("18:00", "Mon 08:00", 0, 7 * _DAY - 10 * _HOUR, id="next Monday from a Monday"),
        pytest.param("18:00", "Mon 08:00", 6, 14 * _HOUR, id="next Monday from a Sunday"),
        pytest.param("18:00", "Mon 18:00", 0, 7 * _DAY, id="a week"),
        pytest.param("-1d 16:00", "+1d 09:00", 2, _DAY + 17 * _HOUR, id="from the day before to the day after"),
        pytest.param("-1d 16:00", "09:00", 2, 17 * _HOUR, id="first such time after the day before"),
        pytest.param("-1d 16:00", "Mon 09:00", 0, 17 * _HOUR, id="Monday after the Sunday before"),
        pytest.param("+2d 16:00", "Mon 09:00", 6, 7 * _DAY - _DAY - 7 * _HOUR, id="Monday after two days later"),
        pytest.param("+9d 16:00", "Mon 09:00", 6, 5 * _DAY + 17 * _HOUR, id="Monday after more than a week later"),
        pytest.param("-9d 16:00", "Mon 09:00", 6, 2 * _DAY + 17 * _HOUR, id="Monday after more than a week before"),
        pytest.param("2026-12-23 16:00", "2027-01-04 08:00", 2, 11 * _DAY + 16 * _HOUR, id="two dates"),
        pytest.param("2026-12-23 16:00", "+2d 08:00", 2, _DAY + 16 * _HOUR, id="days after a date"),
        pytest.param("18:00", "+0d 08:00", 2, -10 * _HOUR, id="no window: earlier that day"),
    ],
)
def test_an_end_is_the_first_such_moment_after_the_start(start: str, end: str, weekday: int, length: timedelta) -> None:
    """`weekday` is that of the day that the window is for."""
    begins = parse_moment(start)
    assert parse_moment(end).after(begins, weekday) - begins.begins == length


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", timedelta(seconds=30)),
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(hours=48)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("366d", timedelta(days=366)),
    ],
)
def test_a_duration_is_elapsed_time_with_days_of_24_hours(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "36", "h", "1.5h", "-1h", "1 h", "30m1h", "1h1h", "0s", "0d0h", "367d", "8785h", "99999999999d"]
)
def test_what_is_no_duration_nothing_or_longer_than_a_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("dec", {12}),
        ("December", {12}),
        ("jun-aug", {6, 7, 8}),
        ("nov - feb", {11, 12, 1, 2}),
        ("may-may", {5}),
        ("feb-jan", set(range(1, 13))),
    ],
)
def test_months_may_be_one_or_a_range_also_over_new_year(text: str, months: set[int]) -> None:
    assert parse_months(text) == frozenset(months)


@pytest.mark.parametrize("text", ["", "6", "jun-", "-aug", "jun-aug-dec", "juno", "jun,aug"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="isn't a month"):
        parse_months(text)


def test_every_month_has_a_short_and_a_long_name() -> None:
    long = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    assert [parse_month(name) for name in long] == list(range(1, 13))
    assert [parse_month(name[:3]) for name in long] == list(range(1, 13))


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
