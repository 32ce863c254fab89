"""How data is printed: JSON for programs, tables for people."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Enough for a line of the audit log where no terminal says how wide it is.
_WIDTH_WITHOUT_TERMINAL = 220


def utc(instant: datetime) -> str:
    """An instant as ISO 8601 in UTC, with `Z`, and with microseconds only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local(instant: datetime | None, zone: tzinfo | None) -> str:
    """An instant as a person in a zone reads it: `Fri 2026-11-27 17:00:00+01:00`."""
    if instant is None:
        return ""
    there = instant.astimezone(zone)
    return f"{there:%a} {there.isoformat(sep=' ', timespec='seconds')}"


def write_json(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print an array of objects; instants as `utc` writes them."""
    click.echo(json.dumps(rows, default=_plain, ensure_ascii=False, indent=2))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return utc(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def printable(value: object) -> str:
    """Text from elsewhere, unable to move the cursor or to forge a line."""
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def make_table(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table of text, in which nothing is taken for markup; only the last column is folded where space is short."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns[:-1]:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def console() -> Console:
    """Standard output: coloured and as wide as the terminal, plain and wide where there's none."""
    width = None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(width=width, highlight=False, soft_wrap=False)
