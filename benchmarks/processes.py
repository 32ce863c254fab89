"""The processes that are measured: the sandbox, the daemon with a ledger of its own, and what it's compared with."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.calls import KEY

_PATIENCE_SECONDS = 600.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as the sandbox has logged it."""

    account: str
    campaign: int | None
    call: str
    came_at: datetime
    answered_at: datetime
    acted: bool
    http_status: int
    in_flight: int


def wait_until(holds: Callable[[], Any], every: float = 0.25) -> None:
    """Wait for something that will come true."""
    limit = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > limit:
            raise TimeoutError("what was waited for doesn't come true")
        time.sleep(every)


def allow_many_sockets() -> None:
    """A thousand connections are more files than most shells allow; the processes inherit what is allowed here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Measured:
    """A running process, and what the kernel knows of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    @property
    def processor_seconds(self) -> float:
        """The processor time that it has taken so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> int:
        """The bytes that it holds in memory now."""
        return self._status("VmRSS")

    @property
    def peak_memory(self) -> int:
        """The most bytes that it has held in memory so far."""
        # Not ru_maxrss: of a child, it counts from before the exec, with the memory of its parent.
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        # A process that has just ended has none.
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


class Sandbox(Measured):
    """A sandbox in a process of its own, asked over HTTP."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(process)
        self.base_url = next(line.strip() for line in process.stdout or () if line.startswith("http"))

    def calls(self) -> list[Call]:
        """All calls that were answered since the log was cleared, in the order in which they came."""
        return [
            Call(
                account=each["account"],
                campaign=each["campaign"],
                call=each["call"],
                came_at=datetime.fromisoformat(each["received_at"]),
                answered_at=datetime.fromisoformat(each["answered_at"]),
                acted=each["acted"],
                http_status=each["http_status"] or 0,
                in_flight=each["in_flight"],
            )
            for each in self._ask("GET", "log")
            if each["answered_at"] is not None
        ]

    def clear_log(self) -> None:
        """Forget the calls so far."""
        self._ask("DELETE", "log")

    def reset(self) -> None:
        """All campaigns run again, the log is empty, and calls take no time."""
        self._ask("POST", "reset")

    def set_latency(self, latency: timedelta) -> None:
        """Have every call take so long from now on."""
        self._ask("PUT", "latency", {"seconds": latency.total_seconds()})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self.base_url.removesuffix('/rest')}/sandbox/{path}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(url, data, method=method), timeout=60) as answer:  # noqa: S310 -- loopback
            content = answer.read()
        return json.loads(content) if content else None


class Ledger:
    """What the daemon has recorded, read as anybody may read it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, what: str) -> int:
        """The rows of a table, or of a table with a condition."""
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])  # noqa: S608 -- ours


class Daemon(Measured):
    """`curfew run`, once it has said READY."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        super().__init__(process)
        self.ledger = Ledger(folder / "curfew.db")
        self.log = folder / "daemon.log"


@contextmanager
def sandbox(*, accounts: int, campaigns: int) -> Iterator[Sandbox]:
    """`curfew sandbox`, ended at the end."""
    options = {"--port": 0, "--accounts": accounts, "--campaigns": campaigns}
    arguments = (str(each) for option in options.items() for each in option)
    with _running("scheduler", "sandbox", *arguments) as process:
        yield Sandbox(process)


@contextmanager
def daemon(rules: str) -> Iterator[Daemon]:
    """The daemon with this file and a new ledger, when all its edges are set; ended by a signal at the end."""
    with tempfile.TemporaryDirectory(prefix="curfew-benchmark-") as name:
        folder = Path(name)
        (folder / "curfew.yaml").write_text(rules)
        with (folder / "daemon.log").open("w") as log, _running("scheduler", "run", cwd=folder, stderr=log) as process:
            found = Daemon(process, folder)
            wait_until(lambda: "daemon started" in found.log.read_text() or process.poll() is not None, every=0.1)
            if process.poll() is not None:
                raise RuntimeError(found.log.read_text())
            yield found


@contextmanager
def program(module: str, *arguments: str) -> Iterator[Measured]:
    """One of the programs that Curfew is compared with."""
    # What APScheduler drops, it says in a line each.
    with _running(module, *arguments, stderr=subprocess.DEVNULL) as process:
        yield Measured(process)


@contextmanager
def _running(module: str, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("CURFEW_")}
    options.setdefault("cwd", Path(__file__).parent.parent)
    environment = {**own, "PYTHONPATH": str(Path(__file__).parent.parent), "WOODPECKER_API_KEY": KEY}
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(  # noqa: S603 -- our own programs
        command, env=environment, stdout=subprocess.PIPE, text=True, **options
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE_SECONDS)


def between(calls: Iterable[Call]) -> float:
    """The seconds from when the first call came to when the last one was answered; 0 where there was none."""
    every = list(calls)
    if not every:
        return 0.0
    return (max(each.answered_at for each in every) - min(each.came_at for each in every)).total_seconds()
