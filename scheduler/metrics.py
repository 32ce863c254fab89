"""What Prometheus is told: each metric with its name, its words, and where its values come from.

The names follow https://prometheus.io/docs/practices/naming/. No label has a campaign in it, of which there may be
thousands.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from rules.calendars import data_version
from scheduler import __version__
from scheduler.observing import Look, Work
from scheduler.tally import Histogram, Tally

_FAMILIES: Final[Mapping[str, Any]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """All that there is to tell of a process."""

    look: Look
    tally: Tally
    is_healthy: bool
    is_dry_run: bool

    @property
    def zone_data(self) -> str:
        """By which data it goes, where it's at work."""
        return self.look.work.zone_data if self.look.work else ""


Value = float | Histogram
Values = Iterable[tuple[Sequence[str], Value]]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `values` gives the values of its labels, and the value. Where there are none, it isn't told."""

    name: str
    kind: str
    words: str
    values: Callable[[Seen], Values]
    labels: tuple[str, ...] = ()

    def family(self, seen: Seen) -> Any:
        """As the library has it."""
        family = _FAMILIES[self.kind](self.name, self.words, labels=self.labels)
        for labels, value in self.values(seen):
            if isinstance(value, Histogram):
                buckets = [("+Inf" if bound == float("inf") else str(bound), count) for bound, count in value.up_to()]
                family.add_metric(labels, buckets=buckets, sum_value=value.sum)
            else:
                family.add_metric(labels, value)
        return family


def _one(value: float | datetime | None) -> Values:
    """A metric without labels; none, where there's no value."""
    if value is not None:
        yield (), value.timestamp() if isinstance(value, datetime) else float(value)


def _of_work(value: Callable[[Work], float | datetime | None]) -> Callable[[Seen], Values]:
    """What only a daemon at work has."""
    return lambda seen: _one(value(seen.look.work)) if seen.look.work else ()


def _of_lanes(value: Callable[[Any], float]) -> Callable[[Seen], Values]:
    def values(seen: Seen) -> Values:
        return [((lane.account,), value(lane)) for lane in seen.look.work.lanes] if seen.look.work else ()

    return values


def _of_ledger(kind: str) -> Callable[[Seen], Values]:
    """How many there are of each account at work, none included."""

    def values(seen: Seen) -> Values:
        work = seen.look.work
        if work is None or work.counts is None:
            return ()
        found = dict.fromkeys((lane.account for lane in work.lanes), 0) | getattr(work.counts, kind)
        return [((account,), number) for account, number in found.items()]

    return values


def _failing(seen: Seen) -> Values:
    work = seen.look.work
    if work is None or work.counts is None:
        return ()
    expected = ((lane.account, action) for lane in work.lanes for action in ("pause", "resume"))
    return (dict.fromkeys(expected, 0) | dict(work.counts.failing)).items()


def _missed(seen: Seen) -> Values:
    rules = seen.look.work.rules if seen.look.work else ()
    found = dict.fromkeys(rules, 0) | dict(seen.tally.missed)
    return [((rule,), number) for rule, number in found.items()]


def _lateness(seen: Seen) -> Values:
    return [((action,), histogram) for action, histogram in seen.tally.lateness.items()]


def _info(seen: Seen) -> Values:
    return [((__version__, seen.zone_data, data_version()), 1.0)]


METRICS: Final = (
    Metric("curfew_info", "gauge", "1; what runs, and by which data", _info, ("version", "zone_data", "holidays")),
    Metric(
        "curfew_at_work",
        "gauge",
        "1 where this process works on the ledger, 0 where it stands by",
        lambda seen: _one(seen.look.work is not None),
    ),
    Metric("curfew_dry_run", "gauge", "1 where nothing is paused or resumed", lambda seen: _one(seen.is_dry_run)),
    Metric("curfew_healthy", "gauge", "1 where /healthz answers 200", lambda seen: _one(seen.is_healthy)),
    Metric(
        "curfew_last_tick_timestamp_seconds",
        "gauge",
        "up to when all accounts were seen to, which is done at least once a minute",
        _of_work(lambda work: work.ticked_at),
    ),
    Metric(
        "curfew_hanging_loops",
        "gauge",
        "parts that have made no progress for five minutes, though they have work",
        _of_work(lambda work: len(work.hanging)),
    ),
    Metric(
        "curfew_ledger_writable",
        "gauge",
        "0 where records are kept in memory, since the ledger can't be written",
        _of_work(lambda work: work.is_ledger_writable),
    ),
    Metric(
        "curfew_file_valid",
        "gauge",
        "0 where the file as it is now was rejected, and the one before stays in force",
        _of_work(lambda work: work.is_file_valid),
    ),
    Metric(
        "curfew_file_loaded_timestamp_seconds",
        "gauge",
        "when the file in force was loaded",
        _of_work(lambda work: work.file_loaded_at),
    ),
    Metric("curfew_rules", "gauge", "rules in force", _of_work(lambda work: len(work.rules))),
    Metric(
        "curfew_next_edge_timestamp_seconds",
        "gauge",
        "when a window begins or ends next, or a hold comes; not there where none is in sight",
        _of_work(lambda work: work.next_edge_at),
    ),
    Metric(
        "curfew_lane_depth",
        "gauge",
        "changes that are due or wait to be tried again",
        _of_lanes(lambda lane: lane.depth),
        ("account",),
    ),
    Metric(
        "curfew_key_refused",
        "gauge",
        "1 where no call is made, since the key was refused",
        _of_lanes(lambda lane: lane.is_refused),
        ("account",),
    ),
    Metric("curfew_custody", "gauge", "campaigns held paused, to be resumed", _of_ledger("held"), ("account",)),
    Metric("curfew_left_paused", "gauge", "campaigns left paused for a person", _of_ledger("left"), ("account",)),
    Metric(
        "curfew_failing_changes",
        "gauge",
        "pauses and resumes that are still wanted and have had no success",
        _failing,
        ("account", "action"),
    ),
    Metric(
        "curfew_attempts_total",
        "counter",
        "attempts that have ended, by outcome",
        lambda seen: dict(seen.tally.attempts).items(),
        ("account", "action", "outcome"),
    ),
    Metric(
        "curfew_decisions_total",
        "counter",
        "changes that have ended without a call, by outcome",
        lambda seen: dict(seen.tally.decisions).items(),
        ("account", "action", "outcome"),
    ),
    Metric(
        "curfew_interrupted_calls_total",
        "counter",
        "calls that an earlier daemon was cut off in, found at the start",
        lambda seen: _one(seen.tally.interrupted),
    ),
    Metric(
        "curfew_missed_windows_total",
        "counter",
        "windows and holds that came and went, and found nobody to act on them",
        _missed,
        ("rule",),
    ),
    Metric(
        "curfew_lateness_seconds",
        "histogram",
        "from when a change was due until its first call went out",
        _lateness,
        ("action",),
    ),
    Metric(
        "curfew_call_duration_seconds",
        "histogram",
        "how long calls to Woodpecker took; `result` is `ok`, or why not",
        lambda seen: dict(seen.tally.calls).items(),
        ("call", "result"),
    ),
)


class _Seen(Collector):
    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Any]:
        """The library asks for it."""
        for metric in METRICS:
            yield metric.family(self._seen)


# What the system knows of the process: processor, memory, open files, since when it runs.
_PROCESS: Final = ProcessCollector(registry=None)


def exposed(look: Look, tally: Tally, *, is_healthy: bool, is_dry_run: bool, accept: str) -> tuple[bytes, str]:
    """All of it in the form that whoever asks accepts best, and the name of that form."""
    registry = CollectorRegistry()
    registry.register(_Seen(Seen(look, tally, is_healthy, is_dry_run)))
    registry.register(_PROCESS)
    encode, kind = choose_encoder(accept)
    return encode(registry), kind
