"""A person's exceptions to the rules: a window skipped or made longer, a campaign paused or resumed now. Pure.

Each has an end, and changes what the rules say up to there and nothing else: what follows from it (who is paused,
who is given back) is planned as from any other rule.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from rules.patterns import HoldPattern, WindowPattern
from rules.ruleset import Rule, Ruleset, Selector
from rules.windows import Exemption, Hold, Label, QuietWindow, cut
from rules.words import NAME

# What the label of an override has for the number of its entry.
NO_ENTRY: Final = -1


class OverrideKind(StrEnum):
    """What an override does."""

    SKIP = "skip"
    EXTEND = "extend"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One exception. Instants are UTC, `[starts_at, ends_at)`.

    `skip` drops the windows and holds of a rule that begin then; `extend` makes a rule quiet then, too; `pause` makes a
    campaign quiet then; `resume` lifts whatever makes a campaign quiet then. Of a pause and a resume, the later one
    counts.
    """

    id: int
    kind: OverrideKind
    account: str
    rule: str | None = None
    campaign: int | None = None
    starts_at: datetime
    ends_at: datetime
    author: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"

    @property
    def name(self) -> str:
        """What it's called where rules have their names."""
        return f"{NAME}{self.id}"

    @property
    def words(self) -> str:
        """What it does, and who says so, and why."""
        whom = f"rule {self.rule}" if self.rule is not None else f"campaign {self.campaign}"
        return f"{self.kind} {whom}, by {self.author}{f' ({self.reason})' if self.reason else ''}"

    def bears_on(self, account: str, campaign: int | None, rules: Container[str]) -> bool:
        """Whether it changes anything for a campaign, or (None) for those that some rules select."""
        if self.rule is not None:
            return self.rule in rules
        return self.account == account and self.campaign == campaign


def overridden(ruleset: Ruleset, overrides: Iterable[Override], zone: ZoneInfo) -> Ruleset:
    """The rules as they are with some exceptions; one for a rule that isn't there any more changes nothing.

    `zone` is the one in which exceptions for a single campaign are shown.
    """
    chosen = sorted(overrides, key=lambda override: override.id)
    if not chosen:
        return ruleset
    rules = [_changed(rule, [each for each in chosen if each.rule == rule.name]) for rule in ruleset.rules]
    names = {rule.name for rule in rules}
    for group in _by_campaign(chosen):
        rules += [_of_campaign(each, group[number:], names, zone) for number, each in enumerate(group, 1)]
    return Ruleset(rules)


def _by_campaign(overrides: Iterable[Override]) -> Iterable[list[Override]]:
    groups: dict[tuple[str, int], list[Override]] = {}
    for each in overrides:
        if each.campaign is not None:
            groups.setdefault((each.account, each.campaign), []).append(each)
    return groups.values()


def _changed(rule: Rule, overrides: Sequence[Override]) -> Rule:
    if not overrides:
        return rule
    skips = _skips(rule, overrides)
    # Who skips a window that was made longer means all of it.
    longer = (
        _WindowsWithout(_Once(each, _label_in(rule, each)), _skips(rule, overrides[number:]))
        for number, each in enumerate(overrides)
        if each.kind is OverrideKind.EXTEND
    )
    return replace(
        rule,
        windows=(*(_WindowsWithout(pattern, skips) for pattern in rule.windows), *longer),
        holds=tuple(_HoldsWithout(pattern, skips) for pattern in rule.holds),
        skips=skips,
    )


def _skips(rule: Rule, overrides: Iterable[Override]) -> tuple[Exemption, ...]:
    over = _label_of(rule).resume_over
    return tuple(
        Exemption(each.starts_at, each.ends_at, (rule.name, each.name), str(each), over)
        for each in overrides
        if each.kind is OverrideKind.SKIP
    )


def _label_in(rule: Rule, override: Override) -> Label:
    """That of a window of the rule, which is resumed from and enforced as its others are."""
    return replace(_label_of(rule), text=str(override), entry=NO_ENTRY)


def _label_of(rule: Rule) -> Label:
    patterns: list[WindowPattern | HoldPattern] = [*rule.windows, *rule.holds]
    return patterns[0].label


def _of_campaign(override: Override, later: Iterable[Override], taken: Container[str], zone: ZoneInfo) -> Rule:
    """A rule of its own, for one campaign, with a name that no other has."""
    name = override.name
    while name in taken:
        name += "*"
    label = Label(rule=name, text=override.words, zone=zone, entry=NO_ENTRY, is_asked_anew=True)
    is_resume = override.kind is OverrideKind.RESUME
    return Rule(
        name=name,
        account=override.account,
        selector=Selector(ids=frozenset({override.campaign or 0})),
        zone=zone,
        windows=() if is_resume else (_Once(override, label),),
        holds=(),
        lifts=tuple(_lifts(override, later)) if is_resume else (),
    )


def _lifts(resume: Override, later: Iterable[Override]) -> list[Exemption]:
    """What's taken out of all windows: not for as long as the campaign was paused after all."""
    left = [Exemption(resume.starts_at, resume.ends_at, (resume.name,), str(resume))]
    for each in later:
        if each.kind is OverrideKind.PAUSE:
            left = [piece for lift in left for piece in cut(lift, each.starts_at, each.ends_at)]
    return left


@dataclass(frozen=True, slots=True)
class _Once:
    """A window that an override makes."""

    override: Override
    label: Label

    def windows(self, start: datetime, end: datetime) -> list[QuietWindow]:
        first, last = self.override.starts_at, self.override.ends_at
        return [QuietWindow(first, last, self.label)] if first <= end and last >= start else []


@dataclass(frozen=True, slots=True)
class _WindowsWithout:
    """The windows of an entry, but those that begin in some stretches of time."""

    pattern: WindowPattern
    skips: tuple[Exemption, ...]

    @property
    def label(self) -> Label:
        return self.pattern.label

    def windows(self, start: datetime, end: datetime) -> list[QuietWindow]:
        return [each for each in self.pattern.windows(start, end) if not _is_within(each.start, self.skips)]


@dataclass(frozen=True, slots=True)
class _HoldsWithout:
    """The holds of an entry, but those in some stretches of time."""

    pattern: HoldPattern
    skips: tuple[Exemption, ...]

    @property
    def label(self) -> Label:
        return self.pattern.label

    def holds(self, start: datetime, end: datetime) -> list[Hold]:
        return [each for each in self.pattern.holds(start, end) if not _is_within(each.at, self.skips)]


def _is_within(instant: datetime, stretches: Iterable[Exemption]) -> bool:
    return any(each.start <= instant < each.end for each in stretches)
