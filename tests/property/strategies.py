"""Files of rules as a user would write them, together with what the oracle needs to know of them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import assume
from hypothesis import strategies as st

from rules.document import read
from rules.ruleset import Ruleset, compile_rules
from rules.source import parse
from tests.property.oracle import DAY, Entry

ZONES = (
    "Europe/Warsaw",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Europe/Dublin",
    "UTC",
)
FIRST, LAST = date(2011, 1, 1), date(2040, 12, 31)
CAMPAIGN = 7

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_GROUPS = {"weekdays": (0, 1, 2, 3, 4), "weekends": (5, 6), "daily": (0, 1, 2, 3, 4, 5, 6)}
_CHANGE_HOURS = [timedelta(minutes=minutes) for minutes in (0, 15, 30, 60, 90, 105, 120, 135, 150, 180, 1410, 1440)]

zones = st.sampled_from(ZONES)
weekdays = st.integers(0, 6)
times = st.one_of(
    st.sampled_from(_CHANGE_HOURS),
    st.builds(lambda quarters: timedelta(minutes=15 * quarters), st.integers(0, 96)),
    st.builds(lambda seconds: timedelta(seconds=seconds), st.integers(0, 86400)),
)


@dataclass(frozen=True, slots=True)
class File:
    """The text of a file, the entries in it that are for `CAMPAIGN`, and a day on which something may be going on."""

    text: str
    entries: tuple[Entry, ...]
    anchor: date

    @property
    def ruleset(self) -> Ruleset:
        """The file's rules, as the daemon would get them."""
        return compile_rules(read(parse(self.text.encode())))

    @property
    def around(self) -> tuple[datetime, datetime]:
        """A week before the anchor and a week after it."""
        noon = datetime.combine(self.anchor, time(12), UTC)
        return noon - 7 * DAY, noon + 7 * DAY

    def instants(self) -> st.SearchStrategy[datetime]:
        """Instants around the anchor, to the microsecond."""
        start, end = (each.replace(tzinfo=None) for each in self.around)
        return st.datetimes(start, end, timezones=st.just(UTC))


@cache
def _change_days(zone: str) -> tuple[date, ...]:
    """The days around every change of the clock."""
    days = [FIRST + number * DAY for number in range((LAST - FIRST).days)]
    offsets = [datetime.combine(day, time(12), ZoneInfo(zone)).utcoffset() for day in days]
    return tuple(day for day, before, after in zip(days[1:], offsets, offsets[1:], strict=False) if before != after)


def anchors(zone: str) -> st.SearchStrategy[date]:
    """Days of thirty years: more often than not near a change of the clock, or at the turn of a year."""
    some = st.dates(FIRST, LAST)
    new_year = st.builds(lambda year: date(year, 1, 1), st.integers(FIRST.year + 1, LAST.year))
    changes = _change_days(zone)
    return st.one_of(st.sampled_from(changes), new_year, some) if changes else st.one_of(new_year, some)


@st.composite
def files(draw: st.DrawFn) -> File:
    """A file of one to three rules of every form; a rule may have its own zone, or be for another campaign."""
    zone = draw(zones)
    anchor = draw(anchors(zone))
    closed = draw(st.sets(_near(anchor), min_size=1, max_size=4))
    rules, entries = list[str](), list[Entry]()
    for number in range(draw(st.integers(1, 3))):
        own_zone = draw(st.sampled_from([None, None, *ZONES]))
        pause = draw(st.lists(_entries(own_zone or zone, anchor, frozenset(closed)), min_size=1, max_size=3))
        campaigns, is_ours = draw(st.sampled_from([("all", True), ("[7, 8]", True), ("[8]", False)]))
        keys = f"name: rule {number}, campaigns: {campaigns}, pause: [{', '.join(text for text, _ in pause)}]"
        rules.append(f"  - {{{keys}{f', timezone: {own_zone}' if own_zone else ''}}}")
        entries += [entry for _, entry in pause if is_ours]
    head = f"timezone: {zone}\naccounts: {{main: {{api_key: x}}}}\n"
    calendars = f"calendars:\n  closed: {{dates: [{', '.join(map(str, sorted(closed)))}]}}\n"
    return File("\n".join([f"{head}{calendars}rules:", *rules, ""]), tuple(entries), anchor)


def _entries(zone: str, anchor: date, closed: frozenset[date]) -> st.SearchStrategy[tuple[str, Entry]]:
    return st.one_of(
        _weekly(zone), _daily(zone, closed), _once(zone, anchor), _whole_days(zone, closed), _held(zone, anchor, closed)
    )


@st.composite
def _weekly(draw: st.DrawFn, zone: str) -> tuple[str, Entry]:
    start, end = draw(weekdays), draw(weekdays)
    begins, until = draw(times), draw(times)
    assume((start * DAY + begins) % (7 * DAY) != (end * DAY + until) % (7 * DAY))
    text = f"{{from: {draw(_spellings(start))} {_clock(begins)}, until: {draw(_spellings(end))} {_clock(until)}}}"
    entry = Entry(zone=zone, weekdays=frozenset({start}), begins=begins, until=until, until_weekday=end)
    return text, entry


@st.composite
def _daily(draw: st.DrawFn, zone: str, closed: frozenset[date]) -> tuple[str, Entry]:
    word, numbers, dates = draw(_day_words(closed))
    begins, until = draw(times), draw(times)
    assume(begins % DAY != until % DAY)
    text = f"{{on: {word}, from: {_clock(begins)}, until: {_clock(until)}}}"
    return text, Entry(zone=zone, weekdays=numbers, dates=dates, begins=begins, until=until)


@st.composite
def _once(draw: st.DrawFn, zone: str, anchor: date) -> tuple[str, Entry]:
    start, end = draw(_near(anchor)), draw(_near(anchor))
    begins, until = draw(times), draw(times)
    assume(end - start + until > begins)
    text = f"{{from: {start} {_clock(begins)}, until: {end} {_clock(until)}}}"
    return text, Entry(zone=zone, dates=frozenset({start}), begins=begins, until=until, until_date=end)


@st.composite
def _whole_days(draw: st.DrawFn, zone: str, closed: frozenset[date]) -> tuple[str, Entry]:
    word, numbers, dates = draw(_day_words(closed))
    entry = Entry(zone=zone, weekdays=numbers, dates=dates, begins=timedelta(), until=DAY)
    return f"{{on: {word}}}", entry


@st.composite
def _held(draw: st.DrawFn, zone: str, anchor: date, closed: frozenset[date]) -> tuple[str, Entry]:
    begins = draw(times)
    word, numbers, dates = draw(_day_words(closed))
    day, weekday = draw(_near(anchor)), draw(weekdays)
    return draw(
        st.sampled_from(
            [
                (
                    f"{{on: {word}, at: {_clock(begins)}}}",
                    Entry(zone=zone, weekdays=numbers, dates=dates, begins=begins),
                ),
                (f"{{at: {day} {_clock(begins)}}}", Entry(zone=zone, dates=frozenset({day}), begins=begins)),
                (
                    f"{{at: {_WEEKDAYS[weekday]} {_clock(begins)}}}",
                    Entry(zone=zone, weekdays=frozenset({weekday}), begins=begins),
                ),
            ]
        )
    )


@st.composite
def _day_words(draw: st.DrawFn, closed: frozenset[date]) -> tuple[str, frozenset[int], frozenset[date]]:
    """What may stand after `on:`, with the weekdays and the dates that it means."""
    first, length = draw(weekdays), draw(st.integers(1, 6))
    span = tuple((first + step) % 7 for step in range(length + 1))
    group = draw(st.sampled_from(sorted(_GROUPS)))
    return draw(
        st.sampled_from(
            [
                (_WEEKDAYS[first], frozenset({first}), frozenset()),
                (f"{_WEEKDAYS[span[0]]}-{_WEEKDAYS[span[-1]]}", frozenset(span), frozenset()),
                (group, frozenset(_GROUPS[group]), frozenset()),
                ("closed", frozenset(), closed),
                (f"[closed, {_WEEKDAYS[first]}]", frozenset({first}), closed),
            ]
        )
    )


def _near(anchor: date) -> st.SearchStrategy[date]:
    return st.integers(-6, 6).map(lambda days: anchor + days * DAY)


def _spellings(weekday: int) -> st.SearchStrategy[str]:
    long = {"tue": "tuesday", "wed": "wednesday", "thu": "thursday", "sat": "saturday"}
    word = _WEEKDAYS[weekday]
    return st.sampled_from([word, word.title(), long.get(word, f"{word}day").title()])


def _clock(time_of_day: timedelta) -> str:
    hours, rest = divmod(int(time_of_day.total_seconds()), 3600)
    text = f"{hours:02}:{rest // 60:02}"
    return f"{text}:{rest % 60:02}" if rest % 60 else text
