"""The daemon's look at what needs a person, on real ledgers, with targets on loopback; the clock is moved by hand."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import delete, select, text, update

from rules.ruleset import Action, Ruleset
from rules.source import Place, Problem
from scheduler.alerts import watch as module
from scheduler.alerts.concerns import ABOUT, Kind
from scheduler.alerts.stock import GONE_FOR
from scheduler.alerts.watch import Watch
from scheduler.errors import LeaseLost, LedgerAway, LedgerError
from scheduler.in_force import InForce
from scheduler.ledger import concerns as records
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.records import PREFLIGHT, Intent, NewIntent, Outcome, Result, Seen, State
from scheduler.ledger.tables import concerns, intents, journal
from scheduler.pulse import Pulse, Pulses
from scheduler.sandbox import Fault, Sandbox
from scheduler.settings import Address, Alerts, Settings, load
from tests.disk_faults import Unwritable, at_fault
from tests.inbox import Inbox, inbox
from tests.integration.test_daemon import living, send
from tests.scheduler_fakes import (
    CAMPAIGN,
    DAY,
    FRIDAY,
    HOUR,
    KEY,
    MINUTE,
    MONDAY,
    Clock,
    captured_logs,
    ledger_in,
    new_intent,
    resume,
    rules_of,
    until,
    weekend,
    writing_to,
)

FIVE = 5 * MINUTE
FAILED = Result(outcome=Outcome.RETRIED, http_status=500, error_code="UNKNOWN", error_message="try again later")
REFUSED = Result(outcome=Outcome.FAILED, http_status=404, error_code="CAMPAIGN_NOT_EXIST", error_message="not found")
UNAUTHORIZED = Result(outcome=Outcome.RETRIED, http_status=401, error_code="Unauthorized", error_message="Invalid key")
HOSTILE = "\x1b[2J\nForged: line =cmd() <!channel> **b** <b>" + "A" * 10_000


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@pytest.fixture
def box() -> Iterator[Inbox]:
    with inbox() as found:
        yield found


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    return ledger_in(tmp_path)


@pytest.fixture
def either(new_ledger: Callable[[], Database]) -> Database:
    """A ledger on each kind of database in turn, where that could make a difference."""
    return new_ledger()


@dataclass
class Rules:
    """The rules in force, as far as a watch asks for them."""

    settings: Settings
    ruleset: Ruleset = field(default_factory=lambda: rules_of(weekend()))
    rejected: Problem | None = None


@dataclass
class AtWork:
    """The accounts, as far as a watch asks for them."""

    refused: list[str] = field(default_factory=list)
    pulses: Pulses = field(default_factory=Pulses)

    def resting(self) -> list[str]:
        return self.refused


@dataclass
class Parts:
    """What's in force, for a watch."""

    rules: Rules
    accounts: AtWork = field(default_factory=AtWork)


def settings_in(folder: Path, *to: str, digest: str | None = None, account: str = "main") -> Settings:
    """A file that has alerts go to these."""
    lines = [
        "timezone: Europe/Warsaw",
        f"accounts: {{{account}: {{api_key: {KEY}}}}}",
        *([f"alerts: {{to: {list(to)}{f', digest: {digest}' if digest else ''}}}"] if to else []),
        f"rules: [{weekend()}]",
    ]
    (folder / "curfew.yaml").write_text("\n".join(lines))
    return load(folder / "curfew.yaml", {})


@dataclass
class Looking:
    """A watch over a ledger, whose clock is moved by hand."""

    watch: Watch
    writer: Writer
    ledger: Database
    clock: Clock
    parts: Parts

    async def look(self, by: timedelta = timedelta()) -> None:
        self.clock.move(by)
        await self.watch.look(self.clock())

    async def do(self, work: Callable[[Connection], Any]) -> Any:
        return await self.writer.do(work)

    async def fails(self, number: int = 1, result: Result = FAILED, first: int = CAMPAIGN, **intent: Any) -> None:
        """Have pauses, or what is said, fail now."""
        now = self.clock()

        def fail(connection: Connection) -> None:
            for campaign in range(first, first + number):
                new = work.record_intent(connection, new_intent(campaign, **intent), now)
                assert new is not None
                attempt = work.start_attempt(connection, new, "me", now)
                assert attempt is not None
                work.finish_attempt(connection, new, attempt, result, now)

        await self.do(fail)

    async def succeed(self) -> None:
        """Have all that waits be done."""
        await self.do(lambda connection: connection.execute(update(intents).values(state=State.SUCCEEDED)))

    async def rows(self, query: Any) -> list[Any]:
        return list(await self.do(lambda connection: connection.execute(query).all()))

    async def open(self) -> list[tuple[str, str]]:
        found = await self.do(records.open_concerns)
        return [(each["kind"], each["subject"]) for each in found]


def begun(connection: Connection, new: NewIntent) -> tuple[Intent, int]:
    """A change whose call is under way, and which attempt it is."""
    intent = work.record_intent(connection, new, new.due_at)
    assert intent is not None
    number = work.start_attempt(connection, intent, "me", new.due_at)
    assert number is not None
    return intent, number


@asynccontextmanager
async def looking(
    ledger: Database, folder: Path, *to: str, clock: Clock | None = None, daemon: int = 1, **file: Any
) -> AsyncIterator[Looking]:
    clock = clock or Clock()
    parts = Parts(Rules(settings_in(folder, *to, **file)))
    async with writing_to(ledger) as writer:
        watch = Watch(cast(InForce, parts), writer, ledger, clock, daemon=daemon, limit=timedelta(seconds=20))
        yield Looking(watch, writer, ledger, clock, parts)


class TestOnce:
    async def test_a_campaign_that_cannot_be_paused_is_told_once_and_its_end_once(
        self, either: Database, tmp_path: Path, box: Inbox, logs: list[Any]
    ) -> None:
        async with looking(either, tmp_path, box.target) as life:
            await life.fails()
            await life.look()
            assert box.letters == []
            await life.look(FIVE)
            await life.look(HOUR)
            assert box.titles == ["Curfew: a campaign can't be paused, and may be sending"]
            assert f"- main/{CAMPAIGN}: UNKNOWN: try again later\n" in box.bodies[0]
            await life.succeed()
            await life.look()
            await life.look(GONE_FOR)
            await life.look(DAY)
            assert box.titles[1:] == ["Curfew: over: a campaign can't be paused, and may be sending"]
            assert await life.open() == []
            (row,) = await life.rows(select(concerns))
            assert (row.kind, row.began_at, row.told_at) == ("pause failing", FRIDAY, FRIDAY + FIVE)
            assert (row.over_at, row.closed_at) == (FRIDAY + FIVE + HOUR, FRIDAY + FIVE + HOUR + GONE_FOR)
            sent = await life.rows(select(journal.c.details).where(journal.c.event == records.ALERT_SENT))
            assert [row.details["title"] for row in sent] == box.titles
        assert [line["title"] for line in logs if line["event"] == "alert sent"] == box.titles

    async def test_212_at_one_edge_are_one_message(self, ledger: Database, tmp_path: Path, box: Inbox) -> None:
        async with looking(ledger, tmp_path, box.target) as life:
            await life.fails(200)
            await life.look(MINUTE)
            await life.fails(12, first=CAMPAIGN + 200)
            await life.look(4 * MINUTE)
            await life.look(HOUR)
        assert box.titles == ["Curfew: 212 campaigns can't be paused, and may be sending"]
        assert "- and 209 more" in box.bodies[0]

    async def test_a_restart_between_beginning_and_end_repeats_nothing_and_forgets_nothing(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        clock = Clock()
        async with looking(ledger, tmp_path, box.target, clock=clock) as life:
            await life.fails()
            await life.look(FIVE)
        for _ in range(3):
            async with looking(ledger, tmp_path, box.target, clock=clock) as life:
                await life.look(MINUTE)
        assert len(box.letters) == 1
        async with looking(ledger, tmp_path, box.target, clock=clock) as life:
            await life.succeed()
            await life.look(MINUTE)
        async with looking(ledger, tmp_path, box.target, clock=clock) as life:
            await life.look(GONE_FOR)
        async with looking(ledger, tmp_path, box.target, clock=clock) as life:
            await life.look(HOUR)
        assert box.titles[1:] == ["Curfew: over: a campaign can't be paused, and may be sending"]

    async def test_what_flaps_is_told_once(self, ledger: Database, tmp_path: Path, box: Inbox) -> None:
        async with looking(ledger, tmp_path, box.target) as life:
            for step in range(20):
                life.parts.accounts.refused = ["main"] if step % 2 else []
                await life.look(MINUTE)
        assert box.titles == ["Curfew: Woodpecker refuses the key of an account"]

    async def test_a_daemon_that_starts_again_and_again_does_not_get_a_new_measure_of_messages(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        clock = Clock()
        for number in range(20):
            async with looking(ledger, tmp_path, box.target, clock=clock) as life:
                life.parts.accounts.refused = [f"account {each}" for each in range(number + 1)]
                await life.look(MINUTE)
        assert len(box.letters) <= 8
        async with looking(ledger, tmp_path, box.target, clock=clock) as life:
            life.parts.accounts.refused = [f"account {each}" for each in range(20)]
            await life.look(HOUR)
            rows = await life.rows(select(concerns.c.told_at))
        assert len(rows) == 20
        assert all(row.told_at for row in rows)


class TestCauses:
    """What the ledger knows becomes what is told."""

    async def told(self, life: Looking, by: timedelta = FIVE) -> list[tuple[str, str]]:
        await life.look()
        await life.look(by)
        return await life.open()

    async def test_a_pause_that_is_refused_is_told_and_no_more_when_it_has_success(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        async with looking(ledger, tmp_path, box.target) as life:
            await life.fails(result=REFUSED)
            assert await self.told(life, MINUTE) == [("pause failed", f"main/{CAMPAIGN}")]
            assert "CAMPAIGN_NOT_EXIST: not found" in box.bodies[0]

    async def test_a_refused_key_is_one_concern_of_its_account(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        async with looking(ledger, tmp_path, box.target) as life:
            await life.fails(3, result=UNAUTHORIZED)
            assert await self.told(life) == [("key refused", "main")]
            assert "- main: Unauthorized: Invalid key" in box.bodies[0]

    async def test_a_resume_that_is_refused_is_left_to_a_person_until_they_act(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        clock = Clock(MONDAY)
        async with looking(ledger, tmp_path, box.target, clock=clock) as life:

            def refuse(connection: Connection) -> None:
                work.store_list(connection, "main", [Seen(campaign=CAMPAIGN, name=HOSTILE, status="PAUSED")], FRIDAY)
                pause = work.record_intent(connection, new_intent(), FRIDAY)
                assert pause is not None
                work.start_attempt(connection, pause, "me", FRIDAY)
                work.finish_attempt(connection, pause, 1, Result(outcome=Outcome.SUCCEEDED), FRIDAY)
                back = work.record_intent(connection, resume(), MONDAY)
                assert back is not None
                work.start_attempt(connection, back, "me", MONDAY)
                work.finish_attempt(connection, back, 1, REFUSED, MONDAY)

            await life.do(refuse)
            assert await self.told(life) == [("left paused", f"main/{CAMPAIGN}")]
            (body,) = box.bodies
            assert "\x1b" not in body
            assert len(body) < 1000
            assert body.split("\n")[1].startswith(f"- main/{CAMPAIGN} ")
            await life.do(lambda connection: work.take_up(connection, "main", {CAMPAIGN: "RUNNING"}, clock()))
            await life.look(MINUTE)
            await life.look(GONE_FOR)
            assert box.titles[1:] == ["Curfew: over: a campaign stays paused until a person resumes it"]
            assert await life.open() == []

    async def test_a_window_that_failed_to_its_end_is_missed_and_its_failing_ends_without_a_word(
        self, either: Database, tmp_path: Path, box: Inbox
    ) -> None:
        async with looking(either, tmp_path, box.target) as life:
            await life.fails(2)
            assert await self.told(life) == [("pause failing", f"main/{each}") for each in (CAMPAIGN, CAMPAIGN + 1)]
            life.clock.now = MONDAY

            def expire(connection: Connection) -> None:
                for intent in work.open_intents(connection, "main"):
                    work.expire(connection, intent, State.FAILED, "given up after 1 attempts", MONDAY)

            await life.do(expire)
            assert await self.told(life) == [("window missed", "main weekend 2026-11-30T07:00:00Z")]
            await life.look(GONE_FOR)
            await life.look(3 * DAY)
            assert box.titles[1:] == ["Curfew: a quiet window was missed"]
            assert "weekend: Fri 2026-11-27 17:00 until Mon 2026-11-30 08:00, for 2 campaigns" in box.bodies[1]
            # And not anew, whatever is looked at.
            await life.look(-2 * DAY)
            await life.look(MINUTE)
            assert len(box.titles) == 2

    async def test_all_that_missed_a_window_by_the_time_it_is_told_is_counted(
        self, either: Database, tmp_path: Path, box: Inbox
    ) -> None:
        """What fails to the end of a window is found so one by one."""
        async with looking(either, tmp_path, box.target, clock=Clock(MONDAY)) as life:
            for campaign in (CAMPAIGN, CAMPAIGN + 1):
                missed = partial(
                    work.record_decision,
                    new=new_intent(campaign),
                    state=State.MISSED,
                    reason="no call had success",
                    now=life.clock(),
                )
                await life.do(missed)
                await life.look(timedelta(seconds=15))
            await life.look(MINUTE)
        assert box.titles == ["Curfew: a quiet window was missed"]
        assert "for 2 campaigns" in box.bodies[0]

    async def test_a_window_that_was_missed_while_no_daemon_ran_is_told_after_the_start(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        clock = Clock(MONDAY + 3 * DAY)
        async with looking(ledger, tmp_path, box.target, clock=clock) as life:
            why = "it passed while no daemon ran"

            def miss(connection: Connection) -> None:
                for campaign in range(CAMPAIGN, CAMPAIGN + 5):
                    work.record_decision(connection, new_intent(campaign), State.MISSED, why, clock())

            await life.do(miss)
            await self.told(life, MINUTE)
            assert box.titles == ["Curfew: a quiet window was missed"]
            assert f"for 5 campaigns (main/{CAMPAIGN}, " in box.bodies[0]
            assert why in box.bodies[0]

    async def test_a_pause_that_failed_and_had_success_later_in_its_window_was_not_missed(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        async with looking(ledger, tmp_path, box.target) as life:
            await life.fails(result=REFUSED)
            later = new_intent(due_at=FRIDAY + HOUR, lasts=MONDAY - FRIDAY - HOUR)
            await life.do(lambda connection: work.record_intent(connection, later, FRIDAY + HOUR))
            query = update(intents).where(intents.c.due_at == FRIDAY + HOUR).values(state=State.SUCCEEDED)
            await life.do(lambda connection: connection.execute(query))
            life.clock.now = MONDAY
            assert await self.told(life) == []

    async def test_what_was_held_for_an_account_that_is_gone_is_told(
        self, either: Database, tmp_path: Path, box: Inbox
    ) -> None:
        async with looking(either, tmp_path, box.target) as life:

            def release(connection: Connection) -> None:
                pause = work.record_intent(connection, new_intent(account="old"), FRIDAY)
                assert pause is not None
                work.start_attempt(connection, pause, "me", FRIDAY)
                work.finish_attempt(connection, pause, 1, Result(outcome=Outcome.SUCCEEDED), FRIDAY)
                work.release_orphans(connection, ["main"], FRIDAY)

            await life.do(release)
            assert await self.told(life) == [("given up", "old 2026-11-27T16:00:00.000000Z")]
            assert f"- old: 1 campaign (old/{CAMPAIGN}), since Fri 2026-11-27 17:00" in box.bodies[0]

    async def test_what_the_look_ahead_finds_is_told_until_a_newer_one_finds_nothing(
        self, either: Database, tmp_path: Path, box: Inbox
    ) -> None:
        async with looking(either, tmp_path, box.target) as life:

            def note(*said: str) -> Callable[[Connection], None]:
                details = {"said": list(said)}
                return lambda connection: work.note(
                    connection, life.clock(), PREFLIGHT, account="main", details=details
                )

            await life.do(note("4:9: rules[0].campaigns[0]: warning: the account has no campaign 7"))
            await life.do(lambda connection: work.note(connection, FRIDAY, PREFLIGHT, account="gone", details={}))
            assert await self.told(life) == [("preflight", "main")]
            assert "- main: 4:9: rules[0].campaigns[0]: the account has no campaign 7" in box.bodies[0]
            await life.do(note())
            assert await self.told(life) == []

    async def test_what_the_daemon_itself_knows_is_told(self, ledger: Database, tmp_path: Path, box: Inbox) -> None:
        async with looking(ledger, tmp_path, box.target) as life:
            life.parts.rules.rejected = Problem(Place(12, 19), "rules[0].pause.from", "'Fry' isn't a weekday")
            ticking = iter([0.0, 1000.0, 1000.0, 1000.0, 1000.0, 1000.0])
            pulse = life.parts.accounts.pulses.add(Pulse("lane main", clock=lambda: next(ticking)))
            pulse.beat()
            await life.look()
            await life.look(3 * MINUTE)
            assert sorted(await life.open()) == [
                ("file rejected", str(tmp_path / "curfew.yaml")),
                ("hangs", "lane main"),
            ]
        assert [title.removeprefix("Curfew: ") for title in box.titles] == [
            ABOUT[Kind.HANGS].one,
            ABOUT[Kind.FILE_REJECTED].one,
        ]
        assert "- 12:19: rules[0].pause.from: 'Fry' isn't a weekday" in box.bodies[1]

    async def test_crashes_and_a_take_over_are_told(self, either: Database, tmp_path: Path, box: Inbox) -> None:
        async with looking(either, tmp_path, box.target, daemon=5) as life:

            def crash(connection: Connection) -> None:
                for _ in range(4):
                    host = life.watch._host
                    work.register_daemon(connection, host=host, pid=1, version="1", dry_run=False, now=FRIDAY)
                work.note(connection, FRIDAY, records.TOOK_OVER, details={"from": "alpha:7:x", "interrupted": 2})

            await life.do(crash)
            await life.look(MINUTE)
            assert [kind for kind, _ in await life.open()] == ["took over", "crashing"]
            assert len(box.letters) == 1
            await life.look(10 * MINUTE)
            await life.look(GONE_FOR)
            assert box.titles[1:] == [f"Curfew: over: {ABOUT[Kind.CRASHING].one}"]


class TestLedgerFault:
    async def test_while_the_ledger_cannot_be_written_it_is_told_all_the_same_and_once(
        self, tmp_path: Path, box: Inbox
    ) -> None:
        ledger = ledger_in(tmp_path)
        async with looking(ledger, tmp_path, box.target) as life:
            await life.look()
            with at_fault(Unwritable(ledger)):
                await life.fails()
                assert life.writer.fault is not None
                await life.look()
                await life.look(FIVE)
                await life.look(HOUR)
                assert box.titles == ["Curfew: the ledger can't be written (and 1 more)"]
                assert "disk I/O error" in box.bodies[0]
                assert f"main/{CAMPAIGN}" in box.bodies[0]

            async def is_written() -> bool:
                await life.look()
                return life.writer.fault is None

            await until(is_written, "the ledger is written again")
            await life.look(GONE_FOR)
            await life.look(DAY)
            assert len(box.titles) == 2
            assert box.titles[1].startswith("Curfew: over: the ledger can't be written")
        with ledger.reading() as connection:
            kinds = [row.kind for row in connection.execute(select(concerns).order_by(concerns.c.id))]
            sent = connection.execute(select(journal).where(journal.c.event == records.ALERT_SENT)).all()
        assert sorted(kinds) == ["ledger not writable", "pause failing"]
        assert len(sent) == 2


class TestTargets:
    async def test_where_nobody_takes_it_it_is_told_later_as_it_is_by_then(
        self, ledger: Database, tmp_path: Path, box: Inbox, logs: list[Any]
    ) -> None:
        async with looking(ledger, tmp_path, box.target) as life:
            box.status = 500
            await life.fails()
            await life.look(FIVE)
            await life.look(HOUR)
            assert await life.rows(select(concerns.c.told_at).where(concerns.c.kind == "pause failing")) == [(None,)]
            await life.fails(first=CAMPAIGN + 1)
            box.status = 200
            await life.look(HOUR)
        assert box.titles == ["Curfew: 2 campaigns can't be paused, and may be sending"]
        warnings = [line["event"] for line in logs if line["log_level"] == "warning"]
        assert warnings == ["alert not taken; it's tried again"]

    async def test_a_target_that_takes_nothing_is_told_by_another_and_is_a_concern(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        with inbox() as other:
            async with looking(ledger, tmp_path, box.target, other.target) as life:
                box.status = 403
                await life.fails()
                await life.look(FIVE)
                await life.look(MINUTE)
                await life.look(FIVE)
                assert ("alerts failing", "alerts.to[0] (json)") in await life.open()
                assert other.titles[1:] == ["Curfew: alerts aren't taken"]
                assert "403" in other.bodies[1]
                box.status = 200
                await life.look(HOUR)
                await life.look()
                await life.look(GONE_FOR)
                assert other.titles[2:] == ["Curfew: over: alerts aren't taken"]
        assert box.titles[0] == "Curfew: alerts aren't taken (and what came before)"

    async def test_who_is_named_later_is_told_what_needs_a_person_by_then(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        async with looking(ledger, tmp_path) as life:
            await life.fails()
            await life.look(FIVE)
            assert await life.open() == [("pause failing", f"main/{CAMPAIGN}")]
            life.parts.rules.settings = settings_in(tmp_path, box.target)
            await life.look(HOUR)
        assert box.titles == ["Curfew: a campaign can't be paused, and may be sending"]

    async def test_without_targets_what_is_over_is_closed(self, ledger: Database, tmp_path: Path, box: Inbox) -> None:
        async with looking(ledger, tmp_path, box.target) as life:
            await life.fails()
            await life.look(FIVE)
            life.parts.rules.settings = settings_in(tmp_path)
            await life.succeed()
            await life.look(MINUTE)
            await life.look(GONE_FOR)
            assert await life.rows(select(concerns).where(concerns.c.closed_at.is_(None))) == []
        assert len(box.letters) == 1

    async def test_a_kind_that_a_newer_version_knows_is_left_alone(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        async with looking(ledger, tmp_path, box.target) as life:
            row = {"kind": "of another version", "subject": "x", "text": "x", "began_at": FRIDAY}
            await life.do(lambda connection: connection.execute(concerns.insert().values(row)))
            await life.look(DAY)
            assert await life.open() == []
        assert box.letters == []


class TestDigest:
    async def test_it_comes_once_at_its_time_whatever_restarts(
        self, ledger: Database, tmp_path: Path, box: Inbox
    ) -> None:
        clock = Clock(FRIDAY)
        for _ in range(12):
            async with looking(ledger, tmp_path, box.target, clock=clock, digest="daily") as life:
                await life.look(8 * HOUR)
        assert box.titles == ["Curfew: the day in short: all is well"] * 4
        assert "Since Sat 2026-11-28 01:00: nothing went wrong." in box.bodies[0], "it has told up to when it was sent"
        assert "Since Sat 2026-11-28 09:00: nothing went wrong." in box.bodies[1]

    async def test_it_tells_what_was_paused_and_resumed_and_what_went_wrong(
        self, either: Database, tmp_path: Path, box: Inbox
    ) -> None:
        clock = Clock(FRIDAY - HOUR)
        async with looking(either, tmp_path, box.target, clock=clock, digest="weekly") as life:
            await life.look()
            clock.now = FRIDAY
            await life.fails(3, result=Result(outcome=Outcome.SUCCEEDED))
            await life.fails(1, first=CAMPAIGN + 3)
            await life.look(FIVE)
            await life.succeed()
            await life.look(MINUTE)
            await life.look(GONE_FOR)
            clock.now = MONDAY
            await life.fails(
                2, action=Action.RESUME, result=Result(outcome=Outcome.SUCCEEDED), due_at=MONDAY, lasts=DAY
            )
            await life.look(MINUTE)
            await life.look(HOUR)
        assert box.titles[2:] == ["Curfew: the week in short: something went wrong, and is over"]
        digest = box.bodies[2]
        assert "- weekend: 3 paused, 2 resumed" in digest
        assert "- a campaign can't be paused, and may be sending, from Fri 2026-11-27 17:00 until" in digest
        assert "- weekend: Fri 2026-12-04 17:00 until Mon 2026-12-07 08:00" in digest
        assert "1 campaign is held paused now." in digest

    async def test_what_one_has_told_the_next_does_not_tell_again(
        self, either: Database, tmp_path: Path, box: Inbox
    ) -> None:
        """Windows begin when the digest is due, too."""
        clock, succeeded = Clock(FRIDAY), Result(outcome=Outcome.SUCCEEDED)
        async with looking(either, tmp_path, box.target, clock=clock, digest="weekly") as life:
            await life.look()
            clock.now = MONDAY
            await life.fails(2, result=succeeded, due_at=MONDAY)
            new = new_intent(CAMPAIGN + 2, due_at=MONDAY)
            intent, number = await life.do(lambda connection: begun(connection, new))
            await life.look(timedelta(seconds=10))
            at = clock() + timedelta(seconds=10)
            await life.do(lambda connection: work.finish_attempt(connection, intent, number, succeeded, at))
            await life.look(7 * DAY)
        assert [re.findall(r"(\d) paused,", body) for body in box.bodies] == [["2"], ["1"]]

    async def test_one_that_is_not_taken_is_sent_later(self, ledger: Database, tmp_path: Path, box: Inbox) -> None:
        clock = Clock(FRIDAY)
        async with looking(ledger, tmp_path, box.target, clock=clock, digest="daily") as life:
            await life.look()
            box.status = 500
            await life.look(DAY)
            box.status = 200
            await life.look(HOUR)
            await life.look(HOUR)
        assert len(box.titles) == 1

    async def test_without_one_in_the_file_none_is_sent(self, ledger: Database, tmp_path: Path, box: Inbox) -> None:
        clock = Clock(FRIDAY)
        async with looking(ledger, tmp_path, box.target, clock=clock) as life:
            for _ in range(8):
                await life.look(DAY)
        assert box.letters == []


class TestWell:
    async def test_a_daemon_is_well_while_its_passes_are_recorded(self, ledger: Database, tmp_path: Path) -> None:
        """One that only starts, again and again, must not ping."""
        async with looking(ledger, tmp_path) as life:

            def start(connection: Connection) -> int:
                return work.register_daemon(connection, host="a", pid=1, version="1", dry_run=False, now=FRIDAY)

            assert await life.do(start) == 1
            await life.look()
            assert not life.watch._is_well()
            await life.do(lambda connection: work.record_tick(connection, 1, FRIDAY))
            await life.look(2 * MINUTE)
            assert life.watch._is_well()
            await life.look(2 * MINUTE)
            assert not life.watch._is_well()


class TestFaults:
    async def test_a_fault_of_its_own_is_said_once_and_it_goes_on(
        self, tmp_path: Path, box: Inbox, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOOK", timedelta(milliseconds=1))
        calls = 0

        async def look(*_: object) -> None:
            nonlocal calls
            calls += 1
            if calls < 5:
                raise ZeroDivisionError("a fault")

        monkeypatch.setattr(Watch, "look", look)
        async with looking(ledger_in(tmp_path), tmp_path, box.target) as life:
            task = asyncio.create_task(life.watch.run())

            async def goes_on() -> bool:
                return calls > 8

            await until(goes_on, "it goes on")
            task.cancel()
        assert [line["event"] for line in logs] == ["a fault of Curfew: no alerts for now"]

    @pytest.mark.parametrize("error", [LeaseLost("another daemon has taken over"), LedgerAway("no answer")])
    async def test_what_ends_the_daemon_is_left_to_it_and_is_no_fault_to_ping(
        self, tmp_path: Path, box: Inbox, logs: list[Any], monkeypatch: pytest.MonkeyPatch, error: LedgerError
    ) -> None:
        """Another daemon goes on, or all stand by."""

        async def look(*_: object) -> None:
            raise error

        monkeypatch.setattr(Watch, "look", look)
        async with looking(ledger_in(tmp_path), tmp_path, box.target) as life:
            life.parts.rules.settings = replace(
                life.parts.rules.settings, alerts=Alerts(ping=Address(("alerts", "ping"), f"{box.url}/ping"))
            )
            await life.watch._look_whatever_happens()
            await life.watch.at_end(type(error), error, None)
            await life.watch.at_end(None, None, None)
            assert box.letters == []
            await life.watch.at_end(ZeroDivisionError, ZeroDivisionError("a fault"), None)
        assert [letter.path for letter in box.letters] == ["/ping/fail"]
        assert logs == []

    async def test_a_ledger_that_cannot_be_read_is_said_once(
        self, tmp_path: Path, box: Inbox, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOOK", timedelta(milliseconds=1))
        ledger = ledger_in(tmp_path)
        async with looking(ledger, tmp_path, box.target) as life:
            await life.do(lambda connection: connection.execute(text("ALTER TABLE concerns RENAME TO other")))
            task = asyncio.create_task(life.watch.run())

            async def is_said() -> bool:
                return bool(logs)

            await until(is_said, "it's said")
            await asyncio.sleep(0.05)
            task.cancel()
        assert [(line["event"], line["log_level"]) for line in logs] == [("no alerts for now", "error")]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(campaigns=2, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
        yield sandbox


class TestDaemon:
    """The whole daemon, whose clock stands on FRIDAY."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LOOK", timedelta(milliseconds=10))
        monkeypatch.setattr("scheduler.ping._LOOK_AGAIN", timedelta(milliseconds=10))

    def alerts(self, box: Inbox) -> str:
        return f"{{}}\nalerts: {{to: '{box.target}', ping: '{box.url}/ping'}}"

    async def test_it_pings_and_tells_that_a_key_is_refused(self, sandbox: Sandbox, tmp_path: Path, box: Inbox) -> None:
        sandbox.add_fault(Fault(effect="status", status=401))

        async def is_told() -> bool:
            return bool(box.titles) and len(box.letters) == 2

        async with living(sandbox, tmp_path, calendars=self.alerts(box)) as daemon:
            await until(is_told, "it's told")
            send(signal.SIGTERM)
            assert await daemon.ended() == 0
        assert box.titles == ["Curfew: Woodpecker refuses the key of an account"]
        assert [(letter.method, letter.path) for letter in box.letters if letter.path != "/box"] == [("GET", "/ping")]

    async def test_who_is_named_while_it_runs_is_told_and_a_wrong_address_is_a_mistake_of_the_file(
        self, sandbox: Sandbox, tmp_path: Path, box: Inbox, logs: list[Any]
    ) -> None:
        sandbox.add_fault(Fault(effect="status", status=401))
        file = tmp_path / "curfew.yaml"

        async def is_told() -> bool:
            return bool(box.titles)

        async def is_rejected() -> bool:
            return any(line["event"].startswith("file rejected") for line in logs)

        async with living(sandbox, tmp_path) as daemon:
            before = file.read_text()
            file.write_text(f"alerts: {{to: 'slak://SECRET'}}\n{before}")
            await until(lambda: has_said(logs, "no list of campaigns"), "it works")
            send(signal.SIGHUP)
            await until(is_rejected, "it's refused")
            file.write_text(f"alerts: {{to: '{box.target}'}}\n{before}")
            send(signal.SIGHUP)
            await until(is_told, "it's told")
            send(signal.SIGTERM)
            await daemon.ended()
        (rejected,) = [line for line in logs if line["event"].startswith("file rejected")]
        assert rejected["first"] == "1:14: alerts.to: Apprise has no service 'slak'; did you mean 'slack'?"
        assert box.titles == ["Curfew: Woodpecker refuses the key of an account"]

    async def test_a_dry_run_tells_nobody_and_does_not_ping(self, sandbox: Sandbox, tmp_path: Path, box: Inbox) -> None:
        sandbox.add_fault(Fault(effect="status", status=401))

        async def has_asked() -> bool:
            return bool(sandbox.log)

        async with living(sandbox, tmp_path, dry_run=True, calendars=self.alerts(box)) as daemon:
            await until(has_asked, "it has asked")
            await asyncio.sleep(0.05)
            send(signal.SIGTERM)
            await daemon.ended()
        assert box.letters == []
        assert daemon.read(select(concerns)) == []

    async def test_where_it_ends_by_a_fault_that_is_pinged(
        self, sandbox: Sandbox, tmp_path: Path, box: Inbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object) -> None:
            raise ZeroDivisionError("a fault")

        monkeypatch.setattr("scheduler.daemon.LOOK_FOR_OVERRIDES", timedelta(milliseconds=20))
        async with living(sandbox, tmp_path, calendars=self.alerts(box)) as daemon:
            monkeypatch.setattr("scheduler.in_force.InForce.look_for_exceptions", fail)
            with pytest.raises(ZeroDivisionError):
                await daemon.ended()
        assert [letter.path for letter in box.letters][-1] == "/ping/fail"


async def has_said(logs: list[Any], event: str) -> bool:
    return any(line["event"] == event for line in logs)


def test_nothing_is_kept_of_what_nobody_was_told(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    with ledger.writing() as connection:
        connection.execute(
            concerns.insert().values(kind="pause failing", subject="x", text="x", began_at=FRIDAY, over_at=FRIDAY)
        )
        records.close(connection, records.entries(connection), MONDAY)
        assert connection.execute(select(concerns)).all() == []
        connection.execute(delete(concerns))
