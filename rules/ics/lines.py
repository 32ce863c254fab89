"""The lines of a file: unfolded, well nested, and with what icalendar would misread tidied or refused."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from rules.ics.components import DECISIVE, TIMES
from rules.ics.text import AGAIN, printable

# All else is left unread: invitations may hold much of it, and what's wrong in it changes nothing.
_READ: Final = DECISIVE | {
    *("BEGIN", "END", "CALSCALE", "X-WR-TIMEZONE", "SUMMARY", "EXRULE"),
    *("TZID", "TZNAME", "TZOFFSETFROM", "TZOFFSETTO"),
}
_PROPERTY = re.compile(r'([\w.-]+)\s*((?:;(?:[^":]|"[^"]*")*)?):(.*)', re.DOTALL)
_TZID = re.compile(r';\s*TZID\s*=\s*("[^"]*"|[^";:]*)', re.IGNORECASE)
_IS_DATE = re.compile(r';\s*VALUE\s*=\s*"?DATE"?\s*(;|$)', re.IGNORECASE)
_PLAIN_DATE = re.compile(r"[0-9]{8}")


class _Line(NamedTuple):
    number: int
    name: str
    parameters: str
    value: str


def tidy_lines(content: bytes) -> list[str]:
    """The lines of a file that are to be read.

    Raises:
        ValueError: It isn't an iCalendar file, or a line can't be obeyed. The text says which and what to do.
    """
    lines = list(_nested(_properties(_unfolded(content))))
    return [_tidied(line) for line in lines if line.name in _READ]


def _unfolded(content: bytes) -> list[tuple[int, str]]:
    # Before decoding, since some programs fold in the middle of a character.
    folded: list[tuple[int, list[bytes]]] = []
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if raw[:1] in (b" ", b"\t") and folded:
            folded[-1][1].append(raw[1:])
        elif raw.strip():
            folded.append((number, [raw]))
    lines = [(number, _decoded(number, b"".join(parts)).strip()) for number, parts in folded]
    if not lines:
        raise ValueError("is empty; export the calendar again")
    if lines[0][1].upper() != "BEGIN:VCALENDAR":
        # What it is isn't shown: it may be a key's file, named by mistake.
        raise ValueError("isn't an iCalendar file, which begins with BEGIN:VCALENDAR; save the .ics itself")
    return lines


def _decoded(number: int, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ValueError(f"line {number} isn't UTF-8; save the file as UTF-8") from None


def _properties(lines: list[tuple[int, str]]) -> Iterator[_Line]:
    for number, text in lines:
        match = _PROPERTY.fullmatch(text)
        if not match:
            raise ValueError(f"line {number}, {printable(text)[:40]!r}, isn't NAME:VALUE; {AGAIN}")
        name, parameters, value = match.groups()
        yield _Line(number, name.upper(), parameters, value.strip())


def _nested(lines: Iterator[_Line]) -> Iterator[_Line]:
    # icalendar takes any END for the end of what was begun last.
    calendar = next(lines)
    yield calendar
    opened = [calendar]
    for line in lines:
        if not opened:
            raise ValueError(f"line {line.number} comes after the calendar's end; keep one calendar in one file")
        if line.name == "BEGIN":
            if _component(line) == "VEVENT" and len(opened) != 1:
                raise ValueError(f"line {line.number} begins an event within {_place(opened[-1])}; {AGAIN}")
            opened.append(line)
        elif line.name == "END":
            begun = opened.pop()
            if _component(line) != _component(begun):
                ended = printable(_component(line))[:40]
                raise ValueError(f"line {line.number} ends {ended} within {_place(begun)}; {AGAIN}")
        yield line
    if opened:
        raise ValueError(f"breaks off within {_place(opened[-1])}; download or export it again")


def _component(line: _Line) -> str:
    return line.value.upper()


def _place(begun: _Line) -> str:
    return f"the {printable(_component(begun))[:40]} of line {begun.number}"


def _tidied(line: _Line) -> str:
    if line.name == "RRULE":
        _check_parts(line)
    parameters = _fitting_parameters(line) if line.name in TIMES else line.parameters
    return f"{line.name}{parameters}:{line.value}"


def _check_parts(line: _Line) -> None:
    # icalendar leaves out what isn't a pair, and keeps the last of two parts of one name.
    parts = [part.partition("=") for part in line.value.rstrip(";").split(";")]
    names = [name.strip().upper() for name, _, _ in parts]
    if not all(given for _, _, given in parts) or len(set(names)) < len(names):
        raise ValueError(f"line {line.number}: the parts of an RRULE are NAME=VALUE, each once; {AGAIN}")


def _fitting_parameters(line: _Line) -> str:
    values = [each.partition("/")[0].strip() for each in line.value.split(",")]
    if _IS_DATE.search(line.parameters) and not all(_PLAIN_DATE.fullmatch(each) for each in values):
        raise ValueError(
            f"line {line.number}: {line.name} is to be a DATE, and {printable(line.value)[:40]!r} isn't; {AGAIN}"
        )
    # With a TZID icalendar takes a date for a time, and UTC for the zone's time.
    if all(each.endswith("Z") or _PLAIN_DATE.fullmatch(each) for each in values):
        return _TZID.sub("", line.parameters)
    return line.parameters
