"""Handler calls: turn what a handler returns or raises into a recorded transition.

Recording is repeated during an outage; an expired lease would repeat the work instead.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import assert_never

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from luggage.jobs import outcomes
from luggage.jobs.model import (
    Dead,
    Done,
    Handler,
    Ignored,
    Job,
    LeaseLost,
    Outcome,
    Postpone,
    Retry,
)
from luggage.jobs.outcomes import Transition
from luggage.jobs.queue import Queue
from luggage.jobs.retry import backoff

_log = logging.getLogger(__name__)

#: What SQLAlchemy raises when the database is away, locked, full or read-only, or its pool is out.
AWAY = (OperationalError, InterfaceError, PoolTimeout)


def away_backoff(failures: int, random: Callable[[], float]) -> float:
    """Return the seconds to wait for a database that was away `failures` times in a row."""
    return backoff(failures, base_seconds=0.25, cap_seconds=5.0, random=random)


@dataclass(frozen=True)
class Handling:
    """Calls handlers in a `context` and records transitions; threads may share it."""

    queue: Queue
    handlers: Mapping[str, Handler]
    clock: Callable[[], float]
    random: Callable[[], float]
    context: Callable[[Job], AbstractContextManager[object]] = nullcontext

    def handle(self, job: Job) -> Transition | None:
        """Call the handler; return the transition to record, or None if the lease is lost."""
        with self.context(job):
            try:
                return self._call(job)
            except LeaseLost as lost:
                _log.warning("%s", lost)
                return None

    def record(self, transitions: Sequence[Transition]) -> None:
        """Record transitions together; for one that the queue refuses, record a failed attempt.

        Raises an error of AWAY when the database is away. Some transitions may be recorded by then;
        repeating is safe, because the fence refuses those.
        """
        try:
            for lost in self.queue.end(transitions):
                _log.warning("%s", lost)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001  # logged, and recorded as a failed attempt
            if len(transitions) == 1:
                self._record_refusal(transitions[0], error)
            else:
                for transition in transitions:
                    self.record([transition])

    def _record_refusal(self, transition: Transition, error: Exception) -> None:
        """Retry a job whose transition was refused, because of a job to put, for example."""
        job = transition.job
        name = f"job {job.id} ({job.queue} {job.key})"
        _log.error("the queue refused the result of %s", name, exc_info=error)
        try:
            self.queue.end([self._retry(job, _describe(error))])
        except AWAY:
            raise
        except Exception:  # noqa: BLE001  # the thread must go on
            # The lease expires, and the job is retried.
            _log.exception("the result of %s could not be recorded", name)

    def _call(self, job: Job) -> Transition:
        try:
            return _transition(job, self.handlers[job.queue](job))
        except Postpone as order:
            return outcomes.postponed(job, order.reason, order.run_at)
        except Retry as order:
            return self._retry(job, order.error, order.run_at, counted=order.counted)
        except Dead as order:
            return outcomes.buried(job, order.error)
        except LeaseLost:
            raise
        except AWAY as error:
            # Not the job's fault, so the attempt does not count.
            return self._retry(job, _describe(error), counted=False)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a handler may raise anything
            # SystemExit would end the thread silently.
            _log.exception("job %d (%s %s) failed", job.id, job.queue, job.key)
            return self._retry(job, _describe(error))

    def _retry(
        self,
        job: outcomes.Claimed,
        error: str,
        run_at: float | None = None,
        *,
        counted: bool = True,
    ) -> Transition:
        if run_at is None:
            run_at = self.clock() + backoff(job.attempt, random=self.random)
        return outcomes.retried(job, error, run_at, counted=counted)


def _transition(job: Job, outcome: Outcome) -> Transition:
    match outcome:
        case Ignored(reason, forget):
            return outcomes.ignored(job, reason, forget=forget)
        case Done(result, put):
            return outcomes.done(job, result=result, put=put)
        case _ as other:
            assert_never(other)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
