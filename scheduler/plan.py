"""What to do about one campaign, from what the rules want, what the API shows and what we owe: pure, without effect.

It looks at the state that is wanted now, not at what was due in between: after an hour or a week without the daemon
the same plan comes out as if it had just been started.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rules.ruleset import Action, Timeline
from rules.windows import Hold, Span
from scheduler.ledger.records import Custody, Known, NewIntent, State

# How late a hold may still begin, and a resume still be given back.
CATCH_UP: Final = timedelta(hours=24)
RESUME_LIMIT: Final = timedelta(hours=24)
_INSTANT: Final = timedelta(microseconds=1)
_OPEN: Final = frozenset({State.WAITING, State.CALLING})
_RUNNING: Final = "RUNNING"
_PAUSED: Final = "PAUSED"
_BY_HOLD: Final = "a hold has paused it, and leaves it so"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a plan for one campaign rests on.

    `status` is the API's word for what the campaign does, None where it couldn't be asked or doesn't list it.
    `known` are the changes on record since the span or hold in question. `rules_since` is when the present rules
    came into force: a resume that no span's end asks for is due from then on.
    """

    account: str
    campaign: int
    timeline: Timeline
    now: datetime
    rules_since: datetime
    status: str | None
    custody: Custody | None
    known: Sequence[Known]


@dataclass(frozen=True, slots=True)
class Due:
    """A call is to be made."""

    intent: NewIntent


@dataclass(frozen=True, slots=True)
class Decided:
    """A change that ends without a call."""

    intent: NewIntent
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """We owe this campaign nothing any more."""

    custody: Custody
    reason: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A waiting change isn't wanted any more, since the rules are others than when it was planned."""

    account: str
    known: Known
    reason: str


Step = Due | Decided | Release | Withdraw


def plan(situation: Situation) -> Iterator[Step]:
    """Say what is to be done now; nothing, where all is as it should be or on its way."""
    span = situation.timeline.span_at(situation.now)
    yield from _withdrawn(situation, span)
    hold = _pending_hold(situation, span)
    if hold is not None:
        yield _pause_or_skip(situation, _hold_intent(situation, hold))
    if span is not None:
        yield from _pause(situation, span, hold)
    if situation.custody is not None:
        yield from _give_back(situation, situation.custody, span)


def _withdrawn(situation: Situation, span: Span | None) -> Iterator[Step]:
    for each in situation.known:
        # What has expired is ended by its lane, which knows how often it was tried.
        if each.state is State.WAITING and situation.now < each.expires_at and not _is_wanted(situation, each, span):
            yield Withdraw(situation.account, each, "no longer wanted: the rules have changed")


def _is_wanted(situation: Situation, known: Known, span: Span | None) -> bool:
    if known.action is Action.RESUME:
        return span is None
    return span is not None or bool(situation.timeline.holds(known.due_at, known.due_at + _INSTANT))


def _pause(situation: Situation, span: Span, hold: Hold | None) -> Iterator[Step]:
    pauses = [each for each in situation.known if each.action is Action.PAUSE]
    done = [each for each in pauses if span.start <= each.due_at]
    latest = done[-1] if done else None
    if latest is None or latest.state is State.SIMULATED:
        intent = _pause_intent(situation, span, span.start)
        is_covered = hold is not None and situation.status in {None, _RUNNING}
        yield Decided(intent, State.SKIPPED, _BY_HOLD) if is_covered else _pause_or_skip(situation, intent)
    elif situation.status != _RUNNING or any(each.state in _OPEN for each in pauses):
        return
    elif any(each.state is State.SUCCEEDED for each in done):
        # It runs although our pause succeeded: a person wanted it so.
        if situation.custody is not None:
            yield Release(situation.custody, "somebody resumed it inside the window; left running")
    elif hold is None:
        # It wasn't running when the window began, or could not be paused then; it runs now.
        yield Due(_pause_intent(situation, span, situation.now))


def _pause_intent(situation: Situation, span: Span, due_at: datetime) -> NewIntent:
    sources = span.windows
    return NewIntent(
        account=situation.account,
        campaign=situation.campaign,
        action=Action.PAUSE,
        due_at=due_at,
        expires_at=span.end,
        rules=tuple(dict.fromkeys(window.rule for window in sources)),
        because="; ".join(dict.fromkeys(window.because for window in sources)),
        status_before=situation.status,
        owes_resume=not situation.timeline.holds(span.start, situation.now + _INSTANT),
    )


def _pending_hold(situation: Situation, span: Span | None) -> Hold | None:
    """The last hold, if it wasn't acted on and it isn't too late; one at the very start of a span is one with it."""
    holds = situation.timeline.holds(situation.now - CATCH_UP + _INSTANT, situation.now + _INSTANT)
    if not holds or (span is not None and holds[-1].at == span.start):
        return None
    pauses = [each for each in situation.known if each.action is Action.PAUSE and _is_real(each)]
    return None if any(each.due_at >= holds[-1].at for each in pauses) else holds[-1]


def _is_real(known: Known) -> bool:
    return known.state is not State.SIMULATED


def _hold_intent(situation: Situation, hold: Hold) -> NewIntent:
    return NewIntent(
        account=situation.account,
        campaign=situation.campaign,
        action=Action.PAUSE,
        due_at=hold.at,
        expires_at=hold.at + CATCH_UP,
        rules=(hold.rule,),
        because=hold.because,
        status_before=situation.status,
    )


def _pause_or_skip(situation: Situation, intent: NewIntent) -> Step:
    reason = why_not_pause(situation.status, is_ours=situation.custody is not None)
    return Due(intent) if reason is None else Decided(intent, State.SKIPPED, reason)


def why_not_pause(status: str | None, *, is_ours: bool = False) -> str | None:
    """Why a campaign with this status needn't be paused; None where it must be, or where nobody knows."""
    if status in {None, _RUNNING}:
        return None
    if status == _PAUSED:
        return "already paused by Curfew" if is_ours else "already paused"
    return f"not running ({status})"


def _give_back(situation: Situation, custody: Custody, span: Span | None) -> Iterator[Step]:
    timeline, now = situation.timeline, situation.now
    held = timeline.holds(custody.due_at, now + _INSTANT)
    if held:
        yield Release(custody, f"left paused for a person to resume ({held[-1].because})")
        return
    if span is not None:
        return
    intent = _resume_intent(situation, custody)
    if any(
        each.action is Action.RESUME and each.due_at == intent.due_at and _is_real(each) for each in situation.known
    ):
        return
    if now >= intent.expires_at:
        yield Decided(intent, State.MISSED, "more than 24 hours late; left paused for a person to resume")
        return
    reason = why_not_resume(situation.status)
    if reason is None:
        yield Due(intent)
    else:
        yield Decided(intent, State.SKIPPED, reason)
        yield Release(custody, reason)


def _resume_intent(situation: Situation, custody: Custody) -> NewIntent:
    timeline = situation.timeline
    ended = timeline.last_end(custody.due_at, situation.now)
    due_at = ended or max(situation.rules_since, custody.taken_at)
    windows = span.windows if ended and (span := timeline.span_at(ended - _INSTANT)) else ()
    following = timeline.next_span(situation.now)
    limit = due_at + RESUME_LIMIT
    return NewIntent(
        account=situation.account,
        campaign=situation.campaign,
        action=Action.RESUME,
        due_at=due_at,
        expires_at=min(limit, following.start) if following else limit,
        rules=tuple(dict.fromkeys(window.rule for window in windows)),
        because="; ".join(dict.fromkeys(window.because for window in windows)) or "no rule keeps it paused any more",
        status_before=situation.status,
    )


def why_not_resume(status: str | None, *, bounce_shield_at: str | None = None) -> str | None:
    """Why a campaign in our custody isn't given back; None where it is, or where the list couldn't be had."""
    if bounce_shield_at is not None:
        return f"Bounce Shield stopped it ({bounce_shield_at}); a person must look at it first"
    if status in {None, _PAUSED}:
        return None
    if status == _RUNNING:
        return "already running: somebody resumed it"
    return f"not paused ({status})"
