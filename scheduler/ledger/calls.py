"""Attempts of many lanes at once, for the writer: a few statements for all that wait, not a few for each.

That's for plain pauses, of which thousands are due at the same second. Everything else is recorded one by one, by
`scheduler.ledger.work`, whose rules are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, exists, insert, update

from rules.ruleset import Action
from scheduler.ledger import chain, work
from scheduler.ledger.records import Intent, Outcome, Result, State, Status
from scheduler.ledger.tables import attempts, campaigns, custody, intents


@dataclass(frozen=True, slots=True)
class Start:
    """An attempt that is to be made, or one that needs no call and ended with `result` at `ended_at`."""

    intent: Intent
    claimed_by: str
    at: datetime
    result: Result | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended whose call went out at `began`, which may be a while after it was claimed."""

    intent: Intent
    number: int
    began: datetime
    result: Result
    at: datetime


class _NotAllTogether(Exception):
    """Some of them aren't as they are known; the writer does each alone then."""


# Statements are made once: that takes longer than to carry one out.
_CLAIM: Final = (
    update(intents)
    .where(
        intents.c.id == bindparam("key"),
        intents.c.state == State.WAITING,
        intents.c.attempts == bindparam("tried"),
        # What is held from an earlier pause is looked at one by one.
        ~exists().where(
            custody.c.account == intents.c.account,
            custody.c.campaign == intents.c.campaign,
            custody.c.intent_id != intents.c.id,
        ),
    )
    .values(
        state=State.CALLING,
        claimed_by=bindparam("claimant"),
        attempts=intents.c.attempts + 1,
        status_before=bindparam("status"),
        may_have_acted=True,
    )
)
_UNCLAIM: Final = (
    update(intents)
    .where(
        intents.c.id == bindparam("key"),
        intents.c.state == State.CALLING,
        intents.c.claimed_by == bindparam("claimant"),
    )
    .values(state=State.WAITING, attempts=intents.c.attempts - 1, may_have_acted=bindparam("may_have_been"))
)
_UNDO: Final = delete(attempts).where(attempts.c.intent_id == bindparam("key"), attempts.c.number == bindparam("count"))
_ATTEMPT: Final = insert(attempts)
_END: Final = (
    update(attempts)
    .where(
        attempts.c.intent_id == bindparam("key"), attempts.c.number == bindparam("count"), attempts.c.outcome.is_(None)
    )
    .values(
        started_at=bindparam("began"),
        finished_at=bindparam("ended"),
        outcome=Outcome.SUCCEEDED,
        reason=bindparam("why"),
        http_status=bindparam("status"),
    )
)
_SUCCESS: Final = (
    update(intents)
    .where(intents.c.id == bindparam("key"))
    .values(
        state=State.SUCCEEDED, reason=bindparam("why"), next_attempt_at=None, may_have_acted=bindparam("may_have_acted")
    )
)
_IS_CUSTODY: Final = (custody.c.account == bindparam("of"), custody.c.campaign == bindparam("which"))
_IS_CAMPAIGN: Final = (campaigns.c.account == bindparam("of"), campaigns.c.campaign == bindparam("which"))
_RELEASE: Final = delete(custody).where(*_IS_CUSTODY)
_TAKE: Final = insert(custody)
_PAUSED: Final = update(campaigns).where(*_IS_CAMPAIGN).values(status=Status.PAUSED)


def start_attempts(connection: Connection, starts: Sequence[Start]) -> list[int | None]:
    """Claim intents as `work.start_attempt` does; gives the number of each attempt, None where it can't be made."""
    plain = [each for each in starts if each.intent.action is Action.PAUSE and each.result is None]
    if plain and not _claimed(connection, plain):
        if len(starts) > 1:
            raise _NotAllTogether
        plain = []
    taken = {each.intent.id: each.intent.attempts + 1 for each in plain}
    return [taken.get(each.intent.id) or _started(connection, each) for each in starts]


def _claimed(connection: Connection, starts: Sequence[Start]) -> bool:
    rows = [
        {
            "key": each.intent.id,
            "tried": each.intent.attempts,
            "claimant": each.claimed_by,
            "status": each.intent.status_before,
        }
        for each in starts
    ]
    if connection.execute(_CLAIM, rows).rowcount != len(starts):
        return False
    connection.execute(
        _ATTEMPT,
        [{"intent_id": each.intent.id, "number": each.intent.attempts + 1, "started_at": each.at} for each in starts],
    )
    return True


def _started(connection: Connection, start: Start) -> int | None:
    number = work.start_attempt(connection, start.intent, start.claimed_by, start.at)
    if number is not None and start.result is not None:
        work.finish_attempt(connection, start.intent, number, start.result, start.ended_at or start.at)
    return number


def give_back(connection: Connection, starts: Sequence[Start]) -> list[None]:
    """Undo claims whose calls weren't sent, each with its attempt; what somebody else has claimed is left alone."""
    for start in starts:
        intent = start.intent
        mine = {"key": intent.id, "claimant": start.claimed_by, "may_have_been": intent.may_have_acted}
        if connection.execute(_UNCLAIM, mine).rowcount == 1:
            connection.execute(_UNDO, {"key": intent.id, "count": intent.attempts + 1})
    return [None] * len(starts)


def end_attempts(connection: Connection, ends: Sequence[End]) -> list[None]:
    """Record how attempts ended as `work.finish_attempt` does.

    Raises:
        LedgerError: an attempt isn't under way.
    """
    plain: list[End] = []
    others: list[End] = []
    for each in ends:
        is_success = each.intent.action is Action.PAUSE and each.result.outcome is Outcome.SUCCEEDED
        (plain if is_success and not work.is_unseen(each.intent) else others).append(each)
    if plain and not _ended(connection, plain):
        if len(ends) > 1:
            raise _NotAllTogether
        others = plain
    for each in others:
        work.finish_attempt(connection, each.intent, each.number, each.result, each.at, began=each.began)
    return [None] * len(ends)


def _ended(connection: Connection, ends: Sequence[End]) -> bool:
    rows = [_end_row(each) for each in ends]
    if connection.execute(_END, rows).rowcount != len(ends):
        return False
    connection.execute(
        _SUCCESS,
        [
            {
                "key": each.intent.id,
                "why": each.result.reason,
                "may_have_acted": each.intent.may_have_acted or each.result.may_have_acted,
            }
            for each in ends
        ],
    )
    taken = [each for each in ends if each.intent.owes_resume and each.intent.status_before == Status.RUNNING]
    if taken:
        connection.execute(_RELEASE, [_campaign(each.intent) for each in taken])
        connection.execute(_TAKE, [_custody_row(each) for each in taken])
    connection.execute(_PAUSED, [_campaign(each.intent) for each in ends])
    chain.append(connection, [_entry(each) for each in ends])
    return True


def _entry(end: End) -> chain.Entry:
    return chain.Entry.of_attempt(end.intent, end.number, end.result, end.began, end.at)


def _end_row(end: End) -> dict[str, Any]:
    return {
        "key": end.intent.id,
        "count": end.number,
        "began": end.began,
        "ended": end.at,
        "why": end.result.reason,
        "status": end.result.http_status,
    }


def _custody_row(end: End) -> dict[str, Any]:
    intent = end.intent
    return {"account": intent.account, "campaign": intent.campaign, "taken_at": end.at, "intent_id": intent.id}


def _campaign(intent: Intent) -> dict[str, Any]:
    return {"of": intent.account, "which": intent.campaign}
