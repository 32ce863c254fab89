"""Who works on a ledger that several machines share: whoever has its lease, which ends unless it's renewed.

All of it goes by the database's own clock, except that the holder counts for itself, from before each renewal, when
others could take it. A transaction of the holder's begins by locking the lease, in a way that lets renewals through
and holds up a take-over: so the one who takes over sees every claim of the one before, and that one makes no more.
"""

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, DateTime, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.pool import QueuePool

from scheduler.clock import since_boot
from scheduler.errors import LeaseLost
from scheduler.ledger.database import Database
from scheduler.ledger.location import Server
from scheduler.ledger.server import server_engine
from scheduler.ledger.tables import leases

# How long after the last renewal others may take over, and how often it's renewed.
LEASE: Final = timedelta(seconds=12)
HEARTBEAT: Final = timedelta(seconds=2)
# How much earlier the holder makes no call any more, if it can't renew.
MARGIN: Final = timedelta(seconds=2)

_LEDGER: Final = "ledger"
_NOW: Final = func.clock_timestamp(type_=DateTime(timezone=True))
_IS_IT: Final = leases.c.name == _LEDGER
# One that ends much later than any that is given was given before the clock was put back. (Not just later: another
# version's may be longer.)
_IS_FREE: Final = or_(leases.c.holder.is_(None), leases.c.expires_at <= _NOW, leases.c.expires_at > _NOW + 2 * LEASE)


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who has the lease of a ledger, None where nobody has, and who stands by."""

    holder: str | None
    standing_by: tuple[str, ...] = ()


class Lease:
    """The right to work on a ledger on a server: taken if it's free, renewed in time, and given back.

    Its methods wait for the server, and are called by one thread at a time; `remaining` and `is_valid` are for all.
    """

    heartbeat: timedelta = HEARTBEAT

    def __init__(self, database: Database, server: Server, *, clock: Callable[[], timedelta] = since_boot) -> None:
        self._database = database
        # Renewals keep their connection.
        self._engine = server_engine(server, pool=QueuePool, pool_size=1, max_overflow=0, pool_pre_ping=True)
        self._clock = clock
        self._name = _new_name()
        self._valid_until: timedelta | None = None
        self.holder = ""
        self.taken_from: str | None = None
        self.held_by: str | None = None

    @property
    def remaining(self) -> timedelta:
        """How long calls may still be made, unless it's renewed."""
        return timedelta() if self._valid_until is None else self._valid_until - self._clock()

    @property
    def is_valid(self) -> bool:
        """Whether calls may be made now: nobody else can have taken it."""
        return self.remaining > timedelta()

    def take(self) -> bool:
        """Take it if nobody has it; `taken_from` is then who had it and hasn't given it back.

        Raises:
            LedgerError: the server can't be asked.
        """
        # A new name each time: what this process has claimed under an earlier one is cut off as well.
        name, asked = _new_name(), self._clock()
        with self._asking() as connection:
            free, self.held_by = connection.execute(select(_IS_FREE, leases.c.holder).where(_IS_IT)).one()
            if not free:
                self._be_seen(connection)
                return False
            # Waits for what the holder is just committing.
            before = connection.execute(select(leases.c.holder).where(_IS_IT).with_for_update()).scalar_one()
            mine = update(leases).where(_IS_IT, _IS_FREE).values(holder=name, expires_at=_NOW + LEASE)
            if connection.execute(mine).rowcount != 1:
                return False
            self._be_seen_no_more(connection)
        self.holder, self.taken_from = name, before
        self._valid_until = asked + LEASE - MARGIN
        return True

    def renew(self) -> None:
        """Have it end later.

        Raises:
            LeaseLost: another daemon has taken it.
            LedgerError: the server can't be asked; it's valid as long as before.
        """
        asked = self._clock()
        with self._asking() as connection:
            longer = update(leases).where(_IS_IT, leases.c.holder == self.holder).values(expires_at=_NOW + LEASE)
            if connection.execute(longer).rowcount != 1:
                self._valid_until = None
                raise self._lost()
        self._valid_until = asked + LEASE - MARGIN

    def check(self, connection: Connection) -> None:
        """See that nobody else has it, and keep it so until the transaction's end.

        Raises:
            LeaseLost: another daemon has taken it.
        """
        is_mine = select(leases.c.name).where(_IS_IT, leases.c.holder == self.holder)
        if connection.execute(is_mine.with_for_update(read=True, key_share=True)).first() is None:
            raise self._lost()

    def give_back(self) -> None:
        """Let others have it at once, where it's ours, and stand by no more.

        Raises:
            LedgerError: the server can't be asked; the lease ends by itself.
        """
        self._valid_until = None
        with self._asking() as connection:
            mine = update(leases).where(_IS_IT, leases.c.holder == self.holder)
            connection.execute(mine.values(holder=None, expires_at=None))
            self._be_seen_no_more(connection)
        self._engine.dispose()

    def _be_seen(self, connection: Connection) -> None:
        """Have `status` show that there's one who stands by."""
        connection.execute(delete(leases).where(leases.c.name != _LEDGER, leases.c.expires_at <= _NOW))
        row = {"name": self._name, "holder": self._name, "expires_at": _NOW + LEASE}
        connection.execute(insert(leases).values(row).on_conflict_do_update(index_elements=["name"], set_=row))

    def _be_seen_no_more(self, connection: Connection) -> None:
        connection.execute(delete(leases).where(leases.c.name == self._name))

    def _lost(self) -> LeaseLost:
        return LeaseLost(f"{self._database.name}: another daemon has taken over")

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        with self._database.wrapped(), self._engine.begin() as connection:
            yield connection


def _new_name() -> str:
    """Where this process runs, and something that no other process is called by in the same place."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def sharing(connection: Connection) -> Sharing:
    """Who has the lease of a ledger on a server now, and who stands by."""
    valid = select(leases.c.name, leases.c.holder).where(leases.c.holder.is_not(None), leases.c.expires_at > _NOW)
    found = connection.execute(valid.order_by(leases.c.name)).all()
    holder = next((row.holder for row in found if row.name == _LEDGER), None)
    return Sharing(holder, tuple(row.holder for row in found if row.name != _LEDGER))
