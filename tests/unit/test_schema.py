"""The migrations: one head, equal to the tables, up and down, and refused where they're newer than we are."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from scheduler import schema
from scheduler.errors import LedgerError
from scheduler.ledger import tables
from scheduler.ledger.audit import AuditFilter, audit_lines
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.verification import verify


@pytest.fixture
def database(kind_of_ledger: str, request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    is_file = kind_of_ledger == "sqlite"
    database = Database(f"sqlite:///{tmp_path}/curfew.db" if is_file else request.getfixturevalue("server_url"))
    database.create()
    return database


def migrate(connection: Connection, revision: str, change: Callable[..., None] = command.upgrade) -> None:
    config = schema.configuration()
    config.attributes["connection"] = connection
    change(config, revision)


def shape(connection: Connection) -> list[tuple[str, str]]:
    """What the database itself says it's made of."""
    query = SHAPES[connection.dialect.name]
    return [(row.name, row.sql) for row in connection.execute(text(query)) if "alembic" not in row.name]


SHAPES = {
    "sqlite": "SELECT name, sql FROM sqlite_master ORDER BY name",
    "postgresql": """
        SELECT table_name || '.' || column_name AS name, concat_ws(' ', data_type, character_maximum_length,
               is_nullable, column_default) AS sql FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
                  WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'
        ORDER BY name, sql""",
}


def test_there_is_one_head_and_readers_know_it_without_alembic() -> None:
    heads = ScriptDirectory.from_config(schema.configuration()).get_heads()
    assert heads == [tables.REVISION]
    assert schema.head() == tables.REVISION


def test_the_migrations_make_the_tables_that_the_code_works_with(database: Database) -> None:
    schema.upgrade(database)
    with database.writing() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


def test_the_view_has_the_columns_that_readers_ask_for(database: Database) -> None:
    schema.upgrade(database)
    with database.reading() as connection:
        columns = [column["name"] for column in inspect(connection).get_columns("audit")]
    assert tuple(columns) == tables.AUDIT_COLUMNS


def test_an_upgrade_says_where_it_came_from_and_where_it_is(database: Database) -> None:
    assert schema.upgrade(database) == (None, tables.REVISION)
    assert schema.upgrade(database) == (tables.REVISION, tables.REVISION)


def test_each_revision_goes_up_down_and_up_again_to_the_same_shape(database: Database) -> None:
    scripts = ScriptDirectory.from_config(schema.configuration())
    for script in reversed(list(scripts.walk_revisions())):
        with database.writing() as connection:
            before = shape(connection)
            migrate(connection, script.revision)
            after = shape(connection)
            migrate(connection, str(script.down_revision or "base"), command.downgrade)
            assert shape(connection) == before
            migrate(connection, script.revision)
            assert shape(connection) == after


def test_a_migration_is_whole_or_not_at_all(database: Database) -> None:
    """DDL can be undone, as long as nothing commits behind our back."""
    with suppress(KeyboardInterrupt), database.writing() as connection:
        migrate(connection, "head")
        raise KeyboardInterrupt
    with database.writing() as connection:
        assert shape(connection) == []


@pytest.mark.parametrize(("http_status", "may_have_acted"), [(None, True), (500, True), (401, False), (429, False)])
def test_what_an_older_version_had_tried_is_known_to_have_been_refused_or_not(
    database: Database, http_status: int | None, may_have_acted: bool
) -> None:
    at = "2026-11-27T16:00:00.000000Z"
    with database.writing() as connection:
        migrate(connection, "0001")
        columns = "id, account, campaign, action, due_at, expires_at, rules, because, state, recorded_at"
        for number in (1, 2):
            values = f"{number}, 'main', {number}, 'pause', '{at}', '{at}', '[]', 'x', 'waiting', '{at}'"
            connection.execute(text(f"INSERT INTO intents ({columns}) VALUES ({values})"))  # noqa: S608 -- our own text
        attempt = text("INSERT INTO attempts (intent_id, number, started_at, http_status) VALUES (1, 1, :at, :status)")
        connection.execute(attempt, {"at": at, "status": http_status})
        migrate(connection, "head")
        rows = connection.execute(text("SELECT may_have_acted FROM intents ORDER BY id")).scalars().all()
    assert rows == [may_have_acted, False]


def test_what_an_older_version_had_paused_counts_as_seen_paused(database: Database) -> None:
    """Or what a person has resumed since would be paused again after the upgrade."""
    at, then = "2026-11-27T16:00:00.000000Z", "2026-11-27T16:00:01.000000Z"
    with database.writing() as connection:
        migrate(connection, "0002")
        columns = "id, account, campaign, action, due_at, expires_at, rules, because, state, recorded_at"
        rows = [("pause", "succeeded"), ("pause", "succeeded"), ("pause", "failed"), ("resume", "succeeded")]
        for number, (action, state) in enumerate(rows):
            values = f"{number}, 'main', {number}, '{action}', '{at}', '{at}', '[]', 'x', '{state}', '{at}'"
            connection.execute(text(f"INSERT INTO intents ({columns}) VALUES ({values})"))  # noqa: S608 -- our own text
        attempt = text("INSERT INTO attempts (intent_id, number, started_at, finished_at) VALUES (0, 1, :at, :then)")
        connection.execute(attempt, {"at": at, "then": then})
        migrate(connection, "head")
        confirmed = connection.execute(text("SELECT confirmed_at FROM intents ORDER BY id")).scalars().all()
    assert confirmed == [then, at, None, None]


def test_what_an_older_version_has_recorded_is_a_record_that_can_be_verified(database: Database) -> None:
    """In the order in which it began, attempts and decisions alike; what is under way isn't in it yet."""
    at = [f"2026-11-27T16:00:0{second}.000000Z" for second in range(10)]
    intent = text(
        "INSERT INTO intents (id, account, campaign, action, due_at, expires_at, rules, because, state, reason,"
        " recorded_at, decided_at) VALUES (:id, 'main', :id, 'pause', :due, :end, :rules, 'why', :state, :reason, :due,"
        " :decided)"
    )
    attempt = text(
        "INSERT INTO attempts (intent_id, number, started_at, finished_at, outcome, http_status, error_code)"
        " VALUES (:of, :number, :began, :ended, :outcome, :status, :code)"
    )
    with database.writing() as connection:
        migrate(connection, "0007")
        about = {"due": at[0], "end": at[9], "rules": '["a", "\\u017c"]', "reason": 'line\n"\u0142"'}
        for number, state, decided in [(1, "waiting", None), (2, "skipped", at[2]), (3, "calling", None)]:
            connection.execute(intent, {"id": number, "state": state, "decided": decided, **about})
        for of, number, began, ended, outcome, status, code in [
            (1, 2, at[3], None, "interrupted", None, None),
            (1, 1, at[1], at[2], "retried", 500, "E"),
            (3, 1, at[4], None, None, None, None),
        ]:
            told = {"began": began, "ended": ended, "outcome": outcome, "status": status, "code": code}
            connection.execute(attempt, {"of": of, "number": number, **told})
        before = connection.execute(text(_SHOWN)).all()
        migrate(connection, "head")
        assert (verify(connection).problems, verify(connection).last.number) == ((), 3)
        lines = [(line["campaign"], line["outcome"]) for line in audit_lines(connection, AuditFilter(rule="\u017c"))]
        assert lines == [(1, "retried"), (2, "skipped"), (1, "interrupted"), (3, "under way")]
        assert connection.execute(text(_SHOWN)).all() == before
        migrate(connection, "0007", command.downgrade)
        assert connection.execute(text(_SHOWN)).all() == before


_SHOWN = (
    "SELECT due_at, started_at, account, campaign, campaign_name, action, CAST(rules AS text), attempt, outcome,"
    " http_status, error, reason, late_by_seconds, duration_ms FROM audit ORDER BY started_at"
)


def test_a_ledger_of_a_newer_version_is_refused_with_what_to_do(database: Database) -> None:
    schema.upgrade(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError) as caught:
        schema.upgrade(database)
    assert str(caught.value).startswith(
        f"{database.name}: revision 9999 is none that this version knows, whose newest is {tables.REVISION}; "
        "a newer Curfew has made it: install that one, or put back a backup of before with `curfew db restore`"
    )
    with database.writing() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_one_that_is_up_to_date_is_not_written(tmp_path: Path) -> None:
    """It may be locked, full, or for reading only."""
    database = Database(f"sqlite:///{tmp_path}/curfew.db")
    database.create()
    schema.upgrade(database)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert schema.upgrade(database) == (tables.REVISION, tables.REVISION)


def test_a_database_of_something_else_is_left_as_it_was(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE custody (a TEXT)"))
    with pytest.raises(LedgerError, match=r'custody"? already exists'):
        schema.upgrade(database)
    with database.writing() as connection:
        assert inspect(connection).get_table_names() == ["custody"]


@pytest.mark.parametrize("name", ["100%", "%(here)s", "a b", "ąę"])
def test_the_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    database = Database(f"sqlite:///{folder}/curfew.db")
    database.create()
    schema.upgrade(database)
    assert (folder / "curfew.db").stat().st_size > 0
    assert database.path == folder / "curfew.db"


def test_a_checkout_under_a_folder_with_a_percent_sign_finds_its_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alembic's configuration would take it for the beginning of a substitution."""
    monkeypatch.setattr(schema, "_PACKAGED", tmp_path / "100%s")
    (tmp_path / "100%s").mkdir()
    assert schema.configuration().get_main_option("script_location") == str(tmp_path / "100%s")
