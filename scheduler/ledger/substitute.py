"""What stands in for a ledger that can't be written: work goes on in memory, and is written when the disk takes it."""

import math
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection

from scheduler.errors import LedgerFault
from scheduler.ledger.mirror import Mirror, Recorder

# How many seconds the disk is left alone before it's tried again, twice as many each time.
FIRST_GAP: Final = 1.0
LONGEST_GAP: Final = 10.0
# A disk that has done its work for so long is tried again soon the next time.
_WELL_AGAIN: Final = 300.0


class Substitute:
    """Keeps a mirror of the ledger, and takes over where the ledger fails, until it can be written again.

    `fault` is why it has taken over. `copy` makes a mirror, and `told` is called when either begins.
    """

    def __init__(
        self, copy: Callable[[], Mirror], told: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._copy = copy
        self._told = told
        self._clock = clock
        self._mirror: Mirror | None = None
        self._gap, self._next_try = FIRST_GAP, -math.inf
        self.fault: LedgerFault | None = None

    @property
    def connection(self) -> Connection:
        """Where work is done meanwhile."""
        if self._mirror is None:
            raise RuntimeError("it hasn't taken over")
        return self._mirror.connection

    @property
    def patience(self) -> float | None:
        """For how many seconds the disk is left alone; None where it does its work."""
        return None if self.fault is None else max(0.0, self._next_try - self._clock())

    def keep_up(self, recorder: Recorder, disk: Connection) -> None:
        """Have the mirror follow what was committed last, or make one."""
        if self._mirror is None:
            self._mirror = self._new()
        elif recorder.statements and not _has_followed(self._mirror, recorder, disk):
            self._mirror.close()
            self._mirror = self._new()
        recorder.statements.clear()

    def take_over(self, fault: LedgerFault) -> bool:
        """Go on in memory; False where the ledger was never read, so that nothing is known of what it has."""
        self._mirror = self._mirror or self._new()
        if self._mirror is None:
            return False
        self._mirror.run_ahead()
        # One that fails every few seconds would otherwise be said to be well again each time.
        is_new = self._clock() > self._next_try + _WELL_AGAIN
        self._wait(FIRST_GAP if is_new else 2 * self._gap)
        self._tell(fault)
        return True

    def doubt(self) -> None:
        """Don't rely on it that the disk lacks what was done up to now: its error may have come afterwards."""
        if self._mirror is not None and self.fault is not None:
            self._mirror.doubt()

    def give_back(self, disk: Connection) -> None:
        """Write what was done in memory, and leave it to the disk again."""
        if self._mirror is None:
            return
        transaction = disk.begin()
        try:
            with transaction:
                self._mirror.carry_over(disk)
        except BaseException:
            self.doubt()
            raise
        self._mirror.be_level()
        self._next_try = self._clock()
        self._tell(None)

    def go_on(self, fault: LedgerFault | None) -> None:
        """The disk was tried in vain; `fault` is why, where that's another reason than before."""
        self._wait(2 * self._gap)
        if fault is not None:
            self._tell(fault)

    def close(self) -> None:
        """Forget what is in memory."""
        if self._mirror is not None:
            self._mirror.close()

    def _new(self) -> Mirror | None:
        with suppress(sqlite3.Error, OSError):
            return self._copy()
        return None

    def _wait(self, seconds: float) -> None:
        self._gap = min(seconds, LONGEST_GAP)
        self._next_try = self._clock() + self._gap

    def _tell(self, fault: LedgerFault | None) -> None:
        self.fault = fault
        self._told()


def _has_followed(mirror: Mirror, recorder: Recorder, disk: Connection) -> bool:
    with suppress(sqlite3.Error):
        return mirror.follow(recorder.statements, recorder.rows(disk))
    return False
