"""The values that go into the ledger and come out of it. All instants are UTC."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from rules.words import Action

# What the journal calls a load of the file; its details are those of `scheduler.loading`.
FILE_LOADED: Final = "file loaded"
# What it calls a file that was refused while the daemon ran, so that the one before stays in force.
FILE_REJECTED: Final = "file rejected"
# What it calls the look at the API that follows the start; its details have the problems, each with its place.
PREFLIGHT: Final = "preflight"


class Status(StrEnum):
    """What a campaign is doing, in the API's own words."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    DRAFT = "DRAFT"
    EDITED = "EDITED"


class State(StrEnum):
    """How far an intent is; all but the first two are how it ended."""

    WAITING = "waiting"
    CALLING = "calling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSED = "missed"
    SIMULATED = "simulated"


class Outcome(StrEnum):
    """How an attempt ended; an attempt without one is under way, or was cut off with the process."""

    SUCCEEDED = "succeeded"
    RETRIED = "retried"
    FAILED = "failed"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIntent:
    """That one campaign is due to be paused or resumed at one instant, and why.

    `expires_at` is when it's no longer wanted. `status_before` is what the campaign was doing before a call of ours
    could change it, None where nobody could tell. `owes_resume`: a pause that is to be given back at the end of its
    span; a resume that stays owed when it has expired, since a window follows whose end gives it back. `not_before` is
    when it's to be tried first, where that's later than when it's recorded.
    """

    account: str
    campaign: int
    action: Action
    due_at: datetime
    expires_at: datetime
    rules: tuple[str, ...]
    because: str
    status_before: str | None = None
    owes_resume: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(NewIntent):
    """An intent as recorded: how often it was tried, and not before when it's to be tried again.

    It waits for that since `waits_since`: the end of the last attempt, or when it was recorded. `seen_at` is when
    `status_before` was seen, by a list or a look. `may_have_acted`: a call went out of which nobody knows whether it
    did its work.
    """

    id: int
    attempts: int = 0
    next_attempt_at: datetime
    waits_since: datetime
    seen_at: datetime
    may_have_acted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger already has of a change: its state, under the key that makes it unique.

    `answers` is how many of its calls were answered with success. `is_unconfirmed`: a pause with such an answer, of
    which nobody has seen yet that it worked. `number` counts them in the order in which they were recorded first.
    `status_before` is the API's word for what the campaign did before it, None where nobody saw.
    """

    campaign: int
    action: Action
    due_at: datetime
    expires_at: datetime
    state: State
    may_have_acted: bool = False
    answers: int = 0
    is_unconfirmed: bool = False
    number: int = 0
    status_before: str | None = None


@dataclass(frozen=True, slots=True)
class OnRecord:
    """A pause that is on record: when it was due, and when it was found to be missed, if it was."""

    due_at: datetime
    missed_at: datetime | None = None

    def is_of(self, start: datetime, end: datetime) -> bool:
        """Whether it says what became of `[start, end)`: what was missed before the end was something else in it."""
        return start <= self.due_at < end and (self.missed_at is None or end <= self.missed_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """A campaign that we hold paused and owe a resume.

    `due_at` is the start of the span that it was paused for, and `until` its end, as the `rules` had it then that made
    it. `is_in_doubt`: that pause has ended without an answer, and nobody knows whether it has paused it.
    """

    account: str
    campaign: int
    taken_at: datetime
    due_at: datetime
    until: datetime
    rules: tuple[str, ...]
    is_in_doubt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an attempt ended, in the API's own words.

    `retry_after` counts from its end on, where it's to be tried again. `may_have_acted`: its call may have done its
    work all the same.
    """

    outcome: Outcome
    reason: str | None = None
    http_status: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    retry_after: timedelta | None = None
    may_have_acted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A campaign as the last list showed it."""

    campaign: int
    name: str
    status: str
    folder: str | None = None


def error_text(code: str | None, message: str | None) -> str | None:
    """An API's error on one line: `CODE: message`, whichever of the two it has."""
    return ": ".join(part for part in (code, message) if part) or None
