"""What the daemon records: each a function of one connection, inside a transaction that its caller commits.

Every change of an intent's state is a conditional UPDATE whose row count is looked at: what was claimed, or has
ended, isn't claimed again, whoever asks.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningInsert

from rules.ruleset import Action
from scheduler.errors import LedgerError
from scheduler.ledger.chain import Entry, append
from scheduler.ledger.dialects import insert_or
from scheduler.ledger.records import Custody, Intent, Known, NewIntent, Outcome, Result, Seen, State, Status
from scheduler.ledger.tables import attempts, campaigns, custody, daemons, intents, journal

_OPEN: Final = (State.WAITING, State.CALLING)
_UNKNOWN: Final = "nobody knows whether it ran before; left paused for a person to resume"
# How long a call waits that was cut off twice, each time with the daemon; twice as long each time from then on.
_FIRST_WAIT: Final = timedelta(seconds=2)
_LONGEST_WAIT: Final = timedelta(minutes=5)
# Where an intent goes when its attempt has ended.
_NEXT_STATE: Final = {
    Outcome.SUCCEEDED: State.SUCCEEDED,
    Outcome.RETRIED: State.WAITING,
    Outcome.FAILED: State.FAILED,
    Outcome.SKIPPED: State.SKIPPED,
    Outcome.SIMULATED: State.SIMULATED,
}


def register_daemon(connection: Connection, *, host: str, pid: int, version: str, dry_run: bool, now: datetime) -> int:
    """Note that a daemon has started; gives the number of its run."""
    row = {"host": host, "pid": pid, "version": version, "dry_run": dry_run, "started_at": now}
    result = connection.execute(insert(daemons).values(row))
    note(connection, now, "daemon started", details={"pid": pid, "version": version, "dry_run": dry_run})
    (number,) = result.inserted_primary_key or (None,)
    return int(number or 0)


def record_tick(connection: Connection, daemon: int, now: datetime) -> None:
    """Note that a daemon is alive and has looked at what is due."""
    connection.execute(update(daemons).where(daemons.c.id == daemon).values(last_tick_at=now))


def record_stop(connection: Connection, daemon: int, now: datetime, why: str) -> None:
    """Note that a daemon has stopped in good order."""
    connection.execute(update(daemons).where(daemons.c.id == daemon).values(stopped_at=now))
    note(connection, now, "daemon stopped", details={"why": why})


def note(
    connection: Connection,
    now: datetime,
    event: str,
    *,
    account: str | None = None,
    campaign: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add a line to the journal."""
    row = {"at": now, "event": event, "account": account, "campaign": campaign, "details": dict(details or {})}
    connection.execute(insert(journal).values(row))


def interrupt_attempts(connection: Connection, now: datetime, *, living: str = "") -> int:
    """Close what an earlier daemon left under way: nobody knows whether those calls arrived, so they are due again.

    At once, and later each time where the daemon ended in this call again and again; gives how many they are. What
    `living` has claimed isn't touched.
    """
    reason = "the daemon ended before the answer was recorded; sent again"
    is_claimed = (intents.c.state == State.CALLING, intents.c.claimed_by == living)
    is_cut_off = (attempts.c.outcome.is_(None), attempts.c.intent_id.not_in(select(intents.c.id).where(*is_claimed)))
    under_way = (
        select(intents, attempts.c.number, attempts.c.started_at).join_from(attempts, intents).where(*is_cut_off)
    )
    result = Result(outcome=Outcome.INTERRUPTED, reason=reason)
    entries = [
        Entry.of_attempt(_intent(row, waits_since=now), row["number"], result, row["started_at"], None)
        for row in connection.execute(under_way.order_by(attempts.c.id)).mappings()
    ]
    connection.execute(update(attempts).where(*is_cut_off).values(outcome=result.outcome, reason=reason))
    append(connection, entries)
    rows = [
        {"key": row.id, "at": now + wait if (wait := _wait_after(row.times)) else None}
        for row in connection.execute(_INTERRUPTED, {"living": living})
    ]
    if rows:
        again = update(intents).where(intents.c.id == bindparam("key"))
        connection.execute(again.values(state=State.WAITING, next_attempt_at=bindparam("at")), rows)
    return len(rows)


def _wait_after(times: int) -> timedelta:
    """How long a call waits that was interrupted so many times in a row."""
    return min(_LONGEST_WAIT, _FIRST_WAIT * (1 << min(times - 2, 16))) if times > 1 else timedelta()


def _interrupted() -> Select[Any]:
    """The intents whose calls were cut off, and how many times in a row."""
    ended = attempts.alias()
    last = select(func.coalesce(func.max(ended.c.number), 0)).where(
        ended.c.intent_id == attempts.c.intent_id, ended.c.outcome != Outcome.INTERRUPTED
    )
    times = select(func.count()).where(
        attempts.c.intent_id == intents.c.id,
        attempts.c.outcome == Outcome.INTERRUPTED,
        attempts.c.number > last.scalar_subquery(),
    )
    return select(intents.c.id, times.scalar_subquery().label("times")).where(
        intents.c.state == State.CALLING, intents.c.claimed_by.is_distinct_from(bindparam("living"))
    )


_INTERRUPTED: Final = _interrupted()


def open_intents(connection: Connection, account: str) -> list[Intent]:
    """The intents of an account that aren't ended, oldest first."""
    last = select(func.max(attempts.c.finished_at, type_=attempts.c.finished_at.type))
    finished_at = last.where(attempts.c.intent_id == intents.c.id).scalar_subquery().label("finished_at")
    query = select(intents, finished_at).where(intents.c.account == account, intents.c.state.in_(_OPEN))
    rows = connection.execute(query.order_by(intents.c.id)).mappings()
    return [_intent(row, waits_since=row["finished_at"] or row["recorded_at"]) for row in rows]


def known_changes(connection: Connection, account: str, since: datetime, *, with_newest: bool = False) -> list[Known]:
    """What is recorded for an account and still open, or due at `since` or later, in the order of the due times.

    `with_newest`: the newest pause of each campaign too, however old it is, and what came after it.
    """
    is_of_interest = or_(intents.c.due_at >= since, intents.c.state.in_(_OPEN))
    if with_newest:
        pauses = intents.alias()
        newest = select(func.max(pauses.c.due_at, type_=pauses.c.due_at.type)).where(
            pauses.c.account == account, pauses.c.campaign == intents.c.campaign, pauses.c.action == Action.PAUSE
        )
        is_of_interest = or_(is_of_interest, intents.c.due_at >= newest.scalar_subquery())
    answered = select(func.count()).where(attempts.c.intent_id == intents.c.id)
    answers = answered.where(attempts.c.outcome == Outcome.SUCCEEDED).scalar_subquery().label("answers")
    query = select(intents, answers).where(intents.c.account == account, is_of_interest).order_by(intents.c.due_at)
    return [
        Known(
            campaign=row.campaign,
            action=Action(row.action),
            due_at=row.due_at,
            expires_at=row.expires_at,
            state=State(row.state),
            may_have_acted=row.may_have_acted,
            answers=row.answers,
            is_unconfirmed=(row.action, row.state, row.confirmed_at) == (Action.PAUSE, State.SUCCEEDED, None),
            number=row.id,
            status_before=row.status_before,
        )
        for row in connection.execute(query)
    ]


def last_changes(connection: Connection, account: str, since: datetime) -> dict[int, Action]:
    """What was done last, with success, to each campaign to which anything was done at `since` or later."""
    query = (
        select(intents.c.campaign, intents.c.action)
        .join_from(attempts, intents, attempts.c.intent_id == intents.c.id)
        .where(intents.c.account == account, attempts.c.outcome == Outcome.SUCCEEDED)
        # What began long ago and has ended since isn't found: a call takes half a minute at most.
        .where(attempts.c.started_at >= since)
        .order_by(attempts.c.id)
    )
    return {row.campaign: Action(row.action) for row in connection.execute(query)}


def confirm(connection: Connection, account: str, still: Collection[int], now: datetime) -> None:
    """Note that the pauses of an account that had success have worked: none of these campaigns runs any more."""
    unconfirmed = (
        intents.c.account == account,
        intents.c.action == Action.PAUSE,
        intents.c.state == State.SUCCEEDED,
        intents.c.confirmed_at.is_(None),
    )
    found = connection.execute(select(intents.c.id, intents.c.campaign).where(*unconfirmed)).all()
    rows = [{"key": row.id} for row in found if row.campaign in still]
    if rows:
        one = update(intents).where(intents.c.id == bindparam("key")).values(confirmed_at=now)
        connection.execute(one, rows)


def reopen(connection: Connection, account: str, known: Known, reason: str, now: datetime) -> Intent | None:
    """Have a pause tried again that had success without effect; None where it isn't so any more."""
    again = _unconfirmed(account, known).values(
        state=State.WAITING, reason=reason, next_attempt_at=now, may_have_acted=True
    )
    row = connection.execute(again.returning(intents)).mappings().first()
    return None if row is None else _intent(row, waits_since=now)


def give_up(connection: Connection, account: str, known: Known, reason: str, now: datetime) -> bool:
    """End a pause as failed that had success without effect; False where it isn't so any more."""
    failed = _unconfirmed(account, known).values(state=State.FAILED, reason=reason, decided_at=now)
    return bool(_decided(connection, failed, State.FAILED, reason, now))


def _decided(connection: Connection, change: Update, state: State, reason: str, now: datetime) -> list[Intent]:
    """End intents by a change of theirs, and record it; gives them."""
    rows = connection.execute(change.returning(intents)).mappings()
    ended = sorted((_intent(row, waits_since=now) for row in rows), key=attrgetter("id"))
    append(connection, [Entry.of_decision(each, state, reason, now) for each in ended])
    return ended


def _unconfirmed(account: str, known: Known) -> Update:
    key = (intents.c.campaign == known.campaign, intents.c.action == known.action, intents.c.due_at == known.due_at)
    is_so = (intents.c.state == State.SUCCEEDED, intents.c.confirmed_at.is_(None))
    return update(intents).where(intents.c.account == account, *key, *is_so)


def withdraw(
    connection: Connection, account: str, known: Known, reason: str, now: datetime, state: State = State.SKIPPED
) -> bool:
    """End a waiting change that needs no call any more; False where it isn't waiting."""
    key = (intents.c.campaign == known.campaign, intents.c.action == known.action, intents.c.due_at == known.due_at)
    waiting = update(intents).where(intents.c.account == account, *key, intents.c.state == State.WAITING)
    values = {"state": state, "reason": reason, "decided_at": now, "next_attempt_at": None}
    ended = _decided(connection, waiting.values(values), state, reason, now)
    for each in ended:
        _owe_in_doubt(connection, each, now)
    return bool(ended)


def end_doubt(connection: Connection, account: str, known: Known) -> bool:
    """Note that what a call without an answer may have done is over, of a change that has ended; False where it is."""
    key = (intents.c.campaign == known.campaign, intents.c.action == known.action, intents.c.due_at == known.due_at)
    ended = update(intents).where(intents.c.account == account, *key, intents.c.state.not_in(_OPEN))
    return connection.execute(ended.where(intents.c.may_have_acted).values(may_have_acted=False)).rowcount == 1


def end_orphans(connection: Connection, accounts: Iterable[str], now: datetime) -> int:
    """End what is open for accounts that the file doesn't have any more: no lane would ever take it; gives how many."""
    orphans = update(intents).where(intents.c.state.in_(_OPEN), intents.c.account.not_in(list(accounts)))
    reason = "its account isn't in the file any more"
    values = {"state": State.MISSED, "reason": reason, "decided_at": now, "next_attempt_at": None}
    return len(_decided(connection, orphans.values(values), State.MISSED, reason, now))


def release_orphans(connection: Connection, accounts: Iterable[str], now: datetime) -> list[Custody]:
    """Owe nothing any more to accounts that the file doesn't have: nobody could pay; gives what was owed to them."""
    reason = "its account isn't in the file any more; left paused for a person to resume"
    is_gone = custody.c.account.not_in(list(accounts))
    # No list will ever show that a person has acted on these.
    connection.execute(delete(custody).where(is_gone, custody.c.left_at.is_not(None)))
    orphans = _held(connection, is_gone)
    for held in orphans:
        missed = NewIntent(
            account=held.account,
            campaign=held.campaign,
            action=Action.RESUME,
            due_at=now,
            expires_at=now,
            rules=(),
            because=reason,
        )
        record_decision(connection, missed, State.MISSED, reason, now)
        release(connection, held, reason, now)
    return orphans


def record_intent(connection: Connection, new: NewIntent, now: datetime) -> Intent | None:
    """Record that a change is due; None where it's on record already.

    One that was only simulated is due again, and so is one that was missed, by a clock that was ahead.
    """
    first = max(now, new.not_before or now)
    row = _row(new) | {"state": State.WAITING, "next_attempt_at": first, "recorded_at": now, "may_have_acted": False}
    return _added(connection, row | {"reason": None, "decided_at": None})


def record_decision(connection: Connection, new: NewIntent, state: State, reason: str, now: datetime) -> Intent | None:
    """Record a change that ended without a call; None where it's on record already."""
    row = _row(new) | {"state": state, "reason": reason, "recorded_at": now, "decided_at": now}
    added = _added(connection, row)
    if added is not None:
        append(connection, [Entry.of_decision(added, state, reason, now)])
    return added


def decide_open(connection: Connection, intent: Intent, state: State, reason: str, now: datetime) -> bool:
    """End a waiting intent without a call; False where it isn't waiting any more."""
    waiting = update(intents).where(intents.c.id == intent.id, intents.c.state == State.WAITING)
    values = {"state": state, "reason": reason, "decided_at": now, "next_attempt_at": None}
    return bool(_decided(connection, waiting.values(values), state, reason, now))


def expire(connection: Connection, intent: Intent, state: State, reason: str, now: datetime) -> bool:
    """End a waiting intent that isn't wanted any more; False where it isn't waiting any more.

    What a resume couldn't give back is left to a person, unless a window follows whose end gives it back. A pause that
    may have acted all the same is owed a resume.
    """
    is_ended = decide_open(connection, intent, state, reason, now)
    if is_ended:
        _owe_in_doubt(connection, intent, now)
    if is_ended and intent.action is Action.RESUME and not intent.owes_resume:
        leave(connection, intent, "it couldn't be resumed in time; left paused for a person to resume", now)
    return is_ended


def _owe_in_doubt(connection: Connection, pause: Intent, now: datetime) -> None:
    """Take custody of what a pause may have stopped that has ended without an answer: its resume looks first.

    Where nobody knows what the campaign did before, it's left to a person, as after a pause that was answered.
    """
    if not pause.may_have_acted:
        return
    if is_unseen(pause):
        _keep_in_sight(connection, pause, now)
    elif pause.action is Action.PAUSE and pause.owes_resume and pause.status_before == Status.RUNNING:
        # It ran: a person has acted on what was left to them.
        is_left = (_is(custody, pause.account, pause.campaign), custody.c.left_at.is_not(None))
        connection.execute(delete(custody).where(*is_left))
        row = {"account": pause.account, "campaign": pause.campaign, "taken_at": now, "intent_id": pause.id}
        taken = insert_or(connection.dialect.name, custody).values(row)
        connection.execute(taken.on_conflict_do_nothing())


def start_attempt(connection: Connection, intent: Intent, claimed_by: str, now: datetime) -> int | None:
    """Claim a waiting intent and number its next attempt, from 1; None where somebody else has it, or it has ended.

    A resume ends here, skipped, where nothing is owed any more. Where a pause has seen its campaign run, what an
    earlier one took is owed no more: paused again by now, it would be so by somebody else. From here on its call may
    have acted, until `finish_attempt` says that it hasn't; what the campaign did before is kept with it.
    """
    claim = update(intents).where(intents.c.id == intent.id, intents.c.state == State.WAITING)
    if intent.action is Action.RESUME:
        claim = claim.where(select(custody).where(_is_owed_by(intent)).exists())
    values = {
        "state": State.CALLING,
        "claimed_by": claimed_by,
        "attempts": intents.c.attempts + 1,
        "status_before": intent.status_before,
        "may_have_acted": True,
    }
    if connection.execute(claim.values(values)).rowcount != 1:
        # What still waits is a resume that nobody is owed.
        decide_open(connection, intent, State.SKIPPED, "it isn't in our custody any more", now)
        return None
    if intent.action is Action.PAUSE and intent.status_before == Status.RUNNING:
        _end_earlier_debt(connection, intent, now)
    number = connection.execute(select(intents.c.attempts).where(intents.c.id == intent.id)).scalar_one()
    connection.execute(insert(attempts).values(intent_id=intent.id, number=number, started_at=now))
    return int(number)


def _end_earlier_debt(connection: Connection, pause: Intent, now: datetime) -> None:
    is_earlier = and_(_is(custody, pause.account, pause.campaign), custody.c.intent_id != pause.id)
    for held in _held(connection, is_earlier):
        if held.until == pause.expires_at:
            # By the same window: with success, this pause takes it anew.
            connection.execute(delete(custody).where(_is_owed_by(held)))
        else:
            release(connection, held, "it ran when it was to be paused again", now)


def finish_attempt(
    connection: Connection,
    intent: Intent,
    number: int,
    result: Result,
    now: datetime,
    *,
    began: datetime | None = None,
) -> None:
    """Record how an attempt ended, and what follows from it for the intent, for custody and for the campaign.

    `began` is when its call went out, where that's later than its claim.

    Raises:
        LedgerError: the attempt isn't under way.
    """
    under_way = update(attempts).where(
        attempts.c.intent_id == intent.id, attempts.c.number == number, attempts.c.outcome.is_(None)
    )
    words: dict[str, Any] = {
        "finished_at": now,
        "outcome": result.outcome,
        "reason": result.reason,
        "http_status": result.http_status,
        "error_code": result.error_code,
        "error_message": result.error_message,
    }
    if began is not None:
        words["started_at"] = began
    started_at = connection.execute(under_way.values(words).returning(attempts.c.started_at)).scalar()
    if started_at is None:
        raise LedgerError(f"attempt {number} of intent {intent.id} isn't under way")
    append(connection, [Entry.of_attempt(intent, number, result, started_at, now)])
    connection.execute(update(intents).where(intents.c.id == intent.id).values(_after(intent, result, now)))
    if result.outcome is Outcome.SUCCEEDED:
        _follow_success(connection, intent, now)
    elif intent.action is Action.RESUME and result.outcome is Outcome.SKIPPED:
        # It isn't paused by us any more: what somebody else has done with it isn't ours to undo. What is paused all
        # the same waits for a person.
        end = leave if intent.status_before == Status.PAUSED else release
        end(connection, intent, result.reason or "nothing was to be resumed", now)
    elif intent.action is Action.RESUME and result.outcome is Outcome.FAILED:
        leave(connection, intent, "it can't be resumed; left paused for a person to resume", now)
    elif result.outcome is Outcome.FAILED:
        # It may be refused since an earlier call has paused it.
        _owe_in_doubt(connection, intent, now)


def release(connection: Connection, held: Custody | Intent, reason: str, now: datetime) -> bool:
    """Owe a campaign nothing any more; False where we didn't."""
    gone = connection.execute(delete(custody).where(_is_owed_by(held))).rowcount == 1
    if gone:
        note(connection, now, "custody released", account=held.account, campaign=held.campaign, details={"why": reason})
    return gone


def leave(connection: Connection, held: Custody | Intent, reason: str, now: datetime) -> bool:
    """Owe a campaign nothing any more that couldn't be given back, and keep it in sight; False where we didn't.

    It's never given back from here on: `take_up` ends it, or a pause that takes it anew.
    """
    owed_still = update(custody).where(_is_owed_by(held))
    is_left = connection.execute(owed_still.values(left_at=now, left_because=reason)).rowcount == 1
    if is_left:
        note(connection, now, "custody released", account=held.account, campaign=held.campaign, details={"why": reason})
    return is_left


def take_up(connection: Connection, account: str, statuses: Mapping[int, str | None], now: datetime) -> list[int]:
    """Forget what was left to a person and is paused no more, by a whole list; gives which campaigns that were."""
    is_left = (custody.c.account == account, custody.c.left_at.is_not(None))
    found = [row.campaign for row in connection.execute(select(custody).where(*is_left))]
    ended = [each for each in found if statuses.get(each, "not listed any more") not in {None, Status.PAUSED}]
    for campaign in ended:
        connection.execute(delete(custody).where(_is(custody, account, campaign)))
        status = statuses.get(campaign) or "not listed any more"
        note(connection, now, "a person acted", account=account, campaign=campaign, details={"status": status})
    return ended


def custody_of(connection: Connection, account: str) -> dict[int, Custody]:
    """The campaigns of an account that we owe a resume."""
    return {held.campaign: held for held in _held(connection, custody.c.account == account)}


def correct_custody(connection: Connection, by: timedelta, now: datetime) -> None:
    """Have campaigns been taken earlier, by so much, that a clock has taken which was ahead, and was put back since."""
    ahead = select(custody.c.account, custody.c.campaign, custody.c.taken_at).where(custody.c.taken_at > now)
    for row in connection.execute(ahead).all():
        one = update(custody).where(_is(custody, row.account, row.campaign))
        connection.execute(one.values(taken_at=row.taken_at - by))


def owed(connection: Connection, account: str, campaign: int) -> Custody | None:
    """The debt to one campaign; None where there is none."""
    return next(iter(_held(connection, _is(custody, account, campaign))), None)


def _held(connection: Connection, which: Any) -> list[Custody]:
    columns = (custody, intents.c.due_at, intents.c.expires_at, intents.c.rules, intents.c.state)
    joined = select(*columns).join_from(custody, intents, custody.c.intent_id == intents.c.id)
    joined = joined.where(custody.c.left_at.is_(None))
    return [
        Custody(
            account=row.account,
            campaign=row.campaign,
            taken_at=row.taken_at,
            due_at=row.due_at,
            until=row.expires_at,
            rules=tuple(row.rules),
            is_in_doubt=row.state in {State.SKIPPED, State.FAILED},
        )
        for row in connection.execute(joined.where(which).order_by(custody.c.account, custody.c.campaign))
    ]


def store_list(connection: Connection, account: str, seen: Iterable[Seen], now: datetime) -> None:
    """Keep what a list of all campaigns said; those that it no longer shows keep the time they were last seen."""
    rows = [
        {
            "account": account,
            "campaign": each.campaign,
            "name": each.name,
            "folder": each.folder,
            "status": each.status,
            "seen_at": now,
        }
        for each in seen
    ]
    if not rows:
        return
    add = insert_or(connection.dialect.name, campaigns)
    newer = {name: add.excluded[name] for name in ("name", "folder", "status", "seen_at")}
    connection.execute(add.on_conflict_do_update(index_elements=["account", "campaign"], set_=newer), rows)


def stored_list(connection: Connection, account: str) -> list[Seen]:
    """The campaigns that the newest stored list of an account showed."""
    newest = select(func.max(campaigns.c.seen_at)).where(campaigns.c.account == account).scalar_subquery()
    return _seen(connection, select(campaigns).where(campaigns.c.account == account, campaigns.c.seen_at == newest))


def every_campaign(connection: Connection, account: str) -> list[Seen]:
    """The campaigns that any list of an account showed, each as it was seen last."""
    return _seen(connection, select(campaigns).where(campaigns.c.account == account))


def _seen(connection: Connection, query: Select[Any]) -> list[Seen]:
    return [
        Seen(campaign=row.campaign, name=row.name, status=row.status, folder=row.folder)
        for row in connection.execute(query)
    ]


def _row(new: NewIntent) -> dict[str, Any]:
    return {
        "account": new.account,
        "campaign": new.campaign,
        "action": new.action,
        "due_at": new.due_at,
        "expires_at": new.expires_at,
        "rules": list(new.rules),
        "because": new.because,
        "status_before": new.status_before,
        "owes_resume": new.owes_resume,
    }


def _added(connection: Connection, row: dict[str, Any]) -> Intent | None:
    found = connection.execute(_adding(connection.dialect.name, tuple(row)), row).mappings().first()
    return None if found is None else _intent(found, waits_since=found["recorded_at"])


@cache
def _adding(dialect: str, columns: tuple[str, ...]) -> ReturningInsert[Any]:
    # Made once: that takes longer than to carry it out.
    add = insert_or(dialect, intents)
    key = ["account", "campaign", "action", "due_at"]
    newer = {name: add.excluded[name] for name in columns}
    # What is due takes the place of what was missed; another miss doesn't.
    states = (State.SIMULATED, State.MISSED) if "next_attempt_at" in columns else (State.SIMULATED,)
    is_void = intents.c.state.in_(states)
    return add.on_conflict_do_update(index_elements=key, set_=newer, where=is_void).returning(intents)


def _intent(row: RowMapping, *, waits_since: datetime) -> Intent:
    return Intent(
        id=row["id"],
        account=row["account"],
        campaign=row["campaign"],
        action=Action(row["action"]),
        due_at=row["due_at"],
        expires_at=row["expires_at"],
        rules=tuple(row["rules"]),
        because=row["because"],
        status_before=row["status_before"],
        owes_resume=row["owes_resume"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"] or row["recorded_at"],
        waits_since=waits_since,
        seen_at=row["recorded_at"],
        may_have_acted=row["may_have_acted"],
    )


def _after(intent: Intent, result: Result, now: datetime) -> dict[str, Any]:
    return {
        "state": _NEXT_STATE[result.outcome],
        "reason": result.reason,
        "next_attempt_at": None if result.retry_after is None else now + result.retry_after,
        "may_have_acted": intent.may_have_acted or result.may_have_acted,
    }


def is_unseen(intent: Intent) -> bool:
    """Whether it's a pause that would be given back, if only somebody knew what its campaign did before."""
    return intent.action is Action.PAUSE and intent.owes_resume and intent.status_before is None


def _follow_success(connection: Connection, intent: Intent, now: datetime) -> None:
    is_taken = intent.action is Action.PAUSE and intent.owes_resume and intent.status_before == Status.RUNNING
    if is_taken or intent.action is Action.RESUME:
        connection.execute(delete(custody).where(_is(custody, intent.account, intent.campaign)))
    if is_taken:
        row = {"account": intent.account, "campaign": intent.campaign, "taken_at": now, "intent_id": intent.id}
        connection.execute(insert(custody).values(row))
    elif is_unseen(intent):
        _keep_in_sight(connection, intent, now)
    status = Status.PAUSED if intent.action is Action.PAUSE else Status.RUNNING
    connection.execute(update(campaigns).where(_is(campaigns, intent.account, intent.campaign)).values(status=status))


def _keep_in_sight(connection: Connection, pause: Intent, now: datetime) -> None:
    """Leave to a person what was paused though nobody could tell what it did, unless it was in our custody already."""
    row = {"account": pause.account, "campaign": pause.campaign, "taken_at": now, "intent_id": pause.id}
    left = insert_or(connection.dialect.name, custody).values(row | {"left_at": now, "left_because": _UNKNOWN})
    if connection.execute(left.on_conflict_do_nothing().returning(custody.c.account)).first():
        resume = NewIntent(
            account=pause.account,
            campaign=pause.campaign,
            action=Action.RESUME,
            due_at=now,
            expires_at=pause.expires_at,
            rules=pause.rules,
            because=pause.because,
        )
        record_decision(connection, resume, State.SKIPPED, _UNKNOWN, now)
        details = {"why": _UNKNOWN}
        note(connection, now, "custody not taken", account=pause.account, campaign=pause.campaign, details=details)


def _is(table: Any, account: str, campaign: int) -> Any:
    return and_(table.c.account == account, table.c.campaign == campaign)


def _is_owed_by(held: Custody | Intent) -> Any:
    """The debt that is held, or that a resume is for: a later window may have taken the campaign anew since."""
    paused = intents.alias()
    due_at = select(paused.c.due_at).where(paused.c.id == custody.c.intent_id).scalar_subquery()
    return and_(_is(custody, held.account, held.campaign), custody.c.left_at.is_(None), due_at <= held.due_at)
