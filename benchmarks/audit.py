"""How fast `curfew audit` finds lines among a million and ten millions, beside plain SQLite: all in this one run.

    make benchmark            (or: python -m benchmarks.audit --quick, for a small run of seconds)

The ledgers are made by Curfew's own migrations, and filled with two years of 1,000 campaigns of 10 accounts under 50
rules, their record linked by its hashes: 1 GB for each million, in a temporary folder. Of what is measured again and
again, the best counts.

(a) a filtered query: the newest 500 lines, and all of them
    against Python's `sqlite3` module with the same SQL on the same file
(b) the whole command, as it's typed
    against a Python that imports what the command has imported of others, and ends
(c) both once more, with ten times as many attempts: at most twice what (b) may take
(d) what it takes to record how an attempt ended, and to verify the record
"""

import argparse
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
from scheduler.ledger.verification import verify

QUERY_BOUND, COMMAND_BOUND, GROWTH_BOUND = 1.5, 1.5, 2.0
# Prints what is imported of others when the command has run, in the order in which it was.
_IMPORTED = """
import io, sys
from scheduler.cli import perform
shown, sys.stdout = sys.stdout, io.StringIO()
perform(sys.argv[1:])
print(*(name for name in sys.modules if name.partition(".")[0] not in {"scheduler", "rules", "__main__"}), file=shown)
"""
_IMPORT = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
_FILE = """\
timezone: Europe/Warsaw
accounts: {main: {api_key: x}}
rules: [{name: weekend, campaigns: all, pause: {on: weekends}}]
"""
END = datetime(2026, 11, 27, 16, tzinfo=UTC)
SPAN = timedelta(days=730)
ACCOUNTS, CAMPAIGNS, RULES = 10, 1_000, 50
_AT_ONCE = 50_000
_SHOWN = 500
_ENDED = 9_000

Row = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """One way to ask: on the command line, and as the query has it."""

    options: tuple[str, ...]
    chosen: AuditFilter

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves so few lines that one would have all of them."""
        return bool(self.chosen.campaign or self.chosen.since or self.chosen.outcome or self.chosen.rule)


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
        ("--rule", "rule-7", "--since", "2025-06-01T00:00Z", "--until", "2025-06-08T00:00Z"),
        AuditFilter(since=datetime(2025, 6, 1, tzinfo=UTC), until=datetime(2025, 6, 8, tzinfo=UTC), rule="rule-7"),
    ),
)


def text(instant: datetime) -> str:
    """An instant as the ledger has it."""
    return f"{instant.isoformat(timespec='microseconds')[:26]}Z"


def outcomes(count: int) -> Iterator[tuple[Any, ...]]:
    """So many outcomes, but for their version and the hash of the one before, with what is the intent's own."""
    step = SPAN / max(count, 1)
    for number in range(1, count + 1):
        began = END - SPAN + number * step
        campaign = (number * 7919) % CAMPAIGNS
        rule, action = f"rule-{campaign % RULES}", "resume" if number % 2 else "pause"
        outcome, status = _end_of(number)
        due, ended = text(began - timedelta(seconds=campaign % 60)), text(began + timedelta(milliseconds=50))
        failed = ("UNKNOWN", "Unknown error") if outcome in {"retried", "failed"} else (None, None)
        is_call = outcome != "skipped"
        yield (
            *(number, number, _account(campaign), 1_000_000 + campaign, action, due, (rule,)),
            *(1 if is_call else None, text(began), ended if is_call else None, outcome, status, *failed),
            f"{rule}: Fri 17:00 until Mon 08:00" if is_call else "already paused",
        )


def _account(campaign: int) -> str:
    return f"account-{campaign % ACCOUNTS}"


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
    if count:
        connection.execute("INSERT INTO chain VALUES ('head', ?, ?, NULL)", (count, previous))
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    as_stored = [(*row[:8], f'["{row[8][0]}"]', *row[9:]) for row in rows]
    connection.executemany(chain._ADD, as_stored)
    by_rule = ((row[8][0], row[10], row[1]) for row in rows)
    connection.executemany("INSERT INTO outcome_rules VALUES (?, ?, ?)", by_rule)
    # In the same order as the columns of the tables are.
    connection.executemany(
        "INSERT INTO intents (id, account, campaign, action, due_at, expires_at, rules, because, state, reason,"
        " attempts, recorded_at, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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


def as_sent(chosen: AuditFilter, newest: int | None) -> tuple[str, list[Any]]:
    """The SQL of a filtered query as SQLite is given it, and its values."""
    query = recorded("sqlite", chosen.given, chosen.sharpest, is_limited=newest is not None)
    compiled = query.compile(dialect=dialect.dialect())
    values = {**compiled.params, **chosen.values, "newest": newest}
    given = [values[name] for name in compiled.positiontup or ()]
    return str(compiled), [text(each) if isinstance(each, datetime) else each for each in given]


def queries(ledger: Database, count: int, times: int) -> Iterator[Row]:
    """(a)"""
    for newest in (_SHOWN, None):
        for asked in WAYS:
            if newest is not None or asked.is_narrow:
                of = f"{' '.join(asked.options) or 'no filter'}: {{}} of {count:,}"
                yield _query(ledger, asked.chosen, newest, of, times)


def _query(ledger: Database, chosen: AuditFilter, newest: int | None, of: str, times: int) -> Row:
    sql, values = as_sent(chosen, newest)
    with closing(sqlite3.connect(ledger.path)) as plain, ledger.reading() as connection:
        found = plain.execute(sql, values).fetchall()
        # One after the other, so that what else the machine does is the same for both.
        pairs = [
            (
                taken(lambda: list(recorded_rows(connection, chosen, newest=newest))),
                taken(lambda: plain.execute(sql, values).fetchall()),
            )
            for _ in range(times)
        ]
    ours, theirs = (min(each) for each in zip(*pairs, strict=True))
    return _bounded("a query", of.format(f"{len(found):,}"), ours, theirs, QUERY_BOUND)


def commands(ledger: Database, count: int, bound: float, times: int) -> Iterator[Row]:
    """(b)"""
    with tempfile.TemporaryDirectory(prefix="curfew-benchmark-") as folder:
        file = Path(folder, "curfew.yaml")
        file.write_text(_FILE)
        arguments = ["audit", "--config", str(file), "--database", f"sqlite:///{ledger.path}"]
        used = output_of([sys.executable, "-c", _IMPORTED, *arguments]).split()
        imports = [sys.executable, "-c", _IMPORT, *used]
        yield "what is imported", f"{len(used)} modules of others", "", "", ""
        curfew = [str(Path(sys.executable).parent / "curfew"), *arguments]
        for form in ("table", "csv"):
            for asked in WAYS:
                if form == "table" or asked.chosen.campaign:
                    yield _command([*curfew, *asked.options, "--format", form], imports, count, bound, times)


def _command(command: Sequence[str], imports: Sequence[str], count: int, bound: float, times: int) -> Row:
    pairs = [(taken(lambda: output_of(command)), taken(lambda: output_of(imports))) for _ in range(times)]
    ours, least = (min(each) for each in zip(*pairs, strict=True))
    return _bounded(f"curfew audit, {count:,}", " ".join(command[6:]), ours, least, bound)


def recording(ledger: Database, count: int) -> Iterator[Row]:
    """(d)"""
    entries = [chain.Entry(*entry) for entry in islice(map(_entry_of, outcomes(count)), _ENDED)]
    with tempfile.TemporaryDirectory(prefix="curfew-benchmark-") as folder:
        fresh = make(Path(folder), 0)
        with fresh.writing() as connection:
            seconds = taken(lambda: [chain.append(connection, entries[at : at + 30]) for at in range(0, _ENDED, 30)])
    yield "to record an outcome", f"{_ENDED:,}, 30 at a time", f"{seconds / _ENDED * 1e6:.1f} µs", "", ""
    with ledger.reading() as connection:
        seconds = taken(lambda: verify(connection))
    yield "to verify the record", f"{count:,} outcomes", f"{seconds:.1f} s", f"{seconds / count * 1e6:.1f} µs each", ""


def _entry_of(row: tuple[Any, ...]) -> Iterator[Any]:
    """The values of an outcome as they are recorded."""
    for name, value in zip(chain.FIELDS[3:], row[1:], strict=True):
        yield datetime.fromisoformat(value) if name.endswith("_at") and value else value


def taken(measured: Callable[[], object]) -> float:
    """How many seconds it takes."""
    before = time.perf_counter()
    measured()
    return time.perf_counter() - before


def output_of(command: Sequence[str]) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 -- our own


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


def measure(ledger: Database, count: int, bound: float, only: str, times: int) -> Iterator[Row]:
    """The chosen measurements on one ledger."""
    if "a" in only:
        yield from queries(ledger, count, times)
    if "b" in only:
        yield from commands(ledger, count, bound, times)
    if "d" in only:
        yield from recording(ledger, count)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="How fast the audit log is.")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--only", default="abcd", help="some of the measurements, by their letters")
    parser.add_argument("--keep", type=Path, help="keep the ledgers in this folder, and take those that are there")
    chosen = parser.parse_args()
    count, times = (2_000, 2) if chosen.quick else (1_000_000, 9)
    with tempfile.TemporaryDirectory(prefix="curfew-benchmark-") as temporary:
        folder = chosen.keep or Path(temporary)
        print("| what | of what | result | ratio | bound |\n|---|---|---|---|---|")
        runs = [(count, COMMAND_BOUND, chosen.only)]
        if "c" in chosen.only:
            runs.append((10 * count, COMMAND_BOUND * GROWTH_BOUND, "ab"))
        for number, bound, only in runs:
            for row in measure(ledger_of(folder, number), number, bound, only, times):
                print(f"| {' | '.join(row)} |", flush=True)


def ledger_of(folder: Path, count: int) -> Database:
    """The ledger of so many outcomes in a folder, made unless it's there."""
    path = folder / f"curfew-{count}.db"
    return Database(f"sqlite:///{path}") if path.exists() else make(folder, count)


if __name__ == "__main__":
    main()
