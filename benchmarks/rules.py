"""How fast the rules are, against what a user would use instead: each row is measured in this one run.

    make benchmark            (or: python -m benchmarks.rules --rules 1000, to be quick)

(a) all edges of a year, for many different weekly and daily rules over 20 zones
    against APScheduler's CronTrigger, and dateutil's rrule made aware with zoneinfo
(b) a decision at random instants of a year, for a campaign with 50 rules
    against asking 50 CronTriggers for their next fire
(c) a file of many rules, read, validated and compiled
    against yaml.load with CSafeLoader alone, which gives dicts
(d) the memory that such a file takes, when loaded and after each rule was asked for its next edge
    against the dicts that yaml.load gives

Rivals that would take minutes are measured on a sample of the rules, said in the table, and compared per edge.
"""

import argparse
import gc
import random
import resource
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from apscheduler.triggers.cron import CronTrigger
from dateutil.rrule import DAILY, WEEKLY, rrule

from rules.document import read
from rules.entries import compile_rules
from rules.ruleset import Ruleset
from rules.source import parse

ZONES = (
    "Africa/Cairo", "Africa/Casablanca", "Africa/Lagos", "America/Chicago", "America/Los_Angeles",
    "America/New_York", "America/Santiago", "America/Sao_Paulo", "Asia/Dubai", "Asia/Kathmandu",
    "Asia/Kolkata", "Asia/Tokyo", "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin",
    "Europe/London", "Europe/Warsaw", "Pacific/Apia", "Pacific/Auckland", "UTC",
)  # fmt: skip
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
START, END = datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Moment:
    """A wall time on a weekday (0 is Monday), or on every day."""

    hour: int
    minute: int
    weekday: int | None = None

    def text(self) -> str:
        """As the file has it."""
        day = f"{WEEKDAYS[self.weekday]} " if self.weekday is not None else ""
        return f"{day}{self.hour:02}:{self.minute:02}"

    def trigger(self, zone: ZoneInfo) -> CronTrigger:
        """As a user of APScheduler would write it."""
        day = None if self.weekday is None else WEEKDAYS[self.weekday]
        return CronTrigger(day_of_week=day, hour=self.hour, minute=self.minute, timezone=zone)

    def recurrences(self, zone: ZoneInfo) -> Iterator[datetime]:
        """As a user of dateutil would write it: wall times of a year and a day around it, made aware."""
        first, last = (each.replace(tzinfo=None) for each in (START - timedelta(days=1), END + timedelta(days=1)))
        freq = DAILY if self.weekday is None else WEEKLY
        rule = rrule(
            freq, dtstart=first, until=last, byweekday=self.weekday, byhour=self.hour, byminute=self.minute, bysecond=0
        )
        return (wall.replace(tzinfo=zone).astimezone(UTC) for wall in rule)


@dataclass(frozen=True, slots=True)
class Spec:
    """One rule of the benchmark: weekly or daily, from one moment to another."""

    number: int
    zone: str
    begins: Moment
    ends: Moment

    def line(self) -> str:
        """As the file has it, close together: 10,000 rules are near the limit of 1 MiB."""
        days = "" if self.begins.weekday is not None else "on: daily,"
        pause = f"{{{days}from: {self.begins.text()},until: {self.ends.text()}}}"
        return f"- {{name: r{self.number},campaigns: [{self.number + 1}],timezone: {self.zone},pause: {pause}}}"


def specs(count: int, chance: random.Random) -> list[Spec]:
    """Different rules, half of them weekly and half of them daily."""
    found = []
    for number in range(count):
        begins, ends = (chance.randrange(12, 24), chance.randrange(60)), (chance.randrange(12), chance.randrange(60))
        days = (chance.randrange(4, 6), chance.randrange(2)) if number % 2 else (None, None)
        zone = ZONES[number % len(ZONES)]
        found.append(Spec(number, zone, Moment(*begins, days[0]), Moment(*ends, days[1])))
    return found


def text_of(rules: list[Spec]) -> bytes:
    """The file of these rules."""
    return "\n".join(["timezone: UTC", "accounts: {main: {api_key: x}}", "rules:", *map(Spec.line, rules), ""]).encode()


def timed(work: Callable[[], Any], rounds: int = 1) -> tuple[float, Any]:
    """The best of some rounds, in seconds, and what came out of the last one."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


def edges_of_a_year(rules: list[Spec]) -> Iterator[tuple[str, str, str, str]]:
    """(a)"""
    ruleset = compile_rules(read(parse(text_of(rules))))
    sample = rules[:SAMPLE]
    ours, count = timed(lambda: sum(len(ruleset.timeline("main", rule.number + 1).edges(START, END)) for rule in rules))
    theirs, fires = timed(lambda: sum(_fires(rule) for rule in sample))
    others, recurrences = timed(lambda: sum(_recurrences(rule) for rule in sample))
    own = ours / count
    yield "(a) edges of a year", f"{count:,} edges of {len(rules):,} rules", _micro(own), ""
    yield (
        "    CronTrigger",
        f"{fires:,} fires of {len(sample)} rules",
        _micro(theirs / fires),
        _times(theirs / fires / own),
    )
    cost = others / recurrences
    yield "    rrule and zoneinfo", f"{recurrences:,} of {len(sample)} rules", _micro(cost), _times(cost / own)


def _fires(rule: Spec) -> int:
    zone = ZoneInfo(rule.zone)
    found = 0
    for moment in (rule.begins, rule.ends):
        trigger, previous, now = moment.trigger(zone), None, START
        while (fire := trigger.get_next_fire_time(previous, now)) is not None and fire < END:
            found += 1
            previous = now = fire
    return found


def _recurrences(rule: Spec) -> int:
    zone = ZoneInfo(rule.zone)
    return sum(START <= at < END for moment in (rule.begins, rule.ends) for at in moment.recurrences(zone))


def decisions(chance: random.Random) -> Iterator[tuple[str, str, str, str]]:
    """(b)"""
    rules = [Spec(number, "Europe/Warsaw", rule.begins, rule.ends) for number, rule in enumerate(specs(50, chance))]
    text = text_of(rules).decode()
    for rule in rules:
        text = text.replace(f"campaigns: [{rule.number + 1}]", "campaigns: [7]")
    instants = [START + (END - START) * chance.random() for _ in range(20_000)]
    ruleset = compile_rules(read(parse(text.encode())))
    ours, _ = timed(lambda: [ruleset.decide("main", 7, at) for at in instants])
    triggers = [rule.begins.trigger(ZoneInfo(rule.zone)) for rule in rules]
    asked = instants[:50]
    theirs, _ = timed(lambda: [trigger.get_next_fire_time(None, at) for at in asked for trigger in triggers])
    own, other = ours / len(instants), theirs / len(asked)
    yield "(b) a decision", f"{len(instants):,} instants of a year, 50 rules, nothing known before", _micro(own), ""
    yield "    50 CronTriggers", f"next fires at {len(asked)} of the instants", _micro(other), _times(other / own)


def loading(rules: list[Spec]) -> Iterator[tuple[str, str, str, str]]:
    """(c)"""
    content = text_of(rules)
    theirs, _ = timed(lambda: yaml.load(content, yaml.CSafeLoader), rounds=3)
    ours, _ = timed(lambda: _loaded(content), rounds=3)
    size = f"{len(rules):,} rules, {len(content) / 1024:.0f} KiB"
    yield "(c) a file", f"{size}: read, validated, compiled", f"{ours:.2f} s", f"{ours / theirs:.2f} of it"
    yield "    CSafeLoader", "the same, as dicts", f"{theirs:.2f} s", ""


def _loaded(content: bytes) -> Ruleset:
    return compile_rules(read(parse(content)))


def memory(rules: list[Spec]) -> Iterator[tuple[str, str, str, str]]:
    """(d)"""
    content = text_of(rules)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    plain = yaml.load(content, yaml.CSafeLoader)
    theirs = tracemalloc.get_traced_memory()[0] - before
    del plain
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    ruleset = _loaded(content)
    gc.collect()
    loaded = tracemalloc.get_traced_memory()[0] - before
    for rule in ruleset.rules:
        ruleset.next_edge(rule.name, START)
    gc.collect()
    asked = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    yield "(d) memory", f"{len(rules):,} rules, loaded", _mega(loaded), f"{loaded / theirs:.2f} of it"
    yield "", "and each asked for its next edge", _mega(asked), f"{asked / theirs:.2f} of it"
    yield "    CSafeLoader", "the dicts", _mega(theirs), ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    yield "", "the most that this whole run took", _mega(peak), ""


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us"


def _mega(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times ours"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="How fast the rules are, against what a user would use instead.")
    parser.add_argument("--rules", type=int, default=10_000, help="how many rules in (a), (c) and (d)")
    chosen = parser.parse_args()
    chance = random.Random(2027)  # noqa: S311 -- the same rules in each run
    rules = specs(chosen.rules, chance)
    print("| what | of what | cost | ratio |\n|---|---|---|---|")
    for rows in (edges_of_a_year(rules), decisions(chance), loading(rules), memory(rules)):
        for row in rows:
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
