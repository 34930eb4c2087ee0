"""Pause: while it has a row, no job is claimed."""

import sqlalchemy as sa
from alembic import op

revision = "jobs_0002"
down_revision = "jobs_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pause",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("paused_at", sa.Double, nullable=False),
    )
