"""When a pause was seen to have worked, and debts that are left to a person."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT = sa.String(27)
# What had success before is taken to have worked: a campaign that runs since was resumed by a person.
_OF_EARLIER_PAUSES = """
UPDATE intents SET confirmed_at =
    coalesce((SELECT max(finished_at) FROM attempts WHERE attempts.intent_id = intents.id), recorded_at)
WHERE action = 'pause' AND state = 'succeeded'
"""


def upgrade() -> None:
    """Add the columns."""
    op.add_column("intents", sa.Column("confirmed_at", _INSTANT))
    op.add_column("custody", sa.Column("left_at", _INSTANT))
    op.add_column("custody", sa.Column("left_because", sa.Text()))
    op.execute(_OF_EARLIER_PAUSES)


def downgrade() -> None:
    """Remove them; what is left to a person isn't owed, and would be."""
    op.execute("DELETE FROM custody WHERE left_at IS NOT NULL")
    op.drop_column("custody", "left_because")
    op.drop_column("custody", "left_at")
    op.drop_column("intents", "confirmed_at")
