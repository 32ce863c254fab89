"""Cron expressions: which are refused, and when they come true at named changes of the clock.

The laws are in tests/property/test_cron_laws.py. What Debian's cron does is said in cron(8): "Only jobs that run at a
particular time (not specified as @hourly, nor with '*' in the hour or minute specifier) are affected", and in the
section on the day fields of crontab(5).
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rules.cron import check_cron, fires
from rules.days import Limits


def _fires(expression: str, zone: str, start: str, end: str) -> list[str]:
    """When an expression comes true in a range of instants (UTC), as clocks of the zone show it."""
    first, last = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (start, end))
    found = fires(expression, Limits(), first, last, ZoneInfo(zone))
    return [f"{each.astimezone(ZoneInfo(zone)):%d %H:%M %Z}" for each in found]


@pytest.mark.parametrize(
    "expression",
    [
        "0 17 * * 5",
        "*/15 8-18/2 1,15 jan-jun mon-fri",
        "0 0 * * 0,7",
        "5/10 * * * *",
        "0 0 29 2 *",
        "0 0 31 2 1",
        "  0 17  * * Fri ",
    ],
)
def test_five_posix_fields_with_names_and_steps_are_read(expression: str) -> None:
    check_cron(expression)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "must have five fields, not 0:"),
        ("0 17 * *", "must have five fields, not 4:"),
        ("0 0 17 * * 5", "must have five fields, not 6:"),
        ("@daily", "must have five fields, not 1:"),
        ("60 17 * * *", "there is no such minute"),
        ("0 24 * * *", "there is no such hour"),
        ("0 0 0 * *", "there is no such day of month"),
        ("0 0 * 13 *", "there is no such month"),
        ("0 0 * foo *", "there is no such month"),
        ("0 0 * * 8", "there is no such day of week"),
        ("0 0 * * fri-mon", "there is no such day of week"),
        ("*/0 0 * * *", "there is no such minute"),
        ("0 0 L * *", "'L' isn't a day of month"),
        ("0 0 * * 5#2", "'5#2' isn't a day of week"),
        ("0 0 * * 5L", "'5L' isn't a day of week"),
        ("0 0 ? * 1", "'\\?' isn't a day of month"),
        ("0, 0 * * *", "'0,' isn't a minute"),
        ("-5 0 * * *", "'-5' isn't a minute"),
        ("0 0 31 2 *", "there is no such day of month"),
        ("0 0 30 feb *", "there is no such day of month"),
    ],
)
def test_what_is_no_expression_or_never_comes_is_refused(expression: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_cron(expression)


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "Sun", "7-7", "0,7"])
def test_0_and_7_are_sunday(sunday: str) -> None:
    assert _fires(f"0 12 * * {sunday}", "UTC", "2026-06-01", "2026-06-15") == ["07 12:00 UTC", "14 12:00 UTC"]


def test_both_day_fields_given_mean_either() -> None:
    days = [each[:2] for each in _fires("0 12 1,15 * mon", "UTC", "2026-07-01", "2026-07-21")]
    assert days == ["01", "06", "13", "15", "20"]


def test_a_day_field_that_begins_with_a_star_is_not_given_and_both_must_fit() -> None:
    """Odd days that are Mondays, as Debian's cron has it: DOM_STAR is set by the star, whatever its step."""
    days = [each[:2] for each in _fires("0 12 */2 * mon", "UTC", "2026-07-01", "2026-07-31")]
    assert days == ["13", "27"]


class TestFixedTimes:
    def test_a_time_in_the_gap_comes_right_after_it(self) -> None:
        found = _fires("30 2 * * *", "Europe/Warsaw", "2026-03-28", "2026-03-30")
        assert found == ["28 02:30 CET", "29 03:00 CEST"]

    def test_two_times_in_one_gap_come_once_right_after_it(self) -> None:
        found = _fires("15,45 2,3 * * *", "Europe/Warsaw", "2026-03-29", "2026-03-29 12:00")
        assert found == ["29 03:00 CEST", "29 03:15 CEST", "29 03:45 CEST"]

    def test_a_repeated_time_comes_once_at_the_first(self) -> None:
        found = _fires("30 2 * * *", "Europe/Warsaw", "2026-10-24 12:00", "2026-10-26")
        assert found == ["25 02:30 CEST"]

    def test_a_skipped_midnight_comes_right_after_the_gap(self) -> None:
        assert _fires("0 0 * * fri", "Africa/Cairo", "2026-04-20", "2026-04-27") == ["24 01:00 EEST"]

    def test_a_day_that_did_not_exist_comes_with_the_next(self) -> None:
        found = _fires("0 17 * * *", "Pacific/Apia", "2011-12-29", "2011-12-31 12:00")
        assert [each[:8] for each in found] == ["28 17:00", "29 17:00", "31 00:00", "31 17:00"]

    def test_it_does_so_also_in_a_range_that_begins_after_the_gap(self) -> None:
        found = _fires("0 17 30 12 *", "Pacific/Apia", "2011-12-30 10:00", "2011-12-31")
        assert [each[:8] for each in found] == ["31 00:00"]


class TestWildcards:
    def test_they_follow_the_clock_over_the_gap(self) -> None:
        found = _fires("*/30 * * * *", "Europe/Warsaw", "2026-03-29 00:30", "2026-03-29 01:30")
        assert found == ["29 01:30 CET", "29 03:00 CEST", "29 03:30 CEST"]

    def test_they_come_in_the_repeated_hour_again(self) -> None:
        found = _fires("*/30 2 * * *", "Europe/Warsaw", "2026-10-25", "2026-10-26")
        assert found == ["25 02:00 CEST", "25 02:30 CEST", "25 02:00 CET", "25 02:30 CET"]

    def test_an_hour_that_clocks_skip_does_not_come(self) -> None:
        assert _fires("*/30 0 * * *", "Africa/Cairo", "2026-04-23 12:00", "2026-04-24 12:00") == []

    def test_the_hour_after_a_gap_of_half_an_hour_is_whole(self) -> None:
        """Lord Howe goes from 02:00 to 02:30; cronsim on aware times begins at 03:30."""
        found = _fires("*/15 2,3 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", "2026-10-03 23:00")
        assert [each[3:8] for each in found] == ["02:30", "02:45", "03:00", "03:15", "03:30", "03:45"]

    def test_half_an_hour_that_comes_twice_is_there_twice_and_the_hour_after_it_is_whole(self) -> None:
        """Lord Howe goes from 02:00 back to 01:30."""
        found = _fires("*/15 1,2 * * *", "Australia/Lord_Howe", "2026-04-04 12:00", "2026-04-04 23:00")
        times = ["01:00", "01:15", "01:30", "01:45", "01:30", "01:45", "02:00", "02:15", "02:30", "02:45"]
        assert [each[3:8] for each in found] == times
