"""Good files, spoilt at random: each is loaded as the daemon would do it, and is either right or rejected with a place.

`make mutants` does it with 10,000; the tests do it with fewer. Each has a number, and is the same each time.
"""

import asyncio
import os
import random
import re
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from scheduler.client import Client
from scheduler.daemon import Daemon
from scheduler.errors import WrongFile
from scheduler.reload import Candidate, try_out
from scheduler.settings import Account, Settings, load
from scheduler.surroundings import REAL
from scheduler.tally import Tally
from tests.mutants import ACCIDENTS, Accident, lay_out, mutant
from tests.scheduler_fakes import DAY, FRIDAY, KEY, captured_logs, ledger_in, until

MUTANTS = int(os.environ.get("CURFEW_MUTANTS", "300"))
PARTS = 20 if MUTANTS > 1000 else 4
# Some are of a file that others include.
INCLUDED = ("company-closures.ics", "keys/acme")
# What the daemon says of each load, one of these.
ANSWERS = {
    "file loaded",
    "file rejected; the rules in force stay",
    "the file is again as it was",
    "the file hasn't changed",
}
LINE = re.compile(r"curfew\.yaml:([1-9]\d*):([1-9]\d*): (\S.*?): \S")


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


class Yard:
    """A folder with good files, of which one at a time is put in force and then spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: Mapping[str, str] = lay_out(folder)
        self.good = sorted(folder.glob("*.yaml"))
        self.file = folder / "curfew.yaml"
        self.before = cache(self._before)

    def _before(self, good: Path) -> Settings:
        self.file.write_bytes(good.read_bytes())
        return load(self.file, self.environment, every_key=True)

    def reload(self, number: int) -> str:
        """Spoil a good file, or one that it includes, and load it: `right` or `rejected`."""
        good = self.good[number % len(self.good)]
        other = self.good[number // len(self.good) % len(self.good)]
        before = self.before(good)
        self.file.write_bytes(good.read_bytes())
        spoilt = self.folder / INCLUDED[number // 7 % len(INCLUDED)] if number % 7 == 0 else self.file
        whole = spoilt.read_bytes()
        spoilt.write_bytes(mutant(whole, other.read_bytes(), number))
        try:
            found = try_out(before, self.environment, FRIDAY)
        except WrongFile as error:
            check_places(error, self.file.read_bytes())
            return "rejected"
        else:
            ask(found)
            return "right"
        finally:
            spoilt.write_bytes(whole)

    def mutants(self, number: int) -> Iterator[tuple[int, bytes]]:
        """Files that are spoilt, and right all the same; and a few that aren't, since those are many."""
        for seed in range(number):
            good, other = (self.good[each % len(self.good)].read_bytes() for each in (seed, seed + 1))
            text = mutant(good, other, seed)
            if seed % 20 == 0 or self._is_right(text):
                yield seed, text

    def _is_right(self, text: bytes) -> bool:
        aside = self.folder / "aside.yml"
        aside.write_bytes(text)
        with suppress(WrongFile):
            return bool(load(aside, self.environment, every_key=True))
        return False


def check_places(error: WrongFile, content: bytes) -> None:
    """Each problem has a line and a column that are in the file, a path, and words that fit on a line."""
    lines = content.decode("utf-8-sig", "replace").split("\n")
    assert error.problems
    for problem, line in zip(error.problems, str(error).splitlines(), strict=True):
        assert re.search(LINE, line), line
        assert line.isprintable()
        assert 1 <= problem.place.line <= len(lines) + 1, line
        assert 1 <= problem.place.column <= max(map(len, lines)) + 1, line
        assert KEY not in line


def ask(found: Candidate) -> None:
    """What passes and jobs ask of rules that are in force."""
    ruleset = found.settings.ruleset
    for subject in ruleset.subjects():
        timeline = ruleset.timeline_of(subject)
        for at in (FRIDAY, FRIDAY + DAY):
            decision = timeline.decide(at)
            assert decision.until is None or decision.until > at
        timeline.last_end(FRIDAY - DAY, FRIDAY)
        timeline.left_paused(FRIDAY - DAY, FRIDAY)
    for rule in ruleset.rules:
        edge = ruleset.next_edge(rule.name, FRIDAY)
        assert edge is None or edge > FRIDAY


@pytest.mark.parametrize("part", range(PARTS))
def test_each_mutant_is_either_right_or_rejected_with_a_place(tmp_path: Path, part: int) -> None:
    yard, found = Yard(tmp_path), Counter[str]()
    for number in range(part, MUTANTS, PARTS):
        try:
            found[yard.reload(number)] += 1
        except Exception as error:
            error.add_note(f"mutant {number}")
            raise
    # Which of the two is more is for whoever reads this (pytest -rP).
    print(f"part {part}: {found.total()} mutants, {found['right']} right, {found['rejected']} rejected")
    assert found["rejected"]


def calm(account: Account, *, tally: Tally | None = None) -> Client:
    """The client of an API that does what it's asked, and has no campaigns: mutants may name any address."""
    answer = httpx.MockTransport(lambda _: httpx.Response(httpx.codes.NO_CONTENT))
    return Client(account, answer, tally=tally)


async def test_a_daemon_lives_through_them(tmp_path: Path, logs: list[Any]) -> None:
    """What is right gets as far as the accounts at work, the jobs and the ledger, and each by way of the one before."""
    yard, found = Yard(tmp_path), Counter[str]()
    around = replace(REAL, client=calm)
    daemon = Daemon(yard.before(yard.good[0]), ledger_in(tmp_path), yard.environment, now=lambda: FRIDAY, around=around)
    life = asyncio.create_task(daemon.live())

    async def has_answered() -> bool:
        assert not life.done(), life
        return sum(line["event"] in ANSWERS for line in logs) > found.total()

    await until(lambda: has_said(logs, "daemon started"), "it has started")
    for number, text in yard.mutants(MUTANTS):
        yard.file.write_bytes(text)
        signal.raise_signal(signal.SIGHUP)
        await until(has_answered, f"mutant {number} is loaded or rejected")
        found[[line["event"] for line in logs if line["event"] in ANSWERS][-1]] += 1
    life.cancel()
    await asyncio.wait([life])
    assert life.cancelled(), life
    print(dict(found))
    assert found["file loaded"]
    assert found["file rejected; the rules in force stay"]


async def has_said(logs: list[Any], event: str) -> bool:
    return any(line["event"] == event for line in logs)


def test_the_good_files_are_right_and_a_mutant_is_the_same_each_time(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    for good in yard.good:
        ask(try_out(yard.before(good), yard.environment, FRIDAY))
    content = yard.good[0].read_bytes()
    assert mutant(content, b"a: b\n", 7) == mutant(content, b"a: b\n", 7)
    assert len({mutant(content, b"a: b\n", seed) for seed in range(100)}) > 80


@pytest.mark.parametrize("accident", ACCIDENTS, ids=lambda accident: accident.__name__)
def test_an_accident_can_happen_to_an_empty_file(accident: Accident) -> None:
    """So that several can happen to one file."""
    assert isinstance(accident(b"", random.Random(1)), bytes)  # noqa: S311
