"""Whether the time zone data on the disk is still that by which the rules were read."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from scheduler.ledger import work
from scheduler.ledger.database import Writer
from scheduler.logs import logger
from scheduler.zonedata import forget_zones, stamp

# How often it's looked: an upgrade comes weeks before the clocks that it is about.
LOOK: Final = timedelta(minutes=1)

_log = logger()


class ZoneWatch:
    """Looks at the data of some zones, every minute.

    `zones` gives their names. `when_changed` is called, once it's in the journal, when there's other data: zones that
    are made from then on have it.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        now: Callable[[], datetime],
        zones: Callable[[], Iterable[str]],
        when_changed: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._now = now
        self._zones = zones
        self._when_changed = when_changed

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set.

        Raises:
            LedgerError: the ledger can't be written.
        """
        zones, before = set(self._zones()), stamp(self._zones())
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK.total_seconds()):
                    await stop.wait()
            after = stamp(zones)
            if after != before:
                await self._tell({"from": str(before[0]), "to": str(after[0])})
                self._when_changed()
            wanted = set(self._zones())
            zones, before = wanted, (after if wanted == zones else stamp(wanted))

    async def _tell(self, facts: dict[str, str]) -> None:
        forget_zones()
        _log.warning("time zone data changed", **facts)
        now = self._now()
        await self._writer.do(lambda connection: work.note(connection, now, "time zone data changed", details=facts))
