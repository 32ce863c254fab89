"""What is said of a ledger that isn't what it should be, and what of the system's errors."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from scheduler.errors import LedgerError, LedgerFault
from scheduler.ledger import soundness
from scheduler.ledger.database import Database
from scheduler.ledger.faults import DAMAGED, leaves_whole, ledger_error
from scheduler.ledger.soundness import Soundness, look_through, refuse_damaged
from scheduler.ledger.tables import REVISION
from tests.scheduler_fakes import ledger_in


def an_error(code: int, words: str = "words of SQLite") -> OperationalError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return OperationalError("SELECT 1", None, error)


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "advice"),
        [
            (sqlite3.SQLITE_FULL, "make room on its disk"),
            (sqlite3.SQLITE_READONLY, "the file and its folder must be writable for the user that Curfew runs as"),
            (sqlite3.SQLITE_CANTOPEN, "the file and its folder must be writable for the user that Curfew runs as"),
            (sqlite3.SQLITE_PERM, "the file and its folder must be writable for the user that Curfew runs as"),
            (sqlite3.SQLITE_BUSY, "another process holds it: wait for that one, or end it"),
            (sqlite3.SQLITE_LOCKED, "another process holds it: wait for that one, or end it"),
            (sqlite3.SQLITE_IOERR, "look at its disk, and at what the kernel says of it (dmesg)"),
            (sqlite3.SQLITE_IOERR | 1 << 8, "look at its disk, and at what the kernel says of it (dmesg)"),
            (sqlite3.SQLITE_CORRUPT, DAMAGED),
            (sqlite3.SQLITE_NOTADB, DAMAGED),
        ],
    )
    def test_a_fault_of_the_disk_says_what_to_do(self, code: int, advice: str) -> None:
        found = ledger_error("curfew.db", an_error(code))
        assert isinstance(found, LedgerFault)
        assert (found.why, found.advice) == ("curfew.db: words of SQLite", advice)
        assert str(found) == f"curfew.db: words of SQLite; {advice}"

    @pytest.mark.parametrize("code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISUSE])
    def test_a_fault_of_the_program_is_no_fault_of_the_disk(self, code: int) -> None:
        found = ledger_error("curfew.db", an_error(code))
        assert not isinstance(found, LedgerFault)
        assert str(found) == "curfew.db: words of SQLite"

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (FileNotFoundError(2, "No such file"), "curfew.db: No such file; put the file back where it was"),
            (PermissionError(13, "Permission denied"), "curfew.db: Permission denied; the file and its folder must be"),
        ],
    )
    def test_a_fault_of_the_file_says_what_to_do(self, error: OSError, said: str) -> None:
        assert str(ledger_error("curfew.db", error)).startswith(said)

    def test_the_first_of_several_counts(self) -> None:
        """To undo fails as well, once SQLite has undone all of it by itself."""
        last = an_error(sqlite3.SQLITE_ERROR, "no such savepoint")
        last.__context__ = an_error(sqlite3.SQLITE_FULL, "full")
        assert str(ledger_error("curfew.db", last)) == "curfew.db: full; make room on its disk"
        assert leaves_whole(last)

    def test_after_a_broken_disk_a_connection_is_not_used_again(self) -> None:
        assert not leaves_whole(an_error(sqlite3.SQLITE_IOERR))
        assert not leaves_whole(ZeroDivisionError())


class TestSoundness:
    @pytest.mark.parametrize(
        ("found", "begins"),
        [
            (Soundness(revision=REVISION, damage=()), None),
            (Soundness(revision=REVISION, damage=("a page",)), "stop the daemon, and put a backup in its place"),
            (Soundness(revision=None, damage=()), "it's no ledger of Curfew's, or a new one"),
            (Soundness(revision="9999", damage=()), "a newer Curfew has made it"),
            (Soundness(revision="0001", damage=()), "run `curfew db upgrade`"),
        ],
    )
    def test_it_says_what_to_do(self, found: Soundness, begins: str | None) -> None:
        assert found.what_to_do is None if begins is None else (found.what_to_do or "").startswith(begins)

    def test_a_small_ledger_is_looked_through_before_a_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger = ledger_in(tmp_path)
        refuse_damaged(ledger)
        with closing(sqlite3.connect(ledger.path)) as database, database:
            database.execute("INSERT INTO attempts (intent_id, number, started_at) VALUES (7, 1, '2026-11-27')")
        with pytest.raises(LedgerError) as caught:
            refuse_damaged(ledger)
        reason = "row 1 of attempts belongs to a row of intents that isn't there"
        assert str(caught.value) == f"{ledger.name}: {reason}; {DAMAGED}"
        # A large one takes too long: what's damaged there shows when it's read.
        monkeypatch.setattr(soundness, "_SMALL", 10)
        refuse_damaged(ledger)

    def test_one_that_cannot_be_opened_is_not_said_to_be_damaged(self, tmp_path: Path) -> None:
        with pytest.raises(LedgerError, match="there is no ledger yet"):
            look_through(Database(f"sqlite:///{tmp_path}/curfew.db"))
