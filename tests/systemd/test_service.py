"""The service under a real systemd: from its start to its end, and what goes wrong in between."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

import pytest

from tests.acceptance.processes import KEY, SandboxProcess, wait_until, window
from tests.readme import block_with
from tests.systemd.box import FILE, KEY_FILE, NOTHING_YET, Box

pytestmark = pytest.mark.xdist_group("systemd")

HOUR = timedelta(hours=1)
FIRST, SECOND, THIRD = 1000001, 1000002, 1000003


def rules(base_url: str, *, begins: timedelta = -HOUR, ends: timedelta = HOUR) -> str:
    """A file whose one rule is quiet just now, unless told otherwise."""
    return (
        "timezone: UTC\n"
        "database: sqlite:////var/lib/curfew/curfew.db\n"
        f"accounts:\n  main: {{credential: api-key, base_url: '{base_url}'}}\n"
        f"rules:\n  - {{name: quiet hours, campaigns: all, pause: {window(begins, ends)}}}\n"
    )


def pauses_all(sandbox: SandboxProcess) -> None:
    wait_until(lambda: set(sandbox.statuses().values()) == {"PAUSED"}, "all campaigns are paused")


def outcomes(machine: Box) -> list[tuple[int, str | None]]:
    """Each attempt's campaign, and how it ended, in their order."""
    columns = "SELECT campaign, attempts.outcome FROM attempts JOIN intents ON intents.id = intent_id"
    return [(campaign, outcome) for campaign, outcome in machine.query(f"{columns} ORDER BY attempts.id")]


def events(machine: Box, event: str, *matches: str) -> list[dict[str, Any]]:
    """The entries of one event, once there are any."""
    wait_until(lambda: bool(machine.journal(f"EVENT={event}", *matches)), f"the journal has: {event}")
    return machine.journal(f"EVENT={event}", *matches)


def test_it_starts_as_a_user_of_its_own_with_a_ledger_that_nobody_else_reads(
    machine: Box, sandbox: SandboxProcess
) -> None:
    # By its name, which is looked up without the kinds of sockets that the unit forbids.
    machine.fresh(rules(sandbox.base_url.replace("127.0.0.1", "localhost")))
    machine.start()
    assert machine.property("ActiveState") == "active"
    pauses_all(sandbox)
    wait_until(lambda: machine.property("StatusText").startswith("next: quiet hours ends "), "the status is told")
    process = machine.property("MainPID")
    (uid,) = re.findall(r"^Uid:\s+(\d+)", machine.sh(f"cat /proc/{process}/status"), re.MULTILINE)
    assert 61184 <= int(uid) <= 65519, "one of systemd's dynamic users"
    modes = machine.sh("stat --format '%a %u' /var/lib/private/curfew /var/lib/private/curfew/curfew.db").split("\n")
    assert modes[:2] == [f"700 {uid}", f"600 {uid}"]
    assert KEY not in machine.sh(f"tr '\\0' ' ' </proc/{process}/environ; cat /proc/{process}/cmdline")


def test_it_may_listen_for_metrics_and_has_the_figures_of_its_process(machine: Box, sandbox: SandboxProcess) -> None:
    machine.fresh(f"metrics: {{listen: '127.0.0.1:0'}}\n{rules(sandbox.base_url)}")
    machine.start()
    pauses_all(sandbox)
    (served,) = events(machine, "metrics are served")
    with urlopen(served["ADDRESS"], timeout=10) as answer:  # noqa: S310 -- loopback
        told = answer.read().decode()
    assert re.search(r"^process_resident_memory_bytes [1-9]", told, re.MULTILINE)
    assert 'curfew_attempts_total{account="main",action="pause",outcome="succeeded"}' in told
    with urlopen(served["ADDRESS"].replace("/metrics", "/healthz"), timeout=10) as answer:  # noqa: S310 -- loopback
        assert json.load(answer)["healthy"] is True


@contextmanager
def keys_sent(refused: str = "") -> Iterator[tuple[str, list[str | None]]]:
    """An API that has no campaigns, and refuses one key: where it is, and the keys that it was sent."""
    found: list[str | None] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.append(self.headers["x-api-key"])
            self.send_response(401 if found[-1] == refused else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/rest", found
        server.shutdown()


def test_the_key_is_a_credential_and_without_it_the_service_waits_for_it(machine: Box) -> None:
    with keys_sent() as (base_url, keys):
        machine.fresh(rules(base_url))
        machine.sh(f"rm {KEY_FILE}")
        assert machine.systemctl("start").returncode != 0
        assert machine.property("ActiveState") != "active"
        assert keys == []
        machine.write(KEY_FILE, f"{KEY}\n", "0600")
        machine.wait_for("ActiveState", "active")
        wait_until(lambda: bool(keys), "the API is asked")
    assert set(keys) == {KEY}


def test_a_new_key_needs_no_restart_where_it_is_a_file_of_the_service(machine: Box) -> None:
    """By the commands of docs/operations.md."""
    with keys_sent(refused="an-old-key") as (base_url, keys):
        own = "api_key_file: /var/lib/curfew/api-key"
        machine.fresh(rules(base_url).replace("credential: api-key", own))
        machine.write("/var/lib/curfew/api-key", "an-old-key\n", "0600")
        machine.start()
        wait_until(lambda: "an-old-key" in keys, "the old key is refused")
        before = machine.property("MainPID")
        for command in block_with("stat -c %u /var/lib/curfew/", "docs/operations.md"):
            machine.sh(command, typed=f"{KEY}\n")
        wait_until(lambda: KEY in keys, "the new key is used")
        assert machine.property("MainPID") == before
        assert machine.sh("stat -c '%a' /var/lib/curfew/api-key").strip() == "600"
        assert events(machine, "file loaded")


def test_a_wrong_file_fails_the_service_visibly_and_once(machine: Box, sandbox: SandboxProcess) -> None:
    machine.fresh(rules(sandbox.base_url).replace("campaigns: all", "campagnes: all"))
    assert machine.systemctl("start").returncode != 0
    found = [machine.property(name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")]
    assert found == ["failed", "2", "0"]
    said = events(machine, "wrong file", "PRIORITY=3")
    assert [(entry["FILE"], entry["PLACE"]) for entry in said] == [(FILE, "6:5"), (FILE, "6:25")]
    assert "did you mean 'campaigns'" in said[1]["WHY"]
    # Once it's right, a start is all that it takes.
    machine.write(FILE, rules(sandbox.base_url))
    machine.start()
    pauses_all(sandbox)


def test_the_file_may_change_while_it_runs_by_a_reload_or_by_itself_and_a_wrong_one_is_told(
    machine: Box, sandbox: SandboxProcess
) -> None:
    """What systemd is told of a reload, and what the unit forbids, keep nothing of it away."""
    later = rules(sandbox.base_url, begins=HOUR, ends=2 * HOUR)
    machine.fresh(later)
    machine.start()
    before = machine.property("MainPID")
    machine.write(FILE, rules(sandbox.base_url).replace("campaigns: all", "campagnes: all"))
    assert machine.systemctl("reload").returncode == 0
    wait_until(lambda: "campagnes" in str(machine.journal("PRIORITY=3")), "the mistake is told")
    machine.wait_for("ActiveState", "active")
    assert set(sandbox.statuses().values()) == {"RUNNING"}
    machine.write(FILE, rules(sandbox.base_url))
    pauses_all(sandbox)
    machine.write(FILE, later)
    assert machine.systemctl("reload").returncode == 0
    wait_until(lambda: set(sandbox.statuses().values()) == {"RUNNING"}, "all is given back")
    machine.wait_for("ActiveState", "active")
    assert machine.property("MainPID") == before


def test_a_loop_that_hangs_is_killed_says_where_it_hung_and_is_started_again(
    machine: Box, sandbox: SandboxProcess
) -> None:
    command = f"/opt/curfew/bin/python /opt/source/tests/systemd/hanging.py run --config {FILE}"
    python_path = "Environment=PYTHONPATH=/opt/source"
    machine.fresh(rules(sandbox.base_url), "ExecStart=", f"ExecStart={command}", python_path, "WatchdogSec=3s")
    machine.start()
    pauses_all(sandbox)
    before = machine.property("MainPID")
    machine.sh("systemctl kill --signal USR1 --kill-whom main curfew")
    wait_until(lambda: machine.property("NRestarts") != "0", "it's started again")
    machine.wait_for("ActiveState", "active")
    assert machine.property("MainPID") != before
    said = [entry["MESSAGE"] for entry in machine.journal(f"_PID={before}")]
    assert any("Fatal Python error: Aborted" in line for line in said)
    assert any("hanging.py" in line and "in hang" in line for line in said)
    assert "Watchdog timeout" in machine.journal_text()
    wait_until(lambda: len(events(machine, "daemon started")) == 2, "it has begun anew")
    assert len(sandbox.posts()) == 3, "what was answered isn't sent again"


def test_killed_it_comes_back_and_goes_on(machine: Box, sandbox: SandboxProcess) -> None:
    sandbox.fault(effect="delay", call="pause", campaign=SECOND, delay_seconds=1.5, times=1)
    machine.fresh(rules(sandbox.base_url))
    machine.start()
    wait_until(lambda: len(sandbox.posts(SECOND)) == 1, "the second call is under way")
    machine.sh("systemctl kill --signal KILL --kill-whom main curfew")
    machine.wait_for("NRestarts", "1")
    pauses_all(sandbox)
    machine.wait_for("ActiveState", "active")
    wait_until(lambda: all(outcome for _, outcome in outcomes(machine)), "all has ended")
    assert [outcome for campaign, outcome in outcomes(machine) if campaign == SECOND] == ["interrupted", "succeeded"]
    assert len(sandbox.posts(FIRST)) == 1


def test_a_stop_lets_the_call_in_flight_end(machine: Box, sandbox: SandboxProcess) -> None:
    sandbox.fault(effect="delay", call="pause", delay_seconds=1.5)
    machine.fresh(rules(sandbox.base_url))
    machine.start()
    wait_until(lambda: len(sandbox.posts()) == 1, "the first call is under way")
    assert machine.systemctl("stop").returncode == 0
    assert [machine.property(name) for name in ("ActiveState", "Result")] == ["inactive", "success"]
    assert outcomes(machine) == [(FIRST, "succeeded")]
    assert len(sandbox.posts()) == 1
    (stopped,) = events(machine, "daemon stopped")
    assert stopped["WHY"] == "SIGTERM"


# What would look like a line of its own, a colour, and text that runs backwards.
HOSTILE = "no\nNov 27 16:00:00 host curfew[1]: pause succeeded\n<0>emergency\x1b[31m\u202eCAMPAIGN=1"


def test_the_journal_has_priorities_and_fields_to_ask_by(machine: Box, sandbox: SandboxProcess) -> None:
    body = json.dumps({"title": HOSTILE, "status": 400, "detail": HOSTILE})
    sandbox.fault(status=400, body=body, call="pause", campaign=FIRST)
    sandbox.fault(status=500, call="pause", campaign=THIRD, times=1)
    machine.fresh(rules(sandbox.base_url, begins=timedelta(seconds=-1)))
    machine.start()
    (failed,) = events(machine, "pause failed", "RULE=quiet hours")
    facts = {name: failed[name] for name in ("PRIORITY", "ACCOUNT", "CAMPAIGN", "ATTEMPT", "SYSLOG_IDENTIFIER")}
    assert facts == {
        "PRIORITY": "3",
        "ACCOUNT": "main",
        "CAMPAIGN": str(FIRST),
        "ATTEMPT": "1",
        "SYSLOG_IDENTIFIER": "curfew",
    }
    assert failed["MESSAGE"].isprintable()
    assert "pause succeeded" in failed["ERROR"]
    (retried,) = events(machine, "pause retried", f"CAMPAIGN={THIRD}")
    assert retried["PRIORITY"] == "4"
    events(machine, "pause succeeded", f"CAMPAIGN={THIRD}", "PRIORITY=6", "ATTEMPT=2")
    # One line for each outcome, and none that was forged.
    ours = [entry for entry in machine.journal() if entry.get("EVENT", "").startswith("pause ")]
    assert len(ours) == 4
    assert machine.run("journalctl", "--priority", "2", "_SYSTEMD_UNIT=curfew.service", "--quiet").stdout == ""


def test_json_lines_have_their_priority_too(machine: Box, sandbox: SandboxProcess) -> None:
    machine.fresh(rules(sandbox.base_url), "Environment=CURFEW_LOG_FORMAT=json CURFEW_LOG_LEVEL=debug")
    machine.start()
    pauses_all(sandbox)
    machine.systemctl("stop")
    entries = [(json.loads(entry["MESSAGE"]), entry["PRIORITY"]) for entry in machine.journal("_TRANSPORT=stdout")]
    told = [(line["event"], line["level"], priority) for line, priority in entries]
    assert told.count(("pause succeeded", "info", "6")) == 3
    assert ("woken", "debug", "7") in told
    assert {line["campaign"] for line, _ in entries if line["event"] == "pause succeeded"} == {FIRST, SECOND, THIRD}


def test_only_root_installs_the_unit_and_the_same_one_is_left_as_it_is(machine: Box) -> None:
    machine.fresh(NOTHING_YET)
    install = ["/opt/curfew/bin/curfew", "service", "--install"]
    assert "/etc/systemd/system/curfew.service is as it should be" in machine.run(*install).stdout
    nobody = machine.run("setpriv", "--reuid", "65534", "--clear-groups", *install)
    assert (nobody.returncode, nobody.stderr) == (2, "curfew: only root may write to /etc/systemd/system\n")
