"""The command line without the cost of a process for each call, and on a terminal of a certain width."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scheduler.cli import perform
from tests.acceptance import processes
from tests.acceptance.processes import KEY

FILE = """\
timezone: Europe/Warsaw
accounts:
  main: {api_key: "${WOODPECKER_API_KEY}"}
calendars:
  poland: {country: PL}
rules:
  - name: weekend
    campaigns: [11, 12]
    pause: {from: Fri 17:00, until: Mon 08:00}
  - name: holidays
    campaigns: all
    pause: {on: poland}
  - name: stop
    campaigns: [12]
    timezone: America/New_York
    pause: {at: 2026-12-30 09:00}
"""


@dataclass(frozen=True)
class Done:
    """What a verb printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


class Curfew:
    """The command line within this process; `processes.py` has real ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, cwd: Path, **environment: str) -> Done:
        with self._monkeypatch.context() as patch:
            patch.chdir(cwd)
            for name, value in {"WOODPECKER_API_KEY": KEY, **environment}.items():
                patch.setenv(name, value)
            self._capsys.readouterr()
            code = perform(arguments)
        return Done(code, *self._capsys.readouterr())

    def rows(self, verb: str, folder: Path, *options: str) -> list[dict[str, Any]]:
        """What a verb prints as JSON."""
        done = self(verb, "--format", "json", *options, cwd=folder)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def lines(self, *arguments: str, cwd: Path, **environment: str) -> list[str]:
        """What a verb that has success prints, line by line."""
        done = self(*arguments, cwd=cwd, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()


def write_file(folder: Path, rules: Sequence[str], *, head: str = "", **top: str) -> Path:
    """A file of one account, with rules that are one flow mapping each; `top` are other keys of it."""
    keys = {"timezone": "Europe/Warsaw", "accounts": "{main: {api_key: x}}", **top}
    lines = [
        head,
        *(f"{name}: {value}" for name, value in keys.items()),
        "rules:",
        *(f"  - {{{rule}}}" for rule in rules),
    ]
    file = folder / "curfew.yaml"
    file.write_text("\n".join(line for line in lines if line) + "\n", encoding="utf-8")
    # It has a key in it.
    file.chmod(0o600)
    return file


def terminal(width: int, *arguments: str, cwd: Path) -> tuple[int, str]:
    """The exit code of a verb on a terminal of this width, and all that it printed there, with its colours."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    command = [sys.executable, "-m", "scheduler", *arguments]
    environment = {**processes.environment(TERM="xterm"), "COLUMNS": ""}
    with subprocess.Popen(command, cwd=cwd, env=environment, stdout=other, stderr=other) as process:
        os.close(other)
        text = b""
        with suppress(OSError):  # which is how the end of a terminal is told
            while part := os.read(main, 65536):
                text += part
        code = process.wait()
    os.close(main)
    return code, text.decode()


def uncoloured(text: str) -> str:
    """What was printed on a terminal, without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def on_a_terminal(width: int, *arguments: str, cwd: Path) -> list[str]:
    """What a verb that has success prints on a terminal of this width, line by line, without its colours."""
    code, text = terminal(width, *arguments, cwd=cwd)
    assert code == 0
    return uncoloured(text).splitlines()
