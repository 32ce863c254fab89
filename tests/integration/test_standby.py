"""A process that stands by: when its daemon begins to live, when that is cut off, and when the process ends.

The signals and the notification socket are real; the right to work on the ledger is one that the test takes away.
"""

import asyncio
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler import standby
from scheduler.errors import CurfewError, LeaseLost, LedgerAway, LedgerError, LedgerInUse
from scheduler.ledger.database import Connection
from scheduler.standby import Standby
from tests.scheduler_fakes import captured_logs, until

A_WHILE = timedelta(milliseconds=10)
LONG = timedelta(minutes=1)


class FakeRight:
    """A right that is had or not as the test says; `is_valid` follows from what remains."""

    heartbeat = A_WHILE
    holder = "me"
    taken_from: str | None = None
    held_by: str | None = "db1:7:abc"

    def __init__(self) -> None:
        self.is_free = True
        self.remaining = LONG
        self.taking: CurfewError | None = None
        self.renewing: CurfewError | None = None
        self.renewed = 0
        self.is_held = False
        self.times_given_back = 0
        self.gate: threading.Event | None = None

    @property
    def is_valid(self) -> bool:
        return self.is_held and self.remaining > timedelta()

    def take(self) -> bool:
        if self.gate:
            assert self.gate.wait(10)
        if self.taking:
            raise self.taking
        self.is_held = self.is_free
        return self.is_free

    def renew(self) -> None:
        self.renewed += 1
        if self.renewing:
            raise self.renewing

    def check(self, connection: Connection) -> None:
        raise NotImplementedError

    def give_back(self) -> None:
        self.is_held = False
        self.times_given_back += 1


class FakeLife:
    """A daemon that lives until it's told how to end."""

    def __init__(self, *, has_waited: bool) -> None:
        self.has_waited = has_waited
        self.exit_code: int | None = None
        self.end: asyncio.Future[int] = asyncio.Future()
        self.has_begun = False
        self.is_cut_off = False

    def hear(self, number: signal.Signals) -> None:  # noqa: ARG002 -- as in a daemon
        self.exit_code = 0
        if not self.end.done():
            self.end.set_result(0)

    async def live(self) -> int:
        self.has_begun = True
        try:
            return await self.end
        except asyncio.CancelledError:
            self.is_cut_off = True
            raise


class Bench:
    """A standby that runs, and the lives that it has begun."""

    def __init__(self) -> None:
        self.right = FakeRight()
        self.lives: list[FakeLife] = []
        self.beginning: CurfewError | None = None
        self.running: asyncio.Task[int] | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        self.standby = Standby(self.right, self._begin)
        self.running = asyncio.create_task(self.standby.run())

    def _begin(self, has_waited: bool) -> FakeLife:
        if self.beginning:
            raise self.beginning
        made = asyncio.run_coroutine_threadsafe(self._born(has_waited=has_waited), self._loop)
        return made.result(10)

    async def _born(self, *, has_waited: bool) -> FakeLife:
        self.lives.append(FakeLife(has_waited=has_waited))
        return self.lives[-1]

    async def ended(self) -> int:
        assert self.running is not None
        async with asyncio.timeout(20):
            return await self.running

    async def living(self, number: int = 1) -> FakeLife:
        async def lives() -> bool:
            return len(self.lives) >= number and self.lives[number - 1].has_begun

        await until(lives, f"life {number} has begun")
        return self.lives[number - 1]


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRY", "REST", "_TRY_AGAIN"):
        monkeypatch.setattr(standby, name, A_WHILE)


@pytest.fixture
def notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


@asynccontextmanager
async def new_bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    if bench.running:
        bench.running.cancel()
        await asyncio.wait([bench.running])


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with new_bench() as made:
        yield made


def heard(listener: socket.socket) -> list[str]:
    found = []
    try:
        while True:
            found.append(listener.recv(4096).decode())
    except BlockingIOError:
        return [line for line in found if line != "WATCHDOG=1"]


def is_said(logs: list[Any], event: str) -> Callable[[], Any]:
    async def said() -> bool:
        return any(line["event"] == event for line in logs)

    return said


def send(number: signal.Signals) -> None:
    """Send this process a signal, but only where the standby listens: it would end the tests."""
    assert signal.getsignal(number) not in {signal.SIG_DFL, signal.default_int_handler}
    signal.raise_signal(number)


class TestTurn:
    async def test_with_the_right_it_lives_at_once_and_its_exit_code_is_the_daemons(
        self, bench: Bench, notifications: socket.socket
    ) -> None:
        bench.start()
        life = await bench.living()
        assert not life.has_waited
        life.end.set_result(130)
        assert await bench.ended() == 130
        assert bench.right.times_given_back == 1
        assert heard(notifications) == [], "the daemon says what it does itself"

    async def test_without_it_it_says_once_that_it_stands_by_and_for_whom(
        self, bench: Bench, notifications: socket.socket, logs: list[Any]
    ) -> None:
        bench.right.is_free = False
        bench.start()
        await until(is_said(logs, "standing by"), "it stands by")
        await asyncio.sleep(A_WHILE.total_seconds() * 5)
        assert heard(notifications) == ["READY=1", "STATUS=standing by: db1:7:abc works on the ledger"]
        bench.right.is_free, bench.right.taken_from = True, "db1:7:abc"
        life = await bench.living()
        assert life.has_waited
        assert [(line["event"], line.get("held_by")) for line in logs] == [
            ("standing by", None),
            ("taking over", "db1:7:abc"),
        ]
        assert heard(notifications) == [], "the daemon says what it does itself"

    async def test_where_the_ledger_is_not_to_be_shared_it_ends(self, bench: Bench) -> None:
        bench.right.taking = LedgerInUse("another curfew daemon works on this ledger")
        bench.start()
        with pytest.raises(LedgerInUse):
            await bench.ended()
        assert bench.lives == []

    async def test_a_server_that_is_away_is_waited_for(self, bench: Bench, logs: list[Any]) -> None:
        bench.right.taking = LedgerAway("no route to host")
        bench.start()
        await until(is_said(logs, "standing by"), "it stands by")
        assert logs[0]["why"] == bench.standby.fault == "no route to host"
        bench.right.taking = None
        await bench.living()
        assert bench.standby.fault is None

    async def test_systemd_is_told_that_it_is_alive(self, bench: Bench, notifications: socket.socket) -> None:
        bench.right.is_free = False
        bench.start()
        told: list[str] = []

        async def is_told() -> bool:
            try:
                told.append(notifications.recv(4096).decode())
            except BlockingIOError:
                return False
            return told.count("WATCHDOG=1") == 3

        await until(is_told, "it's told so each time")


class TestSignals:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
    async def test_one_that_stands_by_ends_at_once(
        self, bench: Bench, notifications: socket.socket, logs: list[Any], number: signal.Signals, code: int
    ) -> None:
        bench.right.is_free = False
        bench.start()
        await until(is_said(logs, "standing by"), "it stands by")
        send(number)
        assert await bench.ended() == code
        assert heard(notifications)[-1] == "STOPPING=1"
        assert bench.right.times_given_back == 1, "it's seen to stand by no more"
        assert bench.lives == []
        assert signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}

    async def test_a_hangup_changes_nothing(self, bench: Bench, logs: list[Any]) -> None:
        """The file is read again when it takes over."""
        bench.right.is_free = False
        bench.start()
        await until(is_said(logs, "standing by"), "it stands by")
        send(signal.SIGHUP)
        bench.right.is_free = True
        await bench.living()

    async def test_one_that_comes_while_the_right_is_taken_is_not_lost(self, bench: Bench) -> None:
        bench.right.gate = threading.Event()
        bench.start()

        async def listens() -> bool:
            return signal.getsignal(signal.SIGTERM) != signal.SIG_DFL

        await until(listens, "it listens")
        send(signal.SIGTERM)
        await asyncio.sleep(0)
        bench.right.gate.set()
        assert await bench.ended() == 0
        assert (bench.lives, bench.right.is_held) == ([], False)

    async def test_one_that_comes_right_then_is_not_lost_either(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
    ) -> None:
        """In the very step in which the daemon's turn begins: the event loop hears of it only after that."""
        bench.right.is_free = False
        bench.start()
        await until(is_said(logs, "standing by"), "it stands by")

        def send_one(_: FakeRight) -> str:
            send(signal.SIGTERM)
            return "db1:7:abc"

        monkeypatch.setattr(FakeRight, "taken_from", property(send_one))
        bench.right.is_free = True
        assert await bench.ended() == 0
        assert not any(life.has_begun for life in bench.lives)

    async def test_nor_one_that_the_event_loop_has_given_to_who_stood_by_as_the_life_begins(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whom it goes to is looked up a step before they hear of it."""

        async def live(life: FakeLife) -> int:
            life.has_begun = True
            asyncio.get_running_loop().call_soon(bench.standby._on_signal, signal.SIGTERM)
            return await life.end

        monkeypatch.setattr(FakeLife, "live", live)
        bench.start()
        assert await bench.ended() == 0

    async def test_one_that_comes_in_the_last_step_of_a_life_is_not_lost(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def live(life: FakeLife) -> int:
            life.has_begun = True
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, lambda: None)
            send(signal.SIGTERM)
            loop.remove_signal_handler(signal.SIGTERM)
            raise LeaseLost("taken")

        monkeypatch.setattr(FakeLife, "live", live)
        bench.start()
        assert await bench.ended() == 0
        assert len(bench.lives) == 1

    async def test_one_that_comes_when_the_right_is_lost_ends_the_process(self, bench: Bench) -> None:
        bench.start()
        life = await bench.living()
        life.exit_code = 0
        bench.right.renewing = LeaseLost("taken")
        assert await bench.ended() == 0
        assert life.is_cut_off
        assert len(bench.lives) == 1


class TestLoss:
    async def test_what_is_taken_by_another_ends_its_life_and_it_stands_by(
        self, bench: Bench, logs: list[Any], notifications: socket.socket
    ) -> None:
        bench.start()
        life = await bench.living()
        bench.right.is_free = False
        bench.right.renewing = LeaseLost("another daemon has taken over")
        await until(is_said(logs, "standing by"), "it stands by")
        assert life.is_cut_off
        assert bench.right.times_given_back == 1
        assert [line["event"] for line in logs] == ["stood down", "standing by"]
        bench.right.renewing, bench.right.is_free = None, True
        assert (await bench.living(2)).has_waited
        assert "STOPPING=1" not in heard(notifications), "the process goes on"

    async def test_what_cannot_be_renewed_is_kept_as_long_as_it_is_valid(self, bench: Bench, logs: list[Any]) -> None:
        bench.start()
        life = await bench.living()
        bench.right.renewing = LedgerAway("no route to host")

        async def has_tried() -> bool:
            return bench.right.renewed > 5

        await until(has_tried, "it tries again and again")
        before = life.is_cut_off
        bench.right.remaining = timedelta()
        await until(is_said(logs, "stood down"), "it stands down")
        assert (before, life.is_cut_off) == (False, True)
        (said,) = [line["why"] for line in logs if line["event"] == "stood down"]
        assert said == "the lease couldn't be renewed in time: another daemon may take over"

    async def test_a_renewal_without_an_answer_is_waited_for_no_longer_than_that(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
    ) -> None:
        answers = threading.Event()
        monkeypatch.setattr(bench.right, "renew", lambda: answers.wait(10))
        bench.right.remaining = timedelta(milliseconds=50)
        bench.start()
        life = await bench.living()

        async def is_cut_off() -> bool:
            return life.is_cut_off

        await asyncio.sleep(0.02)
        bench.right.remaining = timedelta()
        await until(is_cut_off, "its life is cut off")
        answers.set()
        await until(is_said(logs, "stood down"), "it stands down")

    @pytest.mark.parametrize("error", [LeaseLost("taken"), LedgerAway("no route to host")])
    async def test_what_its_life_finds_out_itself_counts_as_much(self, bench: Bench, error: LedgerError) -> None:
        bench.start()
        (await bench.living()).end.set_exception(error)
        assert (await bench.living(2)).has_waited

    async def test_a_server_that_is_away_at_the_beginning_is_waited_for(self, bench: Bench, logs: list[Any]) -> None:
        bench.beginning = LedgerAway("no route to host")
        bench.start()
        await until(is_said(logs, "stood down"), "it stands down")
        bench.beginning = None
        await bench.living()

    @pytest.mark.parametrize("error", [LedgerError("disk full"), ZeroDivisionError()])
    async def test_any_other_fault_ends_the_process_and_gives_the_right_back(
        self, bench: Bench, error: Exception
    ) -> None:
        bench.start()
        (await bench.living()).end.set_exception(error)
        with pytest.raises(type(error)):
            await bench.ended()
        assert bench.right.times_given_back == 1

    async def test_a_fault_of_the_renewal_does_so_too(self, bench: Bench) -> None:
        bench.start()
        life = await bench.living()
        bench.right.renewing = LedgerError("permission denied")
        with pytest.raises(LedgerError, match="permission denied"):
            await bench.ended()
        assert life.is_cut_off

    async def test_a_right_that_cannot_be_given_back_is_said(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
    ) -> None:
        def away() -> None:
            raise LedgerAway("no route to host")

        monkeypatch.setattr(bench.right, "give_back", away)
        bench.start()
        (await bench.living()).end.set_result(0)
        assert await bench.ended() == 0
        assert [line["event"] for line in logs] == ["the lease isn't given back, and ends by itself"]

    async def test_cut_off_itself_it_cuts_off_its_life_and_gives_the_right_back(self, bench: Bench) -> None:
        bench.start()
        life = await bench.living()
        assert bench.running is not None
        bench.running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bench.ended()
        assert life.is_cut_off
        assert bench.right.times_given_back == 1
