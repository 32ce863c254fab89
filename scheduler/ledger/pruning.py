"""Outcomes that are old: which they are, and what goes with them; each a function of one connection.

What a daemon goes by stays: changes that haven't ended, what is in custody, and the newest pause and resume of each
campaign. Exceptions and the journal stay as well.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Text, and_, bindparam, delete, func, select, type_coerce

from scheduler.errors import LedgerError
from scheduler.ledger import chain
from scheduler.ledger.chain import FIELDS, Link
from scheduler.ledger.records import State
from scheduler.ledger.tables import attempts, custody, intents, outcome_rules, outcomes

_RULES: Final = FIELDS.index("rules")
_STARTED_AT: Final = FIELDS.index("started_at")
_NUMBER: Final = FIELDS.index("number")
_INTENT: Final = FIELDS.index("intent_id")
_ATTEMPT: Final = FIELDS.index("attempt")

_REMOVE_RULE: Final = delete(outcome_rules).where(
    outcome_rules.c.rule == bindparam("name"),
    type_coerce(outcome_rules.c.started_at, Text) == bindparam("began"),
    outcome_rules.c.number == bindparam("of"),
)
_REMOVE_ATTEMPT: Final = delete(attempts).where(
    attempts.c.intent_id == bindparam("of"), attempts.c.number == bindparam("count"), attempts.c.outcome.is_not(None)
)


def last_before(connection: Connection, instant: datetime) -> int:
    """The number of the last outcome before the first one that began at an instant or later."""
    first_kept = select(func.min(outcomes.c.number)).where(outcomes.c.started_at >= instant)
    found = connection.execute(first_kept).scalar()
    return (chain.head(connection) or chain.BEGINNING).number if found is None else int(found) - 1


def remove_outcomes(connection: Connection, rows: Sequence[tuple[Any, ...]], before: datetime) -> None:
    """Remove the oldest outcomes, which are these, with their attempts; the record begins after them from here on.

    Raises:
        LedgerError: they aren't the oldest ones any more.
    """
    found = chain.start(connection)
    numbers = (rows[0][_NUMBER], rows[-1][_NUMBER])
    if numbers[0] != found.number + 1 or list(chain.rows(connection, *numbers)) != list(rows):
        raise LedgerError("the oldest outcomes aren't those that were archived any more; the rest is left alone")
    chain.begin_after(connection, Link(numbers[1], chain.digest(rows[-1])), before)
    connection.execute(delete(outcomes).where(outcomes.c.number.between(*numbers)))
    by_rule = [
        {"name": rule, "began": row[_STARTED_AT], "of": row[_NUMBER]}
        for row in rows
        for rule in dict.fromkeys(row[_RULES])
    ]
    if by_rule:
        connection.execute(_REMOVE_RULE, by_rule)
    made = [{"of": row[_INTENT], "count": row[_ATTEMPT]} for row in rows if row[_ATTEMPT] is not None]
    if made:
        connection.execute(_REMOVE_ATTEMPT, made)


def remove_intents(connection: Connection, before: datetime, most: int) -> int:
    """Remove changes of before an instant of which nothing is left, and that nobody needs; gives how many.

    A later one of the same campaign and action must be there: the daemon looks at the newest, however old it is.
    """
    later = intents.alias()
    is_newer = and_(
        *(later.c[name] == intents.c[name] for name in ("account", "campaign", "action")),
        later.c.due_at > intents.c.due_at,
    )
    is_over = (
        intents.c.due_at < before,
        intents.c.expires_at < before,
        func.coalesce(intents.c.decided_at, intents.c.due_at) < before,
        intents.c.state.not_in((State.WAITING, State.CALLING)),
    )
    is_needed = (
        select(outcomes.c.number).where(outcomes.c.intent_id == intents.c.id).exists(),
        select(attempts.c.id).where(attempts.c.intent_id == intents.c.id).exists(),
        select(custody.c.account).where(custody.c.intent_id == intents.c.id).exists(),
    )
    old = select(intents.c.id).where(*is_over, select(later.c.id).where(is_newer).exists())
    found = connection.execute(old.where(*(~each for each in is_needed)).limit(most)).scalars().all()
    if found:
        connection.execute(delete(intents).where(intents.c.id.in_(found)))
    return len(found)
