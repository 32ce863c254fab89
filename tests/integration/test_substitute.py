"""A ledger that can't be written: work goes on in memory, and is on the disk afterwards as if nothing had been."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from rules.ruleset import Action
from scheduler.errors import LedgerFault
from scheduler.ledger import mirror, substitute, work
from scheduler.ledger.calls import End, Start, end_attempts, give_back, start_attempts
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.records import Outcome, Result, Seen, State
from scheduler.ledger.tables import metadata
from scheduler.ledger.verification import verify
from tests.disk_faults import EVERYWHERE, Fault, Gone, Locked, Unwritable, at_fault, be_impatient
from tests.scheduler_fakes import CAMPAIGN, FRIDAY, HOUR, MINUTE, ledger_in, new_intent, until, writing_to


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is tried again at once."""
    monkeypatch.setattr(substitute, "FIRST_GAP", 0.01)
    monkeypatch.setattr(substitute, "LONGEST_GAP", 0.02)


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    return ledger_in(tmp_path)


@pytest.fixture
async def writer(ledger: Database) -> AsyncIterator[Writer]:
    async with writing_to(ledger) as writer:
        await be_impatient(writer)
        yield writer


def noting(what: str) -> Callable[[Connection], None]:
    return lambda connection: work.note(connection, FRIDAY, what)


def rows(ledger: Database, table: str) -> list[tuple[Any, ...]]:
    """What another process reads."""
    with closing(sqlite3.connect(ledger.path)) as database:
        return database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608 -- the test's own text


def notes(ledger: Database) -> list[str]:
    return [row[2] for row in rows(ledger, "journal")]


async def recovered(writer: Writer) -> None:
    async def is_well() -> bool:
        return writer.fault is None

    await until(is_well, "the ledger is written again")


class TestFaults:
    @pytest.mark.parametrize("kind", EVERYWHERE)
    async def test_work_goes_on_and_is_written_when_the_fault_is_over(
        self, writer: Writer, ledger: Database, kind: type[Fault]
    ) -> None:
        told: list[LedgerFault | None] = []
        await writer.do(noting("before"))
        writer.when_changed = lambda: told.append(writer.fault)
        with at_fault(fault := kind(ledger)):
            for number in range(3):
                await writer.do(noting(f"n{number}"))
            seen = await writer.do(lambda connection: connection.execute(text("SELECT event FROM journal")).all())
            assert [row.event for row in seen][-4:] == ["before", "n0", "n1", "n2"]
            assert writer.fault is not None
            assert writer.fault.why.startswith(f"{ledger.name}: ")
            assert fault.why in writer.fault.why
            assert (writer.fault.advice, told) == (fault.advice, [writer.fault])
            with pytest.raises(LedgerFault):
                await writer.read(lambda connection: connection.execute(text("SELECT 1")).scalar())
        await recovered(writer)
        await writer.do(noting("after"))
        assert notes(ledger)[-5:] == ["before", "n0", "n1", "n2", "after"]
        assert await writer.read(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1
        assert told[1:] == [None]

    async def test_on_a_full_disk_a_whole_commit_goes_to_memory(self, writer: Writer, ledger: Database) -> None:
        """SQLite then undoes all of the transaction, also what came before that for which there was no room."""
        await writer.do(noting("before"))
        with limited(ledger) as limit:
            await asyncio.gather(writer.do(noting("small")), writer.do(noting("x" * 5_000_000)))
            assert writer.fault is not None
            assert str(writer.fault) == f"{ledger.name}: database or disk is full; make room on its disk"
            assert notes(ledger) == ["before"]
            limit.is_full = False
            await recovered(writer)
        assert [each[:5] for each in notes(ledger)] == ["befor", "small", "xxxxx"]

    async def test_what_is_still_kept_in_memory_at_the_end_is_written_if_it_can_be(self, ledger: Database) -> None:
        async with writing_to(ledger) as writer:
            await be_impatient(writer)
            with at_fault(Locked(ledger)):
                await writer.do(noting("kept"))
                assert notes(ledger) == []
        assert writer.fault is None
        assert notes(ledger) == ["kept"]

    async def test_at_the_end_it_is_known_that_the_ledger_lacks_something(self, ledger: Database) -> None:
        gone = Gone(ledger)
        async with writing_to(ledger) as writer:
            await writer.do(noting("written"))
            await be_impatient(writer)
            gone.begin()
            await writer.do(noting("lost"))
        gone.end()
        assert writer.fault is not None
        assert notes(ledger) == ["written"]

    async def test_a_ledger_that_was_never_read_is_an_error(self, tmp_path: Path) -> None:
        async with writing_to(Database(f"sqlite:///{tmp_path}/nowhere/curfew.db")) as writer:
            with pytest.raises(LedgerFault):
                await writer.do(noting("x"))
        assert writer.fault is None

    async def test_a_ledger_that_can_only_be_read_is_enough_to_begin_with(self, ledger: Database) -> None:
        with at_fault(Unwritable(ledger)):
            async with writing_to(ledger) as writer:
                await writer.do(noting("kept"))
                assert writer.fault is not None

    async def test_what_others_add_to_the_journal_meanwhile_stays(self, writer: Writer, ledger: Database) -> None:
        await writer.do(noting("before"))
        with at_fault(locked := Locked(ledger)):
            await writer.do(noting("ours"))
            locked.other.execute("INSERT INTO journal (at, event, details) VALUES ('2026-11-27', 'theirs', '{}')")
            locked.other.execute("COMMIT")
        await recovered(writer)
        assert notes(ledger) == ["before", "theirs", "ours"]

    async def test_the_disk_is_tried_less_and_less_often_also_where_it_keeps_failing(self, ledger: Database) -> None:
        found = substitute.Substitute(ledger.mirror, lambda: None)
        fault = LedgerFault("why", "advice")
        assert found.patience is None
        assert found.take_over(fault)
        first = found._gap
        engine = create_engine(f"sqlite:///{ledger.path}", poolclass=NullPool)
        with engine.connect() as connection:
            found.give_back(connection)
        assert found.take_over(fault)
        assert found._gap == 2 * first
        found.go_on(None)
        assert found._gap == substitute.LONGEST_GAP
        assert found.fault is fault
        found.close()


class _Limit:
    """No page more than a ledger has may be taken from now on, as on a disk that is full, until there's room."""

    def __init__(self, ledger: Database) -> None:
        self._path = str(ledger.path)
        self.is_full = True

    def __call__(self, connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        if connection.dialect.name == "sqlite" and raw.execute("PRAGMA database_list").fetchone()[2] == self._path:
            pages = raw.execute("PRAGMA page_count").fetchone()[0] + 1 if self.is_full else 1_000_000
            raw.execute(f"PRAGMA max_page_count = {pages}")


@contextmanager
def limited(ledger: Database) -> Iterator[_Limit]:
    limit = _Limit(ledger)
    event.listen(Engine, "begin", limit)
    try:
        yield limit
    finally:
        event.remove(Engine, "begin", limit)


@dataclass
class Story:
    """A random sequence of what a daemon records, the same for the same seed."""

    chance: random.Random
    now: datetime = FRIDAY

    def __post_init__(self) -> None:
        self.waiting: list[Any] = []
        self.calling: list[Any] = []

    @classmethod
    def of(cls, seed: int) -> Self:
        return cls(random.Random(seed))  # noqa: S311 -- it keeps no secret

    async def go_on(self, writer: Writer, steps: int) -> None:
        """Record so many things more, some of them at the same time."""
        for _ in range(steps):
            self.now += MINUTE
            often = (self.plan, self.plan, self.start, self.start, self.end)
            await self.chance.choice((*often, *often, self.undo, self.list, self.others))(writer)

    async def plan(self, writer: Writer) -> None:
        now, number = self.now, CAMPAIGN + self.chance.randrange(6)
        action = self.chance.choice([Action.PAUSE, Action.PAUSE, Action.RESUME])
        new = new_intent(number, action, due_at=now, status_before=self.chance.choice(["RUNNING", None]))

        def record(connection: Connection) -> Any:
            return work.record_intent(connection, new, now)

        def record_again(connection: Connection) -> Any:
            return work.record_decision(connection, new, State.SKIPPED, "it's there", now)

        self.waiting.append(await writer.do(record))
        await writer.do(record_again)

    async def start(self, writer: Writer) -> None:
        taken = [self.waiting.pop() for _ in range(min(3, len(self.waiting)))]
        starts = [Start(intent, "me", self.now) for intent in taken]
        for intent, number in zip(
            taken, await asyncio.gather(*self._submit(writer, start_attempts, starts)), strict=True
        ):
            if number is not None:
                self.calling.append((intent, number))

    async def undo(self, writer: Writer) -> None:
        if self.calling:
            intent, _ = self.calling.pop()
            await asyncio.gather(*self._submit(writer, give_back, [Start(intent, "me", self.now)]))
            self.waiting.insert(0, intent)

    async def end(self, writer: Writer) -> None:
        ended = [self.calling.pop(0) for _ in range(min(2, len(self.calling)))]
        ends = [End(intent, number, self.now, self._result(), self.now + MINUTE) for intent, number in ended]
        await asyncio.gather(*self._submit(writer, end_attempts, ends))

    def _result(self) -> Result:
        outcome = self.chance.choice([Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.RETRIED, Outcome.FAILED])
        return Result(
            outcome=outcome, http_status=self.chance.choice([200, 500]), reason=f"{outcome} at {self.now:%H:%M}"
        )

    def _submit(self, writer: Writer, what: Any, items: list[Any]) -> list[asyncio.Future[Any]]:
        return [writer.submit(what, each) for each in items]

    async def list(self, writer: Writer) -> None:
        statuses = {CAMPAIGN + number: self.chance.choice(["RUNNING", "PAUSED", "DRAFT"]) for number in range(6)}
        now = self.now

        def record(connection: Connection) -> None:
            seen = [Seen(campaign=each, name=f"c{each}", status=status) for each, status in statuses.items()]
            work.store_list(connection, "main", seen, now)
            work.confirm(connection, "main", [each for each, status in statuses.items() if status != "RUNNING"], now)
            work.take_up(connection, "main", statuses, now)

        await writer.do(record)

    async def others(self, writer: Writer) -> None:
        now, number = self.now, CAMPAIGN + self.chance.randrange(6)

        def record(connection: Connection) -> None:
            for known in work.known_changes(connection, "main", FRIDAY):
                if known.campaign == number and known.state is State.SUCCEEDED and self.chance.random() < 0.2:
                    work.reopen(connection, "main", known, "it runs on", now)
                    work.give_up(connection, "main", known, "it runs on and on", now)
            if held := work.owed(connection, "main", number):
                (work.leave if number % 2 else work.release)(connection, held, "a test of it", now)
            work.note(connection, now, "a thing", campaign=number, details={"n": number})

        def fail(connection: Connection) -> None:
            work.note(connection, now, "undone")
            raise ZeroDivisionError

        # One that fails is undone alone, wherever it's done.
        failed, _ = await asyncio.gather(writer.do(fail), writer.do(record), return_exceptions=True)
        assert isinstance(failed, ZeroDivisionError)


TABLES = (*metadata.tables, "audit")


@contextmanager
def locked(ledger: Database) -> Iterator[None]:
    with at_fault(Locked(ledger)):
        yield


class TestLaw:
    @pytest.mark.parametrize("seed", range(6))
    async def test_the_ledger_is_in_the_end_as_if_nothing_had_been(self, tmp_path: Path, seed: int) -> None:
        """Row by row, with the same numbers and the same times, however often the disk has failed in between."""
        await self.hold(tmp_path, seed, locked)

    @pytest.mark.parametrize("seed", range(6))
    async def test_so_it_is_where_the_disk_has_written_what_it_said_that_it_had_not(
        self, tmp_path: Path, seed: int
    ) -> None:
        """Also where that was undone in memory meanwhile: an attempt whose claim was given back, a debt that ended."""
        await self.hold(tmp_path, seed, _commits_that_fail_afterwards)

    @staticmethod
    async def hold(folder: Path, seed: int, trouble: Callable[[Database], AbstractContextManager[None]]) -> None:
        """Hold two ledgers against each other, of which one was in trouble twice."""
        for kind in ("well", "ill"):
            (folder / kind).mkdir()
        well, ill = ledger_in(folder / "well"), ledger_in(folder / "ill")
        async with writing_to(well) as writer:
            story = Story.of(seed)
            for _ in range(4):
                await story.go_on(writer, 15)
        async with writing_to(ill) as writer:
            story = Story.of(seed)
            await story.go_on(writer, 15)
            for attempt in range(2):
                await be_impatient(writer)
                with trouble(ill):
                    await story.go_on(writer, 15)
                    assert writer.fault is not None
                await recovered(writer)
                await story.go_on(writer, 7 + attempt)
        for table in TABLES:
            assert rows(ill, table) == rows(well, table)
        assert len(rows(ill, "attempts")) > 5
        assert len(rows(ill, "outcomes")) > 5
        with ill.reading() as connection:
            assert verify(connection).problems == ()


class TestMirror:
    """What's behind it: the copy in memory."""

    async def test_what_it_could_not_follow_makes_it_a_new_one(self, writer: Writer, ledger: Database) -> None:
        """Somebody has changed the ledger behind our back, so that a statement did something else there."""
        await writer.do(noting("before"))
        with ledger.writing() as connection:
            work.record_intent(connection, new_intent(), FRIDAY)
        added = await writer.do(lambda connection: work.record_intent(connection, new_intent(), FRIDAY))
        assert added is None
        other = new_intent(CAMPAIGN + 1)
        with at_fault(Locked(ledger)):
            kept = await writer.do(lambda connection: work.record_intent(connection, other, FRIDAY))
            assert kept is not None
            assert kept.id == 2
        await recovered(writer)
        assert [row[:3] for row in rows(ledger, "intents")] == [(1, "main", CAMPAIGN), (2, "main", CAMPAIGN + 1)]

    async def test_what_was_undone_is_not_followed(
        self, writer: Writer, ledger: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or a whole copy would be made after each piece of work that fails."""
        made: list[int] = []
        await writer.do(lambda _: None)
        monkeypatch.setattr(Database, "mirror", lambda _: made.append(1))

        def fail(connection: Connection) -> None:
            work.note(connection, FRIDAY, "undone")
            raise ZeroDivisionError

        for _ in range(3):
            answers = await asyncio.gather(writer.do(fail), writer.do(noting("n")), return_exceptions=True)
            assert isinstance(answers[0], ZeroDivisionError)
        with at_fault(Locked(ledger)):
            await writer.do(noting("kept"))
        await recovered(writer)
        assert made == []
        assert notes(ledger) == ["n", "n", "n", "kept"]

    async def test_what_was_written_though_the_disk_said_that_it_was_not_is_there_once(
        self, writer: Writer, ledger: Database
    ) -> None:
        """The error of a commit doesn't tell whether it's there after the next start of the database."""
        await writer.do(noting("before"))
        with _commits_that_fail_afterwards(ledger):
            added = await writer.do(lambda connection: work.record_intent(connection, new_intent(), FRIDAY))
            assert added is not None
            assert writer.fault is not None
            await writer.do(noting("kept"))
        await recovered(writer)
        number = await writer.do(lambda connection: start_attempts(connection, [Start(added, "me", FRIDAY)]))
        assert number == [1]
        assert len(rows(ledger, "intents")) == 1
        assert notes(ledger) == ["before", "kept"]

    def test_of_a_ledger_of_years_it_has_what_a_daemon_asks_for(
        self, ledger: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(mirror._PARTS, "intents", mirror._PARTS["intents"].replace("LIMIT 20000", "LIMIT 2"))
        due = [FRIDAY + MINUTE * number for number in range(6)]
        with ledger.writing() as connection:
            for number, at in enumerate(due):
                intent = work.record_intent(connection, new_intent(CAMPAIGN + number // 2, due_at=at), at)
                assert intent is not None
                work.start_attempt(connection, intent, "me", at)
                result = Result(outcome=Outcome.RETRIED if number == 0 else Outcome.SUCCEEDED)
                work.finish_attempt(connection, intent, 1, result, at)
            again = work.record_intent(connection, new_intent(CAMPAIGN + 1, due_at=due[3] + HOUR), FRIDAY)
            assert again is not None
            work.expire(connection, again, State.MISSED, "too late", FRIDAY)
        found = ledger.mirror()
        intents = [id for (id,) in found.connection.execute(text("SELECT id FROM intents ORDER BY id"))]
        attempts = [id for (id,) in found.connection.execute(text("SELECT intent_id FROM attempts ORDER BY id"))]
        found.close()
        # 1 waits, 2, 6 and 7 are the newest of their campaigns, 4 holds one; what came before that isn't asked for.
        assert intents == [1, 2, 4, 6, 7]
        assert attempts == [1, 2, 4, 6]

    def test_one_that_has_grown_is_to_be_made_anew(self, ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mirror, "_GROWTH", 2)
        found = ledger.mirror()
        add = "INSERT INTO journal (at, event, details) VALUES (?, ?, '{}')"
        small, large = (mirror.Statement(add, ("2026-11-27", "x" * size), is_many=False) for size in (10, 50_000))
        assert found.follow([small], 1)
        assert not found.follow([large], 1)
        found.close()

    async def test_records_that_the_ledger_does_not_take_stay_in_memory_and_are_told(
        self, writer: Writer, ledger: Database
    ) -> None:
        """A fault of the program, not of the disk: it's said, and pauses go out all the same."""
        await writer.do(noting("before"))
        with at_fault(locked := Locked(ledger)):
            await writer.do(noting("kept"))
            locked.other.execute(
                "CREATE TRIGGER no BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'not this'); END"
            )
            locked.other.execute("COMMIT")
            await until(lambda: _is_refused(writer), "it's told")
            assert writer.fault is not None
            assert writer.fault.why == f"{ledger.name}: not this"
            await writer.do(noting("goes on"))
            locked.other.execute("DROP TRIGGER no")
        await recovered(writer)
        assert notes(ledger) == ["before", "kept", "goes on"]


async def _is_refused(writer: Writer) -> bool:
    return writer.fault is not None and "not this" in writer.fault.why


@contextmanager
def _commits_that_fail_afterwards(ledger: Database) -> Iterator[None]:
    """Each commit to a ledger is made, and then said not to be."""

    def fail(connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        if raw.execute("PRAGMA database_list").fetchone()[2] == str(ledger.path):
            raw.execute("COMMIT")
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise OperationalError("COMMIT", None, error)

    event.listen(Engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(Engine, "commit", fail)
