"""Transitions that end a claim, as values of one shape that one statement can record. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from luggage.jobs.model import Job, JobRow, NewJob, State

# A claim returns a Job; `reclaim` ends the claims of rows whose lease expired.
Claimed = Job | JobRow


@dataclass(frozen=True, slots=True)
class Transition:
    """The new state of a claimed job, with its reason; `run_at` is when it may be claimed again.

    A `result` of None keeps the stored one. `put` are the jobs that follow from it.
    """

    job: Claimed
    state: State
    reason: str
    run_at: float
    attempt: int
    max_attempts: int
    result: str | None = None
    put: Sequence[NewJob] = ()


def done(job: Claimed, *, result: str = "", put: Sequence[NewJob] = ()) -> Transition:
    """Finish the job and queue the jobs of `put`, in order."""
    return Transition(
        job, State.DONE, "", job.run_at, job.attempt, job.max_attempts, result=result, put=put
    )


def ignored(job: Claimed, reason: str) -> Transition:
    """Finish a job that had nothing to do."""
    return Transition(job, State.IGNORED, reason, job.run_at, job.attempt, job.max_attempts)


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
