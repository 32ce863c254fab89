"""One daemon works on a ledger at a time; on a shared one the others stand by, and one takes over when it has gone."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar

from scheduler import systemd
from scheduler.errors import LeaseLost, LedgerAway
from scheduler.ledger.right import Right
from scheduler.logs import logger

# How often one that stands by tries to take over.
TRY: Final = timedelta(seconds=1)
# How long one that has stood down leaves it to others, which may fare better.
REST: Final = timedelta(seconds=5)
# When a renewal that came to nothing is tried again.
_TRY_AGAIN: Final = timedelta(milliseconds=500)

_log = logger()
_T = TypeVar("_T")


class Life(Protocol):
    """A daemon from its start to its end; `exit_code` is None until it was told to end."""

    @property
    def exit_code(self) -> int | None:
        """See above."""

    async def live(self) -> int:
        """Gives the exit code."""

    def hear(self, number: signal.Signals) -> None:
        """End, since a signal has come."""


class Standby:
    """A process whose daemon lives while it has the right to work on the ledger.

    `begin` makes a daemon, and may wait; it's told whether it comes at once, or later, when the file may be another.
    """

    def __init__(self, right: Right, begin: Callable[[bool], Life]) -> None:
        self._right = right
        self._begin = begin
        self._life: Life | None = None
        self._stop = asyncio.Event()
        self._signal: signal.Signals | None = None
        self._has_waited = False
        self._said: str | None = None
        # Why it can't be told whose turn it is.
        self.fault: str | None = None
        # One of its own: names that are looked up for calls could take all others.
        self._thread = ThreadPoolExecutor(1, "right")

    async def run(self) -> int:
        """Live in turns until a signal comes; gives the exit code.

        Where the right is lost, or the server that has the ledger is away, the daemon's life is cut off, calls under
        way included, and the process stands by.

        Raises:
            LedgerInUse: another daemon works on the ledger, and it isn't a shared one.
            LedgerError: the ledger can't be written.
        """
        rest = timedelta()
        self._listen()
        try:
            while await self._is_had(rest):
                try:
                    return await self._while_valid(self._live())
                except (LeaseLost, LedgerAway) as error:
                    self._has_waited, self._said, rest = True, None, REST
                    _log.error("stood down", why=str(error))
                finally:
                    await self._give_back()
                if self._life and self._life.exit_code is not None:
                    return self._life.exit_code
            systemd.notify("STOPPING=1")
            await self._give_back()
            _log.info("daemon stopped", why=self._signal.name if self._signal else None)
            return exit_code(self._signal)
        finally:
            self._listen_no_more()
            self._thread.shutdown(wait=False)

    async def _is_had(self, rest: timedelta) -> bool:
        """Wait for the right; False where a signal comes."""
        await self._rest(rest)
        while not self._stop.is_set() and not await self._is_taken():
            await self._rest(TRY)
        return not self._stop.is_set()

    def _listen(self) -> None:
        """Hear signals from now on, in the place of whoever did so before.

        Between two who hear them there's no moment without: one that has just come would be lost.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        # There's nothing to do: the file is read again before its rules count.
        loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def _listen_no_more(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(number)

    def _on_signal(self, number: signal.Signals) -> None:
        self._signal = number
        self._stop.set()
        if self._life is not None:
            # It may have begun since the event loop looked for who is to hear of it.
            self._life.hear(number)

    async def _is_taken(self) -> bool:
        try:
            is_taken = await self._in_thread(self._right.take)
            self.fault = None
            if is_taken:
                if self._has_waited:
                    _log.warning("taking over", held_by=self._right.taken_from or "nobody")
                return True
            why = f"{self._right.held_by or 'another daemon'} works on the ledger"
        except LedgerAway as error:
            self.fault = why = str(error)
        self._tell(why)
        return False

    def _tell(self, why: str) -> None:
        self._has_waited = True
        if why != self._said:
            self._said = why
            _log.info("standing by", why=why)
            systemd.notify("READY=1")
            systemd.status(f"standing by: {why}")
        systemd.notify("WATCHDOG=1")

    async def _rest(self, length: timedelta) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(length.total_seconds()):
                await self._stop.wait()

    async def _live(self) -> int:
        self._life = await asyncio.to_thread(self._begin, self._has_waited)
        if self._stop.is_set():
            return exit_code(self._signal)
        try:
            # It hears them itself, and at its end nobody does.
            return await self._life.live()
        finally:
            self._listen()

    async def _while_valid(self, life: Coroutine[Any, Any, int]) -> int:
        lives, kept = asyncio.create_task(life), asyncio.create_task(self._keep())
        try:
            await asyncio.wait({lives, kept}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_over = lives.done()
            lives.cancel()
            kept.cancel()
            await asyncio.gather(lives, kept, return_exceptions=True)
        return await (lives if is_over or not lives.cancelled() else kept)

    async def _keep(self) -> int:
        """Renew the right as often as need be; there's no end to it but that of the daemon.

        Raises:
            LeaseLost: it couldn't be done in time, or another daemon has the right.
        """
        pause = self._right.heartbeat
        while self._right.is_valid:
            await asyncio.sleep(min(pause, self._right.remaining).total_seconds())
            pause = self._right.heartbeat if await self._is_renewed() else _TRY_AGAIN
        raise LeaseLost("the lease couldn't be renewed in time: another daemon may take over")

    async def _is_renewed(self) -> bool:
        try:
            async with asyncio.timeout(self._right.remaining.total_seconds()):
                await self._in_thread(self._right.renew)
        except (LedgerAway, TimeoutError) as error:
            _log.warning("the lease isn't renewed", error=str(error) or "no answer in time")
            return False
        return True

    async def _give_back(self) -> None:
        try:
            await self._in_thread(self._right.give_back)
        except LedgerAway as error:
            _log.warning("the lease isn't given back, and ends by itself", error=str(error))

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def exit_code(number: signal.Signals | None) -> int:
    """That of a process which was told to end by a signal."""
    return 128 + signal.SIGINT if number is signal.SIGINT else 0
