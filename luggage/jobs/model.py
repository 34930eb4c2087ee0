"""Values of the queue: jobs, rows, and handlers' outcomes, as frozen copies. No I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from luggage.jobs.fairness import USUAL


class State(StrEnum):
    """The state of a job, as the database stores it."""

    READY = "ready"  # may be claimed once its run_at has come and its subject is free
    LEASED = "leased"  # a worker holds it until it finishes or its lease expires
    DONE = "done"
    DEAD = "dead"  # attempts spent, or it can never succeed; stays until a person decides
    IGNORED = "ignored"  # there was nothing to do
    HELD = "held"  # waits for another job, or for a person


class JobsError(Exception):
    """The queue refused a request."""


class LeaseLost(JobsError):  # noqa: N818  # what happened, as the callers know it
    """The job was reclaimed after its lease had expired; nothing was changed. Drop the work."""


class WrongState(JobsError):  # noqa: N818
    """The job's state does not allow the request; nothing was changed."""


class UnknownJob(JobsError):  # noqa: N818
    """The job does not exist."""


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job to put into a queue; `key` identifies it, and stays unique in its queue for ever.

    `run_at` is when it may start, in seconds since the epoch. Jobs of one `subject` run one at a
    time, in the order they were put; a job with an empty subject waits for no other. `kind` is a
    word to search by. With `after`, the key of a job of the same queue, this job is held until that
    one is done. `note` is the first value of `Job.note`.

    Jobs share the workers by `tenant`, and within a tenant by `person`. An `urgent` job overtakes
    the others of its tenant, also those of its subject (docs/decisions/0162).
    """

    queue: str
    key: str
    body: bytes = field(repr=False)
    run_at: float
    subject: str = ""
    kind: str = ""
    after: str | None = None
    parent: int | None = None
    max_attempts: int = 5
    note: str = ""
    tenant: str = ""
    person: str = ""
    urgent: bool = False


class Put(NamedTuple):
    """The result of a put: the job's id, and whether this put created it."""

    id: int
    created: bool


@dataclass(frozen=True)
class Job:
    """A claimed job, as it was at its claim. `attempt` starts at 1 for the first claim.

    `fence` is the fencing token: it grows with every claim of the job, and the queue accepts a
    result only with the latest. `note` is what a holder recorded before a side effect.
    """

    id: int
    queue: str
    key: str
    subject: str
    kind: str
    body: bytes = field(repr=False)
    attempt: int
    max_attempts: int
    fence: int
    run_at: float
    lease_until: float
    created_at: float
    note: str
    parent: int | None
    tenant: str = ""
    person: str = ""
    urgent: bool = False


@dataclass(frozen=True)
class JobRow:
    """A job in any state, without its body, for pages and tools.

    Times are epoch seconds. `reason` explains the state: the last error, why it was ignored, what
    it waits for. `after` is the id of the job that it depends on; `changed_at` is when its state
    last changed. `rank` is 0 for an urgent job.
    """

    id: int
    queue: str
    key: str
    subject: str
    kind: str
    state: State
    attempt: int
    max_attempts: int
    fence: int
    run_at: float
    lease_until: float | None
    worker: str
    created_at: float
    changed_at: float
    note: str
    result: str
    reason: str
    after: int | None
    parent: int | None
    tenant: str = ""
    person: str = ""
    rank: int = USUAL
    lane: str = ""


@dataclass(frozen=True)
class Standing:
    """Counts of unfinished jobs in all queues together.

    `waiting` are ready or leased; `retrying` are those of them whose last attempt failed. `paused`
    says that claims are paused. `paused_parts` is how many parts are paused; their ready jobs are
    not counted.
    """

    waiting: int
    retrying: int
    dead: int
    paused: bool = False
    paused_parts: int = 0


@dataclass(frozen=True)
class Depth:
    """The number of a queue's jobs in one unfinished state, and the age of the oldest.

    `since` (epoch seconds) is when the first ready job was due, perhaps in the future; for other
    states, when the first job entered the state.
    """

    queue: str
    state: State
    count: int
    since: float


@dataclass(frozen=True)
class Done:
    """A handler's outcome: finished. The jobs of `put` are queued in the same transaction."""

    result: str = ""
    put: Sequence[NewJob] = ()


@dataclass(frozen=True)
class Ignored:
    """A handler's outcome: there was nothing to do, and why.

    With `forget` the body is deleted in the same transaction; the job and its key stay.
    """

    reason: str
    forget: bool = False


#: What a handler returns.
Outcome = Done | Ignored
#: A function that does a job. It may also raise `Postpone`, `Retry` or `Dead`; any other exception
#: counts as a failed attempt, and the job is retried after a `backoff`.
Handler = Callable[[Job], Outcome]


class Postpone(Exception):  # noqa: N818  # control flow, like StopIteration, not a failure
    """Raised by a handler: run again at `run_at` (epoch seconds), without counting the attempt."""

    def __init__(self, run_at: float, reason: str) -> None:
        super().__init__(reason)
        self.run_at = run_at
        self.reason = reason


class Retry(Exception):  # noqa: N818
    """Raised by a handler: failed, retry at `run_at` (epoch seconds; None means after a backoff).

    With `counted=False` the job is allowed one more attempt, for a failure that is not its fault.
    """

    def __init__(self, error: str, run_at: float | None = None, *, counted: bool = True) -> None:
        super().__init__(error)
        self.error = error
        self.run_at = run_at
        self.counted = counted


class Dead(Exception):  # noqa: N818
    """Raised by a handler: the job can never succeed, so mark it dead."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error
