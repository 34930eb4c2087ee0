"""Tables of people: invitations, approval requests, merges, newcomers; and pause commands."""

import sqlalchemy as sa
from alembic import op

revision = "bot_0007"
down_revision = "bot_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("organization", sa.String(100), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("sent_at", sa.Double, nullable=False),
    )
    op.create_table(
        "invitation_request",
        sa.Column("organization", sa.String(100), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("asked_in", sa.String(300), nullable=False, index=True),
        sa.Column("pull_request", sa.String(300), nullable=False),
        sa.Column("login", sa.String(100), nullable=False),
    )
    op.create_table(
        "merged",
        sa.Column("organization", sa.String(100), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("repository", sa.String(200), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "newcomer",
        sa.Column("repository", sa.String(200), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_table(
        "rest_order",
        sa.Column("organization", sa.String(100), primary_key=True),
        sa.Column("ordered_at", sa.String(40), nullable=False),
    )
