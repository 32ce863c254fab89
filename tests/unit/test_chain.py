"""The record of outcomes: what follows from what, and which change of it shows how, on real databases of each kind."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, text, update

from rules.ruleset import Action
from scheduler.errors import LedgerError
from scheduler.ledger import calls, chain, work
from scheduler.ledger.chain import FIELDS, Link
from scheduler.ledger.database import Database
from scheduler.ledger.records import Intent, Outcome, Result, State
from scheduler.ledger.tables import outcome_rules, outcomes
from scheduler.ledger.verification import verify
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, MINUTE, MONDAY, ledger_in, new_intent, resume, writing_to

SUCCEEDED = Result(outcome=Outcome.SUCCEEDED, http_status=200)
RETRIED = Result(
    outcome=Outcome.RETRIED, http_status=500, error_code="E", error_message='say "no" ł\n', retry_after=HOUR
)


def attempt(connection: Connection, campaign: int, result: Result = SUCCEEDED) -> Intent:
    """One attempt for a new pause."""
    intent = work.record_intent(connection, new_intent(campaign), FRIDAY)
    assert intent is not None
    assert work.start_attempt(connection, intent, "me", FRIDAY) == 1
    work.finish_attempt(connection, intent, 1, result, FRIDAY + timedelta(milliseconds=250))
    return intent


def fill(ledger: Database, number: int = 9) -> None:
    """So many outcomes, one in three of them a decision."""
    with ledger.writing() as connection:
        for campaign in range(1, number + 1):
            if campaign % 3:
                attempt(connection, campaign, RETRIED if campaign % 2 else SUCCEEDED)
            else:
                new = new_intent(campaign)
                work.record_decision(connection, new, State.SKIPPED, "already paused", FRIDAY + MINUTE * campaign)


def problems(ledger: Database, *noted: Link) -> list[str]:
    with ledger.reading() as connection:
        return list(verify(connection, noted).problems)


def rows(connection: Connection) -> list[tuple[Any, ...]]:
    return list(chain.rows(connection))


class TestRecord:
    def test_each_carries_the_hash_of_the_one_before_it_as_the_description_says(self, ledger: Database) -> None:
        """By another program, and by the rows as plain SQL gives them."""
        fill(ledger)
        query = f"SELECT {', '.join(FIELDS)} FROM outcomes ORDER BY number"  # noqa: S608 -- our own names
        carried = "0" * 64
        with ledger.reading() as connection:
            found = connection.execute(text(query)).mappings().all()
            for number, row in enumerate(found, start=1):
                values = dict(row)
                if isinstance(values["rules"], str):
                    values["rules"] = json.loads(values["rules"])
                assert (values["number"], values["previous_hash"]) == (number, carried)
                written = json.dumps(list(values.values()), separators=(",", ":"))
                carried = sha256(written.encode()).hexdigest()
            assert chain.head(connection) == Link(9, carried)
        assert len(found) == 9

    def test_a_new_ledger_has_none(self, ledger: Database) -> None:
        with ledger.reading() as connection:
            assert chain.head(connection) is None
            assert (chain.start(connection), rows(connection)) == (chain.BEGINNING, [])
        assert problems(ledger) == []

    def test_a_row_says_what_was_recorded(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            intent = attempt(connection, 7, RETRIED)
            (row,) = rows(connection)
        assert dict(zip(FIELDS, row, strict=True)) == {
            "version": 1,
            "number": 1,
            "previous_hash": "0" * 64,
            "intent_id": intent.id,
            "account": "main",
            "campaign": 7,
            "action": "pause",
            "due_at": "2026-11-27T16:00:00.000000Z",
            "rules": ["weekend"],
            "attempt": 1,
            "started_at": "2026-11-27T16:00:00.000000Z",
            "finished_at": "2026-11-27T16:00:00.250000Z",
            "outcome": "retried",
            "http_status": 500,
            "error_code": "E",
            "error_message": 'say "no" ł\n',
            "reason": "weekend: Fri 17:00 until Mon 08:00",
        }

    def test_whatever_ends_is_in_it_once_and_what_follows_does_not_change_it(self, ledger: Database) -> None:
        """Every way in which a change can end, and all that may be noted of it later."""
        with ledger.writing() as connection:
            attempt(connection, 1)
            (known,) = work.known_changes(connection, "main", FRIDAY)
            assert work.reopen(connection, "main", known, "it runs on", FRIDAY)
            (again,) = work.open_intents(connection, "main")
            assert work.start_attempt(connection, again, "me", FRIDAY) == 2
            work.finish_attempt(connection, again, 2, SUCCEEDED, FRIDAY)
            (known,) = work.known_changes(connection, "main", FRIDAY)
            assert work.give_up(connection, "main", known, "it still runs", FRIDAY)
            attempt(connection, 2)
            work.confirm(connection, "main", {2}, FRIDAY)
            attempt(connection, 3, Result(outcome=Outcome.SIMULATED))
            assert work.record_intent(connection, new_intent(3), FRIDAY)
            (simulated,) = work.open_intents(connection, "main")
            assert work.decide_open(connection, simulated, State.FAILED, "given up", FRIDAY)
            missed = work.record_decision(connection, new_intent(4), State.MISSED, "by a clock that was ahead", MONDAY)
            assert missed is not None
            assert work.record_decision(connection, new_intent(4), State.MISSED, "again", MONDAY) is None
            waiting = work.record_intent(connection, new_intent(4), FRIDAY)
            assert waiting is not None
            (known,) = [each for each in work.known_changes(connection, "main", FRIDAY) if each.campaign == 4]
            assert work.withdraw(connection, "main", known, "not wanted", FRIDAY)
            late = work.record_intent(connection, new_intent(5), FRIDAY)
            assert late is not None
            assert work.expire(connection, late, State.MISSED, "late", MONDAY)
            calling = work.record_intent(connection, new_intent(6), FRIDAY)
            assert calling is not None
            work.start_attempt(connection, calling, "dead", FRIDAY)
            assert work.interrupt_attempts(connection, FRIDAY, living="me") == 1
            work.record_intent(connection, new_intent(7, account="gone"), FRIDAY)
            assert work.end_orphans(connection, ["main"], FRIDAY) == 1
            nobodys = work.record_intent(connection, resume(new_intent(8)), MONDAY)
            assert nobodys is not None
            assert work.start_attempt(connection, nobodys, "me", MONDAY) is None
            told = [(row[FIELDS.index("campaign")], row[FIELDS.index("outcome")]) for row in rows(connection)]
        assert told == [
            *((1, "succeeded"), (1, "succeeded"), (1, "failed"), (2, "succeeded"), (3, "simulated"), (3, "failed")),
            *((4, "missed"), (4, "skipped"), (5, "missed"), (6, "interrupted"), (7, "missed"), (8, "skipped")),
        ]
        assert problems(ledger) == []

    async def test_many_at_once_are_a_chain_as_well_and_what_fails_leaves_no_gap(self, ledger: Database) -> None:
        with ledger.writing() as connection:
            found = [work.record_intent(connection, new_intent(number), FRIDAY) for number in range(1, 21)]
        pauses = [each for each in found if each is not None]
        async with writing_to(ledger) as writer:
            starts = [writer.submit(calls.start_attempts, calls.Start(each, "me", FRIDAY)) for each in pauses]
            assert await asyncio.gather(*starts) == [1] * 20

            def fail(connection: Connection) -> None:
                work.record_decision(connection, new_intent(99), State.SKIPPED, "undone", FRIDAY)
                raise ZeroDivisionError

            ends = [writer.submit(calls.end_attempts, calls.End(each, 1, FRIDAY, SUCCEEDED, FRIDAY)) for each in pauses]
            failed, *_ = await asyncio.gather(writer.do(fail), *ends, return_exceptions=True)
            assert isinstance(failed, ZeroDivisionError)
        with ledger.reading() as connection:
            assert [row[1] for row in rows(connection)] == list(range(1, 21))
        assert problems(ledger) == []

    async def test_one_daemon_after_another_goes_on_with_it(self, ledger: Database) -> None:
        """Each with its own connection, as two machines do that take turns on a server's ledger."""
        for turn in range(3):
            async with writing_to(ledger) as writer:
                await writer.do(lambda connection, turn=turn: attempt(connection, 10 + turn))  # type: ignore[misc]
        with ledger.reading() as connection:
            assert [row[1] for row in rows(connection)] == [1, 2, 3]
        assert problems(ledger) == []

    def test_two_at_the_same_time_cannot_add_to_it(self, ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(ledger, 2)
        monkeypatch.setattr(chain, "head", lambda _: Link(40, "0" * 64))
        with pytest.raises(LedgerError, match="at the same time"), ledger.writing() as connection:
            attempt(connection, 50)

    def test_it_goes_on_though_the_head_was_removed(self, ledger: Database) -> None:
        fill(ledger, 3)
        change(ledger, "DELETE FROM chain")
        assert problems(ledger) == ["what is kept of the head is missing"]
        with ledger.writing() as connection:
            attempt(connection, 50)
        assert problems(ledger) == []


def change(ledger: Database, *statements: str) -> None:
    with ledger.writing() as connection:
        for each in statements:
            connection.execute(text(each))


def swap(connection: Connection, one: int, other: int, names: Sequence[str] = ()) -> None:
    """Two outcomes with each other's number, or with each other's values."""
    query = select(outcomes)
    first, second = (
        dict(connection.execute(query.where(outcomes.c.number == each)).mappings().one()) for each in (one, other)
    )
    for row, theirs in ((first, second), (second, first)):
        values = {name: theirs[name] for name in names} if names else {k: v for k, v in theirs.items() if k != "number"}
        connection.execute(update(outcomes).where(outcomes.c.number == row["number"]).values(values))


PAYLOAD = FIELDS[FIELDS.index("intent_id") :]


def swapping(one: int, other: int, names: Sequence[str] = ()) -> Callable[[Connection], None]:
    return lambda connection: swap(connection, one, other, names)


def executing(*statements: str) -> Callable[[Connection], None]:
    def execute(connection: Connection) -> None:
        for each in statements:
            connection.execute(text(each))

    return execute


def inserting_in_the_middle(connection: Connection) -> None:
    """With the numbers of all that follows moved up, and a hash that fits the one before."""
    found = list(connection.execute(select(outcomes).order_by(outcomes.c.number)).mappings())
    for row in reversed(found[4:]):
        connection.execute(update(outcomes).where(outcomes.c.number == row["number"]).values(number=row["number"] + 1))
    connection.execute(insert(outcomes).values(dict(found[4]) | {"campaign": 666}))


def removing_from_the_middle(connection: Connection) -> None:
    """With the numbers of all that follows moved down."""
    found = list(connection.execute(select(outcomes).order_by(outcomes.c.number)).mappings())
    connection.execute(delete(outcomes).where(outcomes.c.number == 5))
    for row in found[5:]:
        connection.execute(update(outcomes).where(outcomes.c.number == row["number"]).values(number=row["number"] - 1))


def relinking(number: int) -> Callable[[Connection], None]:
    """An outcome is changed, and the next one carries its new hash."""

    def relink(connection: Connection) -> None:
        connection.execute(update(outcomes).where(outcomes.c.number == number).values(outcome="succeeded"))
        (row,) = chain.rows(connection, number, number)
        then = outcomes.c.number == number + 1
        connection.execute(update(outcomes).where(then).values(previous_hash=chain.digest(row)))

    return relink


def named(number: int, outcome: str) -> str:
    """How an outcome of `fill` is called."""
    return f"outcome {number} (pause of campaign {number} of main, due 2026-11-27T16:00:00.000000Z: {outcome})"


class TestTampering:
    """Each says which outcome it was."""

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Database:
        """In a file: what is compared is the same everywhere, and `test_on_a_server_too` is told of a server."""
        return ledger_in(tmp_path)

    @pytest.mark.parametrize(
        ("tamper", "first"),
        [
            (
                executing("UPDATE outcomes SET outcome = 'succeeded' WHERE number = 5"),
                f"{named(5, 'succeeded')} was changed",
            ),
            (executing("UPDATE outcomes SET reason = '' WHERE number = 1"), f"{named(1, 'retried')} was changed"),
            (
                executing("UPDATE outcomes SET http_status = NULL WHERE number = 8"),
                f"{named(8, 'succeeded')} was changed",
            ),
            (
                executing("UPDATE outcomes SET reason = 'x' WHERE number = 9"),
                f"{named(9, 'skipped')} was changed, or what is kept of the head",
            ),
            (executing("DELETE FROM outcomes WHERE number = 5"), "outcome 5 is missing: removed"),
            (executing("DELETE FROM outcomes WHERE number = 1"), "outcome 1 is missing: removed"),
            (executing("DELETE FROM outcomes WHERE number IN (4, 5, 6)"), "outcomes 4 to 6 are missing: removed"),
            (executing("DELETE FROM outcomes WHERE number > 7"), "outcomes 8 to 9 are missing: removed"),
            (swapping(4, 5, ["outcome", "reason"]), "outcomes 4 to 5 are not what was recorded, or only 5"),
            (executing("UPDATE outcomes SET rules = '{' WHERE number = 5"), f"{named(5, 'retried')} was changed"),
            (
                executing(
                    "INSERT INTO outcomes SELECT 10, version, previous_hash, intent_id, account, campaign, action,"
                    " due_at, rules, attempt, started_at, finished_at, outcome, http_status, error_code, error_message,"
                    " reason FROM outcomes WHERE number = 9"
                ),
                "outcome 10 is behind the head that is kept: inserted",
            ),
            (inserting_in_the_middle, "outcome 5 (pause of campaign 666"),
            (removing_from_the_middle, "an outcome before outcome 5 (pause of campaign 6 "),
            (relinking(5), f"{named(6, 'skipped')} was changed"),
            (relinking(9), f"{named(9, 'succeeded')} was changed"),
            (
                executing("UPDATE chain SET number = 8"),
                f"{named(8, 'succeeded')} was changed, or what is kept of the head",
            ),
            (executing("UPDATE chain SET number = 12"), "outcomes 10 to 12 are missing: removed"),
        ],
    )
    def test_it_is_found_and_named(self, ledger: Database, tamper: Callable[[Connection], None], first: str) -> None:
        fill(ledger)
        assert problems(ledger) == []
        with ledger.writing() as connection:
            tamper(connection)
        found = problems(ledger)
        assert found[0].startswith(first), found

    def test_bytes_in_the_place_of_a_text_are_found_as_well(self, tmp_path: Path) -> None:
        """SQLite takes them."""
        ledger = ledger_in(tmp_path)
        fill(ledger)
        with ledger.writing() as connection:
            connection.execute(text("UPDATE outcomes SET reason = CAST(reason AS BLOB) WHERE number = 5"))
        assert problems(ledger)[0] == f"{named(5, 'retried')} was changed"

    @pytest.mark.parametrize("names", [(), PAYLOAD])
    @pytest.mark.parametrize(("one", "other"), [(4, 5), (1, 2), (8, 9), (2, 7), (1, 9)])
    def test_two_that_were_swapped_are_told_as_such_and_no_other(
        self, ledger: Database, one: int, other: int, names: Sequence[str]
    ) -> None:
        fill(ledger)
        with ledger.writing() as connection:
            swap(connection, one, other, names)
        swapped = [each for each in problems(ledger) if "swapped" in each or "recorded" in each.split("outcome")[0]]
        assert len(swapped) == 1
        assert f"outcome {one} (" in swapped[0]
        assert f"outcome {other} (" in swapped[0]
        assert swapped[0].endswith(" have been swapped")
        assert not [
            each for each in problems(ledger) if "not what was recorded" in each or each.endswith("was changed")
        ]

    @pytest.mark.parametrize(
        ("statement", "told"),
        [
            (
                "UPDATE attempts SET outcome = 'succeeded' WHERE intent_id = 5",
                "attempt 1 of intent 5, recorded as outcome 5, was changed",
            ),
            (
                "UPDATE attempts SET error_message = NULL WHERE intent_id = 5",
                "attempt 1 of intent 5, recorded as outcome 5, was changed",
            ),
            (
                "DELETE FROM attempts WHERE intent_id = 5",
                "attempt 1 of intent 5, recorded as outcome 5, was removed",
            ),
            (
                "INSERT INTO attempts (intent_id, number, started_at, outcome) VALUES (5, 2, '2026', 'succeeded')",
                "attempt 2 of intent 5 (succeeded) isn't in the record: inserted, or its outcome removed",
            ),
            (
                "UPDATE intents SET campaign = 77 WHERE id = 5",
                "intent 5 isn't the one that outcome 5 was recorded for: changed or removed",
            ),
            (
                "DELETE FROM intents WHERE id = 3",
                "intent 3 isn't the one that outcome 3 was recorded for: changed or removed",
            ),
            (
                "UPDATE intents SET state = 'missed' WHERE id = 3",
                "the decision about intent 3 (missed) isn't in the record: inserted, changed, or its outcome removed",
            ),
            (
                "DELETE FROM outcome_rules WHERE number = 5",
                "outcome 5 isn't found by its rule 'weekend': removed",
            ),
            (
                "INSERT INTO outcome_rules (rule, started_at, number) VALUES ('x', '2026', 5)",
                "outcome 5 is found by the rule 'x', which isn't its own: inserted",
            ),
        ],
    )
    def test_what_the_daemon_works_with_is_compared_with_it(self, ledger: Database, statement: str, told: str) -> None:
        fill(ledger)
        change(ledger, statement)
        assert problems(ledger) == [told]

    def test_not_all_of_a_thousand_problems_is_told(self, ledger: Database) -> None:
        fill(ledger, 60)
        change(ledger, "UPDATE outcomes SET reason = 'x' WHERE number % 2 = 0")
        assert 20 <= len(problems(ledger)) < 30 + 20


def test_on_a_server_too(ledger: Database) -> None:
    fill(ledger)
    with ledger.writing() as connection:
        swap(connection, 4, 5)
        connection.execute(text("UPDATE attempts SET reason = 'x' WHERE intent_id = 1"))
        connection.execute(text("DELETE FROM outcomes WHERE number = 9"))
    swapped, missing, *others = problems(ledger)
    assert swapped.endswith("have been swapped")
    assert missing == "outcome 9 is missing: removed"
    assert "attempt 1 of intent 1, recorded as outcome 1, was changed" in others
    assert (
        "the decision about intent 9 (skipped) isn't in the record: inserted, changed, or its outcome removed" in others
    )


class TestNoted:
    """A head that was noted elsewhere."""

    @staticmethod
    def head(ledger: Database) -> Link:
        with ledger.reading() as connection:
            found = chain.head(connection)
        assert found is not None
        return found

    def test_it_stays_part_of_the_record_as_that_goes_on(self, ledger: Database) -> None:
        fill(ledger, 3)
        noted = self.head(ledger)
        with ledger.writing() as connection:
            attempt(connection, 50)
        assert problems(ledger, noted, self.head(ledger), chain.BEGINNING) == []

    def test_a_record_that_was_written_anew_is_another_one(self, ledger: Database) -> None:
        """Which nothing in the ledger itself tells."""
        fill(ledger, 3)
        noted = self.head(ledger)
        tables = ("outcomes", "chain", "outcome_rules", "custody", "attempts", "intents")
        change(ledger, *(f"DELETE FROM {each}" for each in tables))  # noqa: S608 -- our own names
        with ledger.writing() as connection:
            for campaign in (1, 2, 4, 5):
                attempt(connection, campaign)
        assert problems(ledger) == []
        assert problems(ledger, noted) == ["outcome 3 isn't the one that was noted: the record was written anew"]

    def test_what_ends_before_it_lacks_the_newest(self, ledger: Database) -> None:
        fill(ledger, 3)
        late = Link(4, "a" * 64)
        assert problems(ledger, late) == ["it ends with outcome 3, before the head that was noted, 4: removed"]


def test_rules_are_named_once_each(ledger: Database) -> None:
    with ledger.writing() as connection:
        for number, names in enumerate([("a", "b", "a"), ()], start=1):
            new = new_intent(number)
            twice = new.__class__(**{**{n: getattr(new, n) for n in new.__dataclass_fields__}, "rules": names})
            work.record_decision(connection, twice, State.SKIPPED, "x", FRIDAY + DAY)
        found = connection.execute(select(outcome_rules.c.rule, outcome_rules.c.number)).all()
    assert sorted(tuple(row) for row in found) == [("a", 1), ("b", 1)]
    assert problems(ledger) == []


def test_an_action_and_an_outcome_are_plain_text(ledger: Database) -> None:
    with ledger.writing() as connection:
        work.record_decision(connection, new_intent(action=Action.RESUME), State.SKIPPED, "x", FRIDAY)
        row = connection.execute(text("SELECT action, outcome FROM outcomes")).one()
    assert tuple(row) == ("resume", "skipped")
    assert all(type(value) is str for value in row)
