"""The queue of one account: one call in flight, pauses before resumes, again and again until each intent has ended.

Every attempt is in the ledger before its call goes out, and its outcome right after.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from rules.ruleset import Action
from scheduler.client import Client
from scheduler.errors import ApiError, KeyRefused, LeaseLost, NeverAgain, RateLimited, TryLater
from scheduler.ledger import work
from scheduler.ledger.calls import End, Start, end_attempts, give_back, start_attempts
from scheduler.ledger.database import Writer
from scheduler.ledger.records import Intent, Outcome, Result, State, Status, error_text
from scheduler.logs import logger
from scheduler.plan import RUNS_BY_US, why_not_pause, why_not_resume
from scheduler.pulse import Pulse
from scheduler.tally import Tally

FIRST_BACKOFF: Final = timedelta(seconds=2)
LONGEST_BACKOFF: Final = timedelta(minutes=5)
# What is put between calls where the API says that they are too many, twice as much each time it says so again.
FIRST_GAP: Final = timedelta(milliseconds=500)
LONGEST_GAP: Final = timedelta(seconds=30)
# How long an account rests whose key is refused; the next call is the probe.
REFUSED_REST: Final = timedelta(minutes=5)
# A look at the campaign's status must not hold up its pause.
LOOK_TIMEOUT: Final = timedelta(seconds=10)
# How long a list is believed: what it showed running a while ago may have been paused by a person since.
JUST_NOW: Final = timedelta(minutes=1)
# A call that was begun so long ago has gone out, and isn't held up by what is done for the next one.
SENT_BY_NOW: Final = timedelta(milliseconds=2)
# How the client names a connection that was never had, so that nothing was sent on it.
_NOT_SENT: Final = ("ConnectError", "no answer in time (ConnectTimeout")

_LEVELS: Final = {"retried": logging.WARNING, "failed": logging.ERROR, "missed": logging.ERROR}

_log = logger()


@dataclass(frozen=True, slots=True)
class _Claim:
    """An attempt that is being claimed, and its number, once that's committed."""

    start: Start
    number: asyncio.Future[int | None]


class Lane:
    """The intents of one account, in the order in which they are tried."""

    def __init__(
        self,
        name: str,
        client: Client,
        writer: Writer,
        *,
        claimant: str,
        now: Callable[[], datetime],
        chance: random.Random,
        may_call: Callable[[], bool] = lambda: True,
        dry_run: bool = False,
        tally: Tally | None = None,
    ) -> None:
        self.name = name
        self.client = client
        self.tally = tally or Tally()
        self.pulse = Pulse(f"lane {name}")
        self._writer = writer
        self._claimant = claimant
        self._now = now
        self._chance = chance
        self._may_call = may_call
        self._dry_run = dry_run
        self._turn = asyncio.Lock()
        self._wanted_by = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self._waiting: dict[int, Intent] = {}
        self._rest: tuple[datetime, datetime] | None = None
        self._gap = timedelta()
        self._pace: tuple[datetime, datetime] | None = None
        self._is_calling = False
        self._is_to_be_confirmed = False
        self._is_drain_told = True
        # Whether it resumes at all: an account that goes by another name is to stay as it is.
        self.gives_back = True
        # Whether resumes wait: by rules that have just come, they may not be owed.
        self.holds_resumes = False
        # A fault of the program in what follows from a commit.
        self._fault: Exception | None = None
        # Called when nothing is left to do after a pause, so that somebody looks whether it has worked, and after what
        # has expired.
        self.when_drained: Callable[[], None] = lambda: None
        # Set by each list that is had, so that somebody who couldn't ask the account knows when it's worth a try.
        self.is_listed = asyncio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Client]:
        """The right to make a call: Woodpecker handles one at a time for each account, lists included."""
        self._wanted_by += 1
        try:
            await self._turn.acquire()
        finally:
            self._wanted_by -= 1
        try:
            yield self.client
        finally:
            self._turn.release()

    @asynccontextmanager
    async def spare_turn(self) -> AsyncIterator[Client]:
        """The right to make a call that can wait: it's had while the lane has nothing to do.

        Raises:
            KeyRefused: the account rests.
        """
        async with AsyncExitStack() as stack:
            client = await self._spare(stack)
            if self.is_resting:
                raise KeyRefused("it was refused a moment ago, and is tried again in a few minutes")
            yield client

    async def _spare(self, stack: AsyncExitStack) -> Client:
        while True:
            await self._idle.wait()
            client = await stack.enter_async_context(self.turn())
            if self.is_drained or self.is_resting:
                return client
            # Set again by `run`, when it has nothing left to do.
            self._idle.clear()
            await stack.aclose()

    def add(self, intents: Iterable[Intent]) -> None:
        """Queue intents that are in the ledger."""
        self._waiting.update({intent.id: intent for intent in intents})
        self.wake()

    def wake(self) -> None:
        """Look at the clock again: how long it was to sleep was counted before the clock was stepped."""
        self._wake.set()

    def rest(self) -> None:
        """Make no call for a while: the key was refused, and so would all others be."""
        self._rest = self._now(), self._now() + REFUSED_REST

    def probe(self) -> None:
        """Call again now although the key was refused: it may be another one, or be good by now."""
        if self.is_resting:
            now = self._now()
            self._rest = None
            self._waiting = {
                number: replace(intent, next_attempt_at=min(now, intent.next_attempt_at))
                for number, intent in self._waiting.items()
            }
        self.wake()

    async def use(self, client: Client) -> Client:
        """Make calls by another client from here on; gives the one before, which makes none any more."""
        async with self.turn():
            before, self.client = self.client, client
        return before

    @property
    def depth(self) -> int:
        """How many intents wait, those that back off or wait for the ledger included."""
        return len(self._waiting) + self._is_calling

    @property
    def is_resting(self) -> bool:
        """Whether no call is to be made now, lists included."""
        return self._rest is not None and lasts(*self._rest, now=self._now())

    def slow_down(self, asked: timedelta | None = None) -> None:
        """Put a gap between calls, a larger one each time: the account makes too many. `asked` counts at least."""
        self._gap = min(LONGEST_GAP, max(self._gap * 2, FIRST_GAP))
        self._keep_gap(min(LONGEST_GAP, asked or timedelta()))

    def _speed_up(self) -> None:
        self._gap = self._gap / 2 if self._gap > FIRST_GAP else timedelta()

    def _keep_gap(self, at_least: timedelta = timedelta()) -> None:
        """The gap before the next call, with full jitter: the lanes of one key were told so at the same time."""
        now = self._now()
        end = now + max(at_least, self._gap * self._chance.random())
        if now < end and not (self._is_paced and self._pace and end < self._pace[1]):
            self._pace = now, end

    @property
    def _is_paced(self) -> bool:
        return self._pace is not None and lasts(*self._pace, now=self._now())

    @property
    def is_drained(self) -> bool:
        """Whether all that is due has ended, or waits for another time."""
        return not (self._is_calling or any(self._ready()))

    def _ready(self) -> Iterator[Intent]:
        """What has expired, or is due but for a rest or the pace of the account."""
        # There may be thousands, and it's asked before each call: what holds for all of them is found out once.
        now, may_resume = self._now(), self._may_resume
        for intent in self._waiting.values():
            is_held_back = intent.action is Action.RESUME and not may_resume
            is_due = not (is_held_back or lasts(intent.waits_since, intent.next_attempt_at, now=now))
            if is_due or intent.expires_at <= now:
                yield intent

    @property
    def _may_resume(self) -> bool:
        """Whether anybody can prove that a resume is owed: the ledger can be written, and no rules are new."""
        return self.gives_back and not self.holds_resumes and self._writer.fault is None

    def _is_held_back(self, intent: Intent) -> bool:
        return intent.action is Action.RESUME and not self._may_resume

    @property
    def is_to_be_confirmed(self) -> bool:
        """Whether pauses had success since the last list, and no more are under way."""
        return self._is_to_be_confirmed and self.is_drained

    def confirmed(self) -> None:
        """A list was had, which shows what came of the pauses before it."""
        self._is_to_be_confirmed = False
        self.is_listed.set()

    def stop(self) -> None:
        """End `run` after the call in flight; what is still queued stays in the ledger for the next start."""
        self._stopping = True
        self.wake()

    @property
    def is_stopping(self) -> bool:
        """Whether it makes no call any more, and neither is anybody else to make one in its turn."""
        return self._stopping

    async def run(self) -> None:
        """Work until `stop`.

        Raises:
            LedgerError: the ledger can't be written.
        """
        while not self._stopping:
            self.pulse.beat()
            self._wake.clear()
            if self._next() is None:
                self._tell_idle()
                self.pulse.rest()
                await self._sleep()
            else:
                await self._work_in_turn()
        self.pulse.rest()

    async def _work_in_turn(self) -> None:
        async with self.turn():
            # Whoever had the turn before may have taken seconds, and brought pauses that go first.
            intent = None if self._stopping else self._next()
            if intent is not None:
                self._is_calling = True
                try:
                    await self._work(intent)
                finally:
                    self._is_calling = False
                self._keep_gap()

    def _tell_idle(self) -> None:
        if not self._is_paced:
            self._idle.set()
        if not self._is_drain_told and self.is_drained:
            self._is_drain_told = True
            self.when_drained()

    def _next(self) -> Intent | None:
        now = self._now()
        is_held = self.is_resting or self._is_paced
        ready = (intent for intent in self._ready() if not is_held or intent.expires_at <= now)
        return min(ready, key=_precedence, default=None)

    async def _sleep(self) -> None:
        delay = (self._next_change() - self._now()).total_seconds() if self._waiting else None
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return

    def _next_change(self) -> datetime:
        expiry = min(intent.expires_at for intent in self._waiting.values())
        to_come = (each.next_attempt_at for each in self._waiting.values() if not self._is_held_back(each))
        attempt = min(to_come, default=expiry)
        return min(expiry, max([attempt, *(wait[1] for wait in (self._rest, self._pace) if wait)]))

    async def _work(self, intent: Intent) -> None:
        del self._waiting[intent.id]
        began = self._now()
        if began >= intent.expires_at:
            await self._expire(intent)
            return
        intent, result = await self._look_first(intent)
        # What needs no call, or couldn't be looked at, is recorded as a whole: no call of it can have arrived.
        now = self._now()
        start = Start(intent, self._claimant, began if result else now, result, now)
        number = await self._writer.submit(start_attempts, start)
        if number is not None and result is not None:
            self._go_on(intent, number, result, now)
        elif number is not None and self._is_held_back(intent):
            await self._writer.submit(give_back, start)
            self._waiting[intent.id] = intent
        elif number is not None:
            await self._call_on(intent, number)

    async def _call_on(self, intent: Intent, number: int) -> None:
        """Call, and then whatever could be claimed in the meantime: no call waits for the disk."""
        claimed: tuple[Intent, int] | None = (intent, number)
        before: asyncio.Future[None] | None = None
        while claimed:
            ahead: list[_Claim] = []
            soon = asyncio.get_running_loop().call_later(SENT_BY_NOW.total_seconds(), self._claim_ahead, ahead)
            began = self._now()
            try:
                try:
                    result = await self._call(*claimed)
                finally:
                    soon.cancel()
                following = ahead[0] if ahead else None
                undone = self._give_back_unless_free(following)
                recorded = self._record(End(*claimed, began, result, self._now()))
                await self._gone_on(before)
                before = recorded
                claimed = await self._now_claimed(following, undone)
            except BaseException:
                for claim in ahead:
                    # Nobody is there to wait for it; the writer does it before it ends.
                    claim.number.add_done_callback(_overlook)
                    self._writer.submit(give_back, claim.start).add_done_callback(_overlook)
                raise
        await self._gone_on(before)

    def _record(self, end: End) -> asyncio.Future[None]:
        """Record how an attempt ended, and go on with its intent as soon as that's committed."""

        def go_on(recorded: asyncio.Future[None]) -> None:
            if recorded.cancelled() or recorded.exception() is not None:
                return
            try:
                self._go_on(end.intent, end.number, end.result, end.at)
            except Exception as fault:  # noqa: BLE001 -- raised by `_gone_on`; here, the event loop would swallow it
                self._fault = fault

        recorded = self._writer.submit(end_attempts, end)
        recorded.add_done_callback(go_on)
        return recorded

    async def _gone_on(self, recorded: asyncio.Future[None] | None) -> None:
        """Wait until an end is recorded, and raise what has gone wrong in what follows from it.

        Raises:
            LedgerError: it can't be recorded.
        """
        if recorded is not None:
            await recorded
        if self._fault is not None:
            raise self._fault

    def _claim_ahead(self, ahead: list[_Claim]) -> None:
        """Claim what can be called right after the call in flight, since nobody has to look at it first."""
        is_free = self._wanted_by == 0 and not (self._stopping or self._dry_run or self._gap)
        intent = self._next() if is_free else None
        if intent is not None and self._needs_no_look(intent):
            del self._waiting[intent.id]
            start = Start(intent, self._claimant, self._now())
            ahead.append(_Claim(start, self._writer.submit(start_attempts, start)))

    def _give_back_unless_free(self, claim: _Claim | None) -> asyncio.Future[None] | None:
        """Undo a claim where the call before it has shown that it mustn't follow now."""
        is_held = self._stopping or self.is_resting or self._is_paced
        if claim is None or not (is_held or self._now() >= claim.start.intent.expires_at):
            return None
        return self._writer.submit(give_back, claim.start)

    async def _now_claimed(
        self, claim: _Claim | None, undone: asyncio.Future[None] | None
    ) -> tuple[Intent, int] | None:
        """What is to be called next; None where nothing is, or where somebody else has it."""
        if claim is None:
            return None
        intent, number = claim.start.intent, await claim.number
        if undone is not None:
            await undone
            self._waiting[intent.id] = intent
            return None
        return None if number is None else (intent, number)

    def _needs_no_look(self, intent: Intent) -> bool:
        is_pause = intent.action is Action.PAUSE and intent.status_before == Status.RUNNING
        return is_pause and self._now() < intent.expires_at and self._was_listed_just_now(intent)

    async def _expire(self, intent: Intent) -> None:
        state = State.FAILED if intent.attempts else State.MISSED
        reason = (
            f"given up after {intent.attempts} attempts: no longer wanted since {intent.expires_at:%Y-%m-%d %H:%MZ}"
        )
        now = self._now()
        if await self._writer.do(lambda connection: work.expire(connection, intent, state, reason, now)):
            self.tally.decided(self.name, intent.action, state)
            self._report(intent, state, intent.attempts, reason)
            # What a pause in doubt has stopped is owed from here on.
            self._is_drain_told = False

    async def _look_first(self, intent: Intent) -> tuple[Intent, Result | None]:
        """The intent with what its campaign does now, and how it ends where no call is to follow."""
        look = self._before_pause if intent.action is Action.PAUSE else self._before_resume
        try:
            looked, result = await look(intent)
        except ApiError as error:
            return intent, self._failure(error, intent.attempts + 1)
        if result is None and self._dry_run:
            result = Result(outcome=Outcome.SIMULATED, reason=f"dry run: would have {intent.action}d it")
        return looked, result

    async def _before_pause(self, intent: Intent) -> tuple[Intent, Result | None]:
        status = intent.status_before if self._was_listed_just_now(intent) else await self._status(intent.campaign)
        if status is None and (intent.may_have_acted or self._was_seen_just_now(intent)):
            return intent, None
        if intent.may_have_acted and status == Status.PAUSED:
            reason = "paused by an earlier attempt, whose answer was lost"
            return intent, Result(outcome=Outcome.SUCCEEDED, reason=reason)
        return self._seen(intent, status, why_not_pause(status))

    def _was_listed_just_now(self, intent: Intent) -> bool:
        return intent.attempts == 0 and self._was_seen_just_now(intent)

    def _was_seen_just_now(self, intent: Intent) -> bool:
        is_seen = intent.status_before is not None
        return is_seen and lasts(intent.seen_at, intent.seen_at + JUST_NOW, now=self._now())

    async def _status(self, campaign: int) -> str | None:
        """What a campaign does; None where it can't be asked: it's paused all the same.

        Raises:
            KeyRefused: so that the pause would be refused as well.
        """
        try:
            async with asyncio.timeout(LOOK_TIMEOUT.total_seconds()):
                return (await self.client.campaign(campaign)).status
        except KeyRefused:
            raise
        except (ApiError, TimeoutError) as error:
            if isinstance(error, RateLimited):
                self.slow_down(error.retry_after)
            return None

    async def _before_resume(self, intent: Intent) -> tuple[Intent, Result | None]:
        owed = await self._writer.do(lambda connection: work.owed(connection, self.name, intent.campaign))
        detail = await self.client.campaign(intent.campaign)
        if intent.may_have_acted and detail.status == Status.RUNNING:
            return intent, Result(outcome=Outcome.SUCCEEDED, reason=RUNS_BY_US)
        # From when our pause was due until its answer came, nobody can tell whether the safety stop was quicker. By a
        # clock that was ahead it came before it was due.
        since = min(owed.due_at, owed.taken_at) if owed else None
        why_not = why_not_resume(detail.status, bounce_shield_at=detail.bounce_shield_at, paused_since=since)
        return self._seen(intent, detail.status, why_not)

    def _seen(self, intent: Intent, status: str | None, why_not: str | None) -> tuple[Intent, Result | None]:
        """An intent whose campaign does this now: whatever calls went out before, the next one is as the first."""
        # What was only in the list still is no newer than that.
        seen_at = intent.seen_at if self._was_listed_just_now(intent) else self._now()
        looked = replace(intent, status_before=status, seen_at=seen_at, may_have_acted=False)
        return looked, Result(outcome=Outcome.SKIPPED, reason=why_not) if why_not else None

    async def _call(self, intent: Intent, number: int) -> Result:
        self.pulse.beat()
        if self._now() >= intent.expires_at:
            # The look and the record took their time: a resume would go into the next window.
            return Result(outcome=Outcome.RETRIED, reason="it expired before it was sent", retry_after=timedelta())
        if not self._may_call():
            raise LeaseLost("the lease wasn't renewed in time: another daemon may take over")
        if number == 1:
            self.tally.called_late(intent.action, self._now() - intent.due_at)
        call = self.client.pause if intent.action is Action.PAUSE else self.client.run
        try:
            result = Result(outcome=Outcome.SUCCEEDED, http_status=await call(intent.campaign))
        except ApiError as error:
            return replace(self._failure(error, number), may_have_acted=_may_have_arrived(error))
        self._speed_up()
        return result

    def _failure(self, error: ApiError, number: int) -> Result:
        if isinstance(error, KeyRefused):
            self.rest()
        if isinstance(error, RateLimited):
            self.slow_down(error.retry_after)
        is_final = isinstance(error, NeverAgain)
        return Result(
            outcome=Outcome.FAILED if is_final else Outcome.RETRIED,
            http_status=error.http_status,
            error_code=error.code,
            error_message=error.message,
            retry_after=None if is_final else self._backoff(error, number),
        )

    def _backoff(self, error: ApiError, number: int) -> timedelta:
        """Full jitter under a doubling limit; what the API asked for counts at least."""
        if isinstance(error, KeyRefused):
            return REFUSED_REST
        limit = min(LONGEST_BACKOFF, FIRST_BACKOFF * (1 << min(number - 1, 16)))
        asked = error.retry_after if isinstance(error, TryLater) else None
        return max(limit * self._chance.random(), asked or timedelta())

    def _go_on(self, intent: Intent, number: int, result: Result, at: datetime) -> None:
        self.tally.attempted(self.name, intent.action, result.outcome)
        self._report(intent, result.outcome, number, result.reason, result)
        if result.outcome is Outcome.SUCCEEDED and intent.action is Action.PAUSE:
            self._is_to_be_confirmed, self._is_drain_told = True, False
        if result.outcome is Outcome.RETRIED:
            self._waiting[intent.id] = replace(
                intent,
                attempts=number,
                next_attempt_at=at + (result.retry_after or timedelta()),
                waits_since=at,
                may_have_acted=intent.may_have_acted or result.may_have_acted,
            )

    def _report(
        self, intent: Intent, outcome: Outcome | State, attempt: int, reason: str | None, result: Result | None = None
    ) -> None:
        facts: dict[str, Any] = {
            "account": intent.account,
            "campaign": intent.campaign,
            "rules": intent.rules,
            "due_at": intent.due_at,
            "attempt": attempt,
            "reason": reason,
            "http_status": result.http_status if result else None,
            "error": error_text(result.error_code, result.error_message) if result else None,
        }
        if self._writer.fault is not None:
            # Should the daemon be killed now, this line is all that's left of it.
            facts |= {"status_before": intent.status_before, "kept_in": "memory"}
        _log.log(_level(intent, outcome), f"{intent.action} {outcome}", **facts)


def _overlook(done: asyncio.Future[Any]) -> None:
    """Take note of how something ended that nobody waits for: the event loop would report an error of it."""
    if not done.cancelled():
        done.exception()


def _level(intent: Intent, outcome: Outcome | State) -> int:
    if intent.action is Action.RESUME and outcome is Outcome.SKIPPED and intent.status_before == Status.PAUSED:
        # A safety stop: it stays paused until a person acts.
        return logging.WARNING
    return _LEVELS.get(outcome.value, logging.INFO)


def lasts(since: datetime, until: datetime, *, now: datetime) -> bool:
    """Whether a wait goes on; it's over as well where the clock was put back to before its beginning."""
    return since <= now < until


def _may_have_arrived(error: ApiError) -> bool:
    """Whether a call without success may have done its work: not where it was refused, nor where it was never sent."""
    is_refused = isinstance(error, KeyRefused | NeverAgain | RateLimited)
    return not is_refused and not error.message.startswith(_NOT_SENT)


def _precedence(intent: Intent) -> tuple[bool, datetime, int]:
    return intent.action is Action.RESUME, intent.next_attempt_at, intent.id
