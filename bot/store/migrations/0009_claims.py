"""Table of issues that people have claimed through the bot."""

import sqlalchemy as sa
from alembic import op

revision = "bot_0009"
down_revision = "bot_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "claim",
        sa.Column("repository", sa.String(200), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("claimed_at", sa.Double, nullable=False),
    )
