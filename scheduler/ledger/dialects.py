"""What each database says in its own words, by the name of its dialect; all else is the same for all."""

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Float, Integer, Numeric, Table, Text, cast, extract, func, literal_column
from sqlalchemy.types import TIMESTAMP

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_ELEMENTS: Final = {"sqlite": func.json_each, "postgresql": func.json_array_elements_text}


def insert_or(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that can be told what to do where its row is there already."""
    # Who only reads pays for neither.
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def elements(dialect: str, array: Any) -> Any:
    """The texts of a JSON array as rows, with the column `value`."""
    return _ELEMENTS[dialect](array).table_valued("value", joins_implicitly=True)


def unindexed(dialect: str, column: Column[Any]) -> Any:
    """A column for which SQLite takes no index: it would guess which is best."""
    return literal_column(f"+{column}", column.type) if dialect == "sqlite" else column


def seconds_between(dialect: str, start: Any, end: Any) -> Any:
    """How many seconds it's from one instant to another, to three places, as the view `audit` has it."""
    if dialect == "sqlite":
        return func.round((func.julianday(end) - func.julianday(start)) * 86400, 3)
    return cast(func.round(cast(_since_epoch(end) - _since_epoch(start), Numeric), 3), Float)


def milliseconds_between(dialect: str, start: Any, end: Any) -> Any:
    """The same in whole milliseconds."""
    if dialect == "sqlite":
        return cast(func.round((func.julianday(end) - func.julianday(start)) * 86400000), Integer)
    return cast(func.round((_since_epoch(end) - _since_epoch(start)) * 1000), Integer)


def _since_epoch(instant: Any) -> Any:
    return extract("epoch", cast(cast(instant, Text), TIMESTAMP(timezone=True)))
