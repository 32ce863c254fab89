"""The time of day in a simulated life: the loop's time from a beginning on, and what a clock shows that's wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from types import ModuleType
from typing import Final, Self

import apscheduler.executors.base
import apscheduler.schedulers.base
import apscheduler.triggers.interval

from tests.proof.simulation.loop import VirtualLoop

# Where APScheduler reads the clock.
_READERS: Final[tuple[ModuleType, ...]] = (
    apscheduler.schedulers.base,
    apscheduler.executors.base,
    apscheduler.triggers.interval,
)


class Wall:
    """The daemon's clock. `ahead` is how far it's ahead of true time."""

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self.ahead = timedelta()

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
