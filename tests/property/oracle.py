"""What quiet means, by brute force and in the words of design.md, sections 3 and 4. It shares no code with `rules`.

A day is in a list of days if it fits one of its words. An instant is found by what clocks on the wall show at the
minutes of UTC days. It relies on changes of the clock being at whole minutes, which holds for every zone since 1972.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
LAST = -1
_WEEK = 7 * DAY
# Far enough for what clocks do: the largest change is that of Samoa, by a day.
_SLACK = 3 * DAY
_NAMES = {
    3: {
        name: number
        for number, name in enumerate(
            ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
        )
    },
    4: {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])},
}
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """A list of days in plain values: a day is in it if it fits any of them.

    Weekdays count from Monday, 0. `nth_weekdays` are pairs of a number (or LAST) and a weekday, `year_days` of a month
    and a day. The ends of `ranges` are included.
    """

    weekdays: frozenset[int] = frozenset()
    nth_weekdays: frozenset[tuple[int, int]] = frozenset()
    month_days: frozenset[int] = frozenset()
    year_days: frozenset[tuple[int, int]] = frozenset()
    ranges: frozenset[tuple[date, date]] = frozenset()

    def __contains__(self, day: date) -> bool:
        """Whether a day is one of them."""
        week = (day.day - 1) // 7 + 1
        return (
            day.weekday() in self.weekdays
            or (week, day.weekday()) in self.nth_weekdays
            or ((LAST, day.weekday()) in self.nth_weekdays and (day + _WEEK).month != day.month)
            or day.day in self.month_days
            or (LAST in self.month_days and (day + DAY).month != day.month)
            or (day.month, day.day) in self.year_days
            or any(first <= day <= last for first, last in self.ranges)
        )

    def __or__(self, other: "Days") -> "Days":
        """The days of both."""
        return Days(
            weekdays=self.weekdays | other.weekdays,
            nth_weekdays=self.nth_weekdays | other.nth_weekdays,
            month_days=self.month_days | other.month_days,
            year_days=self.year_days | other.year_days,
            ranges=self.ranges | other.ranges,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of `pause`, said in plain values.

    It begins on certain days, so many days later (`offset`), at a time since midnight, or when a cron expression comes
    true. It lasts for an elapsed time, or ends at `until`: on the first such weekday after its start, on a date, so
    many days after the day that it's for, or, without any of these, at the first such time. With neither it's a hold.
    """

    zone: str
    days: Days = Days()
    offset: int = 0
    begins: timedelta = timedelta()
    cron: str | None = None
    lasts: timedelta | None = None
    until: timedelta | None = None
    until_weekday: int | None = None
    until_date: date | None = None
    until_offset: int | None = None
    excluded: Days = Days()
    between: tuple[date, date] | None = None
    months: frozenset[int] | None = None
    is_resumed: bool = True

    @property
    def is_hold(self) -> bool:
        """Whether it has no end."""
        return self.lasts is None and self.until is None

    @property
    def is_whole_range(self) -> bool:
        """Whether it is for nothing but the whole days of a range of dates, which are one window."""
        if self.until is None or self.until_weekday is not None or self.until_date is not None:
            return False
        is_whole = self.offset * DAY + self.begins == timedelta() and (self.until_offset or 0) * DAY + self.until == DAY
        limits = (self.excluded, self.between, self.months)
        is_range = len(self.days.ranges) == 1 and self.days == Days(ranges=self.days.ranges)
        return is_whole and is_range and limits == (Days(), None, None)

    def allows(self, day: date) -> bool:
        """Whether a window may begin on a day."""
        return (
            day not in self.excluded
            and (self.between is None or self.between[0] <= day <= self.between[1])
            and (self.months is None or day.month in self.months)
        )

    def reach(self) -> timedelta:
        """At least what lies between the start of a window and its end, on the clock."""
        if self.until_date is not None:
            return max((self.until_date - day for day, _ in self.days.ranges), default=DAY) + 2 * DAY
        if self.lasts is not None:
            return self.lasts
        far = _WEEK if self.until_offset is None else (self.until_offset - self.offset) * DAY
        return far + 2 * DAY


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of instants, and whether its rule gives campaigns back."""

    start: datetime
    end: datetime
    is_resumed: bool


def windows(entries: Iterable[Entry], start: datetime, end: datetime) -> list[Window]:
    """The windows that overlap or touch `[start, end]`, sorted; none is without length."""
    found = [
        Window(begun, ended, entry.is_resumed)
        for entry in entries
        if not entry.is_hold
        for begun, ended in _windows(entry, start, end)
        if begun < ended and begun <= end and ended >= start
    ]
    return sorted(found, key=lambda window: window.start)


@dataclass(frozen=True, slots=True)
class Span:
    """Windows that overlap or touch, from the first start to the last end; whether campaigns run again at its end."""

    start: datetime
    end: datetime
    is_resumed: bool


def spans(entries: Iterable[Entry], start: datetime, end: datetime) -> list[Span] | None:
    """The whole spans that overlap or touch `[start, end]`, sorted; None where one goes on for weeks."""
    entries = tuple(entries)
    for days in (8, 40):
        earliest, latest = start - days * DAY, end + days * DAY
        found = [
            span for span in _merged(windows(entries, earliest, latest)) if span.start <= end and span.end >= start
        ]
        if all(earliest < span.start and span.end < latest for span in found):
            return [replace(span, is_resumed=span.is_resumed and not _is_held(entries, span)) for span in found]
    return None


def _merged(sorted_windows: list[Window]) -> list[Span]:
    found = list[Span]()
    for window in sorted_windows:
        if found and window.start <= found[-1].end:
            before = found.pop()
            window = Window(
                before.start, max(before.end, window.end), is_resumed=before.is_resumed and window.is_resumed
            )
        found.append(Span(window.start, window.end, window.is_resumed))
    return found


def _is_held(entries: tuple[Entry, ...], span: Span) -> bool:
    return bool(holds(entries, span.start, span.end))


def edges(
    entries: Iterable[Entry], start: datetime, end: datetime
) -> list[tuple[datetime, str, datetime | None]] | None:
    """What happens in `[start, end)`: when, what, and until when a pause lasts; None where a span goes on for weeks."""
    entries = tuple(entries)
    whole, held = spans(entries, start, end), holds(entries, start, end)
    if whole is None:
        return None
    pauses = [(span.start, "pause", span.end) for span in whole if span.start not in held]
    resumes = [(span.end, "resume", None) for span in whole if span.is_resumed]
    all_of_them = [*resumes, *pauses, *((at, "hold", None) for at in held)]
    return sorted((edge for edge in all_of_them if start <= edge[0] < end), key=lambda edge: edge[0])


def holds(entries: Iterable[Entry], start: datetime, end: datetime) -> list[datetime]:
    """The instants of the holds with `start <= at < end`, sorted, each once."""
    found = {at for entry in entries if entry.is_hold for at in _starts(entry, start - _SLACK, end + _SLACK)}
    return sorted(at for at in found if start <= at < end)


@lru_cache(maxsize=10_000)
def first(wall: datetime, zone: str) -> datetime:
    """The first instant at which clocks show a wall time; where they skip it, the first one after the gap."""
    return (showings(wall, zone) or [_after_gap(wall, zone)])[0]


@lru_cache(maxsize=10_000)
def last(wall: datetime, zone: str) -> datetime:
    """The last instant at which clocks show a wall time; where they skip it, the first one after the gap."""
    return (showings(wall, zone) or [_after_gap(wall, zone)])[-1]


def showings(wall: datetime, zone: str) -> list[datetime]:
    """Every instant at which clocks show a wall time."""
    around = {offset for days in (-1, 0, 1) for offset in _offsets(zone, wall.date() + days * DAY)}
    candidates = sorted((wall - offset).replace(tzinfo=UTC) for offset in around)
    return [instant for instant in candidates if shown(instant, zone) == wall]


def shown(instant: datetime, zone: str) -> datetime:
    """What clocks of a zone show at an instant."""
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def changes(zone: str, start: date, end: date) -> list[datetime]:
    """The minutes of the UTC days from start to end at which clocks have not gone on by a minute."""
    minutes = (minute for number in range((end - start).days + 1) for minute in _minutes(start + number * DAY))
    return [each for each in minutes if shown(each, zone) - shown(each - MINUTE, zone) != MINUTE]


def _after_gap(wall: datetime, zone: str) -> datetime:
    instant = wall.replace(second=0, microsecond=0, tzinfo=UTC) - 2 * DAY
    while shown(instant, zone) <= wall:
        instant += MINUTE
    return instant


def _minutes(day: date) -> list[datetime]:
    midnight = datetime.combine(day, time(), UTC)
    return [midnight + MINUTE * minute for minute in range(24 * 60)]


@lru_cache(maxsize=2000)
def _offsets(zone: str, day: date) -> frozenset[timedelta]:
    """How far clocks of a zone are from UTC at the minutes of a UTC day."""
    tz = ZoneInfo(zone)
    return frozenset(instant.astimezone(tz).utcoffset() or timedelta() for instant in _minutes(day))


def _windows(entry: Entry, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    first_start, last_start = start - entry.reach() - _SLACK, end + _SLACK
    if entry.cron is not None and entry.lasts is not None:
        yield from sorted(_runs(entry, entry.lasts, first_start - 2 * DAY, last_start + 2 * DAY))
        return
    if entry.lasts is not None:
        for begun in _starts(entry, first_start, last_start):
            yield begun, begun + entry.lasts
        return
    if entry.is_whole_range:
        ((first_day, last_day),) = entry.days.ranges
        yield first(_midnight(first_day), entry.zone), last(_midnight(last_day + DAY), entry.zone)
        return
    for day, begins in _walls(entry, first_start, last_start):
        ends = next((each for each in _ends(entry, day, begins) if each > begins), None)
        if ends is not None:
            yield first(begins, entry.zone), last(ends, entry.zone)


def _runs(entry: Entry, lasts: timedelta, start: datetime, end: datetime) -> set[tuple[datetime, datetime]]:
    """The windows of a cron expression: what is due on one day and overlaps or touches is one."""
    assert entry.cron is not None
    found: set[tuple[datetime, datetime]] = set()
    due = cron(entry.cron, entry.zone, start, end)
    for day in {wall.date() for _, wall in due if entry.allows(wall.date())}:
        begun: datetime | None = None
        latest = datetime.min.replace(tzinfo=UTC)
        for instant in sorted({instant for instant, wall in due if wall.date() == day}):
            if begun is None or instant > latest + lasts:
                if begun is not None:
                    found.add((begun, latest + lasts))
                begun = instant
            latest = instant
        if begun is not None:
            found.add((begun, latest + lasts))
    return found


def _starts(entry: Entry, start: datetime, end: datetime) -> Iterator[datetime]:
    if entry.cron is None:
        yield from (first(begins, entry.zone) for _, begins in _walls(entry, start, end))
    else:
        due = cron(entry.cron, entry.zone, start, end)
        # Two times in one gap are one start.
        yield from sorted({instant for instant, wall in due if entry.allows(wall.date())})


def _walls(entry: Entry, start: datetime, end: datetime) -> Iterator[tuple[date, datetime]]:
    """The days that windows or holds are for, each with the wall time at which they begin."""
    earliest, latest = start.date() - (entry.offset + 2) * DAY, end.date() - (entry.offset - 2) * DAY
    for number in range((latest - earliest).days + 1):
        day = earliest + number * DAY
        begins = _midnight(day + entry.offset * DAY) + entry.begins
        if day in entry.days and entry.allows(begins.date()):
            yield day, begins


def _ends(entry: Entry, day: date, begins: datetime) -> Iterator[datetime]:
    """The wall times at which a window may end, in order."""
    assert entry.until is not None
    if entry.until_date is not None:
        yield _midnight(entry.until_date) + entry.until
    elif entry.until_offset is not None:
        yield _midnight(day + entry.until_offset * DAY) + entry.until
    else:
        for number in range(-1, 9):
            other = begins.date() + number * DAY
            if entry.until_weekday in (None, other.weekday()):
                yield _midnight(other) + entry.until


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def cron(expression: str, zone: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The minutes from start to end at which Debian's cron runs a line, each with the wall time that it's due at.

    That's as crontab(5) and the source of cron have it, but that a gap may be of any length. A line whose minute or
    hour begins with a star is run whenever the clock on the wall fits it. Any other is run once for each time that
    fits: at the first showing, or right after the gap that swallowed it.
    """
    fields = expression.lower().split()
    chosen = [_chosen(field, number) for number, field in enumerate(fields)]
    if fields[0].startswith("*") or fields[1].startswith("*"):
        found = {
            (instant, shown(instant, zone))
            for number in range((end.date() - start.date()).days + 1)
            for instant in _minutes(start.date() + number * DAY)
            if _fits(shown(instant, zone), fields, chosen)
        }
    else:
        found = {
            (first(wall, zone), wall)
            for number in range(-2, (end.date() - start.date()).days + 3)
            for wall in _fixed_times(start.date() + number * DAY, chosen)
            if _fits(wall, fields, chosen)
        }
    return sorted(fire for fire in found if start <= fire[0] <= end)


def _fixed_times(day: date, chosen: list[frozenset[int]]) -> Iterator[datetime]:
    for hour in sorted(chosen[1]):
        yield from (datetime.combine(day, time(hour, minute)) for minute in sorted(chosen[0]))


def _fits(wall: datetime, fields: list[str], chosen: list[frozenset[int]]) -> bool:
    minutes, hours, days, months, weekdays = chosen
    if wall.minute not in minutes or wall.hour not in hours or wall.month not in months:
        return False
    of_month, of_week = wall.day in days, bool({wall.isoweekday(), wall.isoweekday() % 7} & weekdays)
    if fields[2].startswith("*") or fields[4].startswith("*"):
        return of_month and of_week
    return of_month or of_week


def _chosen(field: str, number: int) -> frozenset[int]:
    chosen = set[int]()
    for item in field.split(","):
        span, _, step = item.partition("/")
        low, dash, high = span.partition("-")
        lowest, highest = _BOUNDS[number]
        if low != "*":
            lowest = _number(low, number)
            highest = _number(high, number) if dash else highest if step else lowest
        chosen.update(range(lowest, highest + 1, int(step or 1)))
    return frozenset(chosen)


def _number(word: str, number: int) -> int:
    return _NAMES[number][word] if word.isalpha() else int(word)
