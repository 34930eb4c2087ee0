"""The values of the queue: what is put, what is claimed, what a handler answers. No I/O.

Chosen: frozen values and one enumeration of states. Against: objects that save themselves, and a
class for each state; a job is moved by the queue alone, and what a caller holds is a copy that says
when it was true.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where a job is in its life; the word is what the database holds."""

    READY = "ready"  # may be claimed once its run_at has come and its subject is free
    LEASED = "leased"  # held by a worker until it finishes or its lease runs out
    DONE = "done"
    DEAD = "dead"  # attempts spent, or it can never succeed; stays until someone decides
    IGNORED = "ignored"  # nobody wanted it
    HELD = "held"  # waits for another job, or for a person


class JobsError(Exception):
    """Something was asked of the queue that it refuses."""


class LeaseLost(JobsError):  # noqa: N818  # what happened, as the callers know it
    """The job is no longer held by this claim: its lease ran out, and it was taken back.

    Nothing was changed. Drop the work; whoever holds the job now answers for it.
    """


class WrongState(JobsError):  # noqa: N818
    """The job's state does not allow what was asked; nothing was changed."""


class UnknownJob(JobsError):  # noqa: N818
    """There is no such job."""


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job to be put into a queue; `key` is what it is about, and unique in its queue for ever.

    `run_at` is when it may start, in seconds since the epoch. Jobs of one `subject` run one at a
    time, in the order they were put; an empty subject waits for nobody. `kind` is for people who
    search. With `after`, the key of a job of the same queue, this one is held until that one is
    done. `note` is what the first holder finds in `Job.note`.
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


class Put(NamedTuple):
    """The answer to a put: the job's id, and whether this very put made it."""

    id: int
    created: bool


@dataclass(frozen=True)
class Job:
    """A claimed job, as it was at its claim. `attempt` starts at 1 for the first claim.

    `fence` is the claim's token: it grows with every claim of the job, and the queue takes a result
    only with the token of the latest. `note` is what an earlier holder (or this one) wrote down
    before a side effect.
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


@dataclass(frozen=True)
class JobRow:
    """A job as the pages and the tools see it, in any state, without its body.

    Times are epoch seconds. `reason` says why it is where it is: the last error, why it was
    ignored, what it waits for. `after` is the id of the job that it waits or waited for;
    `changed_at` is when it last came into its state.
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


@dataclass(frozen=True)
class Standing:
    """How many jobs there are that need time or a person; in all queues together.

    `waiting` are ready or leased, `retrying` those of them whose last attempt failed, `dead` the
    dead. `paused` says that nothing is claimed until a person resumes it; `paused_parts` how many
    parts are paused, whose ready jobs are not counted here.
    """

    waiting: int
    retrying: int
    dead: int
    paused: bool = False
    paused_parts: int = 0


@dataclass(frozen=True)
class Depth:
    """How many jobs of a queue are in a state that is not the end, and since when.

    `since` (epoch seconds) is of the ready when the first was due, perhaps in the future; of the
    others when the first came into this state.
    """

    queue: str
    state: State
    count: int
    since: float


@dataclass(frozen=True)
class Done:
    """A handler's answer: finished. The jobs of `put` are queued in the same transaction."""

    result: str = ""
    put: Sequence[NewJob] = ()


@dataclass(frozen=True)
class Ignored:
    """A handler's answer: nothing was wanted here, and why."""

    reason: str


#: What a handler returns.
Outcome = Done | Ignored
#: A function that does a job. It may also raise `Postpone`, `Retry` or `Dead`; another exception
#: counts as a failed attempt, and the job is retried after a `backoff`.
Handler = Callable[[Job], Outcome]


class Postpone(Exception):  # noqa: N818  # raised like StopIteration: an order, not a failure
    """A handler's order: again at `run_at` (epoch seconds), this attempt not counted."""

    def __init__(self, run_at: float, reason: str) -> None:
        super().__init__(reason)
        self.run_at = run_at
        self.reason = reason


class Retry(Exception):  # noqa: N818
    """A handler's order: it failed; again at `run_at` (epoch seconds; None: after a backoff).

    With `counted=False` one more attempt is allowed in return: for a failure that is not the job's.
    """

    def __init__(self, error: str, run_at: float | None = None, *, counted: bool = True) -> None:
        super().__init__(error)
        self.error = error
        self.run_at = run_at
        self.counted = counted


class Dead(Exception):  # noqa: N818
    """A handler's order: this can never succeed; bury the job."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error
