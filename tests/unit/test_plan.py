"""The plan for one campaign: each case in the words of the design (sections 4, 5.8, 5.9), then laws for all of them.

The weekend is from FRIDAY to MONDAY; the rules are real ones, read from text.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from rules.overrides import Override, OverrideKind, overridden
from rules.ruleset import Action, Ruleset
from scheduler.ledger.records import Custody, Known, NewIntent, State
from scheduler.plan import (
    FIRST_WAIT,
    INSTANT,
    MOST_ANSWERS,
    RUNS_BY_US,
    Again,
    Decided,
    Due,
    GiveUp,
    Release,
    Situation,
    Step,
    StillPaused,
    Withdraw,
    plan,
    why_not_pause,
    why_not_resume,
)
from tests.scheduler_fakes import CAMPAIGN, DAY, FRIDAY, HOUR, MINUTE, MONDAY, rules_of, weekend

WARSAW = ZoneInfo("Europe/Warsaw")
SATURDAY = FRIDAY + 18 * HOUR
WEEKEND = rules_of(weekend())
NO_RULE = rules_of(weekend("[7]"))
HOLD = "{name: stop, campaigns: all, pause: {at: %s}}"
# Warsaw's 17:00 is 16:00 UTC: a hold at the very start, one on Saturday noon, one on Wednesday noon.
AT_START = rules_of(weekend(), HOLD % "Fri 17:00")
INSIDE = rules_of(weekend(), HOLD % "Sat 12:00")
ALONE = rules_of(HOLD % "Wed 12:00")
BEFORE = rules_of(weekend(), HOLD % "Fri 16:00")
WEDNESDAY_NOON = FRIDAY.replace(day=25, hour=11)
SATURDAY_NOON = FRIDAY.replace(day=28, hour=11)
TICK = timedelta(microseconds=1)


def exception(kind: OverrideKind, start: datetime, end: datetime, *, rule: str | None = None) -> Override:
    whom: dict[str, Any] = {"rule": rule} if rule else {"campaign": CAMPAIGN}
    return Override(id=1, kind=kind, account="main", starts_at=start, ends_at=end, author="ada", reason="fair", **whom)


# Exceptions for the weekend: `curfew pause` and `resume` from Saturday noon on, and `curfew skip`.
PAUSED_ANEW = overridden(WEEKEND, [exception(OverrideKind.PAUSE, SATURDAY_NOON, SATURDAY_NOON + DAY)], WARSAW)
LIFTED = overridden(WEEKEND, [exception(OverrideKind.RESUME, SATURDAY_NOON, MONDAY)], WARSAW)
SKIPPED = overridden(WEEKEND, [exception(OverrideKind.SKIP, FRIDAY, MONDAY, rule="weekend")], WARSAW)
IDLE = ("STOPPED", "COMPLETED", "DRAFT", "EDITED", "ARCHIVED")


def held(since: datetime = FRIDAY) -> Custody:
    until = since + (MONDAY - FRIDAY)
    return Custody(
        account="main", campaign=CAMPAIGN, taken_at=since + MINUTE, due_at=since, until=until, rules=("weekend",)
    )


def known(
    state: State,
    at: datetime = FRIDAY,
    action: Action = Action.PAUSE,
    expires_at: datetime | None = None,
    *,
    may_have_acted: bool = False,
    unconfirmed_after: int = 0,
    number: int = 0,
    status_before: str | None = None,
) -> Known:
    return Known(
        status_before=status_before,
        number=number,
        campaign=CAMPAIGN,
        action=action,
        due_at=at,
        expires_at=expires_at or at + 3 * DAY,
        state=state,
        may_have_acted=may_have_acted,
        answers=unconfirmed_after,
        is_unconfirmed=unconfirmed_after > 0,
    )


def situation(
    rules: Ruleset,
    now: datetime,
    status: str | None,
    *records: Known,
    custody: Custody | None = None,
    rules_since: datetime | None = None,
) -> Situation:
    return Situation(
        account="main",
        campaign=CAMPAIGN,
        timeline=rules.timeline("main", CAMPAIGN),
        now=now,
        rules_since=rules_since or now,
        status=status,
        custody=custody,
        known=records,
    )


def planned(
    rules: Ruleset,
    now: datetime,
    status: str | None,
    *records: Known,
    custody: Custody | None = None,
    rules_since: datetime | None = None,
) -> list[Step]:
    return list(plan(situation(rules, now, status, *records, custody=custody, rules_since=rules_since)))


def the_call(steps: Sequence[Step]) -> NewIntent:
    """The one step, which is a call."""
    (step,) = steps
    assert isinstance(step, Due)
    return step.intent


def the_decision(steps: Sequence[Step]) -> Decided:
    """The one step, which is a change without a call."""
    (step,) = steps
    assert isinstance(step, Decided)
    return step


class TestPauseInsideASpan:
    @pytest.mark.parametrize("status", ["RUNNING", None])
    def test_what_runs_and_what_nobody_knows_is_paused(self, status: str | None) -> None:
        intent = the_call(planned(WEEKEND, SATURDAY, status))
        assert intent == NewIntent(
            account="main",
            campaign=CAMPAIGN,
            action=Action.PAUSE,
            due_at=FRIDAY,
            expires_at=MONDAY,
            rules=("weekend",),
            because="weekend: Fri 17:00 until Mon 08:00",
            status_before=status,
            owes_resume=True,
        )

    @pytest.mark.parametrize("status", IDLE)
    def test_what_sends_nothing_is_skipped_with_its_status(self, status: str) -> None:
        skip = the_decision(planned(WEEKEND, SATURDAY, status))
        assert (skip.state, skip.reason) == (State.SKIPPED, f"not running ({status})")
        assert skip.intent.due_at == FRIDAY

    def test_what_a_person_has_paused_is_skipped(self) -> None:
        skip = the_decision(planned(WEEKEND, SATURDAY, "PAUSED"))
        assert (skip.state, skip.reason) == (State.SKIPPED, "already paused")

    def test_what_we_still_hold_from_an_earlier_span_is_skipped_and_stays_ours(self) -> None:
        skip = the_decision(planned(WEEKEND, SATURDAY, "PAUSED", custody=held(FRIDAY - 7 * DAY)))
        assert (skip.state, skip.reason) == (State.SKIPPED, "already paused by Curfew")

    def test_the_windows_of_several_rules_are_one_pause_that_names_them_all(self) -> None:
        rules = rules_of(weekend(), "{name: monday, campaigns: all, pause: {from: Mon 08:00, until: Mon 12:00}}")
        intent = the_call(planned(rules, SATURDAY, "RUNNING"))
        assert intent.rules == ("weekend", "monday")
        assert intent.because == "weekend: Fri 17:00 until Mon 08:00; monday: Mon 08:00 until Mon 12:00"
        assert (intent.due_at, intent.expires_at) == (FRIDAY, MONDAY + 4 * HOUR)

    def test_the_span_is_half_open(self) -> None:
        assert planned(WEEKEND, FRIDAY - TICK, "RUNNING") == []
        assert the_call(planned(WEEKEND, FRIDAY, "RUNNING")).due_at == FRIDAY
        assert the_call(planned(WEEKEND, MONDAY - TICK, "RUNNING")).due_at == FRIDAY
        assert planned(WEEKEND, MONDAY, "RUNNING") == []

    @pytest.mark.parametrize("status", ["RUNNING", "PAUSED", "COMPLETED", None])
    def test_a_campaign_without_a_rule_is_left_alone(self, status: str | None) -> None:
        assert planned(NO_RULE, SATURDAY, status) == []


class TestPauseOnRecord:
    @pytest.mark.parametrize("state", [each for each in State if each not in {State.SIMULATED, State.WAITING}])
    @pytest.mark.parametrize("status", ["PAUSED", "COMPLETED", None])
    def test_nothing_is_due_twice_where_it_does_not_run(self, state: State, status: str | None) -> None:
        assert planned(WEEKEND, SATURDAY, status, known(state)) == []

    @pytest.mark.parametrize("state", [State.WAITING, State.CALLING])
    def test_a_pause_that_is_on_its_way_is_not_planned_again(self, state: State) -> None:
        assert planned(WEEKEND, SATURDAY, "RUNNING", known(state)) == []

    @pytest.mark.parametrize("state", [State.SKIPPED, State.FAILED, State.MISSED])
    def test_what_began_to_run_since_is_paused_now_and_owed(self, state: State) -> None:
        intent = the_call(planned(WEEKEND, SATURDAY, "RUNNING", known(state)))
        assert (intent.due_at, intent.expires_at, intent.owes_resume) == (SATURDAY, MONDAY, True)

    def test_a_pause_that_waits_stays_due_where_nobody_knows_whether_it_runs(self) -> None:
        assert planned(WEEKEND, SATURDAY, None, known(State.WAITING)) == []

    @pytest.mark.parametrize(
        ("status", "reason"), [("PAUSED", "already paused"), ("COMPLETED", "not running (COMPLETED)")]
    )
    def test_a_pause_that_waits_is_withdrawn_where_nothing_runs_any_more(self, status: str, reason: str) -> None:
        """Or what a person has paused meanwhile would be paused again, and given back by us."""
        waiting = known(State.WAITING)
        assert planned(WEEKEND, SATURDAY, status, waiting) == [Withdraw("main", waiting, reason)]

    @pytest.mark.parametrize("status", ["PAUSED", "COMPLETED"])
    def test_after_a_call_that_may_have_arrived_its_lane_finds_out_who_paused_it(self, status: str) -> None:
        assert planned(WEEKEND, SATURDAY, status, known(State.WAITING, may_have_acted=True)) == []

    def test_a_dry_run_does_not_hide_that_it_began_to_run_since(self) -> None:
        """Its own pause must not be taken for the one of the window's start, whose key is taken."""
        records = (known(State.SKIPPED), known(State.SIMULATED, FRIDAY + HOUR))
        assert the_call(planned(WEEKEND, SATURDAY, "RUNNING", *records)).due_at == SATURDAY

    def test_a_pause_that_has_expired_does_not_keep_the_next_one_from_its_window(self) -> None:
        expired = known(State.WAITING, FRIDAY - HOUR, expires_at=FRIDAY)
        assert the_call(planned(WEEKEND, FRIDAY, "RUNNING", expired)).due_at == FRIDAY

    def test_a_simulated_pause_is_due_again_under_the_same_key(self) -> None:
        assert the_call(planned(WEEKEND, SATURDAY, "RUNNING", known(State.SIMULATED))).due_at == FRIDAY

    def test_the_record_of_an_earlier_weekend_counts_for_nothing(self) -> None:
        earlier = known(State.SUCCEEDED, FRIDAY - 7 * DAY)
        assert the_call(planned(WEEKEND, SATURDAY, "RUNNING", earlier)).due_at == FRIDAY

    def test_a_resume_on_record_is_no_pause(self) -> None:
        resumed = known(State.SUCCEEDED, FRIDAY, Action.RESUME)
        assert the_call(planned(WEEKEND, SATURDAY, "RUNNING", resumed)).due_at == FRIDAY

    def test_what_a_person_resumed_inside_is_released_and_left_running(self) -> None:
        decided, step = planned(WEEKEND, SATURDAY, "RUNNING", known(State.SUCCEEDED), custody=held())
        reason = "somebody resumed it inside the window; left running"
        assert step == Release(held(), reason)
        assert isinstance(decided, Decided)
        assert (decided.state, decided.reason) == (State.SKIPPED, reason)
        assert (decided.intent.action, decided.intent.due_at) == (Action.RESUME, SATURDAY)

    def test_what_we_have_given_back_ourselves_is_paused_again(self) -> None:
        """By a clock that was ahead, or by rules that were taken back."""
        records = (known(State.SUCCEEDED), known(State.SUCCEEDED, FRIDAY + HOUR, Action.RESUME))
        intent = the_call(planned(WEEKEND, SATURDAY, "RUNNING", *records))
        assert (intent.due_at, intent.owes_resume) == (SATURDAY, True)

    def test_what_a_person_resumes_after_that_is_left_alone(self) -> None:
        resumed = known(State.SUCCEEDED, FRIDAY + HOUR, Action.RESUME)
        records = (known(State.SUCCEEDED), resumed, known(State.SUCCEEDED, FRIDAY + 2 * HOUR))
        *_, step = planned(WEEKEND, SATURDAY, "RUNNING", *records, custody=held(FRIDAY + 2 * HOUR))
        assert isinstance(step, Release)

    @pytest.mark.parametrize("first", [FRIDAY, SATURDAY])
    def test_so_is_it_by_a_clock_that_was_put_back_to_before_we_gave_it_back(self, first: datetime) -> None:
        """Paused, given back at the window's end, the clock put back into it, paused again, and resumed by a person."""
        again = known(State.SUCCEEDED, FRIDAY + HOUR, number=3)
        resumed = known(State.SUCCEEDED, MONDAY, Action.RESUME, number=2)
        records = sorted([known(State.SUCCEEDED, first, number=1), again, resumed], key=lambda each: each.due_at)
        *_, step = planned(WEEKEND, FRIDAY + 2 * HOUR, "RUNNING", *records, custody=held(FRIDAY + HOUR))
        assert isinstance(step, Release)

    def test_what_was_missed_by_a_clock_ahead_is_not_given_back_by_a_resume_before_its_window(self) -> None:
        """A pause that takes the place of a miss keeps its number; the order of due times tells then."""
        resumed = known(State.SUCCEEDED, FRIDAY - DAY, Action.RESUME, number=2)
        *_, step = planned(WEEKEND, SATURDAY, "RUNNING", resumed, known(State.SUCCEEDED, number=1), custody=held())
        assert isinstance(step, Release)

    @pytest.mark.parametrize("state", [each for each in State if each is not State.SUCCEEDED])
    def test_a_resume_of_ours_without_success_does_not_excuse_that_it_runs(self, state: State) -> None:
        records = (known(State.SUCCEEDED), known(state, FRIDAY + HOUR, Action.RESUME, SATURDAY))
        assert planned(WEEKEND, SATURDAY, "RUNNING", *records) == []

    @pytest.mark.parametrize("state", [State.WAITING, State.FAILED, State.MISSED, State.SKIPPED])
    def test_what_a_resume_of_ours_may_have_given_back_is_paused_again(self, state: State) -> None:
        """Its answer was lost, and then the window was made longer, or the clock was put back into it."""
        resumed = known(state, FRIDAY + HOUR, Action.RESUME, SATURDAY, may_have_acted=True)
        steps = planned(WEEKEND, SATURDAY - HOUR, "RUNNING", known(State.SUCCEEDED), resumed, custody=held())
        (due,) = [step for step in steps if isinstance(step, Due)]
        assert (due.intent.action, due.intent.owes_resume) == (Action.PAUSE, True)
        assert steps[-1] == Release(held(), RUNS_BY_US)

    @pytest.mark.parametrize(
        ("records", "calls"), [((), 1), ((known(State.WAITING),), 0), ((known(State.FAILED, SATURDAY - MINUTE),), 0)]
    )
    def test_what_runs_though_an_earlier_window_had_paused_it_is_owed_by_its_next_pause_alone(
        self, records: tuple[Known, ...], calls: int
    ) -> None:
        """If somebody pauses it from here on, or is quicker than that pause, it's theirs."""
        earlier = held(FRIDAY - DAY)
        *steps, skip, release = planned(WEEKEND, SATURDAY, "RUNNING", *records, custody=earlier)
        assert [type(step) for step in steps] == [Due] * calls
        reason = "already running: somebody resumed it"
        assert isinstance(skip, Decided)
        assert (skip.intent.action, skip.state, skip.reason) == (Action.RESUME, State.SKIPPED, reason)
        assert release == Release(earlier, reason)

    def test_what_somebody_resumes_that_was_paused_still_by_an_earlier_window_is_left_running(self) -> None:
        earlier, skipped = held(FRIDAY - DAY), known(State.SKIPPED, status_before="PAUSED")
        decided, release = planned(WEEKEND, SATURDAY, "RUNNING", skipped, custody=earlier)
        assert isinstance(decided, Decided)
        assert (decided.intent.action, decided.reason) == (
            Action.RESUME,
            "somebody resumed it inside the window; left running",
        )
        assert release == Release(earlier, decided.reason)
        told = known(State.SKIPPED, SATURDAY, Action.RESUME)
        assert planned(WEEKEND, SATURDAY + HOUR, "RUNNING", skipped, told) == []

    def test_what_a_person_had_paused_and_resumes_is_paused(self) -> None:
        skipped = known(State.SKIPPED, status_before="PAUSED")
        assert the_call(planned(WEEKEND, SATURDAY, "RUNNING", skipped)).action is Action.PAUSE

    def test_what_our_own_resume_may_have_run_in_the_next_window_is_paused(self) -> None:
        resumed = known(State.FAILED, FRIDAY - HOUR, Action.RESUME, may_have_acted=True)
        skipped = known(State.SKIPPED, status_before="PAUSED")
        due, _, release = planned(WEEKEND, SATURDAY, "RUNNING", resumed, skipped, custody=held(FRIDAY - DAY))
        assert isinstance(due, Due)
        assert (due.intent.action, release) == (Action.PAUSE, Release(held(FRIDAY - DAY), RUNS_BY_US))

    @pytest.mark.parametrize("state", [State.FAILED, State.MISSED, State.SKIPPED])
    def test_that_it_may_have_is_over_when_it_is_seen_paused(self, state: State) -> None:
        resumed = known(state, FRIDAY + HOUR, Action.RESUME, SATURDAY, may_have_acted=True)
        steps = planned(WEEKEND, SATURDAY - HOUR, "PAUSED", known(State.SUCCEEDED), resumed, custody=held())
        assert steps == [StillPaused("main", resumed)]

    def test_so_it_is_where_that_resume_is_withdrawn_by_the_same_look(self) -> None:
        resumed = known(State.WAITING, FRIDAY + HOUR, Action.RESUME, MONDAY, may_have_acted=True)
        withdraw, step = planned(WEEKEND, SATURDAY, "PAUSED", known(State.SUCCEEDED), resumed, custody=held())
        assert isinstance(withdraw, Withdraw)
        assert step == StillPaused("main", replace(resumed, state=State.SKIPPED))

    def test_it_is_left_running_for_the_rest_of_the_window(self) -> None:
        assert planned(WEEKEND, SATURDAY, "RUNNING", known(State.SUCCEEDED)) == []

    def test_a_person_who_resumes_a_late_starter_is_left_alone_as_well(self) -> None:
        records = (known(State.SKIPPED), known(State.SUCCEEDED, SATURDAY))
        assert planned(WEEKEND, SATURDAY + HOUR, "RUNNING", *records) == []

    def test_a_hold_that_found_it_paused_does_not_hide_that_a_person_resumed_it(self) -> None:
        """Paused on Friday; the hold on Saturday had nothing to do; a person resumed it on Sunday."""
        records = (known(State.SUCCEEDED), known(State.SKIPPED, SATURDAY_NOON))
        decided = the_decision(planned(INSIDE, SATURDAY_NOON + DAY - HOUR, "RUNNING", *records))
        assert decided.reason == "somebody resumed it inside the window; left running"


NO_EFFECT = "paused, says the API, and still running: tried again"
STRICT = rules_of(
    "{name: weekend, campaigns: all, enforce: true, pause: {from: Fri 17:00, until: Mon 08:00}}",
    "{name: monday, campaigns: all, pause: {from: Mon 08:00, until: Mon 12:00}}",
)


class TestAskedFor:
    """`curfew pause` on Saturday noon, inside the weekend, until Sunday noon."""

    @pytest.mark.parametrize("earlier", [State.SUCCEEDED, State.SKIPPED, State.FAILED])
    def test_what_a_person_had_resumed_before_is_paused_and_owed(self, earlier: State) -> None:
        intent = the_call(planned(PAUSED_ANEW, SATURDAY_NOON + MINUTE, "RUNNING", known(earlier)))
        assert (intent.due_at, intent.expires_at, intent.owes_resume) == (SATURDAY_NOON, MONDAY, True)
        assert "override 1: pause campaign 1000001, by ada (fair)" in intent.because

    def test_what_a_person_resumes_after_that_is_left_running(self) -> None:
        records = known(State.SUCCEEDED), known(State.SUCCEEDED, SATURDAY_NOON)
        assert planned(PAUSED_ANEW, SATURDAY_NOON + HOUR, "RUNNING", *records) == []

    def test_where_it_is_paused_already_that_is_said_once(self) -> None:
        steps = planned(PAUSED_ANEW, SATURDAY_NOON + MINUTE, "PAUSED", known(State.SUCCEEDED), custody=held())
        decided = the_decision(steps)
        assert (decided.intent.due_at, decided.reason) == (SATURDAY_NOON, "already paused by Curfew")
        records = known(State.SUCCEEDED), known(State.SKIPPED, SATURDAY_NOON)
        assert planned(PAUSED_ANEW, SATURDAY_NOON + HOUR, "PAUSED", *records, custody=held()) == []

    def test_while_the_pause_of_the_window_is_on_its_way_there_is_no_other(self) -> None:
        assert planned(PAUSED_ANEW, SATURDAY_NOON + MINUTE, "RUNNING", known(State.WAITING)) == []

    def test_from_its_end_on_the_window_counts_as_before(self) -> None:
        assert planned(PAUSED_ANEW, SATURDAY_NOON + DAY, "RUNNING", known(State.SUCCEEDED)) == []


class TestWithoutEffect:
    """A pause that was answered with success, of a campaign that nobody has seen paused since."""

    @pytest.mark.parametrize("custody", [None, held()])
    def test_what_still_runs_is_paused_again_under_the_same_key_and_stays_ours(self, custody: Custody | None) -> None:
        futile = known(State.SUCCEEDED, unconfirmed_after=1)
        assert planned(WEEKEND, FRIDAY + MINUTE, "RUNNING", futile, custody=custody) == [
            Again("main", futile, NO_EFFECT)
        ]

    @pytest.mark.parametrize("status", ["PAUSED", None])
    def test_what_is_paused_or_cannot_be_asked_is_left_as_it_is(self, status: str | None) -> None:
        futile = known(State.SUCCEEDED, unconfirmed_after=1)
        assert planned(WEEKEND, FRIDAY + MINUTE, status, futile, custody=held()) == []

    def test_after_several_answers_it_has_failed_and_nothing_is_owed(self) -> None:
        futile = known(State.SUCCEEDED, unconfirmed_after=MOST_ANSWERS)
        reason = "still running after 3 pauses that the API has answered with success"
        assert planned(WEEKEND, FRIDAY + MINUTE, "RUNNING", futile, custody=held()) == [
            GiveUp("main", futile, reason),
            Release(held(), reason),
        ]
        assert planned(WEEKEND, FRIDAY + MINUTE, "RUNNING", futile) == [GiveUp("main", futile, reason)]

    def test_where_we_have_given_it_back_since_it_is_paused_anew(self) -> None:
        records = (
            known(State.SUCCEEDED, unconfirmed_after=1),
            known(State.SUCCEEDED, FRIDAY + HOUR, Action.RESUME),
        )
        assert the_call(planned(WEEKEND, SATURDAY, "RUNNING", *records)).due_at == SATURDAY

    def test_where_its_time_is_over_it_is_paused_anew(self) -> None:
        """The rules have changed, and made the window longer."""
        over = known(State.SUCCEEDED, expires_at=FRIDAY + HOUR, unconfirmed_after=1)
        assert the_call(planned(WEEKEND, FRIDAY + HOUR, "RUNNING", over)).due_at == FRIDAY + HOUR

    def test_the_pause_of_a_hold_is_tried_again_too(self) -> None:
        futile = known(State.SUCCEEDED, WEDNESDAY_NOON, expires_at=WEDNESDAY_NOON + DAY, unconfirmed_after=1)
        (again,) = planned(ALONE, WEDNESDAY_NOON + MINUTE, "RUNNING", futile)
        assert again == Again("main", futile, NO_EFFECT)

    def test_what_no_rule_wants_any_more_is_not_tried_again(self) -> None:
        assert planned(NO_RULE, FRIDAY + MINUTE, "RUNNING", known(State.SUCCEEDED, unconfirmed_after=1)) == []

    def test_where_a_hold_is_due_its_pause_is_the_one_call(self) -> None:
        futile = known(State.SUCCEEDED, unconfirmed_after=1)
        assert the_call(planned(INSIDE, SATURDAY_NOON, "RUNNING", futile)).due_at == SATURDAY_NOON


class TestRefused:
    """What the API has refused for good is asked of it again, less and less often, while the campaign runs."""

    @pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 10), (3, 20), (8, 640)])
    def test_the_wait_doubles(self, failures: int, minutes: int) -> None:
        last = FRIDAY + HOUR
        records = [known(State.FAILED, last - number * MINUTE) for number in reversed(range(failures))]
        due_at = last + minutes * MINUTE
        assert planned(WEEKEND, due_at - TICK, "RUNNING", *records) == []
        assert the_call(planned(WEEKEND, due_at, "RUNNING", *records)).due_at == due_at

    def test_it_is_over_when_the_clock_is_put_back(self) -> None:
        failed = known(State.FAILED, FRIDAY + HOUR)
        assert the_call(planned(WEEKEND, FRIDAY + MINUTE, "RUNNING", failed)).due_at == FRIDAY + MINUTE

    def test_what_was_tried_in_vain_until_it_expired_is_paused_at_once(self) -> None:
        failed = known(State.FAILED, FRIDAY, expires_at=FRIDAY + MINUTE)
        assert the_call(planned(WEEKEND, FRIDAY + MINUTE, "RUNNING", failed)).due_at == FRIDAY + MINUTE


class TestEnforced:
    @pytest.mark.parametrize("custody", [None, held()])
    def test_what_a_person_resumed_is_paused_again_and_owed(self, custody: Custody | None) -> None:
        intent = the_call(planned(STRICT, SATURDAY, "RUNNING", known(State.SUCCEEDED), custody=custody))
        assert (intent.due_at, intent.status_before, intent.owes_resume) == (SATURDAY, "RUNNING", True)

    def test_outside_the_windows_of_the_rule_it_is_left_running(self) -> None:
        records = known(State.SUCCEEDED, expires_at=MONDAY + 4 * HOUR)
        *_, step = planned(STRICT, MONDAY + HOUR, "RUNNING", records, custody=held())
        assert step == Release(held(), "somebody resumed it inside the window; left running")

    def test_while_that_pause_is_on_its_way_there_is_no_other(self) -> None:
        records = (known(State.SUCCEEDED), known(State.WAITING, SATURDAY))
        assert planned(STRICT, SATURDAY + HOUR, "RUNNING", *records, custody=held()) == []

    def test_what_was_left_to_a_person_by_a_hold_is_paused_again_and_not_owed(self) -> None:
        rules = rules_of(
            "{name: w, campaigns: all, enforce: true, pause: {from: Fri 17:00, until: Mon 08:00}}", HOLD % "Sat 12:00"
        )
        records = (known(State.SUCCEEDED), known(State.SKIPPED, SATURDAY_NOON))
        intent = the_call(planned(rules, SATURDAY_NOON + HOUR, "RUNNING", *records))
        assert (intent.due_at, intent.owes_resume) == (SATURDAY_NOON + HOUR, False)


SPREAD = rules_of(
    "{name: weekend, campaigns: all, resume: {over: 30m}, pause: {from: Fri 17:00, until: Mon 08:00}}",
    "{name: sunday, campaigns: all, resume: {over: 10m}, pause: {on: sun}}",
)


class TestSpread:
    @staticmethod
    def resumed(rules: Ruleset, campaign: int, now: datetime = MONDAY, account: str = "main") -> NewIntent:
        one = replace(situation(rules, now, "PAUSED", custody=held()), campaign=campaign, account=account)
        return the_call(list(plan(one)))

    def test_resumes_are_spread_over_the_longest_time_that_a_rule_of_the_span_asks_for(self) -> None:
        intents = [self.resumed(SPREAD, 1_000_000 + number) for number in range(300)]
        places = sorted((each.not_before or MONDAY) - MONDAY for each in intents)
        assert timedelta() <= places[0]
        assert places[-1] < 30 * MINUTE
        # As evenly as by lot: each tenth of the time has about a tenth of them.
        tenths = [sum(number <= place / (3 * MINUTE) < number + 1 for place in places) for number in range(10)]
        assert min(tenths) >= 15
        assert {(each.due_at, each.expires_at) for each in intents} == {(MONDAY, MONDAY + DAY)}

    def test_a_campaign_has_the_same_place_each_time_and_another_one_in_another_account(self) -> None:
        first = self.resumed(SPREAD, 7)
        assert self.resumed(SPREAD, 7, MONDAY + HOUR).not_before == first.not_before
        assert self.resumed(SPREAD, 7, account="acme").not_before != first.not_before

    def test_its_reason_says_that_it_was_asked_for(self) -> None:
        because = self.resumed(SPREAD, 7).because
        assert because == "weekend: Fri 17:00 until Mon 08:00; sunday: sun; resumes are spread over 30m"

    def test_the_next_window_is_not_reached(self) -> None:
        soon = rules_of(
            "{name: weekend, campaigns: all, resume: {over: 30m}, pause: {from: Fri 17:00, until: Mon 08:00}}",
            "{name: coffee, campaigns: all, pause: {from: Mon 08:10, until: Mon 08:20}}",
        )
        places = [self.resumed(soon, number).not_before for number in range(1, 200)]
        assert max(place for place in places if place) < MONDAY + 5 * MINUTE

    def test_without_it_they_are_due_at_once(self) -> None:
        assert self.resumed(WEEKEND, 7).not_before is None


class TestExempt:
    """`curfew resume` on Saturday noon, and `curfew skip` of the whole weekend."""

    BY_ADA = "override 1: %s, by ada (fair)"

    def test_a_resume_that_a_person_asked_for_says_so(self) -> None:
        intent = the_call(planned(LIFTED, SATURDAY_NOON + MINUTE, "PAUSED", known(State.SUCCEEDED), custody=held()))
        assert (intent.due_at, intent.rules) == (SATURDAY_NOON, ("weekend", "override 1"))
        words = self.BY_ADA % "resume campaign 1000001"
        assert intent.because == f"{words}; weekend: Fri 17:00 until Mon 08:00"

    def test_so_does_one_whose_window_was_skipped(self) -> None:
        now = SATURDAY + MINUTE
        intent = the_call(planned(SKIPPED, now, "PAUSED", known(State.SUCCEEDED), custody=held(), rules_since=SATURDAY))
        assert (intent.due_at, intent.rules) == (SATURDAY, ("weekend", "override 1"))
        assert intent.because == self.BY_ADA % "skip rule weekend"

    def test_and_one_at_the_end_of_what_is_left_where_one_of_two_rules_was_skipped(self) -> None:
        rules = rules_of(weekend(), "{name: sunday, campaigns: all, pause: {on: sat-sun}}")
        skipped = overridden(rules, [exception(OverrideKind.SKIP, FRIDAY, MONDAY, rule="weekend")], WARSAW)
        intent = the_call(planned(skipped, MONDAY, "PAUSED", known(State.SUCCEEDED), custody=held()))
        assert intent.because == f"{self.BY_ADA % 'skip rule weekend'}; sunday: sat-sun"

    def test_one_that_would_be_due_anyhow_does_not(self) -> None:
        rules = rules_of(weekend(), "{name: long, campaigns: all, pause: {from: Fri 16:00, until: Mon 08:00}}")
        skipped = overridden(rules, [exception(OverrideKind.SKIP, FRIDAY, MONDAY, rule="weekend")], WARSAW)
        intent = the_call(planned(skipped, MONDAY, "PAUSED", known(State.SUCCEEDED), custody=held()))
        assert intent.because == "long: Fri 16:00 until Mon 08:00"

    @pytest.mark.parametrize(("rules", "what"), [(LIFTED, "resume campaign 1000001"), (SKIPPED, "skip rule weekend")])
    def test_a_pause_that_waits_is_withdrawn_with_the_same_words(self, rules: Ruleset, what: str) -> None:
        step, *_ = planned(rules, SATURDAY_NOON + MINUTE, "RUNNING", known(State.WAITING))
        assert isinstance(step, Withdraw)
        assert step.reason == f"no longer wanted: {self.BY_ADA % what}"

    def test_what_one_person_wants_back_comes_at_once_though_the_rule_spreads_its_resumes(self) -> None:
        lifted = overridden(SPREAD, [exception(OverrideKind.RESUME, SATURDAY_NOON, MONDAY)], WARSAW)
        assert TestSpread.resumed(lifted, CAMPAIGN, SATURDAY_NOON + MINUTE).not_before is None

    def test_what_a_skip_gives_back_is_spread_as_its_rule_says(self) -> None:
        skipped = overridden(SPREAD, [exception(OverrideKind.SKIP, FRIDAY, MONDAY, rule="weekend")], WARSAW)
        intents = [TestSpread.resumed(skipped, number, SATURDAY) for number in range(7, 27)]
        latest = max(each.not_before for each in intents if each.not_before)
        assert SATURDAY + 20 * MINUTE < latest <= SATURDAY + 30 * MINUTE
        assert intents[0].because.endswith("; resumes are spread over 30m")


class TestHolds:
    def test_a_hold_alone_pauses_and_owes_nothing(self) -> None:
        intent = the_call(planned(ALONE, WEDNESDAY_NOON, "RUNNING"))
        assert (intent.due_at, intent.expires_at, intent.owes_resume) == (WEDNESDAY_NOON, WEDNESDAY_NOON + DAY, False)
        assert (intent.rules, intent.because) == (("stop",), "stop: Wed 12:00")

    def test_before_it_nothing_is_due(self) -> None:
        assert planned(ALONE, WEDNESDAY_NOON - TICK, "RUNNING") == []

    @pytest.mark.parametrize(
        ("late", "is_due"), [(timedelta(), True), (23 * HOUR, True), (DAY - TICK, True), (DAY, False), (2 * DAY, False)]
    )
    def test_a_hold_begins_less_than_a_day_late_or_never(self, late: timedelta, is_due: bool) -> None:
        assert bool(planned(ALONE, WEDNESDAY_NOON + late, "RUNNING")) is is_due

    @pytest.mark.parametrize("status", [*IDLE, "PAUSED"])
    def test_a_hold_with_nothing_to_pause_is_a_skip(self, status: str) -> None:
        skip = the_decision(planned(ALONE, WEDNESDAY_NOON, status))
        assert (skip.intent.due_at, skip.state) == (WEDNESDAY_NOON, State.SKIPPED)

    @pytest.mark.parametrize("state", [each for each in State if each not in {State.SIMULATED, State.MISSED}])
    def test_a_hold_is_acted_on_once_even_if_it_runs_again(self, state: State) -> None:
        assert planned(ALONE, WEDNESDAY_NOON + HOUR, "RUNNING", known(state, WEDNESDAY_NOON)) == []

    def test_one_that_was_missed_by_a_clock_that_was_ahead_is_due_again(self) -> None:
        missed = known(State.MISSED, WEDNESDAY_NOON)
        assert the_call(planned(ALONE, WEDNESDAY_NOON + HOUR, "RUNNING", missed)).due_at == WEDNESDAY_NOON

    @pytest.mark.parametrize("state", [State.MISSED, State.SKIPPED])
    def test_what_came_after_it_and_passed_without_a_daemon_does_not_stand_for_it(self, state: State) -> None:
        passed = known(state, WEDNESDAY_NOON + HOUR, expires_at=WEDNESDAY_NOON + 2 * HOUR)
        assert the_call(planned(ALONE, WEDNESDAY_NOON + 2 * HOUR, "RUNNING", passed)).due_at == WEDNESDAY_NOON

    def test_a_simulated_hold_is_due_again(self) -> None:
        simulated = known(State.SIMULATED, WEDNESDAY_NOON)
        assert the_call(planned(ALONE, WEDNESDAY_NOON, "RUNNING", simulated)).due_at == WEDNESDAY_NOON

    def test_of_several_holds_only_the_last_counts(self) -> None:
        rules = rules_of(HOLD % "Wed 12:00", "{name: again, campaigns: all, pause: {at: Wed 13:00}}")
        assert the_call(planned(rules, WEDNESDAY_NOON + 2 * HOUR, "RUNNING")).due_at == WEDNESDAY_NOON + HOUR

    def test_a_hold_at_the_start_of_a_span_is_one_with_it_and_owes_nothing(self) -> None:
        intent = the_call(planned(AT_START, SATURDAY, "RUNNING"))
        assert (intent.due_at, intent.expires_at, intent.owes_resume) == (FRIDAY, MONDAY, False)

    def test_a_span_before_its_hold_owes_a_resume(self) -> None:
        assert the_call(planned(INSIDE, FRIDAY, "RUNNING")).owes_resume

    def test_a_hold_inside_lets_go_of_what_the_span_has_paused(self) -> None:
        steps = planned(INSIDE, SATURDAY_NOON, "PAUSED", known(State.SUCCEEDED), custody=held())
        skip, release = steps
        assert isinstance(skip, Decided)
        assert (skip.intent.due_at, skip.reason) == (SATURDAY_NOON, "already paused by Curfew")
        assert release == Release(held(), "left paused for a person to resume (stop: Sat 12:00)")

    def test_a_hold_inside_pauses_again_what_a_person_resumed(self) -> None:
        intent = the_call(planned(INSIDE, SATURDAY_NOON, "RUNNING", known(State.SUCCEEDED)))
        assert (intent.due_at, intent.owes_resume) == (SATURDAY_NOON, False)

    @pytest.mark.parametrize("status", ["RUNNING", None])
    def test_a_start_after_the_hold_makes_one_call_and_says_why_not_two(self, status: str | None) -> None:
        call, skip = planned(INSIDE, SATURDAY_NOON + HOUR, status)
        assert isinstance(call, Due)
        assert (call.intent.due_at, call.intent.owes_resume) == (SATURDAY_NOON, False)
        assert isinstance(skip, Decided)
        assert (skip.intent.due_at, skip.reason) == (FRIDAY, "a hold pauses it, and leaves it so")

    def test_a_start_while_an_earlier_pause_is_under_way_makes_no_other_one(self) -> None:
        """Its call may last longer than its window; what it does is known by the next pass."""
        under_way = known(State.CALLING, FRIDAY - HOUR, expires_at=FRIDAY - MINUTE)
        skip = the_decision(planned(WEEKEND, FRIDAY, None, under_way))
        assert (skip.intent.due_at, skip.reason) == (FRIDAY, "an earlier pause of it is on its way")

    def test_a_start_after_the_hold_skips_both_where_nothing_runs(self) -> None:
        steps = planned(INSIDE, SATURDAY_NOON + HOUR, "COMPLETED")
        assert [step.reason for step in steps if isinstance(step, Decided)] == ["not running (COMPLETED)"] * 2

    def test_what_begins_to_run_after_the_hold_is_paused_and_left_so(self) -> None:
        records = (known(State.SKIPPED), known(State.SKIPPED, SATURDAY_NOON))
        intent = the_call(planned(INSIDE, SATURDAY_NOON + HOUR, "RUNNING", *records))
        assert (intent.due_at, intent.owes_resume) == (SATURDAY_NOON + HOUR, False)

    def test_a_start_a_day_after_the_hold_pauses_for_the_span_and_owes_nothing(self) -> None:
        intent = the_call(planned(INSIDE, SATURDAY_NOON + DAY, "RUNNING"))
        assert (intent.due_at, intent.owes_resume) == (FRIDAY, False)

    def test_a_late_hold_before_the_span_leaves_it_paused_as_in_time(self) -> None:
        """In time, the hold would have paused it, and the span found it paused."""
        call, skip = planned(BEFORE, FRIDAY + HOUR, "RUNNING")
        assert isinstance(call, Due)
        assert (call.intent.due_at, call.intent.owes_resume) == (FRIDAY - HOUR, False)
        assert isinstance(skip, Decided)
        assert skip.intent.due_at == FRIDAY

    def test_while_that_hold_is_on_its_way_the_span_makes_no_pause_of_its_own(self) -> None:
        """It would owe a resume, and undo the hold on Monday."""
        records = (known(State.WAITING, FRIDAY - HOUR), known(State.SKIPPED))
        assert planned(BEFORE, FRIDAY + 2 * HOUR, "RUNNING", *records) == []

    @pytest.mark.parametrize("status", ["RUNNING", None])
    @pytest.mark.parametrize("state", [State.WAITING, State.CALLING])
    def test_a_span_that_begins_while_a_hold_is_on_its_way_is_covered_by_it(
        self, state: State, status: str | None
    ) -> None:
        """Two pauses would both have success, and the span's would be given back."""
        skip = the_decision(planned(BEFORE, FRIDAY, status, known(state, FRIDAY - HOUR)))
        assert (skip.intent.due_at, skip.reason) == (FRIDAY, "a hold pauses it, and leaves it so")

    @pytest.mark.parametrize("state", [State.FAILED, State.MISSED, State.WAITING])
    def test_what_the_span_pauses_for_a_hold_that_came_to_nothing_is_left_paused_too(self, state: State) -> None:
        hold = known(state, FRIDAY - HOUR, expires_at=FRIDAY + 23 * HOUR)
        intent = the_call(planned(BEFORE, FRIDAY + DAY, "RUNNING", hold, known(State.SKIPPED)))
        assert (intent.due_at, intent.owes_resume) == (FRIDAY + DAY, False)

    def test_a_hold_that_was_over_before_the_span_began_changes_nothing_for_it(self) -> None:
        failed = known(State.FAILED, WEDNESDAY_NOON, expires_at=WEDNESDAY_NOON + DAY)
        rules = rules_of(weekend(), HOLD % "Wed 12:00")
        assert the_call(planned(rules, FRIDAY, "RUNNING", failed)).owes_resume

    def test_a_hold_outside_changes_nothing_for_the_span_after_it(self) -> None:
        done = known(State.SUCCEEDED, FRIDAY - HOUR)
        assert the_call(planned(BEFORE, FRIDAY, "RUNNING", done)).owes_resume


class TestGiveBack:
    def test_what_we_hold_is_resumed_at_the_end_of_the_span(self) -> None:
        intent = the_call(planned(WEEKEND, MONDAY, "PAUSED", known(State.SUCCEEDED), custody=held()))
        assert intent == NewIntent(
            account="main",
            campaign=CAMPAIGN,
            action=Action.RESUME,
            due_at=MONDAY,
            expires_at=MONDAY + DAY,
            rules=("weekend",),
            because="weekend: Fri 17:00 until Mon 08:00",
            status_before="PAUSED",
        )

    def test_a_resume_does_not_wait_for_a_status_that_nobody_knows(self) -> None:
        """The lane looks at the campaign before it resumes it."""
        assert the_call(planned(WEEKEND, MONDAY, None, custody=held())).status_before is None

    def test_what_we_do_not_hold_is_never_resumed(self) -> None:
        assert planned(WEEKEND, MONDAY, "PAUSED", known(State.SUCCEEDED)) == []

    def test_nothing_is_resumed_while_the_span_lasts(self) -> None:
        assert planned(WEEKEND, MONDAY - TICK, "PAUSED", known(State.SUCCEEDED), custody=held()) == []

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            ("RUNNING", "already running: somebody resumed it"),
            ("STOPPED", "not paused (STOPPED)"),
            ("COMPLETED", "not paused (COMPLETED)"),
            ("ARCHIVED", "not paused (ARCHIVED)"),
        ],
    )
    def test_what_is_not_paused_any_more_is_skipped_and_no_longer_ours(self, status: str, reason: str) -> None:
        skip, release = planned(WEEKEND, MONDAY, status, custody=held())
        assert isinstance(skip, Decided)
        assert (skip.state, skip.reason, skip.intent.action) == (State.SKIPPED, reason, Action.RESUME)
        assert release == Release(held(), reason)

    @pytest.mark.parametrize("status", IDLE)
    def test_what_somebody_has_touched_in_the_window_is_no_longer_ours(self, status: str) -> None:
        """Paused again by the window's end, it would look like our own pause."""
        skip, release = planned(WEEKEND, SATURDAY, status, known(State.SUCCEEDED), custody=held())
        assert isinstance(skip, Decided)
        assert (skip.state, skip.reason) == (State.SKIPPED, f"not paused ({status})")
        assert (skip.intent.action, skip.intent.due_at, skip.intent.owes_resume) == (Action.RESUME, SATURDAY, False)
        assert release == Release(held(), f"not paused ({status})")

    @pytest.mark.parametrize(
        ("status", "reason"),
        [*((each, f"not paused ({each})") for each in IDLE), ("RUNNING", "already running: somebody resumed it")],
    )
    def test_nor_is_what_somebody_has_touched_when_the_clock_was_put_back_to_before_its_window(
        self, status: str, reason: str
    ) -> None:
        now = FRIDAY - HOUR
        skip, release = planned(WEEKEND, now, status, known(State.SUCCEEDED), custody=held())
        assert isinstance(skip, Decided)
        assert (skip.state, skip.reason) == (State.SKIPPED, reason)
        assert (skip.intent.action, skip.intent.due_at, skip.intent.rules) == (Action.RESUME, now, ("weekend",))
        assert release == Release(held(), reason)

    @pytest.mark.parametrize("status", ["PAUSED", None])
    def test_what_nobody_was_seen_to_touch_is_held_until_its_window_has_come_and_gone(self, status: str | None) -> None:
        assert planned(WEEKEND, FRIDAY - HOUR, status, known(State.SUCCEEDED), custody=held()) == []

    @pytest.mark.parametrize("state", [State.WAITING, State.CALLING])
    @pytest.mark.parametrize("status", ["PAUSED", "RUNNING", None])
    @pytest.mark.parametrize("due_at", [MONDAY, MONDAY + HOUR])
    def test_one_debt_has_one_resume_at_a_time(self, state: State, status: str | None, due_at: datetime) -> None:
        """A second one would undo what a person did after the first."""
        on_its_way = replace(known(state, due_at, Action.RESUME), may_have_acted=True)
        steps = planned(WEEKEND, MONDAY + 2 * HOUR, status, on_its_way, custody=held())
        assert [type(step) for step in steps if state is State.CALLING or status != "RUNNING"] == []

    @pytest.mark.parametrize(
        ("status", "reason"),
        [("RUNNING", RUNS_BY_US), *((each, f"not paused ({each})") for each in IDLE)],
    )
    def test_a_resume_without_an_answer_has_worked_where_its_campaign_is_seen_to_run(
        self, status: str, reason: str
    ) -> None:
        """Tried again, it would run what a person pauses after that look."""
        waiting = known(State.WAITING, MONDAY, Action.RESUME, may_have_acted=True)
        steps = planned(WEEKEND, MONDAY + HOUR, status, waiting, custody=held())
        assert steps == [Withdraw("main", waiting, reason, status == "RUNNING"), Release(held(), reason)]

    @pytest.mark.parametrize("status", ["PAUSED", None])
    def test_a_resume_waits_on_while_nobody_else_has_acted(self, status: str | None) -> None:
        waiting = known(State.WAITING, MONDAY, Action.RESUME)
        assert planned(WEEKEND, MONDAY + HOUR, status, waiting, custody=held()) == []

    def test_a_resume_whose_time_was_over_unseen_does_not_hold_up_the_next_one(self) -> None:
        over = known(State.WAITING, MONDAY - HOUR, Action.RESUME, expires_at=MONDAY - MINUTE)
        assert (
            the_call(planned(WEEKEND, MONDAY, "PAUSED", known(State.SUCCEEDED), over, custody=held())).due_at == MONDAY
        )

    def test_a_resume_that_waits_ends_where_somebody_else_was_seen_to_act(self) -> None:
        """It would run again what that person pauses after it."""
        waiting, reason = known(State.WAITING, MONDAY, Action.RESUME), "already running: somebody resumed it"
        steps = planned(WEEKEND, MONDAY + HOUR, "RUNNING", waiting, custody=held())
        assert steps == [Withdraw("main", waiting, reason), Release(held(), reason)]

    @pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.SKIPPED, State.MISSED])
    def test_what_is_owed_though_its_resume_has_ended_is_given_back_now(self, state: State) -> None:
        """It was taken again since, withdrawn, or overtaken by a window that is gone."""
        done = known(state, MONDAY, Action.RESUME)
        intent = the_call(planned(WEEKEND, MONDAY + HOUR, "PAUSED", done, custody=held()))
        assert (intent.due_at, intent.expires_at) == (MONDAY + HOUR, MONDAY + DAY)

    def test_so_it_is_by_a_pass_at_the_very_instant_at_which_the_span_ends(self) -> None:
        """The clock was ahead, and gave it back before the end of the window, into which it was put back then."""
        early = (known(State.SUCCEEDED, MONDAY, Action.RESUME), known(State.SUCCEEDED, MONDAY - INSTANT, Action.RESUME))
        intent = the_call(planned(WEEKEND, MONDAY, "PAUSED", *early, custody=held(MONDAY - MINUTE)))
        assert (intent.due_at, intent.expires_at) == (MONDAY - 2 * INSTANT, MONDAY + DAY)

    def test_and_what_is_too_late_then_is_on_record_as_missed(self) -> None:
        early, owed = known(State.SUCCEEDED, MONDAY, Action.RESUME), held(MONDAY - MINUTE)
        decided, released = planned(WEEKEND, MONDAY + DAY, "PAUSED", early, custody=owed)
        assert isinstance(decided, Decided)
        assert (decided.state, decided.intent.due_at) == (State.MISSED, MONDAY - INSTANT)
        assert released == Release(owed, decided.reason, is_left=True)

    def test_nothing_is_given_back_before_the_window_that_it_was_paused_for(self) -> None:
        """The clock was ahead, and has been put right."""
        assert planned(WEEKEND, FRIDAY - HOUR, "PAUSED", known(State.SUCCEEDED), custody=held()) == []

    def test_a_simulated_resume_is_due_again(self) -> None:
        simulated = known(State.SIMULATED, MONDAY, Action.RESUME)
        assert the_call(planned(WEEKEND, MONDAY, "PAUSED", simulated, custody=held())).due_at == MONDAY

    @pytest.mark.parametrize(("late", "is_missed"), [(DAY - TICK, False), (DAY, True), (3 * DAY, True)])
    def test_a_resume_a_day_late_is_missed(self, late: timedelta, is_missed: bool) -> None:
        step, *more = planned(WEEKEND, MONDAY + late, "PAUSED", custody=held())
        if is_missed:
            reason = "more than 24 hours late; left paused for a person to resume"
            assert isinstance(step, Decided)
            assert (step.state, step.reason) == (State.MISSED, reason)
            assert more == [Release(held(), reason, is_left=True)]
        else:
            assert isinstance(step, Due)
            assert more == []

    def test_a_resume_is_wanted_until_the_next_window_begins(self) -> None:
        rules = rules_of(weekend(), "{name: lunch, campaigns: all, pause: {from: Mon 12:00, until: Mon 13:00}}")
        intent = the_call(planned(rules, MONDAY, "PAUSED", custody=held()))
        assert (intent.expires_at, intent.owes_resume) == (MONDAY + 4 * HOUR, True)

    def test_a_window_that_begins_when_a_resume_is_a_day_late_gives_it_back_at_its_own_end(self) -> None:
        rules = rules_of(weekend(), "{name: lunch, campaigns: all, pause: {from: Tue 08:00, until: Tue 13:00}}")
        intent = the_call(planned(rules, MONDAY, "PAUSED", custody=held()))
        assert (intent.expires_at, intent.owes_resume) == (MONDAY + DAY, True)

    def test_a_resume_that_the_next_window_overtook_follows_that_window(self) -> None:
        rules = rules_of(weekend(), "{name: lunch, campaigns: all, pause: {from: Mon 12:00, until: Mon 13:00}}")
        failed = known(State.FAILED, MONDAY, Action.RESUME)
        skipped = known(State.SKIPPED, MONDAY + 4 * HOUR)
        intent = the_call(planned(rules, MONDAY + 5 * HOUR, "PAUSED", failed, skipped, custody=held()))
        assert (intent.due_at, intent.rules) == (MONDAY + 5 * HOUR, ("lunch",))

    def test_a_week_of_downtime_resumes_by_the_last_end_only(self) -> None:
        now = MONDAY + 7 * DAY + HOUR
        intent = the_call(planned(WEEKEND, now, "PAUSED", custody=held()))
        assert (intent.due_at, intent.expires_at) == (MONDAY + 7 * DAY, MONDAY + 8 * DAY)

    def test_a_hold_at_the_end_of_the_span_leaves_it_paused(self) -> None:
        rules = rules_of(weekend(), HOLD % "Mon 08:00")
        skip, release = planned(rules, MONDAY, "PAUSED", known(State.SUCCEEDED), custody=held())
        assert isinstance(skip, Decided)
        assert isinstance(release, Release)

    def test_a_hold_while_the_daemon_was_down_leaves_it_paused(self) -> None:
        (release,) = planned(INSIDE, MONDAY + HOUR, "PAUSED", known(State.SUCCEEDED), custody=held())
        assert isinstance(release, Release)

    def test_a_hold_before_our_pause_does_not_keep_it(self) -> None:
        done = (known(State.SUCCEEDED, FRIDAY - HOUR), known(State.SUCCEEDED))
        assert the_call(planned(BEFORE, MONDAY, "PAUSED", *done, custody=held())).action is Action.RESUME


class TestRuleGone:
    def test_the_resume_is_due_from_when_the_rules_changed(self) -> None:
        intent = the_call(planned(NO_RULE, SATURDAY, "PAUSED", custody=held(), rules_since=SATURDAY - HOUR))
        assert (intent.due_at, intent.expires_at) == (SATURDAY - HOUR, SATURDAY + 23 * HOUR)
        assert (intent.rules, intent.because) == ((), "no rule keeps it paused any more")

    def test_it_is_not_due_before_we_paused_it(self) -> None:
        intent = the_call(planned(NO_RULE, SATURDAY, "PAUSED", custody=held(), rules_since=FRIDAY - DAY))
        assert intent.due_at == FRIDAY + MINUTE

    def test_it_is_planned_once(self) -> None:
        done = known(State.WAITING, SATURDAY - HOUR, Action.RESUME)
        assert planned(NO_RULE, SATURDAY, "PAUSED", done, custody=held(), rules_since=SATURDAY - HOUR) == []

    def test_more_than_a_day_later_it_is_missed(self) -> None:
        ours = held(FRIDAY - 2 * DAY)
        skip, release = planned(NO_RULE, SATURDAY, "PAUSED", custody=ours, rules_since=SATURDAY - DAY)
        assert isinstance(skip, Decided)
        assert skip.state is State.MISSED
        assert release == Release(ours, skip.reason, is_left=True)

    def test_a_rule_that_is_still_quiet_keeps_it(self) -> None:
        assert planned(WEEKEND, SATURDAY, "PAUSED", known(State.SUCCEEDED), custody=held(FRIDAY + HOUR)) == []

    def test_a_window_of_another_rule_that_ended_long_ago_does_not_make_it_late(self) -> None:
        """Until the rules changed on Sunday, the weekend kept it paused."""
        evening = rules_of("{name: evening, campaigns: all, pause: {from: Fri 17:00, until: Fri 23:00}}")
        sunday = FRIDAY + 43 * HOUR
        before = situation(evening, sunday, "PAUSED", custody=held())
        intent = the_call(list(plan(replace(before, edited_at=sunday))))
        assert (intent.due_at, intent.expires_at) == (sunday, sunday + DAY)
        step, *_ = plan(before)
        assert isinstance(step, Decided)
        assert step.state is State.MISSED

    @pytest.mark.parametrize(("late", "is_missed"), [(DAY - TICK, False), (DAY, True)])
    def test_where_they_changed_while_no_daemon_ran_it_was_due_at_the_end_that_it_was_paused_until(
        self, late: timedelta, is_missed: bool
    ) -> None:
        now = MONDAY + late
        step, *_ = planned(NO_RULE, now, "PAUSED", custody=held(), rules_since=now)
        assert isinstance(step, Decided if is_missed else Due)
        assert step.intent.due_at == MONDAY


class TestNewRule:
    """Rules that were added, or changed, while a campaign was paused for another one."""

    NOON = SATURDAY_NOON
    HOLD = rules_of(weekend(), "{name: stop, campaigns: all, catch_up: 2h, pause: {at: Sat 12:00}}")
    WINDOW = rules_of(
        weekend(), "{name: stop, campaigns: all, resume: false, pause: {on: sat, from: '12:00', until: '14:00'}}"
    )

    @pytest.mark.parametrize("rules", [HOLD, WINDOW])
    @pytest.mark.parametrize(("since", "is_resumed"), [(2 * HOUR - TICK, False), (2 * HOUR, True)])
    def test_what_was_over_when_it_came_into_force_does_not_leave_it_paused(
        self, rules: Ruleset, since: timedelta, is_resumed: bool
    ) -> None:
        before = situation(rules, MONDAY, "PAUSED", known(State.SUCCEEDED), custody=held())
        steps = list(plan(replace(before, in_force={"stop": self.NOON + since, "weekend": FRIDAY})))
        assert [type(step) for step in steps] == [Due if is_resumed else Release]

    def test_nor_does_it_keep_from_being_owed_what_begins_to_run_after_it(self) -> None:
        before = situation(self.HOLD, self.NOON + 3 * HOUR, "RUNNING", known(State.SKIPPED))
        assert not the_call(list(plan(before))).owes_resume
        assert the_call(list(plan(replace(before, in_force={"stop": self.NOON + 3 * HOUR})))).owes_resume


class TestWithdraw:
    """A restart may find changes in the queue that other rules had made."""

    @pytest.mark.parametrize("status", ["RUNNING", "PAUSED", None])
    def test_a_waiting_pause_of_a_window_that_is_gone_is_withdrawn(self, status: str | None) -> None:
        waiting = known(State.WAITING)
        (step,) = planned(NO_RULE, SATURDAY, status, waiting)
        assert step == Withdraw("main", waiting, "no longer wanted: the rules have changed")

    def test_a_waiting_resume_inside_a_new_window_is_withdrawn(self) -> None:
        waiting = known(State.WAITING, FRIDAY - HOUR, Action.RESUME)
        steps = planned(WEEKEND, SATURDAY, "PAUSED", waiting, known(State.SKIPPED), custody=held(FRIDAY - DAY))
        assert [type(step) for step in steps] == [Withdraw]

    def test_a_waiting_resume_of_what_we_do_not_hold_is_withdrawn(self) -> None:
        waiting = known(State.WAITING, MONDAY, Action.RESUME)
        assert planned(WEEKEND, MONDAY + HOUR, "PAUSED", waiting) == [
            Withdraw("main", waiting, "it isn't in our custody any more")
        ]

    def test_a_waiting_resume_does_not_undo_a_hold(self) -> None:
        rules = rules_of(weekend(), HOLD % "Mon 09:00")
        waiting = known(State.WAITING, MONDAY, Action.RESUME)
        steps = planned(rules, MONDAY + HOUR, "PAUSED", known(State.SUCCEEDED), waiting, custody=held())
        reason = "left paused for a person to resume (stop: Mon 09:00)"
        assert steps[0] == Withdraw("main", waiting, reason)
        assert steps[-1] == Release(held(), reason)
        assert not any(isinstance(step, Due) for step in steps)

    def test_a_waiting_resume_is_withdrawn_when_the_clock_is_put_back_before_the_window(self) -> None:
        waiting = known(State.WAITING, MONDAY, Action.RESUME)
        (step,) = planned(WEEKEND, FRIDAY - HOUR, "PAUSED", known(State.SUCCEEDED), waiting, custody=held())
        assert isinstance(step, Withdraw)

    def test_a_resume_is_not_sent_into_a_window_that_a_pause_is_due_in(self) -> None:
        waiting = known(State.WAITING, FRIDAY - HOUR, Action.RESUME)
        withdrawn, skip = planned(WEEKEND, SATURDAY, "PAUSED", waiting, custody=held(FRIDAY - DAY))
        assert isinstance(withdrawn, Withdraw)
        assert isinstance(skip, Decided)

    @pytest.mark.parametrize("state", [each for each in State if each is not State.WAITING])
    def test_only_what_waits_is_withdrawn(self, state: State) -> None:
        """A call under way has to be answered, and what has ended has ended."""
        assert planned(NO_RULE, SATURDAY, "RUNNING", known(state)) == []

    def test_what_has_expired_is_left_to_its_lane(self) -> None:
        assert planned(NO_RULE, SATURDAY, "RUNNING", known(State.WAITING, expires_at=SATURDAY)) == []

    def test_the_pause_of_a_hold_outside_of_windows_is_wanted(self) -> None:
        assert planned(ALONE, WEDNESDAY_NOON + HOUR, "RUNNING", known(State.WAITING, WEDNESDAY_NOON)) == []

    def test_the_pause_of_a_hold_that_is_gone_is_withdrawn(self) -> None:
        (step,) = planned(NO_RULE, WEDNESDAY_NOON + HOUR, "RUNNING", known(State.WAITING, WEDNESDAY_NOON))
        assert isinstance(step, Withdraw)

    def test_a_withdrawn_pause_is_due_again_when_its_window_comes_back(self) -> None:
        assert the_call(planned(WEEKEND, SATURDAY, "RUNNING", known(State.SKIPPED))).due_at == SATURDAY


class TestLeftPaused:
    """Rules with `resume: false`: the weekend itself, and an hour on Sunday that is a part of it."""

    WEEKEND = rules_of("{name: weekend, campaigns: all, resume: false, pause: {from: Fri 17:00, until: Mon 08:00}}")
    SUNDAY = "{name: sunday, campaigns: all, resume: false, pause: {from: Sun 12:00, until: Sun 13:00}}"
    JOINED = rules_of(weekend(), SUNDAY)
    SUNDAY_NOON = SATURDAY_NOON + DAY
    REASON = "left paused for a person to resume (sunday: Sun 12:00 until Sun 13:00)"

    @pytest.mark.parametrize("now", [FRIDAY, SATURDAY, MONDAY - TICK])
    def test_its_pause_owes_no_resume(self, now: datetime) -> None:
        intent = the_call(planned(self.WEEKEND, now, "RUNNING"))
        assert (intent.due_at, intent.expires_at, intent.owes_resume) == (FRIDAY, MONDAY, False)

    @pytest.mark.parametrize("now", [SATURDAY, MONDAY, MONDAY + HOUR])
    def test_after_it_nothing_is_given_back(self, now: datetime) -> None:
        assert planned(self.WEEKEND, now, "PAUSED", known(State.SUCCEEDED)) == []

    def test_what_a_person_resumes_inside_is_left_running_and_that_is_told_once(self) -> None:
        decided = the_decision(planned(self.WEEKEND, SATURDAY, "RUNNING", known(State.SUCCEEDED)))
        assert (decided.intent.action, decided.state) == (Action.RESUME, State.SKIPPED)
        assert decided.reason == "somebody resumed it inside the window; left running"
        records = known(State.SUCCEEDED), known(State.SKIPPED, SATURDAY, Action.RESUME)
        assert planned(self.WEEKEND, SATURDAY + HOUR, "RUNNING", *records) == []

    def test_before_such_a_window_joins_the_span_owes_a_resume(self) -> None:
        assert the_call(planned(self.JOINED, self.SUNDAY_NOON - TICK, "RUNNING")).owes_resume

    def test_when_it_joins_what_the_span_has_paused_is_let_go(self) -> None:
        steps = planned(self.JOINED, self.SUNDAY_NOON, "PAUSED", known(State.SUCCEEDED), custody=held())
        assert steps == [Release(held(), self.REASON)]

    @pytest.mark.parametrize("now", [SUNDAY_NOON, SUNDAY_NOON + HOUR, MONDAY - TICK])
    @pytest.mark.parametrize("records", [(), (known(State.SKIPPED),)])
    def test_from_then_on_the_whole_span_owes_nothing(self, now: datetime, records: tuple[Known, ...]) -> None:
        """Whether it runs since the beginning, or only now."""
        assert not the_call(planned(self.JOINED, now, "RUNNING", *records)).owes_resume

    @pytest.mark.parametrize("now", [MONDAY, MONDAY + HOUR, MONDAY + 2 * DAY])
    def test_a_daemon_that_was_not_there_when_it_joined_lets_go_later(self, now: datetime) -> None:
        assert planned(self.JOINED, now, "PAUSED", known(State.SUCCEEDED), custody=held()) == [
            Release(held(), self.REASON)
        ]

    def test_a_resume_that_waits_is_withdrawn(self) -> None:
        waiting = known(State.WAITING, MONDAY, Action.RESUME)
        steps = planned(self.JOINED, MONDAY + HOUR, "PAUSED", known(State.SUCCEEDED), waiting, custody=held())
        assert steps == [Withdraw("main", waiting, self.REASON), Release(held(), self.REASON)]

    def test_one_that_touches_the_beginning_leaves_all_of_it_paused(self) -> None:
        before = "{name: before, campaigns: all, resume: false, pause: {from: Fri 16:00, until: Fri 17:00}}"
        intent = the_call(planned(rules_of(weekend(), before), SATURDAY, "RUNNING"))
        assert (intent.due_at, intent.owes_resume) == (FRIDAY - HOUR, False)

    def test_one_that_has_ended_before_the_span_began_keeps_nothing(self) -> None:
        before = "{name: before, campaigns: all, resume: false, pause: {from: Fri 15:00, until: Fri 16:59}}"
        rules = rules_of(weekend(), before)
        assert the_call(planned(rules, SATURDAY, "RUNNING")).owes_resume
        assert (
            the_call(planned(rules, MONDAY, "PAUSED", known(State.SUCCEEDED), custody=held())).action is Action.RESUME
        )

    def test_what_is_still_owed_from_before_it_is_let_go_when_it_begins(self) -> None:
        ours = held(FRIDAY - 2 * HOUR)
        skip, release = planned(self.WEEKEND, FRIDAY, "PAUSED", custody=ours)
        assert isinstance(skip, Decided)
        assert (skip.state, skip.reason) == (State.SKIPPED, "already paused by Curfew")
        assert isinstance(release, Release)


class TestMoved:
    """It was paused on Friday for the rules of its folder, and is moved to one with other rules."""

    WINDOW = "{name: window, campaigns: all, resume: false, pause: {on: sat, from: '10:00', until: '11:00'}}"
    RULES = (rules_of(WINDOW), rules_of(HOLD % "Sat 11:00"))
    NOON = SATURDAY_NOON

    @pytest.mark.parametrize("rules", RULES)
    @pytest.mark.parametrize("status", ["PAUSED", None])
    def test_what_these_asked_before_does_not_keep_it_paused(self, rules: Ruleset, status: str | None) -> None:
        before = situation(rules, self.NOON, status, known(State.SUCCEEDED), custody=held())
        steps = list(plan(replace(before, moved_at=self.NOON)))
        calls = [step.intent for step in steps if isinstance(step, Due)]
        assert [(intent.action, intent.due_at) for intent in calls] == [(Action.RESUME, self.NOON)]
        decided = [(step.state, step.reason) for step in steps if isinstance(step, Decided)]
        assert decided == [(State.SKIPPED, "its rule wasn't for this campaign yet")] * (rules is self.RULES[1])

    @pytest.mark.parametrize("rules", RULES)
    def test_what_they_ask_after_it_does(self, rules: Ruleset) -> None:
        before = situation(rules, self.NOON, "PAUSED", known(State.SUCCEEDED), custody=held())
        steps = list(plan(replace(before, moved_at=self.NOON - 3 * HOUR)))
        assert [type(step) for step in steps if not isinstance(step, Decided)] == [Release]

    def test_one_that_runs_is_paused_by_a_hold_that_is_not_too_late(self) -> None:
        before = situation(self.RULES[1], self.NOON, "RUNNING")
        assert the_call(list(plan(replace(before, moved_at=self.NOON)))).due_at == self.NOON - HOUR


class TestCatchUp:
    QUICK = "{name: quick, campaigns: all, catch_up: 30m, pause: {at: Wed 12:00}}"
    PATIENT = "{name: patient, campaigns: all, catch_up: 48h, pause: {at: Wed 12:00}}"

    @pytest.mark.parametrize(
        ("rule", "late", "is_due"),
        [
            (QUICK, timedelta(), True),
            (QUICK, 29 * MINUTE, True),
            (QUICK, 30 * MINUTE - TICK, True),
            (QUICK, 30 * MINUTE, False),
            (QUICK, 31 * MINUTE, False),
            (QUICK, 23 * HOUR, False),
            (PATIENT, 47 * HOUR, True),
            (PATIENT, 48 * HOUR - TICK, True),
            (PATIENT, 48 * HOUR, False),
        ],
    )
    def test_a_hold_is_acted_on_as_late_as_its_rule_says(self, rule: str, late: timedelta, is_due: bool) -> None:
        steps = planned(rules_of(rule), WEDNESDAY_NOON + late, "RUNNING")
        assert [step.intent.due_at for step in steps if isinstance(step, Due)] == [WEDNESDAY_NOON] * is_due
        assert len(steps) == is_due

    @pytest.mark.parametrize(("rule", "lasts"), [(QUICK, 30 * MINUTE), (PATIENT, 48 * HOUR)])
    def test_its_pause_expires_then(self, rule: str, lasts: timedelta) -> None:
        assert the_call(planned(rules_of(rule), WEDNESDAY_NOON, "RUNNING")).expires_at == WEDNESDAY_NOON + lasts

    def test_one_that_came_too_late_does_not_hide_an_earlier_one_that_has_more_time(self) -> None:
        rules = rules_of(self.PATIENT, self.QUICK.replace("12:00", "13:00"))
        assert the_call(planned(rules, WEDNESDAY_NOON + 2 * HOUR, "RUNNING")).due_at == WEDNESDAY_NOON

    def test_one_that_was_acted_on_stands_for_those_before_it(self) -> None:
        rules = rules_of(self.PATIENT, self.QUICK.replace("12:00", "13:00"))
        done = known(State.SUCCEEDED, WEDNESDAY_NOON + HOUR)
        assert planned(rules, WEDNESDAY_NOON + 2 * HOUR, "RUNNING", done) == []

    def test_a_window_needs_none_however_late_it_is(self) -> None:
        rules = rules_of(weekend().replace("campaigns", "catch_up: 1m, campaigns"))
        assert the_call(planned(rules, MONDAY - MINUTE, "RUNNING")).due_at == FRIDAY


class TestAlwaysQuiet:
    ALWAYS = rules_of("{name: never, campaigns: all, pause: {on: daily}}")
    NEW_YEAR = FRIDAY.replace(year=2027, month=1, day=1, hour=0)
    TIMES = (SATURDAY, NEW_YEAR - TICK, NEW_YEAR, NEW_YEAR + DAY, NEW_YEAR.replace(year=2028) + HOUR)

    @pytest.mark.parametrize("now", TIMES)
    def test_its_pause_is_due_now_since_no_beginning_is_in_sight(self, now: datetime) -> None:
        intent = the_call(planned(self.ALWAYS, now, "RUNNING"))
        assert intent.due_at == now
        assert intent.expires_at > now + 365 * DAY

    def test_what_does_not_run_is_skipped_now(self) -> None:
        skip = the_decision(planned(self.ALWAYS, SATURDAY, "COMPLETED"))
        assert (skip.intent.due_at, skip.reason) == (SATURDAY, "not running (COMPLETED)")

    @pytest.mark.parametrize("now", TIMES)
    def test_it_is_paused_once_for_all_years(self, now: datetime) -> None:
        done = known(State.SUCCEEDED, FRIDAY, expires_at=FRIDAY.replace(year=2029))
        assert planned(self.ALWAYS, now, "PAUSED", done, custody=held()) == []

    @pytest.mark.parametrize("now", TIMES)
    def test_what_a_person_resumed_is_left_running_at_new_year_too(self, now: datetime) -> None:
        done = known(State.SUCCEEDED, FRIDAY, expires_at=FRIDAY.replace(year=2029))
        assert planned(self.ALWAYS, now, "RUNNING", done) == []

    @pytest.mark.parametrize("years", [3, 10])
    def test_and_however_long_ago_that_was(self, years: int) -> None:
        done = known(State.SUCCEEDED, FRIDAY, expires_at=FRIDAY.replace(year=2029))
        assert planned(self.ALWAYS, FRIDAY + years * 365 * DAY, "RUNNING", done) == []

    def test_a_hold_that_a_person_has_ended_before_is_none_of_its_pauses(self) -> None:
        done = known(State.SUCCEEDED, FRIDAY - 30 * DAY, expires_at=FRIDAY - 29 * DAY)
        assert the_call(planned(self.ALWAYS, FRIDAY, "RUNNING", done)).due_at == FRIDAY


@pytest.mark.parametrize(
    ("status", "is_ours", "reason"),
    [
        (None, False, None),
        ("RUNNING", True, None),
        ("PAUSED", False, "already paused"),
        ("PAUSED", True, "already paused by Curfew"),
        ("STOPPED", True, "not running (STOPPED)"),
    ],
)
def test_why_a_campaign_need_not_be_paused(status: str | None, is_ours: bool, reason: str | None) -> None:
    assert why_not_pause(status, is_ours=is_ours) == reason


@pytest.mark.parametrize("status", ["PAUSED", "RUNNING", None])
def test_bounce_shield_keeps_a_campaign_whatever_its_status(status: str | None) -> None:
    reason = why_not_resume(status, bounce_shield_at="2026-11-28 10:00:00")
    assert reason == "Bounce Shield stopped it (2026-11-28 10:00:00); a person must look at it first"


@pytest.mark.parametrize(
    ("text", "is_stop"),
    [
        ("2026-11-27T16:00:00Z", True),
        ("2026-11-27 16:00:00", True),
        ("2026-11-27T17:00:00.5+01:00", True),
        ("2026-11-28", True),
        ("2026-11-27", True),
        ("yesterday", True),
        ("2026-11-27T15:59:59Z", False),
        ("2026-11-27 15:59:59", False),
        ("2026-11-27T16:59:59+01:00", False),
        ("2025-03-01T10:00:00Z", False),
        ("", False),
        (" ", False),
    ],
)
def test_bounce_shield_counts_from_our_pause_on_and_where_nobody_can_tell_when_it_was(text: str, is_stop: bool) -> None:
    since = FRIDAY + timedelta(milliseconds=500)
    assert (why_not_resume("PAUSED", bounce_shield_at=text, paused_since=since) is not None) is is_stop


# Laws, for any rules, records and instants.

LAW = settings(max_examples=200, deadline=None, derandomize=True)

_RULESETS = [
    WEEKEND,
    NO_RULE,
    AT_START,
    INSIDE,
    ALONE,
    BEFORE,
    PAUSED_ANEW,
    LIFTED,
    SKIPPED,
    rules_of(
        weekend(),
        HOLD % "Sat 12:00",
        "{name: nights, campaigns: all, pause: {on: daily, from: '22:00', until: '06:00'}}",
    ),
    rules_of("{name: nights, campaigns: all, pause: {on: daily, from: '18:00', until: '17:00'}}"),
]
_INSTANTS = st.one_of(
    st.sampled_from([FRIDAY, MONDAY, SATURDAY_NOON, WEDNESDAY_NOON, FRIDAY - HOUR, MONDAY + DAY, SATURDAY_NOON + DAY]),
    st.integers(-5 * 24 * 60, 8 * 24 * 60).map(lambda minutes: FRIDAY + minutes * MINUTE),
)
_STATUSES = st.sampled_from(["RUNNING", "RUNNING", "PAUSED", "PAUSED", "COMPLETED", "STOPPED", None])
_ENDED = [each for each in State if each is not State.SIMULATED]


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Any situation, also those that the daemon can't come into; what is simulated stays due by design."""
    rules, now = draw(st.sampled_from(_RULESETS)), draw(_INSTANTS)
    earlier = _INSTANTS.filter(lambda at: at <= now) if now > FRIDAY - 5 * DAY else st.just(now)
    keys = draw(st.lists(st.tuples(earlier, st.sampled_from(Action)), unique=True, max_size=4))
    records = [
        known(
            (state := draw(st.sampled_from(_ENDED))),
            at,
            action,
            may_have_acted=draw(st.booleans()),
            unconfirmed_after=draw(st.integers(0, MOST_ANSWERS + 1))
            if state is State.SUCCEEDED and action is Action.PAUSE
            else 0,
        )
        for at, action in sorted(keys)
    ]
    custody = held(draw(earlier) - MINUTE) if draw(st.booleans()) else None
    since = draw(earlier)
    found = situation(rules, now, draw(_STATUSES), *records, custody=custody, rules_since=since)
    return replace(found, moved_at=draw(st.none() | earlier))


def _key(intent: NewIntent) -> tuple[Action, datetime]:
    return intent.action, intent.due_at


def recorded(intent: NewIntent, state: State) -> Known:
    return known(state, intent.due_at, intent.action, intent.expires_at)


def after(before: Situation, steps: Sequence[Step], *, are_answered: bool) -> Situation:
    """The situation at the same instant, with the steps in the ledger, and either called with success or waiting."""
    records = {(each.action, each.due_at): each for each in before.known}
    status, custody = before.status, before.custody
    for step in steps:
        match step:
            case Release():
                custody = None
            case Again(_, futile, _):
                # What it does is what comes of its call, and whether that's seen is for the next list.
                state = State.SUCCEEDED if are_answered else State.WAITING
                records[futile.action, futile.due_at] = replace(futile, state=state, is_unconfirmed=False)
                status = "PAUSED" if are_answered else status
            case GiveUp(_, futile, _):
                records[futile.action, futile.due_at] = replace(futile, state=State.FAILED, is_unconfirmed=False)
            case Withdraw(_, gone, _, is_success):
                records[gone.action, gone.due_at] = replace(
                    gone, state=State.SUCCEEDED if is_success else State.SKIPPED
                )
            case StillPaused(_, ended):
                records[ended.action, ended.due_at] = replace(ended, may_have_acted=False)
            case Decided(intent, state, _):
                records.setdefault((intent.action, intent.due_at), recorded(intent, state))
            case Due(intent):
                state = State.SUCCEEDED if are_answered else State.WAITING
                is_void = getattr(records.get(_key(intent)), "state", State.MISSED) is State.MISSED
                # What is due takes the place of what was missed.
                records |= {_key(intent): recorded(intent, state)} if is_void else {}
                if not are_answered:
                    continue
                was_running = status == "RUNNING"
                status = "PAUSED" if intent.action is Action.PAUSE else "RUNNING"
                if intent.action is Action.RESUME:
                    custody = None
                elif intent.owes_resume and was_running:
                    custody = replace(held(intent.due_at), taken_at=before.now)
    ordered = sorted(records.values(), key=lambda each: each.due_at)
    return replace(before, status=status, custody=custody, known=ordered)


@given(situations())
@LAW
def test_a_resume_is_planned_only_for_what_we_hold_and_outside_of_spans_and_holds(before: Situation) -> None:
    for step in plan(before):
        if isinstance(step, Due) and step.intent.action is Action.RESUME:
            event("resume")
            assert before.custody is not None
            assert before.timeline.span_at(before.now) is None
            assert before.custody.due_at <= before.now
            since = max(before.custody.due_at, before.moved_at or before.custody.due_at)
            assert not before.timeline.holds(since, before.now + TICK)
            # One whose time is over is ended by its lane.
            lasting = [each for each in before.known if each.state is State.CALLING or before.now < each.expires_at]
            assert not any(
                each.action is Action.RESUME and each.state in {State.WAITING, State.CALLING} for each in lasting
            )
            assert before.status in {"PAUSED", None}


@given(situations())
@LAW
def test_one_pass_makes_at_most_one_call_for_a_campaign(before: Situation) -> None:
    """Never two pauses, nor a pause and a resume."""
    calls = [step for step in plan(before) if isinstance(step, Due | Again)]
    event(f"calls: {len(calls)}")
    assert len(calls) <= 1


@given(st.data())
@LAW
def test_what_runs_in_a_span_is_paused_unless_a_record_says_why_not(data: st.DataObject) -> None:
    """Quiet when in doubt: what stops another is one on its way, or with success, or that was refused just now."""
    inside = st.integers(0, 62 * 60).map(lambda minutes: FRIDAY + minutes * MINUTE)
    rules = data.draw(st.sampled_from([WEEKEND, AT_START, INSIDE, BEFORE, PAUSED_ANEW]))
    now = data.draw(inside)
    # A pause of this very instant would have the key of the new one.
    times = data.draw(st.lists(inside.filter(lambda at: at < now), unique=True, max_size=3)) if now > FRIDAY else []
    states = st.sampled_from([State.FAILED, State.SKIPPED, State.MISSED])
    records = [known(data.draw(states), at) for at in sorted(times)]
    refused = [each.due_at for each in records if each.state is State.FAILED]
    assume(not refused or refused[-1] + FIRST_WAIT * 2 ** (len(refused) - 1) <= now)
    steps = planned(rules, now, "RUNNING", *records, custody=data.draw(st.sampled_from([None, held()])))
    assert [step.intent.action for step in steps if isinstance(step, Due)] == [Action.PAUSE]


@given(situations(), st.booleans())
@LAW
def test_planning_again_at_the_same_instant_finds_nothing_to_do(before: Situation, are_answered: bool) -> None:
    steps = list(plan(before))
    event(f"steps: {len(steps)}")
    again = after(before, steps, are_answered=are_answered)
    on_record = {(each.action, each.due_at) for each in again.known}
    # The ledger takes each key once; a pause that failed at this very instant is tried again at the next.
    more = [step for step in plan(again) if not (isinstance(step, Due | Decided) and _key(step.intent) in on_record)]
    # What another pause waited to do has been done, and what ran since nobody knows when is paused.
    assert [step for step in more if not (are_answered and isinstance(step, Withdraw | StillPaused))] == []


@given(situations())
@LAW
def test_every_step_is_wanted_now(before: Situation) -> None:
    """No call is due in the future or has expired, and every one says why."""
    for step in plan(before):
        if isinstance(step, Release):
            assert step.custody == before.custody
            continue
        if isinstance(step, StillPaused):
            assert before.status == "PAUSED"
            continue
        if isinstance(step, Withdraw | Again | GiveUp):
            assert step.known in before.known
            assert before.now < step.known.expires_at
            continue
        assert step.intent.due_at <= before.now
        assert step.intent.because
        if isinstance(step, Due):
            assert step.intent.expires_at > before.now
