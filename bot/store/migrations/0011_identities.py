"""Table of numeric ids: the key name of each account and repository, and its present name."""

import sqlalchemy as sa
from alembic import op

revision = "bot_0011"
down_revision = "bot_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity",
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key_name", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False, index=True),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.UniqueConstraint("kind", "key_name", name="identity_key_name"),
    )
