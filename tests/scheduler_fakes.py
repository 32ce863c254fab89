"""What the tests of `scheduler/` share: a clock to move, a chance that never waits, ledgers and rules from text."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from structlog.testing import capture_logs

from rules.document import read
from rules.entries import compile_rules
from rules.ruleset import Action, Ruleset
from rules.source import parse
from scheduler import schema
from scheduler.client import Client
from scheduler.lanes import Lane
from scheduler.ledger.audit import AuditFilter, audit_lines
from scheduler.ledger.database import Database, Writer
from scheduler.ledger.records import NewIntent
from scheduler.sandbox import Entry, Sandbox
from scheduler.settings import Account

KEY = "swordfish-0123456789"
CAMPAIGN = 1000001
# A Friday in winter: Warsaw is an hour ahead of UTC.
FRIDAY = datetime(2026, 11, 27, 16, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, 7, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Clock:
    """A clock that stands still until it's moved."""

    def __init__(self, now: datetime = FRIDAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


class NoWaiting(random.Random):
    """Full jitter at its shortest: the next attempt is at once."""

    def random(self) -> float:
        return 0.0


def rules_of(*rules: str, accounts: str = "{main: {api_key: x}}") -> Ruleset:
    """The rules of a file, each written as one flow mapping; in Warsaw's time."""
    lines = [f"timezone: Europe/Warsaw\naccounts: {accounts}\nrules:", *(f"  - {rule}" for rule in rules), ""]
    return compile_rules(read(parse("\n".join(lines).encode())))


def weekend(campaigns: str = "all") -> str:
    """Friday 17:00 to Monday 08:00 in Warsaw: in winter, from FRIDAY to MONDAY."""
    return f"{{name: weekend, campaigns: {campaigns}, pause: {{from: Fri 17:00, until: Mon 08:00}}}}"


def account(base_url: str, *, name: str = "main", company_id: int | None = None) -> Account:
    """An account with the one key that all tests use."""
    return Account(name=name, base_url=base_url, api_key=KEY, company_id=company_id)


def new_intent(
    campaign: int = CAMPAIGN,
    action: Action = Action.PAUSE,
    *,
    due_at: datetime = FRIDAY,
    lasts: timedelta = MONDAY - FRIDAY,
    status_before: str | None = "RUNNING",
    owes_resume: bool | None = None,
    account: str = "main",
) -> NewIntent:
    """A pause for the weekend, or the resume after it."""
    return NewIntent(
        account=account,
        campaign=campaign,
        action=action,
        due_at=due_at,
        expires_at=due_at + lasts,
        rules=("weekend",),
        because="weekend: Fri 17:00 until Mon 08:00",
        status_before=status_before,
        owes_resume=action is Action.PAUSE if owes_resume is None else owes_resume,
    )


def resume(pause: NewIntent | None = None) -> NewIntent:
    """The resume that follows a pause."""
    return replace(
        pause or new_intent(), action=Action.RESUME, due_at=MONDAY, expires_at=MONDAY + DAY, owes_resume=False
    )


def ledger_in(folder: Path, name: str = "curfew.db") -> Database:
    """A new ledger, with all its tables."""
    database = Database(f"sqlite:///{folder / name}")
    database.create()
    database.path.write_bytes(_empty_ledger())
    return database


@cache
def _empty_ledger() -> bytes:
    # Made once by the real migrations, and copied: they take longer than most tests.
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        database.create()
        schema.upgrade(database)
        return database.path.read_bytes()


@asynccontextmanager
async def writing_to(database: Database) -> AsyncIterator[Writer]:
    """A writer that is closed at the end, whatever happens."""
    writer = Writer(database)
    try:
        yield writer
    finally:
        await writer.close()


class Luck(random.Random):
    """Full jitter that always draws the same part of its limit, from 0 to 1."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part

    def random(self) -> float:
        return self.part


@asynccontextmanager
async def lane_to(
    sandbox: Sandbox,
    writer: Writer,
    clock: Callable[[], datetime],
    *,
    name: str = "main",
    company_id: int | None = None,
    chance: random.Random | None = None,
    dry_run: bool = False,
) -> AsyncIterator[Lane]:
    """The lane of one account of a sandbox, over real sockets."""
    async with Client(account(sandbox.base_url, name=name, company_id=company_id)) as client:
        yield Lane(name, client, writer, claimant="me", now=clock, chance=chance or NoWaiting(), dry_run=dry_run)


@asynccontextmanager
async def at_work(*lanes: Lane) -> AsyncIterator[None]:
    """Lanes that run meanwhile; a fault of one is raised at the end."""
    tasks = [asyncio.create_task(lane.run()) for lane in lanes]
    try:
        yield
    finally:
        for lane in lanes:
            lane.stop()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks)


async def have_gone_on(*lanes: Lane) -> None:
    """Wait until lanes have done what follows from the last end of a call that the ledger has."""
    for lane in lanes:
        async with lane.turn():
            pass


async def until(holds: Callable[[], Awaitable[bool]], what: str, *, seconds: float = 20) -> None:
    """Wait for something that is about to happen."""
    try:
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"it didn't come true: {what}") from None


async def audit(writer: Writer) -> list[dict[str, Any]]:
    """The audit log as the verb reads it, after all that the writer was asked before."""
    return await writer.do(lambda connection: list(audit_lines(connection, AuditFilter())))


def posts(sandbox: Sandbox) -> Sequence[Entry]:
    """The pauses and resumes that a sandbox was sent, in order."""
    return [entry for entry in sandbox.log if entry.call in {"pause", "run"}]


@contextmanager
def captured_logs() -> Iterator[list[Any]]:
    """The log lines of whatever level that are written meanwhile, each as a dict."""
    before = structlog.get_config()
    structlog.reset_defaults()
    try:
        with capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(**before)
