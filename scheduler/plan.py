"""What to do about one campaign, from what the rules want, what the API shows and what we owe: pure, without effect.

It looks at the state that is wanted now, not at what was due in between: after an hour or a week without the daemon
the same plan comes out as if it had just been started.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

from rules.notation import duration_words
from rules.ruleset import Action, Timeline
from rules.timeline import LONGEST_SPAN_YEARS
from rules.windows import Exemption, Hold, QuietWindow, Span
from scheduler.ledger.records import Custody, Known, NewIntent, State, Status

# How late a resume may still be given back.
RESUME_LIMIT: Final = timedelta(hours=24)
# So many pauses of a campaign may be answered with success while it goes on running, before that's a failure.
MOST_ANSWERS: Final = 3
# How often it's asked again what campaigns do, while they are quiet.
RECHECK: Final = timedelta(minutes=5)
# How long after a pause that failed for good another one is due where it still runs; twice as long after the next.
FIRST_WAIT: Final = RECHECK
# From an instant to the end of the shortest span that it lies in.
INSTANT: Final = timedelta(microseconds=1)
# How far a span is followed at least that doesn't seem to end.
_NO_END_IN_SIGHT: Final = timedelta(days=365 * LONGEST_SPAN_YEARS)
# What became of a resume whose answer was lost, as far as anybody can tell.
RUNS_BY_US: Final = "it runs, most likely by an earlier attempt, whose answer was lost"
_OPEN: Final = frozenset({State.WAITING, State.CALLING})
_UNDONE: Final = _OPEN | {State.FAILED, State.MISSED}
_TOO_LATE: Final = "more than 24 hours late; left paused for a person to resume"
_BY_HOLD: Final = "a hold pauses it, and leaves it so"
_ON_ITS_WAY: Final = "an earlier pause of it is on its way"
_NOT_BEGUN: Final = "its window hasn't begun"
_NOT_ITS_OWN: Final = "its rule wasn't for this campaign yet"
_NEVER_PAUSED: Final = "already running: the pause that was cut off hasn't stopped it"
_BY_SOMEBODY: Final = "somebody resumed it inside the window; left running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a plan for one campaign rests on.

    `status` is the API's word for what the campaign does, None where it couldn't be asked or doesn't list it.
    `known` are the changes on record since the span or hold in question. `rules_since` is when the present rules
    came into force: a resume that no span's end asks for is due from then on. `in_force` is since when each rule is as
    it is, and `moved_at` when it was seen to have another folder or name than before, such that other rules are for
    it: what rules ask of the time before wasn't asked of it. `edited_at` is when other rules took the place of those
    that it was paused by, if they did.
    """

    account: str
    campaign: int
    timeline: Timeline
    now: datetime
    rules_since: datetime
    status: str | None
    custody: Custody | None
    known: Sequence[Known]
    moved_at: datetime | None = None
    in_force: Mapping[str, datetime] = field(default_factory=dict)
    edited_at: datetime | None = None


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
    """We owe this campaign nothing any more; `is_left`: it couldn't be given back, and a person must see to it."""

    custody: Custody
    reason: str
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """A pause was answered with success, and the campaign runs on: it's to be tried again."""

    account: str
    known: Known
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A pause was answered with success again and again, and the campaign runs on: it has failed."""

    account: str
    known: Known
    reason: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A waiting change isn't wanted any more, or there's nothing left to change; with success, by an earlier call."""

    account: str
    known: Known
    reason: str
    is_success: bool = False


@dataclass(frozen=True, slots=True)
class StillPaused:
    """A resume without an answer has ended, and its campaign is paused: who runs it from here on is somebody else."""

    account: str
    known: Known


Step = Due | Decided | Release | Withdraw | Again | GiveUp | StillPaused


def plan(situation: Situation) -> Iterator[Step]:
    """Say what is to be done now; nothing, where all is as it should be or on its way."""
    span = situation.timeline.span_at(situation.now)
    unwanted = {each: reason for each in situation.known if (reason := _why_unwanted(situation, each, span))}
    yield from (Withdraw(situation.account, each, reason) for each, reason in unwanted.items())
    known = [replace(each, state=State.SKIPPED) if each in unwanted else each for each in situation.known]
    if situation.status == Status.PAUSED:
        yield from (StillPaused(situation.account, each) for each in known if _is_in_doubt(each))
    # What was only simulated is due again.
    left = replace(situation, known=[each for each in known if each.state is not State.SIMULATED])
    hold = _pending_hold(left, span)
    if hold is not None and _is_of_another_folder(left, hold):
        yield Decided(_hold_intent(left, hold), State.SKIPPED, _NOT_ITS_OWN)
        hold = None
    futile = None if hold is not None else _without_effect(left, span)
    if hold is not None:
        yield _pause_or_skip(left, _hold_intent(left, hold))
    elif futile is not None:
        left = _tried_again(left, futile)
        yield from _try_again(situation, futile)
    pauses = [] if span is None else list(_pause(left, span, hold))
    yield from pauses
    if left.custody is not None and not any(isinstance(step, Release) for step in pauses):
        is_taken_anew = futile is None and (bool(_on_their_way(left)) or any(isinstance(step, Due) for step in pauses))
        yield from _give_back(left, left.custody, span, is_taken_anew=is_taken_anew)


def _why_unwanted(situation: Situation, known: Known, span: Span | None) -> str | None:
    """Why a change that waits needn't be made any more. One that has expired is ended by its lane."""
    if known.state is not State.WAITING or known.expires_at <= situation.now:
        return None
    if known.action is Action.RESUME:
        return _why_stay_paused(situation, span)
    if not _is_pause_wanted(situation, known, span):
        exempt = situation.timeline.exemptions_at(situation.now)
        return f"no longer wanted: {'; '.join(each.because for each in exempt) or 'the rules have changed'}"
    # After a call that may have arrived, one that is paused may be so by us: its lane finds out.
    return None if known.may_have_acted else why_not_pause(situation.status, is_ours=situation.custody is not None)


def _is_pause_wanted(situation: Situation, known: Known, span: Span | None) -> bool:
    return span is not None or _is_for_hold(situation, known)


def _is_for_hold(situation: Situation, known: Known) -> bool:
    return bool(situation.timeline.holds(known.due_at, known.due_at + INSTANT))


def _without_effect(situation: Situation, span: Span | None) -> Known | None:
    """The pause that was answered with success, though the campaign has run ever since."""
    last = _last_pause(situation, [each for each in situation.known if each.action is Action.PAUSE])
    if last is None or not last.is_unconfirmed or situation.status != Status.RUNNING:
        return None
    is_wanted = situation.now < last.expires_at and _is_pause_wanted(situation, last, span)
    return last if is_wanted and not _on_their_way(situation) else None


def _tried_again(situation: Situation, futile: Known) -> Situation:
    """The situation once that is on record."""
    is_over = futile.answers >= MOST_ANSWERS
    ended = replace(futile, state=State.FAILED if is_over else State.WAITING, is_unconfirmed=False)
    known = [ended if each is futile else each for each in situation.known]
    return replace(situation, known=known, custody=None if is_over else situation.custody)


def _try_again(situation: Situation, futile: Known) -> Iterator[Step]:
    if futile.answers < MOST_ANSWERS:
        yield Again(situation.account, futile, "paused, says the API, and still running: tried again")
        return
    reason = f"still running after {futile.answers} pauses that the API has answered with success"
    yield GiveUp(situation.account, futile, reason)
    if situation.custody is not None:
        yield Release(situation.custody, reason)


def _why_stay_paused(situation: Situation, span: Span | None) -> str | None:
    """Why a campaign isn't to be given back now; None where it is."""
    if situation.custody is None:
        return "it isn't in our custody any more"
    if kept := _left_paused(situation, situation.custody):
        return f"left paused for a person to resume ({kept[-1].because})"
    if span is not None:
        return "a quiet window has begun"
    # Only a clock that was put back can say so.
    return _NOT_BEGUN if situation.now < situation.custody.due_at else None


def _left_paused(situation: Situation, custody: Custody) -> tuple[QuietWindow | Hold, ...]:
    return _kept(situation, _counts_from(situation, custody))


def _kept(situation: Situation, since: datetime) -> tuple[QuietWindow | Hold, ...]:
    """What leaves paused what was paused at an instant, as far as it has begun and its rule was there in time."""
    kept = situation.timeline.left_paused(since, situation.now + INSTANT)
    return tuple(each for each in kept if not _is_before_its_rule(situation, each))


def _is_before_its_rule(situation: Situation, each: QuietWindow | Hold) -> bool:
    """Whether a window was over, or a hold too late to begin, when its rule came into force."""
    since = situation.in_force.get(each.rule)
    ends_at = each.end if isinstance(each, QuietWindow) else each.at + each.label.catch_up
    return since is not None and ends_at <= since


def _counts_from(situation: Situation, custody: Custody) -> datetime:
    """From when on the present rules have a say in what we owe."""
    return max(custody.due_at, situation.moved_at or custody.due_at)


def _is_of_another_folder(situation: Situation, hold: Hold) -> bool:
    """Whether what we hold for other rules was moved to those of a hold only after that."""
    moved_at = situation.moved_at
    return situation.custody is not None and moved_at is not None and hold.at < moved_at


def _pause(situation: Situation, span: Span, hold: Hold | None) -> Iterator[Step]:
    pauses = [each for each in situation.known if each.action is Action.PAUSE]
    asked_at = span.asked_at(situation.now)
    done = [each for each in pauses if _is_of(each, span, situation.now) and (not asked_at or asked_at <= each.due_at)]
    on_their_way = _on_their_way(situation)
    if not done and asked_at and on_their_way:
        # What comes of that one shows whether there's more to do.
        return
    if not done:
        # The start of a span that has none in sight would be another one next year.
        intent = _pause_intent(situation, span, asked_at or (situation.now if span.is_beginless else span.start))
        is_covered = (hold is not None or on_their_way) and situation.status in {None, Status.RUNNING}
        is_by_hold = hold is not None or any(_is_for_hold(situation, each) for each in on_their_way)
        reason = _BY_HOLD if is_by_hold else _ON_ITS_WAY
        yield Decided(intent, State.SKIPPED, reason) if is_covered else _pause_or_skip(situation, intent)
    elif situation.status != Status.RUNNING or on_their_way:
        return
    elif _was_resumed_by_somebody(situation, span, done) and not span.is_enforced(situation.now):
        yield from _leave_running(situation, _pause_intent(situation, span, situation.now), hold, done)
    elif hold is None and not _failed_just_now(situation, done):
        # It wasn't running when the window began, could not be paused then, was given back by a wrong clock, or
        # somebody resumed it and may not.
        yield Due(_pause_intent(situation, span, situation.now))


def _is_of(pause: Known, span: Span, now: datetime) -> bool:
    """Whether a pause was made for a span, or in it.

    The start of one without a beginning says nothing: it's another one next year, and there were other rules before.
    Its pauses last until now, or were to last for as long as anyone looks ahead.
    """
    if not span.is_beginless:
        return span.start <= pause.due_at
    return now < pause.expires_at or pause.expires_at - pause.due_at >= _NO_END_IN_SIGHT


def _is_open(known: Known, now: datetime) -> bool:
    return known.state is State.CALLING or (known.state is State.WAITING and now < known.expires_at)


def _on_their_way(situation: Situation) -> list[Known]:
    """The pauses that are under way, or wait and are wanted still."""
    return [each for each in situation.known if each.action is Action.PAUSE and _is_open(each, situation.now)]


def _failed_just_now(situation: Situation, pauses: Sequence[Known]) -> bool:
    """Whether it's too soon to try again what the API has refused: less and less often as long as it does."""
    failed = [each for each in pauses if each.state is State.FAILED and situation.now < each.expires_at]
    if not failed:
        return False
    last = failed[-1].due_at
    return last <= situation.now < last + FIRST_WAIT * (1 << min(len(failed) - 1, 16))


def _was_resumed_by_somebody(situation: Situation, span: Span, pauses: Sequence[Known]) -> bool:
    """Whether a campaign that runs had been seen paused by us in this span, and wasn't given back by ourselves since.

    Either one of its pauses had success, or it was paused still from an earlier span.
    """
    last = _last_pause(situation, pauses)
    if last is not None:
        return not last.is_unconfirmed
    was_paused = pauses[-1].state is State.SKIPPED and pauses[-1].status_before == Status.PAUSED
    is_held = situation.custody is not None and situation.custody.due_at < span.start
    is_by_us = any(map(_is_in_doubt, situation.known))
    return was_paused and not is_by_us and (is_held or _is_told(situation, pauses))


def _leave_running(situation: Situation, pause: NewIntent, hold: Hold | None, done: Sequence[Known]) -> Iterator[Step]:
    is_left = hold is None and not pause.owes_resume
    if situation.custody is not None or (is_left and not _is_told(situation, done)):
        # What was owed ends here, and the audit log says so; also where it was left to a person anyhow.
        yield Decided(replace(pause, action=Action.RESUME, owes_resume=False), State.SKIPPED, _BY_SOMEBODY)
    if situation.custody is not None:
        yield Release(situation.custody, _BY_SOMEBODY)


def _is_told(situation: Situation, pauses: Sequence[Known]) -> bool:
    """Whether what somebody has resumed since the last pause is on record."""
    return any(each.action is Action.RESUME and pauses[-1].due_at <= each.due_at for each in situation.known)


def _last_pause(situation: Situation, pauses: Sequence[Known]) -> Known | None:
    """The last of some pauses that had success, unless we have given back since what it took.

    That resume was recorded later, and was due later. One that was only due later gave back what was paused before the
    clock was put back; one that was only recorded later was for an earlier window than a pause that was first a miss.
    """
    paused = [each for each in pauses if each.state is State.SUCCEEDED]
    resumed = [each for each in situation.known if each.action is Action.RESUME and _may_have_given_back(each)]
    last = max(reversed(paused), key=lambda each: each.number, default=None)
    if last is None or any(last.number <= each.number and last.due_at <= each.due_at for each in resumed):
        return None
    return last


def _may_have_given_back(resume: Known) -> bool:
    """Whether it has run its campaign, as far as anybody knows: where its answer was lost, it may have."""
    return resume.state is State.SUCCEEDED or resume.may_have_acted


def _is_in_doubt(known: Known) -> bool:
    is_ended = known.state not in _OPEN and known.state is not State.SUCCEEDED
    return known.action is Action.RESUME and is_ended and known.may_have_acted


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
        owes_resume=not (_kept(situation, span.start) or _stands_for_a_hold(situation, span)),
    )


def _stands_for_a_hold(situation: Situation, span: Span) -> bool:
    """Whether a hold was still to pause it when the span began; in time, it would have left it paused."""
    return any(
        each.action is Action.PAUSE
        and each.due_at < span.start < each.expires_at
        and each.state in _UNDONE
        and _is_for_hold(situation, each)
        for each in situation.known
    )


def _pending_hold(situation: Situation, span: Span | None) -> Hold | None:
    """The last hold, if it wasn't acted on and it isn't too late; one at the very start of a span is one with it."""
    now, timeline = situation.now, situation.timeline
    past = timeline.holds(now - timeline.longest_catch_up + INSTANT, now + INSTANT)
    holds = [hold for hold in past if now < hold.at + hold.label.catch_up]
    if not holds or (span is not None and holds[-1].at == span.start):
        return None
    return None if any(_is_of_hold(each, holds[-1], now) for each in situation.known) else holds[-1]


def _is_of_hold(known: Known, hold: Hold, now: datetime) -> bool:
    """Whether a pause was for a hold, or for what came after it, and not only noted when that was over."""
    is_noted = known.state is State.MISSED or (known.state is State.SKIPPED and known.expires_at <= now)
    return known.action is Action.PAUSE and known.due_at >= hold.at and not is_noted


def _hold_intent(situation: Situation, hold: Hold) -> NewIntent:
    return NewIntent(
        account=situation.account,
        campaign=situation.campaign,
        action=Action.PAUSE,
        due_at=hold.at,
        expires_at=hold.at + hold.label.catch_up,
        rules=(hold.rule,),
        because=hold.because,
        status_before=situation.status,
    )


def _pause_or_skip(situation: Situation, intent: NewIntent) -> Step:
    reason = why_not_pause(situation.status, is_ours=situation.custody is not None)
    return Due(intent) if reason is None else Decided(intent, State.SKIPPED, reason)


def why_not_pause(status: str | None, *, is_ours: bool = False) -> str | None:
    """Why a campaign with this status needn't be paused; None where it must be, or where nobody knows."""
    if status in {None, Status.RUNNING}:
        return None
    if status == Status.PAUSED:
        return "already paused by Curfew" if is_ours else "already paused"
    return f"not running ({status})"


def _give_back(situation: Situation, custody: Custody, span: Span | None, *, is_taken_anew: bool) -> Iterator[Step]:
    why_stay = _why_stay_paused(situation, span)
    if why_stay is not None:
        if _left_paused(situation, custody):
            yield Release(custody, why_stay)
        elif (touched := _why_touched(situation, custody, span, is_taken_anew=is_taken_anew)) is not None:
            yield Decided(_touched_intent(situation, custody, span), State.SKIPPED, touched)
            yield Release(custody, touched)
        return
    resumes = [each for each in situation.known if each.action is Action.RESUME]
    if pending := [each for each in resumes if _is_open(each, situation.now)]:
        yield from _overtake(situation, custody, pending[-1])
        return
    intent = _resume_intent(situation, custody)
    # Resumes that have ended: withdrawn, overtaken by a window, or made by a clock that was ahead.
    on_record = {each.due_at for each in resumes}
    if situation.now >= intent.expires_at:
        missed = replace(intent, due_at=_free(intent.due_at, on_record))
        yield Decided(missed, State.MISSED, _TOO_LATE)
        yield Release(custody, _TOO_LATE, is_left=True)
        return
    if intent.due_at in on_record:
        # It's owed all the same, and was perhaps taken again since.
        intent = replace(intent, due_at=_free(situation.now, on_record))
    reason = _why_not_ours(situation, custody)
    if reason is None:
        yield Due(intent)
    else:
        yield Decided(intent, State.SKIPPED, reason)
        yield Release(custody, reason)


def _free(at: datetime, taken: Container[datetime]) -> datetime:
    """An instant, or the last one before it that isn't taken."""
    while at in taken:
        at -= INSTANT
    return at


def _why_not_ours(situation: Situation, custody: Custody) -> str | None:
    """What somebody else was seen to have done to a campaign that we hold paused; None where nobody was."""
    reason = why_not_resume(situation.status)
    return _NEVER_PAUSED if reason and custody.is_in_doubt and situation.status == Status.RUNNING else reason


def _why_touched(situation: Situation, custody: Custody, span: Span | None, *, is_taken_anew: bool) -> str | None:
    """The same before it's due to be given back: if it's paused again by then, that was somebody else.

    What runs inside a span is its pause's matter; only what an earlier span has paused is owed nothing any more.
    """
    if span is None or situation.status != Status.RUNNING:
        return _why_not_ours(situation, custody)
    is_by_us = any(map(_is_in_doubt, situation.known))
    if custody.due_at < span.start or (is_taken_anew and is_by_us):
        return RUNS_BY_US if is_by_us else _why_not_ours(situation, custody)
    return None


def _touched_intent(situation: Situation, custody: Custody, span: Span | None) -> NewIntent:
    if span is not None:
        return replace(_pause_intent(situation, span, situation.now), action=Action.RESUME, owes_resume=False)
    return NewIntent(
        account=situation.account,
        campaign=situation.campaign,
        action=Action.RESUME,
        due_at=situation.now,
        expires_at=custody.until,
        rules=custody.rules,
        because=_NOT_BEGUN,
        status_before=situation.status,
    )


def _overtake(situation: Situation, custody: Custody, pending: Known) -> Iterator[Step]:
    """End a resume that waits for its turn where its campaign was seen not to be paused any more.

    By an earlier attempt, or by somebody else: it's theirs from here on.
    """
    is_success = pending.may_have_acted and situation.status == Status.RUNNING
    reason = RUNS_BY_US if is_success else why_not_resume(situation.status)
    if reason and pending.state is State.WAITING:
        yield Withdraw(situation.account, pending, reason, is_success)
        yield Release(custody, reason)


def _resume_intent(situation: Situation, custody: Custody) -> NewIntent:
    timeline = situation.timeline
    ended = timeline.last_end(_counts_from(situation, custody), situation.now)
    due_at = _due_since(situation, custody, ended)
    span = timeline.span_at(ended - INSTANT) if ended else None
    windows = span.windows if span else ()
    exempt = timeline.exemptions_at(ended or custody.due_at)
    over = _spread(span, exempt)
    following = timeline.next_span(situation.now)
    limit = due_at + RESUME_LIMIT
    is_overtaken = following is not None and following.start <= limit
    expires_at = following.start if following is not None and is_overtaken else limit
    sources: tuple[Exemption | QuietWindow, ...] = (*exempt, *windows)
    because = "; ".join(dict.fromkeys(each.because for each in sources)) or "no rule keeps it paused any more"
    return NewIntent(
        account=situation.account,
        campaign=situation.campaign,
        action=Action.RESUME,
        due_at=due_at,
        expires_at=expires_at,
        rules=tuple(
            dict.fromkeys([*(each.rule for each in windows), *(name for each in exempt for name in each.rules)])
        ),
        because=f"{because}; resumes are spread over {duration_words(over)}" if over else because,
        status_before=situation.status,
        owes_resume=is_overtaken,
        not_before=due_at + _share(situation) * min(over, (expires_at - due_at) / 2) if over else None,
    )


def _due_since(situation: Situation, custody: Custody, ended: datetime | None) -> datetime:
    """Since when a resume is due: the end of a window, or later, where other rules than now kept it paused.

    These did so up to their change, or to the end that they had for it.
    """
    if ended is None:
        return max(min(situation.rules_since, custody.until), custody.taken_at)
    return ended if situation.edited_at is None else max(ended, min(situation.edited_at, custody.until))


def _spread(span: Span | None, exempt: Sequence[Exemption]) -> timedelta:
    """The time over which resumes are spread; what a person wants back for itself doesn't wait for others."""
    if any(each.resume_over is None for each in exempt):
        return timedelta()
    return max((each.resume_over or timedelta() for each in (span, *exempt) if each), default=timedelta())


def _share(situation: Situation) -> float:
    """A campaign's place among those that are resumed one after the other, from 0 to 1: the same each time."""
    digest = blake2b(f"{situation.account}/{situation.campaign}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) / (1 << 32)


def why_not_resume(
    status: str | None, *, bounce_shield_at: str | None = None, paused_since: datetime | None = None
) -> str | None:
    """Why a campaign in our custody isn't given back; None where it is, or where the list couldn't be had.

    `bounce_shield_at` is the API's text of the safety stop, in UTC where it has no offset. It counts from
    `paused_since` on: an older one was there when the campaign ran again. Text that names no instant counts as well.
    """
    if bounce_shield_at and bounce_shield_at.strip() and _is_since(bounce_shield_at.strip(), paused_since):
        return f"Bounce Shield stopped it ({bounce_shield_at}); a person must look at it first"
    if status in {None, Status.PAUSED}:
        return None
    if status == Status.RUNNING:
        return "already running: somebody resumed it"
    return f"not paused ({status})"


def _is_since(text: str, instant: datetime | None) -> bool:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return True
    is_day = ":" not in text
    # The text may leave out the parts of a second.
    return instant is None or is_day or at.replace(tzinfo=at.tzinfo or UTC) >= instant.replace(microsecond=0)
