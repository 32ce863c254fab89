"""The lease of a shared ledger, by the clock of a real server: one has it, and whoever lost it writes no more."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from scheduler import schema
from scheduler.errors import LeaseLost, LedgerAway
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.lease import LEASE, MARGIN, Lease, sharing
from scheduler.ledger.right import Right, right_to, who_works_on
from scheduler.ledger.tables import intents, journal, leases
from tests import postgresql
from tests.conftest import NewLedger
from tests.scheduler_fakes import FRIDAY, new_intent

SECOND = timedelta(seconds=1)


class Boot:
    """How long the machine has been up, as long as one says so."""

    def __init__(self) -> None:
        self.now = timedelta(hours=1)

    def __call__(self) -> timedelta:
        return self.now


@pytest.fixture
def ledger(shared_ledgers: NewLedger) -> Database:
    return shared_ledgers()


@pytest.fixture
def boot() -> Boot:
    return Boot()


@pytest.fixture
def one(ledger: Database, boot: Boot) -> Iterator[Lease]:
    with lease_on(ledger, boot) as lease:
        yield lease


@pytest.fixture
def other(ledger: Database, boot: Boot) -> Iterator[Lease]:
    with lease_on(ledger, boot) as lease:
        yield lease


@contextmanager
def lease_on(ledger: Database, boot: Boot) -> Iterator[Lease]:
    """The lease as one daemon sees it; given back at the end, if it has it."""
    assert ledger.server is not None
    lease = Lease(ledger, ledger.server, clock=boot)
    yield lease
    lease.give_back()


def ends_in(ledger: Database, delay: timedelta) -> None:
    """Have the lease end this long from now, by the server's clock."""
    with ledger.writing() as connection:
        ends = text("clock_timestamp() + make_interval(secs => :seconds)").bindparams(seconds=delay.total_seconds())
        connection.execute(update(leases).where(leases.c.name == "ledger").values(expires_at=ends))


def left(ledger: Database) -> timedelta:
    """How long the lease lasts from now on, by the server's clock."""
    with ledger.reading() as connection:
        found = connection.execute(text("SELECT expires_at - clock_timestamp() FROM leases WHERE name = 'ledger'"))
        length: timedelta = found.scalar_one()
        return length


def holder(ledger: Database) -> str | None:
    with ledger.reading() as connection:
        return sharing(connection).holder


def notes(ledger: Database) -> list[str]:
    with ledger.reading() as connection:
        return list(connection.execute(select(journal.c.event).order_by(journal.c.id)).scalars())


class TestTaking:
    def test_one_has_it_and_the_other_is_told_who(self, ledger: Database, one: Lease, other: Lease) -> None:
        assert one.take()
        assert one.taken_from is None
        assert not other.take()
        assert other.held_by == one.holder == holder(ledger)
        assert (one.is_valid, other.is_valid) == (True, False)

    def test_given_back_it_is_had_at_once(self, one: Lease, other: Lease) -> None:
        assert one.take()
        one.give_back()
        assert not one.is_valid
        assert other.take()
        assert other.taken_from is None

    def test_once_it_has_ended_it_is_taken_from_who_had_it(self, ledger: Database, one: Lease, other: Lease) -> None:
        assert one.take()
        ends_in(ledger, -SECOND / 10)
        assert other.take()
        assert other.taken_from == one.holder
        assert holder(ledger) == other.holder

    def test_until_then_it_is_not(self, ledger: Database, one: Lease, other: Lease) -> None:
        assert one.take()
        ends_in(ledger, 5 * SECOND)
        assert not other.take()

    def test_one_that_ends_long_after_any_that_is_given_is_from_before_the_clock_was_put_back(
        self, ledger: Database, one: Lease, other: Lease
    ) -> None:
        assert one.take()
        ends_in(ledger, timedelta(hours=1))
        assert other.take()

    def test_another_versions_may_be_longer(self, ledger: Database, one: Lease, other: Lease) -> None:
        assert one.take()
        ends_in(ledger, LEASE * 1.9)
        assert not other.take()

    def test_of_many_that_try_at_the_same_time_one_has_it(self, ledger: Database) -> None:
        assert ledger.server is not None
        many = [Lease(ledger, ledger.server) for _ in range(8)]
        with ThreadPoolExecutor(len(many)) as threads:
            taken = list(threads.map(Lease.take, many))
        assert taken.count(True) == 1
        assert holder(ledger) == many[taken.index(True)].holder
        for each in many:
            each.give_back()

    def test_each_time_it_is_another_name(self, one: Lease) -> None:
        """So what was claimed before can be told from what was claimed since, also by the same process."""
        assert one.take()
        before = one.holder
        one.give_back()
        assert one.take()
        assert one.holder != before

    def test_who_has_given_it_back_takes_it_from_nobody_else(self, ledger: Database, one: Lease, other: Lease) -> None:
        assert one.take()
        ends_in(ledger, -SECOND)
        assert other.take()
        one.give_back()
        assert holder(ledger) == other.holder


class TestRenewing:
    def test_it_lasts_longer_from_then_on(self, ledger: Database, one: Lease, boot: Boot) -> None:
        assert one.take()
        ends_in(ledger, SECOND)
        boot.now += 5 * SECOND
        assert one.remaining == LEASE - MARGIN - 5 * SECOND
        one.renew()
        assert one.remaining == LEASE - MARGIN
        assert LEASE - 2 * SECOND < left(ledger) <= LEASE

    def test_without_it_the_holder_calls_nobody_any_more_before_others_can_take_it(
        self, ledger: Database, one: Lease, other: Lease, boot: Boot
    ) -> None:
        """The machine may have been asleep: no message tells it so."""
        assert one.take()
        boot.now += LEASE - MARGIN
        ends_in(ledger, MARGIN)
        assert not one.is_valid
        assert not other.take()

    def test_it_counts_from_before_the_server_was_asked(
        self, ledger: Database, boot: Boot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However long the answer takes: the server may have counted from the beginning."""
        with lease_on(ledger, boot) as lease:
            wrapped = Database.wrapped

            def slow(database: Database) -> object:
                boot.now += 3 * SECOND
                return wrapped(database)

            monkeypatch.setattr(Database, "wrapped", slow)
            assert lease.take()
            assert lease.remaining == LEASE - MARGIN - 3 * SECOND
            lease.renew()
            assert lease.remaining == LEASE - MARGIN - 3 * SECOND

    def test_what_another_has_taken_is_lost(self, ledger: Database, one: Lease, other: Lease) -> None:
        assert one.take()
        ends_in(ledger, -SECOND)
        assert other.take()
        with pytest.raises(LeaseLost, match="another daemon has taken over"):
            one.renew()
        assert not one.is_valid
        assert holder(ledger) == other.holder

    def test_what_nobody_else_has_taken_goes_on_though_it_has_ended(self, ledger: Database, one: Lease) -> None:
        assert one.take()
        ends_in(ledger, -SECOND)
        one.renew()
        assert one.is_valid

    def test_a_lock_beside_a_file_is_never_lost(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        lock: Right = right_to(Database(f"sqlite:///{tmp_path_factory.mktemp('file')}/curfew.db"))
        assert lock.take()
        lock.renew()
        assert lock.is_valid
        assert lock.remaining > timedelta(days=365)
        lock.give_back()


class TestFence:
    def test_the_holder_writes_and_whoever_lost_it_does_not(self, ledger: Database, one: Lease, other: Lease) -> None:
        mine = ledger.checked_by(one.check)
        assert one.take()
        with mine.writing() as connection:
            work.note(connection, FRIDAY, "mine")
        ends_in(ledger, -SECOND)
        assert other.take()
        with pytest.raises(LeaseLost), mine.writing() as connection:
            work.note(connection, FRIDAY, "too late")
        assert notes(ledger) == ["mine"]

    def test_who_has_not_got_it_yet_does_not_write(self, ledger: Database, one: Lease) -> None:
        with pytest.raises(LeaseLost), ledger.checked_by(one.check).writing():
            pass

    def test_others_write_without_it(self, ledger: Database, one: Lease) -> None:
        """The verbs that make an exception do."""
        assert one.take()
        with ledger.writing() as connection:
            work.note(connection, FRIDAY, "an exception")
        assert notes(ledger) == ["an exception"]

    def test_a_take_over_waits_for_what_is_being_written_and_sees_it(
        self, ledger: Database, one: Lease, other: Lease
    ) -> None:
        """Or a claim of that very moment would be nobody's: not interrupted, and never ended."""
        assert one.take()
        taken = threading.Event()

        def take_over() -> int:
            assert other.take()
            taken.set()
            with ledger.checked_by(other.check).writing() as connection:
                return work.interrupt_attempts(connection, FRIDAY, living=other.holder)

        with ThreadPoolExecutor(1) as threads:
            with ledger.checked_by(one.check).writing() as connection:
                intent = work.record_intent(connection, new_intent(), FRIDAY)
                assert intent is not None
                assert work.start_attempt(connection, intent, one.holder, FRIDAY) == 1
                ends_in(ledger, -SECOND)
                interrupted = threads.submit(take_over)
                wait_until_it_is_held_up(ledger)
                assert not taken.is_set()
            assert interrupted.result(10) == 1

    def test_renewals_go_through_meanwhile(self, ledger: Database, one: Lease) -> None:
        assert one.take()
        with ledger.checked_by(one.check).writing() as connection:
            work.note(connection, FRIDAY, "a long piece of work")
            one.renew()
        assert one.is_valid

    def test_only_claims_of_others_are_interrupted(self, ledger: Database, one: Lease) -> None:
        assert one.take()
        with ledger.checked_by(one.check).writing() as connection:
            for number, claimant in enumerate(("a dead one", one.holder), start=1):
                intent = work.record_intent(connection, new_intent(number), FRIDAY)
                assert intent is not None
                work.start_attempt(connection, intent, claimant, FRIDAY)
            assert work.interrupt_attempts(connection, FRIDAY, living=one.holder) == 1
            states = connection.execute(select(intents.c.state).order_by(intents.c.campaign)).scalars().all()
        assert states == ["waiting", "calling"]


def wait_until_it_is_held_up(ledger: Database) -> None:
    """Until somebody waits for a lock of the server's."""

    def waits(connection: Connection) -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(connection.execute(text(query)).scalar_one())

    limit = threading.Event()
    for _ in range(1000):
        with ledger.reading() as connection:
            if waits(connection):
                return
        limit.wait(0.01)
    raise AssertionError("nobody waits")


class TestStandingBy:
    def test_who_waits_is_seen_until_it_has_it(self, ledger: Database, one: Lease, other: Lease) -> None:
        assert one.take()
        assert who_works_on(ledger).standing_by == ()
        for _ in range(2):
            assert not other.take()
            (seen,) = who_works_on(ledger).standing_by
            assert seen.split(":")[:-1] == one.holder.split(":")[:-1]  # the same process of the same machine
        one.give_back()
        assert other.take()
        assert who_works_on(ledger).standing_by == ()

    def test_who_stops_waiting_is_seen_no_more(self, ledger: Database, one: Lease, other: Lease) -> None:
        assert one.take()
        assert not other.take()
        other.give_back()
        assert who_works_on(ledger).standing_by == ()
        assert holder(ledger) == one.holder

    def test_who_died_waiting_is_seen_no_more_after_a_while(
        self, ledger: Database, one: Lease, other: Lease, boot: Boot
    ) -> None:
        assert one.take()
        assert not other.take()
        with ledger.writing() as connection:
            past = update(leases).where(leases.c.name != "ledger").values(expires_at=text("clock_timestamp()"))
            connection.execute(past)
        assert who_works_on(ledger).standing_by == ()
        with lease_on(ledger, boot) as third:
            assert not third.take()
            with ledger.reading() as connection:
                assert len(connection.execute(select(leases)).all()) == 2, "it's gone"


class TestAway:
    def test_a_server_that_is_away_is_said_and_changes_nothing(self) -> None:
        with postgresql.cluster() as cluster:
            ledger = Database(cluster.url(cluster.new_database()))
            schema.upgrade(ledger)
            lease = right_to(ledger)
            assert lease.take()
            cluster.stop()
            for call in (lease.renew, lease.take):
                with pytest.raises(LedgerAway, match=r"^postgresql://curfew@127\.0\.0\.1:\d+/\w+: connection failed: "):
                    call()
                assert lease.is_valid
            cluster.start()
            lease.renew()
            cluster.stop()
            with pytest.raises(LedgerAway):
                lease.give_back()
            assert not lease.is_valid
