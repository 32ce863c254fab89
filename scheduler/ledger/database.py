"""Connections to the ledger, with their settings, and the one thread that writes."""

import asyncio
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlencode

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from scheduler.errors import LedgerAway, LedgerError, LedgerFault, reason
from scheduler.ledger.faults import NEWER, REPLACED, UNTAKEN, leaves_whole, ledger_error, reason_of
from scheduler.ledger.location import Server, place_of
from scheduler.ledger.mirror import Mirror, Recorder
from scheduler.ledger.server import server_engine
from scheduler.ledger.substitute import Substitute
from scheduler.ledger.tables import REVISION

__all__ = ["Connection", "Database", "Writer", "revision_of"]

# What it says of a connection that can't be closed in good order, as when ctrl-C cuts it off, is for a log. Where there
# is none, Python would write it between the lines of a verb, which tells of the error itself.
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())

# SQLite would make a file that isn't there any more, an empty one.
_THERE: Final = {"mode": "rw"}
_STILL: Final = {"mode": "ro", "immutable": "1"}
# How many milliseconds a lock is waited for: another process (a backup, a query) may hold the file for a moment.
_LOCK_WAIT: Final = 5000

_I = TypeVar("_I")
_T = TypeVar("_T")


class Database:
    """A ledger by its URL: a file of SQLite, or a database of a PostgreSQL server.

    A check is called at the beginning of each transaction that may write, and may refuse it by what it raises.
    """

    def __init__(self, url: str) -> None:
        self._check: Callable[[Connection], None] | None = None
        try:
            self.place = place_of(url)
        except ValueError as error:
            raise LedgerError(f"database: {error}") from None

    def checked_by(self, check: Callable[[Connection], None]) -> "Database":
        """The same ledger, with this check."""
        found = copy(self)
        found._check = check
        return found

    @property
    def server(self) -> Server | None:
        """Where it is, unless it's a file."""
        return self.place if isinstance(self.place, Server) else None

    @property
    def path(self) -> Path:
        """Where the file is; only for a ledger that is one."""
        if isinstance(self.place, Server):
            raise TypeError("a ledger on a server has no path")
        return self.place

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return str(self.place)

    def create(self) -> None:
        """Make the file, readable by its owner alone, unless it's there; see that a server can be reached.

        Raises:
            LedgerError: the folder isn't there, or can't be written to, or the file can't be read; the server doesn't
                answer, or refuses.
        """
        if self.server:
            with self.writing():
                return
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDONLY, 0o600))
        except OSError as error:
            raise self._unusable(error) from None

    def revision(self) -> str | None:
        """The version of its tables; None where it has none.

        Raises:
            LedgerError: there's no ledger, or it can't be read.
        """
        with self.looking() as connection:
            return revision_of(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that holds the write lock from its start, committed at its end.

        Raises:
            LedgerError: the file can't be opened or written.
        """
        with self.wrapped(), self.writing_engine().begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of a ledger that is there and up to date.

        Raises:
            LedgerError: there's no ledger, it can't be read, or it's of another version.
        """
        with self.looking() as connection:
            _check_revision(connection, self.name)
            yield connection

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """One consistent view of whatever is there, which may be of any version.

        Raises:
            LedgerError: there's no ledger, or it can't be read.
        """
        try:
            self.identity()
        except OSError as error:
            raise self._unusable(error) from None
        with self.wrapped(), self._reading_engine().begin() as connection:
            yield connection

    def mirror(self) -> Mirror:
        """A copy of what a daemon goes by, in memory; only of a ledger that is a file.

        Raises:
            sqlite3.Error: the ledger can't be read.
        """
        return Mirror(_uri(self.path, _as_it_may_be_read(self.path)))

    def writing_engine(self) -> Engine:
        """Connections that may write; each transaction begins with the check."""
        engine = server_engine(self.server) if self.server else _writing_engine(self.path)
        if self._check:
            event.listen(engine, "begin", self._check)
        return engine

    def _reading_engine(self) -> Engine:
        if self.server:
            # All statements of a transaction see the same.
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            return server_engine(self.server, execution_options=options)
        return _reading_engine(self.path)

    def identity(self) -> tuple[int, int] | None:
        """Which file it is that its path leads to; None for a server's database.

        Raises:
            OSError: the file isn't there.
        """
        if self.server:
            return None
        found = self.path.stat()
        return found.st_dev, found.st_ino

    def fault(self, error: Exception) -> LedgerError:
        """What a fault of the database, or of the file system, is for who asked."""
        if self.server is None:
            return ledger_error(self.name, error)
        text = f"{self.name}: {reason_of(error)}"
        if self.server.password:
            text = text.replace(self.server.password, "[password]")
        is_lost = getattr(error, "connection_invalidated", False)
        return (LedgerAway if is_lost or isinstance(error, OperationalError) else LedgerError)(text)

    def _unusable(self, error: OSError) -> LedgerError:
        what = reason(error)
        if isinstance(error, FileNotFoundError):
            folder = Path(os.path.realpath(self.path)).parent
            what = "there is no ledger yet; `curfew run` makes it"
            if not folder.is_dir():
                what = f"the folder {folder} is missing"
        return LedgerError(f"{self.name}: {what}")

    @contextmanager
    def wrapped(self) -> Iterator[None]:
        """Have faults of the database raised as what they are for who asked."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self.fault(error) from error


def one_at_a_time(connection: Connection) -> None:
    """Keep all others who do this from going on until the transaction's end; SQLite does so from its beginning."""
    if connection.dialect.name == "postgresql":
        # A number of our own, by which PostgreSQL knows the lock.
        connection.execute(text("SELECT pg_advisory_xact_lock(8121903)"))


def revision_of(connection: Connection) -> str | None:
    """The version of a ledger's tables; None where it has none."""
    is_made = inspect(connection).has_table("alembic_version")
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if is_made else None


def _check_revision(connection: Connection, name: str) -> None:
    found = revision_of(connection)
    if found is None and connection.dialect.name == "postgresql":
        raise LedgerError(f"{name}: there is no ledger in it yet; `curfew run` makes it")
    if found != REVISION:
        # They are numbered, and those to come aren't known here.
        advice = NEWER if (found or "") > REVISION else "run `curfew db upgrade`"
        raise LedgerError(f"{name}: revision {found}, and this version reads {REVISION}; {advice}")


def _writing_engine(path: Path) -> Engine:
    # Readers don't wait for the writer, nor it for them. The mode stays with the file.
    return _engine(path, "BEGIN IMMEDIATE", _THERE, "PRAGMA journal_mode = WAL")


def _reading_engine(path: Path) -> Engine:
    """For those who may only read: SQLite would make files beside the ledger, unless it's told that nobody writes.

    Where there's nothing in such files, and none can be made, none of its writers is there either.
    """
    return _engine(path, "BEGIN", _as_it_may_be_read(path))


def _as_it_may_be_read(path: Path) -> dict[str, str]:
    wal = Path(f"{os.path.realpath(path)}-wal")
    has_more = wal.exists() and wal.stat().st_size > 0
    return _THERE if has_more or _can_be_opened(path) else _STILL


def _can_be_opened(path: Path) -> bool:
    """Whether SQLite gets the files that it wants: not in a folder that can't be written, nor on a full disk."""
    try:
        with closing(sqlite3.connect(_uri(path, _THERE), uri=True, timeout=0)) as probe:
            probe.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.Error as error:
        # Who holds it locked writes it.
        return leaves_whole(error)
    return True


def _uri(path: Path, parameters: Mapping[str, str] | None = None) -> str:
    """The file as a URI of SQLite's own, in which no letter of the path means anything."""
    return f"file://{quote(os.fsencode(path.absolute()))}" + (f"?{urlencode(parameters)}" if parameters else "")


def _engine(path: Path, begin: str, parameters: Mapping[str, str], *pragmas: str) -> Engine:
    where = URL.create("sqlite", database=_uri(path), query={"uri": "true", **parameters})
    engine = create_engine(where, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: object) -> None:  # noqa: ARG001 -- SQLAlchemy's signature
        # The driver would begin transactions by its own lights, and commit before DDL: we begin them ourselves.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT}")
        for pragma in pragmas:
            connection.execute(pragma)
        # An acknowledged commit survives a power cut; NORMAL would lose the last ones.
        connection.execute("PRAGMA synchronous = FULL")
        # SQLite ignores them otherwise.
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


@dataclass(slots=True)
class _Order(Generic[_I, _T]):
    """One item of work for the writer, and where its result goes; `is_of_disk`: nothing else will do."""

    work: Callable[[Connection, Sequence[_I]], Sequence[_T]]
    item: _I
    result: asyncio.Future[_T]
    is_of_disk: bool = False

    def succeed(self, value: _T) -> None:
        if not self.result.done():
            self.result.set_result(value)

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)


_Answer = Callable[[], None]


class Writer:
    """The thread that owns the writing connection.

    Work that waits at the same time shares a commit (group commit): a disk that needs 10 ms for each would otherwise
    allow a hundred changes a second for all lanes together. A piece of work that fails is undone alone.

    While the ledger can't be written, work is done on a copy in memory, and `fault` says why; when the ledger takes it,
    all that was changed is written there. `when_changed` is called on the event loop when either begins. `clock` counts
    seconds, and nobody sets it.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._engine = database.writing_engine()
        # What is on a server is another daemon's when the server can't be had.
        self._recorder = Recorder(self._engine) if database.server is None else None
        self._substitute = Substitute(database.mirror, self._tell_changed, clock)
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.when_changed: Callable[[], None] = lambda: None
        self._orders: SimpleQueue[_Order[Any, Any] | None] = SimpleQueue()
        self._begin()

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> LedgerFault | None:
        """Why the ledger can't be written now, so that all is kept in memory."""
        return self._substitute.fault

    async def do(self, work: Callable[[Connection], _T]) -> _T:
        """Run work in a transaction; when this returns, it's committed. It may be run again, if others have failed.

        Raises:
            LedgerError: the work can't be done on this ledger, or there's none; nothing of the work is kept.
        """
        return await self.submit(_alone, work)

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run work that reads what others have written, on the ledger itself.

        Raises:
            LedgerError: as above; also while the ledger can't be written.
        """
        return await self._ordered(_alone, work, is_of_disk=True)

    def submit(self, work: Callable[[Connection, Sequence[_I]], Sequence[_T]], item: _I) -> asyncio.Future[_T]:
        """Have work done as `do` does, without waiting: `work` is given all items that wait for it at the same time.

        It gives a result for each of them. What waits at the same time is done in no certain order.
        """
        return self._ordered(work, item)

    def _ordered(
        self, work: Callable[[Connection, Sequence[_I]], Sequence[_T]], item: _I, *, is_of_disk: bool = False
    ) -> asyncio.Future[_T]:
        self._loop = asyncio.get_running_loop()
        result: asyncio.Future[_T] = self._loop.create_future()
        self._put(_Order(work, item, result, is_of_disk))
        return result

    def _put(self, order: _Order[Any, Any]) -> None:
        self._orders.put(order)

    async def close(self) -> None:
        """Finish what is waiting, and end the thread; `fault` is still there where the ledger lacks something."""
        self._orders.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while (orders := self._next()) is not None:
            self._take_turn(orders)
        self._finish()

    def _take_turn(self, orders: list[_Order[Any, Any]]) -> None:
        if self._substitute.patience == 0:
            self._try_again()
        if orders:
            _tell(orders, self._answers(orders))
        if self._recorder is not None and self.fault is None and self._connection is not None:
            self._substitute.keep_up(self._recorder, self._connection)

    def _finish(self) -> None:
        if self.fault is not None:
            self._try_again()
        self._disconnect()
        self._substitute.close()

    def _next(self) -> list[_Order[Any, Any]] | None:
        """What waits; nothing where the disk is to be tried again, None at the end."""
        try:
            order = self._orders.get(timeout=self._substitute.patience)
        except Empty:
            return []
        return None if order is None else [order, *self._waiting()]

    def _waiting(self) -> Iterator[_Order[Any, Any]]:
        # The queue is only ever emptied here, so a size above zero stays true. The end is put back for the next turn.
        for _ in range(self._orders.qsize()):
            order = self._orders.get()
            if order is None:
                self._orders.put(None)
                return
            yield order

    def _answers(self, orders: list[_Order[Any, Any]]) -> list[_Answer]:
        """Do what is asked, on the disk or in memory; what comes back tells the authors."""
        try:
            fault = self.fault
            return self._on_disk(orders) if fault is None else self._in_memory(orders, fault)
        except Exception as error:  # noqa: BLE001 -- handed to those who asked: they'd wait for ever for a dead thread
            return [partial(each.fail, error) for each in orders]

    def _on_disk(self, orders: list[_Order[Any, Any]]) -> list[_Answer]:
        try:
            answers = self._commit(self._connected(), orders)
        except Exception as error:
            fault = self._failed(error)
            if isinstance(fault, LedgerFault) and self._substitute.take_over(fault):
                answers = self._in_memory(orders, fault)
                self._substitute.doubt()
                return answers
            if fault is error:
                raise
            raise fault from error
        self._file = self._file or self._database.identity()
        return answers

    def _in_memory(self, orders: list[_Order[Any, Any]], fault: LedgerFault) -> list[_Answer]:
        refused: list[_Answer] = [partial(each.fail, fault) for each in orders if each.is_of_disk]
        others = [each for each in orders if not each.is_of_disk]
        return refused + (self._commit(self._substitute.connection, others) if others else [])

    def _try_again(self) -> None:
        try:
            connection = self._connected()
            _wait_for_locks(connection, 0)
            self._substitute.give_back(connection)
            _wait_for_locks(connection, _LOCK_WAIT)
        except Exception as error:  # noqa: BLE001 -- the daemon goes on in memory, and says why
            fault = self._failed(error)
            why = str(fault) if isinstance(fault, LedgerError) else f"{self._database.name}: {fault!r}"
            self._substitute.go_on(None if isinstance(fault, LedgerFault) else LedgerFault(why, UNTAKEN))
        if self._recorder is not None:
            self._recorder.statements.clear()

    def _failed(self, error: Exception) -> Exception:
        """What is to be said of it; the connection is used again where it took no harm."""
        is_whole = leaves_whole(error) and self._connection is not None and not self._connection.in_transaction()
        if not is_whole:
            self._disconnect()
        return self._fault(error)

    def _connected(self) -> Connection:
        # SQLite would go on writing to a file that has no name any more, or make an empty one.
        if self._file not in {None, self._database.identity()}:
            raise LedgerFault(f"{self._database.name}: another file stands in its place", REPLACED)
        self._connection = self._connection or self._engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            _close(self._connection)
        self._connection = None

    def _tell_changed(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.when_changed)

    def _commit(self, connection: Connection, orders: list[_Order[Any, Any]]) -> list[_Answer]:
        """Do all of it in one transaction; what comes back tells the authors, and is called after the commit."""
        try:
            with connection.begin():
                return [answer for each in _alike(orders) for answer in _done_together(connection, each)]
        except Exception as error:
            if connection.invalidated or self._is_of_the_disk(error):
                # Nobody knows whether it was committed, or nothing will be.
                raise
            # Whose fault it was shows when each is done by itself.
            with connection.begin():
                return [self._done_alone(connection, order) for order in orders]

    def _done_alone(self, connection: Connection, order: _Order[Any, Any]) -> _Answer:
        try:
            with connection.begin_nested():
                (value,) = order.work(connection, [order.item])
        except SQLAlchemyError as error:
            if self._is_of_the_disk(error) or not _is_open(connection):
                raise
            return partial(order.fail, self._fault(error))
        except Exception as error:  # noqa: BLE001 -- it is handed to the one who asked, not swallowed
            return partial(order.fail, error)
        return partial(order.succeed, value)

    def _is_of_the_disk(self, error: Exception) -> bool:
        return isinstance(error, DBAPIError) and isinstance(self._database.fault(error), LedgerFault)

    def _fault(self, error: Exception) -> Exception:
        return self._database.fault(error) if isinstance(error, SQLAlchemyError | OSError) else error


def _wait_for_locks(connection: Connection, milliseconds: int) -> None:
    raw: Any = connection.connection.dbapi_connection
    raw.execute(f"PRAGMA busy_timeout = {milliseconds}")


def _alone(connection: Connection, works: Sequence[Callable[[Connection], _T]]) -> list[_T]:
    return [work(connection) for work in works]


def _alike(orders: Iterable[_Order[Any, Any]]) -> Iterable[list[_Order[Any, Any]]]:
    """The orders by what is to be done, each kind where its first one is."""
    kinds: dict[Any, list[_Order[Any, Any]]] = {}
    for order in orders:
        kinds.setdefault(order.work, []).append(order)
    return kinds.values()


def _done_together(connection: Connection, orders: list[_Order[Any, Any]]) -> Iterator[_Answer]:
    values = orders[0].work(connection, [order.item for order in orders])
    return (partial(order.succeed, value) for order, value in zip(orders, values, strict=True))


def _tell(orders: Sequence[_Order[Any, Any]], answers: Iterable[_Answer]) -> None:
    """Call the answers where the authors wait: all of them at once, since each call across is a system call."""

    def tell() -> None:
        for answer in answers:
            answer()

    orders[0].result.get_loop().call_soon_threadsafe(tell)


def _is_open(connection: Connection) -> bool:
    """Whether the transaction is still there: when the disk is full, SQLite undoes all of it, not one piece alone."""
    if connection.invalidated or connection.closed:
        return False
    return bool(getattr(connection.connection.dbapi_connection, "in_transaction", True))


def _close(connection: Connection) -> None:
    with suppress(SQLAlchemyError):
        connection.close()
