"""Connections to the ledger, with their settings, and the one thread that writes."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from scheduler.errors import LedgerAway, LedgerError, reason
from scheduler.ledger.location import Server, place_of
from scheduler.ledger.server import server_engine
from scheduler.ledger.tables import REVISION

__all__ = ["Connection", "Database", "Writer"]

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
            LedgerError: the folder isn't there, or can't be written to; the server doesn't answer, or refuses.
        """
        if self.server:
            with self.writing():
                return
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise self._unusable(error) from None

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
        try:
            self.see_that_it_is_there()
        except OSError as error:
            raise self._unusable(error) from None
        with self.wrapped(), self._reading_engine().begin() as connection:
            _check_revision(connection, self.name)
            yield connection

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

    def see_that_it_is_there(self) -> None:
        """SQLite would go on writing to a file that has no name any more, or make an empty one.

        Raises:
            OSError: the file isn't there.
        """
        if not self.server:
            self.path.stat()

    def fault(self, error: Exception) -> LedgerError:
        """What a fault of the database, or of the file system, is for who asked."""
        text = f"{self.name}: {_reason(error)}"
        if self.server is None:
            return LedgerError(text)
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


def _reason(error: BaseException) -> str:
    """The first cause: after a full disk, SQLite has no transaction left, and undoing one fails as well."""
    first, link = error, error.__context__
    while link is not None:
        first, link = (link if isinstance(link, DBAPIError) else first), link.__context__
    said = getattr(first, "orig", None) or getattr(first, "strerror", None) or first
    # PostgreSQL says more than fits a line, such as the values that it didn't take.
    return str(getattr(getattr(said, "diag", None), "message_primary", None) or " ".join(str(said).split()))


def one_at_a_time(connection: Connection) -> None:
    """Keep all others who do this from going on until the transaction's end; SQLite does so from its beginning."""
    if connection.dialect.name == "postgresql":
        # A number of our own, by which PostgreSQL knows the lock.
        connection.execute(text("SELECT pg_advisory_xact_lock(8121903)"))


def _check_revision(connection: Connection, name: str) -> None:
    is_made = inspect(connection).has_table("alembic_version")
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if is_made else None
    if found is None and connection.dialect.name == "postgresql":
        raise LedgerError(f"{name}: there is no ledger in it yet; `curfew run` makes it")
    if found != REVISION:
        raise LedgerError(f"{name}: revision {found}, and this version reads {REVISION}; run `curfew db upgrade`")


def _writing_engine(path: Path) -> Engine:
    # Readers don't wait for the writer, nor it for them. The mode stays with the file.
    return _engine(path, "BEGIN IMMEDIATE", {}, "PRAGMA journal_mode = WAL")


def _reading_engine(path: Path) -> Engine:
    """For those who may only read: SQLite would make files beside the ledger, unless it's told that nobody writes.

    Where no such file is, and none can be made, none of its writers is there either.
    """
    wal = Path(f"{os.path.realpath(path)}-wal")
    is_still = not wal.exists() and not os.access(wal.parent, os.W_OK)
    return _engine(path, "BEGIN", {"immutable": "1"} if is_still else {})


def _engine(path: Path, begin: str, parameters: Mapping[str, str], *pragmas: str) -> Engine:
    # As a URI of SQLite's own, in which no letter of the path means anything.
    uri = f"file://{quote(os.fsencode(path.absolute()))}"
    engine = create_engine(URL.create("sqlite", database=uri, query={"uri": "true", **parameters}), poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: object) -> None:  # noqa: ARG001 -- SQLAlchemy's signature
        # The driver would begin transactions by its own lights, and commit before DDL: we begin them ourselves.
        connection.isolation_level = None
        # Another process (a backup, a person's query) may hold the file for a moment.
        connection.execute("PRAGMA busy_timeout = 5000")
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
    """One item of work for the writer, and where its result goes."""

    work: Callable[[Connection, Sequence[_I]], Sequence[_T]]
    item: _I
    result: asyncio.Future[_T]

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
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = database.writing_engine()
        self._orders: SimpleQueue[_Order[Any, Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[Connection], _T]) -> _T:
        """Run work in a transaction; when this returns, it's committed. It may be run again, if others have failed.

        Raises:
            LedgerError: the ledger can't be written; nothing of the work is kept.
        """
        return await self.submit(_alone, work)

    def submit(self, work: Callable[[Connection, Sequence[_I]], Sequence[_T]], item: _I) -> asyncio.Future[_T]:
        """Have work done as `do` does, without waiting: `work` is given all items that wait for it at the same time.

        It gives a result for each of them. What waits at the same time is done in no certain order.
        """
        result: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._orders.put(_Order(work, item, result))
        return result

    async def close(self) -> None:
        """Finish what is waiting, and end the thread."""
        self._orders.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        connection: Connection | None = None
        while (order := self._orders.get()) is not None:
            orders = [order, *self._waiting()]
            try:
                self._database.see_that_it_is_there()
                connection = connection or self._engine.connect()
                answers = self._commit(connection, orders)
            except Exception as error:  # noqa: BLE001 -- handed to those who asked: they'd wait for ever for a dead thread
                if connection is not None:
                    _close(connection)
                connection = None
                fault = self._fault(error)
                answers = [partial(each.fail, fault) for each in orders]
            _tell(orders, answers)
        if connection is not None:
            connection.close()

    def _waiting(self) -> Iterator[_Order[Any, Any]]:
        # The queue is only ever emptied here, so a size above zero stays true. The end is put back for the next turn.
        for _ in range(self._orders.qsize()):
            order = self._orders.get()
            if order is None:
                self._orders.put(None)
                return
            yield order

    def _commit(self, connection: Connection, orders: list[_Order[Any, Any]]) -> list[_Answer]:
        """Do all of it in one transaction; what comes back tells the authors, and is called after the commit."""
        try:
            with connection.begin():
                return [answer for each in _alike(orders) for answer in _done_together(connection, each)]
        except Exception:
            if connection.invalidated:
                # Nobody knows whether it was committed.
                raise
            # Whose fault it was shows when each is done by itself.
            with connection.begin():
                return [self._done_alone(connection, order) for order in orders]

    def _done_alone(self, connection: Connection, order: _Order[Any, Any]) -> _Answer:
        try:
            with connection.begin_nested():
                (value,) = order.work(connection, [order.item])
        except SQLAlchemyError as error:
            if not _is_open(connection):
                raise
            return partial(order.fail, self._fault(error))
        except Exception as error:  # noqa: BLE001 -- it is handed to the one who asked, not swallowed
            return partial(order.fail, error)
        return partial(order.succeed, value)

    def _fault(self, error: Exception) -> Exception:
        return self._database.fault(error) if isinstance(error, SQLAlchemyError | OSError) else error


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
