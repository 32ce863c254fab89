"""Stretches of time in which nobody looked at what was due, and what passed in them.

What is wanted now is made by the next pass; what has come and gone is recorded here, as missed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from rules.ruleset import Action, Ruleset, Timeline
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Writer
from scheduler.ledger.lives import account_until, pauses_on_record, seen_to_until
from scheduler.ledger.records import Custody, Seen, State, Status
from scheduler.logs import logger
from scheduler.passed import Passed, lines, passed
from scheduler.plan import why_not_pause
from scheduler.tally import Tally

# Somebody looks every two seconds. Where nobody did for longer, windows may have come and gone.
UNSEEN: Final = timedelta(seconds=10)
# Exceptions are kept in mind for so long: of what was due before, nobody knows whether a person wanted it otherwise.
LOOK_BACK: Final = timedelta(days=35)
_NO_DAEMON: Final = "while no daemon ran"
_NO_LOOK: Final = "while the daemon could do nothing"
_MOST_NAMED: Final = 10

_log = logger()


@dataclass(frozen=True, slots=True)
class _Miss:
    """What one line of the ledger says was missed, of one campaign; windows and holds with their rules."""

    account: str
    campaign: int
    rules: Collection[str]
    windows: Collection[tuple[str, datetime]]
    holds: Collection[tuple[str, datetime]] = ()


@dataclass(frozen=True, slots=True)
class Missed:
    """What was missed in one stretch of time, as one line of the log and the journal says it."""

    by_rule: Mapping[str, int]
    campaigns: int
    windows: int
    holds: int
    since: datetime
    until: datetime
    why: str

    @property
    def facts(self) -> dict[str, Any]:
        """In values that the journal takes."""
        named = sorted(self.by_rule)[:_MOST_NAMED]
        more = [f"and {len(self.by_rule) - _MOST_NAMED} more"] if len(self.by_rule) > _MOST_NAMED else []
        return {
            "why": f"they passed {self.why}",
            "windows": self.windows,
            "holds": self.holds,
            "campaigns": self.campaigns,
            "rules": ", ".join([*named, *more]),
            "since": _text(self.since),
            "until": _text(self.until),
        }


class Downtime:
    """Looks, one after the other, and what passed where there was none for a while.

    It goes by the rules of the last `use`. A dry run counts as no daemon: it records nothing of it.
    """

    def __init__(
        self,
        writer: Writer,
        now: Callable[[], datetime],
        daemon: int,
        *,
        dry_run: bool,
        tally: Tally | None = None,
    ) -> None:
        self._writer = writer
        self._now = now
        self._tally = tally or Tally()
        self._daemon = daemon
        self._dry_run = dry_run
        self._ruleset = Ruleset([])
        self._in_force: Mapping[str, datetime] = {}
        self._began_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._passed_at: dict[str, datetime] = {}
        self._turn = asyncio.Lock()

    def use(self, ruleset: Ruleset, in_force: Mapping[str, datetime]) -> None:
        """Go by these rules; `in_force` says since when each is as it is."""
        self._ruleset, self._in_force = ruleset, in_force

    async def look(self, account: str | None = None) -> datetime:
        """Somebody looks at what is due now: record what has passed since the last look, be it a daemon's before.

        Gives the instant that it was, which is never one from before another's look. `account` is one whose pass
        follows, by this same instant. What came and went since its last pass is recorded as well, however short a while
        that is: nobody has looked at what was due of this account meanwhile.

        Where the clock was put back, what is still to come is seen to by nobody yet.

        Raises:
            LedgerError: the ledger can't be written; the next look will find the same.
        """
        async with self._turn:
            now = self._now()
            if not self._dry_run:
                await self._look_back(now, account)
            return now

    async def _look_back(self, now: datetime, account: str | None) -> None:
        last = self._looked_at
        if last is None or abs(now - last) > UNSEEN:
            why = _NO_DAEMON if last is None else _NO_LOOK
            missed = await self._writer.do(lambda connection: self._record(connection, last, now, why))
            self._tell(missed)
        if account is not None:
            await self._look_at(account, now)
        self._began_at = self._began_at or now
        self._looked_at = now

    async def _look_at(self, account: str, now: datetime) -> None:
        last = self._passed_at.get(account, self._began_at)
        self._passed_at[account] = now
        rules = [rule.name for rule in self._ruleset.rules if rule.account == account]
        if last is not None and any(passed(self._ruleset.alone(rule), last, now) for rule in rules):
            self._tell(await self._writer.do(lambda connection: self._record_of(connection, account, last, now)))

    def _tell(self, missed: Missed | None) -> None:
        if missed is not None:
            self._tally.missed.update(missed.by_rule)
            _log.error("windows were missed", **missed.facts)

    def _record_of(self, connection: Connection, account: str, last: datetime, now: datetime) -> Missed | None:
        missed = _summary(list(self._misses(connection, account, last, now, _NO_LOOK)), last, now, _NO_LOOK)
        if missed is not None:
            work.note(connection, now, "windows missed", details=missed.facts)
        return missed

    def _record(self, connection: Connection, last: datetime | None, now: datetime, why: str) -> Missed | None:
        last = last or seen_to_until(connection, now)
        missed = None
        if last is not None:
            since = max(last, now - LOOK_BACK)
            accounts = self._ruleset.accounts()
            stretches = [(account, self._unseen_since(account, since)) for account in accounts]
            found = [miss for account, at in stretches for miss in self._misses(connection, account, at, now, why)]
            missed = _summary(found, since, now, why)
        if missed is not None:
            work.note(connection, now, "windows missed", details=missed.facts)
        account_until(connection, self._daemon, now)
        return missed

    def _unseen_since(self, account: str, looked_at: datetime) -> datetime:
        """From when on nobody has seen to an account: its pass may have hung since before the last look."""
        return min(looked_at, self._passed_at.get(account, self._began_at or looked_at))

    def _misses(
        self, connection: Connection, account: str, since: datetime, now: datetime, why: str
    ) -> Iterator[_Miss]:
        """Record what passed for one account, and give what was missed of it."""
        yield from _expired(connection, account, now)
        concerned = list(self._concerned(connection, account, since, now))
        if not concerned:
            return
        pauses = pauses_on_record(connection, account, min(found.since for _, found in concerned))
        custody = work.custody_of(connection, account)
        for seen, found in concerned:
            for line in lines(
                found,
                account=account,
                campaign=seen.campaign,
                pauses=pauses.get(seen.campaign, ()),
                in_force=self._in_force,
                why_quiet=_why_quiet(seen, custody),
                why=why,
            ):
                intent, state, reason = line.decided.intent, line.decided.state, line.decided.reason
                is_new = work.record_decision(connection, intent, state, reason, now) is not None
                if is_new and state is State.MISSED:
                    windows = [(window.rule, window.start) for window in line.windows]
                    holds = [(hold.rule, hold.at) for hold in line.holds]
                    yield _Miss(account, seen.campaign, intent.rules, windows, holds)

    def _concerned(
        self, connection: Connection, account: str, since: datetime, now: datetime
    ) -> Iterator[tuple[Seen, Passed]]:
        """The campaigns, as they were seen last, for which anything has passed."""
        by_timeline: dict[int, Passed] = {}
        for seen in self._campaigns(connection, account):
            timeline = self._timeline(account, seen)
            if id(timeline) not in by_timeline:
                by_timeline[id(timeline)] = passed(timeline, since, now)
            if found := by_timeline[id(timeline)]:
                yield seen, found

    def _timeline(self, account: str, seen: Seen) -> Timeline:
        return self._ruleset.timeline(account, seen.campaign, name=seen.name or None, folder=seen.folder)

    def _campaigns(self, connection: Connection, account: str) -> Iterator[Seen]:
        seen = {each.campaign: each for each in work.every_campaign(connection, account)}
        chosen = set(self._ruleset.named_campaigns(account))
        if self._ruleset.selects_unnamed(account):
            chosen |= {each.campaign for each in work.stored_list(connection, account)}
        for campaign in sorted(chosen):
            yield seen.get(campaign) or Seen(campaign=campaign, name="", status=Status.RUNNING)


def _expired(connection: Connection, account: str, now: datetime) -> Iterator[_Miss]:
    """End the pauses that were due, and for which the time is over now without any call."""
    for intent in work.open_intents(connection, account):
        if intent.action is Action.PAUSE and not intent.attempts and intent.expires_at <= now:
            reason = f"no call could be made before {intent.expires_at:%Y-%m-%d %H:%MZ}"
            if work.expire(connection, intent, State.MISSED, reason, now):
                windows = [(rule, intent.due_at) for rule in intent.rules]
                yield _Miss(account, intent.campaign, intent.rules, windows)


def _why_quiet(seen: Seen, custody: Mapping[int, Custody]) -> str | None:
    """Why a campaign had nothing to be paused, as far as anybody knows; None where it had."""
    is_ours = seen.campaign in custody
    why = why_not_pause(Status.PAUSED if is_ours else seen.status, is_ours=is_ours)
    return f"{why} when it was seen last" if why else None


def _summary(misses: Collection[_Miss], since: datetime, until: datetime, why: str) -> Missed | None:
    if not misses:
        return None
    windows = {window for miss in misses for window in miss.windows}
    holds = {hold for miss in misses for hold in miss.holds}
    return Missed(
        by_rule=Counter(rule for rule, _ in (*windows, *holds)),
        campaigns=len({(miss.account, miss.campaign) for miss in misses}),
        windows=len(windows),
        holds=len(holds),
        since=since,
        until=until,
        why=why,
    )


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
