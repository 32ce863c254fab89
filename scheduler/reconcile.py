"""One pass: read what is wanted, look at what is, plan the difference, record it, and hand it to the lanes."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rules.ruleset import Ruleset, Timeline
from scheduler.errors import ApiError
from scheduler.lanes import Lane
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Writer
from scheduler.ledger.records import Custody, Intent, Known, Seen, State
from scheduler.logs import logger
from scheduler.plan import CATCH_UP, Decided, Due, Release, Situation, Step, Withdraw, plan

# Pauses by id don't wait longer for the list; what it would have told is asked again at the next tick.
LIST_TIMEOUT: Final = timedelta(seconds=10)

_log = logger()


@dataclass(frozen=True, slots=True)
class _Records:
    """What the ledger says of an account before a pass."""

    custody: Mapping[int, Custody]
    known: Mapping[int, Sequence[Known]]
    stored: Sequence[Seen]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the rules and our debts ask of an account now; two that are equal need no second look at the API."""

    starts: frozenset[tuple[tuple[str, ...], datetime | None, datetime | None]]
    owed: frozenset[Custody]


class Reconciler:
    """Passes over all accounts, each as often as what is wanted of it has changed."""

    def __init__(self, ruleset: Ruleset, lanes: Iterable[Lane], writer: Writer, *, rules_since: datetime) -> None:
        self._ruleset = ruleset
        self._lanes = tuple(lanes)
        self._writer = writer
        self._rules_since = rules_since
        self._done: dict[str, _Wanted] = {}

    async def run(self, now: datetime) -> None:
        """Make intents for every difference between what should be and what is, and queue them.

        An account is asked for its list of campaigns only where an edge has passed, or a debt has changed, since the
        last pass that had one; the first pass always asks.

        Raises:
            LedgerError: the ledger can't be read or written.
        """
        await asyncio.gather(*(self._account(lane, now) for lane in self._lanes))

    async def _account(self, lane: Lane, now: datetime) -> None:
        custody = await self._writer.do(lambda connection: work.custody_of(connection, lane.name))
        wanted = self._wanted(lane.name, custody.values(), now)
        if self._done.get(lane.name) == wanted:
            return
        # No call of the lane's may come between the list and what is made of it: a campaign that was paused meanwhile
        # would look like one that somebody has resumed.
        async with AsyncExitStack() as turn:
            listed = await self._list(lane, turn)
            intents = await self._writer.do(lambda connection: self._record(connection, lane.name, listed, now))
        lane.add(intents)
        if listed is not None:
            self._done[lane.name] = wanted

    def _wanted(self, account: str, custody: Iterable[Custody], now: datetime) -> _Wanted:
        campaigns = [None, *self._ruleset.named_campaigns(account), *(held.campaign for held in custody)]
        timelines = {id(found): found for found in (self._ruleset.timeline(account, each) for each in campaigns)}
        return _Wanted(
            starts=frozenset(_state(timeline, now) for timeline in timelines.values()), owed=frozenset(custody)
        )

    async def _list(self, lane: Lane, turn: AsyncExitStack) -> list[Seen] | None:
        """All campaigns of the account, with its turn kept; None where the API can't be asked in time."""
        try:
            async with asyncio.timeout(LIST_TIMEOUT.total_seconds()):
                client = await turn.enter_async_context(lane.turn())
                campaigns = await client.campaigns()
        except (ApiError, TimeoutError) as error:
            reason = str(error) or f"no list within {LIST_TIMEOUT.total_seconds():.0f} s"
            _log.warning("no list of campaigns", account=lane.name, error=reason)
            return None
        return [Seen(campaign=each.id, name=each.name, status=each.status, folder=each.folder) for each in campaigns]

    def _record(
        self, connection: Connection, account: str, listed: Sequence[Seen] | None, now: datetime
    ) -> list[Intent]:
        work.store_list(connection, account, listed or (), now)
        records = self._read(connection, account, now)
        intents: list[Intent] = []
        for situation in self._situations(account, records, listed, now):
            for step in plan(situation):
                intents += _perform(connection, step, now)
        return intents

    def _read(self, connection: Connection, account: str, now: datetime) -> _Records:
        custody = work.custody_of(connection, account)
        since = min([now - CATCH_UP, *self._span_starts(account, now), *(held.due_at for held in custody.values())])
        known: dict[int, list[Known]] = {}
        for each in work.known_changes(connection, account, since):
            known.setdefault(each.campaign, []).append(each)
        return _Records(custody, known, work.stored_list(connection, account))

    def _span_starts(self, account: str, now: datetime) -> list[datetime]:
        campaigns = [None, *self._ruleset.named_campaigns(account)]
        spans = (self._ruleset.timeline(account, campaign).span_at(now) for campaign in campaigns)
        return [span.start for span in spans if span is not None]

    def _situations(
        self, account: str, records: _Records, listed: Sequence[Seen] | None, now: datetime
    ) -> Iterable[Situation]:
        statuses = {each.campaign: each.status for each in listed or ()}
        for campaign in sorted(self._subjects(account, records, listed)):
            yield Situation(
                account=account,
                campaign=campaign,
                timeline=self._ruleset.timeline(account, campaign),
                now=now,
                rules_since=self._rules_since,
                status=statuses.get(campaign),
                custody=records.custody.get(campaign),
                known=records.known.get(campaign, ()),
            )

    def _subjects(self, account: str, records: _Records, listed: Sequence[Seen] | None) -> set[int]:
        waiting = {
            campaign for campaign, known in records.known.items() if any(each.state is State.WAITING for each in known)
        }
        subjects = {*self._ruleset.named_campaigns(account), *records.custody, *waiting}
        if not self._ruleset.selects_unnamed(account):
            return subjects
        if listed is not None:
            return subjects | {each.campaign for each in listed}
        # The stored list says which campaigns there are, not what they do now: those that ran are paused unseen.
        return subjects | {each.campaign for each in records.stored if each.status == "RUNNING"}


def _state(timeline: Timeline, now: datetime) -> tuple[tuple[str, ...], datetime | None, datetime | None]:
    span = timeline.span_at(now)
    holds = timeline.holds(now - CATCH_UP, now + timedelta(microseconds=1))
    rules = tuple(rule.name for rule in timeline.rules)
    return rules, span.start if span else None, holds[-1].at if holds else None


def _perform(connection: Connection, step: Step, now: datetime) -> list[Intent]:
    match step:
        case Due(new):
            added = work.record_intent(connection, new, now)
            return [] if added is None else [added]
        case Decided(new, state, reason):
            if work.record_decision(connection, new, state, reason, now) is not None:
                _report(step)
        case Withdraw(account, known, reason):
            if work.withdraw(connection, account, known, reason, now):
                facts = {"account": account, "campaign": known.campaign, "due_at": known.due_at}
                _log.info(f"{known.action} skipped", **facts, reason=reason)
        case Release(custody, reason):
            if work.release(connection, custody, reason, now):
                _log.info("custody released", account=custody.account, campaign=custody.campaign, reason=reason)
    return []


def _report(step: Decided) -> None:
    write = _log.error if step.state is State.MISSED else _log.info
    write(
        f"{step.intent.action} {step.state}",
        account=step.intent.account,
        campaign=step.intent.campaign,
        rules=", ".join(step.intent.rules),
        due_at=step.intent.due_at,
        reason=step.reason,
    )
