"""One daemon per ledger: a lock on a file beside it, which the kernel lets go of when the process ends, however."""

import fcntl
import os
import secrets
import socket
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from scheduler.errors import LedgerError, LedgerInUse, reason

# `is_held` takes the lock for an instant: a daemon that starts just then tries again.
_TRIES: Final = 10
_PAUSE_SECONDS: Final = 0.05


def lock_path(ledger: Path) -> Path:
    """The file beside a ledger that its daemon holds locked, with its process id in it.

    By whatever name a ledger is called, the lock is beside the file itself: links lead to the same one.
    """
    return Path(f"{os.path.realpath(ledger)}.lock")


class Lock:
    """The right to work on a ledger in a file: held from `with` to its end, or from `take` to `give_back`.

    Nobody can take it away, so it needn't be renewed and is never lost.
    """

    heartbeat: timedelta = timedelta(days=1)
    taken_from: str | None = None
    held_by: str | None = None
    remaining = timedelta.max
    is_valid = True

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._descriptor = -1
        # A process in a container has the number of the one before it, which may have died in a call.
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    def take(self) -> bool:
        """Take it.

        Raises:
            LedgerInUse: another daemon holds it.
            LedgerError: the file can't be made.
        """
        self._descriptor = _opened(lock_path(self._ledger))
        if not self._taken():
            holder = os.read(self._descriptor, 20).decode().strip() or "?"
            self.give_back()
            raise LedgerInUse(f"{self._ledger}: another curfew daemon (process {holder}) works on this ledger")
        with suppress(OSError):
            # On a disk that is full or may only be read, it's held without saying by whom.
            os.truncate(self._descriptor, 0)
            os.write(self._descriptor, str(os.getpid()).encode())
        return True

    def renew(self) -> None:
        """There is nothing to do."""

    def check(self, connection: object) -> None:
        """There is nothing to see."""

    def give_back(self) -> None:
        """Let another daemon have it, where it's ours: one that is told to end at once hasn't taken it yet."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        self.take()
        return self

    def _taken(self) -> bool:
        for _ in range(_TRIES):
            if _try(self._descriptor, fcntl.LOCK_EX):
                return True
            time.sleep(_PAUSE_SECONDS)
        return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()


def is_held(ledger: Path) -> bool:
    """Whether a daemon works on the ledger now.

    Raises:
        LedgerError: the lock is there, and can't be looked at.
    """
    try:
        descriptor = os.open(lock_path(ledger), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LedgerError(f"{lock_path(ledger)}: {reason(error)}") from None
    try:
        return not _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        with suppress(OSError):
            # One that is there can be held where nothing can be written.
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        raise LedgerError(f"{path}: {reason(error)}") from None


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
