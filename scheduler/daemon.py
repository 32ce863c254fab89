"""The life of the daemon, from its start to its end, composed in one place."""

import asyncio
import gc
import os
import random
import signal
import socket
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from rules.advice import advise
from rules.overrides import Override, overridden
from scheduler import __version__, schema, systemd
from scheduler.client import Client
from scheduler.clock import utc_now
from scheduler.errors import WrongFile
from scheduler.exposure import exposed_keys
from scheduler.files import allow_connections
from scheduler.jobs import TICK, Jobs
from scheduler.lanes import Lane
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.lock import Lock
from scheduler.ledger.overrides import overrides_in_mind, overrides_stamp
from scheduler.ledger.records import FILE_LOADED, Custody
from scheduler.ledger.reports import last_load
from scheduler.loading import ChangedDay, changed_days, facts
from scheduler.logs import logger
from scheduler.preflight.start import AT_ONCE, at_start
from scheduler.reconcile import Reconciler
from scheduler.settings import Account, Settings

DRAIN_LIMIT: Final = timedelta(seconds=10)
# How often it's looked for exceptions that people made: they are acted on within five seconds.
LOOK_FOR_OVERRIDES: Final = timedelta(seconds=2)

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
    advice = advise(settings.source, settings.document, settings.ruleset, utc_now())
    for problem in (*advice, *exposed_keys(settings, os.environ)):
        _log.warning("surely not meant", place=str(problem.place), path=problem.path, why=problem.message)
    if not allow_connections(len(settings.accounts)):
        _log.warning("more accounts than connections that may be open at once; raise the limit of open files")
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
        self._reconcilers: list[Reconciler] = []
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
            overrides = await _Overrides.kept(self._settings, writer, self._now)
            jobs = Jobs(self._wake_up)
            jobs.start(overrides.ruleset)
            stack.callback(jobs.stop)
            _collect_rarely()
            self._announce()
            await self._work(writer, lanes, overrides, jobs)
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

    async def _work(self, writer: Writer, lanes: list[Lane], overrides: "_Overrides", jobs: Jobs) -> None:
        now, tasks, ahead = self._now(), set[asyncio.Task[None]](), set[asyncio.Task[None]]()
        at_once = asyncio.Semaphore(AT_ONCE)
        for lane in lanes:
            reconciler = Reconciler(overrides.ruleset, lane, writer, rules_since=now)
            self._reconcilers.append(reconciler)
            has_passed = asyncio.Event()
            tasks.add(asyncio.create_task(lane.run(), name=f"lane {lane.name}"))
            tasks.add(
                asyncio.create_task(self._passes(reconciler, lane, writer, has_passed), name=f"passes {lane.name}")
            )
            preflight = at_start(self._settings, lane, writer, self._now, after=has_passed, at_once=at_once)
            ahead.add(asyncio.create_task(preflight, name=f"preflight {lane.name}"))
        tasks.add(asyncio.create_task(self._watch(overrides, jobs), name="overrides"))
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _cancel(tasks)
            raise
        finally:
            await _cancel(ahead)
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

    async def _passes(self, reconciler: Reconciler, lane: Lane, writer: Writer, has_passed: asyncio.Event) -> None:
        """The passes over one account, one after the other: one that hangs holds up no other account."""
        wake = asyncio.Event()
        self._wakes.append(wake)
        lane.when_drained = wake.set
        while not self._stop.is_set():
            wake.clear()
            await reconciler.run(self._now())
            has_passed.set()
            await writer.do(lambda connection: work.record_tick(connection, self._number, self._now()))
            # The jobs go by the time of day: where that is put back, they stay away until it's as late again.
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK.total_seconds()):
                    await wake.wait()

    async def _watch(self, overrides: "_Overrides", jobs: Jobs) -> None:
        """Act on exceptions that people make and take back meanwhile, in processes of their own."""
        while not self._stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_FOR_OVERRIDES.total_seconds()):
                    await self._stop.wait()
            if await overrides.have_changed():
                jobs.use(overrides.ruleset)
                for reconciler in self._reconcilers:
                    reconciler.use(overrides.ruleset)
                _log.info("exceptions have changed", in_mind=overrides.number or None)
                self._wake_up("an override")

    def _record_end(self, connection: Connection) -> None:
        work.record_stop(connection, self._number, self._now(), self._why())


class _Overrides:
    """The rules with the exceptions that the ledger has, as they were seen last."""

    def __init__(self, settings: Settings, writer: Writer, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._writer = writer
        self._now = now
        self._stamp = (0, 0)
        self.number = 0
        self.ruleset = settings.ruleset

    @classmethod
    async def kept(cls, settings: Settings, writer: Writer, now: Callable[[], datetime]) -> Self:
        """Those that are in the ledger now."""
        found = cls(settings, writer, now)
        await found.have_changed()
        return found

    async def have_changed(self) -> bool:
        """Look again; whether there's something else than before."""
        stamp, found = await self._writer.do(self._read)
        if stamp == self._stamp:
            return False
        self._stamp, self.number = stamp, len(found)
        self.ruleset = overridden(self._settings.ruleset, found, self._settings.document.timezone)
        return True

    def _read(self, connection: Connection) -> tuple[tuple[int, int], list[Override]]:
        stamp = overrides_stamp(connection)
        return stamp, [] if stamp == self._stamp else overrides_in_mind(connection, self._now())


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """End what nobody needs any more, its calls included."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _collect_rarely() -> None:
    """Have less time spent on looking for garbage in cycles, of which there is hardly any: a third of a busy minute."""
    gc.collect()
    # What the start has made stays to the end.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def _tell(found: _Found) -> None:
    for change in found.changed:
        _log.warning("other holiday data has changed a day", calendar=change.calendar, change=str(change))
    if found.interrupted:
        _log.warning("calls were cut off, and are due again", number=found.interrupted)
    if found.orphans:
        _log.warning("changes of accounts that aren't in the file any more were given up", number=found.orphans)
    for held in found.owed:
        _log.error("left paused: its account isn't in the file any more", account=held.account, campaign=held.campaign)
