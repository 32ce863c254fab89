"""A copy in memory of what a daemon goes by, kept up to date by the very statements that change the ledger.

So nothing need be read when the disk fails. What is changed here alone goes to the disk row by row, with the numbers
and times that the rows have here.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

# A daemon asks for what is newest of each campaign, and for what was done lately: the rest of a ledger of years isn't
# copied. With the newest rows the numbers go on from where they are.
_RECENT: Final = 20_000
_PARTS: Final = {
    "intents": f"""id IN (
        SELECT id FROM (SELECT id, max(due_at) FROM ledger.intents GROUP BY account, campaign, action)
        UNION SELECT id FROM (SELECT id FROM ledger.intents ORDER BY id DESC LIMIT {_RECENT})
        UNION SELECT id FROM ledger.intents WHERE state IN ('waiting', 'calling')
        UNION SELECT intent_id FROM ledger.custody
        UNION SELECT intent_id FROM (SELECT intent_id FROM ledger.attempts ORDER BY id DESC LIMIT 1))""",
    "attempts": "intent_id IN (SELECT id FROM main.intents)",
    # What is added to it follows from where it ends, and nobody asks for the rest.
    "outcomes": "number = (SELECT max(number) FROM ledger.outcomes)",
    "outcome_rules": "false",
    "journal": """id IN (
        SELECT max(id) FROM ledger.journal
        UNION SELECT id FROM (SELECT id FROM ledger.journal WHERE event = 'file loaded' ORDER BY id DESC LIMIT 1))""",
}
# A daemon never looks into them: they need no indexes.
_ONLY_ADDED_TO: Final = frozenset({"outcomes", "outcome_rules"})
# Verbs add to it meanwhile: what's added here gets other numbers there.
_ADDED_TO_BY_OTHERS: Final = frozenset({"journal"})
# A copy that has grown by so many pages (of 4 KiB) is made anew: it keeps what the daemon doesn't ask for any more.
_GROWTH: Final = 8_192
_CHANGES: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE", "WITH")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the driver was given it; `is_many`: once for each of the parameters."""

    text: str
    parameters: Any
    is_many: bool


class Recorder:
    """The statements that change a ledger, in the transaction that is open or was committed last."""

    def __init__(self, engine: Engine) -> None:
        self.statements: list[Statement] = []
        self._rows_before = 0
        self._undone = 0
        self._savepoints: list[tuple[int, int]] = []
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "savepoint", self._mark)
        event.listen(engine, "rollback_savepoint", self._undo)
        event.listen(engine, "release_savepoint", self._release)
        event.listen(engine, "after_cursor_execute", self._keep)

    def rows(self, connection: Connection) -> int:
        """How many rows were changed."""
        return _changes(connection) - self._rows_before - self._undone

    def _begin(self, connection: Connection) -> None:
        self.statements, self._savepoints, self._undone = [], [], 0
        self._rows_before = _changes(connection)

    def _mark(self, connection: Connection, name: str) -> None:  # noqa: ARG002 -- SQLAlchemy's signature
        self._savepoints.append((len(self.statements), _changes(connection)))

    def _undo(self, connection: Connection, name: str, context: object) -> None:  # noqa: ARG002 -- SQLAlchemy's
        number, rows = self._savepoints.pop()
        del self.statements[number:]
        self._undone += _changes(connection) - rows

    def _release(self, connection: Connection, name: str, context: object) -> None:  # noqa: ARG002 -- SQLAlchemy's
        self._savepoints.pop()

    def _keep(
        self,
        connection: Connection,  # noqa: ARG002 -- SQLAlchemy's signature, as are the others
        cursor: object,  # noqa: ARG002
        statement: str,
        parameters: Any,
        context: object,  # noqa: ARG002
        executemany: bool,
    ) -> None:
        if statement.startswith(_CHANGES):
            self.statements.append(Statement(statement, parameters, executemany))


class Mirror:
    """The copy of one ledger, for the thread that made it.

    `uri` is how SQLite is to open the ledger for reading.

    Raises:
        sqlite3.Error: the ledger can't be read.
    """

    def __init__(self, uri: str) -> None:
        self._raw = sqlite3.connect(":memory:", uri=True, isolation_level=None)
        # What is sorted must not need the disk that is full.
        self._raw.execute("PRAGMA temp_store = MEMORY")
        try:
            self._tables = self._copy(uri)
        except BaseException:
            self._raw.close()
            raise
        self._most = self._size() + _GROWTH
        engine = create_engine("sqlite://", creator=lambda: self._raw, poolclass=StaticPool)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        self.connection = engine.connect()
        self._engine = engine

    def _copy(self, uri: str) -> Sequence[str]:
        raw = self._raw
        raw.execute("ATTACH ? AS ledger", (uri,))
        raw.execute("BEGIN")
        known = (
            "SELECT type, name, tbl_name, sql FROM ledger.sqlite_master WHERE sql IS NOT NULL "
            "AND name NOT LIKE 'sqlite_%'"
        )
        parts = raw.execute(known).fetchall()
        tables = {name: words for kind, name, _, words in parts if kind == "table"}
        # The attempts are those of the intents that are there by then.
        for name in sorted(tables, key="attempts".__eq__):
            raw.execute(tables[name])
            chosen = _PARTS.get(name, "true")
            raw.execute(f"INSERT INTO main.{_quoted(name)} SELECT * FROM ledger.{_quoted(name)} WHERE {chosen}")
        for words in (words for kind, _, of, words in parts if kind != "table" and of not in _ONLY_ADDED_TO):
            raw.execute(words)
        raw.execute("COMMIT")
        raw.execute("DETACH ledger")
        raw.execute("PRAGMA foreign_keys = ON")
        return list(tables)

    def close(self) -> None:
        """Forget it."""
        self.connection.close()
        self._engine.dispose()

    def follow(self, statements: Sequence[Statement], rows: int) -> bool:
        """Do what was done to the ledger; False where a new copy is needed.

        `rows` is how many rows that has changed there: another number here means that they are alike no more.
        """
        before = self._raw.total_changes
        self._raw.execute("BEGIN")
        for each in statements:
            (self._raw.executemany if each.is_many else self._raw.execute)(each.text, each.parameters)
        self._raw.execute("COMMIT")
        return self._raw.total_changes - before == rows and self._size() <= self._most

    def _size(self) -> int:
        (pages,) = self._raw.execute("PRAGMA page_count").fetchone()
        return int(pages)

    def run_ahead(self) -> None:
        """Remember what is on the disk: from here on it's behind."""
        self._raw.execute("ATTACH ':memory:' AS disk")
        for table in self._tables:
            self._raw.execute(f"CREATE TABLE disk.{_quoted(table)} AS SELECT * FROM main.{_quoted(table)}")
            key = ", ".join(self._columns(table)[1])
            self._raw.execute(f"CREATE TABLE disk.{_keys(table)} AS SELECT {key} FROM main.{_quoted(table)}")

    def doubt(self) -> None:
        """Remember that the disk may be as it is here: the error of a commit doesn't tell whether it's there.

        From here on it has those rows for certain that were so before, too, and perhaps all that have ever been here.
        """
        for table in self._tables:
            name, key = _quoted(table), ", ".join(self._columns(table)[1])
            both = f"SELECT * FROM disk.{name} INTERSECT SELECT * FROM main.{name}"
            self._raw.execute(f"CREATE TABLE disk.certain AS {both}")
            self._raw.execute(f"DROP TABLE disk.{name}")
            self._raw.execute(f"ALTER TABLE disk.certain RENAME TO {name}")
            self._raw.execute(f"INSERT INTO disk.{_keys(table)} SELECT {key} FROM main.{name}")

    def changed(self, table: str) -> list[tuple[Any, ...]]:
        """The rows of a table that the disk doesn't have for certain as they are here."""
        name = _quoted(table)
        return self._raw.execute(f"SELECT * FROM main.{name} EXCEPT SELECT * FROM disk.{name}").fetchall()

    def _gone(self, table: str, key: Sequence[str]) -> list[tuple[Any, ...]]:
        """The keys of rows that the disk may have, and that aren't here any more."""
        columns = ", ".join(key)
        there, here = f"disk.{_keys(table)}", f"main.{_quoted(table)}"
        return self._raw.execute(f"SELECT {columns} FROM {there} EXCEPT SELECT {columns} FROM {here}").fetchall()

    def carry_over(self, disk: Connection) -> None:
        """Bring the disk up to date, in a transaction that its caller commits."""
        disk.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for table in self._tables:
            columns, key = self._columns(table)
            if gone := self._gone(table, key):
                disk.exec_driver_sql(_deletion(table, key), gone)
            rows = self.changed(table)
            if rows and table in _ADDED_TO_BY_OTHERS:
                # What was committed although the disk said that it wasn't is there already.
                disk.exec_driver_sql(_addition(table, columns), [(*row[1:], *row) for row in rows])
            elif rows:
                disk.exec_driver_sql(_replacement(table, columns, key), rows)

    def be_level(self) -> None:
        """Follow again: the disk is as it is here."""
        self._raw.execute("DETACH disk")

    def _columns(self, table: str) -> tuple[Sequence[str], Sequence[str]]:
        """The columns of a table, and those of its primary key."""
        found = self._raw.execute(f"PRAGMA main.table_info({_quoted(table)})").fetchall()
        key = sorted((place, name) for _, name, *_, place in found if place)
        return [_quoted(name) for _, name, *_ in found], [_quoted(name) for _, name in key]


def _changes(connection: Connection) -> int:
    raw: Any = connection.connection.dbapi_connection
    return int(raw.total_changes)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _keys(table: str) -> str:
    return _quoted(f"keys of {table}")


def _deletion(table: str, key: Sequence[str]) -> str:
    return f"DELETE FROM {_quoted(table)} WHERE {' AND '.join(f'{name} = ?' for name in key)}"


def _replacement(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    newer = ", ".join(f"{name} = excluded.{name}" for name in columns)
    marks = ", ".join("?" for _ in columns)
    add = f"INSERT INTO {_quoted(table)} ({', '.join(columns)}) VALUES ({marks})"
    return f"{add} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {newer}"


def _addition(table: str, columns: Sequence[str]) -> str:
    """An insertion without the number, which is the first column, unless the whole row is there."""
    marks = ", ".join("?" for _ in columns[1:])
    is_there = " AND ".join(f"{name} IS ?" for name in columns)
    add = f"INSERT INTO {_quoted(table)} ({', '.join(columns[1:])})"
    return f"{add} SELECT {marks} WHERE NOT EXISTS (SELECT 1 FROM {_quoted(table)} WHERE {is_there})"
