"""A file of rules that is edited again and again, as its text for the daemon and as a plan for the checker.

The plan is made from the windows themselves, by no code of `rules/`: what lies in a window is quiet, and windows that
overlap or touch are one span.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.proof.history import Key, Plan, PlannedHold, Quiet

# A rule needs an entry, and this one is never seen.
_FAR_AWAY = "{from: 2031-01-01 00:00:00, until: 2031-01-02 00:00:00}"


@dataclass(frozen=True, slots=True)
class Window:
    """A window of one rule, in whole seconds of UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: the campaigns that its selector is known to find, and its windows and holds."""

    name: str
    account: str
    selector: str
    campaigns: frozenset[int]
    windows: tuple[Window, ...] = ()
    holds: tuple[datetime, ...] = ()
    is_enabled: bool = True
    is_given_back: bool = True
    is_enforced: bool = False
    catch_up: timedelta = timedelta(seconds=30)

    def lines(self) -> list[str]:
        """The rule as YAML."""
        entries = [f"{{from: {_text(each.start)}, until: {_text(each.end)}}}" for each in self.windows]
        entries += [f"{{at: {_text(at)}}}" for at in self.holds]
        return [
            f"  - name: {self.name}",
            f"    account: {self.account}",
            f"    campaigns: {self.selector}",
            f"    enabled: {_flag(self.is_enabled)}",
            f"    resume: {_flag(self.is_given_back)}",
            f"    enforce: {_flag(self.is_enforced)}",
            f"    catch_up: {self.catch_up.total_seconds():.0f}s",
            "    pause:",
            *(f"      - {entry}" for entry in [_FAR_AWAY, *entries]),
        ]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One version of the file. `accounts` are the lines of each account, by its name."""

    accounts: Mapping[str, str]
    database: str
    rules: Mapping[str, Rule] = field(default_factory=dict)

    def text(self) -> str:
        """The file as the daemon reads it."""
        accounts = [f"  {name}: {value}" for name, value in self.accounts.items()]
        rules = [line for rule in self.rules.values() for line in rule.lines()]
        return "\n".join(["timezone: UTC", f"database: {self.database}", "accounts:", *accounts, "rules:", *rules, ""])

    def with_rule(self, rule: Rule) -> "RuleFile":
        """The next version, with a rule in the place of the one of its name."""
        return replace(self, rules={**self.rules, rule.name: rule})

    def without(self, name: str) -> "RuleFile":
        """The next version, without a rule."""
        return replace(self, rules={each: rule for each, rule in self.rules.items() if each != name})

    def plan(self) -> Plan:
        """What it says of each campaign."""
        by_key: dict[Key, list[Rule]] = {}
        for rule in self.rules.values():
            for campaign in rule.campaigns if rule.is_enabled else ():
                by_key.setdefault((rule.account, campaign), []).append(rule)
        # Campaigns that the same rules are for share their spans.
        spans = {names: _spans(self.rules[name] for name in names) for names in set(map(_names, by_key.values()))}
        return Plan(
            spans={key: spans[_names(rules)] for key, rules in by_key.items()},
            holds={key: _holds(rules) for key, rules in by_key.items()},
        )

    def edges(self) -> dict[str, list[datetime]]:
        """The instants at which anything begins or ends for any campaign of each account, sorted."""
        plan, found = self.plan(), defaultdict[str, set[datetime]](set)
        for (account, _), spans in plan.spans.items():
            found[account].update(at for span in spans for at in (span.start, span.end))
        for (account, _), holds in plan.holds.items():
            found[account].update(hold.at for hold in holds)
        return {account: sorted(edges) for account, edges in found.items()}


def _names(rules: Iterable[Rule]) -> tuple[str, ...]:
    return tuple(sorted(rule.name for rule in rules))


def _spans(rules: Iterable[Rule]) -> list[Quiet]:
    windows = sorted(((window, rule) for rule in rules for window in rule.windows), key=lambda each: each[0].start)
    found = list[Quiet]()
    for window, rule in windows:
        piece = Quiet(
            start=window.start,
            end=window.end,
            is_given_back=rule.is_given_back,
            is_enforced=rule.is_enforced,
            enforced=((window.start, window.end),) if rule.is_enforced else (),
        )
        if found and piece.start <= found[-1].end:
            before = found.pop()
            piece = Quiet(
                start=before.start,
                end=max(before.end, piece.end),
                is_given_back=before.is_given_back and piece.is_given_back,
                is_enforced=before.is_enforced or piece.is_enforced,
                enforced=(*before.enforced, *piece.enforced),
            )
        found.append(piece)
    return found


def _holds(rules: Iterable[Rule]) -> list[PlannedHold]:
    found = [PlannedHold(at=at, catch_up=rule.catch_up) for rule in rules for at in rule.holds]
    return sorted(found, key=lambda hold: hold.at)


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _flag(value: bool) -> str:
    return "true" if value else "false"
