"""Whether the campaigns are as the rules say, each time they had settled: the sandbox's own word against the plan's."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from tests.proof.dues import has_taken
from tests.proof.evidence import Breach, Evidence, breach
from tests.proof.history import PAUSED, RUNNING, Act, Call, IntentRow, Key, Look, Quiet, Reign
from tests.proof.replay import Change

_A_DAY = timedelta(hours=24)


def running_when_quiet(evidence: Evidence) -> Iterator[Breach]:
    """Promise 1: inside a window nothing runs, but what a person has resumed, and what the API refuses to pause."""
    for look in evidence.history.looks:
        for key, status in look.statuses.items():
            spans = evidence.spans_at(key, look.at)
            if status == RUNNING and spans and all(spans) and not _may_run(evidence, key, look, spans):
                yield breach(key, f"it runs at {look.at.isoformat()}; {_last_words(evidence, key, 'pause')}")


def _may_run(evidence: Evidence, key: Key, look: Look, spans: list[Quiet | None]) -> bool:
    start = min(span.start for span in spans if span is not None)
    rows = [row for row in evidence.intents_of.get((key, "pause"), ()) if start <= row.due_at]
    if any(row.state == "failed" and _is_not_yet_again(evidence, row, look) for row in rows):
        return True
    was_put_back = evidence.clock.was_put_back(datetime.min.replace(tzinfo=UTC), look.at)
    changes = [each for each in evidence.replay.changes(key) if each.since < look.at]
    shown = evidence.clock.shows(look.at)
    is_enforced = all(span is not None and span.is_enforced_at(shown) for span in spans)
    was_paused = any(row.state == "succeeded" for row in rows) and not is_enforced
    if was_put_back and was_paused and _was_resumed_after(evidence, rows, changes):
        # What a person has resumed in a window stays so when it comes once more.
        return True
    last = changes[-1] if changes else None
    if last is None or not isinstance(last.by, Act):
        return False
    was_held = not is_enforced and _was_held(evidence, key, rows, last)
    return was_paused or was_held or not _was_listed_since(evidence, key, last, look)


def _was_held(evidence: Evidence, key: Key, pauses: Sequence[IntentRow], change: Change) -> bool:
    """Whether it was seen in the window as an earlier one had left it, paused by us, before somebody made it run."""
    stop = evidence.replay.last_stop(key, change.since)
    is_seen = any(row.state == "skipped" and row.status_before == PAUSED for row in pauses)
    return is_seen and stop is not None and isinstance(stop.by, Call)


def _is_not_yet_again(evidence: Evidence, failed: IntentRow, look: Look) -> bool:
    """Whether it needn't have been tried again: the next try waits five minutes, and then longer.

    That's longer than the windows here. What failed since its time was over has another chance in the next window, or
    where the clock was put back into that one, five minutes later by that clock.
    """
    calls = evidence.calls_for(failed)
    since = calls[0].received_at if calls else datetime.min.replace(tzinfo=UTC)
    return _was_refused(evidence, failed) or evidence.clock.was_put_back(since, look.at)


def _was_resumed_after(evidence: Evidence, pauses: Sequence[IntentRow], changes: Sequence[Change]) -> bool:
    """Whether somebody else has made it run after a pause of a window had arrived."""
    calls = [call for each in pauses if each.state == "succeeded" for call in evidence.calls_for(each)]
    first = min((call.received_at for call in calls), default=None)
    return first is not None and any(
        not each.is_ours and each.after == RUNNING and first < each.until for each in changes
    )


def _was_listed_since(evidence: Evidence, key: Key, change: Change, look: Look) -> bool:
    looks = evidence.replay.seen(key, 0, evidence.history.calls[-1].sequence + 1 if evidence.history.calls else 0)
    lists = (each.call for each in looks if each.call.call == "list")
    return any(change.until < each.received_at and (each.answered_at or look.at) < look.at for each in lists)


def _was_refused(evidence: Evidence, row: IntentRow) -> bool:
    """Whether the API had said that it won't do it, however often it's asked."""
    return any(each.http_status in {400, 404, 409} for each in evidence.attempts_of.get(row.id, ()))


def paused_for_ever(evidence: Evidence) -> Iterator[Breach]:
    """Promise 2: outside of any window, what we have taken is given back, or it's on record why a person must."""
    for look in evidence.history.looks:
        for key, status in look.statuses.items():
            spans = evidence.spans_at(key, look.at)
            if status == PAUSED and spans and not any(spans):
                stop = evidence.replay.last_stop(key, look.at)
                if stop is not None and isinstance(stop.by, Call) and not _may_stay(evidence, look, stop, stop.by):
                    yield breach(key, f"paused by call {stop.by.sequence}; {_last_words(evidence, key, 'resume')}")


def _may_stay(evidence: Evidence, look: Look, stop: Change, call: Call) -> bool:
    tried = evidence.tried_of.get(call.sequence)
    if tried is None:
        # That it isn't on record is another law's matter.
        return True
    pause, shown = tried.intent, evidence.clock.shows(look.at)
    if shown < pause.due_at:
        # The clock was put back to before its window: that's still to come, and gives it back.
        return True
    if any(_leaves(evidence, reign, pause, call, look) for reign in evidence.history.reigns):
        return True
    if any(plan.leaves_paused(pause.key, pause.due_at, shown) for plan in evidence.history.plans_at(call.received_at)):
        return True
    ends = [row for row in evidence.intents_of.get((pause.key, "resume"), ()) if row.id > pause.id]
    return any(_is_excuse(evidence, row, pause, stop) for row in ends)


def _leaves(evidence: Evidence, reign: Reign, pause: IntentRow, call: Call, look: Look) -> bool:
    """Whether a version of the file that was in force since the call leaves it paused, by what began up to its end."""
    if look.at < reign.since or reign.until <= call.received_at:
        return False
    end = evidence.clock.shows(min(reign.until, look.at))
    return reign.plan.leaves_paused(pause.key, pause.due_at, end)


def _is_excuse(evidence: Evidence, end: IntentRow, pause: IntentRow, stop: Change) -> bool:
    """Whether a resume that wasn't made is on record with a reason that the log bears out."""
    match end.state:
        case "missed":
            return (end.decided_at or end.recorded_at) - end.due_at >= _A_DAY
        case "failed":
            is_late = (end.decided_at or end.recorded_at) - end.due_at >= _A_DAY
            return is_late or _was_refused(evidence, end)
        case "skipped":
            # Nobody knew what it did before, or somebody else has had a hand in it.
            # From when a pause is due on nobody can tell whether somebody else was quicker.
            acts = [act for act in evidence.history.acts if act.key == end.key]
            is_since = any(evidence.clock.shows(act.until) >= pause.due_at or act.until >= stop.since for act in acts)
            return not has_taken(pause) or is_since
    return False


def changed_by_nobody(evidence: Evidence) -> Iterator[Breach]:
    """What the log says of a campaign is what calls and acts have made of it: nothing of the history is missing."""
    for call in evidence.posts:
        until = call.answered_at or call.received_at
        if call.status_before and call.status_before not in evidence.replay.statuses(call.key, call.received_at, until):
            yield breach(call.key, f"it was {call.status_before} when call {call.sequence} came")
    for look in evidence.history.looks:
        for key, status in look.statuses.items():
            if status not in evidence.replay.statuses(key, look.at, look.at):
                yield breach(key, f"it was {status} at {look.at.isoformat()}")


def left_to_persons(evidence: Evidence) -> Mapping[str, int]:
    """Why campaigns weren't given back, and how often."""
    ends = (each for each in evidence.history.ledger.intents if each.action == "resume")
    return Counter(each.reason or "refused" for each in ends if each.state in {"skipped", "missed", "failed"})


def _last_words(evidence: Evidence, key: Key, action: str) -> str:
    rows = evidence.intents_of.get((key, action), ())
    return f"the last on record: {rows[-1]}" if rows else f"no {action} is on record"
