"""Who may work on a ledger that several machines share."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, with the one lease that counts, which nobody holds."""
    table = op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.bulk_insert(table, [{"name": "ledger"}])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("leases")
