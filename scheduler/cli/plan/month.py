"""The plan as pages of a calendar: a month each, quiet days shaded."""

import shutil
from calendar import Calendar
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from rules.localtime import start_instant
from rules.ruleset import Subject, Timeline
from scheduler.cli import output
from scheduler.texts import printable

_DAY: Final = timedelta(days=1)
_CELL: Final = 4
_WIDTH: Final = 7 * _CELL
_GAP: Final = "   "
LEGEND: Final = "#24 quiet all day   ~24 quiet for a part of it   !24 a hold"
_STYLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "#": {"reverse": True},
    "~": {"fg": "yellow"},
    "!": {"fg": "red", "bold": True},
}


def lines(
    groups: Mapping[str, Timeline], first: date, last: date, zone: ZoneInfo, width: int | None = None
) -> Iterator[str]:
    """The months from that of `first` to that of `last`, days being those of a zone; `groups` are whom they're for."""
    room = width or shutil.get_terminal_size().columns
    columns = max(1, (room + len(_GAP)) // (_WIDTH + len(_GAP)))
    for title, timeline in groups.items():
        yield from (click.style(line, bold=True) for line in output.folded(printable(title), room))
        pages = [list(_page(year, month, timeline, zone)) for year, month in _months(first, last)]
        for number in range(0, len(pages), columns):
            for row in zip_longest(*pages[number : number + columns], fillvalue=" " * _WIDTH):
                yield _GAP.join(row).rstrip()
            yield ""
    yield LEGEND


def groups_of(subjects: Sequence[tuple[Subject, Timeline]], *, with_accounts: bool) -> dict[str, Timeline]:
    """Those of the same rules together, by what a person would call them."""
    named: dict[int, tuple[Timeline, list[str]]] = {}
    for subject, timeline in subjects:
        name = f"{subject.account}: {subject.text}" if with_accounts else subject.text
        named.setdefault(id(timeline), (timeline, []))[1].append(name)
    return {", ".join(names): timeline for timeline, names in named.values()}


def _months(first: date, last: date) -> Iterator[tuple[int, int]]:
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield number // 12, number % 12 + 1


def _page(year: int, month: int, timeline: Timeline, zone: ZoneInfo) -> Iterator[str]:
    yield f"{date(year, month, 1):%B %Y}".center(_WIDTH)
    yield "".join(f"{name:>3} " for name in ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"))
    for week in Calendar().monthdatescalendar(year, month):
        yield "".join(_cell(day, timeline, zone) if day.month == month else " " * _CELL for day in week)


def _cell(day: date, timeline: Timeline, zone: ZoneInfo) -> str:
    mark = _mark(day, timeline, zone)
    text = f"{mark}{day.day:>2}"
    return (click.style(text, **_STYLES[mark]) if mark in _STYLES else text) + " "


def _mark(day: date, timeline: Timeline, zone: ZoneInfo) -> str:
    start, end = (start_instant(datetime.combine(each, time()), zone) for each in (day, day + _DAY))
    if start == end:  # a day that never was, as 30 December 2011 in Samoa
        return " "
    if timeline.holds(start, end):
        return "!"
    spans = [span for span in timeline.spans(start, end) if span.start < end and span.end > start]
    if any(span.start <= start and span.end >= end for span in spans):
        return "#"
    return "~" if spans else " "
