"""How data is printed: JSON and CSV for programs, tables for people."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import chain, islice
from typing import Any, Final

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from scheduler.texts import printable

# Enough for a line of the audit log where no terminal says how wide it is.
_WIDTH_WITHOUT_TERMINAL: Final = 220
# On a narrower terminal, the terminal itself breaks the lines: nothing is left out.
_LEAST_WIDTH: Final = 72
_LEAST_OF_THE_LAST: Final = 24
_GAP: Final = 2
# What JSON lets through, and a terminal or a reader of lines takes for more than a letter.
_UNSEEN: Final = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
# How many rows of a table its widths are made from; later ones may be wider.
_AHEAD: Final = 1000
# What a spreadsheet takes for a formula when it opens a CSV file (OWASP, "CSV Injection").
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; `day` is said above the first of the lines that have it."""

    cells: tuple[object, ...]
    day: str = ""
    style: str = ""


def utc(instant: datetime) -> str:
    """An instant as ISO 8601 in UTC, with `Z`, and with microseconds only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local(instant: datetime | None, zone: tzinfo | None) -> str:
    """An instant as a person in a zone reads it: `Fri 2026-11-27 17:00:00+01:00`."""
    if instant is None:
        return ""
    there = instant.astimezone(zone)
    return f"{there:%a} {there.isoformat(sep=' ', timespec='seconds')}"


def day(instant: datetime, zone: tzinfo) -> str:
    """The day of an instant in a zone, with the offset that its times have: `Fri 2026-11-27, +01:00`."""
    there = instant.astimezone(zone)
    return f"{there:%a %Y-%m-%d}, {there.isoformat()[-6:]}"


def moment(instant: datetime | None, zone: tzinfo) -> str:
    """An instant in a table whose days say the offset: `Fri 2026-11-27 17:00`."""
    return "" if instant is None else f"{instant.astimezone(zone):%a %Y-%m-%d} {clock(instant, zone)}"


def campaign(row: Mapping[str, Any]) -> str:
    """A campaign by its id, and its name where it's known."""
    return f"{row['campaign']} {row['campaign_name'] or ''}".strip()


def clock(instant: datetime, zone: tzinfo) -> str:
    """The time of day of an instant in a zone, with seconds only where there are any."""
    there = instant.astimezone(zone)
    return f"{there:%H:%M:%S}" if there.second else f"{there:%H:%M}"


def counted(number: int, noun: str) -> str:
    """`1 campaign`, `5,988 campaigns`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def mark(letter: str, instead: str) -> str:
    """A letter, or what stands in its place where the output doesn't have it."""
    try:
        letter.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return instead
    return letter


def write_line(line: str) -> None:
    """Print a line with the styles of click, which only a terminal gets to see.

    Not by `click.echo`: it takes a terminal that has only ASCII for one that has all letters.
    """
    print(line if sys.stdout.isatty() else click.unstyle(line))


def write_json(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print an array of objects, one after the other; instants as `utc` writes them."""
    before = "["
    for row in rows:
        text = _json(row, indent=2).replace("\n", "\n  ")
        sys.stdout.write(f"{before}\n  {text}")
        before = ","
    sys.stdout.write("[]\n" if before == "[" else "\n]\n")


def write_json_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print objects, each on a line of its own as soon as it's there (https://jsonlines.org)."""
    for row in rows:
        print(_json(row))


def _json(row: Mapping[str, Any], indent: int | None = None) -> str:
    has_all_letters = (sys.stdout.encoding or "").lower() in {"utf-8", "utf8"}
    text = json.dumps(row, default=_plain, ensure_ascii=not has_all_letters, indent=indent)
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows as `csv_text` writes them, one after the other."""
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    writer.writerows([_field(row[name]) for name in columns] for row in rows)


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as CSV with a line of names, as RFC 4180 has it; a list is one field, its items parted by `; `.

    A text that a spreadsheet would take for a formula has an apostrophe before it, which spreadsheets don't show. On a
    terminal it can't move the cursor, either.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_field(row[name]) for name in columns])
    return text.getvalue()


def _field(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return _harmless("; ".join(value))
        case datetime():
            return utc(value)
        case str():
            return _harmless(value)
    return str(value)


def _harmless(text: str) -> str:
    found = f"'{text}" if text.startswith(_FORMULA_STARTS) else text
    # A file or a pipe gets all there is.
    return printable(found) if sys.stdout.isatty() else found


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return utc(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def print_table(
    columns: Sequence[str], rows: Iterable[Row], *, cut: str = "campaign", least: Mapping[str, int] | None = None
) -> None:
    """Print a table, in which nothing is taken for markup; where space is short, `cut` is the column that gives way.

    `least` is how wide columns are at least, for rows that come one by one: each is printed as soon as it's there.
    """
    printer = console()
    for line in layout(columns, rows, printer, cut=cut, least=least):
        if printer.color_system:
            printer.print(line, soft_wrap=True)
        else:
            print(line.plain)


def layout(
    columns: Sequence[str],
    rows: Iterable[Row],
    printer: Console,
    *,
    cut: str = "campaign",
    least: Mapping[str, int] | None = None,
) -> Iterator[Text]:
    """The lines of a table, for a terminal of this width.

    One column is cut where space is short, the last is folded, and all others stay whole.
    """
    rows, place = iter(rows), columns.index(cut)
    first = [] if least else list(islice(rows, _AHEAD))
    heads = [name.ljust((least or {}).get(name, 0)) for name in columns]
    texts = [[printable(cell) for cell in row.cells] for row in first]
    widths = _widths([heads, *texts], max(printer.width, _LEAST_WIDTH), place)
    yield from _lines(printer, columns, widths, place, "bold")
    shown = ""
    for row in chain(first, rows):
        if row.day != shown:
            yield Text(row.day, style="bold")
            shown = row.day
        yield from _lines(printer, [printable(cell) for cell in row.cells], widths, place, row.style)


def _widths(texts: Sequence[Sequence[str]], width: int, cut: int) -> list[int]:
    widths = [max(map(cell_len, column)) for column in zip(*texts, strict=True)]
    rest = width - sum(widths) - _GAP * (len(widths) - 1) + widths[cut] + widths[-1]
    last = min(widths[-1], max(_LEAST_OF_THE_LAST, rest * 3 // 5))
    # An id is never cut, only the name after it.
    least = max(cell_len(row[cut].partition(" ")[0]) for row in texts)
    widths[cut] = min(widths[cut], max(least, rest - last))
    widths[-1] = min(widths[-1], max(_LEAST_OF_THE_LAST, rest - widths[cut]))
    return widths


def _lines(printer: Console, cells: Sequence[str], widths: Sequence[int], cut: int, style: str) -> Iterator[Text]:
    """The cells side by side, the last of them folded."""
    heads = [
        _cut(cell, width) if place == cut else cell + " " * (width - cell_len(cell))
        for place, (cell, width) in enumerate(zip(cells[:-1], widths, strict=False))
    ]
    start = "".join(head + " " * _GAP for head in heads)
    for part in _folded(cells[-1], widths[-1], printer):
        yield Text((start + part).rstrip(), style=style)
        start = " " * cell_len(start)


def _cut(cell: str, width: int) -> str:
    size = cell_len(cell)
    return cell + " " * (width - size) if size <= width else set_cell_size(cell, width - 1) + "…"


def _folded(text: str, width: int, printer: Console) -> list[str]:
    if cell_len(text) <= width:
        return [text]
    return [part.plain for part in Text(text).wrap(printer, width, overflow="fold")] or [""]


def folded(text: str, width: int) -> list[str]:
    """A text in lines of so many cells of the terminal, broken between words where that's possible."""
    return [part.rstrip() for part in _folded(text, width, console())]


def console() -> Console:
    """Standard output: coloured and as wide as the terminal, plain and wide where there's none."""
    width = None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(width=width, highlight=False, soft_wrap=False)
