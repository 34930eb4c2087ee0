"""Shares: the tenant and person of a job, its rank and lane, and each lane's last turn."""

import sqlalchemy as sa
from alembic import op

revision = "jobs_0005"
down_revision = "jobs_0004"
branch_labels = None
depends_on = None

_READY = "state = 'ready'"
_READY_IN_TURN = "state = 'ready' AND subject <> ''"
_CAUSED = "parent IS NOT NULL AND person <> ''"
_INDEXES = (
    ("job_ready", _READY, ["queue", "lane", "run_at", "id"]),
    ("job_ready_subject", _READY_IN_TURN, ["queue", "subject", "rank", "id"]),
    ("job_caused", _CAUSED, ["tenant", "person", "created_at"]),
)


def upgrade() -> None:
    for name in ("tenant", "person", "lane"):
        op.add_column("job", sa.Column(name, sa.String, nullable=False, server_default=""))
    op.add_column("job", sa.Column("rank", sa.Integer, nullable=False, server_default="1"))
    for name in ("job_ready", "job_ready_subject"):
        op.drop_index(name, "job")
    for name, condition, columns in _INDEXES:
        where = sa.text(condition)
        op.create_index(name, "job", columns, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "turn",
        sa.Column("lane", sa.String, primary_key=True),
        sa.Column("tenant", sa.String, nullable=False, index=True),
        sa.Column("served_at", sa.Double, nullable=False, index=True),
    )
