"""`curfew audit`: its forms, what goes through them unharmed, totals, new lines as they come, the record verified."""

import csv
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len
from sqlalchemy import text

from scheduler import backups
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.records import Outcome, Result, Seen, State
from scheduler.ledger.tables import AUDIT_COLUMNS
from tests.acceptance.command_line import Curfew, Done, terminal
from tests.acceptance.processes import environment
from tests.scheduler_fakes import FRIDAY, HOUR, ledger_in, new_intent

HOSTILE = {
    "escapes": "\x1b[2J\x1b]0;owned\x07 offer \x9b31m",
    "newlines": 'first\r\nsecond\n{"number": 99}\n\u2028third\x85',
    "formula": "=cmd|' /C calc'!A0",
    "others": "@SUM(1+1)*cmd",
    "markup": "[bold red]offer[/] <b>x</b> &amp; *y* `z` {curly}",
    "turned": "\u202eGNP.exe\u2066",
    "quotes": "a\"b',;\tc\\",
    "long": "x" * 10_000,
    "letters": "Ünï 日本語 🎉",
}


def record(connection: Connection, campaign: int, outcome: Outcome = Outcome.SUCCEEDED, hours: float = 0) -> None:
    at = FRIDAY + hours * HOUR
    intent = work.record_intent(connection, new_intent(campaign, due_at=at), at)
    assert intent is not None
    work.start_attempt(connection, intent, "me", at)
    result = Result(outcome=outcome, http_status=200 if outcome is Outcome.SUCCEEDED else 409)
    work.finish_attempt(connection, intent, 1, result, at + timedelta(milliseconds=50))


@pytest.fixture
def ledger(folder: Path) -> Database:
    """The ledger of `curfew.yaml`, with three lines."""
    found = ledger_in(folder)
    with found.writing() as connection:
        work.store_list(connection, "main", [Seen(campaign=11, name="Spring", status="RUNNING")], FRIDAY)
        record(connection, 11)
        record(connection, 12, Outcome.FAILED, hours=1)
        skipped = replace(new_intent(13), rules=("weekend", "holidays"))
        work.record_decision(connection, skipped, State.SKIPPED, "already paused", FRIDAY + 24 * HOUR)
    return found


@pytest.mark.usefixtures("ledger")
class TestForms:
    def test_lines_of_json_are_the_objects_of_json(self, curfew: Curfew, folder: Path) -> None:
        lines = curfew.lines("audit", "--format", "jsonl", cwd=folder)
        assert [json.loads(line) for line in lines] == curfew.rows("audit", folder)
        assert list(json.loads(lines[0])) == list(AUDIT_COLUMNS)

    def test_csv_has_a_line_of_names(self, curfew: Curfew, folder: Path) -> None:
        done = curfew("audit", "--format", "csv", cwd=folder)
        head, first, _, last = csv.reader(io.StringIO(done.stdout, newline=""))
        assert tuple(head) == AUDIT_COLUMNS
        found = dict(zip(head, first, strict=True))
        assert (found["due_at"], found["campaign_name"], found["outcome"]) == (
            "2026-11-27T16:00:00Z",
            "Spring",
            "succeeded",
        )
        assert dict(zip(head, last, strict=True))["rules"] == "weekend; holidays"

    @pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
    def test_where_there_is_nothing(self, curfew: Curfew, folder: Path, form: str) -> None:
        done = curfew("audit", "--campaign", "99", "--format", form, cwd=folder)
        nothing = {"table": "nothing is on record\n", "json": "[]\n", "jsonl": ""}
        assert done == Done(0, nothing.get(form, ",".join(AUDIT_COLUMNS) + "\r\n"), "")

    def test_the_newest_can_be_asked_for_and_a_long_table_is_cut(
        self, curfew: Curfew, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert [row["campaign"] for row in curfew.rows("audit", folder, "--limit", "2")] == [12, 13]
        monkeypatch.setattr(sys.modules["scheduler.cli.audit"], "_TABLE_SHOWS", 2)
        done = curfew("audit", cwd=folder)
        assert "  11 " not in done.stdout
        assert done.stderr == "only the newest 2 lines are shown; --limit 0 shows all\n"
        done = curfew("audit", "--limit", "0", cwd=folder)
        assert ("  11 Spring" in done.stdout, done.stderr) == (True, "")

    def test_relative_times_count_back_from_now(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        with ledger.writing() as connection:
            now = connection.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-3 hours')")).scalar_one()
            recent = FRIDAY.fromisoformat(now)
            work.record_decision(connection, new_intent(14, due_at=recent), State.SKIPPED, "x", recent)
        asked = [(), ("--since", "4h"), ("--since", "2h"), ("--since", "-5h", "--until", "1h")]
        found = [[row["campaign"] for row in curfew.rows("audit", folder, *options)] for options in asked]
        assert [14 in each for each in found] == [True, True, False, True]
        assert found[3] == [14]

    @pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
    def test_totals(self, curfew: Curfew, folder: Path, form: str) -> None:
        done = curfew("audit", "--summary", "day", "--summary", "outcome", "--format", form, cwd=folder)
        rows = [("2026-11-27", "failed", 1), ("2026-11-27", "succeeded", 1), ("2026-11-28", "skipped", 1)]
        match form:
            case "table":
                assert [line.split() for line in done.stdout.splitlines()] == [
                    ["number", "day", "outcome"],
                    *([str(number), day, outcome] for day, outcome, number in rows),
                ]
            case "csv":
                assert done.stdout.splitlines() == ["day,outcome,number", *(f"{a},{b},{c}" for a, b, c in rows)]
            case _:
                objects = json.loads(done.stdout) if form == "json" else map(json.loads, done.stdout.splitlines())
                assert [tuple(each.values()) for each in objects] == rows
        assert curfew("audit", "--summary", "rule", "--account", "x", cwd=folder).stdout == "nothing is on record\n"

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--head", "1:a"), "--head and --archive go with --verify"),
            (("--verify", "--rule", "x"), "--verify looks at the whole record"),
            (("--verify", "--format", "csv"), "--verify looks at the whole record"),
            (("--verify", "--limit", "3"), "--verify looks at the whole record"),
            (("--summary", "day", "--limit", "3"), "--limit is for lines; --summary counts all of them"),
            (("--verify", "--follow"), "--verify looks at the whole record"),
            (("--follow", "--format", "json"), "--follow has no end"),
            (("--follow", "--summary", "day"), "--follow has no end"),
            (("--follow", "--until", "now"), "--follow has no end"),
            (("--verify", "--head", "12"), "--head: '12' isn't a head as --verify prints it, NUMBER:HASH"),
        ],
    )
    def test_what_does_not_go_together_is_wrong_use(
        self, curfew: Curfew, folder: Path, options: tuple[str, ...], said: str
    ) -> None:
        done = curfew("audit", *options, cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"curfew: {said}")

    def test_a_file_that_is_wrong_elsewhere_is_no_hindrance(self, curfew: Curfew, folder: Path) -> None:
        """The audit log is asked for when something has gone wrong."""
        file = folder / "curfew.yaml"
        file.write_text(file.read_text().replace("Fri 17:00", "Fry 17:00"))
        assert len(curfew.rows("audit", folder)) == 3
        assert curfew("audit", "--rule", "nights", cwd=folder).stdout == "nothing is on record\n"


def test_ctrl_c_leaves_no_trace_wherever_it_comes(folder: Path, ledger: Database) -> None:
    """The library that closes the ledger has a log of its own, which Python writes where nobody else does."""
    script = (
        "import sys; from sqlalchemy.engine.default import DefaultDialect; from scheduler.cli import perform\n"
        "def do_close(*_):\n    raise KeyboardInterrupt\n"
        "DefaultDialect.do_close = do_close; sys.exit(perform(['audit', '--database', sys.argv[1]]))"
    )
    command = [sys.executable, "-c", script, f"sqlite:///{ledger.path}"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, "")


def test_it_pays_for_no_library_that_it_does_not_use(folder: Path, ledger: Database) -> None:
    """Or most of its time would be theirs."""
    script = (
        "import sys; from scheduler.cli import perform; code = perform(['audit', '--database', sys.argv[1]]); "
        "print(code, *{'pydantic', 'alembic', 'holidays', 'icalendar', 'httpx', 'apscheduler'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script, f"sqlite:///{ledger.path}"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"


class TestHostileNames:
    """Whatever campaigns are called, every form has their names, and nothing else comes of it."""

    @pytest.fixture(autouse=True)
    def campaigns(self, folder: Path) -> None:
        with ledger_in(folder).writing() as connection:
            for number, name in enumerate(HOSTILE.values(), start=101):
                work.store_list(connection, "main", [Seen(campaign=number, name=name, status="RUNNING")], FRIDAY)
                work.record_decision(connection, new_intent(number), State.SKIPPED, "x", FRIDAY + 48 * HOUR)

    def test_in_json_and_its_lines(self, curfew: Curfew, folder: Path) -> None:
        assert [row["campaign_name"] for row in curfew.rows("audit", folder)] == list(HOSTILE.values())
        lines = curfew("audit", "--format", "jsonl", cwd=folder).stdout
        assert lines.count("\n") == len(lines.splitlines()) == len(HOSTILE), "whatever is taken for the end of a line"
        assert [json.loads(line)["campaign_name"] for line in lines.splitlines()] == list(HOSTILE.values())
        for printed in (lines, curfew("audit", "--format", "json", cwd=folder).stdout):
            assert not [letter for letter in printed if not letter.isprintable() and letter != "\n"]

    def test_in_csv(self, curfew: Curfew, folder: Path) -> None:
        done = curfew("audit", "--format", "csv", cwd=folder)
        head, *rows = csv.reader(io.StringIO(done.stdout, newline=""))
        found = [row[head.index("campaign_name")] for row in rows]
        assert found == [f"'{name}" if name[0] in "=@" else name for name in HOSTILE.values()]

    def test_in_csv_on_a_terminal(self, folder: Path) -> None:
        """A file gets what a name is made of; a terminal would do what it says."""
        code, shown = terminal(100, "audit", "--format", "csv", cwd=folder)
        # The terminal makes two signs of each line's end, of which CSV has two itself.
        lines = shown.split("\r\r\n")
        assert (code, len(lines), lines[-1]) == (0, 2 + len(HOSTILE), "")
        assert all(line.isprintable() for line in lines)

    def test_in_a_table(self, folder: Path) -> None:
        """On a terminal: a line each, in which only our own colours are more than letters."""
        code, shown = terminal(100, "audit", cwd=folder)
        assert code == 0
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n")
        assert all(letter.isprintable() for letter in plain.replace("\n", ""))
        lines = plain.splitlines()[-len(HOSTILE) :]
        assert [line.split()[:2] for line in lines] == [
            ["17:00", str(number)] for number in range(101, 101 + len(HOSTILE))
        ]
        assert all(cell_len(line) <= 100 for line in lines)
        assert all(re.search(r"  pause +skipped +48h 00m +x$", line) for line in lines)
        assert any("104 @SUM(1+1)*cmd" in line for line in lines)
        assert any("105 [bold red]offer[" in line for line in lines)


@contextmanager
def following(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`curfew audit --follow` as a process."""
    command = [sys.executable, "-m", "scheduler", "audit", "--follow", *options]
    out = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment(), text=True, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.kill()


_COLUMNS = ["due", "campaign", "action", "try", "outcome", "late", "took", "http", "why"]


class TestFollow:
    def test_new_lines_come_as_they_are_recorded_until_it_is_interrupted(self, folder: Path, ledger: Database) -> None:
        with following(folder, "--format", "jsonl", "--outcome", "succeeded", "--limit", "1") as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["campaign"] == 11
            with ledger.writing() as connection:
                record(connection, 21, hours=2)
                record(connection, 22, Outcome.FAILED, hours=3)
                record(connection, 23, hours=-4)
            assert [json.loads(process.stdout.readline())["campaign"] for _ in range(2)] == [21, 23]
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 130
            assert "Traceback" not in (process.stderr.read() if process.stderr else "")

    def test_a_table_begins_with_its_names_and_it_ends_quietly_when_nobody_reads_any_more(
        self, folder: Path, ledger: Database
    ) -> None:
        with following(folder, "--campaign", "21") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline().split() == [
                "due",
                "campaign",
                "action",
                "try",
                "outcome",
                "late",
                "took",
                "http",
                "why",
            ]
            with ledger.writing() as connection:
                record(connection, 21, hours=2)
            assert process.stdout.readline() == "Fri 2026-11-27, +01:00\n"
            assert process.stdout.readline().split()[:5] == ["19:00", "21", "pause", "1", "succeeded"]
            process.stdout.close()
            assert process.wait(15) == 0
            assert process.stderr.read() == ""

    def test_a_ledger_that_takes_its_place_is_said(self, folder: Path, ledger: Database) -> None:
        backups.back_up(ledger, folder / "copy.db")
        with ledger.writing() as connection:
            record(connection, 21, hours=2)
        with following(folder, "--format", "jsonl") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            for _ in range(4):
                process.stdout.readline()
            backups.restore(ledger, folder / "copy.db", FRIDAY)
            assert "another ledger has taken its place" in process.stderr.readline()
            with ledger.writing() as connection:
                record(connection, 22, hours=2)
            assert json.loads(process.stdout.readline())["campaign"] == 22


def printed(done: Done) -> list[str]:
    return done.stdout.splitlines()


class TestVerify:
    def test_a_record_that_is_whole_is_said_to_be_so_with_its_head(
        self, curfew: Curfew, folder: Path, ledger: Database
    ) -> None:
        verdict, head = curfew.lines("audit", "--verify", cwd=folder)
        assert verdict == f"{ledger.name}: 3 outcomes, as recorded"
        noted = head.removeprefix("head ")
        assert re.fullmatch(r"3:[0-9a-f]{64}", noted)
        done = curfew("audit", "--verify", "--head", noted, "--format", "json", cwd=folder)
        assert (done.returncode, json.loads(done.stdout)) == (
            0,
            [{"ledger": ledger.name, "outcomes": 3, "first": 1, "head": noted, "problems": []}],
        )

    @pytest.mark.parametrize(
        ("statements", "said"),
        [
            (
                ["UPDATE outcomes SET outcome = 'succeeded' WHERE number = 2"],
                "outcome 2 (pause of campaign 12 of main, due 2026-11-27T17:00:00.000000Z: succeeded) was changed",
            ),
            (["DELETE FROM outcomes WHERE number = 2"], "outcome 2 is missing: removed"),
            (["DELETE FROM outcomes WHERE number = 3"], "outcome 3 is missing: removed"),
            (
                [
                    "UPDATE outcomes SET number = 9 WHERE number = 1",
                    "UPDATE outcomes SET number = 1 WHERE number = 2",
                    "UPDATE outcomes SET number = 2 WHERE number = 9",
                ],
                "outcome 1 (pause of campaign 12 of main, due 2026-11-27T17:00:00.000000Z: failed) and outcome 2 (pause"
                " of campaign 11 of main, due 2026-11-27T16:00:00.000000Z: succeeded) have been swapped",
            ),
            (
                ["INSERT INTO attempts (intent_id, number, started_at, outcome) VALUES (1, 2, '2026', 'failed')"],
                "attempt 2 of intent 1 (failed) isn't in the record: inserted, or its outcome removed",
            ),
        ],
        ids=["changed", "removed", "newest-removed", "swapped", "inserted"],
    )
    def test_what_was_done_to_it_is_said(
        self, curfew: Curfew, folder: Path, ledger: Database, statements: list[str], said: str
    ) -> None:
        with ledger.writing() as connection:
            for each in statements:
                connection.execute(text(each))
        done = curfew("audit", "--verify", cwd=folder)
        assert done.returncode == 1
        assert printed(done)[0] == said
        assert printed(done)[-1].endswith("outcomes, NOT as recorded")

    @pytest.mark.usefixtures("ledger")
    def test_a_noted_head_shows_a_record_that_was_written_anew(self, curfew: Curfew, folder: Path) -> None:
        done = curfew("audit", "--verify", "--head", f"2:{'a' * 64}", cwd=folder)
        assert done.returncode == 1
        assert printed(done)[0] == "outcome 2 isn't the one that was noted: the record was written anew"

    def test_words_in_it_cannot_move_the_cursor(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        with ledger.writing() as connection:
            connection.execute(text("UPDATE outcomes SET account = :name WHERE number = 2"), {"name": "\x1b[2J\nx"})
        done = curfew("audit", "--verify", cwd=folder)
        assert "\x1b" not in done.stdout
        assert printed(done)[0].startswith("outcome 2 (pause of campaign 12 of ")

    def test_it_holds_through_a_backup_and_a_restore(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        """What was recorded after the backup is known to the noted head alone."""
        curfew.lines("db", "backup", "copy.db", cwd=folder)
        copied = curfew.lines("audit", "--verify", "--database", "sqlite:///copy.db", cwd=folder)
        assert copied[0].endswith("3 outcomes, as recorded")
        with ledger.writing() as connection:
            record(connection, 21, hours=2)
        later = curfew.lines("audit", "--verify", cwd=folder)[1].removeprefix("head ")
        curfew.lines("db", "restore", "copy.db", cwd=folder)
        assert curfew.lines("audit", "--verify", cwd=folder)[1] == copied[1]
        done = curfew("audit", "--verify", "--head", later, cwd=folder)
        assert printed(done)[0] == "it ends with outcome 3, before the head that was noted, 4: removed"
        with ledger.writing() as connection:
            record(connection, 22, hours=2)
        assert curfew("audit", "--verify", cwd=folder).returncode == 0

    def test_pruned_outcomes_are_verified_by_their_archive(self, curfew: Curfew, folder: Path) -> None:
        ledger = ledger_in(folder)
        with ledger.writing() as connection:
            for years in (5, 4, 3):
                record(connection, 9, hours=-24 * 365 * years)
        noted = curfew.lines("audit", "--verify", cwd=folder)[1].removeprefix("head ")
        written, removed = curfew.lines("db", "prune", "--keep", "1000d", "--archive", "a.jsonl", cwd=folder)
        assert written == f"a.jsonl: outcomes 1 to 3, {(folder / 'a.jsonl').stat().st_size:,} bytes"
        assert removed == f"removed from the ledger, with 2 changes; its next outcome follows {noted}"
        assert curfew.lines("audit", "--verify", cwd=folder)[0].endswith("0 outcomes from 4 on, as recorded")
        verdict, head = curfew.lines("audit", "--verify", "--archive", "a.jsonl", "--head", noted, cwd=folder)
        assert (verdict, head) == (f"{ledger.name}: 3 outcomes, as recorded", f"head {noted}")
        assert curfew.lines("db", "prune", "--keep", "1000d", cwd=folder) == ["nothing is older than 1000d"]

    @pytest.mark.parametrize(("keep", "said"), [("x", "isn't a duration"), ("59d", "at least 60d are kept")])
    @pytest.mark.usefixtures("ledger")
    def test_what_cannot_be_kept_is_wrong_use(self, curfew: Curfew, folder: Path, keep: str, said: str) -> None:
        done = curfew("db", "prune", "--keep", keep, cwd=folder)
        assert (done.returncode, said in done.stderr) == (2, True)
