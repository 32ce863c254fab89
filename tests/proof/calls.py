"""Whether each call was to be made: on record first, once, alone, inside a window or after it, and of what is ours."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tests.proof.evidence import MAKES, Breach, Evidence, breach
from tests.proof.history import PAUSED, RUNNING, Act, Call, IntentRow, Key, Plan, Reign
from tests.proof.matching import Tried
from tests.proof.replay import Change

# A call of so long ago may still be the reason why others have no time left.
SLOW = timedelta(seconds=60)
# The answer to a call that wasn't carried out.
TOO_MANY = 429


def not_on_record(evidence: Evidence) -> Iterator[Breach]:
    """Record, then call: every call was made by an attempt on record, and its answer is what that says."""
    for each in evidence.matched.unmatched:
        calls = ", ".join(f"{call.sequence}: {_answer(call)}" for call in each.calls)
        attempts = ", ".join(map(str, each.attempts)) or "none"
        yield breach(each.key, f"{each.action}: calls {calls}; attempts {attempts}")


def doubled(evidence: Evidence) -> Iterator[Breach]:
    """Promise 4: after its answer was recorded a change is sent again only if its campaign is seen not to obey."""
    for tried in evidence.matched.by_intent.values():
        for earlier, call in _after_success(tried):
            if call.status_before == MAKES[call.call]:
                yield breach(
                    call.key, f"call {call.sequence} for {tried[0].intent}, answered before: {earlier.attempt}"
                )


def _after_success(tried: Sequence[Tried]) -> Iterator[tuple[Tried, Call]]:
    success: Tried | None = None
    for each in tried:
        if success is not None and each.call is not None:
            yield success, each.call
        # After one whose answer was lost, nobody knows any more what its campaign does.
        success = each if each.attempt.outcome == "succeeded" else None


def number_marked(evidence: Evidence) -> int:
    """How many calls did again what an earlier one of the same change had done, whose answer was lost."""
    acted = (
        sum(each.call is not None and each.call.acted for each in tried)
        for tried in evidence.matched.by_intent.values()
    )
    return sum(max(number - 1, 0) for number in acted)


def side_by_side(evidence: Evidence) -> Iterator[Breach]:
    """Never more than one request in flight for an account, but for those that the client has given up."""
    under_way = defaultdict[tuple[str, int], list[Call]](list)
    for call in evidence.history.calls:
        others = under_way[call.account, call.life]
        others[:] = [each for each in others if _is_under_way(evidence, each, call.received_at)]
        for each in others if not _may_be_given_up(evidence, call) else ():
            whom = f"call {each.sequence} ({each.call} {each.campaign})"
            yield Breach(
                call.account, call.campaign, f"call {call.sequence} ({call.call}) came while {whom} was under way"
            )
        others.append(call)


def _is_under_way(evidence: Evidence, call: Call, at: datetime) -> bool:
    patience = evidence.history.gives_up_after.get(call.call)
    is_given_up = patience is not None and at - call.received_at >= patience
    return not is_given_up and (call.answered_at is None or call.answered_at > at)


def _may_be_given_up(evidence: Evidence, call: Call) -> bool:
    """Whether a call before has taken so long that the next one had hardly any time left: it waited for its turn."""
    patience = evidence.history.gives_up_after.get("list", timedelta.max)
    before = (each for each in evidence.calls_of(call.account, call.received_at - SLOW, call.received_at))
    return any((each.answered_at or call.received_at) - each.received_at >= patience for each in before)


def unwanted_pauses(evidence: Evidence) -> Iterator[Breach]:
    """A campaign is paused only while a window lasts, or shortly after a hold."""
    for call in evidence.posts:
        if call.call == "pause" and call.acted and not evidence.is_after_a_step(call):
            times, plans = evidence.sent_at(call), evidence.history.plans_at(call.received_at)
            if not any(_wants_pause(plan, call.key, at) for plan in plans for at in times):
                yield breach(call.key, f"call {call.sequence}, sent {_words(times)}")


def _wants_pause(plan: Plan, key: Key, at: datetime) -> bool:
    is_held = any(hold.at <= at < hold.at + hold.catch_up for hold in plan.holds.get(key, ()))
    return is_held or plan.span_at(key, at) is not None


def unwanted_resumes(evidence: Evidence) -> Iterator[Breach]:
    """Promise 1: a campaign isn't resumed while a window lasts."""
    for call in evidence.posts:
        if call.call == "run" and call.is_effective and not evidence.is_after_a_step(call):
            times, plans = evidence.sent_at(call), evidence.history.plans_at(call.received_at)
            if plans and all(plan.span_at(call.key, at) for plan in plans for at in times):
                yield breach(call.key, f"call {call.sequence}, sent {_words(times)}")


def unowed_resumes(evidence: Evidence) -> Iterator[Breach]:
    """Promise 2: only what our own pause has stopped is given back, as far as the daemon could see."""
    for call in evidence.posts:
        if call.call == "run" and call.is_effective and (why := _why_not_ours(evidence, call)):
            yield breach(call.key, f"call {call.sequence}: {why}")


def _why_not_ours(evidence: Evidence, call: Call) -> str | None:
    if call.status_before != PAUSED:
        return _why_not_paused(evidence, call)
    stop = evidence.replay.last_stop(call.key, call.received_at)
    if stop is None or not stop.is_ours:
        return _why_touched(evidence, call, stop)
    return _why_shielded(evidence, call, stop) or _why_held(evidence, call, stop)


def _why_not_paused(evidence: Evidence, call: Call) -> str | None:
    seen = (each for each in evidence.replay.seen(call.key, 0, call.sequence) if each.call.life == call.life)
    last = next(seen, None)
    if last is not None and PAUSED in last.statuses:
        return None
    return f"it was {call.status_before}, and nobody had seen it paused"


def _why_touched(evidence: Evidence, call: Call, stop: Change | None) -> str | None:
    """What shows that the daemon knew of somebody else's pause; None where it couldn't."""
    pauses = [each for each in evidence.posts_to[call.key] if each.call == "pause" and each.sequence < call.sequence]
    ours = [each for each in pauses if each.is_effective]
    if ours:
        # Resumed and paused again by somebody: that shows only to who looks in between.
        looks = evidence.replay.seen(call.key, ours[-1].sequence, call.sequence)
        if all(PAUSED in each.statuses or not each.is_kept for each in looks):
            return None
    if stop is not None and _may_have_been_ours(evidence, call.key, stop):
        return None
    later = [each for each in pauses if stop is not None and stop.since <= (each.answered_at or each.received_at)]
    if not later:
        return "somebody else had paused it"
    looks = evidence.replay.seen(call.key, 0, later[-1].sequence)
    is_known = any(each.is_kept and stop is not None and stop.until < each.call.received_at for each in looks)
    return "it was seen paused by somebody else before our own pause" if is_known else None


def _may_have_been_ours(evidence: Evidence, key: Key, stop: Change) -> bool:
    """Whether a pause of ours was in doubt when somebody else paused it: what is found paused counts as ours then."""
    shown = evidence.clock.shows(stop.until)
    intents = evidence.intents_of.get((key, "pause"), ())
    attempts = (attempt for intent in intents for attempt in evidence.attempts_of.get(intent.id, ()))
    # What found it paused without a call of its own has settled nothing.
    called = (each for each in attempts if each.outcome != "succeeded" or each.http_status is not None)
    last = max((each for each in called if each.started_at <= shown), key=lambda each: each.started_at, default=None)
    return last is not None and last.outcome in {"interrupted", "retried"}


def _why_shielded(evidence: Evidence, call: Call, stop: Change) -> str | None:
    # What came after the last look couldn't be seen.
    looks = (each.call for each in evidence.replay.seen(call.key, 0, call.sequence) if each.call.call == "get")
    last = next(looks, call).received_at
    acts = (act for act in evidence.history.acts if act.key == call.key and act.is_shield)
    has_acted = any(stop.since <= act.since and act.until < last for act in acts)
    return "Bounce Shield had stopped it" if has_acted else None


def _why_held(evidence: Evidence, call: Call, stop: Change) -> str | None:
    """Whether it was to be left paused: by a hold, or by a rule with `resume: false`, whatever version was in force."""
    tried = evidence.tried_of.get(stop.by.sequence) if isinstance(stop.by, Call) else None
    if tried is None:
        return None
    is_early = tried.attempt.started_at < tried.intent.due_at
    if is_early or evidence.clock.was_put_back(stop.since, call.received_at):
        # Put back to before a hold that its pause comes after, a clock makes another order of the two.
        return None
    reigns, at = evidence.history.reigns_at(call.received_at), evidence.sent_at(call)[0]
    if reigns and all(_is_left(evidence, reign, tried.intent, at) for reign in reigns):
        return f"{tried.intent} was to leave it paused"
    return None


def _is_left(evidence: Evidence, reign: Reign, pause: IntentRow, until: datetime) -> bool:
    """Whether the rules leave it paused; what was over before they were there has no say in it."""
    plan, span = reign.plan, reign.plan.span_at(pause.key, pause.due_at)
    if pause.due_at < evidence.clock.shows(reign.certain_from or reign.since):
        return False
    if span is None:
        return bool(plan.holds_between(pause.key, pause.due_at, pause.due_at + timedelta(microseconds=1)))
    return not span.is_given_back or bool(plan.holds_between(pause.key, span.start, min(span.end, until)))


def overruled_persons(evidence: Evidence) -> Iterator[Breach]:
    """What a person resumed inside a window stays running, once it had been seen paused."""
    for call in evidence.posts:
        if call.call == "pause" and call.is_effective and (tried := evidence.tried_of.get(call.sequence)):
            person = _resumed_by(evidence, call)
            earlier = None if person is None else _seen_pause(evidence, call, tried.intent, person)
            if earlier is not None:
                yield breach(call.key, f"call {call.sequence} for {tried.intent}, though {earlier} had been confirmed")


def _resumed_by(evidence: Evidence, call: Call) -> Act | None:
    """Who made it run that a call has paused: a person, not we."""
    before = [
        each for each in evidence.replay.changes(call.key) if each.by is not call and each.since < call.received_at
    ]
    last = before[-1].by if before else None
    return last if isinstance(last, Act) and last.status == RUNNING else None


def _seen_pause(evidence: Evidence, call: Call, intent: IntentRow, person: Act) -> IntentRow | None:
    """The earlier pause of the same span that a list had confirmed before a person resumed its campaign."""
    spans = [plan.span_at(call.key, intent.due_at) for plan in evidence.history.plans_at(call.received_at)]
    starts = {span.start for span in spans if span is not None and not span.is_enforced}
    if not spans or len(starts) != 1 or not all(span is not None and not span.is_enforced for span in spans):
        return None
    if any(
        plan.holds_between(call.key, *_span_of(plan, call.key, intent))
        for plan in evidence.history.plans_at(call.received_at)
    ):
        return None
    (start,) = starts
    for each in reversed(evidence.intents_of[call.key, "pause"]):
        if each.id < intent.id and start <= each.due_at <= intent.due_at and each.state == "succeeded":
            counts = _was_confirmed(evidence, each, person) and not _was_given_back(evidence, each, person)
            return each if counts else None
    return None


def _span_of(plan: Plan, key: Key, intent: IntentRow) -> tuple[datetime, datetime]:
    span = plan.span_at(key, intent.due_at)
    return (span.start, span.end) if span else (intent.due_at, intent.due_at)


def _was_given_back(evidence: Evidence, pause: IntentRow, person: Act) -> bool:
    """Whether we have run it again ourselves before a person did, or may have, as far as anybody could see."""
    calls, changes = evidence.calls_for(pause), evidence.replay.changes(pause.key)
    ours = (each.by for each in changes if each.is_ours and each.after == RUNNING and each.since < person.since)
    has_run = any(isinstance(each, Call) and calls[-1].sequence < each.sequence for each in ours)
    resumes = (each for each in evidence.intents_of.get((pause.key, "resume"), ()) if pause.id < each.id)
    tried = (each for resume in resumes for each in evidence.matched.by_intent.get(resume.id, ()))
    return has_run or any(_is_in_doubt(evidence, each, person) for each in tried)


def _is_in_doubt(evidence: Evidence, resume: Tried, person: Act) -> bool:
    """Whether the answer of a resume was lost, and no look has shown its campaign paused before a person ran it.

    Promise 1: quiet when in doubt. Nobody could tell then who has run it.
    """
    attempt, call = resume.attempt, resume.call
    is_lost = attempt.outcome == "interrupted" or (attempt.outcome == "retried" and attempt.http_status != TOO_MANY)
    if not is_lost or (call is not None and person.since <= call.received_at):
        return False
    following = (each.call for each in evidence.tried_of.values() if attempt.id < each.attempt.id)
    first = min((each.sequence for each in following if each), default=None) if call is None else call.sequence
    looks = evidence.replay.seen(resume.intent.key, first or 0, evidence.history.calls[-1].sequence)
    before = (each for each in looks if (each.call.answered_at or person.since) < person.since)
    return not any(each.is_kept and each.statuses == {PAUSED} for each in before)


def _was_confirmed(evidence: Evidence, pause: IntentRow, person: Act) -> bool:
    calls = evidence.calls_for(pause)
    if not calls or pause.confirmed_at is None:
        return False
    looks = evidence.replay.seen(pause.key, calls[-1].sequence, evidence.history.calls[-1].sequence)
    lists = (each for each in looks if each.call.call == "list" and each.is_kept)
    return any((each.call.answered_at or person.until) < person.since for each in lists)


def _answer(call: Call) -> str:
    return f"{call.http_status or 'no answer'}{f' ({call.fault})' if call.fault else ''}"


def _words(times: Sequence[datetime]) -> str:
    return " or ".join(dict.fromkeys(at.isoformat() for at in times))
