"""A box: a real systemd as PID 1 of namespaces of its own, with Curfew installed in it as a service."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.processes import KEY, wait_until
from tests.readme import ROOT

_SCRIPT = Path(__file__).parent / "box.sh"
# What the unit hides from the service, and so no place for its Python.
_HIDDEN = tuple(map(Path, ("/home", "/root", "/tmp", "/var/tmp")))  # noqa: S108 -- nothing is made there
FILE = "/etc/curfew/curfew.yaml"
KEY_FILE = "/etc/curfew/api-key"
UNIT = "curfew.service"
NOTHING_YET = """\
timezone: UTC
accounts: {main: {credential: api-key}}
rules: [{name: one day, campaigns: [1], pause: {at: 2040-01-02 09:00}}]
"""


def why_not() -> str | None:
    """Why no box can be made here; None where one can."""
    if os.geteuid() != 0:
        return "not root"
    missing = [name for name in ("systemctl", "unshare", "nsenter", "setsid") if shutil.which(name) is None]
    if missing or not Path("/lib/systemd/systemd").exists():
        return f"no systemd, or no {', '.join(missing)}"
    if " cgroup2 " not in Path("/proc/mounts").read_text():
        return "no cgroup2 is mounted"
    command = [str(shutil.which("unshare")), "--mount", "--pid", "--fork", "true"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return "namespaces can't be made"
    return None if _python() else "no Python of this version outside of /root and /home"


def _python() -> Path | None:
    """A Python of this version that the service can see."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in (Path(sys.base_prefix, "bin"), Path("/usr/local/bin"), Path("/usr/bin")):
        path = folder / name
        if path.exists() and not any(path.resolve().is_relative_to(hidden) for hidden in _HIDDEN):
            return path
    return None


class Box:
    """A machine with systemd, and Curfew in /opt/curfew."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever its exit code."""
        return subprocess.run(
            [str(_SCRIPT), "in", self.name, *command],
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def sh(self, command: str, typed: str = "") -> str:
        """What a line of shell prints that has success."""
        done = self.run("/bin/sh", "-ec", command, typed=typed)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}\n{self.journal_text()}"
        return done.stdout

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        """Make a file."""
        self.sh(f"install -D -m {mode} /dev/stdin {path}", typed=text)

    def property(self, name: str) -> str:
        """What systemd knows of the service."""
        return self.sh(f"systemctl show {UNIT} --property {name} --value").strip()

    def wait_for(self, name: str, value: str) -> None:
        """Wait until systemd knows this of the service."""
        wait_until(lambda: self.property(name) == value, f"{name} is {value}")

    def systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`systemctl` with the service's name."""
        return self.run("systemctl", *arguments, UNIT)

    def start(self) -> None:
        """Start the service, which must have success."""
        done = self.systemctl("start")
        assert done.returncode == 0, self.journal_text()

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """The service's entries in the journal, those of one run where `matches` say so."""
        text = self.run("journalctl", "--unit", UNIT, "--output", "json", "--all", *matches).stdout
        return [json.loads(line) for line in text.splitlines()]

    def journal_text(self) -> str:
        """The same as a person sees it."""
        return self.run("journalctl", "--unit", UNIT, "--no-pager", "--output", "short-precise").stdout

    def query(self, statement: str) -> list[list[Any]]:
        """What the service's ledger answers to plain SQL."""
        script = (
            "import json, sqlite3, sys; print(json.dumps(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall()))"
        )
        done = self.run("/opt/curfew/bin/python", "-c", script, "/var/lib/curfew/curfew.db", statement)
        assert done.returncode == 0, done.stderr
        found: list[list[Any]] = json.loads(done.stdout)
        return found

    def fresh(self, file: str, *settings: str) -> None:
        """The service as just installed: no ledger, this file of rules, and these lines added to its section."""
        self.systemctl("stop")
        self.systemctl("reset-failed")
        self.sh("rm -rf /var/lib/private/curfew /var/lib/curfew /etc/systemd/system/curfew.service.d")
        self.write(FILE, file)
        self.write(KEY_FILE, f"{KEY}\n", "0600")
        # Another one than the five seconds that a test would have to wait for.
        lines = ["[Service]", "RestartSec=100ms", *settings]
        self.write("/etc/systemd/system/curfew.service.d/test.conf", "\n".join(lines) + "\n")
        self.sh("systemctl daemon-reload")
        self.sh("journalctl --rotate --vacuum-time=1us 2>/dev/null")


@contextmanager
def box(name: str, **folders: Path) -> Iterator[Box]:
    """A box that is up, without Curfew; `folders` are shown in it, read-only, as /opt/NAME."""
    bind = " ".join(f"{path}:/opt/{inside}" for inside, path in folders.items())
    subprocess.run([str(_SCRIPT), "up", name], check=True, env={**os.environ, "BIND": bind}, timeout=60)
    try:
        yield Box(name)
    finally:
        subprocess.run([str(_SCRIPT), "down", name], check=True, timeout=60)


def install(machine: Box) -> None:
    """Curfew in an environment of its own, which borrows the libraries of the one that runs the tests."""
    python = _python()
    assert python is not None
    version = python.name
    machine.sh(
        f"mkdir -p /opt/curfew/bin /opt/curfew/lib/{version}/site-packages\n"
        f"ln -s {python} /opt/curfew/bin/python\n"
        f"echo 'home = {python.parent}' >/opt/curfew/pyvenv.cfg\n"
        f"printf '/opt/libraries\\n/opt/source\\n' >/opt/curfew/lib/{version}/site-packages/curfew.pth\n"
    )
    script = "#!/opt/curfew/bin/python\nfrom scheduler.cli import main\n\nmain()\n"
    machine.write("/opt/curfew/bin/curfew", script, "0755")


@contextmanager
def box_with_curfew(name: str) -> Iterator[Box]:
    """A box in which `curfew service --install` was run."""
    libraries = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    with box(name, source=ROOT, libraries=libraries) as machine:
        install(machine)
        machine.write(FILE, NOTHING_YET)
        machine.sh("/opt/curfew/bin/curfew service --install")
        machine.sh("systemctl daemon-reload")
        yield machine
