"""The life of the daemon, from its start to its end, composed in one place."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from rules.advice import advise
from scheduler import __version__, schema, systemd
from scheduler.accounts import Accounts, tell_left_paused
from scheduler.alerts.watch import Watch
from scheduler.clock import Reading, read_clocks, utc_now
from scheduler.clockwatch import ClockWatch, Disturbance, jump, record
from scheduler.crew import Crew
from scheduler.degraded import Degraded
from scheduler.downtime import Downtime
from scheduler.errors import LeaseLost, LedgerAway, LedgerError, WrongFile
from scheduler.exposition import Exposition
from scheduler.exposure import exposed_keys
from scheduler.in_force import InForce, RulesInForce, make_room
from scheduler.jobs import Jobs
from scheduler.ledger import chain, work
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.lives import crashes, last_tick
from scheduler.ledger.records import FILE_LOADED, Custody
from scheduler.ledger.reports import last_load
from scheduler.ledger.right import Right, right_to
from scheduler.ledger.soundness import refuse_damaged
from scheduler.loading import ChangedDay, changed_days, facts
from scheduler.logs import logger
from scheduler.notify import wrong_address
from scheduler.observing import AtWork
from scheduler.pulse import Pulse
from scheduler.reload import Reload
from scheduler.restarts import RECENT, wait_after
from scheduler.settings import Environment, Settings, load
from scheduler.standby import Standby, exit_code
from scheduler.standing import Standing
from scheduler.surroundings import REAL, Surroundings
from scheduler.watchdog import signs_of_life
from scheduler.zonewatch import ZoneWatch

DRAIN_LIMIT: Final = timedelta(seconds=10)
# How often it's looked for exceptions that people made: they are acted on within five seconds.
LOOK_FOR_OVERRIDES: Final = timedelta(seconds=2)

_log = logger()


def run(settings: Settings, database: Database, *, dry_run: bool = False) -> int:
    """Keep campaigns quiet until SIGTERM or SIGINT; gives the exit code, 0 or 130.

    Raises:
        WrongFile: an account has no key.
        LedgerInUse: another daemon works on this ledger.
        LedgerError: the ledger can't be opened, is damaged, or couldn't be written to the end.
    """
    if settings.unchecked:
        raise WrongFile(str(settings.file), settings.unchecked)
    advice = advise(settings.source, settings.document, settings.ruleset, utc_now())
    for problem in (*advice, *exposed_keys(settings, os.environ)):
        _log.warning("surely not meant", place=str(problem.place), path=problem.path, why=problem.message)
    make_room(len(settings.accounts))
    database.create()
    schema.make(database)
    right = right_to(database)
    lives: list[Daemon] = []
    exposition = Exposition(settings, is_dry_run=dry_run)

    def begin(has_waited: bool) -> Daemon:
        refuse_damaged(database)
        schema.upgrade(database)
        newest = read_again(settings) if has_waited else settings
        before = lives[-1].number if lives else None
        checked = database.checked_by(right.check)
        lives[:] = [Daemon(newest, checked, right=right, before=before, dry_run=dry_run, exposition=exposition)]
        return lives[0]

    standby = Standby(right, begin)
    exposition.fault = lambda: standby.fault
    return asyncio.run(exposition.around(standby.run()))


def read_again(settings: Settings) -> Settings:
    """The file as it is by now, unless it's wrong: who has stood by for long would begin with old rules."""
    try:
        return load(settings.file, os.environ, every_key=True, check_address=wrong_address)
    except WrongFile as error:
        _log.error("the file is wrong by now; its rules are those that it had before", error=str(error))
        return settings


@dataclass(frozen=True, slots=True)
class _Found:
    """What a start has found: days that other holiday data has changed, and what an earlier daemon left behind.

    That's calls which were cut off, and what accounts that are gone from the file wait for. `crashes` is how many
    daemons have ended without a word right before; `put_back`, that it's earlier than it was for the last of them.
    """

    changed: tuple[ChangedDay, ...]
    interrupted: int
    crashes: int
    put_back: Disturbance | None
    orphans: int = 0
    owed: tuple[Custody, ...] = ()


class Daemon:
    """One run of the daemon on a ledger that is locked and up to date.

    `before` is the number of an earlier one of this process, which stood down, and couldn't say so itself.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        environment: Environment = os.environ,
        *,
        right: Right | None = None,
        before: int | None = None,
        dry_run: bool = False,
        exposition: Exposition | None = None,
        now: Callable[[], datetime] = utc_now,
        clocks: Callable[[], Reading] = read_clocks,
        around: Surroundings = REAL,
    ) -> None:
        self._settings = settings
        self._database = database
        self._environment = environment
        self._right = right or right_to(database)
        self._before = before
        self._dry_run = dry_run
        self._exposition = exposition or Exposition(settings, is_dry_run=dry_run)
        self._now = now
        self._clocks = clocks
        self._around = around
        self.number = 0
        self._stop = asyncio.Event()
        self._force = asyncio.Event()
        self._signal: signal.Signals | None = None
        # What ends by itself when it's told to, and what can be cut off at any time.
        self._crew, self._aside = Crew(self._stop.set), Crew(self._stop.set)

    @property
    def exit_code(self) -> int | None:
        """That of the process, once it was told to end."""
        return exit_code(self._signal) if self._signal else None

    async def live(self) -> int:
        """Start, work until a signal comes, drain, and end; gives the exit code."""
        async with AsyncExitStack() as stack:
            self._listen(stack)
            writer = self._around.writer(self._database)
            stack.push_async_callback(writer.close)
            degraded = Degraded(writer, self._now)
            loaded = facts(self._settings, self._now())
            found = await writer.do(lambda connection: self._record_start(connection, loaded))
            tally = self._exposition.tally
            tally.interrupted += found.interrupted
            _tell(found)
            rules = await RulesInForce.kept(self._settings, writer, self._now, dry_run=self._dry_run)
            downtime = Downtime(writer, self._now, self.number, dry_run=self._dry_run, tally=tally)
            downtime.use(rules.ruleset, rules.since)
            await downtime.look()
            accounts = Accounts(
                writer,
                self._now,
                self._crew,
                self._aside,
                downtime,
                right=self._right,
                daemon=self.number,
                dry_run=self._dry_run,
                # It may have been what ended the last daemon, and in any case it's what asks the API most.
                calm_until=self._now() + RECENT if found.crashes else self._now(),
                tally=tally,
                around=self._around,
            )
            stack.push_async_callback(accounts.close)
            degraded.when_over = accounts.wake
            jobs = Jobs(accounts.wake)
            jobs.start(rules.ruleset)
            stack.callback(jobs.stop)
            self._around.settle_down()
            self._announce()
            parts = InForce(rules, jobs, accounts, downtime)
            await stack.enter_async_context(signs_of_life(accounts.pulses, Standing(parts, writer, self._now).text))
            if not self._dry_run:
                # Nothing is paused by a dry run, so that nobody need be told what isn't.
                alerts = Watch(parts, writer, self._database, self._now, daemon=self.number)
                stack.push_async_exit(alerts.at_end)
                stack.push_async_callback(self._aside.cancel)
                self._aside.begin(alerts.run(), "alerts")
            await stack.enter_async_context(self._exposition.of(AtWork(parts, writer, self._now)))
            await self._calm_down(found.crashes)
            await self._work(parts, writer)
            head = await writer.do(self._record_end)
        # In the log, it's kept apart from the ledger: what it was then can't be written anew unseen.
        _log.info("daemon stopped", why=self._why(), **({"head": str(head)} if head else {}))
        if writer.fault is not None:
            raise LedgerError(f"{writer.fault}; what was done since it began to fail is in the log only")
        return exit_code(self._signal)

    def _record_start(self, connection: Connection, loaded: Mapping[str, Any]) -> _Found:
        now, host = self._now(), socket.gethostname()
        if self._before:
            work.record_stop(connection, self._before, now, "stood down")
        self.number = work.register_daemon(
            connection, host=host, pid=os.getpid(), version=__version__, dry_run=self._dry_run, now=now
        )
        changed = tuple(changed_days(last_load(connection), loaded, now))
        work.note(connection, now, FILE_LOADED, details=loaded)
        for change in changed:
            work.note(connection, now, "holidays changed", details={"change": str(change)})
        found = _Found(
            changed=changed,
            interrupted=work.interrupt_attempts(connection, now, living=self._right.holder),
            crashes=crashes(connection, self.number, host, now - RECENT),
            put_back=self._put_back(connection, now),
        )
        if self._right.taken_from:
            details = {"from": self._right.taken_from, "interrupted": found.interrupted}
            work.note(connection, now, "took over", details=details)
        if self._dry_run:
            return found
        accounts = [account.name for account in self._settings.accounts]
        orphans = work.end_orphans(connection, accounts, now)
        return replace(found, orphans=orphans, owed=tuple(work.release_orphans(connection, accounts, now)))

    def _put_back(self, connection: Connection, now: datetime) -> Disturbance | None:
        last = last_tick(connection, self.number)
        jumped = jump(now - last) if last is not None and now < last else None
        if jumped is not None:
            record(connection, jumped, now)
        return jumped

    def _listen(self, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.hear, number)
            stack.callback(loop.remove_signal_handler, number)
        # It would end the process. Until there's something to reload, the file was read a moment ago.
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        stack.callback(loop.remove_signal_handler, signal.SIGHUP)

    def hear(self, number: signal.Signals) -> None:
        """End, since a signal has come; at a second one without waiting for calls."""
        if self._stop.is_set():
            self._force.set()
        self._signal = self._signal or number
        self._stop.set()

    def _why(self) -> str:
        return self._signal.name if self._signal else "a fault"

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

    async def _calm_down(self, crashes: int) -> None:
        """Make no call for a while where the last daemons have died right after their start: so may this one."""
        wait = wait_after(crashes)
        if wait:
            _log.warning(
                "the last starts ended without a word; no call is made for now", number=crashes, wait=str(wait)
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(wait.total_seconds()):
                    await self._stop.wait()

    async def _work(self, parts: InForce, writer: Writer) -> None:
        # Whatever is done from here on goes by a clock that's watched.
        clock_watch = self._clock_watch(parts, writer)
        reload = Reload(parts, writer, self._environment, self._now, watch=self._around.watch)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.ask)
        try:
            if not self._stop.is_set():
                await parts.accounts.use(self._settings, parts.rules.ruleset, parts.rules.since)
                self._crew.begin(self._look_for_exceptions(parts), "exceptions")
                self._crew.begin(clock_watch.run(self._stop), "clocks")
                self._crew.begin(self._zone_watch(parts, writer, reload).run(self._stop), "zone data")
                self._aside.begin(reload.run(), "reload")
            await self._stop.wait()
            # Nothing is waited for where the ledger is another daemon's, or away; not even the calls under way.
            self._crew.raise_fault(LeaseLost, LedgerAway)
            self._aside.raise_fault(LeaseLost, LedgerAway)
        except BaseException:
            await self._crew.cancel()
            raise
        finally:
            # No lane is to begin a call when one of these is cut off: the API handles it all the same.
            parts.accounts.stop()
            await self._aside.cancel()
        systemd.notify("STOPPING=1")
        # Also what a load of the file has begun meanwhile.
        parts.accounts.stop()
        if not await self._crew.drain(DRAIN_LIMIT, self._force):
            _log.warning("calls are cut off; they are due again at the next start")
        # A fault of a lane or a pass has ended the daemon, and is shown.
        self._crew.raise_fault()
        self._aside.raise_fault()

    def _clock_watch(self, parts: InForce, writer: Writer) -> ClockWatch:
        return ClockWatch(
            writer,
            now=self._now,
            clocks=self._clocks,
            when_disturbed=parts.look_again,
            look=parts.downtime.look,
        )

    def _zone_watch(self, parts: InForce, writer: Writer, reload: Reload) -> ZoneWatch:
        def zones() -> list[str]:
            return [rule.zone.key for rule in parts.rules.ruleset.rules]

        return ZoneWatch(writer, now=self._now, zones=zones, when_changed=reload.read_anew)

    async def _look_for_exceptions(self, parts: InForce) -> None:
        """Act on exceptions that people make and take back meanwhile, in processes of their own."""
        pulse = parts.accounts.pulses.add(Pulse("exceptions"))
        while not self._stop.is_set():
            pulse.beat()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_FOR_OVERRIDES.total_seconds()):
                    await self._stop.wait()
            await parts.look_for_exceptions()

    def _record_end(self, connection: Connection) -> chain.Link | None:
        work.record_stop(connection, self.number, self._now(), self._why())
        return chain.head(connection)


def _tell(found: _Found) -> None:
    for change in found.changed:
        _log.warning("other holiday data has changed a day", calendar=change.calendar, change=str(change))
    if found.put_back:
        _log.warning(found.put_back.event, **found.put_back.facts)
    if found.interrupted:
        _log.warning("calls were cut off, and are due again", number=found.interrupted)
    if found.orphans:
        _log.warning("changes of accounts that aren't in the file any more were given up", number=found.orphans)
    tell_left_paused(found.owed)
