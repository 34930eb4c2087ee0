"""Tables of recovery: its progress in GitHub's log, and missed deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "bot_0002"
down_revision = "bot_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recovery",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("caught_up_at", sa.Double, nullable=False),
    )
    op.create_table(
        "missed",
        sa.Column("guid", sa.String(100), primary_key=True),
        sa.Column("attempt_id", sa.BigInteger, nullable=False),
        sa.Column("attempted_at", sa.Double, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("lost", sa.Text, nullable=False),
    )
