"""What passed while nobody could act on it: which lines are recorded, and what they say.

The weekend is from FRIDAY to MONDAY; Warsaw's 17:00 is 16:00 UTC.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.ruleset import Ruleset
from scheduler.ledger.records import OnRecord, State
from scheduler.passed import Line, lines, passed
from tests.scheduler_fakes import CAMPAIGN, DAY, FRIDAY, HOUR, MINUTE, MONDAY, rules_of, weekend

WEEK = timedelta(days=7)
TICK = timedelta(microseconds=1)
NIGHTS = "{name: nights, campaigns: all, pause: {on: mon-thu, from: '22:00', until: '06:00'}}"
MONDAY_MORNING = "{name: monday, campaigns: all, pause: {from: Mon 08:00, until: Mon 12:00}}"
HOLD = "{name: stop, campaigns: all, catch_up: 2h, pause: {at: Wed 12:00}}"
WEDNESDAY_NOON = FRIDAY.replace(day=25, hour=11)
WEEKEND = rules_of(weekend())


def found(
    rules: Ruleset,
    since: datetime,
    until: datetime,
    *pauses: datetime,
    in_force: Mapping[str, datetime] | None = None,
    why_quiet: str | None = None,
) -> list[Line]:
    timeline = rules.timeline("main", CAMPAIGN)
    return list(
        lines(
            passed(timeline, since, until),
            account="main",
            campaign=CAMPAIGN,
            pauses=[OnRecord(due_at) for due_at in pauses],
            in_force=in_force or {},
            why_quiet=why_quiet,
            why="while no daemon ran",
        )
    )


def said(found: Sequence[Line]) -> list[tuple[tuple[str, ...], str]]:
    return [(line.decided.intent.rules, line.decided.reason) for line in found]


class TestWindows:
    def test_one_that_came_and_went_is_one_line(self) -> None:
        (line,) = found(WEEKEND, FRIDAY - HOUR, MONDAY)
        intent = line.decided.intent
        assert (intent.action, intent.due_at, intent.expires_at) == ("pause", FRIDAY, MONDAY)
        assert (intent.rules, intent.because) == (("weekend",), "weekend: Fri 17:00 until Mon 08:00")
        assert line.decided.state is State.MISSED
        reason = "1 window passed while no daemon ran, from 2026-11-27 16:00Z until 2026-11-30 07:00Z"
        assert line.decided.reason == reason
        assert [window.start for window in line.windows] == [FRIDAY]

    @pytest.mark.parametrize(
        ("since", "until"),
        [(FRIDAY - HOUR, MONDAY - TICK), (MONDAY, MONDAY + DAY), (FRIDAY - DAY, FRIDAY), (MONDAY, MONDAY)],
        ids=["it lasts", "it was over", "it has only begun", "no time"],
    )
    def test_what_did_not_end_in_that_time_is_none(self, since: datetime, until: datetime) -> None:
        assert found(WEEKEND, since, until) == []

    def test_one_that_had_begun_before_counts_where_nothing_is_on_record(self) -> None:
        """The daemon died before it could record anything of it."""
        assert len(found(WEEKEND, FRIDAY + HOUR, MONDAY)) == 1

    @pytest.mark.parametrize("due_at", [FRIDAY, FRIDAY + HOUR, MONDAY - TICK])
    def test_what_is_on_record_is_none(self, due_at: datetime) -> None:
        assert found(WEEKEND, FRIDAY - HOUR, MONDAY, due_at) == []

    @pytest.mark.parametrize("due_at", [FRIDAY - TICK, MONDAY])
    def test_a_pause_before_or_after_it_is_not_its_own(self, due_at: datetime) -> None:
        assert len(found(WEEKEND, FRIDAY - HOUR, MONDAY, due_at)) == 1

    @pytest.mark.parametrize(("missed_at", "is_its_own"), [(MONDAY - TICK, False), (MONDAY, True)])
    def test_what_was_missed_before_its_end_was_something_else_in_it(
        self, missed_at: datetime, is_its_own: bool
    ) -> None:
        """A hold on Saturday, say, that an earlier start has found too late before it died."""
        assert OnRecord(FRIDAY + 19 * HOUR, missed_at).is_of(FRIDAY, MONDAY) is is_its_own

    def test_however_many_of_a_rule_are_one_line(self) -> None:
        (line,) = found(WEEKEND, FRIDAY - HOUR, MONDAY + 2 * WEEK)
        assert (line.decided.intent.due_at, line.decided.intent.expires_at) == (FRIDAY, MONDAY + 2 * WEEK)
        reason = "3 windows passed while no daemon ran, from 2026-11-27 16:00Z until 2026-12-14 07:00Z"
        assert line.decided.reason == reason

    def test_those_that_are_on_record_among_them_are_left_out(self) -> None:
        (line,) = found(WEEKEND, FRIDAY - HOUR, MONDAY + 2 * WEEK, FRIDAY + WEEK)
        assert [window.start for window in line.windows] == [FRIDAY, FRIDAY + 2 * WEEK]

    def test_each_rule_has_its_own_line(self) -> None:
        both = found(rules_of(weekend(), NIGHTS), FRIDAY - HOUR, FRIDAY + WEEK)
        assert said(both) == [
            (("nights",), "4 windows passed while no daemon ran, from 2026-11-30 21:00Z until 2026-12-04 05:00Z"),
            (("weekend",), "1 window passed while no daemon ran, from 2026-11-27 16:00Z until 2026-11-30 07:00Z"),
        ]

    def test_rules_whose_first_window_is_the_same_have_a_key_each(self) -> None:
        same = weekend().replace("weekend", "other")
        both = found(rules_of(weekend(), same), FRIDAY - HOUR, MONDAY)
        assert [(line.decided.intent.rules, line.decided.intent.due_at) for line in both] == [
            (("other",), FRIDAY),
            (("weekend",), FRIDAY + TICK),
        ]

    def test_the_parts_of_a_span_are_missed_together_and_wanted_until_its_end(self) -> None:
        rules = rules_of(weekend(), MONDAY_MORNING)
        assert found(rules, FRIDAY - HOUR, MONDAY + HOUR) == []
        both = found(rules, FRIDAY - HOUR, MONDAY + 4 * HOUR)
        assert [(line.decided.intent.rules, line.decided.intent.expires_at) for line in both] == [
            (("monday",), MONDAY + 4 * HOUR),
            (("weekend",), MONDAY + 4 * HOUR),
        ]

    def test_one_without_an_end_in_sight_never_passes(self) -> None:
        always = rules_of("{name: never, campaigns: all, pause: {on: daily}}")
        assert found(always, FRIDAY, FRIDAY + 20 * DAY) == []


class TestHolds:
    ALONE = rules_of(HOLD)

    @pytest.mark.parametrize(("late", "is_missed"), [(2 * HOUR - TICK, False), (2 * HOUR, True), (DAY, True)])
    def test_one_is_missed_when_it_is_too_late_for_it(self, late: timedelta, is_missed: bool) -> None:
        assert len(found(self.ALONE, WEDNESDAY_NOON - HOUR, WEDNESDAY_NOON + late)) == is_missed

    def test_it_says_when_it_was(self) -> None:
        (line,) = found(self.ALONE, WEDNESDAY_NOON - HOUR, WEDNESDAY_NOON + DAY)
        assert said([line]) == [(("stop",), "1 hold passed while no daemon ran, at 2026-11-25 11:00Z")]
        assert (line.decided.intent.due_at, line.decided.intent.expires_at) == (
            WEDNESDAY_NOON,
            WEDNESDAY_NOON + 2 * HOUR,
        )

    def test_one_that_was_still_to_be_acted_on_counts(self) -> None:
        assert len(found(self.ALONE, WEDNESDAY_NOON + HOUR, WEDNESDAY_NOON + DAY)) == 1

    @pytest.mark.parametrize("due_at", [WEDNESDAY_NOON, WEDNESDAY_NOON + HOUR])
    def test_what_is_on_record_is_none(self, due_at: datetime) -> None:
        """A later hold stands for an earlier one."""
        assert found(self.ALONE, WEDNESDAY_NOON - HOUR, WEDNESDAY_NOON + DAY, due_at) == []

    def test_windows_and_holds_of_a_rule_are_one_line(self) -> None:
        rules = rules_of("{name: both, campaigns: all, catch_up: 2h, pause: [{on: wed}, {at: Wed 12:00}]}")
        ((_, reason),) = said(found(rules, WEDNESDAY_NOON - DAY, WEDNESDAY_NOON + WEEK + DAY))
        words = "2 windows and 2 holds passed while no daemon ran"
        assert reason == f"{words}, from 2026-11-24 23:00Z until 2026-12-02 23:00Z"


class TestLeftAlone:
    def test_what_had_nothing_to_be_paused_is_skipped_with_both_reasons(self) -> None:
        (line,) = found(WEEKEND, FRIDAY - HOUR, MONDAY, why_quiet="already paused when it was seen last")
        assert line.decided.state is State.SKIPPED
        assert line.decided.reason.startswith("already paused when it was seen last; 1 window passed while no daemon")

    @pytest.mark.parametrize(("since", "number"), [(FRIDAY, 1), (MONDAY - TICK, 1), (MONDAY, 0), (MONDAY + HOUR, 0)])
    def test_what_was_over_when_its_rule_came_into_force_is_none(self, since: datetime, number: int) -> None:
        assert len(found(WEEKEND, FRIDAY - DAY, MONDAY + 2 * HOUR, in_force={"weekend": since})) == number

    def test_a_hold_that_was_too_late_when_its_rule_came_into_force_is_none(self) -> None:
        too_late = WEDNESDAY_NOON + 2 * HOUR
        for since, number in ((too_late - TICK, 1), (too_late, 0)):
            missed = found(rules_of(HOLD), WEDNESDAY_NOON - DAY, too_late + DAY, in_force={"stop": since})
            assert len(missed) == number


_RULES = rules_of(weekend(), NIGHTS, MONDAY_MORNING, HOLD)


@given(cuts=st.lists(st.integers(0, 21 * 24 * 60), min_size=2, max_size=8, unique=True))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_wherever_daemons_come_and_go_each_window_and_hold_is_missed_once(cuts: list[int]) -> None:
    """Stretches that follow one another share nothing, and lose nothing."""
    instants = [FRIDAY - DAY + minutes * MINUTE for minutes in sorted(cuts)]
    whole = found(_RULES, instants[0], instants[-1])
    pieces = [line for since, until in pairwise(instants) for line in found(_RULES, since, until)]

    def parts(of: Sequence[Line]) -> list[tuple[str, datetime]]:
        windows = [(window.rule, window.start) for line in of for window in line.windows]
        return sorted([*windows, *((hold.rule, hold.at) for line in of for hold in line.holds)])

    assert parts(pieces) == parts(whole)
    keys = [line.decided.intent.due_at for line in pieces]
    assert len(set(keys)) == len(keys)
