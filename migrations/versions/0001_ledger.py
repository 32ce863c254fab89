"""The ledger: intents, attempts, custody, campaigns, journal, daemons, and the view `audit`."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out here, not imported: a migration must go on meaning what it meant when the program has moved on.
_INSTANT = sa.String(27)
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# One line for each attempt, and one for each decision that needed no call.
_AUDIT = """
CREATE VIEW audit AS
SELECT i.due_at, a.started_at, i.account, i.campaign, c.name AS campaign_name, i.action, i.rules,
       a.number AS attempt, coalesce(a.outcome, 'under way') AS outcome, a.http_status,
       CASE WHEN a.error_code IS NULL THEN a.error_message ELSE a.error_code || ': ' || a.error_message END AS error,
       coalesce(a.reason, i.because) AS reason,
       {late} AS late_by_seconds,
       {duration} AS duration_ms
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
_COUNTED = {
    "sqlite": {
        "late": "round((julianday(a.started_at) - julianday(i.due_at)) * 86400, 3)",
        "late_decision": "round((julianday(i.decided_at) - julianday(i.due_at)) * 86400, 3)",
        "duration": "CAST(round((julianday(a.finished_at) - julianday(a.started_at)) * 86400000) AS INTEGER)",
    },
    "postgresql": {
        "late": "round(extract(epoch FROM a.started_at::timestamptz - i.due_at::timestamptz), 3)::float",
        "late_decision": "round(extract(epoch FROM i.decided_at::timestamptz - i.due_at::timestamptz), 3)::float",
        "duration": "round(extract(epoch FROM a.finished_at::timestamptz - a.started_at::timestamptz) * 1000)::bigint",
    },
}


def upgrade() -> None:
    """Make all tables and the view."""
    op.create_table(
        "intents",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("campaign", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(6), nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("status_before", sa.Text()),
        sa.Column("owes_resume", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", _INSTANT),
        sa.Column("claimed_by", sa.Text()),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("decided_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_intents"),
        sa.UniqueConstraint(
            "account", "campaign", "action", "due_at", name="uq_intents_account_campaign_action_due_at"
        ),
    )
    op.create_index("ix_intents_state_account", "intents", ["state", "account"])
    op.create_table(
        "attempts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("intent_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT),
        sa.Column("outcome", sa.String(11)),
        sa.Column("reason", sa.Text()),
        sa.Column("http_status", sa.Integer()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.ForeignKeyConstraint(["intent_id"], ["intents.id"], name="fk_attempts_intent_id_intents"),
        sa.UniqueConstraint("intent_id", "number", name="uq_attempts_intent_id_number"),
    )
    op.create_index("ix_attempts_started_at", "attempts", ["started_at"])
    op.create_table(
        "custody",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("campaign", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", _INSTANT, nullable=False),
        sa.Column("intent_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("account", "campaign", name="pk_custody"),
        sa.ForeignKeyConstraint(["intent_id"], ["intents.id"], name="fk_custody_intent_id_intents"),
    )
    op.create_table(
        "campaigns",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("campaign", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("account", "campaign", name="pk_campaigns"),
    )
    op.create_table(
        "journal",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("account", sa.Text()),
        sa.Column("campaign", sa.BigInteger()),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
    )
    op.create_index("ix_journal_at", "journal", ["at"])
    op.create_table(
        "daemons",
        sa.Column("id", _ID, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("last_tick_at", _INSTANT),
        sa.Column("stopped_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_daemons"),
    )
    op.execute(_AUDIT.format(**_COUNTED[op.get_bind().dialect.name]))


def downgrade() -> None:
    """Remove all of it."""
    op.execute("DROP VIEW audit")
    for table in ("daemons", "journal", "campaigns", "custody", "attempts", "intents"):
        op.drop_table(table)
