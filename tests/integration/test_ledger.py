"""The ledger among threads and processes: group commit, files that go away, and the lock."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from scheduler import schema
from scheduler.errors import LedgerError, LedgerInUse
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.location import url_of
from scheduler.ledger.lock import Lock, is_held, lock_path
from tests.disk_faults import Unwritable, at_fault
from tests.scheduler_fakes import FRIDAY, ledger_in, writing_to


@pytest.fixture
def file_ledger(tmp_path: Path) -> Database:
    return ledger_in(tmp_path)


@pytest.fixture
async def writer(ledger: Database) -> AsyncIterator[Writer]:
    async with writing_to(ledger) as writer:
        yield writer


class Gate:
    """A piece of work that holds the writer until it's opened, so that others pile up behind it."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.reached = threading.Event()

    def __call__(self, _: Connection) -> None:
        self.reached.set()
        assert self._open.wait(10)

    def open(self) -> None:
        self._open.set()


async def together(writer: Writer, *works: Callable[[Connection], object]) -> list[object]:
    """Run pieces of work that all wait at the same time."""
    gate = Gate()
    first = asyncio.create_task(writer.do(gate))
    await asyncio.to_thread(gate.reached.wait, 10)
    others = [asyncio.create_task(writer.do(each)) for each in works]
    await asyncio.sleep(0)
    gate.open()
    await first
    return await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def counted_commits() -> Iterator[list[int]]:
    """How many commits go to any database meanwhile, as a list that grows."""
    commits: list[int] = []

    def note(_: Connection) -> None:
        commits.append(1)

    event.listen(Engine, "commit", note)
    try:
        yield commits
    finally:
        event.remove(Engine, "commit", note)


def noting(what: str) -> Callable[[Connection], None]:
    return lambda connection: work.note(connection, FRIDAY, what)


def fails(connection: Connection) -> None:
    """Writes something, and then something impossible."""
    work.note(connection, FRIDAY, "half")
    connection.execute(text("INSERT INTO nowhere VALUES (1)"))


def notes(database: Database) -> set[str]:
    """What another process would read."""
    with database.reading() as connection:
        return set(connection.execute(text("SELECT event FROM journal")).scalars())


@pytest.mark.parametrize("name", ["q?x", "p%20x", "100%", "sp ace", "a#b&c=d", "żółć", "-", "file:x", ":memory:"])
def test_a_path_means_the_file_that_it_names(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    ledger = Database(url_of(folder / name))
    ledger.create()
    schema.upgrade(ledger)
    with ledger.writing() as connection:
        work.note(connection, FRIDAY, "here")
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT event FROM journal")).scalar() == "here"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size] == [name]


class TestGroupCommit:
    async def test_work_that_waits_at_the_same_time_shares_a_commit(self, writer: Writer, ledger: Database) -> None:
        with counted_commits() as commits:
            await together(writer, *(noting(f"n{number}") for number in range(50)))
        assert len(notes(ledger)) == 50
        assert len(commits) == 2  # the gate's, and one for all others

    async def test_work_that_comes_alone_is_not_kept_waiting(self, writer: Writer) -> None:
        with counted_commits() as commits:
            for number in range(3):
                await writer.do(noting(f"n{number}"))
        assert len(commits) == 3

    async def test_what_is_done_is_committed_before_its_author_hears_of_it(
        self, writer: Writer, ledger: Database
    ) -> None:
        for number in range(20):
            await writer.do(noting(f"n{number}"))
            assert f"n{number}" in notes(ledger)

    async def test_each_author_gets_the_result_of_its_own_work(self, writer: Writer) -> None:
        assert await together(writer, *(lambda _, n=n: n * n for n in range(10))) == [n * n for n in range(10)]

    async def test_a_piece_that_fails_is_undone_alone(self, writer: Writer, ledger: Database) -> None:
        before, failed, after = await together(writer, noting("before"), fails, noting("after"))
        assert (before, after) == (None, None)
        assert isinstance(failed, LedgerError)
        missing = 'relation "nowhere" does not exist' if ledger.server else "no such table: nowhere"
        assert str(failed) == f"{ledger.name}: {missing}"
        assert notes(ledger) == {"before", "after"}

    async def test_a_fault_of_the_program_goes_to_its_author_as_it_is(self, writer: Writer, ledger: Database) -> None:
        def bug(connection: Connection) -> None:
            work.note(connection, FRIDAY, "half")
            raise ZeroDivisionError

        failed, _ = await together(writer, bug, noting("other"))
        assert isinstance(failed, ZeroDivisionError)
        assert notes(ledger) == {"other"}

    async def test_an_author_who_has_gone_holds_nobody_up(self, writer: Writer, ledger: Database) -> None:
        gate = Gate()
        tasks = [asyncio.create_task(writer.do(each)) for each in (gate, noting("his"), fails)]
        await asyncio.to_thread(gate.reached.wait, 10)
        for task in tasks:
            task.cancel()
        gate.open()
        await writer.do(noting("another"))
        assert notes(ledger) == {"his", "another"}

    async def test_closing_finishes_what_waits(self, ledger: Database) -> None:
        writer, gate = Writer(ledger), Gate()
        first = asyncio.create_task(writer.do(gate))
        await asyncio.to_thread(gate.reached.wait, 10)
        others = [asyncio.create_task(writer.do(noting(f"n{number}"))) for number in range(5)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(writer.close())
        await asyncio.sleep(0.01)
        gate.open()
        await asyncio.gather(first, closing, *others)
        assert len(notes(ledger)) == 5

    async def test_a_writer_that_was_never_used_can_be_closed(self, ledger: Database) -> None:
        await Writer(ledger).close()


class TestBrokenLedger:
    @pytest.fixture
    def ledger(self, file_ledger: Database) -> Database:
        return file_ledger

    async def test_after_a_failure_the_next_work_is_done(self, writer: Writer, ledger: Database) -> None:
        def rolls_back(connection: Connection) -> None:
            connection.execute(text("INSERT OR ROLLBACK INTO alembic_version SELECT * FROM alembic_version"))

        with pytest.raises(LedgerError, match=r"UNIQUE constraint failed: alembic_version\.version_num"):
            await writer.do(rolls_back)
        await writer.do(noting("again"))
        assert notes(ledger) == {"again"}

    async def test_a_fault_of_the_writer_itself_reaches_those_who_wait(
        self, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They would wait for ever if the thread died of it."""

        def fault(*_: object) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(Writer, "_commit", fault)
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(writer.do(noting("x")), 5)
        await writer.do(noting("again"))

    async def test_a_folder_that_is_not_there_is_an_error_with_its_path(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path}/nowhere/curfew.db")
        async with writing_to(database) as writer:
            with pytest.raises(LedgerError, match=f"{tmp_path}/nowhere/curfew.db"):
                await writer.do(noting("x"))

    async def test_a_file_that_is_no_database_is_an_error_with_its_path(self, tmp_path: Path) -> None:
        (tmp_path / "curfew.db").write_text("no database" * 100)
        async with writing_to(Database(f"sqlite:///{tmp_path}/curfew.db")) as writer:
            with pytest.raises(LedgerError, match=f"{tmp_path}/curfew.db: file is not a database"):
                await writer.do(noting("x"))

    @pytest.mark.parametrize("has_writer", [False, True])
    def test_a_ledger_that_may_only_be_read_is_read_also_while_a_daemon_writes(self, has_writer: bool) -> None:
        script = (
            "import os, sqlite3, sys\n"
            "from sqlalchemy import text\n"
            "from sqlalchemy.dialects import sqlite\n"
            "from tests.scheduler_fakes import Database, Path\n"
            "if os.getuid() == 0: os.setuid(65534)\n"
            "with Database(f'sqlite:///{sys.argv[1]}/curfew.db').reading() as connection:\n"
            "    print(connection.execute(text('SELECT event FROM journal')).scalar())\n"
        )
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ledger = ledger_in(folder)
            with ledger.writing() as connection:
                work.note(connection, FRIDAY, "kept")
            writer = sqlite3.connect(ledger.path, isolation_level=None)
            if has_writer:
                writer.execute("BEGIN IMMEDIATE")
                writer.execute("DELETE FROM journal")
            for path in folder.iterdir():
                path.chmod(0o444)
            folder.chmod(0o555)
            command = [sys.executable, "-c", script, name]
            ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
            folder.chmod(0o700)
            writer.close()
            assert (ran.stdout, ran.stderr) == ("kept\n", "")

    async def test_a_writer_waits_for_another_process_for_a_moment(self, writer: Writer, ledger: Database) -> None:
        other = sqlite3.connect(ledger.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(writer.do(noting("after")))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        other.execute("COMMIT")
        other.close()
        await waiting
        assert notes(ledger) == {"after"}

    async def test_a_reader_is_not_held_up_by_a_writer_and_sees_only_what_is_committed(
        self, writer: Writer, ledger: Database
    ) -> None:
        gate = Gate()
        await writer.do(noting("before"))
        tasks = [asyncio.create_task(writer.do(each)) for each in (noting("during"), gate)]
        await asyncio.to_thread(gate.reached.wait, 10)
        with ledger.reading() as connection:
            found = connection.execute(text("SELECT event FROM journal")).scalars().all()
        gate.open()
        await asyncio.gather(*tasks)
        assert set(found) <= {"before", "during"}
        assert "before" in found


@contextmanager
def holder(ledger: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock, until it's killed."""
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom scheduler.ledger.lock import Lock\n"
        "with Lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(ledger)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


class TestLock:
    @pytest.fixture
    def ledger(self, file_ledger: Database) -> Database:
        return file_ledger

    def test_a_second_daemon_is_refused_and_told_by_whom(self, ledger: Database) -> None:
        with holder(ledger.path) as process:
            assert is_held(ledger.path)
            with pytest.raises(LedgerInUse) as caught:
                Lock(ledger.path).__enter__()
            assert str(caught.value) == (
                f"{ledger.name}: another curfew daemon (process {process.pid}) works on this ledger"
            )

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_the_lock_ends_with_its_process_however_that_ends(self, ledger: Database, number: signal.Signals) -> None:
        with holder(ledger.path) as process:
            process.send_signal(number)
            process.wait(10)
            assert not is_held(ledger.path)
            with Lock(ledger.path):
                assert lock_path(ledger.path).read_text() == str(os.getpid())

    def test_it_is_held_from_with_to_its_end(self, ledger: Database) -> None:
        assert not is_held(ledger.path)
        with Lock(ledger.path):
            assert is_held(ledger.path)
        assert not is_held(ledger.path)

    def test_what_was_never_taken_or_is_given_back_can_be_given_back(self, ledger: Database) -> None:
        """By a daemon that is told to end before it has it; and no other file is closed by its number."""
        lock = Lock(ledger.path)
        lock.give_back()
        with lock:
            pass
        with ledger.path.open("rb") as other:
            lock.give_back()
            assert other.read(6) == b"SQLite"

    def test_it_is_held_also_against_ourselves(self, ledger: Database) -> None:
        with Lock(ledger.path), pytest.raises(LedgerInUse), Lock(ledger.path):
            pass

    def test_it_is_held_by_whatever_name_the_ledger_is_called(self, ledger: Database, tmp_path: Path) -> None:
        (tmp_path / "file").symlink_to(ledger.path)
        (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
        with Lock(ledger.path):
            for name in (tmp_path / "file", tmp_path / "folder" / "curfew.db", tmp_path / "folder" / "file"):
                assert is_held(name)
                with pytest.raises(LedgerInUse), Lock(name):
                    pass

    def test_looking_does_not_keep_a_daemon_from_starting(self, ledger: Database) -> None:
        lock_path(ledger.path).touch()
        stop = threading.Event()

        def look() -> None:
            while not stop.is_set():
                is_held(ledger.path)

        looker = threading.Thread(target=look)
        looker.start()
        try:
            for _ in range(50):
                with Lock(ledger.path):
                    pass
        finally:
            stop.set()
            looker.join()

    def test_a_shorter_process_id_leaves_nothing_of_a_longer_one(self, ledger: Database) -> None:
        lock_path(ledger.path).write_text("99999999999999")
        with Lock(ledger.path):
            assert lock_path(ledger.path).read_text() == str(os.getpid())

    def test_the_file_is_its_owners_alone(self, ledger: Database) -> None:
        with Lock(ledger.path):
            assert lock_path(ledger.path).stat().st_mode & 0o777 == 0o600

    def test_a_folder_that_is_not_there_is_an_error_with_the_path(self, tmp_path: Path) -> None:
        path = tmp_path / "nowhere" / "curfew.db"
        with pytest.raises(LedgerError) as caught:
            Lock(path).__enter__()
        assert str(caught.value) == f"{path}.lock: no such file or directory"
        assert not is_held(path)

    def test_it_is_held_also_where_nothing_can_be_written(self, ledger: Database) -> None:
        """On a disk that is full, or read-only: the file is there from an earlier time, and says nothing."""
        with Lock(ledger.path):
            pass
        with at_fault(Unwritable(ledger)), Lock(ledger.path):
            assert is_held(ledger.path)
            assert lock_path(ledger.path).read_text() == ""
        lock_path(ledger.path).chmod(0o444)
        lock_path(ledger.path).parent.chmod(0o555)
        try:
            with Lock(ledger.path):
                assert is_held(ledger.path)
        finally:
            lock_path(ledger.path).parent.chmod(0o755)

    def test_a_lock_that_cannot_be_looked_at_is_an_error_with_the_path(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(LedgerError, match="not a directory"):
            is_held(tmp_path / "file" / "curfew.db")
