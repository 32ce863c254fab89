"""Wall time to instants, at named changes of the clock; the laws are in tests/property/test_localtime_laws.py."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rules.localtime import end_instant, start_instant


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
