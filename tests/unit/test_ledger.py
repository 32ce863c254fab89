"""What the daemon records and the verbs read: real databases of each kind, each function by what it leaves behind."""

import asyncio
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from rules.ruleset import Action
from scheduler.errors import LedgerError
from scheduler.ledger import calls, reports, work
from scheduler.ledger.audit import AuditFilter, audit_lines
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.records import Custody, Intent, Known, Outcome, Result, Seen, State, error_text
from scheduler.ledger.tables import AUDIT_COLUMNS, REVISION, attempts, campaigns, custody, daemons, intents, journal
from tests.conftest import NewLedger
from tests.scheduler_fakes import CAMPAIGN, DAY, FRIDAY, HOUR, MINUTE, MONDAY, ledger_in, new_intent, resume, writing_to

SECOND = timedelta(seconds=1)
RETRIED = Result(
    outcome=Outcome.RETRIED,
    http_status=500,
    error_code="UNKNOWN",
    error_message="Unknown error",
    retry_after=2 * SECOND,
)
SUCCEEDED = Result(outcome=Outcome.SUCCEEDED, http_status=200)


def recorded(connection: Connection, now: datetime = FRIDAY, **about: Any) -> Intent:
    intent = work.record_intent(connection, new_intent(**about), now)
    assert intent is not None
    return intent


def attempt(connection: Connection, intent: Intent, result: Result, now: datetime = FRIDAY) -> None:
    """One whole attempt, of 250 ms."""
    number = work.start_attempt(connection, intent, "me", now)
    assert number is not None
    work.finish_attempt(connection, intent, number, result, now + timedelta(milliseconds=250))


def owe(connection: Connection, intent: Intent) -> Intent:
    """Have the campaign of an intent in custody."""
    held = {"account": intent.account, "campaign": intent.campaign, "taken_at": FRIDAY, "intent_id": intent.id}
    connection.execute(insert(custody).values(held))
    return intent


def the(connection: Connection, table: Any, **values: Any) -> Any:
    """The one row of a table with these values."""
    query = select(table)
    for name, value in values.items():
        query = query.where(table.c[name] == value)
    return connection.execute(query).one()


def events(connection: Connection) -> list[str]:
    return [row.event for row in connection.execute(select(journal).order_by(journal.c.id))]


def read(database: Database) -> None:
    with database.reading():
        pass


def write(database: Database, work: Callable[[Connection], object] = lambda _: None) -> None:
    with database.writing() as connection:
        work(connection)


USES: dict[str, Callable[[Database], None]] = {"create": Database.create, "read": read, "write": write}


def dump(connection: Connection) -> dict[str, list[Any]]:
    """All that calls leave behind."""
    tables = (intents, attempts, custody, campaigns)
    return {table.name: [tuple(row) for row in connection.execute(select(table))] for table in tables}


class TestTogether:
    """Many attempts at once leave what they would leave one by one."""

    RESULTS = (
        SUCCEEDED,
        replace(SUCCEEDED, reason="paused by an earlier attempt"),
        RETRIED,
        Result(outcome=Outcome.FAILED, http_status=404, error_code="X", error_message="gone"),
        Result(outcome=Outcome.SKIPPED, reason="already paused"),
    )

    @staticmethod
    def intents_of(connection: Connection) -> list[Intent]:
        """Pauses of every kind, and resumes."""
        kinds: list[dict[str, Any]] = [
            {"owes_resume": owes, "status_before": status} for owes in (True, False) for status in ("RUNNING", None)
        ]
        found = []
        for number, about in enumerate(kinds * 6):
            work.store_list(connection, "main", [Seen(campaign=number, name="x", status="RUNNING")], FRIDAY)
            action = Action.RESUME if number % 6 == 5 else Action.PAUSE
            intent = recorded(connection, campaign=number, action=action, **about)
            found.append(owe(connection, intent) if action is Action.RESUME or number % 5 == 0 else intent)
        return found

    def test_they_leave_the_same(self, new_ledger: NewLedger) -> None:
        left = []
        for name in ("together", "alone"):
            with new_ledger().writing() as connection:
                found = self.intents_of(connection)
                results = [self.RESULTS[number % 5] for number in range(len(found))]
                ended = FRIDAY + SECOND
                if name == "together":
                    numbers = calls.start_attempts(connection, [calls.Start(each, "me", FRIDAY) for each in found])
                    assert numbers == [1] * len(found)
                    ends = [calls.End(each, 1, FRIDAY, of, ended) for each, of in zip(found, results, strict=True)]
                    calls.end_attempts(connection, ends)
                else:
                    for each, of in zip(found, results, strict=True):
                        assert work.start_attempt(connection, each, "me", FRIDAY) == 1
                        work.finish_attempt(connection, each, 1, of, ended)
                shown = dump(connection)
                for rows in shown.values():
                    rows.sort(key=str)
                # The order in which attempts were begun is another one.
                shown["attempts"] = sorted(row[1:] for row in shown["attempts"])
                left.append(shown)
        assert left[0] == left[1]

    async def test_one_that_somebody_else_has_stands_in_no_others_way(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            found = [recorded(connection, campaign=number) for number in range(5)]
            assert work.start_attempt(connection, found[2], "somebody else", FRIDAY) == 1
        async with writing_to(ledger) as writer:
            await asyncio.gather(
                *(writer.submit(calls.start_attempts, calls.Start(each, "me", FRIDAY)) for each in found)
            )
            numbers = [
                await each
                for each in [writer.submit(calls.start_attempts, calls.Start(each, "me", FRIDAY)) for each in found]
            ]
        assert numbers == [None] * 5, "all of them are taken by now"
        with ledger.reading() as connection:
            by = {row.campaign: row.claimed_by for row in connection.execute(select(intents))}
            assert by == {0: "me", 1: "me", 2: "somebody else", 3: "me", 4: "me"}
            assert len(connection.execute(select(attempts)).all()) == 5

    async def test_one_that_is_not_under_way_is_the_only_fault(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            found = [recorded(connection, campaign=number) for number in range(3)]
            for each in found[1:]:
                work.start_attempt(connection, each, "me", FRIDAY)
        ends = [calls.End(each, 1, FRIDAY, SUCCEEDED, FRIDAY) for each in found]
        async with writing_to(ledger) as writer:
            told = await asyncio.gather(
                *(writer.submit(calls.end_attempts, each) for each in ends), return_exceptions=True
            )
        assert [str(each) for each in told] == ["attempt 1 of intent 1 isn't under way", "None", "None"]

    def test_a_claim_that_is_given_back_leaves_nothing(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            before = dump(connection)
            calls.start_attempts(connection, [calls.Start(intent, "me", FRIDAY)])
            calls.give_back(connection, [calls.Start(intent, "somebody else", FRIDAY)])
            assert the(connection, intents).state == "calling"
            calls.give_back(connection, [calls.Start(intent, "me", FRIDAY)])
            after = dump(connection)
            after["intents"] = [tuple(None if value == "me" else value for value in row) for row in after["intents"]]
        assert after == before


class TestIntents:
    def test_an_intent_comes_back_as_it_was_recorded(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            work.record_intent(connection, new_intent(), FRIDAY + SECOND)
        with ledger.reading() as connection:
            (found,) = work.open_intents(connection, "main")
        new = new_intent()
        assert {name: getattr(found, name) for name in new.__dataclass_fields__} == {
            name: getattr(new, name) for name in new.__dataclass_fields__
        }
        assert (found.attempts, found.next_attempt_at) == (0, FRIDAY + SECOND)

    def test_the_same_change_is_recorded_once(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            recorded(connection)
            again = replace(new_intent(), because="something else", owes_resume=False)
            assert work.record_intent(connection, again, FRIDAY + SECOND) is None
            assert work.record_decision(connection, again, State.SKIPPED, "x", FRIDAY) is None
            assert the(connection, intents).because == "weekend: Fri 17:00 until Mon 08:00"

    @pytest.mark.parametrize(
        "other",
        [
            {"account": "acme"},
            {"campaign": 7},
            {"action": Action.RESUME},
            {"due_at": FRIDAY + timedelta(microseconds=1)},
        ],
    )
    def test_what_differs_in_one_part_of_the_key_is_another_change(
        self, ledger: Database, other: dict[str, Any]
    ) -> None:
        with ledger.writing() as connection:
            recorded(connection)
            recorded(connection, **other)
            assert len(connection.execute(select(intents)).all()) == 2

    def test_the_database_itself_holds_the_key_unique(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            recorded(connection)
            row = dict(the(connection, intents)._mapping) | {"id": 99}
            with pytest.raises(IntegrityError):
                connection.execute(insert(intents).values(row))

    @pytest.mark.parametrize("state", [each for each in State if each not in {State.SIMULATED, State.MISSED}])
    def test_only_a_simulated_change_is_opened_again(self, ledger: Database, state: State) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            attempt(connection, intent, Result(outcome=Outcome.SIMULATED, reason="dry run: would have paused it"))
            again = work.record_intent(connection, new_intent(status_before=None), FRIDAY + HOUR)
            assert again is not None
            assert (again.id, again.attempts, again.status_before) == (intent.id, 1, None)
            assert again.next_attempt_at == FRIDAY + HOUR
            assert work.start_attempt(connection, again, "me", FRIDAY + HOUR) == 2
            connection.execute(update(intents).values(state=state))
            assert work.record_intent(connection, new_intent(), FRIDAY) is None

    def test_and_one_that_was_missed_by_a_clock_that_was_ahead_but_not_by_another_miss(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            missed = work.record_decision(connection, new_intent(), State.MISSED, "1 window passed", MONDAY)
            assert missed is not None
            assert work.record_decision(connection, new_intent(), State.MISSED, "again", MONDAY + HOUR) is None
            again = work.record_intent(connection, new_intent(), FRIDAY)
            assert again is not None
            assert again.id == missed.id
            row = the(connection, intents)
            assert (row.state, row.reason, row.decided_at) == ("waiting", None, None)

    def test_open_intents_are_those_of_the_account_that_have_not_ended_in_order(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            first = recorded(connection, campaign=3)
            second = recorded(connection, campaign=1)
            ended = recorded(connection, campaign=2)
            recorded(connection, account="acme")
            work.decide_open(connection, ended, State.MISSED, "late", FRIDAY)
            work.start_attempt(connection, second, "me", FRIDAY)
            assert [each.id for each in work.open_intents(connection, "main")] == [first.id, second.id]

    def test_known_changes_are_those_since_and_those_still_open(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            recorded(connection, due_at=FRIDAY + HOUR)
            recorded(connection, due_at=FRIDAY)
            still_open = recorded(connection, due_at=FRIDAY - DAY)
            recorded(connection, due_at=FRIDAY, account="acme")
            work.record_decision(connection, new_intent(due_at=FRIDAY - HOUR), State.SKIPPED, "x", FRIDAY)
            work.record_decision(connection, resume(), State.MISSED, "late", MONDAY)
            found = work.known_changes(connection, "main", FRIDAY)
        assert [(each.action, each.due_at, each.state) for each in found] == [
            (Action.PAUSE, still_open.due_at, State.WAITING),
            (Action.PAUSE, FRIDAY, State.WAITING),
            (Action.PAUSE, FRIDAY + HOUR, State.WAITING),
            (Action.RESUME, MONDAY, State.MISSED),
        ]
        assert {each.campaign for each in found} == {CAMPAIGN}

    def test_known_changes_may_be_those_since_the_newest_pause_of_each_campaign_too(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            for campaign, due_at in [(1, FRIDAY), (1, FRIDAY - DAY), (2, FRIDAY - 9 * DAY), (2, FRIDAY - 8 * DAY)]:
                new = new_intent(campaign, due_at=due_at)
                work.record_decision(connection, new, State.SKIPPED, "x", FRIDAY)
            work.record_decision(connection, replace(resume(), campaign=2), State.SKIPPED, "x", MONDAY)
            found = work.known_changes(connection, "main", MONDAY + DAY, with_newest=True)
        assert [(each.campaign, each.action, each.due_at) for each in found] == [
            (2, Action.PAUSE, FRIDAY - 8 * DAY),
            (1, Action.PAUSE, FRIDAY),
            (2, Action.RESUME, MONDAY),
        ]

    def test_a_decision_ends_a_waiting_intent_once(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            assert work.decide_open(connection, intent, State.MISSED, "late", MONDAY)
            assert not work.decide_open(connection, intent, State.FAILED, "other", MONDAY)
            row = the(connection, intents)
            assert (row.state, row.reason, row.decided_at, row.next_attempt_at) == ("missed", "late", MONDAY, None)

    def test_a_decision_does_not_touch_a_call_under_way(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            work.start_attempt(connection, intent, "me", FRIDAY)
            assert not work.decide_open(connection, intent, State.MISSED, "late", MONDAY)
            known = Known(campaign=CAMPAIGN, action=Action.PAUSE, due_at=FRIDAY, expires_at=MONDAY, state=State.WAITING)
            assert not work.withdraw(connection, "main", known, "gone", MONDAY)
            assert the(connection, intents).state == "calling"

    def test_what_is_withdrawn_is_skipped_with_its_reason_and_cannot_be_claimed(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            (known,) = work.known_changes(connection, "main", FRIDAY)
            other = recorded(connection, campaign=7)
            assert not work.withdraw(connection, "acme", known, "gone", MONDAY)
            assert work.withdraw(connection, "main", known, "gone", MONDAY)
            assert not work.withdraw(connection, "main", known, "gone", MONDAY)
            assert work.start_attempt(connection, intent, "me", MONDAY) is None
            assert work.start_attempt(connection, other, "me", MONDAY) == 1
            row = the(connection, intents, id=intent.id)
            assert (row.state, row.reason, row.decided_at) == ("skipped", "gone", MONDAY)

    def test_what_is_open_for_an_account_that_is_gone_is_missed(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            kept, ended = recorded(connection), recorded(connection, account="acme", campaign=1)
            waiting, calling = (recorded(connection, account="gone", campaign=number) for number in (1, 2))
            work.start_attempt(connection, calling, "me", FRIDAY)
            work.decide_open(connection, ended, State.SKIPPED, "x", FRIDAY)
            assert work.end_orphans(connection, ["main"], MONDAY) == 2
            assert the(connection, intents, id=kept.id).state == "waiting"
            assert the(connection, intents, id=ended.id).state == "skipped"
            for intent in (waiting, calling):
                row = the(connection, intents, id=intent.id)
                assert (row.state, row.decided_at) == ("missed", MONDAY)


class TestAttempts:
    def test_a_claim_is_had_once(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            assert work.start_attempt(connection, intent, "host:1", FRIDAY) == 1
            assert work.start_attempt(connection, intent, "host:2", FRIDAY) is None
            row = the(connection, intents)
            assert (row.state, row.claimed_by, row.attempts) == ("calling", "host:1", 1)
            assert len(connection.execute(select(attempts)).all()) == 1

    @pytest.mark.parametrize("state", [each for each in State if each is not State.WAITING])
    def test_only_what_waits_can_be_claimed(self, ledger: Database, state: State) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            connection.execute(update(intents).values(state=state))
            assert work.start_attempt(connection, intent, "me", FRIDAY) is None

    def test_attempts_are_numbered_from_one_and_a_retry_waits_from_its_end(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            attempt(connection, intent, RETRIED)
            row = the(connection, intents)
            assert (row.state, row.attempts) == ("waiting", 1)
            assert row.next_attempt_at == FRIDAY + timedelta(seconds=2.25)
            assert work.start_attempt(connection, intent, "me", FRIDAY + HOUR) == 2

    def test_an_attempt_is_finished_once(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            attempt(connection, intent, SUCCEEDED)
            with pytest.raises(LedgerError, match=f"attempt 1 of intent {intent.id} isn't under way"):
                work.finish_attempt(connection, intent, 1, SUCCEEDED, MONDAY)
            with pytest.raises(LedgerError):
                work.finish_attempt(connection, intent, 2, SUCCEEDED, MONDAY)

    @pytest.mark.parametrize(
        ("outcome", "state"),
        [
            (Outcome.SUCCEEDED, State.SUCCEEDED),
            (Outcome.RETRIED, State.WAITING),
            (Outcome.FAILED, State.FAILED),
            (Outcome.SKIPPED, State.SKIPPED),
            (Outcome.SIMULATED, State.SIMULATED),
        ],
    )
    def test_the_outcome_says_how_it_goes_on_with_the_intent(
        self, ledger: Database, outcome: Outcome, state: State
    ) -> None:
        result = Result(outcome=outcome, reason="why", http_status=418, error_code="E", error_message="words")
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), result)
            assert (the(connection, intents).state, the(connection, intents).reason) == (state, "why")
            row = the(connection, attempts)
        assert (row.outcome, row.reason, row.http_status, row.error_code) == (outcome, "why", 418, "E")
        assert (row.started_at, row.finished_at) == (FRIDAY, FRIDAY + timedelta(milliseconds=250))

    def test_what_a_look_found_is_kept_for_the_next_attempt(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection, status_before=None)
            attempt(connection, replace(intent, status_before="RUNNING"), RETRIED)
            (again,) = work.open_intents(connection, "main")
            assert again.status_before == "RUNNING"
            attempt(connection, again, RETRIED)
            assert work.open_intents(connection, "main")[0].status_before == "RUNNING"

    def test_what_a_look_found_is_there_although_the_process_ends_in_the_call(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection, status_before=None)
            work.start_attempt(connection, replace(intent, status_before="RUNNING"), "dead:1", FRIDAY)
        with ledger.writing() as connection:
            work.interrupt_attempts(connection, FRIDAY)
            (again,) = work.open_intents(connection, "main")
        assert (again.status_before, again.may_have_acted) == ("RUNNING", True)

    @pytest.mark.parametrize(
        ("before", "at_last", "after"),
        [(False, False, False), (False, True, True), (True, False, True), (True, True, True)],
    )
    def test_a_call_that_may_have_arrived_is_remembered_until_a_look_says_that_it_did_not(
        self, ledger: Database, before: bool, at_last: bool, after: bool
    ) -> None:
        with ledger.writing() as connection:
            intent = replace(recorded(connection), may_have_acted=before)
            number = work.start_attempt(connection, intent, "me", FRIDAY)
            assert number == 1
            assert the(connection, intents).may_have_acted
            work.finish_attempt(connection, intent, number, replace(RETRIED, may_have_acted=at_last), FRIDAY)
            assert [each.may_have_acted for each in work.open_intents(connection, "main")] == [after]
            assert [each.may_have_acted for each in work.known_changes(connection, "main", FRIDAY)] == [after]

    def test_a_wait_goes_on_since_the_end_of_the_last_attempt(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            assert intent.waits_since == FRIDAY
            attempt(connection, intent, RETRIED, FRIDAY + HOUR)
            (again,) = work.open_intents(connection, "main")
            ended = FRIDAY + HOUR + timedelta(milliseconds=250)
            assert (again.waits_since, again.next_attempt_at) == (ended, ended + 2 * SECOND)

    def test_a_resume_of_what_nobody_is_owed_cannot_be_claimed_and_ends_with_its_reason(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            paused = owe(connection, recorded(connection))
            owe(connection, recorded(connection, campaign=7))
            intent = work.record_intent(connection, resume(), MONDAY)
            assert intent is not None
            work.release(connection, paused, "a hold", MONDAY)
            assert work.start_attempt(connection, intent, "me", MONDAY) is None
            row = the(connection, intents, id=intent.id)
            assert (row.state, row.reason, row.attempts) == ("skipped", "it isn't in our custody any more", 0)
            assert connection.execute(select(attempts)).all() == []

    def test_what_was_cut_off_is_marked_and_due_again_at_once(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            cut_off, waiting, ended = (recorded(connection, campaign=number) for number in (1, 2, 3))
            attempt(connection, waiting, RETRIED)
            attempt(connection, ended, SUCCEEDED)
            attempt(connection, cut_off, replace(RETRIED, retry_after=HOUR))
            work.start_attempt(connection, cut_off, "dead:1", FRIDAY + SECOND)
            assert work.interrupt_attempts(connection, FRIDAY) == 1
            assert work.interrupt_attempts(connection, FRIDAY) == 0
            row = the(connection, attempts, intent_id=cut_off.id, number=2)
            assert (row.outcome, row.finished_at) == ("interrupted", None)
            assert "sent again" in row.reason
            again = work.open_intents(connection, "main")[0]
            assert (again.id, again.next_attempt_at) == (cut_off.id, FRIDAY)
            assert the(connection, intents, id=ended.id).state == "succeeded"
            assert work.start_attempt(connection, cut_off, "me", FRIDAY + HOUR) == 3


class TestCustody:
    @pytest.mark.parametrize(
        ("planned", "looked", "owes_resume", "is_taken"),
        [
            ("RUNNING", None, True, True),
            (None, "RUNNING", True, True),
            (None, None, True, False),
            ("PAUSED", None, True, False),
            ("COMPLETED", None, True, False),
            ("RUNNING", "PAUSED", True, False),
            ("RUNNING", None, False, False),
        ],
    )
    def test_it_is_taken_only_of_what_ran_before_and_is_owed_a_resume(
        self, ledger: Database, planned: str | None, looked: str | None, owes_resume: bool, is_taken: bool
    ) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection, status_before=planned, owes_resume=owes_resume)
            attempt(connection, replace(intent, status_before=looked or planned), SUCCEEDED)
            found = work.custody_of(connection, "main")
        taken_at = FRIDAY + timedelta(milliseconds=250)
        held = Custody(
            account="main", campaign=CAMPAIGN, taken_at=taken_at, due_at=FRIDAY, until=MONDAY, rules=("weekend",)
        )
        assert found == ({CAMPAIGN: held} if is_taken else {})

    def test_what_was_paused_unseen_is_left_to_a_person_and_said(self, ledger: Database) -> None:
        """It's never given back, so it mustn't stay paused without a word."""
        with ledger.writing() as connection:
            for due_at in (FRIDAY, FRIDAY + DAY):
                attempt(connection, recorded(connection, due_at=due_at, status_before=None), SUCCEEDED)
            (left,) = reports.left_campaigns(connection)
            line = the(connection, intents, action="resume")
            assert events(connection) == ["custody not taken"]
        reason = "nobody knows whether it ran before; left paused for a person to resume"
        assert (left["campaign"], left["because"]) == (CAMPAIGN, reason)
        assert (line.state, line.reason) == ("skipped", reason)

    def test_what_is_in_custody_stays_owed_though_it_is_paused_again_unseen(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            attempt(connection, recorded(connection, due_at=FRIDAY + DAY, status_before=None), SUCCEEDED)
            assert work.custody_of(connection, "main")[CAMPAIGN].due_at == FRIDAY
            assert reports.left_campaigns(connection) == []
            assert connection.execute(select(intents).where(intents.c.action == "resume")).all() == []

    @pytest.mark.parametrize("outcome", [each for each in Outcome if each.value not in {"succeeded", "interrupted"}])
    def test_a_pause_without_success_takes_nothing(self, ledger: Database, outcome: Outcome) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), Result(outcome=outcome))
            assert work.custody_of(connection, "main") == {}

    def test_each_account_has_its_own(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            for account in ("main", "acme"):
                attempt(connection, recorded(connection, account=account), SUCCEEDED)
            work.release(connection, work.custody_of(connection, "acme")[CAMPAIGN], "x", MONDAY)
            assert list(work.custody_of(connection, "main")) == [CAMPAIGN]
            assert work.custody_of(connection, "acme") == {}

    def test_a_later_pause_takes_the_place_of_an_earlier_one(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            attempt(connection, recorded(connection, due_at=FRIDAY + DAY), SUCCEEDED, FRIDAY + DAY)
            assert work.custody_of(connection, "main")[CAMPAIGN].due_at == FRIDAY + DAY

    def test_a_resume_ends_it(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            intent = work.record_intent(connection, resume(), MONDAY)
            assert intent is not None
            attempt(connection, intent, SUCCEEDED, MONDAY)
            assert work.custody_of(connection, "main") == {}
            assert events(connection) == []

    def test_a_resume_that_was_not_needed_ends_it_with_a_line_in_the_journal(self, ledger: Database) -> None:
        """Or a person's own pause, made later, would be taken for ours and undone."""
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            intent = work.record_intent(connection, resume(), MONDAY)
            assert intent is not None
            attempt(connection, intent, Result(outcome=Outcome.SKIPPED, reason="somebody resumed it"), MONDAY)
            assert work.custody_of(connection, "main") == {}
            assert the(connection, journal).details == {"why": "somebody resumed it"}

    def test_a_resume_that_failed_for_good_leaves_it_to_a_person(self, ledger: Database) -> None:
        """Or what they pause by hand months later would be taken for ours."""
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            intent = work.record_intent(connection, resume(), MONDAY)
            assert intent is not None
            attempt(connection, intent, Result(outcome=Outcome.FAILED, http_status=409), MONDAY)
            assert work.custody_of(connection, "main") == {}
            reason = "it can't be resumed; left paused for a person to resume"
            assert the(connection, journal).details == {"why": reason}
            assert [each["http_status"] for each in reports.failing_changes(connection, MONDAY)] == [409]

    @pytest.mark.parametrize("is_overtaken", [False, True])
    def test_a_resume_that_has_expired_leaves_it_to_a_person_unless_a_window_follows(
        self, ledger: Database, is_overtaken: bool
    ) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            intent = work.record_intent(connection, replace(resume(), owes_resume=is_overtaken), MONDAY)
            assert intent is not None
            assert work.expire(connection, intent, State.MISSED, "late", MONDAY + DAY)
            assert not work.expire(connection, intent, State.MISSED, "late", MONDAY + DAY)
            assert list(work.custody_of(connection, "main")) == ([CAMPAIGN] if is_overtaken else [])

    def test_what_is_owed_to_accounts_that_are_gone_is_a_missed_resume_and_said(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            for account in ("main", "gone"):
                owe(connection, recorded(connection, account=account))
            (released,) = work.release_orphans(connection, ["main"], MONDAY)
            assert work.release_orphans(connection, ["main"], MONDAY) == []
            assert (released.account, released.campaign) == ("gone", CAMPAIGN)
            assert (work.owed(connection, "gone", CAMPAIGN), work.owed(connection, "main", 7)) == (None, None)
            assert work.owed(connection, "main", CAMPAIGN) is not None
            row = the(connection, intents, account="gone", action="resume")
            reason = "its account isn't in the file any more; left paused for a person to resume"
            assert (row.state, row.reason, row.due_at) == ("missed", reason, MONDAY)
            assert events(connection) == ["custody released"]

    @pytest.mark.parametrize("result", [RETRIED, Result(outcome=Outcome.SIMULATED)])
    def test_a_resume_without_success_leaves_the_debt(self, ledger: Database, result: Result) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            intent = work.record_intent(connection, resume(), MONDAY)
            assert intent is not None
            attempt(connection, intent, result, MONDAY)
            assert list(work.custody_of(connection, "main")) == [CAMPAIGN]

    @staticmethod
    def lost(connection: Connection, **about: Any) -> Intent:
        """A pause whose call may have arrived: nobody has heard."""
        attempt(connection, recorded(connection, **about), replace(RETRIED, may_have_acted=True))
        (waiting,) = work.open_intents(connection, "main")
        return waiting

    def test_a_pause_that_is_refused_after_a_call_that_may_have_arrived_is_owed(self, ledger: Database) -> None:
        """It may be refused since that call has paused it."""
        with ledger.writing() as connection:
            attempt(connection, self.lost(connection), Result(outcome=Outcome.FAILED, http_status=409), MONDAY)
            (held,) = work.custody_of(connection, "main").values()
        assert (held.campaign, held.due_at, held.is_in_doubt) == (CAMPAIGN, FRIDAY, True)

    def test_it_is_owed_also_where_an_earlier_debt_was_left_to_a_person_who_has_acted_unseen(
        self, ledger: Database
    ) -> None:
        """No list has shown it, but the look before the pause has: it was running."""
        with ledger.writing() as connection:
            attempt(connection, recorded(connection, status_before=None), SUCCEEDED)
            assert list(work.custody_of(connection, "main")) == []
            later = self.lost(connection, due_at=MONDAY + HOUR)
            assert work.expire(connection, later, State.FAILED, "given up", MONDAY + DAY)
            (held,) = work.custody_of(connection, "main").values()
            assert reports.left_campaigns(connection) == []
        assert (held.campaign, held.due_at, held.is_in_doubt) == (CAMPAIGN, MONDAY + HOUR, True)

    @pytest.mark.parametrize("end", ["expired", "refused", "skipped"])
    def test_an_old_resume_does_not_end_a_debt_that_a_later_window_has_made(self, ledger: Database, end: str) -> None:
        """It may have waited for days, while no daemon ran, and the pause of now goes first."""
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            old = work.record_intent(connection, resume(), MONDAY)
            assert old is not None
            number = work.start_attempt(connection, old, "me", MONDAY) if end != "expired" else None
            later = recorded(connection, due_at=FRIDAY + 7 * DAY)
            attempt(connection, later, SUCCEEDED, FRIDAY + 7 * DAY)
            if number is None:
                assert work.expire(connection, old, State.MISSED, "late", FRIDAY + 7 * DAY)
            else:
                outcome = Outcome.FAILED if end == "refused" else Outcome.SKIPPED
                work.finish_attempt(connection, old, number, Result(outcome=outcome), FRIDAY + 7 * DAY)
            assert work.custody_of(connection, "main")[CAMPAIGN].due_at == later.due_at
            assert reports.left_campaigns(connection) == []

    def test_an_old_resume_is_not_made_for_it_either(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            old = work.record_intent(connection, resume(), MONDAY)
            assert old is not None
            attempt(connection, recorded(connection, due_at=MONDAY + HOUR), SUCCEEDED, MONDAY + HOUR)
            assert work.start_attempt(connection, old, "me", MONDAY + HOUR) is None
            row = the(connection, intents, id=old.id)
        assert (row.state, row.reason) == ("skipped", "it isn't in our custody any more")

    def test_a_release_is_noted_once(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            (held,) = work.custody_of(connection, "main").values()
            assert work.release(connection, held, "somebody resumed it", MONDAY)
            assert not work.release(connection, held, "somebody resumed it", MONDAY)
            row = the(connection, journal)
        assert (row.event, row.account, row.campaign) == ("custody released", "main", CAMPAIGN)
        assert (row.at, row.details) == (MONDAY, {"why": "somebody resumed it"})


class TestConfirmed:
    """Whether anybody has seen that a pause worked which was answered with success."""

    @staticmethod
    def known(connection: Connection) -> Known:
        (found,) = work.known_changes(connection, "main", FRIDAY)
        return found

    def test_a_pause_with_success_is_unconfirmed_until_its_campaign_is_seen_still(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), RETRIED)
            assert not self.known(connection).is_unconfirmed
            (intent,) = work.open_intents(connection, "main")
            attempt(connection, intent, SUCCEEDED)
            assert (self.known(connection).is_unconfirmed, self.known(connection).answers) == (True, 1)
            work.confirm(connection, "main", {7}, FRIDAY + MINUTE)
            work.confirm(connection, "acme", {CAMPAIGN}, FRIDAY + MINUTE)
            assert self.known(connection).is_unconfirmed
            work.confirm(connection, "main", {CAMPAIGN, 7}, FRIDAY + MINUTE)
            work.confirm(connection, "main", {CAMPAIGN}, FRIDAY + HOUR)
            assert not self.known(connection).is_unconfirmed
            assert the(connection, intents).confirmed_at == FRIDAY + MINUTE

    def test_a_resume_needs_no_confirmation(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, owe(connection, recorded(connection, action=Action.RESUME)), SUCCEEDED)
            assert not self.known(connection).is_unconfirmed

    def test_what_had_no_effect_is_tried_again_under_its_own_key(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            again = work.reopen(connection, "main", self.known(connection), "it runs", FRIDAY + MINUTE)
            assert again is not None
            assert (again.attempts, again.next_attempt_at, again.waits_since) == (1, FRIDAY + MINUTE, FRIDAY + MINUTE)
            assert again.may_have_acted
            assert (self.known(connection).state, self.known(connection).answers) == (State.WAITING, 1)
            attempt(connection, again, SUCCEEDED, FRIDAY + MINUTE)
            assert (self.known(connection).state, self.known(connection).answers) == (State.SUCCEEDED, 2)
            assert list(work.custody_of(connection, "main")) == [CAMPAIGN]

    def test_what_was_confirmed_meanwhile_is_neither_tried_again_nor_given_up(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            known = self.known(connection)
            work.confirm(connection, "main", {CAMPAIGN}, FRIDAY)
            assert work.reopen(connection, "main", known, "x", FRIDAY) is None
            assert not work.give_up(connection, "main", known, "x", FRIDAY)
            assert self.known(connection).state is State.SUCCEEDED

    def test_what_is_given_up_is_failing_with_its_reason_and_has_a_line_of_its_own_in_the_audit_log(
        self, ledger: Database
    ) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            assert work.give_up(connection, "main", self.known(connection), "still running", FRIDAY + MINUTE)
            (failing,) = reports.failing_changes(connection, FRIDAY + HOUR)
            assert (failing["error"], failing["attempts"]) == ("still running", 1)
            lines = list(audit_lines(connection, AuditFilter()))
        assert [(line["outcome"], line["reason"]) for line in lines][-1] == ("failed", "still running")

    def test_the_last_change_of_each_campaign_is_known(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection, campaign=1), SUCCEEDED, FRIDAY)
            attempt(connection, recorded(connection, campaign=2), SUCCEEDED, FRIDAY + HOUR)
            attempt(connection, recorded(connection, campaign=3), SUCCEEDED, FRIDAY + HOUR)
            attempt(connection, recorded(connection, campaign=4), RETRIED, FRIDAY + HOUR)
            attempt(connection, recorded(connection, campaign=5, account="acme"), SUCCEEDED, FRIDAY + HOUR)
            given_back = owe(connection, recorded(connection, campaign=4, action=Action.RESUME))
            attempt(connection, given_back, SUCCEEDED, FRIDAY + HOUR)
            overtaken = work.record_intent(connection, resume(new_intent(3)), MONDAY)
            assert overtaken is not None
            attempt(connection, overtaken, SUCCEEDED, FRIDAY + 2 * HOUR)
            assert work.last_changes(connection, "main", FRIDAY + HOUR) == {
                2: Action.PAUSE,
                3: Action.RESUME,
                4: Action.RESUME,
            }


class TestLeft:
    """What can't be given back is owed no more, and stays in sight."""

    @staticmethod
    def left(connection: Connection) -> list[tuple[int, datetime, str]]:
        return [(each["campaign"], each["since"], each["because"]) for each in reports.left_campaigns(connection)]

    def fail(self, connection: Connection, campaign: int = CAMPAIGN, account: str = "main") -> Intent:
        attempt(connection, recorded(connection, campaign=campaign, account=account), SUCCEEDED)
        intent = work.record_intent(connection, resume(new_intent(campaign, account=account)), MONDAY)
        assert intent is not None
        attempt(connection, intent, Result(outcome=Outcome.FAILED, http_status=409), MONDAY)
        return intent

    def test_a_resume_that_is_refused_for_good_leaves_it_in_sight_and_owes_nothing(self, ledger: Database) -> None:
        reason = "it can't be resumed; left paused for a person to resume"
        with ledger.writing() as connection:
            self.fail(connection)
            assert self.left(connection) == [(CAMPAIGN, MONDAY + timedelta(milliseconds=250), reason)]
            assert reports.held_campaigns(connection) == []
            assert work.owed(connection, "main", CAMPAIGN) is None
            assert reports.campaign_record(connection, "main", CAMPAIGN).held_since is None
            assert the(connection, journal).details == {"why": reason}

    def test_so_does_one_that_has_expired(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
            intent = work.record_intent(connection, resume(), MONDAY)
            assert intent is not None
            assert work.expire(connection, intent, State.MISSED, "late", MONDAY + DAY)
            assert [each[:2] for each in self.left(connection)] == [(CAMPAIGN, MONDAY + DAY)]

    def test_no_resume_of_it_is_ever_called_nor_is_it_released_or_left_again(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            again = replace(self.fail(connection), due_at=MONDAY + HOUR)
            later = work.record_intent(connection, again, MONDAY + HOUR)
            assert later is not None
            assert work.start_attempt(connection, later, "me", MONDAY + HOUR) is None
            assert not work.release(connection, again, "x", MONDAY + HOUR)
            assert not work.leave(connection, again, "x", MONDAY + HOUR)
            assert len(self.left(connection)) == 1

    @pytest.mark.parametrize(
        ("statuses", "words"),
        [
            ({CAMPAIGN: "RUNNING"}, "RUNNING"),
            ({CAMPAIGN: "STOPPED"}, "STOPPED"),
            ({7: "PAUSED"}, "not listed any more"),
        ],
    )
    def test_it_ends_when_a_list_shows_that_it_is_paused_no_more(
        self, ledger: Database, statuses: dict[int, str], words: str
    ) -> None:
        with ledger.writing() as connection:
            self.fail(connection)
            attempt(connection, recorded(connection, campaign=2), SUCCEEDED)
            assert work.take_up(connection, "acme", statuses, MONDAY) == []
            assert work.take_up(connection, "main", statuses, MONDAY + HOUR) == [CAMPAIGN]
            assert self.left(connection) == []
            assert list(work.custody_of(connection, "main")) == [2]
            last = connection.execute(select(journal).order_by(journal.c.id.desc())).first()
            assert last is not None
            assert (last.event, last.campaign, last.details) == ("a person acted", CAMPAIGN, {"status": words})

    @pytest.mark.parametrize("status", ["PAUSED", None])
    def test_it_stays_while_it_is_paused_or_nobody_knows(self, ledger: Database, status: str | None) -> None:
        with ledger.writing() as connection:
            self.fail(connection)
            assert work.take_up(connection, "main", {CAMPAIGN: status}, MONDAY + HOUR) == []
            assert len(self.left(connection)) == 1

    def test_a_pause_takes_it_anew(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            self.fail(connection)
            attempt(connection, recorded(connection, due_at=MONDAY + DAY), SUCCEEDED, MONDAY + DAY)
            assert self.left(connection) == []
            assert list(work.custody_of(connection, "main")) == [CAMPAIGN]

    def test_an_account_that_is_gone_shows_nothing_any_more(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            self.fail(connection, account="gone")
            assert work.release_orphans(connection, ["main"], MONDAY) == []
            assert self.left(connection) == []


class TestNotBefore:
    @pytest.mark.parametrize(("late", "first"), [(-HOUR, timedelta()), (HOUR, HOUR)])
    def test_what_is_to_wait_is_tried_then_and_waits_on_after_a_restart(
        self, ledger: Database, late: timedelta, first: timedelta
    ) -> None:
        with ledger.writing() as connection:
            intent = work.record_intent(connection, replace(new_intent(), not_before=FRIDAY + late), FRIDAY)
            assert intent is not None
            (found,) = work.open_intents(connection, "main")
        assert intent.next_attempt_at == found.next_attempt_at == FRIDAY + first
        assert found.waits_since == FRIDAY


class TestLists:
    def test_a_list_is_kept_and_the_newest_one_counts(self, ledger: Database) -> None:
        first = [
            Seen(campaign=1, name="One", status="RUNNING", folder="EMEA"),
            Seen(campaign=2, name="Two", status="DRAFT"),
        ]
        second = [Seen(campaign=1, name="Uno", status="PAUSED"), Seen(campaign=3, name="Three", status="RUNNING")]
        with ledger.writing() as connection:
            work.store_list(connection, "main", first, FRIDAY)
            assert work.stored_list(connection, "main") == first
            work.store_list(connection, "main", second, MONDAY)
            assert work.stored_list(connection, "main") == second
            assert work.stored_list(connection, "acme") == []
            gone = the(connection, campaigns, campaign=2)
        assert (gone.name, gone.seen_at) == ("Two", FRIDAY)

    def test_an_empty_list_leaves_the_last_one(self, ledger: Database) -> None:
        seen = [Seen(campaign=1, name="One", status="RUNNING")]
        with ledger.writing() as connection:
            work.store_list(connection, "main", seen, FRIDAY)
            work.store_list(connection, "main", [], MONDAY)
            assert work.stored_list(connection, "main") == seen

    @pytest.mark.parametrize(("action", "status"), [(Action.PAUSE, "PAUSED"), (Action.RESUME, "RUNNING")])
    def test_a_success_is_seen_in_the_stored_list(self, ledger: Database, action: Action, status: str) -> None:
        with ledger.writing() as connection:
            work.store_list(connection, "main", [Seen(campaign=CAMPAIGN, name="x", status="EDITED")], FRIDAY)
            work.store_list(connection, "acme", [Seen(campaign=CAMPAIGN, name="x", status="EDITED")], FRIDAY)
            attempt(connection, owe(connection, recorded(connection, action=action)), SUCCEEDED)
            assert work.stored_list(connection, "main")[0].status == status
            assert work.stored_list(connection, "acme")[0].status == "EDITED"

    def test_thousands_of_campaigns_are_stored_at_once(self, ledger: Database) -> None:
        seen = [Seen(campaign=number, name=f"C{number}", status="RUNNING") for number in range(1, 5001)]
        with ledger.writing() as connection:
            work.store_list(connection, "main", seen, FRIDAY)
            assert len(work.stored_list(connection, "main")) == 5000


class TestDaemons:
    def test_a_run_is_registered_ticks_and_stops(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            assert reports.newest_run(connection) is None
            facts: dict[str, Any] = {"host": "h", "version": "1", "dry_run": False}
            first = work.register_daemon(connection, pid=1, now=FRIDAY, **facts)
            second = work.register_daemon(connection, pid=2, now=FRIDAY + HOUR, **facts)
            assert second > first
            work.record_tick(connection, second, FRIDAY + 2 * HOUR)
            run = reports.newest_run(connection)
            assert run is not None
            assert (run.pid, run.started_at, run.last_tick_at) == (2, FRIDAY + HOUR, FRIDAY + 2 * HOUR)
            assert (run.stopped_at, run.dry_run) == (None, False)
            work.record_stop(connection, second, MONDAY, "SIGTERM")
            run = reports.newest_run(connection)
            assert run is not None
            assert run.stopped_at == MONDAY
            assert the(connection, daemons, id=first).stopped_at is None
            assert events(connection) == ["daemon started", "daemon started", "daemon stopped"]


class TestInstants:
    def test_they_are_text_in_utc_that_sorts(self, ledger: Database) -> None:
        local = FRIDAY.astimezone(ZoneInfo("Europe/Warsaw"))
        with ledger.writing() as connection:
            work.note(connection, local, "x")
            work.note(connection, FRIDAY + timedelta(microseconds=1), "y")
            texts = connection.execute(text("SELECT at FROM journal ORDER BY at")).scalars().all()
            assert texts == ["2026-11-27T16:00:00.000000Z", "2026-11-27T16:00:00.000001Z"]
            assert the(connection, journal, event="x").at == FRIDAY

    def test_a_naive_one_is_a_fault_of_the_program(self, ledger: Database) -> None:
        with (
            pytest.raises(LedgerError, match="naive"),
            ledger.writing() as connection,
        ):
            work.note(connection, FRIDAY.replace(tzinfo=None), "x")

    def test_nothing_is_left_of_a_transaction_that_failed(self, ledger: Database) -> None:
        def half(connection: Connection) -> None:
            work.note(connection, FRIDAY, "x")
            raise StatementError("no", None, None, None)

        with pytest.raises(LedgerError):
            write(ledger, half)
        with ledger.reading() as connection:
            assert events(connection) == []


class TestAudit:
    def lines(self, ledger: Database, **chosen: Any) -> list[dict[str, Any]]:
        with ledger.reading() as connection:
            return list(audit_lines(connection, AuditFilter(**chosen)))

    def test_an_attempt_is_a_line_with_all_that_is_known(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            work.store_list(connection, "main", [Seen(campaign=CAMPAIGN, name="DE spring", status="RUNNING")], FRIDAY)
            attempt(connection, recorded(connection), RETRIED, FRIDAY + timedelta(seconds=61.5))
        (line,) = self.lines(ledger)
        assert tuple(line) == AUDIT_COLUMNS
        assert line == {
            "due_at": FRIDAY,
            "started_at": FRIDAY + timedelta(seconds=61.5),
            "account": "main",
            "campaign": CAMPAIGN,
            "campaign_name": "DE spring",
            "action": "pause",
            "rules": ["weekend"],
            "attempt": 1,
            "outcome": "retried",
            "http_status": 500,
            "error": "UNKNOWN: Unknown error",
            "reason": "weekend: Fri 17:00 until Mon 08:00",
            "late_by_seconds": 61.5,
            "duration_ms": 250,
            "number": 1,
        }

    @pytest.mark.parametrize(("code", "error"), [(None, "words"), ("E", "E: words")])
    def test_an_error_is_shown_with_its_code_where_it_has_one(
        self, ledger: Database, code: str | None, error: str
    ) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), replace(RETRIED, error_code=code, error_message="words"))
        assert self.lines(ledger)[0]["error"] == error == error_text(code, "words")

    def test_a_success_has_no_error(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection), SUCCEEDED)
        (line,) = self.lines(ledger)
        assert (line["error"], line["campaign_name"], line["http_status"]) == (None, None, 200)

    def test_a_call_that_is_not_answered_yet_is_under_way(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            work.start_attempt(connection, recorded(connection), "me", FRIDAY)
        (line,) = self.lines(ledger)
        assert (line["outcome"], line["duration_ms"], line["late_by_seconds"]) == ("under way", None, 0)

    def test_a_call_that_was_cut_off_says_so_and_has_no_duration(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            work.start_attempt(connection, recorded(connection), "me", FRIDAY)
            work.interrupt_attempts(connection, FRIDAY)
        (line,) = self.lines(ledger)
        assert (line["outcome"], line["duration_ms"]) == ("interrupted", None)
        assert "sent again" in line["reason"]

    def test_a_decision_is_a_line_without_an_attempt(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            work.record_decision(connection, new_intent(), State.SKIPPED, "already paused", FRIDAY + 2 * SECOND)
        (line,) = self.lines(ledger)
        assert (line["attempt"], line["outcome"], line["reason"]) == (None, "skipped", "already paused")
        assert (line["started_at"], line["late_by_seconds"]) == (FRIDAY + 2 * SECOND, 2)
        assert (line["duration_ms"], line["http_status"], line["error"]) == (None, None, None)

    def test_an_intent_that_was_tried_and_given_up_has_both_lines(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            attempt(connection, intent, RETRIED)
            work.decide_open(connection, intent, State.FAILED, "given up", MONDAY)
        assert [(line["attempt"], line["outcome"]) for line in self.lines(ledger)] == [(1, "retried"), (None, "failed")]

    def test_what_only_waits_has_no_line(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            recorded(connection)
        assert self.lines(ledger) == []

    def test_lines_are_in_the_order_in_which_things_happened(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            first, second = recorded(connection, campaign=1), recorded(connection, campaign=2)
            attempt(connection, second, RETRIED, FRIDAY + SECOND)
            attempt(connection, first, RETRIED, FRIDAY + MINUTE)
            attempt(connection, second, SUCCEEDED, FRIDAY + HOUR)
        assert [(line["campaign"], line["attempt"]) for line in self.lines(ledger)] == [(2, 1), (1, 1), (2, 2)]

    @pytest.mark.parametrize(
        ("chosen", "campaigns"),
        [
            ({}, [1, 2, 3]),
            ({"campaign": 2}, [2]),
            ({"account": "acme"}, [3]),
            ({"action": "resume"}, [2]),
            ({"outcome": "retried"}, [1]),
            ({"outcome": "skipped"}, [3]),
            ({"rule": "weekend"}, [1, 2]),
            ({"rule": "nights"}, [3]),
            ({"rule": "week"}, []),
            ({"since": FRIDAY + HOUR}, [2, 3]),
            ({"until": FRIDAY + HOUR}, [1]),
            ({"since": FRIDAY, "until": FRIDAY + 2 * HOUR}, [1, 2]),
            ({"account": "main", "outcome": "succeeded"}, [2]),
        ],
    )
    def test_lines_can_be_chosen(self, ledger: Database, chosen: dict[str, Any], campaigns: list[int]) -> None:
        with ledger.writing() as connection:
            attempt(connection, recorded(connection, campaign=1), RETRIED, FRIDAY)
            second = owe(connection, recorded(connection, campaign=2, action=Action.RESUME))
            attempt(connection, second, SUCCEEDED, FRIDAY + HOUR)
            nights = replace(new_intent(3, account="acme"), rules=("nights", "holidays"))
            work.record_decision(connection, nights, State.SKIPPED, "x", FRIDAY + 2 * HOUR)
        assert [line["campaign"] for line in self.lines(ledger, **chosen)] == campaigns


class TestStatus:
    def test_what_we_hold_is_listed_with_name_and_reason(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            work.store_list(connection, "main", [Seen(campaign=2, name="Two", status="RUNNING")], FRIDAY)
            for number in (2, 1):
                attempt(connection, recorded(connection, campaign=number), SUCCEEDED)
            found = reports.held_campaigns(connection)
        assert [(each["campaign"], each["campaign_name"]) for each in found] == [(1, None), (2, "Two")]
        assert found[0]["because"] == "weekend: Fri 17:00 until Mon 08:00"
        assert found[0]["since"] == FRIDAY + timedelta(milliseconds=250)

    def test_what_is_failing_is_listed_with_its_last_error_and_since_when(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = recorded(connection)
            attempt(connection, intent, RETRIED)
            attempt(connection, intent, replace(RETRIED, http_status=503, error_code=None), FRIDAY + MINUTE)
            work.start_attempt(connection, intent, "me", FRIDAY + HOUR)
            (found,) = reports.failing_changes(connection, FRIDAY + HOUR)
        assert (found["campaign"], found["action"], found["attempts"]) == (CAMPAIGN, "pause", 3)
        assert (found["http_status"], found["error"], found["since"]) == (503, "Unknown error", FRIDAY)

    def test_what_has_ended_well_or_is_not_wanted_any_more_is_not_failing(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            for number, last in (
                (1, SUCCEEDED),
                (2, Result(outcome=Outcome.SKIPPED)),
                (3, Result(outcome=Outcome.FAILED)),
            ):
                intent = recorded(connection, campaign=number)
                attempt(connection, intent, RETRIED)
                attempt(connection, intent, last)
            recorded(connection, campaign=4)
            assert [each["campaign"] for each in reports.failing_changes(connection, FRIDAY)] == [3]
            # Tried anew, with success.
            attempt(connection, recorded(connection, campaign=3, due_at=FRIDAY + HOUR), SUCCEEDED)
            assert reports.failing_changes(connection, FRIDAY) == []
            assert reports.failing_changes(connection, MONDAY) == []


class TestFiles:
    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Database:
        return ledger_in(tmp_path)

    def test_a_new_ledger_is_readable_by_its_owner_alone(self, ledger: Database) -> None:
        """Also the two files that SQLite puts beside it while it's open."""
        with ledger.writing() as connection:
            work.note(connection, FRIDAY, "x")
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in ledger.path.parent.iterdir()}
        assert modes == dict.fromkeys(["curfew.db", "curfew.db-wal", "curfew.db-shm"], 0o600)

    def test_making_it_again_changes_nothing(self, ledger: Database) -> None:
        before = ledger.path.read_bytes()
        ledger.create()
        assert ledger.path.read_bytes() == before

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("nowhere/curfew.db", "the folder {folder}/nowhere is missing"),
            (".", "is a directory"),
            ("file/curfew.db", "not a directory"),
            ("x" * 300, "file name too long"),
        ],
    )
    @pytest.mark.parametrize("use", USES)
    def test_a_path_that_cannot_be_is_said_with_the_reason(
        self, tmp_path: Path, path: str, reason: str, use: str
    ) -> None:
        (tmp_path / "file").write_text("")
        database = Database(f"sqlite:///{tmp_path}/{path}")
        with pytest.raises(LedgerError) as caught:
            USES[use](database)
        assert str(caught.value).startswith(f"{database.name}: ")
        if use == "create":
            assert str(caught.value) == f"{database.name}: {reason.format(folder=tmp_path)}"

    def test_a_ledger_that_is_not_there_says_who_makes_it(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path}/curfew.db")
        with pytest.raises(LedgerError, match="there is no ledger yet; `curfew run` makes it"), database.reading():
            pass
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("change", "found", "advice"),
        [
            ("DROP TABLE alembic_version", "None", "run `curfew db upgrade`"),
            ("DELETE FROM alembic_version", "None", "run `curfew db upgrade`"),
            ("UPDATE alembic_version SET version_num = '0000'", "0000", "run `curfew db upgrade`"),
            ("UPDATE alembic_version SET version_num = '9999'", "9999", "a newer Curfew has made it: install that one"),
        ],
    )
    def test_a_ledger_of_another_revision_is_not_read(
        self, ledger: Database, change: str, found: str, advice: str
    ) -> None:
        with ledger.writing() as connection:
            connection.execute(text(change))
        with pytest.raises(LedgerError, match=f"revision {found}, and this version reads {REVISION}; {advice}"):
            read(ledger)

    @pytest.mark.parametrize("use", ["write", "read"])
    def test_a_file_that_is_no_database_is_said_to_be_none(self, tmp_path: Path, use: str) -> None:
        (tmp_path / "curfew.db").write_text("timezone: Europe/Warsaw\n" * 100)
        database = Database(f"sqlite:///{tmp_path}/curfew.db")
        with pytest.raises(LedgerError, match=f"{database.name}: file is not a database"):
            USES[use](database)

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("nonsense", "isn't a URL"),
            ("", "isn't a URL"),
            ("sqlite://", "only SQLite and PostgreSQL"),
            ("mysql://u:swordfish@db/curfew", "only SQLite and PostgreSQL"),
            ("postgresql://u:swordfish@db", "names no database"),
        ],
    )
    def test_any_other_kind_of_database_is_refused_without_its_password(self, url: str, message: str) -> None:
        with pytest.raises(LedgerError, match=message) as caught:
            Database(url)
        assert "swordfish" not in str(caught.value)

    @pytest.mark.parametrize(
        ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5000)]
    )
    @pytest.mark.parametrize("use", [Database.writing, Database.reading])
    def test_every_connection_has_its_settings(
        self, ledger: Database, use: Callable[[Database], Any], pragma: str, value: object
    ) -> None:
        with use(ledger) as connection:
            assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value

    def test_an_attempt_of_no_intent_is_refused_by_the_database(self, ledger: Database) -> None:
        rows = [
            insert(attempts).values(intent_id=99, number=1, started_at=FRIDAY),
            insert(custody).values(account="a", campaign=1, taken_at=FRIDAY, intent_id=99),
        ]
        for row in rows:
            with pytest.raises(LedgerError, match="FOREIGN KEY"):
                write(ledger, partial(Connection.execute, statement=row))
