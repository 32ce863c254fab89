"""The daemon as a process on a disk that is full, or fails: real ones, and limits of the process that work anywhere."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import processes
from tests.acceptance.command_line import Curfew
from tests.acceptance.processes import (
    DaemonProcess,
    SandboxProcess,
    daemon_process,
    environment,
    sandbox_process,
    wait_until,
    write_rules,
)
from tests.acceptance.processes import window as window_from_now

AN_HOUR_AGO, AN_HOUR = timedelta(hours=-1), timedelta(hours=1)
FIRST, SECOND, THIRD = 1000001, 1000002, 1000003
UNLIMITED = resource.RLIM_INFINITY
# So much may be written to a file: room for the log, and none for a page of the ledger.
TINY = 4096


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with sandbox_process() as process:
        yield process


def limit(daemon: DaemonProcess, size: int) -> None:
    """Have the daemon's writes fail beyond a file's size, as on a broken disk; the errors are SQLite's own."""
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))


def all_paused(sandbox: SandboxProcess) -> bool:
    return set(sandbox.statuses().values()) == {"PAUSED"}


def is_written_again(daemon: DaemonProcess) -> bool:
    return "ledger writable again" in daemon.log.read_text()


def journal(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "curfew.db")) as database:
        return [event for (event,) in database.execute("SELECT event FROM journal ORDER BY id")]


def test_on_a_broken_disk_the_pauses_of_an_edge_go_out_and_are_on_record_afterwards(
    curfew: Curfew, tmp_path: Path, sandbox: SandboxProcess
) -> None:
    with before_an_edge(tmp_path, sandbox) as (daemon, edge):
        limit(daemon, TINY)
        wait_until(lambda: all_paused(sandbox), "all campaigns are paused")
        wait_until(lambda: daemon.log.read_text().count("kept_in=memory") == 3, "the log has them")
        assert curfew.rows("audit", tmp_path) == []
        limit(daemon, UNLIMITED)
        freed = datetime.now(UTC)
        wait_until(lambda: is_written_again(daemon), "the ledger is written again")
        check_the_records(curfew.rows("audit", tmp_path), sandbox, edge, freed)
        assert [held["campaign"] for held in curfew.rows("status", tmp_path)[0]["custody"]] == [FIRST, SECOND, THIRD]
        said = [line for line in daemon.log.read_text().splitlines() if "] ledger " in line]
        assert ["[error" in line for line in said] == [True, False]
        assert "disk I/O error" in said[0]
        assert "look at its disk" in said[0]
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0
    noted = [event for event in journal(tmp_path) if event != "preflight"]
    assert noted[-3:] == ["ledger not writable", "ledger writable again", "daemon stopped"]


def check_the_records(lines: list[dict[str, Any]], sandbox: SandboxProcess, edge: datetime, freed: datetime) -> None:
    """Each campaign was paused once, and the audit log has when, not when it was written."""
    assert [(line["campaign"], line["action"], line["attempt"], line["outcome"]) for line in lines] == [
        (campaign, "pause", 1, "succeeded") for campaign in (FIRST, SECOND, THIRD)
    ]
    assert all(edge <= datetime.fromisoformat(line["started_at"]) < freed for line in lines)
    assert sorted(post["campaign"] for post in sandbox.posts()) == [FIRST, SECOND, THIRD]


@contextmanager
def before_an_edge(
    folder: Path,
    sandbox: SandboxProcess,
    *options: str,
    lasts: timedelta = AN_HOUR,
    wrapper: tuple[str, ...] = (),
) -> Iterator[tuple[DaemonProcess, datetime]]:
    """A daemon that has nothing to do yet, and the instant at which it will have, a second from now at least."""
    lead = timedelta(seconds=4)
    while True:
        edge = (datetime.now(UTC) + lead).replace(microsecond=0)
        begins = edge - datetime.now(UTC)
        write_rules(folder, sandbox.base_url, window_from_now(begins, begins + lasts))
        with ExitStack() as stack:
            daemon = stack.enter_context(daemon_process(folder, *options, wrapper=wrapper))
            wait_until(lambda: len(sandbox.ask("GET", "log")) >= 4, "it has looked at all campaigns")
            if datetime.now(UTC) < edge - timedelta(seconds=1):
                yield daemon, edge
                return
        # On a busy machine the edge came first.
        sandbox.ask("POST", "reset")
        (folder / "curfew.db").unlink(missing_ok=True)
        lead *= 2


@pytest.fixture
def small_disk(tmp_path: Path) -> tuple[str, ...]:
    """What puts a command on a disk of a megabyte at `tmp_path/state`, which nobody else sees."""
    (tmp_path / "state").mkdir()
    return mounted('mount -t tmpfs -o size=1m tmpfs "$0"', tmp_path / "state")


def mounted(how: str, folder: Path) -> tuple[str, ...]:
    """What runs a command with something mounted at a folder, which ends with it."""
    wrapper = ("unshare", "--mount", "sh", "-c", f'{how} && exec "$@"', str(folder))
    try:
        done = subprocess.run([*wrapper, "true"], capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        pytest.skip("NOT CHECKED: a disk that is really full, or read-only; this machine has no unshare")
    if done.returncode:
        pytest.skip(
            f"NOT CHECKED: a disk that is really full, or read-only; none can be mounted ({done.stderr.strip()})"
        )
    return wrapper


def test_on_a_full_disk_pauses_go_out_and_resumes_wait_for_room(
    tmp_path: Path, sandbox: SandboxProcess, small_disk: tuple[str, ...]
) -> None:
    lasts = timedelta(seconds=4)
    url = f"sqlite:///{tmp_path}/state/curfew.db"
    with before_an_edge(tmp_path, sandbox, "--database", url, lasts=lasts, wrapper=small_disk) as (daemon, edge):
        state = Path(f"/proc/{daemon.process.pid}/root{tmp_path}/state")
        fill(state / "something-else")
        wait_until(lambda: all_paused(sandbox), "all campaigns are paused")
        wait_until(lambda: datetime.now(UTC) > edge + lasts + timedelta(seconds=1), "the window is over")
        assert all_paused(sandbox)
        assert inside(daemon, tmp_path, url, "audit") == []
        (state / "something-else").unlink()
        freed = datetime.now(UTC)
        wait_until(lambda: set(sandbox.statuses().values()) == {"RUNNING"}, "all are given back")
        wait_until(lambda: inside(daemon, tmp_path, url, "status")[0]["custody"] == [], "all is on record")
        lines = inside(daemon, tmp_path, url, "audit")
        log = daemon.log.read_text()
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0
    pauses, resumes = ([line for line in lines if line["action"] == action] for action in ("pause", "resume"))
    assert all(edge <= datetime.fromisoformat(line["started_at"]) < edge + lasts for line in pauses)
    assert all(freed <= datetime.fromisoformat(line["started_at"]) for line in resumes)
    assert [(line["campaign"], line["attempt"], line["outcome"]) for line in (*pauses, *resumes)] == [
        *((campaign, 1, "succeeded") for campaign in (FIRST, SECOND, THIRD)),
        *((campaign, 1, "succeeded") for campaign in (FIRST, SECOND, THIRD)),
    ]
    assert len(sandbox.posts()) == 6
    (said,) = [line for line in log.splitlines() if "] ledger not writable" in line]
    assert "database or disk is full" in said
    assert said.endswith("what_to_do='make room on its disk'")
    assert log.count("] ledger writable again") == 1


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def inside(daemon: DaemonProcess, folder: Path, url: str, verb: str) -> list[dict[str, Any]]:
    """What a verb prints as JSON that sees the daemon's own disk."""
    command = ["nsenter", "--mount", "--target", str(daemon.process.pid), f"--wd={folder}"]
    done = subprocess.run(
        [*command, sys.executable, "-m", "scheduler", verb, "--format", "json", "--database", url],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_started_where_nothing_can_be_written_it_pauses_all_the_same(
    curfew: Curfew, tmp_path: Path, sandbox: SandboxProcess
) -> None:
    """A machine that comes up with its disk full, or read-only."""
    write_rules(tmp_path, sandbox.base_url, window_from_now(AN_HOUR_AGO, AN_HOUR))
    assert curfew("db", "upgrade", cwd=tmp_path).returncode == 0
    with daemon_process(tmp_path, ready=False, wrapper=("prlimit", f"--fsize={TINY}:unlimited")) as daemon:
        wait_until(lambda: all_paused(sandbox), "all campaigns are paused")
        limit(daemon, UNLIMITED)
        wait_until(lambda: is_written_again(daemon), "the ledger is written again")
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0
    assert [line["outcome"] for line in curfew.rows("audit", tmp_path)] == ["succeeded"] * 3
    assert "daemon started" in journal(tmp_path)


def test_stopped_before_there_is_room_it_says_what_is_lost_and_the_campaigns_stay_paused(
    curfew: Curfew, tmp_path: Path, sandbox: SandboxProcess
) -> None:
    write_rules(tmp_path, sandbox.base_url, window_from_now(AN_HOUR_AGO, AN_HOUR))
    assert curfew("db", "upgrade", cwd=tmp_path).returncode == 0
    with daemon_process(tmp_path, ready=False, wrapper=("prlimit", f"--fsize={TINY}:unlimited")) as daemon:
        wait_until(lambda: daemon.log.read_text().count("kept_in=memory") == 3, "all campaigns are paused")
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 1
        assert daemon.log.read_text().endswith("what was done since it began to fail is in the log only\n")
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: len(curfew.rows("audit", tmp_path)) == 3, "it has looked")
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0
    # Nobody knows any more that they were paused by us: they are left to a person.
    assert {line["reason"] for line in curfew.rows("audit", tmp_path)} == {"already paused"}
    assert curfew.rows("status", tmp_path)[0]["custody"] == []
    assert len(sandbox.posts()) == 3


def test_a_ledger_that_may_only_be_read_is_enough_to_pause_by(
    curfew: Curfew, tmp_path: Path, sandbox: SandboxProcess
) -> None:
    write_rules(tmp_path, sandbox.base_url, window_from_now(AN_HOUR_AGO, AN_HOUR))
    state = tmp_path / "state"
    state.mkdir()
    url = f"sqlite:///{state}/curfew.db"
    assert curfew("db", "upgrade", "--database", url, cwd=tmp_path).returncode == 0
    (state / "curfew.db.lock").touch()
    with (
        read_only(state) as wrapper,
        daemon_process(tmp_path, ready=False, wrapper=wrapper, CURFEW_DATABASE=url) as daemon,
    ):
        wait_until(lambda: daemon.log.read_text().count("kept_in=memory") == 3, "all campaigns are paused")
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 1
        log = daemon.log.read_text()
    assert all_paused(sandbox)
    assert log.count("must be writable for the user that Curfew runs as") == 2


@contextmanager
def read_only(folder: Path) -> Iterator[tuple[str, ...]]:
    """What puts a command where a folder can't be written: by its mode, or for root, on a disk that's read-only."""
    if os.getuid() == 0:
        yield mounted('mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"', folder)
        return
    folder.chmod(0o555)
    (folder / "curfew.db").chmod(0o444)
    try:
        yield ()
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("garbage", "file is not a database; it's damaged: `curfew db check` says where"),
        ("a page", "`curfew db restore BACKUP` puts a backup in its place"),
        ("newer", "revision 9999 is none that this version knows"),
    ],
)
def test_a_ledger_that_is_not_sound_or_not_known_is_refused_with_what_to_do(
    curfew: Curfew, tmp_path: Path, spoil: str, said: str
) -> None:
    write_rules(tmp_path, "http://127.0.0.1:9/rest", window_from_now(AN_HOUR_AGO, AN_HOUR))
    assert curfew("db", "upgrade", cwd=tmp_path).returncode == 0
    ledger = tmp_path / "curfew.db"
    if spoil == "garbage":
        ledger.write_bytes(b"spoilt! " * 4096)
    elif spoil == "a page":
        with ledger.open("r+b") as file:
            file.seek(8 * 4096)
            file.write(os.urandom(4096))
    else:
        with closing(sqlite3.connect(ledger)) as database, database:
            database.execute("UPDATE alembic_version SET version_num = '9999'")
    before = ledger.read_bytes()
    done = processes.curfew("run", cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert ledger.read_bytes() == before


def test_a_ledger_is_backed_up_while_its_daemon_works_and_put_back_only_after_its_end(
    curfew: Curfew, tmp_path: Path, sandbox: SandboxProcess
) -> None:
    write_rules(tmp_path, sandbox.base_url, window_from_now(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        done = ("audit", tmp_path, "--outcome", "succeeded")
        wait_until(lambda: len(curfew.rows(*done)) == 3, "all is on record, with its outcome")
        assert all_paused(sandbox)
        assert curfew("db", "backup", "copy.db", cwd=tmp_path).returncode == 0
        assert curfew("db", "check", cwd=tmp_path).returncode == 0
        refused = curfew("db", "restore", "copy.db", cwd=tmp_path)
        assert refused.returncode == 1
        assert f"another curfew daemon (process {daemon.process.pid}) works on this ledger" in refused.stderr
        daemon.signal(signal.SIGKILL)
        daemon.ended()
    (tmp_path / "curfew.db").write_bytes(b"spoilt! " * 4096)
    restored = curfew("db", "restore", "copy.db", cwd=tmp_path)
    assert restored.returncode == 0, restored.stderr
    with daemon_process(tmp_path) as daemon:
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0
    assert len(curfew.rows("audit", tmp_path)) == 3
    assert [held["campaign"] for held in curfew.rows("status", tmp_path)[0]["custody"]] == [FIRST, SECOND, THIRD]
    assert len(sandbox.posts()) == 3
