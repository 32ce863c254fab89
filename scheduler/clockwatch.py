"""Whether the clock was set, the machine suspended, or nobody looked for a while: told by clocks that disagree.

Who wakes after a suspension, or finds another time than a moment ago, mustn't wait for the next tick.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from scheduler.clock import Reading
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Writer
from scheduler.logs import logger

# How often the clocks are compared.
LOOK: Final = timedelta(seconds=2)
# What a clock is put right by while it runs is less, and makes no edge late to speak of.
_LEAST_JUMP: Final = timedelta(seconds=2)
# A look that comes later than this was held up: the process was stopped, or the machine, as a whole, with its clocks.
_LEAST_STANDSTILL: Final = timedelta(minutes=1)

_log = logger()


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What has happened to the clock since the last look, in the journal's words; `lasted` is never negative."""

    event: str
    lasted: timedelta
    direction: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """For the log and the journal."""
        way = {} if self.direction is None else {"direction": self.direction}
        return {"by_seconds": round(self.lasted.total_seconds(), 3), **way}


def disturbances(before: Reading, after: Reading) -> Iterator[Disturbance]:
    """What happened between two readings of the clocks that was more than time going by."""
    running = after.running - before.running
    since_boot = after.since_boot - before.since_boot
    if jumped := jump((after.wall - before.wall) - since_boot):
        yield jumped
    if since_boot - running >= _LEAST_JUMP:
        yield Disturbance("machine was suspended", since_boot - running)
    if running >= _LEAST_STANDSTILL:
        yield Disturbance("daemon stood still", running)


def jump(by: timedelta) -> Disturbance | None:
    """That the clock was set forward, or back where it's negative; None where that's next to nothing."""
    if abs(by) < _LEAST_JUMP:
        return None
    return Disturbance("clock jumped", abs(by), "forward" if by > timedelta() else "back")


def record(connection: Connection, found: Disturbance, now: datetime) -> None:
    """Have it in the journal, and put right what a clock that was ahead has written: Woodpecker goes by another one."""
    work.note(connection, now, found.event, details=found.facts)
    if found.direction == "back":
        work.correct_custody(connection, found.lasted, now)


class ClockWatch:
    """Looks at the clocks, every two seconds, and finds what has happened to them since it was made.

    `when_disturbed` is called with what has happened, once it's in the journal; `look` at each look.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        now: Callable[[], datetime],
        clocks: Callable[[], Reading],
        when_disturbed: Callable[[str], None],
        look: Callable[[], Awaitable[object]],
    ) -> None:
        self._writer = writer
        self._now = now
        self._clocks = clocks
        self._when_disturbed = when_disturbed
        self._look = look
        self._before = clocks()

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set.

        Raises:
            LedgerError: the ledger can't be written.
        """
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK.total_seconds()):
                    await stop.wait()
            after = self._clocks()
            for each in disturbances(self._before, after):
                await self._tell(each)
            self._before = after
            await self._look()

    async def _tell(self, found: Disturbance) -> None:
        _log.warning(found.event, **found.facts)
        now = self._now()
        await self._writer.do(lambda connection: record(connection, found, now))
        self._when_disturbed(found.event)
