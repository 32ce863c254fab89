"""A simulated life in the form in which the checker is given it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rules.ruleset import Ruleset, Timeline
from rules.windows import Span
from scheduler.client import CALL_TIMEOUT
from scheduler.sandbox import Campaign, Entry
from tests.proof.history import Call, Key, Plan, PlannedHold, Quiet, Reign
from tests.proof.simulation.network import Passage
from tests.proof.simulation.scenario import Scenario

# So soon the daemon gives up a call that changes something, and may make another one.
GIVES_UP_AFTER: Final = {"pause": CALL_TIMEOUT, "run": CALL_TIMEOUT}
# How long it takes a daemon at most to go by another file: it looks each minute, and may be late.
_UNTIL_HEARD: Final = timedelta(seconds=180)
# How long it takes one that has just been started.
_UNTIL_IN_FORCE: Final = timedelta(seconds=60)


@dataclass
class _Version:
    ruleset: Ruleset
    since: datetime
    until: datetime | None = None


class Versions:
    """The versions of the rules, and when each may have been in force, in true time."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._versions: list[_Version] = []

    def edited(self, ruleset: Ruleset, at: datetime, *, is_heard: bool) -> None:
        """The file has other rules; `is_heard`: a daemon lives, and goes by them soon."""
        if self._versions and is_heard:
            self._versions[-1].until = at + _UNTIL_HEARD
        self._versions.append(_Version(ruleset, at))

    def started(self, at: datetime) -> None:
        """A daemon was started: from now on it goes by the newest."""
        for each in self._versions[:-1]:
            each.until = min(each.until or at + _UNTIL_IN_FORCE, at + _UNTIL_IN_FORCE)

    def reigns(self) -> Iterator[Reign]:
        """For the checker."""
        end = self._scenario.end + timedelta(days=1)
        for each in self._versions:
            yield Reign(plan=plan(each.ruleset, self._scenario), since=each.since, until=each.until or end)


def plan(ruleset: Ruleset, scenario: Scenario) -> Plan:
    """What some rules say of all campaigns, a while before and after the life as well."""
    start, end = scenario.start - timedelta(days=40), scenario.end + timedelta(days=40)
    spans: dict[Timeline, tuple[Quiet, ...]] = {}
    holds: dict[Timeline, tuple[PlannedHold, ...]] = {}
    found = {key: _timeline(ruleset, key, campaign) for key, campaign in _everyone(scenario)}
    for timeline in dict.fromkeys(found.values()):
        spans[timeline] = tuple(map(_quiet, timeline.spans(start, end)))
        holds[timeline] = tuple(
            PlannedHold(at=hold.at, catch_up=hold.label.catch_up) for hold in timeline.holds(start, end)
        )
    return Plan(
        spans={key: spans[timeline] for key, timeline in found.items()},
        holds={key: holds[timeline] for key, timeline in found.items()},
    )


def _everyone(scenario: Scenario) -> Iterator[tuple[Key, Campaign]]:
    for account, campaigns in scenario.campaigns.items():
        yield from (((account, campaign.id), campaign) for campaign in campaigns)


def _timeline(ruleset: Ruleset, key: Key, campaign: Campaign) -> Timeline:
    return ruleset.timeline(*key, name=campaign.name, folder=campaign.folder)


def _quiet(span: Span) -> Quiet:
    enforced = tuple((window.start, window.end) for window in span.windows if window.label.is_enforced)
    return Quiet(
        start=span.start,
        end=span.end,
        is_given_back=all(window.label.is_resumed for window in span.windows),
        is_enforced=bool(enforced),
        enforced=enforced,
    )


def statuses(scenario: Scenario) -> dict[Key, str]:
    """What campaigns did at first."""
    return {key: campaign.status for key, campaign in _everyone(scenario)}


def calls(log: Iterable[Entry], passages: Iterable[Passage], scenario: Scenario) -> Iterator[Call]:
    """The requests, each from when it was sent on, in that order.

    What nobody got the answer of is as good as unanswered.
    """
    names = {called: name for name, called in scenario.accounts.items()}
    by_time = sorted(zip(log, passages, strict=True), key=lambda each: (each[1].sent_at, each[0].sequence))
    known = ((entry, entry.call, passage) for entry, passage in by_time if entry.call is not None)
    for number, (entry, call, passage) in enumerate(known, 1):
        yield Call(
            sequence=number,
            life=passage.life,
            account=names[entry.account],
            call=call,
            campaign=entry.campaign,
            received_at=passage.sent_at,
            answered_at=_over_at(entry, passage),
            http_status=entry.http_status if passage.is_delivered else None,
            acted=entry.acted,
            status_before=entry.status_before,
            status_after=entry.status_after,
            fault=entry.fault or (None if passage.is_delivered else "lost on the way"),
        )


def _over_at(entry: Entry, passage: Passage) -> datetime | None:
    """When a call was over for the daemon, unless Woodpecker may have acted on it later."""
    is_look = entry.call in {"list", "get", "me"}
    return passage.given_up_at if is_look and passage.given_up_at else entry.answered_at
