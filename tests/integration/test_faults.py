"""A third of all calls goes wrong, and yet each pause succeeds: by the sandbox's own log, and by the ledger.

`make faults` does it with 2,000 pauses; the tests do it with fewer.
"""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from scheduler import client as client_module
from scheduler import lanes as lanes_module
from scheduler import reconcile as reconcile_module
from scheduler.errors import ApiError
from scheduler.lanes import Lane
from scheduler.ledger.database import Writer
from scheduler.ledger.tables import attempts, custody, intents
from scheduler.reconcile import Reconciler
from scheduler.sandbox import FIRST_COMPANY_ID, Entry, Fault, Sandbox
from tests.scheduler_fakes import FRIDAY, KEY, at_work, captured_logs, lane_to, ledger_in, rules_of, until, writing_to

PAUSES = int(os.environ.get("CURFEW_FAULTS", "120"))
ACCOUNTS = 10
# So that a time-out takes no half a minute; longer than a busy machine needs for a call.
TIMEOUT, DELAY = timedelta(seconds=1), timedelta(milliseconds=1200)
EFFECTS: dict[str, dict[str, Any]] = {
    "500": {"effect": "status", "status": 500},
    "500, and it has worked": {"effect": "status_after", "status": 500},
    "429": {"effect": "status", "status": 429},
    "a time-out": {"effect": "delay", "delay": DELAY},
    "a dropped connection": {"effect": "drop_before"},
    "a dropped connection, and it has worked": {"effect": "drop_after"},
    "an unreadable body": {"effect": "unreadable"},
}
# Of those that match, the oldest spoils a request: each has a like part in the third.
PART = 1 - (2 / 3) ** (1 / len(EFFECTS))


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits, a hundredth as long."""
    monkeypatch.setattr(client_module, "CALL_TIMEOUT", TIMEOUT)
    monkeypatch.setattr(reconcile_module, "CONFIRM_GAP", timedelta())
    for name in ("FIRST_BACKOFF", "LONGEST_BACKOFF", "FIRST_GAP", "LONGEST_GAP"):
        monkeypatch.setattr(lanes_module, name, getattr(lanes_module, name) / 100)


class RunningClock:
    """One that goes on by itself from FRIDAY: the sandbox's and the ledger's, so that they can be compared."""

    def __init__(self) -> None:
        self.began = datetime.now(UTC)

    def __call__(self) -> datetime:
        return FRIDAY + (datetime.now(UTC) - self.began)


@pytest.fixture
def now() -> RunningClock:
    return RunningClock()


@pytest.fixture
async def sandbox(now: RunningClock) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(campaigns=PAUSES // ACCOUNTS, accounts=ACCOUNTS, api_key=KEY, seed=7, now=now)
    for fault in EFFECTS.values():
        sandbox.add_fault(Fault(**fault, probability=PART))
    async with sandbox.serving():
        yield sandbox


async def test_with_faults_on_a_third_of_all_calls_every_pause_succeeds_and_none_is_sent_again_after_its_200(
    sandbox: Sandbox, tmp_path: Path, now: RunningClock
) -> None:
    companies = {"main": None, **{f"a{number}": FIRST_COMPANY_ID + number for number in range(ACCOUNTS - 1)}}
    rules = [
        f"{{name: {name}, account: {name}, campaigns: all, pause: {{from: Fri 17:00, until: Mon 08:00}}}}"
        for name in companies
    ]
    keys = ", ".join(f"{name}: {{api_key: x}}" for name in companies)
    ruleset = rules_of(*rules, accounts=f"{{{keys}}}")
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(writing_to(ledger_in(tmp_path)))
        lanes = [
            await stack.enter_async_context(
                lane_to(sandbox, writer, now, name=name, company_id=company, chance=random.Random(name))  # noqa: S311
            )
            for name, company in companies.items()
        ]
        passes = [
            asyncio.create_task(keep_passing(Reconciler(ruleset, lane, writer, rules_since=FRIDAY), lane, now))
            for lane in lanes
        ]
        passes += [asyncio.create_task(ask(lane)) for lane in lanes]
        async with at_work(*lanes):
            await until(lambda: are_confirmed(writer), "every pause is confirmed", seconds=60 + PAUSES // 10)
        for each in passes:
            each.cancel()
        await asyncio.gather(*passes, return_exceptions=True)
        is_pause = intents.c.action == "pause"
        states = await rows(writer, select(intents.c.state, func.count()).where(is_pause).group_by(intents.c.state))
        unknown = await rows(writer, select(intents.c.id).where(is_pause, intents.c.status_before.is_(None)))
        owed = await rows(writer, select(custody).where(custody.c.left_at.is_(None)))
        tried = await rows(writer, select(attempts.c.id))
        answered = await rows(
            writer,
            select(intents.c.account, intents.c.campaign, attempts.c.finished_at)
            .join_from(attempts, intents, attempts.c.intent_id == intents.c.id)
            .where(attempts.c.outcome == "succeeded"),
        )
    assert states == [("succeeded", PAUSES)]
    assert len(tried) > PAUSES
    # Where it couldn't be asked again whether it still ran, it's paused, and left to a person.
    assert len(owed) == PAUSES - len(unknown)
    spoilt = sum(entry.fault is not None for entry in sandbox.log)
    assert 0.25 < spoilt / len(sandbox.log) < 0.42
    assert {entry.fault for entry in sandbox.log} > {fault["effect"] for fault in EFFECTS.values()}
    assert max(entry.handling for entry in sandbox.log) == 1
    assert side_by_side(sandbox.log) == []
    done = {(name, campaign): at for name, campaign, at in answered}
    assert len(answered) == len(done) == PAUSES
    names = {str(company or "main"): name for name, company in companies.items()}
    pauses = [entry for entry in sandbox.log if entry.call == "pause"]
    assert [each for each in pauses if each.received_at > done[names[each.account], each.campaign]] == []


async def keep_passing(reconciler: Reconciler, lane: Lane, now: RunningClock) -> None:
    """As the daemon does it, with a tick each fifth of a second."""
    wake = asyncio.Event()
    lane.when_drained = wake.set
    while True:
        wake.clear()
        await reconciler.run(now())
        try:
            async with asyncio.timeout(0.2):
                await wake.wait()
        except TimeoutError:
            continue


async def ask(lane: Lane) -> None:
    """Others want the account's turn as well, while its lane is at work."""
    for _ in range(20):
        async with lane.turn() as client:
            with suppress(ApiError):
                await client.me()
        await asyncio.sleep(0.002)


async def rows(writer: Writer, query: Any) -> list[tuple[Any, ...]]:
    return await writer.do(lambda connection: [tuple(row) for row in connection.execute(query)])


async def are_confirmed(writer: Writer) -> bool:
    await asyncio.sleep(0.02)
    return len(await rows(writer, select(intents.c.id).where(intents.c.confirmed_at.is_not(None)))) == PAUSES


def side_by_side(log: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Requests of one account that came while another one was under way, which the client hadn't given up."""
    found, under_way = [], defaultdict[str, list[Entry]](list)
    for entry in log:
        others = under_way[entry.account]
        others[:] = [each for each in others if each.answered_at is None or each.answered_at > entry.received_at]
        # What takes too long is given up by the client, and goes on in the sandbox.
        found += [(each, entry) for each in others if entry.received_at - each.received_at < TIMEOUT / 2]
        others.append(entry)
    return found
