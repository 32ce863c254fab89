"""Misbehaviour on demand: which requests a fault spoils, and how often."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from scheduler.sandbox.wire import Call

Effect = Literal["status", "status_after", "delay", "drop_before", "drop_after", "unreadable"]
EFFECTS: tuple[Effect, ...] = get_args(Effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to misbehave, and the requests that it's meant for.

    Effects: `status` answers `status` without acting, `status_after` acts first. `delay` only waits. `drop_before` and
    `drop_after` close the connection without an answer, before or after acting. `unreadable` acts, and answers 200 with
    half of the body.

    Attributes:
        call: the call it's meant for; None is any. Likewise `campaign`, and `account` ("main" or a company id).
        times: how many requests it spoils; None is every one until the faults are cleared.
        probability: from 0 to 1, drawn for each request that matches, from the sandbox's seeded source.
        body: sent instead of the documented body, as it is.
        detail: takes the place of the explanation in the documented body.
        delay: waited before the answer, and after acting where the effect acts.
    """

    effect: Effect = "status"
    call: Call | None = None
    campaign: int | None = None
    account: str | None = None
    times: int | None = None
    probability: float = 1.0
    status: int = 500
    body: str | None = None
    detail: str | None = None
    delay: timedelta = timedelta(0)

    @property
    def acts(self) -> bool:
        """Whether the request does its work although it's spoilt."""
        return self.effect not in ("status", "drop_before")

    def matches(self, call: Call, campaign: int | None, account: str) -> bool:
        """Whether it's meant for such a request."""
        return self.call in (None, call) and self.campaign in (None, campaign) and self.account in (None, account)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int | None


class Faults:
    """The faults in force; where several match a request, the oldest spoils it."""

    def __init__(self, seed: int) -> None:
        self._armed: list[_Armed] = []
        # S311: the draws have to be repeatable, and hide nothing.
        self._random = random.Random(seed)  # noqa: S311

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        self._armed.append(_Armed(fault, fault.times))

    def clear(self) -> None:
        """Behave again."""
        self._armed.clear()

    def left(self) -> Iterator[tuple[Fault, int | None]]:
        """Each fault in force, with how many requests it will still spoil (None: all)."""
        return ((armed.fault, armed.left) for armed in self._armed)

    def strike(self, call: Call, campaign: int | None, account: str) -> Fault | None:
        """The fault that spoils this request, counted as used; None leaves it alone."""
        for armed in self._armed:
            if armed.fault.matches(call, campaign, account) and self._drawn(armed.fault.probability):
                self._use(armed)
                return armed.fault
        return None

    def _drawn(self, probability: float) -> bool:
        return probability >= 1 or self._random.random() < probability

    def _use(self, armed: _Armed) -> None:
        if armed.left is None:
            return
        armed.left -= 1
        if armed.left <= 0:
            self._armed.remove(armed)
