"""What each database says in its own words, by the name of its dialect; all else is the same for all."""

from typing import Any, Final

from sqlalchemy import Table, func
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_ELEMENTS: Final = {"sqlite": func.json_each, "postgresql": func.json_array_elements_text}


def insert_or(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can be told what to do where its row is there already."""
    made: sqlite.Insert | postgresql.Insert = _INSERTS[dialect](table)
    return made


def elements(dialect: str, array: Any) -> Any:
    """The texts of a JSON array as rows, with the column `value`."""
    return _ELEMENTS[dialect](array).table_valued("value", joins_implicitly=True)
