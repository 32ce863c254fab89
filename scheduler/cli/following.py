"""What is added to the audit log, as it comes, until whoever reads it has gone."""

import select
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any, Final

import click

from scheduler.ledger import chain
from scheduler.ledger.audit import AuditFilter, audit_lines, lines_after
from scheduler.ledger.database import Connection, Database

_EVERY_MILLISECONDS: Final = 500


def lines(ledger: Database, asked: AuditFilter, begins_with: int) -> Iterator[dict[str, Any]]:
    """The newest lines that have ended, so many of them (0: all), and each new one; it ends when nobody reads any more.

    What is printed of it is to be seen at once, also in a pipe.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    reader = select.poll()
    # Only whether it has gone: that's always told.
    reader.register(sys.stdout.fileno(), 0)
    with ledger.reading() as connection:
        last = _newest(connection)
        yield from audit_lines(connection, asked, newest=begins_with or None, is_ended=True)
    while not reader.poll(_EVERY_MILLISECONDS):
        with ledger.reading() as connection:
            newest = _newest(connection)
            if newest < last:
                click.echo("another ledger has taken its place: it goes on with what comes from here on", err=True)
            elif newest > last:
                yield from lines_after(connection, asked, last)
            last = newest


def _newest(connection: Connection) -> int:
    return (chain.head(connection) or chain.BEGINNING).number
