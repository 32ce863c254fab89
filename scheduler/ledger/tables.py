"""The tables, as SQLAlchemy sees them. They are made by the migrations; a test holds the two equal."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    column,
    false,
    table,
    text,
)

# The newest migration, for readers that must not pay for Alembic; a test holds it to Alembic's own head.
REVISION: Final = "0009"


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept as UTC text that sorts: `2026-11-27T16:00:00.000000Z`."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 -- SQLAlchemy's
        """To text; a naive value is a fault of the program."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a naive datetime isn't an instant")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy's
        """From text."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only where the key's type is exactly INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")

intents = Table(
    "intents",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("campaign", BigInteger, nullable=False),
    Column("action", String(6), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("because", Text, nullable=False),
    Column("status_before", Text),
    Column("owes_resume", Boolean, nullable=False, server_default=false()),
    Column("state", String(9), nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("may_have_acted", Boolean, nullable=False, server_default=false()),
    Column("next_attempt_at", Instant),
    Column("claimed_by", Text),
    Column("recorded_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("confirmed_at", Instant),
    UniqueConstraint("account", "campaign", "action", "due_at"),
    Index(None, "state", "account"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("intent_id", _Id, ForeignKey("intents.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", String(11)),
    Column("reason", Text),
    Column("http_status", Integer),
    Column("error_code", Text),
    Column("error_message", Text),
    UniqueConstraint("intent_id", "number"),
    Index(None, "started_at"),
    # What is under way is a handful among millions. On a server it's the same: to say so here would have every reader
    # pay for its dialect.
    Index("ix_attempts_under_way", "started_at", sqlite_where=text("outcome IS NULL")),
)

custody = Table(
    "custody",
    metadata,
    Column("account", Text, primary_key=True),
    Column("campaign", BigInteger, primary_key=True),
    Column("taken_at", Instant, nullable=False),
    Column("intent_id", _Id, ForeignKey("intents.id"), nullable=False),
    # Where it couldn't be given back: it's owed no more, and shown until a person acts.
    Column("left_at", Instant),
    Column("left_because", Text),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("account", Text, primary_key=True),
    Column("campaign", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folder", Text),
    Column("status", Text, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("account", Text),
    Column("campaign", BigInteger),
    Column("details", JSON, nullable=False),
)

daemons = Table(
    "daemons",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("last_tick_at", Instant),
    Column("stopped_at", Instant),
    # What was over by then, and found no daemon, is on record.
    Column("accounted_until", Instant),
)

# The enabled rules of the file, as the last daemon that wasn't a dry run had it.
rules = Table(
    "rules",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("since", Instant, nullable=False),
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", String(6), nullable=False),
    Column("account", Text, nullable=False),
    Column("rule", Text),
    Column("campaign", BigInteger),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False, index=True),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", Text),
)

# Who may work on a ledger that several machines share, and who stands by: by the database's own clock, and so not as
# text. A ledger in a file has a lock instead.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("expires_at", DateTime(timezone=True)),
)

# What needs a person, and when somebody was told that it began and that it was over: a restart repeats nothing.
concerns = Table(
    "concerns",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("told_at", Instant),
    # Since when it's gone; it may come back before anybody is told.
    Column("over_at", Instant),
    Column("closed_at", Instant, index=True),
)

# The audit log: a row for each attempt that has ended, and for each decision without a call, never changed again.
# `scheduler.ledger.chain` says how they follow from one another. There are no foreign keys: `curfew audit --verify`
# compares what it says of intents and attempts.
outcomes = Table(
    "outcomes",
    metadata,
    Column("number", _Id, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("intent_id", _Id, nullable=False, index=True),
    Column("account", Text, nullable=False),
    Column("campaign", BigInteger, nullable=False),
    Column("action", String(6), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("attempt", Integer),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", String(11), nullable=False),
    Column("http_status", Integer),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("reason", Text, nullable=False),
    # One for each thing that `curfew audit` can be asked by, and within it in the order of time.
    Index(None, "started_at"),
    Index(None, "account", "started_at"),
    Index(None, "campaign", "started_at"),
    Index(None, "action", "started_at"),
    Index(None, "outcome", "started_at"),
)

# The rules of each outcome once more, as what it can be asked by.
outcome_rules = Table(
    "outcome_rules",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("started_at", Instant, primary_key=True),
    Column("number", _Id, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# Where the record of outcomes ends (`head`), and where it begins, if older ones were pruned (`start`): the number and
# the hash of the newest outcome, and of the last that is gone. What began before `pruned_before` may be gone.
chain = Table(
    "chain",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("pruned_before", Instant),
)

# A view of the migrations; not part of the metadata, since no migration would compare it.
AUDIT_COLUMNS: Final = (
    "due_at",
    "started_at",
    "account",
    "campaign",
    "campaign_name",
    "action",
    "rules",
    "attempt",
    "outcome",
    "http_status",
    "error",
    "reason",
    "late_by_seconds",
    "duration_ms",
    "number",
)
_AUDIT_TYPES: Final[dict[str, Any]] = {"due_at": Instant, "started_at": Instant, "rules": JSON}
audit = table("audit", *(column(name, _AUDIT_TYPES.get(name)) for name in AUDIT_COLUMNS))
