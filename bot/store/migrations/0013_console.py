"""Table of what operators did, and the organisations that a console session may see."""

import sqlalchemy as sa
from alembic import op

revision = "bot_0013"
down_revision = "bot_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_action",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("place", sa.String(20), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("delivery", sa.BigInteger, nullable=False),
        sa.Column("tenant", sa.String(40), nullable=False),
    )
    # Older sessions do not say what they may see: their owners sign in again.
    op.execute("DELETE FROM console_session")
    op.add_column("console_session", sa.Column("scope", sa.Text, nullable=False, server_default=""))
