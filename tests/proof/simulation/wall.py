"""The time of day in a simulated life: the loop's time from a beginning on, and what a clock shows that's wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from types import ModuleType
from typing import Final, Self

import apscheduler.executors.base
import apscheduler.schedulers.base
import apscheduler.triggers.interval

from scheduler.clock import Reading
from tests.proof.simulation.loop import VirtualLoop

# Where APScheduler reads the clock.
_READERS: Final[tuple[ModuleType, ...]] = (
    apscheduler.schedulers.base,
    apscheduler.executors.base,
    apscheduler.triggers.interval,
)


class Wall:
    """The daemon's clock. `ahead` is how far it's ahead of true time, `steps` since when it was so."""

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self._suspended = 0.0
        self.ahead = timedelta()
        self.steps: list[tuple[datetime, timedelta]] = []

    def step(self, by: timedelta) -> None:
        """Set it forward, or back."""
        self.ahead += by
        self.steps.append((self.true(), self.ahead))

    def suspend(self, until: float) -> None:
        """Have the machine suspended up to a time: the clock that counts how long it ran stands still."""
        self._suspended += max(0.0, until - self._loop.time())
        self._loop.oversleep(until)

    def clocks(self) -> Reading:
        """All clocks of the machine."""
        now = self._loop.time()
        return Reading(self(), timedelta(seconds=now - self._suspended), timedelta(seconds=now))

    def __call__(self) -> datetime:
        """What it shows."""
        return self.true() + self.ahead

    def true(self) -> datetime:
        """What it should show."""
        return self.at(self._loop.time())

    def at(self, seconds: float) -> datetime:
        """The true time so long after the beginning."""
        return self._start + timedelta(seconds=seconds)

    def seconds(self, at: datetime) -> float:
        """How long after the beginning that is, in true time."""
        return (at - self._start).total_seconds()

    @contextmanager
    def shown_to_apscheduler(self) -> Iterator[None]:
        """Have APScheduler go by this clock meanwhile: there's no other way to give it one."""
        wall = self

        class Shown(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return cls.fromtimestamp(wall().timestamp(), tz or UTC)

        before = [module.datetime for module in _READERS]
        for module in _READERS:
            module.datetime = Shown  # type: ignore[attr-defined]
        try:
            yield
        finally:
            for module, original in zip(_READERS, before, strict=True):
                module.datetime = original  # type: ignore[attr-defined]
