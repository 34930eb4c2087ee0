"""Claimed jobs, from the handler's answer to the record of their ends.

Chosen: an answer becomes a value, and the ends of many jobs are recorded together, again and again
until the database takes them. Against: a transaction by each thread for each job, which was most of
what a decided delivery cost (docs/performance.md); and letting the lease run out when the database
is away for a moment, for the work would be done a second time.
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
from luggage.jobs.outcomes import Ending
from luggage.jobs.queue import Queue
from luggage.jobs.retry import backoff

_log = logging.getLogger(__name__)

#: What SQLAlchemy raises when the database is away, locked, full or read only, or its pool is out.
AWAY = (OperationalError, InterfaceError, PoolTimeout)


def away_backoff(failures: int, random: Callable[[], float]) -> float:
    """Return the seconds to leave a database alone that was away `failures` times running."""
    return backoff(failures, base_seconds=0.25, cap_seconds=5.0, random=random)


@dataclass(frozen=True)
class Handling:
    """What it takes to handle jobs; shared by all threads of a worker.

    `context` makes the context in which all about a job is done and logged.
    """

    queue: Queue
    handlers: Mapping[str, Handler]
    clock: Callable[[], float]
    random: Callable[[], float]
    context: Callable[[Job], AbstractContextManager[object]] = nullcontext

    def ask(self, job: Job) -> Ending | None:
        """Call the handler; return what is to be recorded, whatever it raises. None: nothing is."""
        with self.context(job):
            try:
                return self._ask(job)
            except LeaseLost as lost:
                _log.warning("%s", lost)
                return None

    def record(self, ended: Sequence[Ending]) -> None:
        """Record ends together. Of one that cannot be recorded a failed attempt is.

        Raises what AWAY names when the database is away, and has then recorded nothing, or some; if
        it is repeated, the fence refuses those.
        """
        try:
            for lost in self.queue.end(ended):
                _log.warning("%s", lost)
        except AWAY:
            raise
        except Exception as failure:  # noqa: BLE001  # logged, and recorded as a failed attempt
            if len(ended) == 1:
                self._refuse(ended[0], failure)
            else:
                for ending in ended:
                    self.record([ending])

    def _refuse(self, ending: Ending, failure: Exception) -> None:
        """The handler's answer was refused: a job to be put that cannot be, for example."""
        job = ending.job
        name = f"job {job.id} ({job.queue} {job.key})"
        _log.error("the end of %s was refused", name, exc_info=failure)
        try:
            self.queue.end([self._again(job, _words(failure))])
        except AWAY:
            raise
        except Exception:  # noqa: BLE001  # nobody else would hear of it
            # The lease runs out, and the job is tried again.
            _log.exception("the end of %s could not be recorded", name)

    def _ask(self, job: Job) -> Ending:
        try:
            return _accept(job, self.handlers[job.queue](job))
        except Postpone as order:
            return outcomes.postponed(job, order.reason, order.run_at)
        except Retry as order:
            return self._again(job, order.error, order.run_at, counted=order.counted)
        except Dead as order:
            return outcomes.buried(job, order.error)
        except LeaseLost:
            raise
        except AWAY as failure:
            # Not the job's fault: it has as many attempts as before once the database is back.
            return self._again(job, _words(failure), counted=False)
        except (Exception, SystemExit) as failure:  # noqa: BLE001  # a handler may raise anything
            # SystemExit too: in a thread it would end the thread without a word.
            _log.exception("job %d (%s %s) failed", job.id, job.queue, job.key)
            return self._again(job, _words(failure))

    def _again(
        self, job: outcomes.Held, error: str, run_at: float | None = None, *, counted: bool = True
    ) -> Ending:
        if run_at is None:
            run_at = self.clock() + backoff(job.attempt, random=self.random)
        return outcomes.again(job, error, run_at, counted=counted)


def _accept(job: Job, outcome: Outcome) -> Ending:
    match outcome:
        case Ignored(reason):
            return outcomes.ignored(job, reason)
        case Done(result, put):
            return outcomes.done(job, result=result, put=put)
        case _ as other:
            assert_never(other)


def _words(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {failure}"
