"""The ledger's disk: the writer without its thread, and faults and deaths at any of its commits."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import event

from scheduler.ledger.database import Connection, Database, Writer, _close, _Order, _writing_engine
from tests.proof.simulation.loop import Killed, current_process

_I = TypeVar("_I")
_T = TypeVar("_T")

# How long a commit takes, in seconds: an idle disk, a busy one, one that stalls.
_LATENCIES: Final = ((0.0002, 0.002), (0.002, 0.02), (0.05, 1.5))
_LATENCY_WEIGHTS: Final = (80, 18, 2)


@dataclass
class Disk:
    """What becomes of commits. `kill_at` and `fail_at` are which one from now on is struck; None: none of them.

    The process is killed, or the commit fails with an error, before anything is written or after all of it is.
    """

    chance: random.Random
    kill_at: int | None = None
    fail_at: int | None = None
    struck: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    # Whether a commit that is told to have failed may have been made: SQLite's aren't, a server's may be.
    may_mislead: bool = False

    def latency(self) -> float:
        """How long the next commit takes."""
        (limits,) = self.chance.choices(_LATENCIES, _LATENCY_WEIGHTS)
        return self.chance.uniform(*limits)

    def commit(self, write: Callable[[], None]) -> None:
        """Commit, unless something is in the way."""
        self.commits += 1
        self.kill_at, is_killed = _counted_down(self.kill_at)
        self.fail_at, is_failed = _counted_down(self.fail_at)
        is_after = (is_killed or (is_failed and self.may_mislead)) and self.chance.random() < 0.5
        if not (is_killed or is_failed) or is_after:
            write()
        when = "after" if is_after else "before"
        if is_killed:
            self.struck[f"killed {when} a commit"] += 1
            raise Killed
        if is_failed:
            self.struck[f"error {when} a commit"] += 1
            raise sqlite3.OperationalError("disk I/O error")


def _counted_down(left: int | None) -> tuple[int | None, bool]:
    if left is None:
        return None, False
    return (None, True) if left <= 1 else (left - 1, False)


class InlineWriter(Writer):
    """The writer as it is, but for its thread: what waits at the same time is done in one step of the loop."""

    def __init__(self, database: Database, disk: Disk) -> None:
        self._database = database
        self._engine = _writing_engine(database.path)
        event.listen(self._engine, "do_connect", partial(_use, disk))
        self._disk = disk
        self._process = current_process()
        self._connection: Connection | None = None
        self._inbox: list[_Order[Any, Any]] = []

    def submit(self, work: Callable[[Connection, Sequence[_I]], Sequence[_T]], item: _I) -> asyncio.Future[_T]:
        """As the writer does it, after as long as the disk takes; nothing comes of what the dead ask for."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[_T] = loop.create_future()
        if not self._is_dead:
            if not self._inbox:
                loop.call_later(self._disk.latency(), self._serve_inbox)
            self._inbox.append(_Order(work, item, result))
        return result

    async def close(self) -> None:
        """Finish what is waiting."""
        if not self._is_dead:
            self._serve_inbox()
            self.abandon()

    def abandon(self) -> None:
        """Have the system close the file, as it does when its process has ended: what isn't committed never was."""
        self._inbox.clear()
        if self._connection is not None:
            _close(self._connection)
        self._connection = None

    @property
    def _is_dead(self) -> bool:
        return self._process is not None and self._process.is_dead

    def _serve_inbox(self) -> None:
        orders, self._inbox = self._inbox, []
        if not orders:
            return
        try:
            self._connection = self._connection or self._engine.connect()
            answers = self._commit(self._connection, orders)
        except Exception as error:  # noqa: BLE001 -- as the writer does it
            if self._connection is not None:
                _close(self._connection)
            self._connection = None
            fault = self._fault(error)
            answers = [partial(each.fail, fault) for each in orders]
        for answer in answers:
            answer()


class _Connection(sqlite3.Connection):
    """A connection whose commits are the disk's."""

    disk: Disk

    def commit(self) -> None:
        self.disk.commit(super().commit)


def _use(disk: Disk, _dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
    """Have SQLAlchemy make connections to that disk: it goes on with these parameters."""
    parameters["factory"] = type("_ConnectionTo", (_Connection,), {"disk": disk})
