"""What keeps a ledger from being read or written, in the system's words, with what a person does about it."""

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError

from scheduler.errors import LedgerError, LedgerFault

DAMAGED: Final = "it's damaged: `curfew db check` says where, and `curfew db restore BACKUP` puts a backup in its place"
NEWER: Final = "a newer Curfew has made it: install that one, or put back a backup of before with `curfew db restore`"
# What the disk takes, and the ledger doesn't, is a fault of the program.
UNTAKEN: Final = "what was done meanwhile is in the log; please report it"
REPLACED: Final = "put back the file that was there, or start the daemon again: it goes by this one then"
_MAKE_ROOM: Final = "make room on its disk"
_ALLOW: Final = "the file and its folder must be writable for the user that Curfew runs as"
_LET_GO: Final = "another process holds it: wait for that one, or end it"
_LOOK_AT_DISK: Final = "look at its disk, and at what the kernel says of it (dmesg)"
_PUT_BACK: Final = "put the file back where it was"

# SQLite's result codes; the higher bits of one say more of the same. Any other is a fault of the program.
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: _MAKE_ROOM,
    sqlite3.SQLITE_READONLY: _ALLOW,
    sqlite3.SQLITE_CANTOPEN: _ALLOW,
    sqlite3.SQLITE_PERM: _ALLOW,
    sqlite3.SQLITE_AUTH: _ALLOW,
    sqlite3.SQLITE_BUSY: _LET_GO,
    sqlite3.SQLITE_LOCKED: _LET_GO,
    sqlite3.SQLITE_PROTOCOL: _LET_GO,
    sqlite3.SQLITE_IOERR: _LOOK_AT_DISK,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
_PRIMARY: Final = 0xFF


def ledger_error(name: str, error: BaseException) -> LedgerError:
    """What is said of an error of the database or of its file: a fault where a person can do something about it."""
    why = f"{name}: {reason_of(error)}"
    advice = _advice(_first(error))
    return LedgerFault(why, advice) if advice else LedgerError(why)


def leaves_whole(error: BaseException) -> bool:
    """Whether the connection can be used again: a full disk or a lock does it no harm."""
    return _code(_first(error)) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY}


def _advice(error: BaseException) -> str | None:
    if isinstance(error, OSError):
        return _PUT_BACK if isinstance(error, FileNotFoundError) else _ALLOW
    code = _code(error)
    return None if code is None else _ADVICE.get(code)


def _code(error: BaseException) -> int | None:
    code: int | None = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def _first(error: BaseException) -> BaseException:
    """The first cause: after a full disk, SQLite has no transaction left, and undoing one fails as well."""
    first, link = error, error.__context__
    while link is not None:
        first, link = (link if isinstance(link, DBAPIError) else first), link.__context__
    return first


def reason_of(error: BaseException) -> str:
    """What the database or the system says of an error, on one line."""
    first = _first(error)
    said = getattr(first, "orig", None) or getattr(first, "strerror", None) or first
    # PostgreSQL says more than fits a line, such as the values that it didn't take.
    return str(getattr(getattr(said, "diag", None), "message_primary", None) or " ".join(str(said).split()))
