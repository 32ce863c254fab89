"""What the ledger knows of earlier daemons, and since when rules are as they are."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rules.ruleset import Action
from scheduler.ledger import work
from scheduler.ledger.database import Connection
from scheduler.ledger.lives import (
    account_until,
    crashes,
    keep_rules,
    last_tick,
    pauses_on_record,
    rules_in_force,
    seen_to_until,
)
from scheduler.ledger.records import OnRecord, Outcome, Result, State
from tests.scheduler_fakes import CAMPAIGN, DAY, FRIDAY, HOUR, MINUTE, ledger_in, new_intent


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with ledger_in(tmp_path).writing() as connection:
        yield connection


def daemon(
    connection: Connection,
    started_at: datetime = FRIDAY,
    *,
    ticked_at: datetime | None = None,
    stopped_at: datetime | None = None,
    host: str = "here",
    dry_run: bool = False,
) -> int:
    number = work.register_daemon(connection, host=host, pid=1, version="0", dry_run=dry_run, now=started_at)
    if ticked_at is not None:
        work.record_tick(connection, number, ticked_at)
    if stopped_at is not None:
        work.record_stop(connection, number, stopped_at, "SIGTERM")
    return number


class TestSeenTo:
    def test_a_new_ledger_has_seen_nothing(self, connection: Connection) -> None:
        assert seen_to_until(connection, FRIDAY) is None

    def test_a_start_alone_has_not_looked(self, connection: Connection) -> None:
        daemon(connection)
        assert seen_to_until(connection, FRIDAY + HOUR) is None

    def test_the_last_pass_of_any_daemon_counts_and_the_last_account(self, connection: Connection) -> None:
        daemon(connection, ticked_at=FRIDAY + HOUR)
        number = daemon(connection, FRIDAY + 2 * HOUR)
        assert seen_to_until(connection, FRIDAY + DAY) == FRIDAY + HOUR
        account_until(connection, number, FRIDAY + 3 * HOUR)
        assert seen_to_until(connection, FRIDAY + DAY) == FRIDAY + 3 * HOUR

    def test_a_dry_run_counts_as_no_daemon(self, connection: Connection) -> None:
        daemon(connection, ticked_at=FRIDAY)
        daemon(connection, ticked_at=FRIDAY + HOUR, dry_run=True)
        assert seen_to_until(connection, FRIDAY + DAY) == FRIDAY

    def test_what_a_clock_that_was_ahead_has_left_counts_for_nothing(self, connection: Connection) -> None:
        daemon(connection, ticked_at=FRIDAY)
        daemon(connection, ticked_at=FRIDAY + DAY)
        assert seen_to_until(connection, FRIDAY + HOUR) == FRIDAY

    def test_nor_does_it_when_that_time_has_come(self, connection: Connection) -> None:
        daemon(connection, ticked_at=FRIDAY + DAY)
        number = daemon(connection, FRIDAY)
        account_until(connection, number, FRIDAY + 2 * DAY)
        account_until(connection, number, FRIDAY)
        work.record_tick(connection, number, FRIDAY + HOUR)
        assert seen_to_until(connection, FRIDAY + 3 * DAY) == FRIDAY + HOUR

    def test_the_tick_before_a_run_is_that_of_the_run_before(self, connection: Connection) -> None:
        first = daemon(connection, ticked_at=FRIDAY + DAY)
        second = daemon(connection, ticked_at=FRIDAY)
        third = daemon(connection)
        assert last_tick(connection, first) is None
        assert last_tick(connection, second) == FRIDAY + DAY
        assert last_tick(connection, third) == FRIDAY
        assert last_tick(connection, third + 1) is None


class TestCrashes:
    def count(self, connection: Connection) -> int:
        return crashes(connection, daemon(connection, FRIDAY + 10 * MINUTE), "here", FRIDAY)

    def test_those_that_ended_without_a_word_are_counted(self, connection: Connection) -> None:
        for minute in (1, 2, 3):
            daemon(connection, FRIDAY + minute * MINUTE, ticked_at=FRIDAY + minute * MINUTE)
        assert self.count(connection) == 3

    def test_one_that_stopped_in_good_order_ends_the_row(self, connection: Connection) -> None:
        for minute, stopped_at in ((1, None), (2, FRIDAY + 3 * MINUTE), (4, None)):
            daemon(connection, FRIDAY + minute * MINUTE, stopped_at=stopped_at)
        assert self.count(connection) == 1

    def test_those_of_long_ago_or_of_another_host_count_for_nothing(self, connection: Connection) -> None:
        daemon(connection, FRIDAY)
        daemon(connection, FRIDAY + MINUTE, host="there")
        daemon(connection, FRIDAY + 2 * MINUTE, host="there", stopped_at=FRIDAY + 3 * MINUTE)
        daemon(connection, FRIDAY + 4 * MINUTE)
        assert self.count(connection) == 1

    def test_an_ordinary_start_has_none(self, connection: Connection) -> None:
        daemon(connection, FRIDAY + MINUTE, stopped_at=FRIDAY + 2 * MINUTE)
        assert self.count(connection) == 0


class TestRules:
    def test_one_is_in_force_since_its_first_load_until_it_is_another_one(self, connection: Connection) -> None:
        assert keep_rules(connection, {"a": "1", "b": "1"}, FRIDAY) == {"a": FRIDAY, "b": FRIDAY}
        assert keep_rules(connection, {"a": "1", "b": "2"}, FRIDAY + HOUR) == {"a": FRIDAY, "b": FRIDAY + HOUR}
        assert rules_in_force(connection, {"a": "1", "b": "2"}, FRIDAY + DAY) == {"a": FRIDAY, "b": FRIDAY + HOUR}

    def test_one_that_comes_back_is_new(self, connection: Connection) -> None:
        keep_rules(connection, {"a": "1"}, FRIDAY)
        assert keep_rules(connection, {}, FRIDAY + HOUR) == {}
        assert keep_rules(connection, {"a": "1"}, FRIDAY + DAY) == {"a": FRIDAY + DAY}

    def test_to_ask_keeps_nothing(self, connection: Connection) -> None:
        assert rules_in_force(connection, {"a": "1"}, FRIDAY) == {"a": FRIDAY}
        assert rules_in_force(connection, {"a": "1"}, FRIDAY + HOUR) == {"a": FRIDAY + HOUR}

    def test_one_that_came_into_force_by_a_clock_that_was_ahead_is_in_force_now(self, connection: Connection) -> None:
        keep_rules(connection, {"a": "1"}, FRIDAY + DAY)
        assert keep_rules(connection, {"a": "1"}, FRIDAY) == {"a": FRIDAY}
        assert keep_rules(connection, {"a": "1"}, FRIDAY + 2 * DAY) == {"a": FRIDAY}


class TestOnRecord:
    def test_pauses_are_on_record_but_for_those_that_were_simulated(self, connection: Connection) -> None:
        work.record_intent(connection, new_intent(due_at=FRIDAY - HOUR), FRIDAY)
        work.record_intent(connection, new_intent(), FRIDAY)
        work.record_intent(connection, new_intent(action=Action.RESUME), FRIDAY)
        work.record_intent(connection, new_intent(account="other"), FRIDAY)
        missed = new_intent(7, due_at=FRIDAY + MINUTE)
        work.record_decision(connection, missed, State.MISSED, "1 window passed", FRIDAY + DAY)
        skipped = new_intent(7, due_at=FRIDAY + HOUR)
        work.record_decision(connection, skipped, State.SKIPPED, "already paused", FRIDAY + DAY)
        work.record_decision(connection, new_intent(8), State.SIMULATED, "a dry run", FRIDAY)
        assert pauses_on_record(connection, "main", FRIDAY) == {
            CAMPAIGN: [OnRecord(FRIDAY)],
            7: [OnRecord(FRIDAY + MINUTE, FRIDAY + DAY), OnRecord(FRIDAY + HOUR)],
        }


class TestInterrupted:
    @pytest.mark.parametrize(
        ("times", "wait"),
        [
            (1, None),
            (2, timedelta(seconds=2)),
            (3, timedelta(seconds=4)),
            (9, timedelta(seconds=256)),
            (20, 5 * MINUTE),
        ],
    )
    def test_a_call_that_is_cut_off_again_and_again_waits_longer_each_time(
        self, connection: Connection, times: int, wait: timedelta | None
    ) -> None:
        intent = work.record_intent(connection, new_intent(), FRIDAY)
        assert intent is not None
        for _ in range(times):
            assert work.start_attempt(connection, intent, "me", FRIDAY) is not None
            assert work.interrupt_attempts(connection, FRIDAY + HOUR) == 1
        (again,) = work.open_intents(connection, "main")
        assert again.next_attempt_at == (FRIDAY if wait is None else FRIDAY + HOUR + wait)
        assert again.attempts == times

    def test_an_answer_in_between_ends_the_row(self, connection: Connection) -> None:
        intent = work.record_intent(connection, new_intent(), FRIDAY)
        assert intent is not None
        for number in (1, 2, 3):
            assert work.start_attempt(connection, intent, "me", FRIDAY) == number
            if number == 2:
                retried = Result(outcome=Outcome.RETRIED, http_status=500)
                work.finish_attempt(connection, intent, number, retried, FRIDAY)
            else:
                work.interrupt_attempts(connection, FRIDAY + HOUR)
        (again,) = work.open_intents(connection, "main")
        assert again.next_attempt_at == FRIDAY
