"""The life of the daemon, from its start to its end, composed in one place."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from rules.advice import advise
from scheduler import __version__, schema, systemd
from scheduler.client import Client
from scheduler.clock import utc_now
from scheduler.errors import WrongFile
from scheduler.jobs import TICK, Jobs
from scheduler.lanes import Lane
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.lock import Lock
from scheduler.ledger.records import FILE_LOADED, Custody
from scheduler.ledger.reports import last_load
from scheduler.loading import ChangedDay, changed_days, facts
from scheduler.logs import logger
from scheduler.reconcile import Reconciler
from scheduler.settings import Account, Settings

DRAIN_LIMIT: Final = timedelta(seconds=10)

_log = logger()


def run(settings: Settings, database: Database, *, dry_run: bool = False) -> int:
    """Keep campaigns quiet until SIGTERM or SIGINT; gives the exit code, 0 or 130.

    Raises:
        WrongFile: an account has no key.
        LedgerInUse: another daemon works on this ledger.
        LedgerError: the ledger can't be opened, or can't be written any more.
    """
    if settings.unchecked:
        raise WrongFile(str(settings.file), settings.unchecked)
    for problem in advise(settings.source, settings.document, settings.ruleset, utc_now()):
        _log.warning("surely not meant", place=str(problem.place), path=problem.path, why=problem.message)
    database.create()
    with Lock(database.path):
        schema.upgrade(database)
        return asyncio.run(Daemon(settings, database, dry_run=dry_run).live())


@dataclass(frozen=True, slots=True)
class _Found:
    """What a start has found: days that other holiday data has changed, and what an earlier daemon left behind.

    That's calls which were cut off, and what accounts that are gone from the file wait for.
    """

    changed: tuple[ChangedDay, ...]
    interrupted: int
    orphans: int = 0
    owed: tuple[Custody, ...] = ()


class Daemon:
    """One run of the daemon on a ledger that is locked and up to date."""

    def __init__(
        self, settings: Settings, database: Database, *, dry_run: bool = False, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._settings = settings
        self._database = database
        self._dry_run = dry_run
        self._now = now
        self._number = 0
        self._wakes: list[asyncio.Event] = []
        self._stop = asyncio.Event()
        self._force = asyncio.Event()
        self._signal: signal.Signals | None = None

    async def live(self) -> int:
        """Start, work until a signal comes, drain, and end; gives the exit code."""
        async with AsyncExitStack() as stack:
            writer = Writer(self._database)
            stack.push_async_callback(writer.close)
            loaded = facts(self._settings, self._now())
            _tell(await writer.do(lambda connection: self._record_start(connection, loaded)))
            lanes = [await self._lane(account, writer, stack) for account in self._settings.accounts]
            self._listen(stack)
            jobs = Jobs(self._wake_up)
            jobs.start(self._settings.ruleset)
            stack.callback(jobs.stop)
            self._announce()
            await self._work(writer, lanes)
            await writer.do(self._record_end)
        _log.info("daemon stopped", why=self._why())
        return 128 + signal.SIGINT if self._signal is signal.SIGINT else 0

    def _record_start(self, connection: Connection, loaded: Mapping[str, Any]) -> _Found:
        now = self._now()
        self._number = work.register_daemon(
            connection, host=socket.gethostname(), pid=os.getpid(), version=__version__, dry_run=self._dry_run, now=now
        )
        changed = tuple(changed_days(last_load(connection), loaded, now))
        work.note(connection, now, FILE_LOADED, details=loaded)
        for change in changed:
            work.note(connection, now, "holidays changed", details={"change": str(change)})
        interrupted = work.interrupt_attempts(connection)
        if self._dry_run:
            return _Found(changed, interrupted)
        accounts = [account.name for account in self._settings.accounts]
        orphans = work.end_orphans(connection, accounts, now)
        return _Found(changed, interrupted, orphans, tuple(work.release_orphans(connection, accounts, now)))

    async def _lane(self, account: Account, writer: Writer, stack: AsyncExitStack) -> Lane:
        lane = Lane(
            account.name,
            await stack.enter_async_context(Client(account)),
            writer,
            claimant=f"{socket.gethostname()}:{os.getpid()}",
            now=self._now,
            chance=random.Random(),  # noqa: S311 -- it spreads retries, and keeps no secret
            dry_run=self._dry_run,
        )
        lane.add(await writer.do(lambda connection: work.open_intents(connection, account.name)))
        return lane

    def _listen(self, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
            stack.callback(loop.remove_signal_handler, number)

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            self._force.set()
        self._signal = self._signal or number
        self._stop.set()

    def _why(self) -> str:
        return self._signal.name if self._signal else "a fault"

    def _wake_up(self, why: str) -> None:
        _log.debug("woken", why=why)
        for wake in self._wakes:
            wake.set()

    def _announce(self) -> None:
        _log.info(
            "daemon started",
            version=__version__,
            file=str(self._settings.file),
            ledger=self._database.name,
            rules=len(self._settings.ruleset.rules),
            accounts=", ".join(account.name for account in self._settings.accounts),
            dry_run=self._dry_run or None,
        )
        systemd.notify("READY=1")

    async def _work(self, writer: Writer, lanes: list[Lane]) -> None:
        now, tasks = self._now(), set[asyncio.Task[None]]()
        for lane in lanes:
            reconciler = Reconciler(self._settings.ruleset, lane, writer, rules_since=now)
            tasks.add(asyncio.create_task(lane.run(), name=f"lane {lane.name}"))
            tasks.add(asyncio.create_task(self._passes(reconciler, writer), name=f"passes {lane.name}"))
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        systemd.notify("STOPPING=1")
        self._stop.set()
        self._wake_up("the end")
        for lane in lanes:
            lane.stop()
        await self._drain(tasks)
        for task in tasks:
            if not task.cancelled():
                # A fault of a lane or a pass ends the daemon, and is shown.
                task.result()

    async def _drain(self, tasks: set[asyncio.Task[None]]) -> None:
        """Let the calls in flight end, within a limit; what is cut off is found and sent again at the next start."""
        force = asyncio.create_task(self._force.wait())
        together = asyncio.gather(*tasks, return_exceptions=True)
        either: list[asyncio.Future[Any]] = [together, force]
        await asyncio.wait(either, timeout=DRAIN_LIMIT.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        force.cancel()
        if not together.done():
            _log.warning("calls are cut off; they are due again at the next start")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _passes(self, reconciler: Reconciler, writer: Writer) -> None:
        """The passes over one account, one after the other: one that hangs holds up no other account."""
        wake = asyncio.Event()
        self._wakes.append(wake)
        while not self._stop.is_set():
            wake.clear()
            await reconciler.run(self._now())
            await writer.do(lambda connection: work.record_tick(connection, self._number, self._now()))
            # The jobs go by the time of day: where that is put back, they stay away until it's as late again.
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK.total_seconds()):
                    await wake.wait()

    def _record_end(self, connection: Connection) -> None:
        work.record_stop(connection, self._number, self._now(), self._why())


def _tell(found: _Found) -> None:
    for change in found.changed:
        _log.warning("other holiday data has changed a day", calendar=change.calendar, change=str(change))
    if found.interrupted:
        _log.warning("calls were cut off, and are due again", number=found.interrupted)
    if found.orphans:
        _log.warning("changes of accounts that aren't in the file any more were given up", number=found.orphans)
    for held in found.owed:
        _log.error("left paused: its account isn't in the file any more", account=held.account, campaign=held.campaign)
