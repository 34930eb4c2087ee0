"""Tables of counter totals; columns for the publication of board lines."""

import sqlalchemy as sa
from alembic import op

revision = "bot_0008"
down_revision = "bot_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "total",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("labels", sa.String(300), primary_key=True),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
    )
    op.create_table(
        "total_source",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.Double, nullable=False),
    )
    op.add_column("board_line", sa.Column("uid", sa.String(32)))
    op.add_column("board_line", sa.Column("sending_at", sa.Double))
    op.add_column("board_line", sa.Column("sent_at", sa.Double))
