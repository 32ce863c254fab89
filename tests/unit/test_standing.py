"""How things stand, in words."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduler.standing import failing_text, names_text, verb
from tests.scheduler_fakes import CAMPAIGN, DAY, FRIDAY, HOUR, MONDAY, rules_of, weekend

WARSAW = ZoneInfo("Europe/Warsaw")


@pytest.mark.parametrize(
    ("rule", "at", "word"),
    [
        (weekend(), FRIDAY, "begins"),
        (weekend(), MONDAY, "ends"),
        ("{name: weekend, campaigns: all, pause: {at: Fri 17:00}}", FRIDAY, "holds"),
    ],
)
def test_what_a_rule_does_at_an_edge_of_its_own(rule: str, at: Any, word: str) -> None:
    assert verb(rules_of(rule), "weekend", at) == word


def test_a_few_are_named_but_not_a_thousand() -> None:
    assert names_text(["main"]) == "main"
    assert names_text(["a", "b", "c"]) == "a, b, c"
    assert names_text([str(number) for number in range(1000)]) == "0, 1, 2 and 997 more"


def test_what_fails_is_counted_and_the_first_is_told() -> None:
    one = {"action": "pause", "campaign": CAMPAIGN, "since": FRIDAY + HOUR, "error": "UNKNOWN: try again later"}
    other = {**one, "action": "resume", "since": FRIDAY}
    assert failing_text([one], WARSAW) == (
        f"1 change fails since Fri 2026-11-27 18:00+01:00: pause {CAMPAIGN}: UNKNOWN: try again later"
    )
    assert failing_text([one, other], WARSAW) == (
        f"2 changes fail since Fri 2026-11-27 17:00+01:00: pause {CAMPAIGN}: UNKNOWN: try again later"
    )


def test_the_offset_is_that_of_the_day() -> None:
    one = {"action": "pause", "campaign": 7, "since": FRIDAY + 200 * DAY + timedelta(seconds=59), "error": None}
    assert "Tue 2027-06-15 18:00+02:00" in failing_text([one], WARSAW)
