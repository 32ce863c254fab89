"""How fast `curfew audit` finds lines among a million and ten millions, beside plain `sqlite3`: all in this one run.

    make benchmark            (or: python -m benchmarks.audit --rows 20000, for a small run of seconds)

The ledgers are made by Curfew's own migrations, filled with two years of 1,000 campaigns under 50 rules of 10 accounts,
their record of outcomes linked by its hashes, in a temporary folder: 1.1 GB for each million. Of times that are measured
again and again the best counts.

(a) a filtered query, from the connection to the lines, with the newest 500 or with all of them
    against Python's `sqlite3` module with the same SQL on the same file
(b) the whole command, as typed
    against a Python that only imports the libraries that it uses
(c) the whole command on the ledger with ten times as many attempts
    against (b)'s bound
(d) `curfew audit --verify`, and what it costs the daemon to record an outcome
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.dialects import sqlite as dialect

from scheduler import schema
from scheduler.ledger import chain
from scheduler.ledger.audit import AuditFilter, recorded, recorded_rows
from scheduler.ledger.database import Database

QUERY_BOUND, COMMAND_BOUND, GROWTH_BOUND = 1.5, 1.5, 2.0
# What `curfew audit` imports of others; a test holds it to what is there after it has run.
LIBRARIES = (
    "click",
    "rich.console",
    "rich.text",
    "sqlalchemy",
    "sqlalchemy.dialects.sqlite",
    "yaml",
    "tzdata",
    "cronsim",
)
END = datetime(2026, 11, 27, 16, tzinfo=UTC)
SPAN = timedelta(days=730)
ACCOUNTS, CAMPAIGNS, RULES = 10, 1_000, 50
_AT_ONCE = 50_000
_SHOWN = 500

Row = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """One way to ask: on the command line, and as the query has it."""

    options: tuple[str, ...]
    chosen: AuditFilter


WAYS = (
    Asked((), AuditFilter()),
    Asked(("--campaign", "1000500"), AuditFilter(campaign=1_000_500)),
    Asked(("--rule", "rule-7"), AuditFilter(rule="rule-7")),
    Asked(("--account", "account-3"), AuditFilter(account="account-3")),
    Asked(("--action", "resume"), AuditFilter(action="resume")),
    Asked(("--outcome", "failed"), AuditFilter(outcome="failed")),
    Asked(("--outcome", "failed", "--account", "account-3"), AuditFilter(outcome="failed", account="account-3")),
    Asked(("--since", "2026-11-20T16:00Z"), AuditFilter(since=END - timedelta(days=7))),
    Asked(
        ("--since", "2025-06-01Z", "--until", "2025-06-08Z", "--rule", "rule-7"),
        AuditFilter(since=datetime(2025, 6, 1, tzinfo=UTC), until=datetime(2025, 6, 8, tzinfo=UTC), rule="rule-7"),
    ),
)


def text(instant: datetime) -> str:
    """An instant as the ledger has it."""
    return f"{instant.isoformat(timespec='microseconds')[:26]}Z"


def outcomes(count: int) -> Iterator[tuple[Any, ...]]:
    """So many outcomes, but for their version and the hash of the one before, with what is the intent's own."""
    step = SPAN / count
    for number in range(1, count + 1):
        began = END - SPAN + number * step
        campaign = (number * 7919) % CAMPAIGNS
        rule, action = f"rule-{campaign % RULES}", "resume" if number % 2 else "pause"
        outcome, status = _end_of(number)
        due, ended = text(began - timedelta(seconds=campaign % 60)), text(began + timedelta(milliseconds=50))
        failed = ("UNKNOWN", "Unknown error") if outcome in {"retried", "failed"} else (None, None)
        is_call = outcome != "skipped"
        yield (
            *(number, number, f"account-{campaign % ACCOUNTS}", 1_000_000 + campaign, action, due, (rule,)),
            *(1 if is_call else None, text(began), ended if is_call else None, outcome, status, *failed),
            f"{rule}: Fri 17:00 until Mon 08:00" if is_call else "already paused",
        )


def _end_of(number: int) -> tuple[str, int | None]:
    match number % 100:
        case 7:
            return "failed", 409
        case 13 | 14 | 15:
            return "retried", 500
        case 21:
            return "skipped", None
    return "succeeded", 200


def make(folder: Path, count: int) -> Database:
    """A ledger with so many outcomes."""
    ledger = Database(f"sqlite:///{folder}/curfew-{count}.db")
    ledger.create()
    schema.upgrade(ledger)
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        later = dict(indexes.fetchall())
        for name in later:
            connection.execute(f"DROP INDEX {name}")
        _fill(connection, count)
        for sql in later.values():
            connection.execute(sql)
        connection.execute("PRAGMA journal_mode = WAL")
    return ledger


def _fill(connection: sqlite3.Connection, count: int) -> None:
    connection.execute("BEGIN")
    names = [
        (f"account-{each % ACCOUNTS}", 1_000_000 + each, f"Offer no. {each}", text(END)) for each in range(CAMPAIGNS)
    ]
    connection.executemany("INSERT INTO campaigns VALUES (?, ?, ?, NULL, 'RUNNING', ?)", names)
    rows, previous = outcomes(count), "0" * 64
    while some := list(islice(rows, _AT_ONCE)):
        linked = []
        for number, *rest in some:
            values = (chain.VERSION, number, previous, *rest)
            linked.append(values)
            previous = chain.digest(values)
        _insert(connection, linked)
    connection.execute("INSERT INTO chain VALUES ('head', ?, ?, NULL)", (count, previous))
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    as_stored = [(*row[:8], f'["{row[8][0]}"]', *row[9:]) for row in rows]
    connection.executemany(
        f"INSERT INTO outcomes ({', '.join(chain.FIELDS)}) VALUES ({', '.join('?' * len(chain.FIELDS))})", as_stored
    )
    by_rule = ((row[8][0], row[10], row[1]) for row in rows)
    connection.executemany("INSERT INTO outcome_rules VALUES (?, ?, ?)", by_rule)
    # In the same order as the columns of the tables are.
    connection.executemany(
        "INSERT INTO intents (id, account, campaign, action, due_at, expires_at, rules, because, state, reason, attempts,"
        " recorded_at, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (*row[3:8], row[7], stored[8], row[16], row[12], row[16], row[9] or 0, row[7], None if row[9] else row[10])
            for row, stored in zip(rows, as_stored, strict=True)
        ),
    )
    connection.executemany(
        "INSERT INTO attempts (intent_id, number, started_at, finished_at, outcome, http_status, error_code,"
        " error_message) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ((row[3], *row[9:16]) for row in rows if row[9] is not None),
    )


def best(measured: Callable[[], object], times: int) -> float:
    """The shortest of so many times that it takes, in seconds."""
    found = []
    for _ in range(times):
        before = time.perf_counter()
        measured()
        found.append(time.perf_counter() - before)
    return min(found)


def as_sent(chosen: AuditFilter, newest: int | None) -> tuple[str, list[Any]]:
    """The SQL of a filtered query as SQLite is given it, and its values."""
    query = recorded("sqlite", chosen.given, chosen.sharpest, is_limited=newest is not None)
    compiled = query.compile(dialect=dialect.dialect())
    values = {**compiled.params, **chosen.values, "newest": newest}
    given = [values[name] for name in compiled.positiontup or ()]
    return str(compiled), [text(each) if isinstance(each, datetime) else each for each in given]


def queries(ledger: Database, count: int) -> Iterator[Row]:
    """(a)"""
    for newest in (_SHOWN, None):
        for asked in WAYS:
            if newest is None and asked.chosen == AuditFilter():
                continue
            sql, values = as_sent(asked.chosen, newest)
            with closing(sqlite3.connect(ledger.path)) as plain:
                number = len(plain.execute(sql, values).fetchall())
                theirs = best(lambda: plain.execute(sql, values).fetchall(), 9)
            with ledger.reading() as connection:
                ours = best(lambda: list(recorded_rows(connection, asked.chosen, newest=newest)), 9)
            what = f"{' '.join(asked.options) or 'all'}, {number:,} lines of {count:,}"
            yield _bounded("(a) a query", what, ours, theirs, QUERY_BOUND)


def commands(ledger: Database, count: int, folder: Path, letter: str, bound: float) -> Iterator[Row]:
    """(b) and (c)"""
    file = folder / "curfew.yaml"
    file.write_text("timezone: Europe/Warsaw\naccounts: {main: {api_key: x}}\nrules: []\n")
    imports = [sys.executable, "-c", f"import {', '.join(LIBRARIES)}"]
    curfew = [
        str(Path(sys.executable).parent / "curfew"),
        "audit",
        "--config",
        str(file),
        "--database",
        f"sqlite:///{ledger.path}",
    ]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    run = lambda command: subprocess.run(command, check=True, capture_output=True, env=environment)  # noqa: E731
    least = best(lambda: run(imports), 15)
    yield f"({letter}) the imports alone", f"{len(LIBRARIES)} libraries", f"{least * 1000:.0f} ms", "", ""
    for form in ("table", "csv"):
        for asked in WAYS:
            if form == "csv" and asked.chosen.campaign is None:
                continue
            command = [*curfew, *asked.options, *(("--format", form) if form != "table" else ())]
            what = f"curfew audit {' '.join(command[6:])}".strip()
            yield _bounded(f"({letter}) {count:,}", what, best(lambda: run(command), 9), least, bound)


def _bounded(what: str, of: str, seconds: float, least: float, bound: float) -> Row:
    ratio = seconds / least
    verdict = "met" if ratio <= bound else f"not met, by {ratio / bound - 1:.1%}"
    return (
        what,
        of,
        f"{seconds * 1000:.2f} ms",
        f"{ratio:.2f} of {least * 1000:.2f} ms",
        f"at most {bound:g}: {verdict}",
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="How fast the audit log is.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many attempts; (c) has ten times as many")
    parser.add_argument("--keep", type=Path, help="keep the ledgers in this folder, and take those that are there")
    parser.add_argument("--only", default="abcd", help="some of the measurements, by their letters")
    chosen = parser.parse_args()
    print("| what | of what | result | ratio | bound |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="curfew-benchmark-") as temporary:
        folder = chosen.keep or Path(temporary)
        for letters, count in (("abd", chosen.rows), ("c", 10 * chosen.rows)):
            if not set(letters) & set(chosen.only):
                continue
            there = folder / f"curfew-{count}.db"
            ledger = Database(f"sqlite:///{there}") if there.exists() else make(folder, count)
            for row in _measured(ledger, count, Path(temporary), letters, chosen.only):
                print(f"| {' | '.join(row)} |", flush=True)


def _measured(ledger: Database, count: int, folder: Path, letters: str, only: str) -> Iterator[Row]:
    for letter in letters:
        if letter not in only:
            continue
        match letter:
            case "a":
                yield from queries(ledger, count)
            case "b":
                yield from commands(ledger, count, folder, "b", COMMAND_BOUND)
            case "c":
                yield from queries(ledger, count)
                yield from commands(ledger, count, folder, "c", COMMAND_BOUND * GROWTH_BOUND)


if __name__ == "__main__":
    main()
