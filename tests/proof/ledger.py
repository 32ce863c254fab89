"""Whether the ledger is whole in itself: each change ended once, by the attempts that it has."""

from collections.abc import Iterator
from typing import Final

from tests.proof.evidence import Breach, Evidence, breach

_FINAL: Final = frozenset({"succeeded", "failed", "skipped", "missed", "simulated"})
# How an attempt may end that isn't the last one: a success counts on only where the campaign ran on all the same.
_NOT_THE_LAST: Final = frozenset({"retried", "interrupted", "succeeded"})


def open_changes(evidence: Evidence) -> Iterator[Breach]:
    """Promise 3: at the end nothing is waiting, and nothing under way."""
    for intent in evidence.history.ledger.intents:
        if intent.state not in _FINAL:
            yield breach(intent.key, str(intent))
        for attempt in evidence.attempts_of.get(intent.id, ()):
            if attempt.outcome is None:
                yield breach(intent.key, f"{attempt}, of {intent}")


def contradictions(evidence: Evidence) -> Iterator[Breach]:
    """A change that wasn't decided without a call ended as its last attempt did."""
    for intent in evidence.history.ledger.intents:
        attempts = evidence.attempts_of.get(intent.id, ())
        odd = [each for each in attempts[:-1] if each.outcome not in _NOT_THE_LAST]
        if odd:
            yield breach(intent.key, f"{odd[0]} ended it, and more follow; {intent}")
        if intent.decided_at is None and intent.state in _FINAL:
            last = attempts[-1].outcome if attempts else "no attempt"
            if last != intent.state:
                yield breach(intent.key, f"{intent}, and its last attempt: {last}")


def miscounted(evidence: Evidence) -> Iterator[Breach]:
    """The attempts of a change are numbered from 1, and there are as many as it says."""
    for intent in evidence.history.ledger.intents:
        numbers = [attempt.number for attempt in evidence.attempts_of.get(intent.id, ())]
        if numbers != list(range(1, intent.attempts + 1)):
            yield breach(intent.key, f"{intent}, {intent.attempts} attempts, numbers {numbers}")


def without_reason(evidence: Evidence) -> Iterator[Breach]:
    """What ended without success says why: in words of its own, or by the answer to its last attempt."""
    for intent in evidence.history.ledger.intents:
        attempts = evidence.attempts_of.get(intent.id, ())
        has_answer = bool(attempts) and attempts[-1].http_status is not None
        if intent.state in _FINAL - {"succeeded"} and not intent.reason and not has_answer:
            yield breach(intent.key, str(intent))


def stale_custody(evidence: Evidence) -> Iterator[Breach]:
    """At the end, only what a window keeps paused is owed, be it one that is still to come by a clock put back."""
    due_at = {intent.id: intent.due_at for intent in evidence.history.ledger.intents}
    shown = evidence.clock.shows(evidence.end)
    for row in evidence.history.ledger.custody:
        spans = evidence.spans_at(row.key, evidence.end)
        if not row.is_left and due_at[row.intent_id] <= shown and spans and not any(spans):
            yield breach(row.key, f"owed by intent {row.intent_id}, and no window keeps it paused any more")
