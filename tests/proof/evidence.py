"""A history, with what several laws ask of it worked out once."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Final

from tests.proof.history import PAUSED, RUNNING, AttemptRow, Call, History, IntentRow, Key, Plan, Quiet
from tests.proof.matching import CALLED, Matched, Tried, match
from tests.proof.replay import Replay

# What a call makes of a campaign.
MAKES: Final = {"pause": PAUSED, "run": RUNNING}
# So long after its clock was stepped the daemon may not have acted on it yet: it's told within two seconds, and waits
# for a list, or a look at one campaign, for ten.
AFTER_A_STEP: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Breach:
    """Where a law was broken, and how that shows."""

    account: str
    campaign: int | None
    evidence: str


class Evidence:
    """What the laws look at."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.clock = history.clock

    @cached_property
    def matched(self) -> Matched:
        """Which attempt each call was made for."""
        return match(self.history)

    @cached_property
    def tried_of(self) -> Mapping[int, Tried]:
        """The attempts with a call, by its sequence number."""
        return self.matched.of_calls()

    def calls_for(self, intent: IntentRow) -> list[Call]:
        """The calls that were made for a change, in order."""
        return [each.call for each in self.matched.by_intent.get(intent.id, ()) if each.call]

    @cached_property
    def replay(self) -> Replay:
        """What the campaigns did."""
        return Replay(self.history)

    @cached_property
    def posts(self) -> Sequence[Call]:
        """The calls that change something."""
        return [call for call in self.history.calls if call.call in CALLED]

    @cached_property
    def posts_to(self) -> Mapping[Key, Sequence[Call]]:
        """The same, by campaign."""
        found = defaultdict[Key, list[Call]](list)
        for call in self.posts:
            found[call.key].append(call)
        return found

    @cached_property
    def intents_of(self) -> Mapping[tuple[Key, str], Sequence[IntentRow]]:
        """The changes on record for each campaign and action, in the order in which they were recorded."""
        found = defaultdict[tuple[Key, str], list[IntentRow]](list)
        for intent in self.history.ledger.intents:
            found[intent.key, intent.action].append(intent)
        return found

    @cached_property
    def attempts_of(self) -> Mapping[int, Sequence[AttemptRow]]:
        """The attempts of each intent, in the order of their numbers."""
        found = defaultdict[int, list[AttemptRow]](list)
        for attempt in self.history.ledger.attempts:
            found[attempt.intent_id].append(attempt)
        return {key: sorted(each, key=lambda attempt: attempt.number) for key, each in found.items()}

    @cached_property
    def keys(self) -> Sequence[Key]:
        """All campaigns."""
        return sorted(self.history.statuses)

    @property
    def end(self) -> datetime:
        """When the run was over, in true time."""
        return self.history.looks[-1].at

    def listed_after(self, account: str, at: datetime) -> datetime | None:
        """When the daemon asked for an account's list first, from a true instant on: by then it has looked."""
        lists = self._lists[account]
        index = bisect_left(lists, at)
        return lists[index] if index < len(lists) else None

    def calls_of(self, account: str, since: datetime, until: datetime) -> Sequence[Call]:
        """The calls of an account that came in a stretch of true time."""
        calls = self._calls_of[account]
        first = bisect_left(calls, since, key=_received)
        return calls[first : bisect_left(calls, until, key=_received)]

    @cached_property
    def _calls_of(self) -> Mapping[str, list[Call]]:
        found = defaultdict[str, list[Call]](list)
        for call in self.history.calls:
            found[call.account].append(call)
        return found

    @cached_property
    def _lists(self) -> Mapping[str, list[datetime]]:
        found = defaultdict[str, list[datetime]](list)
        for call in self.history.calls:
            if call.call == "list":
                found[call.account].append(call.received_at)
        return found

    def spans_at(self, key: Key, at: datetime) -> list[Quiet | None]:
        """The span that a campaign is in by the daemon's clock, by each plan that may be in force at a true instant."""
        shown = self.clock.shows(at)
        return [plan.span_at(key, shown) for plan in self.history.plans_at(at)]

    def sent_at(self, call: Call) -> tuple[datetime, ...]:
        """When a call was sent by the daemon's clock: as the ledger has it, and as the log does."""
        tried, shown = self.tried_of.get(call.sequence), self.clock.shows(call.received_at)
        return (shown,) if tried is None else (tried.attempt.started_at, shown)

    def is_after_a_step(self, call: Call) -> bool:
        """Whether the clock was stepped so shortly before a call that no pass need have come since."""
        return self.clock.was_stepped(call.received_at - AFTER_A_STEP, call.received_at)

    def plans_in(self, start: datetime, end: datetime) -> Iterator[Plan]:
        """The plans that may have been in force when the daemon's clock showed `[start, end]`."""
        for plan, stretches in self._stretches:
            if any(first <= end and start <= last for first, last in stretches):
                yield plan

    @cached_property
    def _stretches(self) -> list[tuple[Plan, list[tuple[datetime, datetime]]]]:
        return [(each.plan, list(self.clock.passes(each.since, each.until))) for each in self.history.reigns]


_received = attrgetter("received_at")


def breach(key: Key, evidence: str) -> Breach:
    """What was done to one campaign against a law."""
    return Breach(*key, evidence)
