"""A person's exceptions: each changes what the rules say up to its end, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rules.overrides import Override, OverrideKind, overridden
from rules.ruleset import Edge, Ruleset
from tests.scheduler_fakes import rules_of, weekend

WARSAW = ZoneInfo("Europe/Warsaw")
CAMPAIGN, OTHER = 7, 8
HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


FRIDAY, MONDAY = utc("2026-11-27 16:00"), utc("2026-11-30 07:00")
SATURDAY = utc("2026-11-28 12:00")
FIRST, LAST = utc("2026-11-25 00:00"), utc("2026-12-09 00:00")


def override(
    kind: OverrideKind, start: datetime, end: datetime, *, rule: str | None = None, number: int = 1
) -> Override:
    return Override(
        id=number,
        kind=kind,
        account="main",
        rule=rule,
        campaign=None if rule else CAMPAIGN,
        starts_at=start,
        ends_at=end,
        author="ada",
        reason="fair",
    )


def edges(ruleset: Ruleset, campaign: int = CAMPAIGN) -> list[tuple[datetime, str]]:
    return [_words(edge) for edge in ruleset.timeline("main", campaign).edges(FIRST, LAST)]


def _words(edge: Edge) -> tuple[datetime, str]:
    return edge.at, "hold" if edge.is_hold else str(edge.action)


PLAIN = rules_of(weekend("[7, 8]"))
WEEKENDS = [
    (FRIDAY, "pause"),
    (MONDAY, "resume"),
    (FRIDAY + timedelta(days=7), "pause"),
    (MONDAY + timedelta(days=7), "resume"),
]


def test_without_overrides_the_rules_are_the_same() -> None:
    assert overridden(PLAIN, [], WARSAW) is PLAIN
    assert edges(PLAIN) == WEEKENDS


def test_a_skipped_window_is_not_there_and_the_next_one_is() -> None:
    skip = override(OverrideKind.SKIP, FRIDAY, MONDAY, rule="weekend")
    assert edges(overridden(PLAIN, [skip], WARSAW)) == WEEKENDS[2:]


def test_a_skip_drops_windows_that_begin_in_it_only() -> None:
    skip = override(OverrideKind.SKIP, FRIDAY + HOUR, MONDAY, rule="weekend")
    assert edges(overridden(PLAIN, [skip], WARSAW)) == WEEKENDS


def test_a_skip_drops_holds_too() -> None:
    ruleset = rules_of("{name: stop, campaigns: [7], pause: {at: Fri 17:00}}")
    skip = override(OverrideKind.SKIP, FRIDAY, FRIDAY + HOUR, rule="stop")
    assert edges(overridden(ruleset, [skip], WARSAW)) == [(FRIDAY + timedelta(days=7), "hold")]


def test_a_window_that_is_made_longer_is_one_with_what_was_added() -> None:
    longer = override(OverrideKind.EXTEND, FRIDAY, MONDAY + 5 * HOUR, rule="weekend")
    changed = overridden(PLAIN, [longer], WARSAW)
    assert edges(changed) == [(FRIDAY, "pause"), (MONDAY + 5 * HOUR, "resume"), *WEEKENDS[2:]]
    assert edges(changed, OTHER) == edges(changed)
    assert "weekend: override 1: extend rule weekend, by ada (fair)" in changed.decide("main", CAMPAIGN, MONDAY).because


def test_a_paused_campaign_is_quiet_until_then_and_no_other_one_is() -> None:
    pause = override(OverrideKind.PAUSE, FIRST + HOUR, FIRST + 2 * HOUR)
    changed = overridden(PLAIN, [pause], WARSAW)
    assert edges(changed) == [(FIRST + HOUR, "pause"), (FIRST + 2 * HOUR, "resume"), *WEEKENDS]
    assert edges(changed, OTHER) == WEEKENDS
    decision = changed.decide("main", CAMPAIGN, FIRST + HOUR)
    assert decision.rules == ("override 1",)
    assert decision.because == ("override 1: pause campaign 7, by ada (fair)",)


def test_a_campaign_that_no_rule_selects_can_be_paused() -> None:
    pause = override(OverrideKind.PAUSE, FIRST + HOUR, FIRST + 2 * HOUR)
    changed = overridden(rules_of(weekend("[8]")), [pause], WARSAW)
    assert edges(changed) == [(FIRST + HOUR, "pause"), (FIRST + 2 * HOUR, "resume")]
    assert changed.named_campaigns("main") == [CAMPAIGN, OTHER]


def test_a_resumed_campaign_is_given_back_then_and_paused_again_by_the_next_window() -> None:
    resume = override(OverrideKind.RESUME, SATURDAY, MONDAY)
    changed = overridden(PLAIN, [resume], WARSAW)
    assert edges(changed) == [(FRIDAY, "pause"), (SATURDAY, "resume"), *WEEKENDS[2:]]
    assert edges(changed, OTHER) == WEEKENDS


def test_what_is_left_of_a_window_behind_a_lift_is_quiet_again() -> None:
    resume = override(OverrideKind.RESUME, SATURDAY, SATURDAY + HOUR)
    changed = overridden(PLAIN, [resume], WARSAW)
    assert edges(changed)[:4] == [
        (FRIDAY, "pause"),
        (SATURDAY, "resume"),
        (SATURDAY + HOUR, "pause"),
        (MONDAY, "resume"),
    ]


def test_a_campaign_that_was_resumed_can_be_paused_after_all_and_resumed_again() -> None:
    """Who said something last means it, for as long as they said."""
    resume = override(OverrideKind.RESUME, SATURDAY, MONDAY, number=1)
    pause = override(OverrideKind.PAUSE, SATURDAY + HOUR, SATURDAY + 4 * HOUR, number=2)
    again = override(OverrideKind.RESUME, SATURDAY + 2 * HOUR, SATURDAY + 3 * HOUR, number=3)
    found = edges(overridden(PLAIN, [resume, pause, again], WARSAW))[:-2]
    assert found == [
        (FRIDAY, "pause"),
        (SATURDAY, "resume"),
        (SATURDAY + HOUR, "pause"),
        (SATURDAY + 2 * HOUR, "resume"),
        (SATURDAY + 3 * HOUR, "pause"),
        (SATURDAY + 4 * HOUR, "resume"),
    ]


def test_a_campaign_that_is_paused_for_another_account_stays_resumed() -> None:
    resume = override(OverrideKind.RESUME, SATURDAY, MONDAY, number=1)
    pause = replace(override(OverrideKind.PAUSE, SATURDAY, MONDAY, number=2), account="acme")
    assert edges(overridden(PLAIN, [resume, pause], WARSAW))[:2] == [(FRIDAY, "pause"), (SATURDAY, "resume")]


def test_a_lift_drops_holds() -> None:
    ruleset = rules_of(weekend("[7]"), "{name: stop, campaigns: [7], pause: {at: Sat 14:00}}")
    resume = override(OverrideKind.RESUME, SATURDAY, MONDAY)
    assert edges(overridden(ruleset, [resume], WARSAW))[:2] == [(FRIDAY, "pause"), (SATURDAY, "resume")]


@pytest.mark.parametrize(("extended", "skipped", "begins"), [(1, 2, False), (2, 1, True)])
def test_a_skip_drops_what_was_made_longer_before_it_and_not_what_was_after(
    extended: int, skipped: int, begins: bool
) -> None:
    longer = override(OverrideKind.EXTEND, FRIDAY, MONDAY + HOUR, rule="weekend", number=extended)
    skip = override(OverrideKind.SKIP, FRIDAY, MONDAY, rule="weekend", number=skipped)
    changed = overridden(PLAIN, [longer, skip], WARSAW)
    again = [(FRIDAY, "pause"), (MONDAY + HOUR, "resume")] if begins else []
    assert edges(changed) == [*again, *WEEKENDS[2:]]


def test_a_window_that_is_made_longer_is_enforced_and_spread_like_the_rules_others() -> None:
    options = "enforce: true, resume: {over: 30m}"
    ruleset = rules_of(f"{{name: weekend, campaigns: [7], {options}, pause: {{from: Fri 17:00, until: Mon 08:00}}}}")
    longer = override(OverrideKind.EXTEND, FRIDAY, MONDAY + HOUR, rule="weekend")
    span = overridden(ruleset, [longer], WARSAW).timeline("main", CAMPAIGN).span_at(SATURDAY)
    assert span is not None
    assert span.is_enforced(MONDAY)
    assert [window.label.resume_over for window in span.windows] == [HOUR / 2, HOUR / 2]


def test_an_exception_for_a_campaign_takes_the_place_of_no_rule_of_its_name() -> None:
    ruleset = rules_of(weekend("[7]").replace("name: weekend", "name: override 1"))
    pause = override(OverrideKind.PAUSE, FIRST, FIRST + HOUR)
    changed = overridden(ruleset, [pause], WARSAW)
    assert edges(changed) == [(FIRST, "pause"), (FIRST + HOUR, "resume"), *WEEKENDS]
    assert [rule.name for rule in changed.rules] == ["override 1", "override 1*"]


def test_the_ends_of_a_lift_are_edges_at_which_it_is_looked_again() -> None:
    resume = override(OverrideKind.RESUME, SATURDAY, SATURDAY + HOUR)
    changed = overridden(PLAIN, [resume], WARSAW)
    found = [changed.next_edge("override 1", at) for at in (FRIDAY, SATURDAY, SATURDAY + HOUR)]
    assert found == [SATURDAY, SATURDAY + HOUR, None]


@pytest.mark.parametrize(
    ("rule", "campaign", "bears"),
    [("weekend", CAMPAIGN, True), ("nights", CAMPAIGN, False), (None, CAMPAIGN, True), (None, OTHER, False)],
)
def test_it_bears_on_the_campaigns_of_its_rule_or_on_its_own(rule: str | None, campaign: int, bears: bool) -> None:
    kind = OverrideKind.SKIP if rule else OverrideKind.PAUSE
    found = override(kind, FRIDAY, MONDAY, rule=rule)
    assert found.bears_on("main", campaign, {"weekend"}) is bears
    assert found.bears_on("acme", campaign, {"weekend"}) is (bears and rule is not None)
    assert found.bears_on("main", None, {"weekend"}) is (rule == "weekend")


def test_overrides_of_other_rules_and_rules_that_are_gone_change_nothing() -> None:
    gone = override(OverrideKind.SKIP, FIRST, LAST, rule="nights")
    assert edges(overridden(PLAIN, [gone], WARSAW)) == WEEKENDS


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_in_which_overrides_are_given_does_not_matter(order: int) -> None:
    pause = override(OverrideKind.PAUSE, FIRST, SATURDAY, number=1)
    resume = override(OverrideKind.RESUME, SATURDAY, MONDAY, number=2)
    changed = overridden(PLAIN, [pause, resume][::order], WARSAW)
    assert edges(changed) == [(FIRST, "pause"), (SATURDAY, "resume"), *WEEKENDS[2:]]


def test_a_long_look_is_the_same_as_many_short_ones() -> None:
    resume = override(OverrideKind.RESUME, SATURDAY, MONDAY)
    timeline = overridden(PLAIN, [resume], WARSAW).timeline("main", CAMPAIGN)
    day = timedelta(days=1)
    parts = [edge for number in range(14) for edge in timeline.edges(FIRST + number * day, FIRST + (number + 1) * day)]
    assert parts == timeline.edges(FIRST, LAST)
    assert timeline.span_at(SATURDAY) is None
    assert timeline.next_edge(SATURDAY) == FRIDAY + timedelta(days=7)
