"""The command line: its contracts for programs, and what it says to a person who made a mistake."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rules.calendars import data_version
from scheduler import __version__, cli, schema
from scheduler.cli import EXIT_CODES, GROUPS, VERBS
from scheduler.ledger import work
from scheduler.ledger.database import Database
from scheduler.ledger.records import Outcome, Result, Seen, State
from scheduler.zonedata import use_newest
from tests.acceptance import processes
from tests.acceptance.command_line import FILE, Curfew, Done, on_a_terminal
from tests.acceptance.processes import KEY
from tests.scheduler_fakes import FRIDAY, new_intent


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
    assert list(found[1]) == ["at", "action", "account", "campaign", "rules", "because", "local", "until", "selector"]
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
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["Thu", "2026-12-24"]
    assert lines[1] == ["00:00+01:00", "pause", "all", "until", "Sun", "2026-12-27", "00:00+01:00"]
    assert lines[2] == ["holidays:", "Christmas", "Eve"]
    assert lines[-3:] == [
        ["Wed", "2026-12-30"],
        ["09:00-05:00", "hold", "12,", "until", "a", "person", "resumes", "it"],
        ["stop:", "2026-12-30", "09:00"],
    ]


def test_plan_of_a_quiet_time_says_so(curfew: Curfew, folder: Path) -> None:
    done = curfew("plan", "--from", "2026-11-24", "--to", "2026-11-25", cwd=folder)
    assert done.stdout == "nothing happens in that time\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "2026-12-31", "--to", "2026-12-23"), "must come after --from"),
        (("--from", "2026-12-31", "--to", "2026-12-31"), "must come after --from"),
        (("--to", "2001-01-01"), "must come after --from"),
        (("--to", "2026-12-31", "--days", "3"), "--to and --days both say where the plan ends"),
        (("--rule", "holiday"), "no rule is called 'holiday'; did you mean 'holidays'?"),
        (("--rule", "x" * 500), f"no rule is called '{'x' * 59}…'"),
    ],
)
def test_plan_says_what_is_wrong_with_its_options(
    curfew: Curfew, folder: Path, options: tuple[str, ...], words: str
) -> None:
    done = curfew("plan", *options, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


@pytest.mark.parametrize("zone", ["Pacific/Apia", "UTC", "America/St_Johns"])
def test_plan_does_not_depend_on_the_zone_of_the_machine(curfew: Curfew, folder: Path, zone: str) -> None:
    span = ("--from", "2026-12-23", "--to", "2026-12-31", "--format", "json")
    done = processes.curfew("plan", *span, cwd=folder, TZ=zone)
    assert json.loads(done.stdout) == curfew.rows("plan", folder, "--from", "2026-12-23", "--to", "2026-12-31")


@pytest.mark.parametrize(
    "span",
    [("--from", "someday"), ("--to", "2026-13-01"), ("--from", "0001-01-01"), ("--to", "9999-12-31"), ("--days", "0")],
)
def test_plan_refuses_a_time_that_is_none(curfew: Curfew, folder: Path, span: tuple[str, str]) -> None:
    done = curfew("plan", *span, cwd=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()[-1]) > 10


def test_check_says_that_a_file_is_right(curfew: Curfew, folder: Path) -> None:
    done = curfew("check", cwd=folder)
    counts = "3 rules, 1 account, 1 calendar"
    data = f"time zone data {use_newest()}, holidays {data_version()}"
    assert (done.returncode, done.stdout) == (0, f"curfew.yaml: right ({counts}, {data})\n")


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
    assert any(line.startswith(f"curfew.yaml:{place}: ") for line in done.stderr.splitlines())
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
    assert curfew("db", "upgrade", cwd=folder).stdout.endswith(f"curfew.db: from nothing to {schema.head()}\n")
    assert curfew("db", "upgrade", cwd=folder).stdout.endswith(f"curfew.db: at {schema.head()} already\n")


def test_an_audit_log_without_lines_says_so(curfew: Curfew, folder: Path) -> None:
    curfew("db", "upgrade", cwd=folder)
    assert curfew("audit", cwd=folder) == Done(0, "nothing is on record\n", "")
    assert curfew.rows("audit", folder) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rule", "holiday"), "no rule is called 'holiday'; did you mean 'holidays'?\n"),
        (("--account", "Main"), "no account is called 'Main'; did you mean 'main'?\n"),
        (("--rule", "stop", "--account", "main"), ""),
    ],
)
@pytest.mark.parametrize("form", ["table", "json"])
def test_audit_says_so_if_nothing_is_found_for_a_name_that_the_file_has_not(
    curfew: Curfew, folder: Path, options: tuple[str, ...], said: str, form: str
) -> None:
    """The ledger may know names of older files: it's a word of warning, and no error."""
    curfew("db", "upgrade", cwd=folder)
    nothing = {"table": "nothing is on record\n", "json": "[]\n"}
    assert curfew("audit", "--format", form, *options, cwd=folder) == Done(0, nothing[form], said)


def test_audit_knows_every_outcome_and_refuses_any_other(curfew: Curfew, folder: Path) -> None:
    curfew("db", "upgrade", cwd=folder)
    done = curfew("audit", "--outcome", "succeded", cwd=folder)
    assert done.returncode == 2
    for outcome in map(str, [*Outcome, *(set(State) - {State.WAITING, State.CALLING}), "under way"]):
        assert outcome in done.stderr
        assert curfew("audit", "--outcome", outcome, cwd=folder).returncode == 0


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
        "number": 1,
    }
    assert decision["attempt"] is None
    assert decision["http_status"] is None
    assert (decision["outcome"], decision["reason"]) == ("skipped", "already paused")
    table = curfew("audit", cwd=folder).stdout
    assert "\x1b" not in table, "a name can't send escapes to the terminal"
    assert [line.split()[:3] for line in table.splitlines()[1:3]] == [
        ["Fri", "2026-11-27,", "+01:00"],
        ["17:00", "11", "Spring"],
    ]
    assert "Fri 2026-11-27, +00:00\n16:00  11 Spring" in curfew("audit", "--utc", cwd=folder).stdout


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


def fill(path: Path, name: str = "Spring \x1b[31moffer") -> None:
    """An attempt of campaign 11, which is to be made again, and a decision about campaign 12."""
    result = Result(
        outcome=Outcome.RETRIED,
        http_status=500,
        error_code="UNKNOWN",
        error_message="try again",
        retry_after=timedelta(seconds=1),
    )
    with Database(f"sqlite:///{path}").writing() as connection:
        work.store_list(connection, "main", [Seen(campaign=11, name=name, status="RUNNING")], FRIDAY)
        intent = work.record_intent(connection, new_intent(11), FRIDAY)
        assert intent is not None
        began = FRIDAY + timedelta(seconds=1.25)
        work.start_attempt(connection, intent, "me", began)
        work.finish_attempt(connection, intent, 1, result, began + timedelta(seconds=0.25))
        skipped = replace(new_intent(12), rules=("weekend", "holidays"))
        work.record_decision(connection, skipped, State.SKIPPED, "already paused", FRIDAY + timedelta(seconds=3))


@pytest.mark.parametrize("verb", [("audit",), ("db", "check"), ("db", "backup", "copy.db")], ids=" ".join)
def test_verbs_of_the_ledger_alone_answer_while_the_file_is_wrong(
    curfew: Curfew, folder: Path, verb: tuple[str, ...]
) -> None:
    assert curfew("db", "upgrade", cwd=folder).returncode == 0
    (folder / "curfew.yaml").write_text(FILE.replace("Fri 17:00", "Fry"))
    assert curfew(*verb, cwd=folder).returncode == 0
    (folder / "curfew.db").rename(folder / "other.db")
    # `audit` doesn't even look at the rest of the file.
    known = "there is no ledger yet" if verb == ("audit",) else "'Fry' isn't a time"
    assert known in curfew(*verb, cwd=folder).stderr
    (folder / "copy.db").unlink(missing_ok=True)
    assert curfew(*verb, "--database", f"sqlite:///{folder}/other.db", cwd=folder).returncode == 0


def test_the_help_lists_every_verb_by_what_it_is_for_and_imports_none() -> None:
    script = "import sys; from scheduler.cli import perform; perform(['--help']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], env=processes.environment(), capture_output=True, text=True, check=True
    )
    *lines, modules = done.stdout.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Options:", *(f"{heading}:" for heading in GROUPS), "Exit codes:"]
    listed = [line.split()[0] for line in lines[lines.index("Begin:") :] if line.startswith("  ")]
    assert listed == [*VERBS, *map(str, EXIT_CODES)]
    assert all(len(line) <= 80 for line in lines)
    assert not {f"scheduler.cli.{verb}" for verb in VERBS} & set(modules.split())


def test_every_module_that_has_a_verb_is_listed() -> None:
    folder = Path(cli.__file__).parent
    paths = [*folder.glob("*.py"), *folder.glob("*/__init__.py")]
    found = {
        path.parent.name if path.name == "__init__.py" else path.stem
        for path in paths
        if re.search(r"^def command\(", path.read_text(), re.MULTILINE)
    }
    assert found == set(VERBS)


def test_the_version_is_said(curfew: Curfew, tmp_path: Path) -> None:
    assert curfew("--version", cwd=tmp_path) == Done(0, f"curfew {__version__}\n", "")


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
    "url",
    [
        "nonsense",
        "mysql://host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///c.db?mode=ro",
        "mysql+pymysql://user:hidden@host/db",
        "postgresql+psycopg://user:hidden@host",
        "postgresql+psycopg://user:hid@hidden@host/db",
        "postgresql+psycopg://user@host/db?password=hidden",
    ],
)
def test_a_database_that_is_not_supported_is_said_without_its_password(curfew: Curfew, folder: Path, url: str) -> None:
    for verb in (("db", "upgrade"), ("run",), ("audit",), ("status",)):
        done = curfew(*verb, "--database", url, cwd=folder)
        assert done.returncode == 2
        assert done.stderr.startswith("curfew: --database: ")
        assert "hidden" not in done.stderr


@pytest.mark.parametrize(
    "url", ["garbage", "mysql://u:hidden@db/x", "postgresql://u:hidden@db", "sqlite:///", "'${NOPE}'"]
)
@pytest.mark.parametrize("verb", [("check",), ("run",), ("status",), ("audit",), ("db", "upgrade")])
def test_a_wrong_database_is_an_error_of_the_file(
    curfew: Curfew, folder: Path, verb: tuple[str, ...], url: str
) -> None:
    (folder / "curfew.yaml").write_text(f"database: {url}\n{FILE}")
    done = curfew(*verb, cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("curfew.yaml:1:11: database: ")
    assert "hidden" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_folder_for_the_ledger_is_named(curfew: Curfew, folder: Path) -> None:
    for verb in (("run",), ("status",), ("db", "upgrade")):
        done = curfew(*verb, cwd=folder, STATE_DIRECTORY=f"{folder}/state")
        said = f"curfew: {folder}/state/curfew.db: the folder {folder}/state is missing\n"
        assert (done.returncode, done.stderr) == (1, said)


def test_run_needs_every_key(curfew: Curfew, folder: Path) -> None:
    (folder / "curfew.yaml").write_text(FILE.replace('api_key: "${WOODPECKER_API_KEY}"', "credential: api-key"))
    assert curfew("check", cwd=folder).returncode == 0, "only the service has its credentials"
    done = curfew("run", cwd=folder)
    assert done.returncode == 2
    assert done.stderr == (
        "curfew.yaml:3:22: accounts.main.credential: systemd credentials are there for the service only; "
        "start it as the service, or write api_key or api_key_file to run it by hand\n"
    )


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


def test_a_file_name_cannot_play_with_the_terminal(curfew: Curfew, folder: Path) -> None:
    name = "a\x1b[31m\nb.yaml"
    (folder / name).write_text(FILE)
    assert curfew("check", "--config", name, cwd=folder).stdout.startswith("a\ufffd[31m\ufffdb.yaml: right")
    assert "\x1b" not in curfew("status", "--config", name, "--database", f"sqlite:///{name}", cwd=folder).stderr


def test_a_long_argument_is_not_repeated_whole(curfew: Curfew, folder: Path) -> None:
    for arguments in (("plan", "--from", "x" * 999), ("plan", "--campaign", "x" * 999), ("x" * 999,)):
        done = curfew(*arguments, cwd=folder)
        assert done.returncode == 2
        assert "…" in done.stderr
        assert len(done.stderr) < 300


def test_letters_that_the_terminal_has_not_stop_nothing(curfew: Curfew, folder: Path) -> None:
    (folder / "curfew.yaml").write_text(FILE.replace("name: stop", "name: ż-ó-😀"))
    span = ("--from", "2026-12-30", "--to", "2026-12-31", "--rule", "ż-ó-😀")
    as_text = processes.curfew("plan", *span, cwd=folder, PYTHONIOENCODING="ascii")
    assert (as_text.returncode, as_text.stderr) == (0, "")
    assert "\\u017c-\\xf3-\\U0001f600" in as_text.stdout
    as_json = processes.curfew("plan", *span, "--format", "json", cwd=folder, PYTHONIOENCODING="ascii")
    assert json.loads(as_json.stdout) == curfew.rows("plan", folder, *span)
    assert [row["rules"] for row in json.loads(as_json.stdout)] == [["ż-ó-😀"]]


@pytest.mark.parametrize("options", [("check",), ("plan",), ("plan", "--format", "json"), ("--help",)])
def test_a_full_disk_is_said(folder: Path, options: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "scheduler", *options],
            cwd=folder,
            env=processes.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "curfew: the output can't be written: no space left on device\n")


def test_the_daemon_goes_on_when_nobody_reads_its_log(folder: Path) -> None:
    """As in `curfew run 2>&1 | head -1`."""
    with processes.sandbox_process(campaigns=1) as sandbox:
        processes.write_rules(folder, sandbox.base_url, processes.window(-timedelta(hours=1), timedelta(hours=1)))
        reader, writer = os.pipe()
        os.close(reader)
        with subprocess.Popen(
            [sys.executable, "-m", "scheduler", "run"], cwd=folder, env=processes.environment(), stderr=writer
        ) as daemon:
            os.close(writer)
            try:
                processes.wait_until(lambda: set(sandbox.statuses().values()) == {"PAUSED"}, "the campaign is paused")
                assert daemon.poll() is None
            finally:
                daemon.terminate()
            assert daemon.wait(15) == 0


@pytest.mark.parametrize("width", [80, 100, 120, 220])
def test_the_audit_log_can_be_read_on_a_terminal(curfew: Curfew, folder: Path, width: int) -> None:
    curfew("db", "upgrade", cwd=folder)
    fill(folder / "curfew.db", name="Spring offer for all the readers of the newsletter " * 2)
    lines = on_a_terminal(width, "audit", cwd=folder)
    assert all(len(line) <= width for line in lines)
    assert lines[0].split() == [
        *("due", "campaign", "action", "try", "outcome", "late"),
        *(("took", "http") if width >= 110 else ()),
        "why",
    ]
    assert lines[1] == "Fri 2026-11-27, +01:00"
    first, why = lines[2], lines[0].index("why")
    assert first.startswith("17:00  11 Sp")
    assert ("…" in first[:why]) == (width < 220), "the name is cut where it must be"
    for whole in ("pause", "1", "retried", "1.2 s"):
        assert f"  {whole}  " in first
    assert "UNKNOWN: try again" in first[why:]
    assert lines[-1].split()[:5] == ["17:00", "12", "pause", "skipped", "3.0"]
    assert lines[-1].endswith("already paused")


@pytest.mark.parametrize("width", [80, 220])
def test_the_plan_can_be_read_on_a_terminal(folder: Path, width: int) -> None:
    lines = on_a_terminal(width, "plan", "--from", "2026-12-23", "--to", "2026-12-31", cwd=folder)
    assert all(len(line) <= width for line in lines)
    assert not any("…" in line for line in lines)
    assert "  00:00+01:00   pause  11, 12 until Mon 2026-12-28 08:00+01:00" in lines
    assert "                holidays: Christmas Eve" in lines
