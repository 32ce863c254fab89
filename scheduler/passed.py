"""What passed while nobody could act on it: whole spans, and holds that are too late now. Pure.

Each rule has one line for each campaign, however much has passed: who comes back after a week wants to read what was
missed, not each night of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rules.ruleset import Action, Timeline
from rules.windows import Hold, QuietWindow, Span
from scheduler.ledger.records import NewIntent, OnRecord, State
from scheduler.plan import INSTANT, Decided


@dataclass(frozen=True, slots=True)
class Passed:
    """The spans of a timeline that have ended within a stretch of time, and the holds that came to be too late."""

    spans: Sequence[Span]
    holds: Sequence[Hold]

    def __bool__(self) -> bool:
        return bool(self.spans or self.holds)

    @property
    def since(self) -> datetime:
        """When the first of them began."""
        return min([*(span.start for span in self.spans), *(hold.at for hold in self.holds)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What has passed of one rule for one campaign, and how it's to be recorded."""

    decided: Decided
    windows: Sequence[QuietWindow]
    holds: Sequence[Hold]


def passed(timeline: Timeline, since: datetime, until: datetime) -> Passed:
    """What of a timeline has passed in `(since, until]`: each span, and each hold, in one such stretch only."""
    spans = [span for span in timeline.spans(since, until) if since < span.end <= until and not span.is_endless]
    holds = timeline.holds(since - timeline.longest_catch_up, until) if timeline.has_holds else []
    return Passed(spans, [hold for hold in holds if since < _too_late_at(hold) <= until])


def lines(
    found: Passed,
    *,
    account: str,
    campaign: int,
    pauses: Sequence[OnRecord],
    in_force: Mapping[str, datetime],
    why_quiet: str | None,
    why: str,
) -> Iterator[Line]:
    """One line for each rule with a part in what has passed, but for what is on record already.

    `in_force` is since when each rule is as it is: what was over by then wasn't asked of anybody. `why_quiet` says why
    the campaign was to be left alone all the time, if it was.
    """
    by_rule: dict[str, list[_Part]] = {}
    for part in _unrecorded(found, pauses):
        since = in_force.get(part.source.rule)
        if since is None or since < part.is_over_at:
            by_rule.setdefault(part.source.rule, []).append(part)
    taken: set[datetime] = set()
    for rule, parts in sorted(by_rule.items()):
        due_at = min(part.source[0] for part in parts)
        while due_at in taken:
            # The key has no rule in it.
            due_at += INSTANT
        taken.add(due_at)
        intent = NewIntent(
            account=account,
            campaign=campaign,
            action=Action.PAUSE,
            due_at=due_at,
            expires_at=max(part.wanted_until for part in parts),
            rules=(rule,),
            because="; ".join(dict.fromkeys(part.source.because for part in parts)),
        )
        windows = [part.source for part in parts if isinstance(part.source, QuietWindow)]
        holds = [part.source for part in parts if isinstance(part.source, Hold)]
        reason = f"{_words(windows, holds)} {why}, {_when(windows, holds)}"
        yield Line(decided=_decided(intent, reason, why_quiet), windows=windows, holds=holds)


def _decided(intent: NewIntent, reason: str, why_quiet: str | None) -> Decided:
    if why_quiet is None:
        return Decided(intent, State.MISSED, reason)
    return Decided(intent, State.SKIPPED, f"{why_quiet}; {reason}")


@dataclass(frozen=True, slots=True)
class _Part:
    """A window, or a hold, and until when the pause was wanted that it had a part in."""

    source: QuietWindow | Hold
    wanted_until: datetime

    @property
    def is_over_at(self) -> datetime:
        return self.source.end if isinstance(self.source, QuietWindow) else self.wanted_until


def _unrecorded(found: Passed, pauses: Sequence[OnRecord]) -> Iterator[_Part]:
    for span in found.spans:
        if not any(pause.is_of(span.start, span.end) for pause in pauses):
            yield from (_Part(window, span.end) for window in span.windows)
    for hold in found.holds:
        too_late_at = _too_late_at(hold)
        if not any(pause.is_of(hold.at, too_late_at) for pause in pauses):
            yield _Part(hold, too_late_at)


def _too_late_at(hold: Hold) -> datetime:
    return hold.at + hold.label.catch_up


def _words(windows: Sequence[QuietWindow], holds: Sequence[Hold]) -> str:
    """How many there are: `2 windows and 1 hold passed`."""
    counts = ((len(windows), "window"), (len(holds), "hold"))
    return " and ".join(f"{number} {what}{'s' * (number > 1)}" for number, what in counts if number) + " passed"


def _when(windows: Sequence[QuietWindow], holds: Sequence[Hold]) -> str:
    instants = [at for window in windows for at in (window.start, window.end)] + [hold.at for hold in holds]
    first, last = min(instants), max(instants)
    return f"at {_text(first)}" if first == last else f"from {_text(first)} until {_text(last)}"


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%MZ}"
