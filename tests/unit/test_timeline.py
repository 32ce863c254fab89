"""What the rules of one campaign say together: spans, holds, decisions and edges."""

from datetime import timedelta

import pytest
from freezegun import freeze_time

from rules.ruleset import Action
from tests.rule_files import edges, paused, ruleset, utc, words

_TICK = timedelta(microseconds=1)
_WEEKEND = "- {name: weekend, campaigns: [7], pause: {from: Fri 17:00, until: Mon 08:00}}"


class TestUnion:
    def test_holiday_friday_weekend_and_holiday_monday_are_one_span(self) -> None:
        """Independence Day of 2026 is observed on a Friday; the Monday after it is closed by the user."""
        rules = ruleset(
            f"{_WEEKEND}\n- {{name: off, campaigns: all, pause: [{{on: usa}}, {{from: 2026-07-06 00:00, "
            "until: 2026-07-06 24:00}]}",
            "UTC",
        )
        pause, resume = rules.timeline("main", 7).edges(utc("2026-07-01"), utc("2026-07-08"))
        assert (pause.at, pause.until) == (utc("2026-07-03 00:00"), utc("2026-07-07 00:00"))
        assert resume.at == utc("2026-07-07 00:00")
        assert resume.rules == pause.rules == ("off", "weekend")
        assert pause.because == (
            "off: Independence Day (observed)",
            "weekend: Fri 17:00 until Mon 08:00",
            "off: Independence Day",
            "off: 2026-07-06 00:00 until 24:00",
        )

    def test_windows_from_two_zones_overlap_as_instants(self) -> None:
        rules = ruleset(
            "- {name: warsaw, campaigns: [7], pause: {on: fri, from: 18:00, until: 24:00}}\n"
            "- {name: new york, campaigns: [7], timezone: America/New_York, "
            "pause: {on: fri, from: 17:00, until: 20:00}}"
        )
        found = list(rules.timeline("main", 7).edges(utc("2026-06-01"), utc("2026-06-08")))
        assert [(edge.at, edge.zone) for edge in found] == [
            (utc("2026-06-05 16:00"), "Europe/Warsaw"),
            (utc("2026-06-06 00:00"), "America/New_York"),
        ]

    def test_only_the_windows_of_the_instant_are_its_reasons(self) -> None:
        rules = ruleset(f"{_WEEKEND}\n- {{name: off, campaigns: all, pause: {{on: poland}}}}")
        decision = rules.decide("main", 7, utc("2026-05-02 12:00"))
        assert decision.rules == ("weekend",)
        assert decision.span is not None
        assert {window.rule for window in decision.span.windows} == {"weekend", "off"}

    def test_a_span_over_the_turn_of_the_year_is_whole_from_either_side(self) -> None:
        """1 January 2028 is a Saturday."""
        rules = ruleset(_WEEKEND)
        before, after = (rules.decide("main", 7, utc(at)) for at in ("2027-12-31 20:00", "2028-01-01 12:00"))
        assert before.span == after.span
        assert before.span is not None
        assert (before.span.start, before.span.end) == (utc("2027-12-31 16:00"), utc("2028-01-03 07:00"))
        assert edges(rules, "2027-12-31", "2028-01-04") == ["2027-12-31 16:00 pause", "2028-01-03 07:00 resume"]

    def test_a_span_that_starts_or_ends_with_a_year_has_each_edge_once(self) -> None:
        rules = ruleset(
            "- {name: a, campaigns: all, pause: [{from: 2026-12-31 12:00, until: 2027-01-01 00:00}, "
            "{from: 2028-01-01 00:00, until: 2028-01-01 12:00}]}",
            "UTC",
        )
        assert edges(rules, "2026-01-01", "2029-01-01") == [
            "2026-12-31 12:00 pause",
            "2027-01-01 00:00 resume",
            "2028-01-01 00:00 pause",
            "2028-01-01 12:00 resume",
        ]

    def test_windows_that_touch_at_the_turn_of_the_year_are_one_span(self) -> None:
        rules = ruleset(
            "- {name: a, campaigns: all, pause: [{from: 2026-12-31 12:00, until: 2027-01-01 00:00}, "
            "{from: 2027-01-01 00:00, until: 2027-01-01 12:00}]}",
            "UTC",
        )
        assert edges(rules, "2026-01-01", "2028-01-01") == ["2026-12-31 12:00 pause", "2027-01-01 12:00 resume"]

    def test_a_span_of_many_years_in_one_window_has_its_true_ends(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {from: 2026-06-01 00:00, until: 2046-06-01 00:00}}", "UTC")
        assert rules.decide("main", 7, utc("2036-01-01")).until == utc("2046-06-01")
        assert edges(rules, "2020-01-01", "2050-01-01") == ["2026-06-01 00:00 pause", "2046-06-01 00:00 resume"]

    def test_a_rule_that_is_always_quiet_pauses_never_resumes_and_comes_to_an_answer(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {on: daily}}")
        assert rules.decide("main", 7, utc("2026-06-01")).is_quiet
        assert edges(rules, "2020-01-01", "2040-01-01") == []
        assert rules.timeline("main", 7).last_end(utc("2020-01-01"), utc("2040-01-01")) is None


class TestHolds:
    def test_a_hold_pauses_once_and_nothing_is_resumed(self) -> None:
        rules = ruleset("- {name: stop, campaigns: [7], pause: {at: Fri 17:00}}")
        (edge,) = rules.timeline("main", 7).edges(utc("2026-06-01"), utc("2026-06-08"))
        assert (edge.at, edge.action, edge.is_hold, edge.until) == (utc("2026-06-05 15:00"), Action.PAUSE, True, None)
        assert edge.because == ("stop: Fri 17:00",)
        assert not rules.decide("main", 7, edge.at).is_quiet

    @pytest.mark.parametrize("at", ["Sat 12:00", "Mon 07:59:59"])
    def test_a_span_that_a_hold_falls_into_ends_without_a_resume(self, at: str) -> None:
        rules = ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: {at}}}}}", "UTC")
        actions = [edge.split()[2] for edge in edges(rules, "2026-06-02", "2026-06-09")]
        assert actions == ["pause", "hold"]

    def test_a_hold_at_the_start_of_a_span_is_one_edge_and_left_so(self) -> None:
        rules = ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: Fri 17:00}}}}", "UTC")
        (edge,) = rules.timeline("main", 7).edges(utc("2026-06-01"), utc("2026-06-09"))
        assert (edge.at, edge.is_hold, edge.until) == (utc("2026-06-05 17:00"), True, None)
        assert edge.rules == ("stop", "weekend")

    def test_at_the_end_of_a_span_the_resume_comes_before_the_hold_which_lasts(self) -> None:
        rules = ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: Mon 08:00}}}}", "UTC")
        expected = ["2026-06-05 17:00 pause", "2026-06-08 08:00 resume", "2026-06-08 08:00 hold"]
        assert edges(rules, "2026-06-02", "2026-06-09") == expected
        of_all = rules.edges(utc("2026-06-02"), utc("2026-06-09"))
        assert [words(edge) for _, edge in of_all] == expected

    def test_spans_after_a_hold_are_as_if_it_were_not_there(self) -> None:
        rules = ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: 2026-06-04 12:00}}}}", "UTC")
        assert edges(rules, "2026-06-02", "2026-06-09") == [
            "2026-06-04 12:00 hold",
            "2026-06-05 17:00 pause",
            "2026-06-08 08:00 resume",
        ]

    def test_holds_of_two_rules_at_one_instant_are_one_edge(self) -> None:
        rules = ruleset(
            "- {name: a, campaigns: [7], pause: {at: Fri 17:00}}\n"
            "- {name: b, campaigns: all, pause: {on: fri, at: 17:00}}"
        )
        (edge,) = rules.timeline("main", 7).edges(utc("2026-06-01"), utc("2026-06-08"))
        assert edge.rules == ("a", "b")
        assert edge.because == ("a: Fri 17:00", "b: fri 17:00")


class TestNoResume:
    _SHUTDOWN = "- {name: shutdown, resume: false, campaigns: [7], pause: {on: sat, from: 12:00, until: 13:00}}"

    def test_a_window_of_a_rule_that_does_not_resume_pauses_only(self) -> None:
        assert edges(ruleset(self._SHUTDOWN, "UTC"), "2026-06-01", "2026-06-09") == ["2026-06-06 12:00 pause"]

    def test_a_span_with_such_a_window_in_it_ends_without_a_resume(self) -> None:
        rules = ruleset(f"{_WEEKEND}\n{self._SHUTDOWN}", "UTC")
        assert edges(rules, "2026-06-02", "2026-06-09") == ["2026-06-05 17:00 pause"]
        assert rules.decide("main", 7, utc("2026-06-06")).until == utc("2026-06-08 08:00")

    def test_other_spans_are_given_back(self) -> None:
        rules = ruleset(
            f"{self._SHUTDOWN}\n- {{name: lunch, campaigns: [7], pause: {{on: wed, from: 12:00, until: 13:00}}}}", "UTC"
        )
        assert edges(rules, "2026-06-01", "2026-06-05") == ["2026-06-03 12:00 pause", "2026-06-03 13:00 resume"]

    def test_its_end_is_an_edge_to_wake_for(self) -> None:
        rules = ruleset(self._SHUTDOWN, "UTC")
        assert rules.next_edge("shutdown", utc("2026-06-06 12:00")) == utc("2026-06-06 13:00")


class TestLeftPaused:
    _RULES = (
        "- {name: shutdown, resume: false, campaigns: [7], pause: {from: 2026-06-06 12:00, until: 2026-06-06 13:00}}\n"
        "- {name: stop, campaigns: [7], pause: {at: 2026-06-07 12:00}}\n"
        f"{_WEEKEND}"
    )

    @pytest.mark.parametrize(
        ("since", "until", "rules"),
        [
            ("2026-06-05 17:00", "2026-06-08 08:00", ("shutdown", "stop")),
            ("2026-06-06 12:59:59", "2026-06-07 12:00", ("shutdown",)),
            ("2026-06-06 13:00", "2026-06-07 12:00", ()),
            ("2026-06-06 10:00", "2026-06-06 12:00", ()),
            ("2026-06-07 12:00", "2026-06-07 12:00:01", ("stop",)),
        ],
    )
    def test_a_pause_is_left_by_what_begins_before_a_time_and_has_not_ended_at_it(
        self, since: str, until: str, rules: tuple[str, ...]
    ) -> None:
        timeline = ruleset(self._RULES, "UTC").timeline("main", 7)
        assert tuple(source.rule for source in timeline.left_paused(utc(since), utc(until))) == rules

    def test_without_holds_and_with_resumes_nothing_is_left(self) -> None:
        timeline = ruleset(_WEEKEND, "UTC").timeline("main", 7)
        assert timeline.left_paused(utc("2026-01-01"), utc("2027-01-01")) == ()


class TestLongSpans:
    """Spans are worked out in blocks of eight days, and followed for some years."""

    def test_a_span_over_several_blocks_is_the_same_from_anywhere_in_it(self) -> None:
        rules = paused("{on: daily, between: 2026-06-01/2026-07-31}", "UTC")
        spans = {rules.decide("main", 7, utc(at)).span for at in ("2026-06-01", "2026-06-20", "2026-07-31 23:59")}
        assert [(span.start, span.end) for span in spans if span] == [(utc("2026-06-01"), utc("2026-08-01"))]

    def test_what_is_always_quiet_stays_so_after_the_years_that_were_followed(self) -> None:
        timeline = paused("{on: daily}", "UTC").timeline("main", 7)
        assert all(
            timeline.decide(utc(f"{year}-01-0{day}")).is_quiet for year in range(2026, 2036) for day in range(1, 9)
        )

    def test_what_is_always_quiet_has_no_edges_over_many_years(self) -> None:
        timeline = paused("{on: daily}").timeline("main", 7)
        assert timeline.edges(utc("2020-01-01"), utc("2040-01-01")) == []

    def test_the_true_end_of_a_long_span_is_found_near_it_whatever_was_asked_before(self) -> None:
        timeline = paused("{on: daily, between: 2026-01-01/2032-05-31}", "UTC").timeline("main", 7)
        assert timeline.decide(utc("2026-01-05")).until is None
        assert timeline.decide(utc("2031-12-31")).until == utc("2032-06-01")

    def test_a_span_that_ends_years_after_its_start_has_both_edges_in_a_range_of_both(self) -> None:
        rules = paused("{on: daily, between: 2026-01-01/2032-05-31}", "UTC")
        assert edges(rules, "2020-01-01", "2040-01-01") == ["2026-01-01 00:00 pause", "2032-06-01 00:00 resume"]

    def test_the_whole_days_of_a_range_end_when_they_say_however_far_away_that_is(self) -> None:
        rules = paused("{on: 2026-01-01/2032-05-31}")
        assert rules.decide("main", 7, utc("2026-01-05")).until == utc("2032-05-31 22:00")
        assert edges(rules, "2025-12-01", "2040-01-01") == ["2025-12-31 23:00 pause", "2032-05-31 22:00 resume"]


class TestLookingAhead:
    def test_a_decision_outside_a_span_lasts_until_the_next_one(self) -> None:
        decision = ruleset(_WEEKEND).decide("main", 7, utc("2026-06-03"))
        assert (decision.is_quiet, decision.because, decision.span) == (False, (), None)
        assert decision.until == utc("2026-06-05 15:00")

    def test_a_decision_has_no_end_where_nothing_comes_any_more(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {from: 2026-06-01 08:00, until: 2026-06-02 08:00}}")
        assert rules.decide("main", 7, utc("2026-06-03")).until is None
        assert rules.next_edge("a", utc("2026-06-03")) is None

    def test_a_window_years_ahead_is_in_sight(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {from: 2033-06-01 08:00, until: 2033-06-02 08:00}}")
        assert rules.decide("main", 7, utc("2026-06-03")).until == utc("2033-06-01 06:00")

    def test_the_next_edge_is_later_than_the_instant_asked_for(self) -> None:
        rules = ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: Wed 12:00}}}}", "UTC")
        start, end = utc("2026-06-05 17:00"), utc("2026-06-08 08:00")
        assert rules.next_edge("weekend", start - _TICK) == start
        assert rules.next_edge("weekend", start) == end
        assert rules.next_edge("weekend", end) == start + timedelta(days=7)

    def test_the_next_edge_of_a_rule_of_holds_is_its_next_hold(self) -> None:
        rules = ruleset("- {name: stop, campaigns: [7], pause: {at: 2027-01-01 00:00}}", "UTC")
        assert rules.next_edge("stop", utc("2026-06-01")) == utc("2027-01-01")
        assert rules.next_edge("stop", utc("2027-01-01")) is None

    def test_the_end_of_a_span_is_an_edge_to_wake_for_also_where_nothing_is_resumed(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: [{on: sat}, {on: sat, at: 12:00}]}", "UTC")
        assert rules.next_edge("a", utc("2026-06-06 12:00")) == utc("2026-06-07")

    def test_the_last_end_is_at_the_instant_asked_for_or_before_and_later_than_the_other(self) -> None:
        timeline = ruleset(_WEEKEND, "UTC").timeline("main", 7)
        end = utc("2026-06-08 08:00")
        assert timeline.last_end(utc("2026-01-01"), end) == end
        assert timeline.last_end(utc("2026-01-01"), end - _TICK) == end - timedelta(days=7)
        assert timeline.last_end(end, end + timedelta(days=6)) is None
        assert timeline.last_end(utc("2020-01-01"), utc("2026-01-01")) == utc("2025-12-29 08:00")

    def test_the_time_of_the_machine_does_not_matter(self) -> None:
        with freeze_time("2050-01-01"):
            decision = ruleset(_WEEKEND).decide("main", 7, utc("2026-06-06"))
        assert decision.is_quiet
