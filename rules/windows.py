"""Quiet windows and holds, and the union of windows into spans.

Every window is half-open, `[start, end)`: its start is quiet, its end isn't. All instants are UTC.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

# How late a hold may still begin, unless its rule says otherwise.
CATCH_UP: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What windows and holds know of the rule, and of which of its entries (from 0), they come from.

    `is_resumed`: whether the rule lets campaigns run again at the end of its windows, which is spread over
    `resume_over`. `is_enforced`: whether what a person resumes inside a window is paused again. `is_asked_anew`: a
    person asked for it, so that what was done before its start doesn't count. `catch_up`: how late its holds may still
    begin.
    """

    rule: str
    text: str
    zone: ZoneInfo
    entry: int = 0
    is_resumed: bool = True
    resume_over: timedelta = timedelta()
    is_enforced: bool = False
    is_asked_anew: bool = False
    catch_up: timedelta = CATCH_UP


# Tuples, not dataclasses: there are a thousand of each in a year of a rule, and they're made four times as fast.
class QuietWindow(NamedTuple):
    """A half-open span of instants in which one rule wants its campaigns paused.

    `day_name` is what a calendar calls the day that it's for.
    """

    start: datetime
    end: datetime
    label: Label
    day_name: str | None = None

    @property
    def rule(self) -> str:
        """The name of its rule."""
        return self.label.rule

    @property
    def because(self) -> str:
        """The rule, and the holiday or the words of the file that make it quiet, for a person."""
        return _because(self.label, self.day_name)


class Hold(NamedTuple):
    """An instant at which one rule pauses its campaigns and leaves them so."""

    at: datetime
    label: Label
    day_name: str | None = None

    @property
    def rule(self) -> str:
        """The name of its rule."""
        return self.label.rule

    @property
    def because(self) -> str:
        """The rule, and the holiday or the words of the file that ask for it, for a person."""
        return _because(self.label, self.day_name)


def _because(label: Label, day_name: str | None) -> str:
    return f"{label.rule}: {day_name or label.text}"


class Exemption(NamedTuple):
    """A half-open stretch of instants that a person has taken out of what rules want.

    `rules` are the names under which that goes, and `because` says who asked for it, and why. What it gives back is
    spread over `resume_over`; None: it's wanted at once, whatever the rules say.
    """

    start: datetime
    end: datetime
    rules: tuple[str, ...]
    because: str
    resume_over: timedelta | None = None


_Stretch = TypeVar("_Stretch", QuietWindow, Exemption)


def cut(whole: _Stretch, start: datetime, end: datetime) -> Iterator[_Stretch]:
    """What's left of a window or an exemption when `[start, end)` is taken out of it."""
    if whole.end <= start or end <= whole.start:
        yield whole
        return
    if whole.start < start:
        yield whole._replace(end=start)
    if end < whole.end:
        yield whole._replace(start=end)


class Span(NamedTuple):
    """Windows that overlap or touch, as one half-open span; `windows` in the order of their starts.

    `is_endless`: it goes on for longer than anyone looks ahead, and `end` is only how far it was followed; likewise
    `is_beginless` and `start`.
    """

    start: datetime
    end: datetime
    windows: tuple[QuietWindow, ...]
    is_endless: bool = False
    is_beginless: bool = False

    @property
    def until(self) -> datetime | None:
        """Its end (UTC), or None where none is in sight."""
        return None if self.is_endless else self.end

    @property
    def resume_over(self) -> timedelta:
        """The time over which the resumes at its end are spread: the longest that any of its rules asks for."""
        return max((window.label.resume_over for window in self.windows), default=timedelta())

    def is_enforced(self, at: datetime) -> bool:
        """Whether what a person has resumed is paused again at an instant: a rule asks for it that is quiet then."""
        return any(window.label.is_enforced and window.start <= at < window.end for window in self.windows)

    def asked_at(self, at: datetime) -> datetime | None:
        """When a person asked last for quiet at an instant, if anybody did."""
        asked = (window for window in self.windows if window.label.is_asked_anew and window.start <= at < window.end)
        return max((window.start for window in asked), default=None)


_start_of = itemgetter(0)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def union(windows: Iterable[QuietWindow]) -> list[Span]:
    """Merge windows that overlap or touch; the spans come sorted, disjoint and not touching.

    Windows that start at the same instant keep the order in which they were given.
    """
    spans: list[Span] = []
    run: list[QuietWindow] = []
    end = _LONG_AGO
    for window in sorted(windows, key=_start_of):
        if window.start <= end:
            run.append(window)
            end = max(end, window.end)
            continue
        if run:
            spans.append(Span(run[0].start, end, tuple(run)))
        run, end = [window], window.end
    if run:
        spans.append(Span(run[0].start, end, tuple(run)))
    return spans
