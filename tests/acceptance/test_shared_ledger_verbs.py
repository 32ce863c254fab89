"""The verbs on a ledger that is on a server: they find there what they find in a file, and say when they can't."""

from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.clock import utc_now
from scheduler.ledger import work
from scheduler.ledger.database import Database
from scheduler.ledger.records import Outcome, Result, Seen
from scheduler.ledger.tables import REVISION
from tests.acceptance.command_line import FILE, Curfew
from tests.conftest import NewLedger
from tests.scheduler_fakes import HOUR, new_intent

AWAY = "postgresql+psycopg://curfew:swordfish@127.0.0.1:1/curfew"


@pytest.fixture
def ledger(shared_ledgers: NewLedger) -> Database:
    """With a campaign that is held since an hour ago."""
    ledger, then = shared_ledgers(), utc_now() - HOUR
    with ledger.writing() as connection:
        work.store_list(connection, "main", [Seen(campaign=11, name="Spring", status="RUNNING")], then)
        intent = work.record_intent(connection, new_intent(11, due_at=then, lasts=2 * HOUR), then)
        assert intent is not None
        number = work.start_attempt(connection, intent, "me", then)
        assert number == 1
        done = Result(outcome=Outcome.SUCCEEDED, http_status=200)
        work.finish_attempt(connection, intent, number, done, then + timedelta(milliseconds=1500))
    return ledger


@pytest.fixture
def folder(tmp_path: Path, ledger: Database) -> Path:
    """With a file that says where the ledger is."""
    return says_where(tmp_path, ledger.server.url if ledger.server else "")


def says_where(folder: Path, url: str) -> Path:
    (folder / "curfew.yaml").write_text(f"database: {url}\n{FILE}")
    return folder


def test_a_new_one_is_made_and_named_without_its_password(curfew: Curfew, tmp_path: Path, server_url: str) -> None:
    url = server_url.replace("curfew@", "curfew:swordfish@")
    (line,) = curfew.lines("db", "upgrade", cwd=says_where(tmp_path, url))
    assert line == f"{server_url.replace('+psycopg', '')}: from nothing to {REVISION}"
    assert curfew.lines("status", cwd=tmp_path)[0] == "✗ not running, and never was"


def test_the_audit_log_is_read_and_filtered(curfew: Curfew, folder: Path) -> None:
    (line,) = curfew.rows("audit", folder, "--rule", "weekend", "--outcome", "succeeded", "--account", "main")
    assert (line["campaign"], line["campaign_name"], line["rules"]) == (11, "Spring", ["weekend"])
    assert (line["late_by_seconds"], line["duration_ms"]) == (0.0, 1500)
    assert curfew.rows("audit", folder, "--rule", "holidays") == []


def test_what_is_held_is_shown(curfew: Curfew, folder: Path) -> None:
    (answer,) = curfew.rows("status", folder)
    assert [each["campaign"] for each in answer["custody"]] == [11]
    (found,) = curfew.rows("why", folder, "11")
    assert found["campaign_name"] == "Spring"


def test_an_exception_is_made_listed_counted_and_taken_back(curfew: Curfew, folder: Path) -> None:
    made = curfew.lines("pause", "12", "--until", "2099-01-01", "--by", "ada", cwd=folder)
    assert made[1].startswith("no daemon runs now; take it back with: curfew overrides --revoke 1")
    assert [each["id"] for each in curfew.rows("overrides", folder)] == [1]
    (found,) = curfew.rows("why", folder, "12")
    assert found["overrides"] == ["override 1: pause campaign 12, by ada"]
    assert curfew("overrides", "--revoke", "1", "--by", "ada", cwd=folder).returncode == 0
    assert curfew.rows("overrides", folder) == []


def test_the_last_change_is_found(curfew: Curfew, folder: Path) -> None:
    done = curfew("undo", "--yes", "--by", "ada", cwd=folder)
    assert "by weekend: paused" in done.stdout
    # The window that the test has made up isn't one of the file's.
    assert (done.returncode, done.stderr) == (2, "curfew: none of them can be put back\n")


@pytest.mark.parametrize("verb", [("audit",), ("status",), ("overrides",), ("db", "upgrade"), ("run",), ("undo",)])
def test_a_server_that_is_away_is_said(curfew: Curfew, tmp_path: Path, verb: tuple[str, ...]) -> None:
    done = curfew(*verb, cwd=says_where(tmp_path, AWAY))
    assert done.returncode == 1
    assert done.stderr.startswith("curfew: postgresql://curfew@127.0.0.1:1/curfew: connection failed: ")
    assert "swordfish" not in done.stderr


def test_a_plan_is_made_without_it_and_says_so(curfew: Curfew, tmp_path: Path) -> None:
    done = curfew("plan", "--days", "7", cwd=says_where(tmp_path, AWAY))
    assert done.returncode == 0
    assert done.stdout
    assert "exceptions (curfew overrides) aren't counted: postgresql://curfew@127.0.0.1:1/curfew: " in done.stderr
    assert "swordfish" not in done.stderr


def test_the_file_alone_is_checked_without_it(curfew: Curfew, tmp_path: Path) -> None:
    done = curfew("check", cwd=says_where(tmp_path, AWAY))
    assert done.returncode == 0, done.stderr
