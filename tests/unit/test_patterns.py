"""Windows and holds of one entry at named changes of the clock, and at the ends of a range."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from rules.calendars import Calendar, TimedEvent
from rules.days import DateRange, Limits, Weekdays
from rules.patterns import CronHolds, CronWindows, DailyHolds, DailyWindows, EventWindows
from rules.windows import Label

_HOUR = timedelta(hours=1)
_DAILY = Weekdays(frozenset(range(7)))


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _clock(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _label(zone: str = "UTC") -> Label:
    return Label(rule="r", text="t", zone=ZoneInfo(zone))


def _day(text: str) -> DateRange:
    return DateRange(date.fromisoformat(text), date.fromisoformat(text))


def _on(day: str, begins: str, ends: str, zone: str) -> list[tuple[datetime, datetime]]:
    """The windows of an entry for a single day, as their starts and ends."""
    pattern = DailyWindows(days=_day(day), begins=_clock(begins), ends=(_clock(ends),), label=_label(zone))
    return [(window.start, window.end) for window in pattern.windows(_utc("2000-01-01"), _utc("2100-01-01"))]


class TestDailyWindows:
    @pytest.mark.parametrize(
        ("zone", "day", "begins", "ends", "start", "end"),
        [
            pytest.param(
                "Europe/Warsaw", "2026-03-29", "02:30", "08:00", "2026-03-29 01:00", "2026-03-29 06:00",
                id="begins in the gap",
            ),
            pytest.param(
                "Europe/Warsaw", "2026-03-28", "18:00", "26:30", "2026-03-28 17:00", "2026-03-29 01:00",
                id="ends in the gap",
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
        self, zone: str, day: str, begins: str, ends: str, start: str, end: str
    ) -> None:
        assert _on(day, begins, ends, zone) == [(_utc(start), _utc(end))]

    def test_a_window_inside_a_gap_is_left_out(self) -> None:
        assert _on("2026-03-29", "02:15", "02:45", "Europe/Warsaw") == []

    def test_the_day_that_samoa_left_out_has_no_window(self) -> None:
        assert _on("2011-12-30", "00:00", "24:00", "Pacific/Apia") == []

    def test_the_days_of_windows_without_length_are_told(self) -> None:
        ends = (_clock("02:45"),)
        pattern = DailyWindows(days=_DAILY, begins=_clock("02:15"), ends=ends, label=_label("Europe/Warsaw"))
        first, last = date(2026, 1, 1).toordinal(), date(2027, 12, 31).toordinal()
        gone = [date.fromordinal(day) for day in pattern.vanishing(first, last)]
        assert gone == [date(2026, 3, 29), date(2027, 3, 28)]

    def test_windows_that_only_touch_the_range_are_among_them(self) -> None:
        pattern = DailyWindows(days=_DAILY, begins=timedelta(), ends=(_clock("24:00"),), label=_label())
        days = [window.start.day for window in pattern.windows(_utc("2026-06-02"), _utc("2026-06-03"))]
        assert days == [1, 2, 3]

    def test_an_end_for_each_weekday_is_that_of_the_day_and_not_of_the_start(self) -> None:
        """From 16:00 on the day before; the day itself is a Monday."""
        ends = tuple(timedelta(hours=hours) for hours in range(1, 8))
        pattern = DailyWindows(days=_day("2026-06-01"), begins=-8 * _HOUR, ends=ends, label=_label())
        (window,) = pattern.windows(_utc("2026-06-01"), _utc("2026-06-01"))
        assert (window.start, window.end) == (_utc("2026-05-31 16:00"), _utc("2026-06-01 01:00"))

    def test_a_window_that_began_long_before_the_range_is_found(self) -> None:
        pattern = DailyWindows(
            days=_day("2026-01-01"), begins=timedelta(), lasts=timedelta(days=366), label=_label("Pacific/Apia")
        )
        (window,) = pattern.windows(_utc("2026-12-31"), _utc("2026-12-31"))
        assert window.end - window.start == timedelta(days=366)

    def test_a_window_over_the_day_that_samoa_left_out_is_found_at_its_end(self) -> None:
        """It ends later by the clock than its length says: on 31 December at 23:00."""
        pattern = DailyWindows(
            days=_day("2011-12-29"), begins=12 * _HOUR, lasts=35 * _HOUR, label=_label("Pacific/Apia")
        )
        end = _utc("2011-12-29 22:00") + 35 * _HOUR
        assert [window.end for window in pattern.windows(end, end)] == [end]


class TestDailyHolds:
    @pytest.mark.parametrize(
        ("day", "at", "instant"),
        [("2026-03-29", "02:30", "2026-03-29 01:00"), ("2026-10-25", "02:30", "2026-10-25 00:30")],
    )
    def test_a_hold_is_after_the_gap_or_at_the_first_of_a_repeated_time(self, day: str, at: str, instant: str) -> None:
        pattern = DailyHolds(days=_day(day), at=_clock(at), label=_label("Europe/Warsaw"))
        assert [hold.at for hold in pattern.holds(_utc("2026-01-01"), _utc("2027-01-01"))] == [_utc(instant)]

    def test_a_hold_is_in_the_range_at_its_start_and_not_at_its_end(self) -> None:
        pattern = DailyHolds(days=_day("2026-06-05"), at=_clock("17:00"), label=_label())
        at = _utc("2026-06-05 17:00")
        assert [hold.at for hold in pattern.holds(at, at + _HOUR)] == [at]
        assert pattern.holds(at - _HOUR, at) == []

    def test_a_hold_may_be_days_before_or_after_its_day(self) -> None:
        for days in (-2, 2):
            pattern = DailyHolds(days=_day("2026-06-05"), at=timedelta(days=days), label=_label())
            at = _utc("2026-06-05") + timedelta(days=days)
            assert [hold.at for hold in pattern.holds(at, at + _HOUR)] == [at]


class TestCron:
    def test_windows_that_overlap_or_touch_are_one_within_a_local_day(self) -> None:
        for hours in (6, 7):
            pattern = CronWindows(expression="0 */6 * * *", lasts=hours * _HOUR, label=_label())
            (window,) = pattern.windows(_utc("2026-06-01 12:30"), _utc("2026-06-01 12:45"))
            assert (window.start, window.end) == (_utc("2026-06-01"), _utc("2026-06-01 18:00") + hours * _HOUR)

    def test_windows_with_time_between_them_are_not(self) -> None:
        pattern = CronWindows(expression="0 */6 * * *", lasts=5 * _HOUR, label=_label())
        found = [window.start.hour for window in pattern.windows(_utc("2026-06-01 05:00"), _utc("2026-06-01 12:00"))]
        assert found == [0, 6, 12]

    @pytest.mark.parametrize("lasts", [timedelta(minutes=1), timedelta(days=366)])
    def test_a_rule_that_comes_every_minute_has_a_window_a_day(self, lasts: timedelta) -> None:
        pattern = CronWindows(expression="* * * * *", lasts=lasts, label=_label("Europe/Warsaw"))
        start, end = _utc("2020-01-01"), _utc("2030-01-01")
        found = list(pattern.windows(start, end))
        assert len(found) <= (end - start + lasts).days + 3
        assert all(earlier.end >= later.start for earlier, later in pairwise(found))

    def test_windows_and_holds_are_worked_out_as_they_are_asked_for(self) -> None:
        windows = CronWindows(expression="* * * * *", lasts=timedelta(seconds=30), label=_label())
        holds = CronHolds(expression="* * * * *", label=_label())
        ages = datetime(1000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
        assert next(iter(windows.windows(*ages))).start == next(iter(holds.holds(*ages))).at == ages[0]

    def test_a_window_that_only_touches_the_range_is_found(self) -> None:
        pattern = CronWindows(expression="0 12 * * *", lasts=_HOUR, label=_label())
        for at in ("2026-06-01 12:00", "2026-06-01 13:00"):
            assert [window.start for window in pattern.windows(_utc(at), _utc(at))] == [_utc("2026-06-01 12:00")]

    def test_a_hold_is_in_the_range_at_its_start_and_not_at_its_end(self) -> None:
        pattern = CronHolds(expression="0 17 * * *", label=_label())
        at = _utc("2026-06-05 17:00")
        assert [hold.at for hold in pattern.holds(at, at + _HOUR)] == [at]
        assert list(pattern.holds(at - _HOUR, at)) == []

    def test_a_fire_out_of_the_gap_belongs_to_the_day_that_it_was_due_on(self) -> None:
        """Samoa had no 30 December 2011: what is due on it comes with the 31st, and is still of the 30th."""
        label = _label("Pacific/Apia")
        range_ = _utc("2011-12-30"), _utc("2011-12-31")
        for day, found in ((date(2011, 12, 30), [_utc("2011-12-30 10:00")]), (date(2011, 12, 31), [])):
            pattern = CronHolds(expression="0 17 30 12 *", label=label, limits=Limits(span=(day, day)))
            assert [hold.at for hold in pattern.holds(*range_)] == found


@dataclass(frozen=True, slots=True)
class _Events:
    """A calendar's source with nothing but timed events, which are given however far away they are."""

    events: tuple[TimedEvent, ...]

    def days(self, year: int) -> Mapping[date, str]:  # noqa: ARG002 -- the protocol's
        return {}

    def timed(self, start: datetime, end: datetime) -> Iterator[TimedEvent]:  # noqa: ARG002 -- the protocol's
        yield from self.events


def _events(*events: TimedEvent, zone: str = "UTC", limits: Limits | None = None) -> EventWindows:
    calendar = Calendar(name="shared", sources=(_Events(events),))
    return EventWindows(calendar=calendar, label=_label(zone), limits=limits or Limits())


class TestEventWindows:
    _YEAR = _utc("2026-01-01"), _utc("2027-01-01")

    def test_an_event_is_a_window_named_after_it(self) -> None:
        event = TimedEvent(_utc("2026-06-05 12:00"), _utc("2026-06-05 13:00"), "Fair")
        (window,) = _events(event).windows(*self._YEAR)
        assert (window.start, window.end, window.because) == (event.start, event.end, "r: Fair")

    def test_an_event_without_a_zone_is_in_that_of_the_rule_and_never_shorter_at_a_repeated_time(self) -> None:
        wall = datetime.fromisoformat("2026-10-25 02:30")
        (window,) = _events(TimedEvent(wall, wall, "Night shift"), zone="Europe/Warsaw").windows(*self._YEAR)
        assert (window.start, window.end) == (_utc("2026-10-25 00:30"), _utc("2026-10-25 01:30"))

    def test_an_event_without_length_makes_no_window(self) -> None:
        at = _utc("2026-06-05 12:00")
        assert _events(TimedEvent(at, at, "Reminder")).windows(*self._YEAR) == []

    def test_only_those_that_overlap_or_touch_the_range_are_there_in_order(self) -> None:
        events = [TimedEvent(_utc(f"2026-06-0{day}"), _utc(f"2026-06-0{day + 1}"), str(day)) for day in (5, 4, 3, 2, 1)]
        found = _events(*events).windows(_utc("2026-06-03"), _utc("2026-06-04"))
        assert [window.day_name for window in found] == ["2", "3", "4"]

    def test_limits_are_about_the_local_day_on_which_an_event_begins(self) -> None:
        event = TimedEvent(_utc("2026-06-04 23:00"), _utc("2026-06-05 13:00"), "Fair")
        for day, number in (("2026-06-05", 0), ("2026-06-04", 1)):
            pattern = _events(event, zone="Europe/Warsaw", limits=Limits(excluded=_day(day)))
            assert len(pattern.windows(*self._YEAR)) == number
