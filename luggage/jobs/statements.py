"""Hot queries of the queue, built once.

Claims search only ready jobs, in the order of an index that holds nothing else. No column marks the
next job of a subject, because that would need a lock on the subject: without it, a put and a finish
at the same moment could leave a job unmarked for ever.
"""

from typing import Any

from sqlalchemy import (
    CompoundSelect,
    ScalarSelect,
    Select,
    TextClause,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from luggage.jobs import schema
from luggage.jobs.schema import job, job_body, pause, pause_part

_older = job.alias("older")
_running = job.alias("running")


def _in_turn() -> ColumnElement[bool]:
    """Return the condition that no older job of the subject is ready, and none is leased."""
    older = (
        exists()
        .where(
            _older.c.queue == job.c.queue,
            _older.c.subject == job.c.subject,
            _older.c.id < job.c.id,
            # Spelt as in the index, see luggage.jobs.schema.
            text("older.state = 'ready' AND older.subject <> ''"),
        )
        .correlate(job)
    )
    running = (
        exists()
        .where(
            _running.c.queue == job.c.queue,
            _running.c.subject == job.c.subject,
            text("running.state = 'leased' AND running.subject <> ''"),
        )
        .correlate(job)
    )
    return or_(job.c.subject == literal_column("''"), and_(~older, ~running))


def _in_paused_part() -> ColumnElement[bool]:
    """Return the condition that the job's subject belongs to a paused part."""
    name = pause_part.c.name
    inside = func.substr(job.c.subject, 1, func.length(name) + 1) == name + literal_column("'/'")
    part = exists().where(or_(job.c.subject == name, inside))
    return part.correlate(job)


_READY = text("job.state = 'ready'")
# Part of the claim itself: after a pause is committed, no claim returns a job.
_PAUSED = exists(select(pause.c.id))

# The jobs that may start, oldest first, with their bodies. One queue at a time: the index on
# (queue, run_at) orders one queue; across queues the database would sort all that are due.
CLAIMABLE: Select[Any] = (
    select(job, job_body.c.codec, job_body.c.body)
    .outerjoin(job_body, job_body.c.job_id == job.c.id)
    .where(job.c.queue == bindparam("queue"), _READY, job.c.run_at <= bindparam("now"), _in_turn())
    .where(~_PAUSED, ~_in_paused_part())
    .order_by(job.c.run_at, job.c.id)
    .limit(bindparam("limit"))
    .with_for_update(of=job, skip_locked=True)
)

LEASE = (
    job.update()
    .where(job.c.id == bindparam("b_id"))
    .values(
        state="leased",
        attempt=job.c.attempt + 1,
        fence=job.c.fence + 1,
        lease_until=bindparam("b_lease_until"),
        worker=bindparam("b_worker"),
        changed_at=bindparam("b_now"),
    )
)

# Ends a claim that still holds its job.
END = (
    job.update()
    .where(job.c.id == bindparam("b_id"), job.c.fence == bindparam("b_fence"), text(schema.LEASED))
    .values(
        state=bindparam("b_state"),
        reason=bindparam("b_reason"),
        result=func.coalesce(bindparam("b_result"), job.c.result),
        run_at=bindparam("b_run_at"),
        attempt=bindparam("b_attempt"),
        max_attempts=bindparam("b_max_attempts"),
        lease_until=None,
        changed_at=bindparam("b_now"),
    )
)

# The jobs among `ids` that have dependents.
AWAITED: Select[Any] = (
    select(job.c.after)
    .where(job.c.after.in_(bindparam("ids", expanding=True)), text(schema.WAITING))
    .distinct()
)

NEXT_RUN_AT: Select[Any] = (
    select(job.c.run_at)
    .where(job.c.queue == bindparam("queue"), _READY, _in_turn(), ~_PAUSED, ~_in_paused_part())
    .order_by(job.c.run_at, job.c.id)
    .limit(1)
)

EXPIRED: Select[Any] = (
    select(job)
    .where(text(schema.LEASED), job.c.lease_until < bindparam("now"))
    # Uses the index of leases; ordered by id, SQLite would read the whole table.
    .order_by(job.c.lease_until, job.c.id)
    .limit(100)
    .with_for_update(skip_locked=True)
)

BODIES: Select[Any] = (
    select(job.c.id, job.c.state, job.c.created_at)
    .join_from(job_body, job, job.c.id == job_body.c.job_id)
    .where(job_body.c.job_id > bindparam("after"))
    .order_by(job_body.c.job_id)
    .limit(bindparam("limit"))
)


def _count(condition: str, queue: ColumnElement[str] = job.c.queue) -> Select[Any]:
    counts = select(queue, job.c.state, func.count()).where(text(condition))
    return counts.group_by(queue, job.c.state)


# Grouped by an expression, because by the plain column SQLite would use the index of all keys.
_QUEUE = (job.c.queue + literal_column("''")).label("queue")

# Each part reads an index that holds just its rows.
COUNTS: CompoundSelect[Any] = union_all(
    _count(schema.READY),
    _count(schema.LEASED, _QUEUE),
    _count(schema.STUCK),
    _count(schema.SETTLED),
)


def _depth(condition: str, since: ColumnElement[float]) -> Select[Any]:
    depths = select(_QUEUE, job.c.state, func.count(), func.min(since)).where(text(condition))
    return depths.group_by(_QUEUE, job.c.state)


# Reads unfinished jobs only, like STANDING.
DEPTHS: CompoundSelect[Any] = union_all(
    _depth(schema.READY, job.c.run_at),
    _depth(schema.LEASED, job.c.changed_at),
    _depth(schema.STUCK, job.c.changed_at),
)


def _number(*conditions: ColumnElement[bool] | TextClause) -> ScalarSelect[int]:
    return select(func.count()).select_from(job).where(*conditions).scalar_subquery()


# The numbers of ready, leased, retrying and dead jobs, and the pauses.
STANDING: Select[Any] = select(
    _number(text(schema.READY), ~_in_paused_part()),
    _number(text(schema.LEASED)),
    _number(text(schema.READY), job.c.attempt > 0, ~_in_paused_part()),
    _number(text(schema.STUCK), job.c.state == "dead"),
    _PAUSED,
    select(func.count()).select_from(pause_part).scalar_subquery(),
)
