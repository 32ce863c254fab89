"""What happens to a simulated life from outside, and when: drawn from its seed, most of it near edges."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, auto
from functools import partial
from typing import Final

from scheduler.sandbox import EFFECTS, Fault

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_WEEKS_A_YEAR: Final = 52
# How long things last.
_LENGTHS: Final = ((1.0, 20.0), (30.0, 5 * _MINUTE), (5 * _MINUTE, 40 * _MINUTE), (_HOUR, 4 * _HOUR))
_LENGTH_WEIGHTS: Final = (35, 40, 20, 5)


class Kind(StrEnum):
    """What may happen."""

    API = auto()
    NETWORK = auto()
    KILL = auto()
    KILL_AT_STEP = auto()
    KILL_AT_COMMIT = auto()
    DISK_ERROR = auto()
    DISK_FULL = auto()
    CLOCK = auto()
    STOP = auto()
    EDIT = auto()
    ACT = auto()
    ROUND = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happens, in seconds since the life's beginning.

    `count` is which step or commit from then on is struck, or how many acts there are; `strength` how likely each call
    is hit meanwhile, from 0 to 1; `fault` what the API does to calls; `by` how far the clock is set forward, and back
    again at the end.
    """

    at: float
    kind: Kind
    lasts: float = 0.0
    count: int = 1
    strength: float = 0.0
    fault: Fault | None = None
    by: timedelta = timedelta()


# How often each happens in a year.
_A_YEAR: Final = {
    Kind.API: 70,
    Kind.NETWORK: 50,
    Kind.KILL: 12,
    Kind.KILL_AT_STEP: 50,
    Kind.KILL_AT_COMMIT: 50,
    Kind.DISK_ERROR: 25,
    Kind.DISK_FULL: 12,
    Kind.CLOCK: 15,
    Kind.STOP: 10,
    Kind.EDIT: 15,
    Kind.ACT: 60,
    Kind.ROUND: 40,
}


def happen(seed: int, edges: Sequence[float], *, weeks: int, until: float, trouble: float) -> list[Event]:
    """All that happens before a time, in its order; `edges` are those of the rules, `trouble` how much it is."""
    chance = random.Random(f"events {seed}")  # noqa: S311 -- it's to be repeated
    found = [
        _event(chance, kind, _near(chance, edges, until))
        for kind, times in _A_YEAR.items()
        for _ in range(_rounded(chance, times * trouble * weeks / _WEEKS_A_YEAR))
    ]
    return sorted((event for event in found if 0 < event.at < until), key=lambda event: event.at)


def _rounded(chance: random.Random, number: float) -> int:
    """A whole number that is that number on average."""
    return int(number + chance.random())


def _near(chance: random.Random, edges: Sequence[float], until: float) -> float:
    """Any time, but most often just before or after an edge."""
    if not edges or chance.random() < 0.25:
        return chance.uniform(0, until)
    edge = chance.choice(edges)
    return edge + chance.choice((chance.uniform(-1, 4), chance.uniform(-60, 120), chance.uniform(-600, 1200)))


def _event(chance: random.Random, kind: Kind, at: float) -> Event:
    make = partial(Event, at=at, kind=kind)
    match kind:
        case Kind.API:
            return make(lasts=_while(chance), fault=_fault(chance))
        case Kind.NETWORK:
            return make(lasts=_while(chance), strength=chance.choice((0.1, 0.4, 1.0)))
        case Kind.DISK_FULL:
            return make(lasts=_while(chance))
        case Kind.CLOCK:
            return make(lasts=_while(chance), by=_jump(chance))
        case Kind.EDIT if chance.random() < 0.3:
            # A mistake is in it first.
            return make(lasts=_while(chance))
        case Kind.ACT:
            return make(count=chance.randrange(1, 9))
        case Kind.KILL_AT_STEP:
            return make(count=round(10 ** chance.uniform(0, 3.3)))
        case Kind.KILL_AT_COMMIT | Kind.DISK_ERROR:
            return make(count=round(10 ** chance.uniform(0, 1.6)))
    return make()


def _while(chance: random.Random) -> float:
    (limits,) = chance.choices(_LENGTHS, _LENGTH_WEIGHTS)
    return chance.uniform(*limits)


def _jump(chance: random.Random) -> timedelta:
    seconds = chance.choice((chance.uniform(3, 60), chance.uniform(60, 1200), chance.choice((3600.0, 10800.0))))
    return timedelta(seconds=chance.choice((-1, 1)) * seconds)


def _fault(chance: random.Random) -> Fault:
    effect = chance.choice(EFFECTS)
    call = chance.choice((None, None, "list", "get", "pause", "run"))
    probability = chance.choice((0.2, 0.5, 1.0))
    status = chance.choice((429, 429, 500, 500, 503, 401, 403)) if effect == "status" else 500
    delay = timedelta(seconds=chance.choice((0, 0, 3, 12, 40))) if effect != "delay" else timedelta(seconds=25)
    return Fault(effect=effect, call=call, probability=probability, status=status, delay=delay)  # type: ignore[arg-type]
