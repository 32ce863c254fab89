"""The record of outcomes, each with the hash of the one before it; the view `audit` shows it."""

import json
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INSTANT = sa.String(27)
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_AT_ONCE = 5000

# What has ended so far, in the order in which it began.
_EARLIER = """
INSERT INTO outcomes (number, version, previous_hash, intent_id, account, campaign, action, due_at, rules, attempt,
                      started_at, finished_at, outcome, http_status, error_code, error_message, reason)
SELECT row_number() OVER (ORDER BY started_at, intent_id, coalesce(attempt, 0)), 1, '', ended.*
FROM (
    SELECT i.id AS intent_id, i.account, i.campaign, i.action, i.due_at, i.rules, a.number AS attempt, a.started_at,
           a.finished_at, a.outcome, a.http_status, a.error_code, a.error_message, coalesce(a.reason, i.because)
    FROM attempts a JOIN intents i ON i.id = a.intent_id
    WHERE a.outcome IS NOT NULL
    UNION ALL
    SELECT i.id, i.account, i.campaign, i.action, i.due_at, i.rules, NULL, i.decided_at,
           NULL, i.state, NULL, NULL, NULL, coalesce(i.reason, i.because)
    FROM intents i
    WHERE i.decided_at IS NOT NULL
) AS ended
"""
_RULES = """
INSERT INTO outcome_rules (rule, started_at, number)
SELECT DISTINCT rule.value, o.started_at, o.number FROM outcomes o, {elements}(o.rules) AS rule{columns}
"""
_HASHED = """
SELECT version, number, intent_id, account, campaign, action, due_at, CAST(rules AS text), attempt, started_at,
       finished_at, outcome, http_status, error_code, error_message, reason
FROM outcomes WHERE number > :last ORDER BY number LIMIT :most
"""

_AUDIT = """
CREATE VIEW audit AS
SELECT o.due_at, o.started_at, o.account, o.campaign, c.name AS campaign_name, o.action, o.rules, o.attempt, o.outcome,
       o.http_status,
       CASE WHEN o.error_code IS NULL THEN o.error_message ELSE o.error_code || ': ' || o.error_message END AS error,
       o.reason,
       {late} AS late_by_seconds,
       {duration} AS duration_ms,
       o.number
FROM outcomes o
LEFT JOIN campaigns c ON c.account = o.account AND c.campaign = o.campaign
UNION ALL
SELECT i.due_at, a.started_at, i.account, i.campaign, c.name, i.action, i.rules, a.number, 'under way',
       NULL, NULL, i.because, {late_attempt}, NULL, NULL
FROM attempts a
JOIN intents i ON i.id = a.intent_id
LEFT JOIN campaigns c ON c.account = i.account AND c.campaign = i.campaign
WHERE a.outcome IS NULL
"""
# As it was before.
_OLD_AUDIT = """
CREATE VIEW audit AS
SELECT i.due_at, a.started_at, i.account, i.campaign, c.name AS campaign_name, i.action, i.rules,
       a.number AS attempt, coalesce(a.outcome, 'under way') AS outcome, a.http_status,
       CASE WHEN a.error_code IS NULL THEN a.error_message ELSE a.error_code || ': ' || a.error_message END AS error,
       coalesce(a.reason, i.because) AS reason,
       {late_attempt} AS late_by_seconds,
       {old_duration} AS duration_ms
FROM attempts a
JOIN intents i ON i.id = a.intent_id
LEFT JOIN campaigns c ON c.account = i.account AND c.campaign = i.campaign
UNION ALL
SELECT i.due_at, i.decided_at, i.account, i.campaign, c.name, i.action, i.rules,
       NULL, i.state, NULL,
       NULL,
       i.reason,
       {late_decision},
       NULL
FROM intents i
LEFT JOIN campaigns c ON c.account = i.account AND c.campaign = i.campaign
WHERE i.decided_at IS NOT NULL
"""
# What is counted from one instant to another, in the words of each database.
_SECONDS = {
    "sqlite": "round((julianday({end}) - julianday({start})) * 86400, 3)",
    "postgresql": "round(extract(epoch FROM {end}::timestamptz - {start}::timestamptz), 3)::float",
}
_MILLISECONDS = {
    "sqlite": "CAST(round((julianday({end}) - julianday({start})) * 86400000) AS INTEGER)",
    "postgresql": "round(extract(epoch FROM {end}::timestamptz - {start}::timestamptz) * 1000)::bigint",
}


def upgrade() -> None:
    """Make the tables, of what has ended so far, and the view of them."""
    dialect = op.get_bind().dialect.name
    _make_outcomes()
    op.execute(_EARLIER)
    _make_rules()
    is_sqlite = dialect == "sqlite"
    elements = "json_each" if is_sqlite else "json_array_elements_text"
    op.execute(_RULES.format(elements=elements, columns="" if is_sqlite else "(value)"))
    op.create_table(
        "chain",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("pruned_before", _INSTANT),
        sa.PrimaryKeyConstraint("name", name="pk_chain"),
    )
    _link()
    op.create_index("ix_outcomes_intent_id", "outcomes", ["intent_id"])
    op.create_index("ix_outcomes_started_at", "outcomes", ["started_at"])
    for column in ("account", "campaign", "action", "outcome"):
        op.create_index(f"ix_outcomes_{column}_started_at", "outcomes", [column, "started_at"])
    is_under_way = sa.text("outcome IS NULL")
    op.create_index(
        "ix_attempts_under_way", "attempts", ["started_at"], sqlite_where=is_under_way, postgresql_where=is_under_way
    )
    _show(_AUDIT, dialect)


def downgrade() -> None:
    """Show intents and attempts again; what is in the record alone, such as what was missed for a while, is gone."""
    _show(_OLD_AUDIT, op.get_bind().dialect.name)
    op.drop_index("ix_attempts_under_way", "attempts")
    for table in ("chain", "outcome_rules", "outcomes"):
        op.drop_table(table)


def _make_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("number", _ID, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("intent_id", _ID, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("campaign", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(6), nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("attempt", sa.Integer()),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT),
        sa.Column("outcome", sa.String(11), nullable=False),
        sa.Column("http_status", sa.Integer()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_outcomes"),
    )


def _make_rules() -> None:
    op.create_table(
        "outcome_rules",
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("number", _ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("rule", "started_at", "number", name="pk_outcome_rules"),
        sqlite_with_rowid=False,
    )


def _link() -> None:
    """Have each row carry the hash of the one before it, as `scheduler.ledger.chain` describes it for version 1."""
    connection = op.get_bind()
    encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
    carry = sa.text("UPDATE outcomes SET previous_hash = :previous_hash WHERE number = :number")
    last, previous = 0, "0" * 64
    while rows := connection.execute(sa.text(_HASHED), {"last": last, "most": _AT_ONCE}).all():
        carried: list[dict[str, Any]] = []
        for version, number, *before, rules, attempt, started, finished, outcome, status, code, message, reason in rows:
            carried.append({"number": number, "previous_hash": previous})
            after = [attempt, started, finished, outcome, status, code, message, reason]
            text = encode([version, number, previous, *before, json.loads(rules), *after])
            last, previous = number, sha256(text.encode("ascii")).hexdigest()
        connection.execute(carry, carried)
    if last:
        head = sa.text("INSERT INTO chain (name, number, hash) VALUES ('head', :number, :hash)")
        connection.execute(head, {"number": last, "hash": previous})


def _show(view: str, dialect: str) -> None:
    op.execute("DROP VIEW audit")
    seconds, milliseconds = _SECONDS[dialect], _MILLISECONDS[dialect]
    op.execute(
        view.format(
            late=seconds.format(end="o.started_at", start="o.due_at"),
            late_attempt=seconds.format(end="a.started_at", start="i.due_at"),
            late_decision=seconds.format(end="i.decided_at", start="i.due_at"),
            duration=milliseconds.format(end="o.finished_at", start="o.started_at"),
            old_duration=milliseconds.format(end="a.finished_at", start="a.started_at"),
        )
    )
