"""One simulated life: the daemon itself on a virtual loop, through months of rules, people, faults and deaths."""

import sqlite3
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack, closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from signal import SIGTERM
from typing import Any, Final

import structlog

from tests.proof.history import Clock, History, Key, Look
from tests.proof.rows import read_file
from tests.proof.simulation import past
from tests.proof.simulation.loop import current_process
from tests.proof.simulation.scenario import draw
from tests.proof.simulation.world import World

# How long after something happened all timers are on time, and how long none is very late, in seconds.
_PUNCTUAL: Final = (2.0, 12.0)
_ATTENTIVE: Final = ((0.0, 0.0), (0.0, 0.0), (0.0, 90.0), (620.0, 680.0))
# By then a daemon has found by itself that its file is another one: it looks each minute.
_UNTIL_FOUND: Final = 75.0
# How late they are then.
_LATE: Final = (0.5, 320.0)
_VERY_LATE: Final = (30.0, 600.0)
# How long they are on time again after that.
_AWAKE: Final = ((0.5, 3.0), (5.0, 60.0), (5.0, 60.0))
# So long after the last event a daemon has seen what it was about: a recheck is due every five minutes, by a tick each
# minute, and both may be late.
_LONG_ENOUGH: Final = 620.0
_DRAINED: Final = 60.0
# In what steps it's waited at the end until nothing is under way any more, nor due before the daemon has drained, and
# for how long at most.
_STEP: Final = 30.0
# What hasn't settled so long after the last event isn't waited for: the machine stands still in the middle of it.
_PATIENCE: Final = 3600.0


class Life:
    """A life by its seed, in a folder of its own."""

    def __init__(self, seed: int, folder: Path, *, weeks: int, campaigns: int, trouble: float = 1.0) -> None:
        self.seed = seed
        self.world = World(seed, draw(seed, weeks=weeks, campaigns=campaigns), folder, trouble)
        self.log: list[str] = []
        self.looks: list[Look] = []
        self._folder = folder
        self._luck = self.world.chance("life")
        self._happened_at = self._punctual_until = self._attentive_until = 0.0

    def live(self) -> None:
        """Live it to its end."""
        world = self.world
        with ExitStack() as stack:
            stack.enter_context(world.wall.shown_to_apscheduler())
            stack.enter_context(_logs_to(self._write))
            ledger = stack.enter_context(closing(sqlite3.connect(world.ledger.path)))
            while world.loop.time() < world.end:
                moment = world.next_moment()
                self._pass(moment, ledger)
                if world.loop.time() >= moment:
                    self._look_out()
                    world.go_on()
            world.machine.stay_down()
            self._come_to_an_end(ledger)
        self._note_statuses()

    def _come_to_an_end(self, ledger: sqlite3.Connection) -> None:
        loop, is_settled = self.world.loop, False
        while not is_settled and loop.time() < self.world.end + _PATIENCE:
            loop.run(loop.time() + _STEP)
            is_settled = self._is_settled(ledger) and not self.world.has_edge_within(_STEP + _DRAINED)
        self.world.machine.signal(SIGTERM)
        loop.run(loop.time() + _DRAINED)

    def history(self) -> History:
        """The whole of it, for the checker."""
        world = self.world
        return History(
            reigns=list(world.versions.reigns()),
            statuses=past.statuses(world.scenario),
            calls=list(past.calls(world.sandbox.log, world.network.passages, world.scenario)),
            ledger=read_file(world.ledger.path),
            looks=self.looks,
            acts=world.people.acts,
            gives_up_after=past.GIVES_UP_AFTER,
            clock=Clock(world.wall.steps),
        )

    def faults(self) -> list[str]:
        """What went wrong in the daemon that nobody asked for."""
        return [*self.world.machine.faults, *self.world.loop.faults]

    def digest(self) -> str:
        """Another one when anything in the log, the requests, the looks or the ledger is."""
        found, history = blake2b(digest_size=16), self.history()
        ledger = history.ledger
        parts = (self.log, history.calls, history.acts, history.looks, ledger.intents, ledger.attempts, ledger.custody)
        for part in parts:
            for line in part:
                found.update(f"{line}\n".encode())
        return found.hexdigest()

    def _write(self, level: str, event: dict[str, Any]) -> None:
        process = current_process()
        if process is None or not process.is_dead:
            facts = " ".join(f"{name}={value}" for name, value in event.items())
            line = f"{self.world.wall.true():%Y-%m-%d %H:%M:%S.%f} {level} {facts}"
            self.log.append(line.replace(f"{self._folder}/", ""))

    def _pass(self, until: float, ledger: sqlite3.Connection) -> None:
        """Let time pass up to a moment, or until the daemon has ended."""
        loop = self.world.loop
        now = loop.time()
        if self.world.machine.starts_at is not None:
            loop.run(until)
        elif now < self._punctual_until:
            loop.run(min(until, self._punctual_until))
        elif now < self._attentive_until or (now < self._happened_at + _PATIENCE and not self._is_settled(ledger)):
            # As on a machine that has a lot to do: timers are late.
            late = self._luck.uniform(*(_LATE if now - self._happened_at < _LONG_ENOUGH else _VERY_LATE))
            loop.oversleep(min(until, now + late))
            loop.run(min(until, loop.time() + self._luck.uniform(*self._luck.choice(_AWAKE))))
        else:
            self._look(ledger)
            # As on one that stands still or is suspended until the next thing happens, or a moment before.
            wakes_at = until - self._luck.choice((0.0, 0.0, 0.0, self._luck.uniform(0, 5)))
            self._luck.choice((loop.oversleep, self.world.wall.suspend))(wakes_at)
            loop.run(until)

    def _is_settled(self, ledger: sqlite3.Connection) -> bool:
        """Whether nothing is under way, and nothing waits."""
        return not (self.world.network.under_way or _unsettled(ledger))

    def _look_out(self) -> None:
        """Something happens: what comes of it is looked at closely."""
        self._happened_at = now = self.world.loop.time()
        punctual_until = now + self._luck.uniform(*_PUNCTUAL)
        self._punctual_until = max(punctual_until, self.world.edited_at + _UNTIL_FOUND)
        self._attentive_until = now + self._luck.uniform(*self._luck.choice(_ATTENTIVE))

    def _look(self, ledger: sqlite3.Connection) -> None:
        """Note what campaigns do, if the API has behaved and the daemon has lived for long enough to have seen it.

        Not of one of which something waits: the machine stands still in the middle of it.
        """
        is_seen = not self.world.is_troubled and self.world.loop.time() - self._happened_at > _LONG_ENOUGH
        if is_seen and not self.world.network.under_way:
            self._note_statuses(_unsettled(ledger))

    def _note_statuses(self, unsettled: Container[Key] = ()) -> None:
        statuses = {key: status for key, status in self.world.statuses().items() if key not in unsettled}
        self.looks.append(Look(at=self.world.wall.true(), statuses=statuses))


def _unsettled(ledger: sqlite3.Connection) -> set[Key]:
    """The campaigns of which something is under way, or waits."""
    return set(ledger.execute("SELECT account, campaign FROM intents WHERE state IN ('waiting', 'calling')"))


@contextmanager
def _logs_to(write: Callable[[str, dict[str, Any]], None]) -> Iterator[None]:
    """Have all log lines of INFO and above given to a function meanwhile."""

    def give(_logger: object, level: str, event: Any) -> Any:
        write(level, event)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.reset_defaults()
    structlog.configure(processors=[give], wrapper_class=structlog.make_filtering_bound_logger(20))
    try:
        yield
    finally:
        structlog.configure(**before)
