"""The file is edited while the daemon runs as a process: by hand, by editors, as a ConfigMap, well and badly."""

import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import Curfew
from tests.acceptance.processes import (
    KEY,
    DaemonProcess,
    SandboxProcess,
    daemon_process,
    sandbox_process,
    wait_until,
    window,
)

HOUR = timedelta(hours=1)
FIRST, SECOND, THIRD = 1000001, 1000002, 1000003
ALL_PAUSED = {FIRST: "PAUSED", SECOND: "PAUSED", THIRD: "PAUSED"}
ALL_RUN = dict.fromkeys(ALL_PAUSED, "RUNNING")


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    """Three running campaigns."""
    with sandbox_process() as process:
        yield process


def text(sandbox: SandboxProcess, *rules: str, head: str = "", key: str = 'api_key: "${WOODPECKER_API_KEY}"') -> str:
    """A file of one account with these rules."""
    accounts = f"accounts: {{main: {{{key}, base_url: '{sandbox.base_url}'}}}}"
    lines = ["timezone: UTC", head, accounts, "rules:", *(f"  - {rule}" for rule in rules)]
    return "\n".join(line for line in lines if line) + "\n"


def rule(pause: str, campaigns: str = "all", name: str = "quiet") -> str:
    return f"{{name: {name}, campaigns: {campaigns}, pause: {pause}}}"


def replace(file: Path, content: str) -> None:
    """As vim and most editors do it: a new file takes the name of the old one."""
    new = file.with_name(f".{file.name}.swp")
    new.write_text(content)
    new.rename(file)


def by_way_of_a_backup(file: Path, content: str) -> None:
    """As emacs does it: the old file gets another name first."""
    file.rename(file.with_name(f"{file.name}~"))
    file.write_text(content)


def reloaded(daemon: DaemonProcess) -> None:
    """Wait for what systemd hears of one load of the file."""
    assert daemon.notified().startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert daemon.notified() == "READY=1"


@pytest.fixture
def status(curfew: Curfew, tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """What `curfew status` says."""
    return lambda: curfew.rows("status", tmp_path)[0]


def becomes(sandbox: SandboxProcess, statuses: dict[int, str]) -> None:
    wait_until(lambda: sandbox.statuses() == statuses, f"the campaigns are {statuses}")


def holds(status: Callable[[], dict[str, Any]], number: int) -> None:
    wait_until(lambda: len(status()["custody"]) == number, f"{number} are held")


def test_a_dozen_edits_good_and_bad_and_the_daemon_goes_by_the_last_good_one(
    tmp_path: Path, sandbox: SandboxProcess, curfew: Curfew, status: Callable[[], dict[str, Any]]
) -> None:
    file, lasting = tmp_path / "curfew.yaml", window(-HOUR, HOUR)
    quiet, off = rule(lasting), rule(lasting).replace("pause", "enabled: false, pause")
    file.write_text(text(sandbox, quiet))
    with daemon_process(tmp_path) as daemon:
        becomes(sandbox, ALL_PAUSED)
        holds(status, 3)
        started = status()["file"]

        by_way_of_a_backup(file, text(sandbox, off))
        reloaded(daemon)
        becomes(sandbox, ALL_RUN)

        replace(file, text(sandbox, rule(lasting, f"[{FIRST}]")))
        reloaded(daemon)
        becomes(sandbox, ALL_RUN | {FIRST: "PAUSED"})
        holds(status, 1)
        in_force = status()["file"]
        assert in_force["sha256"] != started["sha256"]

        # Cut off in the middle, as by a full disk.
        file.write_text(text(sandbox, quiet)[:-60])
        reloaded(daemon)
        rejected = status()
        assert rejected["alive"] is True
        assert rejected["file"] == in_force
        assert rejected["next_edges"] is None
        (problem,) = rejected["rejected_file"]["problems"]
        said = curfew("status", cwd=tmp_path).stdout
        assert f"    {problem}" in said.splitlines()
        assert "the rules loaded before stay in force" in said
        assert f"curfew.yaml:{problem}" in curfew("check", cwd=tmp_path).stderr

        replace(file, text(sandbox, quiet, head="timezone: Europe/Warsav").replace("timezone: UTC\n", ""))
        reloaded(daemon)
        assert status()["rejected_file"]["problems"] == [
            "1:11: timezone: unknown time zone 'Europe/Warsav'; did you mean 'Europe/Warsaw'?"
        ]
        assert status()["rejected_file"]["since"] == rejected["rejected_file"]["since"]

        file.unlink()
        reloaded(daemon)
        daemon.signal(signal.SIGHUP)
        reloaded(daemon)
        assert sandbox.statuses() == ALL_RUN | {FIRST: "PAUSED"}

        file.write_text(text(sandbox, rule(lasting, f"[{FIRST}]"), rule(lasting, f"[{SECOND}]", "other")))
        daemon.signal(signal.SIGHUP)
        reloaded(daemon)
        becomes(sandbox, ALL_PAUSED | {THIRD: "RUNNING"})
        holds(status, 2)
        assert status()["rejected_file"] is None

        # A file of somebody else's, by mistake: refused until somebody says so.
        replace(file, text(sandbox, rule(window(2 * HOUR, 3 * HOUR), name="of-another-team")))
        reloaded(daemon)
        (problem,) = status()["rejected_file"]["problems"]
        assert "none of the 2 rules in force is left" in problem
        assert sandbox.statuses() == ALL_PAUSED | {THIRD: "RUNNING"}
        daemon.signal(signal.SIGHUP)
        reloaded(daemon)
        becomes(sandbox, ALL_RUN)

        daemon.signal(signal.SIGHUP)
        reloaded(daemon)
        wait_until(lambda: "the file hasn't changed" in daemon.log.read_text(), "it says so")
        daemon.signal(signal.SIGTERM)
        assert daemon.notified() == "STOPPING=1"
        assert daemon.ended() == 0
    log = daemon.log.read_text()
    assert log.count("file rejected; the rules in force stay") == 5, log
    assert "Traceback" not in log
    assert "plan changed" in log
    assert KEY not in log
    assert {each["call"] for each in sandbox.posts(THIRD)} == {"pause", "run"}


def publish(folder: Path, version: int, content: str) -> None:
    """As the kubelet does it: a new folder, then another link in the place of the old one, then the old folder goes."""
    new = folder / f"..2026_{version}"
    new.mkdir()
    (new / "curfew.yaml").write_text(content)
    (folder / "..data_tmp").symlink_to(new.name)
    (folder / "..data_tmp").rename(folder / "..data")
    if (folder / f"..2026_{version - 1}").exists():
        shutil.rmtree(folder / f"..2026_{version - 1}")


def test_a_config_map_a_key_file_and_a_calendar_that_are_swapped(
    tmp_path: Path, sandbox: SandboxProcess, curfew: Curfew
) -> None:
    folder, secrets = tmp_path / "config", tmp_path / "secrets"
    folder.mkdir()
    secrets.mkdir()
    (folder / "curfew.yaml").symlink_to("..data/curfew.yaml")
    (secrets / "key").write_text("two words are no key")
    today = datetime.now(UTC)
    calendar = tmp_path / "closed.ics"
    calendar.write_bytes(closed_on(today + 30 * 24 * HOUR))
    head = f"database: 'sqlite:///{tmp_path}/curfew.db'\ncalendars: {{shared: {{ics: '{calendar}'}}}}"
    whole = text(sandbox, rule("{on: shared}"), head=head, key=f"api_key_file: '{secrets}/key'")
    publish(folder, 1, whole)
    options = ("--config", str(folder / "curfew.yaml"))
    assert curfew("run", *options, cwd=tmp_path).returncode == 2
    replace(secrets / "key", "a-key-of-yesterday")
    with daemon_process(tmp_path, *options) as daemon:
        replace(secrets / "key", KEY)
        reloaded(daemon)
        wait_until(lambda: "account changed" in daemon.log.read_text(), "it takes another key")

        calendar.write_bytes(closed_on(today - 24 * HOUR, days=3))
        reloaded(daemon)
        becomes(sandbox, ALL_PAUSED)

        publish(folder, 2, whole.replace("campaigns: all", f"campaigns: [{SECOND}]"))
        reloaded(daemon)
        becomes(sandbox, ALL_RUN | {SECOND: "PAUSED"})

        publish(folder, 3, whole.replace("campaigns: all", "campaigns: []"))
        reloaded(daemon)
        publish(folder, 4, whole)
        reloaded(daemon)
        becomes(sandbox, ALL_PAUSED)
        daemon.signal(signal.SIGTERM)
        assert daemon.notified() == "STOPPING=1"
        assert daemon.ended() == 0
    assert KEY not in daemon.log.read_text()


def closed_on(day: datetime, *, days: int = 1) -> bytes:
    """An iCalendar file with one event of whole days."""
    span = (f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{day + days * 24 * HOUR:%Y%m%d}")
    event = ("BEGIN:VEVENT", "UID:1", *span, "SUMMARY:Closed", "END:VEVENT")
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *event, "END:VCALENDAR", ""]).encode()
