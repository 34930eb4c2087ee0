"""The queries of the queue that have to be fast, built once.

Chosen: the next job is looked for among the ready ones only, in the order of an index that holds
nothing else. Against: a column that marks each subject's next job; a put and a finish at the same
moment would have to lock the subject, or leave a job that nobody ever marks.
"""

from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Select,
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
            # Spelt as in the index, of which see luggage.jobs.schema.
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


def _resting() -> ColumnElement[bool]:
    """Return the condition that the job's subject belongs to a part that is paused."""
    name = pause_part.c.name
    inside = func.substr(job.c.subject, 1, func.length(name) + 1) == name + literal_column("'/'")
    part = exists().where(or_(job.c.subject == name, inside))
    return part.correlate(job)


_READY = text("job.state = 'ready'")
# Asked for within the claim itself: whoever claims after a pause was committed gets nothing.
_PAUSED = exists(select(pause.c.id))

# The jobs that may start, oldest first, each with its body. One queue at a time: an index on
# (queue, run_at) gives the order of one queue, but of several only after sorting all that is due.
CLAIMABLE: Select[Any] = (
    select(job, job_body.c.codec, job_body.c.body)
    .outerjoin(job_body, job_body.c.job_id == job.c.id)
    .where(job.c.queue == bindparam("queue"), _READY, job.c.run_at <= bindparam("now"), _in_turn())
    .where(~_PAUSED, ~_resting())
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

# The end of a claim, if it still holds its job.
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

# Which of these jobs are waited for.
AWAITED: Select[Any] = (
    select(job.c.after)
    .where(job.c.after.in_(bindparam("ids", expanding=True)), text(schema.WAITING))
    .distinct()
)

NEXT_RUN_AT: Select[Any] = (
    select(job.c.run_at)
    .where(job.c.queue == bindparam("queue"), _READY, _in_turn(), ~_PAUSED, ~_resting())
    .order_by(job.c.run_at, job.c.id)
    .limit(1)
)

EXPIRED: Select[Any] = (
    select(job)
    .where(text(schema.LEASED), job.c.lease_until < bindparam("now"))
    # By the index of the leases; by id SQLite reads the whole table.
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


def _counted(condition: str, queue: ColumnElement[str] = job.c.queue) -> Select[Any]:
    counted = select(queue, job.c.state, func.count()).where(text(condition))
    return counted.group_by(queue, job.c.state)


# Each part is answered from an index that holds just these rows.
COUNTS: CompoundSelect[Any] = union_all(
    _counted(schema.READY),
    # By its plain name, SQLite would group by the index of all keys.
    _counted(schema.LEASED, job.c.queue + literal_column("''")),
    _counted(schema.STUCK),
    _counted(schema.SETTLED),
)


def _depth(condition: str, since: ColumnElement[float]) -> Select[Any]:
    # By its plain name, SQLite would group by the index of all keys.
    queue = (job.c.queue + literal_column("''")).label("queue")
    counted = select(queue, job.c.state, func.count(), func.min(since)).where(text(condition))
    return counted.group_by(queue, job.c.state)


# Small whatever has been finished, like STANDING.
DEPTHS: CompoundSelect[Any] = union_all(
    _depth(schema.READY, job.c.run_at),
    _depth(schema.LEASED, job.c.changed_at),
    _depth(schema.STUCK, job.c.changed_at),
)


def _number() -> Select[Any]:
    return select(func.count()).select_from(job)


# Small whatever has been finished: the numbers of the ready, the leased, the failing and the dead.
STANDING: Select[Any] = select(
    _number().where(text(schema.READY), ~_resting()).scalar_subquery(),
    _number().where(text(schema.LEASED)).scalar_subquery(),
    _number().where(text(schema.READY), job.c.attempt > 0, ~_resting()).scalar_subquery(),
    _number().where(text(schema.STUCK), job.c.state == "dead").scalar_subquery(),
    _PAUSED,
    select(func.count()).select_from(pause_part).scalar_subquery(),
)
