"""Which local dates an entry means: always from first to last, both included, in order."""

from datetime import date, timedelta

from rules.calendars import Dates
from rules.days import AnyOf, CalendarDays, OneDay, Weekdays

_MONDAY = date(2026, 12, 21)
_WEEK = (_MONDAY, _MONDAY + timedelta(days=6))
_CHRISTMAS = CalendarDays(Dates("christmas", ((date(2026, 12, 24), date(2026, 12, 26)),)))


def test_weekdays_include_both_ends() -> None:
    assert list(Weekdays(frozenset({0, 6})).between(*_WEEK)) == [(_WEEK[0], None), (_WEEK[1], None)]


def test_one_day_is_there_at_either_end_and_nowhere_outside() -> None:
    assert list(OneDay(_WEEK[0]).between(*_WEEK)) == [(_WEEK[0], None)]
    assert list(OneDay(_WEEK[1]).between(*_WEEK)) == [(_WEEK[1], None)]
    assert list(OneDay(date(2026, 12, 20)).between(*_WEEK)) == []
    assert list(OneDay(date(2026, 12, 28)).between(*_WEEK)) == []


def test_the_days_of_a_calendar_include_both_ends_and_have_names() -> None:
    days = list(_CHRISTMAS.between(date(2026, 12, 25), date(2026, 12, 26)))
    assert days == [(date(2026, 12, 25), "christmas"), (date(2026, 12, 26), "christmas")]


def test_a_calendar_is_asked_for_every_year_of_a_range() -> None:
    new_year = CalendarDays(Dates("party", ((date(2026, 12, 31), date(2027, 1, 1)),)))
    days = [day for day, _ in new_year.between(date(2026, 6, 1), date(2028, 6, 1))]
    assert days == [date(2026, 12, 31), date(2027, 1, 1)]


def test_a_union_has_each_day_once_in_order_and_keeps_a_name_from_any_part() -> None:
    friday = date(2026, 12, 25)
    for parts in ((Weekdays(frozenset({4, 0})), _CHRISTMAS), (_CHRISTMAS, Weekdays(frozenset({4, 0})))):
        days = dict(AnyOf(parts).between(*_WEEK))
        assert list(days) == [_MONDAY, date(2026, 12, 24), friday, date(2026, 12, 26)]
        assert days[friday] == "christmas"
        assert days[_MONDAY] is None
