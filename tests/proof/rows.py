"""The ledger's rows by plain SQL, and the sandbox's log, as the values that the checker is given."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.proof.history import AttemptRow, Call, CustodyRow, IntentRow, Ledger

_INTENTS = """
    SELECT id, account, campaign, action, due_at, expires_at, state, reason, attempts, status_before, owes_resume,
           recorded_at, decided_at, confirmed_at
    FROM intents ORDER BY id
"""
_ATTEMPTS = """
    SELECT id, intent_id, number, started_at, finished_at, outcome, http_status, reason FROM attempts ORDER BY id
"""
_CUSTODY = "SELECT account, campaign, intent_id, left_at IS NOT NULL AS is_left FROM custody ORDER BY account, campaign"

Query = Callable[[str], Iterable[Mapping[str, Any]]]


def read_file(path: Path) -> Ledger:
    """The rows of a SQLite ledger, as they are at one instant."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        database.execute("BEGIN")
        return read_ledger(lambda query: map(dict, database.execute(query)))


def read_ledger(query: Query) -> Ledger:
    """The rows of a ledger that is asked by plain SQL; instants may come as text."""
    return Ledger(
        intents=[IntentRow(**_values(row, flag="owes_resume")) for row in query(_INTENTS)],
        attempts=[AttemptRow(**_values(row)) for row in query(_ATTEMPTS)],
        custody=[CustodyRow(**_values(row, flag="is_left")) for row in query(_CUSTODY)],
    )


def _values(row: Mapping[str, Any], *, flag: str | None = None) -> dict[str, Any]:
    values = {name: _instant(value) if name.endswith("_at") else value for name, value in row.items()}
    return values if flag is None else {**values, flag: bool(values[flag])}


def _instant(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def read_log(
    log: Iterable[Mapping[str, Any]], accounts: Mapping[str, str], life_of: Callable[[datetime], int]
) -> list[Call]:
    """The calls of a sandbox's log, as its control API gives it; one that isn't known to the API is left out.

    `accounts` says what the ledger calls each of the sandbox's, `life_of` which process made a call at an instant.
    """
    return [_call(entry, accounts[entry["account"]], life_of) for entry in log if entry["call"] is not None]


def _call(entry: Mapping[str, Any], account: str, life_of: Callable[[datetime], int]) -> Call:
    received_at = datetime.fromisoformat(entry["received_at"])
    return Call(
        sequence=entry["sequence"],
        life=life_of(received_at),
        account=account,
        call=entry["call"],
        campaign=entry["campaign"],
        received_at=received_at,
        answered_at=_instant(entry["answered_at"]),
        http_status=entry["http_status"],
        acted=entry["acted"],
        status_before=entry["status_before"],
        status_after=entry["status_after"],
        fault=entry["fault"],
    )
