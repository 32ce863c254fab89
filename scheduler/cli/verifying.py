"""`curfew audit --verify`: whether the record of outcomes is as it was recorded."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from scheduler.archives import opened
from scheduler.cli import output
from scheduler.errors import WrongUse
from scheduler.ledger.chain import Link
from scheduler.ledger.database import Database
from scheduler.ledger.verification import Verdict
from scheduler.ledger.verification import verify as look_through
from scheduler.texts import printable

_HEAD: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.ASCII)


def verify(ledger: Database, heads: Sequence[str], archives: Sequence[Path], *, is_json: bool) -> int:
    """Look, and print what was found; gives the exit code: 1 where something isn't as it was recorded."""
    noted = [_head(text) for text in heads]
    parts = [opened(path) for path in archives]
    with ledger.reading() as connection:
        found = look_through(connection, noted, parts)
    if is_json:
        facts = {"ledger": ledger.name, "outcomes": found.count, "first": found.start.number + 1}
        output.write_json([facts | {"head": str(found.last), "problems": list(found.problems)}])
    else:
        _print(ledger, found)
    return 1 if found.problems else 0


def _head(text: str) -> Link:
    match = _HEAD.fullmatch(text)
    if match is None:
        raise WrongUse(f"--head: {text!r} isn't a head as --verify prints it, NUMBER:HASH")
    return Link(int(match[1]), match[2])


def _print(ledger: Database, found: Verdict) -> None:
    for problem in found.problems:
        click.echo(printable(problem))
    what = f"{found.count:,} outcomes" + (f" from {found.start.number + 1:,} on" if found.start.number else "")
    verdict = "NOT as recorded" if found.problems else "as recorded"
    click.echo(f"{printable(ledger.name)}: {what}, {verdict}")
    if not found.problems:
        click.echo(f"head {found.last}")
