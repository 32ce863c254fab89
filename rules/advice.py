"""What's legal in a file, but surely not meant: warnings, each at its place."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache, partial
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from rules.calendars import differing_subdivisions, last_year_of_data
from rules.days import DateRange
from rules.document import Document
from rules.localtime import clock_changes
from rules.patterns import DailyWindows, HoldPattern, WindowPattern
from rules.ruleset import Rule, Ruleset, Timeline
from rules.source import Path, Problem, Source
from rules.timeline import LONGEST_SPAN_YEARS, LOOK_AHEAD_YEARS
from rules.windows import Hold, Label, QuietWindow

# How far ahead it's looked for what may go wrong.
HORIZON: Final = timedelta(days=400)
# How far back a window may lie that keeps an entry from being one that never matches.
_PAST: Final = timedelta(days=366 * 30)
# So much is looked through at once for holds that fall into windows.
_STEP: Final = timedelta(days=50)
_LAST_MINUTE: Final = timedelta(hours=23, minutes=59)
_DAY: Final = timedelta(days=1)
_MOST_NAMED: Final = 5


def advise(source: Source, document: Document, ruleset: Ruleset, now: datetime) -> list[Problem]:
    """The warnings of a file, in its order; `now` (UTC) is from when on the windows are looked at."""
    places = {spec.name: index for index, spec in enumerate(document.rules)}
    found = chain(
        _metrics(document),
        _countries(document, now),
        _ends_of_data(document, now),
        _last_minutes(document),
        *(_entries(places[rule.name], rule, now) for rule in ruleset.rules),
        _left_paused(places, ruleset, now),
    )
    return sorted(source.problem(path, message, is_warning=True) for path, message in found)


_Found = Iterator[tuple[Path, str]]


def _metrics(document: Document) -> _Found:
    if document.listen is not None and not document.listen.is_loopback:
        yield (
            ("metrics", "listen"),
            "whoever reaches this address reads the names of accounts and rules, and what fails: it has no password; "
            "let a firewall or a proxy guard it, or write 127.0.0.1",
        )


def _countries(document: Document, now: datetime) -> _Found:
    differing = cache(partial(differing_subdivisions, years=(now.year, now.year + 1)))
    for name, spec in document.calendars.items():
        holidays = spec.holidays()
        if holidays and (parts := differing(holidays)):
            named = ", ".join(parts[:_MOST_NAMED]) + ("..." if len(parts) > _MOST_NAMED else "")
            yield (
                ("calendars", name, "country"),
                f"{spec.country} has parts with holidays of their own ({named}), which are left out; "
                "say which one with subdivision",
            )


def _ends_of_data(document: Document, now: datetime) -> _Found:
    for name, spec in document.calendars.items():
        last = last_year_of_data(spec.country) if spec.country else None
        if last is not None and last < (now + HORIZON).year:
            yield (
                ("calendars", name, "country"),
                f"the data for {spec.country} ends in {last}: after it, this country has no holidays here; "
                "write them as dates",
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
        holds = [pattern for pattern in rule.holds if pattern.label.entry == number]
        if not dropped and not _ever(windows, holds, now):
            yield path, f"never comes within {LOOK_AHEAD_YEARS} years: no day is left for it"
    if _is_always_quiet(rule, now):
        yield ("rules", index, "pause"), f"leaves no gap: no end in sight within {LONGEST_SPAN_YEARS} years"


def _ever(windows: Sequence[WindowPattern], holds: Sequence[HoldPattern], now: datetime) -> bool:
    timeline = Timeline(windows, holds)
    if timeline.span_at(now) or timeline.next_edge(now):
        return True
    # One that's over is left in files for the record, and needs no warning.
    return any(_has_any(windows, holds, start, end) for start, end in _back_from(now))


def _has_any(windows: Sequence[WindowPattern], holds: Sequence[HoldPattern], start: datetime, end: datetime) -> bool:
    found = chain.from_iterable(
        (*(each.windows(start, end) for each in windows), *(each.holds(start, end) for each in holds))
    )
    return next(iter(found), None) is not None


def _back_from(now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Ranges that lie further and further back: what's over is mostly over for a few months."""
    end, step = now, HORIZON
    while end > now - _PAST:
        yield end - step, end
        end, step = end - step, step * 2


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
        waiting = {label for label in _lasting(timeline) if _entry_of(label) not in told}
        start = now
        while waiting and start < now + HORIZON:
            for source in timeline.left_paused(start, start + _STEP):
                if source.label in waiting and (resumed := _resumed_around(source, timeline)):
                    waiting.discard(source.label)
                    told.add(_entry_of(source.label))
                    yield _left_paused_by(source, places, resumed)
            start += _STEP


def _entry_of(label: Label) -> tuple[str, int]:
    return label.rule, label.entry


def _lasting(timeline: Timeline) -> set[Label]:
    """The entries that leave campaigns paused, where there's another one that doesn't."""
    resumed = {label for label in timeline.window_labels if label.is_resumed}
    lasting = {*timeline.hold_labels, *(label for label in timeline.window_labels if not label.is_resumed)}
    return {label for label in lasting if any(other != label for other in resumed)}


def _begin_of(source: QuietWindow | Hold) -> datetime:
    return source.at if isinstance(source, Hold) else source.start


def _resumed_around(source: QuietWindow | Hold, timeline: Timeline) -> list[str]:
    """The rules that would resume the span in which a window or hold begins."""
    span = timeline.span_at(_begin_of(source))
    others = (window for window in span.windows if window.label != source.label) if span else ()
    return list(dict.fromkeys(window.rule for window in others if window.label.is_resumed))


def _left_paused_by(source: QuietWindow | Hold, places: Mapping[str, int], resumed: Sequence[str]) -> tuple[Path, str]:
    label = source.label
    local = _begin_of(source).astimezone(label.zone)
    return (
        ("rules", places[label.rule], "pause", label.entry),
        f"{'this hold falls into' if isinstance(source, Hold) else 'this goes into one with'} windows of "
        f"{', '.join(map(repr, resumed))} ({local:%a %Y-%m-%d %H:%M}), which then end without a resume",
    )
