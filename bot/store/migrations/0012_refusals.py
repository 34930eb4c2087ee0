"""Table of what GitHub refuses in each installation."""

import sqlalchemy as sa
from alembic import op

revision = "bot_0012"
down_revision = "bot_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refusal",
        sa.Column("installation", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("remedy", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
    )
