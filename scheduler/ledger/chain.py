"""The record of outcomes, in which each row carries the hash of the one before it.

A row's hash is the SHA-256, in hexadecimal, of the UTF-8 bytes of a JSON array (RFC 8259) without blanks, in which all
that isn't ASCII is escaped: the values of `FIELDS` in that order, instants as the ledger's text, rules as an array of
texts. The first row carries 64 zeros. The number and the hash of the newest row are kept apart, so that its removal
shows too. `version` is that of this description.

So it can't be seen that somebody wrote the whole record anew, with all hashes, unless an earlier head was noted
elsewhere.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import Connection, Text, bindparam, cast, column, func, insert, select, table, type_coerce, update

from scheduler.errors import LedgerError
from scheduler.ledger.records import Intent, Result
from scheduler.ledger.tables import chain

VERSION: Final = 1
FIELDS: Final = (
    *("version", "number", "previous_hash", "intent_id", "account", "campaign", "action", "due_at", "rules"),
    *("attempt", "started_at", "finished_at", "outcome", "http_status", "error_code", "error_message", "reason"),
)
_RULES: Final = FIELDS.index("rules")
# What the first row carries.
_NOTHING: Final = "0" * 64
_HEAD: Final = "head"
_START: Final = "start"


def _foreign(value: object) -> object:
    """Bytes where there was never anything but text: something else than what was recorded, and no fault of ours."""
    return {type(value).__name__: repr(value)}


_encode: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=_foreign).encode
# With values as they are hashed, so that they needn't be converted once more.
_RAW: Final = table("outcomes", *(column(name) for name in FIELDS))
# By the driver itself: SQLAlchemy would take longer than the database.
_ADD: Final = """
INSERT INTO outcomes (version, number, previous_hash, intent_id, account, campaign, action, due_at, rules,
                      attempt, started_at, finished_at, outcome, http_status, error_code, error_message, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""".strip()
_ADD_RULES: Final = "INSERT INTO outcome_rules (rule, started_at, number) VALUES (?, ?, ?)"
_MARKS: Final = {"sqlite": "?", "postgresql": "%s"}
# The driver of PostgreSQL would make a list of the rules by itself.
_ROWS: Final = select(*(cast(_RAW.c[name], Text) if name == "rules" else _RAW.c[name] for name in FIELDS))
_KEPT: Final = select(chain.c.number, chain.c.hash).where(chain.c.name == bindparam("which"))
_MOVE: Final = (
    update(chain)
    .where(chain.c.name == _HEAD, chain.c.number == bindparam("before"))
    .values(number=bindparam("to"), hash=bindparam("hash_of_it"))
)
# How many rows are read at a time.
_AT_ONCE: Final = 1000


Row = tuple[Any, ...]


class Entry(NamedTuple):
    """How an attempt ended, or an intent that needed none (`attempt` is None then); all of it is final."""

    intent_id: int
    account: str
    campaign: int
    action: str
    due_at: datetime
    rules: tuple[str, ...]
    attempt: int | None
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    http_status: int | None
    error_code: str | None
    error_message: str | None
    reason: str

    @classmethod
    def of_attempt(
        cls, intent: Intent, number: int, result: Result, started_at: datetime, finished_at: datetime | None
    ) -> Self:
        """An attempt that has ended."""
        return cls(
            intent.id,
            intent.account,
            intent.campaign,
            intent.action.value,
            intent.due_at,
            intent.rules,
            number,
            started_at,
            finished_at,
            result.outcome.value,
            result.http_status,
            result.error_code,
            result.error_message,
            intent.because if result.reason is None else result.reason,
        )

    @classmethod
    def of_decision(cls, intent: Intent, state: str, reason: str, decided_at: datetime) -> Self:
        """An intent that has ended without a call."""
        identity = (intent.id, intent.account, intent.campaign, intent.action.value, intent.due_at, intent.rules)
        return cls(*identity, None, decided_at, None, str(state), None, None, None, reason)


class Link(NamedTuple):
    """A place in the record: the number of an outcome, and its hash."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


BEGINNING: Final = Link(0, _NOTHING)


def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Add outcomes to the record, in this order, inside the caller's transaction.

    Raises:
        LedgerError: somebody else adds to it at the same time.
    """
    if not entries:
        return
    known = head(connection)
    added, by_rule, last = _linked(known or _newest(connection), entries)
    mark = _MARKS[connection.dialect.name]
    connection.exec_driver_sql(_ADD.replace("?", mark), added)
    if by_rule:
        connection.exec_driver_sql(_ADD_RULES.replace("?", mark), by_rule)
    if known is None:
        connection.execute(insert(chain).values(name=_HEAD, number=last.number, hash=last.hash))
    elif connection.execute(_MOVE, {"before": known.number, "to": last.number, "hash_of_it": last.hash}).rowcount != 1:
        raise LedgerError("somebody else adds outcomes to this ledger at the same time")


def _linked(before: Link, entries: Iterable[Entry]) -> tuple[list[Row], list[Row], Link]:
    """The rows that follow, with rules as JSON; a row for each of their rules; and the last of them."""
    number, previous = before
    rows: list[Row] = []
    by_rule: list[Row] = []
    for entry in entries:
        number += 1
        rules, attempt, started_at, finished_at = entry[5:9]
        began = _instant(started_at)
        ended = None if finished_at is None else _instant(finished_at)
        first = (VERSION, number, previous, *entry[:4], _instant(entry.due_at))
        rest = (attempt, began, ended, *entry[9:])
        rows.append((*first, _rules_text(rules), *rest))
        by_rule += [(rule, began, number) for rule in dict.fromkeys(rules)]
        previous = digest((*first, rules, *rest))
    return rows, by_rule, Link(number, previous)


def digest(values: Sequence[Any]) -> str:
    """The hash of a row: of the values of `FIELDS`, with instants as text and rules as a sequence of texts."""
    return sha256(_encode(values).encode("ascii")).hexdigest()


@lru_cache(maxsize=1024)
def _rules_text(rules: tuple[str, ...]) -> str:
    return _encode(rules)


@lru_cache(maxsize=1024)
def _instant(value: datetime) -> str:
    """As `tables.Instant` keeps it, which takes three times as long."""
    if value.tzinfo is None:
        raise TypeError("a naive datetime isn't an instant")
    return f"{value.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z"


def head(connection: Connection) -> Link | None:
    """The newest outcome, as it's kept apart; None where none was recorded yet."""
    return _kept(connection, _HEAD)


def start(connection: Connection) -> Link:
    """What the oldest outcome follows: the last one that was pruned, or nothing."""
    return _kept(connection, _START) or BEGINNING


def begin_after(connection: Connection, last: Link, before: datetime) -> None:
    """Have the record begin after an outcome; what began before an instant may be gone from here on."""
    found = start(connection)
    values = {"number": last.number, "hash": last.hash, "pruned_before": before}
    if found == BEGINNING:
        connection.execute(insert(chain).values(name=_START, **values))
        return
    moved = update(chain).where(chain.c.name == _START, chain.c.number == found.number).values(values)
    if connection.execute(moved).rowcount != 1:
        raise LedgerError("somebody else prunes this ledger at the same time")


def pruned_before(connection: Connection) -> str | None:
    """What began before it may have been pruned, as the ledger has it; None where nothing was."""
    return connection.execute(select(type_coerce(chain.c.pruned_before, Text)).where(chain.c.name == _START)).scalar()


def _kept(connection: Connection, name: str) -> Link | None:
    row = connection.execute(_KEPT, {"which": name}).first()
    return row and Link(row.number, row.hash)


def rows(connection: Connection, first: int = 0, last: int | None = None) -> Iterator[Row]:
    """The outcomes of these numbers in their order: the values of `FIELDS` as they are hashed."""
    query = _ROWS.where(_RAW.c.number >= first).order_by(_RAW.c.number)
    if last is not None:
        query = query.where(_RAW.c.number <= last)
    with connection.execute(query.execution_options(yield_per=_AT_ONCE)) as result:
        for row in result:
            yield (*row[:_RULES], _rules_of(row[_RULES]), *row[_RULES + 1 :])


@lru_cache(maxsize=1024)
def _rules_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # Not what was recorded, as its hash will show.
        return text


def _newest(connection: Connection) -> Link:
    """Where the record ends by its rows alone: somebody has removed what's kept apart."""
    number = connection.execute(select(func.max(_RAW.c.number))).scalar()
    if number is None:
        return start(connection)
    (row,) = rows(connection, number)
    return Link(number, digest(row))
