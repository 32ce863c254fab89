"""Exceptions as they are kept: made, taken back once, in mind for as long as they matter, and journalled."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from rules.overrides import Override, OverrideKind
from scheduler.ledger.database import Database
from scheduler.ledger.overrides import (
    add_override,
    overrides_in_mind,
    overrides_stamp,
    recent_overrides,
    revoke_override,
)
from scheduler.ledger.tables import journal
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, MONDAY

SKIP = Override(
    id=0,
    kind=OverrideKind.SKIP,
    account="main",
    rule="weekend",
    starts_at=FRIDAY,
    ends_at=MONDAY,
    author="ada",
    reason="the fair",
)
PAUSE = Override(
    id=0, kind=OverrideKind.PAUSE, account="acme", campaign=7, starts_at=FRIDAY, ends_at=MONDAY, author="grace"
)


def made(ledger: Database, new: Override, now: datetime = FRIDAY) -> Override:
    with ledger.writing() as connection:
        return add_override(connection, new, now)


def revoked(ledger: Database, number: int, now: datetime = FRIDAY) -> Override | None:
    with ledger.writing() as connection:
        return revoke_override(connection, number, "linus", now)


def in_mind(ledger: Database, now: datetime = FRIDAY) -> list[Override]:
    with ledger.reading() as connection:
        return overrides_in_mind(connection, now)


def stamp(ledger: Database) -> tuple[int, int]:
    with ledger.reading() as connection:
        return overrides_stamp(connection)


def journalled(ledger: Database) -> list[Any]:
    with ledger.reading() as connection:
        return list(connection.execute(select(journal).order_by(journal.c.id)).all())


def test_what_is_made_is_kept_as_it_is_and_numbered_from_one(ledger: Database) -> None:
    assert made(ledger, SKIP) == replace(SKIP, id=1)
    assert made(ledger, PAUSE) == replace(PAUSE, id=2)
    assert in_mind(ledger) == [replace(SKIP, id=1), replace(PAUSE, id=2)]


def test_the_journal_has_a_line_for_what_is_made_and_for_what_is_taken_back(ledger: Database) -> None:
    made(ledger, SKIP)
    made(ledger, PAUSE, FRIDAY + HOUR)
    revoked(ledger, 2, FRIDAY + 2 * HOUR)
    span = {"from": "2026-11-27T16:00:00Z", "until": "2026-11-30T07:00:00Z"}
    skip, pause = "override 1: skip rule weekend, by ada (the fair)", "override 2: pause campaign 7, by grace"
    assert [(row.at, row.event, row.account, row.campaign, row.details) for row in journalled(ledger)] == [
        (FRIDAY, "override made", "main", None, {"override": skip, **span}),
        (FRIDAY + HOUR, "override made", "acme", 7, {"override": pause, **span}),
        (FRIDAY + 2 * HOUR, "override revoked", "acme", 7, {"override": pause, "by": "linus"}),
    ]


def test_one_can_be_taken_back_once(ledger: Database) -> None:
    made(ledger, SKIP)
    assert revoked(ledger, 1, FRIDAY + HOUR) == replace(SKIP, id=1)
    assert revoked(ledger, 1, FRIDAY + 2 * HOUR) is None
    with ledger.reading() as connection:
        (recorded,) = recent_overrides(connection, FRIDAY)
    assert (recorded.revoked_at, recorded.revoked_by) == (FRIDAY + HOUR, "linus")
    assert [row.event for row in journalled(ledger)] == ["override made", "override revoked"]


@pytest.mark.parametrize(("number", "now"), [(2, FRIDAY), (1, MONDAY), (1, MONDAY + DAY)])
def test_one_that_is_unknown_or_has_ended_cannot_be_taken_back(ledger: Database, number: int, now: datetime) -> None:
    made(ledger, SKIP)
    assert revoked(ledger, number, now) is None
    assert in_mind(ledger) == [replace(SKIP, id=1)]
    assert stamp(ledger) == (1, 0)
    assert [row.event for row in journalled(ledger)] == ["override made"]


def test_up_to_its_last_instant_it_can_be(ledger: Database) -> None:
    made(ledger, SKIP)
    assert revoked(ledger, 1, MONDAY - timedelta(microseconds=1)) is not None


def test_one_that_was_taken_back_ended_there(ledger: Database) -> None:
    """So that what it kept quiet is given back as of then, and not as of the end of some earlier window."""
    made(ledger, PAUSE)
    revoked(ledger, 1, FRIDAY + HOUR)
    assert in_mind(ledger) == [replace(PAUSE, id=1, ends_at=FRIDAY + HOUR)]


@pytest.mark.parametrize("now", [FRIDAY - HOUR, FRIDAY])
def test_one_that_was_taken_back_before_it_began_is_as_if_it_had_not_been(ledger: Database, now: datetime) -> None:
    made(ledger, PAUSE)
    revoked(ledger, 1, now)
    assert in_mind(ledger) == []


def test_a_window_is_there_again_when_its_skip_is_taken_back(ledger: Database) -> None:
    made(ledger, SKIP)
    revoked(ledger, 1, FRIDAY + HOUR)
    assert in_mind(ledger) == []


def test_one_that_has_ended_is_in_mind_for_weeks_and_not_for_ever(ledger: Database) -> None:
    made(ledger, SKIP)
    assert in_mind(ledger, MONDAY + 34 * DAY) != []
    assert in_mind(ledger, MONDAY + 35 * DAY) == []


def test_the_stamp_is_another_one_after_each_change_and_only_then(ledger: Database) -> None:
    stamps = [stamp(ledger)]
    changes: list[Callable[[], Override | None]] = [
        partial(made, ledger, SKIP),
        partial(made, ledger, PAUSE),
        partial(revoked, ledger, 1),
        partial(revoked, ledger, 2),
    ]
    for change in changes:
        assert change() is not None
        stamps.append(stamp(ledger))
        assert stamp(ledger) == stamps[-1]
    assert stamps[0] == (0, 0)
    assert len(set(stamps)) == 5


def test_lists_go_by_the_end_and_have_those_that_were_taken_back(ledger: Database) -> None:
    made(ledger, replace(SKIP, ends_at=FRIDAY + HOUR))
    made(ledger, PAUSE)
    revoked(ledger, 2)
    with ledger.reading() as connection:
        assert [each.override.id for each in recent_overrides(connection, FRIDAY)] == [1, 2]
        assert [each.override.id for each in recent_overrides(connection, FRIDAY + HOUR)] == [2]
