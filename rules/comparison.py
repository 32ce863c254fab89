"""What other rules change in the plan of some days: which spans and holds of each rule come, go or move."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from rules.ruleset import Rule, Ruleset

# So many spans and holds are looked at; what's said of further rules is that they are others, and no more.
MOST_LOOKED_AT: Final = 20_000
# What begins less than a day from what's gone, or overlaps it, is taken for the same, moved.
_NEAR: Final = timedelta(days=1)
_MOST_SHOWN: Final = 3
_NEW, _GONE, _OTHER = "new", "no longer in force", "changed"


class Quiet(NamedTuple):
    """One span of a rule, taken alone, `[start, end)` in UTC, or a hold; no `end` is in sight of an endless span.

    Nor is the `start` of one that `is_beginless`: it's only how far that was followed.
    """

    start: datetime
    end: datetime | None
    is_hold: bool = False
    is_beginless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What becomes of one rule; `zone` is the one in which it's told. `moved` has pairs of before and after.

    `is_for_others`: it selects other campaigns than before. `is_counted`: its spans were looked at.
    """

    rule: str
    zone: ZoneInfo
    what: str
    is_for_others: bool = False
    is_counted: bool = True
    gained: tuple[Quiet, ...] = ()
    lost: tuple[Quiet, ...] = ()
    moved: tuple[tuple[Quiet, Quiet], ...] = ()

    def __str__(self) -> str:
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        yield f"{self.rule}: {self.what}"
        if self.is_for_others:
            yield "for other campaigns"
        if not self.is_counted:
            return
        moved = [f"{self._words(old)} becomes {self._words(new)}" for old, new in self.moved[:_MOST_SHOWN]]
        for what, number, shown in (
            ("moved", len(self.moved), moved),
            ("gained", len(self.gained), map(self._words, self.gained[:_MOST_SHOWN])),
            ("lost", len(self.lost), map(self._words, self.lost[:_MOST_SHOWN])),
        ):
            if number:
                yield f"{number} {what} ({', '.join(shown)}{', ...' if number > _MOST_SHOWN else ''})"
        if not (self.gained or self.lost or self.moved):
            yield "no other times"

    def _words(self, quiet: Quiet) -> str:
        start = f"{quiet.start.astimezone(self.zone):%a %Y-%m-%d %H:%M}"
        if quiet.is_hold:
            return f"hold {start}"
        end = f"until {quiet.end.astimezone(self.zone):%a %Y-%m-%d %H:%M}" if quiet.end else "without end"
        return end if quiet.is_beginless else f"{start} {end}"


def compare(before: Ruleset, after: Ruleset, start: datetime, end: datetime) -> list[RuleChange]:
    """The rules that aren't as they were, each with what changes in `[start, end)` (UTC), in the order of the file.

    Rules are the same when they have the same name. Those that are gone come last.
    """
    old, new = ({rule.name: rule for rule in ruleset.rules} for ruleset in (before, after))
    names = [name for name in (*new, *(each for each in old if each not in new)) if old.get(name) != new.get(name)]
    found, looked_at = [], 0
    for name in names:
        is_counted = looked_at < MOST_LOOKED_AT
        pair = [_quiet(ruleset, name, start, end) if is_counted else [] for ruleset in (before, after)]
        looked_at += sum(map(len, pair))
        found.append(_change(old.get(name), new.get(name), new.get(name) or old[name], *pair, is_counted=is_counted))
    return found


def _quiet(ruleset: Ruleset, rule: str, start: datetime, end: datetime) -> list[Quiet]:
    timeline = ruleset.alone(rule)
    spans = [span for span in timeline.spans(start, end) if span.start < end and start < span.end]
    holds = [Quiet(hold.at, None, is_hold=True) for hold in timeline.holds(start, end)]
    quiet = (Quiet(span.start, span.until, is_beginless=span.is_beginless) for span in spans)
    return sorted([*quiet, *holds], key=attrgetter("start"))


def _change(
    old: Rule | None, new: Rule | None, rule: Rule, before: Sequence[Quiet], after: Sequence[Quiet], *, is_counted: bool
) -> RuleChange:
    kept = set(before) & set(after)
    lost, gained = ([each for each in side if each not in kept] for side in (before, after))
    moved = list(_pairs(lost, gained))
    from_there, to_there = ({pair[side] for pair in moved} for side in (0, 1))
    return RuleChange(
        rule=rule.name,
        zone=rule.zone,
        what=_NEW if old is None else _GONE if new is None else _OTHER,
        is_for_others=bool(old and new and (old.account, old.selector) != (new.account, new.selector)),
        is_counted=is_counted,
        gained=tuple(each for each in gained if each not in to_there),
        lost=tuple(each for each in lost if each not in from_there),
        moved=tuple(moved),
    )


def _pairs(lost: Iterable[Quiet], gained: Sequence[Quiet]) -> Iterator[tuple[Quiet, Quiet]]:
    """What's lost with the nearest that is gained, each once, as far as it's near at all; both are sorted."""
    place = 0
    for each in lost:
        while place + 1 < len(gained) and _distance(each, gained[place + 1]) <= _distance(each, gained[place]):
            place += 1
        if place < len(gained) and _is_moved(each, gained[place]):
            yield each, gained[place]
            place += 1


def _distance(one: Quiet, other: Quiet) -> timedelta:
    return abs(one.start - other.start)


def _is_moved(old: Quiet, new: Quiet) -> bool:
    if old.is_hold != new.is_hold:
        return False
    is_apart = any(first.end is not None and first.end <= second.start for first, second in ((old, new), (new, old)))
    return _distance(old, new) < _NEAR or not (old.is_hold or is_apart)
