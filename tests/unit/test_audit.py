"""The audit log as it's asked for: every filter has an index, by SQLite's own plan of the very SQL that is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, event, insert

from rules.ruleset import Action
from scheduler.ledger import work
from scheduler.ledger.audit import UNDER_WAY, AuditFilter, audit_lines, lines_after, totals
from scheduler.ledger.database import Database
from scheduler.ledger.records import Outcome, Result, State
from scheduler.ledger.tables import custody
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, MINUTE, ledger_in, new_intent

WARSAW = ZoneInfo("Europe/Warsaw")
TIMES = {"since": FRIDAY, "until": FRIDAY + DAY}
BY_ONE: list[tuple[dict[str, Any], str]] = [
    ({}, "SCAN outcomes USING INDEX ix_outcomes_started_at"),
    ({"since": FRIDAY}, "SEARCH outcomes USING INDEX ix_outcomes_started_at (started_at>?)"),
    ({"until": FRIDAY}, "SEARCH outcomes USING INDEX ix_outcomes_started_at (started_at<?)"),
    (TIMES, "SEARCH outcomes USING INDEX ix_outcomes_started_at (started_at>? AND started_at<?)"),
    *(
        ({name: value}, f"SEARCH outcomes USING INDEX ix_outcomes_{name}_started_at ({name}=?)")
        for name, value in [("account", "main"), ("campaign", 1), ("action", "pause"), ("outcome", "failed")]
    ),
    ({"rule": "weekend"}, "SEARCH outcome_rules USING PRIMARY KEY (rule=?)"),
    (
        {"campaign": 1, **TIMES},
        "SEARCH outcomes USING INDEX ix_outcomes_campaign_started_at (campaign=? AND started_at>? AND started_at<?)",
    ),
    (
        {"rule": "weekend", **TIMES},
        "SEARCH outcome_rules USING PRIMARY KEY (rule=? AND started_at>? AND started_at<?)",
    ),
    (
        {"account": "main", "action": "pause", "outcome": "failed"},
        "SEARCH outcomes USING INDEX ix_outcomes_outcome_started_at (outcome=?)",
    ),
    (
        {"account": "main", "action": "pause", "outcome": "succeeded"},
        "SEARCH outcomes USING INDEX ix_outcomes_account_started_at (account=?)",
    ),
    # One of a few rules has a part in millions of lines, of which a few have failed; most are done or skipped.
    (
        {"rule": "weekend", "outcome": "failed"},
        "SEARCH outcomes USING INDEX ix_outcomes_outcome_started_at (outcome=?)",
    ),
    ({"rule": "weekend", "outcome": "skipped"}, "SEARCH outcome_rules USING PRIMARY KEY (rule=?)"),
    (
        {"campaign": 1, "rule": "weekend"},
        "SEARCH outcomes USING INDEX ix_outcomes_campaign_started_at (campaign=?)",
    ),
]


@contextmanager
def plans_of(connection: Connection) -> Iterator[list[str]]:
    """What SQLite does for each query that is sent, a line for each step."""
    steps: list[str] = []

    def explain(_: Connection, cursor: Any, statement: str, parameters: Any, context: object, many: bool) -> None:  # noqa: ARG001
        raw = connection.connection.dbapi_connection
        found = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()  # type: ignore[union-attr]
        steps.extend(row[3] for row in found)

    event.listen(Engine, "after_cursor_execute", explain)
    try:
        yield steps
    finally:
        event.remove(Engine, "after_cursor_execute", explain)


@pytest.fixture(scope="module")
def of_file(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return ledger_in(tmp_path_factory.mktemp("audit"))


@pytest.mark.parametrize("newest", [None, 500])
@pytest.mark.parametrize(("chosen", "first"), BY_ONE, ids=["-".join(chosen) for chosen, _ in BY_ONE])
def test_every_filter_has_an_index_and_nothing_is_sorted(
    of_file: Database, chosen: dict[str, Any], first: str, newest: int | None
) -> None:
    with of_file.reading() as connection, plans_of(connection) as steps:
        list(audit_lines(connection, AuditFilter(**chosen), newest=newest))
    under_way = [each for each in steps if each.split()[1] == "attempts"]
    if "outcome" not in chosen:
        assert len(under_way) == 1
        assert "USING INDEX ix_attempts_under_way" in under_way[0]
    ended = steps[next(place for place, each in enumerate(steps) if each.split()[1].startswith("outcome")) :]
    assert ended[0] == first
    assert not [each for each in ended if "TEMP B-TREE" in each]
    # All that's looked up for a line is found by its key.
    assert all(each.startswith(("SEARCH", "CORRELATED")) for each in ended[1:]), ended


def test_what_is_new_is_found_by_its_number(of_file: Database) -> None:
    chosen = AuditFilter(campaign=1, rule="weekend", since=FRIDAY)
    with of_file.reading() as connection, plans_of(connection) as steps:
        list(lines_after(connection, chosen, 10))
    assert steps[0] == "SEARCH outcomes USING INTEGER PRIMARY KEY (rowid>?)"


def fill(connection: Connection) -> None:
    """On a Friday and the day after it: two successes, a failure and a skip, of two rules."""
    for hours, campaign, outcome, rules in [
        (0, 1, Outcome.SUCCEEDED, ("weekend",)),
        (1, 2, Outcome.FAILED, ("weekend", "nights")),
        (24, 1, Outcome.SUCCEEDED, ("nights",)),
    ]:
        at = FRIDAY + hours * HOUR
        intent = work.record_intent(connection, replace(new_intent(campaign, due_at=at), rules=rules), at)
        assert intent is not None
        number = work.start_attempt(connection, intent, "me", at)
        assert number == 1
        work.finish_attempt(connection, intent, 1, Result(outcome=outcome), at + timedelta(milliseconds=1))
    # In Warsaw it's the next day by then.
    at = FRIDAY + timedelta(hours=7, minutes=30)
    work.record_decision(connection, replace(new_intent(3), rules=()), State.SKIPPED, "already paused", at)


class TestLines:
    @pytest.mark.parametrize(
        ("chosen", "numbers"),
        [
            ({}, [1, 2, 4, 3]),
            ({"campaign": 1, "rule": "nights"}, [3]),
            ({"rule": "nights", "outcome": "succeeded"}, [3]),
            ({"rule": "nights", "outcome": "failed", "account": "main", "action": "pause"}, [2]),
            ({"outcome": "succeeded", "since": FRIDAY + MINUTE}, [3]),
            ({"account": "other"}, []),
        ],
    )
    def test_filters_go_together(self, ledger: Database, chosen: dict[str, Any], numbers: list[int]) -> None:
        with ledger.writing() as connection:
            fill(connection)
            asked = AuditFilter(**chosen)
            assert [line["number"] for line in audit_lines(connection, asked)] == numbers
            assert [line["number"] for line in audit_lines(connection, asked, newest=2)] == numbers[-2:]
            assert sorted(line["number"] for line in lines_after(connection, asked, 2)) == sorted(set(numbers) - {1, 2})

    def test_what_is_under_way_comes_last_and_counts(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            fill(connection)
            intent = work.record_intent(connection, new_intent(9, Action.RESUME), FRIDAY)
            assert intent is not None
            held = {"account": "main", "campaign": 9, "taken_at": FRIDAY, "intent_id": intent.id}
            connection.execute(insert(custody).values(held))
            assert work.start_attempt(connection, intent, "me", FRIDAY) == 1
            found = [(line["outcome"], line["number"]) for line in audit_lines(connection, AuditFilter(), newest=2)]
            assert found == [("succeeded", 3), (UNDER_WAY, None)]
            assert len(list(audit_lines(connection, AuditFilter(), newest=1))) == 1
            others: list[dict[str, Any]] = [{"rule": "weekend"}, {"outcome": UNDER_WAY}, {"since": FRIDAY}]
            for other in (*others, {"action": "resume"}):
                lines = list(audit_lines(connection, replace(AuditFilter(campaign=9), **other)))
                assert [line["outcome"] for line in lines] == [UNDER_WAY], other
            assert list(audit_lines(connection, AuditFilter(campaign=9, rule="nights"))) == []
            assert list(audit_lines(connection, AuditFilter(campaign=9), is_ended=True)) == []


class TestTotals:
    @pytest.mark.parametrize(
        ("by", "expected"),
        [
            (("outcome",), [("failed", 1), ("skipped", 1), ("succeeded", 2)]),
            (("day",), [("2026-11-27", 2), ("2026-11-28", 2)]),
            (("rule",), [("", 1), ("nights", 2), ("weekend", 2)]),
            (
                ("day", "outcome"),
                [
                    *(("2026-11-27", "failed", 1), ("2026-11-27", "succeeded", 1)),
                    *(("2026-11-28", "skipped", 1), ("2026-11-28", "succeeded", 1)),
                ],
            ),
        ],
    )
    def test_they_count_what_has_ended(self, ledger: Database, by: tuple[str, ...], expected: list[Any]) -> None:
        with ledger.writing() as connection:
            fill(connection)
            found = totals(connection, AuditFilter(), by, WARSAW)
        assert [tuple(each.values()) for each in found] == expected
        assert list(found[0]) == [*by, "number"]

    def test_they_are_of_the_chosen_lines(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            fill(connection)
            by_rule = totals(connection, AuditFilter(rule="weekend"), ("rule",), WARSAW)
            by_day = totals(connection, AuditFilter(campaign=1, rule="nights"), ("day",), WARSAW)
        assert by_rule == [{"rule": "weekend", "number": 2}]
        assert by_day == [{"day": "2026-11-28", "number": 1}]


def test_a_new_ledger_has_no_lines(tmp_path: Path) -> None:
    with ledger_in(tmp_path).reading() as connection:
        assert list(audit_lines(connection, AuditFilter(), newest=5)) == []
        assert totals(connection, AuditFilter(), ("day",), WARSAW) == []
