"""`curfew plan` in all its forms: text, rows, a calendar to subscribe to, and pages of months."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from icalendar import Calendar

from tests.acceptance import processes
from tests.acceptance.command_line import Curfew, on_a_terminal, terminal, uncoloured, write_file
from tests.readme import ROOT

NIGHTS = "name: nights, campaigns: [11], pause: {on: daily, from: '22:00', until: '06:00'}"
WEEKEND = "pause: {from: Fri 17:00, until: Mon 08:00}"
TWO_ACCOUNTS = "{main: {api_key: x}, acme: {api_key: x}}"
THREE_QUARTERS = ("--from", "2027-03-01", "--to", "2027-11-30")
LEGEND = "#24 quiet all day   ~24 quiet for a part of it   !24 a hold"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A folder with the file that everybody begins with: two accounts, and every kind of rule."""
    copy(ROOT / "config.example.yaml", tmp_path / "curfew.yaml")
    return tmp_path


class TestText:
    def test_each_day_has_its_edges_in_local_time_with_the_rules_and_the_holidays_names(
        self, curfew: Curfew, folder: Path
    ) -> None:
        lines = curfew.lines("plan", "--from", "2026-12-23", "--to", "2026-12-31", cwd=folder)
        assert lines == [
            "Thu 2026-12-24",
            "  00:00+01:00   pause  all until Sun 2026-12-27 00:00+01:00",
            "                holidays: Christmas Eve",
            "                holidays: Christmas Day",
            "                holidays: Second Day of Christmas",
            "  00:00+01:00   pause  11, 12 until Mon 2026-12-28 08:00+01:00",
            "                holidays: Christmas Eve",
            "                holidays: Christmas Day",
            "                weekend: Fri 17:00 until Mon 08:00",
            "                holidays: Second Day of Christmas",
            "",
            "Sun 2026-12-27",
            "  00:00+01:00   resume all",
            "",
            "Mon 2026-12-28",
            "  08:00+01:00   resume 11, 12",
            "",
            "Wed 2026-12-30",
            "  09:00-05:00   hold   12, until a person resumes it",
            "                stop: 2026-12-30 09:00",
        ]

    @pytest.mark.parametrize(
        ("zone", "day", "mark", "morning"),
        [
            ("Europe/Warsaw", 27, "clocks go forward 1h at 02:00 in Europe/Warsaw", "06:00+02:00"),
            ("Europe/Warsaw", 30, "clocks go back 1h at 03:00 in Europe/Warsaw", "06:00+01:00"),
            ("Australia/Lord_Howe", 3, "clocks go back 30m at 02:00 in Australia/Lord_Howe", "06:00+10:30"),
            ("Australia/Lord_Howe", 2, "clocks go forward 30m at 02:00 in Australia/Lord_Howe", "06:00+11:00"),
        ],
    )
    def test_where_clocks_are_changed_between_two_edges_a_mark_says_so(
        self, curfew: Curfew, tmp_path: Path, zone: str, day: int, mark: str, morning: str
    ) -> None:
        month = {27: "03", 30: "10", 3: "04", 2: "10"}[day]
        start = datetime.fromisoformat(f"2027-{month}-{day:02}T12:00")
        write_file(tmp_path, [NIGHTS], timezone=zone)
        span = ("--from", start.isoformat(), "--to", start.replace(day=day + 1).isoformat())
        lines = curfew.lines("plan", *span, cwd=tmp_path)
        assert lines[0] == f"{start:%a %Y-%m-%d}"
        assert lines[1].startswith("  22:00")
        assert lines[1].endswith(f"2027-{month}-{day + 1:02} {morning}")
        assert lines[4:] == [f"Sun 2027-{month}-{day + 1:02}", f"  ---- {mark} ----", f"  {morning}   resume 11"]

    @pytest.mark.parametrize(
        ("start", "end", "is_marked"),
        [
            ("2027-03-28T01:00Z", "2027-03-28T05:00Z", True),
            ("2027-03-28T01:00:01Z", "2027-03-28T05:00Z", False),
            ("2027-03-27T21:00Z", "2027-03-28T01:00Z", False),
            ("2027-03-27T21:00Z", "2027-03-28T01:00:01Z", True),
        ],
    )
    def test_a_change_of_the_clocks_is_marked_where_it_lies_in_the_range(
        self, curfew: Curfew, tmp_path: Path, start: str, end: str, is_marked: bool
    ) -> None:
        write_file(tmp_path, [NIGHTS])
        lines = curfew.lines("plan", "--from", start, "--to", end, cwd=tmp_path)
        assert any("clocks go forward" in line for line in lines) is is_marked

    def test_a_change_in_a_zone_that_nothing_happens_in_is_not_marked(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [NIGHTS.replace("name: nights", "name: nights, timezone: Asia/Kathmandu")])
        lines = curfew.lines("plan", "--from", "2027-03-27", "--to", "2027-03-29", cwd=tmp_path)
        assert len([line for line in lines if line.startswith("  ") and "+05:45" in line]) == 4
        assert not any("clocks" in line for line in lines)

    def test_each_edge_is_in_the_time_of_its_rule_and_the_days_are_those_of_its_zone(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        there = (
            "name: there, campaigns: [12], timezone: America/New_York, pause: {on: 2027-05-04, from: '20:00', for: 2h}"
        )
        here = "name: here, campaigns: [11], pause: {on: 2027-05-05, from: '03:00', until: '04:00'}"
        write_file(tmp_path, [there, here])
        lines = curfew.lines("plan", "--from", "2027-05-04", "--to", "2027-05-06", cwd=tmp_path)
        assert [line for line in lines if "resume" in line or not line.startswith(" ")] == [
            "Tue 2027-05-04",
            "",
            "Wed 2027-05-05",
            "  04:00+02:00   resume 11",
            "",
            "Tue 2027-05-04",
            "  22:00-04:00   resume 12",
        ]

    def test_with_several_accounts_each_line_says_whose_campaigns_they_are(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        rules = [
            f"name: a, account: main, campaigns: [11, 12], {WEEKEND}",
            f"name: b, account: acme, campaigns: [11], {WEEKEND}",
        ]
        write_file(tmp_path, rules, accounts=TWO_ACCOUNTS)
        lines = curfew.lines("plan", "--from", "2026-11-27", "--to", "2026-12-01", cwd=tmp_path)
        assert [line for line in lines if "pause" in line or "resume" in line] == [
            "  17:00+01:00   pause  acme: 11 until Mon 2026-11-30 08:00+01:00",
            "  17:00+01:00   pause  main: 11, 12 until Mon 2026-11-30 08:00+01:00",
            "  08:00+01:00   resume acme: 11",
            "  08:00+01:00   resume main: 11, 12",
        ]

    def test_what_a_selector_finds_is_called_by_its_words(self, curfew: Curfew, tmp_path: Path) -> None:
        rules = [
            f"name: a, campaigns: {{folders: EMEA, names: ['DE *'], except: [7, '* test']}}, {WEEKEND}",
            f"name: b, campaigns: {{except: 9}}, {WEEKEND}",
        ]
        write_file(tmp_path, rules)
        span = ("--from", "2026-11-27", "--to", "2026-11-28")
        rows = curfew.rows("plan", tmp_path, *span)
        assert [(row["campaign"], row["selector"]) for row in rows] == [
            ("all", "all"),
            ("all", "folder EMEA or name DE * except 7, * test"),
            (7, None),
        ]
        lines = curfew.lines("plan", *span, cwd=tmp_path)
        assert lines[1] == "  17:00+01:00   pause  all, 7 until Mon 2026-11-30 08:00+01:00"
        assert lines[3].startswith("  17:00+01:00   pause  folder EMEA or name DE * except 7, * test until Mon")

    def test_a_span_that_ends_without_a_resume_says_that_it_is_left_paused(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        """By a rule that doesn't resume, and by a hold that falls into it."""
        rules = [
            f"name: a, campaigns: [11], resume: false, {WEEKEND}",
            f"name: b, campaigns: [12, 13], {WEEKEND}",
            "name: stop, campaigns: [12], pause: {at: 2026-11-28 12:00}",
        ]
        write_file(tmp_path, rules)
        lines = curfew.lines("plan", "--from", "2026-11-27", "--to", "2026-12-01", cwd=tmp_path)
        assert [line[16:] for line in lines if "until Mon 2026" in line or "resume" in line] == [
            "pause  11 until Mon 2026-11-30 08:00+01:00, then left paused",
            "pause  12 until Mon 2026-11-30 08:00+01:00, then left paused",
            "pause  13 until Mon 2026-11-30 08:00+01:00",
            "hold   12, until a person resumes it",
            "resume 13",
        ]

    def test_a_pause_that_nothing_ends_says_so(self, curfew: Curfew, tmp_path: Path) -> None:
        always = "name: a, campaigns: [11], pause: {on: daily, except: 2026-11-27}"
        write_file(tmp_path, [always])
        lines = curfew.lines("plan", "--from", "2026-11-27", "--to", "2026-11-29", cwd=tmp_path)
        assert "  00:00+01:00   pause  11, with no end in sight" in lines

    def test_seconds_are_shown_only_where_there_are_any(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, ["name: a, campaigns: [11], pause: {on: daily, from: '10:00:30', until: '11:00'}"])
        lines = curfew.lines("plan", "--from", "2026-11-27", "--to", "2026-11-28", cwd=tmp_path)
        assert lines[1] == "  10:00:30+01:00 pause  11 until 11:00+01:00"
        assert lines[3] == "  11:00+01:00   resume 11"

    def test_who_is_quiet_already_stands_before_what_happens(self, curfew: Curfew, tmp_path: Path) -> None:
        rules = [
            "name: shutdown, campaigns: [11, 12], pause: {from: 2026-12-23 16:00, until: 2027-01-02 08:00}",
            "name: stop, campaigns: [12], pause: {at: 2027-01-01 12:00}",
            f"name: weekend, campaigns: [13], {WEEKEND}",
        ]
        write_file(tmp_path, rules)
        assert curfew.lines("plan", "--from", "2026-12-28", "--to", "2026-12-29", cwd=tmp_path) == [
            "quiet already at Mon 2026-12-28 00:00+01:00: 11, since Wed 2026-12-23 16:00+01:00 "
            "until Sat 2027-01-02 08:00+01:00",
            "  shutdown: 2026-12-23 16:00 until 2027-01-02 08:00",
            "quiet already at Mon 2026-12-28 00:00+01:00: 12, since Wed 2026-12-23 16:00+01:00 "
            "until Sat 2027-01-02 08:00+01:00, then left paused",
            "  shutdown: 2026-12-23 16:00 until 2027-01-02 08:00",
            "quiet already at Mon 2026-12-28 00:00+01:00: 13, since Fri 2026-12-25 17:00+01:00 "
            "until Mon 2026-12-28 08:00+01:00",
            "  weekend: Fri 17:00 until Mon 08:00",
            "",
            "Mon 2026-12-28",
            "  08:00+01:00   resume 13",
        ]
        assert curfew.lines("plan", "--from", "2026-12-28", "--days", "1", "--rule", "stop", cwd=tmp_path) == [
            "nothing happens in that time"
        ]

    def test_what_is_always_quiet_says_so_and_not_only_that_nothing_happens(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        write_file(tmp_path, ["name: a, campaigns: [11], pause: {on: daily}"])
        assert curfew.lines("plan", "--from", "2026-11-27", "--days", "3", cwd=tmp_path) == [
            "quiet already at Fri 2026-11-27 00:00+01:00: 11, since longer ago than anyone looks back "
            "with no end in sight",
            "  a: daily",
            "",
            "nothing else happens in that time",
        ]
        assert curfew.rows("plan", tmp_path, "--from", "2026-11-27", "--days", "3") == []

    def test_a_span_that_begins_with_the_range_is_an_edge_and_not_quiet_already(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        write_file(tmp_path, ["name: a, campaigns: [11], pause: {on: 2026-11-27}"])
        lines = curfew.lines("plan", "--from", "2026-11-27", "--days", "1", cwd=tmp_path)
        assert lines[0] == "Fri 2026-11-27"


class TestTerminal:
    def test_long_lines_are_folded_under_their_beginning(self, tmp_path: Path) -> None:
        rules = [f"name: a, campaigns: {list(range(1000001, 1000021))}, {WEEKEND}"]
        write_file(tmp_path, rules)
        lines = on_a_terminal(80, "plan", "--from", "2026-11-27", "--to", "2026-11-28", cwd=tmp_path)
        assert lines[1] == "  17:00+01:00   pause  1000001, 1000002, 1000003, 1000004, 1000005, 1000006,"
        assert all(len(line) <= 80 for line in lines)
        assert all(line.startswith(" " * 23 + "10000") for line in lines[2:4])
        joined = " ".join(line.strip() for line in lines[1:-1])
        assert joined.endswith("1000019, 1000020 until Mon 2026-11-30 08:00+01:00")
        assert lines[-1] == "                a: Fri 17:00 until Mon 08:00"

    def test_wide_letters_take_the_place_that_they_need(self, tmp_path: Path) -> None:
        """Each of them is as wide as two others."""
        write_file(tmp_path, [f"name: {'休日' * 10}, campaigns: {{names: [{'東京' * 12} {'大阪' * 12}]}}, {WEEKEND}"])
        lines = on_a_terminal(80, "plan", "--from", "2026-11-27", "--to", "2026-11-28", cwd=tmp_path)
        assert lines[1:4] == [
            f"  17:00+01:00   pause  name {'東京' * 12}",
            f"                       {'大阪' * 12} until",
            "                       Mon 2026-11-30 08:00+01:00",
        ]

    def test_only_a_terminal_gets_colours(self, folder: Path) -> None:
        span = ("plan", "--from", "2026-12-23", "--to", "2026-12-31")
        code, shown = terminal(220, *span, cwd=folder)
        piped = processes.curfew(*span, cwd=folder).stdout
        assert code == 0
        assert "\x1b[1mThu 2026-12-24\x1b[0m" in shown
        assert "\x1b[33mpause \x1b[0m" in shown
        assert "\x1b[31m\x1b[1mhold  \x1b[0m" in shown
        assert "\x1b[32mresume\x1b[0m" in shown
        assert "\x1b" not in piped
        assert uncoloured(shown).splitlines() == piped.splitlines()

    def test_quiet_days_are_shaded_on_a_terminal(self, folder: Path) -> None:
        span = ("plan", "--calendar", "--from", "2026-12-01", "--to", "2027-01-01")
        _, shown = terminal(80, *span, cwd=folder)
        assert "\x1b[7m#24\x1b[0m" in shown
        assert "\x1b[33m~21\x1b[0m" in shown
        assert "\x1b[31m\x1b[1m!30\x1b[0m" in shown
        assert uncoloured(shown).splitlines() == processes.curfew(*span, cwd=folder).stdout.splitlines()


class TestRows:
    def test_csv_has_the_fields_of_the_json_row_by_row(self, curfew: Curfew, example: Path) -> None:
        rows = curfew.rows("plan", example, *THREE_QUARTERS)
        done = curfew("plan", *THREE_QUARTERS, "--format", "csv", cwd=example)
        assert done.returncode == 0
        read = csv.DictReader(io.StringIO(done.stdout, newline=""))
        found = list(read)
        assert read.fieldnames == list(rows[0])
        assert read.fieldnames == [
            *("at", "action", "account", "campaign", "rules", "because", "local", "until", "selector")
        ]
        assert len(found) == len(rows) > 1000
        assert found == [
            {**{key: str(value or "") for key, value in row.items()}, "rules": "; ".join(row["rules"])} for row in rows
        ]

    def test_csv_of_a_quiet_time_has_the_columns_names_alone(self, curfew: Curfew, folder: Path) -> None:
        lines = curfew.lines("plan", "--from", "2026-11-24", "--to", "2026-11-25", "--format", "csv", cwd=folder)
        assert lines == ["at,action,account,campaign,rules,because,local,until,selector"]

    def test_json_of_a_quiet_time_is_an_empty_list(self, curfew: Curfew, folder: Path) -> None:
        assert curfew.rows("plan", folder, "--from", "2026-11-24", "--to", "2026-11-25") == []

    def test_every_row_says_the_same_instant_in_utc_and_in_local_time(self, curfew: Curfew, example: Path) -> None:
        for row in curfew.rows("plan", example, *THREE_QUARTERS):
            assert row["at"].endswith("Z")
            assert datetime.fromisoformat(row["at"]) == datetime.fromisoformat(row["local"])


def events_of(content: str | bytes) -> list[Any]:
    return list(Calendar.from_ical(content).walk("VEVENT"))


class TestSubscription:
    def ics(self, curfew: Curfew, folder: Path, *options: str) -> list[Any]:
        done = curfew("plan", *options, "--format", "ics", cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        return events_of(done.stdout)

    def test_a_reader_finds_the_times_and_summaries_of_the_json(self, curfew: Curfew, example: Path) -> None:
        rows = [row for row in curfew.rows("plan", example, *THREE_QUARTERS) if row["action"] == "pause"]
        events = self.ics(curfew, example, *THREE_QUARTERS)
        found = [
            (each.start, each.end if "DTEND" in each else None, str(each["SUMMARY"]))
            for each in events
            if each.start >= datetime.fromisoformat("2027-02-28T23:00Z")
        ]
        assert found == [
            (
                datetime.fromisoformat(row["at"]),
                row["until"] and datetime.fromisoformat(row["until"]),
                shortened(f"{row['selector'] or row['campaign']}: {row['because']}"),
            )
            for row in rows
        ]
        assert len(found) > 400

    def test_the_event_of_a_window_under_way_is_the_one_that_it_was(self, curfew: Curfew, tmp_path: Path) -> None:
        rules = [
            f"name: weekend, campaigns: [11], {WEEKEND}",
            f"name: kept, campaigns: [12], resume: false, {WEEKEND}",
            f"name: held, campaigns: [13], pause: [{{at: 2026-11-27 17:00}}, {{{WEEKEND[8:-1]}}}]",
        ]
        write_file(tmp_path, rules)
        before = self.ics(curfew, tmp_path, "--from", "2026-11-27", "--to", "2026-11-28")
        during = self.ics(curfew, tmp_path, "--from", "2026-11-28", "--to", "2026-11-29")
        assert len(before) == 3
        assert [(each["UID"], each.start, each["SUMMARY"], each["DESCRIPTION"]) for each in during] == [
            (each["UID"], each.start, each["SUMMARY"], each["DESCRIPTION"]) for each in before
        ]
        assert [each.get("DTEND") for each in during] == [each.get("DTEND") for each in before]

    def test_what_is_always_quiet_is_one_event_whatever_the_year(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, ["name: a, campaigns: [11], pause: {on: daily}"])
        (first,), (later,) = (
            self.ics(curfew, tmp_path, "--from", f"{year}-11-27", "--days", "3") for year in (2026, 2028)
        )
        assert first["UID"] == later["UID"]
        assert "No end is in sight." in first["DESCRIPTION"]

    def test_uids_stay_from_one_plan_to_the_next_and_no_two_events_share_one(
        self, curfew: Curfew, example: Path
    ) -> None:
        """A subscription then changes an event, and adds none."""
        first, second = ([str(each["UID"]) for each in self.ics(curfew, example, *THREE_QUARTERS)] for _ in range(2))
        assert first == second
        assert len(set(first)) == len(first)
        later = self.ics(curfew, example, "--from", "2027-06-01", "--to", "2028-01-01")
        shared = {str(each["UID"]) for each in later} & set(first)
        # What began before and goes on at the first instant of June is in both, too.
        june = "20270531T220000Z"
        assert {uid for uid in shared if uid >= june} == {uid for uid in first if uid >= june}
        assert {str(each["UID"]) for each in later if str(each["UID"]) < june} < shared

    def test_the_same_campaign_of_two_accounts_has_two_uids(self, curfew: Curfew, tmp_path: Path) -> None:
        rules = [f"name: {account}, account: {account}, campaigns: [11], {WEEKEND}" for account in ("main", "acme")]
        write_file(tmp_path, rules, accounts=TWO_ACCOUNTS)
        events = self.ics(curfew, tmp_path, "--from", "2026-11-27", "--to", "2026-12-01")
        assert len({str(each["UID"]) for each in events}) == len(events) == 2

    def test_a_hold_has_no_end(self, curfew: Curfew, folder: Path) -> None:
        *_, hold = self.ics(curfew, folder, "--from", "2026-12-23", "--to", "2026-12-31")
        assert hold.start == datetime.fromisoformat("2026-12-30T14:00Z")
        assert "DTEND" not in hold
        assert "DURATION" not in hold
        assert str(hold["SUMMARY"]) == "12: stop: 2026-12-30 09:00"
        assert "-hold-" in hold["UID"]
        assert "Left paused until a person resumes it." in hold["DESCRIPTION"]

    def test_each_event_says_how_its_pause_ends(self, curfew: Curfew, tmp_path: Path) -> None:
        rules = [
            f"name: a, campaigns: [11], {WEEKEND}",
            f"name: b, campaigns: [12], resume: false, {WEEKEND}",
            "name: c, campaigns: [13], pause: {on: daily, except: 2026-11-26}",
        ]
        write_file(tmp_path, rules)
        events = self.ics(curfew, tmp_path, "--from", "2026-11-27", "--to", "2026-12-01")
        assert [str(each["DESCRIPTION"]).splitlines() for each in events] == [
            ["Campaign 13 of account main", "c: daily except 2026-11-26", "No end is in sight."],
            [
                "Campaign 11 of account main",
                "a: Fri 17:00 until Mon 08:00",
                "Given back at the end, if Curfew paused it.",
            ],
            ["Campaign 12 of account main", "b: Fri 17:00 until Mon 08:00", "Left paused until a person resumes it."],
        ]

    def test_a_quiet_time_is_a_calendar_without_events(self, curfew: Curfew, folder: Path) -> None:
        assert self.ics(curfew, folder, "--from", "2026-11-24", "--to", "2026-11-25") == []

    def test_a_process_writes_what_a_reader_takes(self, example: Path) -> None:
        done = processes.curfew("plan", *THREE_QUARTERS, "--format", "ics", cwd=example)
        assert done.returncode == 0
        assert len(events_of(done.stdout)) > 400


def shortened(text: str) -> str:
    """As a summary has it: at most 200 characters."""
    return text if len(text) <= 200 else f"{text[:199]}…"


class TestMonths:
    def test_days_are_marked_as_quiet_all_day_for_a_part_or_by_a_hold(self, curfew: Curfew, folder: Path) -> None:
        lines = curfew.lines("plan", "--calendar", "--from", "2026-12-01", "--to", "2027-01-01", cwd=folder)
        start = lines.index("12")
        assert lines[start : start + 8] == [
            "12",
            "       December 2026",
            " Mo  Tu  We  Th  Fr  Sa  Su",
            "      1   2   3 ~ 4 # 5 # 6",
            "~ 7   8   9  10 ~11 #12 #13",
            "~14  15  16  17 ~18 #19 #20",
            "~21  22  23 #24 #25 #26 #27",
            "~28  29 !30  31",
        ]
        assert lines[-2:] == ["", LEGEND]

    def test_campaigns_of_the_same_rules_share_a_page_and_others_have_their_own(
        self, curfew: Curfew, folder: Path
    ) -> None:
        rules = [
            f"name: a, campaigns: [11, 12, 13], {WEEKEND}",
            "name: b, campaigns: {folders: EMEA}, pause: {on: 2026-12-08}",
            "name: c, campaigns: [13], pause: {on: 2026-12-08}",
        ]
        write_file(folder, rules)
        lines = curfew.lines("plan", "--calendar", "--from", "2026-12-01", "--to", "2026-12-31", cwd=folder)
        assert [line for line in lines if line and line[0] in "1f"] == ["folder EMEA", "11, 12", "13"]
        assert [line for line in lines if "# 8" in line] == [
            "  7 # 8   9  10  11  12  13",
            "~ 7 # 8   9  10 ~11 #12 #13",
        ]

    def test_with_several_accounts_each_page_says_whose_it_is(self, curfew: Curfew, tmp_path: Path) -> None:
        rules = [f"name: {account}, account: {account}, campaigns: [11], {WEEKEND}" for account in ("main", "acme")]
        write_file(tmp_path, rules, accounts=TWO_ACCOUNTS)
        lines = curfew.lines("plan", "--calendar", "--from", "2026-12-01", "--to", "2026-12-31", cwd=tmp_path)
        assert [line for line in lines if ":" in line] == ["main: 11", "acme: 11"]

    def test_days_are_those_of_the_files_zone(self, curfew: Curfew, tmp_path: Path) -> None:
        """Eight in the evening in New York is two o'clock of the next day in Warsaw."""
        there = "name: a, campaigns: [11], timezone: America/New_York, pause: {on: 2026-12-30, from: '20:00', for: 1h}"
        write_file(tmp_path, [there])
        lines = curfew.lines("plan", "--calendar", "--from", "2026-12-30", "--to", "2026-12-31", cwd=tmp_path)
        assert lines[-3] == " 28  29  30 ~31"

    @pytest.mark.parametrize("day", ["2027-03-28", "2027-10-31"])
    def test_a_day_of_23_or_25_hours_is_quiet_all_day_only_if_all_of_it_is(
        self, curfew: Curfew, tmp_path: Path, day: str
    ) -> None:
        for pause, mark in (
            (f"on: {day}", "#"),
            (f"on: {day}, from: '00:00', for: 24h", None),
            (f"on: {day}, from: '00:30', until: '24:00'", "~"),
        ):
            write_file(tmp_path, [f"name: a, campaigns: [11], pause: {{{pause}}}"])
            lines = curfew.lines("plan", "--calendar", "--from", day, "--days", "1", cwd=tmp_path)
            # 24 hours are more than the day in spring, and less in autumn.
            expected = mark or ("#" if day.startswith("2027-03") else "~")
            assert any(line.endswith(f"{expected}{day[-2:]}") for line in lines)

    def test_a_day_that_never_was_has_no_mark(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, ["name: a, campaigns: [11], pause: {on: 2011-12-29/2011-12-31}"], timezone="Pacific/Apia")
        lines = curfew.lines("plan", "--calendar", "--from", "2011-12-01", "--to", "2012-01-01", cwd=tmp_path)
        assert lines[-3] == " 26  27  28 #29  30 #31"

    @pytest.mark.parametrize(
        ("start", "end", "months"),
        [
            ("2026-12-15", "2027-01-01", ["December 2026"]),
            ("2026-12-31T23:59", "2027-01-01T00:01", ["December 2026", "January 2027"]),
            ("2026-11-30T23:00Z", "2026-12-31T23:00Z", ["December 2026"]),
            ("2026-11-30", "2027-01-01T00:00:01", ["November 2026", "December 2026", "January 2027"]),
            ("2027-02-01", "2027-03-01", ["February 2027"]),
        ],
    )
    def test_the_months_are_those_that_the_range_has_a_part_of(
        self, curfew: Curfew, tmp_path: Path, start: str, end: str, months: list[str]
    ) -> None:
        write_file(tmp_path, [NIGHTS])
        lines = curfew.lines("plan", "--calendar", "--from", start, "--to", end, cwd=tmp_path, COLUMNS="300")
        assert [part.strip() for part in lines[1].split("  ") if part.strip()] == months

    @pytest.mark.parametrize(("width", "side_by_side"), [(10, 1), (58, 1), (59, 2), (80, 2), (90, 3), (121, 4)])
    def test_as_many_months_stand_side_by_side_as_there_is_room_for(
        self, curfew: Curfew, tmp_path: Path, width: int, side_by_side: int
    ) -> None:
        write_file(tmp_path, [NIGHTS])
        span = ("--from", "2026-12-01", "--to", "2027-12-01")
        lines = curfew.lines("plan", "--calendar", *span, cwd=tmp_path, COLUMNS=str(width))
        assert lines[2].split() == ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"] * side_by_side
        assert all(len(line) <= max(width, 28) for line in lines if line != LEGEND)
        assert sum(line.split().count("Mo") for line in lines) == 12

    def test_many_campaigns_are_named_in_several_lines(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [f"name: a, campaigns: {list(range(1000001, 1000021))}, {WEEKEND}"])
        lines = curfew.lines(
            "plan", "--calendar", "--from", "2026-12-01", "--to", "2026-12-31", cwd=tmp_path, COLUMNS="60"
        )
        assert all(len(line) <= 60 for line in lines)
        assert " ".join(lines[:4]).startswith(", ".join(map(str, range(1000001, 1000021))))

    def test_it_can_be_asked_for_one_campaign_or_rule(self, curfew: Curfew, folder: Path) -> None:
        span = ("--calendar", "--from", "2026-12-01", "--to", "2027-01-01")
        assert curfew.lines("plan", *span, "--campaign", "12", cwd=folder)[0] == "12"
        assert curfew.lines("plan", *span, "--rule", "stop", cwd=folder)[0] == "12"
        assert curfew.lines("plan", *span, "--rule", "weekend", cwd=folder)[0] == "11"
        # One that no rule names is one of all.
        other = curfew.lines("plan", *span, "--campaign", "999", cwd=folder)
        assert other[0] == "999"
        assert " 21  22  23 #24 #25 #26  27" in other

    def test_a_rule_that_is_switched_off_has_no_page(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [f"name: a, campaigns: [11], enabled: false, {WEEKEND}"])
        for options in ((), ("--rule", "a")):
            lines = curfew.lines("plan", "--calendar", "--from", "2026-12-01", "--days", "7", *options, cwd=tmp_path)
            assert lines == ["nothing happens in that time"]


class TestWrongUse:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--calendar", "--format", "json"), "it doesn't go with --format json"),
            (("--calendar", "--format", "csv"), "it doesn't go with --format csv"),
            (("--calendar", "--format", "ics"), "it doesn't go with --format ics"),
            (("--calendar", "--rule", "weekends"), "no rule is called 'weekends'; did you mean 'weekend'?"),
            (("--calendar", "--from", "2026-12-31", "--to", "2026-12-30"), "must come after --from"),
            (("--from", "2026-01-01", "--to", "2036-01-10"), "at most 3660 days at once"),
            (("--days", "3661"), "3661 is not in the range"),
            (("--days", "3", "--to", "2199-01-01", "--format", "ics"), "--to and --days both say where the plan ends"),
            (("--format", "xml"), "'xml' is not one of 'text', 'json', 'csv', 'ics'"),
            (("--campaign", "0"), "0 is not in the range"),
        ],
    )
    def test_options_that_do_not_go_together_are_told(
        self, curfew: Curfew, folder: Path, options: tuple[str, ...], words: str
    ) -> None:
        done = curfew("plan", *options, cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_the_example_files_plan_is_the_same_to_the_byte_on_machines_of_two_zones(example: Path, form: str) -> None:
    there, here = (
        processes.curfew("plan", *THREE_QUARTERS, "--format", form, cwd=example, TZ=zone)
        for zone in ("Pacific/Apia", "UTC")
    )
    assert (there.returncode, there.stderr) == (0, "")
    assert there.stdout == here.stdout
    assert len(there.stdout.splitlines()) > 1000


def test_the_example_files_plan_as_a_calendar_differs_by_its_stamp_alone_on_machines_of_two_zones(
    example: Path,
) -> None:
    forms = [
        processes.curfew("plan", *THREE_QUARTERS, *options, cwd=example, TZ=zone).stdout
        for options in (("--format", "ics"), ("--calendar",))
        for zone in ("Pacific/Apia", "UTC")
    ]
    unstamped = [[line for line in text.splitlines() if not line.startswith("DTSTAMP")] for text in forms]
    assert unstamped[0] == unstamped[1]
    assert unstamped[2] == unstamped[3]
    assert json.dumps(unstamped[3]).count("September 2027") > 1
