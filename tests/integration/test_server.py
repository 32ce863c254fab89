"""A ledger on a PostgreSQL server: its settings, faults of the server and of the connection, and its password."""

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from rules.overrides import Override, OverrideKind
from scheduler import schema
from scheduler.errors import LedgerAway, LedgerError
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.location import place_of
from scheduler.ledger.overrides import add_override, overrides_stamp
from scheduler.ledger.tables import REVISION
from tests.conftest import NewLedger
from tests.postgresql import GUARDED_USER, PASSWORD, Cluster
from tests.scheduler_fakes import FRIDAY, MONDAY, new_intent, writing_to

WRONG = "swordfish"
PAUSE = Override(
    id=0, kind=OverrideKind.PAUSE, account="main", campaign=7, starts_at=FRIDAY, ends_at=MONDAY, author="ada"
)


@pytest.fixture
def ledger(shared_ledgers: NewLedger) -> Database:
    return shared_ledgers()


def read(database: Database) -> None:
    with database.reading():
        pass


def write(database: Database, do: Callable[[Connection], object] = lambda _: None) -> None:
    with database.writing() as connection:
        do(connection)


USES: dict[str, Callable[[Database], None]] = {"create": Database.create, "read": read, "write": write}


def noting(what: str) -> Callable[[Connection], None]:
    return lambda connection: work.note(connection, FRIDAY, what)


def notes(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(text("SELECT event FROM journal ORDER BY id")).scalars())


def show(connection: Connection, name: str) -> str:
    found: str = connection.execute(text(f"SHOW {name}")).scalar_one()
    return found


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("synchronous_commit", "on"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "10s"),
            ("application_name", "curfew"),
        ],
    )
    @pytest.mark.parametrize("use", [Database.writing, Database.reading])
    def test_every_connection_has_its_settings(
        self, ledger: Database, use: Callable[[Database], Any], name: str, value: str
    ) -> None:
        with use(ledger) as connection:
            assert show(connection, name) == value

    def test_what_the_url_says_goes_first(self, cluster: Cluster, template: str) -> None:
        ledger = Database(f"{cluster.url(template)}?application_name=another")
        with ledger.reading() as connection:
            assert show(connection, "application_name") == "another"

    def test_who_reads_cannot_write_and_sees_the_same_throughout(self, ledger: Database) -> None:
        count = text("SELECT count(*) FROM journal")
        with ledger.reading() as connection:
            assert connection.execute(count).scalar() == 0
            write(ledger, noting("meanwhile"))
            assert connection.execute(count).scalar() == 0
        with pytest.raises(LedgerError, match="read-only transaction"), ledger.reading() as connection:
            noting("x")(connection)

    def test_a_socket_is_as_good_as_an_address(self, cluster: Cluster, template: str) -> None:
        ledger = Database(f"postgresql://curfew@/{template}?host={cluster.folder}&port={cluster.port}")
        read(ledger)
        assert ledger.name == f"postgresql://curfew@/{template}"

    def test_it_has_no_path(self, ledger: Database) -> None:
        with pytest.raises(TypeError):
            ledger.path  # noqa: B018 -- to look is to fail


class TestMaking:
    def test_many_that_make_it_at_the_same_time_make_it_once(self, server_url: str) -> None:
        ledger = Database(server_url)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(schema.make, [ledger] * 4))
        read(ledger)

    def test_one_that_is_there_is_left_alone(self, ledger: Database) -> None:
        schema.make(ledger)
        read(ledger)

    def test_one_of_a_newer_version_is_refused(self, server_url: str) -> None:
        ledger = Database(server_url)
        schema.make(ledger)
        write(ledger, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
        with pytest.raises(LedgerError, match="a newer Curfew has made it"):
            schema.make(ledger)

    def test_a_database_with_nothing_in_it_is_no_ledger_yet(self, server_url: str) -> None:
        with pytest.raises(LedgerError, match="there is no ledger in it yet; `curfew run` makes it"):
            read(Database(server_url))

    def test_an_upgrade_says_where_it_came_from(self, server_url: str) -> None:
        assert schema.upgrade(Database(server_url)) == (None, REVISION)


class TestRefused:
    """Whatever goes wrong, the password is in no text of it."""

    @pytest.mark.parametrize("use", USES)
    def test_a_wrong_password_is_said(self, cluster: Cluster, use: str) -> None:
        ledger = Database(cluster.url("postgres", user=GUARDED_USER, password=WRONG))
        said = text_of(USES[use], ledger)
        assert f'password authentication failed for user "{GUARDED_USER}"' in said
        assert "swordfish" not in said

    @pytest.mark.parametrize("use", USES)
    def test_a_server_that_is_not_there_is_said(self, use: str) -> None:
        said = text_of(USES[use], Database("postgresql://me:swordfish@127.0.0.1:1/curfew"))
        assert said.startswith("postgresql://me@127.0.0.1:1/curfew: ")
        assert "refused" in said
        assert "swordfish" not in said

    def test_a_parameter_that_nobody_knows_is_said(self, cluster: Cluster) -> None:
        said = text_of(read, Database(f"{cluster.url('postgres')}?swordfishes=7"))
        assert 'invalid connection option "swordfishes"' in said

    def test_what_a_server_repeats_of_it_is_not_shown(self, cluster: Cluster, template: str) -> None:
        ledger = Database(cluster.url(template, user=GUARDED_USER, password=PASSWORD))
        with pytest.raises(LedgerError) as caught:
            write(ledger, lambda connection: connection.exec_driver_sql(f'TABLE "{PASSWORD}"'.replace("%", "%%")))
        assert "[password]" in str(caught.value)
        assert PASSWORD not in str(caught.value)

    def test_the_right_one_is_taken_whatever_its_letters(self, cluster: Cluster, template: str) -> None:
        ledger = Database(cluster.url(template, user=GUARDED_USER, password=PASSWORD))
        with ledger.writing() as connection:
            assert connection.execute(text("SELECT current_user")).scalar() == GUARDED_USER

    def test_it_may_be_in_the_environment(
        self, cluster: Cluster, template: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        read(Database(cluster.url(template, user=GUARDED_USER)))

    def test_no_traceback_has_it(self, cluster: Cluster) -> None:
        ledger = Database(cluster.url("postgres", user=GUARDED_USER, password=WRONG))
        try:
            write(ledger)
        except LedgerError:
            assert "swordfish" not in traceback.format_exc()
        assert "swordfish" not in f"{ledger!r} {ledger.place!r} {ledger.writing_engine()!r}"

    @pytest.mark.parametrize("url", ["postgresql://me:swordfish@db/curfew", "postgresql+psycopg://me@db/curfew"])
    def test_a_missing_driver_is_said_with_what_to_do(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "psycopg"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(LedgerError) as caught:
            Database(url).create()
        assert str(caught.value) == (
            "postgresql://me@db/curfew: the driver for PostgreSQL isn't installed; install curfew with its extra "
            "`postgres`, or psycopg[binary] beside it"
        )

    @pytest.mark.parametrize("url", ["postgresql://me@[db/curfew", "postgresql://me@db:99999/curfew"])
    def test_an_address_that_is_none_is_refused_before_anybody_is_asked(self, url: str) -> None:
        with pytest.raises(ValueError, match="isn't a URL such as"):
            place_of(url)


def text_of(use: Callable[[Database], None], ledger: Database) -> str:
    """What's said of a server that can't be used."""
    with pytest.raises(LedgerError) as caught:
        use(ledger)
    return str(caught.value)


class TestLostConnection:
    async def test_the_next_order_is_done_by_another(self, ledger: Database, cluster: Cluster) -> None:
        async with writing_to(ledger) as writer:
            await writer.do(noting("before"))
            end_connections(cluster, ledger)
            with pytest.raises(LedgerAway):
                await writer.do(noting("lost"))
            await writer.do(noting("after"))
        assert notes(ledger) == ["before", "after"]

    async def test_what_may_have_been_committed_is_not_done_again(self, ledger: Database, cluster: Cluster) -> None:
        """Nobody knows: the answer was lost. Everybody who waits is told so."""
        done: list[str] = []

        def do(connection: Connection, name: str) -> None:
            noting(name)(connection)
            done.append(name)
            if name == "second":
                end_connections(cluster, ledger)

        gate, reached = threading.Event(), threading.Event()

        def wait(_: Connection) -> bool:
            reached.set()
            return gate.wait(10)

        async with writing_to(ledger) as writer:
            first = asyncio.create_task(writer.do(wait))
            await asyncio.to_thread(reached.wait, 10)
            orders = [asyncio.create_task(writer.do(partial(do, name=name))) for name in ("first", "second")]
            await asyncio.sleep(0)
            gate.set()
            await first
            answers = await asyncio.gather(*orders, return_exceptions=True)
            assert [type(answer) for answer in answers] == [LedgerAway, LedgerAway]
        assert done == ["first", "second"]
        assert notes(ledger) == []

    async def test_a_piece_of_work_that_fails_is_no_lost_connection(self, ledger: Database) -> None:
        def twice(connection: Connection) -> None:
            for _ in range(2):
                connection.execute(text("INSERT INTO leases (name) VALUES ('x')"))

        async with writing_to(ledger) as writer:
            answers = await asyncio.gather(
                writer.do(noting("before")), writer.do(twice), writer.do(noting("after")), return_exceptions=True
            )
        assert [type(answer) for answer in answers] == [type(None), LedgerError, type(None)]
        assert "duplicate key value violates unique constraint" in str(answers[1])
        assert "\n" not in str(answers[1])
        assert notes(ledger) == ["before", "after"]

    def test_a_lock_that_is_not_had_is_for_later(self, ledger: Database) -> None:
        def locks(connection: Connection) -> None:
            connection.execute(text("SET LOCAL lock_timeout = '10ms'"))
            connection.execute(text("LOCK TABLE journal"))

        with ledger.writing() as connection:
            noting("x")(connection)
            with pytest.raises(LedgerAway, match="lock timeout"):
                write(ledger, locks)


def test_an_exception_that_comes_to_be_seen_after_a_later_one_is_seen(ledger: Database) -> None:
    """Two people make one each at the same moment, and the one who was first is the last to be done."""

    def stamp() -> tuple[int, int]:
        with ledger.reading() as connection:
            return overrides_stamp(connection)

    with ledger.writing() as connection:
        first = add_override(connection, PAUSE, FRIDAY)
        with ledger.writing() as other:
            second = add_override(other, PAUSE, FRIDAY)
        before = stamp()
    assert first.id < second.id
    assert stamp() != before


def end_connections(cluster: Cluster, ledger: Database) -> None:
    """Have the server end whatever is connected to a ledger, as it does when it's stopped."""
    name = str(ledger.server).rpartition("/")[2]
    with cluster.connection as connection:
        query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        connection.execute(query, [name])


def test_many_changes_of_one_transaction_are_counted(ledger: Database) -> None:
    """Claims are many rows of one statement: their row count is what tells whether all were had."""
    with ledger.writing() as connection:
        found = [work.record_intent(connection, new_intent(number), FRIDAY) for number in range(1, 201)]
        rows = [{"key": each.id} for each in found if each]
        done = connection.execute(text("UPDATE intents SET state = 'calling' WHERE id = :key"), [*rows, {"key": 0}])
    assert done.rowcount == 200
