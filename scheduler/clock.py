"""The one place where clocks are read: the time of day, and those that nobody can set."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

# Linux has a clock that goes on while the machine is suspended; elsewhere, that looks like a clock put forward.
_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clocks show at the same time.

    `wall` may be set; `running` and `since_boot` only go forward, the former not while the machine is suspended.
    """

    wall: datetime
    running: timedelta
    since_boot: timedelta


def utc_now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


def read_clocks() -> Reading:
    """All clocks, at this instant."""
    return Reading(utc_now(), timedelta(seconds=time.monotonic()), since_boot())


def since_boot() -> timedelta:
    """How long the machine has been up, its sleep included, whatever the time of day is set to."""
    return timedelta(seconds=time.clock_gettime(_BOOTTIME))
