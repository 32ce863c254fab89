"""Laws of wall time: what `rules.localtime` says is what a walk over the minutes finds."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rules.localtime import end_instant, start_instant
from tests.property import oracle
from tests.property.strategies import anchors, times, zones


@st.composite
def walls(draw: st.DrawFn) -> tuple[datetime, str]:
    """A wall time, near a change of the clock more often than not, and its zone."""
    zone = draw(zones)
    return datetime.combine(draw(anchors(zone)), time()) + draw(times), zone


@given(walls())
def test_a_start_is_the_first_instant_that_shows_the_time_and_an_end_the_last(wall: tuple[datetime, str]) -> None:
    shown, zone = wall
    assert start_instant(shown, ZoneInfo(zone)) == oracle.first(shown, zone)
    assert end_instant(shown, ZoneInfo(zone)) == oracle.last(shown, zone)


@given(walls(), st.timedeltas(timedelta(), timedelta(days=3)))
def test_a_later_wall_time_is_never_an_earlier_instant(wall: tuple[datetime, str], later: timedelta) -> None:
    shown, zone = wall[0], ZoneInfo(wall[1])
    assert start_instant(shown, zone) <= start_instant(shown + later, zone)
    assert end_instant(shown, zone) <= end_instant(shown + later, zone)
    assert start_instant(shown, zone) <= end_instant(shown, zone)
