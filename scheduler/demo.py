"""The whole story in half a minute: the sandbox and the real daemon as processes of their own, and a comparison.

The comparison takes the sandbox's log of what it was asked, which Curfew has no hand in, and the ledger of what
Curfew says it did; every call must stand in both, in the same order, with the same answer.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from scheduler.errors import CurfewError
from scheduler.ledger.audit import AuditFilter, audit_lines
from scheduler.ledger.database import Database
from scheduler.ledger.location import url_of

CAMPAIGNS: Final = 5
PAUSED_BY_A_PERSON: Final = 1000002
FAILING: Final = 1000003
FAILURES: Final = 2
LEAD: Final = timedelta(seconds=4)
LENGTH: Final = timedelta(seconds=12)
# What the daemon may need after the window's end to give everything back.
_AFTERMATH: Final = timedelta(seconds=3)
_STOP_SECONDS: Final = 12.0
_KEY_VARIABLE: Final = "CURFEW_DEMO_KEY"

_CONFIGURATION: Final = """\
timezone: UTC
accounts:
  demo:
    api_key: ${{{variable}}}
    base_url: {base_url}
rules:
  - name: demo-window
    campaigns: all
    pause: {{from: {start:%Y-%m-%d %H:%M:%S}, until: {end:%Y-%m-%d %H:%M:%S}}}
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One POST: to which campaign, to do what, and the HTTP status of the answer."""

    campaign: int
    action: str
    http_status: int | None


class Stage:
    """A sandbox with the scene set, and a folder in which a daemon can be run against it."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.folder = folder
        self.base_url = base_url
        self.file = folder / "curfew.yaml"
        self.database = Database(url_of(folder / "curfew.db"))
        self.start = datetime.now(UTC)
        self.end = self.start

    def set_scene(self) -> None:
        """One campaign paused by a person, one that fails twice; a window that begins in seconds and ends soon."""
        self._ask("PATCH", f"campaigns/{PAUSED_BY_A_PERSON}", {"status": "PAUSED"})
        self._ask("POST", "faults", {"call": "pause", "campaign": FAILING, "status": 500, "times": FAILURES})
        self.start = datetime.now(UTC).replace(microsecond=0) + LEAD
        self.end = self.start + LENGTH
        text = _CONFIGURATION.format(variable=_KEY_VARIABLE, base_url=self.base_url, start=self.start, end=self.end)
        self.file.write_text(text, encoding="utf-8")

    def campaigns(self) -> list[dict[str, Any]]:
        """What the sandbox's campaigns are and do now."""
        found: list[dict[str, Any]] = self._ask("GET", "campaigns")
        return found

    def calls(self) -> list[Call]:
        """Every POST that the sandbox was sent, in order."""
        log: list[dict[str, Any]] = self._ask("GET", "log")
        actions = {"pause": "pause", "run": "resume"}
        return [
            Call(entry["campaign"], actions[entry["call"]], entry["http_status"])
            for entry in log
            if entry["call"] in actions
        ]

    def audit(self) -> list[dict[str, Any]]:
        """Every line of the ledger's audit log."""
        with self.database.reading() as connection:
            return list(audit_lines(connection, AuditFilter()))

    def is_over(self) -> bool:
        """Whether the daemon has had its time to give everything back."""
        return datetime.now(UTC) >= self.end + _AFTERMATH

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"{self.base_url.removesuffix('/rest')}/sandbox/{path}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(url, data, method=method), timeout=5) as answer:  # noqa: S310 -- loopback, our own
            return json.load(answer)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """A sandbox in a process of its own, for as long as the `with` lasts."""
    with _process(folder, "sandbox", "--port", "0", "--campaigns", str(CAMPAIGNS), stdout=subprocess.PIPE) as sandbox:
        if sandbox.stdout is None:
            raise AssertionError("a pipe was asked for")
        lines = [sandbox.stdout.readline().strip() for _ in range(2)]
        if not lines[1].startswith("http"):
            raise CurfewError(f"the sandbox didn't start; its log is in {folder / 'sandbox.log'}")
        yield Stage(folder, lines[1])


@contextmanager
def daemon(scene: Stage) -> Iterator[None]:
    """The real daemon in a process of its own; at the end it's stopped as systemd would.

    Raises:
        CurfewError: it ended before its time, or with another exit code than 0.
    """
    with _process(scene.folder, "run", "--config", str(scene.file)) as process:
        yield
        process.send_signal(signal.SIGTERM)
        if process.wait(_STOP_SECONDS) != 0:
            raise CurfewError(f"the daemon ended with exit code {process.returncode}; see {scene.folder / 'run.log'}")


@contextmanager
def _process(folder: Path, verb: str, *arguments: str, stdout: int | None = None) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, _KEY_VARIABLE: "a key that only the sandbox sees".replace(" ", "-")}
    # What a user has set for the real thing must not lead the demo to the real ledger.
    for name in ("CURFEW_CONFIG", "CURFEW_DATABASE", "STATE_DIRECTORY"):
        environment.pop(name, None)
    with (folder / f"{verb}.log").open("w", encoding="utf-8") as log:
        command = [sys.executable, "-m", "scheduler", verb, *arguments]
        process = subprocess.Popen(  # noqa: S603 -- our own program, with arguments made here
            command, cwd=folder, env=environment, stdout=stdout or log, stderr=log, text=True
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(_STOP_SECONDS)
            if process.stdout is not None:
                process.stdout.close()


def differences(scene: Stage) -> list[str]:
    """What the sandbox's own log and the ledger don't agree on, and what isn't as it should be at the end."""
    asked = scene.calls()
    recorded = [
        Call(line["campaign"], line["action"], line["http_status"])
        for line in scene.audit()
        if line["attempt"] is not None and line["outcome"] != "skipped"
    ]
    found = [f"the sandbox has, and the ledger hasn't: {call}" for call in asked if call not in recorded]
    found += [f"the ledger has, and the sandbox hasn't: {call}" for call in recorded if call not in asked]
    if not found and asked != recorded:
        found.append("the sandbox and the ledger have the same calls in another order or number")
    if len(asked) != 2 * (CAMPAIGNS - 1) + FAILURES:
        found.append(f"{len(asked)} calls were made")
    for campaign in scene.campaigns():
        wanted = "PAUSED" if campaign["id"] == PAUSED_BY_A_PERSON else "RUNNING"
        if campaign["status"] != wanted:
            found.append(f"campaign {campaign['id']} is {campaign['status']} at the end, not {wanted}")
    return found
