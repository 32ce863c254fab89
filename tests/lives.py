"""The daemon living one life after the other on one ledger, each ended like a process that is killed.

It's whole, but for the process; its clock stands still until it's moved.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from scheduler.clock import Reading
from scheduler.daemon import Daemon
from scheduler.ledger import reports
from scheduler.ledger.database import Database
from scheduler.ledger.tables import intents, journal
from scheduler.sandbox import Fault, Sandbox
from scheduler.settings import load
from tests.scheduler_fakes import CAMPAIGN, KEY, Clock, until


@dataclass
class Clocks:
    """Clocks that stand still until they are moved, apart or together."""

    wall: Clock
    running: timedelta = timedelta()
    suspended: timedelta = timedelta()

    def __call__(self) -> Reading:
        return Reading(self.wall.now, self.running, self.running + self.suspended)

    def go_by(self, time: timedelta) -> None:
        self.wall.move(time)
        self.running += time

    def suspend(self, time: timedelta) -> None:
        self.wall.move(time)
        self.suspended += time


@dataclass
class Lives:
    """One ledger and one account, on which daemons live one after the other."""

    folder: Path
    sandbox: Sandbox
    ledger: Database
    clock: Clock = field(default_factory=Clock)

    def write(self, *rules: str, accounts: str | None = None) -> None:
        """The file of rules from now on; for the one account, unless told otherwise."""
        lines = [
            "timezone: Europe/Warsaw",
            f"accounts: {accounts or self._one_account()}",
            "rules:",
            *(f"  - {rule}" for rule in rules),
        ]
        (self.folder / "curfew.yaml").write_text("\n".join([*lines, ""]), encoding="utf-8")

    def _one_account(self) -> str:
        return f"{{main: {{api_key: {KEY}, base_url: '{self.sandbox.base_url}'}}}}"

    @asynccontextmanager
    async def living(self, at: datetime, *, dry_run: bool = False, clocks: Clocks | None = None) -> AsyncIterator[None]:
        """A daemon, killed at the end."""
        self.clock.now = at
        settings = load(self.folder / "curfew.yaml", {})
        clocks = clocks or Clocks(self.clock)
        life = asyncio.create_task(Daemon(settings, self.ledger, dry_run=dry_run, now=self.clock, clocks=clocks).live())
        try:
            yield
        finally:
            life.cancel()
            await asyncio.wait([life])
        assert life.cancelled()

    async def live(self, at: datetime, *, dry_run: bool = False) -> None:
        """A daemon that does what is due at an instant, and is killed."""
        async with self.living(at, dry_run=dry_run):
            await until(self.has_settled, "all that is due has ended")

    async def die_in_the_first_pass(self, at: datetime) -> None:
        """A daemon that is killed while it asks for its first list."""
        asked = len(self.sandbox.log)

        async def has_asked() -> bool:
            return len(self.sandbox.log) > asked

        self.sandbox.add_fault(Fault(effect="delay", call="list", delay=timedelta(seconds=1)))
        async with self.living(at):
            await until(has_asked, "it asks for the list")
        self.sandbox.clear_faults()

    async def has_settled(self) -> bool:
        with self.ledger.reading() as connection:
            run = reports.newest_run(connection)
            is_open = intents.c.state.in_(("waiting", "calling"))
            is_due = func.coalesce(intents.c.next_attempt_at, intents.c.recorded_at) <= self.clock.now
            still = connection.execute(select(intents.c.id).where(is_open, is_due))
            return run is not None and run.last_tick_at == self.clock.now and not still.all()

    def read(self, query: Any) -> list[Any]:
        with self.ledger.reading() as connection:
            return list(connection.execute(query).all())

    def changes(self, campaign: int = CAMPAIGN) -> list[tuple[Any, ...]]:
        """What is on record of a campaign, in the order of the due times."""
        columns = (intents.c.rules, intents.c.action, intents.c.due_at, intents.c.state)
        query = select(*columns).where(intents.c.campaign == campaign).order_by(intents.c.due_at, intents.c.id)
        return [(*row.rules, row.action, row.due_at, row.state) for row in self.read(query)]

    def reasons(self, campaign: int = CAMPAIGN) -> list[str]:
        query = select(intents.c.reason).where(intents.c.campaign == campaign).order_by(intents.c.due_at, intents.c.id)
        return [row.reason for row in self.read(query)]

    def journalled(self, event: str) -> list[Any]:
        query = select(journal.c.details).where(journal.c.event == event).order_by(journal.c.id)
        return [row.details for row in self.read(query)]

    def statuses(self) -> list[str]:
        return [campaign.status for campaign in self.sandbox.account().campaigns.values()]
