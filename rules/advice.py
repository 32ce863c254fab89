"""What's legal in a file, but surely not meant: warnings, each at its place."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from rules.calendars import differing_subdivisions
from rules.days import DateRange
from rules.document import Document
from rules.localtime import clock_changes
from rules.patterns import DailyWindows, WindowPattern
from rules.ruleset import Rule, Ruleset, Timeline
from rules.source import Path, Problem, Source
from rules.windows import Hold, Label

# How far ahead it's looked for what may go wrong.
HORIZON: Final = timedelta(days=400)
# How far back a window may lie that keeps an entry from being one that never matches.
_PAST: Final = timedelta(days=366 * 30)
_LAST_MINUTE: Final = timedelta(hours=23, minutes=59)
_DAY: Final = timedelta(days=1)
_MOST_NAMED: Final = 5


def advise(source: Source, document: Document, ruleset: Ruleset, now: datetime) -> list[Problem]:
    """The warnings of a file, in its order; `now` (UTC) is from when on the windows are looked at."""
    places = {spec.name: index for index, spec in enumerate(document.rules)}
    found = chain(
        _countries(document, now),
        _last_minutes(document),
        *(_entries(places[rule.name], rule, now) for rule in ruleset.rules),
        _left_paused(places, ruleset, now),
    )
    return sorted(source.problem(path, message, is_warning=True) for path, message in found)


_Found = Iterator[tuple[Path, str]]


def _countries(document: Document, now: datetime) -> _Found:
    for name, spec in document.calendars.items():
        holidays = spec.holidays()
        parts = differing_subdivisions(holidays, (now.year, now.year + 1)) if holidays else []
        if parts:
            named = ", ".join(parts[:_MOST_NAMED]) + ("..." if len(parts) > _MOST_NAMED else "")
            yield (
                ("calendars", name, "country"),
                f"{spec.country} has parts with holidays of their own ({named}), which are left out; "
                "say which one with subdivision",
            )


def _last_minutes(document: Document) -> _Found:
    for index, spec in enumerate(document.rules):
        for number, entry in enumerate(spec.pause):
            if entry.until is not None and _LAST_MINUTE <= entry.until.time < _DAY:
                yield (
                    ("rules", index, "pause", number, "until"),
                    "leaves the rest of the day open; write 24:00 for its end",
                )


def _entries(index: int, rule: Rule, now: datetime) -> _Found:
    labels = (*(pattern.label for pattern in rule.windows), *(pattern.label for pattern in rule.holds))
    for number in sorted({label.entry for label in labels}):
        windows = [pattern for pattern in rule.windows if pattern.label.entry == number]
        path = ("rules", index, "pause", number)
        dropped = [_dropped(day, each.label) for each in windows for day in _vanishing(each, now)]
        yield from ((path, message) for message in dropped)
        timeline = Timeline(windows, (hold for hold in rule.holds if hold.label.entry == number))
        if not dropped and not _ever(timeline, now):
            yield path, "never comes: no day is left for it"
    if _is_always_quiet(rule, now):
        yield ("rules", index, "pause"), "is always quiet: its windows leave no gap in sight"


def _ever(timeline: Timeline, now: datetime) -> bool:
    if timeline.span_at(now) or timeline.next_edge(now):
        return True
    # One that's over is left in files for the record, and needs no warning.
    return bool(timeline.last_end(now - _PAST, now) or timeline.holds(now - _PAST, now))


def _is_always_quiet(rule: Rule, now: datetime) -> bool:
    span = Timeline(rule.windows, ()).span_at(now)
    return span is not None and span.is_endless


def _vanishing(pattern: WindowPattern, now: datetime) -> list[int]:
    """The days of windows that a change of the clock leaves without length, soon, or at all for dates written out."""
    if not isinstance(pattern, DailyWindows):
        return []
    if isinstance(pattern.days, DateRange):
        return pattern.vanishing(pattern.days.start.toordinal(), pattern.days.end.toordinal())
    later = pattern.begins.days
    changes = _changes(pattern.label.zone, now)
    return [day for change in changes for day in pattern.vanishing(change - 1 - later, change + 1 - later)]


@cache
def _changes(zone: ZoneInfo, now: datetime) -> list[int]:
    """The local days on which the clocks are changed."""
    return [date.toordinal(change.astimezone(zone)) for change in clock_changes(now, now + HORIZON, zone)]


def _dropped(day: int, label: Label) -> str:
    return f"the window of {date.fromordinal(day)} lies in the time that clocks skip in {label.zone.key}; it's dropped"


def _left_paused(places: Mapping[str, int], ruleset: Ruleset, now: datetime) -> _Found:
    """Holds, and windows that aren't resumed from, which keep windows of other entries from being given back."""
    told: set[tuple[str, int]] = set()
    timelines = {id(found): found for found in map(ruleset.timeline_of, ruleset.subjects())}
    for timeline in timelines.values():
        for source in timeline.left_paused(now, now + HORIZON):
            label = source.label
            at = source.at if isinstance(source, Hold) else source.start
            span = timeline.span_at(at)
            others = [window for window in span.windows if window.label != label] if span else []
            resumed = dict.fromkeys(repr(window.rule) for window in others if window.label.is_resumed)
            if resumed and (label.rule, label.entry) not in told:
                told.add((label.rule, label.entry))
                local = at.astimezone(label.zone)
                yield (
                    ("rules", places[label.rule], "pause", label.entry),
                    f"{'this hold falls into' if isinstance(source, Hold) else 'this goes into one with'} windows of "
                    f"{', '.join(resumed)} ({local:%a %Y-%m-%d %H:%M}), which then end without a resume",
                )
