"""Ask an account about the campaigns that rules select: one list, and one GET for each. Nothing is changed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Final, TypeVar

from rules.ruleset import Ruleset
from scheduler.client import Campaign, CampaignDetail, Client
from scheduler.errors import ApiError, KeyRefused, NeverAgain, RateLimited, TryLater
from scheduler.ledger.records import Status
from scheduler.plan import why_not_resume
from scheduler.settings import Account

# How often a call is tried that was one too many, and one that failed in any other way for now.
_TRIES: Final = {True: 6, False: 2}
# Who is asked to wait for longer is told so, and can ask again.
_LONGEST_WAIT: Final = timedelta(seconds=30)
# So many campaigns in a row that can't be asked, and it isn't they.
_MOST_FAILURES: Final = 3
_NOT_SUPPORTED: Final = 409
# Each has a connection of its own, and a process may have about a thousand.
_ACCOUNTS_AT_ONCE: Final = 200

Turn = Callable[[], AbstractAsyncContextManager[Client]]
"""The right to make one call to an account."""

_T = TypeVar("_T")


class FaultKind(StrEnum):
    """Why an account couldn't be asked, or not to the end."""

    KEY_REFUSED = "key refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An account that couldn't be asked; `error` is the API's words, without the key."""

    kind: FaultKind
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one account is asked.

    `campaigns` is how many of them at most (None: all), those that run first. After `lasts` no further one is begun.
    An answer is waited for `call` long. After a refusal as one too many it's waited for `first_wait`, doubling, or for
    as long as the API says.
    """

    campaigns: int | None = None
    lasts: timedelta = timedelta(minutes=5)
    call: timedelta = timedelta(seconds=10)
    first_wait: timedelta = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCampaign:
    """One campaign of an account, and the names of the rules that select it.

    `can_resume` is whether the API could give it back, and `why_not` why it couldn't, or why that isn't known; both are
    None, as is `prospect_timezone`, for one that wasn't asked: not selected, or left out.
    """

    account: str
    id: int
    name: str
    folder: str | None
    status: str
    rules: tuple[str, ...]
    can_resume: bool | None = None
    why_not: str | None = None
    prospect_timezone: bool | None = None
    bounce_shield_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedAccount:
    """An account's whole list, in its order; empty where there's a fault and no list.

    `asked` is how many campaigns were asked about, `left_out` how many that are selected were not, for want of time or
    since that's the limit.
    """

    account: str
    campaigns: tuple[CheckedCampaign, ...] = ()
    fault: Fault | None = None
    is_listed: bool = False
    asked: int = 0
    left_out: int = 0

    @property
    def selected(self) -> list[CheckedCampaign]:
        """Those that some rule is for."""
        return [campaign for campaign in self.campaigns if campaign.rules]


async def check_accounts(
    ruleset: Ruleset, accounts: Iterable[Account], limits: Limits | None = None, *, rule: str | None = None
) -> list[CheckedAccount]:
    """Ask accounts side by side, each with one call at a time; with `rule`, only about what that one selects."""
    at_once = asyncio.Semaphore(_ACCOUNTS_AT_ONCE)

    async def check(account: Account) -> CheckedAccount:
        async with at_once, Client(account) as client:
            return await check_account(ruleset, account.name, _own_turn(client), limits, rule=rule)

    return list(await asyncio.gather(*map(check, accounts)))


def _own_turn(client: Client) -> Turn:
    @asynccontextmanager
    async def turn() -> AsyncIterator[Client]:
        yield client

    return turn


async def check_account(
    ruleset: Ruleset, account: str, turn: Turn, limits: Limits | None = None, *, rule: str | None = None
) -> CheckedAccount:
    """Ask one account, taking a turn for each call; no error of the API's is raised, it's told in what comes back."""
    inquiry = _Inquiry(turn, limits or Limits())
    try:
        listed = await inquiry.ask(Client.campaigns)
    except ApiError as error:
        return CheckedAccount(account=account, fault=_fault(error))
    rules = {each.id: _rules(ruleset, account, each) for each in listed}
    wanted = [each for each in listed if rules[each.id] and rule in (None, *rules[each.id])]
    await inquiry.ask_about(sorted(wanted, key=_precedence))
    return CheckedAccount(
        account=account,
        campaigns=tuple(_checked(account, each, rules[each.id], inquiry.answers.get(each.id)) for each in listed),
        fault=inquiry.fault,
        is_listed=True,
        asked=len(inquiry.answers),
        left_out=len(wanted) - len(inquiry.answers),
    )


def _rules(ruleset: Ruleset, account: str, campaign: Campaign) -> tuple[str, ...]:
    found = ruleset.selecting(account, campaign.id, name=campaign.name, folder=campaign.folder)
    return tuple(rule.name for rule in found)


def _precedence(campaign: Campaign) -> bool:
    """What runs is what would be paused: it's asked about first."""
    return campaign.status != Status.RUNNING


@dataclass(slots=True)
class _Inquiry:
    """The calls to one account, and what each campaign's came to."""

    turn: Turn
    limits: Limits
    answers: dict[int, CampaignDetail | ApiError] = field(default_factory=dict)
    fault: Fault | None = None
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = asyncio.get_running_loop().time() + self.limits.lasts.total_seconds()

    async def ask_about(self, campaigns: Sequence[Campaign]) -> None:
        failures = 0
        for campaign in campaigns[: self.limits.campaigns]:
            if asyncio.get_running_loop().time() >= self._end:
                return
            answer = await self._answer(campaign.id)
            if isinstance(answer, KeyRefused):
                self.fault = _fault(answer)
                return
            self.answers[campaign.id] = answer
            failures = failures + 1 if isinstance(answer, TryLater) else 0
            if isinstance(answer, TryLater) and failures == _MOST_FAILURES:
                self.fault = _fault(answer)
                return

    async def _answer(self, campaign: int) -> CampaignDetail | ApiError:
        try:
            return await self.ask(lambda client: client.campaign(campaign))
        except ApiError as error:
            return error

    async def ask(self, call: Callable[[Client], Awaitable[_T]]) -> _T:
        """One call, tried again a few times where it may yet succeed; meanwhile others have the turn.

        Raises:
            ApiError: it had no success.
        """
        wait, tries = self.limits.first_wait, 0
        while True:
            tries += 1
            try:
                return await self._once(call)
            except TryLater as error:
                wait = max(wait, error.retry_after or timedelta())
                if tries >= _TRIES[isinstance(error, RateLimited)] or wait > _LONGEST_WAIT:
                    raise
            await asyncio.sleep(wait.total_seconds())
            wait *= 2

    async def _once(self, call: Callable[[Client], Awaitable[_T]]) -> _T:
        async with self.turn() as client:
            try:
                async with asyncio.timeout(self.limits.call.total_seconds()):
                    return await call(client)
            except TimeoutError:
                raise TryLater(f"no answer within {self.limits.call.total_seconds():g} s") from None


def _fault(error: ApiError) -> Fault:
    kind = FaultKind.KEY_REFUSED if isinstance(error, KeyRefused) else FaultKind.UNREACHABLE
    return Fault(kind=kind, error=str(error))


def _checked(
    account: str, campaign: Campaign, rules: tuple[str, ...], answer: CampaignDetail | ApiError | None
) -> CheckedCampaign:
    make = partial(
        CheckedCampaign, account=account, id=campaign.id, name=campaign.name, folder=campaign.folder, rules=rules
    )
    match answer:
        case None:
            return make(status=campaign.status)
        case NeverAgain():
            return make(status=campaign.status, can_resume=False, why_not=_refusal(answer))
        case ApiError():
            return make(status=campaign.status, why_not=str(answer))
    why_not = _why_not(answer)
    return make(
        # The newer of the two.
        status=answer.status,
        can_resume=why_not is None,
        why_not=why_not,
        prospect_timezone=answer.prospect_timezone,
        bounce_shield_at=answer.bounce_shield_at,
    )


def _refusal(error: NeverAgain) -> str:
    """What a campaign that can't even be looked at most likely has: `/run` answers the same."""
    if error.http_status == _NOT_SUPPORTED:
        return f"the API doesn't support IF conditions, scheduled starts and manual tasks ({error})"
    return f"the API refuses it ({error})"


def _why_not(detail: CampaignDetail) -> str | None:
    """An older stop of the safety's is behind a campaign that runs again; any status but PAUSED is a passing one."""
    if detail.status != Status.PAUSED:
        return None
    return why_not_resume(detail.status, bounce_shield_at=detail.bounce_shield_at)
