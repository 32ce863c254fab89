"""Killed at any instant: the next start finds what was due, what was in flight and what was answered.

What a process that is killed leaves is what it has committed, and the call that is under way, which arrives or doesn't.
So a daemon's work is cut after each of its commits, and from each of these states a new one is started, in both cases.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, select

from scheduler.ledger.tables import attempts, custody, intents
from scheduler.sandbox import Sandbox
from tests.lives import Lives
from tests.scheduler_fakes import CAMPAIGN, FRIDAY, HOUR, KEY, MINUTE, MONDAY, captured_logs, ledger_in, posts, weekend

CAMPAIGNS = (CAMPAIGN, CAMPAIGN + 1)
# What the ledger has of changes; the rest of it is the same in states that differ in nothing else.
_CHANGES = "SELECT 'i', id, state, attempts FROM intents UNION ALL SELECT 'a', intent_id, outcome, number FROM attempts"


@dataclass(frozen=True)
class Moment:
    """What is left when the process is killed after a commit."""

    ledger: bytes
    changes: Sequence[tuple[object, ...]]
    statuses: tuple[str, ...]
    in_flight: int | None

    def is_like(self, other: "Moment") -> bool:
        """Whether it's the same for the daemon that follows."""
        mine, theirs = ((each.changes, each.statuses, each.in_flight) for each in (self, other))
        return mine == theirs


@contextmanager
def moments_of(lives: Lives) -> Iterator[list[Moment]]:
    """All of them, while a daemon works: each transaction begins with what the ones before it have left."""
    found: list[Moment] = []

    def see(connection: Connection) -> None:  # noqa: ARG001 -- SQLAlchemy's signature
        with closing(sqlite3.connect(lives.ledger.path)) as ledger:
            changes = ledger.execute(_CHANGES).fetchall()
            under_way = [entry.campaign for entry in posts(lives.sandbox) if entry.answered_at is None]
            moment = Moment(ledger.serialize(), changes, tuple(lives.statuses()), under_way[0] if under_way else None)
        if not any(moment.is_like(each) for each in found):
            found.append(moment)

    event.listen(Engine, "begin", see)
    # Long enough for the next pause to be claimed while one is under way.
    lives.sandbox.latency = timedelta(milliseconds=30)
    try:
        yield found
    finally:
        lives.sandbox.latency = timedelta()
        event.remove(Engine, "begin", see)


@pytest.fixture
async def lives(tmp_path: Path) -> AsyncIterator[Lives]:
    with captured_logs():
        async with Sandbox(campaigns=len(CAMPAIGNS), api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
            lives = Lives(tmp_path, sandbox, ledger_in(tmp_path))
            lives.write(weekend())
            yield lives


def go_back(lives: Lives, moment: Moment, *, has_arrived: bool, status: str) -> None:
    """Have all be as it was, with the call that was under way done or not."""
    for name in lives.folder.glob("curfew.db*"):
        name.unlink()
    lives.ledger.path.write_bytes(moment.ledger)
    for campaign, before in zip(CAMPAIGNS, moment.statuses, strict=True):
        is_done = has_arrived and campaign == moment.in_flight
        lives.sandbox.campaign(campaign).status = status if is_done else before  # type: ignore[assignment]


def changed(lives: Lives, action: str, state: str) -> set[int]:
    """The campaigns with a change of this kind that is so far on record."""
    query = select(intents.c.campaign).where(intents.c.action == action, intents.c.state == state)
    return {row.campaign for row in lives.read(query)}


async def follow(lives: Lives, moment: Moment, at: datetime, *, has_arrived: bool, action: str, status: str) -> None:
    """Start a daemon from a moment, and hold it to the promises."""
    go_back(lives, moment, has_arrived=has_arrived, status=status)
    answered, in_flight = (changed(lives, action, state) for state in ("succeeded", "calling"))
    before = len(lives.sandbox.log)
    await lives.live(at)
    assert set(lives.statuses()) == {status}
    calls = [entry.campaign for entry in lives.sandbox.log[before:] if entry.call in {"pause", "run"}]
    assert not answered & set(calls), "no call is sent again after its answer"
    assert len(set(calls)) == len(calls), "no call is sent twice"
    assert not has_arrived or moment.in_flight not in calls, "a look tells that the call has arrived"
    cut_off = select(intents.c.campaign).join_from(attempts, intents).where(attempts.c.outcome == "interrupted")
    assert {row.campaign for row in lives.read(cut_off)} == in_flight, "what was in flight is marked"
    rows = lives.read(select(intents.c.campaign, intents.c.state).where(intents.c.action == action))
    assert sorted(rows) == [(campaign, "succeeded") for campaign in CAMPAIGNS], "every change has one final outcome"
    assert len(lives.read(select(custody))) == (len(CAMPAIGNS) if action == "pause" else 0)


async def test_wherever_it_is_killed_among_pauses_the_next_start_ends_them(lives: Lives) -> None:
    with moments_of(lives) as moments:
        await lives.live(FRIDAY)
    # None claimed, each under way, each answered, at least.
    assert len(moments) >= 2 * len(CAMPAIGNS) + 1
    assert any(moment.in_flight for moment in moments)
    for moment in moments:
        for has_arrived in (False, True) if moment.in_flight else (False,):
            await follow(lives, moment, FRIDAY + MINUTE, has_arrived=has_arrived, action="pause", status="PAUSED")


async def test_wherever_it_is_killed_among_resumes_the_next_start_ends_them(lives: Lives) -> None:
    await lives.live(FRIDAY)
    with moments_of(lives) as moments:
        await lives.live(MONDAY)
    assert len(moments) >= 2 * len(CAMPAIGNS) + 1
    for moment in moments:
        for has_arrived in (False, True) if moment.in_flight else (False,):
            await follow(lives, moment, MONDAY + HOUR, has_arrived=has_arrived, action="resume", status="RUNNING")
