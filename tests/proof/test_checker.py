"""The checker finds each kind of broken promise in a small history that was made by hand, and nothing in good ones."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.proof.checker import LAWS, check
from tests.proof.history import PAUSED, RUNNING, Plan
from tests.proof.stories import ONE, TWO, Story, at, quiet

WINDOW = quiet(10, 20)


def a_good_run() -> Story:
    """A window comes and goes, and all is given back."""
    story = Story(WINDOW)
    story.call("list", 0)
    story.pause(10, 20)
    story.call("list", 11)
    story.call("list", 20)
    story.call("get", 20.1)
    story.resume(20.2, 40)
    return story.settle(30)


def broken(story: Story, **more: object) -> set[str]:
    """The laws that were broken."""
    return {each.law for each in check(story.history(**more)).violations}


def test_a_good_run_breaks_no_law_and_has_its_figures() -> None:
    verdict = check(a_good_run().history())
    assert verdict.violations == ()
    assert (verdict.figures.due, verdict.figures.lost, verdict.figures.calls) == (2, 0, 2)


def no_row_for_a_window_that_all_had_settled_in() -> Story:
    return Story(WINDOW).settle(15)


def no_row_for_a_window_but_for_a_later_one() -> Story:
    story = Story(WINDOW, quiet(30, 40))
    story.steps.append((at(2), timedelta(minutes=-1)))
    story.settle(15)
    story.pause(31, 40)
    return story.settle(35)


def no_row_for_a_window_that_has_passed() -> Story:
    story = Story(WINDOW)
    story.call("list", 25)
    return story.settle(30)


def no_row_for_a_window_that_the_clock_has_jumped_over() -> Story:
    story = Story(WINDOW)
    story.steps.append((at(5), timedelta(minutes=30)))
    story.call("list", 6)
    return story.settle(7)


def two_pauses_and_no_resume_between_them() -> Story:
    story = Story(WINDOW, quiet(30, 40))
    story.pause(10, 20)
    story.owes(story.pause(30, 40))
    return story.settle(35)


def a_pause_that_waits_at_the_end() -> Story:
    story = Story(WINDOW)
    story.person(5, PAUSED)
    story.intent("pause", 10, 20)
    return story.settle(15)


def an_attempt_that_is_under_way_at_the_end() -> Story:
    story = Story(WINDOW)
    pause = story.intent("pause", 10, 20)
    story.attempt(pause, 10, None)
    story.call("pause", 10)
    story.change(pause, state="succeeded", decided_at=at(11))
    return story.settle(15)


def a_success_after_a_failed_attempt() -> Story:
    story = a_good_run()
    story.change(story.intents[0], state="failed", reason="no")
    return story


def an_attempt_after_a_final_one() -> Story:
    story = Story(WINDOW)
    pause = story.intent("pause", 10, 20)
    story.call("pause", 10, status=409, acts=False)
    story.attempt(pause, 10, "failed", 409)
    story.call("pause", 11)
    story.attempt(pause, 11, "succeeded", 200)
    return story.settle(15)


def an_attempt_that_is_missing() -> Story:
    story = a_good_run()
    story.change(story.intents[0], attempts=2)
    return story


def a_skip_without_a_reason() -> Story:
    story = Story(WINDOW)
    story.person(5, PAUSED)
    story.intent("pause", 10, 20, state="skipped", decided_at=at(10))
    return story.settle(15)


def custody_after_the_window() -> Story:
    story = a_good_run()
    story.owes(story.intents[0])
    return story


def a_row_for_a_pause_outside_of_any_window() -> Story:
    story = a_good_run()
    story.intent("pause", 25, 40, state="skipped", reason="already paused", decided_at=at(25))
    return story


def a_call_without_an_attempt() -> Story:
    story = Story(WINDOW)
    story.call("pause", 10)
    story.intent("pause", 10, 20, state="skipped", reason="already paused", decided_at=at(12))
    return story.settle(15)


def a_call_whose_answer_is_recorded_as_another() -> Story:
    story = Story(WINDOW)
    pause = story.intent("pause", 10, 20)
    story.call("pause", 10)
    story.attempt(pause, 10, "failed", 404)
    return story.settle(15)


def an_answer_that_was_taken_for_none() -> Story:
    story = Story(WINDOW)
    pause = story.intent("pause", 10, 20)
    story.call("pause", 10)
    story.attempt(pause, 10, "retried")
    story.call("pause", 11)
    story.attempt(pause, 11, "succeeded", 200)
    return story.settle(15)


def a_call_that_is_sent_again_after_its_answer() -> Story:
    story = Story(WINDOW)
    pause = story.pause(10, 20)
    story.call("pause", 11)
    story.attempt(pause, 11, "succeeded", 200)
    return story.settle(15)


def two_calls_at_a_time() -> Story:
    story = a_good_run()
    story.call("list", 25, seconds=5)
    story.call("get", 25.05)
    return story


def a_pause_outside_of_any_window() -> Story:
    story = Story(WINDOW)
    story.pause(5, 20)
    return story.settle(15)


def a_pause_outside_of_any_window_half_a_minute_after_the_clock_was_set() -> Story:
    story = Story(WINDOW)
    story.steps.append((at(4.5), timedelta(seconds=10)))
    story.pause(5, 20)
    return story.settle(15)


def a_resume_inside_the_window() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    story.resume(15, 40)
    return story.settle(30)


def a_resume_of_what_a_person_had_paused() -> Story:
    story = Story(WINDOW)
    story.person(5, PAUSED)
    story.call("list", 10)
    story.intent("pause", 10, 20, state="skipped", reason="already paused", decided_at=at(10))
    story.resume(20, 40)
    return story.settle(30)


def a_resume_of_what_a_person_was_seen_to_have_resumed_and_paused() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    story.person(12, RUNNING)
    story.call("list", 13)
    story.person(14, PAUSED)
    story.call("list", 15)
    story.resume(20, 40)
    return story.settle(30)


def a_start_of_a_draft() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    story.person(12, "DRAFT")
    story.call("get", 20)
    story.resume(20.5, 40)
    return story.settle(30)


def a_resume_of_what_bounce_shield_had_stopped() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    story.person(12, PAUSED, is_shield=True)
    story.call("get", 20)
    story.resume(20.5, 40)
    return story.settle(30)


def a_resume_after_a_hold() -> Story:
    story = Story(WINDOW, holds=[15])
    story.pause(10, 20)
    story.resume(20, 40)
    return story.settle(30)


def a_resume_where_the_rule_says_none() -> Story:
    story = Story(quiet(10, 20, is_given_back=False))
    story.pause(10, 20)
    story.resume(20, 40)
    return story.settle(30)


def a_pause_of_what_a_person_had_resumed() -> Story:
    story = Story(WINDOW)
    story.change(story.pause(10, 20), confirmed_at=at(11))
    story.call("list", 11)
    story.call("list", 12)
    story.person(13, RUNNING)
    story.owes(story.pause(14, 20))
    return story.settle(15)


def a_pause_of_what_a_person_had_resumed_after_a_clock_was_put_back() -> Story:
    story = Story(WINDOW)
    story.change(story.pause(10, 20), confirmed_at=at(11))
    story.call("list", 11)
    story.resume(20, 40)
    story.steps.append((at(21), timedelta(minutes=-10)))
    second = story.intent("pause", 11, 20, confirmed_at=at(12))
    story.call("pause", 21.1)
    story.attempt(second, 11.1, "succeeded", 200)
    story.call("list", 22)
    story.call("list", 23)
    story.person(24, RUNNING)
    third = story.intent("pause", 14.5, 20)
    story.call("pause", 24.5)
    story.attempt(third, 14.5, "succeeded", 200)
    story.owes(third)
    return story.settle(25)


def a_pause_of_what_a_person_had_resumed_after_our_own_resume_had_not_arrived() -> Story:
    story = Story(WINDOW)
    story.rules(20.2, Plan(spans={ONE: [quiet(10, 40)]}))
    story.change(story.pause(10, 20), confirmed_at=at(11))
    story.call("list", 11)
    story.call("list", 12)
    resume = story.intent("resume", 20, 60)
    story.call("run", 20, status=None, fault="drop_before", acts=False)
    story.attempt(resume, 20, "retried")
    story.change(resume, state="skipped", reason="a quiet window has begun", decided_at=at(21))
    story.call("list", 21)
    story.call("list", 22)
    story.person(23, RUNNING)
    story.owes(story.pause(24, 40))
    return story.settle(25)


def running_inside_a_window() -> Story:
    story = Story(WINDOW)
    story.intent("pause", 10, 20, state="failed", reason="no idea", decided_at=at(11))
    return story.settle(15)


def running_after_a_failure_that_came_after_a_step_of_the_clock() -> Story:
    story = Story(WINDOW)
    story.steps.append((at(2), timedelta(minutes=-1)))
    pause = story.intent("pause", 10, 20)
    story.call("pause", 11, status=500, acts=False)
    story.attempt(pause, 10, "retried", 500)
    story.change(pause, state="failed", reason="given up", decided_at=at(11))
    return story.settle(15)


def running_where_it_is_enforced() -> Story:
    story = Story(quiet(10, 20, is_enforced=True))
    story.pause(10, 20)
    story.person(12, RUNNING)
    story.call("list", 13)
    return story.settle(15)


def running_in_a_window_that_came_once_more() -> Story:
    story = Story(WINDOW)
    story.person(1, PAUSED)
    story.person(2, RUNNING)
    story.pause(10, 20)
    story.resume(20, 40)
    story.steps.append((at(25), timedelta(minutes=-10)))
    story.call("list", 26)
    return story.settle(27)


def left_paused_without_a_word() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    return story.settle(30)


def left_paused_with_a_lie() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    story.intent("resume", 20, 40, state="skipped", reason="somebody resumed it", decided_at=at(20))
    return story.settle(30)


def left_paused_as_too_late_though_it_was_not() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    story.intent("resume", 20, 40, state="missed", reason="more than 24 hours late", decided_at=at(25))
    return story.settle(30)


def left_paused_by_a_window_that_was_taken_out_before_it_began() -> Story:
    story = Story(WINDOW)
    story.rules(12, Plan(spans={ONE: [WINDOW, quiet(23, 30, is_given_back=False)]}))
    story.rules(22, Plan(spans={ONE: [WINDOW]}))
    story.pause(10, 20)
    return story.settle(26)


def running_inside_a_window_that_had_found_it_paused_by_somebody_else() -> Story:
    story = Story(WINDOW)
    story.person(5, PAUSED)
    story.intent("pause", 10, 20, state="skipped", status_before=PAUSED, reason="already paused", decided_at=at(10))
    story.person(12, RUNNING)
    story.call("list", 13)
    return story.settle(15)


def a_status_that_nobody_has_made() -> Story:
    story = a_good_run()
    story.statuses[ONE] = "STOPPED"
    return story.settle(31)


BREACHES: list[tuple[str, Callable[[], Story]]] = [
    ("a due change isn't on record", no_row_for_a_window_that_all_had_settled_in),
    ("a due change isn't on record", no_row_for_a_window_but_for_a_later_one),
    ("a due change isn't on record", no_row_for_a_window_that_has_passed),
    ("a due change isn't on record", no_row_for_a_window_that_the_clock_has_jumped_over),
    ("a debt has no end on record", two_pauses_and_no_resume_between_them),
    ("a change has no final outcome", a_pause_that_waits_at_the_end),
    ("a change has no final outcome", an_attempt_that_is_under_way_at_the_end),
    ("an outcome contradicts its attempts", a_success_after_a_failed_attempt),
    ("an outcome contradicts its attempts", an_attempt_after_a_final_one),
    ("attempts aren't counted from 1", an_attempt_that_is_missing),
    ("a change ended without a reason", a_skip_without_a_reason),
    ("custody outlives its window", custody_after_the_window),
    ("a change that no rule asks for", a_row_for_a_pause_outside_of_any_window),
    ("a call isn't on record", a_call_without_an_attempt),
    ("a call isn't on record", a_call_whose_answer_is_recorded_as_another),
    ("a call isn't on record", an_answer_that_was_taken_for_none),
    ("sent again after its answer", a_call_that_is_sent_again_after_its_answer),
    ("two calls of one account at a time", two_calls_at_a_time),
    ("paused outside of any window", a_pause_outside_of_any_window),
    ("paused outside of any window", a_pause_outside_of_any_window_half_a_minute_after_the_clock_was_set),
    ("resumed inside a window", a_resume_inside_the_window),
    ("gave back what it hadn't taken", a_resume_of_what_a_person_had_paused),
    ("gave back what it hadn't taken", a_resume_of_what_a_person_was_seen_to_have_resumed_and_paused),
    ("gave back what it hadn't taken", a_start_of_a_draft),
    ("gave back what it hadn't taken", a_resume_of_what_bounce_shield_had_stopped),
    ("gave back what it hadn't taken", a_resume_after_a_hold),
    ("gave back what it hadn't taken", a_resume_where_the_rule_says_none),
    ("paused what a person had resumed", a_pause_of_what_a_person_had_resumed),
    ("paused what a person had resumed", a_pause_of_what_a_person_had_resumed_after_a_clock_was_put_back),
    (
        "paused what a person had resumed",
        a_pause_of_what_a_person_had_resumed_after_our_own_resume_had_not_arrived,
    ),
    ("running inside a window", running_inside_a_window),
    ("running inside a window", running_after_a_failure_that_came_after_a_step_of_the_clock),
    ("running inside a window", running_where_it_is_enforced),
    ("running inside a window", running_in_a_window_that_came_once_more),
    ("left paused after its window", left_paused_without_a_word),
    ("left paused after its window", left_paused_with_a_lie),
    ("left paused after its window", left_paused_as_too_late_though_it_was_not),
    ("left paused after its window", left_paused_by_a_window_that_was_taken_out_before_it_began),
    ("running inside a window", running_inside_a_window_that_had_found_it_paused_by_somebody_else),
    ("changed by nobody", a_status_that_nobody_has_made),
]


@pytest.mark.parametrize(("law", "tell"), BREACHES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_promise_is_found(law: str, tell: Callable[[], Story]) -> None:
    assert law in broken(tell())


def test_each_law_is_broken_by_a_story() -> None:
    assert {law for law, _ in BREACHES} == set(LAWS)


def a_call_that_was_cut_off_and_sent_again() -> Story:
    story = Story(WINDOW)
    pause = story.intent("pause", 10, 20)
    story.call("pause", 10)
    story.attempt(pause, 10, "interrupted")
    story.life = 2
    story.call("pause", 10.1)
    story.attempt(pause, 10.1, "succeeded", 200)
    story.owes(pause)
    return story.settle(15)


def a_call_that_was_cut_off_when_a_process_had_stood_still_after_its_claim() -> Story:
    story = Story(WINDOW)
    pause = story.intent("pause", 10, 20)
    story.attempt(pause, 10, "interrupted")
    story.call("pause", 13, status=None, fault="lost on the way")
    story.life = 2
    story.attempt(pause, 14, "succeeded")
    story.change(pause, reason="paused by an earlier attempt, whose answer was lost")
    story.owes(pause)
    return story.settle(15)


def a_call_whose_answer_was_lost_and_that_was_found_to_have_worked() -> Story:
    story = Story(WINDOW)
    pause = story.intent("pause", 10, 20)
    story.call("pause", 10, status=None, fault="drop_after")
    story.attempt(pause, 10, "retried")
    story.call("get", 11)
    story.attempt(pause, 11, "succeeded")
    story.owes(pause)
    return story.settle(15)


def a_pause_without_effect_that_is_tried_again_and_whose_answer_is_lost() -> Story:
    story = Story(WINDOW)
    pause = story.pause(10, 20)
    story.person(11, RUNNING)
    story.call("list", 12)
    story.call("pause", 12.1, status=500, fault="status_after")
    story.attempt(pause, 12.1, "retried", 500)
    story.call("pause", 13)
    story.attempt(pause, 13, "succeeded", 200)
    story.owes(pause)
    return story.settle(15)


def a_person_who_resumes_inside_the_window() -> Story:
    story = Story(WINDOW)
    story.change(story.pause(10, 20), confirmed_at=at(11))
    story.call("list", 11)
    story.person(12, RUNNING)
    story.call("list", 13)
    story.intent("resume", 13, 20, state="skipped", reason="somebody resumed it", decided_at=at(13))
    return story.settle(15)


def a_person_whose_acts_nobody_could_see() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    story.call("list", 11)
    story.person(12, RUNNING)
    story.person(13, PAUSED)
    story.call("list", 14)
    story.call("get", 20)
    story.resume(20.1, 40)
    return story.settle(30)


def a_person_who_pauses_while_our_pause_is_on_its_way() -> Story:
    story = Story(WINDOW)
    story.call("list", 9.9)
    story.person(9.95, PAUSED)
    story.pause(10, 20)
    story.call("get", 20)
    story.resume(20.1, 40)
    return story.settle(30)


def a_person_who_pauses_in_the_middle_of_our_pause() -> Story:
    story = Story(WINDOW)
    story.call("list", 9.9)
    story.person(10.001, PAUSED)
    story.pause(10, 20)
    story.call("get", 20)
    story.resume(20.1, 40)
    return story.settle(30)


def a_person_who_pauses_while_nobody_knows_whether_our_pause_arrived() -> Story:
    story = Story(WINDOW)
    story.call("list", 9.9)
    pause = story.intent("pause", 10, 20)
    story.attempt(pause, 10, "interrupted")
    story.person(11, PAUSED)
    story.life = 2
    story.call("list", 12)
    story.attempt(pause, 12.5, "succeeded")
    story.call("get", 20)
    story.resume(20.1, 40)
    return story.settle(30)


def a_hold() -> Story:
    story = Story(holds=[10])
    story.pause(10, 20, owes_resume=False)
    return story.settle(30)


def a_hold_inside_a_window() -> Story:
    story = Story(WINDOW, quiet(30, 40), holds=[15])
    story.pause(10, 20)
    story.settle(25)
    story.person(26, RUNNING)
    story.owes(story.pause(30, 40))
    return story.settle(35)


def a_hold_in_the_window_after_it_before_it_was_given_back() -> Story:
    story = Story(WINDOW, quiet(21, 30), holds=[25])
    story.pause(10, 20)
    story.intent("pause", 21, 30, state="skipped", reason="already paused by Curfew", decided_at=at(26))
    return story.settle(35)


def a_person_who_resumes_it_before_we_do_and_the_next_window() -> Story:
    story = Story(WINDOW, quiet(21, 40))
    story.pause(10, 20)
    story.person(22, RUNNING)
    story.owes(story.pause(23, 40))
    return story.settle(35)


def a_window_that_was_made_longer_by_one_without_a_resume() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    story.rules(15, Plan(spans={ONE: [quiet(10, 30, is_given_back=False)]}))
    return story.settle(35)


def a_campaign_that_was_paused_blindly() -> Story:
    story = Story(WINDOW)
    story.owes(story.pause(10, 20, status_before=None), is_left=True)
    reason = "nobody knows whether it ran before"
    story.intent("resume", 10, 20, state="skipped", reason=reason, decided_at=at(10))
    return story.settle(30)


def a_rule_that_is_removed_inside_its_window() -> Story:
    story = Story(WINDOW)
    story.pause(10, 20)
    story.rules(15, Plan(spans={}))
    story.resume(15, 40)
    return story.settle(30)


def a_clock_that_is_put_back_into_the_window() -> Story:
    story = a_good_run()
    story.looks.clear()
    story.steps.append((at(25), timedelta(minutes=-10)))
    again = story.intent("pause", 16, 20)
    story.call("pause", 26)
    story.attempt(again, 16, "succeeded", 200)
    story.owes(again)
    return story.settle(27)


def a_clock_that_is_put_back_to_before_the_window() -> Story:
    story = Story(WINDOW)
    story.owes(story.pause(10, 20))
    story.steps.append((at(12), timedelta(minutes=-10)))
    return story.settle(13)


def a_clock_that_is_put_back_and_a_person_after_it() -> Story:
    story = Story(WINDOW)
    story.change(story.pause(10, 20), confirmed_at=at(11))
    story.call("list", 11)
    story.call("list", 12)
    story.resume(20, 40)
    story.steps.append((at(25), timedelta(minutes=-10)))
    story.person(25.5, PAUSED)
    story.person(26, RUNNING)
    again = story.intent("pause", 16, 20)
    story.call("pause", 26.1)
    story.attempt(again, 16, "succeeded", 200)
    story.owes(again)
    return story.settle(27)


def a_person_who_resumes_it_while_nobody_knows_whether_we_have() -> Story:
    story = Story(WINDOW)
    story.rules(20.2, Plan(spans={ONE: [quiet(10, 40)]}))
    story.change(story.pause(10, 20), confirmed_at=at(11))
    story.call("list", 11)
    story.call("list", 12)
    resume = story.intent("resume", 20, 60)
    story.attempt(resume, 20, "interrupted")
    story.change(resume, state="skipped", reason="a quiet window has begun", decided_at=at(24))
    story.person(21, RUNNING)
    story.life = 2
    story.call("list", 23.9)
    story.owes(story.pause(24, 40))
    return story.settle(25)


def a_person_who_resumes_it_when_what_is_enforced_in_the_window_is_over() -> Story:
    story = Story(quiet(10, 20, is_enforced=True, enforced=((at(10), at(12)),)))
    story.pause(10, 20)
    story.call("list", 11)
    story.person(14, RUNNING)
    story.call("list", 14.5)
    return story.settle(15)


def a_person_who_resumes_it_before_a_look_and_a_list_after_it() -> Story:
    story = Story(quiet(10, 20, is_enforced=True))
    story.pause(10, 20)
    story.call("list", 11)
    story.person(14, RUNNING)
    story.call("list", 14.5, status=500, acts=False)
    story.settle(15)
    story.call("list", 16)
    story.owes(story.pause(16.1, 20))
    return story.settle(17)


def a_clock_that_is_put_back_after_a_failure() -> Story:
    story = Story(WINDOW)
    story.call("list", 9)
    story.intent("pause", 10, 20, state="failed", reason="given up", decided_at=at(20))
    story.call("list", 20)
    story.steps.append((at(21), timedelta(minutes=-10)))
    story.call("list", 22)
    return story.settle(23)


def a_rule_without_a_resume_that_was_there_too_late() -> Story:
    story = Story(WINDOW)
    story.rules(5, Plan(spans={ONE: [quiet(10, 20, is_given_back=False)]}), certain=12)
    story.pause(10, 20)
    story.resume(20, 40)
    return story.settle(30)


def a_person_who_resumed_and_a_clock_that_is_put_back_twice() -> Story:
    story = Story(quiet(5, 8), WINDOW)
    story.call("list", 4.9)
    story.pause(5, 8)
    story.resume(8, 40)
    story.change(story.pause(10, 20), confirmed_at=at(11))
    story.person(12, RUNNING)
    story.call("list", 13)
    story.intent("resume", 13, 20, state="skipped", reason="somebody resumed it", decided_at=at(13))
    story.steps.append((at(14), timedelta(minutes=-8)))
    again = story.intent("pause", 6, 8)
    story.call("pause", 14.1)
    story.attempt(again, 6.1, "succeeded", 200)
    back = story.intent("resume", 8.1, 40)
    story.call("run", 16.1)
    story.attempt(back, 8.1, "succeeded", 200)
    return story.settle(19)


def a_window_that_passed_while_its_rule_was_edited() -> Story:
    story = Story(WINDOW)
    story.rules(21, Plan(spans={ONE: [WINDOW, quiet(30, 40)]}))
    story.call("list", 25)
    return story.settle(27)


def a_window_without_a_resume_that_was_taken_out_after_it_had_begun() -> Story:
    story = Story(WINDOW)
    story.rules(12, Plan(spans={ONE: [quiet(10, 30, is_given_back=False)]}))
    story.rules(22, Plan(spans={ONE: [WINDOW]}))
    story.pause(10, 20)
    return story.settle(26)


def a_person_who_resumes_in_a_window_what_an_earlier_one_had_paused() -> Story:
    story = Story(WINDOW, quiet(30, 40))
    story.pause(10, 20)
    story.intent("pause", 30, 40, state="skipped", status_before=PAUSED, reason="already paused", decided_at=at(30))
    story.person(33, RUNNING)
    story.call("list", 34)
    story.intent("resume", 34, 40, state="skipped", reason="somebody resumed it", decided_at=at(34))
    return story.settle(36)


def a_campaign_that_the_api_refuses_to_pause() -> Story:
    story = Story(WINDOW)
    pause = story.intent("pause", 10, 20)
    story.call("pause", 10, status=409, acts=False)
    story.attempt(pause, 10, "failed", 409)
    return story.settle(15)


def one_line_for_several_windows_that_were_missed() -> Story:
    story = Story(quiet(10, 20), quiet(30, 40), quiet(50, 60))
    story.intent("pause", 10, 60, state="missed", reason="3 windows have passed", decided_at=at(70))
    return story.settle(70)


GOOD = [
    a_good_run,
    a_call_that_was_cut_off_and_sent_again,
    a_call_that_was_cut_off_when_a_process_had_stood_still_after_its_claim,
    a_call_whose_answer_was_lost_and_that_was_found_to_have_worked,
    a_pause_without_effect_that_is_tried_again_and_whose_answer_is_lost,
    a_person_who_resumes_inside_the_window,
    a_person_whose_acts_nobody_could_see,
    a_person_who_pauses_while_our_pause_is_on_its_way,
    a_person_who_pauses_in_the_middle_of_our_pause,
    a_person_who_pauses_while_nobody_knows_whether_our_pause_arrived,
    a_hold,
    a_hold_inside_a_window,
    a_hold_in_the_window_after_it_before_it_was_given_back,
    a_person_who_resumes_it_before_we_do_and_the_next_window,
    a_window_that_was_made_longer_by_one_without_a_resume,
    a_campaign_that_was_paused_blindly,
    a_rule_that_is_removed_inside_its_window,
    a_clock_that_is_put_back_into_the_window,
    a_clock_that_is_put_back_to_before_the_window,
    a_clock_that_is_put_back_and_a_person_after_it,
    a_person_who_resumes_it_while_nobody_knows_whether_we_have,
    a_person_who_resumes_it_when_what_is_enforced_in_the_window_is_over,
    a_person_who_resumes_it_before_a_look_and_a_list_after_it,
    a_clock_that_is_put_back_after_a_failure,
    a_rule_without_a_resume_that_was_there_too_late,
    a_person_who_resumed_and_a_clock_that_is_put_back_twice,
    a_window_that_passed_while_its_rule_was_edited,
    a_window_without_a_resume_that_was_taken_out_after_it_had_begun,
    a_person_who_resumes_in_a_window_what_an_earlier_one_had_paused,
    a_campaign_that_the_api_refuses_to_pause,
    one_line_for_several_windows_that_were_missed,
]


@pytest.mark.parametrize("tell", GOOD, ids=lambda tell: tell.__name__)
def test_a_promise_that_was_kept_is_not_blamed(tell: Callable[[], Story]) -> None:
    assert check(tell().history()).violations == ()


def test_what_was_sent_again_and_says_so_is_counted() -> None:
    figures = check(a_call_that_was_cut_off_and_sent_again().history()).figures
    assert (figures.marked, figures.doubled) == (1, 0)


def test_a_window_that_passed_unseen_is_counted_where_it_needs_no_record() -> None:
    figures = check(no_row_for_a_window_that_has_passed().history(records_missed=False)).figures
    assert (figures.unseen, figures.due, figures.lost) == (1, 0, 0)


def test_calls_of_two_lives_and_of_two_accounts_may_overlap() -> None:
    story = a_good_run()
    story.call("list", 25, seconds=5)
    story.call("list", 25.05, key=("other", 1))
    story.life = 2
    story.call("list", 25.06)
    assert broken(story) == set()


def test_a_call_that_was_given_up_may_go_on() -> None:
    story = a_good_run()
    story.call("list", 25, seconds=60)
    story.call("get", 25.5)
    assert broken(story) == {"two calls of one account at a time"}
    assert broken(story, gives_up_after={"list": timedelta(seconds=10)}) == set()


def test_a_call_that_waited_for_a_slow_one_may_be_given_up_at_once() -> None:
    story = a_good_run()
    story.call("pause", 25, seconds=31, status=409, acts=False)
    story.call("list", 25.5, seconds=3)
    story.call("list", 25.51)
    patient = dict.fromkeys(["list", "pause"], timedelta(seconds=20))
    assert "two calls of one account at a time" not in broken(story, gives_up_after=patient)


def test_another_campaign_has_nothing_to_do_with_it() -> None:
    story = Story(WINDOW, keys=(ONE, TWO))
    story.pause(10, 20, key=ONE)
    late = story.intent("pause", 10, 20, key=TWO)
    story.call("pause", 10.1, key=TWO)
    story.attempt(late, 10.1, "succeeded", 200)
    story.resume(20, 40)
    found = check(story.settle(30).history()).violations
    assert {each.campaign for each in found} == {2}
