"""Transitions that end a claim, as values that one statement can record, and their dependents.

A dependent job is held until another job ends. It is notified in the transaction that ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Update, select, text

from luggage.jobs import schema, statements
from luggage.jobs.model import Job, JobRow, NewJob, State, UnknownJob
from luggage.jobs.schema import job as table

# A claim returns a Job; `reclaim` ends the claims of rows whose lease expired.
Claimed = Job | JobRow


@dataclass(frozen=True, slots=True)
class Transition:
    """The new state of a claimed job, with its reason; `run_at` is when it may be claimed again.

    A `result` of None keeps the stored one. `put` are the jobs that follow from it. `forget`
    deletes the body.
    """

    job: Claimed
    state: State
    reason: str
    run_at: float
    attempt: int
    max_attempts: int
    result: str | None = None
    put: Sequence[NewJob] = ()
    forget: bool = False


def done(job: Claimed, *, result: str = "", put: Sequence[NewJob] = ()) -> Transition:
    """Finish the job and queue the jobs of `put`, in order."""
    return Transition(
        job, State.DONE, "", job.run_at, job.attempt, job.max_attempts, result=result, put=put
    )


def ignored(job: Claimed, reason: str, *, forget: bool = False) -> Transition:
    """Finish a job that had nothing to do, and delete its body if it is to be forgotten."""
    run_at, attempt, allowed = job.run_at, job.attempt, job.max_attempts
    return Transition(job, State.IGNORED, reason, run_at, attempt, allowed, forget=forget)


def buried(job: Claimed, error: str) -> Transition:
    """Mark a job dead that can never succeed."""
    return Transition(job, State.DEAD, error, job.run_at, job.attempt, job.max_attempts)


def retried(job: Claimed, error: str, run_at: float, *, counted: bool = True) -> Transition:
    """Retry the job at `run_at` (epoch seconds), or mark it dead once its attempts are spent.

    With `counted=False` the job is allowed one more attempt in return.
    """
    allowed = job.max_attempts + (not counted)
    state = State.READY if job.attempt < allowed else State.DEAD
    return Transition(job, state, error, run_at, job.attempt, allowed)


def postponed(job: Claimed, reason: str, run_at: float) -> Transition:
    """Make the job ready at `run_at` (epoch seconds), without counting this attempt."""
    return Transition(job, State.READY, reason, run_at, job.attempt - 1, job.max_attempts)


def given_back(job: Job) -> Transition:
    """Make a job ready at once whose work has not begun."""
    return postponed(job, "given back before work began", job.run_at)


def initial_state(connection: Connection, job: NewJob) -> dict[str, Any]:
    """Return the state columns of a new job that depends on another job of its queue.

    The other job's row is locked. On PostgreSQL it could otherwise end, and notify its dependents,
    before this one is visible. Raises UnknownJob.
    """
    query = (
        select(table.c.id, table.c.state)
        .where(table.c.queue == job.queue, table.c.key == job.after)
        .with_for_update(read=True)
    )
    first = connection.execute(query).one_or_none()
    if first is None:
        raise UnknownJob(f"{job.key} depends on {job.after}, which is not in queue {job.queue}")
    return {"after": first.id, **_state_after(str(job.after), State(first.state))}


def _state_after(key: str, state: State) -> dict[str, Any]:
    if state is State.DONE:
        return {}
    if state is State.IGNORED:
        return {"state": State.IGNORED, "reason": _ignored(key)}
    return {"state": State.HELD, "reason": _waits(key, state)}


def notify_all(connection: Connection, transitions: Sequence[Transition], now: float) -> int:
    """Do what `notify` does for each of these; most jobs have no dependents."""
    ids = [transition.job.id for transition in transitions]
    awaited = set(connection.execute(statements.AWAITED, {"ids": ids}).scalars())
    return sum(
        notify(connection, transition.job.id, transition.job.key, transition.state, now)
        for transition in transitions
        if transition.job.id in awaited
    )


def notify(connection: Connection, job_id: int, key: str, state: State, now: float) -> int:
    """Update the dependents of a job to its new state; return how many became ready."""
    match state:
        case State.DONE:
            released = _waiting(job_id).values(state=State.READY, reason="", changed_at=now)
            return connection.execute(released).rowcount
        case State.IGNORED:
            _ignore(connection, job_id, key, now)
        case State.DEAD | State.READY:
            connection.execute(_waiting(job_id).values(reason=_waits(key, state)))
    return 0


def _ignore(connection: Connection, job_id: int, key: str, now: float) -> None:
    """Ignore the dependents of a job, and their dependents."""
    ignored = (
        _waiting(job_id)
        .values(state=State.IGNORED, reason=_ignored(key), changed_at=now)
        .returning(table.c.id, table.c.key)
    )
    for dependent in connection.execute(ignored).all():
        _ignore(connection, dependent.id, dependent.key, now)


def _waiting(job_id: int) -> Update:
    return table.update().where(table.c.after == job_id, text(schema.WAITING))


def _waits(key: str, state: State) -> str:
    return f"waits for {key}, which is dead" if state is State.DEAD else f"waits for {key}"


def _ignored(key: str) -> str:
    return f"{key}, which it waited for, was ignored"
