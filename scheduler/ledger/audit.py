"""The audit log as the verb reads it: which lines, in which order, and totals; each a function of one connection.

Every filter has an index that goes on in the order of time, so that neither a million lines nor ten are looked through
or sorted for a few.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    true,
    type_coerce,
)

from scheduler.ledger.dialects import elements, milliseconds_between, seconds_between, unindexed
from scheduler.ledger.records import Outcome
from scheduler.ledger.tables import AUDIT_COLUMNS, attempts, campaigns, intents, outcome_rules, outcomes

# What the audit log has for an attempt that has no outcome yet.
UNDER_WAY: Final = "under way"
# What totals can be made by.
GROUPS: Final = ("day", "rule", "outcome")
# How many rows are fetched at a time.
_AT_ONCE: Final = 1000
# Of several filters, whose index leaves the fewest rows to look at; what most lines ended as leaves the most.
_SHARPEST: Final = ("campaign", "outcome", "account", "action")
_BY_SHARPNESS: Final = ("campaign", "outcome", "rule", *_SHARPEST[2:])
_USUAL: Final = frozenset({Outcome.SUCCEEDED, Outcome.SKIPPED, Outcome.SIMULATED})
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
    def values(self) -> dict[str, Any]:
        """What is asked for, by its name."""
        every = {name: getattr(self, name) for name in AuditFilter.__dataclass_fields__}
        return {name: value for name, value in every.items() if value is not None}

    @property
    def given(self) -> frozenset[str]:
        """The names alone."""
        return frozenset(self.values)

    @property
    def sharpest(self) -> str:
        """The one that leaves the fewest lines; nothing, where all are by time."""
        names = [name for name in _BY_SHARPNESS if getattr(self, name) is not None]
        if self.outcome in _USUAL and len(names) > 1:
            names.remove("outcome")
        return names[0] if names else ""

    @property
    def has_under_way(self) -> bool:
        """Whether it lets through what has no outcome yet."""
        return self.outcome in {None, UNDER_WAY}


def audit_lines(
    connection: Connection, chosen: AuditFilter, *, newest: int | None = None, is_ended: bool = False
) -> Iterator[Line]:
    """The chosen lines, in the order in which things began, and then what is under way; keys as in `AUDIT_COLUMNS`.

    `newest`: only so many, the last ones. `is_ended`: without what is under way.
    """
    current: list[Row[Any]] = []
    if chosen.has_under_way and not is_ended:
        current = list(_rows(connection, under_way(connection.dialect.name, chosen.given), chosen.values))
    if newest is not None:
        current = current[-newest:]
        newest -= len(current)
    return map(_line, chain(recorded_rows(connection, chosen, newest=newest), current))


def lines_after(connection: Connection, chosen: AuditFilter, number: int) -> Iterator[Line]:
    """The chosen lines that were recorded after an outcome, in the order in which they were."""
    query = recorded(connection.dialect.name, chosen.given, by_number=True)
    return map(_line, _rows(connection, query, {**chosen.values, "after": number}))


def recorded_rows(connection: Connection, chosen: AuditFilter, *, newest: int | None = None) -> Iterator[Row[Any]]:
    """The chosen lines that have ended, as the database has them."""
    query = recorded(connection.dialect.name, chosen.given, chosen.sharpest, is_limited=newest is not None)
    if newest is None:
        return _rows(connection, query, chosen.values)
    found = connection.execute(query, {**chosen.values, "newest": newest}).all() if newest else []
    return reversed(found)


@cache
def recorded(
    dialect: str,
    given: frozenset[str],
    sharpest: str = "",
    *,
    is_limited: bool = False,
    by_number: bool = False,
) -> Select[Any]:
    """The query for lines that have ended, by filters of these names; made once, since that takes longer than to ask.

    Of several filters the index of the `sharpest` is gone along. `is_limited`: only `newest` of them, in the opposite
    order; `by_number`: those `after` a number, in the order in which they were recorded.
    """
    query = _joined(dialect, _columns_of(dialect), given, "number" if by_number else sharpest)
    if by_number:
        return query.where(outcomes.c.number > bindparam("after")).order_by(outcomes.c.number)
    of = outcome_rules if sharpest == "rule" else outcomes
    if is_limited:
        return query.order_by(of.c.started_at.desc(), of.c.number.desc()).limit(bindparam("newest"))
    return query.order_by(of.c.started_at, of.c.number)


def _joined(dialect: str, columns: Sequence[Any], given: Collection[str], sharpest: str) -> Select[Any]:
    """Such columns of the outcomes that filters of these names let through."""
    is_by_rule = sharpest == "rule"
    query = select(*columns).select_from(outcome_rules if is_by_rule else outcomes)
    started_at = (outcome_rules if is_by_rule else outcomes).c.started_at
    if is_by_rule:
        query = query.join(outcomes, outcomes.c.number == outcome_rules.c.number)
        query = query.where(outcome_rules.c.rule == bindparam("rule"))
    elif "rule" in given:
        is_its = (outcome_rules.c.started_at == outcomes.c.started_at, outcome_rules.c.number == outcomes.c.number)
        query = query.where(select(null()).where(outcome_rules.c.rule == bindparam("rule"), *is_its).exists())
    query = query.outerjoin(campaigns, _is_campaign_of(outcomes))
    return query.where(*_conditions(dialect, given, sharpest, outcomes, started_at))


def _conditions(dialect: str, given: Collection[str], sharpest: str, of: Table, started_at: Any) -> Iterator[Any]:
    """What filters of these names ask of a row, but for its rule; only the sharpest, and the time, by an index."""
    for name in _SHARPEST:
        if name in given and name in of.c:
            column = of.c[name]
            yield (column if name == sharpest else unindexed(dialect, column)) == bindparam(name)
    when = started_at if sharpest != "number" else unindexed(dialect, started_at)
    if "since" in given:
        yield when >= bindparam("since", type_=started_at.type)
    if "until" in given:
        yield when < bindparam("until", type_=started_at.type)


@cache
def under_way(dialect: str, given: frozenset[str]) -> Select[Any]:
    """The query for attempts that have no outcome yet, by filters of these names: a handful at most."""
    values = (
        *(intents.c.due_at, attempts.c.started_at, intents.c.account, intents.c.campaign, campaigns.c.name),
        *(intents.c.action, cast(intents.c.rules, Text), attempts.c.number, literal(UNDER_WAY), null(), null()),
        *(intents.c.because, seconds_between(dialect, intents.c.due_at, attempts.c.started_at), null(), null()),
    )
    query = select(*(_raw(each).label(name) for name, each in zip(AUDIT_COLUMNS, values, strict=True)))
    query = query.select_from(attempts).join(intents, intents.c.id == attempts.c.intent_id)
    query = query.outerjoin(campaigns, _is_campaign_of(intents)).where(attempts.c.outcome.is_(None))
    query = query.where(*_conditions(dialect, given, "under way", intents, attempts.c.started_at))
    if "rule" in given:
        named = elements(dialect, intents.c.rules)
        query = query.where(select(named.c.value).where(named.c.value == bindparam("rule")).exists())
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


def _rows(connection: Connection, query: Select[Any], values: Mapping[str, Any]) -> Iterator[Row[Any]]:
    """One after the other: they may be millions."""
    with connection.execute(query, values, execution_options={"yield_per": _AT_ONCE}) as result:
        for rows in result.partitions():
            yield from rows


def _line(row: Row[Any]) -> Line:
    line = dict(zip(AUDIT_COLUMNS, row, strict=True))
    line["due_at"] = datetime.fromisoformat(line["due_at"])
    line["started_at"] = datetime.fromisoformat(line["started_at"])
    line["rules"] = _rules(line["rules"])
    return line


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
    query = _joined(connection.dialect.name, [*columns, func.count()], chosen.given, chosen.sharpest)
    if "rule" in by:
        query = query.outerjoin(named, true())
        if chosen.rule is not None:
            query = query.where(named.c.value == bindparam("rule"))
    counted: Counter[tuple[str, ...]] = Counter()
    for *key, number in connection.execute(query.group_by(*columns), chosen.values):
        counted[tuple(_named(name, value, zone) for name, value in zip(by, key, strict=True))] += number
    return [{**dict(zip(by, key, strict=True)), "number": number} for key, number in sorted(counted.items())]


def _named(group: str, value: str | None, zone: ZoneInfo) -> str:
    if group == "day" and value is not None:
        return datetime.fromisoformat(f"{value}Z").astimezone(zone).date().isoformat()
    return value or ""
