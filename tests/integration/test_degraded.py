"""What is said, and to whom, when a ledger can't be written and when it can again."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler.degraded import Degraded
from scheduler.ledger import substitute, work
from scheduler.ledger.database import Connection, Database, Writer
from scheduler.ledger.records import Outcome, Result
from tests.disk_faults import Locked, at_fault, be_impatient
from tests.scheduler_fakes import FRIDAY, HOUR, Clock, captured_logs, ledger_in, new_intent, until, writing_to


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    return ledger_in(tmp_path)


@pytest.fixture
async def writer(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Writer]:
    monkeypatch.setattr(substitute, "FIRST_GAP", 0.01)
    async with writing_to(ledger) as writer:
        await be_impatient(writer)
        yield writer


async def keep(writer: Writer, what: str) -> None:
    await writer.do(lambda connection: work.note(connection, FRIDAY, what))


async def is_well(writer: Writer) -> bool:
    return writer.fault is None


async def test_who_waits_for_the_ledger_is_woken_when_it_is_written_again(writer: Writer, ledger: Database) -> None:
    woken: list[str] = []
    Degraded(writer, Clock()).when_over = woken.append
    with at_fault(Locked(ledger)):
        await keep(writer, "kept")
        assert woken == []
    await until(lambda: is_well(writer), "it's written again")
    await keep(writer, "after")
    assert woken == ["the ledger"]


async def test_another_reason_is_said_as_well_and_the_end_counts_from_the_first(
    writer: Writer, ledger: Database, logs: list[Any]
) -> None:
    """Such as one of the program's own, which no person can do anything about: pauses go out all the same."""
    clock = Clock()
    Degraded(writer, clock)
    with at_fault(locked := Locked(ledger)):
        await writer.do(pause)
        locked.other.execute("CREATE TRIGGER no BEFORE INSERT ON custody BEGIN SELECT RAISE(ABORT, 'not this'); END")
        locked.other.execute("COMMIT")
        await until(lambda: are_said(logs, 2), "it isn't taken")
        clock.move(HOUR)
        locked.other.execute("DROP TRIGGER no")
    await until(lambda: are_said(logs, 3), "it's written again")
    assert [(line["log_level"], line.get("what_to_do"), line.get("since")) for line in logs] == [
        ("error", "another process holds it: wait for that one, or end it", None),
        ("error", "what was done meanwhile is in the log; please report it", None),
        ("info", None, FRIDAY),
    ]
    assert logs[1]["error"] == f"{ledger.name}: not this"


def pause(connection: Connection) -> None:
    intent = work.record_intent(connection, new_intent(), FRIDAY)
    assert intent is not None
    assert work.start_attempt(connection, intent, "me", FRIDAY) == 1
    work.finish_attempt(connection, intent, 1, Result(outcome=Outcome.SUCCEEDED), FRIDAY)


async def are_said(logs: list[Any], number: int) -> bool:
    return len(logs) == number
