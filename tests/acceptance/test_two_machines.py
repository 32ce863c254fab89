"""Two daemons on one ledger: one works, the other stands by, and takes over when the first has gone."""

import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from scheduler.ledger.database import Database
from scheduler.ledger.tables import attempts, journal, leases
from tests import postgresql
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
from tests.postgresql import GUARDED_USER, PASSWORD

AN_HOUR = timedelta(hours=1)
FIRST = 1000001
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


@contextmanager
def standing_by(folder: Path) -> Iterator[DaemonProcess]:
    """A daemon that another one has come before."""
    with daemon_process(folder, ready=False) as daemon:
        assert daemon.notified() == "READY=1", daemon.log.read_text()
        says(daemon, "standing by")
        yield daemon


def stop(daemon: DaemonProcess) -> None:
    daemon.signal(signal.SIGTERM)
    assert daemon.ended() == 0, daemon.log.read_text()


def says(daemon: DaemonProcess, what: str) -> None:
    """Wait until it has logged something."""
    wait_until(lambda: what in daemon.log.read_text(), f"the log has: {what}")


def all_paused(sandbox: SandboxProcess) -> bool:
    return set(sandbox.statuses().values()) == {"PAUSED"}


def paused(ledger: Database) -> int:
    """How many pauses are on record as having had success; to ask the sandbox would hold it up."""
    with ledger.reading() as connection:
        return connection.execute(select(func.count()).where(attempts.c.outcome == "succeeded")).scalar_one()


def let_it_end(ledger: Database) -> None:
    """Have the lease end now, as it would after a while without a renewal."""
    with ledger.writing() as connection:
        connection.execute(update(leases).values(expires_at=text("clock_timestamp()")))


def test_one_is_killed_in_the_middle_of_500_pauses_and_all_are_paused_once(tmp_path: Path, ledger: Database) -> None:
    with sandbox_process(campaigns=CAMPAIGNS) as sandbox:
        # A call takes a while, so that there is a middle.
        sandbox.fault(effect="delay", call="pause", delay_seconds=0.005)
        first, second = (machine(tmp_path, name, ledger, sandbox.base_url) for name in ("first", "second"))
        with daemon_process(first) as one, standing_by(second) as two:
            wait_until(lambda: paused(ledger) >= KILLED_AFTER, "it's in the middle")
            one.signal(signal.SIGKILL)
            killed = time.monotonic()
            one.ended()
            sent = len(sandbox.posts())
            before = paused(ledger)
            assert sent < CAMPAIGNS
            wait_until(lambda: paused(ledger) > before, "the other one goes on")
            taken = time.monotonic() - killed
            wait_until(lambda: paused(ledger) == CAMPAIGNS, "all are paused")
            done = time.monotonic() - killed
            stop(two)
        assert all_paused(sandbox)
        posts = Counter(each["campaign"] for each in sandbox.posts())
        tries = tries_by_campaign(rows("audit", second))
    interrupted = {campaign for campaign, outcomes in tries.items() if "interrupted" in outcomes}
    twice = sum(number > 1 for number in posts.values())
    print(
        f"killed after {sent} of {CAMPAIGNS} pauses; the other one's first call came {taken:.1f} s later, "
        f"its last {done:.1f} s; {sum(posts.values())} calls, {len(interrupted)} marked interrupted, {twice} sent twice"
    )
    assert taken < 30
    assert len(tries) == CAMPAIGNS
    assert all(outcomes in (["succeeded"], ["interrupted", "succeeded"]) for outcomes in tries.values())
    # What was in flight, and what was claimed behind it.
    assert 1 <= len(interrupted) <= 2
    assert {campaign for campaign, number in posts.items() if number > 1} <= interrupted


def tries_by_campaign(lines: list[dict[str, Any]]) -> dict[int, list[str]]:
    ordered = sorted(lines, key=lambda line: (line["campaign"], line["attempt"]))
    return {key: [line["outcome"] for line in each] for key, each in groupby(ordered, lambda line: line["campaign"])}


def test_one_that_stops_hands_over_at_once_and_status_tells_who_works(
    tmp_path: Path, ledger: Database, sandbox: SandboxProcess
) -> None:
    first, second = (machine(tmp_path, name, ledger, sandbox.base_url) for name in ("first", "second"))
    with daemon_process(first) as one, standing_by(second) as two:
        wait_until(lambda: len(rows("status", first)[0]["custody"]) == 3, "all are held")
        (answer,) = rows("status", second)
        assert answer["alive"] is True
        assert answer["standing_by"] == [{"host": socket.gethostname(), "pid": two.process.pid}]
        shown = curfew("status", cwd=second).stdout.splitlines()
        assert shown[0] == "● alive, all well"
        assert shown[1].startswith(f"  process {one.process.pid} on {socket.gethostname()}, version ")
        assert shown[2] == f"  standing by: process {two.process.pid} on {socket.gethostname()}"
        stop(one)
        assert two.notified() == "READY=1", "it works"
        assert f"  process {two.process.pid} on " in curfew("status", cwd=first).stdout
        said = curfew("resume", str(FIRST), "--by", "ada", cwd=first).stdout
        assert "the daemon acts on it within seconds" in said
        wait_until(lambda: sandbox.statuses()[FIRST] == "RUNNING", "what one has paused, the other gives back")
        stop(two)
    assert [entry["call"] for entry in sandbox.posts(FIRST)] == ["pause", "run"]
    assert len(sandbox.posts()) == 4
    assert curfew("status", cwd=first).stdout.startswith("✗ not running since ")


def test_one_that_slept_through_a_take_over_makes_no_call_any_more_and_stands_by(
    tmp_path: Path, ledger: Database, sandbox: SandboxProcess
) -> None:
    sandbox.fault(effect="delay", call="pause", campaign=FIRST, delay_seconds=5, times=1)
    first, second = (machine(tmp_path, name, ledger, sandbox.base_url) for name in ("first", "second"))
    with daemon_process(first) as one, standing_by(second) as two:
        wait_until(lambda: len(sandbox.posts(FIRST)) == 1, "the first call is under way")
        one.signal(signal.SIGSTOP)
        let_it_end(ledger)
        wait_until(lambda: all_paused(sandbox), "the other one has paused all")
        one.signal(signal.SIGCONT)
        says(one, "standing by")
        assert "stood down" in one.log.read_text()
        stop(two)
        says(one, "taking over")
        stop(one)
    outcomes = tries_by_campaign(rows("audit", first))
    assert outcomes.pop(FIRST) == ["interrupted", "succeeded"]
    assert all(each in (["succeeded"], ["interrupted", "succeeded"]) for each in outcomes.values())
    posts = Counter(each["campaign"] for each in sandbox.posts())
    assert {campaign: posts[campaign] for campaign in outcomes} == dict.fromkeys(outcomes, 1)


def test_a_server_that_goes_and_comes_is_waited_for_and_nobody_is_called_meanwhile(tmp_path: Path) -> None:
    with postgresql.cluster() as cluster, sandbox_process() as sandbox:
        ledger = Database(cluster.url(cluster.new_database(), user=GUARDED_USER, password=PASSWORD))
        first, second = (machine(tmp_path, name, ledger, sandbox.base_url) for name in ("first", "second"))
        with daemon_process(first) as one, standing_by(second) as two:
            wait_until(lambda: all_paused(sandbox), "all are paused")
            cluster.stop()
            says(one, "stood down")
            for daemon in (one, two):
                says(daemon, "connection failed")
            sandbox.set(FIRST, status="RUNNING")
            calls = len(sandbox.ask("GET", "log"))
            done = curfew("status", cwd=first)
            assert (done.returncode, "refused" in done.stderr) == (1, True)
            assert len(sandbox.ask("GET", "log")) == calls
            cluster.start()
            wait_until(lambda: len(sandbox.ask("GET", "log")) > calls, "one of them works again")
            wait_until(lambda: rows("status", second)[0]["standing_by"] != [], "and the other one doesn't")
            stop(one)
            stop(two)
        assert len(sandbox.posts(FIRST)) == 1, "a person has resumed it"
        printed = "".join(file.read_text() for folder in (first, second) for file in folder.glob("*.log"))
        assert PASSWORD not in printed + done.stderr + curfew("audit", cwd=first).stdout
        with ledger.reading() as connection:
            assert PASSWORD not in str(connection.execute(select(journal)).all())
