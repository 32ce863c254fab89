"""The plan for a person: day by day, each edge once for all whom it's for, with a mark where clocks are changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from rules.localtime import clock_changes
from rules.notation import duration_words
from rules.ruleset import Action, Edge
from scheduler.cli import output
from scheduler.cli.plan.rows import Planned
from scheduler.texts import printable

_STYLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "pause": {"fg": "yellow"},
    "hold": {"fg": "red", "bold": True},
    "resume": {"fg": "green"},
}
_NARROWEST: Final = 20


@dataclass(frozen=True, slots=True)
class _Event:
    """Something to show at an instant, in a zone."""

    at: datetime
    zone: ZoneInfo
    lines: list[str] = field(compare=False)

    @property
    def day(self) -> str:
        return f"{self.at.astimezone(self.zone):%a %Y-%m-%d}"


def lines(
    planned: Sequence[Planned], start: datetime, end: datetime, *, with_accounts: bool, width: int
) -> Iterator[str]:
    """The lines of a plan; clock changes are those in `[start, end)` of the zones that the edges are in."""
    events = [*_edges(planned, width, with_accounts=with_accounts), *_changes(planned, start, end)]
    day = ""
    for event in sorted(events, key=lambda event: event.at):
        if event.day != day:
            if day:
                yield ""
            day = event.day
            yield click.style(day, bold=True)
        yield from event.lines


def already_lines(already: Iterable[Planned], at: datetime, *, with_accounts: bool, width: int) -> Iterator[str]:
    """Who is quiet at an instant, since when and until when: the edges are pauses that came before it."""
    groups: dict[tuple[str, Edge, bool, bool], list[str]] = {}
    for subject, edge, is_left_paused, is_beginless in already:
        groups.setdefault((subject.account, edge, is_left_paused, is_beginless), []).append(subject.text)
    for (account, edge, is_left_paused, is_beginless), campaigns in groups.items():
        zone = ZoneInfo(edge.zone)
        since = "longer ago than anyone looks back" if is_beginless else _day_and_time(edge.at.astimezone(zone))
        until = _day_and_time(edge.until.astimezone(zone)) if edge.until else ""
        end = f"until {until}{', then left paused' if is_left_paused else ''}" if until else "with no end in sight"
        whom = printable(_whom(account, campaigns, with_accounts=with_accounts))
        words = f"quiet already at {_day_and_time(at.astimezone(zone))}: {whom}, since {since} {end}"
        first, *others = _folded(words, width)
        yield click.style(first, **_STYLES["pause"])
        yield from (f"    {other}" for other in others)
        for because in edge.because:
            yield from (f"  {part}" for part in _folded(printable(because), width - 2))


def _whom(account: str, campaigns: Sequence[str], *, with_accounts: bool) -> str:
    return f"{account}: {', '.join(campaigns)}" if with_accounts else ", ".join(campaigns)


def _day_and_time(local: datetime) -> str:
    return f"{local:%a %Y-%m-%d} {_time(local)}"


def _edges(planned: Sequence[Planned], width: int, *, with_accounts: bool) -> Iterator[_Event]:
    groups: dict[tuple[str, Edge, bool], list[str]] = {}
    for subject, edge, is_left_paused, _ in planned:
        groups.setdefault((subject.account, edge, is_left_paused), []).append(subject.text)
    for (account, edge, is_left_paused), campaigns in groups.items():
        zone = ZoneInfo(edge.zone)
        whom = _whom(account, campaigns, with_accounts=with_accounts)
        end = f"{_until(edge, zone)}{', then left paused' if is_left_paused else ''}"
        yield _Event(edge.at, zone, list(_edge_lines(edge, f"{printable(whom)}{end}", zone, width)))


def _edge_lines(edge: Edge, words: str, zone: ZoneInfo, width: int) -> Iterator[str]:
    action = "hold" if edge.is_hold else str(edge.action)
    time = f"  {_time(edge.at.astimezone(zone)):<13} "
    first, *others = _folded(words, width - len(time) - 7)
    yield f"{time}{click.style(f'{action:<6}', **_STYLES[action])} {first}"
    yield from (f"{' ' * (len(time) + 7)}{other}" for other in others)
    for because in edge.because if edge.action is Action.PAUSE else ():
        first, *others = _folded(printable(because), width - len(time) - 2)
        yield f"{' ' * len(time)}{first}"
        yield from (f"{' ' * (len(time) + 2)}{other}" for other in others)


def _folded(text: str, width: int) -> list[str]:
    return output.folded(text, max(width, _NARROWEST))


def _until(edge: Edge, zone: ZoneInfo) -> str:
    if edge.action is Action.RESUME:
        return ""
    if edge.is_hold:
        return ", until a person resumes it"
    if edge.until is None:
        return ", with no end in sight"
    there, here = edge.until.astimezone(zone), edge.at.astimezone(zone)
    return f" until {_time(there) if there.date() == here.date() else _day_and_time(there)}"


def _time(local: datetime) -> str:
    """`17:00+01:00`, with seconds only where there are any."""
    offset = f"{local:%z}"
    clock = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    return f"{clock}{offset[:3]}:{offset[3:]}"


def _changes(planned: Iterable[Planned], start: datetime, end: datetime) -> Iterator[_Event]:
    for name in sorted({each.edge.zone for each in planned}):
        zone = ZoneInfo(name)
        for change in clock_changes(start, end - timedelta(microseconds=1), zone):
            yield _Event(change, zone, [_change_line(change, zone)])


def _change_line(change: datetime, zone: ZoneInfo) -> str:
    before, after = (change - timedelta(seconds=1)).astimezone(zone), change.astimezone(zone)
    moved = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    way = "forward" if moved > timedelta() else "back"
    wall = (before.replace(tzinfo=None) + timedelta(seconds=1)).time()
    line = f"  ---- clocks go {way} {duration_words(abs(moved))} at {wall:%H:%M} in {zone.key} ----"
    return click.style(line, fg="cyan")
