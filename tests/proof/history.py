"""What is known of a run afterwards, as plain values: what the checker is given, and all that it's given.

Whoever makes a run, with processes or with a virtual clock, brings its history into this form: the plan of its rules,
what the sandbox logged, what was done from outside, and the rows of the ledger. Instants are UTC. There are two clocks:
true time never jumps, and is what the sandbox writes; what the daemon's clock shows may be stepped, and is what the
ledger has.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

# An account as the ledger calls it, and a campaign.
Key = tuple[str, int]

RUNNING, PAUSED = "RUNNING", "PAUSED"
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """A span `[start, end)` in which the rules want a campaign paused.

    `is_given_back`: it's resumed from at its end (no rule with `resume: false` is part of it; holds are told apart).
    `is_enforced`: a rule in it pauses again what a person has resumed; `enforced` is when, where that's not all of it.
    """

    start: datetime
    end: datetime
    is_given_back: bool = True
    is_enforced: bool = False
    enforced: tuple[tuple[datetime, datetime], ...] = ()

    def is_enforced_at(self, at: datetime) -> bool:
        """Whether such a rule is quiet at an instant."""
        return self.is_enforced and (not self.enforced or any(start <= at < end for start, end in self.enforced))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHold:
    """An instant at which the rules want a campaign paused and left so, at most `catch_up` late."""

    at: datetime
    catch_up: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one version of the file says: for each campaign its spans, sorted and disjoint, and its holds, sorted."""

    spans: Mapping[Key, Sequence[Quiet]]
    holds: Mapping[Key, Sequence[PlannedHold]] = field(default_factory=dict)

    def span_at(self, key: Key, at: datetime) -> Quiet | None:
        """The span that an instant lies in."""
        spans = self.spans.get(key, ())
        index = bisect_right(spans, at, key=lambda span: span.start) - 1
        return spans[index] if index >= 0 and at < spans[index].end else None

    def holds_between(self, key: Key, start: datetime, end: datetime) -> list[PlannedHold]:
        """The holds with `start <= at < end`."""
        return [hold for hold in self.holds.get(key, ()) if start <= hold.at < end]

    def leaves_paused(self, key: Key, since: datetime, until: datetime) -> bool:
        """Whether a campaign that was paused then is left so: by a hold since, or by a span without a resume."""
        first = self.span_at(key, since)
        spans = (span for span in self.spans.get(key, ()) if since < span.end and span.start <= until)
        holds = self.holds_between(key, first.start if first else since, until)
        return bool(holds) or not all(span.is_given_back for span in spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """That one version of the file may have been in force `[since, until)`, in true time.

    Two may overlap where it isn't known to the instant when the daemon took up the new one. `certain_from`: from when
    on it surely was in force, where that isn't `since`.
    """

    plan: Plan
    since: datetime
    until: datetime
    certain_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """What the daemon's clock showed: how far it was ahead of true time, from which instant of that on, sorted."""

    steps: Sequence[tuple[datetime, timedelta]] = ()

    def ahead(self, at: datetime) -> timedelta:
        """How far it was ahead."""
        index = bisect_right(self.steps, at, key=lambda step: step[0]) - 1
        return self.steps[index][1] if index >= 0 else timedelta()

    def shows(self, at: datetime) -> datetime:
        """What it showed at an instant of true time."""
        return at + self.ahead(at)

    def latest(self, until: datetime) -> datetime:
        """The latest that it had shown by an instant of true time."""
        before = (at + self.ahead(at - INSTANT) for at, _ in self.steps if at <= until)
        return max([self.shows(until), *before])

    def was_stepped(self, since: datetime, until: datetime) -> bool:
        """Whether it jumped in a stretch of true time."""
        return any(since <= at <= until for at, _ in self.steps)

    def was_put_back(self, since: datetime, until: datetime) -> bool:
        """Whether it jumped back in a stretch of true time."""
        return any(since <= at <= until and ahead < self.ahead(at - INSTANT) for at, ahead in self.steps)

    def passes(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The stretches of its own time that it went through, or jumped over, in a stretch of true time."""
        bounds = [since, *(at for at, _ in self.steps if since < at < until), until]
        before: datetime | None = None
        for start, end in pairwise(bounds):
            first, last = start + self.ahead(start), end + self.ahead(start)
            yield (first if before is None else min(before, first)), last
            before = last


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as the sandbox logged it: in true time, in the order of `sequence`.

    `life` counts the daemon processes that made them. `campaign` is None for what isn't about one. `http_status` is
    what was answered, None where nothing was. `acted`: it did its work, whatever was answered. `fault` is how it was
    spoilt. The statuses are those of its campaign when it got there and afterwards, None if it never did.
    """

    sequence: int
    life: int
    account: str
    call: str
    campaign: int | None
    received_at: datetime
    answered_at: datetime | None
    http_status: int | None
    acted: bool = False
    status_before: str | None = None
    status_after: str | None = None
    fault: str | None = None

    @property
    def key(self) -> Key:
        """Its campaign; 0 for those about none."""
        return self.account, self.campaign or 0

    @property
    def is_effective(self) -> bool:
        """Whether it has changed what its campaign does."""
        return self.acted and self.status_before != self.status_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a person, or Woodpecker by itself, made of a campaign, between two instants of true time.

    `status` is what it does from then on. `is_shield`: Bounce Shield has stopped it.
    """

    account: str
    campaign: int
    since: datetime
    until: datetime
    status: str
    is_shield: bool = False

    @property
    def key(self) -> Key:
        """Its campaign."""
        return self.account, self.campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRow:
    """A row of `intents`."""

    id: int
    account: str
    campaign: int
    action: str
    due_at: datetime
    expires_at: datetime
    state: str
    reason: str | None
    attempts: int
    status_before: str | None
    owes_resume: bool
    recorded_at: datetime
    decided_at: datetime | None = None
    confirmed_at: datetime | None = None

    @property
    def key(self) -> Key:
        """Its campaign."""
        return self.account, self.campaign

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        return f"intent {self.id}: {self.action} due {self.due_at.isoformat()}, {self.state}{why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """A row of `attempts`."""

    id: int
    intent_id: int
    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    http_status: int | None
    reason: str | None = None

    def __str__(self) -> str:
        answer = f" {self.http_status}" if self.http_status else ""
        return f"attempt {self.number} of intent {self.intent_id}: {self.outcome or 'under way'}{answer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyRow:
    """A row of `custody`; `is_left`: it couldn't be given back, and waits for a person."""

    account: str
    campaign: int
    intent_id: int
    is_left: bool

    @property
    def key(self) -> Key:
        """Its campaign."""
        return self.account, self.campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The rows of a ledger, in the order of their ids."""

    intents: Sequence[IntentRow]
    attempts: Sequence[AttemptRow]
    custody: Sequence[CustodyRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the campaigns that had settled did at an instant of true time.

    Settled: the API had behaved and the daemon had lived for a while, and nothing was waiting for them any more.
    """

    at: datetime
    statuses: Mapping[Key, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A run. The last of the looks is at its end, and nothing was called or recorded after it.

    `statuses` are what campaigns did at first. `gives_up_after`: so soon the client may give up a call of that kind and
    make another one, unless calls before it took as long. `records_missed`: spans that passed while no daemon looked
    have to be on record as well.
    """

    reigns: Sequence[Reign]
    statuses: Mapping[Key, str]
    calls: Sequence[Call]
    ledger: Ledger
    looks: Sequence[Look]
    acts: Sequence[Act] = ()
    clock: Clock = field(default_factory=Clock)
    gives_up_after: Mapping[str, timedelta] = field(default_factory=dict)
    records_missed: bool = True

    def reigns_at(self, at: datetime) -> list[Reign]:
        """The versions that may have been in force at an instant of true time."""
        return [reign for reign in self.reigns if reign.since <= at < reign.until]

    def plans_at(self, at: datetime) -> list[Plan]:
        """Their plans."""
        return [reign.plan for reign in self.reigns_at(at)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A promise that wasn't kept, and the evidence."""

    law: str
    account: str
    campaign: int | None
    evidence: str

    def __str__(self) -> str:
        whom = self.account if self.campaign is None else f"{self.account}/{self.campaign}"
        return f"{self.law}: {whom}: {self.evidence}"
