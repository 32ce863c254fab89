"""Taking stock: which concerns are new, which last, which are over, and what is to be told of them. Pure.

What flaps is told once: a concern must have lasted before it's told, and have been gone for a while before it's over.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from scheduler.alerts.concerns import ABOUT, LOOK_BACK, Concern, Kind

# What comes back within this time was never over.
GONE_FOR: Final = timedelta(minutes=5)
# What has happened is remembered for so long after it's told, so that it isn't told again.
_REMEMBERED: Final = 2 * LOOK_BACK
# How long the next message waits after the first within an hour, twice as long after the next; what's to be told
# meanwhile comes in one.
_FIRST_GAP: Final = timedelta(minutes=1)
_LONGEST_GAP: Final = timedelta(minutes=20)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A concern on record: when it began, was told, and is gone since; `id` is None until it's recorded."""

    id: int | None = None
    kind: Kind
    subject: str
    text: str
    began_at: datetime
    told_at: datetime | None = None
    over_at: datetime | None = None

    @property
    def name(self) -> tuple[Kind, str]:
        """What it's known by, among those on record that aren't closed."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be recorded after a look: which are new, back, or gone, and which have other words by now."""

    new: Sequence[Entry]
    back: Sequence[Entry]
    gone: Sequence[Entry]
    reworded: Sequence[Entry] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.back or self.gone or self.reworded)


@dataclass(frozen=True, slots=True)
class ToTell:
    """What is to be told now: what has begun, and what is over. `silent` ends without a word."""

    begun: Sequence[Entry]
    over: Sequence[Entry]
    silent: Sequence[Entry]

    def __bool__(self) -> bool:
        return bool(self.begun or self.over)


def compare(entries: Collection[Entry], concerns: Iterable[Concern], now: datetime) -> Changes:
    """What a look has found that isn't on record so; `entries` are those that aren't closed."""
    known = {entry.name: entry for entry in entries}
    found = {(each.kind, each.subject): each for each in concerns}
    return Changes(
        new=[_entry(each, now) for name, each in found.items() if name not in known],
        back=[entry for name, entry in known.items() if name in found and entry.over_at is not None],
        gone=[entry for name, entry in known.items() if name not in found and entry.over_at is None],
        reworded=[
            replace(entry, text=found[name].text)
            for name, entry in known.items()
            if name in found and found[name].text != entry.text and not _is_history(entry)
        ],
    )


def _is_history(entry: Entry) -> bool:
    """Whether it has happened and was told: its traces go one by one, and it stays what it was."""
    return ABOUT[entry.kind].is_moment and entry.told_at is not None


def _entry(concern: Concern, now: datetime) -> Entry:
    # One from a clock that was ahead has begun by now all the same.
    began_at = min(concern.since, now)
    return Entry(kind=concern.kind, subject=concern.subject, text=concern.text, began_at=began_at)


def to_tell(entries: Collection[Entry], concerns: Iterable[Concern], now: datetime) -> ToTell:
    """What is to be told of what is on record, after its changes were recorded.

    Where one of a kind has lasted long enough, all others of that kind that hold are told with it.
    """
    replaced = {name for concern in concerns for name in concern.replaces}
    ended = [each for each in entries if each.over_at and (_is_over(each, now) or each.name in replaced)]
    ripe = {entry.kind for entry in entries if _is_ripe(entry, now)}
    return ToTell(
        begun=[each for each in entries if each.kind in ripe and each.told_at is None and each.over_at is None],
        over=[entry for entry in ended if not _ends_silently(entry, replaced)],
        silent=[entry for entry in ended if _ends_silently(entry, replaced)],
    )


def _ends_silently(entry: Entry, replaced: Collection[tuple[Kind, str]]) -> bool:
    return entry.told_at is None or ABOUT[entry.kind].is_moment or entry.name in replaced


def _is_ripe(entry: Entry, now: datetime) -> bool:
    is_untold = entry.told_at is None and entry.over_at is None
    return is_untold and _has_lasted(entry.began_at, ABOUT[entry.kind].patience, now)


def _is_over(entry: Entry, now: datetime) -> bool:
    gone_for = _REMEMBERED if ABOUT[entry.kind].is_moment else GONE_FOR
    return entry.over_at is not None and _has_lasted(entry.over_at, gone_for, now)


def _has_lasted(since: datetime, length: timedelta, now: datetime) -> bool:
    """Whether so much time has gone by; by a clock that was put back behind the beginning, it has."""
    return not since <= now < since + length


def is_time(messages: Collection[datetime], now: datetime) -> bool:
    """Whether a message may go out now, after these: at most eight do in any hour."""
    recent = sorted(at for at in messages if now - HOUR < at <= now)
    if not recent:
        return True
    gap = min(_LONGEST_GAP, _FIRST_GAP * (1 << min(len(recent) - 1, 16)))
    return now >= recent[-1] + gap


def by_kind(entries: Iterable[Entry]) -> Iterator[tuple[Kind, list[Entry]]]:
    """The entries of each kind, in the order in which kinds are told."""
    found: dict[Kind, list[Entry]] = {kind: [] for kind in Kind}
    for entry in entries:
        found[entry.kind].append(entry)
    return ((kind, those) for kind, those in found.items() if those)
