"""Real faults of a ledger's disk that can be had anywhere: each begins, and is over, when it's told to."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from scheduler.ledger.database import Connection, Database, Writer

_PARTS: Final = ("", "-wal", "-shm")


class Fault:
    """What keeps a ledger from being written, from `begin` to `end`. `why` is a part of what's said of it."""

    why = ""
    advice = ""

    def __init__(self, ledger: Database) -> None:
        self.path = ledger.path
        self.parts = [Path(f"{self.path}{suffix}") for suffix in _PARTS]

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError


class Locked(Fault):
    """Somebody else writes, and doesn't come to an end; `other` is the connection that holds the lock."""

    why = "database is locked"
    advice = "another process holds it: wait for that one, or end it"

    def begin(self) -> None:
        self.other = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.other.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        self.other.close()


class Unwritable(Fault):
    """Each write to any file of this process fails, as on a broken disk (RLIMIT_FSIZE)."""

    why = "disk I/O error"
    advice = "look at its disk, and at what the kernel says of it (dmesg)"

    def begin(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, self._before[1]))

    def end(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


class Gone(Fault):
    """The file has another name now."""

    why = "No such file or directory"
    advice = "put the file back where it was"

    def begin(self) -> None:
        for part in self.parts:
            part.rename(f"{part}.away")

    def end(self) -> None:
        for part in self.parts:
            away = Path(f"{part}.away")
            if away.exists():
                away.rename(part)


class Replaced(Gone):
    """Another ledger stands in its place, a good one."""

    why = "another file stands in its place"
    advice = "put back the file that was there, or start the daemon again: it goes by this one then"

    def begin(self) -> None:
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(f"{self.path}.other")) as other:
            source.backup(other)
        super().begin()
        Path(f"{self.path}.other").rename(self.path)


class Spoilt(Fault):
    """Somebody has written over it."""

    why = ""  # what SQLite notices first depends on what it has in its cache
    advice = "it's damaged: `curfew db check` says where, and `curfew db restore BACKUP` puts a backup in its place"

    def begin(self) -> None:
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._content = self.path.read_bytes()
        self.path.write_bytes(b"spoilt! " * (len(self._content) // 8))

    def end(self) -> None:
        self.path.write_bytes(self._content)


EVERYWHERE: Final = (Locked, Unwritable, Gone, Replaced, Spoilt)


async def be_impatient(writer: Writer) -> None:
    """Have a writer not wait for locks, which takes seconds, and keep no pages in its own memory.

    After a fault it does both again.
    """

    def change(connection: Connection) -> None:
        for pragma in ("busy_timeout = 0", "cache_size = 0", "shrink_memory"):
            connection.exec_driver_sql(f"PRAGMA {pragma}")

    await writer.do(change)


@contextmanager
def at_fault(fault: Fault) -> Iterator[None]:
    """A fault that lasts meanwhile."""
    fault.begin()
    try:
        yield
    finally:
        fault.end()
