"""The one place where clocks are read: the time of day, and one that nobody can set."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

# Linux has one that goes on while the machine is suspended; elsewhere the ordinary one has to do.
_STEADY: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def utc_now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


def since_boot() -> timedelta:
    """How long the machine has been up, its sleep included, whatever the time of day is set to."""
    return timedelta(seconds=time.clock_gettime(_STEADY))
