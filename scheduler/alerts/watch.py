"""The daemon's look at what needs a person, every 15 seconds: it's recorded, and whoever the file names is told.

Nothing waits for it. Whatever fails in it is said in the log, and the daemon goes on.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from scheduler.alerts.concerns import LOOK_BACK, Facts, Kind, concerns_of
from scheduler.alerts.courier import Courier
from scheduler.alerts.digest import LONGEST, coming, digest, last_due
from scheduler.alerts.messages import Sender, alert
from scheduler.alerts.stock import HOUR, Entry, ToTell, compare, is_time, to_tell
from scheduler.errors import LeaseLost, LedgerAway, LedgerError
from scheduler.in_force import InForce
from scheduler.ledger import concerns as ledger
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.digests import period
from scheduler.ledger.lives import LATE, crashes, tick_of
from scheduler.ledger.reports import failing_changes, left_campaigns
from scheduler.logs import logger
from scheduler.notify import TIMEOUT
from scheduler.ping import Ping
from scheduler.restarts import RECENT
from scheduler.settings import Alerts
from scheduler.watchdog import LONGEST_SILENCE

LOOK: Final = timedelta(seconds=15)
# A pass is recorded each minute.
_MINUTE: Final = timedelta(minutes=1)

_log = logger()
_T = TypeVar("_T")


class Watch:
    """Looks at all that may need a person, for the daemon of this number; `limit` is what a service may take."""

    def __init__(
        self,
        parts: InForce,
        writer: Writer,
        database: Database,
        now: Callable[[], datetime],
        *,
        daemon: int,
        limit: timedelta = TIMEOUT,
    ) -> None:
        self._parts = parts
        self._writer = writer
        self._database = database
        self._now = now
        self._daemon = daemon
        self._host = socket.gethostname()
        self._courier = Courier(now, limit)
        self._ping = Ping(lambda: self._alerts.ping, self._is_well)
        # What was said of the look ahead, up to a line of the journal.
        self._preflights: tuple[int, ledger.Rows] = (0, [])
        self._passed: tuple[datetime | None, tuple[ledger.Rows, ledger.Rows]] = (None, ([], []))
        # When it was due, and up to when it has told.
        self._last_digest: tuple[datetime, datetime] | None = None
        self._said: str | None = None
        # When a pass was recorded last, and that was seen.
        self._ticked_at: datetime | None = None

    @property
    def _alerts(self) -> Alerts:
        return self._parts.rules.settings.alerts

    @property
    def _sender(self) -> Sender:
        settings = self._parts.rules.settings
        return Sender(self._host, str(settings.file.absolute()), settings.document.timezone)

    def _is_well(self) -> bool:
        """Whether passes are made: a daemon that only starts, again and again, is none that lives."""
        ticked_at = self._ticked_at
        return ticked_at is not None and abs(self._now() - ticked_at) < LATE and not self._hanging()

    def _hanging(self) -> list[str]:
        return self._parts.accounts.pulses.silent(LONGEST_SILENCE)

    async def run(self) -> None:
        """Look again and again, and ping, until cancelled."""
        pings = asyncio.create_task(self._ping.run())
        try:
            while True:
                await self._look_whatever_happens()
                await asyncio.sleep(LOOK.total_seconds())
        finally:
            pings.cancel()

    async def at_end(self, *how: object) -> None:
        """Say so where the daemon ends by a fault, but for one after which another daemon goes on."""
        if any(isinstance(each, Exception) and not isinstance(each, LeaseLost | LedgerAway) for each in how):
            await self._ping.fail()

    async def _look_whatever_happens(self) -> None:
        try:
            await self.look(self._now())
        except (LeaseLost, LedgerAway):
            # The daemon is about to end, and says so itself.
            pass
        except LedgerError as error:
            self._say(str(error))
        except Exception as error:  # noqa: BLE001 -- pauses go on without alerts; the fault is shown, once
            if repr(error) != self._said:
                _log.exception("a fault of Curfew: no alerts for now")
            self._said = repr(error)
        else:
            self._said = None

    def _say(self, why: str) -> None:
        if why != self._said:
            _log.error("no alerts for now", error=why)
        self._said = why

    async def look(self, now: datetime) -> None:
        """See what needs a person, record it, and tell what is to be told.

        Raises:
            LedgerError: the ledger can't be read or written.
        """
        self._courier.use(self._alerts.to)
        known = await self._read(lambda connection: self._known(connection, now))
        facts, entries, messages, self._ticked_at = self._with_own(known[0]), *known[1:]
        # Ten thousands of them would hold up the calls.
        zone = self._sender.zone
        concerns = await asyncio.to_thread(lambda: list(concerns_of(facts, zone, now)))
        if changes := compare(entries, concerns, now):
            entries = await self._writer.do(lambda connection: ledger.record(connection, changes, now))
        await self._tell(self._tellable(to_tell(entries, concerns, now)), messages, now)
        await self._courier.again()
        await self._send_digest(now)

    def _with_own(self, facts: Facts) -> Facts:
        """With what only the daemon itself knows."""
        rules, accounts = self._parts.rules, self._parts.accounts
        return replace(
            facts,
            host=self._host,
            rejected=None if rules.rejected is None else str(rules.rejected),
            file=str(rules.settings.file),
            resting=accounts.resting(),
            fault=self._writer.fault,
            hanging=self._hanging(),
            untaken={**self._courier.untaken, **self._ping.untaken},
        )

    def _known(
        self, connection: Connection, now: datetime
    ) -> tuple[Facts, list[Entry], list[datetime], datetime | None]:
        """What the ledger knows: of causes, of what was told, when messages were sent, and of the last pass."""
        missed, given_up = self._what_passed(connection, now)
        facts = Facts(
            failing=failing_changes(connection, now),
            refused=ledger.refused_changes(connection, now),
            left=left_campaigns(connection),
            missed=missed,
            given_up=given_up,
            preflights=self._said_ahead(connection),
            took_over=ledger.journalled(connection, ledger.TOOK_OVER, now - LOOK_BACK, now),
            crashes=crashes(connection, self._daemon, self._host, now - RECENT),
        )
        messages = ledger.messages_since(connection, now - HOUR)
        return facts, ledger.entries(connection), messages, tick_of(connection, self._daemon)

    def _what_passed(self, connection: Connection, now: datetime) -> tuple[ledger.Rows, ledger.Rows]:
        """What was missed and given up, asked for once a minute: all that ever was is looked through for it."""
        asked_at, found = self._passed
        if asked_at is None or not asked_at <= now < asked_at + _MINUTE:
            found = ledger.missed_pauses(connection, now), ledger.given_up(connection, now)
            self._passed = now, found
        return found

    def _said_ahead(self, connection: Connection) -> ledger.Rows:
        accounts = [account.name for account in self._parts.rules.settings.accounts]
        newest, (line, _) = ledger.newest_line(connection), self._preflights
        # While the ledger can't be written, it's a copy that is asked, which hasn't the old lines of the journal.
        if newest != line and self._writer.fault is None:
            self._preflights = newest, ledger.preflights(connection)
        return [row for row in self._preflights[1] if row["account"] in accounts]

    async def _read(self, work: Callable[[Connection], _T]) -> _T:
        """Read on a connection of its own: what it takes is no pause's matter."""
        if self._writer.fault is None:
            try:
                return await asyncio.to_thread(self._read_from_disk, work)
            except LedgerError:
                # Whoever writes knows more, and has a copy where the disk is at fault.
                pass
        return await self._writer.do(work)

    def _read_from_disk(self, work: Callable[[Connection], _T]) -> _T:
        with self._database.reading() as connection:
            return work(connection)

    def _tellable(self, found: ToTell) -> ToTell:
        """Without what nobody can be told: that alerts aren't taken, where there's no other target than those."""
        if any(name not in self._courier.untaken for name in self._courier.targets):
            return found
        return replace(found, begun=[each for each in found.begun if each.kind is not Kind.ALERTS_FAILING])

    async def _tell(self, found: ToTell, messages: Sequence[datetime], now: datetime) -> None:
        nobody = not self._courier.targets
        ended = [*found.silent, *(found.over if nobody else ())]
        if ended:
            await self._writer.do(lambda connection: ledger.close(connection, ended, now))
        if nobody or not found or not is_time(messages, now):
            return
        message = alert(found.begun, found.over, self._sender)
        if taken := await self._courier.send(message):
            told = (message.title, taken, found.begun, found.over, self._now())
            await self._writer.do(lambda connection: ledger.record_message(connection, *told))
            _log.info("alert sent", title=message.title, to=taken)

    async def _send_digest(self, now: datetime) -> None:
        wanted, zone = self._alerts.digest, self._parts.rules.settings.document.timezone
        if wanted is None or not self._courier.targets:
            return
        due_at = last_due(wanted, zone, now)
        last = self._last_digest or await self._read(ledger.last_digest)
        if last is not None and due_at <= last[0]:
            self._last_digest = last
            return
        # The first one has nothing to tell of before: from now on it's counted.
        taken = await self._digest(max(last[1], now - LONGEST), now) if last is not None else []
        if taken or last is None:
            await self._writer.do(lambda connection: ledger.record_digest(connection, due_at, taken, now))
            self._last_digest = due_at, now

    async def _digest(self, since: datetime, now: datetime) -> list[str]:
        ruleset = self._parts.rules.ruleset
        found = await self._read(lambda connection: period(connection, since, now))
        # In a thread: thousands of rules take a while, in which a pause may be due.
        ahead = await asyncio.to_thread(coming, ruleset, now)
        taken = await self._courier.send(digest(found, ahead, self._sender))
        if taken:
            _log.info("digest sent", to=taken)
        return taken
