"""`curfew check`: every mistake and every warning at its place, with the line of the file on a terminal."""

import os
from pathlib import Path
from shutil import copy

import pytest

from rules.calendars import data_version
from rules.ics import LARGEST
from scheduler.zonedata import use_newest
from tests.acceptance import processes
from tests.acceptance.command_line import FILE, Curfew, terminal, uncoloured, write_file
from tests.acceptance.processes import KEY
from tests.readme import ROOT

SAMPLES = ROOT / "tests" / "data" / "config"
WEEKEND = "name: weekend, campaigns: [11], pause: {from: Fri 17:00, until: Mon 08:00}"
GERMANY = "calendars.germany.country: warning: DE has parts with holidays of their own"
NEVER = "name: never, campaigns: [11], pause: {on: 2026-02-03, except: 2026-02-03}"
CLOSURES = b"""\
BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Example//EN\r
BEGIN:VEVENT\r
UID:1@example.com\r
DTSTAMP:20261101T000000Z\r
SUMMARY:Gala\r
DTSTART;VALUE=DATE:20261210\r
END:VEVENT\r
END:VCALENDAR\r
"""


def on_terminal(folder: Path, *options: str) -> tuple[int, list[str]]:
    """The exit code, and the lines without their colours."""
    code, shown = terminal(80, "check", *options, cwd=folder)
    return code, uncoloured(shown).splitlines()


class TestWarnings:
    @pytest.fixture
    def doubtful(self, tmp_path: Path) -> Path:
        rules = [WEEKEND, NEVER]
        write_file(tmp_path, rules, accounts="{main: {credential: api-key}}", calendars="{germany: {country: DE}}")
        return tmp_path

    def test_they_are_told_with_their_places_and_do_not_fail(self, curfew: Curfew, doubtful: Path) -> None:
        done = curfew("check", cwd=doubtful)
        assert done.returncode == 0
        unchecked, country, never = done.stderr.splitlines()
        assert unchecked == (
            "curfew.yaml:2:31: accounts.main.credential: note: "
            "systemd credentials are there for the service only; not checked"
        )
        assert country.startswith(f"curfew.yaml:3:32: {GERMANY}")
        assert never == "curfew.yaml:6:43: rules[1].pause: warning: never comes within 8 years: no day is left for it"
        assert done.stdout.startswith("curfew.yaml: right, with 2 warnings (2 rules, 1 account, 1 calendar, ")

    def test_if_asked_for_they_fail(self, curfew: Curfew, doubtful: Path) -> None:
        done = curfew("check", "--strict", cwd=doubtful)
        assert done.returncode == 2
        assert done.stdout.startswith("curfew.yaml: right, with 2 warnings (")

    def test_a_credential_that_only_the_service_has_is_no_doubt_about_the_file(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        write_file(tmp_path, [WEEKEND], accounts="{main: {credential: api-key}}")
        done = curfew("check", "--strict", cwd=tmp_path)
        assert done.returncode == 0
        assert len(done.stderr.splitlines()) == 1
        assert done.stdout.startswith("curfew.yaml: right (")

    def test_one_is_counted_as_one(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [NEVER])
        assert "right, with 1 warning (1 rule, " in curfew("check", cwd=tmp_path).stdout

    def test_beside_a_mistake_they_wait_until_the_file_can_be_read(self, curfew: Curfew, doubtful: Path) -> None:
        write_file(doubtful, [WEEKEND.replace("Fri", "Fry"), NEVER], calendars="{germany: {country: DE}}")
        done = curfew("check", cwd=doubtful)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1

    def test_a_key_that_is_not_checked_is_told_beside_the_mistakes(self, curfew: Curfew, doubtful: Path) -> None:
        write_file(doubtful, [WEEKEND.replace("Fri", "Fry")], accounts="{main: {credential: api-key}}")
        done = curfew("check", cwd=doubtful)
        assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
            "curfew.yaml:2:31",
            "curfew.yaml:4:52",
        ]


class TestLastLine:
    def test_it_has_the_versions_of_the_zone_data_and_of_the_holidays(self, curfew: Curfew, folder: Path) -> None:
        (line,) = curfew.lines("check", cwd=folder)
        assert line.endswith(f"time zone data {use_newest()}, holidays {data_version()})")

    def test_without_a_country_no_holidays_are_asked_for(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [WEEKEND], calendars="{company: {dates: 2026-12-24}}")
        (line,) = curfew.lines("check", cwd=tmp_path)
        assert line == f"curfew.yaml: right (1 rule, 1 account, 1 calendar, time zone data {use_newest()})"


class TestManyMistakes:
    @pytest.fixture
    def wrong(self, tmp_path: Path) -> Path:
        copy(SAMPLES / "many-mistakes.yaml", tmp_path / "curfew.yaml")
        return tmp_path

    def expected(self) -> list[str]:
        said = (SAMPLES / "many-mistakes.txt").read_text(encoding="utf-8").splitlines()
        return [f"curfew.yaml:{line}" for line in said]

    def test_twelve_mistakes_are_twelve_lines_with_their_places_on_a_pipe(self, wrong: Path) -> None:
        done = processes.curfew("check", cwd=wrong)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines() == self.expected()
        assert len(self.expected()) == 12

    def test_on_a_terminal_each_has_its_line_of_the_file_and_a_caret(self, wrong: Path) -> None:
        code, lines = on_terminal(wrong)
        assert code == 2
        assert [line for line in lines if not line.startswith("    ")] == self.expected()
        source = (wrong / "curfew.yaml").read_text().splitlines()
        told = [line.split(":")[1:3] for line in self.expected()]
        excerpts = [line for line in lines if line.startswith("    ")]
        # Whatever stands below `accounts` and `database` stays where it is.
        shown = [(int(line), int(column)) for line, column in told if line not in {"3", "4"}]
        assert excerpts[::2] == [f"    {source[line - 1]}" for line, _ in shown]
        assert excerpts[1::2] == [" " * (column + 3) + "^" for _, column in shown]


class TestExcerpt:
    def test_the_caret_stands_below_what_is_meant(self, tmp_path: Path) -> None:
        write_file(tmp_path, [WEEKEND], timezone="Europe/Warsav")
        code, lines = on_terminal(tmp_path)
        assert code == 2
        assert lines == [
            "curfew.yaml:1:11: timezone: unknown time zone 'Europe/Warsav'; did you mean 'Europe/Warsaw'?",
            "    timezone: Europe/Warsav",
            "              ^",
        ]

    def test_an_error_is_red_and_a_warning_yellow(self, tmp_path: Path) -> None:
        write_file(tmp_path, [WEEKEND, NEVER])
        code, shown = terminal(80, "check", cwd=tmp_path)
        assert code == 0
        assert "\x1b[33m\x1b[1m" in shown
        write_file(tmp_path, [WEEKEND.replace("Fri", "Fry")])
        code, shown = terminal(80, "check", cwd=tmp_path)
        assert code == 2
        assert "\x1b[31m\x1b[1m" in shown

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("x" * 200, ""),
            ("", "x" * 200),
            ("x" * 200, "x" * 200),
            ("休日" * 8, ""),
            ("休日" * 80, "休日" * 80),
            ("é" * 20, ""),
            ("e\N{COMBINING ACUTE ACCENT}" * 20, ""),
        ],
        ids=["long before", "long after", "long", "wide", "wide and long", "accents", "combining accents"],
    )
    def test_on_a_line_of_any_length_and_letters_the_caret_stands_below_the_mistake(
        self, tmp_path: Path, before: str, after: str
    ) -> None:
        rule = f"description: '{before}', name: a, campaigns: [11], pause: {{on: frx}}, catch_up: 1h"
        more = f"description: '{after}', name: b, campaigns: [12], pause: {{on: fri}}"
        write_file(tmp_path, [])
        text = (tmp_path / "curfew.yaml").read_text().replace("rules:\n", f"rules: [{{{rule}}}, {{{more}}}]\n")
        (tmp_path / "curfew.yaml").write_text(text, encoding="utf-8")
        code, (_, excerpt, caret) = on_terminal(tmp_path)
        assert code == 2
        assert caret.strip() == "^"
        assert from_cell(excerpt, caret.index("^")).startswith("frx}")
        assert cells(excerpt) <= 80

    def test_a_tab_takes_one_place(self, tmp_path: Path) -> None:
        write_file(tmp_path, ["name: a,\tcampaigns: [11],\t\tpause: {on: frx}"])
        _, (_, excerpt, caret) = on_terminal(tmp_path)
        assert from_cell(excerpt, caret.index("^")) == "frx}}"
        assert "\t" not in excerpt

    @pytest.mark.parametrize(
        ("name", "value", "place"),
        [
            ("accounts", f"{{main: {{api_key: {KEY}, base_url: ftp://host}}}}", "accounts.main.base_url"),
            ("accounts", f"{{main: {{api_keys: {KEY}}}}}", "accounts.main.api_keys"),
            ("accounts", f"[{KEY}]", "accounts"),
            ("acounts", f"{{main: {{ap: {KEY}}}}}", "acounts"),
            ("database", f"postgresql://curfew:{KEY}@host", "database"),
        ],
    )
    def test_a_line_that_may_hold_a_key_or_a_password_is_not_shown(
        self, tmp_path: Path, name: str, value: str, place: str
    ) -> None:
        write_file(tmp_path, [WEEKEND.replace("Fri", "Fry")], **{name: value})
        code, lines = on_terminal(tmp_path)
        assert code == 2
        assert any(f": {place}: " in line for line in lines)
        assert not any(KEY in line for line in lines)
        assert sum(line.strip() == "^" for line in lines) == 1, "the rule's line is shown"

    def test_a_line_with_a_key_is_not_shown_for_what_stands_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "curfew.yaml").write_text(
            f"{{timezone: Warsaw, accounts: {{main: {{api_key: {KEY}}}}}, rules: []}}"
        )
        code, lines = on_terminal(tmp_path)
        assert code == 2
        assert any(": timezone: " in line for line in lines)
        assert not any(KEY in line for line in lines)

    def test_text_that_is_no_yaml_is_not_shown(self, tmp_path: Path) -> None:
        (tmp_path / "curfew.yaml").write_text(f"accounts:\n  main:\n    api_key: {KEY}: x\n")
        _, lines = on_terminal(tmp_path)
        assert len(lines) == 1
        assert KEY not in lines[0]

    def test_a_line_cannot_play_with_the_terminal(self, tmp_path: Path) -> None:
        write_file(tmp_path, [f"{WEEKEND}, cathc_up: '\N{RIGHT-TO-LEFT OVERRIDE}x'"])
        _, (_, excerpt, _) = on_terminal(tmp_path)
        assert excerpt.endswith("'\N{REPLACEMENT CHARACTER}x'}")

    @pytest.mark.parametrize("verb", ["plan", "run", "status"])
    def test_every_verb_shows_it(self, tmp_path: Path, verb: str) -> None:
        write_file(tmp_path, [WEEKEND], timezone="Warsaw")
        code, shown = terminal(80, verb, cwd=tmp_path)
        assert code == 2
        assert uncoloured(shown).splitlines()[1:] == ["    timezone: Warsaw", "              ^"]

    def test_where_only_the_output_is_a_terminal_there_is_none(self, curfew: Curfew, tmp_path: Path) -> None:
        write_file(tmp_path, [WEEKEND], timezone="Warsaw")
        assert len(curfew("check", cwd=tmp_path).stderr.splitlines()) == 1


WIDE = "休日"


def cells(text: str) -> int:
    """How much room a text takes: the few letters of these tests are known."""
    return sum(2 if letter in WIDE else 0 if letter == "\N{COMBINING ACUTE ACCENT}" else 1 for letter in text)


def from_cell(text: str, cell: int) -> str:
    """What stands from a place of the terminal on."""
    return next(text[number:] for number in range(len(text)) if cells(text[:number]) == cell and cells(text[number]))


class TestIcsFiles:
    @pytest.fixture
    def shared(self, tmp_path: Path) -> Path:
        """A file whose calendar is `closures.ics` beside it."""
        write_file(
            tmp_path, ["name: a, campaigns: all, pause: {on: shared}"], calendars="{shared: {ics: closures.ics}}"
        )
        (tmp_path / "closures.ics").write_bytes(CLOSURES)
        return tmp_path

    def said(self, curfew: Curfew, folder: Path, *options: str, cwd: Path | None = None) -> str:
        done = curfew("check", *options, cwd=cwd or folder)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("curfew.yaml:3:27: calendars.shared.ics: 'closures.ics': ")
        return line.partition("'closures.ics': ")[2]

    def test_one_that_is_right_is_right(self, curfew: Curfew, shared: Path) -> None:
        assert len(curfew.lines("check", cwd=shared)) == 1

    def test_one_that_is_missing_is_told(self, curfew: Curfew, shared: Path) -> None:
        (shared / "closures.ics").unlink()
        assert self.said(curfew, shared) == "no such file or directory"

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is empty; export the calendar again"),
            (b"this is no calendar\r\n", "isn't an iCalendar file"),
            (b"\xff\xfe\x00", "line 1 isn't UTF-8; save the file as UTF-8"),
            (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n", "has no event (VEVENT)"),
            (CLOSURES.replace(b"20261210", b"20261310"), "DTSTART isn't understood"),
            (CLOSURES.replace(b"END:VEVENT\r\n", b""), "line 9 ends VCALENDAR within the VEVENT of line 4"),
        ],
    )
    def test_one_that_is_broken_is_told_with_what_is_wrong_in_it(
        self, curfew: Curfew, shared: Path, content: bytes, words: str
    ) -> None:
        (shared / "closures.ics").write_bytes(content)
        assert words in self.said(curfew, shared)

    def test_one_that_is_too_large_is_told_without_reading_it(self, curfew: Curfew, shared: Path) -> None:
        with (shared / "closures.ics").open("wb") as file:
            file.truncate(LARGEST + 1)
        assert self.said(curfew, shared).startswith("is larger than 4 MiB")

    def test_a_folder_is_told(self, curfew: Curfew, shared: Path) -> None:
        (shared / "closures.ics").unlink()
        (shared / "closures.ics").mkdir()
        assert self.said(curfew, shared) == "is a directory"

    def test_a_pipe_is_told_and_not_waited_for(self, curfew: Curfew, shared: Path) -> None:
        (shared / "closures.ics").unlink()
        os.mkfifo(shared / "closures.ics")
        assert self.said(curfew, shared) == "not a regular file"

    def test_a_relative_path_counts_from_the_files_folder(
        self, curfew: Curfew, shared: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        done = curfew("check", "--config", str(shared / "curfew.yaml"), cwd=elsewhere)
        assert (done.returncode, done.stderr) == (0, "")
        (shared / "closures.ics").rename(elsewhere / "closures.ics")
        done = curfew("check", "--config", str(shared / "curfew.yaml"), cwd=elsewhere)
        assert done.returncode == 2
        assert "calendars.shared.ics: 'closures.ics': no such file or directory" in done.stderr

    def test_a_path_may_be_absolute_or_lead_out_of_the_folder(
        self, curfew: Curfew, shared: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "closures.ics"
        (shared / "closures.ics").rename(elsewhere)
        text = (shared / "curfew.yaml").read_text()
        for path in (str(elsewhere), f"../{elsewhere.relative_to(shared.parent)}"):
            (shared / "curfew.yaml").write_text(text.replace("closures.ics", path))
            assert len(curfew.lines("check", cwd=shared)) == 1

    def test_it_is_told_together_with_other_mistakes_in_the_order_of_the_file(
        self, curfew: Curfew, shared: Path
    ) -> None:
        write_file(
            shared,
            ["name: a, campaigns: all, pause: {on: shraed}"],
            timezone="Warsaw",
            calendars="{shared: {ics: gone.ics}, other: {ics: closures.ics, country: PX}, third: {ics: [x]}}",
        )
        (shared / "closures.ics").write_text("nonsense")
        done = curfew("check", cwd=shared)
        assert done.returncode == 2
        assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [
            "timezone",
            "calendars.shared.ics",
            "calendars.other.ics",
            "calendars.other.country",
            "calendars.third.ics",
            "rules[0].pause.on",
        ]

    @pytest.mark.parametrize("verb", [("plan",), ("why", "11"), ("calendar", "shared"), ("run",)])
    def test_every_verb_tells_it(self, curfew: Curfew, shared: Path, verb: tuple[str, ...]) -> None:
        (shared / "closures.ics").unlink()
        done = curfew(*verb, cwd=shared)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "curfew.yaml:3:27: calendars.shared.ics: 'closures.ics': no such file or directory\n"

    def test_on_a_terminal_its_line_is_shown(self, shared: Path) -> None:
        (shared / "closures.ics").unlink()
        code, lines = on_terminal(shared)
        assert code == 2
        assert lines[1:] == ["    calendars: {shared: {ics: closures.ics}}", " " * 30 + "^"]


def test_the_file_of_the_other_tests_is_right(curfew: Curfew, folder: Path) -> None:
    assert (folder / "curfew.yaml").read_text() == FILE
    assert curfew("check", "--strict", cwd=folder).returncode == 0
