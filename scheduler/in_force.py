"""What is in force: the rules of the file with the exceptions that people have made, and all that goes by them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from rules.overrides import Override, overridden
from rules.ruleset import Ruleset
from rules.source import Problem
from scheduler.accounts import Accounts
from scheduler.downtime import Downtime
from scheduler.errors import LedgerFault
from scheduler.files import allow_connections
from scheduler.jobs import Jobs
from scheduler.ledger.database import Connection, Writer
from scheduler.ledger.lives import keep_rules, rules_in_force
from scheduler.ledger.overrides import overrides_in_mind, overrides_stamp
from scheduler.loading import rule_digests
from scheduler.logs import logger
from scheduler.settings import Settings

_log = logger()


class RulesInForce:
    """A file that was found right, and the exceptions as they were seen last.

    `since` is since when each of its rules is as it is, by the ledger; a dry run changes nothing of that. `rejected` is
    the first mistake of another file that stands in its place.
    """

    def __init__(self, settings: Settings, writer: Writer, now: Callable[[], datetime], *, dry_run: bool) -> None:
        self.settings = settings
        self.ruleset = settings.ruleset
        self.since: Mapping[str, datetime] = {}
        self.loaded_at = now()
        self.rejected: Problem | None = None
        self._writer = writer
        self._now = now
        self._dry_run = dry_run
        self._stamp = (0, 0)
        self._overrides: Sequence[Override] = ()

    @classmethod
    async def kept(
        cls, settings: Settings, writer: Writer, now: Callable[[], datetime], *, dry_run: bool = False
    ) -> Self:
        """Those of a file, with the exceptions that are in the ledger now."""
        found = cls(settings, writer, now, dry_run=dry_run)
        await found.use(settings)
        found._take(*await writer.do(found._read))
        return found

    @property
    def overrides(self) -> int:
        """How many exceptions are in mind."""
        return len(self._overrides)

    async def overrides_have_changed(self) -> bool:
        """Look again; whether there's something else than before."""
        try:
            return self._take(*await self._writer.read(self._read))
        except LedgerFault:
            # Those that were seen last count on.
            return False

    def _take(self, stamp: tuple[int, int], found: list[Override]) -> bool:
        if stamp == self._stamp:
            return False
        self._stamp, self._overrides = stamp, found
        self.ruleset = self.with_exceptions(self.settings)
        return True

    def _read(self, connection: Connection) -> tuple[tuple[int, int], list[Override]]:
        stamp = overrides_stamp(connection)
        return stamp, [] if stamp == self._stamp else overrides_in_mind(connection, self._now())

    def with_exceptions(self, settings: Settings) -> Ruleset:
        """The rules of a file with the exceptions."""
        return overridden(settings.ruleset, self._overrides, settings.document.timezone)

    async def use(self, settings: Settings) -> None:
        """Put another file in force."""
        digests, record = rule_digests(settings), rules_in_force if self._dry_run else keep_rules
        self.since = await self._writer.do(lambda connection: record(connection, digests, self._now()))
        self.settings, self.ruleset = settings, self.with_exceptions(settings)
        self.loaded_at = self._now()


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules in force, the jobs that wake at their edges, and what goes by them: accounts, and the look back."""

    rules: RulesInForce
    jobs: Jobs
    accounts: Accounts
    downtime: Downtime

    async def look_for_exceptions(self) -> None:
        """Go by the exceptions that the ledger has now."""
        if await self.rules.overrides_have_changed():
            self.jobs.use(self.rules.ruleset)
            self.downtime.use(self.rules.ruleset, self.rules.since)
            self.accounts.use_rules(self.rules.ruleset)
            _log.info("exceptions have changed", in_mind=self.rules.overrides or None)
            self.accounts.wake("an override")

    async def use(self, settings: Settings) -> None:
        """Go by another file from here on."""
        make_room(len(settings.accounts))
        await self.rules.use(settings)
        self.jobs.use(self.rules.ruleset)
        self.downtime.use(self.rules.ruleset, self.rules.since)
        await self.accounts.use(settings, self.rules.ruleset, self.rules.since)

    def look_again(self, why: str) -> None:
        """Look at all anew, by what the clock shows now."""
        self.jobs.again(self.rules.ruleset)
        self.accounts.wake(why)


def make_room(accounts: int) -> None:
    """Have a connection for each account, or say that they are too many."""
    if not allow_connections(accounts):
        _log.warning("more accounts than connections that may be open at once; raise the limit of open files")
