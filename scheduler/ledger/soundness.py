"""Whether a ledger is what it should be: its pages, its references, its version."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from scheduler.errors import LedgerError, LedgerFault
from scheduler.ledger.database import Database, revision_of
from scheduler.ledger.faults import DAMAGED, NEWER
from scheduler.ledger.tables import REVISION

# A ledger of this size is looked through in a tenth of a second.
_SMALL: Final = 64 * 1024 * 1024
_PUT_BACK: Final = (
    "stop the daemon, and put a backup in its place with `curfew db restore BACKUP`; where there's none, move the file "
    "away: the daemon makes a new one, and what is paused then stays so until a person resumes it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Soundness:
    """What a look through a ledger has found; `damage` has a line for each thing that shouldn't be."""

    revision: str | None
    damage: tuple[str, ...]

    @property
    def what_to_do(self) -> str | None:
        """What a person does about it; None where all is well."""
        if self.damage:
            return _PUT_BACK
        if self.revision is None:
            return "it's no ledger of Curfew's, or a new one: `curfew db upgrade` makes the tables"
        if self.revision > REVISION:
            return NEWER
        return None if self.revision == REVISION else "run `curfew db upgrade`, or start the daemon: it does the same"


def look_through(database: Database, *, is_quick: bool = False) -> Soundness:
    """Read the whole ledger; a quick look leaves out whether the indexes have what the tables have.

    Of one on a server only the version is looked at: its pages and references are the server's business.

    Raises:
        LedgerError: it can't be opened, or not be read for another reason than damage.
    """
    try:
        with database.looking() as connection:
            return Soundness(revision=revision_of(connection), damage=tuple(_damage(connection, is_quick=is_quick)))
    except LedgerFault as fault:
        if fault.advice != DAMAGED:
            raise
        return Soundness(revision=None, damage=(fault.why.removeprefix(f"{database.name}: "),))


def refuse_damaged(database: Database) -> None:
    """Look through a ledger before anything is built on it, unless that takes long.

    Raises:
        LedgerError: it's damaged, or can't be read.
    """
    is_small = database.server is None and database.path.stat().st_size <= _SMALL
    if is_small and (found := look_through(database, is_quick=True)).damage:
        raise LedgerError(f"{database.name}: {found.damage[0]}; {DAMAGED}")


def _damage(connection: Connection, *, is_quick: bool) -> list[str]:
    if connection.dialect.name != "sqlite":
        return []
    check = "PRAGMA quick_check" if is_quick else "PRAGMA integrity_check"
    found = [str(row[0]) for row in connection.exec_driver_sql(check)]
    lines = [line for each in found if each != "ok" for line in each.splitlines()]
    try:
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except DatabaseError:
        if lines:
            return lines
        raise
    return lines + [f"row {row[1]} of {row[0]} belongs to a row of {row[2]} that isn't there" for row in orphans]
