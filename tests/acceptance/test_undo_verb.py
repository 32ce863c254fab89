"""`curfew undo`: what the last edge or exception changed is shown, and put back by exceptions of its own."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time
from sqlalchemy import text

from rules.ruleset import Action
from scheduler.ledger import work
from scheduler.ledger.database import Database
from scheduler.ledger.records import NewIntent, Outcome, Result, Seen
from tests.acceptance.command_line import Curfew
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, MINUTE, MONDAY, ledger_in, new_intent, resume

SATURDAY = FRIDAY + DAY
NAMES = {11: "Spring offer", 12: "Newsletter"}


@pytest.fixture
def ledger(folder: Path) -> Database:
    return ledger_in(folder)


def happened(ledger: Database, *changes: NewIntent, at: datetime, outcome: Outcome = Outcome.SUCCEEDED) -> None:
    """Changes that the daemon made at an instant."""
    with ledger.writing() as connection:
        seen = [Seen(campaign=number, name=name, status="RUNNING") for number, name in NAMES.items()]
        work.store_list(connection, "main", seen, at)
        for change in changes:
            intent = work.record_intent(connection, change, at)
            assert intent is not None
            number = work.start_attempt(connection, intent, "test", at)
            assert number is not None
            work.finish_attempt(connection, intent, number, Result(outcome=outcome), at)


def asked_by(*rules: str, of: NewIntent, at: datetime) -> NewIntent:
    """A change that is due then by rules and exceptions of these names."""
    return replace(of, rules=rules, due_at=at)


def in_force(curfew: Curfew, folder: Path) -> list[tuple[str, object, str]]:
    return [
        (each["kind"], each["campaign"] or each["rule"], each["ends_at"]) for each in curfew.rows("overrides", folder)
    ]


@freeze_time(SATURDAY)
def test_a_pause_is_put_back_for_the_rest_of_the_window(curfew: Curfew, folder: Path, ledger: Database) -> None:
    happened(ledger, new_intent(11), new_intent(12), at=FRIDAY)
    done = curfew("undo", "--yes", "--by", "ada", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "The last change: due Fri 2026-11-27 17:00:00+01:00, by weekend: paused" in done.stdout
    assert "main: 11 Spring offer  until Mon 2026-11-30 08:00:00+01:00" in done.stdout
    assert in_force(curfew, folder) == [("resume", 11, "2026-11-30T07:00:00Z"), ("resume", 12, "2026-11-30T07:00:00Z")]
    (first, _) = curfew.rows("overrides", folder)
    assert (first["author"], first["reason"]) == ("ada", "undo of the pause due 2026-11-27T16:00:00Z")
    assert "not quiet" in curfew("why", "11", cwd=folder).stdout


@freeze_time(SATURDAY)
def test_what_is_not_held_any_more_is_not_resumed(curfew: Curfew, folder: Path, ledger: Database) -> None:
    happened(ledger, new_intent(11), new_intent(12), at=FRIDAY)
    with ledger.writing() as connection:
        work.release(connection, work.custody_of(connection, "main")[12], "a person resumed it", FRIDAY)
    done = curfew("undo", "--yes", cwd=folder)
    assert "main: 12 Newsletter  (nothing to put back)" in done.stdout
    assert [campaign for _, campaign, _ in in_force(curfew, folder)] == [11]


def test_a_resume_is_put_back_until_the_next_window_but_a_day_at_most(
    curfew: Curfew, folder: Path, ledger: Database
) -> None:
    pause = new_intent(11)
    happened(ledger, pause, at=FRIDAY)
    happened(ledger, resume(pause), at=MONDAY)
    with freeze_time(MONDAY + HOUR):
        done = curfew("undo", "--yes", cwd=folder)
        assert "by weekend: resumed" in done.stdout
        assert in_force(curfew, folder) == [("pause", 11, "2026-12-01T08:00:00Z")]
    with freeze_time(FRIDAY + 7 * DAY - HOUR):
        # Nothing since, and the window begins in an hour.
        curfew("undo", "--yes", cwd=folder)
        assert in_force(curfew, folder)[-1][2] == "2026-12-04T16:00:00Z"


def test_the_last_exception_is_taken_back_when_it_is_the_newest_change(
    curfew: Curfew, folder: Path, ledger: Database
) -> None:
    with freeze_time(FRIDAY - HOUR):
        happened(ledger, new_intent(11, due_at=FRIDAY - 2 * HOUR), at=FRIDAY - 2 * HOUR)
        curfew("skip", "weekend", "--by", "ada", "--reason", "the fair", cwd=folder)
    with freeze_time(FRIDAY - HOUR / 2):
        done = curfew("undo", "--yes", cwd=folder)
        assert "The last change: override 1: skip rule weekend, by ada (the fair)" in done.stdout
        assert done.stdout.endswith("taken back\n")
        assert in_force(curfew, folder) == []
        assert curfew.rows("overrides", folder, "--all")[0]["revoked_at"] == "2026-11-27T15:30:00Z"


def test_what_came_of_an_exception_is_shown_with_it_and_ends_when_that_is_taken_back(
    curfew: Curfew, folder: Path, ledger: Database
) -> None:
    """Not by a second exception on top of it, which would outlast the first."""
    happened(ledger, new_intent(11), new_intent(12), at=FRIDAY)
    with freeze_time(SATURDAY):
        curfew("skip", "weekend", "--by", "ada", cwd=folder)
    back = [asked_by("weekend", "override 1", of=resume(new_intent(campaign)), at=SATURDAY) for campaign in NAMES]
    happened(ledger, *back, at=SATURDAY + MINUTE)
    with freeze_time(SATURDAY + HOUR):
        lines = curfew.lines("undo", "--yes", cwd=folder)
        assert lines == [
            "The last change: override 1: skip rule weekend, by ada, made Sat 2026-11-28 17:00:00+01:00",
            "  main: 11 Spring offer  resumed",
            "  main: 12 Newsletter  resumed",
            "taken back",
        ]
        assert in_force(curfew, folder) == []


def test_what_a_campaign_was_paused_for_later_is_a_change_of_its_own(
    curfew: Curfew, folder: Path, ledger: Database
) -> None:
    """It was completed when the exception was made, and began to run inside the weekend."""
    with freeze_time(FRIDAY - HOUR):
        curfew("pause", "11", "--until", "2026-12-01", "--by", "ada", cwd=folder)
    happened(ledger, asked_by("override 1", "weekend", of=new_intent(11), at=SATURDAY), at=SATURDAY)
    with freeze_time(SATURDAY + HOUR):
        assert "by override 1, weekend: paused" in curfew("undo", "--yes", cwd=folder).stdout
        assert [kind for kind, *_ in in_force(curfew, folder)] == ["pause", "resume"]


def test_an_undo_is_undone_as_a_whole(curfew: Curfew, folder: Path, ledger: Database) -> None:
    happened(ledger, new_intent(11), new_intent(12), at=FRIDAY)
    with freeze_time(SATURDAY):
        assert curfew("undo", "--yes", cwd=folder).stdout.endswith("take it back with: curfew undo\n")
    back = [
        asked_by("weekend", f"override {number}", of=resume(new_intent(campaign)), at=SATURDAY)
        for number, campaign in enumerate(NAMES, 1)
    ]
    happened(ledger, *back, at=SATURDAY + MINUTE)
    with freeze_time(SATURDAY + HOUR):
        done = curfew("undo", "--yes", cwd=folder)
        assert [line.partition(",")[0] for line in done.stdout.splitlines()] == [
            "The last change: override 1: resume campaign 11",
            "The last change: override 2: resume campaign 12",
            "  main: 11 Spring offer  resumed",
            "  main: 12 Newsletter  resumed",
            "taken back",
        ]
        assert in_force(curfew, folder) == []


@freeze_time(SATURDAY)
def test_all_of_an_edge_is_put_back_or_nothing(curfew: Curfew, folder: Path, ledger: Database) -> None:
    happened(ledger, new_intent(11), new_intent(12), at=FRIDAY)
    with ledger.writing() as connection:
        full = "SELECT RAISE(ABORT, 'disk full')"
        connection.execute(
            text(f"CREATE TRIGGER no BEFORE INSERT ON overrides WHEN NEW.campaign = 12 BEGIN {full}; END")
        )
    done = curfew("undo", "--yes", cwd=folder)
    assert (done.returncode, done.stderr) == (1, f"curfew: {ledger.path}: disk full\n")
    assert in_force(curfew, folder) == []


@freeze_time(SATURDAY)
def test_without_a_yes_nothing_is_changed(
    curfew: Curfew, folder: Path, ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened(ledger, new_intent(11), at=FRIDAY)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert curfew("undo", cwd=folder).returncode == 1
    assert in_force(curfew, folder) == []
    curfew("skip", "weekend", cwd=folder)
    assert curfew("undo", cwd=folder).returncode == 1
    assert [kind for kind, *_ in in_force(curfew, folder)] == ["skip"]


def test_what_was_resumed_and_is_quiet_again_is_left_so(curfew: Curfew, folder: Path, ledger: Database) -> None:
    pause = new_intent(11)
    happened(ledger, pause, at=FRIDAY)
    happened(ledger, resume(pause), at=MONDAY)
    with freeze_time(FRIDAY + 7 * DAY + HOUR):
        done = curfew("undo", "--yes", cwd=folder)
    assert "main: 11 Spring offer  (nothing to put back)" in done.stdout
    assert (done.returncode, done.stderr) == (2, "curfew: none of them can be put back\n")


@freeze_time(SATURDAY)
def test_what_failed_or_happened_long_ago_is_nothing_to_undo(curfew: Curfew, folder: Path, ledger: Database) -> None:
    happened(ledger, new_intent(11), at=FRIDAY, outcome=Outcome.FAILED)
    happened(ledger, new_intent(12, due_at=FRIDAY - timedelta(days=30)), at=FRIDAY - timedelta(days=30))
    done = curfew("undo", "--yes", cwd=folder)
    assert done.returncode == 2
    assert "nothing was changed in the last 7 days that could be put back" in done.stderr


@freeze_time(SATURDAY)
def test_where_nothing_can_be_put_back_it_is_said(curfew: Curfew, folder: Path, ledger: Database) -> None:
    happened(ledger, new_intent(11, action=Action.PAUSE, owes_resume=False), at=FRIDAY)
    done = curfew("undo", "--yes", cwd=folder)
    assert (done.returncode, done.stderr) == (2, "curfew: none of them can be put back\n")


def test_without_a_ledger_it_says_so(curfew: Curfew, folder: Path) -> None:
    done = curfew("undo", cwd=folder)
    assert done.returncode == 1
    assert "there is no ledger yet" in done.stderr
