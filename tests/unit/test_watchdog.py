"""The sign of life: given while every loop goes round, and not otherwise."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler import watchdog
from scheduler.pulse import Pulse, Pulses
from scheduler.watchdog import LONGEST_SILENCE, signs_of_life
from tests.scheduler_fakes import captured_logs


class Seconds:
    """A monotonic clock to move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestPulse:
    def test_it_is_silent_since_its_last_beat(self) -> None:
        seconds = Seconds()
        pulse = Pulse("lane main", seconds)
        pulse.beat()
        seconds.now += 90
        assert pulse.silence == timedelta(seconds=90)
        pulse.beat()
        assert pulse.silence == timedelta()

    @pytest.mark.parametrize("has_beaten", [False, True], ids=["before its first beat", "at rest"])
    def test_nobody_waits_for_one_that_has_nothing_to_do(self, has_beaten: bool) -> None:
        seconds = Seconds()
        pulse = Pulse("lane main", seconds)
        if has_beaten:
            pulse.beat()
            pulse.rest()
        seconds.now += 86400
        assert pulse.silence == timedelta()


class Heard:
    """What systemd hears, one by one."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    async def next(self) -> str:
        async with asyncio.timeout(20):
            return (await asyncio.get_running_loop().sock_recv(self._listener, 4096)).decode()

    def rest(self) -> list[str]:
        found = []
        with suppress(BlockingIOError):
            while True:
                found.append(self._listener.recv(4096).decode())
        return found


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        # Half of it is the period.
        monkeypatch.setenv("WATCHDOG_USEC", "20000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield Heard(listener)


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


async def nothing() -> str:
    return ""


def told(listened: list[str]) -> list[str]:
    return [each for each in listened if each != "WATCHDOG=1"]


async def signs(heard: Heard, number: int) -> list[str]:
    """So many signs of life, without what else is told meanwhile."""
    found: list[str] = []
    while len(found) < number:
        said = await heard.next()
        found += [said] if said.startswith("WATCHDOG") else []
    return found


async def test_it_is_given_at_once_and_twice_as_often_as_it_is_asked_for(heard: Heard) -> None:
    pulses = Pulses()
    pulse = pulses.add(Pulse("lane main"))
    pulse.beat()
    async with signs_of_life(pulses, nothing):
        assert await signs(heard, 3) == ["WATCHDOG=1"] * 3
    heard.rest()
    await asyncio.sleep(0.03)
    assert heard.rest() == []


async def test_without_a_watchdog_it_comes_every_fifteen_seconds(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC")
    monkeypatch.setattr(watchdog, "PERIOD", watchdog.PERIOD / 1000)
    async with signs_of_life(Pulses(), nothing):
        assert await signs(heard, 3) == ["WATCHDOG=1"] * 3


async def test_one_loop_that_hangs_is_enough_for_none_to_be_given_and_it_is_said_once(
    heard: Heard, logs: list[Any]
) -> None:
    seconds, pulses = Seconds(), Pulses()
    one, other = (pulses.add(Pulse(name, seconds)) for name in ("lane main", "passes main"))
    one.beat()
    other.beat()
    async with signs_of_life(pulses, nothing):
        await signs(heard, 1)
        seconds.now += LONGEST_SILENCE.total_seconds() + 1
        one.beat()
        while not logs:
            await asyncio.sleep(0.005)
        heard.rest()
        await asyncio.sleep(0.05)
        assert heard.rest() == []
        assert logs == [
            {"event": "hangs", "log_level": "critical", "loops": ["passes main"], "silent_for": str(LONGEST_SILENCE)}
        ]
        # It was only slow.
        other.beat()
        await signs(heard, 1)


def test_a_loop_that_has_ended_without_a_word_is_not_waited_for() -> None:
    seconds, pulses = Seconds(), Pulses()
    pulse = pulses.add(Pulse("lane main", seconds))
    pulse.beat()
    seconds.now += 1000
    assert pulses.silent(LONGEST_SILENCE) == ["lane main"]
    del pulse
    assert pulses.silent(LONGEST_SILENCE) == []


async def test_how_things_stand_is_told_again_and_again(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "PERIOD", timedelta(milliseconds=5))
    number = 0

    async def standing() -> str:
        nonlocal number
        number += 1
        return f"number {number}"

    found: list[str] = []
    async with signs_of_life(Pulses(), standing):
        while len(told(found)) < 2:
            found.append(await heard.next())
    assert told(found)[:2] == ["STATUS=number 1", "STATUS=number 2"]


async def test_where_nobody_hears_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch, logs: list[Any]) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    async def standing() -> str:
        raise AssertionError("it's asked for")

    async with signs_of_life(Pulses(), standing):
        await asyncio.sleep(0.01)
    assert logs == []


async def test_a_ledger_that_hangs_keeps_no_sign_of_life_back(heard: Heard) -> None:
    async def standing() -> str:
        await asyncio.Event().wait()
        return "never"

    async with signs_of_life(Pulses(), standing):
        assert await signs(heard, 3) == ["WATCHDOG=1"] * 3


async def test_a_fault_of_it_is_shown_and_ends_nothing_else(heard: Heard, logs: list[Any]) -> None:
    async def standing() -> str:
        raise ZeroDivisionError("a bug")

    async with signs_of_life(Pulses(), standing):
        await signs(heard, 3)
    assert [(line["event"], line["log_level"]) for line in logs] == [("no sign of life is given any more", "error")]
