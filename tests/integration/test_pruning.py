"""Old outcomes leave for an archive, and what is left, and what has left, can be verified as before."""

import asyncio
import json
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from rules.ruleset import Action
from scheduler import archives, pruning
from scheduler.errors import LedgerError, WrongUse
from scheduler.ledger import chain, work
from scheduler.ledger.chain import Link
from scheduler.ledger.database import Database
from scheduler.ledger.pruning import remove_outcomes
from scheduler.ledger.records import Outcome, Result, State
from scheduler.ledger.tables import attempts, intents, outcome_rules, outcomes
from scheduler.ledger.verification import verify
from scheduler.pruning import prune
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, ledger_in, new_intent, resume, writing_to

SUCCEEDED = Result(outcome=Outcome.SUCCEEDED, http_status=200)
KEEP = 60 * DAY
NOW = FRIDAY + 100 * DAY


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_PAUSE_SECONDS", 0)


def attempt(connection: Connection, campaign: int, action: Action = Action.PAUSE, *, day: int) -> None:
    at = FRIDAY + day * DAY
    intent = work.record_intent(connection, new_intent(campaign, action, due_at=at, lasts=HOUR), at)
    assert intent is not None
    assert work.start_attempt(connection, intent, "me", at) == 1
    work.finish_attempt(connection, intent, 1, SUCCEEDED, at)


def fill(ledger: Database) -> None:
    """One pause of each of two campaigns a day, for a hundred days, given back at once, and a decision."""
    with ledger.writing() as connection:
        for day in range(0, 100, 10):
            attempt(connection, 1, day=day)
            attempt(connection, 1, Action.RESUME, day=day)
            new = replace(new_intent(2, due_at=FRIDAY + day * DAY, lasts=HOUR), rules=("a", "b"))
            work.record_decision(connection, new, State.SKIPPED, "already paused", FRIDAY + day * DAY)


def numbers(connection: Connection) -> list[int]:
    return list(connection.execute(select(outcomes.c.number).order_by(outcomes.c.number)).scalars())


def problems(ledger: Database, *parts: archives.Archive, noted: tuple[Link, ...] = ()) -> list[str]:
    with ledger.reading() as connection:
        return list(verify(connection, noted, parts).problems)


def test_what_is_older_leaves_and_both_parts_can_be_verified(ledger: Database, tmp_path: Path) -> None:
    fill(ledger)
    with ledger.reading() as connection:
        before = list(chain.rows(connection))
        tenth = chain.digest(before[9])
    done = prune(ledger, KEEP, tmp_path / "a.jsonl", NOW)
    assert done is not None
    assert (done.archive.start, done.archive.last.number) == (chain.BEGINNING, 12)
    # Of campaign 2 and of each action of campaign 1, four are older, and none of them is the newest.
    assert done.intents == 12
    with ledger.reading() as connection:
        assert [*done.archive.rows(), *chain.rows(connection)] == before
        assert numbers(connection) == list(range(13, 31))
        assert chain.start(connection) == done.archive.last
        assert len(connection.execute(select(attempts.c.id)).all()) == 12
        assert min(connection.execute(select(outcome_rules.c.number)).scalars()) == 13
    assert problems(ledger) == []
    again = archives.opened(tmp_path / "a.jsonl")
    assert again == done.archive
    assert problems(ledger, again, noted=(Link(10, tenth), done.archive.last, chain.BEGINNING)) == []
    assert stat.S_IMODE(again.path.stat().st_mode) == 0o600


def test_the_record_goes_on_and_is_pruned_again(ledger: Database, tmp_path: Path) -> None:
    fill(ledger)
    first = prune(ledger, KEEP, tmp_path / "a.jsonl", NOW)
    with ledger.writing() as connection:
        attempt(connection, 1, day=100)
    second = prune(ledger, KEEP, tmp_path / "b.jsonl", NOW + 300 * DAY)
    assert first is not None
    assert second is not None
    assert (second.archive.start, second.archive.last.number) == (first.archive.last, 31)
    with ledger.reading() as connection:
        assert numbers(connection) == []
        assert chain.start(connection) == chain.head(connection) == second.archive.last
        left = connection.execute(select(intents.c.campaign, intents.c.action, intents.c.due_at)).all()
    assert sorted(tuple(row)[:2] for row in left) == [(1, "pause"), (1, "resume"), (2, "pause")], "the newest of each"
    with ledger.writing() as connection:
        attempt(connection, 1, day=400)
        assert numbers(connection) == [32]
    assert problems(ledger, second.archive, first.archive) == []
    assert problems(ledger, first.archive) == [
        "what begins with outcome 32 doesn't follow what is in the archives before it"
    ]
    assert problems(ledger, noted=(first.archive.last,)) == [
        "outcome 12, a head that was noted, was pruned: give its archive with --archive"
    ]


def test_what_a_daemon_goes_by_stays(ledger: Database, tmp_path: Path) -> None:
    """What hasn't ended, what is owed, and the newest of each campaign."""
    with ledger.writing() as connection:
        attempt(connection, 1, day=0)
        open_still = work.record_intent(connection, new_intent(2, lasts=400 * DAY), FRIDAY)
        assert open_still is not None
        number = work.start_attempt(connection, open_still, "me", FRIDAY)
        assert number == 1
        retried = Result(outcome=Outcome.RETRIED, http_status=500, retry_after=HOUR)
        work.finish_attempt(connection, open_still, 1, retried, FRIDAY)
        work.record_decision(connection, new_intent(3, lasts=HOUR), State.SKIPPED, "x", FRIDAY)
        work.record_decision(connection, resume(new_intent(4)), State.MISSED, "x", FRIDAY)
        work.record_decision(connection, resume(new_intent(4, due_at=FRIDAY + DAY)), State.MISSED, "x", FRIDAY)
    done = prune(ledger, KEEP, tmp_path / "a.jsonl", NOW)
    assert done is not None
    assert (done.archive.last.number, done.intents) == (4, 0)
    with ledger.writing() as connection:
        assert list(work.custody_of(connection, "main")) == [1]
        (waiting,) = work.open_intents(connection, "main")
        assert work.start_attempt(connection, waiting, "me", NOW) == 2
        work.finish_attempt(connection, waiting, 2, SUCCEEDED, NOW)
    assert problems(ledger, done.archive) == []


def test_where_nothing_is_older_nothing_is_written(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    assert prune(ledger, KEEP, None, NOW) is None
    fill(ledger)
    assert prune(ledger, 365 * DAY, None, NOW) is None
    assert sorted(path.name for path in tmp_path.iterdir() if "jsonl" in path.name) == []


def test_by_itself_the_archive_is_beside_the_ledger(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    fill(ledger)
    done = prune(ledger, KEEP, None, NOW)
    assert done is not None
    assert done.archive.path == tmp_path / "curfew.db.outcomes-1-12.jsonl"


def change(statement: str) -> Callable[[Database], None]:
    def execute(ledger: Database) -> None:
        with ledger.writing() as connection:
            connection.execute(text(statement))

    return execute


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (change("UPDATE outcomes SET outcome = 'failed' WHERE number = 3"), "isn't as it was recorded"),
        (change("UPDATE outcomes SET outcome = 'failed' WHERE number = 12"), "isn't as it was recorded"),
        (change("DELETE FROM outcomes WHERE number = 1"), "isn't as it was recorded"),
        (lambda ledger: (ledger.path.parent / "a.jsonl").write_text("x"), "takes no other file's place"),
        (lambda ledger: (ledger.path.parent / "a.jsonl").mkdir(), "takes no other file's place"),
    ],
)
def test_what_is_not_in_order_stays_whole(tmp_path: Path, spoil: Callable[[Database], None], said: str) -> None:
    ledger = ledger_in(tmp_path)
    fill(ledger)
    spoil(ledger)
    with ledger.reading() as connection:
        before = numbers(connection)
    with pytest.raises((LedgerError, WrongUse), match=said):
        prune(ledger, KEEP, tmp_path / "a.jsonl", NOW)
    with ledger.reading() as connection:
        assert numbers(connection) == before
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".a")]


def test_an_archive_that_reads_otherwise_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that keeps something else than it was given."""
    ledger = ledger_in(tmp_path)
    fill(ledger)
    write = archives._write_line

    def misspelt(file: object, values: dict[str, object]) -> None:
        write(file, values | ({"outcome": "failed"} if values.get("number") == 5 else {}))

    monkeypatch.setattr(archives, "_write_line", misspelt)
    with pytest.raises(LedgerError, match="what was written isn't what is read; nothing was removed"):
        prune(ledger, KEEP, tmp_path / "a.jsonl", NOW)
    with ledger.reading() as connection:
        assert len(numbers(connection)) == 30
    assert not (tmp_path / "a.jsonl").exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [("nowhere/a.jsonl", "no such file"), ("curfew.db/a.jsonl", "not a directory"), ("x" * 300, "file name too long")],
)
def test_a_place_that_cannot_be_is_said(tmp_path: Path, target: str, said: str) -> None:
    ledger = ledger_in(tmp_path)
    fill(ledger)
    with pytest.raises(LedgerError, match=said):
        prune(ledger, KEEP, tmp_path / target, NOW)
    assert problems(ledger) == []


def test_little_is_never_pruned_and_a_server_has_no_place_beside_it(ledger: Database, tmp_path: Path) -> None:
    fill(ledger)
    with pytest.raises(WrongUse, match="at least 60d are kept"):
        prune(ledger, KEEP - timedelta(seconds=1), tmp_path / "a.jsonl", NOW)
    if ledger.server:
        with pytest.raises(WrongUse, match="say with --archive"):
            prune(ledger, KEEP, None, NOW)


def test_cut_off_in_the_middle_it_is_whole_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_in(tmp_path)
    fill(ledger)
    monkeypatch.setattr(pruning, "_AT_ONCE", 5)
    monkeypatch.setattr(time, "sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prune(ledger, KEEP, tmp_path / "a.jsonl", NOW)
    first = archives.opened(tmp_path / "a.jsonl")
    assert problems(ledger) == []
    assert problems(ledger, first) == []
    monkeypatch.setattr(time, "sleep", lambda _: None)
    second = prune(ledger, KEEP, tmp_path / "b.jsonl", NOW)
    assert second is not None
    assert second.archive.start.number == 5
    assert problems(ledger, first, second.archive) == []
    with ledger.reading() as connection:
        assert numbers(connection)[0] == 13


def test_two_at_the_same_time_remove_nothing_twice(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    fill(ledger)
    with ledger.reading() as connection:
        oldest = list(chain.rows(connection, 1, 3))
    with ledger.writing() as connection:
        remove_outcomes(connection, oldest, FRIDAY + DAY)
    with pytest.raises(LedgerError, match="aren't those that were archived any more"), ledger.writing() as connection:
        remove_outcomes(connection, oldest, FRIDAY + DAY)


async def test_a_daemon_goes_on_meanwhile(ledger: Database, tmp_path: Path) -> None:
    fill(ledger)
    async with writing_to(ledger) as writer:
        pruned = asyncio.create_task(asyncio.to_thread(prune, ledger, KEEP, tmp_path / "a.jsonl", NOW))
        day = 200
        while not pruned.done() or day < 205:
            day += 1
            await writer.do(lambda connection, day=day: attempt(connection, 9, day=day))  # type: ignore[misc]
        done = await pruned
    assert done is not None
    assert problems(ledger, done.archive) == []
    with ledger.reading() as connection:
        assert numbers(connection)[0] == 13
        assert len(numbers(connection)) == 18 + day - 200


class TestArchive:
    @pytest.fixture
    def archive(self, tmp_path: Path) -> Path:
        ledger = ledger_in(tmp_path)
        fill(ledger)
        assert prune(ledger, KEEP, tmp_path / "a.jsonl", NOW)
        return tmp_path / "a.jsonl"

    def test_each_line_is_an_object(self, archive: Path) -> None:
        head, first, *_, last = map(json.loads, archive.read_text().splitlines())
        assert head == {"archive": "curfew outcomes, version 1", "after": f"0:{'0' * 64}"}
        assert first["number"] == 1
        assert first["rules"] == ["weekend"]
        assert list(last) == ["last"]

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda lines: [*lines[:3], lines[3].replace("skipped", "failed"), *lines[4:]], "outcome 3 ("),
            (lambda lines: [*lines[:3], *lines[4:]], "outcome 3 is missing: removed"),
            (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "outcome 3 is missing: removed"),
            (lambda lines: [*lines[:-2], lines[-1]], "outcome 12 is missing: removed"),
            (lambda lines: [lines[0].replace(":0", ":1"), *lines[1:]], "outcome 1 ("),
        ],
    )
    def test_what_was_changed_in_it_is_found(
        self, archive: Path, spoil: Callable[[list[str]], list[str]], said: str
    ) -> None:
        archive.write_text("\n".join(spoil(archive.read_text().splitlines())) + "\n")
        found = problems(Database(f"sqlite:///{archive.parent}/curfew.db"), archives.opened(archive))
        assert found[0].startswith(said)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "isn't an archive"),
            ("{}\n{}\n", "isn't an archive"),
            ("[1]\n", "isn't an object of JSON"),
            ("nonsense\n", "isn't a file of JSON lines"),
            ("\xff\n", "isn't a file of JSON lines"),
            ('{"archive": "curfew outcomes, version 1", "after": "x"}\n{"last": "1:2"}\n', "isn't an archive"),
            ('{"archive": "curfew outcomes, version 1", "after": "\\u00b2:x"}\n{"last": "1:2"}\n', "isn't an archive"),
            ('{"archive": "curfew outcomes, version 1"}\n{"last": "1:2"}\n', "isn't an archive"),
        ],
    )
    def test_what_is_none_is_wrong_use(self, tmp_path: Path, content: str, said: str) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text(content, encoding="latin-1")
        with pytest.raises(WrongUse, match=said):
            archives.opened(path)

    def test_one_that_is_cut_off_or_not_there_is_wrong_use(self, archive: Path) -> None:
        archive.write_text("\n".join(archive.read_text().splitlines()[:-1]))
        with pytest.raises(WrongUse, match="is cut off"):
            archives.opened(archive)
        with pytest.raises(WrongUse, match="no such file"):
            archives.opened(archive.parent / "nowhere")

    @pytest.mark.parametrize(("was", "becomes"), [('"outcome":"succeeded",', ""), ('"number":1,', '"number":"1",')])
    def test_an_outcome_that_is_none_is_said_with_its_line(self, archive: Path, was: str, becomes: str) -> None:
        archive.write_text(archive.read_text().replace(was, becomes, 1))
        with pytest.raises(WrongUse, match=r"a\.jsonl:2: isn't an outcome"):
            list(archives.opened(archive).rows())
