"""How things stand, in one line for `systemctl status`: what comes next, and what fails."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any, Final

from rules.ruleset import Ruleset
from scheduler.degraded import degraded_text
from scheduler.errors import LedgerError
from scheduler.in_force import InForce
from scheduler.ledger.database import Writer
from scheduler.ledger.reports import failing_changes
from scheduler.plan import INSTANT
from scheduler.texts import brief

_MOST_NAMES: Final = 3


class Standing:
    """What the daemon knows of itself, asked now and then."""

    def __init__(self, in_force: InForce, writer: Writer, now: Callable[[], datetime]) -> None:
        self._in_force = in_force
        self._writer = writer
        self._now = now

    async def text(self) -> str:
        """One line; times are wall time of the file's zone, with the offset."""
        return "; ".join([*self._unwritten(), self._next(), *map(brief, await self._faults())])

    def _unwritten(self) -> Iterator[str]:
        if self._writer.fault is not None:
            yield brief(degraded_text(self._writer.fault))

    def _next(self) -> str:
        at, rules = self._in_force.jobs.next_edge()
        if at is None:
            return "no edge is in sight"
        what = verb(self._in_force.rules.ruleset, rules[0], at)
        return f"next: {names_text(rules)} {what} {_local(at, self._zone)}"

    @property
    def _zone(self) -> tzinfo:
        return self._in_force.rules.settings.document.timezone

    async def _faults(self) -> list[str]:
        found: list[str] = []
        if rejected := self._in_force.rules.rejected:
            found.append(f"the file is wrong, and the one before stays in force: {rejected}")
        if resting := self._in_force.accounts.resting():
            found.append(f"key refused: {names_text(resting)}")
        try:
            failing = await self._writer.do(lambda connection: failing_changes(connection, self._now()))
        except LedgerError as error:
            return [*found, f"the ledger fails: {error}"]
        return [*found, failing_text(failing, self._zone)] if failing else found


def verb(ruleset: Ruleset, rule: str, at: datetime) -> str:
    """What a rule does at an edge of its own."""
    timeline = ruleset.alone(rule)
    if timeline.holds(at, at + INSTANT):
        return "holds"
    span = timeline.span_at(at)
    return "begins" if span and span.start == at else "ends"


def failing_text(failing: Sequence[Mapping[str, Any]], zone: tzinfo) -> str:
    """How many changes fail, since when, and the first of them."""
    first = failing[0]
    since = min(each["since"] for each in failing)
    number = "1 change fails" if len(failing) == 1 else f"{len(failing)} changes fail"
    return f"{number} since {_local(since, zone)}: {first['action']} {first['campaign']}: {first['error']}"


def names_text(names: Sequence[str]) -> str:
    """A few of them, and how many more there are."""
    shown = ", ".join(islice(names, _MOST_NAMES))
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def _local(at: datetime, zone: tzinfo) -> str:
    there = at.astimezone(zone)
    return f"{there:%a} {there.isoformat(sep=' ', timespec='minutes')}"
