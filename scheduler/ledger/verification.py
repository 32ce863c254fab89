"""Whether the record of outcomes is what was recorded: read from one end to the other, and compared with the rest."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Select, Text, and_, or_, select, type_coerce

from scheduler.ledger import chain
from scheduler.ledger.chain import FIELDS, Link, digest
from scheduler.ledger.dialects import elements
from scheduler.ledger.tables import attempts, intents, outcome_rules, outcomes
from scheduler.ledger.tampering import Misfits, Row, numbers, what

# How many problems are told; where there are more, that's said.
MOST_TOLD: Final = 20
_NUMBER: Final = FIELDS.index("number")
_PREVIOUS: Final = FIELDS.index("previous_hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a look through the record has found: the outcome before its first, its last, and all that is wrong with it.

    There may be more problems than are told.
    """

    start: Link
    last: Link
    problems: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many outcomes it has by its numbers."""
        return self.last.number - self.start.number


@dataclass(slots=True)
class Walk:
    """A walk along a part of the record, from the outcome before its first; `seen` has the hashes of `wanted` numbers.

    A row shows that the one before it is as it was recorded; what is kept of the head shows it of the last.
    """

    start: Link
    head: Link | None = None
    wanted: frozenset[int] = frozenset()
    seen: dict[int, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    broken: list[tuple[int, int]] = field(default_factory=list)
    last: Link = chain.BEGINNING
    behind: list[int] = field(default_factory=list)

    def along(self, rows: Iterable[Row]) -> None:
        """Go on to the end of these rows, which are in the order of their numbers."""
        self.last = self.start
        self._see(self.start)
        for row in rows:
            number = row[_NUMBER]
            if number <= self.start.number:
                self.problems.append(f"{what(row)} is there, though all up to {self.start.number} were pruned")
                continue
            if number <= self.last.number:
                self.problems.append(f"{what(row)} stands behind outcome {self.last.number}: moved")
                continue
            if self.head is not None and number > self.head.number:
                self.behind.append(number)
                continue
            self._meet(number, row[_PREVIOUS])
            self.last = Link(number, digest(row))
            self._see(self.last)
        self._end()

    def _end(self) -> None:
        if self.head is not None:
            self._meet(self.head.number + 1, self.head.hash)
        elif self.last != chain.BEGINNING:
            self.problems.append("what is kept of the head is missing")
        if self.behind:
            what_is = numbers(self.behind[0], self.behind[-1])
            self.problems.append(f"{what_is} behind the head that is kept: inserted")

    def _meet(self, number: int, previous: str) -> None:
        first_missing = self.last.number + 1
        if number > first_missing:
            self.problems.append(f"{numbers(first_missing, number - 1)} missing: removed")
        elif previous != self.last.hash:
            self._break(self.last.number)

    def _break(self, number: int) -> None:
        """Note that an outcome isn't what the one after it says, together with those right before it."""
        if self.broken and self.broken[-1][1] == number - 1:
            self.broken[-1] = (self.broken[-1][0], number)
        else:
            self.broken.append((number, number))

    def _see(self, link: Link) -> None:
        if link.number in self.wanted:
            self.seen[link.number] = link.hash


class Part(Protocol):
    """A part of the record that has left the ledger."""

    @property
    def start(self) -> Link:
        """The outcome before its first."""

    @property
    def last(self) -> Link:
        """Its last outcome."""

    def rows(self, first: int = 0, last: int | None = None) -> Iterator[Row]:
        """Its outcomes of these numbers."""


def verify(connection: Connection, noted: Sequence[Link] = (), parts: Sequence[Part] = ()) -> Verdict:
    """Look through the whole record of a ledger, together with parts that were pruned.

    `noted` are heads of earlier times, which must still be part of it.
    """
    start = chain.start(connection)
    parts = sorted(parts, key=lambda each: each.start.number)
    wanted = frozenset(each.number for each in (*noted, start, *(part.start for part in parts)))
    seen: dict[int, str] = {}
    problems: list[str] = []
    for part in parts:
        walk = Walk(part.start, part.last, wanted)
        problems += [*_follows(part.start, seen, problems), *_walked(walk, part.rows)]
        seen |= walk.seen
    problems += _follows(start, seen, problems)
    walk = Walk(start, chain.head(connection), wanted)
    problems += _walked(walk, partial(chain.rows, connection))
    problems += _gone_heads(walk, seen | walk.seen, noted)
    # What isn't as it was recorded is compared with nothing else.
    others = (_differing_attempts, _differing_intents, *(() if problems else (_differing_rules,)))
    for found in others:
        problems += islice(found(connection), MOST_TOLD)
    first = parts[0].start if parts else start
    return Verdict(start=first, last=walk.last, problems=tuple(problems))


def _follows(start: Link, seen: Mapping[int, str], problems: Sequence[str]) -> Iterator[str]:
    """What is wrong where a part begins, after those that came before it."""
    if seen and seen.get(start.number) != start.hash and not problems:
        yield f"what begins with outcome {start.number + 1} doesn't follow what is in the archives before it"


def _walked(walk: Walk, rows: Callable[..., Iterator[Row]]) -> list[str]:
    walk.along(rows())
    misfits = Misfits(stretches=walk.broken[:MOST_TOLD], start=walk.start, last=walk.last, head=walk.head, rows=rows)
    return [*misfits.told(), *walk.problems[:MOST_TOLD]]


def _gone_heads(walk: Walk, seen: Mapping[int, str], noted: Iterable[Link]) -> Iterator[str]:
    for link in noted:
        if link.number > walk.last.number:
            yield f"it ends with outcome {walk.last.number}, before the head that was noted, {link.number}: removed"
        elif link.number < walk.start.number and link.number not in seen:
            yield f"outcome {link.number}, a head that was noted, was pruned: give its archive with --archive"
        elif seen.get(link.number) != link.hash:
            yield f"outcome {link.number} isn't the one that was noted: the record was written anew"


_SAME: Final = and_(outcomes.c.intent_id == attempts.c.intent_id, outcomes.c.attempt == attempts.c.number)


def _differing_attempts(connection: Connection) -> Iterator[str]:
    """Attempts that aren't what was recorded of them: what the audit log shows is the record."""
    ended = attempts.c.outcome.is_not(None)
    of_attempt = select(attempts.c.intent_id, attempts.c.number, attempts.c.outcome)
    for row in connection.execute(of_attempt.where(ended, ~select(outcomes.c.number).where(_SAME).exists())):
        attempt = f"attempt {row.number} of intent {row.intent_id} ({row.outcome})"
        yield f"{attempt} isn't in the record: inserted, or its outcome removed"
    names = ("started_at", "finished_at", "outcome", "http_status", "error_code", "error_message")
    differs = or_(
        *(attempts.c[name].is_distinct_from(outcomes.c[name]) for name in names),
        and_(attempts.c.reason.is_not(None), attempts.c.reason != outcomes.c.reason),
    )
    changed = select(outcomes.c.number, outcomes.c.intent_id, outcomes.c.attempt).join_from(attempts, outcomes, _SAME)
    for row in connection.execute(changed.where(differs)):
        yield f"attempt {row.attempt} of intent {row.intent_id}, recorded as outcome {row.number}, was changed"
    gone = select(outcomes.c.number, outcomes.c.intent_id, outcomes.c.attempt).where(
        outcomes.c.attempt.is_not(None), ~select(attempts.c.id).where(_SAME).exists()
    )
    for row in connection.execute(gone):
        yield f"attempt {row.attempt} of intent {row.intent_id}, recorded as outcome {row.number}, was removed"


def _differing_intents(connection: Connection) -> Iterator[str]:
    is_it = intents.c.id == outcomes.c.intent_id
    names = ("account", "campaign", "action", "due_at")
    differs = or_(*(intents.c[name].is_distinct_from(outcomes.c[name]) for name in names))
    query = select(outcomes.c.number, outcomes.c.intent_id).outerjoin_from(outcomes, intents, is_it)
    for row in connection.execute(query.where(differs)):
        yield f"intent {row.intent_id} isn't the one that outcome {row.number} was recorded for: changed or removed"
    for row in connection.execute(_undecided(chain.pruned_before(connection))):
        decision = f"the decision about intent {row.id} ({row.state})"
        yield f"{decision} isn't in the record: inserted, changed, or its outcome removed"


def _undecided(pruned_before: str | None) -> Select[Any]:
    is_recorded = select(outcomes.c.number).where(
        outcomes.c.intent_id == intents.c.id,
        outcomes.c.attempt.is_(None),
        outcomes.c.started_at == intents.c.decided_at,
        outcomes.c.outcome == intents.c.state,
    )
    query = select(intents.c.id, intents.c.state).where(intents.c.decided_at.is_not(None), ~is_recorded.exists())
    return query if pruned_before is None else query.where(type_coerce(intents.c.decided_at, Text) >= pruned_before)


def _differing_rules(connection: Connection) -> Iterator[str]:
    named = elements(connection.dialect.name, outcomes.c.rules)
    same = and_(outcome_rules.c.number == outcomes.c.number, outcome_rules.c.started_at == outcomes.c.started_at)
    is_there = select(outcome_rules.c.rule).where(same, outcome_rules.c.rule == named.c.value).exists()
    for row in connection.execute(select(outcomes.c.number, named.c.value).where(~is_there)):
        yield f"outcome {row.number} isn't found by its rule {row.value!r}: removed"
    is_named = select(named.c.value).select_from(outcomes, named).where(same, named.c.value == outcome_rules.c.rule)
    found = select(outcome_rules.c.number, outcome_rules.c.rule)
    for row in connection.execute(found.where(~is_named.correlate(outcome_rules).exists())):
        yield f"outcome {row.number} is found by the rule {row.rule!r}, which isn't its own: inserted"
