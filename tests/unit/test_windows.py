"""Windows and holds of one entry at named changes of the clock, and the union of windows into spans."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rules.days import OneDay, Weekdays
from rules.windows import HoldPattern, Label, QuietWindow, WindowPattern, union

_HOUR = timedelta(hours=1)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _clock(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _on(day: str, begins: str, ends: str, zone: str) -> list[tuple[datetime, datetime]]:
    """The windows of an entry for a single day, as their starts and ends."""
    pattern = WindowPattern(
        days=OneDay(date.fromisoformat(day)),
        begins=_clock(begins),
        ends=_clock(ends),
        label=Label(rule="r", text="t", zone=ZoneInfo(zone)),
    )
    return [(window.start, window.end) for window in pattern.windows(_utc("2000-01-01"), _utc("2100-01-01"))]


@pytest.mark.parametrize(
    ("zone", "day", "begins", "ends", "start", "end"),
    [
        pytest.param(
            "Europe/Warsaw", "2026-03-29", "02:30", "08:00", "2026-03-29 01:00", "2026-03-29 06:00", id="begins in gap"
        ),
        pytest.param(
            "Europe/Warsaw", "2026-03-28", "18:00", "26:30", "2026-03-28 17:00", "2026-03-29 01:00", id="ends in gap"
        ),
        pytest.param(
            "Africa/Cairo", "2026-04-23", "18:00", "24:00", "2026-04-23 16:00", "2026-04-23 22:00",
            id="24:00 before a skipped midnight",
        ),
        pytest.param(
            "America/Santiago", "2026-09-05", "00:00", "24:00", "2026-09-05 04:00", "2026-09-06 04:00",
            id="the day before a skipped midnight",
        ),
        pytest.param(
            "America/Santiago", "2026-09-06", "00:00", "24:00", "2026-09-06 04:00", "2026-09-07 03:00",
            id="the day of a skipped midnight",
        ),
        pytest.param(
            "Europe/Warsaw", "2026-10-25", "02:30", "08:00", "2026-10-25 00:30", "2026-10-25 07:00",
            id="begins in the repeated hour",
        ),
        pytest.param(
            "Europe/Warsaw", "2026-10-24", "18:00", "26:30", "2026-10-24 16:00", "2026-10-25 01:30",
            id="ends in the repeated hour",
        ),
        pytest.param(
            "Europe/Warsaw", "2026-10-25", "02:15", "02:30", "2026-10-25 00:15", "2026-10-25 01:30",
            id="inside the repeated hour",
        ),
        pytest.param(
            "Africa/Cairo", "2026-10-29", "18:00", "24:00", "2026-10-29 15:00", "2026-10-29 22:00",
            id="24:00 after a repeated 23:00",
        ),
        pytest.param(
            "Pacific/Apia", "2011-12-29", "18:00", "32:00", "2011-12-30 04:00", "2011-12-30 10:00",
            id="a night into the day that Samoa left out",
        ),
    ],
)  # fmt: skip
def test_a_window_at_a_change_of_the_clock_is_never_shorter_than_what_the_user_wrote(
    zone: str, day: str, begins: str, ends: str, start: str, end: str
) -> None:
    assert _on(day, begins, ends, zone) == [(_utc(start), _utc(end))]


def test_a_window_inside_a_gap_is_left_out() -> None:
    assert _on("2026-03-29", "02:15", "02:45", "Europe/Warsaw") == []


def test_the_day_that_samoa_left_out_has_no_window() -> None:
    assert _on("2011-12-30", "00:00", "24:00", "Pacific/Apia") == []


def test_windows_that_only_touch_the_range_are_among_them() -> None:
    pattern = WindowPattern(
        days=Weekdays(frozenset(range(7))),
        begins=timedelta(),
        ends=_clock("24:00"),
        label=Label(rule="r", text="t", zone=ZoneInfo("UTC")),
    )
    days = [window.start.day for window in pattern.windows(_utc("2026-06-02"), _utc("2026-06-03"))]
    assert days == [1, 2, 3]


def test_a_window_is_named_after_its_holiday_or_in_the_words_of_the_file() -> None:
    label = Label(rule="days-off", text="poland", zone=ZoneInfo("UTC"))
    assert label.because("Christmas Day") == "days-off: Christmas Day"
    assert label.because(None) == "days-off: poland"


@pytest.mark.parametrize(
    ("day", "at", "instant"),
    [("2026-03-29", "02:30", "2026-03-29 01:00"), ("2026-10-25", "02:30", "2026-10-25 00:30")],
)
def test_a_hold_is_after_the_gap_or_at_the_first_of_a_repeated_time(day: str, at: str, instant: str) -> None:
    label = Label(rule="r", text="t", zone=ZoneInfo("Europe/Warsaw"))
    pattern = HoldPattern(days=OneDay(date.fromisoformat(day)), at=_clock(at), label=label)
    assert [hold.at for hold in pattern.holds(_utc("2026-01-01"), _utc("2027-01-01"))] == [_utc(instant)]


def test_a_hold_is_in_the_range_at_its_start_and_not_at_its_end() -> None:
    label = Label(rule="r", text="t", zone=ZoneInfo("UTC"))
    pattern = HoldPattern(days=OneDay(date(2026, 6, 5)), at=_clock("17:00"), label=label)
    at = _utc("2026-06-05 17:00")
    assert [hold.at for hold in pattern.holds(at, at + _HOUR)] == [at]
    assert list(pattern.holds(at - _HOUR, at)) == []


def _window(start: int, end: int, rule: str = "r") -> QuietWindow:
    noon = _utc("2026-06-01 12:00")
    return QuietWindow(start=noon + start * _HOUR, end=noon + end * _HOUR, rule=rule, because=rule, zone="UTC")


def test_no_windows_make_no_span() -> None:
    assert union([]) == []


def test_windows_that_touch_are_one_span() -> None:
    (span,) = union([_window(0, 1), _window(1, 2)])
    assert (span.start, span.end) == (_window(0, 2).start, _window(0, 2).end)


def test_windows_a_moment_apart_are_two_spans() -> None:
    first, second = union([_window(0, 1), _window(2, 3)])
    assert first.end < second.start


def test_a_window_inside_another_does_not_shorten_the_span() -> None:
    (span,) = union([_window(0, 9, "long"), _window(1, 2, "short"), _window(8, 10, "late")])
    assert span.end == _window(0, 10).end
    assert [window.rule for window in span.windows] == ["long", "short", "late"]
