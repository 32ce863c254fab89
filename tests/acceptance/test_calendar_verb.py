"""`curfew calendar`: the days of a calendar, and what's other than when the daemon last loaded the file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rules.calendars import last_year_of_data
from scheduler.ledger import work
from scheduler.ledger.records import FILE_LOADED
from scheduler.loading import facts
from scheduler.settings import load
from tests.acceptance.command_line import Curfew, terminal, write_file
from tests.scheduler_fakes import FRIDAY, ledger_in

RULES = ["name: a, campaigns: all, pause: {on: company}"]
COMPANY = "{dates: [2026-12-24, 2026-12-28/2026-12-31, 2027-05-04]}"


def with_days(folder: Path, company: str = COMPANY, **more: str) -> None:
    """A file whose calendar `company` has these days."""
    calendars = ", ".join(f"{name}: {spec}" for name, spec in {"company": company, **more}.items())
    write_file(folder, RULES, calendars=f"{{{calendars}}}")


def loaded(folder: Path, at: datetime = FRIDAY) -> None:
    """Have the journal say that a daemon has loaded the file as it is."""
    database = ledger_in(folder)
    with database.writing() as connection:
        work.note(connection, at, FILE_LOADED, details=facts(load(folder / "curfew.yaml"), at))


def ics(*events: str) -> bytes:
    """An iCalendar file; each event is its lines, parted by spaces."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//EN"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}@example.com", "DTSTAMP:20261101T000000Z", *event.split(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


class TestDays:
    def test_each_day_has_its_weekday_and_its_name(self, curfew: Curfew, folder: Path) -> None:
        lines = curfew.lines("calendar", "poland", "--year", "2027", cwd=folder)
        assert lines[:4] == [
            "date        day  name",
            "2027-01-01  Fri  New Year's Day",
            "2027-01-06  Wed  Epiphany",
            "2027-03-28  Sun  Easter Sunday",
        ]
        assert lines[-1] == "2027-12-26  Sun  Second Day of Christmas"
        assert len(lines) == 15

    def test_json_keeps_its_contract(self, curfew: Curfew, folder: Path) -> None:
        rows = curfew.rows("calendar", folder, "poland", "--year", "2027")
        assert rows[1] == {"date": "2027-01-06", "weekday": "Wed", "name": "Epiphany"}
        assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)
        assert len(rows) == 14

    @pytest.mark.parametrize(
        ("now", "year"), [("2026-12-31T22:59", "2026"), ("2026-12-31T23:00", "2027"), ("2027-12-31T12:00", "2027")]
    )
    def test_without_a_year_it_is_the_present_one_in_the_files_zone(
        self, curfew: Curfew, folder: Path, monkeypatch: pytest.MonkeyPatch, now: str, year: str
    ) -> None:
        instant = datetime.fromisoformat(now).replace(tzinfo=UTC)
        monkeypatch.setattr("scheduler.cli.calendar.utc_now", lambda: instant)
        assert {row["date"][:4] for row in curfew.rows("calendar", folder, "poland")} == {year}

    def test_a_year_without_days_is_said(self, curfew: Curfew, tmp_path: Path) -> None:
        with_days(tmp_path)
        assert curfew.lines("calendar", "company", "--year", "2030", cwd=tmp_path) == ["company has no days in 2030"]

    def test_where_a_countrys_data_ends_is_said_of_a_year_beyond(self, curfew: Curfew, tmp_path: Path) -> None:
        with_days(tmp_path, lanka="{country: LK}")
        last = last_year_of_data("LK")
        ends = f"the data for LK ends in {last}"
        assert ends not in curfew.lines("calendar", "lanka", "--year", str(last), cwd=tmp_path)
        assert curfew.lines("calendar", "lanka", "--year", str(last + 1), cwd=tmp_path) == [
            f"lanka has no days in {last + 1}",
            ends,
        ]
        done = curfew("calendar", "lanka", "--year", str(last + 1), "--format", "json", cwd=tmp_path)
        assert (done.stdout, done.stderr) == ("[]\n", f"{ends}\n")
        assert curfew.rows("calendar", tmp_path, "company", "--year", "2030") == []

    def test_what_is_included_added_and_taken_away_is_resolved(self, curfew: Curfew, tmp_path: Path) -> None:
        office = "{include: [company, poland], extra: 2026-12-23, except: [Christmas Day, 2026-12-31]}"
        with_days(tmp_path, office=office, poland="{country: PL}")
        rows = curfew.rows("calendar", tmp_path, "office", "--year", "2026")
        assert [(row["date"], row["name"]) for row in rows if row["date"] > "2026-12"] == [
            ("2026-12-23", "office"),
            ("2026-12-24", "company; Christmas Eve"),
            ("2026-12-26", "Second Day of Christmas"),
            ("2026-12-28", "company"),
            ("2026-12-29", "company"),
            ("2026-12-30", "company"),
        ]

    def test_the_colours_are_for_a_terminal_alone(self, tmp_path: Path) -> None:
        with_days(tmp_path)
        loaded(tmp_path)
        with_days(tmp_path, "{dates: [2026-12-24, 2026-12-28/2026-12-30, 2027-05-04]}")
        code, shown = terminal(80, "calendar", "company", "--year", "2026", "--diff", cwd=tmp_path)
        assert code == 0
        assert "\x1b[31m2026-12-31  Thu  removed  company\x1b[0m" in shown


class TestTimedEvents:
    EVENING = "SUMMARY:Evening DTSTART;TZID=Europe/Warsaw:20261231T200000 DTEND;TZID=Europe/Warsaw:20261231T230000"

    def shared(self, curfew: Curfew, folder: Path, year: str, *events: str) -> list[str]:
        with_days(folder, shared="{ics: shared.ics}")
        (folder / "shared.ics").write_bytes(ics(*events))
        return curfew.lines("calendar", "shared", "--year", year, cwd=folder)

    def test_days_are_listed_and_events_with_times_are_counted(self, curfew: Curfew, tmp_path: Path) -> None:
        day = "SUMMARY:Gala DTSTART;VALUE=DATE:20261210"
        weekly = "SUMMARY:Weekly DTSTART:20261101T100000Z DTEND:20261101T110000Z RRULE:FREQ=WEEKLY;COUNT=3"
        assert self.shared(curfew, tmp_path, "2026", day, weekly) == [
            "date        day  name",
            "2026-12-10  Thu  Gala",
            "and 3 timed events, which are windows of their own",
        ]

    def test_a_calendar_of_events_with_times_alone_has_no_days(self, curfew: Curfew, tmp_path: Path) -> None:
        assert self.shared(curfew, tmp_path, "2026", self.EVENING) == [
            "shared has no days in 2026",
            "and 1 timed event, which are windows of their own",
        ]

    @pytest.mark.parametrize(
        ("event", "year"),
        [
            (EVENING, "2026"),
            # Without a zone it may be in another year somewhere; here it isn't.
            ("SUMMARY:Evening DTSTART:20261231T200000 DTEND:20261231T230000", "2026"),
            ("SUMMARY:Night DTSTART:20261231T220000 DTEND:20270101T060000", "2026"),
            # By UTC the old year has half an hour left; Warsaw doesn't.
            ("SUMMARY:Late DTSTART:20261231T233000Z DTEND:20270101T020000Z", "2027"),
            ("SUMMARY:Midnight DTSTART;TZID=Europe/Warsaw:20270101T000000 DURATION:PT1H", "2027"),
        ],
    )
    def test_each_counts_in_the_year_in_which_it_begins_in_the_files_zone(
        self, curfew: Curfew, tmp_path: Path, event: str, year: str
    ) -> None:
        for each in ("2025", "2026", "2027", "2028"):
            lines = self.shared(curfew, tmp_path, each, event)
            assert any("1 timed event" in line for line in lines) is (each == year)

    def test_they_are_left_out_of_the_json(self, curfew: Curfew, tmp_path: Path) -> None:
        self.shared(curfew, tmp_path, "2026", self.EVENING)
        assert curfew.rows("calendar", tmp_path, "shared", "--year", "2026") == []


class TestDiff:
    DIFF = ("calendar", "company", "--year", "2026", "--diff")

    def test_nothing_has_changed_where_the_days_are_those_of_the_last_load(
        self, curfew: Curfew, tmp_path: Path
    ) -> None:
        with_days(tmp_path)
        loaded(tmp_path)
        assert curfew.lines(*self.DIFF, cwd=tmp_path) == ["nothing has changed"]
        assert curfew.rows("calendar", tmp_path, *self.DIFF[1:]) == []

    def test_what_came_and_what_went_is_shown_in_the_order_of_the_days(self, curfew: Curfew, tmp_path: Path) -> None:
        with_days(tmp_path)
        loaded(tmp_path)
        with_days(tmp_path, "{dates: [2026-12-23, 2026-12-28/2026-12-30, 2027-05-05]}")
        assert curfew.lines(*self.DIFF, cwd=tmp_path) == [
            "date        day  change   name",
            "2026-12-23  Wed  added    company",
            "2026-12-24  Thu  removed  company",
            "2026-12-31  Thu  removed  company",
        ]
        assert curfew.rows("calendar", tmp_path, *self.DIFF[1:])[0] == {
            "date": "2026-12-23",
            "weekday": "Wed",
            "name": "company",
            "change": "added",
        }
        changed = curfew.rows("calendar", tmp_path, "company", "--year", "2027", "--diff")
        assert [(row["date"], row["change"]) for row in changed] == [("2027-05-04", "removed"), ("2027-05-05", "added")]

    def test_it_is_the_newest_load_that_counts(self, curfew: Curfew, tmp_path: Path) -> None:
        with_days(tmp_path, "{dates: 2026-12-24}")
        database = ledger_in(tmp_path)
        with database.writing() as connection:
            work.note(connection, FRIDAY, FILE_LOADED, details=facts(load(tmp_path / "curfew.yaml"), FRIDAY))
            with_days(tmp_path)
            work.note(connection, FRIDAY, FILE_LOADED, details=facts(load(tmp_path / "curfew.yaml"), FRIDAY))
            work.note(connection, FRIDAY, "holidays changed", details={"change": "x"})
        assert curfew.lines(*self.DIFF, cwd=tmp_path) == ["nothing has changed"]

    def test_the_ledger_may_be_named(self, curfew: Curfew, tmp_path: Path) -> None:
        with_days(tmp_path)
        loaded(tmp_path)
        (tmp_path / "curfew.db").rename(tmp_path / "other.db")
        url = f"sqlite:///{tmp_path}/other.db"
        assert curfew.lines(*self.DIFF, "--database", url, cwd=tmp_path) == ["nothing has changed"]

    def test_without_a_ledger_there_is_nothing_to_compare_with(self, curfew: Curfew, tmp_path: Path) -> None:
        with_days(tmp_path)
        done = curfew(*self.DIFF, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "there is no ledger yet" in done.stderr
        assert not (tmp_path / "curfew.db").exists()

    @pytest.mark.parametrize("year", ["2025", "2029"])
    def test_a_year_that_the_journal_does_not_have_is_said(self, curfew: Curfew, tmp_path: Path, year: str) -> None:
        with_days(tmp_path)
        loaded(tmp_path)
        done = curfew("calendar", "company", "--year", year, "--diff", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"the ledger doesn't know what company had in {year}" in done.stderr

    def test_a_calendar_that_the_daemon_has_not_loaded_is_said(self, curfew: Curfew, tmp_path: Path) -> None:
        with_days(tmp_path)
        loaded(tmp_path)
        with_days(tmp_path, newer="{dates: 2026-12-24}")
        done = curfew("calendar", "newer", "--year", "2026", "--diff", cwd=tmp_path)
        assert done.returncode == 2
        assert "the ledger doesn't know what newer had in 2026" in done.stderr

    def test_a_ledger_that_no_daemon_has_used_knows_nothing(self, curfew: Curfew, tmp_path: Path) -> None:
        with_days(tmp_path)
        ledger_in(tmp_path)
        done = curfew(*self.DIFF, cwd=tmp_path)
        assert done.returncode == 2
        assert "no daemon has loaded it with that year yet" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("polland",), "no calendar is called 'polland'; did you mean 'poland'?"),
        (("weekends",), "no calendar is called 'weekends'\n"),
        ((), "Missing argument 'NAME'"),
        (("poland", "--year", "1500"), "1500 is not in the range"),
        (("poland", "--year", "next"), "'next' is not a valid integer"),
        (("poland", "--format", "csv"), "'csv' is not one of"),
    ],
)
def test_wrong_use_is_told(curfew: Curfew, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    done = curfew("calendar", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
