"""Options that several verbs share, and what they mean."""

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from rules.notation import nearest
from scheduler.cli import completing, times
from scheduler.clock import utc_now
from scheduler.errors import LedgerError, WrongFile, WrongUse
from scheduler.glance import DEFAULT_FILE
from scheduler.ledger.location import Server, place_of

if TYPE_CHECKING:
    # Who needs only the ledger of a file doesn't pay for reading all of it.
    from rules.document import Document
    from rules.overrides import Override
    from rules.ruleset import Ruleset
    from scheduler.settings import Settings

config = click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=DEFAULT_FILE,
    envvar="CURFEW_CONFIG",
    metavar="FILE",
    show_default=True,
    show_envvar=True,
    help="The file of rules.",
)

database = click.option(
    "--database",
    envvar="CURFEW_DATABASE",
    show_envvar=True,
    metavar="URL",
    help="The ledger, as in sqlite:////var/lib/curfew/curfew.db or postgresql+psycopg://curfew@db.example.com/curfew.  "
    "[default: what the file says]",
)

owner = click.option(
    "--account",
    metavar="NAME",
    shell_complete=completing.accounts,
    help="Whose campaign it is, where there are several accounts.",
)


def output_format(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--format`, the first name being the default."""
    return click.option(
        "--format", "form", type=click.Choice(names), default=names[0], show_default=True, help="How to print it."
    )


def ledger_of(file: Path, database: str | None) -> "tuple[Settings | None, str]":
    """What the file says, None where it's wrong by now, and the URL of its ledger: a daemon may go on with it.

    Raises:
        WrongUse: the ledger isn't there, or can't be told.
    """
    from scheduler.settings import ledger_of_content, load

    try:
        settings = load(file)
    except WrongFile as error:
        url = ledger_url(None, database) if database else ledger_of_content(error.content, file, os.environ)
        if url is None or not is_there(place_of(url)):
            raise
        return None, url
    return settings, ledger_url(settings, database)


def ledger_url(settings: "Settings | None", database: str | None) -> str:
    """The URL of the ledger: as given on the command line, else as the file says.

    Raises:
        WrongUse: it leads to nothing that can be a ledger.
    """
    if settings and not database:
        from scheduler.settings import database_url

        return database_url(settings, os.environ)
    url = database or ""
    try:
        place_of(url)
    except ValueError as error:
        raise WrongUse(f"--database: {error}") from None
    return url


def overridden_by(settings: "Settings", overrides: "Iterable[Override]") -> "Ruleset":
    """The rules of the file, with a person's exceptions."""
    from rules.overrides import overridden

    return overridden(settings.ruleset, overrides, settings.document.timezone)


def is_there(ledger: Path | Server) -> bool:
    """Whether there's a ledger, or something in the way of it that whoever reads it is told."""
    if isinstance(ledger, Server):
        return True
    try:
        ledger.stat()
    except OSError as error:
        return not isinstance(error, FileNotFoundError | NotADirectoryError)
    return True


def overrides_of(settings: "Settings", database: str | None, now: datetime) -> "list[Override]":
    """The exceptions that the ledger has, if there is one.

    One that can't be read is said on standard error: the rules are told without it.
    """
    url = ledger_url(settings, database)
    if not is_there(place_of(url)):
        return []
    # Only who has a ledger pays for reading it.
    from scheduler.ledger.database import Database
    from scheduler.ledger.overrides import overrides_in_mind

    try:
        with Database(url).reading() as connection:
            return overrides_in_mind(connection, now)
    except LedgerError as error:
        click.echo(f"curfew: exceptions (curfew overrides) aren't counted: {error}", err=True)
        return []


def rule_names(document: "Document") -> list[str]:
    """The names that `--rule` may have."""
    return [rule.name for rule in document.rules]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """What's said of a name that nothing has."""
    return f"no {kind} is called {name!r}{nearest(name, known)}"


def instant(text: str | None, zone: ZoneInfo, *, is_end: bool = False, is_past: bool = False) -> datetime | None:
    """Read an instant, a date, or a time by its distance from now, as `times.read` has it; None where none is given.

    Raises:
        WrongUse: it's none of them.
    """
    if text is None:
        return None
    try:
        return times.read(text, zone, utc_now(), is_end=is_end, is_past=is_past)
    except ValueError as error:
        raise WrongUse(str(error)) from None
