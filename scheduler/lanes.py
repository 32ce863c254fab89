"""The queue of one account: one call in flight, pauses before resumes, again and again until each intent has ended.

Every attempt is in the ledger before its call goes out, and its outcome right after.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from rules.ruleset import Action
from scheduler.client import Client
from scheduler.errors import ApiError, KeyRefused, NeverAgain, TryLater
from scheduler.ledger import work
from scheduler.ledger.database import Writer
from scheduler.ledger.records import Intent, Outcome, Result, State, error_text
from scheduler.logs import logger
from scheduler.plan import why_not_pause, why_not_resume

FIRST_BACKOFF: Final = timedelta(seconds=2)
LONGEST_BACKOFF: Final = timedelta(minutes=5)
# How long an account rests whose key is refused; the next call is the probe.
REFUSED_REST: Final = timedelta(minutes=5)
# A look at the campaign's status must not hold up its pause.
LOOK_TIMEOUT: Final = timedelta(seconds=10)

_LEVELS: Final = {"retried": logging.WARNING, "failed": logging.ERROR, "missed": logging.ERROR}

_log = logger()


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
        dry_run: bool = False,
    ) -> None:
        self.name = name
        self.client = client
        self._writer = writer
        self._claimant = claimant
        self._now = now
        self._chance = chance
        self._dry_run = dry_run
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._stopping = False
        self._waiting: dict[int, Intent] = {}
        self._rests_until: datetime | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Client]:
        """The right to make a call: Woodpecker handles one at a time for each account, lists included."""
        async with self._turn:
            yield self.client

    def add(self, intents: Iterable[Intent]) -> None:
        """Queue intents that are in the ledger."""
        self._waiting.update({intent.id: intent for intent in intents})
        self._wake.set()

    def stop(self) -> None:
        """End `run` after the call in flight; what is still queued stays in the ledger for the next start."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`.

        Raises:
            LedgerError: the ledger can't be written.
        """
        while not self._stopping:
            self._wake.clear()
            intent = self._next()
            if intent is not None:
                await self._work(intent)
            else:
                await self._sleep()

    def _next(self) -> Intent | None:
        now = self._now()
        if self._rests_until is not None and now < self._rests_until:
            ready = [intent for intent in self._waiting.values() if intent.expires_at <= now]
        else:
            ready = [intent for intent in self._waiting.values() if intent.next_attempt_at <= now]
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
        attempt = min(intent.next_attempt_at for intent in self._waiting.values())
        return min(expiry, max(attempt, self._rests_until or attempt))

    async def _work(self, intent: Intent) -> None:
        del self._waiting[intent.id]
        if self._now() >= intent.expires_at:
            await self._expire(intent)
            return
        async with self.turn():
            number = await self._start(intent)
            if number is None:
                return
            result = await self._attempt(intent, number)
            await self._finish(intent, number, result)

    async def _expire(self, intent: Intent) -> None:
        state = State.FAILED if intent.attempts else State.MISSED
        reason = (
            f"given up after {intent.attempts} attempts: no longer wanted since {intent.expires_at:%Y-%m-%d %H:%MZ}"
        )
        now = self._now()
        await self._writer.do(lambda connection: work.decide_open(connection, intent, state, reason, now))
        self._report(intent, state, intent.attempts, reason)

    async def _start(self, intent: Intent) -> int | None:
        now = self._now()
        return await self._writer.do(lambda connection: work.start_attempt(connection, intent, self._claimant, now))

    async def _attempt(self, intent: Intent, number: int) -> Result:
        perform = self._pause if intent.action is Action.PAUSE else self._resume
        try:
            return await perform(intent)
        except ApiError as error:
            if isinstance(error, NeverAgain) and await self._was_paused_before(intent):
                reason = "paused by an earlier attempt, whose answer was lost"
                return Result(outcome=Outcome.SUCCEEDED, reason=reason, http_status=error.http_status)
            return self._failure(error, number)

    async def _was_paused_before(self, intent: Intent) -> bool:
        """Whether a pause is refused only because an earlier one arrived: the API may answer that with 400 or 409."""
        is_repeated = intent.action is Action.PAUSE and intent.attempts > 0
        return is_repeated and await self._look(intent.campaign) == "PAUSED"

    async def _pause(self, intent: Intent) -> Result:
        status = intent.status_before or await self._look(intent.campaign)
        reason = why_not_pause(status)
        if reason is not None:
            return Result(outcome=Outcome.SKIPPED, reason=reason, status_before=status)
        if self._dry_run:
            return Result(outcome=Outcome.SIMULATED, reason="dry run: would have paused it", status_before=status)
        http_status = await self.client.pause(intent.campaign)
        return Result(outcome=Outcome.SUCCEEDED, http_status=http_status, status_before=status)

    async def _look(self, campaign: int) -> str | None:
        """What a campaign does, where the list couldn't say; None where it can't be asked: it's paused all the same."""
        try:
            async with asyncio.timeout(LOOK_TIMEOUT.total_seconds()):
                return (await self.client.campaign(campaign)).status
        except (ApiError, TimeoutError):
            return None

    async def _resume(self, intent: Intent) -> Result:
        detail = await self.client.campaign(intent.campaign)
        reason = why_not_resume(detail.status, bounce_shield_at=detail.bounce_shield_at)
        if reason is not None:
            return Result(outcome=Outcome.SKIPPED, reason=reason, status_before=detail.status)
        if self._dry_run:
            return Result(outcome=Outcome.SIMULATED, reason="dry run: would have resumed it")
        return Result(outcome=Outcome.SUCCEEDED, http_status=await self.client.run(intent.campaign))

    def _failure(self, error: ApiError, number: int) -> Result:
        if isinstance(error, KeyRefused):
            self._rests_until = self._now() + REFUSED_REST
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

    async def _finish(self, intent: Intent, number: int, result: Result) -> None:
        now = self._now()
        await self._writer.do(lambda connection: work.finish_attempt(connection, intent, number, result, now))
        self._report(intent, result.outcome, number, result.reason, result)
        if result.outcome is Outcome.RETRIED:
            self._waiting[intent.id] = replace(
                intent, attempts=number, next_attempt_at=now + (result.retry_after or timedelta())
            )

    def _report(
        self, intent: Intent, outcome: Outcome | State, attempt: int, reason: str | None, result: Result | None = None
    ) -> None:
        facts: dict[str, Any] = {
            "account": intent.account,
            "campaign": intent.campaign,
            "rules": ", ".join(intent.rules),
            "due_at": intent.due_at,
            "attempt": attempt,
            "reason": reason,
            "http_status": result.http_status if result else None,
            "error": error_text(result.error_code, result.error_message) if result else None,
        }
        _log.log(_LEVELS.get(outcome.value, logging.INFO), f"{intent.action} {outcome}", **facts)


def _precedence(intent: Intent) -> tuple[bool, datetime, int]:
    return intent.action is Action.RESUME, intent.next_attempt_at, intent.id
