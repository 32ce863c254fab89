"""Wall time to instants, at named changes of the clock; the laws are in tests/property/test_localtime_laws.py."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time

from rules.localtime import clock_changes, end_instant, end_instants, shown_instants, start_instant, start_instants


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("Europe/Warsaw", "2026-03-29 02:00", "2026-03-29 01:00"),
        ("Europe/Warsaw", "2026-03-29 02:30", "2026-03-29 01:00"),
        ("Europe/Warsaw", "2026-03-29 02:59:59", "2026-03-29 01:00"),
        ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30"),
        ("Africa/Cairo", "2026-04-24 00:00", "2026-04-23 22:00"),
        ("America/Santiago", "2026-09-06 00:30", "2026-09-06 04:00"),
        ("Europe/Dublin", "2026-03-29 01:30", "2026-03-29 01:00"),
        ("Pacific/Apia", "2011-12-30 00:00", "2011-12-30 10:00"),
        ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00"),
        ("Africa/Casablanca", "2026-03-22 02:30", "2026-03-22 02:00"),
    ],
)
def test_a_time_that_clocks_skip_is_the_first_instant_after_the_gap(zone: str, wall: str, instant: str) -> None:
    for either in (start_instant, end_instant):
        assert either(datetime.fromisoformat(wall), ZoneInfo(zone)) == _utc(instant)


@pytest.mark.parametrize(
    ("zone", "wall", "first", "second"),
    [
        ("Europe/Warsaw", "2026-10-25 02:00", "2026-10-25 00:00", "2026-10-25 01:00"),
        ("Europe/Warsaw", "2026-10-25 02:30", "2026-10-25 00:30", "2026-10-25 01:30"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30", "2026-11-01 06:30"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45", "2026-04-04 15:15"),
        ("Africa/Cairo", "2026-10-29 23:30", "2026-10-29 20:30", "2026-10-29 21:30"),
        ("America/Santiago", "2026-04-04 23:00", "2026-04-05 02:00", "2026-04-05 03:00"),
        ("Europe/Dublin", "2026-10-25 01:30", "2026-10-25 00:30", "2026-10-25 01:30"),
    ],
)
def test_a_repeated_time_starts_at_its_first_instant_and_ends_at_its_second(
    zone: str, wall: str, first: str, second: str
) -> None:
    assert start_instant(datetime.fromisoformat(wall), ZoneInfo(zone)) == _utc(first)
    assert end_instant(datetime.fromisoformat(wall), ZoneInfo(zone)) == _utc(second)


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("Europe/Warsaw", "2026-03-29 01:59:59", "2026-03-29 00:59:59"),
        ("Europe/Warsaw", "2026-03-29 03:00", "2026-03-29 01:00"),
        ("Europe/Warsaw", "2026-10-25 01:59:59", "2026-10-24 23:59:59"),
        ("Europe/Warsaw", "2026-10-25 03:00", "2026-10-25 02:00"),
        ("Asia/Kathmandu", "2026-06-01 08:00", "2026-06-01 02:15"),
        ("UTC", "2026-06-01 08:00", "2026-06-01 08:00"),
    ],
)
def test_any_other_time_is_the_one_instant_that_shows_it(zone: str, wall: str, instant: str) -> None:
    for either in (start_instant, end_instant):
        found = either(datetime.fromisoformat(wall), ZoneInfo(zone))
        assert found == _utc(instant)
        assert found.tzinfo is UTC


def _days(*texts: str) -> list[int]:
    return [date.fromisoformat(text).toordinal() for text in texts]


def test_a_time_of_many_days_is_taken_with_the_clock_of_each() -> None:
    days, zone = _days("2026-03-28", "2026-03-29", "2026-03-30"), ZoneInfo("Europe/Warsaw")
    found = start_instants(days, timedelta(hours=2, minutes=30), zone)
    assert found == [_utc("2026-03-28 01:30"), _utc("2026-03-29 01:00"), _utc("2026-03-30 00:30")]


def test_a_repeated_time_of_one_of_many_days_starts_at_its_first_and_ends_at_its_second() -> None:
    days, zone, wall = _days("2026-10-25"), ZoneInfo("Europe/Warsaw"), timedelta(hours=2, minutes=30)
    assert start_instants(days, wall, zone) == [_utc("2026-10-25 00:30")]
    assert end_instants(days, wall, zone) == [_utc("2026-10-25 01:30")]


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        (timedelta(hours=-8), "2026-06-04 14:00"),
        (timedelta(hours=24), "2026-06-05 22:00"),
        (timedelta(days=3, hours=8), "2026-06-08 06:00"),
    ],
)
def test_a_time_before_midnight_or_after_24_hours_counts_on_into_other_days(wall: timedelta, instant: str) -> None:
    assert start_instants(_days("2026-06-05"), wall, ZoneInfo("Europe/Warsaw")) == [_utc(instant)]


def test_a_time_is_shown_never_in_a_gap_twice_where_it_is_repeated_and_once_elsewhere() -> None:
    days, zone = _days("2026-03-29", "2026-06-05", "2026-10-25"), ZoneInfo("Europe/Warsaw")
    found = shown_instants(days, timedelta(hours=2, minutes=30), zone)
    assert found == [_utc("2026-06-05 00:30"), _utc("2026-10-25 00:30"), _utc("2026-10-25 01:30")]


@pytest.mark.parametrize(
    ("zone", "year", "changes"),
    [
        ("Europe/Warsaw", 2026, ["2026-03-29 01:00", "2026-10-25 01:00"]),
        ("Australia/Lord_Howe", 2026, ["2026-04-04 15:00", "2026-10-03 15:30"]),
        ("Africa/Cairo", 2026, ["2026-04-23 22:00", "2026-10-29 21:00"]),
        ("Pacific/Apia", 2011, ["2011-04-02 14:00", "2011-09-24 14:00", "2011-12-30 10:00"]),
        ("Asia/Kathmandu", 2026, []),
    ],
)
def test_the_changes_of_the_clock_in_a_year(zone: str, year: int, changes: list[str]) -> None:
    start, end = _utc(f"{year}-01-01"), _utc(f"{year}-12-31")
    assert clock_changes(start, end, ZoneInfo(zone)) == [_utc(change) for change in changes]


@pytest.mark.parametrize(
    ("change", "zone"),
    [(_utc("2026-03-29 01:00"), ZoneInfo("Europe/Warsaw")), (_utc("2011-12-30 10:00"), ZoneInfo("Pacific/Apia"))],
)
def test_a_change_at_either_end_of_the_range_is_among_them(change: datetime, zone: ZoneInfo) -> None:
    hour = timedelta(hours=1)
    for start, end in ((change - hour, change), (change, change), (change, change + hour)):
        assert clock_changes(start, end, zone) == [change]


@freeze_time("2026-04-04")
def test_what_is_worked_out_while_time_is_frozen_is_not_kept_in_another_class() -> None:
    """freezegun's own datetime forgets which of two showings a time is."""
    zone = ZoneInfo("Australia/Lord_Howe")
    changes = clock_changes(datetime(2061, 1, 1, tzinfo=UTC), datetime(2062, 1, 1, tzinfo=UTC), zone)
    assert {type(change).__name__ for change in changes} == {"datetime"}
