"""Whether a call of an intent may have done its work, though no answer said so."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What was refused has done nothing; what got no answer, or that of a fault of the server, may have.
_OF_EARLIER_ATTEMPTS = """
UPDATE intents SET may_have_acted = true WHERE EXISTS (
    SELECT 1 FROM attempts WHERE attempts.intent_id = intents.id AND coalesce(attempts.http_status, 500) >= 500
)
"""


def upgrade() -> None:
    """Add the column, and say of each intent what its attempts tell."""
    op.add_column("intents", sa.Column("may_have_acted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(_OF_EARLIER_ATTEMPTS)


def downgrade() -> None:
    """Remove it."""
    op.drop_column("intents", "may_have_acted")
