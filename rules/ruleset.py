"""All rules of a file: which are for a campaign, and what they say of it together."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from rules.patterns import HoldPattern, WindowPattern
from rules.timeline import Decision, Edge, Timeline
from rules.windows import Exemption
from rules.words import Action

__all__ = ["Action", "Campaign", "Decision", "Edge", "Rule", "Ruleset", "Selector", "Subject", "Timeline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What a selector may ask of a campaign; name and folder are None where only its id is known."""

    id: int
    name: str | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which campaigns of an account: those of some ids, folders or names, or all of them, less the excepted ones.

    Names and folders are compared without regard to upper and lower case, and to blanks around them. `names` and
    `except_names` are globs; one that is a campaign's whole name to the letter matches it, too.
    """

    is_all: bool = False
    ids: frozenset[int] = frozenset()
    folders: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    except_ids: frozenset[int] = frozenset()
    except_names: tuple[str, ...] = ()

    def selects(self, campaign: Campaign | None) -> bool:
        """Whether it's for a campaign; None stands for one of which nothing is known, not even that it's named."""
        if campaign is None:
            return self.is_all and not self.except_names
        if campaign.id in self.except_ids or _matches(self.except_names, campaign.name):
            return False
        return (
            self.is_all
            or campaign.id in self.ids
            or (campaign.folder is not None and _plain(campaign.folder) in map(_plain, self.folders))
            or _matches(self.names, campaign.name)
        )

    @property
    def is_online(self) -> bool:
        """Whether only the API knows which campaigns these are."""
        return self.is_all or bool(self.folders or self.names)

    def __str__(self) -> str:
        """What a person would call them."""
        parts = [
            _listed("folder", self.folders),
            _listed("name", self.names),
            _listed("id", sorted(self.ids)) if self.is_online else "",
        ]
        chosen = " or ".join(part for part in parts if part) or "all"
        excepted = ", ".join(map(str, (*sorted(self.except_ids), *self.except_names)))
        return f"{chosen} except {excepted}" if excepted else chosen


def _matches(globs: tuple[str, ...], name: str | None) -> bool:
    if name is None or not globs:
        return False
    plain = _plain(name)
    return any(plain == glob or fnmatchcase(plain, glob) for glob in map(_plain, globs))


def _plain(text: str) -> str:
    return text.strip().casefold()


def _listed(what: str, values: Iterable[object]) -> str:
    words = ", ".join(map(str, values))
    return f"{what} {words}" if words else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom an edge is for: one campaign, or, where `campaign` is None, those that a selector finds online."""

    account: str
    campaign: int | None
    selector: Selector = field(default_factory=lambda: Selector(is_all=True))

    @property
    def selector_text(self) -> str | None:
        """What a person would call those that a selector finds; None for one campaign."""
        return str(self.selector) if self.campaign is None else None

    @property
    def text(self) -> str:
        """What a person would call it: the id, or those that a selector finds."""
        return self.selector_text or str(self.campaign)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, ready to be asked.

    In `lifts` its campaigns aren't quiet, whatever other rules say. `skips` are why some of its windows and holds are
    left out.
    """

    name: str
    account: str
    selector: Selector
    zone: ZoneInfo
    windows: tuple[WindowPattern, ...]
    holds: tuple[HoldPattern, ...]
    lifts: tuple[Exemption, ...] = ()
    skips: tuple[Exemption, ...] = ()


class Ruleset:
    """All enabled rules of a file, ready to be asked about any campaign."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._by_name = {rule.name: rule for rule in self.rules}
        self._timelines: dict[frozenset[str], Timeline] = {}
        self._found: dict[tuple[str, int | None, str | None, str | None], Timeline] = {}
        # A campaign is looked up among ten thousand rules: those that name it, and those that may select any.
        self._naming: dict[tuple[str, int], list[Rule]] = {}
        self._online: dict[str, list[Rule]] = {}
        for rule in self.rules:
            if rule.selector.is_online:
                self._online.setdefault(rule.account, []).append(rule)
            else:
                for campaign in rule.selector.ids:
                    self._naming.setdefault((rule.account, campaign), []).append(rule)

    def timeline(
        self, account: str, campaign: int | None, *, name: str | None = None, folder: str | None = None
    ) -> Timeline:
        """The timeline of one campaign; None stands for any campaign of the account that no rule names.

        Without its name and folder, which only the API knows, no rule that selects by them is for it.
        """
        key = account, campaign, name, folder
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._shared(self.selecting(account, campaign, name=name, folder=folder))
        return found

    def selecting(
        self, account: str, campaign: int | None, *, name: str | None = None, folder: str | None = None
    ) -> list[Rule]:
        """The rules that are for a campaign, as `timeline` has it."""
        asked = None if campaign is None else Campaign(id=campaign, name=name, folder=folder)
        online = [rule for rule in self._online.get(account, ()) if rule.selector.selects(asked)]
        if asked is None:
            return online
        named = self._naming.get((account, asked.id), ())
        return [*(rule for rule in named if rule.selector.selects(asked)), *online]

    def decide(self, account: str, campaign: int | None, at: datetime) -> Decision:
        """Decide whether a campaign is quiet at an instant (UTC)."""
        return self.timeline(account, campaign).decide(at)

    def accounts(self) -> list[str]:
        """The accounts that rules act on, in the order of the rules."""
        return list(dict.fromkeys(rule.account for rule in self.rules))

    def named_campaigns(self, account: str) -> list[int]:
        """The ids that rules of an account name and select, sorted."""
        named = {campaign for owner, campaign in self._naming if owner == account}
        for rule in self._online.get(account, ()):
            named |= rule.selector.ids | rule.selector.except_ids
        return sorted(campaign for campaign in named if self.selecting(account, campaign))

    def selects_unnamed(self, account: str) -> bool:
        """Whether campaigns of the account that no rule names may be selected, so that only the API knows which."""
        return account in self._online

    def subjects(self) -> Iterator[Subject]:
        """Whom the rules are for: what each selector finds, and each campaign that is named, account by account."""
        for account in self.accounts():
            selectors = dict.fromkeys(rule.selector for rule in self._online.get(account, ()))
            if any(selector.selects(None) for selector in selectors):
                yield Subject(account=account, campaign=None)
            for selector in selectors:
                if not selector.selects(None):
                    yield Subject(account=account, campaign=None, selector=selector)
            for campaign in self.named_campaigns(account):
                yield Subject(account=account, campaign=campaign)

    def timeline_of(self, subject: Subject) -> Timeline:
        """What all rules say of a subject: what one selector finds is taken to be found by no other one but `all`."""
        if subject.campaign is not None:
            return self.timeline(subject.account, subject.campaign)
        rules = self._online.get(subject.account, ())
        return self._shared(rule for rule in rules if rule.selector == subject.selector or rule.selector.selects(None))

    def edges(self, start: datetime, end: datetime) -> Iterator[tuple[Subject, Edge]]:
        """Every edge with `start <= at < end` (UTC), each with whom it's for, sorted."""
        by_timeline: dict[int, list[Edge]] = {}
        found = []
        for subject in self.subjects():
            timeline = self.timeline_of(subject)
            if id(timeline) not in by_timeline:
                by_timeline[id(timeline)] = timeline.edges(start, end)
            found += [(subject, edge) for edge in by_timeline[id(timeline)]]
        yield from sorted(found, key=lambda each: (each[1].at, each[0].account, each[0].campaign or 0, each[0].text))

    def next_edge(self, rule: str, after: datetime) -> datetime | None:
        """The first edge of one rule, taken alone, that is later than an instant (UTC); None where none is in sight.

        The start and the end of a lift are edges too: there, other rules are in force.
        """
        found = self._by_name.get(rule)
        lifts = [at for lift in found.lifts for at in (lift.start, lift.end) if at > after] if found else []
        edge = self.alone(rule).next_edge(after)
        return min(lifts if edge is None else [*lifts, edge], default=None)

    def alone(self, rule: str) -> Timeline:
        """What one rule says, taken alone; nothing, if there's none of that name."""
        found = self._by_name.get(rule)
        return self._shared([found] if found else [])

    def _shared(self, rules: Iterable[Rule]) -> Timeline:
        chosen: Mapping[str, Rule] = {rule.name: rule for rule in rules}
        key = frozenset(chosen)
        if key not in self._timelines:
            windows = (pattern for rule in chosen.values() for pattern in rule.windows)
            holds = (pattern for rule in chosen.values() for pattern in rule.holds)
            lifts = (lift for rule in chosen.values() for lift in rule.lifts)
            skips = (skip for rule in chosen.values() for skip in rule.skips)
            self._timelines[key] = Timeline(windows, holds, lifts, skips)
        return self._timelines[key]
