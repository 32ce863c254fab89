"""What a process knows of itself, looked at on its event loop now and then, for readers in other threads.

A look is a value that never changes, so that it can be read while the loop goes on, or hangs.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from rules.document import Endpoint
from scheduler.degraded import degraded_text
from scheduler.errors import LedgerError
from scheduler.in_force import InForce
from scheduler.ledger.counts import Counts, counts
from scheduler.ledger.database import Writer
from scheduler.ledger.lives import LATE
from scheduler.pulse import Pulse
from scheduler.standing import names_text
from scheduler.texts import brief
from scheduler.watchdog import LONGEST_SILENCE

# How often the ledger is asked.
COUNT: Final = timedelta(seconds=15)
# It answers within milliseconds, or after five seconds at most where another process holds it.
_LONGEST_ANSWER: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LaneSeen:
    """The lane of one account: how many changes wait in it, and whether it rests since its key was refused."""

    account: str
    depth: int
    is_refused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a daemon at work knows; `counts` is None where the ledger wasn't asked yet."""

    rules: tuple[str, ...]
    zone_data: str
    is_file_valid: bool
    file_loaded_at: datetime
    next_edge_at: datetime | None
    ticked_at: datetime | None
    hanging: tuple[str, ...]
    is_ledger_writable: bool
    lanes: tuple[LaneSeen, ...]
    counts: Counts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found at one instant: what keeps the process from its work, and what it does, None where it stands by.

    `at` is of the clock that nobody sets.
    """

    at: float
    wrong: tuple[str, ...]
    work: Work | None


class Subject(Protocol):
    """A process in one part of its life."""

    @property
    def listen(self) -> Endpoint | None:
        """Where its file wants it to be asked, if anywhere."""

    def look(self) -> Look:
        """What there is now; it takes no time to speak of."""


class StandingBy:
    """A process whose daemon doesn't work yet, or not any more; `fault` says why it couldn't, None where it may.

    `listen` is as the file said that was in force last.
    """

    def __init__(self, listen: Endpoint | None, fault: Callable[[], str | None]) -> None:
        self.listen = listen
        self._fault = fault

    def look(self) -> Look:
        """There's nothing to it but that it's there."""
        fault = self._fault()
        return Look(at=time.monotonic(), wrong=(brief(fault),) if fault else (), work=None)


class AtWork:
    """A daemon at work."""

    def __init__(self, in_force: InForce, writer: Writer, now: Callable[[], datetime]) -> None:
        self._in_force = in_force
        self._writer = writer
        self._now = now
        self._asked = Pulse("the ledger")
        self._counts: Counts | None = None

    @property
    def listen(self) -> Endpoint | None:
        """As the file in force says."""
        return self._in_force.rules.settings.document.listen

    async def count(self) -> None:
        """Ask the ledger again and again, while anybody may want to know, until cancelled."""
        while True:
            if self.listen is not None:
                await self._count()
            await asyncio.sleep(COUNT.total_seconds())

    async def _count(self) -> None:
        self._asked.beat()
        try:
            self._counts = await self._writer.do(lambda connection: counts(connection, self._now()))
        except LedgerError:
            # What is wrong with it is known by the writer, or has ended this daemon.
            return
        finally:
            self._asked.rest()

    def look(self) -> Look:
        """What is in memory, and what the ledger has said last."""
        rules, accounts = self._in_force.rules, self._in_force.accounts
        hanging = tuple(accounts.pulses.silent(LONGEST_SILENCE))
        work = Work(
            rules=tuple(rule.name for rule in rules.ruleset.rules),
            zone_data=str(rules.settings.zone_data),
            is_file_valid=rules.rejected is None,
            file_loaded_at=rules.loaded_at,
            next_edge_at=self._in_force.jobs.next_edge()[0],
            ticked_at=accounts.ticked_at,
            hanging=hanging,
            is_ledger_writable=self._writer.fault is None,
            lanes=tuple(LaneSeen(name, lane.depth, lane.is_resting) for name, lane in accounts.lanes()),
            counts=self._counts,
        )
        return Look(at=time.monotonic(), wrong=tuple(self._wrong(hanging)), work=work)

    def _wrong(self, hanging: tuple[str, ...]) -> Iterator[str]:
        if hanging:
            yield f"hangs: {names_text(hanging)}"
        silence = self._in_force.accounts.tick.silence
        if silence > LATE:
            yield f"no tick for {silence.total_seconds():.0f} s: an account wasn't passed over"
        if self._writer.fault is not None:
            yield brief(degraded_text(self._writer.fault))
        if self._asked.silence > _LONGEST_ANSWER:
            yield f"the ledger hasn't answered for {self._asked.silence.total_seconds():.0f} s"
