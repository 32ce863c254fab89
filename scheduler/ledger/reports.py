"""What the verbs read from the ledger: each a function of one connection."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, func, select

from rules.ruleset import Action
from scheduler.ledger.records import FILE_LOADED, Outcome, State, error_text
from scheduler.ledger.tables import attempts, campaigns, custody, daemons, intents, journal

_CHANGES_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonRun:
    """The newest start of a daemon on this ledger."""

    host: str
    pid: int
    version: str
    dry_run: bool
    started_at: datetime
    last_tick_at: datetime | None
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRecord:
    """What is on record of one campaign: how the last list showed it, whether it's in custody, its last changes."""

    name: str | None = None
    folder: str | None = None
    status: str | None = None
    seen_at: datetime | None = None
    held_since: datetime | None = None
    changes: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCampaign:
    """A campaign that an edge has paused or resumed; `is_held`: it's in our custody now."""

    account: str
    campaign: int
    name: str | None
    folder: str | None
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEdge:
    """The changes of one action that were due at one instant, as far as they had success."""

    action: Action
    due_at: datetime
    finished_at: datetime
    rules: tuple[str, ...]
    campaigns: tuple[ChangedCampaign, ...]


def newest_run(connection: Connection) -> DaemonRun | None:
    """The daemon that was started last; None on a ledger that none has used yet."""
    row = connection.execute(select(daemons).order_by(daemons.c.id.desc()).limit(1)).mappings().first()
    if row is None:
        return None
    return DaemonRun(**{name: row[name] for name in DaemonRun.__dataclass_fields__})


def held_campaigns(connection: Connection) -> list[dict[str, Any]]:
    """The campaigns that we hold paused, and owe a resume: since when, because of what, until when as it was then."""
    columns = (custody.c.account, custody.c.campaign, campaigns.c.name, campaigns.c.folder, custody.c.taken_at)
    query = (
        select(*columns, intents.c.because, intents.c.expires_at)
        .join_from(custody, intents, custody.c.intent_id == intents.c.id)
        .outerjoin(campaigns, _same_campaign(custody))
        .where(custody.c.left_at.is_(None))
        .order_by(custody.c.account, custody.c.campaign)
    )
    return [
        {
            "account": row.account,
            "campaign": row.campaign,
            "campaign_name": row.name,
            "since": row.taken_at,
            "because": row.because,
            "until": row.expires_at,
            "folder": row.folder,
        }
        for row in connection.execute(query)
    ]


def left_campaigns(connection: Connection) -> list[dict[str, Any]]:
    """The campaigns that couldn't be given back and are still paused: since when, and why a person must resume them."""
    columns = (custody.c.account, custody.c.campaign, campaigns.c.name, custody.c.left_at, custody.c.left_because)
    query = select(*columns).outerjoin_from(custody, campaigns, _same_campaign(custody))
    ordered = query.where(custody.c.left_at.is_not(None)).order_by(custody.c.account, custody.c.campaign)
    return [
        {
            "account": row.account,
            "campaign": row.campaign,
            "campaign_name": row.name,
            "since": row.left_at,
            "because": row.left_because,
        }
        for row in connection.execute(ordered)
    ]


def accounts_with(connection: Connection, campaign: int) -> list[str]:
    """The accounts in whose lists a campaign was seen, sorted."""
    query = select(campaigns.c.account).where(campaigns.c.campaign == campaign).order_by(campaigns.c.account)
    return list(connection.execute(query).scalars())


def campaign_record(connection: Connection, account: str, campaign: int) -> CampaignRecord:
    """What is on record of one campaign, its newest changes first."""
    seen = connection.execute(select(campaigns).where(_is(campaigns, account, campaign))).first()
    owed = select(custody.c.taken_at).where(_is(custody, account, campaign), custody.c.left_at.is_(None))
    held = connection.execute(owed).scalar()
    columns = (intents.c.action, intents.c.due_at, intents.c.because, intents.c.state, intents.c.reason)
    newest = (
        select(*columns, intents.c.attempts)
        .where(_is(intents, account, campaign))
        .order_by(intents.c.id.desc())
        .limit(_CHANGES_SHOWN)
    )
    return CampaignRecord(
        name=seen.name if seen else None,
        folder=seen.folder if seen else None,
        status=seen.status if seen else None,
        seen_at=seen.seen_at if seen else None,
        held_since=held,
        changes=tuple(dict(row) for row in connection.execute(newest).mappings()),
    )


def last_edge(connection: Connection, since: datetime) -> LastEdge | None:
    """The newest edge at which anything was paused or resumed later than an instant; None where nothing was."""
    columns = (intents.c.action, intents.c.due_at, attempts.c.finished_at)
    joined = select(*columns).join_from(attempts, intents, attempts.c.intent_id == intents.c.id)
    succeeded = joined.where(attempts.c.outcome == Outcome.SUCCEEDED, attempts.c.finished_at > since)
    newest = connection.execute(succeeded.order_by(attempts.c.finished_at.desc()).limit(1)).first()
    if newest is None:
        return None
    held = and_(_same_campaign(intents, custody), custody.c.left_at.is_(None))
    query = (
        select(intents.c.account, intents.c.campaign, intents.c.rules, campaigns.c.name, campaigns.c.folder)
        .add_columns(custody.c.intent_id.label("held_by"))
        .outerjoin_from(intents, campaigns, _same_campaign(intents))
        .outerjoin(custody, held)
        .where(intents.c.action == newest.action, intents.c.due_at == newest.due_at)
        .where(intents.c.state == State.SUCCEEDED)
        .order_by(intents.c.account, intents.c.campaign)
    )
    rows = connection.execute(query).all()
    return LastEdge(
        action=Action(newest.action),
        due_at=newest.due_at,
        finished_at=newest.finished_at,
        rules=tuple(dict.fromkeys(rule for row in rows for rule in row.rules)),
        campaigns=tuple(
            ChangedCampaign(
                account=row.account,
                campaign=row.campaign,
                name=row.name,
                folder=row.folder,
                is_held=row.held_by is not None,
            )
            for row in rows
        ),
    )


def last_load(connection: Connection) -> dict[str, Any] | None:
    """What the journal says of the last file that was loaded; None where none was."""
    loaded = select(journal.c.details).where(journal.c.event == FILE_LOADED).order_by(journal.c.id.desc()).limit(1)
    return connection.execute(loaded).scalar()


def failing_changes(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """The changes that are still wanted and had no success so far, with their last error and since when."""
    tried = attempts.alias()
    of_intent = select(func.max(tried.c.number)).where(tried.c.intent_id == intents.c.id)
    last = of_intent.where(tried.c.outcome.is_not(None)).scalar_subquery()
    first = select(func.min(tried.c.started_at)).where(tried.c.intent_id == intents.c.id).scalar_subquery()
    # What was tried anew since fails, or doesn't, by itself.
    other = intents.alias()
    newest = select(func.max(other.c.id)).where(_same_campaign(intents, other), other.c.action == intents.c.action)
    query = (
        select(intents, campaigns.c.name, attempts.c.error_code, attempts.c.error_message, attempts.c.http_status)
        .add_columns(first.label("since"))
        .join_from(intents, attempts, attempts.c.intent_id == intents.c.id)
        .outerjoin(campaigns, _same_campaign(intents))
        .where(attempts.c.number == last)
        .where(intents.c.expires_at > now, intents.c.id == newest.scalar_subquery())
        .where(intents.c.state.in_((State.WAITING, State.CALLING, State.FAILED)))
        .order_by(intents.c.due_at, intents.c.account, intents.c.campaign)
    )
    return [
        {
            "account": row.account,
            "campaign": row.campaign,
            "campaign_name": row.name,
            "action": row.action,
            "due_at": row.due_at,
            "since": row.since,
            "attempts": row.attempts,
            "http_status": row.http_status,
            "error": error_text(row.error_code, row.error_message) or row.reason,
            "next_attempt_at": row.next_attempt_at,
        }
        for row in connection.execute(query)
    ]


def _is(table: Any, account: str, campaign: int) -> Any:
    return and_(table.c.account == account, table.c.campaign == campaign)


def _same_campaign(other: Any, one: Any = campaigns) -> Any:
    return and_(one.c.account == other.c.account, one.c.campaign == other.c.campaign)
