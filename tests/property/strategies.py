"""Files of rules as a user would write them, together with what the oracle needs to know of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from zoneinfo import ZoneInfo

from hypothesis import assume
from hypothesis import strategies as st

from rules.document import read
from rules.entries import compile_rules
from rules.ruleset import Ruleset
from rules.source import parse
from tests.property.oracle import DAY, LAST, Days, Entry

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
FIRST_DAY, LAST_DAY = date(2011, 1, 1), date(2040, 12, 31)
CAMPAIGN = 7

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_GROUPS = {"weekdays": {0, 1, 2, 3, 4}, "weekends": {5, 6}, "daily": {0, 1, 2, 3, 4, 5, 6}}
_ORDINALS = {
    1: ("first", "1st"),
    2: ("second", "2nd"),
    3: ("third", "3rd"),
    4: ("fourth", "4th"),
    5: ("fifth", "5th"),
    LAST: ("last", "Last"),
}
# Whether each is for CAMPAIGN.
_CAMPAIGNS = {
    "all": True,
    "[7, 8]": True,
    "{ids: 7}": True,
    "{except: [8]}": True,
    "[8]": False,
    "{except: [7]}": False,
}
# Where each zone's clocks skip or repeat times, in minutes from midnight, with the minutes around that.
_CHANGES = {
    "Europe/Warsaw": (105, 195),
    "America/New_York": (45, 195),
    "Australia/Lord_Howe": (75, 165),
    "Africa/Cairo": (0, 75),
    "America/Santiago": (0, 75),
    "Pacific/Apia": (165, 255),
    "Africa/Casablanca": (105, 195),
    "Europe/Dublin": (45, 135),
}

zones = st.sampled_from(ZONES)
weekdays = st.integers(0, 6)
_quarters = st.integers(0, 96).map(lambda quarters: timedelta(minutes=15 * quarters))
_seconds = st.integers(0, 86400).map(lambda seconds: timedelta(seconds=seconds))
_durations = st.one_of(
    st.sampled_from(["30s", "15m", "90m", "1h", "12h", "24h", "36h", "63h", "1h30m", "2d", "1d2h3m4s", "9d", "17d"]),
    st.integers(1, 4000).map(lambda minutes: f"{minutes}m"),
)
_UNITS = {"d": DAY, "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}


@cache
def times(zone: str) -> st.SearchStrategy[timedelta]:
    """Times of a day, to 24:00: more often than not such as are skipped or repeated when clocks of a zone change."""
    first, last = _CHANGES.get(zone, (0, 1440))
    critical = [*range(first, last + 1, 15), *(minutes for minutes in (0, 1380, 1410, 1440) if first == 0)]
    near_changes = st.sampled_from([timedelta(minutes=minutes) for minutes in critical])
    # `one_of` has no weights.
    return st.integers(0, 9).flatmap(
        lambda number: near_changes if number < 7 else _quarters if number < 9 else _seconds
    )


@dataclass(frozen=True)
class File:
    """The text of a file, the entries in it that are for `CAMPAIGN`, and a day on which something may be going on."""

    text: str
    entries: tuple[Entry, ...]
    anchor: date

    @cached_property
    def ruleset(self) -> Ruleset:
        """The file's rules, as the daemon would get them."""
        return self.fresh_ruleset()

    def fresh_ruleset(self) -> Ruleset:
        """Its rules, of which nothing was asked yet."""
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
    days = [FIRST_DAY + number * DAY for number in range((LAST_DAY - FIRST_DAY).days)]
    offsets = [datetime.combine(day, time(12), ZoneInfo(zone)).utcoffset() for day in days]
    return tuple(day for day, before, after in zip(days[1:], offsets, offsets[1:], strict=False) if before != after)


_MONTH_ENDS = tuple(date(year, month, 1) - DAY for year in range(2011, 2041) for month in range(2, 13))
_LEAP_DAYS = tuple(date(year, 2, 29) for year in range(2012, 2041, 4))
_NEW_YEARS = tuple(date(year, 1, 1) for year in range(2012, 2041))


@st.composite
def anchors(draw: st.DrawFn, zone: str) -> date:
    """Days of thirty years: mostly with a change of the clock, else the end of a month, a leap day or the new year."""
    special = [_MONTH_ENDS, _LEAP_DAYS, _NEW_YEARS]
    changes = _change_days(zone)
    days = draw(st.sampled_from([*[changes] * 6, *special] if changes else special))
    return draw(st.sampled_from(days) if draw(st.integers(0, 9)) else st.dates(FIRST_DAY, LAST_DAY))


@st.composite
def files(draw: st.DrawFn, *, zone: str | None = None, entries: int = 3, steady: bool = False) -> File:
    """A file of one to three rules of every form; a rule may have its own zone, or be for other campaigns.

    `steady`: no rule has a zone of its own.
    """
    zone = zone or draw(zones)
    anchor = draw(anchors(zone))
    calendars = draw(_calendars(anchor))
    rules, said = list[str](), list[Entry]()
    for number in range(draw(st.integers(1, 3))):
        own_zone = None if steady else draw(st.sampled_from([*[None] * 20, *ZONES]))
        is_resumed = draw(st.sampled_from([True, True, True, False]))
        given = Entry(zone=own_zone or zone, is_resumed=is_resumed)
        pause = draw(st.lists(_entries(given, anchor, calendars), min_size=1, max_size=entries))
        campaigns = draw(st.sampled_from(sorted(_CAMPAIGNS)))
        keys = [f"name: rule {number}", f"campaigns: {campaigns}", f"pause: [{', '.join(text for text, _ in pause)}]"]
        keys += [f"timezone: {own_zone}"] if own_zone else []
        keys += [] if is_resumed else ["resume: false"]
        rules.append(f"  - {{{', '.join(keys)}}}")
        said += [entry for _, entry in pause if _CAMPAIGNS[campaigns]]
    head = f"timezone: {zone}\naccounts: {{main: {{api_key: x}}}}\ncalendars:"
    listed = [f"  {name}: {text}" for name, (text, _) in calendars.items()]
    return File("\n".join([head, *listed, "rules:", *rules, ""]), tuple(said), anchor)


_Calendars = Mapping[str, tuple[str, Days]]


@st.composite
def _calendars(draw: st.DrawFn, anchor: date) -> _Calendars:
    """Two calendars with days around the anchor; the second includes the first."""
    closed = draw(st.sets(_near(anchor), min_size=1, max_size=4))
    start, length = draw(_near(anchor)), draw(st.integers(0, 40))
    extra, dropped = draw(_near(anchor)), draw(_near(anchor))
    company = {start + number * DAY for number in range(length + 1)} | closed | {extra}
    keys = f"dates: [{start}/{start + length * DAY}], include: closed, extra: {extra}, except: [{dropped}]"
    return {
        "closed": (f"{{dates: [{', '.join(map(str, sorted(closed)))}]}}", _dates(*closed)),
        "company": (f"{{{keys}}}", _dates(*company - {dropped})),
    }


def _dates(*days: date) -> Days:
    return Days(ranges=frozenset((day, day) for day in days))


_Said = tuple[list[str], Entry]


@st.composite
def _entries(draw: st.DrawFn, given: Entry, anchor: date, calendars: _Calendars) -> tuple[str, Entry]:
    """An entry of any form: its text, and what it says."""
    form = draw(st.sampled_from(["window", "window", "window", "whole days", "hold", "cron", "cron hold"]))
    keys, entry = draw(_FORMS[form](given, anchor, calendars))
    limits, entry = draw(_limits(entry, anchor, calendars))
    return f"{{{', '.join([*keys, *limits])}}}", entry


@st.composite
def _windows(draw: st.DrawFn, given: Entry, anchor: date, calendars: _Calendars) -> _Said:
    keys, entry = draw(_begins("from", given, anchor, calendars))
    ends = {"on": ["time", "time", "weekday"], "weekday": ["weekday", "weekday"], "date": ["date", "date"]}
    kind = "on" if keys[0].startswith("on") else "date" if entry.days.ranges else "weekday"
    end = draw(st.sampled_from([*ends[kind], "offset", "for"]))
    if end == "for":
        text, lasts = draw(_lengths())
        return [*keys, f"for: {text}"], replace(entry, lasts=lasts)
    until = draw(times(given.zone))
    begins = entry.offset * DAY + entry.begins
    if end == "time":
        assume(entry.offset or begins % DAY != until % DAY)
        return [*keys, f"until: {_clock(until)}"], replace(entry, until=until)
    if end == "weekday":
        weekday = draw(weekdays)
        (start,) = entry.days.weekdays if kind == "weekday" else (None,)
        assume(start is None or ((weekday - start) * DAY + until - begins) % (7 * DAY))
        text = f"until: {draw(_spellings(weekday))} {_clock(until)}"
        return [*keys, text], replace(entry, until=until, until_weekday=weekday)
    if end == "date":
        ((start_date, _),) = entry.days.ranges
        end_date = start_date + draw(st.sampled_from([*range(14), 400])) * DAY
        assume(end_date - start_date + until > begins)
        return [*keys, f"until: {end_date} {_clock(until)}"], replace(entry, until=until, until_date=end_date)
    offset = entry.offset + draw(st.integers(0, 5))
    assume(offset * DAY + until > begins)
    return [*keys, f'until: "{offset:+}d {_clock(until)}"'], replace(entry, until=until, until_offset=offset)


@st.composite
def _begins(draw: st.DrawFn, key: str, given: Entry, anchor: date, calendars: _Calendars) -> _Said:
    """A weekday, a date or days of any kind, and a time, maybe so many days before or after."""
    begins = draw(times(given.zone))
    match draw(st.sampled_from(["weekday", "date", "on", "on", "offset"])):
        case "weekday":
            weekday = draw(weekdays)
            text = f"{key}: {draw(_spellings(weekday))} {_clock(begins)}"
            return [text], replace(given, days=Days(weekdays=frozenset({weekday})), begins=begins)
        case "date":
            day = draw(_near(anchor))
            return [f"{key}: {day} {_clock(begins)}"], replace(given, days=_dates(day), begins=begins)
        case "on":
            text, days = draw(_day_lists(anchor, calendars))
            return [f"on: {text}", f"{key}: {_clock(begins)}"], replace(given, days=days, begins=begins)
    text, days = draw(_day_lists(anchor, calendars))
    offset = draw(st.sampled_from([0, -1, 1, -2, 2, -3, 3, -9, 9]))
    keys = [f"on: {text}", f'{key}: "{offset:+}d {_clock(begins)}"']
    return keys, replace(given, days=days, begins=begins, offset=offset)


@st.composite
def _whole_days(draw: st.DrawFn, given: Entry, anchor: date, calendars: _Calendars) -> _Said:
    text, days = draw(_day_lists(anchor, calendars))
    return [f"on: {text}"], replace(given, days=days, until=DAY, until_offset=0)


def _holds(given: Entry, anchor: date, calendars: _Calendars) -> st.SearchStrategy[_Said]:
    return _begins("at", given, anchor, calendars)


@st.composite
def _cron_windows(draw: st.DrawFn, given: Entry, anchor: date, _: _Calendars) -> _Said:
    expression, (text, lasts) = draw(crons(anchor)), draw(_lengths())
    return [f'cron: "{expression}"', f"for: {text}"], replace(given, cron=expression, lasts=lasts)


@st.composite
def _cron_holds(draw: st.DrawFn, given: Entry, anchor: date, _: _Calendars) -> _Said:
    expression = draw(crons(anchor))
    return [f'cron: "{expression}"'], replace(given, cron=expression)


_FORMS = {
    "window": _windows,
    "whole days": _whole_days,
    "hold": _holds,
    "cron": _cron_windows,
    "cron hold": _cron_holds,
}


@st.composite
def crons(draw: st.DrawFn, anchor: date) -> str:
    """Cron expressions that have a chance to come true around a day, at an hour at which clocks may change."""
    day = draw(_near(anchor))
    minute = draw(st.sampled_from(["0", "0", "30", "15,45", "59", "5-20/5", "50/5", "*/20", "*/7", "*"]))
    hour = draw(st.sampled_from(["0", "1", "2", "3", "23", "2-4", "0-6/2", "1,13", "*", "*/3", "20/1"]))
    if minute == "*" and hour != "*/3":
        hour = hour.replace("*", "2")
    days = draw(st.sampled_from(["*", "*", "*", "*/2", f"{day.day}", f"{day.day}-31/2", "1,15"]))
    months = draw(st.sampled_from(["*", "*", f"{day.month}", f"{_MONTHS[day.month - 1]}-dec", "1-12"]))
    numbers = [f"{day.isoweekday()}", f"{day.isoweekday() % 7}", _WEEKDAYS[day.weekday()]]
    of_week = draw(st.sampled_from(["*", "*", "*", "mon-fri", "5-7", "*/2", "0", "7", "Sun,wed", *numbers]))
    return f"{minute} {hour} {days} {months} {of_week}"


@st.composite
def _limits(draw: st.DrawFn, entry: Entry, anchor: date, calendars: _Calendars) -> _Said:
    keys = list[str]()
    given = draw(st.sampled_from([(), (), (), ("except",), ("between",), ("months",), ("except", "between", "months")]))
    if "except" in given:
        text, days = draw(_day_lists(anchor, calendars))
        keys.append(f"except: {text}")
        entry = replace(entry, excluded=days)
    if "between" in given:
        start, length = draw(_near(anchor)), draw(st.sampled_from([0, 1, 3, 30]))
        end = start + length * DAY
        keys.append(f"between: {f'{start}/{end}' if length else start}")
        entry = replace(entry, between=(start, end))
    if "months" in given:
        text, months = draw(month_lists(draw(_near(anchor)).month))
        keys.append(f"months: {text}")
        entry = replace(entry, months=months)
    return keys, entry


@st.composite
def month_lists(draw: st.DrawFn, month: int | None = None) -> tuple[str, frozenset[int]]:
    """What may stand after `months:`, with a certain month among them, and the months that it means."""
    month = month or draw(st.integers(1, 12))
    name = _MONTHS[month - 1]
    before, after = ((month - 1 + step) % 12 + 1 for step in (-1, 2))
    return draw(
        st.sampled_from(
            [
                (name, frozenset({month})),
                (f"[{name.title()}, {_MONTHS[after - 1]}]", frozenset({month, after})),
                (f"{_MONTHS[before - 1]}-{name}", frozenset({before, month})),
            ]
        )
    )


@st.composite
def _day_lists(draw: st.DrawFn, anchor: date, calendars: _Calendars) -> tuple[str, Days]:
    """What may stand after `on:` or `except:`, and the days that it means."""
    words = draw(st.lists(day_words(anchor, calendars), min_size=1, max_size=3))
    if len(words) == 1:
        return words[0]
    all_days = Days()
    for _, days in words:
        all_days |= days
    return f"[{', '.join(text for text, _ in words)}]", all_days


@st.composite
def day_words(draw: st.DrawFn, anchor: date, calendars: _Calendars) -> tuple[str, Days]:
    """One word of such a list, and the days that it means: around a certain day there are some."""
    near = draw(_near(anchor))
    kinds = ["weekday", "weekdays", "group", "nth", "nth", "nth", "month day", "year day", "date", "dates"]
    match draw(st.sampled_from([*kinds, "calendar"] if calendars else kinds)):
        case "weekday":
            return draw(_spellings(near.weekday())), Days(weekdays=frozenset({near.weekday()}))
        case "weekdays":
            last, dash = (near.weekday() + draw(st.integers(0, 6))) % 7, draw(st.sampled_from(["-", " - "]))
            numbers = {(near.weekday() + step) % 7 for step in range((last - near.weekday()) % 7 + 1)}
            return f"{_WEEKDAYS[near.weekday()]}{dash}{_WEEKDAYS[last]}", Days(weekdays=frozenset(numbers))
        case "group":
            group = draw(st.sampled_from(sorted(_GROUPS)))
            return group, Days(weekdays=frozenset(_GROUPS[group]))
        case "nth":
            nth = draw(st.sampled_from([(near.day - 1) // 7 + 1, LAST, 5]))
            text = f"{draw(st.sampled_from(_ORDINALS[nth]))} {draw(_spellings(near.weekday()))}"
            return text, Days(nth_weekdays=frozenset({(nth, near.weekday())}))
        case "month day":
            number = draw(st.sampled_from([near.day, LAST]))
            return "last" if number == LAST else str(number), Days(month_days=frozenset({number}))
        case "year day":
            month, day = draw(st.sampled_from([(near.month, near.day), (2, 29)]))
            return f"{day} {_MONTHS[month - 1]}", Days(year_days=frozenset({(month, day)}))
        case "date":
            return str(near), _dates(near)
        case "dates":
            end = near + draw(st.integers(0, 9)) * DAY
            return f"{near}{draw(st.sampled_from(['/', ' / ']))}{end}", Days(ranges=frozenset({(near, end)}))
    name = draw(st.sampled_from(sorted(calendars)))
    return name, calendars[name][1]


def _near(anchor: date) -> st.SearchStrategy[date]:
    return st.sampled_from([0, 0, 0, 0, -1, -1, 1, *range(-6, 7)]).map(lambda days: anchor + days * DAY)


def _spellings(weekday: int) -> st.SearchStrategy[str]:
    word = _WEEKDAYS[weekday]
    return st.sampled_from([word, word.title(), _LONG_WEEKDAYS[weekday]])


@st.composite
def _lengths(draw: st.DrawFn) -> tuple[str, timedelta]:
    text = draw(_durations)
    length, number = timedelta(), ""
    for letter in text:
        if letter.isdigit():
            number += letter
        else:
            length, number = length + int(number) * _UNITS[letter], ""
    return text, length


def _clock(time_of_day: timedelta) -> str:
    hours, rest = divmod(int(time_of_day.total_seconds()), 3600)
    text = f"{hours:02}:{rest // 60:02}"
    return f"{text}:{rest % 60:02}" if rest % 60 else text
