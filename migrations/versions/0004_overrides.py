"""A person's exceptions to the rules."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.String(27)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "overrides",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("kind", sa.String(6), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("campaign", sa.BigInteger()),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT),
        sa.Column("revoked_by", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_overrides"),
    )
    op.create_index("ix_overrides_ends_at", "overrides", ["ends_at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("overrides")
