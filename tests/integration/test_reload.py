"""Another file while the daemon lives, in the test's own process: its clock stands on FRIDAY, where the weekend begins.

The files, the watch over them, the signals and the calls are real.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rules.document import types
from rules.overrides import Override, OverrideKind
from scheduler import accounts as at_work
from scheduler import daemon as life
from scheduler import reload as module
from scheduler.daemon import Daemon
from scheduler.ledger.database import Database
from scheduler.ledger.files import file_in_force, rejected_file
from scheduler.ledger.overrides import add_override
from scheduler.ledger.records import FILE_LOADED, FILE_REJECTED
from scheduler.ledger.tables import custody, intents, journal
from scheduler.plan import RECHECK
from scheduler.sandbox import FIRST_COMPANY_ID, Fault, Sandbox
from scheduler.settings import load
from scheduler.watching import Watch
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
    posts,
    until,
    weekend,
)

SECOND_ONE = CAMPAIGN + 1
SUNDAY = FRIDAY + 2 * DAY
COMPANY = str(FIRST_COMPANY_ID)
NIGHTS = "{name: nights, campaigns: all, pause: {on: mon-thu, from: 18:00, until: 08:00}}"
BAD = "{name: weekend, campaigns: all, pause: {from: Fri 17:00}}"


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED", timedelta(milliseconds=20))
    monkeypatch.setattr(at_work, "TICK", timedelta(milliseconds=20))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(campaigns=2, accounts=2, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
        yield sandbox


@pytest.fixture
def notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


@dataclass
class Running:
    """A daemon that lives meanwhile, its file and its ledger."""

    folder: Path
    sandbox: Sandbox
    ledger: Database
    clock: Clock
    logs: list[Any] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "curfew.yaml"

    def write(self, *rules: str, **head: str) -> None:
        """Put another file in the place of this one, as most editors do."""
        main = f"{{main: {{api_key: {KEY}, base_url: '{self.sandbox.base_url}'}}}}"
        keys = {"timezone": "Europe/Warsaw", "accounts": main, **head}
        text = "\n".join([*(f"{key}: {value}" for key, value in keys.items()), "rules:", *(f"  - {r}" for r in rules)])
        new = self.folder / "curfew.yaml~"
        new.write_text(f"{text}\n", encoding="utf-8")
        new.rename(self.file)

    def read(self, query: Any) -> list[Any]:
        with self.ledger.reading() as connection:
            return list(connection.execute(query).all())

    def journalled(self, event: str) -> list[Mapping[str, Any]]:
        query = select(journal.c.details).where(journal.c.event == event).order_by(journal.c.id)
        return [row.details for row in self.read(query)]

    def said(self, event: str) -> list[Any]:
        return [line for line in self.logs if line["event"] == event]

    async def are(self, *statuses: str, account: str = "main") -> None:
        """Wait until the campaigns do this."""

        async def do() -> bool:
            return [each.status for each in self.sandbox.account(account).campaigns.values()] == list(statuses)

        await until(do, f"the campaigns are {statuses}")

    async def held(self, *campaigns: int, account: str = "main") -> None:
        """Wait until exactly these are in custody."""
        query = select(custody.c.campaign).where(custody.c.account == account).order_by(custody.c.campaign)

        async def are_held() -> bool:
            return [row.campaign for row in self.read(query.where(custody.c.left_at.is_(None)))] == list(campaigns)

        await until(are_held, f"{campaigns} are held")

    async def loads(self, number: int) -> None:
        """Wait until so many loads are in the journal, that of the start included."""
        await self.has_journalled(FILE_LOADED, number)

    async def has_journalled(self, event: str, number: int) -> None:
        async def are_there() -> bool:
            return len(self.journalled(event)) >= number

        await until(are_there, f"{event}: {number}")
        assert len(self.journalled(event)) == number

    async def has_said(self, event: str) -> None:
        async def is_there() -> bool:
            return bool(self.said(event))

        await until(is_there, event)


@asynccontextmanager
async def living(
    sandbox: Sandbox, folder: Path, logs: list[Any], *rules: str, clock: Clock | None = None, **head: str
) -> AsyncIterator[Running]:
    """A daemon on a ledger of its own, whose first pass is over; it's cut off at the end."""
    daemon = Running(folder, sandbox, ledger_in(folder), clock or Clock(), logs)
    daemon.write(*rules, **head)
    made = Daemon(load(daemon.file, {}), daemon.ledger, {}, now=daemon.clock)
    task = asyncio.create_task(made.live())
    try:
        await until(lambda: has_calls(sandbox, task), "it works")
        yield daemon
        assert not task.done(), "it lives"
    finally:
        task.cancel()
        await asyncio.wait([task])


async def has_calls(sandbox: Sandbox, task: asyncio.Task[int]) -> bool:
    assert not task.done(), task
    return bool(sandbox.log)


def hang_up() -> None:
    """SIGHUP, but only where somebody listens: it would end the tests."""
    assert signal.getsignal(signal.SIGHUP) != signal.SIG_DFL
    signal.raise_signal(signal.SIGHUP)


def heard(listener: socket.socket) -> list[str]:
    """What systemd was told of the daemon's life: not its signs, nor how things stand."""
    found = []
    try:
        while True:
            found.append(listener.recv(4096).decode())
    except BlockingIOError:
        return [said for said in found if not said.startswith(("WATCHDOG=", "STATUS="))]


def disabled(rule: str) -> str:
    return rule.replace("campaigns", "enabled: false, campaigns", 1)


class TestRules:
    """What other rules do with campaigns that are held."""

    @pytest.mark.parametrize(
        "edited",
        [
            disabled(weekend()),
            NIGHTS,
            weekend().replace("Mon 08:00", "Fri 17:30"),
            weekend().replace("Fri 17:00", "Fri 17:00:01").replace("Mon 08:00", "Fri 17:00:02"),
            weekend("[7]"),
            weekend("{names: ['* 9']}"),
        ],
        ids=["disabled", "removed", "shortened", "shorter than it has lasted", "for others", "for others by name"],
    )
    async def test_what_no_window_covers_any_more_is_given_back(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], edited: str
    ) -> None:
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.clock.move(2 * HOUR)
            daemon.write(edited)
            await daemon.are("RUNNING", "RUNNING")
            await daemon.held()
            resumes = daemon.read(select(intents.c.due_at, intents.c.state).where(intents.c.action == "resume"))
            assert resumes == [(FRIDAY + 2 * HOUR, "succeeded")] * 2

    async def test_also_where_its_window_has_ended_days_ago_by_the_new_rules(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        """A resume more than a day late is left to a person; this one isn't late, it's wanted only now."""
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.clock.now = SUNDAY
            daemon.write(weekend().replace("Mon 08:00", "Fri 18:00"))
            await daemon.are("RUNNING", "RUNNING")
            assert daemon.read(select(intents.c.due_at).where(intents.c.action == "resume")) == [(SUNDAY,)] * 2

    async def test_what_a_person_has_resumed_or_paused_is_not_touched(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        sandbox.campaign(SECOND_ONE).status = "PAUSED"
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            await until(lambda: is_confirmed(daemon), "the pause is confirmed")
            sandbox.campaign(CAMPAIGN).status = "RUNNING"
            daemon.clock.move(RECHECK)
            await daemon.held()
            daemon.write(disabled(weekend()))
            await daemon.loads(2)
            daemon.write(weekend())
            await daemon.loads(3)
            lists = sum(entry.call == "list" for entry in sandbox.log)
            await until(lambda: has_lists(sandbox, lists), "it has looked once more")
        assert [entry.call for entry in posts(sandbox)] == ["pause"]
        assert [each.status for each in sandbox.account().campaigns.values()] == ["RUNNING", "PAUSED"]

    async def test_a_window_that_goes_on_by_other_rules_keeps_what_is_held(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.clock.move(HOUR)
            daemon.write(weekend().replace("weekend", "longer").replace("Fri 17:00", "Fri 18:00").replace("08", "09"))
            await daemon.loads(2)
            daemon.clock.now = MONDAY
            await daemon.has_said("pause skipped")
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.clock.move(HOUR)
            await daemon.are("RUNNING", "RUNNING")
        assert [entry.call for entry in posts(sandbox)] == ["pause", "pause", "run", "run"]

    async def test_a_new_rule_whose_window_lasts_pauses_at_once(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with living(sandbox, tmp_path, logs, NIGHTS) as daemon:
            daemon.write(NIGHTS, weekend())
            await daemon.are("PAUSED", "PAUSED")
            await daemon.loads(2)
            (_, loaded) = daemon.journalled(FILE_LOADED)
            assert (loaded["why"], loaded["rules"], loaded["changed_rules"]) == ("the file has changed", 2, 1)
            (change,) = loaded["changes"]
            assert (change["rule"], change["gained"], change["lost"], change["moved"]) == ("weekend", 5, 0, 0)
            assert change["what"].startswith("weekend: new; 5 gained (Fri 2026-11-27 17:00 until Mon 2026-11-30 08:00")
            (said,) = daemon.said("plan changed")
            assert said["what"] == change["what"]

    async def test_an_edit_that_is_undone_pauses_again(self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]) -> None:
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.clock.move(HOUR)
            daemon.write(disabled(weekend()))
            await daemon.are("RUNNING", "RUNNING")
            await daemon.held()
            daemon.clock.move(HOUR)
            daemon.write(weekend())
            await daemon.held(CAMPAIGN, SECOND_ONE)

    async def test_exceptions_are_in_force_with_another_file_too(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(life, "LOOK_FOR_OVERRIDES", timedelta(milliseconds=5))
        async with living(sandbox, tmp_path, logs, NIGHTS) as daemon:
            resume = Override(
                id=0,
                kind=OverrideKind.RESUME,
                account="main",
                campaign=CAMPAIGN,
                starts_at=FRIDAY,
                ends_at=MONDAY,
                author="ada",
            )
            with daemon.ledger.writing() as connection:
                add_override(connection, resume, FRIDAY)
            await daemon.has_said("exceptions have changed")
            daemon.write(weekend())
            await daemon.are("RUNNING", "PAUSED")
            await daemon.held(SECOND_ONE)

    async def test_the_preflight_looks_at_what_is_new(self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]) -> None:
        async with living(sandbox, tmp_path, logs, NIGHTS) as daemon:
            await daemon.has_said("preflight done")
            daemon.write(NIGHTS, weekend("[99]"))
            await daemon.has_said("preflight")
            (said,) = daemon.said("preflight")
            assert (said["path"], said["place"]) == ("rules[1].campaigns[0]", "5:33")

    async def test_a_preflight_is_not_cut_off_in_a_call_beside_which_the_next_one_would_be_made(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        sandbox.add_fault(Fault(effect="delay", call="get", times=1, delay=timedelta(seconds=0.3)))
        async with living(sandbox, tmp_path, logs, NIGHTS) as daemon:
            await until(lambda: is_asked(sandbox, "get"), "the preflight has asked")
            daemon.write(NIGHTS, weekend("[7]"))
            hang_up()
            await daemon.loads(2)
            await daemon.has_said("preflight done")
        assert {entry.in_flight for entry in sandbox.log} == {1}


async def is_asked(sandbox: Sandbox, call: str) -> bool:
    return any(entry.call == call for entry in sandbox.log)


async def is_confirmed(daemon: Running) -> bool:
    return daemon.read(select(intents.c.confirmed_at).where(intents.c.state == "succeeded")) == [(FRIDAY,)]


async def has_lists(sandbox: Sandbox, than: int) -> bool:
    return sum(entry.call == "list" for entry in sandbox.log) > than


class TestRejected:
    async def test_the_rules_stay_and_it_is_said_once_with_its_place_until_it_is_right_again(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.write(BAD)
            await daemon.has_journalled(FILE_REJECTED, 1)
            mistake = "4:51: rules[0].pause.from: needs until, or for"
            (details,) = daemon.journalled(FILE_REJECTED)
            assert (details["number"], details["problems"], details["why"]) == (1, [mistake], "the file has changed")
            with daemon.ledger.reading() as connection:
                in_force, rejected = file_in_force(connection), rejected_file(connection)
            assert in_force is not None
            assert rejected is not None
            assert (in_force.loaded_at, rejected.since, rejected.problems) == (FRIDAY, FRIDAY, (mistake,))
            # The same bytes, written anew.
            daemon.write(BAD)
            daemon.clock.move(HOUR)
            daemon.write(f"{BAD}\n")
            await daemon.has_journalled(FILE_REJECTED, 2)
            with daemon.ledger.reading() as connection:
                again = rejected_file(connection)
            assert again is not None
            assert (again.since, again.sha256 != rejected.sha256) == (FRIDAY, True)
            daemon.write(weekend())
            await daemon.loads(2)
            assert daemon.said("the file is again as it was")
            with daemon.ledger.reading() as connection:
                assert rejected_file(connection) is None
        errors = [line["event"] for line in logs if line["log_level"] == "error"]
        assert errors == ["file rejected; the rules in force stay"] * 2
        assert logs[-1]["log_level"] != "error"
        assert len(posts(sandbox)) == 2

    async def test_a_file_that_is_gone_is_rejected_and_taken_when_it_comes_back(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.file.unlink()
            await daemon.has_journalled(FILE_REJECTED, 1)
            (details,) = daemon.journalled(FILE_REJECTED)
            assert details["problems"] == ["1:1: (file): no such file or directory; say which file with --config"]
            daemon.write(disabled(weekend()))
            await daemon.are("RUNNING", "RUNNING")

    async def test_a_missing_file_that_it_includes_is_waited_for(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            rule = "{name: closed, campaigns: all, pause: {on: shared}}"
            daemon.write(weekend(), rule, calendars="{shared: {ics: holidays/closed.ics}}")
            await daemon.has_journalled(FILE_REJECTED, 1)
            (tmp_path / "holidays").mkdir()
            (tmp_path / "holidays/closed.ics").write_bytes(closed_on("20261127"))
            await daemon.loads(2)

    async def test_a_fault_of_the_program_in_loading_leaves_the_rules_in_force(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a mistake of ours")

        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            with monkeypatch.context() as patch:
                patch.setattr(module, "load", fail)
                daemon.write(NIGHTS)
                await daemon.has_journalled(FILE_REJECTED, 1)
            (said,) = daemon.said("a fault of Curfew: the file can't be loaded")
            assert said["exc_info"]
            daemon.write(disabled(weekend()))
            await daemon.are("RUNNING", "RUNNING")

    @pytest.mark.parametrize("is_known_to_be_wrong", [True, False], ids=["by the file", "by the client alone"])
    async def test_an_account_that_cannot_be_called_at_all_is_rejected(
        self,
        sandbox: Sandbox,
        tmp_path: Path,
        logs: list[Any],
        monkeypatch: pytest.MonkeyPatch,
        is_known_to_be_wrong: bool,
    ) -> None:
        """It would fail where the accounts at work are made, and the daemon with it."""
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            if not is_known_to_be_wrong:
                monkeypatch.setattr(types, "_check_host", lambda _: None)
            nowhere = "{api_key: x, base_url: 'https://10.0.0.256/rest'}"
            main = f"main: {{api_key: {KEY}, base_url: '{sandbox.base_url}'}}"
            daemon.write(MAIN, accounts=f"{{{main}, acme: {nowhere}}}")
            await daemon.has_journalled(FILE_REJECTED, 1)
            daemon.write(disabled(weekend()))
            await daemon.are("RUNNING", "RUNNING")

    async def test_a_file_that_is_wrong_all_over_buries_nothing(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            daemon.write(*(f"{{name: a{number}}}" for number in range(70)))
            await daemon.has_journalled(FILE_REJECTED, 1)
            (details,) = daemon.journalled(FILE_REJECTED)
            assert (details["number"], len(details["problems"])) == (140, 50)
            assert len(daemon.said("another problem of the file")) == 19


def closed_on(day: str) -> bytes:
    """An iCalendar file with one event of a whole day."""
    event = ("BEGIN:VEVENT", f"UID:{day}", f"DTSTART;VALUE=DATE:{day}", "SUMMARY:Closed", "END:VEVENT")
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *event, "END:VCALENDAR", ""]).encode()


class TestIncluded:
    async def test_another_ics_file_is_another_plan(self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]) -> None:
        calendar = tmp_path / "closed.ics"
        calendar.write_bytes(closed_on("20261130"))
        rule = "{name: closed, campaigns: all, pause: {on: shared}}"
        async with living(sandbox, tmp_path, logs, rule, calendars="{shared: {ics: closed.ics}}") as daemon:
            calendar.write_bytes(closed_on("20261127"))
            await daemon.are("PAUSED", "PAUSED")
            (said,) = daemon.said("plan changed")
            assert said["what"].startswith("closed: changed; 1 gained (Fri 2026-11-27 00:00 until")

    async def test_another_key_is_used_without_a_restart_and_tried_at_once(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        """A refused key rests the account for five minutes, by a clock that stands still here."""
        key = tmp_path / "key"
        key.write_text("an-old-key")
        accounts = f"{{main: {{api_key_file: key, base_url: '{sandbox.base_url}'}}}}"
        async with living(sandbox, tmp_path, logs, weekend(f"[{CAMPAIGN}]"), accounts=accounts) as daemon:
            await daemon.has_said("no list of campaigns")
            key.write_text(KEY)
            await daemon.are("PAUSED", "RUNNING")
            await daemon.has_said("account changed: its key, or where it is")
            await daemon.loads(2)
            assert daemon.journalled(FILE_LOADED)[1]["changed_rules"] == 0
        assert KEY not in str(logs)


def account(base_url: str, company: int | None = None) -> str:
    of_company = f", company_id: {company}" if company else ""
    return f"{{api_key: {KEY}, base_url: '{base_url}'{of_company}}}"


MAIN = weekend().replace("campaigns", "account: main, campaigns").replace("weekend", "main")
ACME = weekend().replace("campaigns", "account: acme, campaigns").replace("weekend", "acme")


class TestAccounts:
    def accounts(self, sandbox: Sandbox, *names: str) -> str:
        known = {"main": account(sandbox.base_url), "acme": account(sandbox.base_url, FIRST_COMPANY_ID)}
        known["renamed"] = known["acme"]
        return f"{{{', '.join(f'{name}: {known[name]}' for name in names)}}}"

    async def test_a_new_one_gets_to_work(self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]) -> None:
        async with living(sandbox, tmp_path, logs, MAIN) as daemon:
            daemon.write(MAIN, ACME, accounts=self.accounts(sandbox, "main", "acme"))
            await daemon.are("PAUSED", "PAUSED", account=COMPANY)
            await daemon.held(CAMPAIGN, SECOND_ONE, account="acme")

    async def test_one_that_is_gone_gives_back_what_it_holds_and_ends(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        both = self.accounts(sandbox, "main", "acme")
        async with living(sandbox, tmp_path, logs, MAIN, ACME, accounts=both) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE, account="acme")
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.write(MAIN)
            await daemon.are("RUNNING", "RUNNING", account=COMPANY)
            await daemon.has_said("account ended: it isn't in the file any more")
            await daemon.held(account="acme")
            calls = len(sandbox.log)
            daemon.clock.move(2 * RECHECK)
            await until(lambda: has_calls_of(sandbox, calls, "main"), "the other one goes on")
            assert {entry.account for entry in sandbox.log[calls:]} == {"main"}
            # And comes back.
            daemon.write(MAIN, ACME, accounts=both)
            await daemon.held(CAMPAIGN, SECOND_ONE, account="acme")
        assert [line["event"] for line in logs if line["log_level"] == "error"] == []

    async def test_one_that_comes_back_before_it_has_ended_goes_on(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        both = self.accounts(sandbox, "main", "acme")
        async with living(sandbox, tmp_path, logs, MAIN, ACME, accounts=both) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE, account="acme")
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.clock.move(HOUR)
            # Its resumes fail for now, so that it can't leave.
            sandbox.add_fault(Fault(effect="status", call="run", status=500))
            daemon.write(MAIN)
            await until(lambda: has_tried(sandbox), "it has tried to give back")
            daemon.write(MAIN, ACME, accounts=both)
            await daemon.loads(3)
            sandbox.clear_faults()
            daemon.clock.move(RECHECK)
            await daemon.held(CAMPAIGN, SECOND_ONE, account="acme")
            await daemon.are("PAUSED", "PAUSED", account=COMPANY)
            assert daemon.said("account ended: it isn't in the file any more") == []

    async def test_one_that_only_has_another_name_gives_nothing_back_in_the_window(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with living(
            sandbox, tmp_path, logs, MAIN, ACME, accounts=self.accounts(sandbox, "main", "acme")
        ) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE, account="acme")
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.write(
                MAIN,
                ACME.replace("account: acme", "account: renamed"),
                accounts=self.accounts(sandbox, "main", "renamed"),
            )
            await daemon.has_said("account ended: it isn't in the file any more")
            await daemon.has_said("pause skipped")
            errors = [(line["account"], line["campaign"]) for line in logs if line["log_level"] == "error"]
            assert errors == [("acme", CAMPAIGN), ("acme", SECOND_ONE)]
        assert [entry.call for entry in posts(sandbox) if entry.account == COMPANY] == ["pause", "pause"]

    async def test_one_that_gets_another_name_in_a_call_is_called_by_that_name_only_after_it(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        both = self.accounts(sandbox, "main", "acme")
        sandbox.add_fault(Fault(effect="delay", call="pause", account=COMPANY, times=1, delay=timedelta(seconds=0.5)))
        async with living(sandbox, tmp_path, logs, MAIN, ACME, accounts=both) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            await until(lambda: is_paused_there(sandbox), "a pause is under way there")
            renamed = ACME.replace("account: acme", "account: renamed")
            daemon.write(MAIN, renamed, accounts=self.accounts(sandbox, "main", "renamed"))
            await daemon.loads(2)
            await daemon.are("PAUSED", "PAUSED", account=COMPANY)
            await until(lambda: skips(daemon), "it's looked at by the other name")
        assert {entry.in_flight for entry in sandbox.log if entry.account == COMPANY} == {1}

    async def test_a_new_one_may_be_what_another_name_stood_for_before(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        """Nobody leaves, so there's nobody to wait for."""
        async with living(sandbox, tmp_path, logs, NIGHTS) as daemon:
            main, acme = account(sandbox.base_url, FIRST_COMPANY_ID), account(sandbox.base_url)
            daemon.write(MAIN, ACME, accounts=f"{{main: {main}, acme: {acme}}}")
            await daemon.held(CAMPAIGN, SECOND_ONE)
            await daemon.held(CAMPAIGN, SECOND_ONE, account="acme")

    async def test_one_that_moves_to_another_address_is_called_there(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with (
            Sandbox(campaigns=2, api_key=KEY).serving() as other,
            living(sandbox, tmp_path, logs, NIGHTS) as daemon,
        ):
            daemon.write(weekend(), accounts=f"{{main: {account(other.base_url)}}}")
            await until(lambda: is_paused(other), "the campaigns there are paused")
        assert posts(sandbox) == []


async def skips(daemon: Running) -> bool:
    return bool(daemon.read(select(intents.c.id).where(intents.c.account == "renamed")))


async def is_paused_there(sandbox: Sandbox) -> bool:
    return any(entry.call == "pause" and entry.account == COMPANY for entry in sandbox.log)


async def has_tried(sandbox: Sandbox) -> bool:
    return any(entry.call == "run" for entry in sandbox.log)


async def has_calls_of(sandbox: Sandbox, after: int, account: str) -> bool:
    return any(entry.account == account for entry in sandbox.log[after:])


async def is_paused(sandbox: Sandbox) -> bool:
    return all(each.status == "PAUSED" for each in sandbox.account().campaigns.values())


class TestSweep:
    """A file in which none of several rules is left, while campaigns are held."""

    async def test_it_is_refused_until_somebody_asks_for_it(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        async with living(sandbox, tmp_path, logs, weekend(), NIGHTS) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.write(disabled(weekend()), disabled(NIGHTS))
            await daemon.has_journalled(FILE_REJECTED, 1)
            (details,) = daemon.journalled(FILE_REJECTED)
            assert details["problems"] == [
                "4:3: rules: none of the 2 rules in force is left, and all campaigns that are held paused (2) would be "
                "given back at once; if that's meant, say so with SIGHUP (systemctl reload curfew)"
            ]
            await daemon.held(CAMPAIGN, SECOND_ONE)
            hang_up()
            await daemon.are("RUNNING", "RUNNING")
            await daemon.loads(2)
            assert daemon.journalled(FILE_LOADED)[1]["why"] == "SIGHUP"

    @pytest.mark.parametrize(
        "rules",
        [
            (weekend(), disabled(NIGHTS)),
            (disabled(weekend()), NIGHTS),
            (weekend().replace("weekend", "other"),),
            (weekend(f"[{SECOND_ONE}]").replace("weekend", "other"),),
        ],
        ids=["one is left that covers all", "one is left", "another one covers all", "another one covers some"],
    )
    async def test_one_that_leaves_a_rule_or_a_campaign_as_it_is_is_taken(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], rules: tuple[str, ...]
    ) -> None:
        async with living(sandbox, tmp_path, logs, weekend(), NIGHTS) as daemon:
            await daemon.held(CAMPAIGN, SECOND_ONE)
            daemon.write(*rules)
            await daemon.loads(2)

    async def test_where_nothing_is_held_it_is_taken(self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]) -> None:
        async with living(sandbox, tmp_path, logs, weekend(), NIGHTS, clock=Clock(FRIDAY - 3 * HOUR)) as daemon:
            daemon.write(disabled(weekend()), disabled(NIGHTS))
            await daemon.loads(2)


class TestSignal:
    async def test_systemd_hears_of_it_and_an_unchanged_file_is_said_to_be_so(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], notifications: socket.socket
    ) -> None:
        async with living(sandbox, tmp_path, logs, weekend()) as daemon:
            hang_up()
            await daemon.has_said("the file hasn't changed")
            daemon.write(BAD)
            await daemon.has_journalled(FILE_REJECTED, 1)
            hang_up()
            await daemon.has_journalled(FILE_REJECTED, 2)
            said: list[str] = []
            await until(lambda: has_heard(notifications, said, 7), "systemd has heard of all")
        assert [text.partition("\n")[0] for text in said] == ["READY=1", *["RELOADING=1", "READY=1"] * 3]
        assert said[1].partition("\n")[2].startswith("MONOTONIC_USEC=")
        assert [len(daemon.journalled(event)) for event in (FILE_LOADED, FILE_REJECTED)] == [1, 2]

    async def test_it_does_not_wait_for_the_file_to_settle(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "SETTLED", timedelta(hours=1))
        async with living(sandbox, tmp_path, logs, NIGHTS) as daemon:
            daemon.write(weekend())
            await asyncio.sleep(0.3)
            assert len(daemon.journalled(FILE_LOADED)) == 1
            hang_up()
            await daemon.are("PAUSED", "PAUSED")


async def has_heard(listener: socket.socket, said: list[str], number: int) -> bool:
    said += heard(listener)
    return len(said) >= number


class TestLook:
    async def test_a_file_is_loaded_once_it_has_settled(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What's written in pieces, as by an editor on a slow disk, isn't loaded before it's whole."""
        stamps = [{(tmp_path, 1): text} for text in ("half", "more", "whole")]

        def stamp(_: object) -> Mapping[tuple[Path, int], str]:
            return stamps.pop(0) if len(stamps) > 1 else stamps[0]

        async with living(sandbox, tmp_path, logs, NIGHTS) as daemon:
            monkeypatch.setattr(module, "stamp_now", stamp)
            loads: list[int] = []

            def noted(*arguments: Any, **more: Any) -> Any:
                loads.append(len(stamps))
                return load(*arguments, **more)

            monkeypatch.setattr(module, "load", noted)
            daemon.write(weekend())
            await daemon.are("PAUSED", "PAUSED")
            assert loads[0] == 1, "only the last of them is left"

    async def test_a_change_between_the_load_and_the_first_look_is_seen(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        daemon = Running(tmp_path, sandbox, ledger_in(tmp_path), Clock(), logs)
        daemon.write(NIGHTS)
        settings = load(daemon.file, {})
        daemon.write(weekend())
        task = asyncio.create_task(Daemon(settings, daemon.ledger, {}, now=daemon.clock).live())
        await daemon.are("PAUSED", "PAUSED")
        task.cancel()
        await asyncio.wait([task])

    async def test_where_nothing_is_heard_it_is_looked_at_regularly(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOOK_AGAIN", timedelta(milliseconds=50))
        monkeypatch.setattr(Watch, "_hear", never)
        async with living(sandbox, tmp_path, logs, NIGHTS) as daemon:
            daemon.write(weekend())
            await daemon.are("PAUSED", "PAUSED")

    async def test_another_database_takes_a_restart(self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]) -> None:
        async with living(sandbox, tmp_path, logs, NIGHTS) as daemon:
            daemon.write(weekend(), database="sqlite:///other.db")
            await daemon.held(CAMPAIGN, SECOND_ONE)
            await daemon.has_said("another database takes a restart; the ledger stays the one before")
        assert not (tmp_path / "other.db").exists()

    async def test_what_is_surely_not_meant_is_said_where_it_is_new(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        late = NIGHTS.replace("08:00", "23:59")
        async with living(sandbox, tmp_path, logs, late) as daemon:
            daemon.write(late, weekend().replace("Mon 08:00", "Sun 23:59"))
            await daemon.has_said("surely not meant")
            assert [line["path"] for line in daemon.said("surely not meant")] == ["rules[1].pause.until"]


async def never(*_: object) -> None:
    await asyncio.Event().wait()
