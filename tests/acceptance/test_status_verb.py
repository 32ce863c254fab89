"""`curfew status`: alive or not, what's wrong since when and what to do, what comes next, what is held until when.

Its clock stands an hour after FRIDAY, where the weekend has begun.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from rules.ruleset import Action, Edge, Ruleset, Subject
from scheduler.alerts.concerns import ABOUT, Concern, Kind
from scheduler.alerts.stock import compare
from scheduler.ledger import concerns, work
from scheduler.ledger.database import Database
from scheduler.ledger.lives import LATE
from scheduler.ledger.lock import Lock
from scheduler.ledger.records import FILE_LOADED, FILE_REJECTED, Outcome, Result, Seen
from scheduler.settings import load
from scheduler.zonedata import use_newest
from tests.acceptance import processes
from tests.acceptance.command_line import FILE, Curfew, terminal, uncoloured
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, MINUTE, ledger_in, new_intent, resume

NOW = FRIDAY + HOUR
SUCCEEDED = Result(outcome=Outcome.SUCCEEDED, http_status=200)
TRY_AGAIN = Result(
    outcome=Outcome.RETRIED, http_status=500, error_code="UNKNOWN", error_message="try again", retry_after=MINUTE
)
REFUSED = replace(TRY_AGAIN, http_status=401, error_code="Unauthorized", error_message="no such key")
NEVER = replace(TRY_AGAIN, outcome=Outcome.FAILED, http_status=400, error_message="not now", retry_after=None)
HEAD = "process 4711, version 0.1.0, last tick Fri 2026-11-27 17:59+01:00, 12 s ago"


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with freeze_time(NOW):
        yield


@pytest.fixture
def ledger(folder: Path) -> Database:
    return ledger_in(folder)


@pytest.fixture
def alive(ledger: Database) -> Iterator[Database]:
    """A ledger on which a daemon works that has ticked 12 s ago."""
    run(ledger, tick=NOW - timedelta(seconds=12))
    with Lock(ledger.path):
        yield ledger


def run(ledger: Database, *, tick: datetime | None, stopped: datetime | None = None, dry_run: bool = False) -> None:
    """A daemon that was started."""
    with ledger.writing() as connection:
        number = work.register_daemon(
            connection, host="alpha", pid=4711, version="0.1.0", dry_run=dry_run, now=FRIDAY - DAY
        )
        if tick:
            work.record_tick(connection, number, tick)
        if stopped:
            work.record_stop(connection, number, stopped, "SIGTERM")


def changed(
    ledger: Database,
    campaigns: Sequence[int],
    result: Result,
    *,
    action: Action = Action.PAUSE,
    account: str = "main",
    because: str = "weekend: Fri 17:00 until Mon 08:00",
) -> None:
    """Changes that were due at FRIDAY, tried once, a minute later."""
    with ledger.writing() as connection:
        for campaign in campaigns:
            new = replace(new_intent(campaign, account=account), because=because)
            intent = work.record_intent(connection, new if action is Action.PAUSE else resume(new), FRIDAY)
            assert intent is not None
            number = work.start_attempt(connection, intent, "me", FRIDAY + MINUTE)
            assert number is not None
            work.finish_attempt(connection, intent, number, result, FRIDAY + MINUTE)


def left(ledger: Database, campaigns: Sequence[int]) -> None:
    """Campaigns that couldn't be given back."""
    changed(ledger, campaigns, SUCCEEDED)
    with ledger.writing() as connection:
        for held in work.custody_of(connection, "main").values():
            work.leave(connection, held, "it can't be resumed", FRIDAY + 2 * MINUTE)


def named(ledger: Database, *seen: Seen) -> None:
    with ledger.writing() as connection:
        work.store_list(connection, "main", seen, FRIDAY)


def loaded(ledger: Database, digest: str, *rejected: int) -> None:
    """A load at FRIDAY, and files that were rejected after it, minute after minute, each with so many problems."""
    details: dict[str, Any] = {"file": "curfew.yaml", "sha256": digest, "rules": 3}
    problems = [f"{number}:1: rules: what's wrong" for number in range(1, 8)]
    with ledger.writing() as connection:
        work.note(connection, FRIDAY, FILE_LOADED, details=details)
        for minute, number in enumerate(rejected, 1):
            found = details | {"number": number, "problems": problems[:number]}
            work.note(connection, FRIDAY + minute * MINUTE, FILE_REJECTED, details=found)


def section(lines: Sequence[str], title: str) -> list[str]:
    """The lines below a title."""
    (start,) = [place for place, line in enumerate(lines) if line.startswith(title)]
    return list(lines[start + 1 : lines.index("", start)])


class TestVerdict:
    def test_before_the_first_daemon(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        assert ledger.path.exists()
        lines = curfew.lines("status", cwd=folder)
        assert lines[:5] == [
            "✗ not running, and never was",
            "",
            "what's wrong",
            "  no daemon has used this ledger yet",
            "    → start it: curfew run, or as a service: curfew service --install",
        ]

    @pytest.mark.usefixtures("alive")
    def test_alive_and_well_nothing_is_said_to_be_wrong(self, curfew: Curfew, folder: Path) -> None:
        lines = curfew.lines("status", cwd=folder)
        assert lines[:4] == ["● alive, all well", f"  {HEAD}", "", "next, in 62 h"]
        assert lines[-1] == f"time zone data {use_newest()}"

    def test_a_dry_run_is_told_from_a_real_one(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        run(ledger, tick=NOW, dry_run=True)
        with Lock(ledger.path):
            assert curfew.lines("status", cwd=folder)[0] == "● alive, all well (a dry run: nothing is paused)"

    def test_one_that_has_just_begun_has_no_tick_yet(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        run(ledger, tick=None)
        with Lock(ledger.path):
            assert curfew.lines("status", cwd=folder)[:2] == [
                "● alive, all well",
                "  process 4711, version 0.1.0, no tick yet",
            ]

    def test_what_was_stopped_is_told_with_what_it_owes(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        run(ledger, tick=NOW - 20 * MINUTE, stopped=NOW - 19 * MINUTE)
        changed(ledger, [11, 12], SUCCEEDED)
        lines = curfew.lines("status", cwd=folder)
        assert lines[0] == "✗ not running since Fri 2026-11-27 17:41+01:00, 19 min ago"
        assert section(lines, "what's wrong") == [
            "  the daemon was stopped; 2 campaigns to be given back",
            "    → start it: systemctl start curfew, or curfew run",
        ]

    @pytest.mark.parametrize("has_ticked", [True, False])
    def test_of_one_that_has_crashed_nobody_knows_when(
        self, curfew: Curfew, folder: Path, ledger: Database, has_ticked: bool
    ) -> None:
        run(ledger, tick=NOW - 40 * MINUTE if has_ticked else None)
        lines = curfew.lines("status", cwd=folder)
        sign = "Fri 2026-11-27 17:20+01:00, 40 min ago" if has_ticked else "Thu 2026-11-26 17:00+01:00, 25 h ago"
        assert lines[0] == f"✗ not running any more; last sign {sign}"
        assert section(lines, "what's wrong")[0] == "  the daemon ended without a word"

    @pytest.mark.parametrize("is_late", [False, True])
    def test_who_has_recorded_nothing_for_minutes_hangs_or_cannot(
        self, curfew: Curfew, folder: Path, ledger: Database, is_late: bool
    ) -> None:
        run(ledger, tick=NOW - LATE - timedelta(seconds=is_late))
        with Lock(ledger.path):
            assert curfew.rows("status", folder)[0]["is_late"] is is_late
            lines = curfew.lines("status", cwd=folder)
        assert lines[0] == ("▲ alive, 1 thing needs you" if is_late else "● alive, all well")
        at = "Fri 2026-11-27 17:56+01:00"
        if is_late:
            assert section(lines, "what's wrong") == [
                f"  nothing was recorded since {at}, 3 min ago; it hangs, or can't write the ledger",
                "    → its log says which: journalctl -u curfew -e",
            ]
        assert curfew.rows("status", folder)[0]["is_late"] is False


class TestTroubles:
    def test_all_of_them_are_told_with_since_when_and_what_to_do(
        self, curfew: Curfew, folder: Path, alive: Database
    ) -> None:
        changed(alive, [21, 22, 23, 24, 25], TRY_AGAIN)
        changed(alive, [26], NEVER)
        changed(alive, [31], REFUSED, account="acme")
        left(alive, [41])
        named(alive, Seen(campaign=26, name="Spring", status="RUNNING"))
        loaded(alive, "x", 1)
        lines = curfew.lines("status", cwd=folder)
        at = "Fri 2026-11-27 17:01+01:00"
        assert lines[0] == "▲ alive, 4 things need you"
        assert section(lines, "what's wrong") == [
            f"  the key of account acme is refused since {at}, 59 min ago; 1 change to be made",
            "    Unauthorized: no such key",
            "    → put a valid key in its place; it's tried again every five minutes, and when the file is loaded",
            f"  6 pauses fail since {at}, 59 min ago",
            "    26 Spring: UNKNOWN: not now (given up)",
            "    21, 22, 23 and 2 more: UNKNOWN: try again",
            "    → they run although they should be quiet: pause them in Woodpecker if it matters now",
            f"  the file was rejected since {at}, 59 min ago; 1 mistake; the rules loaded before stay in force",
            "    1:1: rules: what's wrong",
            "    → mend it; curfew check shows each mistake",
            "  1 campaign left paused since Fri 2026-11-27 17:02+01:00, 58 min ago",
            "    41: it can't be resumed",
            "    → look at each in Woodpecker, and resume it there; it's forgotten here then",
        ]
        assert "    21, 22, 23, 24, 25: UNKNOWN: try again" in curfew.lines("status", "--all", cwd=folder)
        (answer,) = curfew.rows("status", folder)
        assert [(each["what"], each["since"]) for each in answer["wrong"]] == [
            ("the key of account acme is refused", "2026-11-27T16:01:00Z"),
            ("6 pauses fail", "2026-11-27T16:01:00Z"),
            ("the file was rejected", "2026-11-27T16:01:00Z"),
            ("1 campaign left paused", "2026-11-27T16:02:00Z"),
        ]
        assert answer["wrong"][1]["details"][1] == "21, 22, 23, 24, 25: UNKNOWN: try again"
        assert len(answer["failing"]) == 7

    def test_of_many_errors_the_first_are_shown_and_the_rest_is_counted(
        self, curfew: Curfew, folder: Path, alive: Database
    ) -> None:
        for number in range(8):
            changed(alive, [21 + number], replace(TRY_AGAIN, error_message=f"reason {number}"))
        said = section(curfew.lines("status", cwd=folder), "what's wrong")
        assert said[5:7] == ["    25: UNKNOWN: reason 4", "    and 3 more: curfew status --all"]
        assert len(section(curfew.lines("status", "--all", cwd=folder), "what's wrong")) == 10

    def test_a_resume_that_fails_is_told_as_one(self, curfew: Curfew, folder: Path, alive: Database) -> None:
        changed(alive, [11], SUCCEEDED)
        changed(alive, [11], TRY_AGAIN, action=Action.RESUME)
        said = section(curfew.lines("status", cwd=folder), "what's wrong")
        assert said[0].startswith("  1 resume fails since ")
        assert said[-1].startswith("    → each is tried again for a day")

    def test_the_exit_code_says_it_only_where_that_is_asked_for(
        self, curfew: Curfew, folder: Path, alive: Database
    ) -> None:
        assert [curfew("status", *check, cwd=folder).returncode for check in ((), ("--check",))] == [0, 0]
        changed(alive, [21], TRY_AGAIN)
        for form in ("text", "json"):
            codes = [curfew("status", "--format", form, *check, cwd=folder).returncode for check in ((), ("--check",))]
            assert codes == [0, 1]

    def test_names_from_elsewhere_cannot_forge_a_line(self, curfew: Curfew, folder: Path, alive: Database) -> None:
        changed(alive, [21], TRY_AGAIN)
        changed(alive, [11], SUCCEEDED)
        for campaign in (21, 11):
            named(alive, Seen(campaign=campaign, name="\x1b[31m\n● alive, all well\r[b]x[/b]", status="RUNNING"))
        text = curfew("status", cwd=folder).stdout
        assert "\x1b" not in text
        assert not any(line.startswith("● ") for line in text.splitlines())
        assert "[b]x[/b]" in text


class TestFile:
    def test_which_file_is_in_force_and_which_one_was_refused(
        self, curfew: Curfew, folder: Path, alive: Database
    ) -> None:
        digest = load(folder / "curfew.yaml").digest
        loaded(alive, digest)
        shown = f"  file curfew.yaml, loaded Fri 2026-11-27 17:00+01:00, 60 min ago (sha256 {digest[:12]})"
        assert curfew.lines("status", cwd=folder)[2:4] == [shown, ""]
        (folder / "curfew.yaml").write_text(f"{FILE}\n")
        assert curfew.lines("status", cwd=folder)[3] == "  the file is another one by now, not loaded yet"
        loaded(alive, digest, 1, 7)
        lines = curfew.lines("status", cwd=folder)
        assert lines[2:4] == [shown, ""]
        assert section(lines, "what's wrong")[1:-1] == [
            *(f"    {number}:1: rules: what's wrong" for number in range(1, 6)),
            "    and 2 more: curfew status --all",
        ]
        (answer,) = curfew.rows("status", folder)
        assert answer["file"] == {"file": "curfew.yaml", "sha256": digest, "loaded_at": "2026-11-27T16:00:00Z"}
        assert (answer["rejected_file"]["since"], answer["rejected_file"]["number"]) == ("2026-11-27T16:01:00Z", 7)

    def test_it_answers_also_while_the_file_is_wrong(self, curfew: Curfew, folder: Path, alive: Database) -> None:
        """The daemon goes on by the one before, and a person wants to know of it then most of all."""
        loaded(alive, "x")
        changed(alive, [11], SUCCEEDED)
        for wrong in (FILE.replace("Fri 17:00", "Fry"), "rules: [", ""):
            (folder / "curfew.yaml").write_text(wrong)
            lines = curfew.lines("status", cwd=folder)
            assert "loaded Fri 2026-11-27 16:00+00:00" in lines[2]
            assert section(lines, "what's wrong")[0] == "  the file is wrong by now"
            assert section(lines, "next")[0].startswith("  not known here while the file is wrong")
            assert (
                section(lines, "held paused")[1] == "Mon 2026-11-30 07:00  11        weekend: Fri 17:00 until Mon 08:00"
            )
            assert curfew.rows("status", folder)[0]["next_edges"] is None

    def test_it_answers_also_where_the_file_is_gone(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        (folder / "curfew.yaml").unlink()
        assert curfew("status", cwd=folder).returncode == 0
        ledger.path.rename(folder / "other.db")
        assert curfew("status", cwd=folder).returncode == 2
        assert curfew("status", "--database", f"sqlite:///{folder}/other.db", cwd=folder).returncode == 0
        assert curfew("status", "--database", "garbage", cwd=folder).stderr.startswith("curfew: --database: ")


class TestNext:
    def test_they_are_found_however_far_they_are(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        assert ledger.path.exists()
        once = "from: {:%Y-%m-%d} 12:00, until: {:%Y-%m-%d} 12:00"
        pauses = [once.format(NOW + day * DAY, NOW + (day + 1) * DAY) for day in (2, 10, 60, 70)]
        write(folder, "{name: quiet, campaigns: [7], pause: [" + ", ".join(f"{{{each}}}" for each in pauses) + "]}")
        (answer,) = curfew.rows("status", folder)
        found = [(datetime.fromisoformat(edge["at"]).date() - NOW.date()).days for edge in answer["next_edges"]]
        assert found == [2, 3, 10, 11, 60]

    def test_no_more_are_asked_for_than_are_shown(
        self, curfew: Curfew, folder: Path, ledger: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Thousands of campaigns have many edges in two months; five are shown."""
        assert ledger.path.exists()
        asked: list[timedelta] = []
        edges = Ruleset.edges

        def noted(self: Ruleset, start: datetime, end: datetime) -> Iterator[tuple[Subject, Edge]]:
            asked.append(end - start)
            return edges(self, start, end)

        monkeypatch.setattr(Ruleset, "edges", noted)
        write(folder, "{name: nights, campaigns: [11, 12, 13], pause: {on: daily, from: 01:00, until: 02:00}}")
        assert len(curfew.rows("status", folder)[0]["next_edges"]) == 5
        assert asked == [DAY]

    def test_what_is_the_same_for_many_is_one_line(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        assert ledger.path.exists()
        many = ", ".join(map(str, range(1000, 7000)))
        write(
            folder,
            f"{{name: nights, campaigns: [{many}], pause: {{on: daily, from: 01:00, until: 02:00}}}}",
            "{name: mornings, campaigns: [11, 12], pause: {on: daily, from: 01:00, until: 09:00}}",
        )
        assert section(curfew.lines("status", cwd=folder), "next, in 7 h")[:5] == [
            "when   action  campaign         rules",
            "Sat 2026-11-28, +01:00",
            "01:00  pause   11, 12           mornings",
            "01:00  pause   6,000 campaigns  nights",
            "02:00  resume  6,000 campaigns  nights",
        ]

    def test_where_nothing_comes_that_is_said(self, curfew: Curfew, folder: Path, ledger: Database) -> None:
        assert ledger.path.exists()
        write(folder, "{name: once, campaigns: [7], pause: {from: 2020-01-01 10:00, until: 2020-01-02 10:00}}")
        assert section(curfew.lines("status", cwd=folder), "next") == ["  nothing in the next 64 days"]


def write(folder: Path, *rules: str) -> None:
    lines = ["timezone: Europe/Warsaw", "accounts: {main: {api_key: x}}", "rules:", *(f"  - {rule}" for rule in rules)]
    (folder / "curfew.yaml").write_text("\n".join([*lines, ""]))


class TestHeld:
    def test_each_is_named_with_its_end_as_the_rules_have_it_by_now(
        self, curfew: Curfew, folder: Path, alive: Database
    ) -> None:
        changed(alive, [12, 11, 13], SUCCEEDED)
        named(alive, Seen(campaign=11, name="Spring", status="PAUSED"))
        curfew("extend", "weekend", "--until", "2026-12-01", "--by", "ada", cwd=folder)
        lines = section(curfew.lines("status", cwd=folder), "held paused, to be resumed: 3")
        # Nothing keeps 13 any more: its resume is due.
        assert [line[:31].rstrip() for line in lines] == [
            "until                     campa",
            "due Fri 2026-11-27 18:00  13",
            "Tue 2026-12-01 00:00      11 Sp",
            "Tue 2026-12-01 00:00      12",
        ]
        (answer,) = curfew.rows("status", folder)
        assert answer["custody"][0] == {
            "account": "main",
            "campaign": 11,
            "campaign_name": "Spring",
            "since": "2026-11-27T16:01:00Z",
            "because": "weekend: Fri 17:00 until Mon 08:00",
            "until": "2026-11-30T23:00:00Z",
        }

    def test_thousands_are_grouped_by_end_and_reason_unless_all_are_asked_for(
        self, curfew: Curfew, folder: Path, alive: Database
    ) -> None:
        write(
            folder,
            "{name: weekend, campaigns: [11, 12], pause: {from: Fri 17:00, until: Mon 08:00}}",
            "{name: fair, campaigns: all, pause: {from: 2026-11-27 16:00, until: 2026-11-29 08:00}}",
        )
        changed(alive, [11, 12], SUCCEEDED)
        changed(alive, range(1000, 1600), SUCCEEDED, because="fair: 2026-11-27 16:00 until 2026-11-29 08:00")
        assert section(curfew.lines("status", cwd=folder), "held paused, to be resumed: 602") == [
            "until                 campaign       because",
            "Sun 2026-11-29 08:00  600 campaigns  fair: 2026-11-27 16:00 until 2026-11-29 08:00",
            "Mon 2026-11-30 08:00  2 campaigns    weekend: Fri 17:00 until Mon 08:00",
        ]
        assert len(section(curfew.lines("status", "--all", cwd=folder), "held paused")) == 603
        assert len(curfew.rows("status", folder)[0]["custody"]) == 602

    def test_of_many_groups_the_first_are_shown_and_the_rest_is_counted(
        self, curfew: Curfew, folder: Path, alive: Database
    ) -> None:
        for number in range(13):
            changed(alive, [11, 12] if not number else [100 + number], SUCCEEDED, because=f"reason {number:02}")
        lines = section(curfew.lines("status", cwd=folder), "held paused, to be resumed: 14")
        assert len(lines) == 12
        assert lines[-1] == "and 4 campaigns more: curfew status --all"

    def test_one_whose_window_never_ends_has_no_end_in_sight(
        self, curfew: Curfew, folder: Path, alive: Database
    ) -> None:
        write(folder, "{name: always, campaigns: [11], pause: {on: daily}}")
        changed(alive, [11], SUCCEEDED, because="always")
        assert section(curfew.lines("status", cwd=folder), "held paused")[1] == "no end in sight  11        always"
        assert curfew.rows("status", folder)[0]["custody"][0]["until"] is None

    @pytest.mark.usefixtures("alive")
    def test_nothing_is_nothing(self, curfew: Curfew, folder: Path) -> None:
        assert section(curfew.lines("status", cwd=folder), "held paused, to be resumed") == ["  nothing"]


def test_as_json_it_keeps_its_contract(curfew: Curfew, folder: Path, ledger: Database) -> None:
    assert ledger.path.exists()
    (answer,) = curfew.rows("status", folder)
    known = ["alive", "last_tick_at", "is_late", "wrong", "next_edges", "custody", "left_paused", "failing"]
    assert list(answer) == [*known, "zone_data", "file", "rejected_file", "standing_by", "daemon"]
    assert (answer["file"], answer["rejected_file"], answer["daemon"]) == (None, None, None)
    assert answer["alive"] is False
    assert answer["standing_by"] == []
    assert answer["last_tick_at"] is None
    assert len(answer["next_edges"]) == 5
    assert all(datetime.fromisoformat(edge["at"]).tzinfo for edge in answer["next_edges"])
    (wrong,) = answer["wrong"]
    assert list(wrong) == ["what", "since", "to_do", "remark", "details"]


@pytest.mark.parametrize("width", [40, 80])
def test_it_can_be_read_on_a_terminal(folder: Path, ledger: Database, width: int) -> None:
    """A process of its own, by the real clock: the daemon that is on record has ended long ago."""
    run(ledger, tick=FRIDAY - 300 * DAY)
    left(ledger, [41])
    changed(ledger, [11], SUCCEEDED)
    named(ledger, Seen(campaign=11, name="Spring offer for all the readers of the newsletter", status="PAUSED"))
    _, text = terminal(width, "status", cwd=folder)
    assert text.startswith("\x1b[1;31m✗ not running any more; last sign")
    lines = uncoloured(text).splitlines()
    table = section(lines, "held paused, to be resumed: 1")
    assert all(len(line) <= max(width, 72 if line in table else 0) for line in lines if not line.startswith("  file"))
    said = " ".join(line.strip() for line in section(lines, "what's wrong"))
    assert "41: it can't be resumed → look at each in Woodpecker, and resume it there" in said


def test_where_the_output_has_only_ascii_the_marks_are_others(folder: Path, ledger: Database) -> None:
    assert ledger.path.exists()
    done = processes.curfew("status", cwd=folder, PYTHONIOENCODING="ascii")
    assert done.stdout.startswith("x not running, and never was\n")
    assert "    -> start it" in done.stdout
    assert "\x1b" not in done.stdout, "colours are for terminals"


def test_what_the_daemon_has_found_besides_is_there_with_what_to_do(
    curfew: Curfew, folder: Path, alive: Database
) -> None:
    """What the ledger's own rows say better isn't said twice."""
    hanging = Concern(kind=Kind.HANGS, subject="lane main", text="lane main", since=FRIDAY)
    missed = Concern(kind=Kind.WINDOW_MISSED, subject="w", text="nights: Thu 18:00 until Fri 08:00", since=FRIDAY)
    failing = Concern(kind=Kind.PAUSE_FAILING, subject="main/7", text="main/7: try again", since=FRIDAY)
    changes = compare([], [hanging, missed, failing], FRIDAY)
    with alive.writing() as connection:
        concerns.record(connection, changes, FRIDAY)
    (answer,) = curfew.rows("status", folder)
    assert [(each["what"], each["since"]) for each in answer["wrong"]] == [
        ("a part of the daemon hangs", f"{FRIDAY:%Y-%m-%dT%H:%M:%SZ}"),
        ("a quiet window was missed", None),
    ]
    shown = curfew("status", cwd=folder).stdout
    assert "2 things need you" in shown
    assert "nights: Thu 18:00 until Fri 08:00" in shown
    assert ABOUT[Kind.HANGS].advice.split()[0] in shown


def test_what_a_daemon_has_found_that_lives_no_more_is_not_said_of_it(
    curfew: Curfew, folder: Path, ledger: Database
) -> None:
    run(ledger, tick=FRIDAY, stopped=FRIDAY)
    hanging = Concern(kind=Kind.HANGS, subject="lane main", text="lane main", since=FRIDAY)
    with ledger.writing() as connection:
        concerns.record(connection, compare([], [hanging], FRIDAY), FRIDAY)
    (answer,) = curfew.rows("status", folder)
    assert [each["what"] for each in answer["wrong"]] == ["the daemon was stopped"]
