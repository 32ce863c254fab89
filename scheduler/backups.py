"""Copies of a ledger: made while its daemon works, and put in its place while none does."""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from scheduler import schema
from scheduler.errors import LedgerError, WrongUse, reason
from scheduler.ledger import work
from scheduler.ledger.database import Database
from scheduler.ledger.faults import DAMAGED, ledger_error
from scheduler.ledger.location import url_of
from scheduler.ledger.lock import Lock
from scheduler.ledger.soundness import look_through
from scheduler.ledger.tables import REVISION
from scheduler.writing import settle

# What SQLite keeps beside a ledger at work.
_COMPANIONS: Final = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Restored:
    """The version that the backup had, and where the ledger of before is kept, if there was one."""

    revision: str | None
    kept: Path | None


def back_up(ledger: Database, target: Path) -> int:
    """Write a copy of a ledger as it is at one instant, also while a daemon works on it; gives its size in bytes.

    It's one file that needs no other, readable by its owner alone, and it's looked through before it gets its name.

    Raises:
        WrongUse: there's a file of that name, or the ledger is on a server.
        LedgerError: the ledger can't be read or is damaged, or the copy can't be written.
    """
    _see_that_it_is_a_file(ledger)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists():
            raise WrongUse(f"{target}: is there already; a backup takes no other file's place")
        _copy(ledger, unfinished)
        found = look_through(Database(url_of(unfinished)))
        if found.damage:
            raise LedgerError(f"{ledger.name}: {found.damage[0]}, and no backup was made; {DAMAGED}")
        size = unfinished.stat().st_size
        unfinished.rename(target)
        settle(target.parent)
    except OSError as error:
        raise LedgerError(f"{target}: {reason(error)}") from None
    finally:
        _remove(unfinished)
    return size


def restore(ledger: Database, source: Path, now: datetime) -> Restored:
    """Put a backup in the place of a ledger, brought to this version; the one of before is kept under another name.

    Raises:
        WrongUse: the ledger is on a server.
        LedgerError: the backup is none, or is damaged, or of a newer version; a daemon works on the ledger; or one of
            the two can't be written.
    """
    _see_that_it_is_a_file(ledger)
    backup = Database(url_of(source))
    found = look_through(backup)
    if found.damage or found.revision is None or found.revision > REVISION:
        raise LedgerError(f"{source}: can't be restored: {'; '.join(found.damage) or found.what_to_do}")
    path = Path(os.path.realpath(ledger.path))
    new = path.with_name(f".{path.name}.restored.{os.getpid()}")
    kept = path.with_name(f"{path.name}.before-{now:%Y%m%dT%H%M%SZ}")
    with Lock(ledger.path):
        try:
            _copy(backup, new)
            _prepare(Database(url_of(new)), source, now)
            _own_as(new, path)
            is_kept = _put_in_place(new, path, kept)
        except OSError as error:
            raise LedgerError(f"{ledger.name}: {reason(error)}") from None
        finally:
            _remove(new)
    return Restored(found.revision, kept if is_kept else None)


def _see_that_it_is_a_file(ledger: Database) -> None:
    if ledger.server:
        raise WrongUse(f"{ledger.name}: a ledger on a server is copied by the server's own tools, such as pg_dump")


def _copy(ledger: Database, target: Path) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with ledger.looking() as connection, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        source: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
        try:
            source.backup(copy)
            # So it's whole without the files that SQLite keeps beside a ledger at work.
            copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            is_damaged = getattr(ledger_error("", error), "advice", None) == DAMAGED
            raise ledger_error(ledger.name if is_damaged else str(target), error) from error


def _prepare(new: Database, source: Path, now: datetime) -> None:
    schema.upgrade(new)
    with new.writing() as connection:
        work.note(connection, now, "ledger restored", details={"from": str(source.absolute())})


def _own_as(new: Path, old: Path) -> None:
    """Have the new file belong to whom the old one, or else its folder, belongs to: root restores for a service."""
    model = (old if old.exists() else old.parent).stat()
    with suppress(PermissionError):
        os.chown(new, model.st_uid, model.st_gid)


def _put_in_place(new: Path, path: Path, kept: Path) -> bool:
    """Whether a file was there, and is kept. What SQLite had beside it goes first: it must not meet the new one."""
    was_there = path.exists()
    for suffix in _COMPANIONS:
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{kept}{suffix}")
    if was_there:
        _keep(path, kept)
    new.replace(path)
    settle(path.parent)
    return was_there


def _keep(path: Path, kept: Path) -> None:
    try:
        # With two names, there's a ledger at any instant: a daemon would begin with an empty one.
        kept.hardlink_to(path)
    except OSError:
        path.rename(kept)


def _remove(unfinished: Path) -> None:
    for suffix in ("", *_COMPANIONS):
        with suppress(OSError):
            Path(f"{unfinished}{suffix}").unlink()
