"""Laws of day lists: the dates that a word means are those that fit it, one by one, by the oracle."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.days import AnyOf, Days, Limits, parse_days
from tests.property import oracle
from tests.property.strategies import anchors, day_words, month_lists

_DAY = timedelta(days=1)


@st.composite
def words(draw: st.DrawFn) -> tuple[Days, oracle.Days, date]:
    """What a word means by `rules` and by the oracle, and a day near which there's some of it."""
    anchor = draw(anchors("UTC"))
    text, expected = draw(day_words(anchor, {}))
    days = parse_days(text)
    assert days is not None
    return days, expected, anchor


def _fitting(expected: oracle.Days, first: date, last: date) -> list[int]:
    every = [first + number * _DAY for number in range((last - first).days + 1)]
    return [day.toordinal() for day in every if day in expected]


@given(words(), st.integers(-40, 40), st.integers(0, 800))
def test_the_dates_of_a_range_are_those_that_fit_both_ends_included(
    word: tuple[Days, oracle.Days, date], later: int, length: int
) -> None:
    days, expected, anchor = word
    first = anchor + later * _DAY
    last = first + length * _DAY
    assert list(days.between(first.toordinal(), last.toordinal())) == _fitting(expected, first, last)


@given(words(), words(), st.integers(-10, 10), st.integers(0, 400))
def test_a_list_means_the_dates_that_any_of_its_words_means(
    one: tuple[Days, oracle.Days, date], other: tuple[Days, oracle.Days, date], later: int, length: int
) -> None:
    first = one[2] + later * _DAY
    last = first + length * _DAY
    found = AnyOf((one[0], other[0])).between(first.toordinal(), last.toordinal())
    assert list(found) == _fitting(one[1] | other[1], first, last)


@given(words(), words(), st.integers(-3, 3), month_lists(), st.integers(0, 60))
def test_limits_are_about_the_day_on_which_a_window_begins(
    word: tuple[Days, oracle.Days, date],
    excluded: tuple[Days, oracle.Days, date],
    later: int,
    months: tuple[str, frozenset[int]],
    length: int,
) -> None:
    days, expected, first = word
    last = first + 90 * _DAY
    span = (excluded[2], excluded[2] + length * _DAY)
    entry = oracle.Entry(zone="UTC", excluded=excluded[1], between=span, months=months[1])
    for limits, allowed in (
        (Limits(excluded=excluded[0], span=span, months=months[1]), entry),
        (Limits(excluded=excluded[0]), oracle.Entry(zone="UTC", excluded=excluded[1])),
        (Limits(span=span), oracle.Entry(zone="UTC", between=span)),
        (Limits(months=months[1]), oracle.Entry(zone="UTC", months=months[1])),
    ):
        found = limits.keep(days.between(first.toordinal(), last.toordinal()), later)
        fitting = map(date.fromordinal, _fitting(expected, first, last))
        assert list(found) == [day.toordinal() for day in fitting if allowed.allows(day + later * _DAY)]
