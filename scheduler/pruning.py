"""Old outcomes leave the ledger for an archive, also while a daemon works: written, read back and compared first."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from scheduler import archives
from scheduler.archives import Archive
from scheduler.errors import LedgerError, WrongUse, reason
from scheduler.ledger import chain, pruning
from scheduler.ledger.chain import Link
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.verification import Walk
from scheduler.writing import settle

# The daemon looks back for five weeks.
LEAST_KEPT: Final = timedelta(days=60)
# So many go at once, and then the daemon has its turn: its commits wait for no more than some milliseconds.
_AT_ONCE: Final = 1000
_PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Pruned:
    """What has left the ledger: the archive that has the outcomes, and how many changes went with them."""

    archive: Archive
    intents: int


def prune(ledger: Database, keep: timedelta, target: Path | None, now: datetime) -> Pruned | None:
    """Archive and remove what began longer ago; None where nothing did.

    Raises:
        WrongUse: so little isn't kept, or the archive has no place, or another file's.
        LedgerError: the record isn't as it was recorded, or the archive can't be written, and nothing was removed; or
            somebody else prunes it at the same time.
    """
    if keep < LEAST_KEPT:
        raise WrongUse(f"--keep: at least {LEAST_KEPT.days}d are kept, since the daemon looks back for weeks")
    before = now - keep
    with ledger.reading() as connection:
        start, last = chain.start(connection), pruning.last_before(connection, before)
        archive = _archived(ledger, connection, start, last, target) if last > start.number else None
    if archive is None:
        return None
    every = archive.rows()
    while rows := list(islice(every, _AT_ONCE)):
        with ledger.writing() as connection:
            pruning.remove_outcomes(connection, rows, before)
        time.sleep(_PAUSE_SECONDS)
    return Pruned(archive, sum(_removed_intents(ledger, before)))


def _archived(ledger: Database, connection: Connection, start: Link, last: int, target: Path | None) -> Archive:
    end = _verified(ledger, connection, start, last)
    path = target or _beside(ledger, start, last)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists():
            raise WrongUse(f"{path}: is there already; an archive takes no other file's place")
        written = archives.write(unfinished, start, chain.rows(connection, start.number + 1, last), end)
        if not archives.is_same(written, chain.rows(connection, start.number + 1, last)):
            raise LedgerError(f"{path}: what was written isn't what is read; nothing was removed")
        unfinished.rename(path)
        settle(path.parent)
    except OSError as error:
        raise LedgerError(f"{path}: {reason(error)}") from None
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return Archive(path, start, end)


def _verified(ledger: Database, connection: Connection, start: Link, last: int) -> Link:
    """The last outcome that goes, by what the one after it says."""
    following = next(chain.rows(connection, last + 1, last + 1), None)
    head = chain.head(connection)
    carried = following[2] if following else head.hash if head else ""
    walk = Walk(start, Link(last, carried))
    walk.along(chain.rows(connection, start.number + 1, last))
    if walk.problems or walk.broken:
        raise LedgerError(
            f"{ledger.name}: the record isn't as it was recorded, and nothing was removed; "
            "`curfew audit --verify` says where"
        )
    return walk.last


def _beside(ledger: Database, start: Link, last: int) -> Path:
    if ledger.server:
        raise WrongUse("say with --archive where the archive of a ledger on a server goes")
    path = Path(os.path.realpath(ledger.path))
    return path.with_name(f"{path.name}.outcomes-{start.number + 1}-{last}.jsonl")


def _removed_intents(ledger: Database, before: datetime) -> Iterator[int]:
    number = _AT_ONCE
    while number == _AT_ONCE:
        with ledger.writing() as connection:
            number = pruning.remove_intents(connection, before, _AT_ONCE)
        yield number
        time.sleep(_PAUSE_SECONDS)
