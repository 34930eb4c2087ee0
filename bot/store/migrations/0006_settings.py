"""Tables of cached settings files, the issues about them, and the schedule of rules."""

import sqlalchemy as sa
from alembic import op

revision = "bot_0006"
down_revision = "bot_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings_file",
        sa.Column("repository", sa.String(200), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sha", sa.String(64), nullable=False),
        sa.Column("problems", sa.Text, nullable=False),
        sa.Column("serial", sa.Integer, nullable=False),
        sa.Column("checked_at", sa.Double, nullable=False),
    )
    op.create_table(
        "kept_issue",
        sa.Column("about", sa.String(300), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("job", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "schedule",
        sa.Column("rule", sa.String(100), primary_key=True),
        sa.Column("tick", sa.Double, nullable=False),
    )
