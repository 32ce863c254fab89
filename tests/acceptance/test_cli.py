"""The command line: its contracts for programs, and what it says to a person who made a mistake."""

import json
import socket
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scheduler import schema
from scheduler.cli import VERBS, run
from scheduler.ledger.database import Database
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
    """The command line without the cost of a process for each call; `test_daemon.py` has real ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, cwd: Path, **environment: str) -> Done:
        with self._monkeypatch.context() as patch:
            patch.chdir(cwd)
            for name, value in {"WOODPECKER_API_KEY": KEY, **environment}.items():
                patch.setenv(name, value)
            self._capsys.readouterr()
            code = run(arguments)
        return Done(code, *self._capsys.readouterr())

    def rows(self, verb: str, folder: Path, *options: str) -> list[dict[str, Any]]:
        """What a verb prints as JSON."""
        done = self(verb, "--format", "json", *options, cwd=folder)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


@pytest.fixture
def curfew(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Curfew:
    for name in ("CURFEW_CONFIG", "CURFEW_DATABASE", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    return Curfew(monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "curfew.yaml").write_text(FILE)
    return tmp_path


def test_plan_as_json_keeps_its_contract(curfew: Curfew, folder: Path) -> None:
    """A Friday holiday and the weekend after it are one pause and one resume; a hold has no end."""
    found = curfew.rows("plan", folder, "--from", "2026-12-23", "--to", "2026-12-31")
    assert [(row["at"], row["action"], row["campaign"], row["until"]) for row in found] == [
        ("2026-12-23T23:00:00Z", "pause", "all", "2026-12-26T23:00:00Z"),
        ("2026-12-23T23:00:00Z", "pause", 11, "2026-12-28T07:00:00Z"),
        ("2026-12-23T23:00:00Z", "pause", 12, "2026-12-28T07:00:00Z"),
        ("2026-12-26T23:00:00Z", "resume", "all", None),
        ("2026-12-28T07:00:00Z", "resume", 11, None),
        ("2026-12-28T07:00:00Z", "resume", 12, None),
        ("2026-12-30T14:00:00Z", "pause", 12, None),
    ]
    assert list(found[1]) == ["at", "action", "account", "campaign", "rules", "because", "local", "until"]
    assert found[1]["rules"] == ["holidays", "weekend"]
    assert found[1]["because"].startswith("holidays: Christmas Eve; ")
    assert found[1]["account"] == "main"
    assert found[1]["local"] == "2026-12-24T00:00:00+01:00"
    assert found[-1]["local"] == "2026-12-30T09:00:00-05:00"


def test_plan_has_its_start_in_and_its_end_out(curfew: Curfew, folder: Path) -> None:
    span = ("--from", "2026-11-27T16:00:00Z", "--to", "2026-11-30T07:00:00Z")
    assert [row["action"] for row in curfew.rows("plan", folder, *span)] == ["pause", "pause"]


def test_plan_can_be_asked_for_one_campaign_or_rule(curfew: Curfew, folder: Path) -> None:
    span = ("--from", "2026-12-23", "--to", "2026-12-31")
    assert {row["campaign"] for row in curfew.rows("plan", folder, *span, "--campaign", "12")} == {12}
    assert {row["campaign"] for row in curfew.rows("plan", folder, *span, "--campaign", "999")} == {999}
    assert [row["at"] for row in curfew.rows("plan", folder, *span, "--rule", "stop")] == ["2026-12-30T14:00:00Z"]


def test_plan_needs_no_key_and_no_environment(curfew: Curfew, folder: Path) -> None:
    done = curfew("plan", "--from", "2026-12-23", "--to", "2026-12-31", cwd=folder, WOODPECKER_API_KEY="")
    assert done.returncode == 0
    assert "Thu 2026-12-24 00:00:00+01:00" in done.stdout
    assert "holidays: Christmas Eve" in done.stdout
    assert "hold" in done.stdout


def test_plan_of_a_quiet_time_says_so(curfew: Curfew, folder: Path) -> None:
    done = curfew("plan", "--from", "2026-11-24", "--to", "2026-11-25", cwd=folder)
    assert done.stdout == "nothing happens in that time\n"


@pytest.mark.parametrize("zone", ["Pacific/Apia", "UTC", "America/St_Johns"])
def test_plan_does_not_depend_on_the_zone_of_the_machine(curfew: Curfew, folder: Path, zone: str) -> None:
    span = ("--from", "2026-12-23", "--to", "2026-12-31", "--format", "json")
    done = processes.curfew("plan", *span, cwd=folder, TZ=zone)
    assert json.loads(done.stdout) == curfew.rows("plan", folder, "--from", "2026-12-23", "--to", "2026-12-31")


@pytest.mark.parametrize(
    "span",
    [("--from", "tomorrow"), ("--to", "2026-13-01"), ("--from", "0001-01-01"), ("--to", "9999-12-31"), ("--days", "0")],
)
def test_plan_refuses_a_time_that_is_none(curfew: Curfew, folder: Path, span: tuple[str, str]) -> None:
    done = curfew("plan", *span, cwd=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()[-1]) > 10


def test_check_says_that_a_file_is_right(curfew: Curfew, folder: Path) -> None:
    done = curfew("check", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "curfew.yaml: right (3 rules, 1 account, 1 calendar)\n")


def test_check_names_every_mistake_on_a_line_of_its_own(curfew: Curfew, folder: Path) -> None:
    wrong = FILE.replace("Europe/Warsaw", "Europe/Warsav").replace("Fri 17:00", "Fry 17:00").replace("PL", "PX")
    (folder / "curfew.yaml").write_text(wrong)
    done = curfew("check", cwd=folder, WOODPECKER_API_KEY="")
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        ["curfew.yaml:1:11", "timezone"],
        ["curfew.yaml:3:19", "accounts.main.api_key"],
        ["curfew.yaml:5:21", "calendars.poland.country"],
        ["curfew.yaml:9:19", "rules[0].pause.from"],
    ]


@pytest.mark.parametrize("verb", ["check", "plan", "run", "status", "audit"])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        (None, "1:1"),
        (b"", "1:1"),
        (b"timezone: \xff", "1:11"),
        (b"a: [1", "2:1"),
        (b"just text", "1:1"),
        (b"timezone: UTC\ntimezone: UTC\n", "2:1"),
    ],
    ids=["missing", "empty", "not-utf8", "broken", "no-mapping", "duplicate-key"],
)
def test_a_file_that_cannot_be_read_is_wrong_use(
    curfew: Curfew, tmp_path: Path, verb: str, content: bytes | None, place: str
) -> None:
    if content is not None:
        (tmp_path / "curfew.yaml").write_bytes(content)
    done = curfew(verb, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"curfew.yaml:{place}: ")
    assert "Traceback" not in done.stderr


def test_a_directory_is_no_file(curfew: Curfew, tmp_path: Path) -> None:
    (tmp_path / "curfew.yaml").mkdir()
    done = curfew("check", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "curfew.yaml:1:1: (file): is a directory\n")


@pytest.mark.parametrize("verb", ["audit", "status"])
def test_a_ledger_that_is_not_there_is_said(curfew: Curfew, folder: Path, verb: str) -> None:
    done = curfew(verb, cwd=folder)
    assert done.returncode == 1
    assert "there is no ledger yet" in done.stderr
    assert not (folder / "curfew.db").exists(), "asking doesn't make one"


def test_a_ledger_of_another_version_is_said(curfew: Curfew, folder: Path) -> None:
    assert curfew("db", "upgrade", cwd=folder).returncode == 0
    with closing(sqlite3.connect(folder / "curfew.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    for verb in ("audit", "status"):
        assert "revision 9999" in curfew(verb, cwd=folder).stderr
    done = curfew("run", cwd=folder)
    assert done.returncode == 1
    assert "newer Curfew" in done.stderr


def test_a_file_that_is_no_database_is_said(curfew: Curfew, folder: Path) -> None:
    (folder / "curfew.db").write_text("this is not a database, but a text of some length\n" * 20)
    for verb in ("audit", "status", "run"):
        done = curfew(verb, cwd=folder)
        assert done.returncode == 1
        assert "curfew.db: file is not a database" in done.stderr
        assert "Traceback" not in done.stderr


def test_upgrade_says_what_it_did(curfew: Curfew, folder: Path) -> None:
    assert curfew("db", "upgrade", cwd=folder).stdout.endswith("curfew.db: from nothing to 0001\n")
    assert curfew("db", "upgrade", cwd=folder).stdout.endswith("curfew.db: at 0001 already\n")


def test_an_audit_log_without_lines_says_so(curfew: Curfew, folder: Path) -> None:
    curfew("db", "upgrade", cwd=folder)
    assert curfew("audit", cwd=folder).stdout == "nothing is on record\n"
    assert curfew.rows("audit", folder) == []


def test_audit_as_json_keeps_its_contract(curfew: Curfew, folder: Path) -> None:
    database = Database(f"sqlite:///{folder / 'curfew.db'}")
    database.create()
    schema.upgrade(database)
    fill(folder / "curfew.db")
    attempt, decision = curfew.rows("audit", folder)
    assert attempt == {
        "due_at": "2026-11-27T16:00:00Z",
        "started_at": "2026-11-27T16:00:01.250000Z",
        "account": "main",
        "campaign": 11,
        "campaign_name": "Spring \x1b[31moffer",
        "action": "pause",
        "rules": ["weekend"],
        "attempt": 1,
        "outcome": "retried",
        "http_status": 500,
        "error": "UNKNOWN: try again",
        "reason": "weekend: Fri 17:00 until Mon 08:00",
        "late_by_seconds": 1.25,
        "duration_ms": 250,
    }
    assert decision["attempt"] is None
    assert decision["http_status"] is None
    assert (decision["outcome"], decision["reason"]) == ("skipped", "already paused")
    table = curfew("audit", cwd=folder).stdout
    assert "\x1b" not in table, "a name can't send escapes to the terminal"
    assert "Fri 2026-11-27 17:00:00+01:00" in table
    assert "Fri 2026-11-27 16:00:00+00:00" in curfew("audit", "--utc", cwd=folder).stdout


@pytest.mark.parametrize(
    ("options", "campaigns"),
    [
        (("--campaign", "12"), [12]),
        (("--rule", "holidays"), [12]),
        (("--rule", "holi"), []),
        (("--outcome", "retried"), [11]),
        (("--action", "resume"), []),
        (("--account", "main"), [11, 12]),
        (("--since", "2026-11-27T16:00:02Z"), [12]),
        (("--until", "2026-11-27T16:00:02Z"), [11]),
        (("--since", "2026-11-28"), []),
    ],
)
def test_audit_filters(curfew: Curfew, folder: Path, options: tuple[str, ...], campaigns: list[int]) -> None:
    curfew("db", "upgrade", cwd=folder)
    fill(folder / "curfew.db")
    assert [row["campaign"] for row in curfew.rows("audit", folder, *options)] == campaigns


def fill(path: Path) -> None:
    """An attempt of campaign 11 and a decision about campaign 12."""
    intent = "INSERT INTO intents VALUES (?,'main',?,'pause',?,?,?,?,'RUNNING',1,?,?,1,NULL,NULL,?,?)"
    due, end = "2026-11-27T16:00:00.000000Z", "2026-11-30T07:00:00.000000Z"
    because = "weekend: Fri 17:00 until Mon 08:00"
    decided = "2026-11-27T16:00:03.000000Z"
    with closing(sqlite3.connect(path)) as database:
        database.execute(intent, (1, 11, due, end, '["weekend"]', because, "waiting", None, due, None))
        skipped = (2, 12, due, end, '["weekend", "holidays"]', because, "skipped", "already paused", due, decided)
        database.execute(intent, skipped)
        database.execute(
            "INSERT INTO attempts VALUES (1, 1, 1, ?, ?, 'retried', NULL, 500, 'UNKNOWN', 'try again')",
            ("2026-11-27T16:00:01.250000Z", "2026-11-27T16:00:01.500000Z"),
        )
        name = "Spring \x1b[31moffer"
        database.execute("INSERT INTO campaigns VALUES ('main', 11, ?, NULL, 'RUNNING', ?)", (name, due))
        database.commit()


def test_status_as_json_keeps_its_contract(curfew: Curfew, folder: Path) -> None:
    curfew("db", "upgrade", cwd=folder)
    (answer,) = curfew.rows("status", folder)
    assert list(answer) == ["alive", "last_tick_at", "next_edges", "custody", "failing"]
    assert answer["alive"] is False
    assert answer["last_tick_at"] is None
    assert len(answer["next_edges"]) == 5
    assert all(datetime.fromisoformat(edge["at"]).tzinfo for edge in answer["next_edges"])
    assert "no daemon has used this ledger yet" in curfew("status", cwd=folder).stdout


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself_with_an_example(curfew: Curfew, tmp_path: Path, verb: str) -> None:
    done = curfew(verb, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"curfew {verb}" in done.stdout.partition("Example")[2]


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("check", "--nonsense"), ("plan", "--campaign", "x"), ("db", "x")]
)
def test_wrong_use_is_exit_code_2(curfew: Curfew, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = curfew(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://host/db", "sqlite://", "postgresql+psycopg://user:hidden@host/db"]
)
def test_a_database_that_is_not_supported_is_said_without_its_password(curfew: Curfew, folder: Path, url: str) -> None:
    done = curfew("db", "upgrade", "--database", url, cwd=folder)
    assert done.returncode == 1
    assert "sqlite" in done.stderr
    assert "hidden" not in done.stderr
    assert "Traceback" not in done.stderr


def test_run_needs_every_key(curfew: Curfew, folder: Path) -> None:
    (folder / "curfew.yaml").write_text(FILE.replace('api_key: "${WOODPECKER_API_KEY}"', "credential: api-key"))
    assert curfew("check", cwd=folder).returncode == 0, "only the service has its credentials"
    done = curfew("run", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("curfew.yaml:3:22: accounts.main.credential: ")


def test_a_port_in_use_is_said(curfew: Curfew, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = curfew("sandbox", "--port", str(taken.getsockname()[1]), cwd=folder)
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_in_the_file_is_not_shown_in_errors(curfew: Curfew, folder: Path) -> None:
    (folder / "curfew.yaml").write_text(FILE.replace('"${WOODPECKER_API_KEY}"', f"[{KEY}]"))
    done = curfew("check", cwd=folder)
    assert done.returncode == 2
    assert KEY not in done.stderr
