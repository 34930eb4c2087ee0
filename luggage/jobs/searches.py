"""The queries of those who look through the queue by hand: by state, kind, subject, key, hour.

A job and the jobs that it asked for are looked at as one here: a delivery whose action is dead is
found among the dead. Chosen: the states that are rare are looked up in the indexes that hold only
them. Against: a column with the state of the whole; each end of a job would write two rows.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Select,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    union,
)
from sqlalchemy.sql.elements import ColumnElement

from luggage.jobs import schema
from luggage.jobs.model import State
from luggage.jobs.schema import job as table
from luggage.jobs.schema import job_body

HOUR_SECONDS = 3600

_child = table.alias("child")


def newest(queue: str, state: State | None) -> Select[Any]:
    """Return the query for the jobs of a queue in a state, or in any, newest first."""
    query = select(table).order_by(table.c.id.desc())
    if state is None:
        # By its plain name, SQLite would look the queue up among all keys, and then sort what it
        # finds.
        return query.where(table.c.queue + literal_column("''") == queue)
    condition = text(schema.CONDITIONS[state])
    return query.where(table.c.queue == queue, table.c.state == state, condition)


def matching(  # noqa: PLR0913  # each is one condition of a search
    queue: str,
    *,
    state: State | None = None,
    kind: str | None = None,
    within: str | None = None,
    before: int | None = None,
    with_body: bool = False,
) -> Select[Any]:
    """Return the query for the jobs of a queue that match, newest first."""
    query = _of(queue, state).order_by(_by_age(state).desc())
    if kind is not None:
        query = query.where(table.c.kind == kind)
    if within is not None:
        query = query.where(_within(within))
    if before is not None:
        query = query.where(table.c.id < before)
    if with_body:
        query = query.where(exists().where(job_body.c.job_id == table.c.id).correlate(table))
    return query


def _of(queue: str, state: State | None) -> Select[Any]:
    if state is None:
        # By its plain name, SQLite would look the queue up among all keys, and then sort.
        return select(table).where(table.c.queue + literal_column("''") == queue)
    if state in (State.DONE, State.IGNORED):
        query = select(table).where(table.c.queue == queue, table.c.state == state)
        settled = query.where(text(schema.CONDITIONS[state]))
        return settled.where(~_unfinished()) if state is State.DONE else settled
    # The few ids are looked up, not the many of the queue.
    query = select(table).where(table.c.queue + literal_column("''") == queue)
    return query.where(table.c.id.in_(_in_state(queue, state)))


def _by_age(state: State | None) -> ColumnElement[int]:
    """Return what to sort by; ids grow with time.

    Of a rare state the few ids are looked up: by the plain column SQLite would walk through all
    jobs, and see of each whether it is one of them.
    """
    is_rare = state not in (None, State.DONE, State.IGNORED)
    return table.c.id + literal_column("0") if is_rare else table.c.id


def _in_state(queue: str, state: State) -> CompoundSelect[Any]:
    """Return the ids of the jobs in a state, and of those that asked for one in it."""
    condition = text(schema.CONDITIONS[state])
    # By their plain names, SQLite would look through the whole queue, and all that were asked for.
    of_queue = table.c.queue + literal_column("''") == queue
    same = select(table.c.id).where(of_queue, table.c.state == state, condition)
    parent = table.c.parent + literal_column("0")
    parents = select(parent).where(table.c.state == state, condition, parent.is_not(None))
    return union(same, parents)


def _unfinished() -> ColumnElement[bool]:
    """Return the condition that a job which this one asked for is not yet over."""
    over = _child.c.state.in_([State.DONE, State.IGNORED])
    return exists().where(_child.c.parent == table.c.id, ~over).correlate(table)


def _within(subject: str) -> ColumnElement[bool]:
    """Return the condition that a job is about `subject`, or a numbered part of it."""
    lowered = func.lower(table.c.subject)
    part = lowered.startswith(f"{subject.lower()}#", autoescape=True)
    return or_(lowered == subject.lower(), part)


def beginning(queue: str, prefix: str) -> Select[Any]:
    """Return the query for the jobs of a queue whose key begins with `prefix`, newest first."""
    found = select(table).where(
        table.c.queue == queue, table.c.key.startswith(prefix, autoescape=True)
    )
    return found.order_by(table.c.id.desc())


def answered(queue: str, words: str) -> Select[Any]:
    """Return the query for the finished jobs of a queue whose result holds `words`, newest first.

    A look at all that is finished: some 0.5 s for a million jobs.
    """
    found = select(table).where(table.c.queue == queue, table.c.state == State.DONE)
    in_result = table.c.result.contains(words, autoescape=True)
    return found.where(text(schema.SETTLED), in_result).order_by(table.c.id.desc())


def per_hour(since: float) -> Select[Any]:
    """Return the query for how many jobs each queue was given in each hour from `since` on.

    Hours are those of the clock, counted from the epoch. Ids grow with time: it looks from the
    newest job back to the first old one, and no further.
    """
    last_old = select(table.c.id).where(table.c.created_at < since)
    newest_old = last_old.order_by(table.c.id.desc()).limit(1).scalar_subquery()
    hour = cast(table.c.created_at, BigInteger) // HOUR_SECONDS
    young = table.c.id > func.coalesce(newest_old, 0)
    counted = select(table.c.queue, hour.label("hour"), func.count().label("number"))
    return counted.where(young).group_by(table.c.queue, hour)
