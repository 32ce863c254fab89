"""Warnings: what's legal and surely not meant is told with its place, and nothing else is."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from rules.advice import advise
from rules.calendars import last_year_of_data
from rules.cron import runs
from rules.document import read
from rules.entries import compile_rules
from rules.ruleset import Timeline
from rules.source import parse

_NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
_HEAD = "timezone: Europe/Warsaw\naccounts: {main: {api_key: x}}\n"


def _warnings(*rules: str, calendars: str = "{company: {dates: [2026-12-24]}}") -> list[str]:
    lines = [f"{_HEAD}calendars: {calendars}\nrules:", *(f"  - {rule}" for rule in rules), ""]
    source = parse("\n".join(lines).encode())
    document = read(source)
    return [str(problem) for problem in advise(source, document, compile_rules(document), _NOW)]


def _rule(pause: str, name: str = "a", campaigns: str = "all") -> str:
    return f"{{name: {name}, campaigns: {campaigns}, pause: {pause}}}"


@pytest.mark.parametrize(
    "pause",
    [
        "{from: Fri 17:00, until: Mon 08:00}",
        "{on: mon-fri, from: 18:00, until: 08:00}",
        "{on: company}",
        "{on: 29 feb}",
        '{on: 5th fri, from: 12:00, until: "24:00"}',
        "{from: 2020-01-01 10:00, until: 2020-01-02 10:00}",
        "{on: fri, between: 2020-01-01/2020-12-31}",
        "{at: 2020-01-01 10:00}",
        "{on: weekdays, from: 12:00, for: 1h}",
        "{cron: 0 17 * * 5, for: 63h}",
    ],
)
def test_a_rule_that_means_something_now_or_did_once_has_no_warning(pause: str) -> None:
    assert _warnings(_rule(pause)) == []


@pytest.mark.parametrize("limit", ["", ", between: 2000-01-01/2020-12-31", ", between: 2030-06-01/2030-12-31"])
@pytest.mark.parametrize("lasts", ["", ", for: 30s"])
def test_a_rule_that_comes_every_minute_is_not_looked_at_for_years(
    lasts: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = count()

    def counted(*args: Any, **kwargs: Any) -> Iterator[tuple[datetime, datetime]]:
        for each in runs(*args, **kwargs):
            next(looked_at)
            yield each

    monkeypatch.setattr("rules.patterns.runs", counted)
    assert _warnings(_rule(f'{{cron: "* * * * *"{lasts}{limit}}}')) == []
    assert next(looked_at) < 500_000


@pytest.mark.parametrize(
    "pause",
    ["{on: mon, except: weekdays}", "{on: 30, months: feb}", "{at: Fri 17:00, except: fri}", "{on: none}"],
)
def test_an_entry_that_no_day_is_left_for_is_told(pause: str) -> None:
    found = _warnings(_rule(pause), calendars="{none: {dates: [2026-12-24], except: [2026-12-24]}}")
    assert found == ["5:38: rules[0].pause: warning: never comes within 8 years: no day is left for it"]


def test_of_several_entries_the_one_that_never_comes_is_named() -> None:
    (warning,) = _warnings(_rule("[{on: sat}, {on: mon, except: weekdays}]"))
    assert warning.startswith("5:50: rules[0].pause[1]: warning: never comes within 8 years")


@pytest.mark.parametrize("pause", ["{on: daily}", "[{on: mon-fri}, {on: weekends}]", "{cron: 0 0 * * *, for: 36h}"])
def test_a_rule_that_leaves_no_gap_is_told(pause: str) -> None:
    (warning,) = _warnings(_rule(pause))
    assert warning.endswith("rules[0].pause: warning: leaves no gap: no end in sight within 2 years")


@pytest.mark.parametrize("pause", ["{from: 2020-01-01 10:00, until: 2040-01-02 10:00}", "{on: 2020-01-01/2040-01-01}"])
def test_a_window_of_many_years_is_not_always_quiet(pause: str) -> None:
    assert _warnings(_rule(pause)) == []


@pytest.mark.parametrize("pause", ["{from: 2040-01-01 08:00, until: 2040-01-02 08:00}", "{on: 2040-01-01/2044-01-01}"])
def test_of_a_window_further_ahead_than_anyone_looks_only_that_is_said(pause: str) -> None:
    (warning,) = _warnings(_rule(pause))
    assert "never comes within 8 years" in warning


@pytest.mark.parametrize("time", ["23:59", "23:59:59"])
def test_an_end_a_moment_before_midnight_is_told_at_its_place(time: str) -> None:
    (warning,) = _warnings(_rule(f"{{on: fri, from: 17:00, until: {time}}}"))
    assert warning == ("5:68: rules[0].pause.until: warning: leaves the rest of the day open; write 24:00 for its end")


def test_a_window_inside_the_time_that_clocks_skip_is_told_with_its_day() -> None:
    (warning,) = _warnings(_rule("{on: sun, from: 02:10, until: 02:40}"))
    assert warning.endswith(
        "warning: the window of 2027-03-28 lies in the time that clocks skip in Europe/Warsaw; it's dropped"
    )


def test_a_single_window_inside_the_time_that_clocks_skip_is_told_however_far_away() -> None:
    (warning,) = _warnings(_rule("{from: 2031-03-30 02:10, until: 2031-03-30 02:40}"))
    assert warning.endswith("the window of 2031-03-30 lies in the time that clocks skip in Europe/Warsaw; it's dropped")


def test_a_hold_within_windows_of_the_same_campaign_is_told_once_with_their_rules() -> None:
    weekend = _rule("{from: Fri 17:00, until: Mon 08:00}", "weekend", "[7, 8]")
    (warning,) = _warnings(weekend, _rule("{at: Fri 18:00}", "stop"))
    assert warning.endswith(
        "rules[1].pause: warning: this hold falls into windows of 'weekend' (Fri 2026-11-27 18:00), "
        "which then end without a resume"
    )


def test_what_was_told_of_one_campaign_is_not_looked_for_in_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = count()
    left_paused = Timeline.left_paused

    def counted(timeline: Timeline, since: datetime, until: datetime) -> Any:
        next(looked_at)
        return left_paused(timeline, since, until)

    monkeypatch.setattr(Timeline, "left_paused", counted)
    weekends = (_rule("{on: weekends}", name=f"b{number}", campaigns=f"[{number}]") for number in range(1, 50))
    (warning,) = _warnings(_rule("{at: sat 12:00}"), *weekends)
    assert "this hold falls into windows of 'b1' " in warning
    assert next(looked_at) == 1


def test_a_hold_of_other_campaigns_or_at_the_end_of_a_window_is_not_told() -> None:
    weekend = _rule("{from: Fri 17:00, until: Mon 08:00}", "weekend", "[7]")
    assert _warnings(weekend, _rule("{at: Fri 18:00}", "stop", "[8]")) == []
    assert _warnings(weekend, _rule("{at: Mon 08:00}", "stop", "[7]")) == []


def test_a_window_that_is_not_resumed_from_is_told_where_it_meets_one_that_is() -> None:
    weekend = _rule("{from: Fri 17:00, until: Mon 08:00}", "weekend", "[7]")
    stop = "{name: stop, campaigns: [7], resume: false, pause: {on: mon, from: 08:00, until: 09:00}}"
    (warning,) = _warnings(weekend, stop)
    assert warning.endswith(
        "rules[1].pause: warning: this goes into one with windows of 'weekend' (Mon 2026-11-30 08:00), "
        "which then end without a resume"
    )
    assert _warnings(weekend, stop.replace("08:00, until", "08:01, until")) == []


def test_a_country_whose_parts_have_days_of_their_own_is_told_where_no_part_is_given() -> None:
    (warning,) = _warnings(_rule("{on: sat}"), calendars="{de: {country: DE}}")
    assert warning.startswith("3:27: calendars.de.country: warning: DE has parts with holidays of their own (BB, ")
    assert _warnings(_rule("{on: sat}"), calendars="{by: {country: DE, subdivision: BY}}") == []


def test_a_country_whose_parts_have_the_same_public_holidays_is_not_told() -> None:
    """Poland's parts differ in school holidays only."""
    assert _warnings(_rule("{on: sat}"), calendars="{pl: {country: PL}}") == []


def test_a_country_whose_data_ends_soon_is_told_at_its_place() -> None:
    """Sri Lanka's holidays follow the moon, and are known once the government has said them."""
    last = last_year_of_data("LK")
    assert last <= _NOW.year + 1, "another country is needed"
    (warning,) = _warnings(_rule("{on: sat}"), calendars="{lanka: {country: LK}}")
    assert warning.startswith(
        f"3:30: calendars.lanka.country: warning: the data for LK ends in {last}: after it, this country has no"
    )


def test_warnings_come_in_the_order_of_the_file() -> None:
    found = _warnings(
        _rule("{on: daily}", "first"),
        _rule("{on: mon, except: weekdays}", "second"),
        calendars="{de: {country: DE}}",
    )
    assert [int(warning.partition(":")[0]) for warning in found] == sorted(
        int(warning.partition(":")[0]) for warning in found
    )
    assert len(found) == 3


@pytest.mark.parametrize(
    ("address", "is_told"),
    [
        ("127.0.0.1:9464", False),
        ("localhost:9464", False),
        ("[::1]:9464", False),
        ("127.8.8.8:0", False),
        ("0.0.0.0:9464", True),
        ("192.168.1.2:9464", True),
        ("[::]:9464", True),
    ],
)
def test_metrics_that_others_can_reach_are_told(address: str, is_told: bool) -> None:
    rule = _rule("{from: Fri 17:00, until: Mon 08:00}")
    source = parse(f"{_HEAD}metrics: {{listen: '{address}'}}\nrules: [{rule}]\n".encode())
    document = read(source)
    said = [str(problem) for problem in advise(source, document, compile_rules(document), _NOW)]
    assert [line.partition(": warning: ")[0] for line in said] == (["3:19: metrics.listen"] if is_told else [])
