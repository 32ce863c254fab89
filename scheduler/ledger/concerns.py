"""What needs a person, as the ledger has it: what it knows of causes, and what was told of them.

Each is a function of one connection.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from rules.ruleset import Action
from scheduler.alerts.concerns import ABOUT, LOOK_BACK, Kind
from scheduler.alerts.stock import Changes, Entry
from scheduler.ledger import work
from scheduler.ledger.records import PREFLIGHT, State
from scheduler.ledger.tables import campaigns, concerns, intents, journal

# What the journal calls a message that was taken.
ALERT_SENT: Final = "alert sent"
DIGEST_SENT: Final = "digest sent"
TOOK_OVER: Final = "took over"

Rows = list[dict[str, Any]]


def open_concerns(connection: Connection) -> list[dict[str, Any]]:
    """What needs a person now, oldest first: what, since when, when that was told (None: not yet), and what to do."""
    query = select(concerns).where(concerns.c.closed_at.is_(None), concerns.c.over_at.is_(None))
    rows = connection.execute(query.order_by(concerns.c.began_at, concerns.c.id)).all()
    return [
        {
            "kind": row.kind,
            "subject": row.subject,
            "text": row.text,
            "since": row.began_at,
            "told_at": row.told_at,
            "what": ABOUT[Kind(row.kind)].one,
            "what_to_do": ABOUT[Kind(row.kind)].advice,
        }
        for row in rows
        if row.kind in set(Kind)
    ]


def entries(connection: Connection) -> list[Entry]:
    """The concerns on record that aren't closed, oldest first."""
    return _entries(connection, concerns.c.closed_at.is_(None))


def told_since(connection: Connection, since: datetime) -> list[Entry]:
    """The concerns that somebody was told of, and that weren't closed by an instant, oldest first."""
    is_of_then = or_(concerns.c.closed_at.is_(None), concerns.c.closed_at >= since)
    return _entries(connection, and_(concerns.c.told_at.is_not(None), is_of_then))


def _entries(connection: Connection, chosen: Any) -> list[Entry]:
    rows = connection.execute(select(concerns).where(chosen).order_by(concerns.c.id))
    return [
        Entry(
            id=row.id,
            kind=Kind(row.kind),
            subject=row.subject,
            text=row.text,
            began_at=row.began_at,
            told_at=row.told_at,
            over_at=row.over_at,
        )
        for row in rows
        # A newer version may have had others.
        if row.kind in set(Kind)
    ]


def record(connection: Connection, changes: Changes, now: datetime) -> list[Entry]:
    """Record what a look has found; gives what `entries` does after it."""
    new = [
        {"kind": each.kind, "subject": each.subject, "text": each.text, "began_at": each.began_at}
        for each in changes.new
    ]
    if new:
        connection.execute(insert(concerns), new)
    _set(connection, changes.gone, over_at=now)
    _set(connection, changes.back, over_at=None)
    if changes.reworded:
        one = update(concerns).where(concerns.c.id == bindparam("key")).values(text=bindparam("words"))
        connection.execute(one, [{"key": each.id, "words": each.text} for each in changes.reworded])
    return entries(connection)


def close(connection: Connection, ended: Iterable[Entry], now: datetime) -> None:
    """Have done with concerns that are over; those that nobody was told of were nothing."""
    ended = list(ended)
    nothing = [each for each in ended if each.told_at is None]
    if nothing:
        one = delete(concerns).where(concerns.c.id == bindparam("key"))
        connection.execute(one, [{"key": each.id} for each in nothing])
    _set(connection, [each for each in ended if each.told_at is not None], closed_at=now)


def record_message(
    connection: Connection, title: str, to: Sequence[str], begun: Sequence[Entry], over: Sequence[Entry], now: datetime
) -> None:
    """Note that a message was taken, and what it has told."""
    _set(connection, begun, told_at=now)
    close(connection, over, now)
    work.note(connection, now, ALERT_SENT, details={"title": title, "to": list(to)})


def messages_since(connection: Connection, since: datetime) -> list[datetime]:
    """When messages were taken after an instant."""
    sent = select(journal.c.at).where(journal.c.event == ALERT_SENT, journal.c.at > since)
    return list(connection.execute(sent.order_by(journal.c.at)).scalars())


def _set(connection: Connection, chosen: Sequence[Entry], **values: datetime | None) -> None:
    if chosen:
        one = update(concerns).where(concerns.c.id == bindparam("key")).values(values)
        connection.execute(one, [{"key": each.id} for each in chosen])


def refused_changes(connection: Connection, now: datetime) -> set[tuple[str, int, str]]:
    """The changes, still wanted, that the API has refused for good: account, campaign and action."""
    query = select(intents.c.account, intents.c.campaign, intents.c.action)
    rows = connection.execute(query.where(intents.c.state == State.FAILED, intents.c.expires_at > now))
    return {(row.account, row.campaign, row.action) for row in rows}


def missed_pauses(connection: Connection, now: datetime) -> Rows:
    """What wasn't paused, up to the end of its window, and was found so within the last day."""
    other = intents.alias()
    same = and_(other.c.account == intents.c.account, other.c.campaign == intents.c.campaign)
    newest = select(func.max(other.c.id)).where(same, other.c.action == Action.PAUSE).scalar_subquery()
    since = now - LOOK_BACK
    # A pause that failed may have been followed by one that didn't, in the same window.
    failed = and_(intents.c.state == State.FAILED, intents.c.expires_at > since, intents.c.id == newest)
    missed = and_(intents.c.state == State.MISSED, intents.c.decided_at > since)
    query = _of_intents().where(intents.c.action == Action.PAUSE, intents.c.expires_at <= now, or_(failed, missed))
    return [
        {**row, "missed_at": row["decided_at"] if row["state"] == State.MISSED else row["expires_at"]}
        for row in map(dict, connection.execute(query).mappings())
    ]


def given_up(connection: Connection, now: datetime) -> Rows:
    """What is left paused since its account isn't in the file any more, and was found so within the last day."""
    chosen = (intents.c.action == Action.RESUME, intents.c.state == State.MISSED)
    query = _of_intents().where(*chosen, intents.c.decided_at > now - LOOK_BACK)
    # No rule asks for these.
    return [
        {**row, "missed_at": row["decided_at"]}
        for row in map(dict, connection.execute(query).mappings())
        if not row["rules"]
    ]


def _of_intents() -> Any:
    columns = ("account", "campaign", "rules", "due_at", "expires_at", "state", "reason", "decided_at")
    is_same = and_(campaigns.c.account == intents.c.account, campaigns.c.campaign == intents.c.campaign)
    return (
        select(*(intents.c[name] for name in columns), campaigns.c.name.label("campaign_name"))
        .outerjoin_from(intents, campaigns, is_same)
        .order_by(intents.c.account, intents.c.campaign, intents.c.id)
    )


def preflights(connection: Connection) -> Rows:
    """What the last look ahead has said of each account."""
    newest = select(func.max(journal.c.id)).where(journal.c.event == PREFLIGHT).group_by(journal.c.account)
    query = select(journal.c.at, journal.c.account, journal.c.details).where(journal.c.id.in_(newest))
    return [dict(row) for row in connection.execute(query.order_by(journal.c.account)).mappings()]


def newest_line(connection: Connection) -> int:
    """The number of the journal's last line."""
    return int(connection.execute(select(func.coalesce(func.max(journal.c.id), 0))).scalar_one())


def journalled(connection: Connection, event: str, since: datetime, until: datetime) -> Rows:
    """The journal's lines of one kind in `(since, until]`, oldest first."""
    is_in_time = (journal.c.at > since, journal.c.at <= until)
    query = select(journal.c.at, journal.c.account, journal.c.campaign, journal.c.details)
    rows = connection.execute(query.where(journal.c.event == event, *is_in_time).order_by(journal.c.id))
    return [dict(row) for row in rows.mappings()]


def last_digest(connection: Connection) -> tuple[datetime, datetime] | None:
    """When the last digest was due that was sent, or counts as such, and up to when it has told; None without one."""
    sent = select(journal.c.at, journal.c.details).where(journal.c.event == DIGEST_SENT)
    row = connection.execute(sent.order_by(journal.c.id.desc()).limit(1)).first()
    return row and (datetime.fromisoformat(row.details["due_at"]), row.at)


def record_digest(connection: Connection, due_at: datetime, to: Sequence[str], now: datetime) -> None:
    """Note that the digest of an instant was sent; to nobody where that was only the beginning of the first."""
    work.note(connection, now, DIGEST_SENT, details={"due_at": due_at.isoformat(), "to": list(to)})
