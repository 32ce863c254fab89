"""Laws of wall time: what `rules.localtime` says is what a walk over the minutes finds."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rules.localtime import (
    clock_changes,
    end_instant,
    end_instants,
    shown_instants,
    start_instant,
    start_instants,
)
from tests.property import oracle
from tests.property.strategies import anchors, times, zones

_DAY = timedelta(days=1)


@st.composite
def walls(draw: st.DrawFn, zone: str) -> timedelta:
    """A time from two days before the midnight of a day to three days after it, as day offsets and nights need it."""
    return draw(st.integers(-2, 2)) * _DAY + draw(times(zone))


@st.composite
def moments(draw: st.DrawFn) -> tuple[datetime, str]:
    """A wall time, near a change of the clock more often than not, and its zone."""
    zone = draw(zones)
    return datetime.combine(draw(anchors(zone)), time()) + draw(times(zone)), zone


@st.composite
def times_of_days(draw: st.DrawFn) -> tuple[list[date], timedelta, str]:
    """Some days in any order, around a change of the clock more often than not, a time of them, and their zone."""
    zone = draw(zones)
    anchor = draw(anchors(zone))
    days = [anchor + number * _DAY for number in draw(st.lists(st.integers(-3, 3), max_size=6))]
    return days, draw(walls(zone)), zone


def _ordinals(days: list[date]) -> list[int]:
    return [day.toordinal() for day in days]


@given(moments())
def test_a_start_is_the_first_instant_that_shows_the_time_and_an_end_the_last(moment: tuple[datetime, str]) -> None:
    shown, zone = moment
    assert start_instant(shown, ZoneInfo(zone)) == oracle.first(shown, zone)
    assert end_instant(shown, ZoneInfo(zone)) == oracle.last(shown, zone)


@given(moments(), st.timedeltas(timedelta(), timedelta(days=3)))
def test_a_later_wall_time_is_never_an_earlier_instant(moment: tuple[datetime, str], later: timedelta) -> None:
    shown, zone = moment[0], ZoneInfo(moment[1])
    assert start_instant(shown, zone) <= start_instant(shown + later, zone)
    assert end_instant(shown, zone) <= end_instant(shown + later, zone)
    assert start_instant(shown, zone) <= end_instant(shown, zone)


@given(times_of_days())
def test_a_time_of_many_days_is_what_it_is_of_each(given_times: tuple[list[date], timedelta, str]) -> None:
    days, wall, zone = given_times[0], given_times[1], ZoneInfo(given_times[2])
    shown = [datetime.combine(day, time()) + wall for day in days]
    assert start_instants(_ordinals(days), wall, zone) == [start_instant(each, zone) for each in shown]
    assert end_instants(_ordinals(days), wall, zone) == [end_instant(each, zone) for each in shown]


@given(times_of_days())
def test_the_showings_of_a_time_are_those_of_the_oracle(given_times: tuple[list[date], timedelta, str]) -> None:
    days, wall, zone = given_times[0], given_times[1] % _DAY, given_times[2]
    expected = [oracle.showings(datetime.combine(day, time()) + wall, zone) for day in days]
    assert shown_instants(_ordinals(days), wall, ZoneInfo(zone)) == [each for found in expected for each in found]


@st.composite
def ranges(draw: st.DrawFn) -> tuple[datetime, datetime, str]:
    """A few days, to the microsecond, around a change of the clock more often than not, and their zone."""
    zone = draw(zones)
    midnight = datetime.combine(draw(anchors(zone)), time(), UTC)
    around = st.timedeltas(-2 * _DAY, 2 * _DAY)
    start, end = sorted([midnight + draw(around), midnight + draw(around)])
    return start, end, zone


@given(ranges())
def test_the_changes_of_the_clock_are_those_of_the_oracle_both_ends_included(
    given_range: tuple[datetime, datetime, str],
) -> None:
    start, end, zone = given_range
    expected = oracle.changes(zone, start.date(), end.date())
    assert clock_changes(start, end, ZoneInfo(zone)) == [each for each in expected if start <= each <= end]
    for each in expected:
        assert clock_changes(each, each, ZoneInfo(zone)) == [each]


@given(zones, st.integers(2011, 2039), st.integers(1, 700))
def test_the_changes_of_a_long_range_are_those_of_its_days(name: str, year: int, days: int) -> None:
    start, zone = datetime(year, 1, 1, tzinfo=UTC), ZoneInfo(name)
    found = clock_changes(start, start + days * _DAY, zone)
    parts = [clock_changes(start + number * _DAY, start + (number + 1) * _DAY, zone) for number in range(days)]
    assert found == sorted({each for part in parts for each in part})
