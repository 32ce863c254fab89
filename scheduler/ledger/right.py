"""The right to work on a ledger, which one daemon has at a time: a lock beside a file, or the lease of a shared one."""

from datetime import timedelta
from typing import Protocol

from scheduler.ledger.database import Connection, Database
from scheduler.ledger.lease import Lease, Sharing, sharing
from scheduler.ledger.lock import Lock, is_held


class Right(Protocol):
    """What a daemon must have; its methods may wait, and are called by one thread at a time.

    `holder` is what claims are signed with. `taken_from` is who had it before and hasn't given it back, `held_by` who
    had it when it wasn't to be had. `remaining` is how long calls may be made unless it's renewed, which is to be
    done at each `heartbeat`.
    """

    heartbeat: timedelta
    holder: str
    taken_from: str | None
    held_by: str | None

    @property
    def remaining(self) -> timedelta:
        """See above."""

    @property
    def is_valid(self) -> bool:
        """Whether calls may be made now."""

    def take(self) -> bool:
        """Take it if it's to be had."""

    def renew(self) -> None:
        """Have it last longer; raises `LeaseLost` where it doesn't."""

    def check(self, connection: Connection) -> None:
        """See, in a transaction that writes, that it's still ours; raises `LeaseLost` where it isn't."""

    def give_back(self) -> None:
        """Let another daemon have it."""


def right_to(database: Database) -> Right:
    """The right to work on a ledger, which isn't taken yet."""
    return Lease(database, database.server) if database.server else Lock(database.path)


def who_works_on(database: Database) -> Sharing:
    """Who works on a ledger now, or has a moment ago if it's a shared one, and who stands by.

    Raises:
        LedgerError: it can't be told.
    """
    if database.server is None:
        return Sharing("a process of this machine" if is_held(database.path) else None)
    with database.reading() as connection:
        return sharing(connection)
