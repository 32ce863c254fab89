"""A lane at work: a sandbox over real sockets, a real ledger, and a clock that stands until it's moved.

Each test queues intents, lets the lane work, and looks at what the sandbox was sent and what the ledger kept.
"""

import asyncio
import gc
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from scheduler import lanes as module
from scheduler.client import CampaignDetail, Client
from scheduler.errors import LeaseLost
from scheduler.lanes import FIRST_BACKOFF, FIRST_GAP, JUST_NOW, LONGEST_BACKOFF, REFUSED_REST, Lane
from scheduler.ledger import reports, substitute, work
from scheduler.ledger.audit import AuditFilter, audit_lines
from scheduler.ledger.calls import end_attempts
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.records import Custody, Intent, NewIntent, Outcome, Result
from scheduler.ledger.tables import attempts, intents, journal
from scheduler.sandbox import Call, Fault, Sandbox, Status, Variants
from tests.disk_faults import Locked, at_fault, be_impatient
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
    audit,
    captured_logs,
    have_gone_on,
    lane_to,
    ledger_in,
    new_intent,
    posts,
    resume,
    until,
    writing_to,
)

SECOND_ONE, THIRD_ONE = CAMPAIGN + 1, CAMPAIGN + 2
SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)
FOUND_PAUSED = "paused by an earlier attempt, whose answer was lost"


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@dataclass
class Bench:
    """One lane with everything around it."""

    sandbox: Sandbox
    ledger: Database
    writer: Writer
    clock: Clock
    chance: Luck
    lane: Lane

    async def queue(self, *new: NewIntent) -> list[Intent]:
        """Record intents, and give them to the lane."""

        def record(connection: Connection) -> list[Intent]:
            found = [work.record_intent(connection, each, self.clock()) for each in new]
            return [each for each in found if each is not None]

        recorded = await self.writer.do(record)
        assert len(recorded) == len(new)
        self.lane.add(recorded)
        return recorded

    async def hold(self, *campaigns: int) -> None:
        """Have the campaigns paused by us, and owe them a resume."""

        def pause(connection: Connection) -> None:
            for campaign in campaigns:
                intent = work.record_intent(connection, new_intent(campaign), FRIDAY)
                assert intent is not None
                work.start_attempt(connection, intent, "me", FRIDAY)
                work.finish_attempt(connection, intent, 1, Result(outcome=Outcome.SUCCEEDED), FRIDAY)

        await self.writer.do(pause)
        for campaign in campaigns:
            self.sandbox.campaign(campaign).status = "PAUSED"
        self.clock.now = MONDAY

    async def rows(self) -> list[Any]:
        """All intents, oldest first."""
        query = select(intents).order_by(intents.c.id)
        return list(await self.writer.do(lambda connection: connection.execute(query).all()))

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]

    async def outcomes(self) -> list[tuple[int, str, str | None]]:
        """Number, outcome and reason of all attempts, oldest first."""
        query = select(attempts.c.number, attempts.c.outcome, attempts.c.reason).order_by(attempts.c.id)
        found = await self.writer.do(lambda connection: connection.execute(query).all())
        return [(row.number, row.outcome, row.reason) for row in found]

    async def custody(self) -> dict[int, Custody]:
        return await self.writer.do(lambda connection: work.custody_of(connection, "main"))

    async def answered(self, number: int) -> None:
        """Wait until so many attempts have an outcome, and the lane has gone on from there."""

        async def are_answered() -> bool:
            return await self.count_answered() >= number

        await until(are_answered, f"{number} attempts are answered")
        await have_gone_on(self.lane)

    async def count_answered(self) -> int:
        query = select(attempts).where(attempts.c.outcome.is_not(None))
        return len(await self.writer.do(lambda connection: connection.execute(query).all()))

    async def is_settled(self) -> bool:
        return not {"waiting", "calling"} & set(await self.states())

    async def work(self) -> None:
        """Let the lane work until nothing is open any more."""
        async with at_work(self.lane):
            await until(self.is_settled, "all has ended")

    async def at(self, instant: datetime) -> None:
        """Move the clock, and let the lane see it."""
        self.clock.now = instant
        self.lane.wake()
        await self.breathe()

    async def breathe(self) -> None:
        """Give the lane the time for a call that it shouldn't make."""
        await asyncio.sleep(0.02)

    def calls(self) -> list[tuple[Call | None, int | None]]:
        return [(entry.call, entry.campaign) for entry in self.sandbox.log]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(campaigns=3, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
        yield sandbox


@pytest.fixture
async def bench(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(sandbox, tmp_path) as bench:
        yield bench


@asynccontextmanager
async def bench_on(sandbox: Sandbox, folder: Path, *, dry_run: bool = False) -> AsyncIterator[Bench]:
    """A bench; its luck makes every wait the shortest until it's told otherwise."""
    clock, chance, ledger = Clock(), Luck(0), ledger_in(folder)
    async with writing_to(ledger) as writer, lane_to(sandbox, writer, clock, chance=chance, dry_run=dry_run) as lane:
        yield Bench(sandbox, ledger, writer, clock, chance, lane)


class TestOrder:
    async def test_one_call_is_in_flight_at_a_time_lists_included(self, bench: Bench) -> None:
        bench.sandbox.latency = timedelta(milliseconds=3)
        await bench.queue(*(new_intent(campaign) for campaign in (CAMPAIGN, SECOND_ONE, THIRD_ONE)))
        async with at_work(bench.lane):
            for _ in range(4):
                async with bench.lane.turn() as client:
                    await client.campaigns()
            await until(bench.is_settled, "all has ended")
        assert len(bench.sandbox.log) == 7
        assert {entry.in_flight for entry in bench.sandbox.log} == {1}

    async def test_pauses_go_before_resumes(self, bench: Bench) -> None:
        await bench.hold(CAMPAIGN)
        await bench.queue(resume(), replace(new_intent(SECOND_ONE), due_at=MONDAY, expires_at=MONDAY + DAY))
        await bench.work()
        assert bench.calls() == [("pause", SECOND_ONE), ("get", CAMPAIGN), ("run", CAMPAIGN)]

    async def test_a_pause_that_comes_while_another_has_the_turn_goes_before_a_resume_that_waited(
        self, bench: Bench
    ) -> None:
        """A pass has the turn for its list, and what comes of it are the pauses."""
        await bench.hold(CAMPAIGN)
        await bench.queue(resume())
        async with at_work(bench.lane):
            async with bench.lane.turn():
                await bench.breathe()
                await bench.queue(replace(new_intent(SECOND_ONE), due_at=MONDAY, expires_at=MONDAY + DAY))
            await until(bench.is_settled, "all has ended")
        assert bench.calls()[0] == ("pause", SECOND_ONE)

    async def test_the_oldest_pause_goes_first(self, bench: Bench) -> None:
        await bench.queue(new_intent(THIRD_ONE), new_intent(CAMPAIGN), new_intent(SECOND_ONE))
        await bench.work()
        assert [campaign for _, campaign in bench.calls()] == [THIRD_ONE, CAMPAIGN, SECOND_ONE]

    async def test_an_attempt_is_on_record_before_its_call_goes_out(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(effect="delay", delay=timedelta(milliseconds=50)))
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            await until(lambda: has_calls(bench, 1), "the call is under way")
            (line,) = await audit(bench.writer)
            assert (line["attempt"], line["outcome"]) == (1, "under way")
            assert await bench.states() == ["calling"]
        assert await bench.states() == ["succeeded"]

    async def test_what_is_added_while_it_sleeps_wakes_it(self, bench: Bench) -> None:
        async with at_work(bench.lane):
            await bench.breathe()
            await bench.queue(new_intent())
            await until(bench.is_settled, "it was called")

    async def test_what_somebody_else_has_claimed_is_not_called(self, bench: Bench) -> None:
        first, _ = await bench.queue(new_intent(), new_intent(SECOND_ONE))
        with bench.ledger.writing() as connection:
            assert work.start_attempt(connection, first, "somebody else", FRIDAY) == 1
        async with at_work(bench.lane):
            await bench.answered(1)
            await bench.breathe()
        assert bench.calls() == [("pause", SECOND_ONE)]
        assert await bench.states() == ["calling", "succeeded"]


async def has_calls(bench: Bench, number: int) -> bool:
    return len(bench.sandbox.log) >= number


async def until_claimed(bench: Bench, campaign: int) -> None:
    async def is_claimed() -> bool:
        return any((row.campaign, row.state) == (campaign, "calling") for row in await bench.rows())

    await until(is_claimed, f"{campaign} is claimed")


class TestClaimAhead:
    """While a call is in flight, what comes next is claimed, so that no call waits for the disk."""

    @pytest.fixture
    async def bench(self, bench: Bench) -> Bench:
        bench.sandbox.latency = timedelta(milliseconds=50)
        await bench.queue(*(new_intent(campaign) for campaign in (CAMPAIGN, SECOND_ONE, THIRD_ONE)))
        return bench

    async def test_one_is_claimed_ahead_and_called_after_the_other(self, bench: Bench) -> None:
        async with at_work(bench.lane):
            await until(lambda: has_calls(bench, 1), "the first call is under way")
            await until_claimed(bench, SECOND_ONE)
            assert await bench.states() == ["calling", "calling", "waiting"]
            await until(bench.is_settled, "all has ended")
        assert await bench.outcomes() == [(1, "succeeded", None)] * 3
        assert {entry.in_flight for entry in bench.sandbox.log} == {1}
        assert set(await bench.custody()) == {CAMPAIGN, SECOND_ONE, THIRD_ONE}

    async def test_an_attempt_began_when_its_call_went_out_not_when_it_was_claimed(self, bench: Bench) -> None:
        async with at_work(bench.lane):
            await until(lambda: has_calls(bench, 1), "the first call is under way")
            await until_claimed(bench, SECOND_ONE)
            bench.clock.move(SECOND)
            await until(bench.is_settled, "all has ended")
        began = [line["started_at"] for line in await audit(bench.writer)]
        assert began == [FRIDAY, FRIDAY + SECOND, FRIDAY + SECOND]

    async def test_a_claim_is_given_back_as_if_it_never_was_when_the_lane_is_stopped(self, bench: Bench) -> None:
        async with at_work(bench.lane):
            await until_claimed(bench, SECOND_ONE)
        assert await bench.states() == ["succeeded", "waiting", "waiting"]
        assert await bench.outcomes() == [(1, "succeeded", None)]
        second = (await bench.rows())[1]
        assert (second.attempts, second.may_have_acted) == (0, False)
        assert bench.calls() == [("pause", CAMPAIGN)]

    async def test_a_claim_is_given_back_when_the_call_before_it_is_cut_off(self, bench: Bench) -> None:
        running = asyncio.create_task(bench.lane.run())
        await until_claimed(bench, SECOND_ONE)
        running.cancel()
        await asyncio.wait([running])
        assert await bench.states() == ["calling", "waiting", "waiting"]

    @pytest.mark.parametrize("status", [401, 429])
    async def test_a_claim_is_given_back_where_the_account_has_to_wait(self, bench: Bench, status: int) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause", status=status, times=1))
        async with at_work(bench.lane):
            await until_claimed(bench, SECOND_ONE)
            await bench.answered(1)
            await bench.breathe()
            assert bench.calls() == [("pause", CAMPAIGN)]
            assert await bench.states() == ["waiting"] * 3
            await bench.at(FRIDAY + 5 * MINUTE)
            await until(bench.is_settled, "all has ended")

    async def test_a_claim_that_has_expired_is_not_called(self, bench: Bench) -> None:
        async with at_work(bench.lane):
            await until_claimed(bench, SECOND_ONE)
            bench.clock.move(4 * DAY)
            await until(bench.is_settled, "all has ended")
        assert await bench.states() == ["succeeded", "missed", "missed"]
        assert bench.calls() == [("pause", CAMPAIGN)]

    async def test_whoever_waits_for_the_turn_has_it_after_what_was_claimed(self, bench: Bench) -> None:
        async with at_work(bench.lane):
            await until_claimed(bench, SECOND_ONE)
            async with bench.lane.turn():
                assert await bench.states() == ["succeeded", "succeeded", "waiting"]
            await until(bench.is_settled, "all has ended")

    async def test_what_must_be_looked_at_first_is_not_claimed_ahead(self, bench: Bench) -> None:
        bench.clock.move(MINUTE)
        async with at_work(bench.lane):
            await until(bench.is_settled, "all has ended")
        assert [call for call, _ in bench.calls()] == ["get", "pause"] * 3


class TestSuccess:
    async def test_a_pause_is_recorded_and_owed(self, bench: Bench) -> None:
        bench.clock.now = FRIDAY + MINUTE
        await bench.queue(new_intent())
        await bench.work()
        (line,) = await audit(bench.writer)
        assert (line["outcome"], line["http_status"], line["late_by_seconds"]) == ("succeeded", 200, 60)
        taken = Custody(
            account="main",
            campaign=CAMPAIGN,
            taken_at=FRIDAY + MINUTE,
            due_at=FRIDAY,
            until=MONDAY,
            rules=("weekend",),
        )
        assert await bench.custody() == {CAMPAIGN: taken}
        assert bench.sandbox.campaign(CAMPAIGN).status == "PAUSED"

    async def test_a_fault_of_the_program_after_the_commit_ends_the_lane(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It's shown to who runs the lane and isn't left to the event loop; what was claimed ahead waits again."""

        def fault(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(bench.lane, "_report", fault)
        bench.sandbox.latency = timedelta(milliseconds=50)
        await bench.queue(new_intent(), new_intent(SECOND_ONE), new_intent(THIRD_ONE))
        with pytest.raises(ZeroDivisionError):
            await bench.lane.run()
        assert await bench.states() == ["succeeded", "succeeded", "waiting"]
        assert len(bench.calls()) == 2

    async def test_a_record_that_is_refused_as_the_lane_ends_is_nothing_to_report(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another daemon has taken over: the call isn't made, and neither is the one before it recorded."""
        reported: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(context))
        submit = bench.writer.submit

        def refuse(order: Any, item: Any) -> asyncio.Future[Any]:
            if order is not end_attempts:
                return submit(order, item)
            monkeypatch.setattr(bench.lane, "_may_call", lambda: False)
            refused: asyncio.Future[Any] = loop.create_future()
            loop.call_later(0.02, refused.set_exception, LeaseLost("another daemon has it"))
            return refused

        monkeypatch.setattr(bench.writer, "submit", refuse)
        bench.sandbox.latency = timedelta(milliseconds=50)
        await bench.queue(new_intent(), new_intent(SECOND_ONE))
        with pytest.raises(LeaseLost):
            await bench.lane.run()
        await asyncio.sleep(0.05)
        gc.collect()
        assert reported == []

    async def test_a_resume_gives_back_what_was_taken(self, bench: Bench) -> None:
        await bench.hold(CAMPAIGN)
        await bench.queue(resume())
        await bench.work()
        assert bench.calls() == [("get", CAMPAIGN), ("run", CAMPAIGN)]
        assert bench.sandbox.campaign(CAMPAIGN).status == "RUNNING"
        assert await bench.custody() == {}
        assert await bench.states() == ["succeeded", "succeeded"]


class TestBackoff:
    async def test_the_backoff_of_one_does_not_hold_up_the_others(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause", campaign=CAMPAIGN, times=1))
        await bench.queue(new_intent(), new_intent(SECOND_ONE), new_intent(THIRD_ONE))
        async with at_work(bench.lane):
            await bench.answered(3)
            await bench.breathe()
            assert await bench.states() == ["waiting", "succeeded", "succeeded"]
            await bench.at(FRIDAY + FIRST_BACKOFF)
            await until(bench.is_settled, "all has ended")
        assert [each.campaign for each in posts(bench.sandbox)] == [CAMPAIGN, SECOND_ONE, THIRD_ONE, CAMPAIGN]

    async def test_its_limit_doubles_from_two_seconds_to_five_minutes(self, bench: Bench) -> None:
        assert await waits(bench, part=1, number=10) == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]

    @pytest.mark.parametrize("part", [0.25, 0.5])
    async def test_it_is_the_part_of_the_limit_that_chance_draws(self, bench: Bench, part: float) -> None:
        assert await waits(bench, part=part, number=3) == [2 * part, 4 * part, 8 * part]

    async def test_full_jitter_is_drawn_between_nothing_and_the_limit(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.add_fault(Fault(call="pause"))
        clock, ledger, count = Clock(), ledger_in(tmp_path), 40
        chance = random.Random(7)  # noqa: S311 -- as the daemon's own
        async with writing_to(ledger) as writer, lane_to(sandbox, writer, clock, chance=chance) as lane:
            bench = Bench(sandbox, ledger, writer, clock, Luck(0), lane)
            await bench.queue(*(new_intent(CAMPAIGN + number) for number in range(count)))
            async with at_work(lane):
                await bench.answered(count)
            drawn = [(row.next_attempt_at - FRIDAY) / FIRST_BACKOFF for row in await bench.rows()]
        assert all(0 <= each <= 1 for each in drawn)
        assert min(drawn) < 0.2
        assert max(drawn) > 0.8

    async def test_after_thousands_of_attempts_it_still_waits_five_minutes(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause"))
        (intent,) = await bench.queue(new_intent())
        many = update(intents).where(intents.c.id == intent.id).values(attempts=99_999)
        await bench.writer.do(lambda connection: connection.execute(many))
        async with at_work(bench.lane):
            await bench.answered(1)
        (row,) = await bench.rows()
        assert (row.attempts, row.next_attempt_at) == (100_000, FRIDAY + LONGEST_BACKOFF)

    @pytest.mark.parametrize(("asked", "waited"), [(90, 90), (1, 2), (3600, 3600)])
    async def test_what_the_api_asks_for_counts_at_least(self, bench: Bench, asked: int, waited: int) -> None:
        bench.sandbox.variants = Variants(retry_after=timedelta(seconds=asked))
        assert await waits(bench, part=1, number=1, status=429) == [waited]

    async def test_it_is_tried_again_when_the_time_has_come_without_being_woken(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.add_fault(Fault(call="pause", times=1))
        async with running_bench(sandbox, tmp_path, part=0.02) as bench:
            await bench.queue(new_intent())
            await bench.work()
            assert [line["outcome"] for line in await audit(bench.writer)] == ["retried", "succeeded"]

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(status=500, times=1),
            Fault(status=503, times=1),
            Fault(status=429, times=1),
            Fault(effect="drop_before", times=1),
        ],
    )
    async def test_what_may_yet_succeed_is_tried_again(self, bench: Bench, fault: Fault) -> None:
        bench.sandbox.add_fault(fault)
        await bench.queue(new_intent())
        await bench.work()
        assert [line["outcome"] for line in await audit(bench.writer)] == ["retried", "succeeded"]
        assert CAMPAIGN in await bench.custody()


async def waits(bench: Bench, *, part: float, number: int, status: int = 500) -> list[float]:
    """How many seconds the lane puts between the attempts at a pause that fails each time."""
    bench.chance.part = part
    bench.sandbox.add_fault(Fault(call="pause", status=status))
    await bench.queue(new_intent())
    found: list[float] = []
    async with at_work(bench.lane):
        for attempt in range(1, number + 1):
            await bench.answered(attempt)
            (row,) = await bench.rows()
            found.append((row.next_attempt_at - bench.clock.now).total_seconds())
            if attempt < number:
                bench.clock.now = row.next_attempt_at
                bench.lane.wake()
    return found


@asynccontextmanager
async def running_bench(sandbox: Sandbox, folder: Path, *, part: float) -> AsyncIterator[Bench]:
    """A bench whose clock goes on by itself from FRIDAY."""
    began = datetime.now(UTC)
    clock, chance, ledger = Clock(), Luck(part), ledger_in(folder)

    def now() -> datetime:
        return FRIDAY + (datetime.now(UTC) - began)

    async with writing_to(ledger) as writer, lane_to(sandbox, writer, now, chance=chance) as lane:
        yield Bench(sandbox, ledger, writer, clock, chance, lane)


class TestPace:
    """An account that makes too many calls is told so, by 429 or by v1's 409, and its lane slows down."""

    @staticmethod
    async def calls_at(bench: Bench, seconds: float) -> int:
        await bench.at(FRIDAY + timedelta(seconds=seconds))
        return len(bench.sandbox.log)

    async def test_what_is_due_waits_until_the_gap_is_over(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause", status=429, times=1))
        await bench.queue(new_intent(), new_intent(SECOND_ONE), new_intent(THIRD_ONE))
        async with at_work(bench.lane):
            await bench.answered(1)
            assert [await self.calls_at(bench, each) for each in (0, 0.4)] == [1, 1]
            await bench.at(FRIDAY + FIRST_GAP)
            await bench.answered(3)
        # The success has taken the gap away.
        assert [entry.campaign for entry in posts(bench.sandbox)] == [CAMPAIGN, SECOND_ONE, THIRD_ONE]

    async def test_it_doubles_up_to_half_a_minute_and_halves_with_each_success(self, bench: Bench) -> None:
        bench.chance.part = 1
        for _ in range(8):
            bench.lane.slow_down()
        await check_gaps(bench, 30, 15, 7.5, 3.75, 1.875, 0.9375, 0.46875, 0, 0)

    async def test_each_time_it_is_told_it_waits_twice_as_long(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause", status=429))
        await check_gaps(bench, 0, 0.5, 1, 2, 4, 8, 16, 30, 30)

    async def test_lanes_of_one_key_spread_by_chance(self, bench: Bench) -> None:
        bench.chance.part = 0.5
        bench.lane.slow_down()
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            assert await self.calls_at(bench, 0.24) == 0
            await bench.at(FRIDAY + FIRST_GAP / 2)
            await bench.answered(1)

    @pytest.mark.parametrize(("asked", "waited"), [(10, 10), (3600, 30)])
    async def test_what_the_api_asks_for_counts_for_the_lane_up_to_half_a_minute(
        self, bench: Bench, asked: int, waited: int
    ) -> None:
        """An hour for one campaign must not keep the others running for an hour."""
        bench.sandbox.variants = Variants(retry_after=timedelta(seconds=asked))
        bench.sandbox.add_fault(Fault(call="pause", status=429, times=1))
        await bench.queue(new_intent(), new_intent(SECOND_ONE))
        async with at_work(bench.lane):
            await bench.answered(1)
            assert await self.calls_at(bench, waited - 1) == 1
            await bench.at(FRIDAY + timedelta(seconds=waited))
            await bench.answered(2)
        assert posts(bench.sandbox)[1].campaign == SECOND_ONE

    async def test_what_a_look_is_told_to_wait_counts_from_its_answer(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A look may take half a minute: what was asked for would be over before it's heard."""
        look = bench.lane.client.campaign

        async def slow(campaign: int) -> CampaignDetail:
            try:
                return await look(campaign)
            finally:
                bench.clock.move(20 * SECOND)

        monkeypatch.setattr(bench.lane.client, "campaign", slow)
        bench.sandbox.variants = Variants(retry_after=10 * SECOND)
        bench.sandbox.add_fault(Fault(call="get", status=503, times=1))
        bench.chance.part = 1
        await bench.hold(CAMPAIGN)
        await bench.queue(resume())
        async with at_work(bench.lane):
            await bench.answered(2)
            await bench.at(MONDAY + 29 * SECOND)
            assert len(bench.calls()) == 1
            assert (await bench.rows())[-1].next_attempt_at == MONDAY + 30 * SECOND
            await bench.at(MONDAY + 30 * SECOND)
            await until(bench.is_settled, "all has ended")

    async def test_a_look_that_is_refused_slows_it_down_too(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="get", status=429, times=1))
        bench.sandbox.add_fault(Fault(call="pause", status=500, times=1))
        await bench.queue(new_intent(status_before=None), new_intent(SECOND_ONE))
        async with at_work(bench.lane):
            await bench.answered(1)
            assert [await self.calls_at(bench, each) for each in (0, 0.4)] == [2, 2]
            await bench.at(FRIDAY + FIRST_GAP)
            await bench.answered(2)

    async def test_other_faults_do_not(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause", status=503, times=1))
        await bench.queue(new_intent(), new_intent(SECOND_ONE))
        async with at_work(bench.lane):
            await bench.answered(2)

    async def test_it_is_over_when_the_clock_is_put_back(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.lane.slow_down()
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            await bench.at(FRIDAY - SECOND)
            await bench.answered(1)

    async def test_it_goes_on_by_itself(self, sandbox: Sandbox, tmp_path: Path) -> None:
        async with running_bench(sandbox, tmp_path, part=0.1) as bench:
            bench.lane.slow_down()
            await bench.queue(new_intent())
            await bench.work()


async def check_gaps(bench: Bench, *gaps: float) -> None:
    """Let the lane make as many calls, all of which are due, and see that these seconds lie before each."""
    await bench.queue(*(new_intent(CAMPAIGN + each % 3, due_at=FRIDAY - each * SECOND) for each in range(len(gaps))))
    async with at_work(bench.lane):
        for number, gap in enumerate(gaps):
            until_then = bench.clock.now + timedelta(seconds=gap)
            if gap:
                await bench.at(until_then - TICK)
                assert await bench.count_answered() == number
            await bench.at(until_then)
            await bench.answered(number + 1)


class TestDrained:
    async def test_it_says_so_once_when_nothing_is_left_after_a_pause(self, bench: Bench) -> None:
        told: list[bool] = []
        bench.lane.when_drained = lambda: told.append(bench.lane.is_to_be_confirmed)
        await bench.queue(new_intent(), new_intent(SECOND_ONE))
        async with at_work(bench.lane):
            await until(lambda: is_told(told), "it was told")
            for _ in range(3):
                bench.lane.wake()
                await bench.breathe()
            assert told == [True]
            bench.lane.confirmed()
            assert not bench.lane.is_to_be_confirmed
        assert await bench.states() == ["succeeded", "succeeded"]

    async def test_what_waits_in_backoff_does_not_count_and_what_is_due_does(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause", campaign=CAMPAIGN, times=1))
        await bench.queue(new_intent(), new_intent(SECOND_ONE))
        assert not bench.lane.is_drained
        async with at_work(bench.lane):
            await bench.answered(2)
            await bench.breathe()
            assert bench.lane.is_to_be_confirmed

    async def test_a_call_under_way_counts(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(effect="delay", delay=timedelta(milliseconds=50)))
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            await until(lambda: has_calls(bench, 1), "the call is under way")
            assert not bench.lane.is_drained

    async def test_after_what_was_not_paused_there_is_nothing_to_confirm(self, bench: Bench) -> None:
        told: list[bool] = []
        bench.lane.when_drained = lambda: told.append(True)
        await bench.hold(CAMPAIGN)
        bench.sandbox.campaign(SECOND_ONE).status = "DRAFT"
        await bench.queue(resume(), new_intent(SECOND_ONE, status_before=None, due_at=MONDAY))
        await bench.work()
        assert told == []
        assert not bench.lane.is_to_be_confirmed


async def is_told(told: list[Any]) -> bool:
    return bool(told)


class TestExpiry:
    async def test_what_was_tried_in_vain_until_it_expired_has_failed(self, bench: Bench, logs: list[Any]) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause"))
        await bench.queue(new_intent(lasts=3 * SECOND))
        async with at_work(bench.lane):
            await bench.answered(1)
            await bench.at(FRIDAY + 2 * SECOND)
            await bench.answered(2)
            await bench.at(FRIDAY + 3 * SECOND)
            await until(bench.is_settled, "it has expired")
        reason = "given up after 2 attempts: no longer wanted since 2026-11-27 16:00Z"
        (row,) = await bench.rows()
        assert (row.state, row.reason, row.decided_at) == ("failed", reason, FRIDAY + 3 * SECOND)
        assert len(posts(bench.sandbox)) == 2
        assert logs[-1]["event"] == "pause failed"

    async def test_what_could_not_be_tried_before_it_expired_is_missed(self, bench: Bench, logs: list[Any]) -> None:
        await bench.queue(new_intent(lasts=SECOND))
        bench.clock.move(SECOND)
        await bench.work()
        assert await bench.states() == ["missed"]
        assert bench.calls() == []
        assert (logs[-1]["event"], logs[-1]["log_level"]) == ("pause missed", "error")

    async def test_a_pause_that_expires_while_it_is_looked_at_is_not_sent(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(effect="delay", call="get", delay=timedelta(milliseconds=50)))
        await bench.queue(new_intent(status_before=None))
        async with at_work(bench.lane):
            await until(lambda: has_calls(bench, 1), "the look is under way")
            bench.clock.now = MONDAY
            await until(bench.is_settled, "it has expired")
        assert posts(bench.sandbox) == []

    async def test_a_span_is_half_open_so_just_before_its_end_it_is_still_called(self, bench: Bench) -> None:
        await bench.queue(new_intent(lasts=SECOND))
        bench.clock.move(SECOND - TICK)
        await bench.work()
        assert await bench.states() == ["succeeded"]

    async def test_what_expires_while_another_has_the_turn_is_not_called(self, bench: Bench) -> None:
        """A resume would go into the next window, a pause out of its own."""
        await bench.queue(new_intent(lasts=SECOND))
        async with at_work(bench.lane):
            async with bench.lane.turn():
                await bench.breathe()
                bench.clock.move(SECOND)
            await until(bench.is_settled, "it has expired")
        assert bench.calls() == []
        assert await bench.states() == ["missed"]

    async def test_it_expires_in_time_although_its_backoff_lasts_longer(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.variants = Variants(retry_after=timedelta(hours=1))
        sandbox.add_fault(Fault(call="pause", status=429))
        async with running_bench(sandbox, tmp_path, part=1) as bench:
            await bench.queue(new_intent(lasts=timedelta(seconds=1)))
            await bench.work()
            assert await bench.states() == ["failed"]

    async def test_what_was_withdrawn_meanwhile_is_not_said_to_have_failed(self, bench: Bench, logs: list[Any]) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause"))
        await bench.queue(new_intent(lasts=SECOND))
        async with at_work(bench.lane):
            await bench.answered(1)
            (known,) = await bench.writer.do(lambda connection: work.known_changes(connection, "main", FRIDAY))
            assert await bench.writer.do(lambda connection: work.withdraw(connection, "main", known, "gone", FRIDAY))
            await bench.at(FRIDAY + SECOND)
        assert await bench.states() == ["skipped"]
        assert [line["event"] for line in logs] == ["pause retried"]


class TestFinal:
    @pytest.mark.parametrize("status", [400, 404, 409])
    async def test_a_refused_pause_is_tried_once_and_owes_nothing(self, bench: Bench, status: int) -> None:
        bench.sandbox.add_fault(Fault(call="pause", status=status))
        await bench.queue(new_intent())
        await bench.work()
        (line,) = await audit(bench.writer)
        assert (line["attempt"], line["outcome"], line["http_status"]) == (1, "failed", status)
        assert await bench.custody() == {}
        assert len(posts(bench.sandbox)) == 1

    async def test_the_error_is_kept_in_the_api_s_own_words(self, bench: Bench) -> None:
        await bench.queue(new_intent(7))
        await bench.work()
        (line,) = await audit(bench.writer)
        assert line["error"] == "CAMPAIGN_NOT_EXIST: Campaign not found"

    @pytest.mark.parametrize("call", ["get", "run"])
    async def test_a_refused_resume_is_tried_once_and_left_to_a_person(self, bench: Bench, call: Call) -> None:
        await bench.hold(CAMPAIGN)
        bench.sandbox.add_fault(Fault(call=call, status=409))
        await bench.queue(resume())
        await bench.work()
        assert await bench.states() == ["succeeded", "failed"]
        assert await bench.custody() == {}

    async def test_a_first_pause_that_is_refused_was_not_ours_even_if_it_is_paused(self, bench: Bench) -> None:
        """A person was quicker than the list is old."""
        bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
        bench.sandbox.variants = Variants(pause_on_paused=409)
        await bench.queue(new_intent())
        await bench.work()
        assert await bench.states() == ["failed"]
        assert await bench.custody() == {}


class TestLostAnswers:
    @pytest.mark.parametrize("effect", ["drop_after", "status_after"])
    async def test_a_pause_that_arrived_is_found_and_not_sent_again(self, bench: Bench, effect: Any) -> None:
        bench.sandbox.add_fault(Fault(effect=effect, call="pause", times=1))
        await bench.queue(new_intent())
        await bench.work()
        assert await bench.outcomes() == [(1, "retried", None), (2, "succeeded", FOUND_PAUSED)]
        assert [entry.call for entry in posts(bench.sandbox)] == ["pause"]
        assert CAMPAIGN in await bench.custody()

    async def test_a_repeated_pause_that_is_refused_though_it_still_runs_has_failed(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(effect="drop_before", call="pause", times=1))
        bench.sandbox.add_fault(Fault(call="pause", status=409))
        await bench.queue(new_intent())
        await bench.work()
        assert await bench.states() == ["failed"]
        assert [call for call, _ in bench.calls()] == ["pause", "get", "pause"]

    async def test_a_repeated_pause_that_is_refused_and_cannot_be_looked_at_has_failed(self, bench: Bench) -> None:
        bench.sandbox.variants = Variants(pause_on_paused=409)
        bench.sandbox.add_fault(Fault(effect="drop_after", call="pause", times=1))
        bench.sandbox.add_fault(Fault(call="get"))
        await bench.queue(new_intent())
        await bench.work()
        assert await bench.states() == ["failed"]

    async def test_a_campaign_that_was_looked_up_running_is_owed_though_the_answer_to_its_pause_was_lost(
        self, bench: Bench
    ) -> None:
        bench.sandbox.add_fault(Fault(effect="drop_after", call="pause", times=1))
        await bench.queue(new_intent(status_before=None))
        await bench.work()
        assert await bench.outcomes() == [(1, "retried", None), (2, "succeeded", FOUND_PAUSED)]
        assert bench.calls() == [("get", CAMPAIGN), ("pause", CAMPAIGN), ("get", CAMPAIGN)]
        assert CAMPAIGN in await bench.custody()

    async def test_what_was_looked_up_survives_a_restart(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(effect="drop_after", call="pause", times=1))
        await bench.queue(new_intent(status_before=None))
        async with at_work(bench.lane):
            await bench.answered(1)
        bench.clock.move(MINUTE)
        async with lane_to(bench.sandbox, bench.writer, bench.clock) as next_lane:
            next_lane.add(await bench.writer.do(lambda connection: work.open_intents(connection, "main")))
            async with at_work(next_lane):
                await until(bench.is_settled, "it was sent again")
        assert CAMPAIGN in await bench.custody()

    @pytest.mark.parametrize("effect", ["drop_after", "status_after"])
    async def test_a_repeated_resume_finds_its_own_work_and_not_a_person_s(self, bench: Bench, effect: Any) -> None:
        await bench.hold(CAMPAIGN)
        bench.sandbox.add_fault(Fault(effect=effect, call="run", times=1))
        await bench.queue(resume())
        await bench.work()
        reason = "it runs, most likely by an earlier attempt, whose answer was lost"
        assert (await bench.outcomes())[1:] == [(1, "retried", None), (2, "succeeded", reason)]
        assert await bench.custody() == {}
        assert [entry.call for entry in posts(bench.sandbox)] == ["run"]

    @pytest.mark.parametrize("effect", ["drop_after", "status_after"])
    async def test_what_cannot_be_looked_at_after_that_is_paused_again_and_owed(
        self, bench: Bench, effect: Any
    ) -> None:
        bench.sandbox.add_fault(Fault(effect=effect, call="pause", times=1))
        bench.sandbox.add_fault(Fault(call="get"))
        await bench.queue(new_intent())
        await bench.work()
        assert [entry.call for entry in posts(bench.sandbox)] == ["pause", "pause"]
        assert CAMPAIGN in await bench.custody()

    async def test_what_was_found_before_the_call_is_on_record_while_it_is_under_way(self, bench: Bench) -> None:
        """So that a crash in it doesn't lose whether the campaign ran."""
        bench.sandbox.add_fault(Fault(effect="delay", call="pause", delay=timedelta(milliseconds=50)))
        await bench.queue(new_intent(status_before=None))
        async with at_work(bench.lane):
            await until(lambda: has_calls(bench, 2), "the pause is under way")
            (row,) = await bench.rows()
            assert (row.state, row.status_before, row.may_have_acted) == ("calling", "RUNNING", True)

    async def test_a_resume_that_was_never_sent_is_not_taken_for_what_a_person_did(self, bench: Bench) -> None:
        await bench.hold(CAMPAIGN)
        bench.sandbox.add_fault(Fault(call="get", times=1))
        bench.chance.part = 1
        await bench.queue(resume())
        async with at_work(bench.lane):
            await bench.answered(2)
            bench.sandbox.campaign(CAMPAIGN).status = "RUNNING"
            await bench.at(MONDAY + MINUTE)
            await until(bench.is_settled, "all has ended")
        assert (await bench.outcomes())[2] == (2, "skipped", "already running: somebody resumed it")
        assert posts(bench.sandbox) == []


class TestPausedByAPersonMeanwhile:
    """What isn't ours is neither paused again nor given back."""

    @pytest.mark.parametrize("status", [401, 403, 429])
    async def test_after_a_refusal_it_is_theirs(self, bench: Bench, status: int) -> None:
        bench.sandbox.add_fault(Fault(call="pause", status=status, times=1))
        await bench.queue(new_intent())
        bench.chance.part = 1
        async with at_work(bench.lane):
            await bench.answered(1)
            bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
            await bench.at(FRIDAY + REFUSED_REST)
            await until(bench.is_settled, "all has ended")
        assert (await bench.outcomes())[1] == (2, "skipped", "already paused")
        assert len(posts(bench.sandbox)) == 1
        assert await bench.custody() == {}

    async def test_after_a_connection_that_was_never_had_it_is_theirs(self, bench: Bench) -> None:
        (intent,) = await bench.queue(new_intent())
        bench.chance.part = 1
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            nowhere = Client(account(f"http://127.0.0.1:{deaf.getsockname()[1]}/rest"))
            async with nowhere as bench.lane.client, at_work(bench.lane):
                await bench.answered(1)
        (again,) = await bench.writer.do(lambda connection: work.open_intents(connection, "main"))
        assert (again.id, again.attempts, again.may_have_acted) == (intent.id, 1, False)

    @pytest.mark.parametrize("effect", ["drop_before", "drop_after", "status", "status_after"])
    async def test_after_a_call_without_an_answer_it_may_be_ours(self, bench: Bench, effect: Any) -> None:
        bench.sandbox.add_fault(Fault(effect=effect, call="pause", times=1))
        bench.chance.part = 1
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            await bench.answered(1)
        (again,) = await bench.writer.do(lambda connection: work.open_intents(connection, "main"))
        assert again.may_have_acted

    async def test_what_a_list_of_a_minute_ago_showed_is_looked_at_again(self, bench: Bench) -> None:
        await bench.queue(new_intent(), new_intent(SECOND_ONE))
        bench.sandbox.campaign(CAMPAIGN).status = "PAUSED"
        bench.clock.move(JUST_NOW)
        await bench.work()
        assert bench.calls() == [("get", CAMPAIGN), ("get", SECOND_ONE), ("pause", SECOND_ONE)]
        assert list(await bench.custody()) == [SECOND_ONE]

    async def test_so_is_what_it_showed_before_the_clock_was_put_back(self, bench: Bench) -> None:
        await bench.queue(new_intent())
        bench.clock.move(-TICK)
        await bench.work()
        assert bench.calls() == [("get", CAMPAIGN), ("pause", CAMPAIGN)]

    async def test_what_cannot_be_looked_at_any_more_is_paused_without_a_debt(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(call="get"))
        await bench.queue(new_intent())
        bench.clock.move(JUST_NOW)
        await bench.work()
        assert bench.sandbox.campaign(CAMPAIGN).status == "PAUSED"
        assert await bench.custody() == {}

    @pytest.mark.parametrize(("later", "is_owed"), [(timedelta(seconds=2), True), (JUST_NOW, False)])
    async def test_what_was_seen_less_than_a_minute_ago_is_believed_if_it_cannot_be_looked_at_after_a_refusal(
        self, bench: Bench, later: timedelta, is_owed: bool
    ) -> None:
        """An account that makes too many calls refuses the look like the pause before it."""
        await bench.queue(new_intent(status_before=None))
        bench.sandbox.add_fault(Fault(call="pause", status=429, times=1))
        bench.chance.part = 1
        bench.clock.move(HOUR)
        async with at_work(bench.lane):
            await bench.answered(1)
            bench.sandbox.add_fault(Fault(call="get", status=429))
            await bench.at(FRIDAY + HOUR + later)
            await until(bench.is_settled, "all has ended")
        assert bench.calls() == [("get", CAMPAIGN), ("pause", CAMPAIGN)] * 2
        assert (CAMPAIGN in await bench.custody()) is is_owed


class TestClockPutBack:
    """What it waits for, counted from before, would come hours late."""

    @pytest.mark.parametrize("status", [500, 401])
    async def test_a_wait_is_over_when_the_clock_is_put_back_before_its_beginning(
        self, bench: Bench, status: int
    ) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause", status=status, times=1))
        bench.clock.now = FRIDAY + 10 * MINUTE
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            await bench.answered(1)
            await bench.at(FRIDAY + 10 * MINUTE + SECOND)
            assert len(posts(bench.sandbox)) == 1
            await bench.at(FRIDAY + MINUTE)
            await until(bench.is_settled, "it was sent again")

    async def test_also_after_a_restart(self, bench: Bench) -> None:
        bench.chance.part = 1
        bench.sandbox.add_fault(Fault(call="pause", times=1))
        bench.clock.now = FRIDAY + 10 * MINUTE
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            await bench.answered(1)
        bench.clock.now = FRIDAY + MINUTE
        async with lane_to(bench.sandbox, bench.writer, bench.clock) as next_lane:
            next_lane.add(await bench.writer.do(lambda connection: work.open_intents(connection, "main")))
            async with at_work(next_lane):
                await until(bench.is_settled, "it was sent again")


class TestRefusedKey:
    @pytest.mark.parametrize("status", [401, 403])
    async def test_the_account_rests_for_five_minutes_and_then_makes_one_call_as_a_probe(
        self, bench: Bench, status: int
    ) -> None:
        bench.sandbox.add_fault(Fault(status=status))
        await bench.queue(new_intent(), new_intent(SECOND_ONE))
        async with at_work(bench.lane):
            await bench.answered(1)
            await bench.at(FRIDAY + REFUSED_REST - TICK)
            assert len(bench.calls()) == 1
            await bench.at(FRIDAY + REFUSED_REST)
            await bench.answered(2)
            await bench.breathe()
            assert len(bench.calls()) == 2
            await bench.at(FRIDAY + 2 * REFUSED_REST - TICK)
            assert len(bench.calls()) == 2
        assert await bench.states() == ["waiting", "waiting"]

    async def test_when_the_probe_succeeds_all_that_waited_follows(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(status=401, times=1))
        await bench.queue(new_intent(), new_intent(SECOND_ONE), new_intent(THIRD_ONE))
        async with at_work(bench.lane):
            await bench.answered(1)
            await bench.at(FRIDAY + REFUSED_REST)
            await until(bench.is_settled, "all has ended")
        assert await bench.states() == ["succeeded"] * 3
        assert len(posts(bench.sandbox)) == 4

    async def test_what_expires_while_the_account_rests_ends_in_time(self, bench: Bench) -> None:
        async def have_expired() -> bool:
            return await bench.states() == ["failed", "missed", "waiting"]

        bench.sandbox.add_fault(Fault(status=401))
        await bench.queue(new_intent(lasts=MINUTE), new_intent(SECOND_ONE, lasts=MINUTE), new_intent(THIRD_ONE))
        async with at_work(bench.lane):
            await bench.answered(1)
            await bench.at(FRIDAY + MINUTE)
            await until(have_expired, "two have expired")
        assert len(bench.calls()) == 1

    async def test_what_is_added_while_the_account_rests_waits_too(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(status=401, times=1))
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            await bench.answered(1)
            await bench.queue(new_intent(SECOND_ONE))
            await bench.breathe()
            assert len(bench.calls()) == 1

    async def test_a_probe_is_made_at_once_where_somebody_has_seen_to_it(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(status=401, times=1))
        await bench.queue(new_intent(), new_intent(SECOND_ONE))
        async with at_work(bench.lane):
            await bench.answered(1)
            bench.lane.probe()
            await until(bench.is_settled, "all has ended")
        assert await bench.states() == ["succeeded"] * 2

    async def test_a_probe_that_is_refused_rests_anew(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(status=401, times=2))
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            await bench.answered(1)
            bench.lane.probe()
            await bench.answered(2)
            await bench.breathe()
            assert bench.lane.is_resting
            assert len(bench.calls()) == 2

    async def test_one_of_an_account_that_does_not_rest_hurries_nothing(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(status=500, times=1))
        bench.chance.part = 1
        await bench.queue(new_intent())
        async with at_work(bench.lane):
            await bench.answered(1)
            bench.lane.probe()
            await bench.breathe()
            assert len(bench.calls()) == 1


class TestOtherClient:
    async def test_it_is_taken_when_the_call_in_flight_has_ended_and_the_old_one_makes_none_any_more(
        self, bench: Bench
    ) -> None:
        bench.sandbox.add_fault(Fault(effect="delay", call="pause", delay=timedelta(milliseconds=50), times=1))
        async with Sandbox(campaigns=3, api_key=KEY).serving() as there:
            await bench.queue(new_intent())
            async with at_work(bench.lane), Client(account(there.base_url)) as client:
                await until(lambda: has_calls(bench, 1), "the first call is under way")
                before = await bench.lane.use(client)
                assert await bench.count_answered() == 1
                await bench.queue(new_intent(SECOND_ONE))
                await until(bench.is_settled, "all has ended")
                assert bench.lane.client is client
                assert before is not client
        assert [entry.campaign for entry in posts(bench.sandbox)] == [CAMPAIGN]
        assert [entry.campaign for entry in posts(there)] == [SECOND_ONE]


class TestResume:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            ("RUNNING", "already running: somebody resumed it"),
            ("STOPPED", "not paused (STOPPED)"),
            ("COMPLETED", "not paused (COMPLETED)"),
            ("DRAFT", "not paused (DRAFT)"),
            ("EDITED", "not paused (EDITED)"),
        ],
    )
    async def test_what_is_not_paused_is_left_and_owed_no_more(self, bench: Bench, status: Status, reason: str) -> None:
        await bench.hold(CAMPAIGN)
        bench.sandbox.campaign(CAMPAIGN).status = status
        await bench.queue(resume())
        await bench.work()
        assert (await bench.outcomes())[1:] == [(1, "skipped", reason)]
        assert posts(bench.sandbox) == []
        assert await bench.custody() == {}

    async def test_what_bounce_shield_stopped_is_left_for_a_person(self, bench: Bench, logs: list[Any]) -> None:
        await bench.hold(CAMPAIGN)
        bench.sandbox.campaign(CAMPAIGN).bounce_shield_autopaused_at = "2026-11-28T09:00:00Z"
        await bench.queue(resume())
        await bench.work()
        reason = "Bounce Shield stopped it (2026-11-28T09:00:00Z); a person must look at it first"
        assert (await bench.outcomes())[1:] == [(1, "skipped", reason)]
        assert posts(bench.sandbox) == []
        assert await bench.custody() == {}
        (left,) = await bench.writer.do(reports.left_campaigns)
        assert (left["campaign"], left["because"]) == (CAMPAIGN, reason)
        assert [(line["event"], line["log_level"]) for line in logs] == [("resume skipped", "warning")]

    @pytest.mark.parametrize("stopped_at", ["2025-03-01T10:00:00Z", "2026-11-27 15:59:59", ""])
    async def test_what_bounce_shield_stopped_before_our_pause_is_given_back(
        self, bench: Bench, stopped_at: str
    ) -> None:
        """It ran again when we paused it, so somebody had looked at it."""
        await bench.hold(CAMPAIGN)
        bench.sandbox.campaign(CAMPAIGN).bounce_shield_autopaused_at = stopped_at
        await bench.queue(resume())
        await bench.work()
        assert bench.sandbox.campaign(CAMPAIGN).status == "RUNNING"

    async def test_what_expires_while_it_is_looked_at_is_not_sent_into_the_next_window(self, bench: Bench) -> None:
        await bench.hold(CAMPAIGN)
        bench.sandbox.add_fault(Fault(effect="delay", call="get", delay=timedelta(milliseconds=50)))
        await bench.queue(replace(resume(), owes_resume=True))
        async with at_work(bench.lane):
            await until(lambda: has_calls(bench, 1), "the look is under way")
            bench.clock.now = MONDAY + DAY
            await until(bench.is_settled, "it has expired")
        assert posts(bench.sandbox) == []
        assert (await bench.outcomes())[1:] == [(1, "retried", "it expired before it was sent")]
        assert await bench.states() == ["succeeded", "failed"]
        assert list(await bench.custody()) == [CAMPAIGN]

    @pytest.mark.parametrize("is_overtaken", [False, True])
    async def test_what_could_not_be_resumed_in_a_day_is_left_to_a_person_unless_a_window_gives_it_back(
        self, bench: Bench, is_overtaken: bool
    ) -> None:
        await bench.hold(CAMPAIGN)
        bench.sandbox.add_fault(Fault(call="run"))
        bench.chance.part = 1
        await bench.queue(replace(resume(), owes_resume=is_overtaken))
        async with at_work(bench.lane):
            await bench.answered(2)
            await bench.at(MONDAY + DAY)
            await until(bench.is_settled, "it has expired")
        assert (await bench.states())[1] == "failed"
        assert list(await bench.custody()) == ([CAMPAIGN] if is_overtaken else [])

    async def test_a_look_that_fails_is_tried_again_and_nothing_is_run_blindly(self, bench: Bench) -> None:
        await bench.hold(CAMPAIGN)
        bench.sandbox.add_fault(Fault(call="get", times=2))
        await bench.queue(resume())
        await bench.work()
        assert [entry.call for entry in bench.sandbox.log] == ["get", "get", "get", "run"]

    async def test_the_release_is_in_the_journal_with_its_reason(self, bench: Bench) -> None:
        await bench.hold(CAMPAIGN)
        bench.sandbox.campaign(CAMPAIGN).status = "STOPPED"
        await bench.queue(resume())
        await bench.work()
        (row,) = await bench.writer.do(lambda connection: connection.execute(select(journal)).all())
        assert (row.event, row.campaign, row.details) == ("custody released", CAMPAIGN, {"why": "not paused (STOPPED)"})


class TestUnknownStatus:
    async def test_what_runs_is_paused_and_owed(self, bench: Bench) -> None:
        await bench.queue(new_intent(status_before=None))
        await bench.work()
        assert bench.calls() == [("get", CAMPAIGN), ("pause", CAMPAIGN)]
        assert CAMPAIGN in await bench.custody()
        (row,) = await bench.rows()
        assert row.status_before == "RUNNING"

    @pytest.mark.parametrize(
        ("status", "reason"),
        [("PAUSED", "already paused"), ("COMPLETED", "not running (COMPLETED)"), ("DRAFT", "not running (DRAFT)")],
    )
    async def test_what_does_not_run_is_skipped(self, bench: Bench, status: Status, reason: str) -> None:
        bench.sandbox.campaign(CAMPAIGN).status = status
        await bench.queue(new_intent(status_before=None))
        await bench.work()
        assert await bench.outcomes() == [(1, "skipped", reason)]
        assert bench.calls() == [("get", CAMPAIGN)]
        (row,) = await bench.rows()
        assert (row.state, row.status_before) == ("skipped", status)
        assert await bench.custody() == {}

    async def test_what_cannot_be_looked_at_is_paused_all_the_same_without_a_debt(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(call="get"))
        await bench.queue(new_intent(status_before=None))
        await bench.work()
        assert bench.sandbox.campaign(CAMPAIGN).status == "PAUSED"
        # Nobody knows whether it's to be resumed, so that's left to a person.
        assert await bench.states() == ["succeeded", "skipped"]
        assert await bench.custody() == {}

    async def test_a_look_that_takes_too_long_does_not_hold_up_the_pause(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOOK_TIMEOUT", timedelta(milliseconds=20))
        bench.sandbox.add_fault(Fault(effect="delay", call="get", delay=timedelta(milliseconds=100)))
        await bench.queue(new_intent(status_before=None))
        await bench.work()
        assert bench.sandbox.campaign(CAMPAIGN).status == "PAUSED"
        assert await bench.custody() == {}

    async def test_what_the_list_has_said_is_not_looked_up(self, bench: Bench) -> None:
        await bench.queue(new_intent(status_before="RUNNING"))
        await bench.work()
        assert bench.calls() == [("pause", CAMPAIGN)]


class TestDryRun:
    async def test_it_looks_but_changes_nothing_and_says_what_it_would_have_done(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        async with bench_on(sandbox, tmp_path, dry_run=True) as bench:
            await bench.hold(SECOND_ONE)
            unknown = replace(new_intent(status_before=None), due_at=MONDAY, expires_at=MONDAY + DAY)
            await bench.queue(unknown, resume(new_intent(SECOND_ONE)))
            await bench.work()
            found, held = await bench.outcomes(), await bench.custody()
        assert found[1:] == [
            (1, "simulated", "dry run: would have paused it"),
            (1, "simulated", "dry run: would have resumed it"),
        ]
        assert [entry.call for entry in sandbox.log] == ["get", "get"]
        assert list(held) == [SECOND_ONE]

    async def test_what_would_be_skipped_is_skipped(self, sandbox: Sandbox, tmp_path: Path) -> None:
        async with bench_on(sandbox, tmp_path, dry_run=True) as bench:
            sandbox.campaign(CAMPAIGN).status = "COMPLETED"
            await bench.queue(new_intent(status_before=None))
            await bench.work()
            assert await bench.states() == ["skipped"]


class TestStop:
    async def test_the_call_in_flight_ends_and_what_is_queued_stays_in_the_ledger(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(effect="delay", delay=timedelta(milliseconds=50)))
        await bench.queue(new_intent(), new_intent(SECOND_ONE), new_intent(THIRD_ONE))
        async with at_work(bench.lane):
            await until(lambda: has_calls(bench, 1), "the first call is under way")
        assert await bench.states() == ["succeeded", "waiting", "waiting"]
        assert bench.calls() == [("pause", CAMPAIGN)]
        left = await bench.writer.do(lambda connection: work.open_intents(connection, "main"))
        assert [intent.campaign for intent in left] == [SECOND_ONE, THIRD_ONE]

    async def test_a_lane_that_waits_for_its_turn_makes_no_call_any_more(self, bench: Bench) -> None:
        await bench.queue(new_intent())
        async with at_work(bench.lane), bench.lane.turn():
            await bench.breathe()
            bench.lane.stop()
        assert bench.calls() == []
        assert await bench.states() == ["waiting"]

    async def test_a_lane_that_sleeps_ends_at_once(self, bench: Bench) -> None:
        async with at_work(bench.lane):
            await bench.breathe()
        assert bench.calls() == []

    async def test_a_lane_that_was_stopped_before_does_nothing(self, bench: Bench) -> None:
        await bench.queue(new_intent())
        bench.lane.stop()
        await bench.lane.run()
        assert bench.calls() == []


class TestUnwrittenLedger:
    """While the ledger can't be written, pauses go out, and resumes don't."""

    @pytest.fixture(autouse=True)
    async def quick(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(substitute, "FIRST_GAP", 0.01)
        await be_impatient(bench.writer)

    async def is_well(self, bench: Bench) -> None:
        async def is_written() -> bool:
            return bench.writer.fault is None

        await until(is_written, "the ledger is written again")

    async def test_a_pause_goes_out_once_and_is_on_record_afterwards(self, bench: Bench, logs: list[Any]) -> None:
        await bench.queue(new_intent(), new_intent(SECOND_ONE), new_intent(THIRD_ONE, status_before=None))
        bench.clock.move(SECOND)
        with at_fault(Locked(bench.ledger)):
            await bench.work()
            assert bench.writer.fault is not None
            bench.clock.move(SECOND)
        await self.is_well(bench)
        assert [call for call in bench.calls() if call[0] == "pause"] == [
            ("pause", CAMPAIGN),
            ("pause", SECOND_ONE),
            ("pause", THIRD_ONE),
        ]
        with bench.ledger.reading() as connection:
            lines = list(audit_lines(connection, AuditFilter()))
            held = work.custody_of(connection, "main")
        assert [(line["campaign"], line["outcome"], line["started_at"]) for line in lines] == [
            (campaign, "succeeded", FRIDAY + SECOND) for campaign in (CAMPAIGN, SECOND_ONE, THIRD_ONE)
        ]
        assert {campaign: each.taken_at for campaign, each in held.items()} == dict.fromkeys(
            (CAMPAIGN, SECOND_ONE, THIRD_ONE), FRIDAY + SECOND
        )
        said = [(line["campaign"], line["status_before"], line["kept_in"]) for line in logs]
        assert said == [(campaign, "RUNNING", "memory") for campaign in (CAMPAIGN, SECOND_ONE, THIRD_ONE)]

    async def test_what_nobody_has_seen_running_is_paused_and_not_taken(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(effect="drop_before", call="get"))
        await bench.queue(new_intent(status_before=None))
        with at_fault(Locked(bench.ledger)):
            await bench.work()
        await self.is_well(bench)
        assert bench.sandbox.campaign(CAMPAIGN).status == "PAUSED"
        with bench.ledger.reading() as connection:
            assert work.custody_of(connection, "main") == {}
            assert [each["campaign"] for each in reports.left_campaigns(connection)] == [CAMPAIGN]

    async def test_a_resume_waits_holds_nobody_up_and_goes_out_afterwards(self, bench: Bench) -> None:
        await bench.hold(CAMPAIGN)
        async with at_work(bench.lane):
            with at_fault(Locked(bench.ledger)):
                await bench.writer.do(lambda _: None)
                await bench.queue(resume(), new_intent(SECOND_ONE, due_at=MONDAY))
                await bench.answered(1)
                await bench.breathe()
                assert bench.calls() == [("pause", SECOND_ONE)]
                assert bench.lane.is_drained
            await self.is_well(bench)
            bench.lane.wake()
            await until(bench.is_settled, "all has ended")
        assert bench.calls()[1:] == [("get", CAMPAIGN), ("run", CAMPAIGN)]
        assert {campaign: held.taken_at for campaign, held in (await bench.custody()).items()} == {SECOND_ONE: MONDAY}

    async def test_while_a_resume_waits_the_lane_sleeps(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        looks: list[datetime] = []

        def look() -> datetime:
            looks.append(MONDAY)
            return MONDAY

        await bench.hold(CAMPAIGN)
        await bench.queue(resume())
        with at_fault(Locked(bench.ledger)):
            await bench.writer.do(lambda _: None)
            monkeypatch.setattr(bench.lane, "_now", look)
            async with at_work(bench.lane):
                await bench.breathe()
        # It looks at the clock some times before it sleeps, and when it's stopped; awake, it would thousands of times.
        assert 0 < len(looks) < 50

    async def test_a_resume_that_was_under_way_to_its_claim_is_not_sent(self, bench: Bench) -> None:
        bench.sandbox.add_fault(Fault(effect="delay", call="get", delay=timedelta(milliseconds=500)))
        await bench.hold(CAMPAIGN)
        await bench.queue(resume())
        async with at_work(bench.lane):
            await until(lambda: has_calls(bench, 1), "it looks")
            with at_fault(Locked(bench.ledger)):
                await until(lambda: self.is_degraded(bench), "the claim is kept in memory")
                await until(lambda: self.is_given_back(bench), "the claim is given back")
                await bench.breathe()
                assert bench.calls() == [("get", CAMPAIGN)]
            await self.is_well(bench)
            bench.lane.wake()
            await until(bench.is_settled, "all has ended")
        assert bench.calls() == [("get", CAMPAIGN), ("get", CAMPAIGN), ("run", CAMPAIGN)]
        assert [number for number, _, _ in await bench.outcomes()] == [1, 1]

    async def is_given_back(self, bench: Bench) -> bool:
        return bool((await bench.rows())[-1].attempts == 0)

    async def is_degraded(self, bench: Bench) -> bool:
        return bench.writer.fault is not None

    async def test_a_resume_that_waited_too_long_is_ended_and_left_to_a_person(self, bench: Bench) -> None:
        await bench.hold(CAMPAIGN)
        await bench.queue(resume())
        with at_fault(Locked(bench.ledger)):
            await bench.writer.do(lambda _: None)
            bench.clock.move(DAY)
            await bench.work()
        await self.is_well(bench)
        assert bench.calls() == []
        with bench.ledger.reading() as connection:
            assert [each["campaign"] for each in reports.left_campaigns(connection)] == [CAMPAIGN]


Prepare = Callable[[Bench], Awaitable[None]]


async def nothing(bench: Bench) -> None:
    """It just succeeds."""


async def fails_once(bench: Bench) -> None:
    bench.sandbox.add_fault(Fault(call="pause", times=1))


async def is_refused(bench: Bench) -> None:
    bench.sandbox.add_fault(Fault(call="pause", status=400))


async def is_completed(bench: Bench) -> None:
    bench.sandbox.campaign(CAMPAIGN).status = "COMPLETED"


class TestLog:
    @pytest.mark.parametrize(
        ("prepare", "lines"),
        [
            (nothing, [("info", "pause succeeded")]),
            (fails_once, [("warning", "pause retried"), ("info", "pause succeeded")]),
            (is_refused, [("error", "pause failed")]),
            (is_completed, [("info", "pause skipped")]),
        ],
    )
    async def test_each_outcome_is_one_line_at_the_level_that_it_deserves(
        self, bench: Bench, logs: list[Any], prepare: Prepare, lines: list[tuple[str, str]]
    ) -> None:
        await prepare(bench)
        await bench.queue(new_intent(status_before=None))
        await bench.work()
        assert [(line["log_level"], line["event"]) for line in logs] == lines

    async def test_a_line_says_which_campaign_by_which_rule_at_which_attempt(
        self, bench: Bench, logs: list[Any]
    ) -> None:
        await is_refused(bench)
        await bench.queue(new_intent())
        await bench.work()
        assert logs == [
            {
                "event": "pause failed",
                "log_level": "error",
                "account": "main",
                "campaign": CAMPAIGN,
                "rules": ("weekend",),
                "due_at": FRIDAY,
                "attempt": 1,
                "reason": None,
                "http_status": 400,
                "error": "Bad Request: Value of campaign_id is incorrect.",
            }
        ]
