"""Taking stock: told once when it begins, once when it's over, and never a flood."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.alerts.concerns import ABOUT, Concern, Kind
from scheduler.alerts.stock import GONE_FOR, HOUR, Entry, by_kind, compare, is_time, to_tell
from tests.scheduler_fakes import DAY, FRIDAY, MINUTE

LOOK = timedelta(seconds=15)
PATIENCE = ABOUT[Kind.PAUSE_FAILING].patience


def concern(
    subject: str = "main/7",
    kind: Kind = Kind.PAUSE_FAILING,
    since: datetime = FRIDAY,
    **more: frozenset[tuple[Kind, str]],
) -> Concern:
    return Concern(kind=kind, subject=subject, text=f"{subject}: it fails", since=since, **more)


@dataclass
class Book:
    """A ledger in small: it records what a look has found, and what was told."""

    entries: list[Entry] = field(default_factory=list)
    told: list[tuple[datetime, list[str], list[str]]] = field(default_factory=list)
    number: int = 0
    is_spaced: bool = False

    def look(self, now: datetime, *concerns: Concern) -> tuple[list[str], list[str]]:
        """One look; gives the subjects that are told to have begun, and to be over."""
        changes = compare(self.entries, concerns, now)
        for new in changes.new:
            self.number += 1
            self.entries.append(replace(new, id=self.number))
        self._set(changes.gone, over_at=now)
        self._set(changes.back, over_at=None)
        due = to_tell(self.entries, concerns, now)
        self._close(due.silent)
        messages = [at for at, _, _ in self.told]
        if not due or (self.is_spaced and not is_time(messages, now)):
            return [], []
        self._set(due.begun, told_at=now)
        self._close(due.over)
        found = [each.subject for each in due.begun], [each.subject for each in due.over]
        self.told.append((now, *found))
        return found

    def _set(self, chosen: Sequence[Entry], **values: datetime | None) -> None:
        ids = {each.id for each in chosen}
        self.entries = [replace(each, **values) if each.id in ids else each for each in self.entries]  # type: ignore[arg-type]

    def _close(self, ended: Sequence[Entry]) -> None:
        ids = {each.id for each in ended}
        self.entries = [each for each in self.entries if each.id not in ids]


class TestPatience:
    def test_what_has_just_begun_is_not_told_and_what_lasts_is_told_once(self) -> None:
        book = Book()
        assert book.look(FRIDAY, concern()) == ([], [])
        assert book.look(FRIDAY + PATIENCE - LOOK, concern()) == ([], [])
        assert book.look(FRIDAY + PATIENCE, concern()) == (["main/7"], [])
        assert book.look(FRIDAY + PATIENCE + LOOK, concern()) == ([], [])
        assert book.look(FRIDAY + DAY, concern()) == ([], [])

    def test_it_is_told_in_the_words_that_it_has_by_then(self) -> None:
        book = Book()
        book.look(FRIDAY, concern())
        changes = compare(book.entries, [replace(concern(), text="another error")], FRIDAY + LOOK)
        assert [(each.id, each.text) for each in changes.reworded] == [(1, "another error")]
        assert not compare(book.entries, [concern()], FRIDAY + LOOK)

    def test_what_has_happened_keeps_the_words_in_which_it_was_told(self) -> None:
        missed = concern("a window", Kind.WINDOW_MISSED)
        book = Book()
        book.look(FRIDAY, missed)
        assert book.look(FRIDAY + PATIENCE, missed) == (["a window"], [])
        assert not compare(book.entries, [replace(missed, text="less of it")], FRIDAY + DAY)

    def test_what_was_over_before_it_lasted_is_never_told(self) -> None:
        book = Book()
        book.look(FRIDAY, concern())
        book.look(FRIDAY + LOOK)
        assert book.look(FRIDAY + LOOK + GONE_FOR) == ([], [])
        assert book.entries == []

    def test_what_is_final_is_told_at_once(self) -> None:
        assert Book().look(FRIDAY, concern("main", Kind.KEY_REFUSED)) == (["main"], [])

    def test_all_of_a_kind_are_told_with_the_first_that_has_lasted(self) -> None:
        """An account's calls follow one another: 212 campaigns fail within minutes, and not in the same second."""
        book = Book()
        concerns = [concern(f"main/{number}", since=FRIDAY + number * timedelta(seconds=1)) for number in range(212)]
        for seconds in range(0, 300, 15):
            now = FRIDAY + timedelta(seconds=seconds)
            assert book.look(now, *(each for each in concerns if each.since <= now)) == ([], [])
        begun, _ = book.look(FRIDAY + PATIENCE, *concerns)
        assert len(begun) == 212
        assert len(book.told) == 1

    def test_since_when_counts_also_where_nobody_looked(self) -> None:
        """As after a start: what the ledger knows to fail for ten minutes is told at once."""
        assert Book().look(FRIDAY + 2 * PATIENCE, concern()) == (["main/7"], [])

    def test_a_clock_that_is_put_back_delays_nothing(self) -> None:
        book = Book()
        book.look(FRIDAY, concern())
        assert book.look(FRIDAY - DAY, concern()) == (["main/7"], [])


class TestOver:
    def told(self) -> Book:
        book = Book()
        book.look(FRIDAY + PATIENCE, concern())
        return book

    def test_its_end_is_told_once_when_it_has_been_gone_for_a_while(self) -> None:
        book = self.told()
        ends = FRIDAY + DAY
        assert book.look(ends) == ([], [])
        assert book.look(ends + GONE_FOR - LOOK) == ([], [])
        assert book.look(ends + GONE_FOR) == ([], ["main/7"])
        assert book.look(ends + 2 * GONE_FOR) == ([], [])
        assert book.entries == []

    def test_what_flaps_is_told_once_and_its_end_once(self) -> None:
        book = Book()
        for step in range(4 * 60):
            is_there = step % 3 != 0
            book.look(FRIDAY + step * LOOK, *([concern()] if is_there else []))
        book.look(FRIDAY + 2 * HOUR)
        book.look(FRIDAY + 3 * HOUR)
        assert [(begun, over) for _, begun, over in book.told] == [(["main/7"], []), ([], ["main/7"])]

    def test_what_comes_back_after_its_end_was_told_is_another_one(self) -> None:
        book = self.told()
        book.look(FRIDAY + DAY)
        book.look(FRIDAY + DAY + GONE_FOR)
        again = FRIDAY + 2 * DAY
        assert book.look(again, concern(since=again)) == ([], [])
        assert book.look(again + PATIENCE, concern(since=again)) == (["main/7"], [])

    def test_what_something_else_takes_the_place_of_ends_without_a_word(self) -> None:
        book = self.told()
        replaces = frozenset({(Kind.PAUSE_FAILING, "main/7")})
        missed = concern("weekend", Kind.WINDOW_MISSED, since=FRIDAY, replaces=replaces)
        assert book.look(FRIDAY + DAY, missed) == (["weekend"], [])
        assert [entry.kind for entry in book.entries] == [Kind.WINDOW_MISSED]
        assert book.look(FRIDAY + DAY + GONE_FOR, missed) == ([], [])

    def test_a_moment_has_no_end_and_is_not_told_again(self) -> None:
        book = Book()
        missed = concern("weekend", Kind.WINDOW_MISSED)
        assert book.look(FRIDAY + MINUTE, missed) == (["weekend"], [])
        assert book.look(FRIDAY + DAY) == ([], [])
        # A look that doesn't know of it for a while, and then does.
        assert book.look(FRIDAY + DAY + HOUR, missed) == ([], [])
        assert book.look(FRIDAY + 2 * DAY) == ([], [])
        assert book.look(FRIDAY + 4 * DAY) == ([], [])
        assert book.entries == []


class TestBound:
    def test_the_first_message_of_an_hour_waits_for_nothing(self) -> None:
        assert is_time([], FRIDAY)
        assert is_time([FRIDAY - HOUR], FRIDAY)

    def test_what_comes_meanwhile_is_told_in_one_message(self) -> None:
        book = Book(is_spaced=True)
        refused = [concern(f"account {number}", Kind.KEY_REFUSED) for number in range(120)]
        for number in range(120):
            book.look(FRIDAY + number * LOOK, *refused[: number + 1])
        told = [begun for _, begun, _ in book.told]
        assert [len(begun) for begun in told] == [1, 4, 8, 16, 32]
        assert sorted(each for begun in told for each in begun) == sorted(each.subject for each in refused[:61])
        _, over = book.look(FRIDAY + DAY, *refused)
        assert over == []
        assert sum(len(begun) for _, begun, _ in book.told) == 120

    @given(st.lists(st.integers(0, 7200), max_size=300))
    def test_whatever_happens_at_most_eight_messages_go_out_in_any_hour(self, seconds: list[int]) -> None:
        sent: list[datetime] = []
        for at in sorted(FRIDAY + timedelta(seconds=each) for each in seconds):
            if is_time(sent, at):
                sent.append(at)
        assert all(sum(at < other < at + HOUR for other in sent) < 8 for at in sent)

    def test_a_steady_flood_comes_to_six_messages_an_hour(self) -> None:
        sent: list[datetime] = []
        for step in range(24 * 240):
            if is_time(sent, FRIDAY + step * LOOK):
                sent.append(FRIDAY + step * LOOK)
        assert len(sent) / 24 < 7


def test_kinds_are_told_in_their_order() -> None:
    entries = [Entry(kind=kind, subject="x", text="x", began_at=FRIDAY) for kind in reversed(Kind)]
    assert [kind for kind, _ in by_kind(entries)] == list(Kind)
