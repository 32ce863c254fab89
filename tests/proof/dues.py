"""What was due by the rules, and whether all of it is on record: nothing lost, and nothing that no rule asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from tests.proof.evidence import Breach, Evidence, breach
from tests.proof.history import RUNNING, IntentRow, Key, Quiet
from tests.proof.matching import SLACK


@dataclass(frozen=True, slots=True)
class Due:
    """A pause that was due at the start of a span; `looked_at`: when it had settled in it first, if ever."""

    key: Key
    span: Quiet
    looked_at: datetime | None


def not_on_record(evidence: Evidence) -> Iterator[Breach]:
    """Promise 3: every pause that was due has a row, whatever came of it."""
    for due in _dues(evidence):
        if not _is_on_record(evidence, due) and (due.looked_at or evidence.history.records_missed):
            seen = "it had settled in it" if due.looked_at else "it passed"
            yield breach(due.key, f"no pause for the span {_words(due.span)}, though {seen}")


def debts_without_end(evidence: Evidence) -> Iterator[Breach]:
    """Promise 3 for resumes: what a pause took was given back, or it's on record why not, before the next one took it.

    What is owed at the end is judged by `states.paused_for_ever`. Nothing is owed where the rules leave a campaign
    paused, nor where somebody else has resumed it.
    """
    for key in evidence.keys:
        taken = [each for each in evidence.intents_of.get((key, "pause"), ()) if has_taken(each)]
        ends = [each.id for each in evidence.intents_of.get((key, "resume"), ())]
        for debt, following in pairwise(taken):
            has_ended = any(debt.id < each < following.id for each in ends)
            if not (has_ended or _is_left(evidence, debt, following) or _was_resumed(evidence, debt, following)):
                yield breach(key, f"{debt} took it, and no resume is on record before {following}")


def _is_left(evidence: Evidence, debt: IntentRow, following: IntentRow) -> bool:
    plans = evidence.plans_in(debt.recorded_at - SLACK, following.recorded_at + SLACK)
    return any(plan.leaves_paused(debt.key, debt.due_at, following.due_at) for plan in plans)


def _was_resumed(evidence: Evidence, debt: IntentRow, following: IntentRow) -> bool:
    """Whether somebody else made it run between the calls of two pauses."""
    calls = [evidence.calls_for(each) for each in (debt, following)]
    if not all(calls):
        return False
    since, until = calls[0][0].received_at, calls[1][-1].received_at
    changes = evidence.replay.changes(debt.key)
    return any(not each.is_ours and each.after == RUNNING and since <= each.since <= until for each in changes)


def not_asked_for(evidence: Evidence) -> Iterator[Breach]:
    """Each pause on record is due in a span, or at a hold, of a version of the file that may have been in force."""
    for key in evidence.keys:
        for intent in evidence.intents_of.get((key, "pause"), ()):
            around = intent.recorded_at - SLACK, intent.recorded_at + SLACK
            if not any(
                plan.span_at(key, intent.due_at) or any(hold.at == intent.due_at for hold in plan.holds.get(key, ()))
                for plan in evidence.plans_in(*around)
            ):
                yield breach(key, f"{intent}, recorded {intent.recorded_at.isoformat()}")


def has_taken(intent: IntentRow) -> bool:
    """Whether a pause has put a campaign into custody."""
    is_success = intent.action == "pause" and intent.state == "succeeded"
    return is_success and intent.owes_resume and intent.status_before == RUNNING


def number(evidence: Evidence) -> int:
    """How many changes were due: the pauses by the rules that had to be recorded, and a resume for each that took."""
    needs_record = evidence.history.records_missed
    pauses = sum(needs_record or due.looked_at is not None or _is_on_record(evidence, due) for due in _dues(evidence))
    return pauses + sum(map(has_taken, evidence.history.ledger.intents))


def number_unseen(evidence: Evidence) -> int:
    """How many spans passed that no daemon looked at, and that need no record."""
    is_free = not evidence.history.records_missed
    return sum(is_free and due.looked_at is None and not _is_on_record(evidence, due) for due in _dues(evidence))


@lru_cache(maxsize=1)
def _dues(evidence: Evidence) -> tuple[Due, ...]:
    passed = {(due.key, due.span.start): due for due in (Due(*each, None) for each in _passed(evidence))}
    looked_at = {(due.key, due.span.start): due for due in _looked_at(evidence)}
    return tuple(due for _, due in sorted((passed | looked_at).items(), key=lambda each: each[0]))


def _looked_at(evidence: Evidence) -> Iterator[Due]:
    for look in reversed(evidence.history.looks):
        for key in look.statuses:
            spans = evidence.spans_at(key, look.at)
            if len(spans) == 1 and spans[0] is not None:
                yield Due(key, spans[0], look.at)


def _passed(evidence: Evidence) -> Iterator[tuple[Key, Quiet]]:
    """The spans that began and ended in the run, by every version of the file that was in force in them."""
    first = evidence.clock.shows(min(reign.since for reign in evidence.history.reigns))
    last = evidence.clock.shows(evidence.end)
    for key in evidence.keys:
        known = {span for reign in evidence.history.reigns for span in reign.plan.spans.get(key, ())}
        for span in known:
            if first < span.start and span.end <= last and _is_certain(evidence, key, span):
                yield key, span


def _is_certain(evidence: Evidence, key: Key, span: Quiet) -> bool:
    """Whether one version alone was in force from before a span until its end was noticed, and the campaign ran in it.

    What another version makes of a span that has passed is its own: a rule that was changed begins anew.
    """
    stretches = list(_true_times(evidence, span.start, span.end))
    if not stretches or not any(RUNNING in evidence.replay.statuses(key, *stretch) for stretch in stretches):
        return False
    noticed_at = evidence.listed_after(key[0], stretches[-1][1])
    if noticed_at is None:
        return False
    first, last = stretches[0][0] - SLACK, noticed_at + SLACK
    plans = [each.plan for each in evidence.history.reigns if each.since <= last and first < each.until]
    return len(plans) == 1 and span in plans[0].spans.get(key, ())


def _true_times(evidence: Evidence, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When the daemon's clock showed `[start, end]`; the instant at which it jumped over all of it."""
    clock = evidence.clock
    since = min(reign.since for reign in evidence.history.reigns)
    shown = clock.shows(since)
    for until in [*(at for at, _ in clock.steps if at < evidence.end), evidence.end]:
        ahead = clock.ahead(since)
        if shown < start and end < since + ahead:
            yield since, since
        first, last = max(since, start - ahead), min(until, end - ahead)
        if first <= last:
            yield first, last
        since, shown = max(since, until), until + ahead


def _is_on_record(evidence: Evidence, due: Due) -> bool:
    rows = evidence.intents_of.get((due.key, "pause"), ())
    if due.looked_at:
        # The rules may have changed in it, so that it began at another time when it was recorded. What was paused
        # before by a clock that was ahead is paused for this one as well: no edge is acted on twice.
        until = max(due.span.end, evidence.clock.latest(due.looked_at))
        return any(due.span.start <= row.due_at < until for row in rows)
    return any(row.due_at == due.span.start or _covers(row, due.span) for row in rows)


def _covers(row: IntentRow, span: Quiet) -> bool:
    """Whether one line stands for several spans that were missed."""
    is_noted = row.state in {"missed", "skipped"} and row.attempts == 0
    return is_noted and row.due_at <= span.start and span.end <= row.expires_at


def _words(span: Quiet) -> str:
    return f"{span.start.isoformat()} to {span.end.isoformat()}"
