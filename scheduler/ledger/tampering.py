"""What has happened to a record of outcomes whose hashes don't fit, as far as that can be told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, Final

from scheduler.ledger.chain import FIELDS, Link, digest

_NUMBER: Final = FIELDS.index("number")
_PREVIOUS: Final = FIELDS.index("previous_hash")
_PAYLOAD: Final = FIELDS.index("intent_id")
# A place in the record where more in a row doesn't fit isn't looked at for two that were swapped.
_FEW: Final = 3

Row = tuple[Any, ...]
# A stretch of outcomes, by its first and last number, none of which is what the next one says.
Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfits:
    """Stretches of a record that don't fit; `rows` gives the outcomes from one number to another."""

    stretches: Sequence[Stretch]
    start: Link
    last: Link
    head: Link | None
    rows: Callable[[int, int], Iterator[Row]]

    def told(self) -> Iterator[str]:
        """A line for each thing that was done, as far as it can be told."""
        left = list(self.stretches)
        for one, other in combinations(self.stretches, 2):
            if one in left and other in left and (pair := self._swapped_far(one, other)):
                left = [each for each in left if each not in {one, other}]
                yield _said_swapped(*pair)
        for each in left:
            yield self._told_of(*each)

    def _told_of(self, first: int, last: int) -> str:
        rows = list(self.rows(first, min(last, first + _FEW - 1) + 1))
        if first == last:
            if first == self.start.number:
                return f"{what(rows[0]) if rows else 'the head'} doesn't follow what is kept of the beginning"
            is_last = last == self.last.number
            return f"{what(rows[0])} was changed" + (", or what is kept of the head" if is_last else "")
        carried = self._carried(rows)
        if last < first + _FEW:
            for (one, other), after in zip(pairwise(rows), carried[1:], strict=False):
                if _is_swapped(one, other, other[_PREVIOUS], after):
                    return _said_swapped(one, other)
        is_first = first == self.start.number
        # Where what follows was numbered anew, it reaches to the end.
        if last >= self.last.number - 1 and (found := _renumbered(self.start.hash if is_first else None, rows)):
            return found
        only = "" if is_first else f", or only {first + 1}" + (f" to {last}" if last > first + 1 else "")
        return f"{numbers(first + is_first, last)} not what was recorded{only}"

    def _carried(self, rows: Sequence[Row]) -> list[str]:
        """What follows each of these rows says its hash was."""
        found = [row[_PREVIOUS] for row in rows[1:]]
        is_end = bool(rows) and self.head is not None and rows[-1][_NUMBER] == self.head.number
        return [*found, self.head.hash] if is_end and self.head else found

    def _swapped_far(self, one: Stretch, other: Stretch) -> tuple[Row, Row] | None:
        """Two rows, not one after the other, that would be right in each other's place."""
        found = []
        for first, last in (one, other):
            rows = list(self.rows(last, last + 1))
            carried = self._carried(rows)
            if last > first + 1 or not rows or not carried:
                return None
            found.append((rows[0], carried[0]))
        (here, after_here), (there, after_there) = found
        for mine, theirs in ((here[_PREVIOUS], there[_PREVIOUS]), (there[_PREVIOUS], here[_PREVIOUS])):
            right = (_with(there, here[_NUMBER], mine), _with(here, there[_NUMBER], theirs))
            if (digest(right[0]), digest(right[1])) == (after_here, after_there):
                return here, there
        return None


def _is_swapped(one: Row, other: Row, between: str, after: str) -> bool:
    """Whether two rows, one after the other, would be right in each other's place: whole, or but for their hashes."""
    whole = (_with(other, one[_NUMBER], other[_PREVIOUS]), _with(one, other[_NUMBER], one[_PREVIOUS]))
    rest = (_with(other, one[_NUMBER], one[_PREVIOUS]), _with(one, other[_NUMBER], between))
    return any(digest(each) == then[_PREVIOUS] and digest(then) == after for each, then in (whole, rest))


def _renumbered(start: str | None, rows: Sequence[Row]) -> str | None:
    """Whether they don't fit since all that follows has other numbers; `start` is the hash of what is before them."""
    before, others = (digest(rows[0]), rows[1:]) if start is None else (start, rows)
    if start is None and others[0][_PREVIOUS] == rows[0][_PREVIOUS]:
        return f"{what(rows[0])} was inserted, and all that follows was numbered anew"
    if len(others) < 2:
        return None
    one, other = others[:2]
    if other[_PREVIOUS] == before:
        return f"{what(one)} was inserted, and all that follows was numbered anew"
    if digest(_with(one, one[_NUMBER] + 1, one[_PREVIOUS])) == other[_PREVIOUS]:
        return f"an outcome before {what(one)} was removed, and all that follows was numbered anew"
    return None


def _with(row: Row, number: int, previous: str) -> Row:
    return (*row[:_NUMBER], number, previous, *row[_PAYLOAD:])


def _said_swapped(one: Row, other: Row) -> str:
    return f"{what(one)} and {what(other)} have been swapped"


def what(row: Row) -> str:
    """An outcome, for a person."""
    values = dict(zip(FIELDS, row, strict=True))
    change = f"{values['action']} of campaign {values['campaign']} of {values['account']}"
    return f"outcome {values['number']} ({change}, due {values['due_at']}: {values['outcome']})"


def numbers(first: int, last: int) -> str:
    """Outcomes by their numbers, and the verb."""
    return f"outcome {first} is" if first == last else f"outcomes {first} to {last} are"
