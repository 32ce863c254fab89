"""From the file's typed values to rules that can be asked: what each entry of `pause` means."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from rules.calendars import Calendar, Dates, PublicHolidays, Source
from rules.days import AnyOf, CalendarDays, DateRange, Days, Limits, Weekdays, parse_days
from rules.document import CalendarSpec, CampaignsSpec, Document, Entry, ResumeSpec
from rules.document import Rule as RuleSpec
from rules.notation import MONTHS, WEEKDAYS, Moment, clock, duration_words
from rules.patterns import (
    CronHolds,
    CronWindows,
    DailyHolds,
    DailyWindows,
    EventWindows,
)
from rules.ruleset import Rule, Ruleset, Selector
from rules.windows import Label

_DAY: Final = timedelta(days=1)
_NO_TIME: Final = timedelta()
_WINDOWS: Final = (DailyWindows, CronWindows, EventWindows)

_Pattern = DailyWindows | CronWindows | EventWindows | DailyHolds | CronHolds


def compile_rules(document: Document, calendars: Mapping[str, Calendar] | None = None) -> Ruleset:
    """Make the enabled rules of a file ready to be asked; without its calendars they're made first."""
    known = compile_calendars(document) if calendars is None else calendars
    return Ruleset(_rule(document, spec, known) for spec in document.rules if spec.enabled)


def compile_calendars(document: Document, ics: Mapping[str, Source] | None = None) -> dict[str, Calendar]:
    """The calendars of a file by their names; `ics` has what the file of each `ics` calendar says.

    The document has no circle of calendars that include one another.
    """
    made: dict[str, Calendar] = {}
    holidays: dict[PublicHolidays, PublicHolidays] = {}

    def make(name: str) -> Calendar:
        if name not in made:
            spec = document.calendars[name]
            included = [make(other) for other in spec.include or ()]
            own = (ics or {})[name] if spec.ics is not None else None
            # Working out the holidays of a country costs much more than all the rest: calendars share them.
            of_country = [holidays.setdefault(each, each) for each in [spec.holidays()] if each is not None]
            made[name] = _calendar(name, spec, of_country, [*included, *([own] if own else [])])
        return made[name]

    return {name: make(name) for name in document.calendars}


def _calendar(name: str, spec: CalendarSpec, holidays: Sequence[Source], others: Sequence[Source]) -> Calendar:
    sources = [*holidays]
    dates = (*(spec.dates or ()), *(spec.extra or ()))
    if dates:
        sources.append(Dates(name, dates))
    dropped = tuple(each for each in spec.except_ or () if not isinstance(each, str))
    return Calendar(
        name=name,
        sources=(*sources, *others),
        without_days=Dates(name, dropped) if dropped else None,
        without_names=frozenset(each.lower() for each in spec.except_ or () if isinstance(each, str)),
    )


def _rule(document: Document, spec: RuleSpec, calendars: Mapping[str, Calendar]) -> Rule:
    zone = spec.timezone or document.timezone
    label = Label(
        rule=spec.name,
        text="",
        zone=zone,
        is_resumed=spec.resume is not False,
        resume_over=spec.resume.over if isinstance(spec.resume, ResumeSpec) else timedelta(),
        is_enforced=spec.enforce,
        catch_up=spec.catch_up,
    )
    patterns = [
        pattern
        for number, entry in enumerate(spec.pause)
        for pattern in _patterns(entry, replace(label, text=words_of(entry), entry=number), calendars)
    ]
    return Rule(
        name=spec.name,
        account=document.account_of(spec),
        selector=_selector(spec.campaigns),
        zone=zone,
        windows=tuple(pattern for pattern in patterns if isinstance(pattern, _WINDOWS)),
        holds=tuple(pattern for pattern in patterns if isinstance(pattern, DailyHolds | CronHolds)),
    )


def _selector(spec: list[int] | CampaignsSpec | None) -> Selector:
    if spec is None:
        return Selector(is_all=True)
    if isinstance(spec, list):
        return Selector(ids=frozenset(spec))
    excepted = spec.except_ or []
    return Selector(
        is_all=not (spec.ids or spec.folders or spec.names),
        ids=frozenset(spec.ids or ()),
        folders=tuple(spec.folders or ()),
        names=tuple(spec.names or ()),
        except_ids=frozenset(each for each in excepted if isinstance(each, int)),
        except_names=tuple(each for each in excepted if isinstance(each, str)),
    )


def _patterns(entry: Entry, label: Label, calendars: Mapping[str, Calendar]) -> Iterator[_Pattern]:
    """The patterns of an entry, whose form was checked when the file was read."""
    excluded = _days(entry.except_, calendars) if entry.except_ else None
    limits = Limits(excluded=excluded, span=entry.between, months=entry.month_numbers)
    if entry.cron is not None:
        if entry.for_ is None:
            yield CronHolds(expression=entry.cron, label=label, limits=limits)
        else:
            yield CronWindows(expression=entry.cron, lasts=entry.for_, label=label, limits=limits)
        return
    first = entry.from_ or entry.at
    days = _days(entry.on, calendars) if entry.on else _days_of(first)
    if entry.at is not None:
        yield DailyHolds(days=days, at=entry.at.begins, label=label, limits=limits)
        return
    yield _windows(entry, days, label, limits)
    if first is None:
        for word in entry.on or ():
            if isinstance(word, str) and word in calendars:
                yield EventWindows(calendar=calendars[word], label=label, limits=limits)


def _whole_days(days: DateRange, label: Label) -> DailyWindows:
    """The whole days of a range as one window, so that its ends are known however far away they are."""
    length = days.end - days.start + _DAY
    return DailyWindows(days=DateRange(days.start, days.start), begins=_NO_TIME, ends=(length,), label=label)


def _windows(entry: Entry, days: Days, label: Label, limits: Limits) -> DailyWindows:
    start = entry.from_ or Moment(time=_NO_TIME)
    begins = start.begins
    if entry.for_ is not None:
        return DailyWindows(days=days, begins=begins, lasts=entry.for_, label=label, limits=limits)
    ends = (_DAY,) if entry.until is None else _ends(start, entry.until, days)
    if isinstance(days, DateRange) and (begins, ends, limits) == (_NO_TIME, (_DAY,), Limits()):
        return _whole_days(days, label)
    return DailyWindows(days=days, begins=begins, ends=ends, label=label, limits=limits)


def _ends(start: Moment, end: Moment, days: Days) -> tuple[timedelta, ...]:
    weekdays = days.numbers if isinstance(days, Weekdays) else range(7)
    ends = {weekday: end.after(start, weekday) for weekday in weekdays}
    first = next(iter(ends.values()))
    return (first,) if set(ends.values()) == {first} else tuple(ends.get(weekday, first) for weekday in range(7))


def _days(words: list[int | str], calendars: Mapping[str, Calendar]) -> Days:
    parts = [_day(word, calendars) for word in words]
    return parts[0] if all(part == parts[0] for part in parts[1:]) else AnyOf(tuple(parts))


def _day(word: int | str, calendars: Mapping[str, Calendar]) -> Days:
    found = parse_days(str(word))
    return CalendarDays(calendars[str(word)]) if found is None else found


def _days_of(moment: Moment | None) -> Days:
    if moment is not None and moment.day is not None:
        return DateRange(moment.day, moment.day)
    if moment is not None and moment.weekday is not None:
        return Weekdays(frozenset({moment.weekday}))
    raise AssertionError("an entry without days was let through")


def words_of(entry: Entry) -> str:
    """An entry as a person would say it."""
    start, end = entry.from_ or entry.at, entry.until
    if start and end and start.day and start.day == end.day:
        end = replace(end, day=None)
    parts = (
        f"cron {entry.cron}" if entry.cron else "",
        ", ".join(map(str, entry.on or ())),
        _moment_words(start),
        f"until {_moment_words(end)}" if end else "",
        f"for {duration_words(entry.for_)}" if entry.for_ else "",
        _months_words(entry),
        "between {} and {}".format(*entry.between) if entry.between else "",
        f"except {', '.join(map(str, entry.except_))}" if entry.except_ else "",
    )
    return " ".join(part for part in parts if part)


def _moment_words(moment: Moment | None) -> str:
    if moment is None:
        return ""
    day = ""
    if moment.day is not None:
        day = str(moment.day)
    elif moment.weekday is not None:
        day = WEEKDAYS[moment.weekday].title()
    elif moment.offset is not None:
        day = f"{moment.offset:+}d"
    return f"{day} {clock(moment.time)}".strip()


def _months_words(entry: Entry) -> str:
    if entry.month_numbers is None:
        return ""
    return "in " + ", ".join(MONTHS[number - 1].title() for number in sorted(entry.month_numbers))
