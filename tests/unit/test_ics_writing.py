"""Calendars to subscribe to: what other programs, and our own reader, find in them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendars import TimedEvent
from rules.ics import PlannedEvent, printable, read_ics, write_ics

STAMP = datetime(2026, 9, 1, 10, 15, tzinfo=UTC)
NIGHT = PlannedEvent(
    uid="night-20260703@curfew",
    start=datetime(2026, 7, 3, 20, tzinfo=UTC),
    end=datetime(2026, 7, 4, 5, tzinfo=UTC),
    summary="Quiet: nights",
    description="rule nights\ncampaigns 1, 2; 3",
)
HOLD = NIGHT._replace(uid="hold-20260710@curfew", start=datetime(2026, 7, 10, 12, tzinfo=UTC), end=None, summary="Hold")
SEEN = st.characters(categories=["L", "N", "P", "S", "Mn"], include_characters=" ").filter(str.isprintable)
INSTANTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 -- hypothesis adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, ZoneInfo("Europe/Warsaw"), ZoneInfo("America/New_York")]),
).map(lambda instant: instant.replace(microsecond=0))


def written(*events: PlannedEvent, name: str = "Quiet hours") -> bytes:
    return write_ics(events, name=name, stamp=STAMP)


def reread(content: bytes) -> list[Any]:
    """The events as icalendar finds them; it must have nothing to say against any."""
    components = icalendar.Calendar.from_ical(content).walk()
    assert not [error for component in components for error in component.errors]
    return [component for component in components if component.name == "VEVENT"]


def unfolded(content: bytes) -> list[str]:
    return content.replace(b"\r\n ", b"").decode().splitlines()


def of_text(text: str) -> PlannedEvent:
    return NIGHT._replace(summary=text, description=text)


def test_the_calendar_says_what_programs_ask_of_one_to_subscribe_to() -> None:
    assert unfolded(written(NIGHT, name="Quiet hours, ours"))[:7] == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Curfew//Curfew//EN",
        "METHOD:PUBLISH",
        r"X-WR-CALNAME:Quiet hours\, ours",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    ]


def test_an_event_is_in_utc_and_blocks_nobodys_time() -> None:
    lines = unfolded(written(NIGHT))
    assert sorted(lines[lines.index("BEGIN:VEVENT") + 1 : lines.index("END:VEVENT")]) == [
        r"DESCRIPTION:rule nights\ncampaigns 1\, 2\; 3",
        "DTEND:20260704T050000Z",
        "DTSTAMP:20260901T101500Z",
        "DTSTART:20260703T200000Z",
        "SUMMARY:Quiet: nights",
        "TRANSP:TRANSPARENT",
        "UID:night-20260703@curfew",
    ]


def test_a_hold_has_no_end() -> None:
    (event,) = reread(written(HOLD))
    assert event["DTSTART"].dt == HOLD.start
    assert not {"DTEND", "DURATION"} & set(event)


def test_events_keep_their_order_and_the_same_events_give_the_same_bytes() -> None:
    assert [event["UID"] for event in reread(written(HOLD, NIGHT))] == [HOLD.uid, NIGHT.uid]
    assert written(HOLD, NIGHT) == written(HOLD, NIGHT)


@given(st.lists(st.tuples(INSTANTS, st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=400)))))
def test_times_of_any_zone_come_back_as_the_same_instants(spans: list[tuple[datetime, timedelta | None]]) -> None:
    events = [
        NIGHT._replace(
            uid=str(place),
            start=start,
            end=None if length is None else start.astimezone(UTC) + timedelta(seconds=length // timedelta(seconds=1)),
        )
        for place, (start, length) in enumerate(spans)
    ]
    found = [
        (each["UID"], each["DTSTART"].dt, each["DTEND"].dt if "DTEND" in each else None)
        for each in reread(written(*events))
    ]
    assert found == [(each.uid, each.start.astimezone(UTC), each.end) for each in events]


def test_our_own_reader_finds_the_events_that_have_an_end() -> None:
    repeated_hour = NIGHT._replace(
        uid="2", start=datetime(2026, 10, 25, 0, 30, tzinfo=UTC), end=datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    )
    file = read_ics(written(NIGHT, HOLD, repeated_hour))
    assert list(file.timed(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))) == [
        TimedEvent(each.start, each.end, each.summary) for each in (NIGHT, repeated_hour) if each.end
    ]


def test_what_a_file_read_before_says_of_zones_changes_nothing() -> None:
    before = written(NIGHT)
    read_ics(
        before.replace(
            b"BEGIN:VEVENT",
            b"BEGIN:VTIMEZONE\r\nTZID:UTC\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0300\r\n"
            b"TZOFFSETTO:+0300\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT",
        )
    )
    assert written(NIGHT) == before


@pytest.mark.parametrize(
    "text",
    [
        "one, two; three: four",
        "C:\\New\\names\\,\\;",
        "\\",
        "\\\\n \\N \\\\N",
        "Zażółć gęślą jaźń, größer, 終わり",
        "party 🎉🇵🇱❤️",
        '"quoted" ^n',
    ],
)
def test_text_survives(text: str) -> None:
    (event,) = reread(written(of_text(text)))
    assert (event["SUMMARY"], event["DESCRIPTION"]) == (text, text)
    assert list(read_ics(written(of_text(text))).single) == [TimedEvent(NIGHT.start, NIGHT.end or NIGHT.start, text)]


@given(st.text(SEEN, max_size=150))
def test_any_text_that_can_be_seen_survives(text: str) -> None:
    (event,) = reread(written(of_text(text)))
    assert (event["SUMMARY"], event["DESCRIPTION"]) == (printable(text), text)


@given(st.text(max_size=400), st.text(max_size=400), st.text(min_size=1, max_size=100))
def test_lines_end_in_crlf_and_are_folded_at_75_octets_whatever_is_in_them(text: str, name: str, uid: str) -> None:
    content = written(of_text(text)._replace(uid=uid), HOLD, name=name)
    lines = content.split(b"\r\n")
    assert lines.pop() == b""
    assert max(map(len, lines)) <= 75
    assert not [line for line in lines if not line.decode().isprintable()]
    assert len(reread(content)) == 2


def test_what_cannot_be_seen_goes_and_only_a_description_has_lines() -> None:
    (event,) = reread(written(of_text("a\x07b\r\nsecond\u202e\x1b[31m line\rthird\n\n  indented")))
    assert event["SUMMARY"] == "a b second [31m line third indented"
    assert event["DESCRIPTION"] == "a b\nsecond [31m line\nthird\n\n  indented"


def test_a_long_summary_is_cut_and_a_long_description_is_not() -> None:
    (event,) = reread(written(of_text("x" * 5000)))
    assert event["SUMMARY"] == "x" * 199 + "…"
    assert event["DESCRIPTION"] == "x" * 5000


def test_without_an_event_it_is_a_calendar_all_the_same() -> None:
    """RFC 5545, 3.6: it must have some component."""
    content = written()
    calendar = icalendar.Calendar.from_ical(content)
    assert [component.name for component in calendar.walk()] == ["VCALENDAR", "VTIMEZONE", "STANDARD"]
    assert {"VERSION", "PRODID"} <= set(calendar)
    with pytest.raises(ValueError, match="has no event"):
        read_ics(content)


def test_nobody_pays_for_the_library_before_there_is_something_to_write() -> None:
    code = "import sys, rules.ics.writing; print({'icalendar', 'dateutil'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
