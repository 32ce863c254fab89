"""Which attempt of the ledger each pause and run in the sandbox's log was made for.

Nothing in a request says so; but a lane makes its calls in the order of its attempts, each attempt makes one at most,
and its outcome tells which answers it can have had.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tests.proof.history import AttemptRow, Call, Clock, History, IntentRow, Key

CALLED: Final = {"pause": "pause", "run": "resume"}
# How far a time in the ledger may be from that in the log: a commit, a busy machine.
SLACK: Final = timedelta(seconds=5)
# An attempt may look at its campaign first, and its call takes a while: what the clock showed is told by then.
LONGEST_ATTEMPT: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt, the change that it was made for, and the call that went out; None where none did."""

    intent: IntentRow
    attempt: AttemptRow
    call: Call | None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The calls to one campaign that can't have been made by its attempts, as they are on record."""

    key: Key
    action: str
    calls: Sequence[Call]
    attempts: Sequence[AttemptRow]


@dataclass(frozen=True, slots=True)
class Matched:
    """All attempts, by intent, and those calls that nobody is on record for."""

    by_intent: Mapping[int, Sequence[Tried]]
    unmatched: Sequence[Unmatched]

    def of_calls(self) -> Mapping[int, Tried]:
        """The attempts with a call, each by its sequence number."""
        return {each.call.sequence: each for tried in self.by_intent.values() for each in tried if each.call}


def match(history: History) -> Matched:
    """Find for each campaign and action the attempts that its calls were made by."""
    intents = {intent.id: intent for intent in history.ledger.intents}
    attempts, calls = defaultdict[tuple[Key, str], list[AttemptRow]](list), _calls(history.calls)
    for attempt in history.ledger.attempts:
        intent = intents[attempt.intent_id]
        attempts[intent.key, intent.action].append(attempt)
    by_intent, unmatched = defaultdict[int, list[Tried]](list), list[Unmatched]()
    for key, action in sorted({*attempts, *calls}):
        tried, called = attempts[key, action], calls[key, action]
        found = _aligned(tried, called, history.clock)
        if found is None:
            unmatched.append(Unmatched(key, action, called, tried))
        for attempt, call in zip(tried, found or [None] * len(tried), strict=True):
            by_intent[attempt.intent_id].append(Tried(intents[attempt.intent_id], attempt, call))
    return Matched(by_intent, unmatched)


def _calls(calls: Iterable[Call]) -> dict[tuple[Key, str], list[Call]]:
    found = defaultdict[tuple[Key, str], list[Call]](list)
    for call in calls:
        if call.call in CALLED:
            found[call.key, CALLED[call.call]].append(call)
    return found


def _aligned(attempts: Sequence[AttemptRow], calls: Sequence[Call], clock: Clock) -> list[Call | None] | None:
    """The call of each attempt, in order, such that every call has one; None where that can't be."""
    # For each attempt, by how many calls may be taken after it: how many were before it. Few ways are ever open.
    ways: list[dict[int, int]] = [{0: 0}]
    for attempt in attempts:
        following: dict[int, int] = {}
        for taken in ways[-1]:
            if taken < len(calls) and _may_have_made(attempt, calls[taken], clock):
                following[taken + 1] = taken
            if _may_have_made_none(attempt):
                following.setdefault(taken, taken)
        ways.append(following)
    if len(calls) not in ways[-1]:
        return None
    return list(_followed_back(ways, calls))[::-1]


def _followed_back(ways: Sequence[Mapping[int, int]], calls: Sequence[Call]) -> Iterator[Call | None]:
    taken = len(calls)
    for way in reversed(ways[1:]):
        before = way[taken]
        yield calls[before] if before < taken else None
        taken = before


def _may_have_made_none(attempt: AttemptRow) -> bool:
    """Whether there may be no call of it: a look at the campaign answers as well, and what failed may not have left."""
    return attempt.outcome != "succeeded" or attempt.http_status is None


def _may_have_made(attempt: AttemptRow, call: Call, clock: Clock) -> bool:
    return _has_that_answer(attempt, call) and _is_in_time(attempt, call, clock)


def _has_that_answer(attempt: AttemptRow, call: Call) -> bool:
    match attempt.outcome:
        case None | "interrupted":
            return True
        case "skipped" | "simulated":
            return False
        case "succeeded":
            return attempt.http_status == call.http_status == 200
    if attempt.http_status is not None:
        return call.http_status == attempt.http_status
    # No answer came: it was dropped, or it came too late.
    return call.http_status is None or call.fault is not None


def _is_in_time(attempt: AttemptRow, call: Call, clock: Clock) -> bool:
    """Whether it was sent while the attempt went on, as far as the daemon's clock can tell."""
    if clock.was_stepped(call.received_at - LONGEST_ATTEMPT, call.received_at + LONGEST_ATTEMPT):
        return True
    at = clock.shows(call.received_at)
    # A process that stood still after its claim makes the call when it goes on, and may die in it.
    is_early_enough = attempt.finished_at is None or at <= attempt.finished_at + SLACK
    return attempt.started_at - SLACK <= at and is_early_enough
