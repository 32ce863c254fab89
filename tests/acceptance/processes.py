"""Curfew as a person or systemd runs it: processes, signals, files and a notification socket."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

# Unlike any other text, so that a search for it finds it and nothing else.
KEY = "k3y-7f1c2e9a-never-to-be-seen"
DEADLINE_SECONDS = 60.0


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something that is about to happen."""
    limit = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < limit, f"it didn't come true: {what}"
        time.sleep(0.05)


def environment(**more: str) -> dict[str, str]:
    """What a service is given: nothing of the developer's own Curfew."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CURFEW_")}
    return {**own, "WOODPECKER_API_KEY": KEY, **more}


def curfew(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end."""
    return subprocess.run(
        [sys.executable, "-m", "scheduler", *arguments],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


class SandboxProcess:
    """A sandbox in a process of its own, asked over HTTP."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.first_line = process.stdout.readline().strip()
        self.base_url = process.stdout.readline().strip()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A call of the control API."""
        url = f"{self.base_url.removesuffix('/rest')}/sandbox/{path}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(url, data, method=method), timeout=10) as answer:  # noqa: S310 -- loopback
            content = answer.read()
        return json.loads(content) if content else None

    def fault(self, **fault: Any) -> None:
        """Make calls fail."""
        self.ask("POST", "faults", fault)

    def set(self, campaign: int, **changes: Any) -> None:
        """Change a campaign, as a person or Woodpecker would."""
        self.ask("PATCH", f"campaigns/{campaign}", changes)

    def statuses(self) -> dict[int, str]:
        """What each campaign does now."""
        return {each["id"]: each["status"] for each in self.ask("GET", "campaigns")}

    def posts(self, campaign: int | None = None) -> list[dict[str, Any]]:
        """Every pause and run that it was sent, in order."""
        log = self.ask("GET", "log")
        return [each for each in log if each["call"] in {"pause", "run"} and campaign in {None, each["campaign"]}]


@contextmanager
def sandbox_process(*options: str, campaigns: int = 3, port: int = 0) -> Iterator[SandboxProcess]:
    """`curfew sandbox`, ended at the end."""
    command = [sys.executable, "-m", "scheduler", "sandbox", "--port", str(port), "--campaigns", str(campaigns)]
    command += options
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield SandboxProcess(process)
        finally:
            process.terminate()


class DaemonProcess:
    """`curfew run` as systemd starts it, with its log in a file; `wrapper` is a command that becomes it."""

    def __init__(self, folder: Path, *options: str, wrapper: Sequence[str] = (), **more: str) -> None:
        self.folder = folder
        self.log = folder / f"daemon-{time.monotonic_ns()}.log"
        self._notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = folder / f"notify-{time.monotonic_ns()}"
        self._notifications.bind(str(address))
        self._notifications.settimeout(DEADLINE_SECONDS)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*wrapper, sys.executable, "-m", "scheduler", "run", *options],
                cwd=folder,
                env=environment(NOTIFY_SOCKET=str(address), **more),
                stdout=log,
                stderr=log,
            )

    def notified(self) -> str:
        """The next thing that systemd would hear, but for signs of life and how things stand."""
        limit = time.monotonic() + DEADLINE_SECONDS
        while (said := self._notifications.recv(4096).decode()).startswith(("WATCHDOG=", "STATUS=")):
            # A daemon that lives gives signs of it for ever.
            assert time.monotonic() < limit, "it only says that it lives"
        return said

    def has_said(self, text: str) -> bool:
        """Whether that's what systemd would have heard since it was asked last; it isn't waited for."""
        has_come, _, _ = select.select([self._notifications], [], [], 0)
        return bool(has_come) and self._notifications.recv(4096).decode() == text

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(DEADLINE_SECONDS)

    def close(self) -> None:
        """End it, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._notifications.close()


@contextmanager
def daemon_process(
    folder: Path, *options: str, ready: bool = True, wrapper: Sequence[str] = (), **more: str
) -> Iterator[DaemonProcess]:
    """The daemon, READY unless told otherwise, and ended at the end."""
    daemon = DaemonProcess(folder, *options, wrapper=wrapper, **more)
    try:
        if ready:
            assert daemon.notified() == "READY=1", daemon.log.read_text()
        yield daemon
    finally:
        daemon.close()


def write_rules(
    folder: Path, base_url: str, *pauses: str, campaigns: str = "all", key: str = "${WOODPECKER_API_KEY}"
) -> Path:
    """A file with one account, and one rule with these entries."""
    file = folder / "curfew.yaml"
    entries = "\n".join(f"      - {pause}" for pause in pauses)
    file.write_text(
        f"timezone: UTC\n"
        f"accounts:\n  main: {{api_key: '{key}', base_url: '{base_url}'}}\n"
        f"rules:\n  - name: quiet\n    campaigns: {campaigns}\n    pause:\n{entries}\n"
    )
    return file


def window(begins: timedelta, ends: timedelta) -> str:
    """An entry for a window that begins and ends this long from now."""
    now = datetime.now(UTC)
    return f"{{from: {now + begins:%Y-%m-%d %H:%M:%S}, until: {now + ends:%Y-%m-%d %H:%M:%S}}}"


def rows(verb: str, folder: Path, *options: str) -> list[dict[str, Any]]:
    """What a verb prints as JSON."""
    done = curfew(verb, "--format", "json", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
