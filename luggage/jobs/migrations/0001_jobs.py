"""Tables for jobs and their bodies, and indexes of unfinished jobs."""

import sqlalchemy as sa
from alembic import op

revision = "jobs_0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = (
    ("job_ready", "state = 'ready'", ["queue", "run_at", "id"], False),
    (
        "job_ready_subject",
        "state = 'ready' AND subject <> ''",
        ["queue", "subject", "id"],
        False,
    ),
    ("job_leased_subject", "state = 'leased' AND subject <> ''", ["queue", "subject"], True),
    ("job_lease", "state = 'leased'", ["lease_until"], False),
    ("job_stuck", "state IN ('dead', 'held')", ["queue", "state", "id"], False),
    ("job_waiting", "state = 'held' AND after IS NOT NULL", ["after"], False),
    ("job_settled", "state IN ('done', 'ignored')", ["queue", "state", "id"], False),
    ("job_child", "parent IS NOT NULL", ["parent"], False),
)


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("queue", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("run_at", sa.Double, nullable=False),
        sa.Column("lease_until", sa.Double),
        sa.Column("worker", sa.String, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("result", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("after", _ID, sa.ForeignKey("job.id")),
        sa.Column("parent", _ID, sa.ForeignKey("job.id")),
        sa.UniqueConstraint("queue", "key", name="job_key"),
    )
    op.create_table(
        "job_body",
        sa.Column("job_id", _ID, sa.ForeignKey("job.id"), primary_key=True, autoincrement=False),
        sa.Column("codec", sa.String, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    for name, condition, columns, unique in _INDEXES:
        where = sa.text(condition)
        op.create_index(
            name, "job", columns, unique=unique, sqlite_where=where, postgresql_where=where
        )
