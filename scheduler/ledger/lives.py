"""What the ledger knows of earlier daemons and of the rules that they had: each a function of one connection."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from rules.ruleset import Action
from scheduler.ledger.records import OnRecord, State
from scheduler.ledger.tables import daemons, intents, rules

# A daemon records a tick each minute: after so long without one it hangs, or nothing can be recorded.
LATE: Final = timedelta(minutes=3)


def seen_to_until(connection: Connection, now: datetime) -> datetime | None:
    """Up to when daemons have seen to what was due, dry runs apart: the last pass, or the last account of what passed.

    None where there was none. What a clock that was ahead has left there, later than now, doesn't count.
    """
    marks = (daemons.c.last_tick_at, daemons.c.accounted_until)
    newest = (
        select(func.max(mark, type_=mark.type)).where(daemons.c.dry_run.is_(False), mark <= now) for mark in marks
    )
    found = [connection.execute(query).scalar() for query in newest]
    return max((mark for mark in found if mark is not None), default=None)


def account_until(connection: Connection, daemon: int, now: datetime) -> None:
    """Note that what is over by now, and found no daemon, is on record.

    No daemon has seen to anything later than now, whatever a clock said that was ahead.
    """
    connection.execute(update(daemons).where(daemons.c.id == daemon).values(accounted_until=now))
    for mark in (daemons.c.last_tick_at, daemons.c.accounted_until):
        connection.execute(update(daemons).where(mark > now).values({mark: now}))


def pauses_on_record(connection: Connection, account: str, since: datetime) -> dict[int, list[OnRecord]]:
    """The pauses of an account that were due at an instant or later, by campaign; not what a dry run has simulated."""
    chosen = (intents.c.account == account, intents.c.action == Action.PAUSE, intents.c.due_at >= since)
    found: dict[int, list[OnRecord]] = {}
    for row in connection.execute(select(intents).where(*chosen, intents.c.state != State.SIMULATED)):
        missed_at = row.decided_at if row.state == State.MISSED else None
        found.setdefault(row.campaign, []).append(OnRecord(row.due_at, missed_at))
    return found


def tick_of(connection: Connection, daemon: int) -> datetime | None:
    """When a daemon ticked last; None where it hasn't."""
    return connection.execute(select(daemons.c.last_tick_at).where(daemons.c.id == daemon)).scalar()


def last_tick(connection: Connection, before: int) -> datetime | None:
    """When the last daemon before a run ticked last; None where it hasn't, or there was none."""
    newest = select(daemons.c.last_tick_at).where(daemons.c.id < before).order_by(daemons.c.id.desc()).limit(1)
    return connection.execute(newest).scalar()


def crashes(connection: Connection, before: int, host: str, since: datetime) -> int:
    """How many daemons on a host have ended without a word, one after the other, right before a run.

    Those that were started at an instant or before count for nothing.
    """
    earlier = daemons.c.id < before, daemons.c.host == host
    in_order = select(func.coalesce(func.max(daemons.c.id), 0)).where(*earlier, daemons.c.stopped_at.is_not(None))
    query = select(func.count()).where(*earlier, daemons.c.id > in_order.scalar_subquery())
    return connection.execute(query.where(daemons.c.started_at > since)).scalar_one()


def rules_in_force(connection: Connection, digests: Mapping[str, str], now: datetime) -> dict[str, datetime]:
    """Since when each rule, of which a digest is given, is as it is; now, for those that are new or were changed."""
    kept = {(row.name, row.digest): row.since for row in connection.execute(select(rules))}
    # One that came into force by a clock that was ahead is in force all the same.
    return {name: min(now, kept.get((name, digest), now)) for name, digest in digests.items()}


def keep_rules(connection: Connection, digests: Mapping[str, str], now: datetime) -> dict[str, datetime]:
    """Note that these are the rules from now on; gives what `rules_in_force` does."""
    in_force = rules_in_force(connection, digests, now)
    connection.execute(delete(rules))
    rows = [{"name": name, "digest": digests[name], "since": since} for name, since in in_force.items()]
    if rows:
        connection.execute(insert(rules), rows)
    return in_force
