"""`curfew alert`: what needs a person, and whether alerts arrive."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.alerts.concerns import ABOUT, Kind
from scheduler.ledger.lock import Lock
from scheduler.ledger.tables import concerns
from tests.acceptance.command_line import Curfew, write_file
from tests.inbox import Inbox, inbox
from tests.scheduler_fakes import FRIDAY, MINUTE, ledger_in

RULE = "name: weekend, campaigns: all, pause: {from: Fri 17:00, until: Mon 08:00}"


@pytest.fixture
def box() -> Iterator[Inbox]:
    with inbox() as found:
        yield found


class TestTest:
    def test_each_target_gets_a_message_and_the_ping_a_call(self, curfew: Curfew, tmp_path: Path, box: Inbox) -> None:
        write_file(tmp_path, [RULE], alerts=f"{{to: '{box.target}', ping: '{box.url}/ping'}}")
        assert curfew.lines("alert", "--test", cwd=tmp_path) == [
            "alerts.to[0] (json): taken",
            "alerts.ping: taken",
        ]
        assert box.titles == ["Curfew: a test of its alerts"]
        assert f"{tmp_path}/curfew.yaml" in box.bodies[0]
        assert [letter.path for letter in box.letters] == ["/box", "/ping"]

    def test_one_that_is_not_taken_is_told_and_the_exit_code_is_1(
        self, curfew: Curfew, tmp_path: Path, box: Inbox
    ) -> None:
        write_file(tmp_path, [RULE], alerts=f"{{to: ['json://127.0.0.1:9/SECRET', '{box.target}']}}")
        done = curfew("alert", "--test", cwd=tmp_path)
        assert done.returncode == 1
        first, second = done.stdout.splitlines()
        assert first.startswith("alerts.to[0] (json): not taken: A Connection error occurred")
        assert second == "alerts.to[1] (json): taken"
        assert "SECRET" not in done.stdout + done.stderr

    def test_as_json(self, curfew: Curfew, tmp_path: Path, box: Inbox) -> None:
        box.status = 500
        write_file(tmp_path, [RULE], alerts=f"{{ping: '{box.url}/ping'}}")
        done = curfew("alert", "--test", "--format", "json", cwd=tmp_path)
        assert done.returncode == 1
        assert '"target": "alerts.ping"' in done.stdout
        assert '"why": "HTTP 500: not taken"' in done.stdout

    def test_without_alerts_in_the_file_it_is_wrong_use(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [RULE])
        done = curfew("alert", "--test", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "curfew.yaml has no alerts; docs/operations.md says how to set them up" in done.stderr

    def test_an_address_that_only_the_service_has_is_an_error(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [RULE], alerts="{to: {credential: alert-url}}")
        done = curfew("alert", "--test", cwd=tmp_path)
        assert done.returncode == 2
        assert "alerts.to.credential: systemd credentials are there for the service only" in done.stderr

    def test_a_key_that_only_the_service_has_is_not_needed(self, curfew: Curfew, tmp_path: Path, box: Inbox) -> None:
        accounts = "{main: {credential: api-key}}"
        write_file(tmp_path, [RULE], accounts=accounts, alerts=f"{{to: '{box.target}'}}")
        assert curfew.lines("alert", "--test", cwd=tmp_path) == ["alerts.to[0] (json): taken"]


class TestList:
    def test_what_needs_a_person_is_shown_with_since_when_and_what_to_do(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [RULE])
        with ledger_in(tmp_path).writing() as connection:
            rows = [
                ("pause failing", "main/7 Alpha: UNKNOWN: try again later", FRIDAY, FRIDAY + 5 * MINUTE, None),
                ("key refused", "acme: Unauthorized", FRIDAY + MINUTE, None, None),
                ("file rejected", "over by now", FRIDAY, FRIDAY, FRIDAY + MINUTE),
            ]
            for kind, text, began_at, told_at, over_at in rows:
                row = {"kind": kind, "subject": "x", "text": text, "began_at": began_at, "told_at": told_at}
                connection.execute(concerns.insert().values(row | {"over_at": over_at}))
        with Lock(tmp_path / "curfew.db"):
            lines = curfew.lines("alert", cwd=tmp_path)
            first, second = curfew.rows("alert", tmp_path)
        assert [line.split() for line in lines[:4]] == [
            ["since", "what", "told", "which"],
            ["Fri", "2026-11-27,", "+01:00"],
            [
                "17:00",
                "pause",
                "failing",
                "Fri",
                "2026-11-27",
                "17:05",
                *["main/7", "Alpha:", "UNKNOWN:", "try", "again", "later"],
            ],
            ["17:01", "key", "refused", "acme:", "Unauthorized"],
        ]
        assert f"pause failing: {ABOUT[Kind.PAUSE_FAILING].advice}" in lines
        assert f"key refused: {ABOUT[Kind.KEY_REFUSED].advice}" in lines
        assert first == {
            "kind": "pause failing",
            "subject": "x",
            "text": "main/7 Alpha: UNKNOWN: try again later",
            "since": "2026-11-27T16:00:00Z",
            "told_at": "2026-11-27T16:05:00Z",
            "what": ABOUT[Kind.PAUSE_FAILING].one,
            "what_to_do": ABOUT[Kind.PAUSE_FAILING].advice,
        }
        assert second["told_at"] is None

    def test_nothing_is_said_to_be_nothing(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [RULE])
        ledger_in(tmp_path)
        with Lock(tmp_path / "curfew.db"):
            assert curfew.lines("alert", cwd=tmp_path) == ["nothing needs a person"]
            assert curfew.rows("alert", tmp_path) == []

    def test_that_nobody_looks_is_said(self, curfew: Curfew, tmp_path: Path) -> None:
        """Where no daemon works, that nothing is on record means nothing."""
        write_file(tmp_path, [RULE])
        ledger_in(tmp_path)
        done = curfew("alert", cwd=tmp_path)
        assert done.stderr == "no daemon works now: this is what the last one has found (curfew status)\n"

    def test_where_there_is_no_ledger_that_is_said(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [RULE])
        done = curfew("alert", cwd=tmp_path)
        assert done.returncode == 1
        assert "there is no ledger yet" in done.stderr


def test_a_wrong_address_is_an_error_of_check_with_its_place(curfew: Curfew, tmp_path: Path) -> None:
    write_file(tmp_path, [RULE], alerts="{to: ['json://localhost/x', 'slak://SECRET/b/c']}")
    done = curfew("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "curfew.yaml:3:37: alerts.to[1]: Apprise has no service 'slak'; did you mean 'slack'?" in done.stderr


def test_who_has_no_alerts_does_not_pay_for_them(tmp_path: Path) -> None:
    """Neither the daemon nor a check has Apprise in memory: it's 35 MB."""
    write_file(tmp_path, [RULE])
    code = (
        "import sys; import scheduler.cli.run; from scheduler.cli import perform; "
        "assert perform(['check', '--config', sys.argv[1]]) == 0; assert 'apprise' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "curfew.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
