"""What a digest tells of the ledger: each a function of one connection."""

import json
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Text, cast, func, select

from scheduler.alerts.digest import Period, changes_of
from scheduler.ledger.concerns import Rows, journalled, told_since
from scheduler.ledger.records import Outcome
from scheduler.ledger.tables import attempts, custody, intents, overrides

# No call lasts longer: by when it began, which has an index, it's found.
_LONGEST_CALL: Final = timedelta(minutes=5)


def period(connection: Connection, since: datetime, until: datetime) -> Period:
    """What has happened in `[since, until)`, and how things stand."""
    held = select(func.count()).select_from(custody).where(custody.c.left_at.is_(None))
    in_mind = select(func.count()).where(overrides.c.ends_at > until, overrides.c.revoked_at.is_(None))
    changed = journalled(connection, "holidays changed", since, until)
    return Period(
        since=since,
        until=until,
        changes=changes_of(_succeeded(connection, since, until)),
        told=told_since(connection, since),
        held=int(connection.execute(held).scalar_one()),
        exceptions=int(connection.execute(in_mind).scalar_one()),
        holidays=[str(row["details"].get("change")) for row in changed],
    )


def _succeeded(connection: Connection, since: datetime, until: datetime) -> Rows:
    # Not every database can group by JSON.
    rules = cast(intents.c.rules, Text)
    query = (
        select(rules.label("rules"), intents.c.action, func.count(intents.c.id.distinct()).label("campaigns"))
        .join_from(attempts, intents, attempts.c.intent_id == intents.c.id)
        .where(attempts.c.outcome == Outcome.SUCCEEDED)
        # What is under way now is told by the next one.
        .where(attempts.c.started_at >= since - _LONGEST_CALL)
        .where(attempts.c.finished_at >= since, attempts.c.finished_at < until)
        .group_by(rules, intents.c.action)
    )
    return [{**row, "rules": json.loads(row["rules"])} for row in connection.execute(query).mappings()]
