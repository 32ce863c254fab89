"""The accounts at work: each with a client, a lane and its passes, begun, changed and ended as the file says."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Container, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from rules.ruleset import Rule, Ruleset
from scheduler.crew import Crew
from scheduler.downtime import Downtime
from scheduler.jobs import TICK
from scheduler.lanes import Lane
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Writer
from scheduler.ledger.records import Custody
from scheduler.ledger.right import Right
from scheduler.logs import logger
from scheduler.preflight.start import AT_ONCE, at_start
from scheduler.pulse import Pulse, Pulses
from scheduler.reconcile import Reconciler
from scheduler.settings import Account, Settings
from scheduler.surroundings import REAL, Surroundings
from scheduler.tally import Tally

_LEFT_PAUSED: Final = "left paused: its account isn't in the file any more"

_log = logger()


class AccountAtWork:
    """One account: its lane, and the passes that feed it, one after the other."""

    def __init__(
        self,
        account: Account,
        lane: Lane,
        reconciler: Reconciler,
        writer: Writer,
        downtime: Downtime,
        around: Surroundings = REAL,
    ) -> None:
        self.account = account
        self.lane = lane
        self._around = around
        self.pulse = Pulse(f"passes {account.name}")
        self.has_passed = asyncio.Event()
        # Up to when it was seen to what is due here.
        self.passed_at: datetime | None = None
        self.has_left = False
        self._reconciler = reconciler
        self._writer = writer
        self._downtime = downtime
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._is_leaving = False
        lane.when_drained = self.wake

    def wake(self) -> None:
        """Look again now."""
        self._wake.set()

    def use(self, ruleset: Ruleset, since: Mapping[str, datetime], *, is_edited: bool) -> None:
        """Go by other rules from the next pass on; `is_edited`: those of another file."""
        self._reconciler.use(ruleset, since, is_edited=is_edited)
        if is_edited:
            self.has_passed.clear()

    def leave(self, *, gives_back: bool) -> None:
        """End when nothing is owed any more, or else at once."""
        self._is_leaving, self.lane.gives_back = True, gives_back

    def stay(self) -> None:
        """Don't leave after all."""
        self._is_leaving, self.lane.gives_back = False, True

    async def change(self, account: Account) -> None:
        """Go on with another key, or to another address."""
        self.account = account
        before = await self.lane.use(self._around.client(account, tally=self.lane.tally))
        await before.close()
        _log.info("account changed: its key, or where it is", account=account.name)

    def stop(self) -> None:
        """End the passes and the lane after what they are about now."""
        self._is_stopping = True
        self.lane.stop()
        self.wake()

    async def passes(self, tick: Callable[[], Awaitable[None]]) -> None:
        """Pass over the account until `stop`, or until it has left. One that hangs holds up no other account."""
        while not self._is_stopping:
            self.pulse.beat()
            self._wake.clear()
            if self._is_leaving and not self.lane.gives_back:
                self.has_left = True
                return
            # Before the tick says that all before it was seen to.
            at = await self._downtime.look(self.account.name)
            await self._reconciler.run(at)
            self.passed_at = at
            self.has_passed.set()
            await tick()
            if self._is_leaving and await self._writer.do(self._owes_nothing) and self._is_leaving:
                self.has_left = True
                return
            # The jobs go by the time of day: where that is put back, they stay away until it's as late again.
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK.total_seconds()):
                    await self._wake.wait()

    def _owes_nothing(self, connection: Connection) -> bool:
        name = self.account.name
        return not (work.custody_of(connection, name) or work.open_intents(connection, name))


class Accounts:
    """All accounts at work; what ends by itself is in `crew`, and what can be cut off at any time in `aside`."""

    def __init__(
        self,
        writer: Writer,
        now: Callable[[], datetime],
        crew: Crew,
        aside: Crew,
        downtime: Downtime,
        *,
        right: Right,
        daemon: int,
        dry_run: bool,
        calm_until: datetime,
        tally: Tally | None = None,
        around: Surroundings = REAL,
    ) -> None:
        self._writer = writer
        self._around = around
        self._now = now
        self._crew = crew
        self._aside = aside
        # Those of the accounts' loops, and whatever else is to be looked after.
        self.pulses = Pulses()
        # Up to when all of them were seen to.
        self.ticked_at: datetime | None = None
        self.tick = Pulse("the tick")
        self.tick.beat()
        self._downtime = downtime
        self._calm_until = calm_until
        self._right = right
        self._daemon = daemon
        self._dry_run = dry_run
        self._tally = tally or Tally()
        self._at_work: dict[str, AccountAtWork] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._ahead: dict[str, asyncio.Task[None]] = {}
        self._ruleset = Ruleset([])
        self._since: Mapping[str, datetime] = {}
        self._rules: dict[str, list[Rule]] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    def wake(self, why: str) -> None:
        """Look again now, at all of them."""
        _log.debug("woken", why=why)
        for each in self._at_work.values():
            each.wake()

    def use_rules(self, ruleset: Ruleset) -> None:
        """Go by other rules of the same file from the next passes on."""
        self._ruleset = ruleset
        for each in self._at_work.values():
            each.use(ruleset, self._since, is_edited=False)

    async def use(self, settings: Settings, ruleset: Ruleset, since: Mapping[str, datetime]) -> None:
        """Have the accounts of a file at work, and no other one, by these rules: those of the file with exceptions.

        `since` is since when each rule is as it is.

        One that is gone from it gives back first what it holds, with the key that it had. One that only has another
        name now doesn't: the campaigns are to stay as they are.
        """
        wanted = {account.name: account for account in settings.accounts}
        there = {name: each for name, each in self._at_work.items() if name in wanted and not each.has_left}
        for each in there.values():
            each.stay()
        self._let_go(settings, wanted)
        self._ruleset, self._since = ruleset, since
        for each in self._at_work.values():
            if each.lane.gives_back:
                each.use(ruleset, since, is_edited=True)
        changed = [(each, wanted[name]) for name, each in there.items() if each.account != wanted[name]]
        await asyncio.gather(*(each.change(account) for each, account in changed))
        leaving = [each.account for name, each in self._at_work.items() if name not in there]
        new = (account for name, account in wanted.items() if name not in there)
        await asyncio.gather(*(self._begin_after(leaving, account) for account in new))
        self._look_ahead(settings, {account.name for _, account in changed})
        self.probe()

    def _let_go(self, settings: Settings, wanted: Container[str]) -> None:
        identities = {_identity(account) for account in settings.accounts}
        for name, each in self._at_work.items():
            if name not in wanted:
                each.leave(gives_back=_identity(each.account) not in identities)
                each.wake()

    async def _begin_after(self, leaving: Iterable[Account], account: Account) -> None:
        """Have it at work once who had its name, or is the same account by another name, has made its last call."""
        before = [self._lives[each.name] for each in leaving if _is_same(each, account) and each.name in self._lives]
        if before:
            await asyncio.wait(before)
        self._begin(account)

    def probe(self) -> None:
        """Look again now, also at accounts that rest since their key was refused."""
        for each in self._at_work.values():
            each.lane.probe()
        self.wake("a load of the file")

    def _begin(self, account: Account) -> None:
        lane = Lane(
            account.name,
            self._around.client(account, tally=self._tally),
            self._writer,
            claimant=self._right.holder,
            may_call=lambda: self._right.is_valid,
            now=self._now,
            chance=self._around.chance(),
            dry_run=self._dry_run,
            tally=self._tally,
        )
        self._tally.expect(account.name)
        reconciler = Reconciler(self._ruleset, lane, self._writer, rules_since=self._now(), in_force=self._since)
        new = AccountAtWork(account, lane, reconciler, self._writer, self._downtime, self._around)
        self._at_work[account.name] = new
        self.pulses.add(lane.pulse)
        self.pulses.add(new.pulse)
        self._lives[account.name] = self._crew.begin(self._life(new), f"account {account.name}")

    async def _life(self, one: AccountAtWork) -> None:
        lane = self._crew.begin(one.lane.run(), f"lane {one.account.name}")
        await one.passes(self._tick)
        if one.has_left:
            one.lane.stop()
            await asyncio.wait([lane])
            await self._end(one)

    async def _tick(self) -> None:
        """Note up to when all accounts were seen to: what ends later was seen to by nobody where one was cut off."""
        passed = [each.passed_at for each in self._at_work.values()]
        seen_to = min((at for at in passed if at is not None), default=None)
        if seen_to is not None and None not in passed:
            await self._writer.do(lambda connection: work.record_tick(connection, self._daemon, seen_to))
            self.ticked_at = seen_to
            self.tick.beat()

    async def _end(self, one: AccountAtWork) -> None:
        name = one.account.name
        await one.lane.client.close()
        if not self._dry_run:
            others = [other for other in self._at_work if other != name]
            tell_left_paused(await self._writer.do(lambda connection: self._release(connection, others)))
        del self._at_work[name], self._lives[name]
        _log.info("account ended: it isn't in the file any more", account=name)

    def _release(self, connection: Connection, accounts: Collection[str]) -> list[Custody]:
        work.end_orphans(connection, accounts, self._now())
        return work.release_orphans(connection, accounts, self._now())

    def _look_ahead(self, settings: Settings, changed: Container[str]) -> None:
        """Ask the API about accounts with other rules than before, or another key; places are those of this file."""
        rules = _by_account(settings.ruleset.rules)
        names = [account.name for account in settings.accounts]
        asked = {name for name, looking in self._ahead.items() if looking.done() and name not in changed}
        stale = [name for name in names if name not in asked or rules.get(name) != self._rules.get(name)]
        for name in {*stale, *(self._ahead.keys() - set(names))} & self._ahead.keys():
            looking, one = self._ahead.pop(name), self._at_work.get(name)
            if one is None:
                looking.cancel()
            else:
                self._aside.begin(_end_between_calls(looking, one.lane), f"end of a preflight {name}")
        for name in stale:
            there = self._at_work[name]
            ahead = at_start(
                settings,
                there.lane,
                self._writer,
                self._now,
                after=there.has_passed,
                at_once=self._at_once,
                rest=max(timedelta(), self._calm_until - self._now()),
            )
            self._ahead[name] = self._aside.begin(ahead, f"preflight {name}")
        self._rules = rules

    def lanes(self) -> list[tuple[str, Lane]]:
        """Those at work, by account."""
        return [(name, each.lane) for name, each in self._at_work.items()]

    def resting(self) -> list[str]:
        """Those that make no call now, since their key was refused."""
        return [name for name, each in self._at_work.items() if each.lane.is_resting]

    def stop(self) -> None:
        """End all of them after what they are about now."""
        for each in self._at_work.values():
            each.stop()

    async def close(self) -> None:
        """Close the connections of all."""
        for each in self._at_work.values():
            await each.lane.client.close()


def tell_left_paused(owed: Iterable[Custody]) -> None:
    """Say of each campaign that nobody can give it back any more."""
    for held in owed:
        _log.error(_LEFT_PAUSED, account=held.account, campaign=held.campaign)


def _by_account(rules: Iterable[Rule]) -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.account, []).append(rule)
    return found


async def _end_between_calls(looking: asyncio.Task[None], lane: Lane) -> None:
    """End a look at the API; a call that is cut off would be handled there all the same, beside the next one."""
    async with lane.turn():
        looking.cancel()


def _is_same(one: Account, other: Account) -> bool:
    return one.name == other.name or _identity(one) == _identity(other)


def _identity(account: Account) -> tuple[str, str, int | None]:
    return account.base_url, account.api_key, account.company_id
