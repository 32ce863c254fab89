"""What another file changes in the plan of the next days, in words and figures."""

from datetime import timedelta

import pytest

from rules import comparison
from rules.comparison import RuleChange, compare
from rules.document import read
from rules.entries import compile_rules
from rules.source import parse
from tests.rule_files import ruleset, utc

START = utc("2026-12-01T00:00")
END = START + timedelta(days=30)
WEEKEND = "- {name: weekend, campaigns: [1], pause: {from: Fri 17:00, until: Mon 08:00}}"
NIGHTS = "- {name: nights, campaigns: [1], pause: {on: mon-fri, from: 18:00, until: 08:00}}"


def changes(before: str, after: str) -> list[RuleChange]:
    return compare(ruleset(before), ruleset(after), START, END)


def words(before: str, after: str) -> list[str]:
    return [str(change) for change in changes(before, after)]


def test_the_same_rules_in_another_order_change_nothing() -> None:
    assert changes(f"{WEEKEND}\n{NIGHTS}", f"{NIGHTS}\n{WEEKEND}") == []


def test_a_window_that_begins_later_has_moved() -> None:
    (change,) = changes(WEEKEND, WEEKEND.replace("17:00", "18:00"))
    assert (len(change.moved), change.gained, change.lost) == (4, (), ())
    assert str(change) == (
        "weekend: changed; 4 moved ("
        "Fri 2026-12-04 17:00 until Mon 2026-12-07 08:00 becomes Fri 2026-12-04 18:00 until Mon 2026-12-07 08:00, "
        "Fri 2026-12-11 17:00 until Mon 2026-12-14 08:00 becomes Fri 2026-12-11 18:00 until Mon 2026-12-14 08:00, "
        "Fri 2026-12-18 17:00 until Mon 2026-12-21 08:00 becomes Fri 2026-12-18 18:00 until Mon 2026-12-21 08:00, ...)"
    )


def test_windows_that_overlap_are_the_same_one_moved_however_far() -> None:
    shutdown = "- {name: shutdown, campaigns: all, pause: {from: 2026-12-23 16:00, until: 2027-01-04 08:00}}"
    (change,) = changes(shutdown, shutdown.replace("12-23", "12-18"))
    assert (len(change.moved), change.gained, change.lost) == (1, (), ())


def test_a_rule_that_is_gone_loses_its_windows_and_comes_last() -> None:
    assert words(f"{WEEKEND}\n{NIGHTS}", NIGHTS.replace("mon-fri", "[mon, tue, wed, thu]")) == [
        "nights: changed; 4 lost (Fri 2026-12-04 18:00 until Sat 2026-12-05 08:00, Fri 2026-12-11 18:00 until Sat "
        "2026-12-12 08:00, Fri 2026-12-18 18:00 until Sat 2026-12-19 08:00, ...)",
        "weekend: no longer in force; 4 lost (Fri 2026-12-04 17:00 until Mon 2026-12-07 08:00, Fri 2026-12-11 17:00 "
        "until Mon 2026-12-14 08:00, Fri 2026-12-18 17:00 until Mon 2026-12-21 08:00, ...)",
    ]


def test_a_disabled_rule_is_no_longer_in_force_and_an_enabled_one_is_new() -> None:
    off = NIGHTS.replace("campaigns", "enabled: false, campaigns")
    (gone,), (new,) = changes(NIGHTS, off), changes(off, NIGHTS)
    assert (gone.what, new.what) == ("no longer in force", "new")
    # The night before the first day is under way.
    assert (len(gone.lost), len(new.gained)) == (23, 23)


def test_other_campaigns_are_said_and_other_words_move_nothing() -> None:
    assert words(WEEKEND, WEEKEND.replace("[1]", "[1, 2]")) == ["weekend: changed; for other campaigns; no other times"]
    assert words(WEEKEND, WEEKEND.replace("pause", "resume: false, pause")) == ["weekend: changed; no other times"]


def test_a_window_that_is_under_way_and_one_that_is_over_before_the_days_begin() -> None:
    sunday = "- {name: a, campaigns: all, pause: {from: 2026-11-29 00:00, until: 2026-11-30 00:00}}"
    monday = sunday.replace("11-30 00", "12-01 06")
    assert words(sunday, monday) == ["a: changed; 1 gained (Sun 2026-11-29 00:00 until Tue 2026-12-01 06:00)"]


def test_holds_move_within_a_day_and_are_never_taken_for_windows() -> None:
    hold = "- {name: stop, campaigns: all, pause: {at: 2026-12-04 17:00}}"
    assert words(hold, hold.replace("17:00", "18:30")) == [
        "stop: changed; 1 moved (hold Fri 2026-12-04 17:00 becomes hold Fri 2026-12-04 18:30)"
    ]
    assert words(hold, hold.replace("12-04", "12-05")) == [
        "stop: changed; 1 gained (hold Sat 2026-12-05 17:00); 1 lost (hold Fri 2026-12-04 17:00)"
    ]
    window = hold.replace("at: 2026-12-04 17:00", "from: 2026-12-04 17:00, until: 2026-12-05 08:00")
    assert words(hold, window) == [
        "stop: changed; 1 gained (Fri 2026-12-04 17:00 until Sat 2026-12-05 08:00); 1 lost (hold Fri 2026-12-04 17:00)"
    ]


def test_an_end_that_is_not_in_sight_is_said() -> None:
    always = "- {name: a, campaigns: all, pause: {on: daily}}"
    (change,) = changes(always, always.replace("daily", "weekends"))
    assert change.lost == ()
    assert "(without end becomes Sat 2026-12-05 00:00 until Mon 2026-12-07 00:00)" in str(change)


def test_the_days_of_another_calendar_are_another_plan() -> None:
    """The rule's own words are the same."""
    text = (
        "timezone: UTC\naccounts: {main: {api_key: x}}\ncalendars: {office: {dates: 2026-12-24}}\n"
        "rules: [{name: a, campaigns: all, pause: {on: office}}]\n"
    )
    before, after = (compile_rules(read(parse(each.encode()))) for each in (text, text.replace("24}", "31}")))
    (change,) = compare(before, after, START, START + timedelta(days=31))
    assert (len(change.gained), len(change.lost)) == (1, 1)


def test_of_rules_with_too_many_windows_only_the_first_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MOST_LOOKED_AT", 10)
    both = f"{NIGHTS}\n{WEEKEND}"
    assert [(str(each)[:30], each.is_counted) for each in changes(both, both.replace("08:00", "09:00"))] == [
        ("nights: changed; 23 moved (Mon", True),
        ("weekend: changed", False),
    ]
