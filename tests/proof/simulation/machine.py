"""The machine of a simulated life: it starts the daemon, kills it, and starts it again as systemd would."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from scheduler.daemon import Daemon
from scheduler.errors import LedgerError, WrongFile
from scheduler.ledger.database import Database
from scheduler.settings import Settings, load
from scheduler.surroundings import Surroundings
from scheduler.watching import Watch
from tests.proof.simulation.disk import Disk, InlineWriter
from tests.proof.simulation.loop import Process, VirtualLoop
from tests.proof.simulation.network import Network
from tests.proof.simulation.wall import Wall

_HOUR: Final = 3600.0
# How long it is down after a death, in seconds: systemd's pause, a reboot, a night, a long weekend.
_DOWNTIMES: Final = ((1, 6), (30, 300), (0.2 * _HOUR, 12 * _HOUR), (12 * _HOUR, 100 * _HOUR))
_DOWNTIME_WEIGHTS: Final = (70, 18, 10, 2)


@dataclass
class Machine:
    """One daemon at a time, on one file and one ledger.

    `starts_at` is when the next one is started, None while one lives; `when_started` is called with each that is.
    """

    loop: VirtualLoop
    wall: Wall
    file: Path
    ledger: Database
    network: Network
    disk: Disk
    chance: random.Random
    when_started: Callable[[], None]
    starts_at: float | None = 0.0
    lives: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.process = Process("nobody", is_dead=True)
        self._writer: InlineWriter | None = None
        self._read: dict[bytes, Settings] = {}
        self._watch: _ToldWatch | None = None
        self._is_wanted = True
        self.loop.when_killed = self._killed

    def settings(self) -> Settings:
        """What the file says now.

        Raises:
            WrongFile: it's wrong.
        """
        content = self.file.read_bytes()
        if content not in self._read:
            self._read[content] = load(self.file, {}, every_key=True)
        return self._read[content]

    def start(self) -> None:
        """Start the daemon, if its file is right."""
        try:
            settings = self.settings()
        except WrongFile:
            self._is_down("not started: its file is wrong")
            return
        self.lives += 1
        self.starts_at = None
        self.process = Process(f"daemon {self.lives}")
        around = Surroundings(
            writer=self._new_writer,
            client=partial(self.network.client, life=self.lives),
            chance=lambda: random.Random(self.chance.random()),  # noqa: S311 -- it's to be repeated
            settle_down=lambda: None,
            watch=self._new_watch,
        )
        daemon = Daemon(settings, self.ledger, {}, now=self.wall, clocks=self.wall.clocks, around=around)
        self.loop.begin(daemon.live(), self.process).add_done_callback(self._ended)
        self.when_started()

    @property
    def is_up(self) -> bool:
        """Whether a daemon lives."""
        return self.starts_at is None and not self.process.is_dead

    @property
    def may_end(self) -> bool:
        """Whether nothing is kept in memory only, which would be lost: that's said by the daemon, and no promise."""
        return self._writer is None or self._writer.fault is None

    def kill(self) -> None:
        """SIGKILL, if there's anybody."""
        if not self.process.is_dead and self.may_end:
            self.loop.kill(self.process)

    def kill_soon(self, *, step: int | None = None, commit: int | None = None) -> None:
        """Have it killed before a step that it makes, or at a commit, counted from now on."""
        if self.may_end:
            self.process.kill_in, self.disk.kill_at = step, commit

    def signal(self, number: signal.Signals) -> None:
        """Any other signal, if there's anybody, and he listens already."""
        if self.may_end or number is signal.SIGHUP:
            self.loop.signal(number)

    def tell_of_edits(self) -> None:
        """Have the daemon hear that its file has changed, as the kernel tells it."""
        if self._watch is not None and self.is_up:
            self._watch.tell()

    @property
    def is_in_danger(self) -> bool:
        """Whether it's to be killed, or is down for long."""
        is_down_for_long = self.starts_at is not None and self.starts_at > self.loop.time()
        return is_down_for_long or {self.process.kill_in, self.disk.kill_at, self.disk.fail_at} != {None}

    def calm_down(self) -> None:
        """Have nobody killed who isn't dead yet, and somebody live."""
        self.process.kill_in = self.disk.kill_at = self.disk.fail_at = None
        if self.starts_at is not None:
            self.starts_at = self.loop.time()

    def stay_down(self) -> None:
        """Have no other daemon started."""
        self._is_wanted = False

    def _new_writer(self, database: Database) -> InlineWriter:
        self._writer = InlineWriter(database, self.disk, self.loop, self.process)
        return self._writer

    def _new_watch(self, changed: Callable[[], None]) -> Watch:
        self._watch = _ToldWatch(changed)
        return self._watch

    def _killed(self, process: Process) -> None:
        assert process is self.process
        if self._writer is not None:
            self._writer.abandon()
        self._is_down("killed")

    def _ended(self, life: "asyncio.Task[int]") -> None:
        self.process.is_dead = True
        error = life.exception()
        if error is None:
            self._is_down("stopped")
        elif isinstance(error, LedgerError) and self._writer is not None and self._writer.fault is not None:
            # Stopped while the disk failed: that's said by its exit code.
            self._is_down("stopped without its ledger")
        else:
            self.faults.append(f"the daemon ended by {error!r}")
            self._is_down("ended by a fault")

    def _is_down(self, how: str) -> None:
        self.ends[how] += 1
        self.disk.kill_at = self.disk.fail_at = None
        (limits,) = self.chance.choices(_DOWNTIMES, _DOWNTIME_WEIGHTS)
        self.starts_at = self.loop.time() + self.chance.uniform(*limits) if self._is_wanted else None
        self.loop.halt()


class _ToldWatch(Watch):
    """Hears of edits when it's told, and of none otherwise."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__(changed)
        self.tell = changed

    @asynccontextmanager
    async def over(self, files: Iterable[Path]) -> AsyncIterator[None]:  # noqa: ARG002 -- there are no others
        """Watch the files."""
        yield
