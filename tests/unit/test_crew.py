"""Coroutines that are begun one by one and ended together."""

import asyncio
from datetime import timedelta

import pytest

from scheduler.crew import Crew

LONG, SHORT = timedelta(seconds=20), timedelta(milliseconds=20)


async def wait_for(event: asyncio.Event) -> None:
    await event.wait()


async def fail() -> None:
    raise ZeroDivisionError("a mistake of ours")


async def test_one_that_fails_is_told_and_raised_at_the_end() -> None:
    failed = asyncio.Event()
    crew = Crew(failed.set)
    crew.begin(wait_for(asyncio.Event()), "waits")
    crew.begin(fail(), "fails")
    await failed.wait()
    assert not await crew.drain(SHORT, asyncio.Event()), "the other one was cut off"
    with pytest.raises(ZeroDivisionError):
        crew.raise_fault()


async def test_all_end_by_themselves_within_the_limit_also_those_that_were_begun_later() -> None:
    crew, end = Crew(lambda: None), asyncio.Event()
    tasks = [crew.begin(wait_for(end), "first")]
    await asyncio.sleep(0)
    tasks.append(crew.begin(wait_for(end), "second"))
    end.set()
    assert await crew.drain(LONG, asyncio.Event())
    assert all(task.done() and not task.cancelled() for task in tasks)
    crew.raise_fault()


async def test_who_forces_them_waits_no_longer() -> None:
    crew, force = Crew(lambda: None), asyncio.Event()
    task = crew.begin(wait_for(asyncio.Event()), "waits")
    force.set()
    assert not await crew.drain(LONG, force)
    assert task.cancelled()


async def test_a_crew_of_nobody_ends_at_once() -> None:
    crew = Crew(lambda: None)
    assert await crew.drain(LONG, asyncio.Event())
    await crew.cancel()
