"""How fast the calls of an edge are made, against the API's own limit and what a user would write: all in this one run.

    make benchmark            (or: python -m benchmarks.lanes --quick, for a small run of seconds)

The sandbox is a process of its own, which takes 50 ms for each call and one call at a time for each account; the daemon
is `curfew run` with a real ledger. Times are those of the sandbox's log, from when the first call after the edge came
to when the last was answered.

(a) one account with 200 campaigns
    against 200 times 50 ms, which is the least that the API allows
(b) 1,000 accounts with 10 campaigns each, at the same second
    against a bare httpx loop that makes the same calls and records nothing
(c) the same pauses by a script of APScheduler, httpx and SQLite, as APScheduler comes and told to be patient
    how many it loses, how long it takes, and the peak memory of both
(d) how late the first call after an edge is, over 200 edges that are a second apart
(e) what the daemon costs while nothing is due: processor time in a minute and memory, with 100 and 10,000 rules
"""

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.calls import company
from benchmarks.processes import (
    Call,
    Daemon,
    Sandbox,
    allow_many_sockets,
    between,
    daemon,
    program,
    sandbox,
    wait_until,
)
from scheduler.sandbox import FIRST_ID

# The bounds of (a) and (b).
SERIAL_BOUND, SIDE_BY_SIDE_BOUND = 1.03, 1.25
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Row = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured."""

    latency: timedelta = timedelta(milliseconds=50)
    serial: int = 200
    accounts: int = 1_000
    campaigns: int = 10
    edges: int = 200
    rounds: int = 2
    rules: tuple[int, ...] = (100, 10_000)
    idle: timedelta = timedelta(minutes=1)


QUICK = Scale(serial=10, accounts=5, campaigns=4, edges=3, rounds=1, rules=(10, 100), idle=timedelta(seconds=1))


def serial(scale: Scale) -> Iterator[Row]:
    """(a)"""
    count, latency = scale.serial, scale.latency.total_seconds()
    with sandbox(accounts=1, campaigns=count) as api:
        bare = _bare(api, scale.latency, 1, count).pauses
        calls = _curfew(api, scale.latency, 1, count).pauses
    of = f"1 account, {count} campaigns, {latency * 1000:.0f} ms a call"
    yield _bounded("(a) one lane", of, between(calls), count * latency, SERIAL_BOUND)
    seconds = between(bare)
    yield "    bare httpx loop", "the same", f"{seconds:.2f} s", f"{seconds / count / latency:.3f} of it", ""


def side_by_side(scale: Scale) -> Iterator[Row]:
    """(b) and (c)"""
    accounts, campaigns = scale.accounts, scale.campaigns
    wanted = accounts * campaigns
    with sandbox(accounts=accounts, campaigns=campaigns) as api:
        # A machine isn't equally busy all the time: they take turns, and the best of each counts.
        bare = [_bare(api, scale.latency, accounts, campaigns)]
        runs = []
        for _ in range(scale.rounds):
            runs.append(_curfew(api, scale.latency, accounts, campaigns))
            bare.append(_bare(api, scale.latency, accounts, campaigns))
        ours = min(runs, key=lambda run: between(run.until_the_last_pause))
        loop = min(bare, key=lambda run: between(run.calls))
        seconds, theirs = between(ours.until_the_last_pause), between(loop.calls)
        of = f"{accounts:,} accounts, {campaigns} campaigns each"
        yield _bounded("(b) lanes side by side", of, seconds, theirs, SIDE_BY_SIDE_BOUND)
        every = ", ".join(f"{between(run.until_the_last_pause):.2f}" for run in runs)
        yield "", f"the best of {every} s; its processor time", f"{ours.busy:.2f} s", f"{ours.busy / loop.busy:.3f}", ""
        every = ", ".join(f"{between(run.calls):.2f}" for run in bare)
        yield "    bare httpx loop", f"the same calls; the best of {every} s", f"{theirs:.2f} s", "", ""
        yield "", "its processor time", f"{loop.busy:.2f} s", "", ""
        share = f"{loop.sandbox_busy / theirs:.2f} of a processor"
        yield "    the sandbox", "its own processor time for that", f"{loop.sandbox_busy:.2f} s", share, ""
        yield "(c) Curfew", f"{wanted:,} pauses", *_losses(ours, wanted), ""
        yield "", "peak memory", _mega(ours.peak_memory), "", ""
        for is_patient in (False, True):
            script = _script(api, scale.latency, accounts, campaigns, is_patient=is_patient)
            name = "    the script, patient" if is_patient else "    the script"
            yield name, f"{wanted:,} pauses", *_losses(script, wanted), ""
            slow = between(script.calls)
            times = f"{slow / seconds:.1f} times ours" if is_patient else ""
            yield "", "from the first call to the last", f"{slow:.2f} s", times, ""
            memory = script.peak_memory
            yield "", "peak memory", _mega(memory), f"{memory / ours.peak_memory:.2f} times ours", ""


def lateness(scale: Scale) -> Iterator[Row]:
    """(d)"""
    count = scale.edges
    with sandbox(accounts=1, campaigns=count) as api:
        first = _soon(_lead(1, count))
        edges = [first + timedelta(seconds=number) for number in range(count)]
        rules = [_rule(f"r{number}", "main", f"[{FIRST_ID + number}]", edge) for number, edge in enumerate(edges)]
        with daemon(_file(api, 1, rules)) as measured:
            _be_ready(measured, api, count, scale.latency, first)
            wait_until(lambda: measured.ledger.count(_ENDED) == count)
            calls = api.calls()
    for what, of in (("(d) lateness", None), ("", "pause")):
        late = [_late(calls, edge, of) for edge in edges]
        words = f"{'first call' if of is None else 'first pause'} after each of {count} edges, median"
        middle, worst = statistics.median(late), _percentile(late, 99)
        yield what, words, f"{middle:.1f} ms", f"99th percentile {worst:.1f} ms", ""


def idle(scale: Scale) -> Iterator[Row]:
    """(e)"""
    with ExitStack() as stack:
        running = []
        for count in scale.rules:
            api = stack.enter_context(sandbox(accounts=1, campaigns=count))
            rules = [_far_rule(number, datetime.now(UTC)) for number in range(count)]
            found = stack.enter_context(daemon(_file(api, 1, rules)))
            _settle(found, api, count)
            running.append(found)
        before = [each.processor_seconds for each in running]
        time.sleep(scale.idle.total_seconds())
        spent = [each.processor_seconds - used for each, used in zip(running, before, strict=True)]
        for count, each, used in zip(scale.rules, running, spent, strict=True):
            seconds = scale.idle.total_seconds()
            share = f"{used / seconds:.2%} of a processor"
            yield f"(e) idle, {count:,} rules", f"processor time in {seconds:.0f} s", f"{used:.2f} s", share, ""
            yield "", "resident memory", _mega(each.memory), f"at most {_mega(each.peak_memory)}", ""


_ENDED = "intents WHERE state NOT IN ('waiting', 'calling')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of pausing everything once, and what it took: memory in bytes, processor time in seconds."""

    calls: list[Call]
    peak_memory: int = 0
    busy: float = 0.0
    sandbox_busy: float = 0.0

    @property
    def pauses(self) -> list[Call]:
        """The pauses alone."""
        return [each for each in self.calls if each.call == "pause"]

    @property
    def until_the_last_pause(self) -> list[Call]:
        """All calls, lists included, without the lists that only confirm what was done."""
        last = max(each.came_at for each in self.pauses)
        return [each for each in self.calls if each.came_at <= last]


def _curfew(api: Sandbox, latency: timedelta, accounts: int, campaigns: int) -> Run:
    """The calls of one edge, with the memory and the processor time of the daemon."""
    api.reset()
    wanted = accounts * campaigns
    edge = _soon(_lead(accounts, wanted))
    rules = [_rule(f"r{number}", f"a{number}" if number else "main", "all", edge) for number in range(accounts)]
    with daemon(_file(api, accounts, rules)) as measured:
        _be_ready(measured, api, wanted, latency, edge)
        before = measured.processor_seconds
        time.sleep((edge - datetime.now(UTC)).total_seconds())
        wait_until(lambda: measured.ledger.count(_ENDED) == wanted)
        busy = measured.processor_seconds - before
        calls = [each for each in api.calls() if each.came_at >= edge]
        return Run(calls=calls, peak_memory=measured.peak_memory, busy=busy)


def _bare(api: Sandbox, latency: timedelta, accounts: int, campaigns: int) -> Run:
    """The calls of the bare loop, its processor time, and that of the sandbox."""
    api.reset()
    api.set_latency(latency)
    before = api.processor_seconds
    with program("benchmarks.bare", api.base_url, str(accounts), str(campaigns)) as loop:
        told, _ = loop.process.communicate()
    return Run(calls=api.calls(), busy=float(told), sandbox_busy=api.processor_seconds - before)


def _script(api: Sandbox, latency: timedelta, accounts: int, campaigns: int, *, is_patient: bool) -> Run:
    """The calls of the script, and its peak memory."""
    api.reset()
    api.set_latency(latency)
    with tempfile.TemporaryDirectory(prefix="curfew-benchmark-") as folder:
        edge = _soon(timedelta(seconds=4 + accounts * campaigns / 500))
        arguments = [api.base_url, str(accounts), str(campaigns), edge.isoformat(), str(Path(folder, "script.db"))]
        options = ["--patient"] if is_patient else []
        peak = 0
        with program("benchmarks.naive", *arguments, *options) as script:
            while script.process.poll() is None:
                peak = max(peak, script.peak_memory)
                time.sleep(0.05)
    return Run(calls=api.calls(), peak_memory=peak)


def _lead(accounts: int, campaigns: int) -> timedelta:
    """How long before its edge a daemon is started: it looks at every account and campaign first."""
    return timedelta(seconds=7 + accounts / 100 + campaigns / 600)


def _soon(lead: timedelta) -> datetime:
    return (datetime.now(UTC) + lead).replace(microsecond=0)


def _be_ready(measured: Daemon, api: Sandbox, campaigns: int, latency: timedelta, edge: datetime) -> None:
    """Wait until the daemon has nothing more to do before the edge, and make the API as slow as it's to be."""
    _settle(measured, api, campaigns)
    if datetime.now(UTC) > edge - timedelta(milliseconds=500):
        raise RuntimeError("this machine is too busy: the edge came before the daemon was ready")
    api.set_latency(latency)


def _settle(measured: Daemon, api: Sandbox, campaigns: int) -> None:
    """Wait until the daemon has a list of each account, has had a look at all campaigns, and rests."""
    wait_until(lambda: measured.ledger.count("campaigns") == campaigns)
    while _is_busy(measured, api):
        pass


def _is_busy(measured: Daemon, api: Sandbox) -> bool:
    before = measured.processor_seconds
    api.clear_log()
    time.sleep(0.5)
    return bool(api.calls()) or measured.processor_seconds > before


def _file(api: Sandbox, accounts: int, rules: Iterable[str]) -> str:
    headers = [company(number) for number in range(accounts)]
    lines = [f"  main: {{api_key: {headers[0]['x-api-key']}, base_url: '{api.base_url}'}}"]
    for number, each in enumerate(headers[1:], start=1):
        of = f"company_id: {each['x-company-id']}"
        lines.append(f"  a{number}: {{api_key: {each['x-api-key']}, base_url: '{api.base_url}', {of}}}")
    return "\n".join(["timezone: UTC", "accounts:", *lines, "rules:", *rules, ""])


def _rule(name: str, account: str, campaigns: str, edge: datetime) -> str:
    until = edge + timedelta(days=1)
    pause = f"{{from: {edge:%Y-%m-%d %H:%M:%S}, until: {until:%Y-%m-%d %H:%M:%S}}}"
    return f"- {{name: {name}, account: {account}, campaigns: {campaigns}, pause: {pause}}}"


def _far_rule(number: int, now: datetime) -> str:
    """A weekly rule without an edge today."""
    days = [WEEKDAYS[(now.weekday() + ahead + number % 2) % 7] for ahead in (2, 4)]
    begins, ends = f"{number % 24:02}:{number % 59:02}", f"{number % 23:02}:{number % 60:02}"
    pause = f"{{from: {days[0]} {begins}, until: {days[1]} {ends}}}"
    return f"- {{name: r{number}, campaigns: [{FIRST_ID + number}], pause: {pause}}}"


def _losses(run: Run, wanted: int) -> tuple[str, str]:
    """How many campaigns were never paused, and how many were sent a pause again after one that had worked."""
    acted = Counter((each.account, each.campaign) for each in run.pauses if each.acted)
    refused = sum(not each.acted for each in run.pauses)
    again = sum(number - 1 for number in acted.values())
    most = max((each.in_flight for each in run.calls), default=0)
    return (
        f"{wanted - len(acted):,} lost, {again:,} twice",
        f"{refused:,} refused, at most {most} at once in an account",
    )


def _late(calls: Iterable[Call], edge: datetime, of: str | None) -> float:
    """How many milliseconds after an edge the next call came, or the next of one kind."""
    came = min(each.came_at for each in calls if each.came_at >= edge and of in {None, each.call})
    return (came - edge).total_seconds() * 1000


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _bounded(what: str, of: str, seconds: float, least: float, bound: float) -> Row:
    ratio = seconds / least
    verdict = "met" if ratio <= bound else f"not met, by {ratio / bound - 1:.1%}"
    return what, of, f"{seconds:.2f} s", f"{ratio:.3f} of {least:.2f} s", f"at most {bound}: {verdict}"


def _mega(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="How fast the calls of an edge are made.")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--only", default="abde", help="some of the measurements, by their letters; (c) comes with (b)")
    chosen = parser.parse_args()
    scale = QUICK if chosen.quick else Scale()
    letters = {"a": serial, "b": side_by_side, "d": lateness, "e": idle}
    measurements = [measure for letter, measure in letters.items() if letter in chosen.only]
    allow_many_sockets()
    print("| what | of what | result | ratio | bound |\n|---|---|---|---|---|")
    # Whoever ends it ends the processes that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with ThreadPoolExecutor(len(letters)) as pool:
        # What is only to be seen at work needs no machine of its own.
        results = (pool.map if chosen.quick else map)(lambda measure: list(measure(scale)), measurements)
        for rows in results:
            for row in rows:
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
