"""The audit log as the verb reads it: which lines, in which order, and totals; each a function of one connection.

Every filter has an index that goes on in the order of time, so that neither a million lines nor ten are looked through
or sorted for a few.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, Text, and_, case, cast, func, literal, null, select, true, type_coerce

from scheduler.ledger.dialects import elements, milliseconds_between, seconds_between
from scheduler.ledger.records import Outcome
from scheduler.ledger.tables import AUDIT_COLUMNS, attempts, campaigns, intents, outcome_rules, outcomes

# What the audit log has for an attempt that has no outcome yet.
UNDER_WAY: Final = "under way"
# What totals can be made by.
GROUPS: Final = ("day", "rule", "outcome")
# How many rows are fetched at a time.
_AT_ONCE: Final = 1000
# Of several filters, whose index leaves the fewest rows to look at; success is what most attempts have.
_SHARPEST: Final = ("campaign", "outcome", "account", "action")
_INSTANTS: Final = ("due_at", "started_at")

Line = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which lines of the audit log; a value of None lets all through. `since <= started_at < until`, in UTC."""

    since: datetime | None = None
    until: datetime | None = None
    campaign: int | None = None
    rule: str | None = None
    account: str | None = None
    action: str | None = None
    outcome: str | None = None

    @property
    def has_under_way(self) -> bool:
        """Whether it lets through what has no outcome yet."""
        return self.outcome in {None, UNDER_WAY}


def audit_lines(connection: Connection, chosen: AuditFilter, *, newest: int | None = None) -> Iterator[Line]:
    """The chosen lines, in the order in which things began, and then what is under way; keys as in `AUDIT_COLUMNS`.

    `newest`: only so many, the last ones.
    """
    current = list(_lines(connection, under_way(connection.dialect.name, chosen))) if chosen.has_under_way else []
    if newest is not None:
        current = current[-newest:]
        newest -= len(current)
    yield from ended_lines(connection, chosen, newest=newest)
    yield from current


def ended_lines(connection: Connection, chosen: AuditFilter, *, newest: int | None = None) -> Iterator[Line]:
    """The same without what is under way."""
    dialect = connection.dialect.name
    if newest is None:
        yield from _lines(connection, recorded(dialect, chosen))
    elif newest > 0:
        yield from reversed(list(_lines(connection, recorded(dialect, chosen, newest=newest))))


def lines_after(connection: Connection, chosen: AuditFilter, number: int) -> Iterator[Line]:
    """The chosen lines that were recorded after an outcome, in the order in which they were."""
    return _lines(connection, recorded(connection.dialect.name, chosen, after=number))


def recorded(dialect: str, chosen: AuditFilter, *, newest: int | None = None, after: int | None = None) -> Select[Any]:
    """The query for the chosen lines that have ended; with `newest`, in the opposite order."""
    query = _joined(_columns_of(dialect), chosen, after)
    order = (_order(chosen, after).asc(), outcomes.c.number.asc())
    if newest is not None:
        order, query = (_order(chosen, after).desc(), outcomes.c.number.desc()), query.limit(newest)
    return query.order_by(*order)


def _order(chosen: AuditFilter, after: int | None) -> Any:
    if after is not None:
        return outcomes.c.number
    return outcomes.c.started_at if chosen.rule is None else outcome_rules.c.started_at


def _joined(columns: Sequence[Any], chosen: AuditFilter, after: int | None = None) -> Select[Any]:
    """Such columns of the chosen outcomes, from the index that fits best."""
    query = select(*columns)
    is_by_rule = chosen.rule is not None and after is None
    if is_by_rule:
        query = query.select_from(outcome_rules).join(outcomes, outcomes.c.number == outcome_rules.c.number)
        query = query.where(outcome_rules.c.rule == chosen.rule)
    else:
        query = query.select_from(outcomes)
    query = query.outerjoin(campaigns, _is_campaign_of(outcomes))
    started_at = outcome_rules.c.started_at if is_by_rule else outcomes.c.started_at
    for condition in _conditions(chosen, outcomes, started_at):
        query = query.where(condition)
    if after is not None:
        query = query.where(outcomes.c.number > after)
        if chosen.rule is not None:
            is_its = (outcome_rules.c.started_at == outcomes.c.started_at, outcome_rules.c.number == outcomes.c.number)
            query = query.where(select(null()).where(outcome_rules.c.rule == chosen.rule, *is_its).exists())
    elif not is_by_rule:
        query = query.with_hint(outcomes, f"INDEXED BY {index_for(chosen)}", "sqlite")
    return query


def index_for(chosen: AuditFilter) -> str:
    """The index of outcomes that is gone along. SQLite would guess, without knowing how many of each there are."""
    given = [name for name in _SHARPEST if getattr(chosen, name) is not None]
    if chosen.outcome == Outcome.SUCCEEDED and len(given) > 1:
        given.remove("outcome")
    return f"ix_outcomes_{given[0]}_started_at" if given else "ix_outcomes_started_at"


def _conditions(chosen: AuditFilter, of: Any, started_at: Any) -> Iterator[Any]:
    for name in _SHARPEST:
        value = getattr(chosen, name)
        if value is not None and not (name == "outcome" and of is not outcomes):
            yield of.c[name] == value
    if chosen.since is not None:
        yield started_at >= chosen.since
    if chosen.until is not None:
        yield started_at < chosen.until


def under_way(dialect: str, chosen: AuditFilter) -> Select[Any]:
    """The query for the chosen attempts that have no outcome yet: a handful at most."""
    values = (
        *(intents.c.due_at, attempts.c.started_at, intents.c.account, intents.c.campaign, campaigns.c.name),
        *(intents.c.action, cast(intents.c.rules, Text), attempts.c.number, literal(UNDER_WAY), null(), null()),
        *(intents.c.because, seconds_between(dialect, intents.c.due_at, attempts.c.started_at), null(), null()),
    )
    query = select(*(_raw(each).label(name) for name, each in zip(AUDIT_COLUMNS, values, strict=True)))
    query = query.select_from(attempts).join(intents, intents.c.id == attempts.c.intent_id)
    query = query.outerjoin(campaigns, _is_campaign_of(intents)).where(attempts.c.outcome.is_(None))
    for condition in _conditions(chosen, intents, attempts.c.started_at):
        query = query.where(condition)
    if chosen.rule is not None:
        named = elements(dialect, intents.c.rules)
        query = query.where(select(named.c.value).where(named.c.value == chosen.rule).exists())
    query = query.with_hint(attempts, "INDEXED BY ix_attempts_under_way", "sqlite")
    return query.order_by(attempts.c.started_at, attempts.c.id)


def _columns_of(dialect: str) -> Sequence[Any]:
    error = case(
        (outcomes.c.error_code.is_(None), outcomes.c.error_message),
        else_=outcomes.c.error_code + ": " + outcomes.c.error_message,
    )
    computed = {
        "campaign_name": campaigns.c.name,
        "rules": cast(outcomes.c.rules, Text),
        "error": error,
        "late_by_seconds": seconds_between(dialect, outcomes.c.due_at, outcomes.c.started_at),
        "duration_ms": milliseconds_between(dialect, outcomes.c.started_at, outcomes.c.finished_at),
    }
    return [_raw(computed.get(name, outcomes.c.get(name))).label(name) for name in AUDIT_COLUMNS]


def _raw(value: Any) -> Any:
    """As the database has it: to have SQLAlchemy convert it takes longer than to read it."""
    return type_coerce(value, Text) if getattr(value, "name", None) in _INSTANTS else value


def _is_campaign_of(table: Any) -> Any:
    return and_(campaigns.c.account == table.c.account, campaigns.c.campaign == table.c.campaign)


def _lines(connection: Connection, query: Select[Any]) -> Iterator[Line]:
    with connection.execute(query.execution_options(yield_per=_AT_ONCE)) as result:
        for rows in result.partitions():
            for row in rows:
                line = dict(zip(AUDIT_COLUMNS, row, strict=True))
                line["due_at"] = datetime.fromisoformat(line["due_at"])
                line["started_at"] = datetime.fromisoformat(line["started_at"])
                line["rules"] = _rules(line["rules"])
                yield line


@lru_cache(maxsize=1024)
def _rules(text: str) -> list[str]:
    found: list[str] = json.loads(text)
    return found


def totals(connection: Connection, chosen: AuditFilter, by: Sequence[str], zone: ZoneInfo) -> list[dict[str, Any]]:
    """How many of the chosen lines have ended, by day of the zone, by rule, by outcome.

    Days are those on which they began; what two rules have a part in counts for both.
    """
    named = elements(connection.dialect.name, outcomes.c.rules)
    # A minute has one day in every zone.
    groups = {"day": func.substr(outcomes.c.started_at, 1, 16), "rule": named.c.value, "outcome": outcomes.c.outcome}
    columns = [groups[name].label(name) for name in by]
    query = _joined([*columns, func.count()], chosen)
    if "rule" in by:
        query = query.outerjoin(named, true())
        if chosen.rule is not None:
            query = query.where(named.c.value == chosen.rule)
    counted: Counter[tuple[str, ...]] = Counter()
    for *key, number in connection.execute(query.group_by(*columns)):
        counted[tuple(_named(name, value, zone) for name, value in zip(by, key, strict=True))] += number
    return [{**dict(zip(by, key, strict=True)), "number": number} for key, number in sorted(counted.items())]


def _named(group: str, value: str | None, zone: ZoneInfo) -> str:
    if group == "day" and value is not None:
        return datetime.fromisoformat(f"{value}Z").astimezone(zone).date().isoformat()
    return value or ""
