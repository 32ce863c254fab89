"""Since when each rule is in force as it is, and up to when a daemon has accounted for what passed without one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, which the next start of a daemon fills, and add the column."""
    op.create_table(
        "rules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("since", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_rules"),
    )
    op.add_column("daemons", sa.Column("accounted_until", sa.String(27)))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("daemons", "accounted_until")
    op.drop_table("rules")
