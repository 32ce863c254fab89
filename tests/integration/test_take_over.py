"""Daemons on one shared ledger, inside the test's own process: the moments that processes can't be made to hit."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from scheduler import daemon as module
from scheduler import standby
from scheduler.client import Client
from scheduler.daemon import Daemon
from scheduler.errors import LeaseLost
from scheduler.lanes import Lane
from scheduler.ledger import work
from scheduler.ledger.database import Database
from scheduler.ledger.lease import Lease
from scheduler.ledger.tables import attempts, daemons, intents, journal, leases
from scheduler.sandbox import Fault, Sandbox
from scheduler.settings import Settings, load
from scheduler.standby import Standby
from tests.conftest import NewLedger
from tests.scheduler_fakes import (
    CAMPAIGN,
    FRIDAY,
    KEY,
    Clock,
    NoWaiting,
    account,
    captured_logs,
    new_intent,
    posts,
    until,
    weekend,
    writing_to,
)

A_WHILE = timedelta(milliseconds=20)


@pytest.fixture
def ledger(shared_ledgers: NewLedger) -> Database:
    return shared_ledgers()


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRY", "REST"):
        monkeypatch.setattr(standby, name, A_WHILE)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(campaigns=2, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
        yield sandbox


def settings_in(folder: Path, base_url: str, *rules: str) -> Settings:
    file = folder / "curfew.yaml"
    lines = [f"timezone: Europe/Warsaw\naccounts: {{main: {{api_key: {KEY}, base_url: '{base_url}'}}}}\nrules:"]
    file.write_text("\n".join([*lines, *(f"  - {rule}" for rule in rules or [weekend()]), ""]), encoding="utf-8")
    return load(file, {})


def lease_on(ledger: Database) -> Lease:
    assert ledger.server is not None
    lease = Lease(ledger, ledger.server)
    lease.heartbeat = A_WHILE
    return lease


@asynccontextmanager
async def machine(settings: Settings, ledger: Database, lease: Lease) -> AsyncIterator[asyncio.Task[int]]:
    """A process that stands by and works in turn, at FRIDAY; it's cut off at the end."""

    lives: list[Daemon] = []

    def begin(_: bool) -> Daemon:
        before = lives[-1].number if lives else None
        lives.append(Daemon(settings, ledger.checked_by(lease.check), right=lease, before=before, now=Clock()))
        return lives[-1]

    running = asyncio.create_task(Standby(lease, begin).run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait([running])


def let_it_end(ledger: Database) -> None:
    with ledger.writing() as connection:
        ended = update(leases).where(leases.c.name == "ledger").values(expires_at=text("clock_timestamp()"))
        connection.execute(ended)


def read(ledger: Database, query: Any) -> list[Any]:
    with ledger.reading() as connection:
        return list(connection.execute(query).all())


async def test_a_call_in_flight_is_cut_off_with_the_lease_and_marked_by_who_takes_over(
    sandbox: Sandbox, ledger: Database, tmp_path: Path, logs: list[Any]
) -> None:
    sandbox.add_fault(Fault(effect="delay", call="pause", delay=timedelta(seconds=3), times=1))
    settings = settings_in(tmp_path, sandbox.base_url, weekend(f"[{CAMPAIGN}]"))
    one, other = lease_on(ledger), lease_on(ledger)

    async def is_calling() -> bool:
        return bool(posts(sandbox))

    async def has_stood_down() -> bool:
        return any(line["event"] == "stood down" for line in logs)

    async def is_done() -> bool:
        return [row.state for row in read(ledger, select(intents))] == ["succeeded"]

    async with machine(settings, ledger, one):
        await until(is_calling, "the call is under way")
        name = one.holder
        let_it_end(ledger)
        assert other.take()
        # Long before the call would end.
        await until(has_stood_down, "it has stood down")
        assert [row.outcome for row in read(ledger, select(attempts))] == [None]
    other.give_back()
    async with machine(settings, ledger, third := lease_on(ledger)):
        await until(is_done, "it's paused")
        assert third.taken_from is None, "it was given back"
    tries = read(ledger, select(attempts).order_by(attempts.c.number))
    assert [row.outcome for row in tries] == ["interrupted", "succeeded"]
    (claim,) = read(ledger, select(intents))
    assert claim.claimed_by not in {name, other.holder}


async def test_the_journal_says_who_took_over_from_whom(sandbox: Sandbox, ledger: Database, tmp_path: Path) -> None:
    with ledger.writing() as connection:
        intent = work.record_intent(connection, new_intent(), FRIDAY)
        assert intent is not None
        work.start_attempt(connection, intent, "dead:1:abc", FRIDAY)
        connection.execute(update(leases).values(holder="dead:1:abc", expires_at=text("clock_timestamp()")))

    async def is_noted() -> bool:
        return bool(read(ledger, select(journal).where(journal.c.event == "took over")))

    async with machine(settings_in(tmp_path, sandbox.base_url), ledger, lease_on(ledger)):
        await until(is_noted, "it's noted")
    (line,) = read(ledger, select(journal).where(journal.c.event == "took over"))
    assert line.details == {"from": "dead:1:abc", "interrupted": 1}


async def test_the_end_of_a_life_is_not_the_end_of_the_process(
    sandbox: Sandbox, ledger: Database, tmp_path: Path, logs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said to systemd that would have it kill the process, and a signal ends it as before."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        lease = lease_on(ledger)

        async def has_started(times: int) -> bool:
            return [line["event"] for line in logs].count("daemon started") == times

        async with machine(settings_in(tmp_path, sandbox.base_url), ledger, lease) as running:
            await until(lambda: has_started(1), "it has started")
            with ledger.writing() as connection:
                connection.execute(update(leases).values(holder=None))
            await until(lambda: has_started(2), "it has started again")
            told = said(listener)
            assert [each for each in told if not each.startswith(("STATUS=", "WATCHDOG="))] == ["READY=1"] * 2
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
            signal.raise_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                assert await running == 0
    (row,) = read(ledger, select(leases))
    assert row.holder is None
    assert all(each.stopped_at for each in read(ledger, select(daemons))), "who stood down hasn't crashed"
    stops = read(ledger, select(journal.c.details).where(journal.c.event == "daemon stopped").order_by(journal.c.id))
    assert [each.details["why"] for each in stops] == ["stood down", "SIGTERM"]


def said(listener: socket.socket) -> list[str]:
    """What systemd has heard so far."""
    found: list[str] = []
    with suppress(BlockingIOError):
        while True:
            found.append(listener.recv(4096).decode())
    return found


@pytest.mark.parametrize("is_valid", [True, False])
async def test_a_lane_calls_nobody_without_the_lease(sandbox: Sandbox, ledger: Database, is_valid: bool) -> None:
    """Also where the claim is on record: another daemon has interrupted it by now, or will."""
    async with writing_to(ledger) as writer, Client(account(sandbox.base_url)) as client:
        lane = Lane("main", client, writer, claimant="me", now=Clock(), chance=NoWaiting(), may_call=lambda: is_valid)
        intent = await writer.do(lambda connection: work.record_intent(connection, new_intent(), FRIDAY))
        assert intent is not None
        lane.add([intent])
        running = asyncio.create_task(lane.run())

        async def has_called() -> bool:
            return bool(posts(sandbox)) or running.done()

        await until(has_called, "it has tried")
        lane.stop()
        if is_valid:
            await running
        else:
            with pytest.raises(LeaseLost):
                await running
    assert len(posts(sandbox)) == is_valid


class TestFile:
    """Who takes over goes by the file as it is by then."""

    def test_it_is_read_again(self, tmp_path: Path) -> None:
        before = settings_in(tmp_path, "http://127.0.0.1:9/rest")
        settings_in(tmp_path, "http://127.0.0.1:9/rest", weekend(), weekend().replace("weekend", "another"))
        assert len(before.ruleset.rules) == 1
        assert len(module.read_again(before).ruleset.rules) == 2

    def test_one_that_is_wrong_by_then_is_said_and_the_rules_stay(self, tmp_path: Path, logs: list[Any]) -> None:
        before = settings_in(tmp_path, "http://127.0.0.1:9/rest")
        before.file.write_text("timezone: Europe/Warsav\n")
        assert module.read_again(before) is before
        (line,) = logs
        assert line["log_level"] == "error"
        assert f"{before.file}:1:11: timezone: " in line["error"]
