"""What each form of an entry of `pause` means, on files as a user would write them."""

from datetime import timedelta

import pytest

from rules.document import read
from rules.entries import compile_calendars
from rules.source import parse
from rules.windows import QuietWindow
from tests.rule_files import edges, paused, ruleset, utc

_WEEKEND = "- {name: weekend, campaigns: [7], pause: {from: Fri 17:00, until: Mon 08:00}}"


def _lengths(pause: str, zone: str, start: str, end: str) -> list[str]:
    """The windows of some entries that begin in a range, each as its start (UTC) and its length."""
    rules = paused(pause, zone).rules
    found = [window for rule in rules for each in rule.windows for window in each.windows(utc(start), utc(end))]
    return [_words(window) for window in sorted(found) if utc(start) <= window.start < utc(end)]


def _words(window: QuietWindow) -> str:
    hours = (window.end - window.start) / timedelta(hours=1)
    return f"{window.start:%Y-%m-%d %H:%M} {hours:g}h"


class TestWindowsOfEachForm:
    def test_a_weekend_lasts_from_friday_to_monday_in_local_time(self) -> None:
        found = edges(ruleset(_WEEKEND), "2026-06-02", "2026-06-09")
        assert found == ["2026-06-05 15:00 pause", "2026-06-08 06:00 resume"]

    def test_until_later_on_the_weekday_of_from_is_the_same_day(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {from: Fri 08:00, until: Fri 17:00}}", "UTC")
        assert edges(rules, "2026-06-01", "2026-06-08") == ["2026-06-05 08:00 pause", "2026-06-05 17:00 resume"]

    def test_until_earlier_on_the_weekday_of_from_is_a_week_later(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {from: Fri 17:00, until: Fri 08:00}}", "UTC")
        assert edges(rules, "2026-06-01", "2026-06-13") == [
            "2026-06-05 08:00 resume",
            "2026-06-05 17:00 pause",
            "2026-06-12 08:00 resume",
            "2026-06-12 17:00 pause",
        ]

    def test_a_night_ends_on_the_next_day(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {on: fri, from: 18:00, until: 08:00}}", "UTC")
        assert edges(rules, "2026-06-01", "2026-06-08") == ["2026-06-05 18:00 pause", "2026-06-06 08:00 resume"]

    def test_lunch_ends_on_the_same_day(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {on: fri, from: 12:00, until: 13:00}}", "UTC")
        assert edges(rules, "2026-06-01", "2026-06-08") == ["2026-06-05 12:00 pause", "2026-06-05 13:00 resume"]

    def test_whole_days_from_friday_to_monday_are_one_span(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {on: fri-mon}}")
        assert edges(rules, "2026-06-02", "2026-06-09") == ["2026-06-04 22:00 pause", "2026-06-08 22:00 resume"]

    def test_a_single_window_lasts_over_new_year_to_the_second(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {from: 2026-12-23 16:00:05, until: 2027-01-04 08:00:30}}")
        pause, resume = rules.timeline("main", 7).edges(utc("2026-01-01"), utc("2028-01-01"))
        assert (pause.at, pause.until) == (utc("2026-12-23 15:00:05"), utc("2027-01-04 07:00:30"))
        assert resume.at == utc("2027-01-04 07:00:30")

    def test_the_days_of_a_calendar_are_local_days_named_after_the_holiday(self) -> None:
        rules = ruleset("- {name: off, campaigns: all, pause: {on: poland}}")
        decision = rules.decide("main", 7, utc("2026-11-10 23:00"))
        assert decision.is_quiet
        assert decision.because == ("off: National Independence Day",)
        assert decision.until == utc("2026-11-11 23:00")

    def test_a_calendar_across_the_year_is_one_span_where_its_days_touch(self) -> None:
        rules = ruleset("- {name: off, campaigns: all, pause: {on: [company, usa]}}", "UTC")
        assert edges(rules, "2026-12-20", "2027-01-10") == [
            "2026-12-24 00:00 pause",
            "2026-12-26 00:00 resume",
            "2026-12-28 00:00 pause",
            "2027-01-02 00:00 resume",
        ]

    def test_days_of_several_words_are_taken_together(self) -> None:
        """Of June 2026: the 1st is a Monday, the 30th a Tuesday."""
        pause = "{on: [first mon, 15, last, 24 jun, 2026-06-10/2026-06-11], from: 12:00, until: 13:00}"
        days = [window[8:10] for window in _lengths(pause, "UTC", "2026-06-01", "2026-07-01")]
        assert days == ["01", "10", "11", "15", "24", "30"]

    def test_fri_to_mon_is_a_range_over_the_end_of_the_week(self) -> None:
        days = [each[8:10] for each in _lengths("{on: fri-mon}", "UTC", "2026-06-01", "2026-06-09")]
        assert days == ["01", "05", "06", "07", "08"]

    def test_the_29th_of_february_comes_in_leap_years_only(self) -> None:
        found = _lengths("{on: 29 feb}", "UTC", "2026-01-01", "2034-01-01")
        assert found == ["2028-02-29 00:00 24h", "2032-02-29 00:00 24h"]

    def test_the_29th_of_each_month_skips_a_february_without_one(self) -> None:
        months = [each[5:7] for each in _lengths("{on: 29}", "UTC", "2026-01-01", "2026-05-01")]
        assert months == ["01", "03", "04"]

    def test_the_last_friday_is_the_fourth_or_the_fifth(self) -> None:
        found = _lengths("{on: last fri}", "UTC", "2026-01-01", "2026-05-01")
        assert [each[5:10] for each in found] == ["01-30", "02-27", "03-27", "04-24"]

    def test_the_fifth_monday_comes_only_in_months_that_have_one(self) -> None:
        found = _lengths("{on: 5th mon}", "UTC", "2026-01-01", "2027-01-01")
        assert [each[5:10] for each in found] == ["03-30", "06-29", "08-31", "11-30"]

    def test_a_range_of_dates_over_new_year_is_one_span(self) -> None:
        found = edges(paused("{on: 2026-12-24/2027-01-03}"), "2026-12-01", "2027-02-01")
        assert found == ["2026-12-23 23:00 pause", "2027-01-03 23:00 resume"]

    def test_months_over_new_year_and_a_list_of_them_are_the_same(self) -> None:
        said = [
            _lengths(f"{{on: 1, months: {each}}}", "UTC", "2026-01-01", "2027-01-01")
            for each in ("nov-feb", "[nov, dec, jan, feb]")
        ]
        assert said[0] == said[1]
        assert [each[5:7] for each in said[0]] == ["01", "02", "11", "12"]

    def test_a_holiday_from_the_evening_before_to_the_morning_after(self) -> None:
        """Independence Day of Poland is 11 November, a Wednesday in 2026."""
        found = edges(paused('{on: poland, from: "-1d 16:00", until: "+1d 09:00"}'), "2026-11-05", "2026-11-20")
        assert found == ["2026-11-10 15:00 pause", "2026-11-12 08:00 resume"]

    def test_until_after_a_day_offset_is_the_first_such_time(self) -> None:
        found = _lengths('{on: wed, from: "-1d 16:00", until: 09:00}', "UTC", "2026-06-01", "2026-06-08")
        assert found == ["2026-06-02 16:00 17h"]

    def test_until_a_weekday_is_the_first_one_after_each_day(self) -> None:
        found = _lengths("{on: [wed, fri, mon], from: 18:00, until: Mon 08:00}", "UTC", "2026-06-01", "2026-06-08")
        assert found == ["2026-06-01 18:00 158h", "2026-06-03 18:00 110h", "2026-06-05 18:00 62h"]

    def test_from_and_until_at_24_are_the_midnight_that_follows(self) -> None:
        found = _lengths("{from: Fri 24:00, until: Sun 24:00}", "UTC", "2026-06-01", "2026-06-08")
        assert found == ["2026-06-06 00:00 48h"]

    def test_a_window_by_cron_lasts_an_elapsed_time(self) -> None:
        found = _lengths('{cron: "0 17 * * 5", for: 63h}', "Europe/Warsaw", "2026-10-20", "2026-10-27")
        assert found == ["2026-10-23 15:00 63h"]

    def test_cron_with_both_day_fields_comes_on_either(self) -> None:
        found = _lengths('{cron: "0 12 1 * mon", for: 1h}', "UTC", "2026-07-01", "2026-07-14")
        assert [each[8:10] for each in found] == ["01", "06", "13"]


class TestLimits:
    def test_except_drops_the_night_that_starts_on_that_day_and_not_the_one_that_ends_on_it(self) -> None:
        found = _lengths("{on: mon-fri, from: 18:00, until: 08:00, except: company}", "UTC", "2026-12-22", "2026-12-27")
        assert found == ["2026-12-22 18:00 14h", "2026-12-23 18:00 14h", "2026-12-25 18:00 14h"]

    def test_except_is_about_the_day_on_which_a_window_with_an_offset_begins(self) -> None:
        pause = '{on: [wed, thu], from: "-1d 16:00", until: "+0d 09:00", except: wed}'
        assert _lengths(pause, "UTC", "2026-06-01", "2026-06-08") == ["2026-06-02 16:00 17h"]

    def test_except_takes_a_window_from_24_as_one_of_the_next_day(self) -> None:
        pause = "{on: [thu, fri], from: 24:00, until: 08:00, except: sat}"
        assert _lengths(pause, "UTC", "2026-06-01", "2026-06-08") == ["2026-06-05 00:00 8h"]

    def test_between_includes_both_its_days(self) -> None:
        pause = "{on: daily, from: 18:00, until: 08:00, between: 2026-06-03/2026-06-04}"
        assert _lengths(pause, "UTC", "2026-06-01", "2026-06-08") == ["2026-06-03 18:00 14h", "2026-06-04 18:00 14h"]

    def test_months_drop_a_night_that_starts_in_another_month(self) -> None:
        pause = "{on: daily, from: 18:00, until: 08:00, months: jun}"
        found = _lengths(pause, "UTC", "2026-05-30", "2026-06-03")
        assert found == ["2026-06-01 18:00 14h", "2026-06-02 18:00 14h"]

    @pytest.mark.parametrize("entry", ["on: daily, at: 12:00", 'cron: "0 12 * * *"'])
    def test_limits_are_for_holds_too(self, entry: str) -> None:
        pause = f"{{{entry}, except: wed, between: 2026-06-02/2026-06-04, months: jun}}"
        assert edges(paused(pause, "UTC"), "2026-06-01", "2026-06-08") == [
            "2026-06-02 12:00 hold",
            "2026-06-04 12:00 hold",
        ]


class TestClockChanges:
    def test_monday_midnight_in_warsaw_is_not_lost_around_the_change_of_march(self) -> None:
        """APScheduler 3.11.3 goes from 2026-03-23 to 2026-04-06 with its own trigger."""
        rules = ruleset("- {name: a, campaigns: all, pause: {from: Mon 00:00, until: Mon 06:00}}")
        assert edges(rules, "2026-03-20", "2026-04-08") == [
            "2026-03-22 23:00 pause",
            "2026-03-23 05:00 resume",
            "2026-03-29 22:00 pause",
            "2026-03-30 04:00 resume",
            "2026-04-05 22:00 pause",
            "2026-04-06 04:00 resume",
        ]

    def test_a_weekend_over_the_change_of_october_is_an_hour_longer(self) -> None:
        assert edges(ruleset(_WEEKEND), "2026-10-20", "2026-10-27") == [
            "2026-10-23 15:00 pause",
            "2026-10-26 07:00 resume",
        ]

    def test_a_night_of_which_clocks_skip_everything_is_left_out_of_the_edges(self) -> None:
        rules = ruleset("- {name: a, campaigns: all, pause: {on: sun, from: 02:10, until: 02:50}}")
        assert edges(rules, "2026-03-28", "2026-03-31") == []

    def test_a_night_to_24_before_a_skipped_midnight_ends_right_after_the_gap(self) -> None:
        """Clocks in Cairo go from 23:59 of 23 April 2026 to 01:00."""
        found = edges(paused("{on: thu, from: 18:00, until: 24:00}", "Africa/Cairo"), "2026-04-20", "2026-04-26")
        assert found == ["2026-04-23 16:00 pause", "2026-04-23 22:00 resume"]

    def test_days_that_meet_at_a_skipped_midnight_are_one_span(self) -> None:
        """Clocks in Santiago go from 23:59 of 5 September 2026 to 01:00."""
        found = edges(paused("{on: [sat, sun]}", "America/Santiago"), "2026-09-03", "2026-09-09")
        assert found == ["2026-09-05 04:00 pause", "2026-09-07 03:00 resume"]

    def test_a_window_that_begins_in_the_gap_begins_right_after_it(self) -> None:
        found = edges(paused("{on: sun, from: 02:30, until: 08:00}"), "2026-03-28", "2026-03-31")
        assert found == ["2026-03-29 01:00 pause", "2026-03-29 06:00 resume"]

    def test_a_window_that_ends_in_the_gap_ends_right_after_it(self) -> None:
        found = edges(paused("{on: sat, from: 18:00, until: 02:30}"), "2026-03-27", "2026-03-31")
        assert found == ["2026-03-28 17:00 pause", "2026-03-29 01:00 resume"]

    def test_a_window_that_begins_in_the_repeated_hour_begins_at_the_first(self) -> None:
        found = edges(paused("{on: sun, from: 02:30, until: 08:00}"), "2026-10-23", "2026-10-26")
        assert found == ["2026-10-25 00:30 pause", "2026-10-25 07:00 resume"]

    def test_a_window_that_ends_in_the_repeated_hour_ends_at_the_second(self) -> None:
        found = edges(paused("{on: sat, from: 18:00, until: 02:30}"), "2026-10-23", "2026-10-26")
        assert found == ["2026-10-24 16:00 pause", "2026-10-25 01:30 resume"]

    def test_an_elapsed_time_does_not_care_for_the_clock(self) -> None:
        found = _lengths("{on: sat, from: 18:00, for: 12h}", "Europe/Warsaw", "2026-10-23", "2026-10-26")
        assert found == ["2026-10-24 16:00 12h"]

    def test_the_day_that_samoa_left_out_makes_no_window_and_the_days_around_it_meet(self) -> None:
        found = edges(paused("{on: 2011-12-29/2011-12-31}", "Pacific/Apia"), "2011-12-20", "2012-01-10")
        assert found == ["2011-12-29 10:00 pause", "2011-12-31 10:00 resume"]


@pytest.mark.parametrize(
    ("pause", "text"),
    [
        ("{from: friday 17:00, until: Mon 8:00}", "Fri 17:00 until Mon 08:00"),
        ("{on: [mon-fri, poland], from: 18:00, until: 08:00:30}", "mon-fri, poland 18:00 until 08:00:30"),
        ('{on: poland, from: "-1d 16:00", until: "+1d 09:00"}', "poland -1d 16:00 until +1d 09:00"),
        ("{from: 2026-12-23 16:00, until: 2026-12-23 18:00}", "2026-12-23 16:00 until 18:00"),
        ("{on: last fri, from: 17:00, for: 1d12h30m}", "last fri 17:00 for 36h30m"),
        ('{cron: "0 17 * * 5", for: 90s}', "cron 0 17 * * 5 for 1m30s"),
        ("{on: 15, months: [dec, jun-jul], except: [sat, poland]}", "15 in Jun, Jul, Dec except sat, poland"),
        ("{on: daily, between: 2026-06-01/2026-06-30}", "daily between 2026-06-01 and 2026-06-30"),
    ],
)
def test_an_entry_is_said_as_a_person_would_say_it(pause: str, text: str) -> None:
    (rule,) = paused(pause).rules
    assert rule.windows[0].label.text == text


@pytest.mark.parametrize(
    ("keys", "is_resumed", "minutes", "is_enforced"),
    [
        ("", True, 0, False),
        ("resume: true, ", True, 0, False),
        ("resume: false, enforce: true, ", False, 0, True),
        ("resume: {over: 30m}, ", True, 30, False),
    ],
)
def test_windows_know_how_their_rule_wants_them_to_end(
    keys: str, is_resumed: bool, minutes: int, is_enforced: bool
) -> None:
    (rule,) = ruleset(f"- {{name: a, campaigns: all, {keys}pause: {{on: sun}}}}").rules
    (window, *_) = rule.windows[0].windows(utc("2026-06-01"), utc("2026-06-08"))
    over = timedelta(minutes=minutes)
    label = window.label
    assert (label.is_resumed, label.resume_over, label.is_enforced) == (is_resumed, over, is_enforced)


def test_calendars_of_one_country_share_its_holidays() -> None:
    text = "timezone: UTC\naccounts: {m: {api_key: x}}\ncalendars:\n  a: {country: PL}\n  b: {country: PL}\n"
    rules = "rules:\n- {name: a, campaigns: all, pause: {on: [a, b]}}\n"
    made = compile_calendars(read(parse(f"{text}{rules}".encode())))
    assert made["a"].sources[0] is made["b"].sources[0]
