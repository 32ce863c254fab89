"""All that happened to one campaign, line by line, for whoever has to find out why a promise was broken."""

from collections.abc import Iterator
from datetime import datetime

from tests.proof.evidence import Evidence
from tests.proof.history import Call, History, Key


def tell(history: History, key: Key) -> list[str]:
    """The campaign's calls, looks, acts and rows: true time first, then what the daemon's clock showed."""
    evidence = Evidence(history)
    found = sorted([*_outside(evidence, key), *_calls(evidence, key)])
    rows = [f"  {row}, recorded {row.recorded_at.isoformat()}" for row in history.ledger.intents if row.key == key]
    shown = (f"{at.time()} ({history.clock.shows(at).time()}) {what}" for at, what in found)
    return [f"{key[0]}/{key[1]}", *shown, *rows]


def _outside(evidence: Evidence, key: Key) -> Iterator[tuple[datetime, str]]:
    history = evidence.history
    for act in history.acts:
        if act.key == key:
            yield act.since, f"somebody makes it {act.status}{' (Bounce Shield)' if act.is_shield else ''}"
    for at, ahead in history.clock.steps:
        yield at, f"the clock is stepped, and is {ahead} ahead"
    for reign in history.reigns:
        spans = [f"{span.start.time()}-{span.end.time()}" for span in reign.plan.spans.get(key, ())]
        holds = [f"hold {hold.at.time()}" for hold in reign.plan.holds.get(key, ())]
        yield reign.since, f"rules until {reign.until.time()}: {', '.join([*spans, *holds])}"
    for look in history.looks:
        if key in look.statuses:
            yield look.at, f"it has settled: {look.statuses[key]}"


def _calls(evidence: Evidence, key: Key) -> Iterator[tuple[datetime, str]]:
    for call in evidence.history.calls:
        if call.account == key[0] and (call.campaign == key[1] or call.call == "list"):
            yield call.received_at, _words(evidence, call)


def _words(evidence: Evidence, call: Call) -> str:
    tried = evidence.tried_of.get(call.sequence)
    changes = f" {call.status_before} to {call.status_after}" if call.is_effective else f" {call.status_before or ''}"
    fault = f" ({call.fault})" if call.fault else ""
    by = f": {tried.attempt}" if tried else ""
    return f"life {call.life} call {call.sequence} {call.call} {call.http_status or 'no answer'}{fault}{changes}{by}"
