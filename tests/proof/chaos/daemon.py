"""The daemon under test, process after process, as a supervisor would keep it alive."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from scheduler.degraded import BEGINS, IS_OVER
from tests.acceptance.processes import DaemonProcess
from tests.proof.chaos.clock import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One process, in true time.

    `ready_at` is when it said so; `exit_code` that of one that we haven't killed; `degraded` how often it went on
    without its disk.
    """

    number: int
    started_at: datetime
    ready_at: datetime | None = None
    ended_at: datetime | None = None
    is_killed: bool = False
    exit_code: int | None = None
    last_words: str = ""
    has_traceback: bool = False
    degraded: int = 0


class SupervisedDaemon:
    """`curfew run`, started, killed and started again."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._process: DaemonProcess | None = None
        self.lives: list[Life] = []

    @property
    def life(self) -> Life:
        """The present process, or the last one."""
        return self.lives[-1]

    @property
    def is_alive(self) -> bool:
        """Whether there's a process that hasn't ended."""
        return self._process is not None and self._process.process.poll() is None

    def start(self) -> None:
        """Begin another life."""
        self.lives.append(Life(number=len(self.lives) + 1, started_at=utc_now()))
        self._process = DaemonProcess(self._folder, **self._environment)

    def look(self) -> None:
        """Note whether it has become ready, or has ended by itself."""
        if self._process is None:
            return
        if self.life.ready_at is None and self._process.has_said("READY=1"):
            self._note(ready_at=utc_now())
        if not self.is_alive:
            self._end(is_killed=False)

    def is_degraded(self) -> bool:
        """Whether it goes on in memory, without its disk: what it has done so far would be lost with it."""
        words = "" if self._process is None else self._process.log.read_text(errors="replace")
        return words.rfind(BEGINS) > words.rfind(IS_OVER)

    def kill(self) -> None:
        """End it as a power cut would, in the middle of whatever it does."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)
            self._process.ended()
            self._end(is_killed=True)

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.signal(signal.SIGTERM)
            self._process.ended()
            self._end(is_killed=False)

    def reload(self) -> None:
        """Ask it to load its file again, once it listens."""
        if self._process is not None and self.life.ready_at is not None:
            self._process.signal(signal.SIGHUP)

    def is_asleep(self) -> bool:
        """Whether none of its threads has anything to do."""
        if self._process is None:
            return False
        tasks = Path(f"/proc/{self._process.process.pid}/task").glob("*/stat")
        return all(task.read_text().rpartition(")")[2].split()[0] == "S" for task in tasks)

    def kills_in_a_row(self) -> int:
        """How many lives right before the present one were killed, one after the other."""
        return sum(1 for _ in takewhile(lambda life: life.is_killed, reversed(self.lives[:-1])))

    def life_at(self, at: datetime) -> int:
        """The number of the life that made a call at an instant: a restart takes longer than a request is under way."""
        return next((life.number for life in reversed(self.lives) if life.started_at <= at), 0)

    def _end(self, *, is_killed: bool) -> None:
        assert self._process is not None
        process, self._process = self._process, None
        code = process.process.returncode
        words = process.log.read_text(errors="replace")
        process.close()
        self._note(
            ended_at=utc_now(),
            is_killed=is_killed,
            exit_code=None if is_killed else code,
            last_words=words[-3000:],
            has_traceback="Traceback" in words,
            degraded=words.count(BEGINS),
        )

    def _note(self, **values: object) -> None:
        self.lives[-1] = replace(self.life, **values)  # type: ignore[arg-type]  # the fields of a Life
