"""Partial pauses: while a part has a row, its jobs are not claimed."""

import sqlalchemy as sa
from alembic import op

revision = "jobs_0004"
down_revision = "jobs_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pause_part",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("paused_at", sa.Double, nullable=False),
    )
