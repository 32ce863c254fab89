"""The ledger's disk: the writer without its thread, and faults and deaths at any of its commits."""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from sqlalchemy import event

from scheduler.ledger.database import Database, Writer, _Order
from tests.proof.simulation.loop import Killed, Process, VirtualLoop

# How long a commit takes, in seconds: an idle disk, a busy one, one that stalls.
_LATENCIES: Final = ((0.0002, 0.002), (0.002, 0.02), (0.05, 1.5))
_LATENCY_WEIGHTS: Final = (80, 18, 2)
# When a disk that couldn't be written is tried again at the soonest.
_LEAST_PATIENCE: Final = 0.01


@dataclass
class Disk:
    """What becomes of commits. `kill_at` and `fail_at` are which one from now on is struck; None: none of them.

    The process is killed, or the commit fails with an error, before anything is written or after all of it is. While
    it's full, every commit fails.
    """

    chance: random.Random
    kill_at: int | None = None
    fail_at: int | None = None
    is_full: bool = False
    struck: Counter[str] = field(default_factory=Counter)
    commits: int = 0

    def latency(self) -> float:
        """How long the next commit takes."""
        (limits,) = self.chance.choices(_LATENCIES, _LATENCY_WEIGHTS)
        return self.chance.uniform(*limits)

    def commit(self, write: Callable[[], None]) -> None:
        """Commit, unless something is in the way."""
        self.commits += 1
        if self.is_full:
            self.struck["full"] += 1
            raise _error("database or disk is full", sqlite3.SQLITE_FULL)
        self.kill_at, is_killed = _counted_down(self.kill_at)
        self.fail_at, is_failed = _counted_down(self.fail_at)
        if not (is_killed or is_failed):
            write()
            return
        is_after = self.chance.random() < 0.5
        if is_after:
            write()
        when = "after" if is_after else "before"
        self.struck[f"{'killed' if is_killed else 'error'} {when} a commit"] += 1
        if is_killed:
            raise Killed
        raise _error("disk I/O error", sqlite3.SQLITE_IOERR)


def _error(text: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def _counted_down(left: int | None) -> tuple[int | None, bool]:
    if left is None:
        return None, False
    return (None, True) if left <= 1 else (left - 1, False)


class InlineWriter(Writer):
    """The writer as it is, but for its thread: what waits at the same time is done in one step of the loop."""

    def __init__(self, database: Database, disk: Disk, loop: VirtualLoop, process: Process) -> None:
        self._disk = disk
        self._process = process
        self._virtual = loop
        self._inbox: list[_Order[Any, Any]] = []
        self._has_alarm = False
        super().__init__(database, loop.time)
        event.listen(self._engine, "do_connect", partial(_use, disk))

    def _begin(self) -> None:
        """There's no thread to begin."""

    def _put(self, order: _Order[Any, Any]) -> None:
        """Have it done after as long as the disk takes; nothing comes of what the dead ask for."""
        if not self._process.is_dead:
            if not self._inbox:
                self._virtual.call_later(self._disk.latency(), self._serve_inbox)
            self._inbox.append(order)

    async def close(self) -> None:
        """Finish what is waiting."""
        if not self._process.is_dead:
            self._serve_inbox()
            self._finish()

    def abandon(self) -> None:
        """Have the system close the file, as it does when its process has ended: what isn't committed never was."""
        self._inbox.clear()
        self._disconnect()
        self._substitute.close()

    def _serve_inbox(self) -> None:
        orders, self._inbox = self._inbox, []
        self._take_turn(orders)
        if self.fault is not None:
            # What is in memory only is lost with its process: that's said, and no promise.
            self._process.kill_in = self._disk.kill_at = None
        patience = self._substitute.patience
        if patience is not None and not self._has_alarm:
            self._has_alarm = True
            self._virtual.call_later(max(patience, _LEAST_PATIENCE), self._wake)

    def _wake(self) -> None:
        self._has_alarm = False
        self._serve_inbox()


class _Connection(sqlite3.Connection):
    """A connection whose commits are the disk's."""

    disk: Disk

    def commit(self) -> None:
        self.disk.commit(super().commit)


def _use(disk: Disk, _dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
    """Have SQLAlchemy make connections to that disk: it goes on with these parameters."""
    parameters["factory"] = type("_ConnectionTo", (_Connection,), {"disk": disk})
