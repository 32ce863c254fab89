"""One pass: read what is wanted, look at what is, plan the difference, record it, and hand it to the lanes."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from rules.ruleset import Action, Ruleset, Subject, Timeline
from scheduler.client import Campaign, Client
from scheduler.errors import ApiError, KeyRefused, RateLimited
from scheduler.lanes import Lane, lasts
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Writer
from scheduler.ledger.records import Custody, Intent, Known, Seen, State, Status
from scheduler.logs import logger
from scheduler.plan import (
    INSTANT,
    RECHECK,
    Again,
    Decided,
    Due,
    GiveUp,
    Release,
    Situation,
    Step,
    StillPaused,
    Withdraw,
    plan,
)

# Pauses by id don't wait longer for the list; what it would have told is asked again at the next tick.
LIST_TIMEOUT: Final = timedelta(seconds=10)
# How long a list may show what was before a change of ours: meanwhile, what it says against it is asked again.
LIST_LAG: Final = timedelta(hours=1)
# What is tried again after the list that confirms an edge is confirmed by the tick: each alone would cost a list.
CONFIRM_GAP: Final = timedelta(seconds=10)
# What is to be asked again before the next tick is asked now.
_SLACK: Final = timedelta(seconds=30)
# Passes follow one another within a minute. After longer, or on a clock that was put back, what is wanted may look the
# same as at the last one, though windows have come and gone, or are still to come.
_IN_A_ROW: Final = timedelta(minutes=2)

_log = logger()


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the API says of all campaigns; a status of None couldn't be had for certain."""

    seen: Sequence[Seen]
    statuses: Mapping[int, str | None]


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What a pass has brought: calls to make, and steps that are worth a line in the log."""

    intents: list[Intent]
    steps: list[Step]
    taken_up: list[int]


@dataclass(frozen=True, slots=True)
class _Records:
    """What the ledger says of an account before a pass."""

    custody: Mapping[int, Custody]
    known: Mapping[int, Sequence[Known]]
    stored: Sequence[Seen]


class _Begun(NamedTuple):
    """What has begun for the campaigns of some rules: a span, the last window in it that isn't resumed from, a hold."""

    rules: tuple[str, ...]
    span: datetime | None
    kept: datetime | None
    hold: datetime | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the rules and our debts ask of an account now; two that are equal need no second look at the API."""

    starts: frozenset[_Begun]
    owed: frozenset[Custody]

    @property
    def is_quiet(self) -> bool:
        """Whether any campaign is in a span."""
        return any(each.span is not None for each in self.starts)


class Reconciler:
    """Passes over one account, each asking the API only where what is wanted has changed. They must not overlap."""

    def __init__(
        self,
        ruleset: Ruleset,
        lane: Lane,
        writer: Writer,
        *,
        rules_since: datetime,
        in_force: Mapping[str, datetime] | None = None,
    ) -> None:
        self._lane = lane
        self._account = lane.name
        self._take(ruleset)
        self._next_ruleset: Ruleset | None = None
        self._is_edited = False
        self._writer = writer
        self._rules_since = rules_since
        # Since when each rule is as it is. Without it, all are taken to have been so at the start.
        self._in_force = in_force or {}
        self._has_used_others = False
        self._is_new = True
        # What was wanted when the last list was had; None where the last try at one came to nothing.
        self._done: _Wanted | None = None
        self._listed_at = rules_since
        self._passed_at = rules_since
        self._confirmed_at: datetime | None = None
        # Whether the last list that was had showed nothing, though there were campaigns before.
        self._is_empty = False
        # The newest that is known of every campaign: what rules select by, whether the API can be asked or not.
        self._seen: dict[int, Seen] = {}
        # Since when other rules than before are for a campaign: it was moved, or got another name.
        self._selected_since: dict[int, datetime] = {}
        # When that was seen, not only found out at a start.
        self._moved_at: dict[int, datetime] = {}

    def _take(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        # A selector that finds nothing yet may do so when its window begins: that's asked then.
        self._of_selectors = [
            ruleset.timeline_of(Subject(account=self._account, campaign=None, selector=rule.selector))
            for rule in ruleset.rules
            if rule.account == self._account and rule.selector.is_online
        ]

    def use(self, ruleset: Ruleset, in_force: Mapping[str, datetime] | None = None, *, is_edited: bool = False) -> None:
        """Go by other rules from the next pass on; `in_force` says since when each is as it is, if that has changed.

        `is_edited`: those of another file. What they don't keep quiet any more is given back as of that pass, also
        where by the new rules its window would have ended days ago. Until that pass, no resume is made that was due by
        the rules before.
        """
        self._lane.holds_resumes = True
        self._next_ruleset = ruleset
        self._in_force = self._in_force if in_force is None else in_force
        self._is_edited = self._is_edited or is_edited

    async def _change_rules(self, now: datetime) -> None:
        """Go by the rules that came last, if any came; others may come while this waits for the ledger."""
        while (ruleset := self._next_ruleset) is not None:
            is_edited, self._is_edited, self._next_ruleset = self._is_edited, False, None
            held = await self._custody() if is_edited else {}
            quiet = [campaign for campaign in held if self._timeline(campaign).span_at(now)]
            self._take(ruleset)
            freed = [campaign for campaign in quiet if not self._timeline(campaign).span_at(now)]
            # What the new rules asked of it before wasn't asked of it.
            self._moved_at.update(dict.fromkeys(freed, now))
            self._rules_since, self._done, self._has_used_others = now, None, True
            self._selected_since.clear()

    async def run(self, now: datetime) -> None:
        """Make intents for every difference between what should be and what is, and queue them.

        The account is asked for its list of campaigns only where an edge has passed since the last pass that had one,
        to confirm what its lane has paused since, and every five minutes while any campaign is quiet; the first pass
        always asks, and so does one that doesn't follow right after the last.

        Raises:
            LedgerError: the ledger can't be read or written.
        """
        await self._change_rules(now)
        is_first, self._is_new = self._is_new, False
        if is_first:
            stored = await self._writer.do(lambda connection: work.every_campaign(connection, self._account))
            self._see(stored, self._rules_since)
        if not lasts(self._passed_at, self._passed_at + _IN_A_ROW, now=now):
            self._done = None
        self._passed_at = now
        custody = await self._custody()
        wanted = self._wanted(custody, now)
        if not self._is_due(wanted, now):
            self._lane.wake()
            return
        if self._lane.is_to_be_confirmed:
            self._confirmed_at = now
        # No call of the lane's may come between the list and what is made of it: a campaign that was paused meanwhile
        # would look like one that somebody has resumed.
        async with AsyncExitStack() as turn:
            listed = await self._list(turn, now)
            if listed is None and self._lane.is_stopping:
                # A call whose end nobody waited for may be handled still; the next daemon looks at what is due.
                return
            # The list may have taken seconds, and what's recorded is acted on at once.
            await self._change_rules(now)
            self._see(listed.seen if listed else (), now)
            record = self._record_first if is_first else self._record
            recorded = await self._writer.do(lambda connection: record(connection, listed, now))
        self._lane.holds_resumes = self._next_ruleset is not None
        self._lane.add(recorded.intents)
        for step in recorded.steps:
            self._count(step)
            _report(self._account, step)
        for campaign in recorded.taken_up:
            _log.info("a person acted on what was left paused", account=self._account, campaign=campaign)
        is_whole = listed is not None and None not in listed.statuses.values()
        # Where the key of a change is taken, the next pass has another.
        is_done = is_whole and not any(isinstance(step, Due) for step in recorded.steps)
        # With the names and folders that are known by now.
        self._done = self._wanted(custody, now) if is_done else None
        if is_whole:
            self._listed_at = now

    def _count(self, step: Step) -> None:
        match step:
            case Decided(new, state):
                self._lane.tally.decided(self._account, new.action, state)
            case Withdraw(_, known, _, is_success):
                self._lane.tally.decided(self._account, known.action, _withdrawn(is_success=is_success))
            case GiveUp(_, known):
                self._lane.tally.decided(self._account, known.action, State.FAILED)

    def _is_due(self, wanted: _Wanted, now: datetime) -> bool:
        """Whether the account is to be asked."""
        if self._done is None or self._done.starts != wanted.starts:
            return True
        if wanted.is_quiet and not lasts(self._listed_at, self._listed_at + RECHECK - _SLACK, now=now):
            return True
        if self._lane.is_to_be_confirmed:
            last = self._confirmed_at
            return last is None or not lasts(last, last + CONFIRM_GAP, now=now)
        # Somebody else has taken it into our custody, or the file's edges are as they were.
        return self._lane.is_drained and not wanted.owed <= self._done.owed

    def _see(self, seen: Iterable[Seen], now: datetime) -> None:
        for each in seen:
            before, is_moved = self._timeline(each.campaign), each.campaign in self._seen
            self._seen[each.campaign] = each
            if self._timeline(each.campaign) is not before:
                self._selected_since[each.campaign] = now
                if is_moved:
                    self._moved_at[each.campaign] = now

    def _timeline(self, campaign: int | None) -> Timeline:
        seen = self._seen.get(campaign or 0)
        name, folder = (seen.name, seen.folder) if seen else (None, None)
        return self._ruleset.timeline(self._account, campaign, name=name, folder=folder)

    def _timelines(self, custody: Iterable[int]) -> list[Timeline]:
        """Those of all campaigns that are or may be selected, or that we hold, each once."""
        campaigns = [None, *self._ruleset.named_campaigns(self._account), *custody, *self._seen]
        found = (*map(self._timeline, campaigns), *self._of_selectors)
        return list({id(timeline): timeline for timeline in found}.values())

    async def _custody(self) -> Mapping[int, Custody]:
        return await self._writer.do(lambda connection: work.custody_of(connection, self._account))

    def _wanted(self, custody: Mapping[int, Custody], now: datetime) -> _Wanted:
        return _Wanted(
            starts=frozenset(_begun(timeline, now) for timeline in self._timelines(custody)),
            owed=frozenset(custody.values()),
        )

    async def _list(self, turn: AsyncExitStack, now: datetime) -> _Listed | None:
        """All campaigns of the account, with its turn kept; None where they can't be had in time."""
        try:
            async with asyncio.timeout(LIST_TIMEOUT.total_seconds()):
                client = await turn.enter_async_context(self._lane.turn())
                if self._lane.is_resting or self._lane.is_stopping:
                    return None
                campaigns = await client.campaigns()
        except (ApiError, TimeoutError) as error:
            if isinstance(error, KeyRefused):
                self._lane.rest()
            if isinstance(error, RateLimited):
                self._lane.slow_down(error.retry_after)
            reason = str(error) or f"no list within {LIST_TIMEOUT.total_seconds():.0f} s"
            _log.warning("no list of campaigns", account=self._account, error=reason)
            return None
        was_empty, self._is_empty = self._is_empty, not campaigns and await self._had_campaigns()
        if self._is_empty:
            # Once: where all of them are really gone, it's so for ever.
            if not was_empty:
                _log.warning("the list of campaigns is suddenly empty; the last one counts on", account=self._account)
            return None
        self._lane.confirmed()
        statuses = {each.id: each.status for each in campaigns} | await self._in_doubt(client, campaigns, now)
        seen = [
            Seen(campaign=each.id, name=each.name, status=statuses[each.id] or each.status, folder=each.folder)
            for each in campaigns
        ]
        return _Listed(seen, statuses)

    async def _had_campaigns(self) -> bool:
        return bool(await self._writer.do(lambda connection: work.stored_list(connection, self._account)))

    async def _in_doubt(self, client: Client, campaigns: Iterable[Campaign], now: datetime) -> dict[int, str | None]:
        """What those do of which the list says something else than we did: it may be older, so each is asked itself."""
        custody = await self._custody()
        changed = await self._writer.do(lambda connection: work.last_changes(connection, self._account, now - LIST_LAG))
        paused = {*custody, *(campaign for campaign, action in changed.items() if action is Action.PAUSE)}
        doubted = {Status.RUNNING.value: paused, Status.PAUSED.value: changed.keys() - paused}
        asked = (each.id for each in campaigns if each.id in doubted.get(each.status, custody))
        found: dict[int, str | None] = dict.fromkeys(asked)
        with suppress(TimeoutError):
            async with asyncio.timeout(LIST_TIMEOUT.total_seconds()):
                for campaign in found:
                    with suppress(ApiError):
                        found[campaign] = (await client.campaign(campaign)).status
        return found

    def _record(self, connection: Connection, listed: _Listed | None, now: datetime) -> _Recorded:
        recorded = _Recorded([], [], [])
        if listed is not None:
            work.store_list(connection, self._account, listed.seen, now)
            still = [each for each, status in listed.statuses.items() if status not in {None, Status.RUNNING}]
            work.confirm(connection, self._account, frozenset(still), now)
            recorded.taken_up.extend(work.take_up(connection, self._account, listed.statuses, now))
        for situation in self._situations(self._read(connection, listed, now), listed, now):
            for step in plan(situation):
                if isinstance(step, Due) and (added := work.record_intent(connection, step.intent, now)):
                    recorded.intents.append(added)
                elif isinstance(step, Again):
                    if again := work.reopen(connection, step.account, step.known, step.reason, now):
                        recorded.intents.append(again)
                        recorded.steps.append(step)
                elif isinstance(step, Due) or _perform(connection, step, now):
                    recorded.steps.append(step)
        return recorded

    def _record_first(self, connection: Connection, listed: _Listed | None, now: datetime) -> _Recorded:
        """What an earlier life has left to do is done from here on, as far as the rules still want it."""
        recorded = self._record(connection, listed, now)
        return replace(recorded, intents=work.open_intents(connection, self._account))

    def _read(self, connection: Connection, listed: _Listed | None, now: datetime) -> _Records:
        custody = work.custody_of(connection, self._account)
        timelines = self._timelines(custody)
        spans = [span for span in (timeline.span_at(now) for timeline in timelines) if span is not None]
        # A hold before a span has a say in it.
        earlier = max(timeline.longest_catch_up for timeline in timelines)
        since = min([now, *(span.start for span in spans), *(held.due_at for held in custody.values())]) - earlier
        # How far one without a beginning was followed back is no bound for what was done in it.
        is_beginless = any(span.is_beginless for span in spans)
        known: dict[int, list[Known]] = {}
        for each in work.known_changes(connection, self._account, since, with_newest=is_beginless):
            known.setdefault(each.campaign, []).append(each)
        # Only where there's no list of now.
        stored = work.stored_list(connection, self._account) if listed is None else []
        return _Records(custody, known, stored)

    def _situations(self, records: _Records, listed: _Listed | None, now: datetime) -> Iterable[Situation]:
        for campaign in sorted(self._subjects(records, listed)):
            custody = records.custody.get(campaign)
            yield Situation(
                account=self._account,
                campaign=campaign,
                timeline=self._timeline(campaign),
                now=now,
                rules_since=self._selected_since.get(campaign, self._rules_since),
                status=listed.statuses.get(campaign) if listed else None,
                custody=custody,
                known=records.known.get(campaign, ()),
                moved_at=self._moved_at.get(campaign),
                in_force=self._in_force,
                edited_at=self._edited_at(custody) if custody else None,
            )

    def _edited_at(self, custody: Custody) -> datetime | None:
        """When other rules took the place of those that a campaign was paused by, as far as anybody knows."""
        if self._has_used_others:
            return self._rules_since
        there = self._timeline(custody.campaign).rules
        # An exception isn't in force by a file. A rule that is gone was there until this start.
        ruled = [rule for rule in custody.rules if rule in self._in_force or rule not in there]
        newest = max((self._in_force.get(rule, self._rules_since) for rule in ruled), default=custody.taken_at)
        return newest if self._in_force and newest > custody.taken_at else None

    def _subjects(self, records: _Records, listed: _Listed | None) -> set[int]:
        waiting = {
            campaign for campaign, known in records.known.items() if any(each.state is State.WAITING for each in known)
        }
        subjects = {*self._ruleset.named_campaigns(self._account), *records.custody, *waiting}
        if not self._ruleset.selects_unnamed(self._account):
            return subjects
        if listed is not None:
            return subjects | set(listed.statuses)
        # The stored list says which campaigns there are, not what they do now: those that ran are paused unseen.
        return subjects | {each.campaign for each in records.stored if each.status == Status.RUNNING}


def _begun(timeline: Timeline, now: datetime) -> _Begun:
    span = timeline.span_at(now)
    holds = timeline.holds(now - timeline.longest_catch_up, now + INSTANT)
    kept = [window.start for window in span.windows if not window.label.is_resumed] if span else []
    return _Begun(
        rules=timeline.rules,
        span=span.start if span else None,
        kept=max((start for start in kept if start <= now), default=None),
        hold=holds[-1].at if holds else None,
    )


def _perform(connection: Connection, step: Decided | Withdraw | Release | GiveUp | StillPaused, now: datetime) -> bool:
    """Record a step that needs no call; False where it's on record already."""
    match step:
        case Decided(new, state, reason):
            return work.record_decision(connection, new, state, reason, now) is not None
        case Withdraw(account, known, reason, is_success):
            return work.withdraw(connection, account, known, reason, now, _withdrawn(is_success=is_success))
        case GiveUp(account, known, reason):
            return work.give_up(connection, account, known, reason, now)
        case StillPaused(account, known):
            return work.end_doubt(connection, account, known)
        case Release(custody, reason, is_left):
            return (work.leave if is_left else work.release)(connection, custody, reason, now)


def _withdrawn(*, is_success: bool) -> State:
    return State.SUCCEEDED if is_success else State.SKIPPED


def _report(account: str, step: Step) -> None:
    match step:
        case Due(new):
            # Nothing else has this instant and this campaign, unless two daemons work on one ledger.
            facts = {"campaign": new.campaign, "due_at": new.due_at}
            _log.warning(f"{new.action} is on record already, and isn't made again", account=account, **facts)
        case Decided(new, state, reason):
            write = _log.error if state is State.MISSED else _log.info
            facts = {"campaign": new.campaign, "rules": new.rules, "due_at": new.due_at, "reason": reason}
            write(f"{new.action} {state}", account=account, **facts)
        case Withdraw(_, known, reason, is_success):
            facts = {"campaign": known.campaign, "due_at": known.due_at, "reason": reason}
            _log.info(f"{known.action} {_withdrawn(is_success=is_success)}", account=account, **facts)
        case Again(_, known, reason):
            facts = {"campaign": known.campaign, "due_at": known.due_at, "reason": reason}
            _log.warning("pause without effect", account=account, **facts)
        case GiveUp(_, known, reason):
            facts = {"campaign": known.campaign, "due_at": known.due_at, "reason": reason}
            _log.error(f"{known.action} failed", account=account, **facts)
        case Release(custody, reason):
            _log.info("custody released", account=account, campaign=custody.campaign, reason=reason)
