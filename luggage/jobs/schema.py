"""Tables of the queue, as the newest migration leaves them.

Bodies have a table of their own: with a narrow job table, claims on SQLite ran at 4,750 instead of
2,580 a second. Partial indexes hold only unfinished jobs, so a million done jobs do not slow a
claim. Finished jobs stay, because their keys must.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from luggage.jobs.model import State

#: The queue's tables, for `History`.
metadata = MetaData()

# SQLite numbers rows only when the column's type is exactly INTEGER.
_Id = BigInteger().with_variant(Integer(), "sqlite")

job = Table(
    "job",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("queue", String, nullable=False),
    Column("key", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("run_at", Double, nullable=False),
    Column("lease_until", Double),
    Column("worker", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("note", String, nullable=False),
    Column("result", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("after", _Id, ForeignKey("job.id")),
    Column("parent", _Id, ForeignKey("job.id")),
    # The shares that a job counts against, and its lane (luggage.jobs.fairness).
    Column("tenant", String, nullable=False, server_default=""),
    Column("person", String, nullable=False, server_default=""),
    Column("rank", Integer, nullable=False, server_default="1"),
    Column("lane", String, nullable=False, server_default=""),
    UniqueConstraint("queue", "key", name="job_key"),
)

job_body = Table(
    "job_body",
    metadata,
    Column("job_id", _Id, ForeignKey("job.id"), primary_key=True, autoincrement=False),
    Column("codec", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# A row means that claims are paused. Its id is always 1.
pause = Table(
    "pause",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("paused_at", Double, nullable=False),
)

# A row pauses the subject `name` and all subjects that begin with `name/`, in any case.
pause_part = Table(
    "pause_part",
    metadata,
    Column("name", String, primary_key=True),
    Column("paused_at", Double, nullable=False),
)

# What tenants and lanes have used: see luggage.jobs.fairness.used.
turn = Table(
    "turn",
    metadata,
    Column("lane", String, primary_key=True),
    Column("tenant", String, nullable=False, index=True),
    Column("served_at", Double, nullable=False, index=True),
)

# Leader election; `term` grows with each renewal.
lease = Table(
    "lease",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("term", BigInteger, nullable=False),
    Column("lease_until", Double, nullable=False),
)

# The conditions are written out, here and in the queries: a database uses a partial index only when
# the query repeats its condition literally, not through a bound parameter.
READY = "state = 'ready'"
READY_IN_TURN = "state = 'ready' AND subject <> ''"
LEASED = "state = 'leased'"
LEASED_IN_TURN = "state = 'leased' AND subject <> ''"
STUCK = "state IN ('dead', 'held')"
WAITING = "state = 'held' AND after IS NOT NULL"
SETTLED = "state IN ('done', 'ignored')"
CHILD = "parent IS NOT NULL"
CAUSED = "parent IS NOT NULL AND person <> ''"

# The index condition for each state.
CONDITIONS = {
    State.READY: READY,
    State.LEASED: LEASED,
    State.HELD: STUCK,
    State.DEAD: STUCK,
    State.DONE: SETTLED,
    State.IGNORED: SETTLED,
}


def _partial(name: str, condition: str, *columns: str, unique: bool = False) -> Index:
    where = text(condition)
    return Index(
        name,
        *(job.c[column] for column in columns),
        unique=unique,
        sqlite_where=where,
        postgresql_where=where,
    )


_partial("job_ready", READY, "queue", "lane", "run_at", "id")
_partial("job_ready_subject", READY_IN_TURN, "queue", "subject", "rank", "id")
# Enforces "one job at a time for each subject", whatever the claim query does.
_partial("job_leased_subject", LEASED_IN_TURN, "queue", "subject", unique=True)
_partial("job_lease", LEASED, "lease_until")
_partial("job_stuck", STUCK, "queue", "state", "id")
_partial("job_waiting", WAITING, "after")
_partial("job_settled", SETTLED, "queue", "state", "id")
_partial("job_child", CHILD, "parent")
_partial("job_caused", CAUSED, "tenant", "person", "created_at")
