"""Laws of cron: expressions come true when Debian's cron, as the oracle has it, would run them."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rules.cron import check_cron, fires
from rules.days import Limits
from tests.property import oracle
from tests.property.strategies import anchors, crons, zones

_DAY = timedelta(days=1)
_ALL = Limits()


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, str, date]:
    """An expression, a zone, and a day around which it may come true."""
    zone = draw(zones)
    anchor = draw(anchors(zone))
    return draw(crons(anchor)), zone, anchor


def _around(anchor: date, days: int) -> tuple[datetime, datetime]:
    noon = datetime.combine(anchor, time(12), UTC)
    return noon - days * _DAY, noon + days * _DAY


@given(lines())
def test_fires_are_those_of_the_oracle(line: tuple[str, str, date]) -> None:
    expression, zone, anchor = line
    start, end = _around(anchor, 4)
    check_cron(expression)
    expected = {instant for instant, _ in oracle.cron(expression, zone, start, end)}
    assert fires(expression, _ALL, start, end, ZoneInfo(zone)) == sorted(expected)


@given(lines(), st.timedeltas(-2 * _DAY, 2 * _DAY))
def test_the_fires_of_a_range_are_those_of_its_parts(line: tuple[str, str, date], middle: timedelta) -> None:
    expression, name, anchor = line
    zone, (start, end) = ZoneInfo(name), _around(anchor, 2)
    parts = [
        *fires(expression, _ALL, start, start + 2 * _DAY + middle, zone),
        *fires(expression, _ALL, start + 2 * _DAY + middle, end, zone),
    ]
    assert sorted(set(parts)) == fires(expression, _ALL, start, end, zone)


@given(lines())
def test_an_end_that_is_a_fire_is_included(line: tuple[str, str, date]) -> None:
    expression, name, anchor = line
    zone = ZoneInfo(name)
    for each in fires(expression, _ALL, *_around(anchor, 3), zone)[:20]:
        assert fires(expression, _ALL, each, each, zone) == [each]
