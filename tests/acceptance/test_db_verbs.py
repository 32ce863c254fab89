"""`curfew db`: looked through, copied, and put back."""

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from scheduler import backups, schema
from scheduler.ledger import database
from scheduler.ledger.database import Database
from scheduler.ledger.lock import Lock
from scheduler.ledger.tables import REVISION
from tests.acceptance.command_line import Curfew
from tests.scheduler_fakes import FRIDAY, ledger_in

DAMAGED = "it's damaged: `curfew db check` says where, and `curfew db restore BACKUP` puts a backup in its place"
PUT_BACK = (
    "stop the daemon, and put a backup in its place with `curfew db restore BACKUP`; where there's none, move the file "
    "away: the daemon makes a new one, and what is paused then stays so until a person resumes it"
)
NEWER = "a newer Curfew has made it: install that one, or put back a backup of before with `curfew db restore`"


@pytest.fixture
def ledger(folder: Path) -> Path:
    """The ledger of `curfew.yaml`, with a line in its journal."""
    path = ledger_in(folder).path
    note(path, "before")
    return path


def note(path: Path, event: str) -> None:
    execute(path, f"INSERT INTO journal (at, event, details) VALUES ('2026-11-27', '{event}', '{{}}')")  # noqa: S608 -- the test's own


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as opened, opened:
        for statement in statements:
            opened.execute(statement)


def notes(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as opened:
        return [event for (event,) in opened.execute("SELECT event FROM journal ORDER BY id")]


def garbage(path: Path) -> None:
    path.write_bytes(b"spoilt! " * 4096)


def half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def an_index(path: Path) -> None:
    """An entry of an index goes to a row that isn't there."""
    execute(path, "CREATE INDEX of_events ON journal (event)")
    with closing(sqlite3.connect(path)) as opened:
        (page,) = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = 'of_events'").fetchone()
        (size,) = opened.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    at = content.index(b"before", (page - 1) * size)
    content[at : at + 6] = b"beforf"
    path.write_bytes(content)


def a_reference(path: Path) -> None:
    execute(path, "INSERT INTO attempts (intent_id, number, started_at) VALUES (7, 1, '2026-11-27')")


class TestCheck:
    def test_a_sound_one_is_said_to_be_so_also_as_json(self, curfew: Curfew, folder: Path, ledger: Path) -> None:
        assert curfew.lines("db", "check", cwd=folder) == [f"{ledger}: sound, at revision {REVISION}"]
        done = curfew("db", "check", "--quick", "--format", "json", cwd=folder)
        assert json.loads(done.stdout) == [
            {"ledger": str(ledger), "revision": REVISION, "damage": [], "what_to_do": None}
        ]

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (garbage, "file is not a database"),
            (half, "database disk image is malformed"),
            (an_index, "row 1 missing from index of_events"),
            (a_reference, "row 1 of attempts belongs to a row of intents that isn't there"),
        ],
    )
    def test_damage_is_told_with_what_to_do(
        self, curfew: Curfew, folder: Path, ledger: Path, spoil: Callable[[Path], None], said: str
    ) -> None:
        spoil(ledger)
        done = curfew("db", "check", cwd=folder)
        assert (done.returncode, done.stderr) == (1, "")
        first, *found, last = done.stdout.splitlines()
        assert first == f"{ledger}: damaged"
        assert any(said in line for line in found)
        assert last == PUT_BACK

    def test_a_quick_look_does_not_compare_the_indexes(self, curfew: Curfew, folder: Path, ledger: Path) -> None:
        an_index(ledger)
        assert curfew("db", "check", "--quick", cwd=folder).returncode == 0

    @pytest.mark.parametrize(
        ("change", "revision", "advice"),
        [
            ("UPDATE alembic_version SET version_num = '9999'", "9999", NEWER),
            ("UPDATE alembic_version SET version_num = '0001'", "0001", "run `curfew db upgrade`, or start the daemon"),
            ("DROP TABLE alembic_version", "None", "it's no ledger of Curfew's, or a new one: `curfew db upgrade`"),
        ],
    )
    def test_another_version_is_told_with_what_to_do(
        self, curfew: Curfew, folder: Path, ledger: Path, change: str, revision: str, advice: str
    ) -> None:
        execute(ledger, change)
        done = curfew("db", "check", cwd=folder)
        assert done.returncode == 1
        assert done.stdout.startswith(f"{ledger}: sound, at revision {revision}\n{advice}")

    def test_where_there_is_none_it_says_so(self, curfew: Curfew, folder: Path) -> None:
        done = curfew("db", "check", cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "there is no ledger yet" in done.stderr

    def test_one_that_is_locked_is_not_said_to_be_damaged(
        self, curfew: Curfew, folder: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "_LOCK_WAIT", 10)
        execute(ledger, "PRAGMA journal_mode = DELETE")
        with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            done = curfew("db", "check", cwd=folder)
        assert done.returncode == 1
        assert "database is locked; another process holds it: wait for that one, or end it" in done.stderr


class TestBackup:
    def test_it_is_one_file_as_at_one_instant_also_while_somebody_writes(
        self, curfew: Curfew, folder: Path, ledger: Path
    ) -> None:
        execute(ledger, "PRAGMA journal_mode = WAL")
        with closing(sqlite3.connect(ledger, isolation_level=None)) as writer:
            writer.execute("INSERT INTO journal (at, event, details) VALUES ('2026-11-27', 'committed', '{}')")
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("DELETE FROM journal")
            (line,) = curfew.lines("db", "backup", "copy.db", cwd=folder)
            assert (folder / "curfew.db-wal").stat().st_size
        copy = folder / "copy.db"
        assert line == f"copy.db: {copy.stat().st_size:,} bytes"
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert notes(copy) == ["before", "committed"]
        assert sorted(path.name for path in folder.iterdir() if "copy" in path.name) == ["copy.db"]

    def test_it_takes_no_other_files_place(self, curfew: Curfew, folder: Path, ledger: Path) -> None:
        done = curfew("db", "backup", str(ledger), cwd=folder)
        assert (done.returncode, done.stderr) == (
            2,
            f"curfew: {ledger}: is there already; a backup takes no other file's place\n",
        )

    @pytest.mark.parametrize("spoil", [garbage, half, an_index, a_reference])
    def test_of_a_damaged_one_none_is_made(
        self, curfew: Curfew, folder: Path, ledger: Path, spoil: Callable[[Path], None]
    ) -> None:
        spoil(ledger)
        done = curfew("db", "backup", "copy.db", cwd=folder)
        assert done.returncode == 1
        assert done.stderr.startswith(f"curfew: {ledger}: ")
        assert DAMAGED in done.stderr
        assert not [path for path in folder.iterdir() if "copy" in path.name]

    @pytest.mark.usefixtures("ledger")
    @pytest.mark.parametrize(
        ("target", "said"),
        [
            ("nowhere/copy.db", "no such file"),
            ("curfew.yaml/x", "not a dir"),
            # As with a folder of somebody else's, it can't even be asked whether it's there.
            ("x" * 300, "file name too long"),
        ],
    )
    def test_a_place_that_cannot_be_is_said(self, curfew: Curfew, folder: Path, target: str, said: str) -> None:
        done = curfew("db", "backup", target, cwd=folder)
        assert (done.returncode, f": {said}" in done.stderr) == (1, True)
        assert done.stderr.startswith("curfew: ")

    @pytest.mark.usefixtures("ledger")
    def test_a_disk_without_room_for_it_is_said_and_nothing_is_left(
        self, curfew: Curfew, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect = sqlite3.connect

        def small(*arguments: Any, **options: Any) -> sqlite3.Connection:
            found: sqlite3.Connection = connect(*arguments, **options)
            found.execute("PRAGMA max_page_count = 3")
            return found

        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", small)
            done = curfew("db", "backup", "copy.db", cwd=folder)
        assert done.returncode == 1
        assert "database or disk is full; make room on its disk" in done.stderr
        assert not [path for path in folder.iterdir() if "copy" in path.name]


class TestRestore:
    def test_it_is_put_in_place_and_what_was_there_is_kept(self, curfew: Curfew, folder: Path, ledger: Path) -> None:
        curfew.lines("db", "backup", "copy.db", cwd=folder)
        note(ledger, "after")
        (folder / "curfew.db-wal").write_bytes(b"what SQLite had beside it")
        garbage(ledger)
        first, second, third = curfew.lines("db", "restore", "copy.db", cwd=folder)
        assert first == f"{ledger}: restored from copy.db (revision {REVISION})"
        assert (
            third == "what was paused after that backup isn't known to it, and stays paused until a person resumes it"
        )
        kept = Path(second.removeprefix("the ledger of before is kept as "))
        assert kept.read_bytes().startswith(b"spoilt! ")
        assert Path(f"{kept}-wal").read_bytes() == b"what SQLite had beside it"
        assert notes(ledger) == ["before", "ledger restored"]
        assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
        assert {path.name for path in folder.iterdir()} == {
            *("curfew.yaml", "copy.db", "curfew.db", "curfew.db.lock", kept.name, f"{kept.name}-wal")
        }

    def test_where_there_is_none_it_is_simply_made(self, curfew: Curfew, folder: Path, ledger: Path) -> None:
        ledger.rename(folder / "copy.db")
        assert len(curfew.lines("db", "restore", "copy.db", cwd=folder)) == 2
        assert notes(ledger) == ["before", "ledger restored"]

    def test_by_a_link_the_file_itself_is_replaced(self, curfew: Curfew, folder: Path, ledger: Path) -> None:
        curfew.lines("db", "backup", "copy.db", cwd=folder)
        (folder / "elsewhere").mkdir()
        ledger.rename(folder / "elsewhere" / "real.db")
        ledger.symlink_to("elsewhere/real.db")
        curfew.lines("db", "restore", "copy.db", cwd=folder)
        assert ledger.is_symlink()
        assert notes(folder / "elsewhere" / "real.db") == ["before", "ledger restored"]

    def test_one_of_an_older_version_is_brought_to_this_one(self, curfew: Curfew, folder: Path, ledger: Path) -> None:
        old = Database(f"sqlite:///{folder}/old.db")
        old.create()
        with old.writing() as connection:
            config = schema.configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, "0002")
        first, *_ = curfew.lines("db", "restore", "old.db", cwd=folder)
        assert first.endswith("(revision 0002)")
        assert schema.upgrade(Database(f"sqlite:///{ledger}")) == (REVISION, REVISION)

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (garbage, "file is not a database"),
            (half, "database disk image is malformed"),
            (a_reference, "belongs to a row of intents that isn't there"),
            (lambda path: execute(path, "UPDATE alembic_version SET version_num = '9999'"), NEWER),
            (lambda path: execute(path, "DROP TABLE alembic_version"), "it's no ledger of Curfew's"),
            (lambda path: path.write_bytes(b""), "it's no ledger of Curfew's"),
        ],
    )
    def test_one_that_is_not_sound_changes_nothing(
        self, curfew: Curfew, folder: Path, ledger: Path, spoil: Callable[[Path], None], said: str
    ) -> None:
        curfew.lines("db", "backup", "copy.db", cwd=folder)
        spoil(folder / "copy.db")
        before = ledger.read_bytes()
        done = curfew("db", "restore", "copy.db", cwd=folder)
        assert done.returncode == 1
        assert done.stderr.startswith("curfew: copy.db: can't be restored: ")
        assert said in done.stderr
        assert ledger.read_bytes() == before

    @pytest.mark.usefixtures("ledger")
    def test_one_that_is_not_there_is_wrong_use(self, curfew: Curfew, folder: Path) -> None:
        done = curfew("db", "restore", "nowhere.db", cwd=folder)
        assert done.returncode == 2
        assert "File 'nowhere.db' does not exist" in done.stderr

    def test_while_a_daemon_works_nothing_is_changed(self, curfew: Curfew, folder: Path, ledger: Path) -> None:
        curfew.lines("db", "backup", "copy.db", cwd=folder)
        with Lock(ledger):
            done = curfew("db", "restore", "copy.db", cwd=folder)
        assert done.returncode == 1
        assert f"another curfew daemon (process {os.getpid()}) works on this ledger" in done.stderr
        assert notes(ledger) == ["before"]

    def test_it_belongs_to_whom_the_one_before_it_belonged(self, curfew: Curfew, folder: Path, ledger: Path) -> None:
        if os.getuid() != 0:
            pytest.skip("NOT CHECKED: whom a restored ledger belongs to; only root can give files away")
        curfew.lines("db", "backup", "copy.db", cwd=folder)
        os.chown(ledger, 65534, 65534)
        curfew.lines("db", "restore", "copy.db", cwd=folder)
        assert (ledger.stat().st_uid, ledger.stat().st_gid) == (65534, 65534)

    def test_where_no_file_can_have_two_names_it_is_kept_all_the_same(
        self, curfew: Curfew, folder: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: Path, target: Path) -> None:
            raise PermissionError(target)

        curfew.lines("db", "backup", "copy.db", cwd=folder)
        monkeypatch.setattr(Path, "hardlink_to", refuse)
        done = backups.restore(Database(f"sqlite:///{ledger}"), folder / "copy.db", FRIDAY)
        assert done.kept == Path(f"{ledger}.before-20261127T160000Z")
        assert notes(done.kept) == ["before"]
        assert notes(ledger) == ["before", "ledger restored"]
