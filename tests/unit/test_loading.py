"""What the journal keeps of a load, and which days other holiday data has changed between two of them."""

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rules.calendars import data_version
from scheduler.ledger.records import Seen
from scheduler.loading import HORIZON, ChangedDay, Loaded, changed_days, facts, rule_digests, sweep
from scheduler.settings import Settings, load
from scheduler.zonedata import use_newest

NOW = datetime(2026, 11, 27, 16, tzinfo=UTC)
POLAND = "poland: {country: PL}"
OFFICE = "office: {include: [poland, company], except: Epiphany}"
COMPANY = "company: {dates: [2026-12-28, 2028-05-04]}"
GALA = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//EN
BEGIN:VEVENT
UID:1@example.com
DTSTAMP:20261101T000000Z
SUMMARY:Gala
DTSTART;VALUE=DATE:20261210
END:VEVENT
END:VCALENDAR
"""


def settings_of(folder: Path, *calendars: str) -> Settings:
    file = folder / "curfew.yaml"
    lines = ["timezone: Europe/Warsaw", "accounts: {main: {api_key: x}}"]
    lines += ["calendars:", *(f"  {each}" for each in calendars)] if calendars else []
    rule = "{name: a, campaigns: all, pause: {on: sun}}"
    file.write_text("\n".join([*lines, f"rules: [{rule}]", ""]))
    return load(file)


def loaded(folder: Path, *calendars: str, now: datetime = NOW) -> dict[str, Any]:
    """The facts of a load, as the journal gives them back."""
    found: dict[str, Any] = json.loads(json.dumps(facts(settings_of(folder, *calendars), now)))
    return found


def by_older_data(
    after: Mapping[str, Any], calendar: str, *, without: str | None = None, **days: str
) -> dict[str, Any]:
    """The same load with other holiday data, which had no day or others (`d2026_12_24`) in a calendar."""
    before = deepcopy(dict(after)) | {"holidays": "0.1"}
    found = before["calendars"][calendar]["days"]
    if without is not None:
        del found[without]
    found |= {name.removeprefix("d").replace("_", "-"): called for name, called in days.items()}
    return before


class TestFacts:
    def test_they_say_which_file_it_was_and_which_data_it_was_read_with(self, tmp_path: Path) -> None:
        found = loaded(tmp_path, POLAND)
        content = (tmp_path / "curfew.yaml").read_bytes()
        assert list(found) == ["file", "sha256", "rules", "zone_data", "holidays", "calendars"]
        assert found["file"] == str(tmp_path / "curfew.yaml")
        assert found["sha256"] == sha256(content).hexdigest()
        assert (found["rules"], found["zone_data"], found["holidays"]) == (1, str(use_newest()), data_version())

    def test_a_file_without_calendars_says_nothing_of_holidays(self, tmp_path: Path) -> None:
        assert list(loaded(tmp_path)) == ["file", "sha256", "rules", "zone_data"]

    @pytest.mark.parametrize(
        ("now", "years"),
        [
            (NOW, [2026, 2027, 2028]),
            (datetime(2026, 1, 1, tzinfo=UTC), [2026, 2027]),
            (datetime(2026, 11, 26, 23, 59, tzinfo=UTC), [2026, 2027]),
            (datetime(2026, 11, 27, tzinfo=UTC), [2026, 2027, 2028]),
        ],
    )
    def test_each_calendar_has_the_days_of_all_years_up_to_the_horizons(
        self, tmp_path: Path, now: datetime, years: list[int]
    ) -> None:
        calendar = loaded(tmp_path, POLAND, now=now)["calendars"]["poland"]
        assert calendar["years"] == years
        assert sorted({int(day[:4]) for day in calendar["days"]}) == years
        assert calendar["days"]["2027-01-06"] == "Epiphany"

    def test_the_days_are_those_that_are_left_after_all_that_is_taken_away(self, tmp_path: Path) -> None:
        office = loaded(tmp_path, POLAND, COMPANY, OFFICE)["calendars"]["office"]
        assert "2027-01-06" not in office["days"]
        assert office["days"]["2026-12-28"] == "company"
        assert office["days"]["2026-12-25"] == "Christmas Day"


class TestRuleDigests:
    """Whether a rule is the same in two loads."""

    HEAD = """\
timezone: {zone}
accounts: {accounts}
calendars:
  poland: {{country: PL, except: {excepted}}}
  office: {{include: poland}}
rules:
"""
    RULES = (
        "  - {name: weekend, campaigns: all, pause: {from: Fri 17:00, until: Mon 08:00}}",
        "  - {name: closed, campaigns: [7], timezone: Asia/Tokyo, pause: {on: office}}",
        "  - {name: nights, campaigns: all, pause: {on: daily, from: '22:00', until: '06:00', except: poland}}",
    )

    def digests(
        self,
        folder: Path,
        rules: Iterable[str] = RULES,
        zone: str = "Europe/Warsaw",
        accounts: str = "{main: {api_key: x}}",
        excepted: str = "Epiphany",
    ) -> dict[str, str]:
        head = self.HEAD.format(zone=zone, accounts=accounts, excepted=excepted)
        (folder / "curfew.yaml").write_text(head + "\n".join([*rules, ""]))
        return rule_digests(load(folder / "curfew.yaml"))

    def changed(self, folder: Path, **other: Any) -> set[str]:
        """The rules that are others in another file."""
        before, after = self.digests(folder), self.digests(folder, **other)
        assert before.keys() == after.keys()
        return {name for name in before if before[name] != after[name]}

    def test_what_is_written_in_another_way_or_place_is_the_same(self, tmp_path: Path) -> None:
        weekend = "  - pause: {until: Mon 08:00, from: Fri 17:00}\n    campaigns: all\n    name: weekend"
        described = self.RULES[1].replace("name", "description: when we are away, name")
        assert self.changed(tmp_path, rules=[described, self.RULES[2], weekend]) == set()

    @pytest.mark.parametrize(
        "other",
        [
            "  - {name: weekend, campaigns: all, pause: {from: Fri 17:00, until: Mon 09:00}}",
            "  - {name: weekend, campaigns: [7], pause: {from: Fri 17:00, until: Mon 08:00}}",
            "  - {name: weekend, campaigns: all, resume: false, pause: {from: Fri 17:00, until: Mon 08:00}}",
            "  - {name: weekend, campaigns: all, timezone: Asia/Tokyo, pause: {from: Fri 17:00, until: Mon 08:00}}",
        ],
    )
    def test_what_is_asked_of_others_or_at_other_times_is_another_rule(self, tmp_path: Path, other: str) -> None:
        assert self.changed(tmp_path, rules=[other, *self.RULES[1:]]) == {"weekend"}

    def test_another_zone_of_the_file_changes_those_that_have_none(self, tmp_path: Path) -> None:
        assert self.changed(tmp_path, zone="Europe/Berlin") == {"weekend", "nights"}

    def test_other_words_of_a_calendar_change_those_that_go_by_it(self, tmp_path: Path) -> None:
        assert self.changed(tmp_path, excepted="Corpus Christi") == {"closed", "nights"}

    def test_another_account_changes_those_that_are_for_it(self, tmp_path: Path) -> None:
        assert self.changed(tmp_path, accounts="{other: {api_key: x}}") == {"weekend", "closed", "nights"}

    def test_a_rule_that_is_disabled_is_none(self, tmp_path: Path) -> None:
        disabled = self.RULES[0].replace("{name", "{enabled: false, name")
        assert self.digests(tmp_path, [disabled, self.RULES[1]]).keys() == {"closed"}


class TestChangedDays:
    @pytest.fixture
    def after(self, tmp_path: Path) -> dict[str, Any]:
        return loaded(tmp_path, POLAND, COMPANY, OFFICE)

    def test_days_that_other_data_has_added_and_removed_are_told_in_their_order(self, after: dict[str, Any]) -> None:
        before = by_older_data(after, "poland", without="2026-12-24", d2027_07_22="Rebirth of Poland")
        assert changed_days(before, after, NOW) == [
            ChangedDay(calendar="poland", day=date(2026, 12, 24), name="Christmas Eve", is_added=True),
            ChangedDay(calendar="poland", day=date(2027, 7, 22), name="Rebirth of Poland", is_added=False),
        ]
        assert list(map(str, changed_days(before, after, NOW))) == [
            "poland: Thu 2026-12-24 Christmas Eve added",
            "poland: Thu 2027-07-22 Rebirth of Poland removed",
        ]

    def test_each_calendar_that_has_it_tells_it(self, after: dict[str, Any]) -> None:
        before = by_older_data(by_older_data(after, "poland", without="2026-12-24"), "office", without="2026-12-24")
        assert [each.calendar for each in changed_days(before, after, NOW)] == ["poland", "office"]

    def test_another_name_of_a_day_is_no_change(self, after: dict[str, Any]) -> None:
        assert changed_days(by_older_data(after, "poland", d2026_12_25="First Day"), after, NOW) == []

    def test_with_the_same_data_nothing_is_told(self, after: dict[str, Any]) -> None:
        """Days may then differ by a fault of the ledger alone."""
        before = by_older_data(after, "poland", without="2026-12-24") | {"holidays": after["holidays"]}
        assert changed_days(before, after, NOW) == []

    def test_other_data_with_the_same_days_changes_nothing(self, after: dict[str, Any]) -> None:
        assert changed_days(by_older_data(after, "poland"), after, NOW) == []

    def test_before_the_first_load_nothing_has_changed(self, after: dict[str, Any]) -> None:
        assert changed_days(None, after, NOW) == []

    @pytest.mark.parametrize("days", [0, 1, 399, 400])
    def test_a_day_within_the_horizon_is_told(self, after: dict[str, Any], days: int) -> None:
        day = NOW.date() + timedelta(days=days)
        before = by_older_data(after, "company", **{f"d{day.isoformat()}": "A day"})
        assert [each.day for each in changed_days(before, after, NOW)] == [day]

    @pytest.mark.parametrize("days", [-300, -1, 401, 402])
    def test_a_day_that_is_past_or_beyond_the_horizon_is_not_told(self, after: dict[str, Any], days: int) -> None:
        day = NOW.date() + timedelta(days=days)
        before = by_older_data(after, "company", **{f"d{day.isoformat()}": "A day"})
        assert changed_days(before, after, NOW) == []
        assert timedelta(days=400) == HORIZON

    def test_a_year_that_the_earlier_load_did_not_look_at_is_no_change(self, tmp_path: Path) -> None:
        """A year later the horizon is another year's."""
        before = loaded(tmp_path, POLAND, now=NOW - timedelta(days=330)) | {"holidays": "0.1"}
        after = loaded(tmp_path, POLAND)
        assert before["calendars"]["poland"]["years"] == [2026, 2027]
        assert after["calendars"]["poland"]["days"]["2028-01-01"] == "New Year's Day"
        assert changed_days(before, after, NOW + timedelta(days=300)) == []

    @pytest.mark.parametrize(
        "words",
        [
            "poland: {country: PL, except: Epiphany}",
            "poland: {country: DE}",
            "poland: {country: PL, extra: 2026-12-31}",
        ],
    )
    def test_days_of_other_words_are_the_authors_doing(self, tmp_path: Path, after: dict[str, Any], words: str) -> None:
        before = loaded(tmp_path, words, COMPANY, OFFICE) | {"holidays": "0.1"}
        assert before["calendars"]["poland"]["days"] != after["calendars"]["poland"]["days"]
        assert changed_days(before, after, NOW) == []

    def test_and_so_are_those_of_a_calendar_that_includes_one_of_other_words(
        self, tmp_path: Path, after: dict[str, Any]
    ) -> None:
        before = loaded(tmp_path, POLAND, "company: {dates: 2026-12-29}", OFFICE) | {"holidays": "0.1"}
        assert before["calendars"]["office"]["days"] != after["calendars"]["office"]["days"]
        assert changed_days(before, after, NOW) == []

    def test_and_those_of_another_ics_file_of_the_same_name(self, tmp_path: Path) -> None:
        (tmp_path / "shared.ics").write_text(GALA)
        calendars = ("shared: {ics: shared.ics}", "both: {country: PL, include: shared}")
        before = loaded(tmp_path, *calendars) | {"holidays": "0.1"}
        (tmp_path / "shared.ics").write_text(GALA.replace("20261210", "20261211"))
        after = loaded(tmp_path, *calendars)
        assert before["calendars"]["both"]["days"] != after["calendars"]["both"]["days"]
        assert changed_days(before, after, NOW) == []

    def test_other_words_elsewhere_in_the_file_hide_nothing(self, tmp_path: Path, after: dict[str, Any]) -> None:
        older = loaded(tmp_path, POLAND, "company: {dates: 2026-12-29}")
        before = by_older_data(older, "poland", without="2026-12-24")
        (change,) = changed_days(before, after, NOW)
        assert str(change) == "poland: Thu 2026-12-24 Christmas Eve added"

    def test_calendars_that_came_or_went_are_no_change(self, tmp_path: Path, after: dict[str, Any]) -> None:
        without = loaded(tmp_path) | {"holidays": "0.1"}
        assert changed_days(without, after, NOW) == []
        assert changed_days(after, without, NOW) == []


WEEKEND = "{name: weekend, campaigns: all, pause: {from: Fri 17:00, until: Mon 08:00}}"
NIGHTS = "{name: nights, campaigns: {folders: EMEA}, pause: {on: mon-thu, from: 18:00, until: 08:00}}"
OTHER = "{name: other, campaigns: [7], pause: {on: wed}}"
HELD = [("main", Seen(campaign=1, name="", status="PAUSED")), ("main", Seen(campaign=2, name="B", status="PAUSED"))]


class TestSweep:
    """A file that would free all that's held isn't put in force by itself."""

    def found(self, folder: Path, before: tuple[str, ...], after: tuple[str, ...], *held: tuple[str, Seen]) -> str:
        loads = []
        for rules in (before, after):
            file = folder / "curfew.yaml"
            lines = [
                "timezone: Europe/Warsaw",
                "accounts: {main: {api_key: x}}",
                "rules:",
                *(f"  - {r}" for r in rules),
            ]
            file.write_text("\n".join(lines))
            settings = load(file)
            loads.append(Loaded(settings, settings.ruleset))
        problem = sweep(loads[0], loads[1], held or HELD, NOW)
        return str(problem or "")

    def test_none_of_several_rules_is_left_and_all_that_is_held_would_be_free(self, tmp_path: Path) -> None:
        off = WEEKEND.replace("campaigns", "enabled: false, campaigns")
        for after in ((OTHER,), (off,), (off, OTHER)):
            assert self.found(tmp_path, (WEEKEND, NIGHTS), after) == (
                "4:3: rules: none of the 2 rules in force is left, and all campaigns that are held paused (2) would be "
                "given back at once; if that's meant, say so with SIGHUP (systemctl reload curfew)"
            )

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ((WEEKEND,), (OTHER,)),
            ((WEEKEND, NIGHTS), (NIGHTS,)),
            ((WEEKEND, NIGHTS), (WEEKEND.replace("Mon 08:00", "Fri 17:01"),)),
            ((WEEKEND, NIGHTS), (WEEKEND.replace("weekend", "another").replace("all", "[2]"),)),
            ((WEEKEND, NIGHTS), (WEEKEND.replace("weekend", "another").replace("all", "{names: b}"),)),
            # What isn't quiet any more is on its way back by itself.
            ((NIGHTS, OTHER), (OTHER.replace("other", "another"),)),
        ],
        ids=[
            "one rule alone",
            "one is left",
            "one is shorter",
            "one is left quiet",
            "one by its name",
            "none is quiet",
        ],
    )
    def test_otherwise_it_is_taken(self, tmp_path: Path, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        assert self.found(tmp_path, before, after) == ""

    def test_a_selector_knows_what_is_held_by_its_folder(self, tmp_path: Path) -> None:
        nights = NIGHTS.replace("mon-thu, from: 18:00", "daily, from: 16:00")
        held = ("main", Seen(campaign=3, name="C", status="PAUSED", folder="EMEA"))
        assert "(1)" in self.found(tmp_path, (nights, OTHER), (WEEKEND.replace("all", "[9]"),), held)
        other_name = nights.replace("nights", "evenings")
        assert self.found(tmp_path, (nights, OTHER), (other_name,), held) == ""
