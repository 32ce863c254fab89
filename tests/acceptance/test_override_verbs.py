"""`curfew skip`, `extend`, `pause`, `resume` and `overrides`, and what the other verbs tell of them.

The time of day is Wednesday noon in Warsaw, and Saturday noon where it's to be inside the weekend.
"""

import getpass
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from sqlalchemy import text

from scheduler.ledger import work
from scheduler.ledger.database import Database
from scheduler.ledger.lock import Lock
from scheduler.ledger.records import Outcome, Result, Seen
from scheduler.ledger.tables import REVISION
from tests.acceptance.command_line import Curfew, Done, on_a_terminal, write_file
from tests.acceptance.processes import environment
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, ledger_in, new_intent

WEDNESDAY = datetime(2026, 11, 25, 11, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 28, 11, tzinfo=UTC)
WEEKEND = "pause: {from: Fri 17:00, until: Mon 08:00}"
TWO_ACCOUNTS = "{main: {api_key: x}, acme: {api_key: x}}"
# A call of each verb that makes an exception, with what it's for.
CALLS = {
    "skip": ("skip", "weekend"),
    "extend": ("extend", "weekend", "--until", "2026-12-01"),
    "pause": ("pause", "11", "--until", "2026-12-01"),
    "resume": ("resume", "11"),
}
each_verb = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture(autouse=True)
def clock() -> Iterator[FrozenDateTimeFactory]:
    with freeze_time(WEDNESDAY) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


@pytest.fixture
def ledger(folder: Path) -> Database:
    return ledger_in(folder)


@pytest.fixture
def saturday(clock: FrozenDateTimeFactory) -> None:
    clock.move_to(SATURDAY)


def made(curfew: Curfew, folder: Path, *call: str, **environment: str) -> dict[str, Any]:
    """Make an exception; the last of those that `overrides` then shows."""
    done = curfew(*call, cwd=folder, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = curfew.rows("overrides", folder)[-1]
    return found


def span(row: dict[str, Any]) -> tuple[str, str]:
    return row["starts_at"], row["ends_at"]


def refused(done: Done) -> str:
    """What a call that made nothing says."""
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.usefixtures("ledger")
class TestSkip:
    def test_the_next_window_is_skipped_and_all_of_it_is_on_record(self, curfew: Curfew, folder: Path) -> None:
        assert made(curfew, folder, "skip", "weekend", "--by", "ada", "--reason", "the fair") == {
            "id": 1,
            "kind": "skip",
            "account": "main",
            "rule": "weekend",
            "campaign": None,
            "starts_at": "2026-11-27T16:00:00Z",
            "ends_at": "2026-11-30T07:00:00Z",
            "state": "to come",
            "author": "ada",
            "reason": "the fair",
            "made_at": "2026-11-25T11:00:00Z",
            "revoked_at": None,
            "revoked_by": None,
        }

    @pytest.mark.usefixtures("saturday")
    def test_inside_a_window_it_is_this_one(self, curfew: Curfew, folder: Path) -> None:
        row = made(curfew, folder, "skip", "weekend")
        assert (*span(row), row["state"]) == ("2026-11-27T16:00:00Z", "2026-11-30T07:00:00Z", "in force")

    def test_a_second_time_it_is_the_one_after(self, curfew: Curfew, folder: Path) -> None:
        made(curfew, folder, "skip", "weekend")
        assert span(made(curfew, folder, "skip", "weekend")) == ("2026-12-04T16:00:00Z", "2026-12-07T07:00:00Z")

    def test_a_hold_is_skipped_like_a_window(self, curfew: Curfew, folder: Path) -> None:
        assert span(made(curfew, folder, "skip", "stop")) == ("2026-12-30T14:00:00Z", "2026-12-30T14:00:01Z")
        assert "stop" not in curfew("plan", "--to", "2027-01-01", "--rule", "stop", cwd=folder).stdout.split("\n")[0]
        assert "has no window and no hold in sight" in refused(curfew("skip", "stop", cwd=folder))

    @pytest.mark.usefixtures("ledger")
    def test_a_window_that_was_made_longer_is_skipped_whole(self, curfew: Curfew, folder: Path) -> None:
        made(curfew, folder, *CALLS["extend"])
        assert span(made(curfew, folder, "skip", "weekend")) == ("2026-11-27T16:00:00Z", "2026-11-30T23:00:00Z")
        assert quiet(curfew, folder, "2026-11-30 12:00") is False

    def test_of_one_that_never_ends_the_day_must_be_said(self, curfew: Curfew, tmp_path: Path) -> None:
        """Otherwise it was left out for years."""
        write_file(tmp_path, ["name: always, campaigns: all, pause: {on: daily}"])
        words = refused(curfew("skip", "always", cwd=tmp_path))
        assert words == "curfew: no end of rule 'always' is in sight; say with --on which day's window is left out\n"
        made(curfew, tmp_path, "skip", "always", "--on", "2026-11-26")
        days = ("2026-11-25", "2026-11-26 12:00", "2026-11-27")
        assert [quiet(curfew, tmp_path, at) for at in days] == [True, False, True]

    def test_times_are_shown_in_the_rules_zone(self, curfew: Curfew, folder: Path) -> None:
        assert curfew.lines("skip", "stop", "--by", "ada", cwd=folder) == [
            "override 1: skip rule stop, by ada: Wed 2026-12-30 09:00:00-05:00 until Wed 2026-12-30 09:00:01-05:00",
            "no daemon runs now; take it back with: curfew overrides --revoke 1",
        ]

    def test_where_a_daemon_runs_it_is_said_that_it_acts(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        with Lock(ledger.path):
            lines = curfew.lines("skip", "weekend", cwd=folder)
        assert lines[1].startswith("the daemon acts on it within seconds; take it back with: ")


@pytest.mark.usefixtures("ledger")
class TestSkipOn:
    def test_what_begins_on_the_day_is_skipped_and_the_one_before_is_not(self, curfew: Curfew, folder: Path) -> None:
        row = made(curfew, folder, "skip", "weekend", "--on", "2026-12-04")
        assert span(row) == ("2026-12-04T16:00:00Z", "2026-12-07T07:00:00Z")
        assert [quiet(curfew, folder, at) for at in ("2026-11-28", "2026-12-05")] == [True, False]

    def test_a_day_of_several_is_skipped_alone(self, curfew: Curfew, folder: Path) -> None:
        """Christmas is one span of three days; without a date, all of it would be skipped."""
        assert span(made(curfew, folder, "skip", "holidays", "--on", "2026-12-25")) == (
            "2026-12-24T23:00:00Z",
            "2026-12-25T23:00:00Z",
        )
        days = ("2026-12-24 12:00", "2026-12-25 12:00", "2026-12-26 12:00")
        assert [quiet(curfew, folder, at, campaign="99") for at in days] == [True, False, True]

    def test_the_day_is_one_of_the_rules_zone(self, curfew: Curfew, tmp_path: Path) -> None:
        """Monday 20:00 in New York is Tuesday in Warsaw."""
        pause = "pause: {on: 2026-12-07, from: '20:00', until: '23:00'}"
        write_file(tmp_path, [f"name: east, campaigns: all, timezone: America/New_York, {pause}"])
        assert "begins on 2026-12-08" in refused(curfew("skip", "east", "--on", "2026-12-08", cwd=tmp_path))
        row = made(curfew, tmp_path, "skip", "east", "--on", "2026-12-07")
        assert span(row) == ("2026-12-08T01:00:00Z", "2026-12-08T04:00:00Z")

    @pytest.mark.usefixtures("saturday")
    def test_a_window_that_began_yesterday_is_in_force_until_it_would_have_ended(
        self, curfew: Curfew, folder: Path
    ) -> None:
        row = made(curfew, folder, "skip", "weekend", "--on", "2026-11-27")
        assert (row["state"], row["ends_at"]) == ("in force", "2026-11-30T07:00:00Z")
        assert curfew.lines("overrides", "--revoke", "1", cwd=folder)[0].startswith("revoked override 1")

    def test_what_begins_on_a_later_day_is_not_skipped_though_the_windows_touch(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        write_file(tmp_path, ["name: a, campaigns: all, pause: {on: daily, from: '20:00', for: 30h}"])
        row = made(curfew, tmp_path, "skip", "a", "--on", "2026-12-07")
        assert span(row) == ("2026-12-07T19:00:00Z", "2026-12-08T19:00:00Z")

    @pytest.mark.parametrize(
        ("day", "words"),
        [
            (
                "2026-11-28",
                "no window or hold of rule 'weekend' begins on 2026-11-28; "
                "the next one begins Fri 2026-12-04 17:00:00+01:00",
            ),
            (
                "2026-11-20",
                "what rule 'weekend' began on 2026-11-20 is over (Mon 2026-11-23 08:00:00+01:00)",
            ),
            ("tomorrow", "'tomorrow' isn't a date; write YYYY-MM-DD, as in 2026-12-24"),
            ("2026-11-31", "'2026-11-31' isn't a date"),
            ("9999-12-31", "the year of '9999-12-31' isn't between 1970 and 2198"),
            ("0001-01-01", "the year of '0001-01-01' isn't between"),
        ],
    )
    def test_a_day_on_which_nothing_is_to_be_skipped_is_told(
        self, curfew: Curfew, folder: Path, day: str, words: str
    ) -> None:
        assert words in refused(curfew("skip", "weekend", "--on", day, cwd=folder))


@pytest.mark.usefixtures("ledger")
class TestExtend:
    def test_the_next_window_lasts_longer(self, curfew: Curfew, folder: Path) -> None:
        row = made(curfew, folder, "extend", "weekend", "--until", "2026-11-30T12:00")
        assert (row["kind"], row["rule"], *span(row)) == (
            "extend",
            "weekend",
            "2026-11-27T16:00:00Z",
            "2026-11-30T11:00:00Z",
        )
        assert [quiet(curfew, folder, at) for at in ("2026-11-30 11:59", "2026-11-30 12:00")] == [True, False]

    def test_its_end_is_wall_time_of_the_rules_zone(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [f"name: east, campaigns: all, timezone: America/New_York, {WEEKEND}"])
        row = made(curfew, tmp_path, "extend", "east", "--until", "2026-11-30T12:00")
        assert row["ends_at"] == "2026-11-30T17:00:00Z"

    @pytest.mark.parametrize("until", ["2026-11-30T08:00", "2026-11-29", "2026-11-30T07:00Z"])
    def test_an_end_that_is_not_beyond_its_own_is_refused(self, curfew: Curfew, folder: Path, until: str) -> None:
        words = refused(curfew("extend", "weekend", "--until", until, cwd=folder))
        assert words == "curfew: its window lasts until Mon 2026-11-30 08:00:00+01:00 anyway\n"

    def test_a_rule_without_a_window_cannot_be_extended(self, curfew: Curfew, folder: Path) -> None:
        words = refused(curfew("extend", "stop", "--until", "2027-01-01", cwd=folder))
        assert "rule 'stop' has no window with an end in sight" in words

    def test_nor_one_that_never_ends(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, ["name: never, campaigns: all, pause: {on: daily}"])
        words = refused(curfew("extend", "never", "--until", "2027-01-01", cwd=tmp_path))
        assert "rule 'never' has no window with an end in sight" in words


@pytest.mark.usefixtures("ledger")
class TestPause:
    def test_a_campaign_is_quiet_from_now_on_until_the_end(self, curfew: Curfew, folder: Path) -> None:
        row = made(curfew, folder, "pause", "11", "--until", "2026-11-26T08:00")
        assert (row["kind"], row["rule"], row["campaign"]) == ("pause", None, 11)
        assert span(row) == ("2026-11-25T11:00:00Z", "2026-11-26T07:00:00Z")
        instants = ("2026-11-25 11:59", "2026-11-25 12:00", "2026-11-26 07:59", "2026-11-26 08:00")
        assert [quiet(curfew, folder, at) for at in instants] == [False, True, True, False]
        assert quiet(curfew, folder, "2026-11-25 12:00", campaign="12") is False

    @pytest.mark.parametrize("until", ["2026-11-25T12:00", "2026-11-25", "2026-11-25T10:59:59Z"])
    def test_an_end_that_is_over_is_refused(self, curfew: Curfew, folder: Path, until: str) -> None:
        assert "is over already" in refused(curfew("pause", "11", "--until", until, cwd=folder))

    @pytest.mark.parametrize(
        ("until", "ends"),
        [
            ("2027-10-31T02:30", "2027-10-31T01:30:00Z"),
            ("2027-10-31T02:30+02:00", "2027-10-31T00:30:00Z"),
            ("2027-03-28T02:30", "2027-03-28T01:00:00Z"),
        ],
    )
    def test_an_end_that_comes_twice_is_the_second_as_in_the_file(
        self, curfew: Curfew, folder: Path, until: str, ends: str
    ) -> None:
        assert made(curfew, folder, "pause", "11", "--until", until)["ends_at"] == ends

    def test_an_end_must_be_said(self, curfew: Curfew, folder: Path) -> None:
        assert "Missing option '--until'" in refused(curfew("pause", "11", cwd=folder))

    def test_so_it_is_where_a_rule_of_the_file_has_the_name_of_an_exception(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        write_file(tmp_path, [f"name: override 1, campaigns: all, {WEEKEND}"])
        made(curfew, tmp_path, "pause", "11", "--until", "2026-11-26")
        assert [quiet(curfew, tmp_path, at) for at in ("2026-11-25 12:00", "2026-11-28")] == [True, True]


@pytest.mark.usefixtures("saturday")
class TestResume:
    def test_a_campaign_is_given_back_for_the_rest_of_its_window(
        self, curfew: Curfew, folder: Path, ledger: Database
    ) -> None:
        hold(ledger)
        lines = curfew.lines("resume", "11", "--by", "ada", cwd=folder)
        assert lines[0] == (
            "override 1: resume campaign 11, by ada: Sat 2026-11-28 12:00:00+01:00 until Mon 2026-11-30 08:00:00+01:00"
        )
        assert len(lines) == 2
        (row,) = curfew.rows("overrides", folder)
        assert (row["kind"], row["campaign"], *span(row)) == (
            "resume",
            11,
            "2026-11-28T11:00:00Z",
            "2026-11-30T07:00:00Z",
        )
        assert [quiet(curfew, folder, "2026-11-28 12:00", campaign=each) for each in ("11", "12")] == [False, True]

    @pytest.mark.usefixtures("ledger")
    def test_one_that_curfew_does_not_hold_is_said_to_stay_paused(self, curfew: Curfew, folder: Path) -> None:
        lines = curfew.lines("resume", "11", cwd=folder)
        assert lines[-1] == "Curfew doesn't hold campaign 11 paused: if it is, resume it in Woodpecker"

    @pytest.mark.usefixtures("ledger")
    def test_one_that_is_not_quiet_is_refused(self, curfew: Curfew, folder: Path, clock: FrozenDateTimeFactory) -> None:
        clock.move_to(WEDNESDAY)
        words = refused(curfew("resume", "11", cwd=folder))
        assert words == ("curfew: no rule keeps campaign 11 quiet now; `curfew why 11` says what is on record\n")

    def test_one_that_a_rule_selects_by_its_folder_is_known_from_the_last_list(
        self, curfew: Curfew, folder: Path, ledger: Database
    ) -> None:
        write_file(folder, [f"name: a, campaigns: {{folders: EMEA}}, {WEEKEND}"])
        with ledger.writing() as connection:
            seen = Seen(campaign=11, name="Spring", status="PAUSED", folder="EMEA")
            work.store_list(connection, "main", [seen], FRIDAY)
        assert made(curfew, folder, "resume", "11")["ends_at"] == "2026-11-30T07:00:00Z"

    @pytest.mark.usefixtures("ledger")
    def test_what_a_person_paused_can_be_resumed_before_its_end(self, curfew: Curfew, folder: Path) -> None:
        made(curfew, folder, "pause", "99", "--until", "2026-11-29")
        assert made(curfew, folder, "resume", "99")["ends_at"] == "2026-11-28T23:00:00Z"
        assert quiet(curfew, folder, "2026-11-28 12:00", campaign="99") is False


def hold(ledger: Database) -> None:
    """Have campaign 11 in custody, since Friday."""
    with ledger.writing() as connection:
        intent = work.record_intent(connection, new_intent(11), FRIDAY)
        assert intent is not None
        work.start_attempt(connection, intent, "me", FRIDAY)
        work.finish_attempt(connection, intent, 1, Result(outcome=Outcome.SUCCEEDED), FRIDAY)


@pytest.mark.parametrize(
    ("rules", "because", "said"),
    [
        (("weekend",), "weekend: Fri 17:00 until Mon 08:00", "weekend"),
        (("weekend", "override 1"), "override 1: resume campaign 11, by ada", "override 1: resume campaign 11, by ada"),
        ((), "no rule keeps it paused any more", "no rule keeps it paused any more"),
    ],
)
def test_the_audit_log_has_the_words_of_the_exception_and_those_that_stand_for_no_rule(
    curfew: Curfew, folder: Path, ledger: Database, rules: tuple[str, ...], because: str, said: str
) -> None:
    with ledger.writing() as connection:
        intent = work.record_intent(connection, replace(new_intent(11), rules=rules, because=because), FRIDAY)
        assert intent is not None
        work.start_attempt(connection, intent, "me", FRIDAY)
        work.finish_attempt(connection, intent, 1, Result(outcome=Outcome.SUCCEEDED, http_status=200), FRIDAY)
    assert curfew.lines("audit", cwd=folder)[-1].endswith(f"200   {said}")


def quiet(curfew: Curfew, folder: Path, at: str, *, campaign: str = "11") -> bool:
    (answer,) = curfew.rows("why", folder, campaign, "--at", at)
    assert isinstance(answer["quiet"], bool)
    return answer["quiet"]


@pytest.mark.usefixtures("ledger", "saturday")
class TestAuthor:
    @each_verb
    def test_it_is_the_systems_user_unless_said(
        self, curfew: Curfew, folder: Path, call: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(getpass, "getuser", lambda: "root")
        assert made(curfew, folder, *call)["author"] == "root"

    @each_verb
    def test_the_option_says_it_and_so_does_the_environment_and_the_option_wins(
        self, curfew: Curfew, folder: Path, call: tuple[str, ...]
    ) -> None:
        by_environment = made(curfew, folder, *call, "--reason", "fair", CURFEW_AUTHOR="grace")
        assert (by_environment["author"], by_environment["reason"]) == ("grace", "fair")
        curfew("overrides", "--revoke", "1", cwd=folder)
        assert made(curfew, folder, *call, "--by", "ada", CURFEW_AUTHOR="grace")["author"] == "ada"

    def test_a_system_that_names_no_user_is_told(
        self, curfew: Curfew, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As in a container that runs as a user of its own number."""

        def nobody() -> str:
            raise KeyError("uid not found")

        monkeypatch.setattr(getpass, "getuser", nobody)
        words = refused(curfew("skip", "weekend", cwd=folder))
        assert words == "curfew: the system doesn't say who you are; use --by NAME\n"
        assert made(curfew, folder, "skip", "weekend", "--by", "ada")["author"] == "ada"

    @each_verb
    @pytest.mark.parametrize("option", ["--by", "--reason"])
    @pytest.mark.parametrize("words", ["a" * 300, "a\nb", "\x1b[31m", "a\tb", "\u202e", "  "])
    def test_texts_that_are_not_one_short_line_are_refused(
        self, curfew: Curfew, folder: Path, call: tuple[str, ...], option: str, words: str
    ) -> None:
        said = refused(curfew(*call, option, words, cwd=folder))
        assert said == f"curfew: {option} must be one line of 1 to 200 letters, without control characters\n"
        assert curfew.rows("overrides", folder, "--all") == []

    def test_letters_of_all_kinds_are_kept(self, curfew: Curfew, folder: Path) -> None:
        row = made(curfew, folder, "skip", "weekend", "--by", "Zoë", "--reason", "święto, 100%; it's ☃")
        assert (row["author"], row["reason"]) == ("Zoë", "święto, 100%; it's ☃")


class TestUnknownCampaign:
    """The last list may be old, so it's said, and the exception is made all the same."""

    @pytest.fixture(autouse=True)
    def lists(self, folder: Path, ledger: Database) -> None:
        rules = [f"name: {each}, account: {each}, campaigns: all, {WEEKEND}" for each in ("main", "acme")]
        write_file(folder, [*rules, f"name: one, account: main, campaigns: [12], {WEEKEND}"], accounts=TWO_ACCOUNTS)
        with ledger.writing() as connection:
            for owner, campaign in (("main", 1234567), ("main", 11), ("acme", 7654321)):
                work.store_list(connection, owner, [Seen(campaign=campaign, name="Spring", status="PAUSED")], FRIDAY)

    @pytest.mark.usefixtures("saturday")
    @pytest.mark.parametrize("verb", [("pause", "--until", "2026-12-01"), ("resume",)], ids=["pause", "resume"])
    @pytest.mark.parametrize(
        ("campaign", "said"),
        [
            ("1234576", "no list of account main has shown a campaign 1234576; did you mean '1234567'?"),
            ("7654321", "no list of account main has shown a campaign 7654321; account acme has it"),
            ("99", "no list of account main has shown a campaign 99"),
            ("11", None),
            ("12", None),
        ],
    )
    def test_one_that_no_list_has_shown_nor_the_file_names_is_said(
        self, curfew: Curfew, folder: Path, verb: tuple[str, ...], campaign: str, said: str | None
    ) -> None:
        done = curfew(*verb, campaign, "--account", "main", cwd=folder)
        assert (done.returncode, done.stderr) == (0, f"curfew: {said}\n" if said else "")
        assert [each["campaign"] for each in curfew.rows("overrides", folder)] == [int(campaign)]

    def test_where_no_list_was_ever_had_nothing_is_said(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        with ledger.writing() as connection:
            connection.execute(text("DELETE FROM campaigns"))
        made(curfew, folder, "pause", "99", "--until", "2026-12-01", "--account", "main")


class TestWrongUse:
    @pytest.mark.usefixtures("ledger")
    @pytest.mark.parametrize("call", [CALLS["skip"], CALLS["extend"]], ids=["skip", "extend"])
    def test_a_rule_that_there_is_not_is_told_with_the_nearest_name(
        self, curfew: Curfew, folder: Path, call: tuple[str, ...]
    ) -> None:
        words = refused(curfew(call[0], "weekends", *call[2:], cwd=folder))
        assert words == "curfew: no rule is called 'weekends'; did you mean 'weekend'?\n"

    @pytest.mark.parametrize("call", [CALLS["skip"], CALLS["extend"]], ids=["skip", "extend"])
    def test_so_is_one_that_is_not_enabled(self, curfew: Curfew, tmp_path: Path, call: tuple[str, ...]) -> None:
        ledger_in(tmp_path)
        write_file(tmp_path, [f"name: weekend, enabled: false, campaigns: all, {WEEKEND}"])
        assert refused(curfew(*call, cwd=tmp_path)) == "curfew: rule 'weekend' isn't enabled\n"

    @pytest.mark.usefixtures("saturday")
    @pytest.mark.parametrize("call", [CALLS["pause"], CALLS["resume"]], ids=["pause", "resume"])
    def test_where_there_are_several_accounts_it_must_be_said_whose_campaign_it_is(
        self, curfew: Curfew, tmp_path: Path, call: tuple[str, ...]
    ) -> None:
        ledger_in(tmp_path)
        rules = [f"name: {each}, account: {each}, campaigns: all, {WEEKEND}" for each in ("main", "acme")]
        write_file(tmp_path, rules, accounts=TWO_ACCOUNTS)
        words = refused(curfew(*call, cwd=tmp_path))
        assert words == "curfew: say whose campaign it is with --account: main, acme\n"
        words = refused(curfew(*call, "--account", "akme", cwd=tmp_path))
        assert words == "curfew: no account is called 'akme'; did you mean 'acme'?\n"
        assert made(curfew, tmp_path, *call, "--account", "acme")["account"] == "acme"

    @each_verb
    def test_without_a_ledger_it_is_said_how_one_is_made(
        self, curfew: Curfew, folder: Path, call: tuple[str, ...]
    ) -> None:
        done = curfew(*call, cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"curfew: {folder}/curfew.db: there is no ledger yet; `curfew run` makes it\n"
        assert not (folder / "curfew.db").exists()

    @pytest.mark.parametrize("call", [*CALLS.values(), ("overrides",)], ids=[*CALLS, "overrides"])
    def test_a_ledger_of_another_version_is_told_with_what_to_do(
        self, curfew: Curfew, folder: Path, ledger: Database, call: tuple[str, ...]
    ) -> None:
        with ledger.writing() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
        done = curfew(*call, cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"revision 0003, and this version reads {REVISION}; run `curfew db upgrade`" in done.stderr


class TestOverrides:
    def test_none_is_said(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        assert curfew.lines("overrides", cwd=folder) == ["no exceptions are in force"]
        assert curfew.rows("overrides", folder) == []
        assert ledger.path.exists()

    @pytest.mark.usefixtures("ledger")
    def test_each_is_shown_with_what_became_of_it(
        self, curfew: Curfew, folder: Path, clock: FrozenDateTimeFactory
    ) -> None:
        made(curfew, folder, "pause", "11", "--until", "2026-11-26", "--by", "ada")
        made(curfew, folder, "skip", "weekend", "--by", "ada", "--reason", "the fair")
        made(curfew, folder, "pause", "12", "--until", "2026-11-29", "--by", "ada")
        made(curfew, folder, "extend", "weekend", "--until", "2026-12-08", "--by", "ada")
        clock.move_to(SATURDAY)
        curfew("overrides", "--revoke", "3", "--by", "grace", cwd=folder)
        states = [(row["id"], row["state"]) for row in curfew.rows("overrides", folder)]
        assert states == [(2, "in force"), (4, "to come")]
        everything = [(row["id"], row["state"]) for row in curfew.rows("overrides", folder, "--all")]
        assert everything == [(1, "ended"), (2, "in force"), (3, "revoked"), (4, "to come")]
        assert [" ".join(line.split()) for line in curfew.lines("overrides", "--all", cwd=folder)] == [
            "from until id what state by",
            "Wed 2026-11-25, +01:00",
            "12:00 Thu 2026-11-26 00:00 1 pause 11 ended ada",
            "Fri 2026-11-27, +01:00",
            "17:00 Mon 2026-11-30 08:00 2 skip weekend in force ada: the fair",
            "Wed 2026-11-25, +01:00",
            "12:00 Sun 2026-11-29 00:00 3 pause 12 revoked ada; taken back by grace",
            "Fri 2026-12-04, +01:00",
            "17:00 Tue 2026-12-08 00:00 4 extend weekend to come ada",
        ]

    @pytest.mark.usefixtures("ledger")
    def test_one_that_is_taken_back_is_said_and_has_no_effect(self, curfew: Curfew, folder: Path) -> None:
        made(curfew, folder, "skip", "weekend", "--by", "ada", "--reason", "the fair")
        lines = curfew.lines("overrides", "--revoke", "1", "--by", "grace", cwd=folder)
        assert lines == ["revoked override 1: skip rule weekend, by ada (the fair)"]
        (row,) = curfew.rows("overrides", folder, "--all")
        assert (row["state"], row["revoked_at"], row["revoked_by"]) == ("revoked", "2026-11-25T11:00:00Z", "grace")
        assert quiet(curfew, folder, "2026-11-28") is True

    @pytest.mark.usefixtures("ledger")
    def test_one_that_is_unknown_or_over_or_taken_back_already_cannot_be(
        self, curfew: Curfew, folder: Path, clock: FrozenDateTimeFactory
    ) -> None:
        made(curfew, folder, "pause", "11", "--until", "2026-11-26")
        made(curfew, folder, "skip", "weekend")
        curfew("overrides", "--revoke", "2", cwd=folder)
        clock.move_to(SATURDAY)
        for number in ("1", "2", "3"):
            words = refused(curfew("overrides", "--revoke", number, cwd=folder))
            assert words == f"curfew: no override {number} is in force; `curfew overrides` lists those that are\n"

    @pytest.mark.parametrize("number", ["0", "-1", "weekend"])
    def test_what_is_no_number_is_wrong_use(self, curfew: Curfew, folder: Path, number: str) -> None:
        assert "Invalid value for '--revoke'" in refused(curfew("overrides", "--revoke", number, cwd=folder))


@pytest.fixture
def skipped(curfew: Curfew, folder: Path, ledger: Database) -> Path:
    """A folder whose next weekend is skipped."""
    assert ledger.path.exists()
    made(curfew, folder, "skip", "weekend", "--by", "ada", "--reason", "the fair")
    return folder


class TestWhy:
    def test_a_window_that_is_skipped_is_named_where_it_would_be(self, curfew: Curfew, skipped: Path) -> None:
        lines = curfew.lines("why", "11", "--at", "2026-11-28", cwd=skipped)
        assert lines[1:4] == [
            "at       Sat 2026-11-28 00:00:00+01:00: not quiet",
            "override override 1: skip rule weekend, by ada (the fair)",
            "until    Fri 2026-12-04 17:00:00+01:00",
        ]
        (answer,) = curfew.rows("why", skipped, "11", "--at", "2026-11-28")
        assert answer["overrides"] == ["override 1: skip rule weekend, by ada (the fair)"]

    def test_it_is_not_named_elsewhere_nor_for_others(self, curfew: Curfew, skipped: Path) -> None:
        for campaign, at in (("11", "2026-12-05"), ("11", "2026-11-27 16:59"), ("99", "2026-11-28")):
            (answer,) = curfew.rows("why", skipped, campaign, "--at", at)
            assert answer["overrides"] == []

    @pytest.mark.usefixtures("ledger")
    @pytest.mark.parametrize(
        ("call", "at", "because"),
        [
            ("pause", "2026-11-25 13:00", ["override 1: pause campaign 11, by ada (the fair)"]),
            ("extend", "2026-11-30 12:00", ["weekend: override 1: extend rule weekend, by ada (the fair)"]),
        ],
    )
    def test_one_that_makes_quiet_is_the_reason_and_said_once(
        self, curfew: Curfew, folder: Path, call: str, at: str, because: list[str]
    ) -> None:
        made(curfew, folder, *CALLS[call], "--by", "ada", "--reason", "the fair")
        (answer,) = curfew.rows("why", folder, "11", "--at", at)
        assert (answer["quiet"], answer["because"]) == (True, because)
        assert sum("the fair" in line for line in curfew.lines("why", "11", "--at", at, cwd=folder)) == 1

    @pytest.mark.usefixtures("ledger", "saturday")
    def test_one_that_gives_back_is_named(self, curfew: Curfew, folder: Path) -> None:
        made(curfew, folder, "resume", "11", "--by", "ada")
        assert "override override 1: resume campaign 11, by ada" in curfew.lines("why", "11", cwd=folder)
        assert "override" not in curfew("why", "12", cwd=folder).stdout


class TestPlan:
    def test_a_window_that_is_skipped_is_not_planned_and_the_exception_is_told(
        self, curfew: Curfew, skipped: Path
    ) -> None:
        assert curfew.lines("plan", "--days", "7", cwd=skipped) == [
            "nothing happens in that time",
            "",
            "override 1: skip rule weekend, by ada (the fair): "
            "Fri 2026-11-27 17:00:00+01:00 until Mon 2026-11-30 08:00:00+01:00",
        ]

    def test_an_exception_is_not_told_where_it_changes_nothing(self, curfew: Curfew, skipped: Path) -> None:
        for options in (("--from", "2026-12-01"), ("--campaign", "99"), ("--rule", "holidays", "--to", "2026-11-27")):
            assert "override" not in curfew("plan", *options, cwd=skipped).stdout

    @pytest.mark.usefixtures("ledger")
    def test_what_is_paused_and_made_longer_has_its_reason(self, curfew: Curfew, folder: Path) -> None:
        made(curfew, folder, "pause", "99", "--until", "2026-11-26", "--by", "ada", "--reason", "typo")
        made(curfew, folder, *CALLS["extend"], "--by", "grace", "--reason", "closed")
        planned = [
            (row["at"], row["action"], row["campaign"], row["because"])
            for row in curfew.rows("plan", folder, "--days", "7")
        ]
        weekend = "weekend: Fri 17:00 until Mon 08:00; weekend: override 2: extend rule weekend, by grace (closed)"
        assert planned == [
            ("2026-11-25T11:00:00Z", "pause", 99, "override 1: pause campaign 99, by ada (typo)"),
            ("2026-11-25T23:00:00Z", "resume", 99, "override 1: pause campaign 99, by ada (typo)"),
            ("2026-11-27T16:00:00Z", "pause", 11, weekend),
            ("2026-11-27T16:00:00Z", "pause", 12, weekend),
            ("2026-11-30T23:00:00Z", "resume", 11, weekend),
            ("2026-11-30T23:00:00Z", "resume", 12, weekend),
        ]

    def test_pages_of_months_show_the_effect_and_the_exception(self, curfew: Curfew, skipped: Path) -> None:
        options = ("--calendar", "--from", "2026-11-23", "--to", "2026-12-07", "--campaign", "11")
        shown = curfew.lines("plan", *options, cwd=skipped)
        assert any(" 28 " in line for line in shown)
        assert any("# 5" in line for line in shown)
        assert not any("#28" in line for line in shown)
        assert shown[-1].startswith("override 1: skip rule weekend, by ada (the fair): ")

    @pytest.mark.parametrize("form", ["json", "csv", "ics"])
    def test_forms_for_programs_have_the_effect_and_no_other_lines(
        self, curfew: Curfew, skipped: Path, form: str
    ) -> None:
        shown = curfew("plan", "--days", "7", "--format", form, cwd=skipped).stdout
        assert "weekend" not in shown
        assert "override" not in shown

    def test_the_ledger_may_be_named(self, curfew: Curfew, skipped: Path) -> None:
        other = f"sqlite:///{skipped}/other.db"
        assert "pause" in curfew("plan", "--days", "7", "--database", other, cwd=skipped).stdout
        (skipped / "curfew.db").rename(skipped / "other.db")
        assert "pause" not in curfew("plan", "--days", "7", "--database", other, cwd=skipped).stdout
        assert "pause" not in curfew("plan", "--days", "7", cwd=skipped, CURFEW_DATABASE=other).stdout

    def test_a_ledger_that_cannot_be_read_is_said_and_the_plan_is_made(self, curfew: Curfew, folder: Path) -> None:
        (folder / "curfew.db").write_text("this is not a database, but a text of some length\n" * 20)
        done = curfew("plan", "--days", "7", cwd=folder)
        assert done.returncode == 0
        assert "pause  11, 12 until Mon 2026-11-30 08:00+01:00" in done.stdout
        assert done.stderr == (
            f"curfew: exceptions (curfew overrides) aren't counted: {folder}/curfew.db: file is not a database; "
            "it's damaged: `curfew db check` says where, and `curfew db restore BACKUP` puts a backup in its place\n"
        )

    def test_so_is_one_that_cannot_even_be_looked_for(self, curfew: Curfew, folder: Path) -> None:
        """As in a folder that only the service may enter."""
        done = curfew("plan", "--days", "7", "--database", f"sqlite:///{'x' * 300}.db", cwd=folder)
        assert done.returncode == 0
        assert "pause  11, 12" in done.stdout
        assert "aren't counted" in done.stderr
        assert "file name too long" in done.stderr

    def test_without_a_ledger_nobody_pays_for_reading_one(self, folder: Path) -> None:
        assert "sqlalchemy" not in modules_of_a_plan(folder)
        ledger_in(folder)
        assert "sqlalchemy" in modules_of_a_plan(folder)


def modules_of_a_plan(folder: Path) -> set[str]:
    """Those that a process has loaded which has made a plan."""
    code = "import sys; from scheduler.cli import perform; perform(['plan']); print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout
    return set(done.stderr.split())


class TestStatus:
    def test_the_next_edges_are_those_with_the_exceptions(self, curfew: Curfew, skipped: Path) -> None:
        made(curfew, skipped, "pause", "99", "--until", "2026-11-26", "--by", "ada")
        (answer,) = curfew.rows("status", skipped)
        found = [(edge["at"], edge["action"], edge["campaign"], edge["rules"]) for edge in answer["next_edges"]]
        assert found[:4] == [
            ("2026-11-25T11:00:00Z", "pause", 99, ["override 2"]),
            ("2026-11-25T23:00:00Z", "resume", 99, ["override 2"]),
            ("2026-12-04T16:00:00Z", "pause", 11, ["weekend"]),
            ("2026-12-04T16:00:00Z", "pause", 12, ["weekend"]),
        ]


@pytest.mark.usefixtures("ledger")
def test_a_pause_that_is_taken_back_ends_there(curfew: Curfew, folder: Path, clock: FrozenDateTimeFactory) -> None:
    made(curfew, folder, "pause", "11", "--until", "2026-11-27")
    clock.move_to(WEDNESDAY + HOUR)
    curfew("overrides", "--revoke", "1", cwd=folder)
    instants = ("2026-11-25 12:59", "2026-11-25 13:00")
    assert [quiet(curfew, folder, at) for at in instants] == [True, False]


@pytest.mark.usefixtures("ledger")
def test_a_table_can_be_read_on_a_narrow_terminal(curfew: Curfew, folder: Path) -> None:
    """A real process: its time of day is the machine's."""
    until = (datetime.now(UTC) + timedelta(days=36500)).date()
    with freeze_time(datetime.now(UTC) + 365 * DAY):
        made(curfew, folder, "pause", "11", "--until", str(until), "--by", "ada", "--reason", "word " * 20 + "end")
    lines = on_a_terminal(80, "overrides", cwd=folder)
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1].endswith("end")


@pytest.mark.parametrize("verb", [*CALLS, "overrides"])
def test_each_verb_explains_itself_with_an_example(curfew: Curfew, folder: Path, verb: str) -> None:
    done = curfew(verb, "--help", cwd=folder)
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"  curfew {verb}" in done.stdout
