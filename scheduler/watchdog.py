"""The sign of life: systemd gets it only while every loop of the daemon goes round, and ends a daemon that hangs.

That isn't one of APScheduler's jobs: these go by the time of day, and where it's put back by an hour they stay away for
one. Here time is that of the event loop, which gives no sign while it's blocked.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from scheduler import systemd
from scheduler.logs import logger
from scheduler.pulse import Pulses

PERIOD: Final = timedelta(seconds=15)
# The longest round there is, a list that nobody answers and what's asked after it, takes less than two minutes.
LONGEST_SILENCE: Final = timedelta(minutes=5)

_log = logger()


@asynccontextmanager
async def signs_of_life(pulses: Pulses, standing: Callable[[], Awaitable[str]]) -> AsyncIterator[None]:
    """Tell systemd meanwhile that we live, and how things stand.

    A sign comes every 15 s, or twice as often as systemd wants one. A fault of it is shown, and ends the signs.
    """
    # Apart from each other: to say how things stand takes a ledger that answers.
    acts = [_for_ever(_give_signs(pulses)), _for_ever(_tell(standing))]
    tasks = [asyncio.create_task(each) for each in acts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _for_ever(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:  # noqa: BLE001 -- pauses go on; where systemd waits for a sign, it starts us anew
        _log.exception("no sign of life is given any more")


async def _give_signs(pulses: Pulses) -> None:
    limit = systemd.watchdog_limit()
    period = PERIOD if limit is None else min(PERIOD, limit / 2)
    told: list[str] = []
    while True:
        hanging = pulses.silent(LONGEST_SILENCE)
        if hanging and hanging != told:
            _log.critical("hangs", loops=hanging, silent_for=str(LONGEST_SILENCE))
        if not hanging:
            systemd.notify("WATCHDOG=1")
        told = hanging
        await asyncio.sleep(period.total_seconds())


async def _tell(standing: Callable[[], Awaitable[str]]) -> None:
    while systemd.is_heard():
        systemd.status(await standing())
        await asyncio.sleep(PERIOD.total_seconds())
