"""One claimed job, from the handler's answer to the record of its end.

Chosen: the end is recorded until the database takes it. Against: letting the lease run out when the
database is away for a moment; the work would be done a second time.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

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
from luggage.jobs.queue import Queue
from luggage.jobs.retry import backoff

_log = logging.getLogger(__name__)

# What SQLAlchemy raises when the database is away, locked, full or read only, or its pool is out.
AWAY = (OperationalError, InterfaceError, PoolTimeout)

Finish = Callable[[], object]


def away_backoff(failures: int, random: Callable[[], float]) -> float:
    """Return the seconds to leave a database alone that was away `failures` times running."""
    return backoff(failures, base_seconds=0.25, cap_seconds=5.0, random=random)


@dataclass(frozen=True)
class Handling:
    """What it takes to handle jobs; shared by all threads of a worker.

    `wait` sleeps for some seconds and returns whether it is time to give up.
    """

    queue: Queue
    handlers: Mapping[str, Handler]
    clock: Callable[[], float]
    random: Callable[[], float]
    wait: Callable[[float], bool]

    def handle(self, job: Job) -> None:
        """Have the job handled and record its end, whatever the handler raises.

        Raises what AWAY names when told to give up before the database was back, and then has
        recorded nothing: the lease runs out, and the job is tried again.
        """
        try:
            self._handle(job)
        except LeaseLost as lost:
            _log.warning("%s", lost)

    def _handle(self, job: Job) -> None:
        try:
            self._record(job, self._ask(job))
        except (LeaseLost, *AWAY):
            raise
        except Exception as failure:  # noqa: BLE001  # logged, and recorded as a failed attempt
            # The handler's answer was refused: a job to be put that cannot be, for example.
            _log.exception("the end of job %d (%s %s) was refused", job.id, job.queue, job.key)
            self._record(job, self._again(job, _words(failure)))

    def _ask(self, job: Job) -> Finish:
        """Call the handler; return what is to be recorded."""
        try:
            return self._accept(job, self.handlers[job.queue](job))
        except Postpone as order:
            reason, run_at = order.reason, order.run_at
            return lambda: self.queue.postpone(job, reason=reason, run_at=run_at)
        except Retry as order:
            return self._again(job, order.error, order.run_at, counted=order.counted)
        except Dead as order:
            error = order.error
            return lambda: self.queue.bury(job, error)
        except LeaseLost:
            raise
        except AWAY as failure:
            # Not the job's fault: it has as many attempts as before once the database is back.
            return self._again(job, _words(failure), counted=False)
        except (Exception, SystemExit) as failure:  # noqa: BLE001  # a handler may raise anything
            # SystemExit too: in a thread it would end the thread without a word.
            _log.exception("job %d (%s %s) failed", job.id, job.queue, job.key)
            return self._again(job, _words(failure))

    def _accept(self, job: Job, outcome: Outcome) -> Finish:
        match outcome:
            case Ignored(reason):
                return lambda: self.queue.ignore(job, reason)
            case Done(result, put):
                return lambda: self.queue.done(job, result=result, put=put)

    def _again(
        self, job: Job, error: str, run_at: float | None = None, *, counted: bool = True
    ) -> Finish:
        if run_at is None:
            run_at = self.clock() + backoff(job.attempt, random=self.random)
        return lambda: self.queue.retry(job, error=error, run_at=run_at, counted=counted)

    def _record(self, job: Job, finish: Finish) -> None:
        """Record an end, for as long as it takes the database to come back.

        If an earlier try was committed and only its answer was lost, the fence refuses the next
        one.
        """
        failures = 0
        while True:
            try:
                finish()
            except AWAY as error:
                failures += 1
                _log.debug("the end of job %d is not recorded yet: %s", job.id, error)
                if self.wait(away_backoff(failures, self.random)):
                    raise
            else:
                return


def _words(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {failure}"
