"""What each campaign did, and what the daemon can have seen of it, by the sandbox's log and what others did."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

from tests.proof.history import PAUSED, Act, Call, History, Key

_LOOKS: Final = ("list", "get")
_CHANGES: Final = ("pause", "run", "stop")


@dataclass(frozen=True, slots=True)
class Change:
    """A campaign's status changed between two instants of true time, by a call of ours or by somebody's act."""

    since: datetime
    until: datetime
    before: str
    after: str
    by: Call | Act

    @property
    def is_ours(self) -> bool:
        """Whether a call of ours has changed it."""
        return isinstance(self.by, Call)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look of the daemon's can have shown of a campaign.

    `is_kept`: the daemon lived on until it had acted on what it saw, or had looked again.
    """

    call: Call
    statuses: frozenset[str]
    is_kept: bool


class Replay:
    """The changes of all campaigns, and the looks at them."""

    def __init__(self, history: History) -> None:
        self._first = history.statuses
        self._gives_up_after = history.gives_up_after
        self._changes = _changes(history)
        self._looks = defaultdict[str, list[tuple[Call, bool]]](list)
        for call, is_kept in _kept(history.calls):
            self._looks[call.account].append((call, is_kept))

    def changes(self, key: Key) -> Sequence[Change]:
        """The changes of one campaign, in order."""
        return self._changes.get(key, ())

    def last_stop(self, key: Key, before: datetime) -> Change | None:
        """The last change before an instant of true time that has paused a campaign which wasn't."""
        stops = (each for each in reversed(self.changes(key)) if each.after == PAUSED != each.before)
        return next((each for each in stops if each.since < before), None)

    def statuses(self, key: Key, since: datetime, until: datetime) -> frozenset[str]:
        """All that a campaign may have done in a stretch of true time."""
        found = set[str]()
        changes = self.changes(key)
        for number in range(bisect_right(changes, until, key=attrgetter("since")) - 1, -1, -1):
            change = changes[number]
            found.add(change.after)
            if change.until < since:
                return frozenset(found)
            found.add(change.before)
        return frozenset(found or {self._first[key]})

    def seen(self, key: Key, after: int, before: int) -> Iterator[Seen]:
        """What the looks showed of a campaign whose numbers lie between two others, the newest first."""
        looks = self._looks[key[0]]
        first = bisect_right(looks, after, key=lambda look: look[0].sequence)
        last = bisect_left(looks, before, key=lambda look: look[0].sequence)
        for number in range(last - 1, first - 1, -1):
            call, is_kept = looks[number]
            is_about = call.call == "list" or call.campaign == key[1]
            if is_about and self._was_read(call):
                until = call.answered_at or call.received_at
                yield Seen(call, self.statuses(key, call.received_at, until), is_kept)

    def _was_read(self, call: Call) -> bool:
        patience = self._gives_up_after.get(call.call, timedelta.max)
        is_late = call.answered_at is not None and call.answered_at - call.received_at >= patience
        return call.http_status == 200 and call.fault in {None, "delay"} and not is_late


def _changes(history: History) -> dict[Key, list[Change]]:
    found = defaultdict[Key, list[Change]](list)
    for call in history.calls:
        if call.call in _CHANGES and call.is_effective and call.status_before and call.status_after:
            until = call.answered_at or call.received_at
            found[call.key].append(Change(call.received_at, until, call.status_before, call.status_after, call))
    for act in history.acts:
        found[act.key].append(Change(act.since, act.until, "", act.status, act))
    return {key: list(_chained(history.statuses[key], changes)) for key, changes in found.items()}


def _chained(first: str, changes: Iterable[Change]) -> Iterator[Change]:
    """The changes in an order in which each begins with what the one before it has left."""
    left, status = sorted(changes, key=lambda change: change.since), first
    while left:
        # Only those that may have come first: what began before any other had ended.
        earliest = min(change.until for change in left)
        candidates = [change for change in left if change.since <= earliest]
        fitting = (each for each in candidates if isinstance(each.by, Act) or each.before == status)
        chosen = next(fitting, candidates[0])
        left.remove(chosen)
        before = status if isinstance(chosen.by, Act) else chosen.before
        yield Change(chosen.since, chosen.until, before, chosen.after, chosen.by)
        status = chosen.after


def _kept(calls: Iterable[Call]) -> Iterator[tuple[Call, bool]]:
    """The looks, each with whether what it showed had a consequence, or another list followed in the same life.

    A pass is recorded before the account's turn is given on: what comes after it shows that it was.
    """
    last: dict[tuple[str, int], int] = {}
    known = list(calls)
    for call in known:
        if call.call != "get":
            last[call.account, call.life] = call.sequence
    for call in known:
        if call.call in _LOOKS:
            yield call, call.sequence < last.get((call.account, call.life), 0)
