"""The machine of a simulated life: it starts the daemon, kills it, and starts it again as systemd would."""

import asyncio
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from scheduler.daemon import Daemon
from scheduler.errors import LedgerError
from scheduler.ledger.database import Database
from scheduler.settings import Settings
from scheduler.surroundings import Surroundings
from tests.proof.disk import Disk, InlineWriter
from tests.proof.loop import Process, VirtualLoop
from tests.proof.network import Network
from tests.proof.past import Version
from tests.proof.wall import Wall

_HOUR: Final = 3600.0
# How long it is down after a death, in seconds: systemd's pause, a reboot, a night, a long weekend.
_DOWNTIMES: Final = ((1, 6), (30, 300), (0.2 * _HOUR, 12 * _HOUR), (12 * _HOUR, 100 * _HOUR))
_DOWNTIME_WEIGHTS: Final = (70, 18, 10, 2)


@dataclass
class Machine:
    """One daemon at a time, on one ledger. `starts_at` is when the next one is started, None while one lives."""

    loop: VirtualLoop
    wall: Wall
    ledger: Database
    network: Network
    disk: Disk
    chance: random.Random
    settings: Settings
    starts_at: float | None = 0.0
    lives: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    versions: list[Version] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.process = Process("nobody", is_dead=True)
        self._writer: InlineWriter | None = None
        self._is_wanted = True
        self.loop.when_killed = self._killed

    def start(self) -> None:
        """Start the daemon."""
        self.lives += 1
        if not self.versions or self.versions[-1].ruleset is not self.settings.ruleset:
            self.versions.append(Version(self.settings.ruleset, self.wall.true()))
        self.starts_at = None
        self.process = Process(f"daemon {self.lives}")
        around = Surroundings(
            writer=self._new_writer,
            client=partial(self.network.client, life=self.lives),
            chance=lambda: random.Random(self.chance.random()),  # noqa: S311 -- it's to be repeated
            settle_down=lambda: None,
        )
        daemon = Daemon(self.settings, self.ledger, now=self.wall, around=around)
        self.loop.begin(daemon.live(), self.process).add_done_callback(self._ended)

    def kill(self) -> None:
        """SIGKILL, if there's anybody."""
        if not self.process.is_dead:
            self.loop.kill(self.process)

    def stop(self) -> None:
        """SIGTERM, if there's anybody, and he listens already."""
        self.loop.signal(signal.SIGTERM)

    def stay_down(self) -> None:
        """Have no other daemon started."""
        self._is_wanted = False

    def _new_writer(self, database: Database) -> InlineWriter:
        self._writer = InlineWriter(database, self.disk)
        return self._writer

    def _killed(self, process: Process) -> None:
        if self._writer is not None:
            self._writer.abandon()
        self._is_down("killed")

    def _ended(self, life: "asyncio.Task[int]") -> None:
        self.process.is_dead = True
        error = life.exception()
        if error is None:
            self._is_down("stopped")
        elif isinstance(error, LedgerError):
            self._is_down("ended by the ledger")
        else:
            self.faults.append(f"the daemon ended by {error!r}")
            self._is_down("ended by a fault")

    def _is_down(self, how: str) -> None:
        self.ends[how] += 1
        self.disk.kill_at = self.disk.fail_at = None
        (limits,) = self.chance.choices(_DOWNTIMES, _DOWNTIME_WEIGHTS)
        self.starts_at = self.loop.time() + self.chance.uniform(*limits) if self._is_wanted else None
        self.loop.halt()
