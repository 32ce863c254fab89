"""`curfew why`: whether a campaign is quiet, because of what, until when, and what the ledger knows of it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.ledger import work
from scheduler.ledger.database import Database
from scheduler.ledger.records import Outcome, Result, Seen, State
from tests.acceptance.command_line import FILE, Curfew, on_a_terminal, write_file
from tests.scheduler_fakes import FRIDAY, HOUR, MINUTE, ledger_in, new_intent

WEEKEND = "pause: {from: Fri 17:00, until: Mon 08:00}"
SATURDAY = "2026-11-28 12:00"
HELD = "Sat 2026-11-28 12:00:00+01:00"
BY_HAND = "until a person resumes it"
TWO_ACCOUNTS = "{main: {api_key: x}, acme: {api_key: x}}"


def listed(ledger: Database, *seen: Seen, account: str = "main", at: datetime = FRIDAY) -> None:
    """Have the ledger know of a list."""
    with ledger.writing() as connection:
        work.store_list(connection, account, seen, at)


def spring(campaign: int = 11, *, folder: str | None = None, name: str = "Spring", status: str = "RUNNING") -> Seen:
    return Seen(campaign=campaign, name=name, status=status, folder=folder)


class TestDecision:
    def test_a_quiet_campaign_is_explained_by_its_rules_and_their_holidays(self, curfew: Curfew, folder: Path) -> None:
        assert curfew.lines("why", "11", "--at", "2026-12-25 18:00", cwd=folder) == [
            "campaign 11, account main",
            "at       Fri 2026-12-25 18:00:00+01:00: quiet",
            "because  holidays: Christmas Day",
            "         weekend: Fri 17:00 until Mon 08:00",
            "since    Thu 2026-12-24 00:00:00+01:00",
            "until    Mon 2026-12-28 08:00:00+01:00",
            "then     resumed, if Curfew paused it and nobody touched it since",
            "ledger   nothing is on record",
        ]

    def test_one_that_is_not_quiet_is_told_when_the_next_window_begins(self, curfew: Curfew, folder: Path) -> None:
        assert curfew.lines("why", "11", "--at", "2026-11-25 12:00", cwd=folder) == [
            "campaign 11, account main",
            "at       Wed 2026-11-25 12:00:00+01:00: not quiet",
            "until    Fri 2026-11-27 17:00:00+01:00",
            "ledger   nothing is on record",
        ]

    @pytest.mark.parametrize(
        ("at", "is_quiet"),
        [
            ("2026-11-27 16:59:59", False),
            ("2026-11-27 17:00", True),
            ("2026-11-30T07:59:59", True),
            ("2026-11-30 08:00", False),
            ("2026-11-27T15:59:59Z", False),
            ("2026-11-27T16:00Z", True),
            ("2026-11-30T06:59:59+00:00", True),
            ("2026-11-30T02:00-05:00", False),
        ],
    )
    def test_the_instant_is_wall_time_of_the_files_zone_or_one_with_an_offset(
        self, curfew: Curfew, folder: Path, at: str, is_quiet: bool
    ) -> None:
        (answer,) = curfew.rows("why", folder, "11", "--at", at)
        assert answer["quiet"] is is_quiet

    def test_without_an_instant_it_is_about_now(
        self, curfew: Curfew, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("scheduler.cli.why.utc_now", lambda: datetime(2026, 11, 28, 12, tzinfo=UTC))
        (answer,) = curfew.rows("why", folder, "11")
        assert (answer["at"], answer["quiet"]) == ("2026-11-28T12:00:00Z", True)

    def test_a_campaign_that_no_rule_names_is_one_of_all(self, curfew: Curfew, folder: Path) -> None:
        lines = curfew.lines("why", "999", "--at", "2026-12-25 18:00", cwd=folder)
        assert lines[2:4] == ["because  holidays: Christmas Day", "since    Thu 2026-12-24 00:00:00+01:00"]

    def test_a_campaign_without_a_rule_has_no_window_in_sight(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [f"name: a, campaigns: [11], {WEEKEND}"])
        lines = curfew.lines("why", "12", "--at", SATURDAY, cwd=tmp_path)
        assert lines[2] == "until    no window is in sight"
        (answer,) = curfew.rows("why", tmp_path, "12", "--at", SATURDAY)
        assert (answer["quiet"], answer["until"], answer["since"]) == (False, None, None)

    def test_what_leaves_it_paused_is_said(self, curfew: Curfew, tmp_path: Path) -> None:
        """A hold that falls into the span, and a window of a rule that doesn't resume."""
        rules = [
            f"name: weekend, campaigns: all, {WEEKEND}",
            "name: stop, campaigns: all, pause: {at: 2026-11-29 12:00}",
            "name: launch, campaigns: all, resume: false, pause: {on: 2026-11-29, from: '18:00', until: '19:00'}",
        ]
        write_file(tmp_path, rules)
        lines = curfew.lines("why", "11", "--at", SATURDAY, cwd=tmp_path)
        assert lines[2] == "because  weekend: Fri 17:00 until Mon 08:00", "the others aren't why it's quiet now"
        assert lines[5:7] == [
            "then     left paused for a person to resume (launch: 2026-11-29 18:00 until 19:00)",
            "         left paused for a person to resume (stop: 2026-11-29 12:00)",
        ]
        (answer,) = curfew.rows("why", tmp_path, "11", "--at", SATURDAY)
        assert answer["left_paused_by"] == ["launch: 2026-11-29 18:00 until 19:00", "stop: 2026-11-29 12:00"]

    @pytest.mark.parametrize(
        ("at", "lines"),
        [
            ("2026-11-28 11:59", ["until    no window is in sight", f"hold     {HELD}, then left paused {BY_HAND}"]),
            ("2026-11-28 12:00", [f"but      left paused by stop: 2026-11-28 12:00 since {HELD} {BY_HAND}"]),
            ("2026-12-05 12:00", [f"but      left paused by stop: 2026-11-28 12:00 since {HELD} {BY_HAND}"]),
            ("2026-12-05 12:01", ["until    no window is in sight"]),
        ],
    )
    def test_a_hold_is_told_before_it_comes_and_for_a_week_after(
        self, curfew: Curfew, tmp_path: Path, at: str, lines: list[str]
    ) -> None:
        write_file(tmp_path, ["name: stop, campaigns: [11], pause: {at: 2026-11-28 12:00}"])
        assert curfew.lines("why", "11", "--at", at, cwd=tmp_path)[2 : 2 + len(lines)] == lines

    def test_a_hold_is_told_for_as_long_as_it_is_made_up_for(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, ["name: stop, campaigns: [11], catch_up: 20d, pause: {at: 2026-11-28 12:00}"])
        assert "left paused by stop" in curfew.lines("why", "11", "--at", "2026-12-18", cwd=tmp_path)[2]
        assert "left paused by" not in curfew.lines("why", "11", "--at", "2026-12-19", cwd=tmp_path)[2]

    def test_the_next_hold_is_told_only_where_it_comes_before_the_next_window(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        rules = [f"name: a, campaigns: [11], {WEEKEND}", "name: stop, campaigns: [11], pause: {at: 2026-12-02 12:00}"]
        write_file(tmp_path, rules)
        at = {day: curfew.lines("why", "11", "--at", day, cwd=tmp_path)[2:-1] for day in ("2026-11-26", "2026-12-01")}
        assert [len(lines) for lines in at.values()] == [1, 2]
        (answer,) = curfew.rows("why", tmp_path, "11", "--at", "2026-12-03")
        assert (answer["last_hold_at"], answer["next_hold_at"]) == ("2026-12-02T11:00:00Z", None)

    def test_a_hold_that_a_span_followed_no_longer_says_anything(self, curfew: Curfew, tmp_path: Path) -> None:
        rules = [f"name: a, campaigns: [11], {WEEKEND}", "name: stop, campaigns: [11], pause: {at: 2026-11-26 12:00}"]
        write_file(tmp_path, rules)
        for at, is_left in (("2026-11-26 13:00", True), ("2026-11-30 09:00", False)):
            lines = curfew.lines("why", "11", "--at", at, cwd=tmp_path)
            assert any("left paused by" in line for line in lines) is is_left

    @pytest.mark.parametrize("stop", ["resume: false, pause: {on: 2026-11-29}", "pause: {at: 2026-11-29 12:00}"])
    def test_a_span_that_was_left_paused_is_told_for_a_week_after_its_end(
        self, curfew: Curfew, tmp_path: Path, stop: str
    ) -> None:
        rules = ["name: a, campaigns: [11], pause: {from: 2026-11-27 17:00, until: 2026-11-30 08:00}"]
        write_file(tmp_path, [*rules, f"name: stop, campaigns: [11], {stop}"])
        for at, is_left in (("2026-11-30 08:00", True), ("2026-12-07 08:00", True), ("2026-12-07 08:01", False)):
            lines = curfew.lines("why", "11", "--at", at, cwd=tmp_path)
            assert any("since Mon 2026-11-30 08:00:00+01:00 until a person" in line for line in lines) is is_left

    def test_a_person_who_has_resumed_it_since_is_believed(
        self, curfew: Curfew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("scheduler.cli.overriding.utc_now", lambda: datetime(2026, 11, 28, 12, tzinfo=UTC))
        monkeypatch.setattr("scheduler.cli.why.utc_now", lambda: datetime(2026, 11, 28, 13, tzinfo=UTC))
        ledger_in(tmp_path)
        write_file(tmp_path, [f"name: stop, campaigns: [11], pause: [{{at: 2026-11-28 11:00}}, {{{WEEKEND[8:-1]}}}]"])
        assert "left paused for" in curfew.lines("why", "11", cwd=tmp_path)[5]
        assert curfew("resume", "11", cwd=tmp_path).returncode == 0
        lines = curfew.lines("why", "11", cwd=tmp_path)
        assert ": not quiet" in lines[1]
        assert not any("left paused" in line for line in lines)

    def test_one_that_is_always_quiet_has_neither_beginning_nor_end(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, ["name: never, campaigns: all, pause: {on: daily}"])
        assert curfew.lines("why", "11", "--at", SATURDAY, cwd=tmp_path)[2:6] == [
            "because  never: daily",
            "since    longer ago than anyone looks back",
            "until    no end is in sight",
            "ledger   nothing is on record",
        ]
        (answer,) = curfew.rows("why", tmp_path, "11", "--at", SATURDAY)
        assert (answer["since"], answer["until"]) == (None, None)

    def test_json_keeps_its_contract(self, curfew: Curfew, folder: Path) -> None:
        assert curfew.rows("why", folder, "11", "--at", "2026-12-25 18:00") == [
            {
                "at": "2026-12-25T17:00:00Z",
                "account": "main",
                "campaign": 11,
                "campaign_name": None,
                "quiet": True,
                "rules": ["holidays", "weekend"],
                "because": ["holidays: Christmas Day", "weekend: Fri 17:00 until Mon 08:00"],
                "since": "2026-12-23T23:00:00Z",
                "until": "2026-12-28T07:00:00Z",
                "left_paused_by": [],
                "status": None,
                "seen_at": None,
                "held_since": None,
                "changes": [],
                "overrides": [],
                "last_hold_at": None,
                "next_hold_at": None,
            }
        ]


class TestLedger:
    def test_asking_makes_no_ledger(self, curfew: Curfew, folder: Path) -> None:
        curfew.lines("why", "11", cwd=folder)
        assert not (folder / "curfew.db").exists()

    def test_what_the_last_list_said_is_shown_with_its_time(self, curfew: Curfew, folder: Path) -> None:
        listed(ledger_in(folder), spring(folder="EMEA"))
        lines = curfew.lines("why", "11", "--at", SATURDAY, cwd=folder)
        assert lines[0] == "campaign 11 Spring, account main"
        assert lines[-1] == "ledger   RUNNING, in folder EMEA, as listed Fri 2026-11-27 17:00:00+01:00"
        (answer,) = curfew.rows("why", folder, "11")
        assert (answer["campaign_name"], answer["status"]) == ("Spring", "RUNNING")
        assert answer["seen_at"] == "2026-11-27T16:00:00Z"

    def test_custody_and_the_newest_changes_are_shown(self, curfew: Curfew, folder: Path) -> None:
        ledger = ledger_in(folder)
        listed(ledger, spring())
        with ledger.writing() as connection:
            for days in (21, 14, 7):
                earlier = new_intent(11, due_at=FRIDAY.replace(day=27 - days))
                work.record_decision(connection, earlier, State.SKIPPED, "already paused", FRIDAY)
            pause = work.record_intent(connection, new_intent(11), FRIDAY)
            assert pause is not None
            work.start_attempt(connection, pause, "me", FRIDAY)
            work.finish_attempt(connection, pause, 1, Result(outcome=Outcome.SUCCEEDED), FRIDAY + MINUTE)
        lines = curfew.lines("why", "11", "--at", SATURDAY, cwd=folder)
        start = next(number for number, line in enumerate(lines) if line.startswith("ledger"))
        assert lines[start:] == [
            "ledger   PAUSED, as listed Fri 2026-11-27 17:00:00+01:00",
            "         held paused by Curfew since Fri 2026-11-27 17:01:00+01:00, to be resumed",
            "         pause due Fri 2026-11-27 17:00:00+01:00: succeeded (weekend: Fri 17:00 until Mon 08:00)",
            "         pause due Fri 2026-11-20 17:00:00+01:00: skipped: already paused",
            "         pause due Fri 2026-11-13 17:00:00+01:00: skipped: already paused",
        ]
        (answer,) = curfew.rows("why", folder, "11")
        assert answer["held_since"] == "2026-11-27T16:01:00Z"
        assert len(answer["changes"]) == 3
        assert answer["changes"][0] == {
            "action": "pause",
            "due_at": "2026-11-27T16:00:00Z",
            "because": "weekend: Fri 17:00 until Mon 08:00",
            "state": "succeeded",
            "reason": None,
            "attempts": 1,
        }

    def test_changes_without_a_list_are_shown_as_well(self, curfew: Curfew, folder: Path) -> None:
        with ledger_in(folder).writing() as connection:
            work.record_intent(connection, new_intent(11), FRIDAY)
        lines = curfew.lines("why", "11", "--at", SATURDAY, cwd=folder)
        because = "weekend: Fri 17:00 until Mon 08:00"
        assert lines[-1] == f"         pause due Fri 2026-11-27 17:00:00+01:00: waiting ({because})"
        assert not any("ledger   nothing" in line for line in lines)

    def test_the_ledger_may_be_named(self, curfew: Curfew, folder: Path) -> None:
        listed(ledger_in(folder, "other.db"), spring())
        url = f"sqlite:///{folder}/other.db"
        assert curfew.lines("why", "11", "--database", url, cwd=folder)[0] == "campaign 11 Spring, account main"

    def test_a_name_cannot_play_with_the_terminal(self, curfew: Curfew, folder: Path) -> None:
        listed(ledger_in(folder), spring(name="Spring \x1b[31m\noffer", folder="\x1b[2J"))
        done = curfew("why", "11", cwd=folder)
        assert "\x1b" not in done.stdout
        assert done.stdout.startswith("campaign 11 Spring \ufffd[31m\ufffdoffer, account main\n")
        assert not any("\x1b" in line for line in on_a_terminal(80, "why", "11", cwd=folder))

    def test_a_file_that_is_no_ledger_is_said(self, curfew: Curfew, folder: Path) -> None:
        (folder / "curfew.db").write_text("this is not a database, but a text of some length\n" * 20)
        done = curfew("why", "11", cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "file is not a database" in done.stderr


class TestSelectors:
    RULES = (
        f"name: by-folder, campaigns: {{folders: emea, except: ['* test']}}, {WEEKEND}",
        "name: by-name, campaigns: {names: 'DE *'}, pause: {on: sat}",
    )

    @pytest.mark.parametrize(
        ("seen", "rules"),
        [
            (spring(folder="EMEA"), ["by-folder"]),
            (spring(folder="EMEA", name="de spring"), ["by-folder", "by-name"]),
            (spring(folder="EMEA", name="DE test"), ["by-name"]),
            (spring(folder="Americas"), []),
            (spring(name="DE Spring"), ["by-name"]),
        ],
    )
    def test_a_rule_selects_by_the_name_and_the_folder_of_the_last_list(
        self, curfew: Curfew, tmp_path: Path, seen: Seen, rules: list[str]
    ) -> None:
        write_file(tmp_path, self.RULES)
        ledger = ledger_in(tmp_path)
        listed(ledger, spring(folder="Elsewhere"), at=FRIDAY - HOUR)
        listed(ledger, seen)
        (answer,) = curfew.rows("why", tmp_path, "11", "--at", SATURDAY)
        assert answer["rules"] == rules
        assert answer["quiet"] is bool(rules)

    def test_without_a_list_no_rule_selects_by_name_or_folder(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, self.RULES)
        (answer,) = curfew.rows("why", tmp_path, "11", "--at", SATURDAY)
        assert answer["quiet"] is False


class TestAccounts:
    @pytest.fixture
    def two(self, tmp_path: Path) -> Path:
        rules = [
            f"name: main-weekend, account: main, campaigns: [11, 13], {WEEKEND}",
            "name: acme-saturdays, account: acme, campaigns: [12, 13], pause: {on: sat}",
        ]
        write_file(tmp_path, rules, accounts=TWO_ACCOUNTS)
        return tmp_path

    @pytest.mark.parametrize(("campaign", "account"), [("11", "main"), ("12", "acme")])
    def test_the_one_whose_rules_name_the_campaign_is_meant(
        self, curfew: Curfew, two: Path, campaign: str, account: str
    ) -> None:
        (answer,) = curfew.rows("why", two, campaign, "--at", SATURDAY)
        assert (answer["account"], answer["quiet"]) == (account, True)

    def test_the_one_whose_list_has_the_campaign_is_meant(self, curfew: Curfew, two: Path) -> None:
        listed(ledger_in(two), spring(77), account="acme")
        assert curfew.lines("why", "77", cwd=two)[0] == "campaign 77 Spring, account acme"

    def test_an_account_that_is_gone_from_the_file_is_not_meant(self, curfew: Curfew, two: Path) -> None:
        ledger = ledger_in(two)
        listed(ledger, spring(77), account="acme")
        listed(ledger, replace(spring(77), name="Older"), account="old")
        assert curfew.lines("why", "77", cwd=two)[0] == "campaign 77 Spring, account acme"

    @pytest.mark.parametrize("campaign", ["13", "77"])
    def test_where_it_is_not_clear_whose_it_is_that_is_asked_for(
        self, curfew: Curfew, two: Path, campaign: str
    ) -> None:
        done = curfew("why", campaign, cwd=two)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"curfew: say whose campaign {campaign} is with --account: main, acme\n"

    def test_a_campaign_that_one_list_and_another_accounts_rules_have_is_not_clear(
        self, curfew: Curfew, two: Path
    ) -> None:
        listed(ledger_in(two), spring(11), account="acme")
        done = curfew("why", "11", cwd=two)
        assert (done.returncode, done.stderr) == (2, "curfew: say whose campaign 11 is with --account: acme, main\n")

    @pytest.mark.parametrize(("account", "rule"), [("main", "main-weekend"), ("acme", "acme-saturdays")])
    def test_the_one_that_is_said_is_meant(self, curfew: Curfew, two: Path, account: str, rule: str) -> None:
        (answer,) = curfew.rows("why", two, "13", "--at", SATURDAY, "--account", account)
        assert (answer["account"], answer["rules"]) == (account, [rule])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("0",), "0 is not in the range"),
        (("-5",), "No such option"),
        (("spring",), "'spring' is not a valid integer"),
        ((), "Missing argument 'CAMPAIGN'"),
        (("11", "--account", "Main"), "no account is called 'Main'; did you mean 'main'?"),
        (("11", "--at", "noon"), "'noon' is neither a date"),
        (("11", "--at", "0001-01-01"), "the year of '0001-01-01' isn't between"),
        (("11", "--format", "csv"), "'csv' is not one of"),
        (("11", "--database", "mysql://u:hidden@host/x"), "--database: "),
    ],
)
def test_wrong_use_is_told(curfew: Curfew, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    done = curfew("why", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "hidden" not in done.stderr


def test_a_wrong_file_is_told(curfew: Curfew, folder: Path) -> None:
    (folder / "curfew.yaml").write_text(FILE.replace("Europe/Warsaw", "Europe/Warsav"))
    done = curfew("why", "11", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("curfew.yaml:1:11: timezone: ")
