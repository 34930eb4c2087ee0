"""Tables of the board, the heartbeats, and the membership cache."""

import sqlalchemy as sa
from alembic import op

revision = "bot_0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "board_line",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("said_at", sa.Double, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "beat",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("beat_at", sa.Double, nullable=False),
    )
    op.create_table(
        "membership",
        sa.Column("organization", sa.String(100), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
    )
