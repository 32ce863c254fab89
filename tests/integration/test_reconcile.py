"""Passes over accounts on a sandbox and a real ledger: what is asked, what is planned, and what the lanes make of it.

The weekend is from FRIDAY to MONDAY; a pass is given its instant.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select, text

from rules.ruleset import Ruleset
from scheduler import reconcile as module
from scheduler.accounts import AccountAtWork
from scheduler.downtime import Downtime
from scheduler.errors import LedgerError
from scheduler.lanes import Lane
from scheduler.ledger import reports, work
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.records import Custody, NewIntent, State
from scheduler.ledger.tables import attempts, campaigns, intents, journal
from scheduler.reconcile import Reconciler
from scheduler.sandbox import FIRST_COMPANY_ID, Effect, Fault, Sandbox
from scheduler.sandbox import Campaign as SandboxCampaign
from tests.scheduler_fakes import (
    CAMPAIGN,
    DAY,
    FRIDAY,
    HOUR,
    KEY,
    MINUTE,
    MONDAY,
    Clock,
    Luck,
    account,
    at_work,
    captured_logs,
    have_gone_on,
    lane_to,
    ledger_in,
    new_intent,
    posts,
    rules_of,
    until,
    weekend,
    writing_to,
)

SECOND_ONE, THIRD_ONE = CAMPAIGN + 1, CAMPAIGN + 2
SATURDAY = FRIDAY + 18 * HOUR
TICK = timedelta(microseconds=1)
HOLD = "{name: stop, campaigns: all, pause: {at: %s}}"
COMPANY = str(FIRST_COMPANY_ID)
TWO_ACCOUNTS = f"{{main: {{api_key: x}}, acme: {{api_key: x, company_id: {COMPANY}}}}}"
MAIN_WEEKEND = "{name: main-weekend, account: main, campaigns: all, pause: {from: Fri 17:00, until: Mon 08:00}}"
ACME_WEEKEND = "{name: acme-weekend, account: acme, campaigns: all, pause: {from: Fri 17:00, until: Mon 08:00}}"


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@dataclass
class Passes:
    """The passes over all accounts, side by side as in the daemon."""

    of_accounts: list[Reconciler]

    async def run(self, now: datetime) -> None:
        await asyncio.gather(*(each.run(now) for each in self.of_accounts))


@dataclass
class Bench:
    """A ledger, a sandbox, and the lanes of one daemon; `reconciler` is a new one, as after a restart."""

    sandbox: Sandbox
    ledger: Database
    writer: Writer
    stack: AsyncExitStack
    lanes: list[Lane] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    chance: Luck = field(default_factory=lambda: Luck(0))
    are_at_work: bool = False

    def reconciler(self, ruleset: Ruleset) -> Passes:
        return Passes([Reconciler(ruleset, lane, self.writer, rules_since=self.clock()) for lane in self.lanes])

    async def run(self, reconciler: Passes, now: datetime, *, calls: bool = True) -> None:
        """A pass at an instant, and all calls that come of it."""
        self.clock.now = now
        await reconciler.run(now)
        if calls:
            await self.work()

    async def start(self) -> None:
        """Have the lanes work from now on, until the end of the test."""
        if not self.are_at_work:
            await self.stack.enter_async_context(at_work(*self.lanes))
            self.are_at_work = True

    async def work(self) -> None:
        await self.start()
        await until(self.is_settled, "all has ended")

    async def is_settled(self) -> bool:
        return not {"waiting", "calling"} & {row.state for row in await self.rows()}

    async def answered(self, number: int) -> None:
        """Wait until so many attempts have an outcome, and the lanes have gone on from there."""

        async def are_answered() -> bool:
            return sum(row.outcome is not None for row in await self.rows(attempts)) >= number

        await until(are_answered, f"{number} attempts are answered")
        await have_gone_on(*self.lanes)

    async def breathe(self) -> None:
        """Give the lanes the time for a call that they shouldn't make."""
        await asyncio.sleep(0.02)
        await have_gone_on(*self.lanes)

    async def rows(self, table: Any = intents) -> list[Any]:
        """All rows of a table, in the order of their keys."""
        query = select(table).order_by(*table.primary_key.columns)
        return list(await self.writer.do(lambda connection: connection.execute(query).all()))

    async def changes(self) -> list[tuple[int, str, str]]:
        return [(row.campaign, row.action, row.state) for row in await self.rows()]

    async def custody(self, account: str = "main") -> dict[int, Custody]:
        return await self.writer.do(lambda connection: work.custody_of(connection, account))

    async def left(self) -> list[dict[str, Any]]:
        return await self.writer.do(reports.left_campaigns)

    async def waiting(self, *new: NewIntent) -> None:
        """Intents that an earlier daemon left, in the ledger and in the lane."""

        def record(connection: Connection) -> None:
            for each in new:
                work.record_intent(connection, each, each.due_at)

        await self.writer.do(record)
        left = await self.writer.do(lambda connection: work.open_intents(connection, "main"))
        self.lanes[0].add(left)

    def statuses(self, account: str = "main") -> list[str]:
        return [campaign.status for campaign in self.sandbox.account(account).campaigns.values()]

    def lists(self, account: str = "main") -> int:
        return sum(entry.call == "list" and entry.account == account for entry in self.sandbox.log)


@asynccontextmanager
async def bench_in(folder: Path, **accounts: int | None) -> AsyncIterator[Bench]:
    """A bench with a lane for each account."""
    ledger = ledger_in(folder)
    async with AsyncExitStack() as stack:
        sandbox = Sandbox(campaigns=3, accounts=2, api_key=KEY, now=lambda: FRIDAY)
        await stack.enter_async_context(sandbox.serving())
        bench = Bench(sandbox, ledger, await stack.enter_async_context(writing_to(ledger)), stack)
        for name, company_id in accounts.items():
            lane = lane_to(sandbox, bench.writer, bench.clock, name=name, company_id=company_id, chance=bench.chance)
            bench.lanes.append(await stack.enter_async_context(lane))
        yield bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path, main=None) as bench:
        yield bench


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Bench]:
    """Two accounts: main, and acme, which is a client's of the same agency."""
    async with bench_in(tmp_path, main=None, acme=FIRST_COMPANY_ID) as bench:
        yield bench


class TestWindow:
    async def test_at_its_start_what_runs_is_paused_and_at_its_end_given_back(self, bench: Bench) -> None:
        bench.sandbox.campaign(SECOND_ONE).status = "PAUSED"
        bench.sandbox.campaign(THIRD_ONE).status = "COMPLETED"
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY)
        assert bench.statuses() == ["PAUSED", "PAUSED", "COMPLETED"]
        assert list(await bench.custody()) == [CAMPAIGN]
        await bench.run(reconciler, MONDAY)
        assert bench.statuses() == ["RUNNING", "PAUSED", "COMPLETED"]
        assert await bench.changes() == [
            (CAMPAIGN, "pause", "succeeded"),
            (SECOND_ONE, "pause", "skipped"),
            (THIRD_ONE, "pause", "skipped"),
            (CAMPAIGN, "resume", "succeeded"),
        ]
        assert await bench.custody() == {}

    async def test_just_before_its_start_and_after_its_end_nothing_is_done(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        for now in (FRIDAY - TICK, MONDAY):
            await bench.run(reconciler, now)
        assert await bench.changes() == []
        assert posts(bench.sandbox) == []

    async def test_a_start_an_hour_into_it_pauses_at_once_for_the_time_it_was_due(self, bench: Bench) -> None:
        await bench.run(bench.reconciler(rules_of(weekend())), FRIDAY + HOUR)
        assert bench.statuses() == ["PAUSED"] * 3
        assert {(row.due_at, row.expires_at, row.recorded_at) for row in await bench.rows()} == {
            (FRIDAY, MONDAY, FRIDAY + HOUR)
        }
        assert {held.taken_at for held in (await bench.custody()).values()} == {FRIDAY + HOUR}

    async def test_a_decision_without_a_call_is_one_line_with_its_reason(self, bench: Bench, logs: list[Any]) -> None:
        bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
        await bench.run(bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"))), FRIDAY)
        assert logs == [
            {
                "event": "pause skipped",
                "log_level": "info",
                "account": "main",
                "campaign": CAMPAIGN,
                "rules": ("weekend",),
                "due_at": FRIDAY,
                "reason": "already paused",
            }
        ]

    async def test_a_resume_more_than_a_day_late_is_missed_and_said_as_an_error(
        self, bench: Bench, logs: list[Any]
    ) -> None:
        ruleset = rules_of(weekend(f"[{CAMPAIGN}]"))
        await bench.run(bench.reconciler(ruleset), FRIDAY)
        await bench.run(bench.reconciler(ruleset), MONDAY + DAY)
        assert (await bench.changes())[-1] == (CAMPAIGN, "resume", "missed")
        assert [(line["event"], line["log_level"]) for line in logs[-2:]] == [
            ("resume missed", "error"),
            ("custody released", "info"),
        ]
        assert await bench.custody() == {}
        assert bench.statuses()[0] == "PAUSED"

    async def test_an_account_without_rules_is_left_alone(self, both: Bench) -> None:
        await both.run(both.reconciler(rules_of(MAIN_WEEKEND, accounts=TWO_ACCOUNTS)), FRIDAY)
        assert both.statuses() == ["PAUSED"] * 3
        assert both.statuses(COMPANY) == ["RUNNING"] * 3


class TestAsking:
    async def test_the_first_pass_asks_once(self, bench: Bench) -> None:
        await bench.run(bench.reconciler(rules_of(weekend())), FRIDAY - DAY)
        assert [entry.call for entry in bench.sandbox.log] == ["list"]

    async def test_while_nothing_changes_nobody_is_asked(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        for minute in range(5):
            await bench.run(reconciler, FRIDAY - DAY + minute * MINUTE)
        assert bench.lists() == 1

    async def test_an_edge_and_what_came_of_its_pauses_are_asked_about_once_each(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        asked = []
        for now in (FRIDAY - MINUTE, FRIDAY, FRIDAY + MINUTE, FRIDAY + 2 * MINUTE, MONDAY, MONDAY + MINUTE):
            await bench.run(reconciler, now)
            asked.append(bench.lists())
        # Before the window; its start; whether the pauses have worked; its end.
        assert asked == [1, 2, 3, 3, 4, 4]

    async def test_a_hold_is_asked_about(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(HOLD % "Fri 17:00"))
        await bench.run(reconciler, FRIDAY - TICK)
        await bench.run(reconciler, FRIDAY)
        assert bench.lists() == 2

    async def test_what_was_listed_is_stored(self, bench: Bench) -> None:
        await bench.run(bench.reconciler(rules_of(weekend())), FRIDAY - DAY)
        assert [(row.campaign, row.name, row.folder, row.status) for row in await bench.rows(campaigns)] == [
            (CAMPAIGN, "Campaign 1", "EMEA", "RUNNING"),
            (SECOND_ONE, "Campaign 2", "Americas", "RUNNING"),
            (THIRD_ONE, "Campaign 3", "Partners", "RUNNING"),
        ]

    async def test_a_pass_with_nothing_to_ask_still_lets_the_lane_see_a_stepped_clock(self, bench: Bench) -> None:
        """A lane sleeps by a clock that doesn't go on while the machine is suspended."""
        ruleset = rules_of(weekend(f"[{CAMPAIGN}]"))
        reconciler = bench.reconciler(ruleset)
        bench.sandbox.add_fault(Fault(call="pause", status=401, times=1))
        await bench.start()
        await bench.run(reconciler, FRIDAY, calls=False)
        await bench.answered(1)
        await bench.run(reconciler, FRIDAY + MINUTE, calls=False)
        await bench.breathe()
        assert len(posts(bench.sandbox)) == 1
        await bench.run(reconciler, FRIDAY + 6 * MINUTE)
        assert len(posts(bench.sandbox)) == 2


async def has_asked(bench: Bench, before: int) -> bool:
    return bench.lists() > before


class TestWithoutAList:
    async def test_what_rules_name_is_looked_up_and_paused_all_the_same(self, bench: Bench, logs: list[Any]) -> None:
        bench.sandbox.add_fault(Fault(call="list"))
        await bench.run(bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"))), FRIDAY)
        assert [entry.call for entry in bench.sandbox.log] == ["list", "get", "pause"]
        assert list(await bench.custody()) == [CAMPAIGN]
        assert logs[0] == {
            "event": "no list of campaigns",
            "log_level": "warning",
            "account": "main",
            "error": "HTTP 500: E_UNKNOWN: Unknown error during list campaign call",
        }

    async def test_a_list_that_takes_too_long_is_not_waited_for(
        self, bench: Bench, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LIST_TIMEOUT", timedelta(milliseconds=20))
        bench.sandbox.add_fault(Fault(effect="delay", call="list", delay=timedelta(milliseconds=100)))
        await bench.run(bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"))), FRIDAY)
        assert bench.statuses()[0] == "PAUSED"
        assert logs[0]["event"] == "no list of campaigns"

    async def test_a_lane_that_is_busy_for_too_long_is_not_waited_for(
        self, bench: Bench, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LIST_TIMEOUT", timedelta(milliseconds=20))
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        async with bench.lanes[0].turn():
            await bench.run(reconciler, FRIDAY, calls=False)
        assert bench.sandbox.log == []
        assert await bench.changes() == [(CAMPAIGN, "pause", "waiting")]
        assert logs[0]["error"] == "no list within 0 s"

    async def test_all_are_those_that_ran_when_the_last_list_was_stored(self, bench: Bench) -> None:
        bench.sandbox.campaign(SECOND_ONE).status = "COMPLETED"
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY - DAY)
        bench.sandbox.add_fault(Fault(call="list"))
        await bench.run(reconciler, FRIDAY)
        assert bench.statuses() == ["PAUSED", "COMPLETED", "PAUSED"]
        assert [campaign for campaign, _, _ in await bench.changes()] == [CAMPAIGN, THIRD_ONE]

    async def test_all_are_none_where_no_list_was_ever_had_but_they_are_paused_once_there_is_one(
        self, bench: Bench
    ) -> None:
        bench.sandbox.add_fault(Fault(call="list", times=1))
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY)
        assert await bench.changes() == []
        await bench.run(reconciler, FRIDAY + MINUTE)
        assert bench.statuses() == ["PAUSED"] * 3

    async def test_each_pass_asks_again_until_there_is_one_and_plans_nothing_twice(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(call="list", times=3))
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        for minute in range(4):
            await bench.run(reconciler, FRIDAY + minute * MINUTE)
        assert bench.lists() == 4
        assert len(posts(bench.sandbox)) == 1
        await bench.run(reconciler, FRIDAY + 4 * MINUTE)
        assert bench.lists() == 4

    @pytest.mark.parametrize(("status", "body"), [(200, "[]"), (204, "")])
    async def test_a_list_that_is_suddenly_empty_is_none_and_is_asked_for_again(
        self, bench: Bench, logs: list[Any], status: int, body: str
    ) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY - DAY)
        bench.sandbox.add_fault(Fault(call="list", status=status, body=body, times=2))
        await bench.run(reconciler, FRIDAY)
        assert bench.statuses() == ["PAUSED"] * 3
        assert logs[0] == {
            "event": "the list of campaigns is suddenly empty; the last one counts on",
            "log_level": "warning",
            "account": "main",
        }
        for minute in (1, 2, 3):
            await bench.run(reconciler, FRIDAY + minute * MINUTE)
        assert bench.lists() == 4

    async def test_that_is_said_once_until_there_is_a_list_again(self, bench: Bench, logs: list[Any]) -> None:
        """Where an account's campaigns are really gone, it would be said each minute for ever."""
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY - DAY)
        for times in (1, 2):
            bench.sandbox.add_fault(Fault(call="list", status=204, body="", times=2))
            for minute in (0, 1, 2):
                await bench.run(reconciler, FRIDAY + times * DAY + minute * MINUTE)
            assert sum("suddenly empty" in line["event"] for line in logs) == times
        assert bench.lists() == 7

    @pytest.mark.parametrize("status", [401, 403])
    async def test_where_the_key_is_refused_it_is_asked_for_every_five_minutes(
        self, bench: Bench, logs: list[Any], status: int
    ) -> None:
        bench.sandbox.add_fault(Fault(status=status))
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        asked = []
        for minute in range(12):
            await bench.run(reconciler, FRIDAY + minute * MINUTE, calls=False)
            asked.append(len(bench.sandbox.log))
        assert asked == [1] * 5 + [2] * 5 + [3] * 2
        assert [line["event"] for line in logs] == ["no list of campaigns"] * 3
        # What is due is on record all the same, and a new start asks at once.
        assert await bench.changes() == [(CAMPAIGN, "pause", "waiting")]

    async def test_while_the_lane_rests_no_list_is_asked_for(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(call="pause", status=401))
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"), HOLD % "Fri 17:01"))
        await bench.start()
        await bench.run(reconciler, FRIDAY, calls=False)
        await bench.answered(1)
        await bench.run(reconciler, FRIDAY + MINUTE, calls=False)
        assert bench.lists() == 1

    async def test_rules_that_change_while_a_list_is_waited_for_count_at_once(self, bench: Bench) -> None:
        """By those of before, what they keep paused would be given back."""
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.run(reconciler, FRIDAY)
        bench.sandbox.add_fault(Fault(effect="delay", call="list", delay=timedelta(milliseconds=200)))
        asked = bench.lists()
        waiting = asyncio.create_task(bench.run(reconciler, MONDAY))
        await until(lambda: has_asked(bench, asked), "it asks for the list")
        reconciler.of_accounts[0].use(rules_of(weekend(f"[{CAMPAIGN}]").replace("Mon 08:00", "Tue 08:00")))
        await waiting
        assert bench.statuses()[0] == "PAUSED"
        assert await bench.changes() == [(CAMPAIGN, "pause", "succeeded")]

    async def test_so_do_rules_that_change_while_what_is_due_is_recorded(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another process may hold the ledger for seconds, and the resume is queued only then."""
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        longer = rules_of(weekend(f"[{CAMPAIGN}]").replace("Mon 08:00", "Tue 08:00"))
        await bench.run(reconciler, FRIDAY)
        (one,) = reconciler.of_accounts
        record = one._record

        def meanwhile(*of_pass: Any) -> Any:
            recorded = record(*of_pass)
            one.use(longer)
            return recorded

        monkeypatch.setattr(one, "_record", meanwhile)
        await bench.run(reconciler, MONDAY, calls=False)
        await bench.breathe()
        assert bench.statuses()[0] == "PAUSED"
        monkeypatch.setattr(one, "_record", record)
        await bench.run(reconciler, MONDAY + MINUTE)
        assert await bench.changes() == [(CAMPAIGN, "pause", "succeeded"), (CAMPAIGN, "resume", "skipped")]
        await bench.run(reconciler, MONDAY + DAY)
        assert (bench.statuses()[0], await bench.custody()) == ("RUNNING", {})

    async def test_a_pass_that_waits_for_its_turn_while_the_daemon_ends_asks_nothing_and_records_nothing(
        self, bench: Bench
    ) -> None:
        """Who had the turn may have been cut off in a call, which the API handles all the same."""
        (lane,) = bench.lanes
        async with lane.turn():
            waiting = asyncio.create_task(bench.reconciler(rules_of(weekend("[1000001]"))).run(FRIDAY))
            await asyncio.sleep(0)
            lane.stop()
        await waiting
        assert bench.sandbox.log == []
        assert await bench.rows() == []

    async def test_what_is_owed_is_given_back_without_a_list_as_well(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY)
        bench.sandbox.add_fault(Fault(call="list"))
        await bench.run(reconciler, MONDAY)
        assert bench.statuses() == ["RUNNING"] * 3

    async def test_an_empty_list_is_a_list_and_makes_nothing_of_all(self, bench: Bench) -> None:
        bench.sandbox.account().campaigns.clear()
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY)
        await bench.run(reconciler, FRIDAY + MINUTE)
        assert await bench.changes() == []
        assert bench.lists() == 1

    async def test_a_named_campaign_that_no_list_shows_ends_with_what_the_api_says_of_it(self, bench: Bench) -> None:
        await bench.run(bench.reconciler(rules_of(weekend("[7]"))), FRIDAY)
        assert await bench.changes() == [(7, "pause", "failed")]
        (row,) = await bench.rows(attempts)
        assert (row.http_status, row.error_code) == (404, "CAMPAIGN_NOT_EXIST")


class TestHold:
    async def test_it_pauses_and_leaves_it_so(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(HOLD % "Fri 17:00"))
        for now in (FRIDAY, FRIDAY + MINUTE, FRIDAY + 3 * DAY):
            await bench.run(reconciler, now)
        assert bench.statuses() == ["PAUSED"] * 3
        assert await bench.custody() == {}
        assert len(posts(bench.sandbox)) == 3

    async def test_one_inside_a_window_lets_go_of_what_the_window_has_paused(
        self, bench: Bench, logs: list[Any]
    ) -> None:
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"), HOLD % "Sat 12:00"))
        await bench.run(reconciler, FRIDAY)
        assert list(await bench.custody()) == [CAMPAIGN]
        await bench.run(reconciler, SATURDAY + HOUR)
        assert await bench.custody() == {}
        released = [line for line in logs if line["event"] == "custody released"]
        assert [line["reason"] for line in released] == ["left paused for a person to resume (stop: Sat 12:00)"]
        await bench.run(reconciler, MONDAY)
        assert bench.statuses()[0] == "PAUSED"

    async def test_one_that_failed_until_it_expired_is_made_up_for_by_the_window_and_left_so(
        self, bench: Bench
    ) -> None:
        """In time, the window would have found it paused, and not given it back."""
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"), HOLD % "Fri 16:30"))
        bench.sandbox.add_fault(Fault(call="pause"))
        bench.chance.part = 1
        await bench.start()
        await bench.run(reconciler, FRIDAY, calls=False)
        await bench.answered(1)
        bench.sandbox.clear_faults()
        bench.clock.now = FRIDAY + DAY
        bench.lanes[0].wake()
        await bench.work()
        await bench.run(reconciler, FRIDAY + DAY)
        assert [row.state for row in await bench.rows() if row.campaign == CAMPAIGN] == [
            "failed",
            "skipped",
            "succeeded",
        ]
        assert bench.statuses()[0] == "PAUSED"
        assert await bench.custody() == {}


class TestReleased:
    async def test_a_debt_that_ends_for_two_reasons_at_once_is_released_and_said_once(
        self, bench: Bench, logs: list[Any]
    ) -> None:
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"), HOLD % "Sat 12:00"))
        await bench.run(reconciler, FRIDAY)
        bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        await bench.run(reconciler, SATURDAY + HOUR)
        assert [line["event"] for line in logs].count("custody released") == 1
        assert len(await bench.rows(journal)) == 1
        # The hold pauses it again, and nobody owes it a resume.
        assert bench.statuses()[0] == "PAUSED"
        assert await bench.custody() == {}

    async def test_what_a_person_resumed_inside_the_window_is_left_running_and_owed_no_more(
        self, bench: Bench, logs: list[Any]
    ) -> None:
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.run(reconciler, FRIDAY)
        await bench.run(reconciler, FRIDAY + MINUTE)
        bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        await bench.run(reconciler, FRIDAY + 6 * MINUTE)
        reason = "somebody resumed it inside the window; left running"
        assert logs[-1] == {
            "event": "custody released",
            "log_level": "info",
            "account": "main",
            "campaign": CAMPAIGN,
            "reason": reason,
        }
        (row,) = await bench.rows(journal)
        assert (row.event, row.details) == ("custody released", {"why": reason})
        for now in (FRIDAY + 12 * MINUTE, FRIDAY + 18 * MINUTE, MONDAY, MONDAY + MINUTE):
            await bench.run(reconciler, now)
        assert [entry.call for entry in posts(bench.sandbox)] == ["pause"]
        assert len(await bench.rows(journal)) == 1

    async def test_what_a_person_resumed_before_the_end_is_skipped_at_the_end(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.run(reconciler, FRIDAY)
        await bench.run(reconciler, FRIDAY + MINUTE)
        bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        await bench.run(reconciler, MONDAY)
        (_, skipped) = await bench.rows()
        assert (skipped.action, skipped.reason) == ("resume", "already running: somebody resumed it")
        assert await bench.custody() == {}

    async def test_what_an_earlier_file_had_paused_is_given_back_when_its_rule_is_gone(self, bench: Bench) -> None:
        await bench.run(bench.reconciler(rules_of(weekend())), FRIDAY)
        bench.clock.now = SATURDAY
        await bench.run(bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"))), SATURDAY)
        assert bench.statuses() == ["PAUSED", "RUNNING", "RUNNING"]


class TestSelectors:
    """Which campaigns rules are for is asked of the account each time: 1 is in EMEA, 2 in Americas, 3 in Partners."""

    @pytest.mark.parametrize(
        ("campaigns", "paused"),
        [
            ("{folders: emea}", [1]),
            ("{folders: [EMEA, partners]}", [1, 3]),
            ("{folders: EME}", []),
            ("{names: 'campaign [23]'}", [2, 3]),
            ("{names: Campaign}", []),
            (f"{{names: '* 2', ids: {THIRD_ONE}}}", [2, 3]),
            (f"{{except: {CAMPAIGN}}}", [2, 3]),
            ("{except: '*2'}", [1, 3]),
            (f"{{folders: [EMEA, Partners], names: '* 2', except: [{CAMPAIGN}, '* 3']}}", [2]),
        ],
    )
    async def test_those_that_are_selected_are_paused_and_given_back_and_no_other(
        self, bench: Bench, campaigns: str, paused: list[int]
    ) -> None:
        reconciler = bench.reconciler(rules_of(weekend(campaigns)))
        await bench.run(reconciler, FRIDAY)
        assert bench.statuses() == ["PAUSED" if number in paused else "RUNNING" for number in (1, 2, 3)]
        await bench.run(reconciler, MONDAY)
        assert bench.statuses() == ["RUNNING"] * 3
        assert [entry.campaign for entry in posts(bench.sandbox)] == [CAMPAIGN + number - 1 for number in paused] * 2

    async def test_one_that_came_into_the_folder_since_the_last_window_is_paused_in_the_next(
        self, bench: Bench
    ) -> None:
        reconciler = bench.reconciler(rules_of(weekend("{folders: EMEA}")))
        for now in (FRIDAY, MONDAY):
            await bench.run(reconciler, now)
        bench.sandbox.campaign(SECOND_ONE).folder = "EMEA"
        await bench.run(reconciler, FRIDAY + 7 * DAY)
        assert bench.statuses() == ["PAUSED", "PAUSED", "RUNNING"]
        await bench.run(reconciler, MONDAY + 7 * DAY)
        assert bench.statuses() == ["RUNNING"] * 3

    async def test_one_that_went_out_of_it_is_left_alone_in_the_next(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend("{folders: EMEA}")))
        for now in (FRIDAY, MONDAY):
            await bench.run(reconciler, now)
        bench.sandbox.campaign(CAMPAIGN).folder = "Americas"
        await bench.run(reconciler, FRIDAY + 7 * DAY)
        assert bench.statuses() == ["RUNNING"] * 3
        assert len(posts(bench.sandbox)) == 2

    async def test_one_that_got_another_name_is_selected_by_that(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend("{names: DE *}")))
        for now in (FRIDAY, MONDAY):
            await bench.run(reconciler, now)
        assert posts(bench.sandbox) == []
        bench.sandbox.campaign(THIRD_ONE).name = "DE autumn"
        await bench.run(reconciler, FRIDAY + 7 * DAY)
        assert bench.statuses() == ["RUNNING", "RUNNING", "PAUSED"]

    async def test_one_that_is_new_in_the_account_is_selected(self, bench: Bench) -> None:
        third = bench.sandbox.account().campaigns.pop(THIRD_ONE)
        reconciler = bench.reconciler(rules_of(weekend("{folders: Partners}")))
        await bench.run(reconciler, FRIDAY - DAY)
        bench.sandbox.account().campaigns[THIRD_ONE] = third
        await bench.run(reconciler, FRIDAY)
        assert bench.statuses() == ["RUNNING", "RUNNING", "PAUSED"]

    @pytest.mark.parametrize("is_restarted", [False, True])
    async def test_without_a_list_they_are_those_of_the_stored_one_that_ran(
        self, bench: Bench, is_restarted: bool
    ) -> None:
        """By the names and folders that it had."""
        bench.sandbox.campaign(THIRD_ONE).status = "COMPLETED"
        ruleset = rules_of(weekend("{folders: [EMEA, Partners]}"))
        reconciler = bench.reconciler(ruleset)
        await bench.run(reconciler, FRIDAY - DAY)
        bench.sandbox.campaign(SECOND_ONE).folder = "EMEA"
        bench.sandbox.add_fault(Fault(call="list"))
        await bench.run(bench.reconciler(ruleset) if is_restarted else reconciler, FRIDAY)
        assert bench.statuses() == ["PAUSED", "RUNNING", "COMPLETED"]
        assert await bench.changes() == [(CAMPAIGN, "pause", "succeeded")]

    async def test_without_any_list_they_are_those_that_are_named(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(call="list"))
        await bench.run(bench.reconciler(rules_of(weekend(f"{{folders: EMEA, ids: {SECOND_ONE}}}"))), FRIDAY)
        assert bench.statuses() == ["RUNNING", "PAUSED", "RUNNING"]

    async def test_what_is_owed_to_the_stored_folder_is_given_back_without_a_list(self, bench: Bench) -> None:
        ruleset = rules_of(weekend("{folders: EMEA}"))
        await bench.run(bench.reconciler(ruleset), FRIDAY)
        bench.sandbox.add_fault(Fault(call="list"))
        restarted = bench.reconciler(ruleset)
        await bench.run(restarted, SATURDAY)
        assert bench.statuses()[0] == "PAUSED", "its window lasts, as far as anybody knows"
        await bench.run(restarted, MONDAY)
        assert bench.statuses() == ["RUNNING"] * 3

    async def test_what_left_its_folder_inside_the_window_is_given_back_by_the_next_list(self, bench: Bench) -> None:
        """However long ago it was paused: it's owed a resume only since it's known to have left."""
        reconciler = bench.reconciler(rules_of(weekend("{folders: EMEA}")))
        await bench.run(reconciler, FRIDAY)
        bench.sandbox.campaign(CAMPAIGN).folder = "Americas"
        await bench.run(reconciler, MONDAY)
        assert bench.statuses() == ["RUNNING"] * 3
        assert await bench.custody() == {}
        (_, given_back) = await bench.rows()
        assert (given_back.action, given_back.state) == ("resume", "succeeded")
        assert (given_back.due_at, given_back.because) == (MONDAY, "no rule keeps it paused any more")

    async def test_and_by_a_start_inside_the_window(self, bench: Bench) -> None:
        ruleset = rules_of(weekend("{folders: EMEA}"))
        await bench.run(bench.reconciler(ruleset), FRIDAY)
        bench.sandbox.campaign(CAMPAIGN).folder = "Americas"
        bench.clock.now = SATURDAY
        await bench.run(bench.reconciler(ruleset), SATURDAY)
        assert bench.statuses() == ["RUNNING"] * 3
        assert await bench.custody() == {}

    async def test_what_left_its_folder_for_one_that_is_quiet_too_stays_paused_and_owed(self, bench: Bench) -> None:
        longer = "{name: longer, campaigns: {folders: Americas}, pause: {from: Fri 12:00, until: Mon 12:00}}"
        reconciler = bench.reconciler(rules_of(weekend("{folders: EMEA}"), longer))
        await bench.run(reconciler, FRIDAY)
        bench.sandbox.campaign(CAMPAIGN).folder = "Americas"
        await bench.run(reconciler, MONDAY)
        assert bench.statuses() == ["PAUSED", "PAUSED", "RUNNING"]
        await bench.run(reconciler, MONDAY + 4 * HOUR)
        assert bench.statuses() == ["RUNNING"] * 3

    @pytest.mark.parametrize(
        "keeps", ["resume: false, pause: {on: fri, from: '17:30', until: '18:30'}", "pause: {at: Fri 17:30}"]
    )
    async def test_what_kept_others_of_its_new_folder_paused_does_not_keep_it(self, bench: Bench, keeps: str) -> None:
        """It was in another one then, and owes nothing to what is over."""
        americas = f"{{name: americas, campaigns: {{folders: Americas}}, {keeps}}}"
        reconciler = bench.reconciler(rules_of(weekend("{folders: EMEA}"), americas))
        for now in (FRIDAY, FRIDAY + HOUR):
            await bench.run(reconciler, now)
        bench.sandbox.campaign(CAMPAIGN).folder = "Americas"
        for now in (FRIDAY + 3 * HOUR, FRIDAY + 3 * HOUR + MINUTE, SATURDAY):
            await bench.run(reconciler, now)
        assert bench.statuses() == ["RUNNING", "PAUSED", "RUNNING"]
        assert await bench.custody() == {}
        assert await bench.left() == []

    async def test_a_pause_that_waits_for_one_that_left_is_withdrawn(self, bench: Bench) -> None:
        ruleset = rules_of(weekend("{folders: EMEA}"))
        bench.sandbox.add_fault(Fault(call="pause"))
        bench.chance.part = 1
        await bench.start()
        await bench.run(bench.reconciler(ruleset), FRIDAY, calls=False)
        await bench.answered(1)
        bench.sandbox.clear_faults()
        bench.sandbox.campaign(CAMPAIGN).folder = "Americas"
        await bench.run(bench.reconciler(ruleset), FRIDAY + MINUTE)
        (row,) = await bench.rows()
        assert (row.state, row.reason) == ("skipped", "no longer wanted: the rules have changed")
        assert bench.statuses() == ["RUNNING"] * 3

    async def test_a_hold_is_for_those_that_its_selector_finds_then(self, bench: Bench) -> None:
        hold = "{name: stop, campaigns: {folders: EMEA}, pause: {at: Fri 17:00}}"
        reconciler = bench.reconciler(rules_of(hold))
        await bench.run(reconciler, FRIDAY - HOUR)
        bench.sandbox.campaign(CAMPAIGN).folder, bench.sandbox.campaign(SECOND_ONE).folder = "Americas", "EMEA"
        await bench.run(reconciler, FRIDAY)
        assert bench.statuses() == ["RUNNING", "PAUSED", "RUNNING"]
        assert await bench.custody() == {}


class TestAlwaysQuiet:
    async def test_it_is_paused_once_and_not_again_at_new_year(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of("{name: never, campaigns: all, pause: {on: daily}}"))
        new_year = FRIDAY.replace(year=2027, month=1, day=1, hour=0)
        for now in (FRIDAY, FRIDAY + DAY, new_year - MINUTE, new_year, new_year + 12 * HOUR):
            await bench.run(reconciler, now)
        assert bench.statuses() == ["PAUSED"] * 3
        assert len(posts(bench.sandbox)) == 3
        assert [(row.due_at, row.state) for row in await bench.rows()] == [(FRIDAY, "succeeded")] * 3
        assert len(await bench.custody()) == 3

    async def test_what_a_person_resumed_is_left_running_for_ever(self, bench: Bench) -> None:
        ruleset = rules_of(f"{{name: never, campaigns: [{CAMPAIGN}], pause: {{on: daily}}}}")
        reconciler = bench.reconciler(ruleset)
        for now in (FRIDAY, FRIDAY + MINUTE):
            await bench.run(reconciler, now)
        bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        for days in (1, 400, 800, 1200, 3000):
            await bench.run(bench.reconciler(ruleset), FRIDAY + days * DAY)
        assert [entry.call for entry in posts(bench.sandbox)] == ["pause"]
        assert [row.action for row in await bench.rows()] == ["pause", "resume"]


class TestLeftPaused:
    async def test_a_window_that_does_not_resume_takes_nothing_into_custody(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend().replace("campaigns", "resume: false, campaigns")))
        for now in (FRIDAY, SATURDAY, MONDAY, MONDAY + HOUR):
            await bench.run(reconciler, now)
            assert await bench.custody() == {}
        assert bench.statuses() == ["PAUSED"] * 3
        assert [entry.call for entry in posts(bench.sandbox)] == ["pause"] * 3

    async def test_one_that_joins_a_window_lets_go_of_what_that_has_paused(self, bench: Bench, logs: list[Any]) -> None:
        sunday = "{name: sunday, campaigns: all, resume: false, pause: {from: Sun 12:00, until: Sun 13:00}}"
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"), sunday))
        await bench.run(reconciler, FRIDAY)
        assert list(await bench.custody()) == [CAMPAIGN]
        for now in (FRIDAY + 43 * HOUR, MONDAY):
            await bench.run(reconciler, now)
        assert await bench.custody() == {}
        assert bench.statuses() == ["PAUSED"] * 3
        reason = "left paused for a person to resume (sunday: Sun 12:00 until Sun 13:00)"
        assert [line["reason"] for line in logs if line["event"] == "custody released"] == [reason]

    async def test_it_is_let_go_when_that_begins_and_not_only_at_the_end_of_the_whole(self, bench: Bench) -> None:
        sunday = (
            f"{{name: sunday, campaigns: [{CAMPAIGN}], resume: false, pause: {{from: Sun 12:00, until: Sun 13:00}}}}"
        )
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"), sunday))
        noon = FRIDAY + 43 * HOUR
        # The look just before it is recent enough for the next one to be no recheck.
        for now in (FRIDAY, FRIDAY + MINUTE, noon - 2 * MINUTE, noon):
            await bench.run(reconciler, now)
        assert await bench.custody() == {}
        assert [row.at for row in await bench.rows(journal)] == [noon]


class TestListThatLags:
    """One that is older than our pause looks as if somebody had resumed the campaign."""

    async def lag(self, bench: Bench) -> Passes:
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.run(reconciler, FRIDAY)
        old = json.dumps([{"id": CAMPAIGN, "name": "Campaign 1", "status": "RUNNING"}])
        bench.sandbox.add_fault(Fault(call="list", status=200, body=old, times=1))
        return reconciler

    async def test_what_the_campaign_itself_says_counts(self, bench: Bench) -> None:
        reconciler = await self.lag(bench)
        await bench.run(reconciler, FRIDAY + MINUTE)
        assert list(await bench.custody()) == [CAMPAIGN]
        assert (await bench.rows(campaigns))[0].status == "PAUSED"
        await bench.run(reconciler, MONDAY)
        assert bench.statuses()[0] == "RUNNING"

    async def test_at_the_end_of_the_window_as_well(self, bench: Bench) -> None:
        reconciler = await self.lag(bench)
        await bench.run(reconciler, MONDAY)
        assert bench.statuses()[0] == "RUNNING"
        assert (await bench.changes())[-1] == (CAMPAIGN, "resume", "succeeded")

    @pytest.mark.parametrize("fault", [Fault(call="get", times=1), Fault(call="get", status=409, times=1)])
    async def test_where_it_cannot_say_the_debt_stays_and_all_is_asked_again(self, bench: Bench, fault: Fault) -> None:
        reconciler = await self.lag(bench)
        bench.sandbox.add_fault(fault)
        await bench.run(reconciler, FRIDAY + MINUTE)
        assert list(await bench.custody()) == [CAMPAIGN]
        assert bench.lists() == 2
        await bench.run(reconciler, FRIDAY + 2 * MINUTE)
        assert bench.lists() == 3
        assert list(await bench.custody()) == [CAMPAIGN]

    async def test_it_is_not_waited_for_for_ever(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        reconciler = await self.lag(bench)
        monkeypatch.setattr(module, "LIST_TIMEOUT", timedelta(milliseconds=50))
        bench.sandbox.add_fault(Fault(effect="delay", call="get", delay=timedelta(seconds=5), times=1))
        began = time.monotonic()
        await bench.run(reconciler, FRIDAY + MINUTE)
        assert time.monotonic() - began < 3
        assert list(await bench.custody()) == [CAMPAIGN]

    async def test_what_runs_by_our_own_resume_is_not_taken_for_paused_by_the_next_window(self, bench: Bench) -> None:
        """The list is older than the resume; one look at the campaign says so."""
        lunch = "{name: lunch, campaigns: all, pause: {from: Mon 08:30, until: Mon 09:00}}"
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"), lunch))
        await bench.run(reconciler, FRIDAY)
        await bench.run(reconciler, MONDAY)
        assert bench.statuses()[0] == "RUNNING"
        old = json.dumps([{"id": CAMPAIGN, "name": "Campaign 1", "status": "PAUSED"}])
        bench.sandbox.add_fault(Fault(call="list", status=200, body=old, times=1))
        asked = len(bench.sandbox.log)
        await bench.run(reconciler, MONDAY + 30 * MINUTE)
        assert bench.statuses()[0] == "PAUSED"
        assert list(await bench.custody()) == [CAMPAIGN]
        assert [entry.call for entry in bench.sandbox.log[asked:]] == ["list", "get", "pause"]

    async def test_what_was_paused_by_a_person_meanwhile_is_theirs(self, bench: Bench) -> None:
        lunch = "{name: lunch, campaigns: all, pause: {from: Mon 08:30, until: Mon 09:00}}"
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"), lunch))
        await bench.run(reconciler, FRIDAY)
        await bench.run(reconciler, MONDAY)
        bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
        await bench.run(reconciler, MONDAY + 30 * MINUTE)
        await bench.run(reconciler, MONDAY + HOUR)
        assert bench.statuses()[0] == "PAUSED"

    async def test_what_was_paused_without_a_debt_is_looked_at_as_well(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(HOLD % "Fri 17:00"))
        await bench.run(reconciler, FRIDAY)
        old = json.dumps([{"id": CAMPAIGN, "name": "Campaign 1", "status": "RUNNING"}])
        bench.sandbox.add_fault(Fault(call="list", status=200, body=old, times=1))
        await bench.run(reconciler, FRIDAY + MINUTE)
        assert len(posts(bench.sandbox)) == 3


def has_no_effect(bench: Bench, times: int | None = None) -> None:
    """A pause is answered with 200, and the campaign runs on."""
    bench.sandbox.add_fault(Fault(call="pause", status=200, times=times))


class TestConfirmed:
    async def confirmed(self, bench: Bench) -> list[datetime | None]:
        return [row.confirmed_at for row in await bench.rows() if row.action == "pause"]

    async def test_when_the_lane_has_drained_one_list_confirms_that_all_are_paused(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY)
        assert await self.confirmed(bench) == [None] * 3
        for _ in range(2):
            await bench.run(reconciler, FRIDAY)
        assert await self.confirmed(bench) == [FRIDAY] * 3
        assert bench.lists() == 2

    async def test_while_pauses_are_under_way_it_is_not_asked(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY)
        async with bench.lanes[0].turn():
            await bench.waiting(new_intent(due_at=FRIDAY + MINUTE))
            await bench.run(reconciler, FRIDAY + MINUTE, calls=False)
        assert bench.lists() == 1

    async def test_what_only_waits_in_backoff_does_not_hold_it_up(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause", campaign=CAMPAIGN))
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.start()
        await bench.run(reconciler, FRIDAY, calls=False)
        await bench.answered(3)
        await bench.run(reconciler, FRIDAY, calls=False)
        assert await self.confirmed(bench) == [None, FRIDAY, FRIDAY]

    async def test_what_still_runs_is_paused_again_and_owed_as_before(self, bench: Bench, logs: list[Any]) -> None:
        has_no_effect(bench, times=1)
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.run(reconciler, FRIDAY)
        assert bench.statuses()[0] == "RUNNING"
        await bench.run(reconciler, FRIDAY + MINUTE)
        assert bench.statuses()[0] == "PAUSED"
        assert logs[-2]["event"] == "pause without effect"
        await bench.run(reconciler, FRIDAY + 2 * MINUTE)
        assert await self.confirmed(bench) == [FRIDAY + 2 * MINUTE]
        assert [(row.number, row.outcome) for row in await bench.rows(attempts)] == [(1, "succeeded"), (2, "succeeded")]
        await bench.run(reconciler, MONDAY)
        assert bench.statuses()[0] == "RUNNING"

    async def test_what_runs_on_after_several_answers_is_failing_and_not_hammered(
        self, bench: Bench, logs: list[Any]
    ) -> None:
        has_no_effect(bench)
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        calls = []
        for minute in range(60):
            await bench.run(reconciler, FRIDAY + minute * MINUTE)
            calls.append(len(posts(bench.sandbox)))
        # Three at once; three after five minutes, three ten minutes after these, three twenty minutes later...
        assert calls[:3] == [1, 2, 3]
        assert calls[-1] <= 15
        assert any(line["event"] == "pause failed" and line["log_level"] == "error" for line in logs)
        assert await bench.custody() == {}
        reason = "still running after 3 pauses that the API has answered with success"
        assert (await bench.rows())[0].reason == reason

    async def test_a_restart_in_between_changes_nothing(self, bench: Bench) -> None:
        has_no_effect(bench, times=1)
        ruleset = rules_of(weekend(f"[{CAMPAIGN}]"))
        await bench.run(bench.reconciler(ruleset), FRIDAY)
        await bench.run(bench.reconciler(ruleset), FRIDAY + MINUTE)
        assert bench.statuses()[0] == "PAUSED"

    async def test_what_is_tried_again_soon_after_is_confirmed_later(self, bench: Bench) -> None:
        """Each alone would cost a list."""
        has_no_effect(bench, times=1)
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        for _ in range(4):
            await bench.run(reconciler, FRIDAY)
        assert bench.lists() == 2
        await bench.run(reconciler, FRIDAY + module.CONFIRM_GAP)
        assert bench.lists() == 3

    async def test_where_the_list_fails_it_is_asked_for_again(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, FRIDAY)
        bench.sandbox.add_fault(Fault(call="list", times=1))
        await bench.run(reconciler, FRIDAY + MINUTE)
        assert await self.confirmed(bench) == [None] * 3
        await bench.run(reconciler, FRIDAY + 2 * MINUTE)
        assert await self.confirmed(bench) == [FRIDAY + 2 * MINUTE] * 3


STRICT = "{name: weekend, campaigns: all, enforce: true, pause: {from: Fri 17:00, until: Mon 08:00}}"


class TestRecheck:
    async def into_the_window(self, bench: Bench, *rules: str) -> Passes:
        reconciler = bench.reconciler(rules_of(*rules))
        await bench.run(reconciler, FRIDAY)
        await bench.run(reconciler, FRIDAY + MINUTE)
        return reconciler

    async def test_it_costs_one_list_in_five_minutes_while_anything_is_quiet(self, bench: Bench) -> None:
        reconciler = await self.into_the_window(bench, weekend())
        asked = []
        for minute in range(2, 17):
            await bench.run(reconciler, FRIDAY + minute * MINUTE)
            asked.append(bench.lists())
        assert asked == [2] * 4 + [3] * 5 + [4] * 5 + [5]
        assert len(posts(bench.sandbox)) == 3

    async def test_a_tick_that_is_a_little_early_does_not_put_it_off_by_a_minute(self, bench: Bench) -> None:
        reconciler = await self.into_the_window(bench, weekend())
        await bench.run(reconciler, FRIDAY + 6 * MINUTE - timedelta(seconds=1))
        assert bench.lists() == 3

    async def test_outside_of_windows_nobody_is_asked(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        for minute in range(60):
            await bench.run(reconciler, FRIDAY - DAY + minute * MINUTE)
        assert bench.lists() == 1

    async def test_a_clock_that_is_put_back_does_not_put_it_off(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend()))
        await bench.run(reconciler, SATURDAY)
        await bench.run(reconciler, SATURDAY + MINUTE)
        await bench.run(reconciler, FRIDAY + HOUR)
        assert bench.lists() == 3

    async def test_where_the_list_fails_it_is_asked_for_again_at_the_next_tick(self, bench: Bench) -> None:
        reconciler = await self.into_the_window(bench, weekend())
        bench.sandbox.add_fault(Fault(call="list", times=1))
        asked = []
        for minute in (6, 7, 8):
            await bench.run(reconciler, FRIDAY + minute * MINUTE)
            asked.append(bench.lists())
        assert asked == [3, 4, 4]

    @pytest.mark.parametrize("status", ["COMPLETED", "PAUSED", "DRAFT"])
    async def test_what_began_to_run_since_is_paused_and_given_back(self, bench: Bench, status: Any) -> None:
        """Prospects were added to a completed campaign; a person started one that they had paused before."""
        bench.sandbox.campaign(CAMPAIGN).status = status
        reconciler = await self.into_the_window(bench, weekend())
        bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        await bench.run(reconciler, FRIDAY + 6 * MINUTE)
        assert bench.statuses() == ["PAUSED"] * 3
        assert CAMPAIGN in await bench.custody()
        await bench.run(reconciler, MONDAY)
        assert bench.statuses()[0] == "RUNNING"

    async def test_a_new_campaign_in_a_selected_folder_is_paused(self, bench: Bench) -> None:
        folder = "{name: emea, campaigns: {folders: EMEA}, pause: {from: Fri 17:00, until: Mon 08:00}}"
        reconciler = await self.into_the_window(bench, folder)
        new = SandboxCampaign(id=7, name="New", folder="EMEA")
        bench.sandbox.account().campaigns[7] = new
        await bench.run(reconciler, FRIDAY + 6 * MINUTE)
        assert new.status == "PAUSED"
        assert 7 in await bench.custody()

    async def test_with_enforce_what_a_person_resumed_is_paused_again_each_time_and_given_back_at_the_end(
        self, bench: Bench
    ) -> None:
        reconciler = await self.into_the_window(bench, STRICT)
        for minute in (6, 12, 18):
            bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
            await bench.run(reconciler, FRIDAY + minute * MINUTE)
            assert bench.statuses()[0] == "PAUSED"
            await bench.run(reconciler, FRIDAY + minute * MINUTE + module.CONFIRM_GAP)
        assert len(posts(bench.sandbox)) == 6
        assert await bench.rows(journal) == []
        await bench.run(reconciler, MONDAY)
        assert bench.statuses() == ["RUNNING"] * 3

    async def test_what_the_api_refuses_to_pause_is_not_hammered(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(call="pause", status=409))
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        for minute in range(120):
            await bench.run(reconciler, FRIDAY + minute * MINUTE)
        assert 3 <= len(posts(bench.sandbox)) <= 6


class TestSpread:
    async def test_resumes_come_one_after_the_other_and_survive_a_restart(self, bench: Bench) -> None:
        rule = "{name: weekend, campaigns: all, resume: {over: 30m}, pause: {from: Fri 17:00, until: Mon 08:00}}"
        await bench.run(bench.reconciler(rules_of(rule)), FRIDAY)
        await bench.run(bench.reconciler(rules_of(rule)), MONDAY, calls=False)
        due = {row.campaign: row.next_attempt_at for row in await bench.rows() if row.action == "resume"}
        assert len(set(due.values())) == 3
        last = max(due.values())
        assert MONDAY < min(due.values()) < last < MONDAY + 30 * MINUTE
        resumed: dict[int, datetime] = {}
        for second in range(0, 1800, 10):
            bench.clock.now = MONDAY + timedelta(seconds=second)
            if second % 60 == 0:
                # A restart: another pass, and what the ledger has.
                await bench.run(bench.reconciler(rules_of(rule)), bench.clock.now, calls=False)
            bench.lanes[0].wake()
            await until(lambda: drained(bench), "what is due was called")
            for campaign, status in zip(sorted(due), bench.statuses(), strict=True):
                if status == "RUNNING":
                    resumed.setdefault(campaign, bench.clock.now)
        assert all(timedelta() <= resumed[each] - at < timedelta(seconds=10) for each, at in due.items())
        rows = [row for row in await bench.rows() if row.action == "resume"]
        assert {row.due_at for row in rows} == {MONDAY}
        assert {row.because for row in rows} == {
            "weekend: Fri 17:00 until Mon 08:00; resumes are spread over 30m",
        }


async def drained(bench: Bench) -> bool:
    return bench.lanes[0].is_drained


class TestLeft:
    async def test_what_cannot_be_resumed_stays_in_sight_and_is_never_resumed_by_itself(
        self, bench: Bench, logs: list[Any]
    ) -> None:
        bench.sandbox.add_fault(Fault(call="run", status=409))
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.run(reconciler, FRIDAY)
        await bench.run(reconciler, MONDAY)
        bench.sandbox.clear_faults()
        for now in (MONDAY + DAY, FRIDAY + 7 * DAY, FRIDAY + 7 * DAY + MINUTE, MONDAY + 7 * DAY):
            await bench.run(reconciler, now)
            assert [each["campaign"] for each in await bench.left()] == [CAMPAIGN]
        assert [entry.call for entry in posts(bench.sandbox)] == ["pause", "run"]
        bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        await bench.run(reconciler, FRIDAY + 14 * DAY)
        assert await bench.left() == []
        assert "a person acted on what was left paused" in [line["event"] for line in logs]
        assert list(await bench.custody()) == [CAMPAIGN]
        await bench.run(reconciler, MONDAY + 14 * DAY)
        assert bench.statuses()[0] == "RUNNING"


class TestWithdrawn:
    async def test_a_waiting_pause_that_no_rule_wants_any_more_is_ended_and_not_called(
        self, bench: Bench, logs: list[Any]
    ) -> None:
        await bench.waiting(new_intent())
        await bench.run(bench.reconciler(rules_of(weekend("[7]"))), FRIDAY - TICK, calls=False)
        reason = "no longer wanted: the rules have changed"
        assert logs == [
            {
                "event": "pause skipped",
                "log_level": "info",
                "account": "main",
                "campaign": CAMPAIGN,
                "due_at": FRIDAY,
                "reason": reason,
            }
        ]
        await bench.run(bench.reconciler(rules_of(weekend("[7]"))), FRIDAY - TICK)
        assert posts(bench.sandbox) == []
        (row,) = await bench.rows()
        assert (row.state, row.reason) == ("skipped", reason)
        assert len(logs) == 1

    async def test_a_resume_that_waits_does_not_undo_a_hold(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"), HOLD % "Mon 09:00"))
        await bench.run(reconciler, FRIDAY)
        bench.sandbox.add_fault(Fault(call="run"))
        bench.chance.part = 1
        await bench.run(reconciler, MONDAY, calls=False)
        await bench.answered(2)
        await bench.run(reconciler, MONDAY + HOUR)
        bench.sandbox.clear_faults()
        await bench.run(reconciler, MONDAY + 2 * HOUR)
        assert bench.statuses()[0] == "PAUSED"
        assert await bench.custody() == {}
        (row,) = [row for row in await bench.rows() if row.action == "resume"]
        assert (row.state, row.reason) == ("skipped", "left paused for a person to resume (stop: Mon 09:00)")

    async def test_a_pause_that_waits_is_not_made_again_of_what_a_person_paused(self, bench: Bench) -> None:
        await bench.waiting(new_intent())
        bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
        ruleset = rules_of(weekend(f"[{CAMPAIGN}]"))
        await bench.run(bench.reconciler(ruleset), FRIDAY + HOUR, calls=False)
        (row,) = await bench.rows()
        assert (row.state, row.reason) == ("skipped", "already paused")
        await bench.run(bench.reconciler(ruleset), MONDAY)
        assert posts(bench.sandbox) == []
        assert bench.statuses()[0] == "PAUSED"

    async def test_one_that_is_still_wanted_is_left_to_its_lane(self, bench: Bench) -> None:
        await bench.waiting(new_intent())
        await bench.run(bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"))), FRIDAY + MINUTE)
        assert await bench.changes() == [(CAMPAIGN, "pause", "succeeded")]
        assert len(posts(bench.sandbox)) == 1


class TestOnce:
    async def test_every_restart_asks_and_plans_nothing_twice(self, bench: Bench) -> None:
        ruleset = rules_of(weekend())
        for minute in range(3):
            await bench.run(bench.reconciler(ruleset), FRIDAY + minute * MINUTE)
        assert bench.lists() == 3
        assert len(await bench.changes()) == 3
        assert len(posts(bench.sandbox)) == 3

    async def test_passes_among_calls_plan_nothing_twice_and_take_no_pause_of_ours_for_a_person_s(
        self, bench: Bench
    ) -> None:
        """A call between the list and what is made of it would look as if somebody had resumed the campaign."""
        bench.sandbox.latency = timedelta(milliseconds=2)
        ruleset = rules_of(weekend())
        await bench.start()
        for _ in range(8):
            await bench.run(bench.reconciler(ruleset), FRIDAY, calls=False)
        await bench.work()
        await bench.run(bench.reconciler(ruleset), FRIDAY)
        assert len(posts(bench.sandbox)) == 3
        assert len(await bench.custody()) == 3
        assert await bench.rows(journal) == []
        assert {entry.in_flight for entry in bench.sandbox.log} == {1}

    async def test_two_passes_at_once_record_each_change_once(self, bench: Bench) -> None:
        ruleset = rules_of(weekend())
        await asyncio.gather(*(bench.reconciler(ruleset).run(FRIDAY) for _ in range(4)))
        await bench.work()
        assert len(posts(bench.sandbox)) == 3

    async def test_a_decision_is_recorded_and_said_once(self, bench: Bench, logs: list[Any]) -> None:
        bench.sandbox.campaign(CAMPAIGN).status = "DRAFT"
        for minute in range(3):
            await bench.run(bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"))), FRIDAY + minute * MINUTE)
        assert await bench.changes() == [(CAMPAIGN, "pause", "skipped")]
        assert len(logs) == 1

    async def test_a_change_that_is_on_record_already_is_not_made_again_and_said(
        self, bench: Bench, logs: list[Any]
    ) -> None:
        # It was withdrawn at this very instant, and would be due again.
        await bench.waiting(new_intent())
        (known,) = await bench.writer.do(lambda connection: work.known_changes(connection, "main", FRIDAY))
        await bench.writer.do(lambda connection: work.withdraw(connection, "main", known, "gone", FRIDAY))
        await bench.run(bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]"))), FRIDAY)
        assert posts(bench.sandbox) == []
        assert logs[-1] == {
            "event": "pause is on record already, and isn't made again",
            "log_level": "warning",
            "account": "main",
            "campaign": CAMPAIGN,
            "due_at": FRIDAY,
        }

    async def test_a_clock_that_was_ahead_costs_no_window(self, bench: Bench) -> None:
        """At an hour too early it's paused; what is given back too early is paused again."""
        ruleset = rules_of(weekend(f"[{CAMPAIGN}]"))
        await bench.run(bench.reconciler(ruleset), FRIDAY)
        await bench.run(bench.reconciler(ruleset), FRIDAY - HOUR)
        assert bench.statuses()[0] == "PAUSED"
        await bench.run(bench.reconciler(ruleset), MONDAY)
        assert bench.statuses()[0] == "RUNNING"
        await bench.run(bench.reconciler(ruleset), MONDAY - HOUR)
        assert bench.statuses()[0] == "PAUSED"
        await bench.run(bench.reconciler(ruleset), MONDAY + TICK)
        assert bench.statuses()[0] == "RUNNING"

    async def test_one_that_is_put_back_to_before_a_window_and_then_on_to_after_it_loses_no_resume(
        self, bench: Bench
    ) -> None:
        """Before it and after it nothing is wanted, and the same is owed; the same daemon has passed at both times."""
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        for now in (FRIDAY, FRIDAY + MINUTE, FRIDAY - HOUR, MONDAY):
            await bench.run(reconciler, now)
        assert bench.statuses()[0] == "RUNNING"

    async def test_a_dry_run_hides_nothing_from_the_real_one(self, bench: Bench) -> None:
        ruleset = rules_of(weekend(f"[{CAMPAIGN}]"))
        bench.sandbox.campaign(CAMPAIGN).status = "COMPLETED"
        await bench.run(bench.reconciler(ruleset), FRIDAY)
        later = new_intent(due_at=FRIDAY + HOUR)
        await bench.writer.do(lambda connection: work.record_decision(connection, later, State.SIMULATED, "x", FRIDAY))
        bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        await bench.run(bench.reconciler(ruleset), SATURDAY)
        assert bench.statuses()[0] == "PAUSED"

    async def test_the_turn_is_kept_from_the_list_until_what_was_made_of_it_is_on_record(self, bench: Bench) -> None:
        (lane,) = bench.lanes
        bench.sandbox.add_fault(Fault(effect="delay", call="list", delay=timedelta(milliseconds=50)))
        passing = asyncio.create_task(bench.reconciler(rules_of(weekend())).run(FRIDAY))
        await until(lambda: is_listing(bench), "the list is under way")
        gate = threading.Event()
        blocked = asyncio.create_task(bench.writer.do(lambda _: gate.wait(10)))
        await until(lambda: is_listed(bench), "the list is answered")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), lane.turn():
                pass
        gate.set()
        async with asyncio.timeout(10), lane.turn():
            assert len(await bench.changes()) == 3
        await asyncio.gather(passing, blocked)


async def is_listing(bench: Bench) -> bool:
    return len(bench.sandbox.log) == 1


async def is_listed(bench: Bench) -> bool:
    return bench.sandbox.log[0].answered_at is not None


class TestAccounts:
    async def test_a_broken_one_does_not_keep_the_other_from_its_window(self, both: Bench) -> None:
        both.sandbox.add_fault(Fault(account=COMPANY, status=500, call="list"))
        ruleset = rules_of(MAIN_WEEKEND, ACME_WEEKEND, accounts=TWO_ACCOUNTS)
        reconciler = both.reconciler(ruleset)
        await both.run(reconciler, FRIDAY)
        await both.run(reconciler, FRIDAY + MINUTE)
        await both.run(reconciler, FRIDAY + 2 * MINUTE)
        assert both.statuses() == ["PAUSED"] * 3
        assert both.statuses(COMPANY) == ["RUNNING"] * 3
        # The healthy one isn't asked more often because the other has to be.
        assert (both.lists(), both.lists(COMPANY)) == (2, 3)
        both.sandbox.clear_faults()
        await both.run(reconciler, FRIDAY + 3 * MINUTE)
        assert both.statuses(COMPANY) == ["PAUSED"] * 3

    async def test_a_slow_one_does_not_hold_up_the_other(self, both: Bench) -> None:
        slow = Fault(effect="delay", account=COMPANY, call="list", delay=timedelta(seconds=1.5))
        both.sandbox.add_fault(slow)
        ruleset = rules_of(MAIN_WEEKEND, ACME_WEEKEND, accounts=TWO_ACCOUNTS)
        await both.start()
        passing = asyncio.create_task(both.reconciler(ruleset).run(FRIDAY))
        await until(lambda: are_paused(both), "the quick one is paused")
        assert not passing.done()
        await passing
        await both.work()
        assert both.statuses(COMPANY) == ["PAUSED"] * 3

    async def test_the_same_id_in_two_accounts_is_two_campaigns(self, both: Bench) -> None:
        one = f"{{name: one, account: acme, campaigns: [{CAMPAIGN}], pause: {{from: Fri 17:00, until: Mon 08:00}}}}"
        await both.run(both.reconciler(rules_of(one, accounts=TWO_ACCOUNTS)), FRIDAY)
        assert both.statuses() == ["RUNNING"] * 3
        assert both.statuses(COMPANY) == ["PAUSED", "RUNNING", "RUNNING"]
        assert (await both.custody(), list(await both.custody("acme"))) == ({}, [CAMPAIGN])


async def are_paused(bench: Bench) -> bool:
    return bench.statuses() == ["PAUSED"] * 3


class TestBrokenLedger:
    async def test_what_was_not_recorded_is_not_said(self, bench: Bench, logs: list[Any]) -> None:
        for campaign in (CAMPAIGN, SECOND_ONE):
            bench.sandbox.campaign(campaign).status = "DRAFT"
        trigger = f"""CREATE TRIGGER full BEFORE INSERT ON intents WHEN NEW.campaign = {SECOND_ONE}
            BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"""
        await bench.writer.do(lambda connection: connection.execute(text(trigger)))
        with pytest.raises(LedgerError, match="the disk is full"):
            await bench.run(bench.reconciler(rules_of(weekend())), FRIDAY, calls=False)
        assert logs == []
        assert await bench.changes() == []

    async def test_a_plan_that_cannot_be_recorded_calls_nobody_and_gives_the_turn_back(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(effect="delay", call="list", delay=timedelta(milliseconds=50)))
        passing = asyncio.create_task(bench.reconciler(rules_of(weekend())).run(FRIDAY))
        await until(lambda: is_listing(bench), "the list is under way")
        await bench.writer.do(lambda connection: connection.execute(text("DROP TABLE attempts")))
        with pytest.raises(LedgerError):
            await passing
        async with asyncio.timeout(10), bench.lanes[0].turn():
            assert posts(bench.sandbox) == []


class TestEdit:
    """Rules of another file, inside the window for which campaigns are held."""

    SHORTER = weekend().replace("Mon 08:00", "Sat 08:00")

    async def held(self, bench: Bench, before: str, now: datetime, *rules: str, is_edited: bool = True) -> None:
        """Pause for the weekend by some rules, and have a pass by others."""
        passes = bench.reconciler(rules_of(before))
        await bench.run(passes, FRIDAY)
        (reconciler,) = passes.of_accounts
        reconciler.use(rules_of(*rules), is_edited=is_edited)
        await bench.run(passes, now)

    @pytest.mark.parametrize("is_edited", [True, False])
    async def test_what_they_free_is_given_back_as_of_then_also_where_its_window_has_ended_long_ago(
        self, bench: Bench, is_edited: bool
    ) -> None:
        """Until then the rules before kept it, whether the file was edited or a person made an exception."""
        sunday = FRIDAY + 2 * DAY
        await self.held(bench, weekend(f"[{CAMPAIGN}]"), sunday, self.SHORTER, is_edited=is_edited)
        _, resume = await bench.rows()
        assert (resume.due_at, resume.state) == (sunday, "succeeded")

    async def test_what_was_free_already_keeps_its_due_time_and_its_reason(self, bench: Bench) -> None:
        longer = weekend().replace("weekend", "another")
        await self.held(bench, weekend(f"[{CAMPAIGN}]"), MONDAY + MINUTE, longer)
        _, resume = await bench.rows()
        assert (resume.due_at, resume.rules) == (MONDAY, ["another"])

    async def test_what_they_keep_paused_for_good_is_owed_no_more(self, bench: Bench) -> None:
        kept = weekend().replace("campaigns", "resume: false, campaigns")
        await self.held(bench, weekend(), FRIDAY + HOUR, kept)
        assert await bench.custody() == {}
        assert bench.statuses() == ["PAUSED"] * 3

    async def test_a_hold_from_before_that_wasnt_asked_of_it_doesnt_keep_it(self, bench: Bench) -> None:
        await self.held(bench, weekend(), FRIDAY + 3 * HOUR, HOLD % "Fri 18:00")
        assert bench.statuses() == ["RUNNING"] * 3

    async def test_two_edits_before_a_pass_are_one(self, bench: Bench) -> None:
        passes = bench.reconciler(rules_of(weekend()))
        await bench.run(passes, FRIDAY)
        (reconciler,) = passes.of_accounts
        reconciler.use(rules_of(self.SHORTER), is_edited=True)
        # An exception is made meanwhile.
        reconciler.use(rules_of(self.SHORTER))
        await bench.run(passes, FRIDAY + 2 * DAY)
        assert bench.statuses() == ["RUNNING"] * 3


class TestPauseInDoubt:
    """A pause whose answer was lost, and that isn't wanted any more before it could be tried again."""

    async def lost(self, bench: Bench, effect: Effect) -> Passes:
        bench.sandbox.add_fault(Fault(effect=effect, call="pause"))
        bench.chance.part = 1
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.start()
        await bench.run(reconciler, FRIDAY, calls=False)
        await bench.answered(1)
        bench.sandbox.clear_faults()
        return reconciler

    @pytest.mark.parametrize("effect", ["drop_after", "status_after"])
    async def test_its_campaign_is_given_back_when_its_window_is_over(self, bench: Bench, effect: Effect) -> None:
        reconciler = await self.lost(bench, effect)
        bench.clock.now = MONDAY
        bench.lanes[0].wake()
        await bench.work()
        assert await bench.changes() == [(CAMPAIGN, "pause", "failed")]
        assert bench.statuses()[0] == "PAUSED"
        await bench.run(reconciler, MONDAY + MINUTE)
        assert await bench.changes() == [(CAMPAIGN, "pause", "failed"), (CAMPAIGN, "resume", "succeeded")]
        assert (bench.statuses()[0], await bench.custody()) == ("RUNNING", {})

    async def test_its_campaign_is_given_back_when_its_rule_is_gone(self, bench: Bench) -> None:
        await self.lost(bench, "drop_after")
        reconciler = bench.reconciler(rules_of(weekend(f"[{SECOND_ONE}]")))
        for minute in (1, 2):
            await bench.run(reconciler, SATURDAY + minute * MINUTE)
        changes = [each for each in await bench.changes() if each[0] == CAMPAIGN]
        assert changes == [(CAMPAIGN, "pause", "skipped"), (CAMPAIGN, "resume", "succeeded")]
        assert (bench.statuses()[0], list(await bench.custody())) == ("RUNNING", [SECOND_ONE])

    async def test_one_that_never_arrived_gives_nothing_back_and_blames_nobody(self, bench: Bench) -> None:
        reconciler = await self.lost(bench, "drop_before")
        await bench.run(reconciler, MONDAY + MINUTE)
        await bench.run(reconciler, MONDAY + 2 * MINUTE)
        last = (await bench.rows())[-1]
        assert (last.action, last.state) == ("resume", "skipped")
        assert last.reason == "already running: the pause that was cut off hasn't stopped it"
        assert [entry.call for entry in posts(bench.sandbox)] == ["pause"]

    async def expired(self, bench: Bench, status_before: str | None) -> None:
        await bench.waiting(replace(new_intent(), status_before=status_before))
        (intent,) = await bench.writer.do(lambda connection: work.open_intents(connection, "main"))
        cut_off = replace(intent, may_have_acted=True)
        expire = partial(work.expire, intent=cut_off, state=State.FAILED, reason="late", now=MONDAY)
        assert await bench.writer.do(expire)

    async def test_what_a_person_had_paused_isnt_owed(self, bench: Bench) -> None:
        await self.expired(bench, "PAUSED")
        assert (await bench.custody(), await bench.left()) == ({}, [])

    async def test_what_nobody_had_seen_before_is_left_to_a_person(self, bench: Bench) -> None:
        await self.expired(bench, None)
        assert await bench.custody() == {}
        (left,) = await bench.left()
        assert (left["campaign"], left["because"].partition(";")[0]) == (
            CAMPAIGN,
            "nobody knows whether it ran before",
        )


class TestResumeThatWaits:
    """A window has ended, and its resume couldn't be made yet."""

    async def left_waiting(self, bench: Bench, **fault: Any) -> Ruleset:
        ruleset = rules_of(weekend(f"[{CAMPAIGN}]"))
        await bench.run(bench.reconciler(ruleset), FRIDAY)
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(**fault))
        await bench.run(bench.reconciler(ruleset), MONDAY, calls=False)
        await bench.answered(2)
        bench.sandbox.clear_faults()
        return ruleset

    async def test_whom_a_person_was_seen_to_resume_is_theirs_from_then_on(self, bench: Bench) -> None:
        ruleset = await self.left_waiting(bench, status=500, call="get")
        bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        await bench.run(bench.reconciler(ruleset), MONDAY, calls=False)
        resume = (await bench.rows())[-1]
        assert (resume.state, resume.reason) == ("skipped", "already running: somebody resumed it")
        assert await bench.custody() == {}
        bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
        await bench.run(bench.reconciler(ruleset), MONDAY + MINUTE)
        assert (bench.statuses()[0], len(await bench.rows())) == ("PAUSED", 2)

    async def test_one_whose_answer_was_lost_has_worked_if_it_runs(self, bench: Bench) -> None:
        ruleset = await self.left_waiting(bench, effect="drop_after", call="run")
        await bench.run(bench.reconciler(ruleset), MONDAY + MINUTE)
        resume = (await bench.rows())[-1]
        assert (resume.state, resume.reason) == (
            "succeeded",
            "it runs, most likely by an earlier attempt, whose answer was lost",
        )
        assert await bench.custody() == {}

    async def test_what_a_person_pauses_after_it_was_seen_to_run_is_not_run_again(self, bench: Bench) -> None:
        ruleset = await self.left_waiting(bench, effect="drop_after", call="run")
        await bench.run(bench.reconciler(ruleset), MONDAY, calls=False)
        bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
        await bench.run(bench.reconciler(ruleset), MONDAY + MINUTE)
        assert bench.statuses()[0] == "PAUSED"


class TestTouched:
    """What somebody has had a hand in while we held it is that person's."""

    async def test_what_was_edited_and_paused_again_is_not_given_back(self, bench: Bench) -> None:
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.start()
        await bench.run(reconciler, FRIDAY)
        bench.sandbox.campaign(CAMPAIGN).status = "EDITED"
        await bench.run(reconciler, SATURDAY)
        bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
        await bench.run(reconciler, MONDAY)
        assert await bench.changes() == [(CAMPAIGN, "pause", "succeeded"), (CAMPAIGN, "resume", "skipped")]
        assert (bench.statuses()[0], await bench.custody()) == ("PAUSED", {})


class TestNextWindow:
    """What a window had paused is held still when the next one begins."""

    RULES = rules_of(
        weekend(f"[{CAMPAIGN}]"),
        f"{{name: thursday, campaigns: [{CAMPAIGN}], pause: {{from: Thu 12:00, until: Thu 18:00}}}}",
    )
    THURSDAY = FRIDAY - 29 * HOUR

    async def test_what_its_pause_sees_run_and_a_person_pauses_then_is_not_given_back(self, bench: Bench) -> None:
        """There was no list: our resume's answer was lost, and the pause's own look shows that it had worked."""
        reconciler = bench.reconciler(self.RULES)
        await bench.run(reconciler, self.THURSDAY)
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="run", effect="drop_after"))
        await bench.run(reconciler, self.THURSDAY + 6 * HOUR, calls=False)
        await bench.answered(2)
        bench.sandbox.clear_faults()
        bench.sandbox.add_fault(Fault(call="list", status=500))
        bench.sandbox.add_fault(Fault(call="pause", status=429, times=1))
        await bench.run(reconciler, FRIDAY, calls=False)
        await bench.answered(3)
        bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
        bench.clock.now = FRIDAY + HOUR
        bench.lanes[0].wake()
        await bench.work()
        assert await bench.custody() == {}
        (released,) = [row.details["why"] for row in await bench.rows(journal) if row.event == "custody released"]
        assert released == "it ran when it was to be paused again"
        bench.sandbox.clear_faults()
        await bench.run(reconciler, MONDAY)
        assert bench.statuses()[0] == "PAUSED"

    async def test_what_a_person_resumes_inside_it_is_left_running(self, bench: Bench) -> None:
        await bench.run(bench.reconciler(self.RULES), self.THURSDAY)
        reconciler = bench.reconciler(self.RULES)
        await bench.run(reconciler, FRIDAY + HOUR)
        bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        for hour in (2, 3, 4):
            await bench.run(reconciler, FRIDAY + hour * HOUR)
        assert (bench.statuses()[0], await bench.custody()) == ("RUNNING", {})
        assert await bench.changes() == [
            (CAMPAIGN, "pause", "succeeded"),
            (CAMPAIGN, "pause", "skipped"),
            (CAMPAIGN, "resume", "skipped"),
        ]


class TestKeyThatIsTaken:
    async def test_a_pause_of_an_instant_that_has_one_is_made_by_the_next_pass(self, bench: Bench) -> None:
        """By a clock that was ahead it was paused and given back, and a pass comes at the very start of its window."""
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.run(reconciler, FRIDAY + HOUR)
        await bench.run(reconciler, MONDAY)
        assert bench.statuses()[0] == "RUNNING"
        await bench.run(reconciler, FRIDAY - HOUR)
        for seconds in (0, 1):
            await bench.run(reconciler, FRIDAY + timedelta(seconds=seconds))
        assert bench.statuses()[0] == "PAUSED"


class Still:
    """Finds that nothing was missed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def look(self, _account: str) -> datetime:
        return self._clock()


class TestAnotherName:
    async def test_an_account_that_gets_another_one_while_its_list_is_waited_for_resumes_nothing(
        self, bench: Bench
    ) -> None:
        """Its pass is under way: the campaigns are to stay as they are."""
        reconciler = bench.reconciler(rules_of(weekend(f"[{CAMPAIGN}]")))
        await bench.run(reconciler, FRIDAY)
        (one,), (lane,) = reconciler.of_accounts, bench.lanes
        downtime = cast(Downtime, Still(bench.clock))
        working = AccountAtWork(account(bench.sandbox.base_url), lane, one, bench.writer, downtime)
        bench.clock.now = MONDAY
        bench.sandbox.add_fault(Fault(effect="delay", call="list", delay=timedelta(milliseconds=200)))
        asked = bench.lists()
        passes = asyncio.create_task(working.passes(bench.breathe))
        await until(lambda: has_asked(bench, asked), "it asks for the list")
        working.leave(gives_back=False)
        working.wake()
        await passes
        await bench.breathe()
        assert working.has_left
        assert (bench.statuses()[0], list(await bench.custody())) == ("PAUSED", [CAMPAIGN])
        working.stay()
        lane.wake()
        await bench.work()
        assert (bench.statuses()[0], await bench.custody()) == ("RUNNING", {})
