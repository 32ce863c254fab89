"""iCalendar files as Google Calendar, Outlook and Apple export them, and what's refused."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.calendars import Source, TimedEvent
from rules.ics import LARGEST, IcsFile, printable, read_ics

GOOGLE = """\
BEGIN:VCALENDAR
PRODID:-//Google Inc//Google Calendar 70.9054//EN
VERSION:2.0
CALSCALE:GREGORIAN
METHOD:PUBLISH
X-WR-CALNAME:Closures
X-WR-TIMEZONE:Europe/Warsaw
BEGIN:VTIMEZONE
TZID:Europe/Warsaw
X-LIC-LOCATION:Europe/Warsaw
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:GMT+2
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:GMT+1
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261228
DTEND;VALUE=DATE:20270102
DTSTAMP:20260901T101500Z
UID:2b8k9@google.com
CREATED:20260901T101000Z
DESCRIPTION:Long text\\, of which
  a part is on the next line
SEQUENCE:0
STATUS:CONFIRMED
SUMMARY:Company closed between Christmas and
  New Year
TRANSP:TRANSPARENT
END:VEVENT
BEGIN:VEVENT
DTSTART;TZID=Europe/Warsaw:20260105T090000
DTEND;TZID=Europe/Warsaw:20260105T103000
RRULE:FREQ=WEEKLY;BYDAY=MO
EXDATE;TZID=Europe/Warsaw:20260112T090000
DTSTAMP:20260901T101500Z
UID:5c1m2@google.com
SEQUENCE:0
STATUS:CONFIRMED
SUMMARY:Board
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:This is an event reminder
TRIGGER:-P0DT0H10M0S
END:VALARM
END:VEVENT
BEGIN:VEVENT
DTSTART;TZID=Europe/Warsaw:20260120T140000
DTEND;TZID=Europe/Warsaw:20260120T150000
RECURRENCE-ID;TZID=Europe/Warsaw:20260119T090000
DTSTAMP:20260901T101500Z
UID:5c1m2@google.com
SEQUENCE:1
STATUS:CONFIRMED
SUMMARY:Board\\, moved
END:VEVENT
BEGIN:VEVENT
DTSTART;TZID=Europe/Warsaw:20260126T090000
DTEND;TZID=Europe/Warsaw:20260126T103000
RECURRENCE-ID;TZID=Europe/Warsaw:20260126T090000
DTSTAMP:20260901T101500Z
UID:5c1m2@google.com
SEQUENCE:1
STATUS:CANCELLED
SUMMARY:Board
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260601
DTEND;VALUE=DATE:20260602
DTSTAMP:20260901T101500Z
UID:9z9z9@google.com
STATUS:CANCELLED
SUMMARY:Never mind
END:VEVENT
END:VCALENDAR
"""

OUTLOOK_ZONE = """\
BEGIN:VTIMEZONE
TZID:{name}
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""

OUTLOOK = (
    """\
BEGIN:VCALENDAR
PRODID:-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN
VERSION:2.0
METHOD:PUBLISH
X-WR-CALNAME:Closures
X-MS-OLK-FORCEINSPECTOROPEN:TRUE
"""
    + OUTLOOK_ZONE
    + """\
BEGIN:VEVENT
CLASS:PUBLIC
DTEND;TZID="{name}":20260704T060000
DTSTAMP:20260601T080000Z
DTSTART;TZID="{name}":20260703T180000
PRIORITY:5
SEQUENCE:0
SUMMARY;LANGUAGE=en-us:Stocktaking
TRANSP:OPAQUE
UID:040000008200E00074C5B7101A82E00800000000
X-ALT-DESC;FMTTYPE=text/html:<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2//
	EN">\\n<HTML></HTML>
X-MICROSOFT-CDO-BUSYSTATUS:BUSY
END:VEVENT
END:VCALENDAR
"""
)

APPLE = """\
BEGIN:VCALENDAR
CALSCALE:GREGORIAN
PRODID:-//Apple Inc.//macOS 14.5//EN
VERSION:2.0
X-APPLE-CALENDAR-COLOR:#1BADF8
X-WR-CALNAME:Home
BEGIN:VEVENT
CREATED:20260101T120000Z
DTEND;VALUE=DATE:16041226
DTSTAMP:20260101T120000Z
DTSTART;VALUE=DATE:16041225
LAST-MODIFIED:20260101T120000Z
RRULE:FREQ=YEARLY
SEQUENCE:0
SUMMARY:Christmas
TRANSP:TRANSPARENT
UID:8F1C2E5A-0001
X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC
END:VEVENT
BEGIN:VEVENT
DTEND:20260510T120000
DTSTAMP:20260101T120000Z
DTSTART:20260510T080000
SEQUENCE:0
SUMMARY:Wherever I am
UID:8F1C2E5A-0002
END:VEVENT
BEGIN:VEVENT
DTEND:20260511T120000Z
DTSTAMP:20260101T120000Z
DTSTART:20260511T080000Z
SEQUENCE:0
SUMMARY:In UTC
UID:8F1C2E5A-0003
END:VEVENT
END:VCALENDAR
"""


def exported(text: str) -> bytes:
    """The text with the line ends of RFC 5545."""
    return text.replace("\n", "\r\n").encode()


def calendar(*events: str, head: str = "") -> bytes:
    """A file of events, each given as its lines."""
    bodies = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return exported(f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//tests//EN\n{head}{bodies}END:VCALENDAR\n")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def timed(file: IcsFile, start: str, end: str) -> list[TimedEvent]:
    return list(file.timed(utc(start), utc(end)))


def starts(file: IcsFile, start: str, end: str) -> list[datetime]:
    return [event.start for event in timed(file, start, end)]


def span(event: TimedEvent) -> tuple[datetime, datetime]:
    return event.start, event.end


def test_it_is_a_source_of_a_calendar() -> None:
    source: Source = read_ics(exported(GOOGLE))
    assert source.days(2026)


def test_an_all_day_event_of_google_holds_each_day_before_its_end() -> None:
    file = read_ics(exported(GOOGLE))
    name = "Company closed between Christmas and New Year"
    assert file.days(2026) == {date(2026, 12, day): name for day in (28, 29, 30, 31)}
    assert file.days(2027) == {date(2027, 1, 1): name}


def test_exceptions_of_a_series_are_left_out_moved_or_cancelled() -> None:
    events = timed(read_ics(exported(GOOGLE)), "2026-01-01", "2026-02-01")
    assert [(event.start, event.name) for event in events] == [
        (utc("2026-01-05 08:00"), "Board"),
        (utc("2026-01-20 13:00"), "Board, moved"),
    ]


@pytest.mark.parametrize("ends", ["\r\n", "\n", "\r"])
def test_all_line_ends_and_a_byte_order_mark_are_read(ends: str) -> None:
    file = read_ics(b"\xef\xbb\xbf" + GOOGLE.replace("\n", ends).encode())
    assert len(file.days(2026)) == 4


@pytest.mark.parametrize("begin", ["begin:vevent", "BEGIN: VEVENT ", "BEGIN ;X-A=b:VEVENT"])
def test_an_event_is_found_however_its_begin_is_written(begin: str) -> None:
    days = [f"DTSTART;VALUE=DATE:2026010{day}" for day in (1, 2)]
    content = calendar(*days).replace(b"BEGIN:VEVENT", begin.encode(), 1)
    assert list(read_ics(content).days(2026)) == [date(2026, 1, 1), date(2026, 1, 2)]


def test_a_line_folded_within_a_character_is_read() -> None:
    content = calendar("UID:1\nDTSTART;VALUE=DATE:20260101\nSUMMARY:Święto")
    middle = content.index("ę".encode()) + 1
    file = read_ics(content[:middle] + b"\r\n " + content[middle:])
    assert file.days(2026) == {date(2026, 1, 1): "Święto"}


@pytest.mark.parametrize(
    "name",
    [
        "Central European Standard Time",
        "(UTC+01:00) Sarajevo, Skopje, Warsaw, Zagreb",
        "Customized Time Zone",
        "/freeassociation.sourceforge.net/Europe/Warsaw",
    ],
)
def test_zones_of_outlook_and_vendors_are_known_or_read_from_the_file(name: str) -> None:
    file = read_ics(exported(OUTLOOK.format(name=name)))
    assert timed(file, "2026-07-04", "2026-07-04") == [
        TimedEvent(utc("2026-07-03 16:00"), utc("2026-07-04 04:00"), "Stocktaking")
    ]


def test_a_windows_zone_needs_no_definition() -> None:
    file = read_ics(calendar("DTSTART;TZID=Pacific Standard Time:20260701T080000\nDURATION:PT1H"))
    assert starts(file, "2026-07-01", "2026-07-02") == [utc("2026-07-01 15:00")]


def test_a_zone_of_the_file_agrees_with_the_zone_data_around_the_clock_changes() -> None:
    walls = [
        datetime(year, month, day) + timedelta(minutes=30 * half)  # noqa: DTZ001 -- wall time
        for year in (1999, 2027, 2101)
        for month, day in ((3, 25), (7, 1), (10, 25))
        for half in range(7 * 48)
    ]
    lines = [f"DTSTART;TZID=Ours:{wall:%Y%m%dT%H%M%S}\nDURATION:PT20M" for wall in walls]
    ours = read_ics(calendar(*lines, head=OUTLOOK_ZONE.format(name="Ours")))
    known = read_ics(calendar(*[line.replace("TZID=Ours", "TZID=Europe/Warsaw") for line in lines]))
    assert len(known.single) > 3000
    assert ours.single == known.single


def test_apples_birthdays_of_1604_recur_in_every_year() -> None:
    file = read_ics(exported(APPLE))
    for year in (1970, 2026, 2199):
        assert file.days(year) == {date(year, 12, 25): "Christmas"}


def test_times_without_a_zone_come_naive_and_from_a_day_around() -> None:
    file = read_ics(exported(APPLE))
    naive = datetime(2026, 5, 10, 8), datetime(2026, 5, 10, 12)  # noqa: DTZ001
    for instant in ("2026-05-09 18:00", "2026-05-10 10:00", "2026-05-11 00:00"):
        assert naive in [span(event) for event in timed(file, instant, instant)]
    assert timed(file, "2026-05-11 13:00", "2026-05-11 13:00") == []
    assert starts(file, "2026-05-11 12:00", "2026-05-12") == [naive[0], utc("2026-05-11 08:00")]


def test_times_without_a_zone_have_that_of_the_calendar_if_it_says_one() -> None:
    event = "DTSTART:20260701T080000\nDTEND:20260701T090000"
    for zone in ("Europe/Warsaw", "Central European Standard Time"):
        for more in ("", "\nRRULE:FREQ=DAILY;COUNT=1"):
            file = read_ics(calendar(event + more, head=f"X-WR-TIMEZONE:{zone}\n"))
            assert starts(file, "2026-07-01", "2026-07-02") == [utc("2026-07-01 06:00")]


def test_one_event_in_utc_is_exact_in_the_repeated_hour_of_the_calendars_zone() -> None:
    file = read_ics(calendar("DTSTART:20261025T010000Z\nDTEND:20261025T013000Z", head="X-WR-TIMEZONE:Europe/Warsaw\n"))
    assert timed(file, "2026-10-25", "2026-10-26") == [
        TimedEvent(utc("2026-10-25 01:00"), utc("2026-10-25 01:30"), "(no title)")
    ]


def test_a_weekly_event_keeps_its_local_time_over_both_clock_changes() -> None:
    file = read_ics(calendar("UID:1\nDTSTART;TZID=Europe/Warsaw:20260105T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY"))
    zone = ZoneInfo("Europe/Warsaw")
    local = [start.astimezone(zone) for start in starts(file, "2026-01-01", "2026-12-31")]
    assert {(start.weekday(), start.hour, start.minute) for start in local} == {(0, 9, 0)}
    assert {start.utcoffset() for start in local} == {timedelta(hours=1), timedelta(hours=2)}
    assert len(local) == 52


def test_a_skipped_time_is_the_instant_after_the_gap_and_a_repeated_one_lasts_longest() -> None:
    file = read_ics(
        calendar(
            "UID:1\nDTSTART;TZID=Europe/Warsaw:20260329T023000\nDTEND;TZID=Europe/Warsaw:20260329T040000",
            "UID:2\nDTSTART;TZID=Europe/Warsaw:20261025T020000\nDTEND;TZID=Europe/Warsaw:20261025T023000",
        )
    )
    assert [span(event) for event in timed(file, "2026-03-29", "2026-10-26")] == [
        (utc("2026-03-29 01:00"), utc("2026-03-29 02:00")),
        (utc("2026-10-25 00:00"), utc("2026-10-25 01:30")),
    ]


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "UTC"])
def test_a_fortnightly_rule_holds_the_days_that_counting_them_gives(zone: str) -> None:
    rule = "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,SU;WKST=MO;UNTIL=20261115T235959Z"
    file = read_ics(calendar(f"UID:1\nDTSTART;TZID={zone}:20260107T120000\nDURATION:PT30M\n{rule}"))
    monday, expected = date(2026, 1, 5), []
    for step in range(366):
        day = monday + timedelta(days=step)
        if step // 7 % 2 == 0 and day.weekday() in (0, 2, 6) and date(2026, 1, 7) <= day <= date(2026, 11, 15):
            noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
            expected.append(noon.astimezone(UTC))
    assert starts(file, "2026-01-01", "2027-01-02") == expected


def test_asking_in_small_spans_gives_what_asking_for_the_year_gives() -> None:
    file = read_ics(exported(GOOGLE))
    first = utc("2025-12-20")
    pieces = [
        event for step in range(50) for event in file.timed(*(first + timedelta(days=8 * (step + i)) for i in (0, 1)))
    ]
    assert list(dict.fromkeys(pieces)) == list(file.timed(first, first + timedelta(days=400)))


def test_a_year_is_expanded_once() -> None:
    file = read_ics(exported(GOOGLE))
    assert file.days(2026) is file.days(2026)
    assert next(file.timed(utc("2026-06-01"), utc("2026-06-09"))) is next(
        file.timed(utc("2026-06-01"), utc("2026-06-09"))
    )


@pytest.mark.parametrize("more", ["", "\nRRULE:FREQ=YEARLY"])
def test_a_span_over_new_year_is_found_from_both_years_and_once_from_a_range_over_both(more: str) -> None:
    file = read_ics(calendar("UID:1\nDTSTART:20261230T120000Z\nDTEND:20270103T120000Z" + more))
    for start, end in (
        ("2026-12-30 13:00", "2026-12-30 14:00"),
        ("2027-01-03", "2027-01-03"),
        ("2026-12-01", "2027-02-01"),
    ):
        assert starts(file, start, end) == [utc("2026-12-30 12:00")]


def test_what_only_touches_the_range_is_given() -> None:
    file = read_ics(calendar("DTSTART:20261231T220000Z\nDTEND:20270101T000000Z"))
    assert timed(file, "2027-01-01", "2027-01-02")
    assert timed(file, "2026-12-01", "2026-12-31 22:00")
    assert timed(file, "2027-01-01 00:00:01", "2027-01-02") == []


def test_an_event_of_two_years_holds_the_year_between() -> None:
    file = read_ics(
        calendar("UID:1\nDTSTART;VALUE=DATE:20251201\nDTEND;VALUE=DATE:20280102\nRRULE:FREQ=YEARLY;COUNT=1")
    )
    assert len(file.days(2027)) == 365
    assert list(file.days(2028)) == [date(2028, 1, 1)]


@pytest.mark.parametrize(
    ("lines", "days"),
    [
        ("DTSTART;VALUE=DATE:20260101", [1]),
        ("DTSTART:20260101", [1]),
        ("DTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20260101", [1]),
        ("DTSTART;VALUE=DATE:20260101\nDURATION:P2D", [1, 2]),
        ("DTSTART;VALUE=DATE;TZID=Europe/Warsaw:20260101", [1]),
        ("UID:1\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY;UNTIL=20260103", [1, 2, 3]),
        ("UID:1\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY;UNTIL=20260103T225959Z", [1, 2, 3]),
        ("UID:1\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY;COUNT=3;\nEXDATE;VALUE=DATE:20260102", [1, 3]),
        ("UID:1\nDTSTART;VALUE=DATE:20260101\nRDATE;VALUE=DATE:20260105,20260107", [1, 5, 7]),
    ],
)
def test_whole_days_are_held_however_they_are_written(lines: str, days: list[int]) -> None:
    assert list(read_ics(calendar(lines)).days(2026)) == [date(2026, 1, day) for day in days]


def test_a_period_among_the_extra_dates_has_its_own_length() -> None:
    file = read_ics(
        calendar("UID:1\nDTSTART:20260101T080000Z\nDTEND:20260101T090000Z\nRDATE;VALUE=PERIOD:20260105T080000Z/PT3H")
    )
    assert span(timed(file, "2026-01-05", "2026-01-06")[0]) == (utc("2026-01-05 08:00"), utc("2026-01-05 11:00"))


@pytest.mark.parametrize("until", ["20260103", "20260103T080000", "20260103T130000Z"])
def test_the_last_time_of_a_rule_counts_west_of_greenwich_too(until: str) -> None:
    file = read_ics(
        calendar(f"UID:1\nDTSTART;TZID=America/New_York:20260101T080000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL={until}")
    )
    assert starts(file, "2026-01-01", "2026-02-01") == [utc(f"2026-01-0{day} 13:00") for day in (1, 2, 3)]


def test_the_last_time_of_a_rule_without_a_zone_counts() -> None:
    file = read_ics(calendar("UID:1\nDTSTART:20260101T080000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260102T235959Z"))
    assert [start.day for start in starts(file, "2026-01-01", "2026-02-01")] == [1, 2]


def test_utc_stays_utc_beside_a_zone() -> None:
    file = read_ics(calendar("DTSTART;TZID=Europe/Warsaw:20260101T080000Z\nDTEND;TZID=Europe/Warsaw:20260101T090000Z"))
    assert starts(file, "2026-01-01", "2026-01-02") == [utc("2026-01-01 08:00")]


def test_the_name_of_a_day_is_that_of_all_its_events() -> None:
    first, second = (f"UID:{name}\nDTSTART;VALUE=DATE:20260101\nSUMMARY:{name}" for name in ("first", "second"))
    assert read_ics(calendar(first, second)).days(2026) == {date(2026, 1, 1): "first; second"}


def test_of_two_events_with_one_uid_both_count_unless_one_is_newer() -> None:
    first = "UID:1\nSEQUENCE:0\nDTSTART;VALUE=DATE:20260101"
    other = "UID:1\nSEQUENCE:0\nDTSTART;VALUE=DATE:20260202"
    newer = "UID:1\nSEQUENCE:1\nDTSTART;VALUE=DATE:20260202"
    assert list(read_ics(calendar(first, other)).days(2026)) == [date(2026, 1, 1), date(2026, 2, 2)]
    assert list(read_ics(calendar(first, newer)).days(2026)) == [date(2026, 2, 2)]


def test_spans_without_a_length_are_left_out() -> None:
    file = read_ics(calendar("DTSTART:20260101T080000Z", "DTSTART:20260101T090000Z\nDTEND:20260101T090000Z"))
    assert timed(file, "2026-01-01", "2026-01-02") == []


def test_a_zone_is_not_remembered_from_a_file_read_before() -> None:
    event = "DTSTART;TZID=Ours:20260701T080000\nDURATION:PT1H"
    zone = OUTLOOK_ZONE.format(name="Ours")
    assert starts(read_ics(calendar(event, head=zone)), "2026-07-01", "2026-07-02") == [utc("2026-07-01 06:00")]
    edited = read_ics(calendar(event, head=zone.replace("+0200", "+0500")))
    assert starts(edited, "2026-07-01", "2026-07-02") == [utc("2026-07-01 03:00")]
    with pytest.raises(ValueError, match="neither known nor in the file"):
        read_ics(calendar(event))


def test_a_zone_may_be_defined_after_the_event() -> None:
    event = "BEGIN:VEVENT\nDTSTART;TZID=Ours:20260701T080000\nDURATION:PT1H\nEND:VEVENT\n"
    zone = OUTLOOK_ZONE.format(name="Ours")
    file = read_ics(exported(f"BEGIN:VCALENDAR\n{event}{zone}END:VCALENDAR\n"))
    assert starts(file, "2026-07-01", "2026-07-02") == [utc("2026-07-01 06:00")]


@pytest.mark.parametrize(
    ("summary", "name"),
    [
        ("Two\\nlines\\, one\\; event", "Two lines, one; event"),
        ("C:\\\\new", "C:\\new"),
        ("a\x07b\x1b[31mc\tc", "a b [31mc c"),
        ("invoice \u202egnp.exe\u202c \u2066x\u2069\u200b", "invoice gnp.exe x"),
        ("Zażółć gęślą jaźń ✓", "Zażółć gęślą jaźń ✓"),
        ("", "(no title)"),
        ("\u200e \\n", "(no title)"),
        ("x" * 10_000, "x" * 199 + "…"),
    ],
)
def test_a_title_becomes_one_line_that_can_be_seen(summary: str, name: str) -> None:
    file = read_ics(calendar(f"DTSTART;VALUE=DATE:20260101\nSUMMARY:{summary}"))
    assert file.days(2026) == {date(2026, 1, 1): name}


@given(st.text(max_size=400))
def test_any_text_becomes_one_line(text: str) -> None:
    line = printable(text)
    assert line.isprintable()
    assert len(line) <= 200
    assert printable(line) == line


def test_files_are_equal_when_their_text_is() -> None:
    assert read_ics(exported(GOOGLE)) == read_ics(exported(GOOGLE))
    assert hash(read_ics(exported(GOOGLE))) == hash(read_ics(exported(GOOGLE)))
    assert read_ics(exported(GOOGLE)) != read_ics(exported(APPLE))


DAY = "UID:1\nSUMMARY:Gala\nDTSTART;VALUE=DATE:20260101"
HOUR = "UID:1\nSUMMARY:Gala\nDTSTART:20260101T080000Z\nDTEND:20260101T090000Z"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("SUMMARY:Gala", "it has no DTSTART"),
        ("SUMMARY:Gala\nDTSTART:2026-01-01", "DTSTART isn't understood"),
        ("SUMMARY:Gala\nDTSTART:P1D", "DTSTART is no date or time"),
        ("SUMMARY:Gala\nDTSTART:20260101T080000Z/PT1H", "DTSTART is no date or time"),
        ("SUMMARY:Gala\nDTSTART:00010101", "between 1600 and 2300"),
        (f"{DAY}\nDTSTART;VALUE=DATE:20260102", "more than one DTSTART"),
        (f"{DAY}\nDTEND;VALUE=DATE:20251231", "ends before it starts"),
        (f"{DAY}\nDURATION:-P1D", "ends before it starts"),
        (f"{DAY}\nDURATION:PT12H", "DURATION of whole days"),
        (f"{DAY}\nDURATION:P9999D", "DURATION isn't understood"),
        (f"{DAY}\nDTEND;VALUE=DATE:20991231", "longer than ten years"),
        (f"{DAY}\nDTEND:20260101T080000Z", "must both be days"),
        (f"{DAY}\nDTEND;VALUE=DATE:20260102\nDURATION:P1D", "both DTEND and DURATION"),
        ("SUMMARY:Gala\nDTSTART:20260101T080000\nDTEND:20260101T090000Z", "must both be days"),
        ("SUMMARY:Gala\nDTSTART;TZID=Mars/Olympus:20260101T080000", "neither known nor in the file"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE;TZID=Mars/Olympus:20260102T080000", "EXDATE has the time zone"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE:tomorrow", "EXDATE isn't understood"),
        (f"{HOUR}\nRRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY", "EXRULE is no longer part"),
        (f"{HOUR}\nRRULE:FREQ=SECONDLY", "more often than daily"),
        (f"{HOUR}\nRRULE:FREQ=MINUTELY;COUNT=3", "more often than daily"),
        (f"{HOUR}\nRRULE:FREQ=HOURLY", "more often than daily"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;BYMINUTE=0,10", "more often than daily"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;BYSECOND=1", "more often than daily"),
        (f"{HOUR}\nRRULE:COUNT=3", "the FREQ of its RRULE"),
        (f"{HOUR}\nRRULE:FREQ=OFTEN", "RRULE isn't understood"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;INTERVAL=0", "at least 1"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;COUNT=-1", "at least 1"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;COUNT=1;UNTIL=20260105", "both COUNT and UNTIL"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;UNTIL=P1D", "UNTIL of its RRULE is no date"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;COUNT=1,2", "have one value"),
        (f"{HOUR}\nRRULE:FREQ=YEARLY;RSCALE=CHINESE", "'RSCALE', which isn't known"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;BYHOUR=25", "recurrence isn't understood"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;BYMONTH=2,4;BYMONTHDAY=31", "no month of its RRULE has such a day"),
        (f"{HOUR}\nRRULE:FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY of its RRULE goes from 1 to 31"),
        (f"{HOUR}\nRDATE:120000", "recurrence isn't understood"),
    ],
)
def test_an_event_that_cannot_be_obeyed_is_refused_by_name(event: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_ics(calendar("DTSTART;VALUE=DATE:20260601", event))
    assert str(caught.value).startswith("event 'Gala': ")
    assert "export it again" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\r\n \r\n", "is empty"),
        (b"<!DOCTYPE html>\n<html></html>", "isn't an iCalendar file"),
        (b"BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n", "isn't an iCalendar file"),
        ("BEGIN:VCALENDAR".encode("utf-16"), "line 1 isn't UTF-8"),
        (GOOGLE.replace("Board", "Święto").encode("cp1250", "replace"), "line 49 isn't UTF-8"),
        (b"BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR", "has no event"),
        (b"BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:1\nEND:VTODO\nEND:VCALENDAR", "has no event"),
        (exported(GOOGLE)[:1500], "breaks off within the VEVENT of line 56"),
        (exported(GOOGLE) * 2, "comes after the calendar's end"),
        (calendar("DTSTART:20260101\nhello"), "line 6, 'hello', isn't NAME:VALUE"),
        (
            calendar("DTSTART:20260101\nBEGIN:VEVENT\nDTSTART:20260102"),
            "line 6 begins an event within the VEVENT of line 4",
        ),
        (calendar("DTSTART:20260101\nEND:VALARM"), "line 6 ends VALARM within the VEVENT of line 4"),
        (calendar("DTSTART;VALUE=DATE:20260101T000000"), "line 5: DTSTART is to be a DATE"),
        (calendar(f"{HOUR}\nRRULE:FREQ=WEEKLY;BYDAY;COUNT=2"), "line 9: the parts of an RRULE"),
        (calendar(f"{HOUR}\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYDAY=TU"), "line 9: the parts of an RRULE"),
        (calendar("DTSTART;TZID=Europe:20260101T080000"), "a time zone that doesn't exist"),
        (calendar(HOUR, head="X-WR-TIMEZONE:Mars/Olympus\n"), "X-WR-TIMEZONE 'Mars/Olympus' is unknown"),
        (calendar(HOUR, head="X-WR-TIMEZONE:Europe\n"), "X-WR-TIMEZONE 'Europe' is unknown"),
        (calendar(HOUR, head=OUTLOOK_ZONE.format(name="Ours").replace("YEARLY", "SECONDLY")), "aren't yearly"),
        (calendar(HOUR, head=OUTLOOK_ZONE.format(name="Ours").replace("INTERVAL=1", "INTERVAL=0")), "aren't yearly"),
        (calendar(HOUR, head="BEGIN:VTIMEZONE\nTZID:Ours\nEND:VTIMEZONE\n"), "has no offset"),
        (
            calendar(*[f"UID:{i}\nDTSTART:20200101T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY" for i in range(200)]),
            "recur millions of times",
        ),
        (b"BEGIN:VCALENDAR\r\n" + b"X-A:b\r\n" * (LARGEST // 7), "larger than 4 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_reason(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_ics(content)


def test_what_is_wrong_in_properties_that_decide_nothing_is_passed_over() -> None:
    file = read_ics(calendar("DTSTART:20260101\nDTSTAMP:yesterday\nGEO:here\nATTENDEE;CN=:mailto:\nX-A;VALUE=DATE:x"))
    assert list(file.days(2026)) == [date(2026, 1, 1)]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from([GOOGLE, OUTLOOK.format(name="Ours"), APPLE])).splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        half = len(lines[place]) // 2
        damaged = [lines[place][:half], lines[place][::-1], lines[place] * 2, lines[place].replace("0", "9")]
        lines[place] = data.draw(st.sampled_from(["", *damaged]) | st.text(max_size=12).map(lines[place].__add__))
    try:
        file = read_ics("\r\n".join(lines).encode())
    except ValueError:
        return
    for year in (1970, 2026, 2199):
        file.days(year)
        list(file.timed(datetime(year, 1, 1, tzinfo=UTC), datetime(year, 2, 1, tzinfo=UTC)))


def test_nobody_pays_for_the_libraries_before_there_is_a_file() -> None:
    code = "import sys, rules.ics; print({'icalendar', 'recurring_ical_events', 'dateutil'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
