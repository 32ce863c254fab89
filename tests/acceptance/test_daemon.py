"""The daemon as a process: started, signalled, killed, and asked by the verbs what it did."""

import contextlib
import signal
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.processes import (
    KEY,
    DaemonProcess,
    SandboxProcess,
    before_a_short_window,
    curfew,
    daemon_process,
    rows,
    sandbox_process,
    wait_until,
    window,
    write_rules,
)

AN_HOUR_AGO = timedelta(hours=-1)
AN_HOUR = timedelta(hours=1)
FIRST, SECOND, THIRD, FOURTH = 1000001, 1000002, 1000003, 1000004


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    """Three running campaigns."""
    with sandbox_process() as process:
        yield process


def all_paused(sandbox: SandboxProcess) -> bool:
    return set(sandbox.statuses().values()) == {"PAUSED"}


def stop(daemon: DaemonProcess) -> None:
    daemon.signal(signal.SIGTERM)
    assert daemon.ended() == 0, daemon.log.read_text()


def test_started_inside_a_window_it_pauses_at_once_and_says_how_late(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        ready = time.monotonic()
        wait_until(lambda: all_paused(sandbox), "all campaigns are paused")
        print(f"paused {time.monotonic() - ready:.2f} s after READY")
        stop(daemon)
    lines = rows("audit", tmp_path)
    assert [line["outcome"] for line in lines] == ["succeeded"] * 3
    assert all(3600 <= line["late_by_seconds"] < 3700 for line in lines)


def test_an_edge_is_acted_on_when_it_comes_and_what_was_taken_is_given_back(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    with before_a_short_window(tmp_path, sandbox) as (daemon, _, _):
        sandbox.set(SECOND, status="PAUSED")
        sandbox.set(THIRD, status="COMPLETED")
        wait_until(lambda: len(sandbox.posts()) == 2, "the window came and went")
        wait_until(lambda: sandbox.statuses()[FIRST] == "RUNNING", "the first campaign was given back")
        stop(daemon)
    assert sandbox.statuses() == {FIRST: "RUNNING", SECOND: "PAUSED", THIRD: "COMPLETED"}
    lines = {(line["action"], line["campaign"]): line for line in rows("audit", tmp_path)}
    assert lines["pause", SECOND]["reason"] == "already paused"
    assert lines["pause", THIRD]["reason"] == "not running (COMPLETED)"
    assert lines["resume", FIRST]["outcome"] == "succeeded"
    assert all(line["late_by_seconds"] >= 0 for line in lines.values())
    assert set(lines) == {("pause", FIRST), ("pause", SECOND), ("pause", THIRD), ("resume", FIRST)}


def test_a_hold_is_left_for_a_person(tmp_path: Path, sandbox: SandboxProcess) -> None:
    hold = window(timedelta(seconds=2), AN_HOUR).split(",")[0].replace("from", "at") + "}"
    write_rules(tmp_path, sandbox.base_url, hold)
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: all_paused(sandbox), "all campaigns are paused")
        wait_until(lambda: len(rows("audit", tmp_path)) == 3, "all is on record")
        assert rows("status", tmp_path)[0]["custody"] == []
        stop(daemon)


def test_sigterm_lets_the_call_in_flight_end(tmp_path: Path, sandbox: SandboxProcess) -> None:
    sandbox.fault(effect="delay", call="pause", delay_seconds=1.5)
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: len(sandbox.posts()) == 1, "the first call is under way")
        daemon.signal(signal.SIGTERM)
        assert daemon.notified() == "STOPPING=1"
        assert daemon.ended() == 0
    # On a busy machine, the second one may have been under way by then.
    lines = rows("audit", tmp_path)
    assert {line["outcome"] for line in lines} == {"succeeded"}
    assert len(lines) < 3
    # What was queued is not lost: the next start goes on with it.
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: all_paused(sandbox), "the rest is paused")
        stop(daemon)
    assert len(sandbox.posts()) == 3


def test_sigint_ends_it_as_interrupted(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        daemon.signal(signal.SIGINT)
        assert daemon.ended() == 130


def test_a_second_signal_does_not_wait_and_the_cut_off_call_is_sent_again_and_marked(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    sandbox.fault(effect="delay", call="pause", campaign=FIRST, delay_seconds=20, times=1)
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR), campaigns=f"[{FIRST}]")
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: len(sandbox.posts()) == 1, "the call is under way")
        daemon.signal(signal.SIGTERM)
        assert daemon.notified() == "STOPPING=1"
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0
    assert rows("audit", tmp_path)[0]["outcome"] == "under way"
    sandbox.ask("POST", "reset")
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: sandbox.statuses()[FIRST] == "PAUSED", "it was sent again")
        stop(daemon)
    assert [(line["attempt"], line["outcome"]) for line in rows("audit", tmp_path)] == [
        (1, "interrupted"),
        (2, "succeeded"),
    ]


def test_killed_in_a_call_it_sends_that_call_again_and_no_answered_one(tmp_path: Path, sandbox: SandboxProcess) -> None:
    sandbox.fault(effect="delay", call="pause", campaign=SECOND, delay_seconds=3, times=1)
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: len(sandbox.posts(SECOND)) == 1, "the second call is under way")
        daemon.signal(signal.SIGKILL)
        daemon.ended()
    assert rows("status", tmp_path)[0]["alive"] is False
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: all_paused(sandbox), "all are paused")
        wait_until(lambda: all(line["outcome"] != "under way" for line in rows("audit", tmp_path)), "all has ended")
        stop(daemon)
    outcomes: dict[int, list[str]] = {}
    for line in sorted(rows("audit", tmp_path), key=lambda line: (line["campaign"], line["attempt"])):
        outcomes.setdefault(line["campaign"], []).append(line["outcome"])
    assert outcomes[FIRST] == ["succeeded"]
    assert outcomes[SECOND] == ["interrupted", "succeeded"]
    # It was claimed while the second call was under way, or not yet; nobody can know that it wasn't sent.
    assert outcomes[THIRD] in (["succeeded"], ["interrupted", "succeeded"])
    assert (len(sandbox.posts(FIRST)), len(sandbox.posts(THIRD))) == (1, 1)


def test_an_unreachable_api_is_said_and_tried_again(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write_rules(tmp_path, f"http://127.0.0.1:{port}/rest", window(AN_HOUR_AGO, AN_HOUR), campaigns=f"[{FIRST}]")
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: "no list of campaigns" in daemon.log.read_text(), "it says so")
        wait_until(lambda: "pause retried" in daemon.log.read_text(), "it tries")
        failing = rows("status", tmp_path)[0]["failing"]
        assert failing[0]["campaign"] == FIRST
        assert "ConnectError" in failing[0]["error"]
        with sandbox_process(port=port) as sandbox:
            wait_until(lambda: sandbox.statuses()[FIRST] == "PAUSED", "it gets through")
            wait_until(lambda: rows("status", tmp_path)[0]["failing"] == [], "nothing fails any more")
            # The status was asked for before the pause, so the campaign will be given back.
            assert [held["campaign"] for held in rows("status", tmp_path)[0]["custody"]] == [FIRST]
            stop(daemon)


def test_a_dry_run_posts_nothing_and_a_real_one_after_it_does(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path, "--dry-run") as daemon:
        wait_until(lambda: len(rows("audit", tmp_path)) == 3, "all is on record")
        stop(daemon)
    assert sandbox.posts() == []
    assert {line["outcome"] for line in rows("audit", tmp_path)} == {"simulated"}
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: all_paused(sandbox), "all campaigns are paused")
        stop(daemon)


def test_a_second_daemon_on_the_same_ledger_says_so_and_ends(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        second = curfew("run", cwd=tmp_path)
        assert second.returncode == 1
        assert f"another curfew daemon (process {daemon.process.pid})" in second.stderr
        assert "Traceback" not in second.stderr
        stop(daemon)


def test_the_ledger_is_readable_by_its_owner_alone(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        for name in ("curfew.db", "curfew.db-wal", "curfew.db.lock"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
        stop(daemon)


def test_the_state_folder_is_where_systemd_says(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    state = tmp_path / "state"
    state.mkdir()
    with daemon_process(tmp_path, STATE_DIRECTORY=str(state)) as daemon:
        stop(daemon)
    assert (state / "curfew.db").exists()
    assert not (tmp_path / "curfew.db").exists()


@pytest.mark.parametrize("kind", ["missing", "read-only"])
def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path, kind: str) -> None:
    write_rules(tmp_path, "http://127.0.0.1:9/rest", window(AN_HOUR_AGO, AN_HOUR))
    state = tmp_path / "state"
    if kind == "read-only":
        # Not even root writes into /proc.
        state = Path("/proc/self")
    done = curfew("run", cwd=tmp_path, STATE_DIRECTORY=str(state))
    assert done.returncode == 1
    assert str(state / "curfew.db") in done.stderr
    assert "Traceback" not in done.stderr


def test_the_key_is_nowhere_after_failures_of_every_kind(tmp_path: Path) -> None:
    """In no log line, error, database byte, process title or output, though the answers repeat it."""
    with sandbox_process(campaigns=4) as sandbox:
        repeated = f'{{"title": "{KEY}", "status": 400, "detail": "the key {KEY} is wrong"}}'
        sandbox.fault(effect="unreadable", call="list", times=1)
        sandbox.fault(status=500, body=repeated, call="pause", campaign=FIRST)
        sandbox.fault(effect="drop_before", call="pause", campaign=SECOND)
        sandbox.fault(status=400, body=repeated, call="pause", campaign=THIRD)
        sandbox.fault(status=401, body=repeated, call="pause", campaign=FOURTH)
        write_rules(
            tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR), campaigns=str([FIRST, SECOND, THIRD, FOURTH])
        )
        search_for_the_key(tmp_path)


def search_for_the_key(tmp_path: Path) -> None:
    with daemon_process(tmp_path) as daemon:
        wait_until(
            lambda: len({line["campaign"] for line in rows("audit", tmp_path)}) == 4, "the failures are on record"
        )
        title = Path(f"/proc/{daemon.process.pid}/cmdline").read_bytes()
        printed = [curfew(verb, cwd=tmp_path) for verb in ("audit", "status", "check", "plan")]
        stop(daemon)
    assert any(line["error"] and "[key]" in line["error"] for line in rows("audit", tmp_path))
    assert KEY.encode() not in title
    for done in printed:
        assert KEY not in done.stdout + done.stderr
    for file in tmp_path.iterdir():
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file


def test_the_view_answers_plain_sql(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: all_paused(sandbox), "all campaigns are paused")
        stop(daemon)
    with contextlib.closing(sqlite3.connect(tmp_path / "curfew.db")) as database:
        found = database.execute("SELECT campaign_name, outcome FROM audit ORDER BY campaign").fetchall()
    assert found == [("Campaign 1", "succeeded"), ("Campaign 2", "succeeded"), ("Campaign 3", "succeeded")]


def test_status_tells_a_living_daemon_from_a_stopped_one(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: len(rows("status", tmp_path)[0]["custody"]) == 3, "all are held")
        (answer,) = rows("status", tmp_path)
        assert answer["alive"] is True
        assert answer["last_tick_at"].endswith("Z")
        assert [edge["action"] for edge in answer["next_edges"]] == ["resume"]
        shown = curfew("status", cwd=tmp_path).stdout.splitlines()
        assert shown[0] == "● alive, all well"
        assert shown[1].startswith(f"  process {daemon.process.pid}, version ")
        stop(daemon)
    assert curfew("status", cwd=tmp_path).stdout.startswith("✗ not running since ")
    assert curfew("status", "--check", cwd=tmp_path).returncode == 1


def is_owed(folder: Path, *campaigns: int) -> bool:
    return [held["campaign"] for held in rows("status", folder)[0]["custody"]] == list(campaigns)


def say(folder: Path, *call: str) -> str:
    """Make an exception, or take one back, as a person would beside the running daemon."""
    done = curfew(*call, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_campaign_is_paused_within_seconds_of_a_persons_word(tmp_path: Path, sandbox: SandboxProcess) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR, 2 * AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        until = f"{datetime.now(UTC) + AN_HOUR / 2:%Y-%m-%dT%H:%M}Z"
        said = say(tmp_path, "pause", str(FIRST), "--until", until, "--by", "ada", "--reason", "wrong prices")
        wait_until(lambda: sandbox.statuses()[FIRST] == "PAUSED", "it's paused")
        assert "the daemon acts on it within seconds" in said
        wait_until(lambda: is_owed(tmp_path, FIRST), "it's owed")
        (held,) = rows("status", tmp_path)[0]["custody"]
        assert held["because"] == f"override 1: pause campaign {FIRST}, by ada (wrong prices)"
        say(tmp_path, "overrides", "--revoke", "1")
        wait_until(lambda: sandbox.statuses()[FIRST] == "RUNNING", "it's given back")
        stop(daemon)
    assert [(entry["call"], entry["campaign"]) for entry in sandbox.posts()] == [("pause", FIRST), ("run", FIRST)]


def test_a_person_gives_one_campaign_back_then_all_and_changes_their_mind(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    write_rules(tmp_path, sandbox.base_url, window(AN_HOUR_AGO, AN_HOUR))
    with daemon_process(tmp_path) as daemon:
        wait_until(lambda: is_owed(tmp_path, FIRST, SECOND, THIRD), "all are held")
        say(tmp_path, "resume", str(SECOND))
        wait_until(lambda: sandbox.statuses()[SECOND] == "RUNNING", "the second one is given back")
        wait_until(lambda: is_owed(tmp_path, FIRST, THIRD), "it's owed no more")
        say(tmp_path, "skip", "quiet", "--reason", "the fair")
        wait_until(lambda: set(sandbox.statuses().values()) == {"RUNNING"}, "all are given back")
        wait_until(lambda: is_owed(tmp_path), "nothing is owed")
        say(tmp_path, "overrides", "--revoke", "2")
        wait_until(
            lambda: [*sandbox.statuses().values()] == ["PAUSED", "RUNNING", "PAUSED"], "the others are paused again"
        )
        stop(daemon)
    assert [entry["call"] for entry in sandbox.posts(SECOND)] == ["pause", "run"]
