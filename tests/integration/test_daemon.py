"""The daemon inside the test's own process: what a process from outside can't be made to do at the right moment.

Its clock stands on FRIDAY, where the weekend begins; the signals and the notification socket are real.
"""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from rules.calendars import data_version
from rules.overrides import Override, OverrideKind
from scheduler import accounts as at_work
from scheduler import daemon as module
from scheduler import in_force, watchdog
from scheduler.daemon import Daemon, run
from scheduler.errors import LedgerError, LedgerInUse, WrongFile
from scheduler.jobs import Jobs
from scheduler.ledger import chain, database, reports, substitute, work
from scheduler.ledger.database import Database, Writer
from scheduler.ledger.lock import Lock
from scheduler.ledger.overrides import add_override, revoke_override
from scheduler.ledger.records import FILE_LOADED, PREFLIGHT, Outcome, Result
from scheduler.ledger.tables import attempts, custody, intents, journal
from scheduler.loading import facts
from scheduler.plan import RECHECK
from scheduler.sandbox import Fault, Sandbox
from scheduler.settings import Settings, load
from scheduler.zonedata import use_newest
from tests.disk_faults import Locked, at_fault
from tests.scheduler_fakes import (
    CAMPAIGN,
    DAY,
    FRIDAY,
    HOUR,
    KEY,
    MONDAY,
    Clock,
    captured_logs,
    ledger_in,
    new_intent,
    posts,
    until,
    weekend,
)

SECOND_ONE = CAMPAIGN + 1
LONG = Fault(effect="delay", call="pause", delay=timedelta(seconds=5))


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(campaigns=2, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
        yield sandbox


@pytest.fixture
def notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def settings_in(
    folder: Path, base_url: str, *, accounts: str | None = None, rule: str | None = None, calendars: str = "{}"
) -> Settings:
    file = folder / "curfew.yaml"
    main = f"{{main: {{api_key: {KEY}, base_url: '{base_url}'}}}}"
    head = f"timezone: Europe/Warsaw\naccounts: {accounts or main}\ncalendars: {calendars}"
    file.write_text(f"{head}\nrules:\n  - {rule or weekend()}\n", encoding="utf-8")
    return load(file, {})


@dataclass
class Running:
    """A daemon that lives meanwhile, and its ledger."""

    ledger: Database
    sandbox: Sandbox
    life: asyncio.Task[int]

    async def ended(self) -> int:
        async with asyncio.timeout(20):
            return await self.life

    def read(self, query: Any) -> list[Any]:
        with self.ledger.reading() as connection:
            return list(connection.execute(query).all())

    async def are_paused(self) -> bool:
        return all(campaign.status == "PAUSED" for campaign in self.sandbox.account().campaigns.values())

    async def is_calling(self) -> bool:
        return bool(posts(self.sandbox))


@asynccontextmanager
async def living(
    sandbox: Sandbox, folder: Path, now: Callable[[], datetime] | None = None, *, dry_run: bool = False, **file: str
) -> AsyncIterator[Running]:
    """A daemon on a ledger of its own, at FRIDAY; it's cut off at the end, if it still lives."""
    ledger = Database(f"sqlite:///{folder}/curfew.db")
    if not ledger.path.exists():
        ledger = ledger_in(folder)
    settings = settings_in(folder, sandbox.base_url, **file)
    daemon = Daemon(settings, ledger, dry_run=dry_run, now=now or Clock())
    life = asyncio.create_task(daemon.live())
    try:
        yield Running(ledger, sandbox, life)
    finally:
        life.cancel()
        await asyncio.wait([life])


def send(number: signal.Signals) -> None:
    """Send this process a signal, but only where the daemon listens: it would end the tests."""
    assert signal.getsignal(number) not in {signal.SIG_DFL, signal.default_int_handler}
    signal.raise_signal(number)


def heard(listener: socket.socket) -> list[str]:
    """What systemd was told since of the daemon's life: not its signs, nor how things stand."""
    return [said for said in all_heard(listener) if not said.startswith(("WATCHDOG=", "STATUS="))]


def all_heard(listener: socket.socket) -> list[str]:
    found = []
    try:
        while True:
            found.append(listener.recv(4096).decode())
    except BlockingIOError:
        return found


class TestLife:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
    async def test_from_its_start_to_a_signal_all_is_said_and_on_record(
        self,
        sandbox: Sandbox,
        tmp_path: Path,
        logs: list[Any],
        notifications: socket.socket,
        number: signal.Signals,
        code: int,
    ) -> None:
        async with living(sandbox, tmp_path) as daemon:
            await until(daemon.are_paused, "all campaigns are paused")
            assert heard(notifications) == ["READY=1"]
            send(number)
            assert await daemon.ended() == code
        assert heard(notifications) == ["STOPPING=1"]
        # The preflight may have come to its end, or not.
        query = select(journal.c.event).where(journal.c.event != PREFLIGHT).order_by(journal.c.id)
        assert [row.event for row in daemon.read(query)] == [
            "daemon started",
            "file loaded",
            "daemon stopped",
        ]
        with daemon.ledger.reading() as connection:
            newest, head = reports.newest_run(connection), chain.head(connection)
        assert (logs[0]["event"], logs[-1]) == (
            "daemon started",
            {"event": "daemon stopped", "log_level": "info", "why": number.name, "head": str(head)},
        )
        assert newest is not None
        assert (newest.started_at, newest.last_tick_at, newest.stopped_at) == (FRIDAY, FRIDAY, FRIDAY)

    async def test_after_its_end_nobody_listens_to_signals_any_more(self, sandbox: Sandbox, tmp_path: Path) -> None:
        async with living(sandbox, tmp_path) as daemon:
            await until(daemon.are_paused, "all campaigns are paused")
            send(signal.SIGTERM)
            await daemon.ended()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    async def test_what_an_earlier_one_left_is_said_and_ended(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        ledger = ledger_in(tmp_path)
        with ledger.writing() as connection:
            cut_off = work.record_intent(connection, new_intent(), FRIDAY)
            assert cut_off is not None
            work.start_attempt(connection, cut_off, "an earlier one", FRIDAY)
            work.record_intent(connection, new_intent(account="gone"), FRIDAY)
        async with living(sandbox, tmp_path) as daemon:
            await until(daemon.are_paused, "all campaigns are paused")
            send(signal.SIGTERM)
            await daemon.ended()
        assert [(line["event"], line["number"]) for line in logs if line["log_level"] == "warning"] == [
            ("calls were cut off, and are due again", 1),
            ("changes of accounts that aren't in the file any more were given up", 1),
        ]
        query = select(intents.c.account, intents.c.campaign, intents.c.state).order_by(intents.c.id)
        assert daemon.read(query) == [
            ("main", CAMPAIGN, "succeeded"),
            ("gone", CAMPAIGN, "missed"),
            ("main", SECOND_ONE, "succeeded"),
        ]

    @pytest.mark.parametrize("dry_run", [False, True])
    async def test_what_is_owed_to_an_account_that_is_gone_is_said_and_left_to_a_person(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], dry_run: bool
    ) -> None:
        """A renamed account must not make a debt vanish; a dry run only looks."""
        ledger = ledger_in(tmp_path)
        with ledger.writing() as connection:
            taken = work.record_intent(connection, new_intent(account="old"), FRIDAY)
            assert taken is not None
            work.start_attempt(connection, taken, "an earlier one", FRIDAY)
            work.finish_attempt(connection, taken, 1, Result(outcome=Outcome.SUCCEEDED), FRIDAY)
        async with living(sandbox, tmp_path, dry_run=dry_run) as daemon:
            await until(lambda: has_calls(sandbox), "it works")
            send(signal.SIGTERM)
            await daemon.ended()
        said = [(line["account"], line["campaign"]) for line in logs if line["log_level"] == "error"]
        missed = daemon.read(select(intents.c.account).where(intents.c.state == "missed"))
        assert (said, missed) == (([], []) if dry_run else ([("old", CAMPAIGN)], [("old",)]))
        assert len(daemon.read(select(custody).where(custody.c.account == "old"))) == dry_run


CALENDARS = "{poland: {country: PL}, company: {dates: 2026-12-28}}"


class TestLoad:
    """What the journal has of the file, and of the data that it was read with."""

    async def start_and_stop(self, sandbox: Sandbox, folder: Path, calendars: str = CALENDARS) -> Running:
        async def is_working() -> bool:
            return len(sandbox.log) > before

        before = len(sandbox.log)
        async with living(sandbox, folder, calendars=calendars) as daemon:
            await until(is_working, "it asks for the list")
            send(signal.SIGTERM)
            await daemon.ended()
        return daemon

    def journalled(self, daemon: Running, event: str) -> list[Any]:
        query = select(journal.c.details).where(journal.c.event == event).order_by(journal.c.id)
        return [row.details for row in daemon.read(query)]

    def as_by_older_data(self, daemon: Running) -> None:
        """Have the last load be one of an older Curfew, whose holidays had another day and lacked one."""
        (*_, loaded) = self.journalled(daemon, FILE_LOADED)
        days = loaded["calendars"]["poland"]["days"]
        del days["2026-12-24"]
        days["2027-07-22"] = "Rebirth of Poland"
        with daemon.ledger.writing() as connection:
            connection.execute(
                update(journal).where(journal.c.event == FILE_LOADED).values(details=loaded | {"holidays": "0.1"})
            )

    async def test_the_versions_of_its_data_and_the_days_of_its_calendars_are_journalled(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        daemon = await self.start_and_stop(sandbox, tmp_path)
        (loaded,) = self.journalled(daemon, FILE_LOADED)
        assert (loaded["zone_data"], loaded["holidays"]) == (str(use_newest()), data_version())
        assert loaded["calendars"]["company"]["days"] == {"2026-12-28": "company"}
        assert loaded["calendars"]["poland"]["days"]["2027-01-06"] == "Epiphany"
        assert loaded == facts(load(tmp_path / "curfew.yaml", {}), FRIDAY)
        with daemon.ledger.reading() as connection:
            assert reports.last_load(connection) == loaded

    async def test_the_days_that_an_upgrade_has_changed_are_said_and_journalled_once(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        daemon = await self.start_and_stop(sandbox, tmp_path)
        self.as_by_older_data(daemon)
        logs.clear()
        changes = ["poland: Thu 2026-12-24 Christmas Eve added", "poland: Thu 2027-07-22 Rebirth of Poland removed"]
        for _ in range(2):
            daemon = await self.start_and_stop(sandbox, tmp_path)
            assert [line for line in logs if line["log_level"] == "warning"] == [
                {
                    "event": "other holiday data has changed a day",
                    "log_level": "warning",
                    "calendar": "poland",
                    "change": change,
                }
                for change in changes
            ]
            assert self.journalled(daemon, "holidays changed") == [{"change": change} for change in changes]
        assert len(self.journalled(daemon, FILE_LOADED)) == 3

    async def test_a_start_of_the_same_data_says_nothing(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        await self.start_and_stop(sandbox, tmp_path)
        daemon = await self.start_and_stop(sandbox, tmp_path, "{poland: {country: PL, except: Epiphany}}")
        assert self.journalled(daemon, "holidays changed") == []
        assert [line for line in logs if line["log_level"] == "warning"] == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No job wakes the daemon, as after a clock that was put back; its own patience is short."""
    monkeypatch.setattr(at_work, "TICK", timedelta(milliseconds=10))
    monkeypatch.setattr(Jobs, "start", lambda *_: None)
    monkeypatch.setattr(Jobs, "stop", lambda _: None)


class TestConfirm:
    async def test_when_all_is_paused_a_list_confirms_it_without_waiting_for_the_tick(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        async with living(sandbox, tmp_path) as daemon:
            await until(lambda: is_confirmed(daemon), "both pauses are confirmed")


async def is_confirmed(daemon: Running) -> bool:
    return daemon.read(select(intents.c.confirmed_at)) == [(FRIDAY,), (FRIDAY,)]


@pytest.mark.usefixtures("quick")
class TestPasses:
    async def test_they_go_on_though_no_job_comes(self, sandbox: Sandbox, tmp_path: Path) -> None:
        clock = Clock(FRIDAY - HOUR)
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: has_calls(sandbox), "it has asked for the list")
            clock.now = FRIDAY
            await until(daemon.are_paused, "all campaigns are paused")

    async def test_an_account_that_hangs_holds_up_no_other(self, sandbox: Sandbox, tmp_path: Path) -> None:
        window = "campaigns: all, pause: {from: Fri 17:00, until: Mon 08:00}"
        rule = f"{{name: a, account: main, {window}}}\n  - {{name: b, account: slow, {window}}}"
        clock = Clock(FRIDAY - HOUR)
        async with Sandbox(campaigns=1, api_key=KEY).serving() as slow:
            slow.add_fault(Fault(effect="delay", call="list", delay=timedelta(seconds=5)))
            keys = {"main": sandbox.base_url, "slow": slow.base_url}
            accounts = ", ".join(f"{name}: {{api_key: {KEY}, base_url: '{url}'}}" for name, url in keys.items())
            async with living(sandbox, tmp_path, clock, accounts=f"{{{accounts}}}", rule=rule) as daemon:
                await until(lambda: has_calls(slow), "the slow one is asked")
                await until(lambda: has_calls(sandbox), "the quick one is asked")
                clock.now = FRIDAY
                await until(daemon.are_paused, "all campaigns of the quick one are paused")
                # Its passes don't overlap: there's one that waits.
                assert [entry.answered_at for entry in slow.log] == [None]


@pytest.fixture
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_FOR_OVERRIDES", timedelta(milliseconds=5))


def override(kind: OverrideKind, clock: Clock, ends_at: datetime, *, campaign: int | None = None) -> Override:
    """An exception for a campaign as of now, or for this weekend."""
    return Override(
        id=0,
        kind=kind,
        account="main",
        rule="weekend" if campaign is None else None,
        campaign=campaign,
        starts_at=FRIDAY if campaign is None else clock.now,
        ends_at=ends_at,
        author="ada",
    )


@pytest.mark.usefixtures("quick_look")
class TestOverrides:
    """Exceptions that others make and take back meanwhile, over connections of their own."""

    def make(self, daemon: Running, new: Override, clock: Clock) -> int:
        with daemon.ledger.writing() as connection:
            return add_override(connection, new, clock.now).id

    def revoke(self, daemon: Running, number: int, clock: Clock) -> None:
        with daemon.ledger.writing() as connection:
            assert revoke_override(connection, number, "grace", clock.now) is not None

    async def test_a_paused_campaign_is_paused_and_given_back_at_the_end_and_no_other_is(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        clock = Clock(FRIDAY - 5 * HOUR)
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: has_calls(sandbox), "it has asked for the list")
            self.make(daemon, override(OverrideKind.PAUSE, clock, clock.now + HOUR, campaign=CAMPAIGN), clock)
            await until(lambda: are(daemon, "PAUSED", "RUNNING"), "it's paused")
            assert {"event": "exceptions have changed", "log_level": "info", "in_mind": 1} in logs
            await until(lambda: is_held(daemon, CAMPAIGN), "it's ours")
            clock.move(HOUR)
            self.make(daemon, override(OverrideKind.EXTEND, clock, MONDAY + HOUR), clock)
            await until(lambda: are(daemon, "RUNNING", "RUNNING"), "it's given back")

    async def test_a_skipped_window_gives_all_back_and_one_that_is_taken_back_pauses_again(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        clock = Clock(FRIDAY + HOUR)
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: is_held(daemon, CAMPAIGN, SECOND_ONE), "both are paused")
            clock.move(HOUR)
            number = self.make(daemon, override(OverrideKind.SKIP, clock, MONDAY), clock)
            await until(lambda: are(daemon, "RUNNING", "RUNNING"), "all is given back")
            await until(lambda: is_held(daemon), "nothing is owed")
            clock.move(HOUR)
            self.revoke(daemon, number, clock)
            await until(lambda: are(daemon, "PAUSED", "PAUSED"), "all is paused again")
        assert [(entry.call, entry.campaign) for entry in posts(sandbox)].count(("run", CAMPAIGN)) == 1

    async def test_a_resumed_campaign_stays_so_through_rechecks_and_a_restart(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        clock = Clock(FRIDAY + HOUR)
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: is_held(daemon, CAMPAIGN, SECOND_ONE), "both are paused")
            self.make(daemon, override(OverrideKind.RESUME, clock, MONDAY, campaign=CAMPAIGN), clock)
            await until(lambda: are(daemon, "RUNNING", "PAUSED"), "it's given back")
            await until(lambda: is_held(daemon, SECOND_ONE), "it's owed no more")
            await self.wait_for_a_recheck(daemon, clock)
            send(signal.SIGTERM)
            await daemon.ended()
        async with living(sandbox, tmp_path, clock) as daemon:
            await self.wait_for_a_recheck(daemon, clock)
            assert await are(daemon, "RUNNING", "PAUSED")
        assert [(entry.call, entry.campaign) for entry in posts(sandbox)] == [
            ("pause", CAMPAIGN),
            ("pause", SECOND_ONE),
            ("run", CAMPAIGN),
        ]

    async def wait_for_a_recheck(self, daemon: Running, clock: Clock) -> None:
        """Two lists: the pass that made the second one comes after the first one's was acted on."""
        for _ in range(2):
            before = lists(daemon.sandbox)
            clock.move(2 * RECHECK)
            # A change of the exceptions wakes it, though this one is for a campaign that there isn't.
            number = self.make(daemon, override(OverrideKind.RESUME, clock, MONDAY, campaign=99), clock)
            self.revoke(daemon, number, clock)
            await until(lambda before=before: has_more_lists(daemon, before), "it has asked for the list")  # type: ignore[misc]

    async def test_a_window_that_was_made_days_longer_is_given_back_when_that_is_taken_back(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """Not left paused for being more than a day late by the file's rules, also after a restart."""
        clock = Clock(FRIDAY)
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: is_held(daemon, CAMPAIGN, SECOND_ONE), "both are paused")
            number = self.make(daemon, override(OverrideKind.EXTEND, clock, MONDAY + 3 * DAY), clock)
            await until(lambda: has_more_lists(daemon, 1), "it has heard of it")
            send(signal.SIGTERM)
            await daemon.ended()
        clock.now = MONDAY + 2 * DAY
        self.revoke(daemon, number, clock)
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: are(daemon, "RUNNING", "RUNNING"), "all is given back")
        query = select(intents.c.due_at).where(intents.c.action == "resume")
        assert daemon.read(query) == [(clock.now,), (clock.now,)]

    async def test_a_skip_that_is_on_record_at_the_start_counts_from_the_first_pass_on(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        clock = Clock(FRIDAY)
        with ledger_in(tmp_path).writing() as connection:
            add_override(connection, override(OverrideKind.SKIP, clock, MONDAY), FRIDAY - HOUR)
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: has_more_lists(daemon, 0), "it has asked for the list")
            await self.wait_for_a_recheck(daemon, clock)
        assert posts(sandbox) == []


async def are(daemon: Running, *statuses: str) -> bool:
    return [campaign.status for campaign in daemon.sandbox.account().campaigns.values()] == list(statuses)


async def is_held(daemon: Running, *campaigns: int) -> bool:
    query = select(custody.c.campaign).order_by(custody.c.campaign)
    return daemon.read(query) == [(campaign,) for campaign in campaigns]


def lists(sandbox: Sandbox) -> int:
    return sum(entry.call == "list" for entry in sandbox.log)


async def has_more_lists(daemon: Running, than: int) -> bool:
    return lists(daemon.sandbox) > than


class TestDrain:
    async def test_a_call_that_outlasts_the_limit_is_cut_off_and_due_again(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "DRAIN_LIMIT", timedelta(milliseconds=50))
        sandbox.add_fault(LONG)
        async with living(sandbox, tmp_path) as daemon:
            await until(daemon.is_calling, "a call is under way")
            began = time.monotonic()
            send(signal.SIGTERM)
            assert await daemon.ended() == 0
            assert 0.05 <= time.monotonic() - began < 3
        assert [row.outcome for row in daemon.read(select(attempts))] == [None]
        assert "calls are cut off; they are due again at the next start" in [line["event"] for line in logs]
        assert [row.state for row in daemon.read(select(intents).order_by(intents.c.id))] == ["calling", "waiting"]

    async def test_a_second_signal_ends_it_at_once_as_the_first_one_said(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        sandbox.add_fault(LONG)
        async with living(sandbox, tmp_path) as daemon:
            await until(daemon.is_calling, "a call is under way")
            began = time.monotonic()
            send(signal.SIGTERM)
            await asyncio.sleep(0.02)
            assert not daemon.life.done()
            send(signal.SIGINT)
            assert await daemon.ended() == 0
            assert time.monotonic() - began < 3
        assert logs[-1]["why"] == "SIGTERM"

    async def test_a_call_that_ends_within_the_limit_is_recorded_and_no_other_is_begun(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.add_fault(Fault(effect="delay", call="pause", delay=timedelta(milliseconds=100)))
        async with living(sandbox, tmp_path) as daemon:
            await until(daemon.is_calling, "a call is under way")
            send(signal.SIGTERM)
            assert await daemon.ended() == 0
        assert [row.outcome for row in daemon.read(select(attempts))] == ["succeeded"]
        assert len(posts(sandbox)) == 1

    async def test_a_pass_that_is_under_way_ends_first_and_what_it_plans_is_left_for_the_next_start(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.add_fault(Fault(effect="delay", call="list", delay=timedelta(milliseconds=100)))
        async with living(sandbox, tmp_path) as daemon:
            await until(lambda: has_calls(sandbox), "the list is under way")
            send(signal.SIGTERM)
            assert await daemon.ended() == 0
        assert [row.state for row in daemon.read(select(intents))] == ["waiting", "waiting"]
        assert posts(sandbox) == []


async def has_calls(sandbox: Sandbox) -> bool:
    return bool(sandbox.log)


class FaultyClock(Clock):
    """A clock that can't be read any more once it's broken."""

    is_broken = False

    def __call__(self) -> datetime:
        if self.is_broken:
            raise ZeroDivisionError("the clock is broken")
        return super().__call__()


Break = Callable[[Running, FaultyClock], None]


def spoil_the_ledger(daemon: Running, _: FaultyClock) -> None:
    """No fault of the disk: what's missing is there, and not what it should be."""
    with daemon.ledger.writing() as connection:
        connection.execute(text("DROP TABLE attempts"))


def break_the_clock(_: Running, clock: FaultyClock) -> None:
    clock.is_broken = True


class TestSignsOfLife:
    """What systemd is told while the daemon lives."""

    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watchdog, "PERIOD", timedelta(milliseconds=5))

    async def test_it_says_what_is_next_and_what_fails_and_that_it_is_alive(
        self, sandbox: Sandbox, tmp_path: Path, notifications: socket.socket
    ) -> None:
        sandbox.add_fault(Fault(call="pause", campaign=SECOND_ONE, status=400, detail="no\nway"))
        said: list[str] = []

        async def says(*words: str) -> bool:
            said.extend(all_heard(notifications))
            return any(all(word in each for word in words) for each in said)

        text = f"1 change fails since Fri 2026-11-27 17:00+01:00: pause {SECOND_ONE}: Bad Request: no way"
        async with living(sandbox, tmp_path):
            # When that is, the jobs know, which go by the real time of day.
            await until(lambda: says("STATUS=next: weekend ", text), "it's told")
        assert "WATCHDOG=1" in said

    async def test_keys_that_are_refused_are_told(
        self, sandbox: Sandbox, tmp_path: Path, notifications: socket.socket
    ) -> None:
        sandbox.add_fault(Fault(call="list", status=401))

        async def says_so() -> bool:
            return any("key refused: main" in each for each in all_heard(notifications))

        async with living(sandbox, tmp_path):
            await until(says_so, "it's told")

    async def test_a_file_that_was_rejected_is_told_until_it_is_right_again(
        self, sandbox: Sandbox, tmp_path: Path, notifications: socket.socket
    ) -> None:
        said: list[str] = []

        async def says_so() -> bool:
            said[:] = [each for each in all_heard(notifications) if each.startswith("STATUS=")][-1:] or said
            return "the file is wrong, and the one before stays in force: 1:1: " in str(said)

        async def says_it_no_more() -> bool:
            return not await says_so()

        async with living(sandbox, tmp_path):
            file = tmp_path / "curfew.yaml"
            right = file.read_text()
            file.write_text("nonsense")
            await until(lambda: has_calls(sandbox), "it's at work")
            send(signal.SIGHUP)
            await until(says_so, "it's told")
            file.write_text(right)
            send(signal.SIGHUP)
            await until(says_it_no_more, "it's right again")

    async def test_a_ledger_that_hangs_is_noticed_in_every_loop_that_needs_it(
        self,
        sandbox: Sandbox,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        logs: list[Any],
        notifications: socket.socket,
    ) -> None:
        """A disk that doesn't answer: the event loop goes round, and nothing is done any more."""
        monkeypatch.setattr(watchdog, "LONGEST_SILENCE", timedelta(milliseconds=100))
        monkeypatch.setattr(module, "LOOK_FOR_OVERRIDES", timedelta(milliseconds=5))
        clock, goes_on, commit = Clock(FRIDAY - HOUR), threading.Event(), Writer._commit

        def hang(writer: Writer, *rest: Any) -> Any:
            goes_on.wait(20)
            return commit(writer, *rest)

        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: has_calls(sandbox), "it has asked for the list")
            monkeypatch.setattr(Writer, "_commit", hang)
            await until(lambda: hangs(logs, "exceptions"), "it's said")
            all_heard(notifications)
            await asyncio.sleep(0.03)
            assert all_heard(notifications) == []
            goes_on.set()
            assert not daemon.life.done()


async def hangs(logs: list[Any], loop: str) -> bool:
    return any(loop in line["loops"] for line in logs if line["event"] == "hangs")


class TestFaults:
    @pytest.mark.parametrize("call", ["list", "pause"], ids=["of a pass", "of a lane"])
    @pytest.mark.parametrize(
        ("break_it", "error"), [(spoil_the_ledger, LedgerError), (break_the_clock, ZeroDivisionError)]
    )
    async def test_a_fault_ends_the_daemon_and_is_shown_as_what_it_is(
        self,
        sandbox: Sandbox,
        tmp_path: Path,
        notifications: socket.socket,
        call: Any,
        break_it: Break,
        error: type[Exception],
    ) -> None:
        sandbox.add_fault(Fault(effect="delay", call=call, delay=timedelta(milliseconds=50)))
        clock = FaultyClock()
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: is_under_way(sandbox, call), "the call is under way")
            break_it(daemon, clock)
            with pytest.raises(error):
                await daemon.ended()
        assert heard(notifications) == ["READY=1", "STOPPING=1"]
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    async def test_where_the_ledger_cannot_be_opened_it_does_not_start(
        self, sandbox: Sandbox, tmp_path: Path, notifications: socket.socket
    ) -> None:
        ledger = Database(f"sqlite:///{tmp_path}/nowhere/curfew.db")
        with pytest.raises(LedgerError):
            await Daemon(settings_in(tmp_path, sandbox.base_url), ledger).live()
        assert heard(notifications) == []
        assert sandbox.log == []


async def is_under_way(sandbox: Sandbox, call: str) -> bool:
    return any(entry.call == call for entry in sandbox.log)


@pytest.mark.usefixtures("quick", "quick_look")
class TestUnwrittenLedger:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(substitute, "FIRST_GAP", 0.01)
        monkeypatch.setattr(database, "_LOCK_WAIT", 10)

    async def test_it_says_once_that_it_is_degraded_and_once_that_it_is_over(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], notifications: socket.socket
    ) -> None:
        sandbox.campaign(SECOND_ONE).status = "PAUSED"
        clock = Clock(FRIDAY - HOUR)
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(lambda: has_more_lists(daemon, 0), "it has looked")
            with at_fault(Locked(daemon.ledger)):
                await until(lambda: is_said(logs, "ledger not writable"), "it's noticed")
                clock.now = FRIDAY
                await until(daemon.is_calling, "the pause goes out")
                await until(lambda: is_said(logs, "pause succeeded"), "the pause is answered")
                assert await daemon.are_paused()
                assert daemon.read(select(intents)) == []
                clock.now = FRIDAY + HOUR
            await until(lambda: is_said(logs, "ledger writable again"), "it's over")
            send(signal.SIGTERM)
            assert await daemon.ended() == 0
        about = [line for line in logs if line["event"].startswith("ledger")]
        assert about == [
            {
                "event": "ledger not writable",
                "log_level": "error",
                "error": f"{daemon.ledger.name}: database is locked",
                "meanwhile": "pauses go out, and are kept in memory and in this log; resumes wait",
                "what_to_do": "another process holds it: wait for that one, or end it",
            },
            {
                "event": "ledger writable again",
                "log_level": "info",
                "since": FRIDAY - HOUR,
                "records": "all are in it",
            },
        ]
        told = [line.partition(" (")[0] for line in all_heard(notifications)]
        assert [line for line in told if "ledger" in line] == [
            "STATUS=degraded: the ledger can't be written",
            "STATUS=the ledger is written again",
        ]
        held = daemon.read(select(custody.c.campaign, custody.c.taken_at))
        assert held == [(CAMPAIGN, FRIDAY)]
        noted = daemon.read(
            select(journal.c.at, journal.c.event, journal.c.details).where(journal.c.event.like("led%"))
        )
        assert noted == [
            (FRIDAY - HOUR, "ledger not writable", {"why": f"{daemon.ledger.name}: database is locked"}),
            (FRIDAY + HOUR, "ledger writable again", {"since": "2026-11-27T15:00:00Z"}),
        ]

    async def test_the_exceptions_that_were_seen_last_count_on(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        """What the copy in memory has of them may be older."""
        clock = Clock(FRIDAY)
        async with living(sandbox, tmp_path, clock) as daemon:
            await until(daemon.are_paused, "all are paused")
            with daemon.ledger.writing() as connection:
                add_override(connection, override(OverrideKind.RESUME, clock, MONDAY, campaign=CAMPAIGN), FRIDAY)
            await until(lambda: are(daemon, "RUNNING", "PAUSED"), "one is given back")
            with at_fault(Locked(daemon.ledger)):
                await until(lambda: is_said(logs, "ledger not writable"), "it's noticed")
                before = lists(sandbox)
                clock.now += RECHECK
                await until(lambda: has_more_lists(daemon, before), "it looks again")
                await asyncio.sleep(0.05)
        assert [(entry.call, entry.campaign) for entry in posts(sandbox)][2:] == [("run", CAMPAIGN)]

    async def test_at_the_end_it_fails_where_something_is_in_memory_only(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with living(sandbox, tmp_path) as daemon:
            await until(daemon.are_paused, "all are paused")
            with at_fault(Locked(daemon.ledger)):
                await until(lambda: is_said(logs, "ledger not writable"), "it's noticed")
                send(signal.SIGTERM)
                with pytest.raises(LedgerError, match="what was done since it began to fail is in the log only"):
                    await daemon.ended()
        assert logs[-1]["event"] == "daemon stopped"


async def is_said(logs: list[Any], what: str) -> bool:
    return any(line["event"].startswith(what) for line in logs)


class TestRun:
    def test_without_a_key_it_does_not_start(self, tmp_path: Path) -> None:
        settings = settings_in(tmp_path, "", accounts="{main: {credential: woodpecker}}")
        database = Database(f"sqlite:///{tmp_path}/curfew.db")
        with pytest.raises(WrongFile, match="systemd credentials are there for the service only"):
            run(settings, database)
        assert not database.path.exists()

    def test_more_accounts_than_connections_are_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
    ) -> None:
        settings = settings_in(tmp_path, "http://127.0.0.1:9/rest")
        asked: list[int] = []

        def allow(number: int) -> bool:
            asked.append(number)
            return False

        monkeypatch.setattr(in_force, "allow_connections", allow)
        database = ledger_in(tmp_path)
        with Lock(database.path), pytest.raises(LedgerInUse):
            run(settings, database)
        assert asked == [1]
        # The file's key may be readable by others, which is said before.
        assert logs[-1]["event"] == (
            "more accounts than connections that may be open at once; raise the limit of open files"
        )

    def test_two_do_not_work_on_one_ledger(self, tmp_path: Path) -> None:
        settings = settings_in(tmp_path, "http://127.0.0.1:9/rest")
        database = ledger_in(tmp_path)
        with Lock(database.path), pytest.raises(LedgerInUse):
            run(settings, database)

    def test_a_new_ledger_is_made_and_brought_up_to_date_before_the_daemon_lives(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = settings_in(tmp_path, "http://127.0.0.1:9/rest")
        database = Database(f"sqlite:///{tmp_path}/curfew.db")

        async def live(_: Daemon) -> int:
            with database.reading() as connection:
                assert reports.newest_run(connection) is None
            return 7

        monkeypatch.setattr(Daemon, "live", live)
        assert run(settings, database) == 7
