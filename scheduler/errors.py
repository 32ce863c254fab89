"""Every error of Curfew's own, split by what the caller does next.

    CurfewError                  exit 1: it failed
    ├── WrongUse                 exit 2: the command line or the file is wrong; nothing was done
    │   └── WrongFile            with the place of every problem
    ├── LedgerError              the database can't be opened, read or written
    │   ├── LedgerFault          the disk or the file is in the way, and a person can do something about it
    │   ├── LedgerInUse          another daemon works on it
    │   ├── LedgerAway           its server can't be reached: it may be later
    │   └── LeaseLost            another daemon may work on it: make no call any more, and stand by
    ├── NotTaken                 an alert that a service hasn't taken: it may later
    └── ApiError                 a call to Woodpecker had no success
        ├── TryLater             it may yet succeed: no connection, a time-out, 429, 5xx, an unreadable answer
        │   └── RateLimited      too many requests at once
        ├── NeverAgain           it won't succeed however often: 400, 404, 409
        └── KeyRefused           401 or 403: nothing of this account will, until a person acts

A fault of the program is none of these: it passes through as what it is, and ends with exit code 3.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from rules.source import Problem
from scheduler.texts import brief, printable


class CurfewError(Exception):
    """The base of all; its text is for the user."""

    exit_code: ClassVar[int] = 1


class WrongUse(CurfewError):
    """The command line, the environment or the file asks for something that can't be."""

    exit_code = 2


class WrongFile(WrongUse):
    """The file of rules is wrong; the text has one line `FILE:LINE:COLUMN: PATH: message` for each problem.

    `content` is what was read of the file, which may hold keys. `stamp` is that of all files that were read for it.
    """

    def __init__(self, file: str, problems: tuple[Problem, ...], content: bytes = b"") -> None:
        super().__init__("\n".join(problem_line(file, problem) for problem in problems))
        self.file = file
        self.problems = problems
        self.content = content
        self.stamp: Mapping[tuple[Path, int], str] = {}


class LedgerError(CurfewError):
    """The ledger can't be opened, read or written; the text says which and why."""


class LedgerFault(LedgerError):
    """The disk or the file keeps the ledger from being read or written, which may be over in a while.

    `why` says which ledger and what the system says; `advice` what a person does about it.
    """

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(f"{why}; {advice}")
        self.why = why
        self.advice = advice


class LedgerInUse(LedgerError):
    """Another daemon works on the same ledger."""


class LedgerAway(LedgerError):
    """The server that has the ledger can't be reached, or not now."""


class LeaseLost(LedgerError):
    """The right to work on the ledger is another daemon's by now, or may be."""


class NotTaken(CurfewError):
    """An alert that a service hasn't taken; the text says why, without secrets of its address."""


class ApiError(CurfewError):
    """A call without success.

    `http_status` is None where no answer came. `code` and `message` are the API's own words, without the key.
    """

    def __init__(self, message: str, *, http_status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = http_status
        self.code = code

    def __str__(self) -> str:
        parts = (f"HTTP {self.http_status}" if self.http_status else None, self.code, self.message)
        return ": ".join(part for part in parts if part)


class TryLater(ApiError):
    """It may yet succeed. `retry_after` is how long the API asked to wait, where it did."""

    retry_after: timedelta | None = None


class RateLimited(TryLater):
    """More requests at once than the account may make."""


class NeverAgain(ApiError):
    """It won't succeed, however often it is tried."""


class KeyRefused(ApiError):
    """The key isn't accepted, or may not do this."""

    http_statuses: ClassVar[frozenset[int]] = frozenset({401, 402, 403})


def problem_line(file: str, problem: Problem) -> str:
    """One problem of a file, as `FILE:LINE:COLUMN: PATH: message`."""
    return f"{printable(file)}:{brief(str(problem))}"


def reason(error: OSError) -> str:
    """What the system says of a call that failed, to stand in the middle of a sentence."""
    return (error.strerror or str(error)).lower()
