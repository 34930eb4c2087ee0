"""Hot queries of the queue, built once.

Claims search only ready jobs, lane by lane, in the order of an index that holds nothing else. They
look at the first WINDOW jobs of a lane, and at the oldest job of each of their subjects, so a
million jobs that wait for one subject cost no more.
No column marks the next job of a subject, because that would need a lock on the subject: without
it, a put and a finish at the same moment could leave a job unmarked for ever.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    CTE,
    CompoundSelect,
    FromClause,
    Integer,
    ScalarSelect,
    Select,
    TextClause,
    and_,
    bindparam,
    case,
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
from luggage.jobs.fairness import URGENT
from luggage.jobs.schema import job, job_body, pause, pause_part, turn

# How many jobs of a lane a claim looks at. If all of them wait for their subjects, the lane waits.
WINDOW = 64

_head = job.alias("head")
_older = job.alias("older")
_running = job.alias("running")
_waiting = job.alias("waiting")

_READY = text("job.state = 'ready'")
# Part of the claim itself: after a pause is committed, no claim returns a job.
_PAUSED = exists(select(pause.c.id))


def _in_turn(head: FromClause) -> ColumnElement[bool]:
    """Return the condition that no older urgent job of the subject waits, and none is leased.

    It is for the oldest usual and the oldest urgent job of a subject. All others wait for these.
    """
    urgent = exists().where(
        _of_subject(_older, head, literal_column(str(URGENT))),
        _older.c.id < head.c.id,
        # Spelt as in the index, see luggage.jobs.schema.
        text("older.state = 'ready' AND older.subject <> ''"),
    )
    running = exists().where(
        _running.c.queue == bindparam("queue"),
        _running.c.subject == head.c.subject,
        text("running.state = 'leased' AND running.subject <> ''"),
    )
    first = and_(~urgent.correlate(head), ~running.correlate(head))
    return or_(head.c.subject == literal_column("''"), first)


def _of_subject(
    other: FromClause, one: FromClause, rank: ColumnElement[int]
) -> ColumnElement[bool]:
    # One rank, because a range of ranks would read all jobs of the subject.
    same = and_(other.c.subject == one.c.subject, other.c.rank == rank)
    return and_(other.c.queue == bindparam("queue"), same)


def _in_paused_part(head: FromClause = job) -> ColumnElement[bool]:
    """Return the condition that the job's subject belongs to a paused part, in any case."""
    name, subject = func.lower(pause_part.c.name), func.lower(head.c.subject)
    inside = func.substr(subject, 1, func.length(name) + 1) == name.concat(literal_column("'/'"))
    part = exists().where(or_(subject == name, inside))
    return part.correlate(head)


def _heads(lane: ColumnElement[str], *, due: bool, outer: FromClause | None = None) -> Select[Any]:
    """Return the jobs that may start, of those that the first jobs of a lane wait for.

    The oldest job of a subject may have been postponed, and then be due after many that wait for
    it. So the claim looks at the subjects of the window, not only at its jobs. Such a job may be in
    another lane, whose own window is full of jobs that wait for a job of this one.
    """
    window = select(*(_waiting.c[name] for name in ("id", "subject", "rank"))).where(
        _waiting.c.queue == bindparam("queue"),
        _waiting.c.lane == lane,
        text("waiting.state = 'ready'"),
        *([_waiting.c.run_at <= bindparam("now")] if due else []),
    )
    window = window.order_by(_waiting.c.run_at, _waiting.c.id)
    seen = window.limit(literal_column(str(WINDOW))).correlate(outer).subquery("seen")
    oldest = select(func.min(_older.c.id)).where(
        _of_subject(_older, seen, seen.c.rank),
        text("older.state = 'ready' AND older.subject <> ''"),
    )
    alone = seen.c.subject == literal_column("''")
    first = case((alone, seen.c.id), else_=oldest.correlate(seen).scalar_subquery())
    heads = select(_head.c.id, _head.c.run_at).where(
        _head.c.id.in_(select(first).select_from(seen)),
        *([_head.c.run_at <= bindparam("now")] if due else []),
        _in_turn(_head),
        ~_in_paused_part(_head),
    )
    return heads.correlate(outer)


def _lanes() -> CTE:
    """Return the lanes with ready jobs; one step of an index for each lane, however many jobs."""
    after = _waiting.c.lane
    first = select(func.min(after).label("lane")).where(
        _waiting.c.queue == bindparam("queue"), text("waiting.state = 'ready'")
    )
    lanes = first.cte("lanes", recursive=True)
    following = first.where(after > lanes.c.lane).correlate(lanes).scalar_subquery()
    return lanes.union_all(select(following).where(lanes.c.lane.is_not(None)))


def _of_each_lane(*, due: bool) -> Select[Any]:
    """Return each lane with ready jobs, and when the first was due that may start, or null."""
    lanes = _lanes()
    heads = _heads(lanes.c.lane, due=due, outer=lanes)
    at = heads.with_only_columns(func.min(_head.c.run_at)).scalar_subquery().label("run_at")
    return select(lanes.c.lane, at).where(lanes.c.lane.is_not(None), ~_PAUSED)


LANES: Select[Any] = _of_each_lane(due=True)
NEXT_RUN_AT: Select[Any] = _of_each_lane(due=False)

# The ids of jobs that may start, for one lane; it sorts as many as a claim looks at.
HEADS: Select[Any] = (
    _heads(bindparam("lane"), due=True)
    .order_by(_head.c.run_at, _head.c.id)
    .limit(bindparam("limit", type_=Integer))
)

CLAIMABLE: Select[Any] = (
    select(job, job_body.c.codec, job_body.c.body)
    .outerjoin(job_body, job_body.c.job_id == job.c.id)
    .where(job.c.id.in_(bindparam("ids", expanding=True)), _READY)
    .with_for_update(of=job, skip_locked=True)
)

# The lane of each leased job.
LEASED: Select[Any] = select(job.c.lane).where(text(schema.LEASED))

SERVED: Select[Any] = select(turn.c.lane, turn.c.served_at).where(
    turn.c.tenant.in_(bindparam("tenants", expanding=True))
)

# Whether another tenant had a turn lately.
OTHERS: Select[Any] = select(
    exists().where(turn.c.served_at > bindparam("since"), turn.c.tenant != bindparam("tenant"))
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


_BYTES = func.length(job_body.c.body)

# The bytes of each tenant's bodies.
SIZES: Select[Any] = (
    select(job.c.tenant, func.sum(_BYTES).label("bytes"))
    .join_from(job_body, job, job.c.id == job_body.c.job_id)
    .group_by(job.c.tenant)
)

_child = job.alias("child")

# The oldest bodies of a tenant whose jobs have no work left.
OLDEST: Select[Any] = (
    select(job.c.id, _BYTES.label("bytes"))
    .join_from(job_body, job, job.c.id == job_body.c.job_id)
    .where(
        job_body.c.job_id > bindparam("after"),
        job.c.tenant == bindparam("tenant"),
        text("job.state IN ('done', 'ignored')"),
        ~exists()
        .where(_child.c.parent == job.c.id, _child.c.state.not_in(["done", "ignored"]))
        .correlate(job),
    )
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


_DEPTHS = (
    _depth(schema.READY, job.c.run_at),
    _depth(schema.LEASED, job.c.changed_at),
    _depth(schema.STUCK, job.c.changed_at),
)
# Reads unfinished jobs only, like STANDING.
DEPTHS: CompoundSelect[Any] = union_all(*_DEPTHS)


def depths(tenants: Collection[str]) -> CompoundSelect[Any]:
    """Return the query for the depths of the jobs of some tenants."""
    return union_all(*(each.where(job.c.tenant.in_(tenants)) for each in _DEPTHS))


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
