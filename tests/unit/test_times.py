"""Times as a person types them: what they mean on a Friday at half past five in Warsaw."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from scheduler.cli.times import read

WARSAW = ZoneInfo("Europe/Warsaw")
NOW = datetime(2026, 11, 27, 16, 30, tzinfo=UTC)


def local(text: str, *, is_past: bool = False, now: datetime = NOW, is_end: bool = False) -> str:
    return f"{read(text, WARSAW, now, is_past=is_past, is_end=is_end).astimezone(WARSAW):%a %F %H:%M}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-24", "Thu 2026-12-24 00:00"),
        ("2026-12-24T16:00", "Thu 2026-12-24 16:00"),
        ("2026-12-24T16:00Z", "Thu 2026-12-24 17:00"),
        ("now", "Fri 2026-11-27 17:30"),
        ("today", "Fri 2026-11-27 00:00"),
        ("Today 17:00", "Fri 2026-11-27 17:00"),
        ("yesterday", "Thu 2026-11-26 00:00"),
        ("tomorrow 08:00", "Sat 2026-11-28 08:00"),
        ("tomorrow 24:00", "Sun 2026-11-29 00:00"),
        ("last fri", "Fri 2026-11-20 00:00"),
        ("last  Monday 08:00", "Mon 2026-11-23 08:00"),
        ("next fri", "Fri 2026-12-04 00:00"),
        ("next mon 08:00", "Mon 2026-11-30 08:00"),
        ("+2d", "Sun 2026-11-29 17:30"),
        ("-1h30m", "Fri 2026-11-27 16:00"),
    ],
)
@pytest.mark.parametrize("is_past", [False, True])
def test_what_is_the_same_whichever_way_one_looks(text: str, meant: str, is_past: bool) -> None:
    assert local(text, is_past=is_past) == meant


@pytest.mark.parametrize(
    ("text", "ahead", "past"),
    [
        ("7d", "Fri 2026-12-04 17:30", "Fri 2026-11-20 17:30"),
        ("800d", "Sun 2029-02-04 17:30", "Wed 2024-09-18 18:30"),
        ("fri", "Fri 2026-12-04 00:00", "Fri 2026-11-27 00:00"),
        ("fri 18:00", "Fri 2026-11-27 18:00", "Fri 2026-11-20 18:00"),
        ("fri 17:00", "Fri 2026-12-04 17:00", "Fri 2026-11-27 17:00"),
        ("thu", "Thu 2026-12-03 00:00", "Thu 2026-11-26 00:00"),
        ("18:00", "Fri 2026-11-27 18:00", "Thu 2026-11-26 18:00"),
        ("17:00", "Sat 2026-11-28 17:00", "Fri 2026-11-27 17:00"),
    ],
)
def test_what_is_the_nearest_ahead_or_back(text: str, ahead: str, past: str) -> None:
    assert (local(text), local(text, is_past=True)) == (ahead, past)


def test_a_time_that_comes_twice_is_the_second_where_something_ends() -> None:
    now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    begins, ends = (read("tomorrow 02:30", WARSAW, now, is_end=is_end) for is_end in (False, True))
    assert (ends - begins).total_seconds() == 3600


@pytest.mark.parametrize(
    "text",
    [
        *("", "noon", "last", "last week", "fri fri", "25:00", "today 25:00", "next 17:00"),
        *("0d", "d", "99999999d", "x 7d", "+", "in 7d"),
    ],
)
def test_what_means_nothing_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is neither a date"):
        read(text, WARSAW, NOW)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31"])
def test_a_year_without_zones_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="between 1970 and 2199"):
        read(text, WARSAW, NOW)
