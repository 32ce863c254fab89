"""The daemon as a process that is killed, is away for a while, or whose clock is stepped under it."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import (
    DaemonProcess,
    SandboxProcess,
    daemon_process,
    rows,
    sandbox_process,
    wait_until,
    window,
    write_rules,
)

FIRST = 1000001
HOUR = timedelta(hours=1)


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    """Two running campaigns."""
    with sandbox_process(campaigns=2) as process:
        yield process


def kill(daemon: DaemonProcess) -> None:
    daemon.signal(signal.SIGKILL)
    assert daemon.ended() == -signal.SIGKILL


def stop(daemon: DaemonProcess) -> None:
    daemon.signal(signal.SIGTERM)
    assert daemon.ended() == 0, daemon.log.read_text()


def are(sandbox: SandboxProcess, status: str) -> bool:
    return set(sandbox.statuses().values()) == {status}


def lists(sandbox: SandboxProcess) -> int:
    return sum(each["call"] == "list" for each in sandbox.ask("GET", "log"))


def asked(folder: Path, query: str, *values: str) -> list[Any]:
    """What the ledger says: plain SQL, which is quicker than a verb in a process of its own."""
    with closing(sqlite3.connect(folder / "curfew.db")) as ledger:
        return [row[0] for row in ledger.execute(query, values)]


def journalled(folder: Path, event: str) -> list[Any]:
    return list(map(json.loads, asked(folder, "SELECT details FROM journal WHERE event = ? ORDER BY id", event)))


def held(folder: Path) -> list[int]:
    found: list[int] = asked(folder, "SELECT campaign FROM custody ORDER BY campaign")
    return found


class TestCrashLoop:
    def test_killed_in_its_call_again_and_again_it_calls_less_often_and_loses_nothing(
        self, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        sandbox.fault(effect="delay", call="pause", campaign=FIRST, delay_seconds=3)
        write_rules(tmp_path, sandbox.base_url, window(-HOUR, HOUR), campaigns=f"[{FIRST}]")
        for number in (1, 2):
            with daemon_process(tmp_path) as daemon:
                wait_until(lambda number=number: len(sandbox.posts()) == number, "the call is under way")  # type: ignore[misc]
                kill(daemon)
            wait_until(lambda: sandbox.statuses()[FIRST] == "PAUSED", "it has arrived")
            sandbox.set(FIRST, status="RUNNING")
        # What was cut off twice waits, and this start doesn't get that far.
        with daemon_process(tmp_path) as daemon:
            kill(daemon)
        assert len(sandbox.posts()) == 2
        sandbox.ask("DELETE", "faults")
        with daemon_process(tmp_path) as daemon:
            wait_until(lambda: held(tmp_path) == [FIRST], "it's paused")
            assert "no call is made for now" in daemon.log.read_text()
            stop(daemon)
        assert [(line["attempt"], line["outcome"]) for line in rows("audit", tmp_path)] == [
            (1, "interrupted"),
            (2, "interrupted"),
            (3, "succeeded"),
        ]
        assert len(sandbox.posts()) == 3


class SteppedClock:
    """A wall clock of the daemon's own; its other clocks are the machine's. It's libfaketime's."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._file = folder / "clock"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.show(timedelta())

    def show(self, ahead: timedelta) -> None:
        """Be ahead of the true time by so much, from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead.total_seconds():+.0f}\n")
        new.rename(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> SteppedClock:
    for folder in ("/usr/lib", "/usr/lib64", "/usr/local/lib"):
        for library in sorted(Path(folder).glob("**/faketime/libfaketime.so.1")):
            return SteppedClock(tmp_path, library)
    pytest.skip("NOT TESTED: a clock that is stepped under a daemon; libfaketime isn't installed")


class TestClock:
    def test_a_clock_that_is_stepped_forward_and_back_is_acted_on_at_once_and_no_edge_twice(
        self, tmp_path: Path, sandbox: SandboxProcess, clock: SteppedClock
    ) -> None:
        write_rules(tmp_path, sandbox.base_url, window(HOUR, 2 * HOUR))
        with daemon_process(tmp_path, ready=True, **clock.environment) as daemon:
            wait_until(lambda: lists(sandbox) > 0, "it has looked")
            clock.show(1.5 * HOUR)
            wait_until(lambda: are(sandbox, "PAUSED"), "both are paused")
            wait_until(lambda: held(tmp_path) == [FIRST, FIRST + 1], "both are held")
            wait_until(lambda: len(journalled(tmp_path, "clock jumped")) == 1, "the step is in the journal")
            clock.show(timedelta())
            wait_until(lambda: len(journalled(tmp_path, "clock jumped")) == 2, "both steps are in the journal")
            # The window comes again, and nothing is left to do.
            clock.show(1.5 * HOUR)
            wait_until(lambda: len(journalled(tmp_path, "clock jumped")) == 3, "so is the third")
            assert are(sandbox, "PAUSED")
            clock.show(2.5 * HOUR)
            wait_until(lambda: are(sandbox, "RUNNING"), "both are given back")
            wait_until(lambda: len(journalled(tmp_path, "clock jumped")) == 4, "and the fourth")
            wait_until(lambda: held(tmp_path) == [], "nothing is owed")
            stop(daemon)
        ways = [(round(each["by_seconds"]), each["direction"]) for each in journalled(tmp_path, "clock jumped")]
        assert ways == [(5400, "forward"), (5400, "back"), (5400, "forward"), (3600, "forward")]
        calls = [each["call"] for each in sandbox.posts()]
        assert calls == ["pause", "pause", "run", "run"]

    def test_what_came_and_went_while_no_daemon_ran_is_missed_and_said_once(
        self, tmp_path: Path, sandbox: SandboxProcess, clock: SteppedClock
    ) -> None:
        write_rules(tmp_path, sandbox.base_url, window(HOUR, 2 * HOUR), window(3 * HOUR, 4 * HOUR))
        with daemon_process(tmp_path, ready=True, **clock.environment) as daemon:
            wait_until(lambda: lists(sandbox) > 0, "it has looked")
            wait_until(lambda: asked(tmp_path, "SELECT last_tick_at FROM daemons") != [None], "that's on record")
            kill(daemon)
        clock.show(5 * HOUR)
        with daemon_process(tmp_path, ready=True, **clock.environment) as daemon:
            assert daemon.log.read_text().count("windows were missed") == 1
            stop(daemon)
        lines = rows("audit", tmp_path, "--outcome", "missed")
        assert [line["campaign"] for line in lines] == [FIRST, FIRST + 1]
        assert all(line["reason"].startswith("2 windows passed while no daemon ran, from ") for line in lines)
        assert len(journalled(tmp_path, "windows missed")) == 1
        assert sandbox.posts() == []
