"""Ledgers on either database, for the tests of all folders."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text

from scheduler import schema
from scheduler.ledger.database import Database
from scheduler.ledger.tables import leases, metadata
from tests import postgresql
from tests.postgresql import Cluster
from tests.scheduler_fakes import ledger_in

KINDS = ("sqlite", "postgresql")
MISSING = "no PostgreSQL server is installed here, so that a ledger on one isn't tested"

NewLedger = Callable[[], Database]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it where nobody can overlook it."""
    if postgresql.binaries() is None:
        terminalreporter.write_line(f"WARNING: {MISSING}. Install one: apt-get install postgresql", red=True, bold=True)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A server that runs as long as the tests of this process do."""
    if postgresql.binaries() is None:
        pytest.skip(MISSING)
    with postgresql.cluster() as made:
        yield made


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """A ledger with all its tables, to be copied: to make them takes longer than most tests."""
    name = cluster.new_database()
    schema.upgrade(Database(cluster.url(name)))
    return name


@pytest.fixture
def server_url(cluster: Cluster) -> Iterator[str]:
    """The URL of a database that has nothing in it."""
    name = cluster.new_database()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture(scope="session")
def spare_ledgers() -> list[Database]:
    """Ledgers on the server that are as new, and can be had again: to copy one takes longer than most tests."""
    return []


@pytest.fixture
def shared_ledgers(cluster: Cluster, template: str, spare_ledgers: list[Database]) -> Iterator[NewLedger]:
    """Makes new ledgers on a server, with all their tables."""
    used: list[Database] = []

    def new() -> Database:
        used.append(spare_ledgers.pop() if spare_ledgers else Database(cluster.url(cluster.new_database(template))))
        return used[-1]

    yield new
    for each in used:
        empty(each)
    spare_ledgers.extend(used)


def empty(ledger: Database) -> None:
    """Make a ledger on a server as new."""
    with ledger.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
            if "id" in table.c:
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1, false)"))
        connection.execute(leases.insert().values(name="ledger"))


@pytest.fixture(params=KINDS)
def kind_of_ledger(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    return str(request.param)


@pytest.fixture
def new_ledger(kind_of_ledger: str, request: pytest.FixtureRequest, tmp_path: Path) -> NewLedger:
    """Makes new ledgers, with all their tables."""
    if kind_of_ledger == "postgresql":
        made: NewLedger = request.getfixturevalue("shared_ledgers")
        return made
    numbers = count()

    def in_file() -> Database:
        folder = tmp_path / f"ledger{next(numbers)}"
        folder.mkdir()
        return ledger_in(folder)

    return in_file


@pytest.fixture
def ledger(new_ledger: NewLedger) -> Database:
    """A new ledger on each kind of database."""
    return new_ledger()
