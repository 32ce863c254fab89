"""What all rules together say of a campaign, on files as a user would write them."""

from datetime import UTC, datetime, timedelta
from textwrap import indent

import pytest
from freezegun import freeze_time

from rules.document import read
from rules.ruleset import Action, Edge, Ruleset, compile_rules
from rules.source import parse

_TICK = timedelta(microseconds=1)
_WEEKEND = "- {name: weekend, campaigns: [7], pause: {from: Fri 17:00, until: Mon 08:00}}"


def _ruleset(rules: str, zone: str = "Europe/Warsaw") -> Ruleset:
    head = f"""
timezone: {zone}
accounts:
  main: {{api_key: x}}
calendars:
  poland: {{country: PL}}
  usa: {{country: US}}
  company: {{dates: [2026-12-24, 2026-12-28/2026-12-31]}}
rules:
"""
    return compile_rules(read(parse(f"{head}{indent(rules, '  ')}\n".encode())))


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _edges(ruleset: Ruleset, start: str, end: str, campaign: int | None = 7) -> list[str]:
    """The edges of a campaign, in words: `2026-06-05 15:00 pause`."""
    return [_words(edge) for edge in ruleset.timeline("main", campaign).edges(_utc(start), _utc(end))]


def _words(edge: Edge) -> str:
    return f"{edge.at:%Y-%m-%d %H:%M} {'hold' if edge.is_hold else edge.action.value}"


class TestWindowsOfEachForm:
    def test_a_weekend_lasts_from_friday_to_monday_in_local_time(self) -> None:
        edges = _edges(_ruleset(_WEEKEND), "2026-06-02", "2026-06-09")
        assert edges == ["2026-06-05 15:00 pause", "2026-06-08 06:00 resume"]

    def test_until_later_on_the_weekday_of_from_is_the_same_day(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {from: Fri 08:00, until: Fri 17:00}}", "UTC")
        assert _edges(ruleset, "2026-06-01", "2026-06-08") == ["2026-06-05 08:00 pause", "2026-06-05 17:00 resume"]

    def test_until_earlier_on_the_weekday_of_from_is_a_week_later(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {from: Fri 17:00, until: Fri 08:00}}", "UTC")
        assert _edges(ruleset, "2026-06-01", "2026-06-13") == [
            "2026-06-05 08:00 resume",
            "2026-06-05 17:00 pause",
            "2026-06-12 08:00 resume",
            "2026-06-12 17:00 pause",
        ]

    def test_a_night_ends_on_the_next_day(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {on: fri, from: 18:00, until: 08:00}}", "UTC")
        assert _edges(ruleset, "2026-06-01", "2026-06-08") == ["2026-06-05 18:00 pause", "2026-06-06 08:00 resume"]

    def test_lunch_ends_on_the_same_day(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {on: fri, from: 12:00, until: 13:00}}", "UTC")
        assert _edges(ruleset, "2026-06-01", "2026-06-08") == ["2026-06-05 12:00 pause", "2026-06-05 13:00 resume"]

    def test_whole_days_from_friday_to_monday_are_one_span(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {on: fri-mon}}")
        assert _edges(ruleset, "2026-06-02", "2026-06-09") == ["2026-06-04 22:00 pause", "2026-06-08 22:00 resume"]

    def test_a_single_window_lasts_over_new_year_to_the_second(self) -> None:
        ruleset = _ruleset(
            "- {name: a, campaigns: all, pause: {from: 2026-12-23 16:00:05, until: 2027-01-04 08:00:30}}"
        )
        pause, resume = ruleset.timeline("main", 7).edges(_utc("2026-01-01"), _utc("2028-01-01"))
        assert (pause.at, pause.until) == (_utc("2026-12-23 15:00:05"), _utc("2027-01-04 07:00:30"))
        assert resume.at == _utc("2027-01-04 07:00:30")

    def test_the_days_of_a_calendar_are_local_days_named_after_the_holiday(self) -> None:
        ruleset = _ruleset("- {name: off, campaigns: all, pause: {on: poland}}")
        decision = ruleset.decide("main", 7, _utc("2026-11-10 23:00"))
        assert decision.is_quiet
        assert decision.because == ("off: National Independence Day",)
        assert decision.until == _utc("2026-11-11 23:00")

    def test_a_calendar_across_the_year_is_one_span_where_its_days_touch(self) -> None:
        ruleset = _ruleset("- {name: off, campaigns: all, pause: {on: [company, usa]}}", "UTC")
        assert _edges(ruleset, "2026-12-20", "2027-01-10") == [
            "2026-12-24 00:00 pause",
            "2026-12-26 00:00 resume",
            "2026-12-28 00:00 pause",
            "2027-01-02 00:00 resume",
        ]


class TestClockChanges:
    def test_monday_midnight_in_warsaw_is_not_lost_around_the_change_of_march(self) -> None:
        """APScheduler 3.11.3 goes from 2026-03-23 to 2026-04-06 with its own trigger."""
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {from: Mon 00:00, until: Mon 06:00}}")
        assert _edges(ruleset, "2026-03-20", "2026-04-08") == [
            "2026-03-22 23:00 pause",
            "2026-03-23 05:00 resume",
            "2026-03-29 22:00 pause",
            "2026-03-30 04:00 resume",
            "2026-04-05 22:00 pause",
            "2026-04-06 04:00 resume",
        ]

    def test_a_weekend_over_the_change_of_october_is_an_hour_longer(self) -> None:
        assert _edges(_ruleset(_WEEKEND), "2026-10-20", "2026-10-27") == [
            "2026-10-23 15:00 pause",
            "2026-10-26 07:00 resume",
        ]

    def test_a_night_of_which_clocks_skip_everything_is_left_out_of_the_edges(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {on: sun, from: 02:10, until: 02:50}}")
        assert _edges(ruleset, "2026-03-28", "2026-03-31") == []


class TestUnion:
    def test_holiday_friday_weekend_and_holiday_monday_are_one_span(self) -> None:
        """Independence Day of 2026 is observed on a Friday; the Monday after it is closed by the user."""
        ruleset = _ruleset(
            f"{_WEEKEND}\n- {{name: off, campaigns: all, pause: [{{on: usa}}, {{from: 2026-07-06 00:00, "
            "until: 2026-07-06 24:00}]}",
            "UTC",
        )
        pause, resume = ruleset.timeline("main", 7).edges(_utc("2026-07-01"), _utc("2026-07-08"))
        assert (pause.at, pause.until) == (_utc("2026-07-03 00:00"), _utc("2026-07-07 00:00"))
        assert resume.at == _utc("2026-07-07 00:00")
        assert resume.rules == pause.rules == ("off", "weekend")
        assert pause.because == (
            "off: Independence Day (observed)",
            "weekend: Fri 17:00 until Mon 08:00",
            "off: Independence Day",
            "off: 2026-07-06 00:00 until 24:00",
        )

    def test_windows_from_two_zones_overlap_as_instants(self) -> None:
        ruleset = _ruleset(
            "- {name: warsaw, campaigns: [7], pause: {on: fri, from: 18:00, until: 24:00}}\n"
            "- {name: new york, campaigns: [7], timezone: America/New_York, "
            "pause: {on: fri, from: 17:00, until: 20:00}}"
        )
        edges = list(ruleset.timeline("main", 7).edges(_utc("2026-06-01"), _utc("2026-06-08")))
        assert [(edge.at, edge.zone) for edge in edges] == [
            (_utc("2026-06-05 16:00"), "Europe/Warsaw"),
            (_utc("2026-06-06 00:00"), "America/New_York"),
        ]

    def test_only_the_windows_of_the_instant_are_its_reasons(self) -> None:
        ruleset = _ruleset(f"{_WEEKEND}\n- {{name: off, campaigns: all, pause: {{on: poland}}}}")
        decision = ruleset.decide("main", 7, _utc("2026-05-02 12:00"))
        assert decision.rules == ("weekend",)
        assert decision.span is not None
        assert {window.rule for window in decision.span.windows} == {"weekend", "off"}

    def test_a_span_over_the_turn_of_the_year_is_whole_from_either_side(self) -> None:
        """1 January 2028 is a Saturday."""
        ruleset = _ruleset(_WEEKEND)
        before, after = (ruleset.decide("main", 7, _utc(at)) for at in ("2027-12-31 20:00", "2028-01-01 12:00"))
        assert before.span == after.span
        assert before.span is not None
        assert (before.span.start, before.span.end) == (_utc("2027-12-31 16:00"), _utc("2028-01-03 07:00"))
        assert _edges(ruleset, "2027-12-31", "2028-01-04") == ["2027-12-31 16:00 pause", "2028-01-03 07:00 resume"]

    def test_a_span_that_starts_or_ends_with_a_year_has_each_edge_once(self) -> None:
        ruleset = _ruleset(
            "- {name: a, campaigns: all, pause: [{from: 2026-12-31 12:00, until: 2027-01-01 00:00}, "
            "{from: 2028-01-01 00:00, until: 2028-01-01 12:00}]}",
            "UTC",
        )
        assert _edges(ruleset, "2026-01-01", "2029-01-01") == [
            "2026-12-31 12:00 pause",
            "2027-01-01 00:00 resume",
            "2028-01-01 00:00 pause",
            "2028-01-01 12:00 resume",
        ]

    def test_windows_that_touch_at_the_turn_of_the_year_are_one_span(self) -> None:
        ruleset = _ruleset(
            "- {name: a, campaigns: all, pause: [{from: 2026-12-31 12:00, until: 2027-01-01 00:00}, "
            "{from: 2027-01-01 00:00, until: 2027-01-01 12:00}]}",
            "UTC",
        )
        assert _edges(ruleset, "2026-01-01", "2028-01-01") == ["2026-12-31 12:00 pause", "2027-01-01 12:00 resume"]

    def test_a_span_of_many_years_in_one_window_has_its_true_ends(self) -> None:
        ruleset = _ruleset(
            "- {name: a, campaigns: all, pause: {from: 2026-06-01 00:00, until: 2046-06-01 00:00}}", "UTC"
        )
        assert ruleset.decide("main", 7, _utc("2036-01-01")).until == _utc("2046-06-01")
        assert _edges(ruleset, "2020-01-01", "2050-01-01") == ["2026-06-01 00:00 pause", "2046-06-01 00:00 resume"]

    def test_a_rule_that_is_always_quiet_pauses_never_resumes_and_comes_to_an_answer(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {on: daily}}")
        assert ruleset.decide("main", 7, _utc("2026-06-01")).is_quiet
        assert _edges(ruleset, "2020-01-01", "2040-01-01") == []
        assert ruleset.timeline("main", 7).last_end(_utc("2020-01-01"), _utc("2040-01-01")) is None


class TestHolds:
    def test_a_hold_pauses_once_and_nothing_is_resumed(self) -> None:
        ruleset = _ruleset("- {name: stop, campaigns: [7], pause: {at: Fri 17:00}}")
        (edge,) = ruleset.timeline("main", 7).edges(_utc("2026-06-01"), _utc("2026-06-08"))
        assert (edge.at, edge.action, edge.is_hold, edge.until) == (_utc("2026-06-05 15:00"), Action.PAUSE, True, None)
        assert edge.because == ("stop: Fri 17:00",)
        assert not ruleset.decide("main", 7, edge.at).is_quiet

    @pytest.mark.parametrize("at", ["Sat 12:00", "Mon 07:59:59"])
    def test_a_span_that_a_hold_falls_into_ends_without_a_resume(self, at: str) -> None:
        ruleset = _ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: {at}}}}}", "UTC")
        actions = [edge.split()[2] for edge in _edges(ruleset, "2026-06-02", "2026-06-09")]
        assert actions == ["pause", "hold"]

    def test_a_hold_at_the_start_of_a_span_is_one_edge_and_left_so(self) -> None:
        ruleset = _ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: Fri 17:00}}}}", "UTC")
        (edge,) = ruleset.timeline("main", 7).edges(_utc("2026-06-01"), _utc("2026-06-09"))
        assert (edge.at, edge.is_hold, edge.until) == (_utc("2026-06-05 17:00"), True, None)
        assert edge.rules == ("stop", "weekend")

    def test_at_the_end_of_a_span_the_resume_comes_before_the_hold_which_lasts(self) -> None:
        ruleset = _ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: Mon 08:00}}}}", "UTC")
        expected = ["2026-06-05 17:00 pause", "2026-06-08 08:00 resume", "2026-06-08 08:00 hold"]
        assert _edges(ruleset, "2026-06-02", "2026-06-09") == expected
        of_all = ruleset.edges(_utc("2026-06-02"), _utc("2026-06-09"))
        assert [_words(edge) for _, _, edge in of_all] == expected

    def test_spans_after_a_hold_are_as_if_it_were_not_there(self) -> None:
        ruleset = _ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: 2026-06-04 12:00}}}}", "UTC")
        assert _edges(ruleset, "2026-06-02", "2026-06-09") == [
            "2026-06-04 12:00 hold",
            "2026-06-05 17:00 pause",
            "2026-06-08 08:00 resume",
        ]

    def test_holds_of_two_rules_at_one_instant_are_one_edge(self) -> None:
        ruleset = _ruleset(
            "- {name: a, campaigns: [7], pause: {at: Fri 17:00}}\n"
            "- {name: b, campaigns: all, pause: {on: fri, at: 17:00}}"
        )
        (edge,) = ruleset.timeline("main", 7).edges(_utc("2026-06-01"), _utc("2026-06-08"))
        assert edge.rules == ("a", "b")
        assert edge.because == ("a: Fri 17:00", "b: fri 17:00")


class TestCampaigns:
    _TWO = f"{_WEEKEND}\n- {{name: lunch, campaigns: all, pause: {{on: wed, from: 12:00, until: 13:00}}}}"

    def test_a_campaign_named_by_id_obeys_the_rules_for_all_too(self) -> None:
        ruleset = _ruleset(self._TWO, "UTC")
        assert _edges(ruleset, "2026-06-02", "2026-06-09") == [
            "2026-06-03 12:00 pause",
            "2026-06-03 13:00 resume",
            "2026-06-05 17:00 pause",
            "2026-06-08 08:00 resume",
        ]

    @pytest.mark.parametrize("campaign", [None, 8])
    def test_any_other_campaign_obeys_the_rules_for_all_only(self, campaign: int | None) -> None:
        ruleset = _ruleset(self._TWO, "UTC")
        edges = _edges(ruleset, "2026-06-01", "2026-06-09", campaign)
        assert edges == ["2026-06-03 12:00 pause", "2026-06-03 13:00 resume"]

    def test_the_edges_of_a_file_are_those_of_each_campaign_it_names_and_of_the_others(self) -> None:
        ruleset = _ruleset(self._TWO, "UTC")
        edges = ruleset.edges(_utc("2026-06-03"), _utc("2026-06-06"))
        assert [(account, campaign, _words(edge)) for account, campaign, edge in edges] == [
            ("main", None, "2026-06-03 12:00 pause"),
            ("main", 7, "2026-06-03 12:00 pause"),
            ("main", None, "2026-06-03 13:00 resume"),
            ("main", 7, "2026-06-03 13:00 resume"),
            ("main", 7, "2026-06-05 17:00 pause"),
        ]

    def test_what_a_file_names_and_whether_it_selects_more(self) -> None:
        assert _ruleset(self._TWO).named_campaigns("main") == [7]
        assert _ruleset(self._TWO).selects_unnamed("main")
        assert not _ruleset(_WEEKEND).selects_unnamed("main")
        assert _ruleset(_WEEKEND).named_campaigns("other") == []

    def test_a_rule_is_for_the_campaigns_of_its_own_account_only(self) -> None:
        ruleset = compile_rules(
            read(
                parse(
                    b"timezone: UTC\naccounts: {main: {api_key: x}, acme: {api_key: y}}\nrules:\n"
                    b"  - {name: a, account: acme, campaigns: [7], pause: {on: daily}}\n"
                    b"  - {name: b, account: main, campaigns: [8], pause: {on: daily}}\n"
                )
            )
        )
        at = _utc("2026-06-01")
        assert ruleset.decide("acme", 7, at).rules == ("a",)
        assert not ruleset.decide("main", 7, at).is_quiet
        assert [account for account in ("main", "acme") if ruleset.named_campaigns(account) == [7]] == ["acme"]

    def test_a_disabled_rule_is_as_if_it_were_not_there(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: [7], enabled: false, pause: {on: daily}}")
        assert ruleset.rules == ()
        assert not ruleset.decide("main", 7, _utc("2026-06-01")).is_quiet
        assert ruleset.next_edge("a", _utc("2026-06-01")) is None


class TestLookingAhead:
    def test_a_decision_outside_a_span_lasts_until_the_next_one(self) -> None:
        decision = _ruleset(_WEEKEND).decide("main", 7, _utc("2026-06-03"))
        assert (decision.is_quiet, decision.because, decision.span) == (False, (), None)
        assert decision.until == _utc("2026-06-05 15:00")

    def test_a_decision_has_no_end_where_nothing_comes_any_more(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {from: 2026-06-01 08:00, until: 2026-06-02 08:00}}")
        assert ruleset.decide("main", 7, _utc("2026-06-03")).until is None
        assert ruleset.next_edge("a", _utc("2026-06-03")) is None

    def test_a_window_years_ahead_is_in_sight(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: {from: 2033-06-01 08:00, until: 2033-06-02 08:00}}")
        assert ruleset.decide("main", 7, _utc("2026-06-03")).until == _utc("2033-06-01 06:00")

    def test_the_next_edge_is_later_than_the_instant_asked_for(self) -> None:
        ruleset = _ruleset(f"{_WEEKEND}\n- {{name: stop, campaigns: [7], pause: {{at: Wed 12:00}}}}", "UTC")
        start, end = _utc("2026-06-05 17:00"), _utc("2026-06-08 08:00")
        assert ruleset.next_edge("weekend", start - _TICK) == start
        assert ruleset.next_edge("weekend", start) == end
        assert ruleset.next_edge("weekend", end) == start + timedelta(days=7)

    def test_the_next_edge_of_a_rule_of_holds_is_its_next_hold(self) -> None:
        ruleset = _ruleset("- {name: stop, campaigns: [7], pause: {at: 2027-01-01 00:00}}", "UTC")
        assert ruleset.next_edge("stop", _utc("2026-06-01")) == _utc("2027-01-01")
        assert ruleset.next_edge("stop", _utc("2027-01-01")) is None

    def test_the_end_of_a_span_is_an_edge_to_wake_for_also_where_nothing_is_resumed(self) -> None:
        ruleset = _ruleset("- {name: a, campaigns: all, pause: [{on: sat}, {on: sat, at: 12:00}]}", "UTC")
        assert ruleset.next_edge("a", _utc("2026-06-06 12:00")) == _utc("2026-06-07")

    def test_the_last_end_is_at_the_instant_asked_for_or_before_and_later_than_the_other(self) -> None:
        timeline = _ruleset(_WEEKEND, "UTC").timeline("main", 7)
        end = _utc("2026-06-08 08:00")
        assert timeline.last_end(_utc("2026-01-01"), end) == end
        assert timeline.last_end(_utc("2026-01-01"), end - _TICK) == end - timedelta(days=7)
        assert timeline.last_end(end, end + timedelta(days=6)) is None
        assert timeline.last_end(_utc("2020-01-01"), _utc("2026-01-01")) == _utc("2025-12-29 08:00")

    def test_the_time_of_the_machine_does_not_matter(self) -> None:
        with freeze_time("2050-01-01"):
            decision = _ruleset(_WEEKEND).decide("main", 7, _utc("2026-06-06"))
        assert decision.is_quiet


def test_campaigns_with_the_same_rules_share_one_timeline() -> None:
    ruleset = _ruleset("- {name: a, campaigns: [1, 2], pause: {on: sun}}")
    assert ruleset.timeline("main", 1) is ruleset.timeline("main", 2)
