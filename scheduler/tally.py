"""What a process has done since its start, counted as it's done: a few additions for each call, asked for or not.

Only the event loop adds to it. Whoever reads it in another thread takes copies, each of which is made in one step.
"""

import math
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import accumulate
from typing import Final

from rules.ruleset import Action
from scheduler.errors import ApiError, KeyRefused, NeverAgain, RateLimited
from scheduler.ledger.records import Outcome, State

_LATENESS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
# Woodpecker lets a call wait for 15 s, and the client gives up after 30.
_DURATION: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
# What is there from the start: a series that begins with its first failure shows no increase.
_USUAL: Final = (Outcome.SUCCEEDED, Outcome.RETRIED, Outcome.FAILED, Outcome.SKIPPED)
_RESULTS: Final = {KeyRefused: "key_refused", RateLimited: "rate_limited", NeverAgain: "refused"}


class Histogram:
    """How many values there were up to each of some bounds, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def up_to(self) -> list[tuple[float, int]]:
        """Each bound, and how many values there were up to it, itself included; the last one is infinite."""
        return list(zip((*self._bounds, math.inf), accumulate(list(self._counts)), strict=True))


class Tally:
    """The counts of one process: keys are account, action and outcome, or a rule, or a call and its result."""

    def __init__(self) -> None:
        self.attempts: Counter[tuple[str, str, str]] = Counter()
        self.decisions: Counter[tuple[str, str, str]] = Counter()
        self.missed: Counter[str] = Counter()
        self.interrupted = 0
        self.lateness = {str(action): Histogram(_LATENESS) for action in Action}
        self.calls: dict[tuple[str, str], Histogram] = {}

    def expect(self, account: str) -> None:
        """Have what usually comes of an account there from now on, though it's none so far."""
        for action in Action:
            self.attempts.update({(account, str(action), str(outcome)): 0 for outcome in _USUAL})

    def attempted(self, account: str, action: Action, outcome: Outcome) -> None:
        """An attempt has ended."""
        self.attempts[account, str(action), str(outcome)] += 1

    def decided(self, account: str, action: Action, state: State) -> None:
        """A change has ended without a call."""
        self.decisions[account, str(action), str(state)] += 1

    def called_late(self, action: Action, by: timedelta) -> None:
        """The first call for a change goes out; on a clock that was put back it's not late."""
        self.lateness[str(action)].add(max(by.total_seconds(), 0.0))

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """A call to the API lasts as long as this does, and its result is how this ends."""
        began = time.monotonic()
        result = "cut_off"
        try:
            yield
            result = "ok"
        except ApiError as error:
            result = _RESULTS.get(type(error), "try_later")
            raise
        finally:
            lasted = time.monotonic() - began
            self.calls.setdefault((name, result), Histogram(_DURATION)).add(lasted)
