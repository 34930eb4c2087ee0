"""Ends of one claim, as the worker records them; each raises LeaseLost for a claim that is over."""

from luggage.jobs import outcomes


def done(queue, job, *, result="", put=()):
    """Finish the job and put the jobs that follow."""
    _end(queue, outcomes.done(job, result=result, put=put))


def ignore(queue, job, reason):
    """Finish a job with nothing to do."""
    _end(queue, outcomes.ignored(job, reason))


def retry(queue, job, *, error, run_at, counted=True):
    """Retry the job, or bury it once its attempts are spent; return its new state."""
    transition = outcomes.retried(job, error, run_at, counted=counted)
    _end(queue, transition)
    return transition.state


def postpone(queue, job, *, reason, run_at):
    """Make the job ready at `run_at`, without counting this attempt."""
    _end(queue, outcomes.postponed(job, reason, run_at))


def bury(queue, job, error):
    """Mark a job dead that can never succeed."""
    _end(queue, outcomes.buried(job, error))


def _end(queue, transition):
    for lost in queue.end([transition]):
        raise lost
