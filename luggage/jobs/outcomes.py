"""How a claim ends, as a value: nothing is done here. Pure.

Chosen: one shape for every end, so that the ends of many jobs are one statement in one transaction.
Against: a statement for each kind of end, of which each costs a transaction and its sync.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from luggage.jobs.model import Job, JobRow, NewJob, State

# A claim ends with the job that it gave, or with the row of one whose lease ran out.
Held = Job | JobRow


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of a claimed job: `state`, why, and from when on it may be claimed again.

    `result` None leaves the one that it has. `put` are the jobs that follow from it.
    """

    job: Held
    state: State
    reason: str
    run_at: float
    attempt: int
    max_attempts: int
    result: str | None = None
    put: Sequence[NewJob] = ()


def done(job: Held, *, result: str = "", put: Sequence[NewJob] = ()) -> Ending:
    """It was done, and these jobs follow from it, in their order."""
    return Ending(
        job, State.DONE, "", job.run_at, job.attempt, job.max_attempts, result=result, put=put
    )


def ignored(job: Held, reason: str) -> Ending:
    """Nobody wanted it."""
    return Ending(job, State.IGNORED, reason, job.run_at, job.attempt, job.max_attempts)


def buried(job: Held, error: str) -> Ending:
    """It can never succeed."""
    return Ending(job, State.DEAD, error, job.run_at, job.attempt, job.max_attempts)


def again(job: Held, error: str, run_at: float, *, counted: bool = True) -> Ending:
    """It is tried again at `run_at` (epoch seconds), or dead, its attempts spent.

    An attempt that does not count is made up for by one more that is allowed.
    """
    allowed = job.max_attempts + (not counted)
    state = State.READY if job.attempt < allowed else State.DEAD
    return Ending(job, state, error, run_at, job.attempt, allowed)


def postponed(job: Held, reason: str, run_at: float) -> Ending:
    """It is claimed again at `run_at` (epoch seconds), this attempt not counted."""
    return Ending(job, State.READY, reason, run_at, job.attempt - 1, job.max_attempts)


def given_back(job: Job) -> Ending:
    """Its work was not begun; it is ready at once, for anybody."""
    return postponed(job, "given back before it was begun", job.run_at)
