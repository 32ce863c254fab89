"""Whether the loops of the daemon still go round. It's counted by the monotonic clock, which nobody sets."""

import time
from collections.abc import Callable
from datetime import timedelta
from weakref import WeakSet


class Pulse:
    """One loop that is looked after while it has work: it beats in each round."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._clock = clock
        self._last: float | None = None

    def beat(self) -> None:
        """Say that it goes on."""
        self._last = self._clock()

    def rest(self) -> None:
        """Say that it has nothing to do, or has ended: nobody waits for the next beat."""
        self._last = None

    @property
    def silence(self) -> timedelta:
        """How long it hasn't been heard, though it should."""
        return timedelta() if self._last is None else timedelta(seconds=self._clock() - self._last)


class Pulses:
    """Those that are looked after. One that nobody holds any more, since its loop has ended, is forgotten."""

    def __init__(self) -> None:
        self._all = WeakSet[Pulse]()

    def add(self, pulse: Pulse) -> Pulse:
        """Look after one more; gives it back."""
        self._all.add(pulse)
        return pulse

    def silent(self, longer_than: timedelta) -> list[str]:
        """The names of those that haven't been heard for so long, sorted."""
        return sorted(pulse.name for pulse in self._all if pulse.silence > longer_than)
