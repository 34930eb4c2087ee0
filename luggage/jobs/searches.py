"""Queries for pages and tools: by state, kind, subject, key and hour.

`matching` treats a job and its children as one: a delivery with a dead action is found among the
dead. Rare states are looked up in the partial indexes that hold only them. A column with the
combined state would make each end of a job write two rows.

Some columns appear as an expression (``column || ''``, ``id + 0``). SQLite would otherwise choose
an index that makes it walk through the whole queue.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Select,
    and_,
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
_queue = table.c.queue + literal_column("''")


def matching(  # noqa: PLR0913  # each is one condition of a search
    queue: str,
    *,
    state: State | None = None,
    kind: str | None = None,
    within: str | None = None,
    before: int | None = None,
    with_body: bool = False,
    tenants: Collection[str] | None = None,
    concerns: tuple[str, Collection[str]] | None = None,
    with_children: bool = False,
    since: int | None = None,
) -> Select[Any]:
    """Return the query for the jobs of a queue that match, newest first."""
    query = _in_queue(queue, state).order_by(_age(state).desc())
    if kind is not None:
        query = query.where(table.c.kind == kind)
    if within is not None:
        query = query.where(_in_line_of(within, since or 0) if with_children else _within(within))
    if before is not None:
        query = query.where(table.c.id < before)
    if since is not None:
        query = query.where(table.c.id >= since)
    if tenants is not None:
        query = query.where(table.c.tenant.in_(tenants))
    if concerns is not None:
        query = query.where(_concerns(*concerns))
    if with_body:
        query = query.where(exists().where(job_body.c.job_id == table.c.id).correlate(table))
    return query


def _in_line_of(subject: str, since: int) -> ColumnElement[bool]:
    """Return the condition that the subject of a job, or of a child of it, is `subject`."""
    is_child = (
        _child.c.id >= since,
        _child.c.parent.is_not(None),
        func.lower(_child.c.subject) == subject.lower(),
    )
    return or_(
        func.lower(table.c.subject) == subject.lower(),
        table.c.id.in_(select(_child.c.parent).where(*is_child)),
    )


def _concerns(person: str, names: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a person caused a job, or that its key contains a name."""
    named = (table.c.key.contains(name, autoescape=True) for name in names)
    caused_it = and_(table.c.person == person, table.c.person != "")
    return or_(caused_it, *named)


def _in_queue(queue: str, state: State | None) -> Select[Any]:
    if state is None:
        return select(table).where(_queue == queue)
    if state in (State.DONE, State.IGNORED):
        query = select(table).where(table.c.queue == queue, table.c.state == state)
        settled = query.where(text(schema.CONDITIONS[state]))
        return settled.where(~_has_unfinished_child()) if state is State.DONE else settled
    return select(table).where(_queue == queue, table.c.id.in_(_ids_in_state(queue, state)))


def _age(state: State | None) -> ColumnElement[int]:
    """Return the sort key: ids grow with time."""
    is_rare = state not in (None, State.DONE, State.IGNORED)
    return table.c.id + literal_column("0") if is_rare else table.c.id


def _ids_in_state(queue: str, state: State) -> CompoundSelect[Any]:
    """Return the query for the ids of the jobs in a state, and of the parents of such jobs."""
    condition = text(schema.CONDITIONS[state])
    same = select(table.c.id).where(_queue == queue, table.c.state == state, condition)
    parent = table.c.parent + literal_column("0")
    parents = select(parent).where(table.c.state == state, condition, parent.is_not(None))
    return union(same, parents)


def _has_unfinished_child() -> ColumnElement[bool]:
    finished = _child.c.state.in_([State.DONE, State.IGNORED])
    return exists().where(_child.c.parent == table.c.id, ~finished).correlate(table)


def _within(subject: str) -> ColumnElement[bool]:
    """Return the condition that a job's subject is `subject`, or a numbered part of it."""
    lowered = func.lower(table.c.subject)
    part = lowered.startswith(f"{subject.lower()}#", autoescape=True)
    return or_(lowered == subject.lower(), part)


def caused(  # noqa: PLR0913, PLR0917  # each is one condition
    tenant: str,
    person: str,
    since: float,
    parents: Collection[str],
    noted: Mapping[str, str],
    without: Collection[str],
) -> Select[Any]:
    """Return the query for the jobs that a person caused since a time, by jobs of some kinds."""
    parent = table.alias("parent_job")
    has_note = (
        and_(parent.c.kind == kind, parent.c.note.startswith(begins, autoescape=True))
        for kind, begins in noted.items()
    )
    query = select(table.c.id).join(parent, parent.c.id == table.c.parent)
    return query.where(
        table.c.tenant == tenant,
        table.c.person == person,
        table.c.created_at > since,
        text("job.parent IS NOT NULL AND job.person <> ''"),
        table.c.kind.not_in(without),
        or_(parent.c.kind.in_(parents), *has_note),
    )


def beginning(queue: str, prefix: str) -> Select[Any]:
    """Return the query for the jobs of a queue whose key begins with `prefix`, newest first."""
    has_prefix = table.c.key.startswith(prefix, autoescape=True)
    query = select(table).where(table.c.queue == queue, has_prefix)
    return query.order_by(table.c.id.desc())


def answered(queue: str, words: str) -> Select[Any]:
    """Return the query for finished jobs whose result contains `words`; it scans all of them."""
    query = select(table).where(table.c.queue == queue, table.c.state == State.DONE)
    in_result = table.c.result.contains(words, autoescape=True)
    return query.where(text(schema.SETTLED), in_result).order_by(table.c.id.desc())


def per_hour(since: float) -> Select[Any]:
    """Return the query for the number of jobs put into each queue in each hour from `since` on.

    Hours count from the epoch. Ids grow with time, so the query reads from the newest job back to
    the first old one only.
    """
    old = select(table.c.id).where(table.c.created_at < since)
    newest_old = old.order_by(table.c.id.desc()).limit(1).scalar_subquery()
    hour = cast(table.c.created_at, BigInteger) // HOUR_SECONDS
    young = table.c.id > func.coalesce(newest_old, 0)
    counts = select(table.c.queue, hour.label("hour"), func.count().label("number"))
    return counts.where(young).group_by(table.c.queue, hour)
