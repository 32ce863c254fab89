"""How much of what a person may have to see to is in the ledger, as numbers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from scheduler.ledger.reports import failing_changes
from scheduler.ledger.tables import custody


@dataclass(frozen=True, slots=True)
class Counts:
    """By account: campaigns held paused, and left to a person; by account and action: changes that fail."""

    held: Mapping[str, int]
    left: Mapping[str, int]
    failing: Mapping[tuple[str, str], int]


def counts(connection: Connection, now: datetime) -> Counts:
    """What there is now."""
    is_left = custody.c.left_at.is_not(None)
    query = select(custody.c.account, is_left.label("is_left"), func.count().label("number"))
    held: dict[str, int] = {}
    left: dict[str, int] = {}
    for row in connection.execute(query.group_by(custody.c.account, is_left)):
        (left if row.is_left else held)[row.account] = row.number
    failing = Counter((each["account"], each["action"]) for each in failing_changes(connection, now))
    return Counts(held, left, failing)
