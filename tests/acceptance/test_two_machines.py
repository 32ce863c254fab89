"""Two daemons on one ledger: one works, the other stands by, and takes over when the first has gone, however it went."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from scheduler.ledger.database import Database
from scheduler.ledger.lease import LEASE
from tests.acceptance.processes import (
    DaemonProcess,
    SandboxProcess,
    curfew,
    daemon_process,
    rows,
    sandbox_process,
    wait_until,
    window,
    write_rules,
)
from tests.conftest import NewLedger

AN_HOUR = timedelta(hours=1)
CAMPAIGNS = 500
KILLED_AFTER = 150


@pytest.fixture
def ledger(shared_ledgers: NewLedger) -> Database:
    """On a server."""
    return shared_ledgers()


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    """Three running campaigns."""
    with sandbox_process() as process:
        yield process


def machine(folder: Path, name: str, ledger: Database, base_url: str) -> Path:
    """The folder of one machine, with its own copy of the file."""
    own = folder / name
    own.mkdir()
    file = write_rules(own, base_url, window(-AN_HOUR, AN_HOUR))
    assert ledger.server is not None
    file.write_text(f"database: '{ledger.server.url}'\n{file.read_text()}")
    return own


def is_standing_by(daemon: DaemonProcess) -> bool:
    return "standing by" in daemon.log.read_text()


def test_one_is_killed_in_the_middle_of_500_pauses_and_all_are_paused_once(tmp_path: Path, ledger: Database) -> None:
    with sandbox_process(campaigns=CAMPAIGNS) as sandbox:
        # A call takes a while, so that there is a middle.
        sandbox.fault(effect="delay", call="pause", delay_seconds=0.005)
        first, second = (machine(tmp_path, name, ledger, sandbox.base_url) for name in ("first", "second"))
        with daemon_process(first) as one, daemon_process(second, ready=False) as two:
            assert two.notified().startswith("READY=1\nSTATUS=standing by")
            wait_until(lambda: len(sandbox.posts()) >= KILLED_AFTER, "it's in the middle")
            one.signal(signal.SIGKILL)
            killed = time.monotonic()
            one.ended()
            sent = len(sandbox.posts())
            assert sent < CAMPAIGNS
            wait_until(lambda: len(sandbox.posts()) > sent, "the other one goes on")
            taken = time.monotonic() - killed
            wait_until(lambda: set(sandbox.statuses().values()) == {"PAUSED"}, "all are paused")
            done = time.monotonic() - killed
            wait_until(lambda: len(rows("status", second)[0]["custody"]) == CAMPAIGNS, "all are on record")
            two.signal(signal.SIGTERM)
            assert two.ended() == 0, two.log.read_text()
        posts = Counter(each["campaign"] for each in sandbox.posts())
        attempts = attempts_by_campaign(rows("audit", second))
    interrupted = {campaign for campaign, outcomes in attempts.items() if "interrupted" in outcomes}
    print(
        f"killed after {sent} of {CAMPAIGNS} pauses; the other took over {taken:.1f} s after the kill and was done after "
        f"{done:.1f} s; {sum(posts.values())} calls for {CAMPAIGNS} campaigns, "
        f"{len(interrupted)} attempts marked interrupted, {sum(n > 1 for n in posts.values())} called twice"
    )
    assert taken < 30
    assert len(attempts) == CAMPAIGNS
    assert all(outcomes[-1] == "succeeded" for outcomes in attempts.values())
    assert all(outcomes[:-1] in ([], ["interrupted"]) for outcomes in attempts.values())
    # What was in flight, and what was claimed behind it.
    assert 1 <= len(interrupted) <= 2
    assert {campaign for campaign, number in posts.items() if number > 1} <= interrupted


def attempts_by_campaign(lines: list[dict[str, Any]]) -> dict[int, list[str]]:
    ordered = sorted(lines, key=lambda line: (line["campaign"], line["attempt"]))
    return {key: [line["outcome"] for line in each] for key, each in groupby(ordered, lambda line: line["campaign"])}
