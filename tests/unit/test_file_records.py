"""What the journal has of files, and which campaigns are held with their folders, on real ledgers."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.ledger import work
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.files import file_in_force, held, rejected_file
from scheduler.ledger.records import FILE_LOADED, FILE_REJECTED, Outcome, Result, Seen
from tests.scheduler_fakes import CAMPAIGN, FRIDAY, MINUTE, ledger_in, new_intent

GOOD = {"file": "curfew.yaml", "sha256": "good", "rules": 1}


def bad(digest: str, *problems: str) -> dict[str, Any]:
    return {"file": "curfew.yaml", "sha256": digest, "number": len(problems), "problems": list(problems)}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    ledger: Database = ledger_in(tmp_path)
    with ledger.writing() as connection:
        yield connection


def test_before_any_load_there_is_neither(connection: Connection) -> None:
    assert (file_in_force(connection), rejected_file(connection)) == (None, None)


def test_the_newest_load_is_in_force_and_ends_what_was_rejected_before(connection: Connection) -> None:
    work.note(connection, FRIDAY, FILE_LOADED, details=GOOD | {"sha256": "older"})
    work.note(connection, FRIDAY + MINUTE, FILE_REJECTED, details=bad("first", "1:1: (file): a"))
    work.note(connection, FRIDAY + 2 * MINUTE, FILE_LOADED, details=GOOD)
    found = file_in_force(connection)
    assert found is not None
    assert (found.file, found.sha256, found.loaded_at) == ("curfew.yaml", "good", FRIDAY + 2 * MINUTE)
    assert rejected_file(connection) is None


def test_the_newest_rejection_counts_and_the_time_of_the_first(connection: Connection) -> None:
    work.note(connection, FRIDAY, FILE_LOADED, details=GOOD)
    work.note(connection, FRIDAY + MINUTE, FILE_REJECTED, details=bad("first", "1:1: (file): a"))
    work.note(connection, FRIDAY + 2 * MINUTE, FILE_REJECTED, details=bad("second", "1:1: (file): b", "2:1: x: c"))
    found = rejected_file(connection)
    assert found is not None
    assert (found.sha256, found.since, found.number) == ("second", FRIDAY + MINUTE, 2)
    assert found.problems == ("1:1: (file): b", "2:1: x: c")


def test_what_is_held_has_its_name_and_folder_where_a_list_has_shown_them(connection: Connection) -> None:
    for campaign in (CAMPAIGN, CAMPAIGN + 1, CAMPAIGN + 2):
        intent = work.record_intent(connection, new_intent(campaign), FRIDAY)
        assert intent is not None
        work.start_attempt(connection, intent, "me", FRIDAY)
        work.finish_attempt(connection, intent, 1, Result(outcome=Outcome.SUCCEEDED), FRIDAY)
    seen = Seen(campaign=CAMPAIGN, name="A", status="PAUSED", folder="EMEA")
    work.store_list(connection, "main", [seen], FRIDAY)
    left = work.custody_of(connection, "main")[CAMPAIGN + 2]
    work.leave(connection, left, "it can't be resumed", FRIDAY + timedelta(days=1))
    assert held(connection) == [("main", seen), ("main", Seen(campaign=CAMPAIGN + 1, name="", status=""))]
