"""Jobs that wait for another job: what they are put as, and what they are told at its end.

Chosen: the one that is waited for tells those that wait, in the transaction of its own end.
Against: a look at the other job in each claim, which would cost every claim, and against followers
in memory.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Update, select, text

from luggage.jobs import schema, statements
from luggage.jobs.model import NewJob, State, UnknownJob
from luggage.jobs.outcomes import Ending
from luggage.jobs.schema import job as table


def first_state(connection: Connection, job: NewJob) -> dict[str, Any]:
    """Return the columns of a new job that is to wait for another one of its queue.

    That one is locked: on PostgreSQL it could otherwise finish, and release all that it sees
    waiting, before this one is there to be seen. Raises UnknownJob.
    """
    query = (
        select(table.c.id, table.c.state)
        .where(table.c.queue == job.queue, table.c.key == job.after)
        .with_for_update(read=True)
    )
    first = connection.execute(query).one_or_none()
    if first is None:
        raise UnknownJob(
            f"{job.key} is to wait for {job.after}, which was never put into {job.queue}"
        )
    return {"after": first.id, **_state_after(str(job.after), State(first.state))}


def _state_after(key: str, state: State) -> dict[str, Any]:
    if state is State.DONE:
        return {}
    if state is State.IGNORED:
        return {"state": State.IGNORED, "reason": _ignored(key)}
    return {"state": State.HELD, "reason": _waits(key, state)}


def tell_all(connection: Connection, ended: Sequence[Ending], now: float) -> int:
    """Do what `tell` does for each of these; most of them nobody waits for."""
    asked = {"ids": [ending.job.id for ending in ended]}
    awaited = set(connection.execute(statements.AWAITED, asked).scalars())
    return sum(
        tell(connection, ending.job.id, ending.job.key, ending.state, now)
        for ending in ended
        if ending.job.id in awaited
    )


def tell(connection: Connection, job_id: int, key: str, state: State, now: float) -> int:
    """Let the jobs that wait for this one know its new state; return how many of them may start."""
    match state:
        case State.DONE:
            freed = _waiting(job_id).values(state=State.READY, reason="", changed_at=now)
            return connection.execute(freed).rowcount
        case State.IGNORED:
            _ignore(connection, job_id, key, now)
        case State.DEAD | State.READY:
            connection.execute(_waiting(job_id).values(reason=_waits(key, state)))
    return 0


def _ignore(connection: Connection, job_id: int, key: str, now: float) -> None:
    """Ignore those that wait for this one, and those that wait for them."""
    ignored = (
        _waiting(job_id)
        .values(state=State.IGNORED, reason=_ignored(key), changed_at=now)
        .returning(table.c.id, table.c.key)
    )
    for follower in connection.execute(ignored).all():
        _ignore(connection, follower.id, follower.key, now)


def _waiting(job_id: int) -> Update:
    return table.update().where(table.c.after == job_id, text(schema.WAITING))


def _waits(key: str, state: State) -> str:
    return f"waits for {key}, which is dead" if state is State.DEAD else f"waits for {key}"


def _ignored(key: str) -> str:
    return f"{key}, which it waited for, was ignored"
