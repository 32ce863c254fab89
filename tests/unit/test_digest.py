"""The summary of a day or a week: when it's due, and what it says."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rules.notation import Moment
from scheduler.alerts.concerns import Kind
from scheduler.alerts.digest import Coming, Period, RuleTotals, changes_of, coming, digest, last_due
from scheduler.alerts.messages import Level, Sender
from scheduler.alerts.stock import Entry
from tests.rule_files import utc
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, MONDAY, rules_of, weekend

WARSAW = ZoneInfo("Europe/Warsaw")
SENDER = Sender("alpha", "/etc/curfew/curfew.yaml", WARSAW)
EIGHT = timedelta(hours=8)
WEEK = Period(
    since=MONDAY - 7 * DAY,
    until=MONDAY,
    changes=[RuleTotals(rules=("weekend",), paused=24, resumed=23)],
    told=[],
    held=0,
    exceptions=0,
    holidays=[],
)


@pytest.mark.parametrize(
    ("moment", "now", "due"),
    [
        (Moment(time=EIGHT), "2026-11-27 07:00", "2026-11-27 07:00"),
        (Moment(time=EIGHT), "2026-11-27 06:59", "2026-11-26 07:00"),
        (Moment(time=EIGHT, weekday=0), "2026-11-30 07:00", "2026-11-30 07:00"),
        (Moment(time=EIGHT, weekday=0), "2026-11-30 06:59", "2026-11-23 07:00"),
        (Moment(time=EIGHT, weekday=0), "2026-12-06 23:59", "2026-11-30 07:00"),
        # Midnight at the end of a day is that of the next.
        (Moment(time=timedelta(hours=24)), "2026-11-27 23:00", "2026-11-27 23:00"),
        # In the gap of a spring night, the first instant after it.
        (Moment(time=timedelta(hours=2, minutes=30)), "2027-03-28 01:00", "2027-03-28 01:00"),
        # In the repeated hour of an autumn night, the first of the two, and no second one.
        (Moment(time=timedelta(hours=2, minutes=30)), "2026-10-25 01:45", "2026-10-25 00:30"),
    ],
)
def test_it_is_due_at_a_local_time(moment: Moment, now: str, due: str) -> None:
    assert last_due(moment, WARSAW, utc(now)) == utc(due)


def test_a_quiet_week_is_a_short_message() -> None:
    message = digest(WEEK, coming(rules_of(weekend()), MONDAY), SENDER)
    assert message.title == "Curfew: the week in short: all is well"
    assert message.body == (
        "Since Mon 2026-11-23 08:00: nothing went wrong.\n\n"
        "Paused and resumed:\n- weekend: 24 paused, 23 resumed\n\n"
        "Coming in the next 7 days:\n- weekend: Fri 2026-12-04 17:00 until Mon 2026-12-07 08:00\n\n"
        "0 campaigns are held paused now.\n\n--\nCurfew on alpha, /etc/curfew/curfew.yaml"
    )
    assert message.level is Level.INFO


def test_a_week_in_which_nothing_happened_says_so() -> None:
    message = digest(replace(WEEK, changes=[]), [], SENDER)
    assert "nothing went wrong" in message.body
    assert "Paused and resumed:\n- nothing" in message.body
    assert "Coming in the next 7 days:\n- nothing" in message.body


def told(kind: Kind, **more: datetime) -> Entry:
    return Entry(
        id=1, kind=kind, subject="main/7", text="main/7 Alpha: it fails", began_at=FRIDAY, told_at=FRIDAY, **more
    )


def test_what_needs_a_person_and_what_went_wrong_are_told_apart() -> None:
    entries = [told(Kind.LEFT_PAUSED), told(Kind.PAUSE_FAILING, over_at=FRIDAY + HOUR), told(Kind.WINDOW_MISSED)]
    message = digest(replace(WEEK, told=entries, held=1, exceptions=2), [], SENDER)
    assert message.title == "Curfew: the week in short: something needs a person"
    assert message.level is Level.WARNING
    assert (
        "this went wrong.\n"
        "- a campaign can't be paused, and may be sending, from Fri 2026-11-27 17:00 until Fri 2026-11-27 18:00\n"
        "- a quiet window was missed, at Fri 2026-11-27 17:00: main/7 Alpha: it fails\n\n"
        "Needs a person now:\n"
        "- a campaign stays paused until a person resumes it, since Fri 2026-11-27 17:00: main/7 Alpha: it fails\n"
    ) in message.body
    assert "1 campaign is held paused now. 2 exceptions are in mind." in message.body


def test_what_was_over_before_is_told_no_more() -> None:
    earlier = replace(WEEK, since=FRIDAY + 2 * HOUR)
    entries = [told(Kind.PAUSE_FAILING, over_at=FRIDAY + HOUR), told(Kind.WINDOW_MISSED)]
    assert "nothing went wrong" in digest(replace(earlier, told=entries), [], SENDER).body


def test_what_went_wrong_and_is_over_is_a_title_of_its_own() -> None:
    message = digest(replace(WEEK, told=[told(Kind.WINDOW_MISSED)], since=MONDAY - DAY * 4), [], SENDER)
    assert message.title == "Curfew: the week in short: something went wrong, and is over"


def test_a_day_is_called_one() -> None:
    assert "the day in short" in digest(replace(WEEK, since=MONDAY - DAY), [], SENDER).title


def test_holidays_that_other_data_has_changed_are_told() -> None:
    message = digest(replace(WEEK, holidays=["poland: Thu 2026-12-24 Christmas Eve added"]), [], SENDER)
    assert "Holidays that other data has changed:\n- poland: Thu 2026-12-24 Christmas Eve added" in message.body


def test_of_many_rules_a_few_are_named() -> None:
    changes = [RuleTotals(rules=(f"rule {number}",), paused=1, resumed=1) for number in range(1000)]
    ahead = [Coming(rule=f"rule {number}", at=MONDAY, until=None, is_hold=True, more=0) for number in range(1000)]
    body = digest(replace(WEEK, changes=changes), ahead, SENDER).body
    assert "- and by 992 more" in body
    assert "- rule 0: Mon 2026-11-30 08:00, left paused" in body
    assert "- and of 992 more rules" in body


class TestComing:
    def test_of_each_rule_the_next_is_named_and_how_many_follow(self) -> None:
        ruleset = rules_of(
            weekend(),
            "{name: nights, campaigns: all, pause: {on: daily, from: 18:00, until: 08:00}}",
            "{name: stop, campaigns: all, pause: {at: Wed 12:00}}",
            "{name: far, campaigns: all, pause: {from: 2027-03-01 08:00, until: 2027-03-02 08:00}}",
        )
        assert coming(ruleset, MONDAY + HOUR) == [
            Coming(rule="nights", at=utc("2026-11-30 17:00"), until=utc("2026-12-01 07:00"), is_hold=False, more=6),
            Coming(rule="stop", at=utc("2026-12-02 11:00"), until=None, is_hold=True, more=0),
            Coming(rule="weekend", at=utc("2026-12-04 16:00"), until=utc("2026-12-07 07:00"), is_hold=False, more=0),
        ]

    def test_what_lasts_already_is_not_coming(self) -> None:
        assert coming(rules_of(weekend()), FRIDAY + HOUR)[0].at == FRIDAY + 7 * DAY


def test_changes_are_counted_by_the_rules_that_asked_for_them_the_most_first() -> None:
    rows: list[dict[str, Any]] = [
        {"rules": ["nights"], "action": "pause", "campaigns": 2},
        {"rules": ["weekend"], "action": "pause", "campaigns": 24},
        {"rules": ["weekend"], "action": "resume", "campaigns": 23},
    ]
    assert changes_of(rows) == [
        RuleTotals(rules=("weekend",), paused=24, resumed=23),
        RuleTotals(rules=("nights",), paused=2, resumed=0),
    ]
