"""A simulated life in the form in which the checker is given it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rules.ruleset import Ruleset, Timeline
from rules.windows import Span
from scheduler.sandbox import Campaign, Entry
from tests.proof.history import Call, Key, Plan, PlannedHold, Quiet, Reign
from tests.proof.network import Passage
from tests.proof.scenario import Scenario

# So soon the daemon gives up a call and may make another one: `reconcile`, `lanes` and `preflight` have these limits.
GIVES_UP_AFTER: Final = {
    "list": timedelta(seconds=5),
    "get": timedelta(seconds=5),
    "pause": timedelta(seconds=30),
    "run": timedelta(seconds=30),
}
# How long it takes a daemon that has just been started to go by its file.
_UNTIL_IN_FORCE: Final = timedelta(seconds=60)


@dataclass(frozen=True)
class Version:
    """A version of the rules, and when a daemon was first started with it, in true time."""

    ruleset: Ruleset
    since: datetime


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
    return Quiet(
        start=span.start,
        end=span.end,
        is_given_back=all(window.label.is_resumed for window in span.windows),
        is_enforced=any(window.label.is_enforced for window in span.windows),
    )


def statuses(scenario: Scenario) -> dict[Key, str]:
    """What campaigns did at first."""
    return {key: campaign.status for key, campaign in _everyone(scenario)}


def reigns(versions: Sequence[Version], scenario: Scenario) -> Iterator[Reign]:
    """When each version of the file may have been in force: two of them while a daemon starts."""
    ends = [*(version.since + _UNTIL_IN_FORCE for version in versions[1:]), scenario.end + timedelta(days=1)]
    for version, until in zip(versions, ends, strict=True):
        yield Reign(plan=plan(version.ruleset, scenario), since=version.since, until=until)


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
            answered_at=entry.answered_at,
            http_status=entry.http_status if passage.is_delivered else None,
            acted=entry.acted,
            status_before=entry.status_before,
            status_after=entry.status_after,
            fault=entry.fault or (None if passage.is_delivered else "lost on the way"),
        )
